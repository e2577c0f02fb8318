//! What a bot sends: sound every 20 ms, a picture 15 times a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use palabre_ids::{MediaRights, Seat};

use super::Microphone;
use super::pace::{Offered, Pace};
use super::peer::PacketHead;
use super::room::Room;
use super::sent::Sent;
use crate::ledger::Ledger;
use crate::media::camera::{Layer, LayerSender, RIDS, VideoPacket};
use crate::media::payload::Payload;
use crate::media::speech::{FRAME_SAMPLES, Voice};
use crate::samples::Samples;

/// From one sound packet to the next.
const AUDIO_EVERY: Duration = Duration::from_millis(20);

/// From one picture to the next.
const VIDEO_EVERY: Duration = Duration::from_nanos(1_000_000_000 / 15);

/// The RFC 6464 level of digital silence.
const SILENCE: u8 = 127;

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
    pub payload: Payload,
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
    rights: MediaRights,
    /// The session is over, and media are no more.
    over: bool,
    /// What left, as whoever carries it says.
    pub(super) sent: Sent,
    /// How late each packet was made, in milliseconds after it was due.
    pub(super) late: Samples,
    sound_pace: Pace,
    pictures_pace: Pace,
    /// Pictures made, in all layers at once, and the packets that they are.
    pictures: (u64, u64),
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
            over: false,
            sent: Sent::default(),
            late: Samples::default(),
            sound_pace: Pace::default(),
            pictures_pace: Pace::default(),
            pictures: (0, 0),
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

    /// What the room says now.
    pub(super) fn told(&mut self, room: &Room) {
        let rights = room.rights(self.seat);
        self.sent.rights_changes += u64::from(rights != self.rights);
        self.rights = rights;
        self.over = room.is_over();
    }

    /// Whether it sends sound, with the rights it has.
    pub(super) fn speaks(&self) -> bool {
        !self.over
            && match self.microphone {
                Microphone::Open => true,
                Microphone::Floor => self.rights.audio,
                Microphone::Off => false,
            }
    }

    /// What is due at `now`, by a camera of so many layers. What of it leaves is told by [`Self::left`].
    pub fn speak(&mut self, now: Instant, layers: usize, out: &mut Vec<Outgoing>) {
        while self.next_audio <= now {
            let (due, before) = (self.next_audio, out.len());
            self.next_audio += AUDIO_EVERY;
            self.audio(out);
            self.made(due, now, out.len() - before);
        }
        while self.next_video <= now {
            let (due, before) = (self.next_video, out.len());
            self.next_video += VIDEO_EVERY;
            self.video(layers, out);
            self.made(due, now, out.len() - before);
        }
    }

    /// So many packets were due then, each of them as late as it is now: a bot that slept through some
    /// rounds was late with every one of them, not once.
    fn made(&mut self, due: Instant, now: Instant, packets: usize) {
        let late = now.saturating_duration_since(due).as_secs_f64() * 1_000.0;
        self.late.add_times(late, packets as u64);
    }

    /// So many packets left there.
    pub fn left(&mut self, uplink: Uplink, packets: usize) {
        self.sent.left(uplink, packets, self.rights);
    }

    /// What it sent. What is given to it now counts as given, even if it never came to send it.
    pub(super) fn sent(&self) -> Sent {
        let mut sent = self.sent;
        sent.sound.given |= self.microphone == Microphone::Open;
        sent.pictures.given |= self.camera;
        let ms = |pace: &Pace| pace.behind().as_millis() as u64;
        sent.sound.behind_ms = ms(&self.sound_pace);
        sent.pictures.behind_ms = ms(&self.pictures_pace);
        sent
    }

    /// Compares what left with what was given, a few times a second; `carries`: the bot is in, and its
    /// media are connected.
    pub(super) fn look(&mut self, now: Instant, carries: bool) {
        let sound = self.sent.sound.sent as f64 * AUDIO_EVERY.as_secs_f64();
        self.sound_pace.look(now, carries && self.speaks(), sound);
        let (pictures, packets) = self.pictures;
        let left = self.sent.pictures.sent as f64 / packets.max(1) as f64;
        let shown = pictures as f64 * left * VIDEO_EVERY.as_secs_f64();
        self.pictures_pace.look(now, carries && self.camera && !self.over, shown);
    }

    /// What it was given of sound and of pictures, and sent.
    pub(super) fn offered(&self) -> (Offered, Offered) {
        (self.sound_pace.offered(), self.pictures_pace.offered())
    }

    fn audio(&mut self, out: &mut Vec<Outgoing>) {
        let packet = self.packet;
        self.packet = (packet + 1) % self.voice.packets.len();
        self.audio_timestamp = self.audio_timestamp.wrapping_add(FRAME_SAMPLES as u32);
        if !self.speaks() {
            return;
        }
        let (payload, level) = (self.voice.packets[packet].clone(), self.voice.levels[packet]);
        self.sent.sound.given = true;
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
        out.push(Outgoing { uplink: Uplink::Microphone, head, level, payload: payload.into() });
    }

    fn video(&mut self, layers: usize, out: &mut Vec<Outgoing>) {
        let before = out.len();
        for (index, sender) in self.camera_senders.iter_mut().take(layers).enumerate() {
            if !self.camera || self.over {
                sender.skip();
                continue;
            }
            self.sent.pictures.given = true;
            // A camera without simulcast sends its middle layer.
            let layer = if layers == 1 { 1 } else { index };
            for packet in sender.next(&self.layers[layer]) {
                self.ledger.shown(self.seat, Instant::now(), &packet.payload.media);
                out.push(Outgoing::picture(Uplink::Camera(index), packet));
            }
        }
        if self.camera && !self.over {
            self.pictures.0 += 1;
            self.pictures.1 += (out.len() - before) as u64;
        }
        if !self.screen || self.over {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mouth(microphone: Microphone, camera: bool) -> Mouth {
        let hum: Vec<i16> = (0..100).cycle().take(48_000).map(|at| at * 50).collect();
        let voice = Arc::new(Voice::from_pcm(&hum).expect("a second of sound"));
        Mouth::new(Seat(0), voice, Ledger::default(), microphone, camera).expect("a mouth")
    }

    fn speak(mouth: &mut Mouth, now: Instant) -> Vec<Outgoing> {
        let mut out = Vec::new();
        mouth.speak(now, 1, &mut out);
        out
    }

    #[test]
    fn each_packet_is_as_late_as_it_is() {
        let mut mouth = mouth(Microphone::Open, false);
        let start = Instant::now();
        mouth.resume(start);
        // It sleeps through five rounds of sound: they are 100, 80, 60, 40, 20 and 0 ms late.
        assert_eq!(speak(&mut mouth, start + 5 * AUDIO_EVERY).len(), 6);
        let late = mouth.late.distribution();
        assert_eq!((late.count, late.max), (6, 100.0));
        assert!((late.p50 - 40.0).abs() < 1.0, "{late:?}");
    }

    #[test]
    fn who_sends_nothing_is_late_with_nothing() {
        let mut mouth = mouth(Microphone::Off, false);
        assert!(speak(&mut mouth, Instant::now() + AUDIO_EVERY).is_empty());
        assert_eq!(mouth.late.count(), 0);
    }

    #[test]
    fn only_what_left_is_sent_and_each_kind_is_counted_apart() {
        let mut mouth = mouth(Microphone::Open, true);
        let made = speak(&mut mouth, Instant::now());
        assert!(made.len() > 1 && mouth.sent().total() == 0, "made is not sent");
        mouth.left(Uplink::Camera(0), made.len() - 1);
        let sent = mouth.sent();
        assert!(sent.sound.given && sent.pictures.given);
        assert_eq!((sent.sound.sent, sent.pictures.sent), (0, sent.total()), "a dead microphone");
        assert_eq!(sent.gated, sent.total(), "nobody gave it a right so far");
        mouth.rights.audio = true;
        mouth.left(Uplink::Microphone, 3);
        mouth.left(Uplink::Camera(2), 2);
        assert_eq!(mouth.sent().gated, sent.gated + 2, "of what it may send nothing is stopped");
    }

    #[test]
    fn who_goes_on_making_what_does_not_leave_is_behind() {
        let mut mouth = mouth(Microphone::Open, true);
        let start = Instant::now();
        mouth.resume(start);
        let mut behind = Vec::new();
        for part in [true, false] {
            for look in 1..=25 {
                let now = start + (look + if part { 0 } else { 25 }) * 10 * AUDIO_EVERY;
                for Outgoing { uplink, .. } in speak(&mut mouth, now) {
                    if part {
                        mouth.left(uplink, 1);
                    }
                }
                mouth.look(now, true);
            }
            let sent = mouth.sent();
            behind.push([sent.sound.behind_ms, sent.pictures.behind_ms]);
        }
        assert!(behind[0].iter().all(|ms| *ms < 200), "{behind:?}");
        assert!(behind[1].iter().all(|ms| *ms > 4_000), "five seconds of nothing: {behind:?}");
        let (sound, pictures) = mouth.offered();
        for share in [sound.share(), pictures.share()] {
            assert!(share.is_some_and(|share| (0.48..0.54).contains(&share)), "{share:?}");
        }
    }

    #[test]
    fn what_is_given_counts_even_if_it_never_comes_to_it() {
        let given = |microphone, camera| {
            let sent = mouth(microphone, camera).sent();
            (sent.sound.given, sent.pictures.given)
        };
        assert_eq!(given(Microphone::Open, true), (true, true));
        assert_eq!(given(Microphone::Off, false), (false, false));
        assert_eq!(given(Microphone::Floor, false), (false, false), "only with the floor");
        let mut floor = mouth(Microphone::Floor, false);
        floor.rights.audio = true;
        speak(&mut floor, Instant::now());
        assert!(floor.sent().sound.given);
    }
}
