//! What happened second by second: bots and server are asked once a second while a run lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use palabre_ids::Seat;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::process::ServerProcess;
use super::scrape::{Scrape, now_ms};
use super::streams::Presence;
use crate::bot::pulse::{Asked, Counts, Pulser};
use crate::ledger::Ledger;
use crate::link::Server;
use crate::samples::Samples;

/// A server that does not say how it is within this does not hold up the looks at those it serves.
const PATIENCE: Duration = Duration::from_millis(800);

/// What the server is watched for the most of.
const PEAKS: [&str; 3] = ["palabre_rooms", "palabre_seats", "palabre_seats_connected"];

/// A second of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Second {
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// Rooms that play.
    pub rooms: u64,
    /// Bots that play.
    pub bots: u64,
    /// Of these, bots whose WebSocket is open.
    pub online: u64,
    /// Of these, bots whose media is connected: nobody's is once a session has ended.
    pub connected: u64,
    /// Streams of sound that should flow, one for each speaker at each listener.
    pub streams: u64,
    /// Of these, streams of which nothing came for a second, and which no fault explains.
    pub silent_streams: u64,
    /// What they counted.
    pub counts: Counts,
    /// Latency of sound, in milliseconds.
    pub audio_latency_ms: Samples,
    /// Latency of pictures, in milliseconds.
    pub video_latency_ms: Samples,
    /// How late bots were with what they sent, in milliseconds.
    pub send_late_ms: Samples,
    /// Processors the generators kept busy: 1 is one processor.
    pub generator_cpus: f64,
    /// How full they were, 1 being full: of the processors they may use, or of one processor their busiest thread,
    /// or of those of generator and server what both used where they have some in common.
    pub generator_full: f64,
    /// Processors the server kept busy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpus: Option<f64>,
    /// How full it was, 1 being full: of the processors it may use, or of one processor its busiest media
    /// thread, whichever is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_full: Option<f64>,
    /// Its memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_rss_bytes: Option<u64>,
    /// Packets it forwarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_forwarded: Option<f64>,
    /// What it counted of packets since it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_packets: Option<ServerPackets>,
}

/// What the server counted of packets since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerPackets {
    /// Packets it took.
    pub received: f64,
    /// Packets it forwarded, one for each receiver.
    pub forwarded: f64,
}

impl ServerPackets {
    fn of(scrape: &Scrape) -> Option<Self> {
        Some(Self {
            received: scrape.value("palabre_media_packets_received_total")?,
            forwarded: scrape.value("palabre_media_packets_forwarded_total")?,
        })
    }
}

impl Second {
    /// Takes the same second of another generator.
    pub fn merge(&mut self, other: Self) {
        self.rooms += other.rooms;
        self.bots += other.bots;
        self.online += other.online;
        self.connected += other.connected;
        self.streams += other.streams;
        self.silent_streams += other.silent_streams;
        self.counts += other.counts;
        self.audio_latency_ms.merge(&other.audio_latency_ms);
        self.video_latency_ms.merge(&other.video_latency_ms);
        self.send_late_ms.merge(&other.send_late_ms);
        self.generator_cpus += other.generator_cpus;
        self.generator_full = self.generator_full.max(other.generator_full);
        // Each asked the same server.
        let most =
            |own: Option<f64>, other: Option<f64>| own.into_iter().chain(other).reduce(f64::max);
        self.server_cpus = most(self.server_cpus, other.server_cpus);
        self.server_full = most(self.server_full, other.server_full);
        self.server_forwarded = most(self.server_forwarded, other.server_forwarded);
        self.server_rss_bytes = self.server_rss_bytes.max(other.server_rss_bytes);
        self.server_packets = self.server_packets.or(other.server_packets);
    }
}

