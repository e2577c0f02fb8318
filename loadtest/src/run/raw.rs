//! Everything a generator measured, before it is judged: what several of them measured at the same time
//! against one server is put together into one run (`palabre-loadtest merge`).

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use palabre_ids::Seat;
use serde::{Deserialize, Serialize};

use super::limit::{Level, Limit};
use super::report::{Assertion, RoomResult};
use super::scenario::Expectation;
use super::scrape::Scrape;
use super::series::{Second, one_each};
use crate::bot::listener::Speech;
use crate::bot::{Report, SentKind};
use crate::samples::Samples;

/// The form of the file; another one is refused.
const FORMAT: u32 = 1;

/// The mode in which rooms are pushed beyond the limit.
pub(super) const FIND_LIMIT: &str = "find_limit";

/// What was tested.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// The scenario's name.
    pub scenario: String,
    /// The template of its rooms.
    pub template: String,
    /// How rooms came: `steady`, `ramp`, `soak`, `find_limit`.
    pub mode: String,
    /// People in each room.
    pub people: usize,
    /// Whether bots speak.
    #[serde(default)]
    pub voices: bool,
    /// Whether the script has the server start again, or another one take over.
    #[serde(default)]
    pub restarts: bool,
    /// Why what bots sent and what the server counted need not be the same; empty when they must be.
    pub incomparable: String,
}

/// What all bots measured and counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Bots that played.
    pub bots: u64,
    /// From opening the WebSocket to connected media, in seconds.
    pub join_seconds: Samples,
    /// From a bot that sent sound to one that received it, in milliseconds.
    pub audio_latency_ms: Samples,
    /// The same for pictures.
    pub video_latency_ms: Samples,
    /// From what caused a right to the first packet under it, in milliseconds.
    pub floor_grant_ms: Samples,
    /// From what ended a right to the last packet under it, in milliseconds.
    pub floor_revoke_ms: Samples,
    /// Silences by cause, in milliseconds.
    pub media_gap_ms: BTreeMap<String, Samples>,
    /// From a drop to being back, by rung, in seconds.
    pub reconnect_seconds: BTreeMap<String, Samples>,
    /// From the end of a fault to the last of all hearing all again, by cause, in seconds.
    pub hear_again_seconds: BTreeMap<String, Samples>,
    /// From the end of a fault to the welcome, by who comes first, in seconds.
    pub welcome_seconds: BTreeMap<String, Samples>,
    /// Packets that a room's listeners missed in one fault, by cause.
    pub packets_lost_to: BTreeMap<String, Samples>,
    /// Attempts to get in that the server answered by turning them away.
    pub refused: u64,
    /// Times that somebody was let in.
    pub let_in: u64,
    /// Bots that send sound in the end, and may not.
    pub closed_microphones: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Of these, packets that their sender had no right to send.
    pub packets_gated: u64,
    /// Times that a bot's rights changed.
    pub rights_changes: u64,
    /// Packets that should have been received.
    pub packets_expected: u64,
    /// Packets received.
    pub packets_received: u64,
    /// Packets missing.
    pub packets_lost: u64,
    /// Packets received that a bot was too slow to count.
    pub packets_overflow: u64,
    /// What leaked, by what gave it away.
    pub leaks: BTreeMap<String, u64>,
    /// Fragments of media sent that nobody may receive.
    pub forbidden_fragments_sent: u64,
    /// Times a picture stood still.
    pub freezes: u64,
    /// For how long in all, in milliseconds.
    pub freezes_ms: f64,
    /// How well voices came through.
    pub speech: Speech,
}

/// What the server said of itself, and what it used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerRaw {
    /// Its metrics before the first bot came.
    pub before: Scrape,
    /// Its metrics after the last bot had left.
    pub after: Scrape,
    /// The most it said of `palabre_rooms`, `palabre_seats` and `palabre_seats_connected` at once.
    pub peaks: BTreeMap<String, f64>,
}

