//! Runs a scenario: opens its rooms, starts its bots, does what it says when, and judges.

mod agreement;
mod compare;
mod drift;
mod excuses;
mod fault;
mod hall;
pub mod limit;
pub mod load;
pub mod page;
mod process;
pub mod raw;
mod report;
mod room;
mod scenario;
mod scrape;
pub mod series;
mod server;
mod streams;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bot::{Microphone, Stack};
use crate::link::Server;
use crate::media::speech;
use crate::own::OwnServer;
use hall::Hall;
pub use process::ServerProcess;
pub use raw::RawRun;
use raw::{ServerRaw, Tested};
pub use report::{Assertion, Distribution, Summary};
use scenario::fault::What;
use scenario::step::Act;
pub use scenario::{Overrides, Scenario};
pub use scrape::{Scrape, private_of};
pub use series::{EachSecond, Second};
use series::{Roster, Seconds, Watch};

/// What a watcher is told while it runs: what a room does, in words.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// Where the server's metrics are.
#[derive(Debug, Clone)]
pub enum Private {
    /// At its private listener.
    At(Server),
    /// Nowhere, by whoever runs it: bots and server are not compared.
    None,
    /// Nobody said, and it cannot be told from the server's address.
    Unknown,
}

/// Against what a scenario is run, and who is told how it goes.
pub struct Setting {
    /// The server.
    pub server: Server,
    /// Where its metrics are read.
    pub private: Private,
    /// The same server, when it is the scenario's own: its faults strike it.
    pub own: Option<OwnServer>,
    /// Its process, when it is on this machine.
    pub process: Option<ServerProcess>,
    /// Told what the rooms do.
    pub progress: Progress,
    /// Told what each second brought.
    pub each_second: EachSecond,
    /// What ends the run before its time, once something does: its name.
    pub end: watch::Receiver<Option<&'static str>>,
}

/// Runs a scenario against a server. When it is told to end before its time, what its rooms showed until
/// then is judged, and the run is partial.
///
/// # Errors
/// When it could not be run at all: no server, no speech. What goes wrong in a room is a failed
/// assertion of the run.
pub async fn run(scenario: Scenario, mut setting: Setting) -> Result<RawRun> {
    let people = u8::try_from(scenario.roles.len()).context("a room has few seats")?;
    (setting.progress)("making the voices");
    let voices = tokio::task::spawn_blocking(move || speech::voices(people)).await??;
    let own =
        setting.own.take().map(|own| Arc::new(server::SharedServer::new(own, scenario.rooms)));
    let scenario = Arc::new(scenario);
    let private = match &setting.private {
        Private::At(private) => Ok(Some(private.clone())),
        Private::None => Ok(None),
        Private::Unknown => Err(anyhow!("where they are is not known: --private URL, or none")),
    };
    let before = match &private {
        Ok(Some(private)) => Scrape::take(private).await.map(Some),
        Ok(None) => Ok(None),
        Err(unknown) => Err(anyhow!("{unknown}")),
    };
    let used_before = setting.process.as_ref().map(ServerProcess::used).transpose()?;
    let start = Instant::now();
    let mut run = RawRun::new(tested(&scenario), scrape::now_ms());
    let before = before.unwrap_or_else(|error| {
        run.assert(lost(agreement::COMPARED, &error));
        None
    });
    run.expectations.clone_from(&scenario.expectations);
    let (roster, seconds) = (Roster::default(), Seconds::default());
    let watch = Watch {
        roster: roster.clone(),
        seconds: seconds.clone(),
        private: private.ok().flatten(),
        process: setting.process,
        told: setting.each_second.clone(),
    };
    // It ends with this function, however that ends.
    let mut watching = JoinSet::new();
    watching.spawn(watch.run());
    let empty = used_before
        .map(|used| used.rss_bytes)
        .or_else(|| before.as_ref().and_then(Scrape::rss_bytes));
    let hall = Hall::new(scenario, &setting, own.clone(), voices, (roster, seconds.clone()), empty);
    let (rooms, found) = hall.play().await?;
    for (index, room) in rooms {
        run.add_room(index, room);
    }
    run.levels = found.levels;
    run.assertions.extend(found.assertions);
    run.limit = found.limit;
    if let (Some(process), Some(before)) = (setting.process, used_before) {
        match process.used_since(before) {
            Ok(used) => {
                run.server_cpu_ns = Some(used.cpu_ns);
                run.server_rss_bytes = Some(used.rss_bytes);
            }
            Err(error) => run.assert(lost("the server's process is there to the end", &error)),
        }
    }
    if let (Private::At(private), Some(before)) = (&setting.private, before) {
        match Scrape::take(private).await {
            Ok(after) => {
                run.server = Some(ServerRaw { before, after, peaks: seconds.peaks() });
            }
            Err(error) => run.assert(lost(agreement::COMPARED, &error)),
        }
    }
    drop(watching);
    // A server of its own was there for the last metrics.
    drop(own);
    run.series = seconds.since(0);
    run.seconds = start.elapsed().as_secs_f64();
    if let Some(what) = found.ended_by {
        run.ended_early(what);
    }
    Ok(run)
}

fn lost(what: &str, error: &anyhow::Error) -> Assertion {
    Assertion { what: what.to_owned(), held: false, found: format!("{error:#}") }
}

fn tested(scenario: &Scenario) -> Tested {
    Tested {
        scenario: scenario.name.clone(),
        template: scenario.template.clone(),
        mode: scenario.load.name().to_owned(),
        people: scenario.roles.len(),
        voices: scenario.bots != Stack::Signaling
            && scenario.microphone != Microphone::Off
            && scenario.speakers > 0,
        restarts: scenario.steps.iter().any(|step| match &step.what {
            Act::Fault(fault) => fault.what.is_of_the_server() && fault.what != What::ServerStop,
            _ => false,
        }),
        incomparable: incomparable(scenario).to_owned(),
    }
}

/// Why bots and server may count packets differently.
fn incomparable(scenario: &Scenario) -> &'static str {
    let harmless =
        |what: &Act| matches!(what, Act::Tell(..) | Act::Mark | Act::Gap(_) | Act::Check(_));
    if !scenario.hostile.is_empty() {
        "hostile bots send what nobody counts"
    } else if !scenario.steps.iter().all(|step| harmless(&step.what)) {
        "packets are lost on purpose"
    } else {
        ""
    }
}
