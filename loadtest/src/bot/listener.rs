//! What a bot receives, slot by slot: counted, decoded, timed, and judged.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use palabre_ids::{MediaKind, Seat};
use serde::Serialize;

use super::plan::{Slot, SlotMap};
use super::room::Room;
use super::tap::RtpPacket;
use crate::ledger::Ledger;
use crate::media::ears::{Ear, Heard};
use crate::media::speech::{FRAME_SAMPLES, SAMPLE_RATE, Voice};
use crate::media::stream::{Counter, Frames, Gap, Silence};

/// Media and events travel apart (UDP, TCP): a packet may come this long before the event that
/// allows it, or after the one that forbids it, on a busy machine. What is forbidden by its content
/// (see [`Ledger`]) has no such leeway.
pub const LEEWAY: Duration = Duration::from_millis(400);

/// A key frame is asked for again after so long without one.
const KEY_FRAME_RETRY: Duration = Duration::from_millis(500);

/// Times kept of one kind; enough for percentiles of any test.
const SAMPLES: usize = 20_000;

/// Who may be recognised: each seat's voice.
pub type Cast = Arc<Vec<(Seat, Arc<Voice>)>>;

/// What leaked, by what gave it away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Leaks {
    /// Media of a seat that had no right to send it, or not to this one's group.
    pub without_right: u64,
    /// Media that a hostile bot sent, whatever slot it came in.
    pub forbidden: u64,
    /// Media of one seat in another's slot.
    pub misplaced: u64,
    /// Packets of an SSRC that the answer does not speak of.
    pub stray: u64,
}

impl Leaks {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.without_right + self.forbidden + self.misplaced + self.stray
    }
}

/// Durations measured by a listener, in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// From the bot that sent it to here, sound.
    pub audio_latency: Vec<f64>,
    /// The same for the camera.
    pub video_latency: Vec<f64>,
    /// From what caused a right to the first packet under it.
    pub grant: Vec<f64>,
    /// From what ended a right to the last packet under it.
    pub revoke: Vec<f64>,
}

/// A right that just changed.
#[derive(Debug, Clone, Copy)]
enum Gate {
    /// May send; the first packet since `cause` is awaited, or was seen.
    Open { cause: Option<Instant> },
    /// May not, since then.
    Closed { since: Instant, cause: Option<Instant> },
}

struct SlotState {
    gate: Gate,
    counter: Counter,
    gap: Gap,
    /// Packets that came while closed, and when: early ones, or leaks.
    suspects: Vec<Instant>,
    media: SlotMedia,
    /// The stream it comes by in this media session, once something came.
    ssrc: Option<u32>,
}

enum SlotMedia {
    Audio(AudioSlot),
    Video(Frames),
}

#[derive(Default)]
struct AudioSlot {
    decoder: Option<opus::Decoder>,
    ear: Ear,
    undecodable: u64,
}

/// What one slot gave, for reports.
#[derive(Debug, Clone, Serialize)]
pub struct SlotReport {
    /// The seat; none for the screen.
    pub seat: Option<Seat>,
    /// `audio`, `video` or `screen`.
    pub kind: MediaKind,
    /// Packets received.
    pub received: u64,
    /// Packets there should have been.
    pub expected: u64,
    /// Packets missing.
    pub lost: u64,
    /// Milliseconds since the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// Complete frames (video).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Of these, key frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_frames: Option<u64>,
    /// Who is heard (audio).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<HeardReport>,
}

/// Who is heard in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum HeardReport {
    /// Nothing came in the last second.
    Nothing,
    /// Something comes, but not for 3 s yet.
    TooShort,
    /// Sound without any voice.
    Silence,
    /// The voice of a seat.
    Voice {
        /// Whose.
        seat: Seat,
        /// How well it matches, of 1.
        score: f32,
    },
    /// Sound that is no voice known here.
    Unknown {
        /// The best match.
        score: f32,
    },
}

/// The receiving half of a bot.
pub struct Listener {
    map: SlotMap,
    slots: BTreeMap<Slot, SlotState>,
    cast: Cast,
    ledger: Ledger,
    decode: bool,
    /// What leaked so far.
    pub leaks: Leaks,
    /// What was measured so far.
    pub times: Times,
    /// When the first medium arrived.
    pub first_media: Option<Instant>,
    key_frame_asked: HashMap<Slot, Instant>,
    /// What sessions before this one received: packets received, expected, lost.
    past: (u64, u64, u64),
}

