//! What arrived of one RTP stream: counted by sequence number, frames put together.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtp::codecs::vp8::Vp8Packet;
use rtp::packetizer::Depacketizer;

use super::camera::is_key_frame;

/// How far back a packet may be late and still count, in packets.
const REORDER: u64 = 64;

/// Counts the packets of a stream whose sequence numbers are one continuous series.
#[derive(Debug, Default, Clone)]
pub struct Counter {
    first: Option<u64>,
    highest: u64,
    /// Bit `n` is set when `highest - n` was received.
    seen: u64,
    received: u64,
    duplicates: u64,
}

impl Counter {
    /// Takes a packet's sequence number; false when it was there already, or is far too old.
    pub fn take(&mut self, sequence: u16) -> bool {
        let Some(_) = self.first else {
            self.first = Some(u64::from(sequence));
            self.highest = u64::from(sequence);
            self.seen = 1;
            self.received = 1;
            return true;
        };
        // The distance from the highest, as a signed 16-bit number (RFC 1982).
        let step = sequence.wrapping_sub(self.highest as u16) as i16;
        if step > 0 {
            let step = step as u64;
            self.seen = if step >= REORDER { 1 } else { (self.seen << step) | 1 };
            self.highest += step;
            self.received += 1;
            return true;
        }
        let back = u64::from(step.unsigned_abs());
        if back >= REORDER || self.seen & (1 << back) != 0 {
            self.duplicates += 1;
            return false;
        }
        self.seen |= 1 << back;
        self.first = self.first.map(|first| first.min(self.highest.saturating_sub(back)));
        self.received += 1;
        true
    }

    /// Packets received, each once.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets there should have been, from the first to the highest.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.first.map_or(0, |first| self.highest - first + 1)
    }

    /// Packets missing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Packets that came again, or far too late.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }
}

/// A time without a packet that is longer is an interruption: somebody is heard again at its end. A lost
/// packet or two, and a machine that is busy for a moment, are none.
const INTERRUPTION: Duration = Duration::from_millis(200);

/// The longest time without a packet since it was last asked for.
#[derive(Debug, Default, Clone, Copy)]
pub struct Gap {
    last: Option<Instant>,
    longest: Silence,
    heard_again: Option<Instant>,
}

/// A time without a packet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// How long.
    pub length: Duration,
    /// When the packet came that ended it; none while it lasts.
    pub ended: Option<Instant>,
    /// When the packet came that ended the last interruption, be it this one or a shorter one.
    pub heard_again: Option<Instant>,
}

impl Silence {
    /// How long, in milliseconds.
    #[must_use]
    pub fn ms(self) -> f64 {
        self.length.as_secs_f64() * 1_000.0
    }
}

impl Gap {
    /// A packet came.
    pub fn packet(&mut self, now: Instant) {
        if let Some(last) = self.last {
            let length = now.saturating_duration_since(last);
            if length > self.longest.length {
                self.longest = Silence { length, ended: Some(now), heard_again: None };
            }
            if length > INTERRUPTION {
                self.heard_again = Some(now);
            }
        }
        self.last = Some(now);
    }

    /// When the last packet came.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        self.last
    }

    /// The longest gap, which is forgotten by it. A gap that is still open counts up to `now`.
    pub fn take(&mut self, now: Instant) -> Silence {
        let open = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        let longest = std::mem::take(&mut self.longest);
        let heard_again = self.heard_again.take();
        if open > longest.length {
            Silence { length: open, ended: None, heard_again }
        } else {
            Silence { heard_again, ..longest }
        }
    }

    /// Begins anew: what went before is no gap.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The intervals between pictures that their average is taken of.
const INTERVALS: usize = 30;

/// Counts the times a picture stood still, as browsers count them (W3C `freezeCount`): the next one
/// came later than three times the average of the last 30 intervals, and 150 ms later than it.
#[derive(Debug, Default, Clone)]
pub struct Freezes {
    last: Option<Instant>,
    intervals: VecDeque<Duration>,
    /// Of the intervals.
    sum: Duration,
    times: u64,
    length: Duration,
}

