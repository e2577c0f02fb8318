//! What is made of the measurements: medians, spreads, ratios, and whether the work was the same.

use std::time::Duration;

/// Two servers' numbers of forwarded packets may differ by so much, or they did not do the same.
const TOLERANCE: f64 = 0.02;

/// One server under one load, once.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Processor time of the server's process.
    pub(crate) busy: Duration,
    /// How long it took.
    pub(crate) time: Duration,
    /// The clients' own processor time.
    pub(crate) clients: Duration,
    /// Packets that the clients sent.
    pub(crate) sent: u64,
    /// Packets that they should have received.
    pub(crate) expected: u64,
    /// Packets that they received.
    pub(crate) received: u64,
    /// Packets that the server says it forwarded.
    pub(crate) forwarded: u64,
    /// Retransmissions received.
    pub(crate) rtx: u64,
    /// Compounds of RTCP received.
    pub(crate) compounds: u64,
    /// Packets that the server missed from the clients, as it says.
    pub(crate) nacks: u64,
    /// Latencies, sorted.
    pub(crate) latencies: Vec<Duration>,
    /// How long each took to join, from their first packet to the end of the handshake: sorted.
    pub(crate) joins: Vec<Duration>,
    /// The server's memory, in bytes.
    pub(crate) resident: u64,
    /// What was agreed for media that are sent, and for media that are received.
    pub(crate) terms: [String; 2],
}

impl Run {
    /// Microseconds of the server's processor for each packet that reached a client.
    pub(crate) fn cost(&self) -> f64 {
        self.busy.as_secs_f64() * 1e6 / self.received.max(1) as f64
    }

    /// The share of the packets that did not arrive.
    pub(crate) fn loss(&self) -> f64 {
        1.0 - self.received as f64 / self.expected.max(1) as f64
    }

    /// Milliseconds below which a share of the latencies lie.
    pub(crate) fn latency(&self, quantile: f64) -> f64 {
        millis(&self.latencies, quantile)
    }

    /// Milliseconds in which a share of the people had joined.
    pub(crate) fn join(&self, quantile: f64) -> f64 {
        millis(&self.joins, quantile)
    }

    /// The share of its processor that the server used.
    pub(crate) fn share(&self) -> f64 {
        self.busy.as_secs_f64() / self.time.as_secs_f64()
    }

    /// The share of theirs that the clients used.
    pub(crate) fn clients_share(&self) -> f64 {
        self.clients.as_secs_f64() / self.time.as_secs_f64()
    }

    /// What is wrong with it by itself: what the server says it sent is what came.
    pub(crate) fn doubts(&self) -> Option<String> {
        (!alike(self.forwarded, self.received))
            .then(|| format!("{} packets came, the server says {}", self.received, self.forwarded))
    }
}

/// The milliseconds of sorted times below which a share of them lie.
fn millis(sorted: &[Duration], quantile: f64) -> f64 {
    let at = (sorted.len() as f64 * quantile) as usize;
    let at = at.min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

fn alike(one: u64, other: u64) -> bool {
    one.abs_diff(other) as f64 <= TOLERANCE * one.max(other) as f64
}

/// What differs between runs that should have been the same work.
pub(crate) fn unequal(runs: &[(&str, &Run)]) -> Option<String> {
    let (least, few) = runs.iter().min_by_key(|(_, run)| run.received)?;
    let (most, many) = runs.iter().max_by_key(|(_, run)| run.received)?;
    (!alike(few.received, many.received)).then(|| {
        format!(
            "not the same work: {} packets through {most}, {} through {least}",
            many.received, few.received
        )
    })
}

/// A median, and what lies outermost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of some numbers; none of nothing.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (least, most) = (*numbers.first()?, *numbers.last()?);
        let middle = numbers.len() / 2;
        let median = if numbers.len().is_multiple_of(2) {
            f64::midpoint(numbers[middle - 1], numbers[middle])
        } else {
            numbers[middle]
        };
        Some(Self { median, least, most })
    }
}

/// How many times `ours` fits into `theirs`, repeat by repeat.
pub(crate) fn ratios(theirs: &[Run], ours: &[Run], pick: impl Fn(&Run) -> f64) -> Option<Spread> {
    Spread::of(theirs.iter().zip(ours).map(|(theirs, ours)| pick(theirs) / pick(ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(busy_micros: u64, received: u64) -> Run {
        Run {
            busy: Duration::from_micros(busy_micros),
            time: Duration::from_secs(2),
            clients: Duration::from_secs(1),
            sent: 100,
            expected: 1_000,
            received,
            forwarded: received,
            rtx: 0,
            compounds: 0,
            nacks: 0,
            latencies: (1..=100).map(Duration::from_millis).collect(),
            joins: (1..=8).map(Duration::from_millis).collect(),
            resident: 0,
            terms: Default::default(),
        }
    }

    #[test]
    fn figures_are_by_packet_received() {
        let run = run(5_000, 950);
        assert!((run.cost() - 5_000.0 / 950.0).abs() < 1e-9);
        assert!((run.loss() - 0.05).abs() < 1e-9);
        assert!((run.share() - 0.0025).abs() < 1e-9);
        let quantiles = [0.5, 0.95, 0.99, 1.0].map(|quantile| run.latency(quantile));
        assert_eq!(quantiles, [51.0, 96.0, 100.0, 100.0]);
        assert_eq!([run.join(0.5), run.join(0.95)], [5.0, 8.0]);
        assert!(Run { latencies: Vec::new(), ..run }.latency(0.5).is_nan());
    }

    #[test]
    fn work_that_differs_by_more_than_two_percent_is_told() {
        let (all, nearly, fewer) = (run(1, 1_000), run(1, 980), run(1, 979));
        assert_eq!(unequal(&[("a", &all), ("b", &nearly)]), None);
        let told = unequal(&[("a", &all), ("b", &fewer)]).expect("told");
        assert!(told.contains("1000 packets through a, 979 through b"), "{told}");
        assert_eq!(unequal(&[]), None);
        assert_eq!(all.doubts(), None);
        assert!(Run { forwarded: 900, ..all }.doubts().is_some());
    }

    #[test]
    fn a_spread_is_of_any_number_of_numbers() {
        assert_eq!(Spread::of([]), None);
        let one = Spread { median: 3.0, least: 3.0, most: 3.0 };
        assert_eq!(Spread::of([3.0]), Some(one));
        let odd = Spread { median: 2.0, least: 1.0, most: 9.0 };
        assert_eq!(Spread::of([9.0, 1.0, 2.0]), Some(odd));
        assert_eq!(Spread::of([9.0, 1.0, 2.0, 3.0]).map(|spread| spread.median), Some(2.5));
    }

    #[test]
    fn ratios_are_taken_within_a_repeat() {
        // The machine was twice as slow in the second repeat, for both.
        let theirs = [run(4_000, 1_000), run(8_000, 1_000)];
        let ours = [run(1_000, 1_000), run(2_000, 1_000)];
        let spread = ratios(&theirs, &ours, Run::cost).expect("two of each");
        assert_eq!((spread.least, spread.median, spread.most), (4.0, 4.0, 4.0));
    }
}
