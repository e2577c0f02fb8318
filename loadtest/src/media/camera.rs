//! A camera that everybody can decode: real VP8 in three layers, looped, in RTP.

use anyhow::{Result, ensure};
use bytes::Bytes;

use super::payload::{Descriptor, Payload};

/// The simulcast layers from small to large, as `a=rid` names them.
pub const RIDS: [&str; 3] = ["q", "h", "f"];

/// RTP ticks from one frame to the next: 15 frames a second on a 90 kHz clock.
pub const TICKS_PER_FRAME: u32 = 6_000;

/// The most VP8 in a packet: with descriptor, extensions, SRTP and UDP it fits 1,200 bytes.
const MAX_FRAGMENT: usize = 1_100;

const FIXTURES: [&[u8]; 3] = [
    include_bytes!("../../fixtures/camera-q.ivf"),
    include_bytes!("../../fixtures/camera-h.ivf"),
    include_bytes!("../../fixtures/camera-f.ivf"),
];

/// The frames of one layer; the first is a key frame, and the only one.
#[derive(Debug)]
pub struct Layer {
    frames: Vec<Bytes>,
}

impl Layer {
    /// The fixtures, in the order of [`RIDS`].
    ///
    /// # Errors
    /// When a fixture was damaged.
    pub fn fixtures() -> Result<[Self; 3]> {
        let [q, h, f] = FIXTURES;
        Ok([Self::from_ivf(q)?, Self::from_ivf(h)?, Self::from_ivf(f)?])
    }

    fn from_ivf(file: &'static [u8]) -> Result<Self> {
        ensure!(
            file.len() > 32 && &file[..4] == b"DKIF" && &file[8..12] == b"VP80",
            "not VP8 in IVF"
        );
        let mut rest = Bytes::from_static(&file[32..]);
        let mut frames = Vec::new();
        while rest.len() >= 12 {
            let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            ensure!(length > 0 && rest.len() >= 12 + length, "an IVF frame is cut short");
            frames.push(rest.slice(12..12 + length));
            rest = rest.slice(12 + length..);
        }
        ensure!(
            frames.first().is_some_and(|frame| is_key_frame(frame)),
            "it does not begin with a key frame"
        );
        Ok(Self { frames })
    }
}

/// Whether a frame can be decoded by itself (RFC 6386 section 9.1: the P bit is 0).
#[must_use]
pub fn is_key_frame(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 0)
}

/// One layer being sent.
#[derive(Debug)]
pub struct LayerSender {
    next_frame: usize,
    picture_id: u16,
    sequence: u16,
    timestamp: u32,
}

/// One packet to send.
#[derive(Debug, Clone)]
pub struct VideoPacket {
    /// The RTP payload: descriptor and fragment.
    pub payload: Payload,
    /// The RTP sequence number.
    pub sequence: u16,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// Whether it ends its frame.
    pub marker: bool,
}

impl LayerSender {
    /// A sender whose numbers begin anywhere, as RFC 3550 wants.
    #[must_use]
    pub fn new() -> Self {
        Self {
            next_frame: 0,
            picture_id: rand::random::<u16>() & 0x7fff,
            sequence: rand::random(),
            timestamp: rand::random(),
        }
    }

    /// The next frame will be a key frame.
    pub fn key_frame_wanted(&mut self) {
        self.next_frame = 0;
    }

    /// Time passes without a frame being sent.
    pub fn skip(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(TICKS_PER_FRAME);
        // What comes after a hole must decode by itself.
        self.next_frame = 0;
    }

    /// The packets of the next frame.
    pub fn next(&mut self, layer: &Layer) -> Vec<VideoPacket> {
        let frame = &layer.frames[self.next_frame];
        self.next_frame = (self.next_frame + 1) % layer.frames.len();
        let last = frame.len().div_ceil(MAX_FRAGMENT) - 1;
        let packets = (0..=last)
            .map(|index| {
                let start = index * MAX_FRAGMENT;
                let fragment = frame.slice(start..(start + MAX_FRAGMENT).min(frame.len()));
                let descriptor = descriptor(self.picture_id, index == 0);
                let packet = VideoPacket {
                    payload: Payload::picture(descriptor, fragment),
                    sequence: self.sequence,
                    timestamp: self.timestamp,
                    marker: index == last,
                };
                self.sequence = self.sequence.wrapping_add(1);
                packet
            })
            .collect();
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.timestamp = self.timestamp.wrapping_add(TICKS_PER_FRAME);
        packets
    }
}

impl Default for LayerSender {
    fn default() -> Self {
        Self::new()
    }
}

/// With a picture id of 15 bits, as browsers send it.
fn descriptor(picture_id: u16, starts_frame: bool) -> Descriptor {
    const X: u8 = 0x80;
    const S: u8 = 0x10;
    const I: u8 = 0x80;
    const M: u16 = 0x8000;
    let [high, low] = (M | picture_id).to_be_bytes();
    [if starts_frame { X | S } else { X }, I, high, low]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtp::codecs::vp8::Vp8Packet;
    use rtp::packetizer::Depacketizer;

    #[test]
    fn the_fixtures_are_four_seconds_with_one_key_frame() {
        for layer in Layer::fixtures().expect("committed files") {
            assert_eq!(layer.frames.len(), 60);
            assert_eq!(layer.frames.iter().filter(|frame| is_key_frame(frame)).count(), 1);
        }
    }

    #[test]
    fn frames_come_back_whole_from_their_packets() {
        let layers = Layer::fixtures().expect("committed files");
        let layer = &layers[2];
        let mut sender = LayerSender::new();
        let mut picture = None;
        for frame in layer.frames.iter().chain(&layer.frames[..1]) {
            let packets = sender.next(layer);
            let mut whole = Vec::new();
            for (index, packet) in packets.iter().enumerate() {
                let mut parsed = Vp8Packet::default();
                whole.extend(
                    parsed.depacketize(&packet.payload.whole()).expect("a valid descriptor"),
                );
                assert_eq!(parsed.s == 1, index == 0);
                assert_eq!(packet.marker, index + 1 == packets.len());
                if index == 0 {
                    assert!(picture.is_none_or(|id: u16| (id + 1) & 0x7fff == parsed.picture_id));
                }
                picture = Some(parsed.picture_id);
            }
            assert_eq!(whole, frame.as_ref());
        }
    }

    #[test]
    fn a_key_frame_comes_when_asked_for() {
        let layers = Layer::fixtures().expect("committed files");
        let mut sender = LayerSender::new();
        sender.next(&layers[0]);
        assert!(!is_key_frame(&sender.next(&layers[0])[0].payload.media));
        sender.key_frame_wanted();
        assert!(is_key_frame(&sender.next(&layers[0])[0].payload.media));
    }
}
