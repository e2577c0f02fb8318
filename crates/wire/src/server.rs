//! What the signaling service says.

use palabre_ids::{EventSeq, Millis, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use palabre_vocabulary::{PersonalView, Refusal};

use crate::{ClosingReason, CommandId, Event, PhaseInfo, RoomView};

/// A message of the signaling service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The page is in, with the whole room.
    Welcome(Box<Welcome>),
    /// The page is back; the events it missed follow here, in order.
    Resumed(Missed),
    /// The room changed.
    Event(Event),
    /// Replaces `RoomView::phases`: the person's role changed, and the prompts with it. Not numbered:
    /// each person has their own.
    Phases {
        /// The phases with the texts for the person's new role.
        phases: Vec<PhaseInfo>,
    },
    /// What this person alone is shown. Not numbered: each replaces the one before; the first follows
    /// the welcome, or what was missed.
    Personal(Box<PersonalView>),
    /// The answer to a command.
    Answer {
        /// Which command.
        id: CommandId,
        /// What became of it.
        answer: Answer,
    },
    /// The answer to the media offer.
    MediaAnswer(MediaAnswer),
    /// The media offer was refused: the page may offer again once it has mended what is wrong.
    MediaRefused {
        /// The offer's generation.
        generation: u32,
        /// What was wrong, for a developer.
        detail: String,
    },
    /// The SFU holds no media session of this page (it restarted, or lost it): offer anew, from a
    /// new peer connection.
    MediaLost,
    /// The credentials held out before were used: these are for the path after that.
    NextIce(NextIce),
    /// The tunnel is open, or closed: the answer to [`crate::ClientMessage::Tunnel`], and the word that
    /// the server closed it because WebRTC carries the voices again.
    Tunnel {
        /// Whether voices go through the connection.
        on: bool,
        /// Why it was not opened, for a developer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        detail: Option<String>,
    },
    /// Who is heard now. Not numbered: each replaces the one before.
    Speaking {
        /// The seats with voice in the last moments.
        seats: Vec<Seat>,
    },
    /// The answer to a ping.
    Pong {
        /// The ping's `at`.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        at: u64,
        /// The server's clock: deadlines are on it.
        now: UnixMillis,
    },
    /// A message was not understood; the connection goes on.
    NotUnderstood {
        /// What was wrong and where, for a developer.
        detail: String,
    },
    /// The last message: the connection closes behind it.
    Closing {
        /// Why; a page words it, and knows from it whether to come back.
        reason: ClosingReason,
        /// When to come back, where the reason says to: after so long, so that not everybody comes
        /// at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        after: Option<Millis>,
        /// The room is another server's by now, and the media that there are go on for so long all the
        /// same, as they are: a page has until then to make those to the other one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        media_for: Option<Millis>,
    },
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Answer {
    /// Done; the events it caused were sent before this.
    Done,
    /// Not done.
    Refused {
        /// Why.
        code: Refusal,
    },
}

/// The first answer to a page that is let in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Welcome {
    /// The wire version of the server.
    pub version: u32,
    /// The person's own seat.
    pub seat: Seat,
    /// Gives this connection's place back after a loss; secret, and new at each welcome.
    pub resume_token: String,
    /// The last event that `room` includes.
    pub seq: EventSeq,
    /// The server's clock now.
    pub now: UnixMillis,
    /// The highest command id of this page's seat that was answered: a page numbers on from there.
    pub last_command: CommandId,
    /// How to lay out the media offer.
    pub media: MediaPlan,
    /// What to call when media cannot be had: a number, or a line of text, of the organiser's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub telephone: Option<String>,
    /// The whole room, as this person sees it.
    pub room: RoomView,
}

impl std::fmt::Debug for Welcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Welcome")
            .field("seat", &self.seat)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

/// How a page lays out its one offer: sections in this order, `a=mid` being the section's index.
///
/// 0 microphone (`sendonly` audio) · 1 camera (`sendonly` video, simulcast RIDs `q`, `h`, `f` from
/// small to large) · 2 screen (`sendonly` video) · then, for each seat of `slots` in order, one
/// `recvonly` audio and one `recvonly` video · last, one `recvonly` video: whoever shares a screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MediaPlan {
    /// Every other seat of the room, ascending, taken or not.
    pub slots: Vec<Seat>,
    /// Relays for networks that let nothing else through; empty where the operator runs none.
    pub ice_servers: Vec<IceServer>,
}

/// A TURN relay, as `RTCPeerConnection` takes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct IceServer {
    /// Where it is: `turn:` and `turns:` addresses.
    pub urls: Vec<String>,
    /// Until when the credential is good, and a random part; it names nobody.
    pub username: String,
    /// Secret.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls.len()).finish_non_exhaustive()
    }
}

/// The server's half of ICE's credentials for one path generation (RFC 8445 section 5.3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct IceCredentials {
    /// The user name fragment.
    pub ufrag: String,
    /// Secret.
    pub password: String,
}

impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceCredentials").finish_non_exhaustive()
    }
}

/// Credentials held out for the path after the present one. They are good from now on: a page whose
/// path died restarts ICE with them without a word to the server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct NextIce {
    /// Of which offer's session, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub generation: Option<u32>,
    /// The user name fragment.
    pub ufrag: String,
    /// Secret.
    pub password: String,
}

impl std::fmt::Debug for NextIce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NextIce").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// The events a page missed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Missed {
    /// Gives this connection's place back after the next loss; the one before is void.
    pub resume_token: String,
    /// The server's clock now.
    pub now: UnixMillis,
    /// The highest command id of this page's seat that was answered.
    pub last_command: CommandId,
    /// Whether the SFU still holds the page's media session; otherwise the page offers anew.
    pub media_alive: bool,
    /// The credentials for the session's next path, which may have changed meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub next_ice: Option<IceCredentials>,
    /// In order, consecutive from the page's last one.
    pub events: Vec<Event>,
}

impl std::fmt::Debug for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Missed")
            .field("media_alive", &self.media_alive)
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

/// The answer to a media offer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MediaAnswer {
    /// The offer's.
    pub generation: u32,
    /// The SDP answer.
    pub sdp: String,
    /// The credentials for the session's next path, good from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub next_ice: Option<IceCredentials>,
}

impl std::fmt::Debug for MediaAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaAnswer").field("generation", &self.generation).finish_non_exhaustive()
    }
}
