//! What a bot sends: sound every 20 ms, a picture 15 times a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use palabre_ids::{MediaRights, Seat};

use super::Microphone;
use super::peer::{PacketHead, Peer};
use crate::ledger::Ledger;
use crate::media::camera::{Layer, LayerSender, RIDS};
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

/// The sending half of a bot.
pub(super) struct Mouth {
    seat: Seat,
    voice: Arc<Voice>,
    ledger: Ledger,
    layers: Arc<[Layer; 3]>,
    pub(super) microphone: Microphone,
    pub(super) camera: bool,
    pub(super) screen: bool,
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
    pub(super) fn due(&self) -> Instant {
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
    pub(super) fn resume(&mut self, now: Instant) {
        self.next_audio = now;
        self.next_video = now;
    }

    /// Someone lacks a key frame of one of our SSRCs.
    pub(super) fn key_frame_wanted(&mut self, peer: &Peer, ssrc: u32) {
        if let Some(layer) = peer.camera_layer(ssrc) {
            self.camera_senders[layer].key_frame_wanted();
        } else if peer.is_screen(ssrc) {
            self.screen_sender.key_frame_wanted();
        }
    }

    /// Whether it sends sound, with `rights` of its own.
    pub(super) fn speaks(&self, rights: MediaRights) -> bool {
        match self.microphone {
            Microphone::Open => true,
            Microphone::Floor => rights.audio,
            Microphone::Off => false,
        }
    }

    /// Sends what is due at `now`; `rights` are its own.
    ///
    /// # Errors
    /// When the peer connection is closed.
    pub(super) async fn speak(
        &mut self,
        now: Instant,
        peer: &Peer,
        rights: MediaRights,
    ) -> Result<()> {
        if self.due() <= now {
            self.late.add(now.saturating_duration_since(self.due()).as_secs_f64() * 1_000.0);
        }
        while self.next_audio <= now {
            self.next_audio += AUDIO_EVERY;
            self.audio(peer, self.speaks(rights)).await?;
        }
        while self.next_video <= now {
            self.next_video += VIDEO_EVERY;
            self.video(peer).await?;
        }
        Ok(())
    }

    async fn audio(&mut self, peer: &Peer, open: bool) -> Result<()> {
        let payload = self.voice.packets[self.packet].clone();
        let level = self.voice.levels[self.packet];
        self.packet = (self.packet + 1) % self.voice.packets.len();
        self.audio_timestamp = self.audio_timestamp.wrapping_add(FRAME_SAMPLES as u32);
        if !open {
            return Ok(());
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
        self.sent += 1;
        peer.send_audio(head, level, payload).await
    }

    async fn video(&mut self, peer: &Peer) -> Result<()> {
        for (index, sender) in self.camera_senders.iter_mut().enumerate() {
            // A camera without simulcast sends its middle layer.
            let layer = if peer.camera_layers() == 1 { 1 } else { index };
            if index >= peer.camera_layers() {
                break;
            }
            if !self.camera {
                sender.skip();
                continue;
            }
            for packet in sender.next(&self.layers[layer]) {
                self.ledger.shown(self.seat, Instant::now(), &packet.payload[DESCRIPTOR..]);
                self.sent += 1;
                let head = PacketHead {
                    sequence: packet.sequence,
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                };
                peer.send_camera(index, head, packet.payload).await?;
            }
        }
        if !self.screen {
            self.screen_sender.skip();
            return Ok(());
        }
        for packet in self.screen_sender.next(&self.layers[RIDS.len() - 1]) {
            self.sent += 1;
            let head = PacketHead {
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                marker: packet.marker,
            };
            peer.send_screen(head, packet.payload).await?;
        }
        Ok(())
    }
}
