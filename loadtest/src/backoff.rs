//! When a page tries again to reach the server: the policy of the page (`backoff.ts`), so that bots that
//! lost a server come back as a crowd of pages does.

use std::time::Duration;

/// How long an attempt may take before it is given up.
pub const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// So long without a word from the server is a loss.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(6);

/// The longest pause that a closing server can ask for.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pause after `flooding`, and after `full`.
pub const TURNED_AWAY_PAUSE: Duration = Duration::from_secs(5);

/// Pages that neither speak nor conduct leave for their first attempt within this.
const SPREAD: Duration = Duration::from_millis(200);

/// From one attempt to the next, for who has been away for less than the first.
const PACE: [(Duration, Duration); 3] = [
    (Duration::from_secs(2), Duration::from_millis(200)),
    (Duration::from_secs(20), Duration::from_millis(500)),
    (Duration::from_secs(60), Duration::from_secs(1)),
];

/// The same, for who has been away for longer.
const SLOWEST: Duration = Duration::from_secs(3);

/// The delay before the `attempt`th attempt (from 1), `away` after the loss. `jitter` in [0, 1)
/// spreads pages that lost the server together; `first` is who speaks or conducts.
#[must_use]
pub fn delay(attempt: u32, away: Duration, jitter: f64, first: bool) -> Duration {
    if attempt <= 1 {
        return if first { Duration::ZERO } else { SPREAD.mul_f64(jitter) };
    }
    let pace = PACE.iter().find(|(until, _)| away < *until).map_or(SLOWEST, |(_, pause)| *pause);
    pace.mul_f64(if first { 0.5 } else { 0.75 + 0.5 * jitter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delays_are_the_pages_own() {
        let ms = |attempt, away_s, jitter, first| {
            delay(attempt, Duration::from_secs(away_s), jitter, first).as_millis()
        };
        assert_eq!((ms(1, 0, 0.5, true), ms(1, 0, 0.5, false)), (0, 100));
        assert_eq!((ms(2, 0, 0.0, false), ms(2, 1, 0.5, false)), (150, 200));
        assert_eq!((ms(2, 2, 0.0, false), ms(2, 2, 0.5, false)), (375, 500));
        assert_eq!((ms(2, 19, 0.9, true), ms(9, 20, 0.5, false)), (250, 1_000));
        assert_eq!((ms(99, 60, 0.5, false), ms(99, 3_600, 0.5, true)), (3_000, 1_500));
    }
}
