//! Whether a long run ends as it began: a server that leaks memory, or slows down, does so slowly.

use super::report::Assertion;
use super::series::Second;
use crate::samples::Samples;

/// The server's memory may grow by a tenth, and by this many MiB, from the beginning to the end.
const GROWTH: f64 = 1.1;
const GROWTH_MIB: f64 = 8.0;

/// The median of latency may become half as long again, and this much longer, in milliseconds. Rarer
/// values are other work's on the machine as much as the server's: the report's plots show them.
const SLOWER: f64 = 1.5;
const SLOWER_MS: f64 = 2.0;

/// Compares the last tenth of a run with the tenth that follows its first: in the first, rooms open.
pub(super) fn judge(series: &[Second]) -> Vec<Assertion> {
    let tenth = series.len() / 10;
    if tenth == 0 {
        return vec![Assertion {
            what: "a soak is long enough to tell its end from its beginning".to_owned(),
            held: false,
            found: format!("{} seconds", series.len()),
        }];
    }
    let (early, late) = (&series[tenth..2 * tenth], &series[series.len() - tenth..]);
    let mut judged = Vec::new();
    let mut add = |what: &str,
                   unit: &str,
                   (before, after): (Option<f64>, Option<f64>),
                   most: &dyn Fn(f64) -> f64| {
        let says = |value: Option<f64>| {
            value
                .map_or_else(|| "nothing measured".to_owned(), |value| format!("{value:.1} {unit}"))
        };
        judged.push(Assertion {
            what: what.to_owned(),
            held: before.zip(after).is_some_and(|(before, after)| after <= most(before)),
            found: format!("{}, then {}", says(before), says(after)),
        });
    };
    add(
        "the server's memory does not grow (a tenth and 8 MiB at most)",
        "MiB",
        (memory(early), memory(late)),
        &|before| before * GROWTH + GROWTH_MIB,
    );
    add(
        "sound is not later in the end (half as late again and 2 ms at most, the median)",
        "ms",
        (latency(early), latency(late)),
        &|before| before * SLOWER + SLOWER_MS,
    );
    judged
}

/// In MiB, on average.
fn memory(seconds: &[Second]) -> Option<f64> {
    let all: Vec<f64> = seconds
        .iter()
        .filter_map(|second| Some(second.server_rss_bytes? as f64 / 1_048_576.0))
        .collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// The median, in milliseconds.
fn latency(seconds: &[Second]) -> Option<f64> {
    let mut all = Samples::default();
    seconds.iter().for_each(|second| all.merge(&second.audio_latency_ms));
    (all.count() > 0).then(|| all.percentile(50.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(series: &[Second]) -> usize {
        judge(series).iter().filter(|assertion| !assertion.held).count()
    }

    fn run(rss: fn(u64) -> u64, latency: fn(u64) -> f64) -> Vec<Second> {
        let second = |at| Second {
            at,
            server_rss_bytes: Some(rss(at)),
            audio_latency_ms: [latency(at)].into_iter().collect(),
            ..Second::default()
        };
        (0..100).map(second).collect()
    }

    #[test]
    fn growth_and_slowing_down_are_found() {
        assert_eq!(failed(&run(|_| 100 << 20, |_| 3.0)), 0);
        assert_eq!(failed(&run(|at| (100 + at) << 20, |_| 3.0)), 1);
        assert_eq!(failed(&run(|_| 100 << 20, |at| 3.0 + at as f64 / 5.0)), 1);
    }

    #[test]
    fn what_was_not_measured_at_both_ends_does_not_hold() {
        let well = || run(|_| 100 << 20, |_| 3.0);
        let (mut silent, mut unread) = (well(), well());
        silent[50..].iter_mut().for_each(|second| second.audio_latency_ms = Samples::default());
        unread.iter_mut().for_each(|second| second.server_rss_bytes = None);
        assert_eq!((failed(&silent), failed(&unread)), (1, 1));
    }

    #[test]
    fn what_happens_while_rooms_open_is_no_drift() {
        assert_eq!(failed(&run(|at| if at < 8 { 10 << 20 } else { 100 << 20 }, |_| 3.0)), 0);
    }

    #[test]
    fn a_run_that_is_too_short_proves_nothing() {
        assert_eq!(failed(&[]), 1);
    }
}
