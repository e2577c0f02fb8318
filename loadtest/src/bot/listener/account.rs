//! What a listener tells of what it received: the numbers of a second, of a fault, and of the whole run.

use std::time::{Duration, Instant};

use palabre_ids::{MediaKind, Seat};

use super::slot::{AudioSlot, Gate, SlotMedia, SlotState};
use super::{HeardReport, Listener, OpenStream, SlotReport, Times};
use crate::bot::plan::Slot;
use crate::media::ears::Heard;
use crate::media::stream::Silence;

impl Listener {
    /// Everything measured so far.
    #[must_use]
    pub fn times(&self) -> Times {
        let mut all = self.before.clone();
        all.merge(&self.recent);
        all
    }

    /// What was measured since this was last asked.
    pub fn take_recent(&mut self) -> Times {
        let mut recent = std::mem::take(&mut self.recent);
        self.before.merge(&recent);
        recent.open = self.open_streams();
        recent
    }

    /// Every microphone that may be heard, whether or not anything ever came of it.
    fn open_streams(&self) -> Vec<OpenStream> {
        let open = self.reach.open.iter().filter_map(|(slot, opened)| match slot {
            Slot::Audio(of) => Some(OpenStream {
                of: *of,
                opened: *opened,
                last: self.slots.get(slot).and_then(|state| state.gap.last()),
            }),
            Slot::Video(_) | Slot::Screen => None,
        });
        open.collect()
    }

    /// Pictures that stood still, and for how long in all, in milliseconds, over all sessions.
    #[must_use]
    pub fn freezes(&self) -> (u64, f64) {
        self.slots.values().fold(self.past_freezes, |(times, length), state| match &state.media {
            SlotMedia::Video(frames) => {
                let (more, longer) = frames.freezes.so_far();
                (times + more, length + longer)
            }
            SlotMedia::Audio(_) => (times, length),
        })
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
                report.heard = Some(match (fresh, self.attention.decode) {
                    (false, _) => HeardReport::Nothing,
                    (true, true) => self.who(audio),
                    (true, false) => HeardReport::NotListenedTo,
                });
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
