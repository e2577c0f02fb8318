//! What a listener keeps of one slot: whether anything may come by it, what came, and the decoder that
//! hears it. Nothing here knows of the others, or of the room.

use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;

use super::reach::Reach;
use super::{Arrival, LEEWAY, Speech};
use crate::bot::plan::Slot;
use crate::media::ears::Ear;
use crate::media::speech::{FRAME_SAMPLES, SAMPLE_RATE};
use crate::media::stream::{Counter, Frames, Gap};

/// A hole in the sequence numbers that is longer is no loss to be concealed, but another beginning.
const MOST_CONCEALED: u16 = 50;

/// A right that just changed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gate {
    /// May send; the first packet since `cause` is awaited, or was seen.
    Open { cause: Option<Instant> },
    /// May not, since then.
    Closed { since: Instant, cause: Option<Instant> },
}

pub(super) struct SlotState {
    pub(super) gate: Gate,
    pub(super) counter: Counter,
    pub(super) gap: Gap,
    /// Packets that came while closed, and when: early ones, or leaks.
    pub(super) suspects: Vec<Instant>,
    pub(super) media: SlotMedia,
    /// The stream it comes by in this media session, once something came.
    pub(super) ssrc: Option<u32>,
}

pub(super) enum SlotMedia {
    Audio(AudioSlot),
    Video(Frames),
}

#[derive(Default)]
pub(super) struct AudioSlot {
    decoder: Option<opus::Decoder>,
    pub(super) ear: Ear,
    undecodable: u64,
    /// The sequence number that comes next.
    next: Option<u16>,
    /// Pieces of 20 ms since its sender last paused, or was last not to be heard.
    pub(super) seamless: usize,
}

impl SlotState {
    pub(super) fn new(slot: Slot, packet: Arrival, reach: &Reach) -> Self {
        let gate = if reach.open.contains_key(&slot) {
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

    /// Its sender may be heard and seen again: what was before is neither silence nor standstill.
    pub(super) fn begin_again(&mut self) {
        match &mut self.media {
            SlotMedia::Audio(audio) => audio.seamless = 0,
            SlotMedia::Video(frames) => frames.freezes.begin_again(),
        }
    }
}

impl SlotMedia {
    pub(super) fn new(slot: Slot) -> Self {
        match slot {
            Slot::Audio(_) => Self::Audio(AudioSlot::default()),
            Slot::Video(_) | Slot::Screen => Self::Video(Frames::default()),
        }
    }
}

impl AudioSlot {
    /// Decodes a packet, and conceals those before it that are not there. `paused`: its sender said
    /// nothing for a while before it, so that what is heard has a seam there.
    pub(super) fn decode(
        &mut self,
        sequence: u16,
        payload: &Bytes,
        paused: bool,
        speech: &mut Speech,
    ) -> Result<()> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono)?),
        };
        let missing = self.next.map_or(0, |next| sequence.wrapping_sub(next));
        if missing > u16::MAX / 2 {
            // Its moment has passed: it was concealed.
            return Ok(());
        }
        self.next = Some(sequence.wrapping_add(1));
        if paused || missing > MOST_CONCEALED {
            self.seamless = 0;
        } else {
            let mut pcm = [0; FRAME_SAMPLES];
            for _ in 0..missing {
                if decoder.decode(&[], &mut pcm, false).is_ok() {
                    self.ear.hear(&pcm);
                    self.seamless += 1;
                }
                speech.concealed += 1;
            }
        }
        // A packet holds 120 ms at most.
        let mut pcm = [0; 6 * FRAME_SAMPLES];
        match decoder.decode(payload, &mut pcm, false) {
            Ok(samples) => {
                speech.frames += 1;
                pcm[..samples].chunks(FRAME_SAMPLES).for_each(|frame| {
                    self.ear.hear(frame);
                    self.seamless += 1;
                });
            }
            Err(_) => self.undecodable += 1,
        }
        Ok(())
    }
}