impl Second {
    /// Takes the next second of the same run: counts add up, what there is is what there is now.
    pub fn then(&mut self, next: &Self) {
        self.rooms = next.rooms;
        self.bots = next.bots;
        self.online = next.online;
        self.connected = next.connected;
        self.streams = next.streams;
        self.silent_streams = self.silent_streams.max(next.silent_streams);
        self.counts += next.counts;
        self.audio_latency_ms.merge(&next.audio_latency_ms);
        self.video_latency_ms.merge(&next.video_latency_ms);
        self.send_late_ms.merge(&next.send_late_ms);
        // The busiest second of several is what matters.
        self.generator_cpus = self.generator_cpus.max(next.generator_cpus);
        self.generator_full = self.generator_full.max(next.generator_full);
        let most =
            |own: Option<f64>, next: Option<f64>| own.into_iter().chain(next).reduce(f64::max);
        self.server_cpus = most(self.server_cpus, next.server_cpus);
        self.server_full = most(self.server_full, next.server_full);
        self.server_forwarded = most(self.server_forwarded, next.server_forwarded);
        self.server_rss_bytes = self.server_rss_bytes.max(next.server_rss_bytes);
        self.server_packets = next.server_packets.or(self.server_packets);
    }
}

/// The seconds of one generator, each once.
pub(super) fn one_each(seconds: Vec<Second>) -> Vec<Second> {
    seconds.into_iter().fold(Vec::new(), |mut all: Vec<Second>, next| {
        match all.last_mut().filter(|last| last.at == next.at) {
            Some(last) => last.then(&next),
            None => all.push(next),
        }
        all
    })
}

/// A room that plays.
#[derive(Debug, Clone)]
pub(super) struct Playing {
    pub(super) bots: Vec<(Seat, Pulser)>,
    /// What is said in it.
    pub(super) ledger: Ledger,
    /// Whether something is broken on purpose.
    pub(super) strained: Arc<AtomicBool>,
}

/// The rooms that play.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster(Arc<Mutex<BTreeMap<u16, Playing>>>);

impl Roster {
    pub(super) fn enter(&self, room: u16, playing: Playing) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(room, playing);
    }

    pub(super) fn leave(&self, room: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&room);
    }

    fn all(&self) -> BTreeMap<u16, Playing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The seconds so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Seconds(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    seconds: Vec<Second>,
    peaks: BTreeMap<String, f64>,
}

impl Seconds {
    /// What was measured from the `from`th second on.
    pub(super) fn since(&self, from: usize) -> Vec<Second> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.seconds.get(from..).map(<[Second]>::to_vec).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).seconds.len()
    }

    pub(super) fn last(&self) -> Option<Second> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).seconds.last().cloned()
    }

    pub(super) fn peaks(&self) -> BTreeMap<String, f64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).peaks.clone()
    }

    fn push(&self, second: Second) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).seconds.push(second);
    }

    fn peak(&self, scrape: &Scrape) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for series in PEAKS {
            if let Some(value) = scrape.value(series) {
                let peak = kept.peaks.entry(series.to_owned()).or_insert(value);
                *peak = peak.max(value);
            }
        }
    }
}

/// Told what each second brought.
pub type EachSecond = Arc<dyn Fn(&Second) + Send + Sync>;

/// Asks everybody once a second.
pub(super) struct Watch {
    pub(super) roster: Roster,
    pub(super) seconds: Seconds,
    pub(super) private: Option<Server>,
    pub(super) process: Option<ServerProcess>,
    /// Told each second.
    pub(super) told: EachSecond,
}

/// What only goes up, when it was last looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Odometer(Option<(Instant, f64)>);

impl Odometer {
    /// How much more a second it is; a counter that went back began anew.
    fn rate(&mut self, now: Instant, value: f64) -> Option<f64> {
        let before = self.0.replace((now, value));
        let (at, before) = before?;
        let seconds = now.saturating_duration_since(at).as_secs_f64();
        (seconds > 0.0 && value >= before).then(|| (value - before) / seconds)
    }
}

/// Several, by number.
#[derive(Debug, Default)]
struct Odometers(BTreeMap<u32, Odometer>);

