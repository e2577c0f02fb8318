//! One slot of one receiver: whatever feeds it, the receiver sees one continuous stream.
//!
//! A stream is a sequence of segments. In a segment everything that is rewritten differs from the
//! source by a constant, so that reordered, repeated and repaired packets need no memory of
//! their own; a change of layer, of person or of run begins a new segment where a decoder can start.

use std::time::Instant;

use palabre_ids::Seat;

use crate::media::publication::{Incoming, Run};
use crate::media::sequence::{Index, Seen, Window};
use crate::media::vp8;

/// How many past segments can still be repaired.
const SEGMENTS: usize = 4;
/// A longer gap in a source begins a new segment: a receiver must never see its own sequence numbers
/// jump so far that it loses count of their wrapping.
const MAX_GAP: u64 = 512;

/// Where a packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Whose.
    pub seat: Seat,
    /// Which stretch.
    pub run: Run,
    /// Which layer.
    pub layer: u8,
}

/// What a packet becomes in the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Its sequence number; never given twice.
    pub index: Index,
    /// Its timestamp.
    pub timestamp: u32,
    /// What is added to the VP8 descriptor.
    pub vp8: vp8::Shift,
    /// Whether it begins a segment.
    pub begins: bool,
}

/// How to send a packet again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// Its sequence number in the slot.
    pub sent_as: Index,
    /// Where it came from.
    pub source: Source,
    /// Its number there.
    pub index: Index,
    /// What is added to its timestamp.
    pub timestamp: u32,
    /// What is added to its VP8 descriptor.
    pub vp8: vp8::Shift,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    source: Source,
    /// The source's first index that is forwarded, and the highest so far.
    first: Index,
    highest: Index,
    /// Added to the source's, wrapping.
    index: u64,
    timestamp: u32,
    vp8: vp8::Shift,
}

impl Segment {
    fn place(&self, index: Index) -> Index {
        Index(index.0.wrapping_add(self.index))
    }

    /// The source's index of what was sent as `index`, if this segment sent it.
    fn source_of(&self, index: Index) -> Option<Index> {
        let source = Index(index.0.wrapping_sub(self.index));
        (self.first..=self.highest).contains(&source).then_some(source)
    }
}

/// The last frame that was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    index: Index,
    timestamp: u32,
    /// When its first packet came.
    at: Instant,
    vp8: vp8::Position,
}

/// The stream of one slot.
pub struct Forwarder {
    clock_rate: u32,
    first: Index,
    /// The layer that is wanted; none while nothing is shown.
    target: Option<u8>,
    /// Whether the newest segment goes on.
    open: bool,
    /// Newest first.
    segments: [Option<Segment>; SEGMENTS],
    sent: Option<Sent>,
    window: Window,
    packets: u32,
    octets: u32,
}

impl Forwarder {
    /// A stream that begins with the sequence number `first`, counting `clock_rate` a second.
    #[must_use]
    pub fn new(clock_rate: u32, first: u16) -> Self {
        Self {
            clock_rate,
            // The first lap must be the one the receiver guesses.
            first: Index(u64::from(first & 0x7fff)),
            target: None,
            open: false,
            segments: [None; SEGMENTS],
            sent: None,
            window: Window::default(),
            packets: 0,
            octets: 0,
        }
    }

    /// Wants a layer, or nothing: then nothing is forwarded from now on.
    pub fn set_target(&mut self, target: Option<u8>) {
        self.target = target;
        if target.is_none() {
            self.open = false;
        }
    }

    /// The layer that is wanted.
    #[must_use]
    pub fn target(&self) -> Option<u8> {
        self.target
    }

    /// The source that is being forwarded.
    #[must_use]
    pub fn current(&self) -> Option<Source> {
        self.segments[0].filter(|_| self.open).map(|segment| segment.source)
    }

    /// What it waits for a start of, when it does: the layer it wants from `seat` in `run`.
    #[must_use]
    pub fn awaited(&self, seat: Seat, run: Run) -> Option<Source> {
        let wanted = Source { seat, run, layer: self.target? };
        (self.current() != Some(wanted)).then_some(wanted)
    }

