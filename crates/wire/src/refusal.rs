//! Why something is refused. Codes only: the page has the words, in the person's language.

use serde::{Deserialize, Serialize};

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// Only whoever holds the chair may.
    NotFacilitator,
    /// The seat does not hold the floor.
    NotYourTurn,
    /// This phase takes no requests for the floor, or not from this role.
    NotInThisPhase,
    /// The hand is up, or the floor is held, already.
    AlreadyAsked,
    /// No hand is up.
    NothingToCancel,
    /// That seat does not exist or has nobody in it.
    NoSuchSeat,
    /// That person cannot be given the floor now (role, or they are away).
    NotEligible,
    /// The session has not started.
    NotStarted,
    /// The session is over.
    Ended,
    /// There is no next (or previous) phase.
    NoSuchPhase,
    /// The clock already runs, or is already stopped.
    NoChange,
    /// The phase has reached the most it may last.
    AtMaximum,
    /// The phase waits for something first: the contract's acceptance, or a client's name.
    GateClosed,
    /// Chat is off while someone holds the floor.
    ChatOff,
    /// The text is empty or too long.
    BadText,
    /// Somebody else shares their screen.
    ScreenTaken,
    /// A number in the command is out of its range.
    OutOfRange,
    /// Too many messages in a short time.
    TooFast,
}

/// Why a connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ClosingReason {
    /// The first message was not a hello. Do not come back.
    HelloExpected,
    /// The page speaks another wire version: reload it.
    VersionMismatch,
    /// The link is not valid (forged, or of another server). Do not come back.
    BadToken,
    /// The link was valid once. Do not come back.
    TokenExpired,
    /// There is no such room: it has ended. Do not come back.
    RoomGone,
    /// The same link was opened elsewhere, and that page has the seat now. Do not come back by yourself.
    TakenOver,
    /// The person left. Do not come back by yourself.
    Left,
    /// The session ended.
    SessionEnded,
    /// The page read too slowly: come back and resume.
    TooSlow,
    /// Too many messages, or too many not understood. Come back after a pause.
    Flooding,
    /// The server is restarting: come back and resume.
    Restarting,
}
