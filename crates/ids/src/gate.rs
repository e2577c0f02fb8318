//! An entry of the gate: what a seat may send, and to whom.

use serde::{Deserialize, Serialize};

use crate::{MediaRights, Seat};

/// The breakout group that a seat is in. Media pass between seats of one group alone.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct Group(pub u8);

impl Group {
    /// The whole room together.
    pub const PLENARY: Self = Self(0);
}

/// What one seat may send, and the group it sends to and receives from. A table has one for each
/// seat of the room; a seat that is left out may send nothing and is in the plenary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GateEntry {
    /// Whose.
    pub seat: Seat,
    /// What it may send.
    pub rights: MediaRights,
    /// Who sends to it, and whom it sends to.
    pub group: Group,
}
