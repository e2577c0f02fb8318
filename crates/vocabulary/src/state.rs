//! What concerns everybody at once.

use palabre_ids::{Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::RecordFate;

/// What concerns everybody at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct StateView {
    /// Who shares a screen: the last receive slot shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub screen: Option<Seat>,
    /// Who holds the chair; nobody while the room runs by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub chair: Option<Seat>,
    /// Who was named to take the chair if its holder drops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub backup: Option<Seat>,
    /// Why the clocks stand, when they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub pause: Option<Pause>,
    /// The client is away and the group goes on in writing.
    pub in_writing: bool,
    /// Nobody holds the chair: the timers advance the phases, and the group may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub autopilot: Option<AutopilotView>,
    /// The loss of the client is being played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub drill: Option<Drill>,
    /// What becomes of the record.
    pub record: RecordFate,
}

/// Why the clocks stand; the weightiest reason when there are several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Pause {
    /// The chair stopped them.
    ByChair,
    /// The client dropped.
    ForClient {
        /// Their seat.
        seat: Seat,
        /// Until when their floor is held; absent when it is held no longer and the facilitator chooses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        until: Option<UnixMillis>,
    },
    /// The server was down, or everybody was away: the room waits for its people.
    ForEverybody {
        /// Until when; absent while nobody is back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        until: Option<UnixMillis>,
    },
}

/// The room runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct AutopilotView {
    /// Who wants to go on to the next phase.
    pub wanted_by: Vec<Seat>,
    /// How many it takes.
    pub needed: u8,
}

/// A drill: the loss of the client is played, nobody is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Drill {
    /// Who plays the part of the one who is lost.
    pub seat: Seat,
    /// Since when.
    pub since: UnixMillis,
    /// When their return is played.
    pub back_at: UnixMillis,
    /// When it ends by itself.
    pub until: UnixMillis,
}
