//! What happened in a room.

use palabre_ids::{EventSeq, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use palabre_vocabulary::{
    ChatLine, Entry, EntryId, FloorView, PersonView, PhaseView, StateView, VotesView,
};

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
    Person(Box<PersonView>),
    /// Replaces `RoomView::phase`.
    Phase(PhaseView),
    /// Replaces `RoomView::floor`.
    Floor(FloorView),
    /// Replaces `RoomView::state`.
    State(StateView),
    /// Replaces `RoomView::votes`.
    Votes(VotesView),
    /// Adds an entry to `RoomView::entries`, or replaces the one of the same id.
    Entry(Entry),
    /// Takes an entry out of `RoomView::entries`.
    EntryRemoved {
        /// Which.
        id: EntryId,
    },
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
