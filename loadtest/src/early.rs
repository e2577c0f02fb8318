//! The end of a run before its time: SIGINT or SIGTERM, and what was measured so far.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use palabre_loadtest::run::raw::Tested;
use palabre_loadtest::run::{Assertion, EachSecond, RawRun, Scenario, Second};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Of a run that is ended early the last ten minutes are shown second by second: the run itself keeps
/// all of them once already.
const SHOWN: usize = 600;

/// The signals that end a run. Those that come before anybody waits for them are kept.
pub(crate) struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Ends {
    /// From now on the signals end nothing by themselves.
    ///
    /// # Errors
    /// When the system takes no handler.
    pub(crate) fn new() -> Result<Self> {
        let take = |kind| signal(kind).context("a handler for signals");
        Ok(Self {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them, and gives its name.
    pub(crate) async fn told(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// What a run showed until now.
pub(crate) struct SoFar {
    /// What is known of it from the beginning.
    run: RawRun,
    began: Instant,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    whole: Second,
    /// The most there were at once.
    most_rooms: u64,
    most_bots: u64,
    last: VecDeque<Second>,
}

impl Seen {
    fn take(&mut self, second: &Second) {
        self.whole.then(second);
        self.most_rooms = self.most_rooms.max(second.rooms);
        self.most_bots = self.most_bots.max(second.bots);
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(second.clone());
    }
}

impl SoFar {
    /// Of a run that begins.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began_at_ms = u64::try_from(now.as_millis()).unwrap_or_default();
        let mut run = RawRun::new(Tested::default(), began_at_ms);
        run.tested.scenario.clone_from(&scenario.name);
        run.tested.template.clone_from(&scenario.template);
        scenario.load.name().clone_into(&mut run.tested.mode);
        run.tested.people = scenario.roles.len();
        "the run was ended early".clone_into(&mut run.tested.incomparable);
        Self { run, began: Instant::now(), seen: Arc::default() }
    }

    /// A watcher that keeps what each second brought, and tells it on.
    pub(crate) fn watcher(&self, told: EachSecond) -> EachSecond {
        let seen = self.seen.clone();
        Arc::new(move |second| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).take(second);
            told(second);
        })
    }

    /// What it showed, of which nothing is judged but that it was ended by `signal`.
    pub(crate) fn ended_by(self, signal: &str) -> RawRun {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let seconds = self.began.elapsed().as_secs_f64();
        let mut run = self.run;
        run.seconds = seconds;
        run.rooms = usize::try_from(seen.most_rooms).unwrap_or_default();
        let (whole, totals) = (seen.whole, &mut run.totals);
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        totals.bots = seen.most_bots;
        totals.audio_latency_ms = whole.audio_latency_ms;
        totals.video_latency_ms = whole.video_latency_ms;
        totals.packets_sent = count(whole.counts.sent);
        totals.packets_expected = count(whole.counts.expected);
        totals.packets_received = count(whole.counts.received);
        totals.packets_lost = count(whole.counts.lost);
        totals.leaks = BTreeMap::from([("of_any_kind".to_owned(), count(whole.counts.leaked))]);
        totals.freezes = count(whole.counts.freezes);
        run.series = seen.last.into();
        run.assert(Assertion {
            what: "the run lasts to its end".to_owned(),
            held: false,
            found: format!(
                "ended by a signal ({signal}) after {seconds:.0} s: nothing else was judged"
            ),
        });
        run
    }
}

#[cfg(test)]
mod tests {
    use palabre_loadtest::bot::pulse::Counts;
    use palabre_loadtest::run::{Overrides, Summary};

    use super::*;

    #[test]
    fn a_run_that_is_ended_shows_what_it_measured_and_does_not_pass() {
        let text = "name = \"x\"\ntemplate = \"plain-meeting\"\nseconds = 60";
        let scenario = Scenario::parse(text, Overrides::default()).expect("a scenario");
        let so_far = SoFar::new(&scenario);
        let watcher = so_far.watcher(Arc::new(|_| {}));
        for latency in [3.0, 5.0] {
            let mut second = Second { rooms: 2, bots: 16, ..Second::default() };
            second.counts = Counts { sent: 100, leaked: 1, ..Counts::default() };
            second.audio_latency_ms.add(latency);
            watcher(&second);
        }
        let run = so_far.ended_by("SIGTERM");
        assert_eq!((run.rooms, run.series.len(), run.totals.packets_sent), (2, 2, 200));
        assert_eq!((run.totals.audio_latency_ms.count(), run.totals.leaked()), (2, 2));
        let summary = Summary::of(&run);
        assert!(!summary.held);
        assert!(summary.table().contains("ended by a signal (SIGTERM)"), "{}", summary.table());
    }
}