/// A run, or one generator's share of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RawRun {
    format: u32,
    /// What was tested.
    pub tested: Tested,
    /// When it began, in milliseconds since 1970.
    pub began_at_ms: u64,
    /// How long it took.
    pub seconds: f64,
    /// Whether it was ended before its time: it shows what was measured until then.
    #[serde(default)]
    pub partial: bool,
    /// Processes that made the load.
    pub generators: u32,
    /// Rooms there were.
    pub rooms: usize,
    /// What was measured over all.
    pub totals: Totals,
    /// What was measured second by second.
    pub series: Vec<Second>,
    /// What each number of rooms showed, when a plan watched them.
    #[serde(default)]
    pub levels: Vec<Level>,
    /// How many rooms the server carries, when that was searched for.
    #[serde(default)]
    pub limit: Option<Limit>,
    /// What was judged where it happened.
    pub assertions: Vec<Assertion>,
    /// What the report must show.
    pub expectations: Vec<Expectation>,
    /// What the server said of itself; none when it could not be asked.
    pub server: Option<ServerRaw>,
    /// Processor time the server's process used, in nanoseconds, when its pid was known.
    pub server_cpu_ns: Option<u64>,
    /// Its memory in the end, in bytes.
    pub server_rss_bytes: Option<u64>,
}

impl RawRun {
    /// A run of which only this is known yet.
    #[must_use]
    pub fn new(tested: Tested, began_at_ms: u64) -> Self {
        Self {
            format: FORMAT,
            tested,
            began_at_ms,
            seconds: 0.0,
            partial: false,
            generators: 1,
            rooms: 0,
            totals: Totals::default(),
            series: Vec::new(),
            levels: Vec::new(),
            limit: None,
            assertions: Vec::new(),
            expectations: Vec::new(),
            server: None,
            server_cpu_ns: None,
            server_rss_bytes: None,
        }
    }

    /// Takes what one room gave.
    pub fn add_room(&mut self, index: u16, room: RoomResult) {
        self.rooms += 1;
        for report in &room.reports {
            self.totals.add_bot(report);
        }
        let totals = &mut self.totals;
        for (cause, gap) in room.gaps {
            totals.media_gap_ms.entry(cause).or_default().add(gap);
        }
        for (groups, values) in [
            (&mut totals.hear_again_seconds, room.faults.hear_again),
            (&mut totals.welcome_seconds, room.faults.welcomes),
            (&mut totals.packets_lost_to, room.faults.lost),
        ] {
            for (name, value) in values {
                groups.entry(name).or_default().add(value);
            }
        }
        totals.forbidden_fragments_sent += room.forbidden_sent as u64;
        self.assertions.extend(room.assertions);
        for (what, found) in [
            ("what the script says is done", room.failures),
            ("nothing hostile is answered", room.findings),
        ] {
            self.assertions.extend(found.into_iter().map(|found| Assertion {
                what: format!("room {index}: {what}"),
                held: false,
                found,
            }));
        }
        // In a search for the limit rooms are pushed beyond it: its levels say who was in.
        let judged = if self.tested.mode == FIND_LIMIT {
            vec![senders(index, &room.reports)]
        } else {
            always(index, &room.reports, &room.silent, &room.lost)
        };
        for assertion in judged {
            self.assert(assertion);
        }
    }

    /// It was ended by `what` before its time. What it showed is judged; it passes no more.
    pub(super) fn ended_early(&mut self, what: &str) {
        self.partial = true;
        self.assert(Assertion {
            what: "the run lasts to its end".to_owned(),
            held: false,
            found: format!(
                "ended by {what} after {:.0} s: judged is what it showed until then",
                self.seconds
            ),
        });
    }

    /// Adds an assertion; one that says the same of another room is put together with it.
    pub fn assert(&mut self, assertion: Assertion) {
        let Some(same) = self.assertions.iter_mut().find(|same| same.what == assertion.what) else {
            self.assertions.push(assertion);
            return;
        };
        same.held &= assertion.held;
        if !assertion.found.is_empty() && same.found.len() < LONGEST_FINDING {
            if !same.found.is_empty() {
                same.found.push_str("; ");
            }
            same.found.push_str(&assertion.found);
        }
    }

