//! Datagrams over a TCP connection (RFC 4571): each behind its length in two bytes. Reading yields
//! what came whole; writing keeps a bounded queue in which sound overtakes pictures.
//!
//! Both are told what the socket took and gave; neither has one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::outbox::{MAX_DATAGRAM, Urgency};

/// The length in front of a frame.
const PREFIX: usize = 2;
/// How much is read at once: two frames and a half. More costs memory for each connection that a
/// stranger opens, less costs reads.
const READ_BUFFER: usize = 4_096;
/// How many bytes of pictures wait for a receiver that is slow. More are older when they arrive; less
/// is lost when a keyframe comes at once.
const MAX_PICTURES: usize = 48 << 10;
/// How many bytes of everything else wait: seconds of sound. Whoever is so far behind is not in the
/// conversation any more.
const MAX_VITAL: usize = 32 << 10;
/// How long everything but pictures waits. A voice that is older belongs to a moment that has passed, and
/// perhaps to a turn that is over: it would be heard beside the next one's.
const MAX_WAIT: Duration = Duration::from_millis(300);
/// How many bytes are handed to the socket at once.
const CHUNK: usize = 16 << 10;
/// How many of them are no pictures: what is in the chunk cannot be taken back. Less costs system calls.
const VITAL_CHUNK: usize = 2 << 10;
/// A receiver that has taken nothing for so long while something waited is stuck. Shorter cuts off
/// whoever's radio pauses, longer keeps them from trying another way.
pub const STUCK: Duration = Duration::from_secs(4);

/// The bytes are no frames: nothing that follows can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes; they have 1 to {MAX_DATAGRAM}")]
pub struct BadFrame(pub usize);

/// Makes frames of what a connection brings.
///
/// Read into [`FrameReader::space`], tell [`FrameReader::filled`] how much came, take every
/// [`FrameReader::next_frame`].
pub struct FrameReader {
    bytes: Box<[u8]>,
    /// What was taken, and what came.
    taken: usize,
    end: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self { bytes: vec![0; READ_BUFFER].into(), taken: 0, end: 0 }
    }
}

impl FrameReader {
    /// Where to put what comes next. It is not empty once every whole frame was taken.
    pub fn space(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.taken..self.end, 0);
        (self.taken, self.end) = (0, self.end - self.taken);
        &mut self.bytes[self.end..]
    }

    /// Notes that `len` bytes were put there.
    pub fn filled(&mut self, len: usize) {
        self.end = (self.end + len).min(self.bytes.len());
    }

    /// The next whole frame, without its length.
    ///
    /// # Errors
    /// [`BadFrame`]: a length that no datagram of a page has. RFC 4571 knows an empty frame; no page
    /// sends one.
    pub fn next_frame(&mut self) -> Result<Option<&mut [u8]>, BadFrame> {
        let waiting = &self.bytes[self.taken..self.end];
        let Some(prefix) = waiting.first_chunk::<PREFIX>() else { return Ok(None) };
        let len = usize::from(u16::from_be_bytes(*prefix));
        if len == 0 || len > MAX_DATAGRAM {
            return Err(BadFrame(len));
        }
        if waiting.len() < PREFIX + len {
            return Ok(None);
        }
        let start = self.taken + PREFIX;
        self.taken = start + len;
        Ok(Some(&mut self.bytes[start..start + len]))
    }
}

/// What became of a datagram that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// It waits for the socket.
    Kept,
    /// There was no room: it is lost, as it would be on a narrow path.
    Dropped,
}

/// Frames on their way to a connection's socket.
///
/// Hand [`FrameQueue::waiting`] to the socket, tell [`FrameQueue::sent`] how much it took, until
/// nothing waits or it takes no more.
pub struct FrameQueue {
    /// Begun: these bytes leave before anything else.
    chunk: Vec<u8>,
    /// How much of them has left.
    at: usize,
    vital: Frames,
    pictures: Frames,
    /// When the socket last took something, or had nothing to take.
    moved: Instant,
    /// How many were dropped because they had waited for too long.
    outdated: u64,
}

