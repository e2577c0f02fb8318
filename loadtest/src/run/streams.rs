//! Whether what may be heard is heard: a stream that stops has no sequence numbers that are missing, and is
//! no loss. So each second those that should flow are looked at.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use palabre_ids::Seat;

use super::raw::{FIND_LIMIT, RawRun};
use super::report::Assertion;
use super::series::Second;
use crate::bot::pulse::Pulse;
use crate::ledger::Speech;

/// A stream without a packet for longer is silent. A packet comes every 20 ms.
const SILENT: Duration = Duration::from_secs(1);

/// After somebody came, was given the right to speak, or began to, nothing is missed for so long: media and
/// events travel apart, and paths are found one after the other. Lower: joining looks like silence;
/// higher: what stops right after a change is seen later.
const GRACE: Duration = Duration::from_secs(3);

/// Who said something so recently speaks. Voices pause between words.
const SPEAKS: Duration = Duration::from_millis(500);

/// What every run with voices must show. A search for the limit goes beyond it: its levels say what was
/// silent there.
pub(super) fn judge(run: &RawRun) -> Option<Assertion> {
    let sum = |of: fn(&Second) -> u64| run.series.iter().map(of).sum::<u64>();
    let (due, silent) = (sum(|second| second.streams), sum(|second| second.silent_streams));
    let voices = run.tested.voices && run.tested.mode != FIND_LIMIT;
    let found = match (due, silent) {
        (0, _) => "nobody was to be heard for as much as 3 s".to_owned(),
        (_, 0) => String::new(),
        _ => {
            let first = run.series.iter().find(|second| second.silent_streams > 0);
            let second = first.map_or(0.0, |at| at.at as f64 - run.began_at_ms as f64 / 1_000.0);
            format!("{silent} of {due}, looked at each second; first at second {second:.0}")
        }
    };
    voices.then(|| Assertion {
        what: "whoever may be heard and speaks is heard: no silence of a second without a cause"
            .to_owned(),
        held: due > 0 && silent == 0,
        found,
    })
}

/// Streams of sound, one for each speaker at each listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Streams {
    /// Those that should flow.
    pub(super) due: u64,
    /// Of these, those that do not.
    pub(super) silent: u64,
}

/// Since when each bot of a room is there.
#[derive(Debug, Default)]
pub(super) struct Presence {
    online: BTreeMap<Seat, Instant>,
    connected: BTreeMap<Seat, Instant>,
}

impl Presence {
    /// Looks at a room whose bots were asked at `now`; who did not answer is passed over.
    pub(super) fn look<'a>(
        &mut self,
        now: Instant,
        bots: impl Iterator<Item = (Seat, &'a Pulse)> + Clone,
        speech: &BTreeMap<Seat, Speech>,
    ) -> Streams {
        let mut speakers = BTreeMap::new();
        for (seat, pulse) in bots.clone() {
            let anew = pulse.counts.joins > 0 || pulse.counts.reconnections > 0;
            is(&mut self.online, seat, pulse.online, anew, now);
            is(&mut self.connected, seat, pulse.connected, anew, now);
            let says = speech.get(&seat).filter(|says| ago(now, says.last) < SPEAKS);
            if let (Some(connected), Some(says)) = (self.connected.get(&seat), says) {
                speakers.insert(seat, says.since.max(*connected));
            }
        }
        let mut streams = Streams::default();
        for (seat, pulse) in bots {
            // Who is away knows of no change of rights.
            let there = self.online.get(&seat).zip(self.connected.get(&seat));
            let Some((online, connected)) = there else { continue };
            for stream in pulse.times.open.iter().filter(|stream| stream.of != seat) {
                let Some(speaks) = speakers.get(&stream.of) else { continue };
                let since = stream.opened.max(*online).max(*connected).max(*speaks);
                if ago(now, since) <= GRACE {
                    continue;
                }
                streams.due += 1;
                streams.silent += u64::from(stream.last.is_none_or(|at| ago(now, at) > SILENT));
            }
        }
        streams
    }
}

/// Somebody is there, or is not; `anew`: was not for a moment.
fn is(all: &mut BTreeMap<Seat, Instant>, seat: Seat, there: bool, anew: bool, now: Instant) {
    if !there || anew {
        all.remove(&seat);
    }
    if there {
        all.entry(seat).or_insert(now);
    }
}

