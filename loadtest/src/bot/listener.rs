//! What a bot receives, slot by slot: counted, decoded, timed, and judged.

mod account;
mod found;
mod reach;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use palabre_ids::Seat;

pub use self::found::{HeardReport, Leaks, OpenStream, SlotReport, Speech, Times};
use self::reach::Reach;
use self::slot::{Gate, SlotMedia, SlotState};
use super::plan::{Slot, SlotMap};
use super::room::Room;
use crate::ledger::Ledger;
use crate::media::ears::{Heard, MATCH, WINDOW};
use crate::media::speech::Voice;
use crate::media::stream::Counter;
use crate::samples::Samples;

/// Media and events travel apart (UDP, TCP): a packet may come this long before the event that
/// allows it, or after the one that forbids it, on a busy machine. What is forbidden by its content
/// (see [`Ledger`]) has no such leeway.
pub const LEEWAY: Duration = Duration::from_millis(400);

/// A key frame is asked for again after so long without one.
const KEY_FRAME_RETRY: Duration = Duration::from_millis(500);

/// Windows of sound are compared with what was said this often, seat by seat.
const LISTEN_EVERY: Duration = Duration::from_secs(3);

/// Who sends nothing for so long paused: no loss on a way that still works is as long.
const PAUSE: Duration = Duration::from_millis(500);

/// Who may be recognised: each seat's voice.
pub type Cast = Arc<Vec<(Seat, Arc<Voice>)>>;

/// A packet that came, as its header tells it.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When its datagram came.
    pub at: Instant,
    /// Its source.
    pub ssrc: u32,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its marker bit.
    pub marker: bool,
}

/// How closely a listener looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// It decodes what it hears, and tells who speaks.
    pub decode: bool,
    /// It needs the payload of one packet in so many; of all, with 1.
    pub open: u64,
}

/// The receiving half of a bot.
pub struct Listener {
    map: SlotMap,
    /// Of the session before.
    map_before: Option<SlotMap>,
    slots: BTreeMap<Slot, SlotState>,
    cast: Cast,
    ledger: Ledger,
    attention: Attention,
    reach: Reach,
    /// What leaked so far.
    pub leaks: Leaks,
    /// How well the voices came through.
    pub speech: Speech,
    next_listening: Option<Instant>,
    /// What was measured since the last pulse, and before.
    recent: Times,
    before: Times,
    past_freezes: (u64, f64),
    /// When the first medium arrived.
    pub first_media: Option<Instant>,
    key_frame_asked: HashMap<Slot, Instant>,
    /// What sessions before this one received: packets received, expected, lost.
    past: (u64, u64, u64),
}

impl Listener {
    /// A listener that knows `cast`.
    #[must_use]
    pub fn new(cast: Cast, ledger: Ledger, attention: Attention) -> Self {
        Self {
            map: SlotMap::default(),
            map_before: None,
            slots: BTreeMap::new(),
            cast,
            ledger,
            attention,
            reach: Reach::default(),
            leaks: Leaks::default(),
            speech: Speech::default(),
            next_listening: None,
            recent: Times::default(),
            before: Times::default(),
            past_freezes: (0, 0.0),
            first_media: None,
            key_frame_asked: HashMap::new(),
            past: (0, 0, 0),
        }
    }

    /// A media session begins: its streams are new. Who was heard before and may be heard still was
    /// missed meanwhile: the silence goes on until their first packet.
    pub fn session(&mut self, map: SlotMap, now: Instant, room: &Room) {
        self.map_before = Some(std::mem::replace(&mut self.map, map));
        self.past = self.packets();
        self.past_freezes = self.freezes();
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
        self.reach.becomes(Reach::of(room, now));
        for (slot, state) in &mut self.slots {
            let open = self.reach.open.contains_key(slot);
            match (state.gate, open) {
                (Gate::Closed { .. }, true) => {
                    let cause = cause.unwrap_or(now);
                    let early = state.suspects.iter().copied().find(|at| *at >= cause);
                    settle(&mut state.suspects, now, &mut self.leaks);
                    state.suspects.clear();
                    state.gate = match early {
                        Some(at) => {
                            push(&mut self.recent.grant, at.saturating_duration_since(cause));
                            Gate::Open { cause: None }
                        }
                        None => Gate::Open { cause: Some(cause) },
                    };
                    state.gap.reset();
                    state.begin_again();
                }
                (Gate::Open { .. }, false) => {
                    state.gate = Gate::Closed { since: now, cause: Some(cause.unwrap_or(now)) };
                }
                _ => {}
            }
        }
    }

    /// Whether the payload of that stream's next packet is needed: where nothing else tells what it is,
    /// and of one in so many as it was told to look at.
    #[must_use]
    pub fn wants(&self, ssrc: u32) -> bool {
        let Some(stream) = self.map.stream(ssrc) else { return false };
        let Some(state) = self.slots.get(&stream.slot).filter(|_| !stream.retransmission) else {
            return true;
        };
        state.counter.received().is_multiple_of(self.attention.open)
            || match &state.media {
                SlotMedia::Audio(_) => self.attention.decode,
                SlotMedia::Video(frames) => frames.key_frames == 0,
            }
    }