impl Listener {
    /// A listener that knows `cast`. With `decode` off it counts packets only, which costs less.
    #[must_use]
    pub fn new(cast: Cast, ledger: Ledger, decode: bool) -> Self {
        Self {
            map: SlotMap::default(),
            slots: BTreeMap::new(),
            cast,
            ledger,
            decode,
            leaks: Leaks::default(),
            times: Times::default(),
            first_media: None,
            key_frame_asked: HashMap::new(),
            past: (0, 0, 0),
        }
    }

    /// A media session begins: its streams are new. Who was heard before and may be heard still was
    /// missed meanwhile: the silence goes on until their first packet.
    pub fn session(&mut self, map: SlotMap, now: Instant, room: &Room) {
        self.map = map;
        self.past = self.packets();
        self.key_frame_asked.clear();
        self.rights_changed(now, None, room);
        for (slot, state) in &mut self.slots {
            settle(&mut state.suspects, now, &mut self.leaks);
            // When rights changed while nobody was there to see it is not known: it is not timed.
            state.gate = match state.gate {
                Gate::Open { .. } => Gate::Open { cause: None },
                Gate::Closed { since, .. } => Gate::Closed { since, cause: None },
            };
            state.counter = Counter::default();
            state.media = SlotMedia::new(*slot);
            state.ssrc = None;
        }
    }

    /// The ICE of a session was restarted: its streams go on.
    pub fn same_session(&mut self, map: SlotMap) {
        self.map = map;
    }

    /// The room's rights may have changed; `cause` is when a bot here asked for it, if one did.
    pub fn rights_changed(&mut self, now: Instant, cause: Option<Instant>, room: &Room) {
        for (slot, state) in &mut self.slots {
            let open = slot_is_open(*slot, room);
            match (state.gate, open) {
                (Gate::Closed { .. }, true) => {
                    let cause = cause.unwrap_or(now);
                    let early = state.suspects.iter().copied().find(|at| *at >= cause);
                    settle(&mut state.suspects, now, &mut self.leaks);
                    state.suspects.clear();
                    state.gate = match early {
                        Some(at) => {
                            push(&mut self.times.grant, at.saturating_duration_since(cause));
                            Gate::Open { cause: None }
                        }
                        None => Gate::Open { cause: Some(cause) },
                    };
                    state.gap.reset();
                }
                (Gate::Open { .. }, false) => {
                    state.gate = Gate::Closed { since: now, cause: Some(cause.unwrap_or(now)) };
                }
                _ => {}
            }
        }
    }

    /// Takes a packet. `room` decides what a slot that is new may carry.
    ///
    /// # Errors
    /// When the Opus decoder cannot be made.
    pub fn packet(&mut self, packet: &RtpPacket, room: &Room) -> Result<()> {
        let Some(stream) = self.map.stream(packet.ssrc) else {
            self.leaks.stray += 1;
            return Ok(());
        };
        let (sequence, payload) = if stream.retransmission {
            // RFC 4588: the original sequence number goes before the original payload. Nothing behind
            // it is a probe.
            let Some((osn, rest)) =
                packet.payload.split_at_checked(2).filter(|(_, rest)| !rest.is_empty())
            else {
                return Ok(());
            };
            (u16::from_be_bytes([osn[0], osn[1]]), packet.payload.slice_ref(rest))
        } else {
            if packet.payload.is_empty() {
                return Ok(());
            }
            (packet.sequence, packet.payload.clone())
        };
        let slot = stream.slot;
        let state = self.slots.entry(slot).or_insert_with(|| SlotState::new(slot, packet, room));
        if !state.counter.take(sequence) {
            return Ok(());
        }
        self.first_media.get_or_insert(packet.at);
        if !stream.retransmission {
            state.ssrc = Some(packet.ssrc);
        }
        state.gap.packet(packet.at);
        match state.gate {
            Gate::Open { cause } => {
                if let Some(cause) = cause {
                    push(&mut self.times.grant, packet.at.saturating_duration_since(cause));
                    state.gate = Gate::Open { cause: None };
                }
            }
            Gate::Closed { since, .. } => {
                if packet.at.saturating_duration_since(since) > LEEWAY {
                    state.suspects.push(packet.at);
                }
            }
        }
        let (fragment, latencies) = match &mut state.media {
            SlotMedia::Audio(audio) => {
                if self.decode {
                    audio.decode(&payload)?;
                }
                (Some(payload), &mut self.times.audio_latency)
            }
            SlotMedia::Video(frames) => (
                frames.packet(sequence, packet.timestamp, packet.marker, &payload),
                &mut self.times.video_latency,
            ),
        };
        let of = slot_seat(slot, room);
        if let Some(sent) =
            fragment.and_then(|fragment| self.ledger.look_up(of, packet.at, &fragment))
        {
            if sent.forbidden {
                self.leaks.forbidden += 1;
            } else if of.is_some_and(|seat| seat != sent.seat) {
                self.leaks.misplaced += 1;
            } else if !stream.retransmission {
                push(latencies, packet.at.saturating_duration_since(sent.at));
            }
        }
        Ok(())
    }

