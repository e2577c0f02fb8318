//! How often a receiver is answered when it asks for packets again.

use std::time::{Duration, Instant};

use crate::media::sequence::Index;

/// Answers per second to one receiver. More repairs a worse path; it is also how far a hostile
/// receiver can make us send.
const PER_SECOND: u32 = 300;
/// Answers at once after a quiet second.
const BURST: u32 = 150;
/// The least time between two answers for one packet, however short the round trip.
const LEAST_PAUSE: Duration = Duration::from_millis(15);
const RECENT: usize = 128;

/// The budget of one slot of a receiver.
pub struct ResendBudget {
    tokens: u32,
    refilled: Option<Instant>,
    recent: [Option<(Index, Instant)>; RECENT],
}

impl Default for ResendBudget {
    fn default() -> Self {
        Self { tokens: BURST, refilled: None, recent: [None; RECENT] }
    }
}

impl ResendBudget {
    /// Whether the packet `index` may be sent again now; it counts as sent then.
    pub fn take(&mut self, now: Instant, index: Index, round_trip: Duration) -> bool {
        self.refill(now);
        let recent = &mut self.recent[index.0 as usize % RECENT];
        let pause = round_trip.max(LEAST_PAUSE);
        let soon = recent.is_some_and(|(i, at)| i == index && now < at + pause);
        if soon || self.tokens == 0 {
            return false;
        }
        self.tokens -= 1;
        *recent = Some((index, now));
        true
    }

    /// Whether nothing is left for now.
    pub fn is_empty(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens == 0
    }

    fn refill(&mut self, now: Instant) {
        let Some(refilled) = self.refilled else {
            self.refilled = Some(now);
            return;
        };
        let micros = now.saturating_duration_since(refilled).as_micros().min(1_000_000) as u32;
        let earned = micros / (1_000_000 / PER_SECOND);
        if earned > 0 {
            self.tokens = (self.tokens + earned).min(BURST);
            self.refilled = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_once_per_round_trip() {
        let mut budget = ResendBudget::default();
        let start = Instant::now();
        let trip = Duration::from_millis(40);
        assert!(budget.take(start, Index(7), trip));
        assert!(!budget.take(start + Duration::from_millis(39), Index(7), trip));
        assert!(budget.take(start + Duration::from_millis(39), Index(8), trip));
        assert!(budget.take(start + Duration::from_millis(40), Index(7), trip));
    }

    #[test]
    fn a_flood_gets_the_budget_and_no_more() {
        let mut budget = ResendBudget::default();
        let start = Instant::now();
        let mut answered = 0;
        for n in 0..200_000_u64 {
            let now = start + Duration::from_micros(n * 10);
            answered += u32::from(budget.take(now, Index(n), Duration::ZERO));
        }
        assert!((BURST..=BURST + 2 * PER_SECOND + 2).contains(&answered), "{answered}");
    }
}
