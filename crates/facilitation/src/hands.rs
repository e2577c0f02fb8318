//! The one order of hands.

use palabre_ids::{Millis, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::Part;

/// A raised hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hand {
    /// Whose.
    pub seat: Seat,
    /// Since when.
    pub since: UnixMillis,
    /// The turn to go on with, when a drop cut one short.
    pub resume: Option<Resume>,
    /// Where it belongs among the others; the lower comes first.
    rank: u32,
    /// How many hands that were raised later went before it.
    overtaken: u32,
}

/// What is left of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// How long.
    pub remaining: Millis,
    /// Of what part.
    pub part: Part,
    /// Of a turn that this step of the phase gave.
    pub(crate) step: usize,
}

/// The hands, one a seat at most. Two hands never change places: a new one goes behind everyone of
/// no higher rank, and a turn that was cut short goes before them all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hands(Vec<Hand>);

impl Hands {
    /// The hands in order.
    pub fn iter(&self) -> impl Iterator<Item = &Hand> {
        self.0.iter()
    }

    /// Whether the seat's hand is up.
    #[must_use]
    pub fn contains(&self, seat: Seat) -> bool {
        self.0.iter().any(|hand| hand.seat == seat)
    }

    /// Raises a hand that is not up yet. It goes before hands of a higher rank, but before none that
    /// was overtaken `patience` times: whoever waits is let in.
    pub(crate) fn raise(&mut self, seat: Seat, since: UnixMillis, rank: u32, patience: u32) {
        if self.contains(seat) {
            return;
        }
        let yields =
            |hand: &Hand| hand.resume.is_none() && hand.rank > rank && hand.overtaken < patience;
        let index = self.0.iter().rposition(|hand| !yields(hand)).map_or(0, |last| last + 1);
        for hand in &mut self.0[index..] {
            hand.overtaken = hand.overtaken.saturating_add(1);
        }
        self.0.insert(index, Hand { seat, since, resume: None, rank, overtaken: 0 });
    }

    /// Keeps what is left of a turn, before every raised hand and behind what is kept already.
    pub(crate) fn keep(&mut self, seat: Seat, since: UnixMillis, resume: Resume) {
        self.put_first(Hand { seat, since, resume: Some(resume), rank: 0, overtaken: 0 });
    }

    /// Raises a hand before every other one, but behind turns that were cut short.
    pub(crate) fn raise_first(&mut self, seat: Seat, since: UnixMillis) {
        self.put_first(Hand { seat, since, resume: None, rank: 0, overtaken: u32::MAX });
    }

    fn put_first(&mut self, hand: Hand) {
        self.lower(hand.seat);
        let index = self.0.iter().position(|hand| hand.resume.is_none()).unwrap_or(self.0.len());
        self.0.insert(index, hand);
    }

    /// Lowers a hand.
    pub(crate) fn lower(&mut self, seat: Seat) -> Option<Hand> {
        let index = self.0.iter().position(|hand| hand.seat == seat)?;
        Some(self.0.remove(index))
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Hand) -> bool) {
        self.0.retain(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(hands: &Hands) -> Vec<u8> {
        hands.iter().map(|hand| hand.seat.0).collect()
    }

    #[test]
    fn a_second_turn_comes_after_every_first_one() {
        let mut hands = Hands::default();
        hands.raise(Seat(1), UnixMillis(1), 1, u32::MAX);
        hands.raise(Seat(2), UnixMillis(2), 0, u32::MAX);
        hands.raise(Seat(3), UnixMillis(3), 0, u32::MAX);
        hands.raise(Seat(4), UnixMillis(4), 1, u32::MAX);
        hands.raise(Seat(2), UnixMillis(5), 0, u32::MAX);
        assert_eq!(order(&hands), [2, 3, 1, 4]);
    }

    #[test]
    fn a_turn_cut_short_comes_first() {
        let mut hands = Hands::default();
        let resume = Resume { remaining: Millis(5), part: Part::Speak, step: 0 };
        hands.raise(Seat(1), UnixMillis(1), 0, u32::MAX);
        hands.keep(Seat(2), UnixMillis(2), resume);
        hands.keep(Seat(3), UnixMillis(3), resume);
        hands.raise(Seat(4), UnixMillis(4), 0, u32::MAX);
        assert_eq!(order(&hands), [2, 3, 1, 4]);
    }

    #[test]
    fn whoever_waits_is_overtaken_three_times_at_most() {
        let mut hands = Hands::default();
        hands.raise(Seat(9), UnixMillis(0), 900, 3);
        for seat in 1..=5 {
            hands.raise(Seat(seat), UnixMillis(u64::from(seat)), 100, 3);
        }
        assert_eq!(order(&hands), [1, 2, 3, 9, 4, 5]);
        // Those behind are overtaken on their own account.
        hands.raise(Seat(6), UnixMillis(6), 50, 3);
        assert_eq!(order(&hands), [1, 2, 3, 9, 6, 4, 5]);
    }

    #[test]
    fn a_place_kept_is_not_overtaken() {
        let mut hands = Hands::default();
        hands.raise(Seat(1), UnixMillis(1), 5, 3);
        hands.raise_first(Seat(2), UnixMillis(2));
        hands.raise(Seat(3), UnixMillis(3), 0, 3);
        assert_eq!(order(&hands), [2, 3, 1]);
    }
}