    /// Time passes: early packets that nothing allowed are leaks now, and rights that ended are timed.
    pub fn tick(&mut self, now: Instant) {
        for state in self.slots.values_mut() {
            settle(&mut state.suspects, now, &mut self.leaks);
            if let Gate::Closed { since, cause: Some(cause) } = state.gate
                && now.saturating_duration_since(since) > 2 * LEEWAY
            {
                if let Some(last) = state.gap.last() {
                    push(&mut self.times.revoke, last.saturating_duration_since(cause));
                }
                state.gate = Gate::Closed { since, cause: None };
                if let SlotMedia::Audio(audio) = &mut state.media {
                    audio.ear.clear();
                }
            }
        }
    }

    /// The SSRCs whose pictures cannot be decoded for want of a key frame.
    pub fn key_frames_wanted(&mut self, now: Instant) -> Vec<(Slot, u32)> {
        let mut wanted = Vec::new();
        for (slot, state) in &self.slots {
            let SlotMedia::Video(frames) = &state.media else { continue };
            let asked = self.key_frame_asked.get(slot);
            let flowing = state
                .gap
                .last()
                .is_some_and(|last| now.saturating_duration_since(last) < KEY_FRAME_RETRY);
            if flowing
                && frames.key_frames == 0
                && asked.is_none_or(|at| now.saturating_duration_since(*at) >= KEY_FRAME_RETRY)
            {
                wanted.extend(state.ssrc.map(|ssrc| (*slot, ssrc)));
            }
        }
        for (slot, _) in &wanted {
            self.key_frame_asked.insert(*slot, now);
        }
        wanted
    }

    /// The longest silence of each open microphone since the last call.
    pub fn audio_gaps(&mut self, now: Instant) -> Vec<(Seat, Silence)> {
        let open = self.slots.iter_mut().filter_map(|(slot, state)| match (slot, state.gate) {
            (Slot::Audio(seat), Gate::Open { .. }) => Some((*seat, state.gap.take(now))),
            _ => None,
        });
        open.collect()
    }

    /// When each open microphone was last heard, in whatever session.
    #[must_use]
    pub fn last_heard(&self) -> Vec<(Seat, Instant)> {
        let open = self.slots.iter().filter_map(|(slot, state)| match (slot, state.gate) {
            (Slot::Audio(seat), Gate::Open { .. }) => Some((*seat, state.gap.last()?)),
            _ => None,
        });
        open.collect()
    }

    /// Packets received, expected and lost, over all sessions.
    #[must_use]
    pub fn packets(&self) -> (u64, u64, u64) {
        self.slots.values().fold(self.past, |(received, expected, lost), state| {
            let counter = &state.counter;
            (received + counter.received(), expected + counter.expected(), lost + counter.lost())
        })
    }

    /// Slot by slot.
    #[must_use]
    pub fn report(&self, now: Instant) -> Vec<SlotReport> {
        let came = self.slots.iter().filter(|(_, state)| state.ssrc.is_some());
        came.map(|(slot, state)| self.slot_report(*slot, state, now)).collect()
    }

