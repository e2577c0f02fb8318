//! What a page says.

use palabre_ids::{EventSeq, Language, Millis, Seat};
use palabre_vocabulary::{Command, DropCause, Rung};
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
    /// Opens or closes the tunnel: voices in binary frames of this connection, for a page that
    /// cannot have WebRTC. Answered by [`crate::ServerMessage::Tunnel`].
    Tunnel {
        /// Whether voices go through the connection from now on.
        on: bool,
    },
    /// The page came back from a loss by itself. Counted; it changes nothing.
    Recovered(Recovered),
    /// How the page's media travel, when that changed.
    Path(PathReport),
    /// What the page's browser believes that it can send.
    Estimate(Estimate),
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

/// How a page came back from a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Recovered {
    /// The way back that worked.
    pub rung: Rung,
    /// What had happened.
    pub cause: DropCause,
    /// From the first sign of trouble until all was well again.
    pub took: Millis,
    /// How long nothing was heard of it; zero when media were never away.
    pub gap: Millis,
}

/// How a page's media travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct PathReport {
    /// What carries them.
    pub rung: Carrier,
    /// Whether the page gave up its camera and the others' for the sake of voices.
    pub audio_only: bool,
}

/// What a browser's bandwidth estimator believes that its page can send, by the server's feedback of arrival
/// times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// In bits a second.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub outgoing: u64,
}

/// What carries a page's media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// UDP, to the server itself.
    Udp,
    /// TCP, to the server itself.
    Tcp,
    /// A TURN relay, by whatever leads there.
    Turn,
    /// The signaling connection.
    Tunnel,
    /// Nothing: the person reads and writes.
    None,
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