fn ago(now: Instant, at: Instant) -> Duration {
    now.saturating_duration_since(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::listener::{OpenStream, Times};
    use crate::bot::pulse::Counts;
    use crate::run::raw::Tested;

    const LISTENER: Seat = Seat(0);
    const SPEAKER: Seat = Seat(1);

    /// One second of a room of two, in milliseconds from the start.
    #[derive(Clone, Copy)]
    struct Look {
        at: u64,
        opened: u64,
        last: Option<u64>,
        said: (u64, u64),
        listener_online: bool,
        speaker_connected: bool,
        joins: i64,
    }

    const ALL_IS_WELL: Look = Look {
        at: 10_000,
        opened: 0,
        last: Some(9_990),
        said: (0, 9_980),
        listener_online: true,
        speaker_connected: true,
        joins: 0,
    };

    /// Both have been there since 0, and then are looked at.
    fn look(look: &Look) -> (u64, u64) {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let pulse = Pulse { online: true, connected: true, ..Pulse::default() };
        let mut presence = Presence::default();
        let before = [(LISTENER, &pulse), (SPEAKER, &pulse)];
        presence.look(start, before.into_iter(), &BTreeMap::new());
        let open = OpenStream { of: SPEAKER, opened: at(look.opened), last: look.last.map(at) };
        let own = OpenStream { of: LISTENER, opened: start, last: None };
        let listener = Pulse {
            online: look.listener_online,
            times: Times { open: vec![own, open], ..Times::default() },
            ..pulse.clone()
        };
        let speaker = Pulse {
            connected: look.speaker_connected,
            counts: Counts { joins: look.joins, ..Counts::default() },
            ..pulse
        };
        let says = Speech { since: at(look.said.0), last: at(look.said.1) };
        let speech = BTreeMap::from([(LISTENER, says), (SPEAKER, says)]);
        let bots = [(LISTENER, &listener), (SPEAKER, &speaker)];
        let found = presence.look(at(look.at), bots.into_iter(), &speech);
        (found.due, found.silent)
    }

    #[test]
    fn a_run_with_a_silent_stream_fails_and_one_without_any_stream_too() {
        let run = |voices, mode: &str, streams, silent_streams| {
            let tested = Tested { voices, mode: mode.to_owned(), ..Tested::default() };
            let mut run = RawRun::new(tested, 0);
            run.series = vec![Second { at: 7, streams, silent_streams, ..Second::default() }];
            judge(&run).map(|assertion| (assertion.held, assertion.found))
        };
        assert_eq!(run(true, "soak", 9, 0), Some((true, String::new())));
        let (held, found) = run(true, "steady", 9, 2).expect("judged");
        assert!(!held && found.contains("2 of 9") && found.contains("second 7"), "{found}");
        assert!(!run(true, "steady", 0, 0).expect("judged").0);
        assert_eq!(run(false, "steady", 0, 0), None);
        assert_eq!(run(true, FIND_LIMIT, 9, 2), None);
    }

    #[test]
    fn what_should_flow_and_does_not_is_silent_whatever_was_lost() {
        let well = ALL_IS_WELL;
        for (what, one, found) in [
            ("it flows", well, (1, 0)),
            ("it stopped", Look { last: Some(8_900), ..well }, (1, 1)),
            ("it never came", Look { last: None, ..well }, (1, 1)),
            ("a pause that may be", Look { last: Some(9_100), ..well }, (1, 0)),
            ("a right just given", Look { opened: 7_500, last: None, ..well }, (0, 0)),
            ("a microphone just opened", Look { said: (8_000, 9_990), last: None, ..well }, (0, 0)),
            ("who says nothing", Look { said: (0, 9_000), last: Some(9_001), ..well }, (0, 0)),
            (
                "a speaker who is gone",
                Look { speaker_connected: false, last: None, ..well },
                (0, 0),
            ),
            ("a speaker who just came", Look { joins: 1, last: None, ..well }, (0, 0)),
            ("a listener who is away", Look { listener_online: false, last: None, ..well }, (0, 0)),
        ] {
            assert_eq!(look(&one), found, "{what}");
        }
    }
}