    fn slot_report(&self, slot: Slot, state: &SlotState, now: Instant) -> SlotReport {
        let idle = state.gap.last().map(|last| now.saturating_duration_since(last));
        let (seat, kind) = match slot {
            Slot::Audio(seat) => (Some(seat), MediaKind::Audio),
            Slot::Video(seat) => (Some(seat), MediaKind::Video),
            Slot::Screen => (None, MediaKind::Screen),
        };
        let mut report = SlotReport {
            seat,
            kind,
            received: state.counter.received(),
            expected: state.counter.expected(),
            lost: state.counter.lost(),
            idle_ms: idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
            frames: None,
            key_frames: None,
            heard: None,
        };
        match &state.media {
            SlotMedia::Video(frames) => {
                report.frames = Some(frames.completed);
                report.key_frames = Some(frames.key_frames);
            }
            SlotMedia::Audio(audio) => {
                let fresh = idle.is_some_and(|idle| idle < Duration::from_secs(1));
                report.heard = Some(if fresh { self.who(audio) } else { HeardReport::Nothing });
            }
        }
        report
    }

    fn who(&self, audio: &AudioSlot) -> HeardReport {
        let references = self.cast.iter().map(|(seat, voice)| (*seat, &voice.reference));
        match audio.ear.identify(references) {
            Heard::TooShort => HeardReport::TooShort,
            Heard::Silence => HeardReport::Silence,
            Heard::Speaker(seat, score) => HeardReport::Voice { seat, score },
            Heard::Unknown(score) => HeardReport::Unknown { score },
        }
    }
}

impl SlotState {
    fn new(slot: Slot, packet: &RtpPacket, room: &Room) -> Self {
        let gate = if slot_is_open(slot, room) {
            Gate::Open { cause: None }
        } else {
            // Closed for longer than the leeway: a first packet is early, or a leak.
            let since = packet.at.checked_sub(2 * LEEWAY).unwrap_or(packet.at);
            Gate::Closed { since, cause: None }
        };
        Self {
            gate,
            counter: Counter::default(),
            gap: Gap::default(),
            suspects: Vec::new(),
            media: SlotMedia::new(slot),
            ssrc: None,
        }
    }
}

impl SlotMedia {
    fn new(slot: Slot) -> Self {
        match slot {
            Slot::Audio(_) => Self::Audio(AudioSlot::default()),
            Slot::Video(_) | Slot::Screen => Self::Video(Frames::default()),
        }
    }
}

impl AudioSlot {
    fn decode(&mut self, payload: &Bytes) -> Result<()> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono)?),
        };
        // A packet holds 120 ms at most.
        let mut pcm = [0; 6 * FRAME_SAMPLES];
        match decoder.decode(payload, &mut pcm, false) {
            Ok(samples) => {
                pcm[..samples].chunks(FRAME_SAMPLES).for_each(|frame| self.ear.hear(frame))
            }
            Err(_) => self.undecodable += 1,
        }
        Ok(())
    }
}

fn slot_is_open(slot: Slot, room: &Room) -> bool {
    match slot {
        Slot::Audio(seat) => room.reaches(seat).audio,
        Slot::Video(seat) => room.reaches(seat).video,
        Slot::Screen => room.view.state.screen.is_some_and(|seat| room.reaches(seat).screen),
    }
}

fn slot_seat(slot: Slot, room: &Room) -> Option<Seat> {
    match slot {
        Slot::Audio(seat) | Slot::Video(seat) => Some(seat),
        Slot::Screen => room.view.state.screen,
    }
}

/// Suspects that nothing allowed in time have leaked.
fn settle(suspects: &mut Vec<Instant>, now: Instant, leaks: &mut Leaks) {
    let before = suspects.len();
    suspects.retain(|at| now.saturating_duration_since(*at) <= LEEWAY);
    leaks.without_right += (before - suspects.len()) as u64;
}

fn push(times: &mut Vec<f64>, time: Duration) {
    if times.len() < SAMPLES {
        times.push(time.as_secs_f64() * 1_000.0);
    }
}

#[cfg(test)]
mod tests;