impl Odometers {
    fn rates(&mut self, now: Instant, values: BTreeMap<u32, f64>) -> Vec<f64> {
        self.0.retain(|number, _| values.contains_key(number));
        let rate = |(number, value)| self.0.entry(number).or_default().rate(now, value);
        values.into_iter().filter_map(rate).collect()
    }
}

/// The processors that each may use; the server's are known when it is a process of this machine.
struct Places {
    generator: BTreeSet<usize>,
    /// A container may have a share of them.
    generator_share: usize,
    server: Option<BTreeSet<usize>>,
}

impl Second {
    /// How full generator and server were, told what each used in all and by its busiest thread.
    fn fullness(&mut self, places: &Places, thread: Option<f64>, shard: Option<f64>) {
        let of = |cpus: f64, processors: usize| cpus / processors.max(1) as f64;
        let most = |all: [Option<f64>; 3]| all.into_iter().flatten().reduce(f64::max);
        let own = Some(of(self.generator_cpus, places.generator_share));
        let known = self.server_cpus.zip(places.server.as_ref());
        let both = known.filter(|(_, server)| !server.is_disjoint(&places.generator)).map(
            |(cpus, server)| {
                of(cpus + self.generator_cpus, server.union(&places.generator).count())
            },
        );
        self.generator_full = most([own, thread, both]).unwrap_or_default();
        self.server_full = most([known.map(|(cpus, server)| of(cpus, server.len())), shard, None]);
    }
}