    /// Puts together what several generators measured at the same time against one server.
    ///
    /// # Errors
    /// When they are of different scenarios or forms, were not at the same time, or there is none.
    pub fn merge(runs: Vec<Self>) -> Result<Self> {
        let mut runs = runs.into_iter();
        let mut whole = runs.next();
        ensure!(
            whole.as_ref().is_none_or(|run| run.format == FORMAT),
            "a raw run of another version"
        );
        for run in runs {
            let Some(whole) = &mut whole else { break };
            ensure!(run.format == FORMAT, "a raw run of another version");
            ensure!(
                run.tested == whole.tested && run.expectations == whole.expectations,
                "runs of different scenarios: {:?} and {:?}",
                whole.tested,
                run.tested
            );
            ensure!(
                run.began_at_ms < whole.ended_at_ms() && whole.began_at_ms < run.ended_at_ms(),
                "runs of {} that were not at the same time are not one load",
                run.tested.scenario
            );
            ensure!(
                run.levels.is_empty() && whole.levels.is_empty(),
                "each generator followed a plan of its own: their levels are not the same moments"
            );
            whole.take(run);
        }
        whole.ok_or_else(|| anyhow::anyhow!("no runs to put together"))
    }

    fn ended_at_ms(&self) -> u64 {
        self.began_at_ms + (self.seconds * 1_000.0) as u64
    }

    fn take(&mut self, mut other: Self) {
        // A generator that was late may have looked twice within a second.
        self.series = one_each(std::mem::take(&mut self.series));
        other.series = one_each(other.series);
        let last = self.ended_at_ms().max(other.ended_at_ms());
        self.began_at_ms = self.began_at_ms.min(other.began_at_ms);
        self.seconds = (last - self.began_at_ms) as f64 / 1_000.0;
        self.partial |= other.partial;
        self.generators += other.generators;
        self.rooms += other.rooms;
        self.totals.merge(other.totals);
        for second in other.series {
            match self.series.binary_search_by_key(&second.at, |own| own.at) {
                Ok(index) => self.series[index].merge(second),
                Err(index) => self.series.insert(index, second),
            }
        }
        for assertion in other.assertions {
            self.assert(assertion);
        }
        self.server = match (self.server.take(), other.server) {
            (Some(mut own), Some(other)) => {
                own.take(other);
                Some(own)
            }
            (own, other) => own.or(other),
        };
        // Each measured the same process.
        self.server_cpu_ns = self.server_cpu_ns.max(other.server_cpu_ns);
        self.server_rss_bytes = self.server_rss_bytes.max(other.server_rss_bytes);
    }
}

/// What is said of one assertion at most, in bytes; more rooms that fail alike tell nothing new.
const LONGEST_FINDING: usize = 2_000;

impl ServerRaw {
    /// Whether one process served from beginning to end.
    pub(super) fn same_process(&self) -> bool {
        let began = |scrape: &Scrape| scrape.value("process_start_time_seconds");
        began(&self.before).is_some() && began(&self.before) == began(&self.after)
    }

    /// By how much a counter grew; none when it is not there, or another process began to count anew.
    pub(super) fn more(&self, series: &str) -> Option<f64> {
        let grew = self.after.value(series)? - self.before.value(series)?;
        self.same_process().then_some(grew)
    }

    /// Another generator's: it may have begun before, or ended later.
    fn take(&mut self, other: Self) {
        if other.before.at_ms < self.before.at_ms {
            self.before = other.before;
        }
        if other.after.at_ms > self.after.at_ms {
            self.after = other.after;
        }
        for (series, peak) in other.peaks {
            let own = self.peaks.entry(series).or_default();
            *own = own.max(peak);
        }
    }
}

