//! What a room is told.

use std::sync::Arc;

use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Language, Millis, Role, Seat, UnixMillis};
use palabre_vocabulary::{Command, DropCause, Rung};
use serde::{Deserialize, Serialize};

/// Something that happened to a room. With its time it is what the journal keeps: the same inputs
/// at the same times make the same room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A page has the seat. Telling it of a seat that is here already is harmless: a second page
    /// took the seat over. The page that was replaced must not be told as disconnected.
    Connected {
        /// Whose.
        seat: Seat,
        /// Whether the page kept its state (it resumed): its screen is still shared.
        resumed: bool,
    },
    /// The seat's page is gone, without a word.
    Disconnected {
        /// Whose.
        seat: Seat,
    },
    /// The person left by their own wish.
    Left {
        /// Who.
        seat: Seat,
    },
    /// A person asks for something.
    Command {
        /// Who.
        seat: Seat,
        /// What.
        command: Command,
    },
    /// How long each was heard since the last such word, behind the gate. To be said at most every 5 s,
    /// and before a phase ends.
    Talked {
        /// Who, and how long; those who were not heard are left out.
        voices: Vec<(Seat, Millis)>,
    },
    /// Somebody tried to speak while the gate was closed for them.
    Blocked {
        /// Who.
        seat: Seat,
    },
    /// Somebody's page says how it came back from a loss.
    Recovered {
        /// Whose.
        seat: Seat,
        /// The way back that worked.
        rung: Rung,
        /// What had happened, as far as the page knows.
        cause: DropCause,
        /// How long they heard nothing.
        gap: Millis,
    },
    /// The time that [`crate::Room::poll_timeout`] asked for has come.
    Tick,
    /// The server came back after a crash, or a restart: everyone is away, and the clocks stand
    /// where they stood when it was last known to live.
    Restarted {
        /// The last moment the server is known to have lived; without it, that of the last input.
        down_since: Option<UnixMillis>,
    },
}

/// What a room is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomConfig {
    /// What the session follows.
    pub template: Arc<Template>,
    /// The room's own language.
    pub language: Language,
    /// Everyone invited; a person's seat is their index.
    pub people: Vec<PersonConfig>,
}

/// Somebody invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonConfig {
    /// Their name.
    pub name: DisplayName,
    /// Their part.
    pub role: Role,
    /// An expert of the subject: speaks last in a round, within the expert's limit, and is not
    /// called on unasked.
    #[serde(default)]
    pub expert: bool,
}

/// The most seats of a room that may send media. Raising it costs every page a decoder.
pub const MAX_SPEAKERS: usize = 9;

/// Why a room cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// More people than seats.
    #[error("a room has at most {} seats", palabre_ids::MAX_SEATS)]
    TooManyPeople,
    /// More people who send media than a room carries.
    #[error(
        "a room carries the media of at most {MAX_SPEAKERS} people (observers and scribes not counted)"
    )]
    TooManySpeakers,
    /// Not exactly one facilitator.
    #[error("a room has exactly one facilitator, here are {0}")]
    Facilitators(usize),
    /// More than one client.
    #[error("a room has at most one client, here are {0}")]
    Clients(usize),
    /// Somebody who is no consultant is marked as an expert.
    #[error("only a consultant can be an expert")]
    ExpertRole,
}