impl Watch {
    /// Until it is dropped.
    pub(super) async fn run(self) {
        let mut beat = interval(Duration::from_secs(1));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        let own = ServerProcess { pid: std::process::id() };
        let (mut generator, mut cpu, mut forwarded) =
            (Odometer::default(), Odometer::default(), Odometer::default());
        let (mut threads, mut shards) = (Odometers::default(), Odometers::default());
        let processors = |process: &ServerProcess| process.processors().ok();
        let places = Places {
            generator: processors(&own).unwrap_or_default(),
            generator_share: std::thread::available_parallelism().map_or(1, usize::from),
            server: self.process.as_ref().and_then(processors),
        };
        let mut present: BTreeMap<u16, Presence> = BTreeMap::new();
        loop {
            beat.tick().await;
            let rooms = self.roster.all();
            present.retain(|room, _| rooms.contains_key(room));
            // What is said from here on is not expected to have been heard.
            let asked_at = Instant::now();
            let speech: BTreeMap<_, _> =
                rooms.iter().map(|(room, playing)| (*room, playing.ledger.speech())).collect();
            let asking = rooms.iter().flat_map(|(room, playing)| {
                let bots = playing.bots.iter();
                bots.map(|(seat, bot)| async { ((*room, *seat), bot.pulse().await) })
            });
            let scrape = async {
                let private = self.private.as_ref()?;
                timeout(PATIENCE, Scrape::take(private)).await.ok()?.ok()
            };
            let (asked, scrape) = tokio::join!(join_all(asking), scrape);
            let now = Instant::now();
            let mut second =
                Second { at: now_ms() / 1_000, rooms: rooms.len() as u64, ..Second::default() };
            let mut answers: BTreeMap<u16, Vec<_>> = BTreeMap::new();
            for ((room, seat), asked) in &asked {
                if let Asked::Pulse(pulse) = asked {
                    answers.entry(*room).or_default().push((*seat, &**pulse));
                }
            }
            for (room, playing) in &rooms {
                let bots = answers.get(room).into_iter().flatten().copied();
                let presence = present.entry(*room).or_default();
                let streams = presence.look(asked_at, bots, &speech[room]);
                if !playing.strained.load(Ordering::Relaxed) {
                    second.streams += streams.due;
                    second.silent_streams += streams.silent;
                }
            }
            for (_, asked) in asked {
                match asked {
                    Asked::Pulse(pulse) => {
                        second.bots += 1;
                        second.online += u64::from(pulse.online);
                        second.connected += u64::from(pulse.connected);
                        second.counts += pulse.counts;
                        second.audio_latency_ms.merge(&pulse.times.audio_latency);
                        second.video_latency_ms.merge(&pulse.times.video_latency);
                        second.send_late_ms.merge(&pulse.send_late);
                    }
                    Asked::Late => second.bots += 1,
                    Asked::Ended => {}
                }
            }
            if let Ok(used) = own.used() {
                second.generator_cpus =
                    generator.rate(now, used.cpu_ns as f64 / 1e9).unwrap_or_default();
            }
            let used = self.process.as_ref().and_then(|process| process.used().ok());
            let cpu_ns = used.map(|used| used.cpu_ns).or(scrape.as_ref().and_then(Scrape::cpu_ns));
            second.server_cpus = cpu_ns.and_then(|cpu_ns| cpu.rate(now, cpu_ns as f64 / 1e9));
            let busiest = |odometers: &mut Odometers, times: BTreeMap<u32, f64>| {
                odometers.rates(now, times).into_iter().reduce(f64::max)
            };
            let own_threads = busiest(&mut threads, own.threads().unwrap_or_default());
            let server_threads =
                scrape.as_ref().map(|scrape| (0..).zip(scrape.shards_busy()).collect());
            let shard = server_threads.and_then(|times| busiest(&mut shards, times));
            second.fullness(&places, own_threads, shard);
            second.server_rss_bytes =
                used.map(|used| used.rss_bytes).or(scrape.as_ref().and_then(Scrape::rss_bytes));
            if let Some(scrape) = &scrape {
                self.seconds.peak(scrape);
                second.server_packets = ServerPackets::of(scrape);
                second.server_forwarded = second
                    .server_packets
                    .and_then(|packets| forwarded.rate(now, packets.forwarded));
            }
            (self.told)(&second);
            self.seconds.push(second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_began_anew_has_no_rate() {
        let start = Instant::now();
        let mut odometer = Odometer::default();
        assert_eq!(odometer.rate(start, 10.0), None);
        assert_eq!(odometer.rate(start + Duration::from_secs(2), 30.0), Some(10.0));
        assert_eq!(odometer.rate(start + Duration::from_secs(3), 5.0), None);
        assert_eq!(odometer.rate(start + Duration::from_secs(4), 6.0), Some(1.0));
    }

    #[test]
    fn who_is_how_full_follows_from_what_each_may_use() {
        let full = |generator: &[usize], server: Option<&[usize]>, thread, shard| {
            let places = Places {
                generator: generator.iter().copied().collect(),
                generator_share: generator.len(),
                server: server.map(|server| server.iter().copied().collect()),
            };
            let mut second =
                Second { generator_cpus: 1.0, server_cpus: Some(0.9), ..Second::default() };
            second.fullness(&places, thread, shard);
            (second.generator_full, second.server_full)
        };
        assert_eq!(full(&[1, 2], Some(&[0]), Some(0.6), Some(0.7)), (0.6, Some(0.9)));
        assert_eq!(full(&[1, 2], Some(&[0, 3]), Some(0.97), Some(0.8)), (0.97, Some(0.8)));
        // On the same two processors 1.9 of them are busy.
        assert_eq!(full(&[0, 1], Some(&[0, 1]), Some(0.6), Some(0.8)), (0.95, Some(0.8)));
        // Of a server elsewhere its threads alone are known.
        assert_eq!(full(&[0, 1], None, None, Some(0.8)), (0.5, Some(0.8)));
        assert_eq!(full(&[0, 1], None, None, None), (0.5, None));
    }

    #[test]
    fn one_server_s_second_is_not_added_up_and_bots_are() {
        let second = |cpus| Second {
            bots: 8,
            generator_cpus: 0.5,
            server_cpus: cpus,
            counts: Counts { sent: 4, ..Counts::default() },
            ..Second::default()
        };
        let mut whole = second(Some(0.3));
        whole.merge(second(Some(0.4)));
        whole.merge(second(None));
        assert_eq!((whole.bots, whole.counts.sent, whole.server_cpus), (24, 12, Some(0.4)));
        assert_eq!(whole.generator_cpus, 1.5);
    }
}
