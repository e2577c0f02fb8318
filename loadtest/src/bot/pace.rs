//! Whether a bot keeps up with what it was given to send: one that stops in the middle of a run sent a lot,
//! and still is no load.

use std::ops::{AddAssign, Sub};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Less of what it was given than this is too little. Higher: a bot that is looked at just before it sends
/// seems to be behind; lower: a weaker load passes for a whole one.
const LEAST_SHARE: f64 = 0.9;

/// Who is not looked at for longer stood still with its whole process, and makes good for it in the next
/// turn.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// How long bots were given something to send, and how much of that time they did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Given, in milliseconds of all bots together.
    pub given_ms: i64,
    /// Sent, as the time that it takes at its rate.
    pub sent_ms: i64,
}

impl Offered {
    /// The share that was sent; none when nothing was given.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        (self.given_ms > 0).then(|| self.sent_ms as f64 / self.given_ms as f64)
    }
}

impl AddAssign for Offered {
    fn add_assign(&mut self, more: Self) {
        self.given_ms += more.given_ms;
        self.sent_ms += more.sent_ms;
    }
}

impl Sub for Offered {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { given_ms: self.given_ms - before.given_ms, sent_ms: self.sent_ms - before.sent_ms }
    }
}

/// How well one kind of media goes out. Times are in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    looked: Option<Instant>,
    /// Whether it was given at the last look.
    given: bool,
    /// What had been sent by then, as the time that it takes at its rate.
    sent: f64,
    all_given: f64,
    all_sent: f64,
    behind: f64,
    most_behind: f64,
}

impl Pace {
    /// Looks at `now`: what has been sent so far takes `sent` at its rate. A time in which it was not given
    /// throughout asks for nothing.
    pub(super) fn look(&mut self, now: Instant, given: bool, sent: f64) {
        let elapsed = self.looked.replace(now).map(|at| now.saturating_duration_since(at));
        let went_on = std::mem::replace(&mut self.given, given) && given;
        let more = (sent - std::mem::replace(&mut self.sent, sent)).max(0.0);
        let due = elapsed.filter(|_| went_on).unwrap_or_default();
        if went_on {
            self.all_given += due.as_secs_f64();
            self.all_sent += more;
        }
        let due = due.min(LONGEST_LOOK).as_secs_f64() * LEAST_SHARE;
        self.behind = (self.behind + due - more).max(0.0);
        self.most_behind = self.most_behind.max(self.behind);
    }

    /// How far it ever was behind the least share.
    pub(super) fn behind(&self) -> Duration {
        Duration::from_secs_f64(self.most_behind)
    }

    pub(super) fn offered(&self) -> Offered {
        let ms = |seconds: f64| (seconds * 1_000.0) as i64;
        Offered { given_ms: ms(self.all_given), sent_ms: ms(self.all_sent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks five times a second for so many seconds, in each of which so much is sent.
    fn passes(pace: &mut Pace, now: &mut Instant, seconds: u32, given: bool, rate: f64) {
        for _ in 0..seconds * 5 {
            *now += Duration::from_millis(200);
            let sent = pace.sent + rate / 5.0;
            pace.look(*now, given, sent);
        }
    }

    fn behind(parts: &[(u32, bool, f64)]) -> f64 {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        pace.look(now, parts[0].1, 0.0);
        for (seconds, given, rate) in parts {
            passes(&mut pace, &mut now, *seconds, *given, *rate);
        }
        pace.behind().as_secs_f64()
    }

    #[test]
    fn who_stops_is_behind_however_much_was_sent_before() {
        assert!(behind(&[(8 * 3_600, true, 1.0)]) < 0.1);
        assert!(behind(&[(8 * 3_600, true, 1.0), (10, true, 0.0)]) > 8.0);
        assert!(behind(&[(60, true, 0.95)]) < 0.1, "a share that is enough");
        assert!(behind(&[(60, true, 0.8)]) > 5.0, "a share that is not");
    }

    #[test]
    fn who_is_given_nothing_is_not_behind() {
        assert!(behind(&[(60, false, 0.0), (60, true, 1.0), (60, false, 0.0)]) < 0.2);
    }

    #[test]
    fn a_process_that_stood_still_makes_good_for_it() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.look(now, true, 0.0);
        pace.look(now + Duration::from_secs(20), true, 0.0);
        pace.look(now + Duration::from_millis(20_200), true, 20.0);
        assert!(pace.behind() < Duration::from_secs(1));
        assert_eq!(pace.offered(), Offered { given_ms: 20_200, sent_ms: 20_000 });
    }
}
