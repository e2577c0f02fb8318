//! What a page says.

use palabre_ids::{EventSeq, Language, Millis, Seat};
use serde::{Deserialize, Serialize};

/// A message of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// The first message, and only the first.
    Hello(Hello),
    /// The page's one media offer, or an ICE restart of it.
    MediaOffer(MediaOffer),
    /// Asks for something; answered by one [`crate::Answer`] with the same id.
    Command {
        /// Grows by one with each command of this page; a repeated id is answered again and not
        /// carried out again, so a command is safe to resend after a resume.
        id: CommandId,
        /// What is asked.
        command: Command,
    },
    /// How large the page shows each seat: what the SFU sends follows it.
    View {
        /// The seats that changed.
        seats: Vec<SeatView>,
    },
    /// Asks for a [`crate::ServerMessage::Pong`]; sent every 2 s, so that both ends notice silence.
    Ping {
        /// Given back in the answer: the page's own clock, in milliseconds.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        at: u64,
    },
    /// The person leaves for good: the seat is free at once, nothing is held for them.
    Leave,
}

/// The number of a page's command, from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct CommandId(#[cfg_attr(feature = "ts", ts(type = "number"))] pub u64);

/// Opens a connection.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The page's [`crate::WIRE_VERSION`].
    pub version: u32,
    /// The signed token of the person's link.
    pub token: String,
    /// The language the person reads: prompts come in it.
    pub language: Language,
    /// Present when the page was here before and kept its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub resume: Option<Resume>,
}

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("version", &self.version)
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// Where a page that was here before left off.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The [`crate::Welcome::resume_token`] of the connection that was lost.
    pub token: String,
    /// The last event the page applied.
    pub last_seq: EventSeq,
}

impl std::fmt::Debug for Resume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resume").field("last_seq", &self.last_seq).finish_non_exhaustive()
    }
}

/// An SDP offer laid out as [`crate::MediaPlan`] says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct MediaOffer {
    /// Given back in the answer, so that a late answer is told from the awaited one.
    pub generation: u32,
    /// The offer.
    pub sdp: String,
}

impl std::fmt::Debug for MediaOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaOffer").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// How a page shows one seat's camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct SeatView {
    /// Whose camera.
    pub seat: Seat,
    /// How large.
    pub size: ViewSize,
}

/// How large a camera is shown.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ViewSize {
    /// Not on the screen: nothing is sent.
    Hidden,
    /// A small tile: the lowest layer.
    #[default]
    Thumbnail,
    /// Half the width of a desktop window or less: the middle layer.
    Medium,
    /// The speaker's tile: the highest layer.
    Large,
}

/// What a person can ask of the room. Who may ask is the room's business, at the time it is asked.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Raises the hand: asks for the floor.
    RequestFloor,
    /// Lowers the hand.
    CancelRequest,
    /// Ends one's own turn.
    ReleaseFloor,
    /// Lets one's own turn in a round go by.
    Pass,
    /// The person's own microphone switch. A muted seat's audio is not forwarded.
    SetMuted {
        /// Whether the microphone is off.
        muted: bool,
    },
    /// The person's own camera switch.
    SetCamera {
        /// Whether the camera is on.
        on: bool,
    },
    /// Starts or stops sharing the screen; one seat shares at a time.
    SetScreen {
        /// Whether the screen is shared.
        on: bool,
    },
    /// Writes to everyone. 1 to 2,000 characters.
    Chat {
        /// The text.
        text: String,
    },
    /// Tells the group « je n'entends pas ».
    CannotHear,
    /// In a pair: the answering side gives the word back, or the asking side to the answer.
    YieldFloor,
    /// In consultation: the client says the group has left the contract.
    OutOfContract,
    /// In the contract phase: the sentence the client proposes. 1 to 500 characters.
    ProposeContract {
        /// The sentence.
        text: String,
    },
    /// In the contract phase: one's own acceptance of the proposed sentence.
    AcceptContract,
    /// Facilitator: leaves the lobby, or goes on to the next phase.
    NextPhase,
    /// Facilitator: goes back to the phase before.
    PreviousPhase,
    /// Facilitator: lengthens the phase.
    ExtendPhase {
        /// By how much: at least 1 s, at most an hour.
        by: Millis,
    },
    /// Facilitator: stops the phase's clock.
    PausePhase,
    /// Facilitator: lets the phase's clock run again.
    ResumePhase,
    /// Facilitator: gives the floor.
    GrantFloor {
        /// To whom.
        seat: Seat,
    },
    /// Facilitator: takes the floor from whoever holds it.
    RevokeFloor,
    /// Facilitator: ends this turn and goes on to the next one.
    SkipTurn,
    /// Facilitator: names the client, before the phases that need one.
    NameClient {
        /// Who brings the subject.
        seat: Seat,
    },
    /// Facilitator who was replaced after a drop: takes the room back.
    TakeChair,
    /// Facilitator: ends the session for everyone.
    EndSession,
}

impl std::fmt::Debug for Command {
    /// The command's name only: no content, no name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Command {
    /// The command's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RequestFloor => "request_floor",
            Self::CancelRequest => "cancel_request",
            Self::ReleaseFloor => "release_floor",
            Self::Pass => "pass",
            Self::SetMuted { .. } => "set_muted",
            Self::SetCamera { .. } => "set_camera",
            Self::SetScreen { .. } => "set_screen",
            Self::Chat { .. } => "chat",
            Self::CannotHear => "cannot_hear",
            Self::YieldFloor => "yield_floor",
            Self::OutOfContract => "out_of_contract",
            Self::ProposeContract { .. } => "propose_contract",
            Self::AcceptContract => "accept_contract",
            Self::NextPhase => "next_phase",
            Self::PreviousPhase => "previous_phase",
            Self::ExtendPhase { .. } => "extend_phase",
            Self::PausePhase => "pause_phase",
            Self::ResumePhase => "resume_phase",
            Self::GrantFloor { .. } => "grant_floor",
            Self::RevokeFloor => "revoke_floor",
            Self::SkipTurn => "skip_turn",
            Self::NameClient { .. } => "name_client",
            Self::TakeChair => "take_chair",
            Self::EndSession => "end_session",
        }
    }
}
