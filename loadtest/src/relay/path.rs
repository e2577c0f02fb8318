//! One way of a bad network, as a function of time: what becomes of each datagram, by a seeded schedule.
//! It has no socket and no clock.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;

/// How a network is.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conditions {
    /// The share of datagrams that are lost, 0 to 1.
    pub loss: f64,
    /// How many are lost in a row, on average: 1 when each is lost by itself.
    pub burst: f64,
    /// How long each takes, in milliseconds.
    pub delay_ms: f64,
    /// How much longer it may take, in milliseconds. Their order stays.
    pub jitter_ms: f64,
    /// The share that come after those behind them, 0 to 1.
    pub reorder: f64,
    /// How much passes, in kilobits a second; 0: any amount.
    pub rate_kbit: u32,
    /// How long a datagram may wait for its turn under `rate_kbit`, in milliseconds; what would wait
    /// longer is dropped.
    pub queue_ms: f64,
    /// What the schedule begins from. Each seat and way has a schedule of its own.
    pub seed: u64,
    /// Which way it is so.
    pub way: Ways,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            loss: 0.0,
            burst: 1.0,
            delay_ms: 0.0,
            jitter_ms: 0.0,
            reorder: 0.0,
            rate_kbit: 0,
            queue_ms: 200.0,
            seed: 1,
            way: Ways::Both,
        }
    }
}

/// Which way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ways {
    /// From the bot to the server.
    Up,
    /// From the server to the bot.
    Down,
    /// Both.
    Both,
}

impl Conditions {
    /// Whether every number is one that a network can have.
    ///
    /// # Errors
    /// The number that is none, and what it may be.
    pub fn check(&self) -> anyhow::Result<()> {
        let share = 0.0..=1.0;
        anyhow::ensure!(share.contains(&self.loss), "`loss` is 0 to 1");
        anyhow::ensure!(share.contains(&self.reorder), "`reorder` is 0 to 1");
        anyhow::ensure!((1.0..=1_000.0).contains(&self.burst), "`burst` is 1 to 1,000 datagrams");
        let loses = self.loss * (self.burst + 1.0) <= self.burst;
        anyhow::ensure!(loses, "`loss` is at most burst / (burst + 1), or more are lost in a row");
        for (name, ms) in [
            ("delay_ms", self.delay_ms),
            ("jitter_ms", self.jitter_ms),
            ("queue_ms", self.queue_ms),
        ] {
            anyhow::ensure!((0.0..=60_000.0).contains(&ms), "`{name}` is 0 to 60,000");
        }
        Ok(())
    }
}

/// What comes late comes later by so much: behind two or three more packets of sound.
const LATE: Duration = Duration::from_millis(50);

/// One way, with what is in it.
#[derive(Debug)]
pub struct Path {
    conditions: Conditions,
    random: SmallRng,
    /// Whether the last datagram was lost.
    losing: bool,
    /// When the last one that waited for its turn will have gone out.
    busy_until: Option<Instant>,
    /// When the last one in order arrives.
    last_arrival: Option<Instant>,
}

