//! Newtypes shared by every Palabre crate.
//!
//! An identifier or a name cannot be mistaken for another, and what could point at a person
//! ([`DisplayName`], [`RoomId`]) redacts itself in `Debug`, so that a careless log line stays harmless.

mod gate;
mod name;
mod roles;
mod room_id;
mod time;

pub use gate::{GateEntry, Group};
pub use name::{DisplayName, NameError};
pub use roles::{MediaKind, MediaRights, Role, UnknownRole};
pub use room_id::{RoomId, RoomIdError};
pub use time::{Millis, UnixMillis};

use serde::{Deserialize, Serialize};

/// The most seats a room may have. Raising it costs every page two idle receive sections a seat
/// and every peer connection a larger offer.
pub const MAX_SEATS: u8 = 12;

/// A place in a room, counted from 0; it stays the same for the room's whole life, whoever's
/// connection fills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct Seat(pub u8);

impl Seat {
    /// The seat as an index into a per-seat table.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl std::fmt::Display for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The version of the media rights of a room: it grows with every change, and what carries an
/// older one than was seen is ignored.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One media session of a seat, or one tunnel: a number that a media thread gives once, so that what
/// is told of one that was replaced is not taken for a word about its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaSession(pub u32);

/// A tunnel that was opened, and what goes on beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedTunnel {
    /// The tunnel.
    pub tunnel: MediaSession,
    /// The session that is being set up, or has only just come up: it takes the tunnel's place once media
    /// come by it.
    pub coming: Option<MediaSession>,
}

/// One turn at speaking; never reused in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct TurnId(#[cfg_attr(feature = "ts", ts(type = "number"))] pub u64);

/// The number of an event in its room: consecutive from 1, the same for every receiver.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct EventSeq(#[cfg_attr(feature = "ts", ts(type = "number"))] pub u64);

impl EventSeq {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A language the product speaks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// French.
    #[default]
    Fr,
    /// English.
    En,
}
