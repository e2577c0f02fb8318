//! What happened in a room.

use palabre_ids::{EventSeq, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::{FloorView, Person, PhaseView, RoomState};

/// A numbered change of the room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Event {
    /// Consecutive in the room, the same for everyone.
    pub seq: EventSeq,
    /// When, by the server's clock.
    pub at: UnixMillis,
    /// What.
    pub event: RoomEvent,
}

/// One part of the room's view, whole and new; or something said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum RoomEvent {
    /// Replaces the person of the same seat in `RoomView::people`.
    Person(Box<Person>),
    /// Replaces `RoomView::phase`.
    Phase(PhaseView),
    /// Replaces `RoomView::floor`.
    Floor(FloorView),
    /// Replaces `RoomView::state`.
    State(RoomState),
    /// A line of chat.
    Chat(ChatLine),
    /// Somebody says they cannot hear.
    CannotHear {
        /// Who.
        seat: Seat,
    },
    /// In consultation: the client says the group has left the contract.
    OutOfContract {
        /// Who said so.
        seat: Seat,
    },
}

/// A line of chat.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ChatLine {
    /// Who wrote it.
    pub seat: Seat,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub text: String,
}

impl std::fmt::Debug for ChatLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatLine").field("seat", &self.seat).finish_non_exhaustive()
    }
}