impl Totals {
    fn add_bot(&mut self, report: &Report) {
        self.bots += 1;
        self.join_seconds.extend(report.joins.iter().copied());
        self.audio_latency_ms.merge(&report.times.audio_latency);
        self.video_latency_ms.merge(&report.times.video_latency);
        self.floor_grant_ms.merge(&report.times.grant);
        self.floor_revoke_ms.merge(&report.times.revoke);
        for (rung, seconds) in &report.returns {
            self.reconnect_seconds.entry((*rung).to_owned()).or_default().add(*seconds);
        }
        self.refused += report.refused;
        self.let_in += report.let_in;
        let closed = report.microphone && !report.may_speak.contains(&report.seat);
        self.closed_microphones += u64::from(closed);
        self.packets_sent += report.sent;
        self.packets_gated += report.gated;
        self.rights_changes += report.rights_changes;
        self.packets_expected += report.expected;
        self.packets_received += report.received;
        self.packets_lost += report.lost;
        self.packets_overflow += report.overflow;
        for (kind, count) in [
            ("without_right", report.leaks.without_right),
            ("forbidden", report.leaks.forbidden),
            ("misplaced", report.leaks.misplaced),
            ("stray", report.leaks.stray),
        ] {
            *self.leaks.entry(kind.to_owned()).or_default() += count;
        }
        self.freezes += report.freezes.0;
        self.freezes_ms += report.freezes.1;
        self.speech.merge(&report.speech);
    }

    fn merge(&mut self, other: Self) {
        self.bots += other.bots;
        self.join_seconds.merge(&other.join_seconds);
        self.audio_latency_ms.merge(&other.audio_latency_ms);
        self.video_latency_ms.merge(&other.video_latency_ms);
        self.floor_grant_ms.merge(&other.floor_grant_ms);
        self.floor_revoke_ms.merge(&other.floor_revoke_ms);
        for (cause, gaps) in other.media_gap_ms {
            self.media_gap_ms.entry(cause).or_default().merge(&gaps);
        }
        for (groups, others) in [
            (&mut self.reconnect_seconds, other.reconnect_seconds),
            (&mut self.hear_again_seconds, other.hear_again_seconds),
            (&mut self.welcome_seconds, other.welcome_seconds),
            (&mut self.packets_lost_to, other.packets_lost_to),
        ] {
            for (name, values) in others {
                groups.entry(name).or_default().merge(&values);
            }
        }
        self.refused += other.refused;
        self.let_in += other.let_in;
        self.closed_microphones += other.closed_microphones;
        self.packets_sent += other.packets_sent;
        self.packets_gated += other.packets_gated;
        self.rights_changes += other.rights_changes;
        self.packets_expected += other.packets_expected;
        self.packets_received += other.packets_received;
        self.packets_lost += other.packets_lost;
        self.packets_overflow += other.packets_overflow;
        for (kind, count) in other.leaks {
            *self.leaks.entry(kind).or_default() += count;
        }
        self.forbidden_fragments_sent += other.forbidden_fragments_sent;
        self.freezes += other.freezes;
        self.freezes_ms += other.freezes_ms;
        self.speech.merge(&other.speech);
    }

    /// All that leaked.
    #[must_use]
    pub fn leaked(&self) -> u64 {
        self.leaks.values().sum()
    }
}

/// A bot that was so far behind nine tenths of what it was given to send stopped, or was no whole load for a
/// long while. Lower: a moment without a processor fails a run; higher: who stops late passes.
const BEHIND_MS: u64 = 3_000;

