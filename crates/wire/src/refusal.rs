//! Why a connection closes. Codes only: the page has the words, in the person's language.

use serde::{Deserialize, Serialize};

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
    /// The server has as many connections as it takes. Come back after a pause.
    Full,
    /// The server is restarting: come back and resume.
    Restarting,
}
