//! `palabre-peers`: the same media work through Palabre and through other servers, in turns, on one
//! machine. `cargo xtask bench --peers` installs and builds what it takes and runs it.

mod client;
mod falls;
mod figures;
mod janus;
mod measure;
mod palabre;
mod peer;
mod place;
mod process;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use client::camera::{RATES, Rate};
use figures::unequal;
use measure::{Times, measure};
use peer::{Peer, Programs};
use place::Place;
use process::Berth;
use report::{Lines, say};

/// Compares Palabre with other servers on the same media work. Takes root: it makes two network
/// namespaces, and no packet leaves them.
#[derive(Debug, Clone, Parser)]
#[command(name = "palabre-peers")]
struct Cli {
    /// The server built for release
    #[arg(long, default_value = palabre::PROGRAM)]
    palabre: PathBuf,
    /// The program of another server, where it is not in its usual place: janus=/opt/janus/bin/janus
    #[arg(long = "program", value_parser = name_and_program)]
    programs: Vec<(String, PathBuf)>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Seconds before it that are thrown away
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// How often each server takes its turn at each load
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Only these loads, by name
    #[arg(long, value_delimiter = ',')]
    loads: Vec<String>,
    /// Only these servers, by name; Palabre is always among them
    #[arg(long, value_delimiter = ';')]
    servers: Vec<String>,
    /// The servers' processor
    #[arg(long, default_value_t = 0)]
    server_processor: usize,
    /// The clients' processor
    #[arg(long, default_value_t = 1)]
    clients_processor: usize,
    /// The servers' interface cuts no batches (UDP segmentation offload off)
    #[arg(long)]
    no_segmentation: bool,
    /// The niceness of servers and clients: below 0, other work on the machine disturbs them less
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    nice: i8,
    /// Measures how Palabre falls and comes back instead, on this machine's own address
    #[arg(long)]
    fall: Option<falls::Fall>,
    /// The namespace of the servers; this process is in the clients' then
    #[arg(long, hide = true)]
    inside: Option<String>,
}

/// Every server that is compared; the first is what the others are divided by.
fn all(programs: &Programs) -> Result<Vec<Box<dyn Peer>>> {
    Ok(vec![
        Box::new(palabre::Palabre::new(programs)?),
        Box::new(janus::Janus::new(programs, Some(1))?),
        Box::new(janus::Janus::new(programs, None)?),
    ])
}

fn name_and_program(text: &str) -> Result<(String, PathBuf), String> {
    let (name, program) = text.split_once('=').ok_or("NAME=PROGRAM")?;
    Ok((name.to_owned(), PathBuf::from(program)))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let done = runtime.context("no runtime").and_then(|runtime| {
        let done = runtime.block_on(async {
            // Whoever ends us finds no server or namespace left.
            let mut interrupted = signal(SignalKind::interrupt())?;
            let mut terminated = signal(SignalKind::terminate())?;
            tokio::select! {
                done = execute(cli) => done,
                _ = interrupted.recv() => bail!("interrupted"),
                _ = terminated.recv() => bail!("terminated"),
            }
        });
        // A load that goes on is not waited for.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("palabre-peers: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn execute(cli: Cli) -> Result<()> {
    if let Some(fall) = cli.fall {
        return falls::measure(&cli.palabre, fall, cli.repeats).await;
    }
    match &cli.inside {
        None => outside(&cli).await,
        Some(namespace) => {
            let namespace = namespace.clone();
            compare(&cli, namespace).await
        }
    }
}

/// Makes the namespaces and runs this program again among the clients.
async fn outside(cli: &Cli) -> Result<()> {
    ensure!(
        cli.server_processor != cli.clients_processor,
        "servers and clients need a processor each"
    );
    // Else a wrong name is told only after everything has been set up.
    loads(cli)?;
    let place = Place::make(!cli.no_segmentation)?;
    let (servers, clients) = place::names(std::process::id());
    debug_assert_eq!(clients, place.clients());
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "--", "nice", "-n", &cli.nice.to_string()])
        .args(["setsid", "ip", "netns", "exec", place.clients()])
        .args(["taskset", "--cpu-list", &cli.clients_processor.to_string()])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .args(["--inside", &servers])
        .kill_on_drop(true);
    let status = command.status().await.context("`setpriv` (util-linux) could not be started")?;
    ensure!(status.success(), "the comparison failed ({status})");
    Ok(())
}

fn loads(cli: &Cli) -> Result<Vec<Rate>> {
    if cli.loads.is_empty() {
        return Ok(RATES.to_vec());
    }
    let find = |name: &String| {
        let names: Vec<_> = RATES.iter().map(|rate| rate.name).collect();
        let found = RATES.iter().find(|rate| rate.name == name).copied();
        found.with_context(|| format!("no load `{name}`; there are {}", names.join(", ")))
    };
    cli.loads.iter().map(find).collect()
}

fn servers(cli: &Cli) -> Result<Vec<Box<dyn Peer>>> {
    let palabre = ("palabre".to_owned(), cli.palabre.clone());
    let programs = Programs(cli.programs.iter().cloned().chain([palabre]).collect());
    let mut peers = all(&programs)?;
    let names: Vec<_> = peers.iter().map(|peer| peer.name()).collect();
    if let Some(unknown) = cli.servers.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("no server `{unknown}`; there are {}", names.join("; "));
    }
    let first = names[0];
    peers.retain(|peer| {
        cli.servers.is_empty()
            || peer.name() == first
            || cli.servers.iter().any(|name| name == peer.name())
    });
    Ok(peers)
}

async fn compare(cli: &Cli, namespace: String) -> Result<()> {
    let peers = servers(cli)?;
    // Where the kernel shares processors out by session, niceness is the session's. This one is ours.
    let _ = std::fs::write("/proc/self/autogroup", cli.nice.to_string());
    let times = Times {
        warm_up: Duration::try_from_secs_f64(cli.warm_up)?,
        measured: Duration::try_from_secs_f64(cli.seconds)?,
    };
    ensure!(times.measured >= Duration::from_millis(100) && cli.repeats > 0, "nothing to measure");
    report::about(&peers, cli)?;
    let mut wrong = Vec::new();
    let mut lines = Lines::default();
    for rate in loads(cli)? {
        let mut runs: Vec<Vec<_>> = peers.iter().map(|_| Vec::new()).collect();
        for repeat in 0..cli.repeats {
            // Each begins as often as the others: what one leaves behind hits them alike.
            for turn in 0..peers.len() {
                let at = (turn + repeat) % peers.len();
                let peer = &peers[at];
                let folder = tempfile::tempdir()?;
                let berth = Berth {
                    namespace: namespace.clone(),
                    processor: cli.server_processor,
                    folder: folder.path().to_owned(),
                };
                let run = measure(peer.as_ref(), &berth, rate, times)
                    .await
                    .with_context(|| format!("{} at {}", peer.name(), rate.name))?;
                report::progress(rate, peer.name(), &run);
                if let Some(doubt) = run.doubts() {
                    wrong.push(format!("{} at {}: {doubt}", peer.name(), rate.name));
                }
                runs[at].push(run);
            }
            let same: Vec<_> =
                peers.iter().zip(&runs).map(|(peer, runs)| (peer.name(), &runs[repeat])).collect();
            if let Some(difference) = unequal(&same) {
                wrong.push(format!("{}, repeat {}: {difference}", rate.name, repeat + 1));
            }
        }
        lines.add(rate, &peers, &runs);
    }
    lines.print()?;
    ensure!(wrong.is_empty(), "the figures cannot be compared:\n  {}", wrong.join("\n  "));
    Ok(())
}
