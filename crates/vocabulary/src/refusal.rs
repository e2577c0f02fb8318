//! Why something is refused. Codes only: the page has the words, in the person's language.

use serde::{Deserialize, Serialize};

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Only whoever holds the chair may.
    #[error("only whoever holds the chair may")]
    NotFacilitator,
    /// The seat does not hold the floor.
    #[error("the seat does not hold the floor")]
    NotYourTurn,
    /// This phase takes no requests for the floor, or not from this role.
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
    /// That person cannot be given the floor now (role, or they are away).
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
    /// The clock already runs, or is already stopped.
    #[error("no change")]
    NoChange,
    /// The phase has reached the most it may last.
    #[error("at the maximum")]
    AtMaximum,
    /// The phase waits for something first: the contract's acceptance, or a client's name.
    #[error("the gate is closed")]
    GateClosed,
    /// Chat is off while someone holds the floor.
    #[error("chat is off")]
    ChatOff,
    /// The text is empty or too long.
    #[error("bad text")]
    BadText,
    /// Somebody else shares their screen.
    #[error("the screen is taken")]
    ScreenTaken,
    /// A number in the command is out of its range.
    #[error("out of range")]
    OutOfRange,
    /// No vote is open, or none can be.
    #[error("no vote")]
    NoVote,
    /// There is no such entry in the record.
    #[error("no such entry")]
    NoSuchEntry,
    /// The record, or one's part of it, has no room left.
    #[error("the record is full")]
    RecordFull,
    /// Too many messages in a short time.
    #[error("too fast")]
    TooFast,
}
