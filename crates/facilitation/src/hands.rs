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
    /// How many turns its person had in this phase when it went up.
    turns_had: u32,
}

/// What is left of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// How long.
    pub remaining: Millis,
    /// Of what part.
    pub part: Part,
}

/// The hands, one a seat at most. Two hands never change places: a new one goes behind everyone who
/// had no more turns than its person, and a turn that was cut short goes before them all.
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

    /// Raises a hand that is not up yet.
    pub(crate) fn raise(&mut self, seat: Seat, since: UnixMillis, turns_had: u32) {
        if self.contains(seat) {
            return;
        }
        let behind = |hand: &Hand| hand.resume.is_some() || hand.turns_had <= turns_had;
        let index = self.0.iter().position(|hand| !behind(hand)).unwrap_or(self.0.len());
        self.0.insert(index, Hand { seat, since, resume: None, turns_had });
    }

    /// Keeps what is left of a turn, before every raised hand and behind what is kept already.
    pub(crate) fn keep(&mut self, seat: Seat, since: UnixMillis, resume: Resume) {
        self.lower(seat);
        let index = self.0.iter().position(|hand| hand.resume.is_none()).unwrap_or(self.0.len());
        self.0.insert(index, Hand { seat, since, resume: Some(resume), turns_had: 0 });
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
        hands.raise(Seat(1), UnixMillis(1), 1);
        hands.raise(Seat(2), UnixMillis(2), 0);
        hands.raise(Seat(3), UnixMillis(3), 0);
        hands.raise(Seat(4), UnixMillis(4), 1);
        hands.raise(Seat(2), UnixMillis(5), 0);
        assert_eq!(order(&hands), [2, 3, 1, 4]);
    }

    #[test]
    fn a_turn_cut_short_comes_first() {
        let mut hands = Hands::default();
        let resume = Resume { remaining: Millis(5), part: Part::Speak };
        hands.raise(Seat(1), UnixMillis(1), 0);
        hands.keep(Seat(2), UnixMillis(2), resume);
        hands.keep(Seat(3), UnixMillis(3), resume);
        hands.raise(Seat(4), UnixMillis(4), 0);
        assert_eq!(order(&hands), [2, 3, 1, 4]);
    }
}
