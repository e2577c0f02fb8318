//! Where a stream can be entered, and how often one receiver may have it made enterable: a keyframe
//! is paid for by everybody who receives the stream.

use std::time::{Duration, Instant};

use crate::media::forwarder::Source;
use crate::media::vp8;
use crate::session::Codec;

/// Whether a decoder that knows nothing yet can start with this packet.
#[must_use]
pub fn starts(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus | Codec::Red => true,
        Codec::Vp8 => vp8::Descriptor::read(payload).is_some_and(|d| d.starts_keyframe),
        Codec::Vp9 => vp9(payload),
        Codec::H264 { .. } => h264(payload),
        Codec::Av1 => payload.first().is_some_and(|head| head & 0x88 == 0x08),
    }
}

/// RFC 9628 section 4.2: not predicted from another picture, start of a frame, lowest layer.
fn vp9(payload: &[u8]) -> bool {
    let Some(&head) = payload.first() else { return false };
    let (has_id, inter, layers, start) =
        (head & 0x80 != 0, head & 0x40 != 0, head & 0x20 != 0, head & 0x08 != 0);
    if inter || !start {
        return false;
    }
    let mut at = 1;
    if has_id {
        at += match payload.get(at) {
            Some(byte) if byte & 0x80 != 0 => 2,
            _ => 1,
        };
    }
    !layers || payload.get(at).is_some_and(|byte| byte & 0x0e == 0)
}

/// RFC 6184: a sequence parameter set, alone, aggregated or fragmented. An IDR slice without one is
/// no entry: a browser sends the set in front of every IDR picture.
fn h264(payload: &[u8]) -> bool {
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let kind = |byte: u8| byte & 0x1f;
    match payload.first().map(|&byte| kind(byte)) {
        Some(SPS) => true,
        Some(STAP_A) => {
            let mut rest = &payload[1..];
            while let [high, low, unit, ..] = rest {
                if kind(*unit) == SPS {
                    return true;
                }
                let size = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(2 + size..).unwrap_or_default();
            }
            false
        }
        Some(FU_A) => payload.get(1).is_some_and(|&head| head & 0x80 != 0 && kind(head) == SPS),
        _ => false,
    }
}

/// How often a slot has a keyframe made for it. Shorter mends a picture sooner; it is also how far a
/// hostile receiver can swell everybody's stream.
const EVERY: Duration = Duration::from_secs(1);
/// How many at once when the receiver asks and nothing says why.
const ASKED: u32 = 1;
/// How many at once when it asks and is known to have lost something.
const ASKED_AFTER_LOSS: u32 = 3;
/// How many at once when another picture is to be shown: a page that is laid out anew changes its
/// mind a few times.
const SHOWN: u32 = 4;

/// The keyframes that one slot of one receiver is worth.
#[derive(Debug, Default)]
pub struct KeyframeBudget {
    /// When what was spent is earned again.
    until: Option<Instant>,
    /// Whether the receiver asked for lost packets since.
    lost: bool,
    /// What the slot waits for, once a keyframe of it was granted.
    shows: Option<Source>,
}

impl KeyframeBudget {
    /// The receiver asked for packets that it had been sent.
    pub fn note_loss(&mut self) {
        self.lost = true;
    }

    /// Whether a keyframe is to be made because the receiver asks.
    pub fn asks(&mut self, now: Instant) -> bool {
        let granted = self.spend(now, if self.lost { ASKED_AFTER_LOSS } else { ASKED });
        self.lost &= !granted;
        granted
    }

    /// Whether keyframes are to be asked for until the slot can show what it waits for, if it waits.
    pub fn waits(&mut self, now: Instant, source: Option<Source>) -> bool {
        let Some(source) = source else {
            self.shows = None;
            return false;
        };
        if self.shows != Some(source) {
            self.shows = self.spend(now, SHOWN).then_some(source);
        }
        self.shows.is_some()
    }

    fn spend(&mut self, now: Instant, at_once: u32) -> bool {
        let until = self.until.map_or(now, |until| until.max(now)) + EVERY;
        let granted = until <= now + EVERY * at_once;
        if granted {
            self.until = Some(until);
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    const H264: Codec = Codec::H264 { profile: 0x42e0, packetization_mode: 1 };

    #[test]
    fn entries_of_each_codec() {
        for (codec, payload, expected) in [
            (Codec::Opus, &[1][..], true),
            (Codec::Vp8, &[0x10, 0x00], true),
            (Codec::Vp8, &[0x10, 0x01], false),
            (Codec::Vp9, &[0x08, 0], true),
            (Codec::Vp9, &[0x48, 0], false),
            (Codec::Vp9, &[0x00, 0], false),
            (Codec::Vp9, &[0xa8, 0x81, 0x02, 0x00], true),
            (Codec::Vp9, &[0xa8, 0x81, 0x02, 0x02], false),
            (H264, &[0x67, 1], true),
            (H264, &[0x65, 1], false),
            (H264, &[0x78, 0, 2, 0x67, 1, 0, 1, 0x68], true),
            (H264, &[0x78, 0, 2, 0x68, 1, 0, 2, 0x67, 1], true),
            (H264, &[0x78, 0, 9, 0x68, 1], false),
            (H264, &[0x7c, 0x87], true),
            (H264, &[0x7c, 0x07], false),
            (Codec::Av1, &[0x18], true),
            (Codec::Av1, &[0x98], false),
            (Codec::Av1, &[0x10], false),
        ] {
            assert_eq!(starts(codec, payload), expected, "{codec:?} {payload:?}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for codec in [Codec::Vp8, Codec::Vp9, H264, Codec::Av1] {
                let _ = starts(codec, &bytes);
            }
        }
    }
}
