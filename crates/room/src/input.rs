//! What a room is told.

use std::sync::Arc;

use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Language, Millis, Role, Seat, UnixMillis};
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
    /// The time that [`crate::Room::poll_timeout`] asked for has come.
    Tick,
    /// The server came back after a crash, or a restart: everyone is away, and the clocks stand
    /// where they stood when it was last known to live.
    Restarted {
        /// The last moment the server is known to have lived; without it, that of the last input.
        down_since: Option<UnixMillis>,
    },
}

/// What a person can ask of the room; the same names as on the wire.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Raises the hand.
    RequestFloor,
    /// Lowers the hand.
    CancelRequest,
    /// Ends one's own turn.
    ReleaseFloor,
    /// Lets one's own turn in a round go by.
    Pass,
    /// The person's own microphone switch.
    SetMuted {
        /// Whether the microphone is off.
        muted: bool,
    },
    /// The person's own camera switch.
    SetCamera {
        /// Whether the camera is on.
        on: bool,
    },
    /// Starts or stops sharing the screen.
    SetScreen {
        /// Whether the screen is shared.
        on: bool,
    },
    /// Writes to everyone.
    Chat {
        /// The text.
        text: String,
    },
    /// « Je n'entends pas ».
    CannotHear,
    /// In a pair: the asker gives the word to the answer, the answerer gives it back.
    YieldFloor,
    /// The client: the group has left the contract.
    OutOfContract,
    /// The client, or the chair for them, words the contract.
    ProposeContract {
        /// The sentence.
        text: String,
    },
    /// One's own acceptance of the contract.
    AcceptContract,
    /// Chair: starts the session, or goes on to the next phase.
    NextPhase,
    /// Chair: goes back to the phase before.
    PreviousPhase,
    /// Chair: lengthens the phase, as far as its maximum allows.
    ExtendPhase {
        /// By how much.
        by: Millis,
    },
    /// Chair: stops the phase's clock.
    PausePhase,
    /// Chair: lets it run again.
    ResumePhase,
    /// Chair: gives the floor.
    GrantFloor {
        /// To whom.
        seat: Seat,
    },
    /// Chair: takes the floor; nobody has it until the chair gives it or goes on.
    RevokeFloor,
    /// Chair: ends this turn and goes on to the next one.
    SkipTurn,
    /// Chair: names the client.
    NameClient {
        /// Who brings the subject.
        seat: Seat,
    },
    /// A facilitator takes the chair back; a co-facilitator takes it while its holder is away.
    TakeChair,
    /// Chair: ends the session for everyone.
    EndSession,
}

impl std::fmt::Debug for Command {
    /// The command's name only: no content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RequestFloor => "RequestFloor",
            Self::CancelRequest => "CancelRequest",
            Self::ReleaseFloor => "ReleaseFloor",
            Self::Pass => "Pass",
            Self::SetMuted { .. } => "SetMuted",
            Self::SetCamera { .. } => "SetCamera",
            Self::SetScreen { .. } => "SetScreen",
            Self::Chat { .. } => "Chat",
            Self::CannotHear => "CannotHear",
            Self::YieldFloor => "YieldFloor",
            Self::OutOfContract => "OutOfContract",
            Self::ProposeContract { .. } => "ProposeContract",
            Self::AcceptContract => "AcceptContract",
            Self::NextPhase => "NextPhase",
            Self::PreviousPhase => "PreviousPhase",
            Self::ExtendPhase { .. } => "ExtendPhase",
            Self::PausePhase => "PausePhase",
            Self::ResumePhase => "ResumePhase",
            Self::GrantFloor { .. } => "GrantFloor",
            Self::RevokeFloor => "RevokeFloor",
            Self::SkipTurn => "SkipTurn",
            Self::NameClient { .. } => "NameClient",
            Self::TakeChair => "TakeChair",
            Self::EndSession => "EndSession",
        })
    }
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