/// Datagrams of one urgency in order, in one buffer: once warm it allocates nothing.
#[derive(Default)]
struct Frames {
    bytes: VecDeque<u8>,
    /// Their lengths, and since when they wait.
    waiting: VecDeque<(u16, Instant)>,
}

impl Frames {
    fn push(&mut self, now: Instant, datagram: &[u8], len: u16) {
        self.bytes.extend(datagram);
        self.waiting.push_back((len, now));
    }

    /// Drops what has waited for longer than `most`; gives how many that were.
    fn drop_older(&mut self, now: Instant, most: Duration) -> u64 {
        let mut dropped = 0;
        while let Some(&(len, since)) = self.waiting.front()
            && now.saturating_duration_since(since) > most
        {
            self.waiting.pop_front();
            self.bytes.drain(..usize::from(len));
            dropped += 1;
        }
        dropped
    }

    /// Moves the first frame behind `chunk`, if that has at most `most` bytes then.
    fn move_to(&mut self, chunk: &mut Vec<u8>, most: usize) -> bool {
        let fits = |(len, _): &&(u16, Instant)| chunk.len() + PREFIX + usize::from(*len) <= most;
        let Some(&(len, _)) = self.waiting.front().filter(fits) else { return false };
        self.waiting.pop_front();
        chunk.extend_from_slice(&len.to_be_bytes());
        chunk.extend(self.bytes.drain(..usize::from(len)));
        true
    }
}

impl FrameQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            chunk: Vec::new(),
            at: 0,
            vital: Frames::default(),
            pictures: Frames::default(),
            moved: now,
            outdated: 0,
        }
    }

    /// Puts a datagram in the queue, or drops it. Pictures are dropped when they fill their part of
    /// it, and all the rest when it fills its own.
    pub fn push(&mut self, now: Instant, urgency: Urgency, datagram: &[u8]) -> Queued {
        self.outdated += self.vital.drop_older(now, MAX_WAIT);
        let (frames, most) = match urgency {
            Urgency::Vital => (&mut self.vital, MAX_VITAL),
            Urgency::Picture => (&mut self.pictures, MAX_PICTURES),
        };
        let len = u16::try_from(datagram.len())
            .ok()
            .filter(|len| (1..=MAX_DATAGRAM as u16).contains(len));
        let Some(len) = len.filter(|_| frames.bytes.len() + datagram.len() <= most) else {
            return Queued::Dropped;
        };
        frames.push(now, datagram, len);
        let waiting = self.vital.waiting.len() + self.pictures.waiting.len();
        if self.at == self.chunk.len() && waiting == 1 {
            self.moved = now;
        }
        Queued::Kept
    }

    /// Bytes for the socket; none when nothing waits.
    pub fn waiting(&mut self, now: Instant) -> &[u8] {
        if self.at == self.chunk.len() {
            self.chunk.clear();
            self.at = 0;
            self.outdated += self.vital.drop_older(now, MAX_WAIT);
            while self.vital.move_to(&mut self.chunk, VITAL_CHUNK) {}
            // Sound that waits is not kept waiting by pictures.
            while self.vital.waiting.is_empty() && self.pictures.move_to(&mut self.chunk, CHUNK) {}
        }
        &self.chunk[self.at..]
    }

    /// Notes that the socket took `len` of the bytes that waited.
    pub fn sent(&mut self, now: Instant, len: usize) {
        self.at = (self.at + len).min(self.chunk.len());
        if len > 0 {
            self.moved = now;
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at == self.chunk.len()
            && self.vital.waiting.is_empty()
            && self.pictures.waiting.is_empty()
    }

    /// How many datagrams were dropped because they had waited for too long, since this was last asked.
    pub fn take_outdated(&mut self) -> u64 {
        std::mem::take(&mut self.outdated)
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunk.len() - self.at + self.vital.bytes.len() + self.pictures.bytes.len()
    }

    /// Whether the receiver is [`STUCK`].
    #[must_use]
    pub fn is_stuck(&self, now: Instant) -> bool {
        !self.is_empty() && now.saturating_duration_since(self.moved) >= STUCK
    }
}

#[cfg(test)]
#[path = "framing_test.rs"]
mod tests;
