//! What a room answers.

use palabre_ids::{Epoch, GateEntry, Seat};
use palabre_vocabulary::{ChatLine, EntryId};

/// What follows from an input, in the order in which it must be carried out.
pub type Effects = Vec<Effect>;

/// Something that must be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The media plane's table is replaced. A change that takes from one and gives to another comes
    /// as two: first without the old, then with the new.
    Rights(GateChange),
    /// A part of the view has a new value: read it and tell everyone.
    Changed(Part),
    /// What somebody alone is shown has a new value: read [`crate::Room::personal`] and tell them.
    Personal(Seat),
    /// A line of chat.
    Chat(ChatLine),
    /// Somebody says they cannot hear.
    CannotHear {
        /// Who.
        seat: Seat,
    },
    /// The client says the group has left the contract.
    OutOfContract {
        /// Who said so.
        seat: Seat,
    },
    /// The session is over for everyone. The record can be read until [`Effect::Erase`].
    Ended,
    /// Nothing is left of the session in the room: its journal must be destroyed, with everything
    /// that was written in it.
    Erase,
}

/// The whole table of who may send what to whom: muted microphones are closed in it, and the screen
/// is open for the seat that shares alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateChange {
    /// Grows with every change.
    pub epoch: Epoch,
    /// One entry for each seat, ascending.
    pub table: Vec<GateEntry>,
}

/// A part of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A person: [`crate::Room::person`].
    Person(Seat),
    /// [`crate::Room::phase`].
    Phase,
    /// [`crate::Room::floor`].
    Floor,
    /// [`crate::Room::state`].
    State,
    /// [`crate::Room::votes`].
    Votes,
    /// An entry of the record: [`crate::Room::entry`]; gone when there is none.
    Entry(EntryId),
}