/// What every run must show, whatever its scenario: a test in which nothing flowed proves nothing.
pub(super) fn always(
    room: u16,
    reports: &[Report],
    silent: &[Seat],
    lost: &[(Seat, String)],
) -> Vec<Assertion> {
    let failing =
        |what: &str, fails: &dyn Fn(&Report) -> Option<String>| failing(room, reports, what, fails);
    let trouble = failing("no bot had trouble", &|report| {
        (!report.troubles.is_empty()).then(|| report.troubles.join(", "))
    });
    let stayed = failing("every bot stays to the end, but for what the script does", &|report| {
        let of = lost.iter().filter(|(seat, _)| *seat == report.seat).map(|(_, how)| how.as_str());
        let how: Vec<_> = of.collect();
        (!how.is_empty()).then(|| how.join(", "))
    });
    if reports.iter().any(|report| report.signaling_alone) {
        let got_in = failing("every bot got in", &|report| {
            report.stage.is_none().then(|| "never welcomed".to_owned())
        });
        return vec![got_in, stayed, trouble];
    }
    vec![
        failing("every bot got in", &|report| {
            report.joins.is_empty().then(|| "never connected".to_owned())
        }),
        failing("every bot sent", &|report| {
            let never = |kind: &SentKind| kind.given && kind.sent == 0;
            let behind = |kind: &SentKind, what: &str| {
                let ms = Some(kind.behind_ms).filter(|ms| *ms > BEHIND_MS)?;
                Some(format!("too little {what}: {ms} ms behind what it was given"))
            };
            if report.sent == 0 && !silent.contains(&report.seat) {
                Some("nothing".to_owned())
            } else if never(&report.sound) {
                Some("no sound, with a microphone that was open".to_owned())
            } else if never(&report.pictures) {
                Some("no pictures, with a camera that was on".to_owned())
            } else {
                behind(&report.sound, "sound").or_else(|| behind(&report.pictures, "pictures"))
            }
        }),
        failing("every bot received", &|report| {
            (report.received == 0).then(|| "nothing".to_owned())
        }),
        failing("no bot was too slow to count", &|report| {
            (report.overflow > 0).then(|| format!("{} packets", report.overflow))
        }),
        stayed,
        trouble,
    ]
}

/// What a search must show of its bots: who is in, and is given something to send, sends. That nobody does
/// would look like a server without a limit.
fn senders(room: u16, reports: &[Report]) -> Assertion {
    failing(room, reports, "every bot that was in sent", &|report| {
        let kinds = [("sound", report.sound), ("pictures", report.pictures)];
        let mut never = kinds.iter().filter(|(_, of)| of.sent == 0 && of.behind_ms > BEHIND_MS);
        never.next().map(|(what, _)| format!("no {what}"))
    })
}

