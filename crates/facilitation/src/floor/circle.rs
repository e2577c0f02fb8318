//! The circle of an open floor with few seats: those in it speak, others wait for a seat.

use palabre_ids::{Millis, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

/// Who is in the circle, the longest there first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Circle(Vec<Place>);

/// Somebody's place in the circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    seat: Seat,
    /// While they are away: since when, and until when the place is kept.
    away: Option<(UnixMillis, Option<UnixMillis>)>,
    /// For how long it will still be kept, however often they drop.
    hold_left: Millis,
}

impl Circle {
    pub(super) fn seats(&self) -> impl Iterator<Item = Seat> {
        self.0.iter().map(|place| place.seat)
    }

    pub(super) fn contains(&self, seat: Seat) -> bool {
        self.seats().any(|other| other == seat)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn enter(&mut self, seat: Seat, hold: Millis) {
        if !self.contains(seat) {
            self.0.push(Place { seat, away: None, hold_left: hold });
        }
    }

    /// Says whether they were in it.
    pub(super) fn leave(&mut self, seat: Seat) -> bool {
        let before = self.0.len();
        self.0.retain(|place| place.seat != seat);
        self.0.len() < before
    }

    pub(super) fn longest(&self) -> Option<Seat> {
        self.seats().next()
    }

    pub(super) fn retain(&mut self, keep: impl Fn(Seat) -> bool) {
        self.0.retain(|place| keep(place.seat));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// They are away since `since`. With `kept` something greater keeps their place.
    pub(super) fn hold(&mut self, seat: Seat, since: UnixMillis, kept: bool) {
        if let Some(place) = self.0.iter_mut().find(|place| place.seat == seat) {
            place.away = Some((since, (!kept).then(|| since + place.hold_left)));
        }
    }

    /// They are back.
    pub(super) fn unhold(&mut self, seat: Seat, now: UnixMillis) {
        if let Some(place) = self.0.iter_mut().find(|place| place.seat == seat)
            && let Some((since, Some(_))) = place.away.take()
        {
            place.hold_left = place.hold_left.saturating_sub(now.since(since));
        }
    }

    /// When the next place is kept no longer.
    pub(super) fn next_timer(&self) -> Option<UnixMillis> {
        self.0.iter().filter_map(|place| place.away.and_then(|(_, until)| until)).min()
    }

    /// Takes the places out that are kept no longer at `now`.
    pub(super) fn let_go(&mut self, now: UnixMillis) -> Vec<Seat> {
        let gone = |place: &Place| {
            place.away.is_some_and(|(_, until)| until.is_some_and(|until| until <= now))
        };
        let seats = self.0.iter().filter(|place| gone(place)).map(|place| place.seat).collect();
        self.0.retain(|place| !gone(place));
        seats
    }

    /// Takes the place of somebody out who is away; says whether there was one.
    pub(super) fn let_go_of(&mut self, seat: Seat) -> bool {
        let away = self.0.iter().any(|place| place.seat == seat && place.away.is_some());
        away && self.leave(seat)
    }
}
