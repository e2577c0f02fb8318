//! The messages between a page and the signaling service, as `docs/WIRE.md` specifies them.
//!
//! A connection is one WebSocket carrying JSON text frames and, while a tunnel is open, voices in
//! binary ones ([`frame`]). The page's first message is
//! [`ClientMessage::Hello`]; the answer is [`ServerMessage::Welcome`], [`ServerMessage::Resumed`] or
//! [`ServerMessage::Closing`]. After that every change of the room is an [`Event`] with a
//! consecutive number. An event carries the whole new value of one part of the [`RoomView`], so
//! applying it is replacing that part: a page never computes the state of the floor itself.

mod client;
mod event;
pub mod frame;
mod refusal;
mod server;
#[cfg(feature = "ts")]
pub mod typescript;
mod view;

pub use client::{
    Carrier, ClientMessage, CommandId, Estimate, Hello, MediaOffer, PathReport, Recovered, Resume,
    SeatView, ViewSize,
};
pub use event::{Event, RoomEvent};
pub use palabre_vocabulary::*;
pub use refusal::ClosingReason;
pub use server::{
    Answer, IceCredentials, IceServer, MediaAnswer, MediaPlan, Missed, NextIce, ServerMessage,
    Welcome,
};
pub use view::{PhaseInfo, RoomView, TemplateInfo, VoteInfo};

/// The wire version this crate speaks. A page of another version is told to reload.
pub const WIRE_VERSION: u32 = 3;

/// The largest message a page may send, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The largest message the server sends, in bytes: a whole room, with the texts of a template that
/// somebody brought (64 KiB of TOML) and a full record (24 KiB of text), both as JSON at its longest.
pub const MAX_SERVER_MESSAGE_BYTES: usize = 256 * 1024;

/// The longest telephone number, or line of text in place of one, in characters.
pub const MAX_TELEPHONE_CHARS: usize = 60;

/// Parses a message of a page.
///
/// # Errors
/// [`BadMessage`] naming the first thing wrong: too long, not JSON, an unknown type, a field missing
/// or out of range. It never holds the message's content.
pub fn parse_client_message(text: &str) -> Result<ClientMessage, BadMessage> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(BadMessage::TooLong { bytes: text.len() });
    }
    serde_json::from_str(text).map_err(|error| BadMessage::NotUnderstood {
        line: error.line(),
        column: error.column(),
        category: match error.classify() {
            serde_json::error::Category::Io | serde_json::error::Category::Eof => "ends too early",
            serde_json::error::Category::Syntax => "is not JSON",
            serde_json::error::Category::Data => {
                "has an unknown type, or a field missing or out of range"
            }
        },
    })
}

/// The version that a hello names, even a hello of another version, of which no more is known than
/// that it is an object with `type` and `version`.
#[must_use]
pub fn hello_version(text: &str) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct AnyHello {
        r#type: String,
        version: u32,
    }
    if text.len() > MAX_MESSAGE_BYTES {
        return None;
    }
    let hello: AnyHello = serde_json::from_str(text).ok()?;
    (hello.r#type == "hello").then_some(hello.version)
}

/// Why a message of a page was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Over [`MAX_MESSAGE_BYTES`].
    #[error("the message is {bytes} bytes long, {MAX_MESSAGE_BYTES} at most")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not a message of this wire version.
    #[error("the message {category} (line {line}, column {column})")]
    NotUnderstood {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
        /// What is wrong, in words.
        category: &'static str,
    },
}