/// Names every bot that fails.
fn failing(
    room: u16,
    reports: &[Report],
    what: &str,
    fails: &dyn Fn(&Report) -> Option<String>,
) -> Assertion {
    let found: Vec<String> = reports
        .iter()
        .filter_map(|report| Some(format!("room {room}, seat {}: {}", report.seat, fails(report)?)))
        .collect();
    Assertion {
        what: what.to_owned(),
        held: found.is_empty() && !reports.is_empty(),
        found: found.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::listener::{Leaks, Times};

    /// A bot that did all it should.
    fn report(seat: u8) -> Report {
        let sent = SentKind { given: true, sent: 500, behind_ms: 40 };
        Report {
            seat: Seat(seat),
            online: true,
            connected: true,
            stage: Some("lobby".to_owned()),
            holder: None,
            chair: None,
            hands: Vec::new(),
            group: palabre_ids::Group::PLENARY,
            may_speak: Vec::new(),
            may_be_seen: Vec::new(),
            microphone: true,
            camera: true,
            sent: 1_000,
            sound: sent,
            pictures: sent,
            gated: 0,
            rights_changes: 1,
            received: 1_000,
            expected: 1_000,
            lost: 0,
            overflow: 0,
            leaks: Leaks::default(),
            slots: Vec::new(),
            joins: vec![0.1],
            returns: Vec::new(),
            signaling_alone: false,
            back_at: None,
            refused: 0,
            let_in: 1,
            times: Times::default(),
            speech: Speech::default(),
            losses: Vec::new(),
            freezes: (0, 0.0),
            troubles: Vec::new(),
        }
    }

    #[test]
    fn a_bot_that_stops_sending_or_is_lost_is_named() {
        let failed = |reports: &[Report], lost: &[(Seat, String)]| {
            let judged = always(7, reports, &[], lost).into_iter();
            judged.filter(|one| !one.held).map(|one| one.found).collect::<Vec<_>>()
        };
        let kind = |behind_ms| SentKind { given: true, sent: 500, behind_ms };
        assert_eq!(failed(&[report(0), report(1)], &[]), Vec::<String>::new());
        let stops = Report { sound: kind(4_000), ..report(1) };
        let found = failed(&[report(0), stops], &[]);
        assert_eq!(found, ["room 7, seat 1: too little sound: 4000 ms behind what it was given"]);
        let dark = Report { pictures: kind(4_000), ..report(2) };
        assert!(failed(&[dark], &[])[0].contains("too little pictures"));
        let lost = [(Seat(1), "its media were lost at second 9.0".to_owned())];
        let found = failed(&[report(0), report(1)], &lost);
        assert_eq!(found, ["room 7, seat 1: its media were lost at second 9.0"]);
    }

    #[test]
    fn a_search_whose_bots_send_nothing_fails_and_one_that_left_some_out_does_not() {
        let kind = |behind_ms| SentKind { given: true, sent: 0, behind_ms };
        let senderless = Report { sound: kind(9_000), ..report(1) };
        let found = senders(7, &[report(0), senderless]);
        assert!(!found.held && found.found.contains("room 7, seat 1"), "{found:?}");
        let left_out = Report { sound: kind(0), pictures: kind(0), ..report(1) };
        assert!(senders(7, &[left_out]).held, "its level says so");
    }

    fn run(scenario: &str, began_at_ms: u64, seconds: f64) -> RawRun {
        let tested = Tested { scenario: scenario.to_owned(), ..Tested::default() };
        let mut run = RawRun::new(tested, began_at_ms);
        run.seconds = seconds;
        run.rooms = 2;
        run.totals.audio_latency_ms.add(seconds);
        run.totals.packets_sent = 10;
        run.series = vec![Second { at: began_at_ms / 1_000, rooms: 2, ..Second::default() }];
        run
    }

    fn assertion(held: bool, found: &str) -> Assertion {
        Assertion { what: "every bot sent".to_owned(), held, found: found.to_owned() }
    }

    #[test]
    fn two_generators_make_one_run() {
        let (mut a, mut b) = (run("x", 5_000, 10.0), run("x", 4_000, 30.0));
        a.assert(assertion(true, ""));
        b.assert(assertion(false, "seat 3: nothing"));
        let text = serde_json::to_string(&b).expect("numbers");
        let b = serde_json::from_str(&text).expect("as it was written");
        let whole = RawRun::merge(vec![a, b]).expect("of one scenario");
        assert_eq!((whole.generators, whole.rooms, whole.totals.packets_sent), (2, 4, 20));
        assert_eq!((whole.began_at_ms, whole.seconds), (4_000, 30.0));
        assert_eq!(whole.totals.audio_latency_ms.count(), 2);
        assert_eq!(whole.series.iter().map(|second| second.at).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(whole.assertions.len(), 1);
        assert!(!whole.assertions[0].held && whole.assertions[0].found == "seat 3: nothing");
    }

    #[test]
    fn a_second_that_a_generator_looked_at_twice_counts_once() {
        let (mut a, b) = (run("x", 4_000, 10.0), run("x", 4_000, 10.0));
        let twice = Second { connected: 16, ..a.series[0].clone() };
        a.series.push(twice);
        for pair in [[a.clone(), b.clone()], [b, a]] {
            let whole = RawRun::merge(pair.into()).expect("of one scenario");
            let seen: Vec<_> = whole.series.iter().map(|second| second.rooms).collect();
            assert_eq!(seen, [4], "two rooms each");
        }
    }

    #[test]
    fn runs_of_different_scenarios_are_not_put_together() {
        let refused = |runs| RawRun::merge(runs).err().map(|error| error.to_string());
        assert!(refused(vec![run("x", 0, 1.0), run("y", 0, 1.0)]).is_some());
        let mut with_more = run("x", 0, 1.0);
        with_more.tested.people = 9;
        let said = refused(vec![run("x", 0, 1.0), with_more]).expect("another one");
        assert!(said.contains("people: 9"), "{said}");
        let said = refused(vec![run("x", 0, 1.0), run("x", 1_000, 1.0)]).expect("later");
        assert!(said.contains("not at the same time"), "{said}");
        assert!(RawRun::merge(Vec::new()).is_err());
    }

    #[test]
    fn a_room_without_bots_is_no_success() {
        assert!(always(0, &[], &[], &[]).iter().all(|assertion| !assertion.held));
    }
}
