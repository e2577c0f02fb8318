//! Who a participant is in a session, and what they may send.

use serde::{Deserialize, Serialize};

/// The part a participant plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds the phases and the turns.
    Facilitator,
    /// The named backup: takes over when the facilitator drops.
    CoFacilitator,
    /// Brings the subject and decides what to keep.
    Client,
    /// A peer: asks questions, then offers ideas.
    Consultant,
    /// Shared notes only.
    Scribe,
    /// Receives only.
    Observer,
}

impl Role {
    /// Every role, in the order of [`Role`].
    pub const ALL: [Self; 6] = [
        Self::Facilitator,
        Self::CoFacilitator,
        Self::Client,
        Self::Consultant,
        Self::Scribe,
        Self::Observer,
    ];

    /// The role's name in templates, links and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Facilitator => "facilitator",
            Self::CoFacilitator => "co_facilitator",
            Self::Client => "client",
            Self::Consultant => "consultant",
            Self::Scribe => "scribe",
            Self::Observer => "observer",
        }
    }

    /// Whether the role may hold the phases and the turns.
    #[must_use]
    pub fn facilitates(self) -> bool {
        matches!(self, Self::Facilitator | Self::CoFacilitator)
    }
}

/// A text that names no [`Role`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown role `{0}` (one of: facilitator, co_facilitator, client, consultant, scribe, observer)"
)]
pub struct UnknownRole(pub String);

impl std::str::FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A kind of media that a seat can send, gated on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// The microphone.
    Audio,
    /// The camera.
    Video,
    /// The shared screen.
    Screen,
}

impl MediaKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Audio, Self::Video, Self::Screen];
}

/// What a seat may send now. Nothing, by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MediaRights {
    /// The microphone is forwarded.
    pub audio: bool,
    /// The camera is forwarded.
    pub video: bool,
    /// The shared screen is forwarded.
    pub screen: bool,
}

impl MediaRights {
    /// Nothing is forwarded.
    pub const NONE: Self = Self { audio: false, video: false, screen: false };

    /// Whether `kind` is forwarded.
    #[must_use]
    pub fn allows(self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
            MediaKind::Screen => self.screen,
        }
    }
}
