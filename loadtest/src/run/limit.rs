//! How many rooms a server carries: the search, told what each number of rooms showed.
//!
//! The number is doubled until an objective breaks, then halved between the most that held and the least
//! that did not, and in the end confirmed for longer. What breaks while the load generator has no processor left,
//! or is late itself, says nothing about the server, unless that is full, and fuller: the result names the generator.

use serde::{Deserialize, Serialize};

use super::load::{Bounds, Objective, Search};
use super::report::Assertion;
use super::series::Second;
use crate::bot::pace::Offered;
use crate::bot::pulse::Counts;
use crate::samples::{Distribution, Samples};

/// A generator whose packets leave later than this, for 1 of 100 rounds, is at its own limit while the server
/// has processors left: half of the time between two packets of sound. Lower: it gives up while it still could;
/// higher: its own lateness is taken for the server's.
const LATE_MS: f64 = 10.0;

/// Whoever is fuller than this, on average, has moments with nothing left.
const FULL: f64 = 0.9;

/// The limit is known to 1 of so many rooms.
const FINENESS: u16 = 20;

/// Less of the people connected than this is no load of that number of rooms.
const CONNECTED: f64 = 0.98;

/// Less of what bots were given to send than this is no load of that number of rooms.
const OFFERED: f64 = 0.95;

/// Who is there in one of the last so many seconds is there in the end: a bot that is late with its answer is
/// not seen in one of them.
const END: usize = 3;

/// What a number of rooms showed while it was watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// How many rooms there should be.
    pub rooms: u16,
    /// How many there were: the server may have refused some.
    #[serde(default)]
    pub opened: u16,
    /// How long they were watched, in seconds.
    pub seconds: u64,
    /// People there should be, and those connected on average.
    pub people: u64,
    /// People connected, on average.
    pub connected: f64,
    /// People connected in the end.
    #[serde(default)]
    pub connected_in_the_end: u64,
    /// Of the sound, or of the pictures, that bots were given to send, the share that they sent: of what they
    /// sent less of. None when they were given nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_share: Option<f64>,
    /// Latency of sound, in milliseconds.
    pub audio_latency_ms: Distribution,
    /// Packets lost, of 100.
    pub lost_percent: f64,
    /// Streams of sound of which nothing came for a second, summed over the seconds.
    #[serde(default)]
    pub silent_streams: u64,
    /// What bots and server both counted of packets while it was watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<Packets>,
    /// Processors the server kept busy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpus: Option<f64>,
    /// How full it was, 1 being full, by its processors or by its busiest media thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_full: Option<f64>,
    /// Processor time for each packet forwarded, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_ns_per_forwarded_packet: Option<f64>,
    /// How many such rooms one processor carries when what they cost grows with their number. None where they
    /// were too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rooms_per_processor: Option<f64>,
    /// Packets forwarded a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded_per_second: Option<f64>,
    /// Memory of the server, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_rss_bytes: Option<u64>,
    /// Of this, what each room added since there was none. None where there had been more rooms before, whose
    /// memory a process keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_rss_bytes_per_room: Option<f64>,
    /// Processors the generators kept busy.
    pub generator_cpus: f64,
    /// How full they were, 1 being full.
    #[serde(default)]
    pub generator_full: f64,
    /// How late they sent, in milliseconds.
    pub send_late_ms: Distribution,
    /// What did not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broke: Option<String>,
    /// Whether the generator was at its own limit.
    pub generator_limit: bool,
}

/// Packets as bots and server count them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Packets {
    /// Sent by bots, they say.
    pub sent: f64,
    /// Of these, received by the server, it says.
    pub received: f64,
    /// Sent to bots, they say.
    pub expected: f64,
    /// The same, as the server says.
    pub forwarded: f64,
}