impl Freezes {
    /// A whole picture is there.
    pub fn picture(&mut self, now: Instant) {
        let Some(last) = self.last.replace(now) else { return };
        let interval = now.saturating_duration_since(last);
        if let Some(count) = u32::try_from(self.intervals.len()).ok().filter(|count| *count > 0) {
            let average = self.sum / count;
            if interval > (3 * average).max(average + Duration::from_millis(150)) {
                self.times += 1;
                self.length += interval;
            }
        }
        if self.intervals.len() == INTERVALS {
            self.sum -= self.intervals.pop_front().unwrap_or_default();
        }
        self.sum += interval;
        self.intervals.push_back(interval);
    }

    /// What comes next begins anew: its sender was not to be seen meanwhile.
    pub fn begin_again(&mut self) {
        self.last = None;
    }

    /// How often it stood still, and for how long in all, in milliseconds.
    #[must_use]
    pub fn so_far(&self) -> (u64, f64) {
        (self.times, self.length.as_secs_f64() * 1_000.0)
    }
}

/// VP8 frames put together from packets, without decoding them.
#[derive(Debug, Default)]
pub struct Frames {
    open: Option<OpenFrame>,
    /// The last packet of the last frame.
    ended: Option<u16>,
    /// Frames whose packets all came, in order.
    pub completed: u64,
    /// Of these, frames that decode by themselves.
    pub key_frames: u64,
    /// Frames that lacked a packet.
    pub broken: u64,
    /// Packets that were no VP8.
    pub malformed: u64,
    /// Times the picture stood still.
    pub freezes: Freezes,
}

#[derive(Debug)]
struct OpenFrame {
    timestamp: u32,
    next_sequence: u16,
    key: bool,
}

impl Frames {
    /// Takes a packet; gives the VP8 data in it, without its descriptor, which forwarders rewrite.
    pub fn packet(
        &mut self,
        now: Instant,
        sequence: u16,
        timestamp: u32,
        marker: bool,
        payload: &Bytes,
    ) -> Option<Bytes> {
        let mut descriptor = Vp8Packet::default();
        let Ok(data) = descriptor.depacketize(payload) else {
            self.malformed += 1;
            return None;
        };
        let starts = descriptor.s == 1 && descriptor.pid == 0;
        self.take(now, (sequence, timestamp, marker), starts, is_key_frame(&data));
        Some(data)
    }

    /// Takes a packet that was not opened: its frame began behind the last one's end, and whether it
    /// decodes by itself is not known.
    pub fn unopened(&mut self, now: Instant, sequence: u16, timestamp: u32, marker: bool) {
        let starts = self.ended.is_some_and(|ended| ended.wrapping_add(1) == sequence);
        self.take(now, (sequence, timestamp, marker), starts, false);
    }

