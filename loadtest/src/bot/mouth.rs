//! What a bot sends: sound every 20 ms, a picture 15 times a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use palabre_ids::{MediaRights, Seat};

use super::Microphone;
use super::peer::PacketHead;
use crate::ledger::Ledger;
use crate::media::camera::{Layer, LayerSender, RIDS, VideoPacket};
use crate::media::speech::{FRAME_SAMPLES, Voice};
use crate::samples::Samples;

/// From one sound packet to the next.
const AUDIO_EVERY: Duration = Duration::from_millis(20);

/// From one picture to the next.
const VIDEO_EVERY: Duration = Duration::from_nanos(1_000_000_000 / 15);

/// The RFC 6464 level of digital silence.
const SILENCE: u8 = 127;

/// The descriptor before the VP8 data, which forwarders rewrite.
const DESCRIPTOR: usize = 4;

/// What a packet is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uplink {
    /// Sound.
    Microphone,
    /// The camera's layer of this number, or its only one.
    Camera(usize),
    /// The screen.
    Screen,
}

/// A packet to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// As what.
    pub uplink: Uplink,
    /// Its numbers.
    pub head: PacketHead,
    /// How loud it is, as RFC 6464 writes it, for sound.
    pub level: Option<u8>,
    /// Its payload.
    pub payload: Bytes,
}

/// The sending half of a bot.
pub struct Mouth {
    seat: Seat,
    voice: Arc<Voice>,
    ledger: Ledger,
    layers: Arc<[Layer; 3]>,
    pub(super) microphone: Microphone,
    pub(super) camera: bool,
    pub(super) screen: bool,
    /// Its own rights, as the room says.
    pub(super) rights: MediaRights,
    /// Packets sent.
    pub(super) sent: u64,
    /// How late it was with each round of sending, in milliseconds.
    pub(super) late: Samples,
    next_audio: Instant,
    next_video: Instant,
    packet: usize,
    audio_sequence: u16,
    audio_timestamp: u32,
    camera_senders: [LayerSender; 3],
    screen_sender: LayerSender,
}

impl Mouth {
    pub(super) fn new(
        seat: Seat,
        voice: Arc<Voice>,
        ledger: Ledger,
        microphone: Microphone,
        camera: bool,
    ) -> Result<Self> {
        let now = Instant::now();
        Ok(Self {
            seat,
            // Each seat begins elsewhere in its loop, so that bots with few voices still differ.
            packet: usize::from(seat.0) * 37 % voice.packets.len(),
            voice,
            ledger,
            layers: Arc::new(Layer::fixtures()?),
            microphone,
            camera,
            screen: false,
            rights: MediaRights::NONE,
            sent: 0,
            late: Samples::default(),
            next_audio: now,
            next_video: now,
            audio_sequence: rand::random(),
            audio_timestamp: rand::random(),
            camera_senders: Default::default(),
            screen_sender: LayerSender::new(),
        })
    }

    /// When something is due next.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.next_audio.min(self.next_video)
    }

    /// A new session: new streams.
    pub(super) fn restart(&mut self, now: Instant) {
        self.next_audio = now;
        self.next_video = now;
        self.audio_sequence = rand::random();
        self.camera_senders = Default::default();
        self.screen_sender = LayerSender::new();
    }

    /// The same session carries again: the same streams go on from here. New sequence numbers under
    /// its keys would look like old packets, or like packets from another rollover.
    pub fn resume(&mut self, now: Instant) {
        self.next_audio = now;
        self.next_video = now;
    }

    /// Someone lacks a key frame of what is sent there.
    pub fn key_frame_wanted(&mut self, uplink: Uplink) {
        match uplink {
            Uplink::Microphone => {}
            Uplink::Camera(layer) => {
                if let Some(sender) = self.camera_senders.get_mut(layer) {
                    sender.key_frame_wanted();
                }
            }
            Uplink::Screen => self.screen_sender.key_frame_wanted(),
        }
    }

    /// Whether it sends sound, with the rights it has.
    pub(super) fn speaks(&self) -> bool {
        match self.microphone {
            Microphone::Open => true,
            Microphone::Floor => self.rights.audio,
            Microphone::Off => false,
        }
    }

    /// What is due at `now`, by a camera of so many layers. What is due is counted as sent.
    pub fn speak(&mut self, now: Instant, layers: usize, out: &mut Vec<Outgoing>) {
        let before = out.len();
        if self.due() <= now {
            self.late.add(now.saturating_duration_since(self.due()).as_secs_f64() * 1_000.0);
        }
        while self.next_audio <= now {
            self.next_audio += AUDIO_EVERY;
            self.audio(out);
        }
        while self.next_video <= now {
            self.next_video += VIDEO_EVERY;
            self.video(layers, out);
        }
        self.sent += (out.len() - before) as u64;
    }

    fn audio(&mut self, out: &mut Vec<Outgoing>) {
        let payload = self.voice.packets[self.packet].clone();
        let level = self.voice.levels[self.packet];
        self.packet = (self.packet + 1) % self.voice.packets.len();
        self.audio_timestamp = self.audio_timestamp.wrapping_add(FRAME_SAMPLES as u32);
        if !self.speaks() {
            return;
        }
        let head = PacketHead {
            sequence: self.audio_sequence,
            timestamp: self.audio_timestamp,
            marker: false,
        };
        self.audio_sequence = self.audio_sequence.wrapping_add(1);
        // Digital silence is coded alike by every encoder: it says nothing about who sent it.
        if level < SILENCE {
            self.ledger.said(self.seat, Instant::now(), &payload);
        }
        // RFC 6464: the top bit says that it is voice.
        let level = Some((level & 0x7f) | 0x80);
        out.push(Outgoing { uplink: Uplink::Microphone, head, level, payload });
    }

    fn video(&mut self, layers: usize, out: &mut Vec<Outgoing>) {
        for (index, sender) in self.camera_senders.iter_mut().take(layers).enumerate() {
            if !self.camera {
                sender.skip();
                continue;
            }
            // A camera without simulcast sends its middle layer.
            let layer = if layers == 1 { 1 } else { index };
            for packet in sender.next(&self.layers[layer]) {
                self.ledger.shown(self.seat, Instant::now(), &packet.payload[DESCRIPTOR..]);
                out.push(Outgoing::picture(Uplink::Camera(index), packet));
            }
        }
        if !self.screen {
            self.screen_sender.skip();
            return;
        }
        let packets = self.screen_sender.next(&self.layers[RIDS.len() - 1]);
        out.extend(packets.into_iter().map(|packet| Outgoing::picture(Uplink::Screen, packet)));
    }
}

impl Outgoing {
    fn picture(uplink: Uplink, packet: VideoPacket) -> Self {
        let VideoPacket { payload, sequence, timestamp, marker } = packet;
        Self { uplink, head: PacketHead { sequence, timestamp, marker }, level: None, payload }
    }
}