impl Packets {
    /// From one second's look at both to another's; none where the server was not read.
    fn of(seconds: &[Second]) -> Option<Self> {
        let (first, rest) = seconds.split_first()?;
        let (from, to) = (first.server_packets?, rest.last()?.server_packets?);
        let bots =
            |of: fn(&Counts) -> i64| rest.iter().map(|second| of(&second.counts)).sum::<i64>();
        Some(Self {
            sent: bots(|counts| counts.sent) as f64,
            received: to.received - from.received,
            expected: bots(|counts| counts.expected) as f64,
            forwarded: to.forwarded - from.forwarded,
        })
    }
}

impl Level {
    /// Of the seconds in which `rooms` were watched; `empty_rss` is the server's memory without rooms.
    pub(super) fn of(
        rooms: u16,
        people: usize,
        seconds: &[Second],
        empty_rss: Option<u64>,
    ) -> Self {
        let (mut audio, mut late) = (Samples::default(), Samples::default());
        let (mut lost, mut expected) = (0, 0);
        let (mut sound, mut pictures) = (Offered::default(), Offered::default());
        for second in seconds {
            audio.merge(&second.audio_latency_ms);
            late.merge(&second.send_late_ms);
            lost += second.counts.lost;
            expected += second.counts.expected;
            sound += second.counts.sound;
            pictures += second.counts.pictures;
        }
        let end = seconds.iter().rev().take(END).map(|second| second.connected);
        let mean = |value: &dyn Fn(&Second) -> Option<f64>| {
            let values: Vec<f64> = seconds.iter().filter_map(value).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let server_cpus = mean(&|second| second.server_cpus);
        let forwarded = mean(&|second| second.server_forwarded);
        let rss = seconds.iter().rev().find_map(|second| second.server_rss_bytes);
        Self {
            rooms,
            opened: rooms,
            seconds: seconds.len() as u64,
            people: u64::from(rooms) * people as u64,
            connected: mean(&|second| Some(second.connected as f64)).unwrap_or_default(),
            connected_in_the_end: end.max().unwrap_or_default(),
            sent_share: sound.share().into_iter().chain(pictures.share()).reduce(f64::min),
            audio_latency_ms: audio.distribution(),
            silent_streams: seconds.iter().map(|second| second.silent_streams).sum(),
            lost_percent: lost.max(0) as f64 / expected.max(1) as f64 * 100.0,
            packets: Packets::of(seconds),
            server_cpus,
            server_full: mean(&|second| second.server_full),
            server_cpu_ns_per_forwarded_packet: server_cpus
                .zip(forwarded)
                .filter(|(_, forwarded)| *forwarded > 0.0)
                .map(|(cpus, forwarded)| cpus * 1e9 / forwarded),
            rooms_per_processor: server_cpus
                .filter(|cpus| *cpus > 0.0)
                .map(|cpus| f64::from(rooms) / cpus),
            forwarded_per_second: forwarded,
            server_rss_bytes: rss,
            server_rss_bytes_per_room: rss
                .zip(empty_rss)
                .map(|(rss, empty)| rss.saturating_sub(empty) as f64 / f64::from(rooms.max(1))),
            generator_cpus: mean(&|second| Some(second.generator_cpus)).unwrap_or_default(),
            generator_full: mean(&|second| Some(second.generator_full)).unwrap_or_default(),
            send_late_ms: late.distribution(),
            broke: None,
            generator_limit: false,
        }
    }

    /// Compares it with what a server must keep to. What holds although the generator was late holds; what breaks
    /// while it was full, or late, is its own doing, unless the server was full, and fuller than it.
    pub(super) fn judge(&mut self, objective: Objective) {
        let Objective { audio_latency_p99_ms, loss_percent } = objective;
        let p99 = self.audio_latency_ms.p99;
        if self.broke.is_some() {
            return;
        }
        let too_little = self.sent_share.filter(|share| *share < OFFERED);
        let broke = if self.connected < self.people as f64 * CONNECTED {
            format!("{:.0} of {} people were connected", self.connected, self.people)
        } else if self.connected_in_the_end < self.people {
            let (there, all) = (self.connected_in_the_end, self.people);
            format!("{there} of {all} people were connected in the end")
        } else if let Some(share) = too_little {
            format!("bots sent {:.0} % of what they were given to send", share * 100.0)
        } else if self.audio_latency_ms.count == 0 {
            "nothing was heard".to_owned()
        } else if self.silent_streams > 0 {
            format!("{} times a second went by without a stream", self.silent_streams)
        } else if p99 > audio_latency_p99_ms {
            format!("99 of 100 pieces of sound took {p99:.1} ms, above {audio_latency_p99_ms}")
        } else if self.lost_percent > loss_percent {
            format!("{:.2} % of packets were lost, above {loss_percent} %", self.lost_percent)
        } else {
            return;
        };
        let late = self.send_late_ms.p99;
        let server_full = self.server_full.filter(|full| *full > FULL.max(self.generator_full));
        let weak = late > LATE_MS || self.generator_full > FULL;
        // What bots do not send is nobody else's doing.
        self.generator_limit = too_little.is_some() || (weak && server_full.is_none());
        self.broke = Some(match server_full {
            _ if self.generator_limit => format!(
                "{broke}, while the load generator sent {late:.1} ms late (99 of 100) and was {:.0} % full",
                self.generator_full * 100.0
            ),
            Some(full) => format!("{broke}, while the server was {:.0} % full", full * 100.0),
            None => broke,
        });
        // Rooms that get too little cost too little.
        self.rooms_per_processor = None;
    }

    /// Whether something broke while the generator was late, and nobody was full: a machine that stood for a moment
    /// says nothing about anybody.
    pub(super) fn is_doubtful(&self) -> bool {
        let full = self.generator_full.max(self.server_full.unwrap_or_default());
        self.broke.is_some() && self.send_late_ms.p99 > LATE_MS && full <= FULL
    }
}

impl Level {
    /// What a level of a ramp must show: all rooms, all people, all that they were given to send, and what
    /// the scenario bounds.
    pub(super) fn assertions(&self, bounds: Bounds) -> Vec<Assertion> {
        let mut all = Vec::new();
        let mut add = |what: String, held: bool, found: String| {
            let what = format!("at {} room(s): {what}", self.rooms);
            all.push(Assertion { what, held, found: format!("({found})") });
        };
        let found = format!("{} of {} rooms", self.opened, self.rooms);
        add("every room is there".to_owned(), self.opened == self.rooms, found);
        if self.opened < self.rooms {
            // It was not watched.
            return all;
        }
        let found = format!("{} of {} people", self.connected_in_the_end, self.people);
        let everybody = self.connected_in_the_end >= self.people;
        add("everybody is connected in the end".to_owned(), everybody, found);
        if let Some(share) = self.sent_share {
            let found = format!("{:.0} %", share * 100.0);
            add("bots send what they are given".to_owned(), share >= OFFERED, found);
        }
        if let Some(most) = bounds.audio_latency_p99_ms {
            let p99 = self.audio_latency_ms.p99;
            let held = self.audio_latency_ms.count > 0 && p99 <= most;
            add(format!("audio_latency_ms.p99 ≤ {most}"), held, format!("{p99:.3}"));
        }
        if let Some(most) = bounds.loss_percent {
            let (lost, held) = (self.lost_percent, self.lost_percent <= most);
            add(format!("packets lost ≤ {most} %"), held, format!("{lost:.3} %"));
        }
        all
    }
}

/// What the search found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The most rooms that held, also when watched for longer.
    pub rooms: u16,
    /// What broke with more; none when the most that were tried held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broke: Option<String>,
    /// Whether the generator was the limit: the server may carry more.
    pub generator: bool,
    /// The result in a sentence.
    pub says: String,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// So many rooms, watched as usual.
    Try(u16),
    /// So many rooms, watched for longer.
    Confirm(u16),
    /// The search is over.
    Found(Limit),
}

