//! What a listener found, in the words of reports.

use std::time::Instant;

use palabre_ids::{MediaKind, Seat};
use serde::{Deserialize, Serialize};

use crate::samples::Samples;

/// What leaked, by what gave it away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Leaks {
    /// Media of a seat that had no right to send it, or not to this one's group.
    pub without_right: u64,
    /// Media that a hostile bot sent, whatever slot it came in.
    pub forbidden: u64,
    /// Media of one seat in another's slot.
    pub misplaced: u64,
    /// Packets of an SSRC that the answer does not speak of.
    pub stray: u64,
}

impl Leaks {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.without_right + self.forbidden + self.misplaced + self.stray
    }
}

/// A microphone that a listener may hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenStream {
    /// Whose.
    pub of: Seat,
    /// Since when, as the room says.
    pub opened: Instant,
    /// When its last packet came, in whatever session; none when none ever did.
    pub last: Option<Instant>,
}

/// Durations measured by a listener, in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// From the bot that sent it to here, sound.
    pub audio_latency: Samples,
    /// The same for the camera.
    pub video_latency: Samples,
    /// From what caused a right to the first packet under it.
    pub grant: Samples,
    /// From what ended a right to the last packet under it.
    pub revoke: Samples,
    /// What may be heard at the end of that time.
    pub open: Vec<OpenStream>,
}

impl Times {
    /// Takes everything that `other` has.
    pub fn merge(&mut self, other: &Self) {
        self.audio_latency.merge(&other.audio_latency);
        self.video_latency.merge(&other.video_latency);
        self.grant.merge(&other.grant);
        self.revoke.merge(&other.revoke);
    }
}

/// How well a listener that decodes heard those who may speak.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Speech {
    /// Windows of 3 s with sound in them that were compared with what the seat says.
    pub windows: u64,
    /// Of these, windows in which it was recognised.
    pub recognised: u64,
    /// How well each matched, of 1.
    pub score: Samples,
    /// Packets of sound decoded, 20 ms each.
    pub frames: u64,
    /// Packets of sound that were not there in time: the decoder made up what they may have said.
    pub concealed: u64,
}

impl Speech {
    /// Takes everything that `other` has.
    pub fn merge(&mut self, other: &Self) {
        self.windows += other.windows;
        self.recognised += other.recognised;
        self.score.merge(&other.score);
        self.frames += other.frames;
        self.concealed += other.concealed;
    }
}

/// What one slot gave, for reports.
#[derive(Debug, Clone, Serialize)]
pub struct SlotReport {
    /// The seat; none for the screen.
    pub seat: Option<Seat>,
    /// `audio`, `video` or `screen`.
    pub kind: MediaKind,
    /// Packets received.
    pub received: u64,
    /// Packets there should have been.
    pub expected: u64,
    /// Packets missing.
    pub lost: u64,
    /// Milliseconds since the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// Complete frames (video).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Of these, key frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_frames: Option<u64>,
    /// Who is heard (audio).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<HeardReport>,
}

/// Who is heard in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum HeardReport {
    /// Nothing came in the last second.
    Nothing,
    /// Something comes, but not for 3 s yet.
    TooShort,
    /// Sound without any voice.
    Silence,
    /// The voice of a seat.
    Voice {
        /// Whose.
        seat: Seat,
        /// How well it matches, of 1.
        score: f32,
    },
    /// Packets come; nobody decodes them here.
    NotListenedTo,
    /// Sound that is no voice known here.
    Unknown {
        /// The best match.
        score: f32,
    },
}
