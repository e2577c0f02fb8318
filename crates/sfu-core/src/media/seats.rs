//! Sets of seats.

use palabre_ids::{MAX_SEATS, Seat};

/// Seats of one room, one bit each; a seat that no room has is never in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeatSet(u16);

const _: () = assert!(MAX_SEATS as u32 <= u16::BITS, "a bit for each seat");

impl SeatSet {
    /// Puts a seat in.
    pub fn add(&mut self, seat: Seat) {
        if seat.0 < MAX_SEATS {
            self.0 |= 1 << seat.0;
        }
    }

    /// Whether a seat is in it.
    #[must_use]
    pub fn has(self, seat: Seat) -> bool {
        u32::from(self.0).wrapping_shr(u32::from(seat.0)) & 1 == 1 && seat.0 < MAX_SEATS
    }

    /// Both sets.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every seat of it is in `other`.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Its seats, ascending.
    pub fn iter(self) -> impl Iterator<Item = Seat> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = u8::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
            left &= left - 1;
            Some(Seat(next))
        })
    }
}