impl Path {
    /// A way in these conditions. `stream` tells apart schedules of the same seed.
    #[must_use]
    pub fn new(conditions: Conditions, stream: u64) -> Self {
        // Streams of one seed must not be each other's neighbours: a multiplier of splitmix64.
        let seed = conditions.seed ^ stream.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            conditions,
            random: SmallRng::seed_from_u64(seed),
            losing: false,
            busy_until: None,
            last_arrival: None,
        }
    }

    /// When a datagram of `length` bytes that is sent at `now` arrives; none when it does not.
    pub fn pass(&mut self, now: Instant, length: usize) -> Option<Instant> {
        // As many draws for each, so that one condition does not shift the schedule of another.
        let (lose, jitter, late) =
            (self.random.random::<f64>(), self.random.random::<f64>(), self.random.random::<f64>());
        let Conditions { loss, burst, delay_ms, jitter_ms, reorder, rate_kbit, queue_ms, .. } =
            self.conditions;
        // Two states (Gilbert): a run of losses ends with 1 / burst, and begins so often that `loss`
        // are lost in all.
        self.losing = if burst <= 1.0 {
            lose < loss
        } else if self.losing {
            lose >= 1.0 / burst
        } else {
            lose < loss / (burst * (1.0 - loss).max(f64::EPSILON))
        };
        if self.losing {
            return None;
        }
        let mut out = now;
        if rate_kbit > 0 {
            let from = self.busy_until.map_or(now, |busy| busy.max(now));
            if from.duration_since(now).as_secs_f64() * 1_000.0 > queue_ms {
                return None;
            }
            let takes = length as f64 * 8.0 / (f64::from(rate_kbit) * 1_000.0);
            out = from + Duration::from_secs_f64(takes);
            self.busy_until = Some(out);
        }
        let arrival = out + Duration::from_secs_f64((delay_ms + jitter_ms * jitter) / 1_000.0);
        if late < reorder {
            return Some(arrival + LATE);
        }
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        self.last_arrival = Some(arrival);
        Some(arrival)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What becomes of `count` datagrams of 100 bytes, one every millisecond: milliseconds to arrival.
    fn passed(conditions: Conditions, count: u32) -> Vec<Option<f64>> {
        let start = Instant::now();
        let mut path = Path::new(conditions, 0);
        (0..count)
            .map(|index| {
                let sent = start + Duration::from_millis(u64::from(index));
                path.pass(sent, 100).map(|at| at.duration_since(start).as_secs_f64() * 1e3)
            })
            .collect()
    }

    fn runs_of_losses(passed: &[Option<f64>]) -> Vec<usize> {
        passed.split(Option::is_some).map(<[_]>::len).filter(|run| *run > 0).collect()
    }

    #[test]
    fn a_good_network_changes_nothing() {
        let passed = passed(Conditions::default(), 100);
        let expected: Vec<_> = (0..100).map(|ms| Some(f64::from(ms))).collect();
        assert_eq!(passed, expected);
    }

    #[test]
    fn as_much_is_lost_as_was_asked_for_one_by_one_or_in_bursts() {
        for (loss, burst) in [(0.05, 1.0), (0.05, 4.0), (0.3, 8.0)] {
            let passed = passed(Conditions { loss, burst, ..Conditions::default() }, 100_000);
            let lost = passed.iter().filter(|fate| fate.is_none()).count() as f64 / 100_000.0;
            assert!((lost / loss - 1.0).abs() < 0.1, "{lost} of {loss}");
            let runs = runs_of_losses(&passed);
            let mean = runs.iter().sum::<usize>() as f64 / runs.len() as f64;
            // Losses one by one still meet: 1 / (1 - loss).
            let wanted = if burst > 1.0 { burst } else { 1.0 / (1.0 - loss) };
            assert!((mean / wanted - 1.0).abs() < 0.1, "{mean} in a row, {wanted} wanted");
        }
    }

    #[test]
    fn a_narrow_network_passes_its_rate_and_drops_what_would_wait_too_long() {
        // 800 kbit/s come, 400 pass: the queue fills up to 50 ms, then every other one is dropped.
        let conditions = Conditions { rate_kbit: 400, queue_ms: 50.0, ..Conditions::default() };
        let passed = passed(conditions, 2_000);
        let arrived: Vec<f64> = passed.iter().flatten().copied().collect();
        for pair in arrived.windows(2) {
            assert!(pair[1] - pair[0] > 1.99, "{pair:?}: 100 bytes take 2 ms");
        }
        let waits = passed.iter().enumerate().filter_map(|(sent, at)| Some((*at)? - sent as f64));
        let longest = waits.fold(0.0, f64::max);
        assert!((50.0..=53.0).contains(&longest), "{longest}");
        assert!((1_000..=1_030).contains(&arrived.len()), "{}", arrived.len());
    }

    #[test]
    fn a_schedule_is_its_seeds_and_each_stream_has_its_own() {
        let conditions = Conditions { loss: 0.5, jitter_ms: 9.0, ..Conditions::default() };
        let fates = |conditions, stream| {
            let (start, mut path) = (Instant::now(), Path::new(conditions, stream));
            let fate = |_| path.pass(start, 100).map(|at| at.duration_since(start));
            (0..64).map(fate).collect::<Vec<_>>()
        };
        assert_eq!(fates(conditions, 0), fates(conditions, 0));
        assert_ne!(fates(conditions, 0), fates(conditions, 1));
        assert_ne!(fates(conditions, 0), fates(Conditions { seed: 2, ..conditions }, 0));
    }

    #[test]
    fn numbers_that_no_network_has_are_refused() {
        let good = Conditions::default();
        assert!(good.check().is_ok());
        for (bad, word) in [
            (Conditions { loss: 1.5, ..good }, "loss"),
            (Conditions { reorder: -0.1, ..good }, "reorder"),
            (Conditions { burst: 0.0, ..good }, "burst"),
            (Conditions { loss: 0.9, burst: 2.0, ..good }, "loss"),
            (Conditions { delay_ms: f64::NAN, ..good }, "delay_ms"),
            (Conditions { queue_ms: -1.0, ..good }, "queue_ms"),
        ] {
            let error = bad.check().expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    proptest! {
        /// Whatever the conditions: nothing arrives before its delay, and only what is reordered is overtaken.
        #[test]
        fn nothing_comes_too_early_nor_out_of_order_unasked(
            loss in 0.0..0.5_f64,
            burst in 1.0..6.0_f64,
            delay_ms in 0.0..300.0_f64,
            jitter_ms in 0.0..100.0_f64,
            rate_kbit in 0..2_000_u32,
            seed: u64,
        ) {
            let conditions =
                Conditions { loss, burst, delay_ms, jitter_ms, rate_kbit, seed, ..Conditions::default() };
            prop_assume!(conditions.check().is_ok());
            let passed = passed(conditions, 300);
            let mut last = 0.0;
            for (sent, at) in passed.iter().enumerate() {
                let Some(at) = at else { continue };
                prop_assert!(*at + 0.001 >= sent as f64 + delay_ms);
                prop_assert!(*at >= last);
                last = *at;
            }
        }
    }

    #[test]
    fn reordered_ones_are_overtaken() {
        let passed = passed(Conditions { reorder: 0.1, ..Conditions::default() }, 10_000);
        let late = passed
            .iter()
            .enumerate()
            .filter(|(sent, at)| at.is_some_and(|at| at - *sent as f64 > 49.0))
            .count();
        assert!((900..1_100).contains(&late), "{late} of 10,000");
    }
}