    /// Takes a packet. Its payload is none when it was not opened.
    ///
    /// # Errors
    /// When the Opus decoder cannot be made.
    pub fn packet(&mut self, packet: Arrival, payload: Option<Bytes>) -> Result<()> {
        let Some(stream) = self.map.stream(packet.ssrc) else {
            // What was on its way when another session began is the session's before.
            let late = self.map_before.as_ref().is_some_and(|it| it.stream(packet.ssrc).is_some());
            self.leaks.stray += u64::from(!late);
            return Ok(());
        };
        // Nothing in it is a probe.
        if payload.as_ref().is_some_and(Bytes::is_empty) {
            return Ok(());
        }
        let (sequence, payload) = match payload {
            // RFC 4588: the original sequence number goes before the original payload.
            Some(payload) if stream.retransmission => {
                let Some((osn, rest)) =
                    payload.split_at_checked(2).filter(|(_, rest)| !rest.is_empty())
                else {
                    return Ok(());
                };
                (u16::from_be_bytes([osn[0], osn[1]]), Some(payload.slice_ref(rest)))
            }
            payload => (packet.sequence, payload),
        };
        let slot = stream.slot;
        let reach = &self.reach;
        let state = self.slots.entry(slot).or_insert_with(|| SlotState::new(slot, packet, reach));
        if !state.counter.take(sequence) {
            return Ok(());
        }
        self.first_media.get_or_insert(packet.at);
        if !stream.retransmission {
            state.ssrc = Some(packet.ssrc);
        }
        let paused =
            state.gap.last().is_none_or(|last| packet.at.saturating_duration_since(last) > PAUSE);
        state.gap.packet(packet.at);
        match state.gate {
            Gate::Open { cause } => {
                if let Some(cause) = cause {
                    push(&mut self.recent.grant, packet.at.saturating_duration_since(cause));
                    state.gate = Gate::Open { cause: None };
                }
            }
            Gate::Closed { since, .. } => {
                if packet.at.saturating_duration_since(since) > LEEWAY {
                    state.suspects.push(packet.at);
                }
            }
        }
        let (fragment, latencies) = match (&mut state.media, payload) {
            (SlotMedia::Audio(audio), Some(payload)) => {
                if self.attention.decode {
                    audio.decode(sequence, &payload, paused, &mut self.speech)?;
                }
                (Some(payload), &mut self.recent.audio_latency)
            }
            (SlotMedia::Video(frames), Some(payload)) => (
                frames.packet(packet.at, sequence, packet.timestamp, packet.marker, &payload),
                &mut self.recent.video_latency,
            ),
            (SlotMedia::Audio(_), None) => return Ok(()),
            (SlotMedia::Video(frames), None) => {
                frames.unopened(packet.at, sequence, packet.timestamp, packet.marker);
                return Ok(());
            }
        };
        let of = self.reach.seat_of(slot);
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
        self.listen(now);
        for state in self.slots.values_mut() {
            settle(&mut state.suspects, now, &mut self.leaks);
            if let Gate::Closed { since, cause: Some(cause) } = state.gate
                && now.saturating_duration_since(since) > 2 * LEEWAY
            {
                if let Some(last) = state.gap.last() {
                    push(&mut self.recent.revoke, last.saturating_duration_since(cause));
                }
                state.gate = Gate::Closed { since, cause: None };
                if let SlotMedia::Audio(audio) = &mut state.media {
                    audio.ear.clear();
                }
            }
        }
    }

    /// Compares what was heard in the last 3 s with what each seat says, every 3 s.
    fn listen(&mut self, now: Instant) {
        if self.next_listening.is_some_and(|at| now < at) {
            return;
        }
        self.next_listening = Some(now + LISTEN_EVERY);
        for (slot, state) in &self.slots {
            let (Slot::Audio(seat), SlotMedia::Audio(audio)) = (slot, &state.media) else {
                continue;
            };
            let open = matches!(state.gate, Gate::Open { .. });
            let voice = self.cast.iter().find(|(of, _)| of == seat);
            let Some((_, voice)) = voice.filter(|_| open && audio.seamless >= WINDOW) else {
                continue;
            };
            let score = match audio.ear.identify([(*seat, &voice.reference)]) {
                Heard::Speaker(_, score) => score,
                Heard::Unknown(score) => score,
                Heard::TooShort | Heard::Silence => continue,
            };
            self.speech.windows += 1;
            self.speech.recognised += u64::from(score >= MATCH);
            self.speech.score.add(f64::from(score));
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
}

/// Suspects that nothing allowed in time have leaked.
fn settle(suspects: &mut Vec<Instant>, now: Instant, leaks: &mut Leaks) {
    let before = suspects.len();
    suspects.retain(|at| now.saturating_duration_since(*at) <= LEEWAY);
    leaks.without_right += (before - suspects.len()) as u64;
}

fn push(times: &mut Samples, time: Duration) {
    times.add(time.as_secs_f64() * 1_000.0);
}
