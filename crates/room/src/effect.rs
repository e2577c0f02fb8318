//! What a room answers.

use palabre_ids::{Epoch, GateEntry, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

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
    /// The session is over for everyone.
    Ended,
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
}

/// A line of chat.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatLine {
    /// Who wrote it.
    pub seat: Seat,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub text: String,
}

impl std::fmt::Debug for ChatLine {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatLine").field("seat", &self.seat).finish_non_exhaustive()
    }
}

/// Why an input was not carried out; the same names as on the wire. The room is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Only whoever holds the chair may.
    #[error("only whoever holds the chair may")]
    NotFacilitator,
    /// The seat does not hold the floor.
    #[error("the seat does not hold the floor")]
    NotYourTurn,
    /// Not in this phase, or not for this role in it.
    #[error("not in this phase")]
    NotInThisPhase,
    /// The hand is up, or the floor is held, already.
    #[error("already asked")]
    AlreadyAsked,
    /// No hand is up.
    #[error("no hand is up")]
    NothingToCancel,
    /// That seat does not exist or has nobody in it.
    #[error("no such seat")]
    NoSuchSeat,
    /// That person cannot now: their role, or they are away.
    #[error("not eligible")]
    NotEligible,
    /// The session has not started.
    #[error("not started")]
    NotStarted,
    /// The session is over.
    #[error("ended")]
    Ended,
    /// There is no next (or previous) phase.
    #[error("no such phase")]
    NoSuchPhase,
    /// It is so already.
    #[error("no change")]
    NoChange,
    /// The phase has reached the most it may last.
    #[error("at the maximum")]
    AtMaximum,
    /// The next phase waits for something first.
    #[error("the gate is closed")]
    GateClosed,
    /// Chat is off while someone holds the floor.
    #[error("chat is off")]
    ChatOff,
    /// The text is empty or too long, or holds control characters.
    #[error("bad text")]
    BadText,
    /// Somebody else shares their screen.
    #[error("the screen is taken")]
    ScreenTaken,
    /// A number is out of its range.
    #[error("out of range")]
    OutOfRange,
}
