//! Who is in the room.

use palabre_ids::{DisplayName, Role, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

/// A person and their seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PersonView {
    /// Their seat.
    pub seat: Seat,
    /// Their name, for the screen.
    pub name: DisplayName,
    /// Their part.
    pub role: Role,
    /// Whether they are an expert of the subject: they speak last, within the expert's limit, and are
    /// not called on unasked.
    pub expert: bool,
    /// Whether they are here.
    pub presence: Presence,
    /// Whether they muted their microphone.
    pub muted: bool,
    /// Whether their camera is on.
    pub camera: bool,
    /// Whether they hold the chair: the facilitator's rights.
    pub chair: bool,
}

/// Whether a person is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "presence", rename_all = "snake_case")]
pub enum Presence {
    /// The link has not been opened yet.
    Expected,
    /// Came while somebody holds the floor: they see and hear, and enter when this turn ends.
    Entering,
    /// Here.
    Here,
    /// Dropped; the place is kept.
    Away {
        /// Since when.
        since: UnixMillis,
        /// Until when the place (turn, chair, client's clock) is held, if something is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        held_until: Option<UnixMillis>,
    },
    /// Left by their own wish; the link still works.
    Left,
}
