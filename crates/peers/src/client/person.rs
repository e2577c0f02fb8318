//! A participant: sends sound and picture, and receives everybody else's.

use std::time::Instant;

use anyhow::{Context as _, Result};
use palabre_loadtest::light::packet::Stream;
use palabre_loadtest::light::sdp::{Description, Flow, Kind, OPUS, VP8};

use super::camera::{AUDIO_BYTES, Camera, Film, Rate, TIME_BYTES};
use super::transport::{Taken, Transport};

/// The numbers of a person's streams, by seat; they need be unique in a room only.
fn ssrc(seat: u8, stream: u32) -> u32 {
    0x5e_0000 + u32::from(seat) * 16 + stream
}

/// One participant, connected.
pub(crate) struct Person {
    /// What it sends by, and receives by where one transport does both.
    up: Transport,
    /// What it receives by where that is another.
    down: Option<Transport>,
    microphone: Stream,
    video: Stream,
    camera: Option<Camera>,
    sounds: u32,
}

/// What a person offers to send.
pub(crate) fn uplinks(seat: u8) -> [(Kind, Flow); 2] {
    [
        (Kind::Audio, Flow::Send { ssrc: ssrc(seat, 0), rtx: None }),
        (Kind::Video, Flow::Send { ssrc: ssrc(seat, 1), rtx: Some(ssrc(seat, 2)) }),
    ]
}

impl Person {
    /// A participant whose uplink is connected; `answer` says what was agreed of [`uplinks`], in the
    /// first two sections.
    ///
    /// # Errors
    /// When it is no answer to that.
    pub(crate) fn new(seat: u8, up: Transport, answer: &Description) -> Result<Self> {
        let stream =
            |number, payload_type, clock| Stream::new(ssrc(seat, number), payload_type, clock);
        let (mut microphone, mut video) = (stream(0, OPUS, 48_000), stream(1, VP8, 90_000));
        for (stream, section) in [&mut microphone, &mut video].into_iter().zip(0..) {
            let section = answer.sections.get(section).context("the answer lacks an uplink")?;
            stream.agree(&section.mid, section.extensions);
        }
        Ok(Self { up, down: None, microphone, video, camera: None, sounds: 0 })
    }

    /// Receives by a transport of its own.
    pub(crate) fn receive_by(&mut self, down: Transport) {
        self.down = Some(down);
    }

    /// Its camera films at another rate from now on.
    pub(crate) fn film_at(&mut self, rate: Rate) {
        self.camera = Some(Camera::new(rate));
    }

    /// Its transports.
    pub(crate) fn transports(&self) -> impl Iterator<Item = &Transport> {
        std::iter::once(&self.up).chain(&self.down)
    }

    /// What was agreed for media that are sent, and for media that are received.
    pub(crate) fn terms(&self) -> [String; 2] {
        [self.up.terms(false), self.down.as_ref().unwrap_or(&self.up).terms(true)]
    }

    /// How many streams of others ever came.
    pub(crate) fn streams(&self) -> usize {
        self.transports().map(Transport::streams).sum()
    }

    /// Sends 20 ms of sound, the time at its end.
    ///
    /// # Errors
    /// When it is not connected.
    pub(crate) fn speak(&mut self, now: u64) -> Result<()> {
        // The first byte says 20 ms of full band, coded by CELT; what follows is as good as noise.
        let mut sound = [0xfc; AUDIO_BYTES - TIME_BYTES];
        let noise = u64::from(self.sounds).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        sound[1..9].copy_from_slice(&noise);
        let timestamp = self.sounds.wrapping_mul(960);
        self.sounds = self.sounds.wrapping_add(1);
        self.up.send(&mut self.microphone, timestamp, false, &[&sound, &now.to_be_bytes()])
    }

    /// Sends a frame; gives its packets. `now` is read before each of them is sealed.
    ///
    /// # Errors
    /// When it is not connected.
    pub(crate) fn film(&mut self, film: &Film, now: impl Fn() -> u64) -> Result<u64> {
        let camera = self.camera.as_mut().context("no camera")?;
        let (timestamp, fragments) = camera.film(film);
        for fragment in &fragments {
            let payload = [&fragment.payload[..], &now().to_be_bytes()];
            self.up.send(&mut self.video, timestamp, fragment.last, &payload)?;
        }
        Ok(fragments.len() as u64)
    }

    /// Says what it received, and that it lives.
    ///
    /// # Errors
    /// When it is not connected.
    pub(crate) fn report(&mut self, since: Instant) -> Result<()> {
        self.up.report(&[&self.microphone, &self.video], since)?;
        self.up.keep(Instant::now())?;
        if let Some(down) = &mut self.down {
            down.report(&[], since)?;
            down.keep(Instant::now())?;
        }
        Ok(())
    }

    /// Reads what waits.
    ///
    /// # Errors
    /// When the server hangs up.
    pub(crate) fn receive(&mut self, mut sampled: impl FnMut(u64)) -> Result<Taken> {
        let mut taken = self.up.receive(&mut sampled)?;
        if let Some(down) = &mut self.down {
            let other = down.receive(&mut sampled)?;
            taken.packets += other.packets;
            taken.repeated += other.repeated;
            taken.rtx += other.rtx;
            taken.compounds += other.compounds;
            taken.nacks += other.nacks;
            taken.arrivals += other.arrivals;
            taken.key_frame |= other.key_frame;
        }
        if taken.key_frame
            && let Some(camera) = &mut self.camera
        {
            camera.key_frame_wanted();
        }
        Ok(taken)
    }
}