    /// Where a packet of `seat` goes in this stream; `None` when it is not forwarded.
    pub fn place(&mut self, now: Instant, seat: Seat, packet: &Incoming<'_>) -> Option<Placement> {
        let target = self.target?;
        let source = Source { seat, run: packet.run, layer: packet.origin.layer };
        let goes_on = self.segments[0].as_ref().is_some_and(|segment| {
            self.open && segment.source == source && packet.index.since(segment.highest) <= MAX_GAP
        });
        if !goes_on {
            if source.layer != target || !packet.starts {
                // A gap too long to bridge: only a new start helps.
                if self.current() == Some(source) {
                    self.open = false;
                }
                return None;
            }
            self.begin(now, source, packet);
        }
        let segment = self.segments[0].as_mut()?;
        if packet.index < segment.first {
            return None;
        }
        let index = segment.place(packet.index);
        if self.window.see(index) != Seen::Fresh {
            return None;
        }
        segment.highest = segment.highest.max(packet.index);
        let (timestamp, vp8) = (packet.timestamp.wrapping_add(segment.timestamp), segment.vp8);
        self.note_sent(now, index, timestamp, packet, vp8);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        Some(Placement { index, timestamp, vp8, begins: !goes_on })
    }

    fn begin(&mut self, now: Instant, source: Source, packet: &Incoming<'_>) {
        let next = self.sent.map_or(self.first, |sent| sent.index.next());
        let (timestamp, shift) = match self.sent {
            None => (packet.timestamp, vp8::Shift::default()),
            Some(sent) => {
                let elapsed = now.saturating_duration_since(sent.at).as_micros();
                let ticks = (elapsed * u128::from(self.clock_rate) / 1_000_000).max(1) as u32;
                let shift = packet.vp8.map_or(vp8::Shift::default(), |d| d.continue_from(sent.vp8));
                (sent.timestamp.wrapping_add(ticks), shift)
            }
        };
        let segment = Segment {
            source,
            first: packet.index,
            highest: packet.index,
            index: next.0.wrapping_sub(packet.index.0),
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            vp8: shift,
        };
        self.segments.rotate_right(1);
        self.segments[0] = Some(segment);
        self.open = true;
    }

    fn note_sent(
        &mut self,
        now: Instant,
        index: Index,
        timestamp: u32,
        packet: &Incoming<'_>,
        shift: vp8::Shift,
    ) {
        let before = self.sent;
        if before.is_some_and(|sent| index < sent.index) {
            return;
        }
        let position = before.map_or_else(vp8::Position::default, |sent| sent.vp8);
        let at = before.filter(|sent| sent.timestamp == timestamp).map_or(now, |sent| sent.at);
        let vp8 = packet.vp8.map_or(position, |d| d.position(shift, position));
        self.sent = Some(Sent { index, timestamp, at, vp8 });
    }

    /// Where the packet that was sent as `sequence` came from, to be sent again.
    #[must_use]
    pub fn find(&self, sequence: u16) -> Option<Repair> {
        let sent_as = self.sent?.index.extend(sequence);
        self.segments.iter().flatten().find_map(|segment| {
            let index = segment.source_of(sent_as)?;
            let Segment { source, timestamp, vp8, .. } = *segment;
            Some(Repair { sent_as, source, index, timestamp, vp8 })
        })
    }

    /// The RTP timestamp, in this stream, of the source's `timestamp` now.
    #[must_use]
    pub fn translate(&self, timestamp: u32) -> Option<u32> {
        let segment = self.segments[0].filter(|_| self.open)?;
        Some(timestamp.wrapping_add(segment.timestamp))
    }

    /// Packets and bytes of payload sent so far, as a sender report counts them.
    #[must_use]
    pub fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }
}

#[cfg(test)]
#[path = "forwarder_test.rs"]
mod tests;