/// The search so far.
#[derive(Debug)]
pub(super) struct Bisection {
    most: u16,
    /// The most that held.
    good: u16,
    /// The least that did not, and why.
    bad: Option<(u16, String, bool)>,
    next: Next,
}

impl Bisection {
    pub(super) fn new(search: &Search) -> Self {
        Self { most: search.most, good: 0, bad: None, next: Next::Try(search.from) }
    }

    pub(super) fn next(&self) -> Next {
        self.next.clone()
    }

    /// What the number of rooms that [`Self::next`] asked for showed.
    pub(super) fn showed(&mut self, level: &Level) {
        self.next = match (&self.next, &level.broke) {
            (Next::Found(_), _) => return,
            (Next::Confirm(rooms), None) => Next::Found(self.limit(*rooms)),
            (_, Some(broke)) => {
                self.bad = Some((level.rooms, broke.clone(), level.generator_limit));
                // What held once and does not hold for longer did not hold.
                self.good = self.good.min(level.rooms - fineness(level.rooms));
                self.after()
            }
            (Next::Try(rooms), None) => {
                self.good = *rooms;
                self.after()
            }
        };
    }

    fn after(&self) -> Next {
        match &self.bad {
            None if self.good >= self.most => Next::Confirm(self.most),
            None => Next::Try(self.good.saturating_mul(2).min(self.most)),
            Some(_) if self.good == 0 && self.bad_rooms() <= 1 => Next::Found(self.limit(0)),
            Some(_) if self.bad_rooms() - self.good <= fineness(self.good) => {
                Next::Confirm(self.good)
            }
            Some(_) => Next::Try(u16::midpoint(self.good, self.bad_rooms())),
        }
    }

