//! What everybody sends: packets of Opus' size and rate, and VP8 of the project's own fixture.

use std::time::Duration;

use anyhow::{Context as _, Result};
use palabre_loadtest::media::camera::{Layer, LayerSender, is_key_frame};

/// From one packet of sound to the next.
pub(crate) const AUDIO_PAUSE: Duration = Duration::from_millis(20);
/// The payload of a packet of sound: 40 kbit/s.
pub(crate) const AUDIO_BYTES: usize = 100;
/// The most VP8 in a packet, descriptor and time included.
pub(crate) const VIDEO_BYTES: usize = 1_100;
/// The moment of sending, at the end of each payload.
pub(crate) const TIME_BYTES: usize = 8;
/// Frames of the fixture, the first of them a key frame.
const FRAMES: usize = 60;
/// RFC 7741 section 4.2, with a picture id of 15 bits.
const DESCRIPTOR_BYTES: usize = 4;

/// How large frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// As the encoder made them.
    Fixture,
    /// So many full packets each, filled with the fixture over and over.
    Packets(u16),
}

/// The video of one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// How it is called.
    pub(crate) name: &'static str,
    /// Frames a second.
    pub(crate) frames: u32,
    /// How large they are.
    pub(crate) size: Size,
}

/// What is measured.
pub(crate) const RATES: [Rate; 4] = [
    Rate { name: "camera", frames: 15, size: Size::Fixture },
    Rate { name: "100/s", frames: 100, size: Size::Packets(1) },
    Rate { name: "600/s", frames: 600, size: Size::Packets(1) },
    Rate { name: "300/s by tens", frames: 30, size: Size::Packets(10) },
];

/// The frames of the largest layer.
#[derive(Debug)]
pub(crate) struct Film(Vec<Vec<u8>>);

impl Film {
    /// The load test's own.
    ///
    /// # Errors
    /// When the fixture was damaged.
    pub(crate) fn fixture() -> Result<Self> {
        let [_, _, layer] = Layer::fixtures()?;
        let mut sender = LayerSender::new();
        let mut frame = || -> Vec<u8> {
            let packets = sender.next(&layer);
            packets.iter().flat_map(|packet| packet.payload.media.to_vec()).collect()
        };
        let frames: Vec<_> = (0..FRAMES).map(|_| frame()).collect();
        let keys = frames.iter().filter(|frame| is_key_frame(frame)).count();
        (keys == 1).then_some(Self(frames)).context("the fixture has one key frame in four seconds")
    }
}

/// A camera that films it.
#[derive(Debug)]
pub(crate) struct Camera {
    rate: Rate,
    next: usize,
    picture: u16,
    frames: u32,
}

/// A packet of a frame, without the time at its end.
pub(crate) struct Fragment {
    pub(crate) payload: Vec<u8>,
    /// Whether it ends its frame.
    pub(crate) last: bool,
}

impl Camera {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, next: 0, picture: rand::random::<u16>() & 0x7fff, frames: 0 }
    }

    /// The next frame will be a key frame.
    pub(crate) fn key_frame_wanted(&mut self) {
        self.next = 0;
    }

    /// The next frame and its RTP timestamp.
    pub(crate) fn film(&mut self, film: &Film) -> (u32, Vec<Fragment>) {
        const MOST: usize = VIDEO_BYTES - TIME_BYTES - DESCRIPTOR_BYTES;
        let frame = &film.0[self.next];
        let long;
        let frame: &[u8] = match self.rate.size {
            Size::Fixture => frame,
            Size::Packets(count) => {
                let bytes = frame.iter().copied().cycle().take(MOST * usize::from(count));
                long = bytes.collect::<Vec<_>>();
                &long
            }
        };
        let chunks = frame.chunks(MOST);
        let count = chunks.len();
        let fragments = chunks.enumerate().map(|(at, chunk)| {
            let picture = 0x8000 | self.picture;
            let mut payload = vec![if at == 0 { 0x90 } else { 0x80 }, 0x80];
            payload.extend_from_slice(&picture.to_be_bytes());
            payload.extend_from_slice(chunk);
            Fragment { payload, last: at + 1 == count }
        });
        let fragments = fragments.collect();
        let timestamp = (u64::from(self.frames) * 90_000 / u64::from(self.rate.frames)) as u32;
        self.frames += 1;
        self.picture = (self.picture + 1) & 0x7fff;
        self.next = match self.rate.size {
            Size::Fixture => (self.next + 1) % FRAMES,
            // Key frames only when asked for: they are no larger than others here.
            Size::Packets(_) => 1 + self.next % (FRAMES - 1),
        };
        (timestamp, fragments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(frames: u32, size: Size) -> Rate {
        Rate { name: "test", frames, size }
    }

    #[test]
    fn the_fixture_is_sent_whole() {
        let film = Film::fixture().expect("committed files");
        let mut camera = Camera::new(rate(15, Size::Fixture));
        for (at, frame) in film.0.iter().chain(&film.0[..1]).enumerate() {
            let (timestamp, fragments) = camera.film(&film);
            assert_eq!(timestamp as usize, at * 6_000);
            let whole: Vec<u8> =
                fragments.iter().flat_map(|f| f.payload[DESCRIPTOR_BYTES..].to_vec()).collect();
            assert_eq!(&whole, frame);
            assert_eq!(fragments[0].payload[0] & 0x10, 0x10, "it says where it begins");
            assert!(fragments.iter().all(|f| f.payload.len() + TIME_BYTES <= VIDEO_BYTES));
            assert_eq!(fragments.iter().filter(|f| f.last).count(), 1);
        }
    }

    #[test]
    fn frames_of_a_given_size_are_key_frames_only_when_asked_for() {
        let film = Film::fixture().expect("committed files");
        let mut camera = Camera::new(rate(600, Size::Packets(3)));
        let mut is_key = |wanted: bool| {
            if wanted {
                camera.key_frame_wanted();
            }
            let (_, fragments) = camera.film(&film);
            assert_eq!(fragments.len(), 3);
            assert!(fragments.iter().all(|f| f.payload.len() + TIME_BYTES == VIDEO_BYTES));
            is_key_frame(&fragments[0].payload[DESCRIPTOR_BYTES..])
        };
        assert!(is_key(false), "the first");
        assert!((0..200).all(|_| !is_key(false)));
        assert!(is_key(true));
        assert!(!is_key(false));
    }
}