    fn take(&mut self, now: Instant, head: (u16, u32, bool), starts: bool, key: bool) {
        let (sequence, timestamp, marker) = head;
        let frame = match self.open.take() {
            Some(frame) if frame.timestamp == timestamp && frame.next_sequence == sequence => {
                Some(frame)
            }
            other => {
                if other.is_some() {
                    self.broken += 1;
                }
                starts.then_some(OpenFrame { timestamp, next_sequence: sequence, key })
            }
        };
        if marker {
            self.ended = Some(sequence);
        }
        if let Some(mut frame) = frame {
            if marker {
                self.completed += 1;
                self.key_frames += u64::from(frame.key);
                self.freezes.picture(now);
            } else {
                frame.next_sequence = sequence.wrapping_add(1);
                self.open = Some(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::camera::{Layer, LayerSender};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn any_loss_and_small_reordering_is_counted(start: u16, keep in proptest::collection::vec(any::<bool>(), 2..600)) {
            let mut sent: Vec<u16> = Vec::new();
            let last = keep.len() - 1;
            for (i, kept) in keep.iter().enumerate() {
                // The ends always arrive: what is lost outside them cannot be known.
                if *kept || i == 0 || i == last {
                    sent.push(start.wrapping_add(i as u16));
                }
            }
            let unique = sent.len() as u64;
            // Neighbours change places, but for the first.
            for pair in sent[1..].chunks_mut(2) {
                pair.reverse();
            }
            let mut counter = Counter::default();
            for sequence in &sent {
                counter.take(*sequence);
            }
            // A gap of 64 or more makes the reversed neighbour count as too old.
            let old = counter.duplicates();
            prop_assert_eq!(counter.received() + old, unique);
            prop_assert_eq!(counter.expected(), keep.len() as u64);
            prop_assert_eq!(counter.lost(), keep.len() as u64 - unique + old);
        }
    }

    #[test]
    fn a_repeated_packet_is_a_duplicate() {
        let mut counter = Counter::default();
        assert!(counter.take(65_535));
        assert!(counter.take(0));
        assert!(!counter.take(65_535));
        assert_eq!((counter.received(), counter.expected(), counter.duplicates()), (2, 2, 1));
    }

    #[test]
    fn frames_are_complete_only_when_every_packet_came() {
        let layers = Layer::fixtures().expect("committed files");
        let mut sender = LayerSender::new();
        let mut frames = Frames::default();
        let mut feed = |packets: &[crate::media::camera::VideoPacket]| {
            for p in packets {
                frames.packet(
                    Instant::now(),
                    p.sequence,
                    p.timestamp,
                    p.marker,
                    &p.payload.whole(),
                );
            }
        };
        feed(&sender.next(&layers[2]));
        let long = (0..59).map(|_| sender.next(&layers[2])).find(|packets| packets.len() > 1);
        let long = long.expect("some frame is several packets");
        feed(&long);
        sender.key_frame_wanted();
        sender.next(&layers[2]);
        let long = (0..59).map(|_| sender.next(&layers[2])).find(|packets| packets.len() > 1);
        feed(&long.expect("as before")[..1]);
        sender.key_frame_wanted();
        feed(&sender.next(&layers[2]));
        assert_eq!((frames.completed, frames.key_frames), (3, 2));
        assert_eq!(frames.broken, 1, "the one that lacked its end");
    }

    #[test]
    fn a_picture_that_comes_much_too_late_stood_still() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut freezes = Freezes::default();
        // 15 pictures a second; 210 ms after the last one is three times the average, not 150 ms more.
        (0..30).for_each(|n| freezes.picture(at(n * 67)));
        freezes.picture(at(29 * 67 + 210));
        assert_eq!(freezes.so_far().0, 0);
        freezes.picture(at(29 * 67 + 210 + 260));
        assert_eq!(freezes.so_far(), (1, 260.0));
        // Who was not to be seen did not stand still.
        freezes.begin_again();
        freezes.picture(at(60_000));
        freezes.picture(at(60_067));
        assert_eq!(freezes.so_far().0, 1);
    }

    #[test]
    fn frames_are_counted_alike_by_their_headers() {
        let layers = Layer::fixtures().expect("committed files");
        let mut sender = LayerSender::new();
        let now = Instant::now();
        let (mut opened, mut unopened) = (Frames::default(), Frames::default());
        for (at, frame) in (0..120).map(|at| (at, sender.next(&layers[2]))) {
            for (index, p) in frame.iter().enumerate() {
                // The last packet of every tenth frame is lost.
                if at % 10 == 5 && index + 1 == frame.len() {
                    continue;
                }
                opened.packet(now, p.sequence, p.timestamp, p.marker, &p.payload.whole());
                if unopened.key_frames == 0 {
                    unopened.packet(now, p.sequence, p.timestamp, p.marker, &p.payload.whole());
                } else {
                    unopened.unopened(now, p.sequence, p.timestamp, p.marker);
                }
            }
        }
        assert_eq!((opened.key_frames, unopened.key_frames), (2, 1), "later ones are not seen");
        assert_eq!(opened.completed, 120 - 12);
        // Who does not see where a frame begins misses the one behind a loss, too.
        assert_eq!(unopened.completed, 120 - 2 * 12);
    }

    #[test]
    fn who_is_interrupted_twice_is_heard_again_after_the_second_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut gap = Gap::default();
        [0, 20, 1_020, 1_040, 1_440, 1_460].into_iter().for_each(|ms| gap.packet(at(ms)));
        let longest = gap.take(at(1_470));
        assert_eq!((longest.ms(), longest.ended), (1_000.0, Some(at(1_020))));
        assert_eq!(longest.heard_again, Some(at(1_440)));
        gap.packet(at(1_480));
        assert_eq!(gap.take(at(1_490)).heard_again, None, "no interruption since");
    }

    #[test]
    fn a_gap_that_is_still_open_counts() {
        let start = Instant::now();
        let mut gap = Gap::default();
        gap.packet(start);
        gap.packet(start + Duration::from_millis(30));
        let longest = gap.take(start + Duration::from_millis(40));
        assert_eq!((longest.ms(), longest.ended), (30.0, Some(start + Duration::from_millis(30))));
        let longest = gap.take(start + Duration::from_millis(90));
        assert_eq!((longest.ms(), longest.ended), (60.0, None));
    }
}
