//! The binary frames of a tunnel: one Opus packet each, in the WebSocket of a page that has no WebRTC.
//!
//! ```text
//! page → server   [u8 kind 1][u8 level][u16 sequence][u32 timestamp][Opus packet, 1 to 400 bytes]
//! server → page   [u8 kind 1][u8 seat ][u16 sequence][u32 timestamp][Opus packet, 1 to 400 bytes]
//! ```
//! Numbers are big-endian. `sequence` and `timestamp` (48 kHz) are those of RTP (RFC 3550 section
//! 5.1): consecutive, wrapping, from any start. `level` is that of RFC 6464: 0 the loudest, 127 silence.

use palabre_ids::Seat;

/// The only kind of frame there is: an Opus packet.
pub const VOICE: u8 = 1;

/// What goes before the Opus packet, in bytes.
pub const HEADER_BYTES: usize = 8;

/// The largest Opus packet of a frame, in bytes: 20 ms at 160 kbit/s, or 60 ms at 53.
pub const MAX_OPUS_BYTES: usize = 400;

/// The largest frame, in bytes.
pub const MAX_FRAME_BYTES: usize = HEADER_BYTES + MAX_OPUS_BYTES;

/// The level of silence (RFC 6464): the highest value that `level` may have.
pub const SILENCE_LEVEL: u8 = 127;

/// A voice packet of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Voice<'a> {
    /// How loud, by the page's own word: 0 the loudest, 127 silence.
    pub level: u8,
    /// Its place in the stream.
    pub sequence: u16,
    /// When it was spoken, in 48 kHz samples.
    pub timestamp: u32,
    /// The Opus packet.
    pub opus: &'a [u8],
}

impl std::fmt::Debug for Voice<'_> {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("bytes", &self.opus.len()).finish_non_exhaustive()
    }
}

/// Why a frame was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// No Opus packet in it, or too large a one.
    #[error(
        "the frame is {bytes} bytes long, {HEADER_BYTES} and 1 to {MAX_OPUS_BYTES} of Opus expected"
    )]
    Length {
        /// Its length.
        bytes: usize,
    },
    /// Another kind than [`VOICE`].
    #[error("the frame is of kind {kind}, only {VOICE} is known")]
    Kind {
        /// Its first byte.
        kind: u8,
    },
    /// A level beyond [`SILENCE_LEVEL`].
    #[error("the level is {level}, 0 to {SILENCE_LEVEL} expected")]
    Level {
        /// Its second byte.
        level: u8,
    },
}

impl<'a> Voice<'a> {
    /// Reads a page's frame.
    ///
    /// # Errors
    /// [`BadFrame`]: of another length, kind or level than there may be.
    pub fn parse(frame: &'a [u8]) -> Result<Self, BadFrame> {
        let (level, sequence, timestamp, opus) = split(frame)?;
        if level > SILENCE_LEVEL {
            return Err(BadFrame::Level { level });
        }
        Ok(Self { level, sequence, timestamp, opus })
    }

    /// The frame of a page.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self.level, self.sequence, self.timestamp, self.opus)
    }
}

/// A voice packet of the server: what a seat says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Heard<'a> {
    /// Who speaks.
    pub seat: Seat,
    /// Its place in that seat's stream.
    pub sequence: u16,
    /// When it was spoken, in 48 kHz samples.
    pub timestamp: u32,
    /// The Opus packet.
    pub opus: &'a [u8],
}

impl std::fmt::Debug for Heard<'_> {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heard")
            .field("seat", &self.seat)
            .field("bytes", &self.opus.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Heard<'a> {
    /// Reads a frame of the server.
    ///
    /// # Errors
    /// [`BadFrame`]: of another length or kind than there may be.
    pub fn parse(frame: &'a [u8]) -> Result<Self, BadFrame> {
        let (seat, sequence, timestamp, opus) = split(frame)?;
        Ok(Self { seat: Seat(seat), sequence, timestamp, opus })
    }

    /// The frame of the server.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self.seat.0, self.sequence, self.timestamp, self.opus)
    }
}

/// The second byte of a frame, its sequence number, timestamp and Opus packet.
fn split(frame: &[u8]) -> Result<(u8, u16, u32, &[u8]), BadFrame> {
    let bytes = frame.len();
    let Some((&[kind, second, s0, s1, t0, t1, t2, t3], opus)) =
        frame.split_first_chunk::<HEADER_BYTES>()
    else {
        return Err(BadFrame::Length { bytes });
    };
    if kind != VOICE {
        return Err(BadFrame::Kind { kind });
    }
    if opus.is_empty() || opus.len() > MAX_OPUS_BYTES {
        return Err(BadFrame::Length { bytes });
    }
    let (sequence, timestamp) =
        (u16::from_be_bytes([s0, s1]), u32::from_be_bytes([t0, t1, t2, t3]));
    Ok((second, sequence, timestamp, opus))
}

fn encode(second: u8, sequence: u16, timestamp: u32, opus: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER_BYTES + opus.len());
    frame.extend_from_slice(&[VOICE, second]);
    frame.extend_from_slice(&sequence.to_be_bytes());
    frame.extend_from_slice(&timestamp.to_be_bytes());
    frame.extend_from_slice(opus);
    frame
}