    fn bad_rooms(&self) -> u16 {
        self.bad.as_ref().map_or(u16::MAX, |(rooms, ..)| *rooms)
    }

    fn limit(&self, rooms: u16) -> Limit {
        let (broke, generator) = match &self.bad {
            None => (None, false),
            Some((_, broke, generator)) => (Some(broke.clone()), *generator),
        };
        let says = match &self.bad {
            None => format!("At least {rooms} rooms: every number that was tried held"),
            Some((more, _, true)) => {
                format!(
                    "The load generator is the limit: {rooms} rooms held, {more} were too many for it"
                )
            }
            Some((more, broke, false)) => format!("{rooms} rooms. With {more}, {broke}"),
        };
        Limit { rooms, broke, generator, says }
    }
}

/// How exactly a limit of about so many rooms is searched for.
fn fineness(rooms: u16) -> u16 {
    (rooms / FINENESS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::series::ServerPackets;
    use proptest::prelude::{prop_assert, proptest};
    use std::time::Duration;

    fn search(from: u16, most: u16) -> Search {
        Search {
            from,
            most,
            hold: Duration::ZERO,
            confirm: Duration::ZERO,
            objective: Objective { audio_latency_p99_ms: 50.0, loss_percent: 0.5 },
        }
    }

    /// Searches a server that carries `true_limit` rooms.
    fn find(true_limit: u16, from: u16, most: u16, generator: bool) -> (Limit, usize) {
        let mut bisection = Bisection::new(&search(from, most));
        for tries in 0..60 {
            let rooms = match bisection.next() {
                Next::Found(limit) => return (limit, tries),
                Next::Try(rooms) | Next::Confirm(rooms) => rooms,
            };
            let broke = (rooms > true_limit).then(|| "it broke".to_owned());
            let generator_limit = generator && broke.is_some();
            bisection.showed(&Level { rooms, broke, generator_limit, ..Level::default() });
        }
        panic!("the search does not end");
    }

    proptest! {
        #[test]
        fn the_limit_is_found_to_a_twentieth(true_limit in 0_u16..600, from in 1_u16..20, most in 20_u16..500) {
            let (limit, tries) = find(true_limit, from, most, false);
            let real = true_limit.min(most);
            prop_assert!(limit.rooms <= real);
            prop_assert!(real - limit.rooms <= fineness(real).max(1), "{} for {real}", limit.rooms);
            prop_assert!(limit.broke.is_none() == (true_limit >= most));
            prop_assert!(tries <= 24, "{tries} tries");
        }
    }

    #[test]
    fn what_holds_only_for_a_moment_is_given_up() {
        let mut bisection = Bisection::new(&search(4, 4));
        bisection.showed(&Level { rooms: 4, ..Level::default() });
        assert_eq!(bisection.next(), Next::Confirm(4));
        let broke = Some("it broke".to_owned());
        bisection.showed(&Level { rooms: 4, broke, ..Level::default() });
        assert_eq!(bisection.next(), Next::Confirm(3));
        bisection.showed(&Level { rooms: 3, ..Level::default() });
        assert!(matches!(bisection.next(), Next::Found(Limit { rooms: 3, .. })));
    }

    #[test]
    fn a_generator_at_its_end_is_no_limit_of_the_server() {
        let (limit, _) = find(30, 1, 200, true);
        assert!(limit.generator && limit.says.contains("generator is the limit"), "{limit:?}");
    }

    fn level(connected: u64, latency: f64, lost: i64, late: f64, cpus: f64) -> Level {
        judged(second(connected, latency, lost, late, cpus))
    }

    fn second(connected: u64, latency: f64, lost: i64, late: f64, cpus: f64) -> Second {
        Second {
            connected,
            audio_latency_ms: [latency].into_iter().collect(),
            send_late_ms: [late].into_iter().collect(),
            counts: Counts { lost, expected: 1_000, sound: offered(990), ..Default::default() },
            generator_cpus: cpus,
            server_cpus: Some(0.5),
            server_forwarded: Some(10_000.0),
            ..Second::default()
        }
    }

    /// Of a second of sound.
    fn offered(sent_ms: i64) -> Offered {
        Offered { given_ms: 1_000, sent_ms }
    }

    #[test]
    fn a_level_whose_bots_send_too_little_does_not_hold() {
        let weak = |sound, pictures| {
            let second = second(16, 10.0, 0, 1.0, 0.5);
            let counts = Counts { sound, pictures, ..second.counts };
            let level = judged(Second { counts, ..second });
            (level.broke, level.generator_limit)
        };
        assert_eq!(weak(offered(960), Offered::default()).0, None);
        for (sound, pictures) in [(offered(940), offered(1_000)), (offered(1_000), offered(0))] {
            let (broke, generator_limit) = weak(sound, pictures);
            assert!(broke.is_some_and(|broke| broke.contains("bots sent")) && generator_limit);
        }
    }

    #[test]
    fn who_is_missing_in_the_end_is_missed_whatever_the_average_says() {
        let all = second(16, 10.0, 0, 1.0, 0.5);
        let broke = |last: &[u64]| {
            let end = last.iter().map(|connected| Second { connected: *connected, ..all.clone() });
            let seconds: Vec<_> = std::iter::repeat_n(all.clone(), 200).chain(end).collect();
            let mut level = Level::of(2, 8, &seconds, None);
            level.judge(Objective { audio_latency_p99_ms: 50.0, loss_percent: 0.5 });
            level.broke
        };
        assert_eq!(broke(&[15, 16]), None, "one that was late with its answer");
        let lost = broke(&[15, 15, 15]).unwrap_or_default();
        assert!(lost.contains("15 of 16 people were connected in the end"), "{lost}");
    }

    #[test]
    fn a_level_of_a_ramp_fails_by_what_the_scenario_bounds() {
        let failed = |level: &Level, loss_percent, audio_latency_p99_ms| {
            let judged = level.assertions(Bounds { audio_latency_p99_ms, loss_percent });
            let failed = judged.into_iter().filter(|one| !one.held);
            failed.map(|one| format!("{} {}", one.what, one.found)).collect::<Vec<_>>()
        };
        let lossy = level(16, 60.0, 6, 1.0, 0.5);
        assert_eq!(failed(&lossy, None, None), Vec::<String>::new());
        let found = failed(&lossy, Some(0.5), Some(50.0));
        assert!(found[0].contains("audio_latency_ms.p99 ≤ 50"), "{found:?}");
        assert!(found[1].contains("packets lost ≤ 0.5 % (0.600 %)"), "{found:?}");
        assert!(failed(&level(15, 10.0, 0, 1.0, 0.5), None, None)[0].contains("15 of 16 people"));
        let refused = Level { rooms: 200, opened: 7, ..Level::default() };
        let found = failed(&refused, Some(0.5), None);
        assert_eq!(found, ["at 200 room(s): every room is there (7 of 200 rooms)"]);
    }

    fn judged(second: Second) -> Level {
        let mut level = Level::of(2, 8, &[second], None);
        level.judge(Objective { audio_latency_p99_ms: 50.0, loss_percent: 0.5 });
        level
    }

    #[test]
    fn what_broke_is_named() {
        assert_eq!(level(16, 10.0, 0, 1.0, 0.5).broke, None);
        assert_eq!(
            level(16, 10.0, 0, 30.0, 0.5).broke,
            None,
            "it holds although the generator was late"
        );
        let broke = |level: Level| (level.broke.unwrap_or_default(), level.generator_limit);
        assert!(broke(level(16, 60.0, 0, 1.0, 0.5)).0.contains("sound took 60.0 ms"));
        assert!(broke(level(16, 10.0, 6, 1.0, 0.5)).0.contains("lost"));
        assert!(broke(level(9, 10.0, 0, 1.0, 0.5)).0.contains("9 of 16 people"));
        assert_eq!(level(16, 60.0, 0, 1.0, 0.5).rooms_per_processor, None);
        assert!(broke(level(16, 60.0, 9, 30.0, 0.5)).1, "its own lateness explains it");
        let full = |late, generator_full, server_full| {
            let second = second(16, 60.0, 9, late, 1.0);
            let level = judged(Second { generator_full, server_full, ..second });
            (level.is_doubtful(), level.broke.unwrap_or_default(), level.generator_limit)
        };
        let (doubtful, by_server, generator) = full(30.0, 0.88, Some(0.97));
        assert!(!doubtful && !generator && by_server.ends_with("while the server was 97 % full"));
        let (doubtful, by_generator, generator) = full(30.0, 0.95, Some(0.7));
        assert!(!doubtful && generator && by_generator.ends_with("and was 95 % full"));
        assert!(full(30.0, 0.99, Some(0.97)).2, "both were full, and the generator fuller");
        let (doubtful, _, generator) = full(30.0, 0.7, Some(0.87));
        assert!(doubtful && generator, "nobody was full: it is looked at again");
        assert!(full(30.0, 0.7, None).0, "nothing is known of the server");
        let (doubtful, broke, generator) = full(1.0, 0.7, Some(0.5));
        assert!(!doubtful && !generator && !broke.contains("full"), "on time, and yet: {broke}");
    }

    #[test]
    fn one_room_that_is_heard_does_not_stand_for_all() {
        let silent = Second { streams: 112, silent_streams: 56, ..second(16, 10.0, 0, 1.0, 0.5) };
        let broke = judged(silent).broke.unwrap_or_default();
        assert!(broke.contains("56 times"), "{broke}");
    }

    #[test]
    fn packets_are_counted_from_one_look_at_both_to_another() {
        let at = |sent, expected, server: Option<(f64, f64)>| Second {
            counts: Counts { sent, expected, ..Counts::default() },
            server_packets: server
                .map(|(received, forwarded)| ServerPackets { received, forwarded }),
            ..Second::default()
        };
        // What the first second brought was before the first look.
        let seconds = [
            at(999, 999, Some((100.0, 700.0))),
            at(10, 70, None),
            at(11, 77, Some((121.0, 847.0))),
        ];
        let packets = Packets { sent: 21.0, received: 21.0, expected: 147.0, forwarded: 147.0 };
        assert_eq!(Packets::of(&seconds), Some(packets));
        assert_eq!(Packets::of(&seconds[..2]), None);
        assert_eq!(Packets::of(&[]), None);
    }

    #[test]
    fn costs_are_for_each_packet_and_room() {
        let level = level(16, 10.0, 0, 1.0, 0.5);
        assert_eq!(level.server_cpu_ns_per_forwarded_packet, Some(50_000.0));
        assert_eq!(level.rooms_per_processor, Some(4.0));
    }
}
