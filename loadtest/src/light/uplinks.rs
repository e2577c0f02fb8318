//! The streams that a light bot sends, and what of them may be asked for again.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};

use super::packet::{Head, Stream};
use super::sdp::{Description, OPUS, VP8};
use crate::bot::mouth::Uplink;
use crate::media::camera::RIDS;
use crate::media::payload::Payload;

/// Packets of a stream kept to be sent again: the largest layer's last three seconds.
const KEPT: usize = 64;

/// What a packet was made of: it is made again when it is asked for, and sealed with the same number it is the
/// same. Sealed packets kept for it would be 0.1 MiB for each bot, almost none of which is ever read.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) head: Head,
    pub(super) transport_cc: u16,
    pub(super) payload: Payload,
}

/// One stream that is sent, and what of it may be asked for again.
pub(super) struct Sent {
    pub(super) stream: Stream,
    kept: VecDeque<Kept>,
}

impl Sent {
    fn new(stream: Stream) -> Self {
        Self { stream, kept: VecDeque::new() }
    }

    /// Keeps a packet, in the place of the oldest.
    pub(super) fn keep(&mut self, packet: Kept) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(packet);
    }
}

/// Streams that are sent: microphone, screen, then the camera's layers.
pub(super) struct Uplinks(pub(super) Vec<Sent>);

pub(super) const MICROPHONE: usize = 0;
pub(super) const SCREEN: usize = 1;
pub(super) const CAMERA: usize = 2;

impl Uplinks {
    pub(super) fn new(layers: usize) -> Self {
        let stream = |payload_type, clock| Stream::new(rand::random(), payload_type, clock);
        let mut uplinks = vec![Sent::new(stream(OPUS, 48_000)), Sent::new(stream(VP8, 90_000))];
        for rid in RIDS.iter().take(layers) {
            let stream = stream(VP8, 90_000);
            uplinks.push(Sent::new(if layers == 1 { stream } else { stream.layer(rid) }));
        }
        Self(uplinks)
    }

    pub(super) fn agree(&mut self, answer: &Description) -> Result<()> {
        // In the answer the screen comes last of the three.
        for (at, uplink) in self.0.iter_mut().enumerate() {
            let section = match at {
                MICROPHONE => 0,
                SCREEN => 2,
                _ => 1,
            };
            let section = answer.sections.get(section).context("the answer lacks an uplink")?;
            uplink.stream.agree(&section.mid, section.extensions);
        }
        Ok(())
    }

    pub(super) fn get(&mut self, uplink: Uplink) -> Option<&mut Sent> {
        self.0.get_mut(match uplink {
            Uplink::Microphone => MICROPHONE,
            Uplink::Screen => SCREEN,
            Uplink::Camera(layer) => CAMERA + layer,
        })
    }

    pub(super) fn which(&self, ssrc: u32) -> Option<Uplink> {
        Some(match self.0.iter().position(|uplink| uplink.stream.ssrc == ssrc)? {
            MICROPHONE => Uplink::Microphone,
            SCREEN => Uplink::Screen,
            layer => Uplink::Camera(layer - CAMERA),
        })
    }

    /// A clear packet that is still kept, in `packet`; false when it is not.
    pub(super) fn kept(&self, ssrc: u32, sequence: u16, packet: &mut Vec<u8>) -> bool {
        let sent = self.0.iter().find(|sent| sent.stream.ssrc == ssrc);
        let found = sent.and_then(|sent| {
            let kept = sent.kept.iter().find(|kept| kept.head.sequence == sequence)?;
            sent.stream.repeat(kept.head, kept.transport_cc, &kept.payload.parts(), packet);
            Some(())
        });
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rtc_srtp::context::Context as SrtpContext;
    use rtc_srtp::protection_profile::ProtectionProfile;

    use super::*;

    #[test]
    fn what_is_asked_for_again_is_the_same_sealed_packet_until_it_is_too_old() {
        let mut uplinks = Uplinks::new(3);
        let provider = rtc_crypto::default_provider().expect("a provider");
        let profile = ProtectionProfile::AeadAes128Gcm;
        let context = SrtpContext::new(&[7; 16], &[9; 12], profile, None, None, provider.crypto());
        let mut context = context.expect("keys of the right length");
        let layer = Uplink::Camera(1);
        // The sequence numbers pass their end, and begin another lap of the key's count.
        let numbers = 0..KEPT as u16 + 30;
        let sequence = |at: u16| (u16::MAX - 50).wrapping_add(at);
        let mut sealed = Vec::new();
        for at in numbers.clone() {
            let media = Bytes::from(vec![at as u8; 200]);
            let payload = Payload::picture([0x90, 0x80, 0x80, at as u8], media);
            let head =
                Head { sequence: sequence(at), timestamp: 9, marker: at % 2 == 0, level: None };
            let sent = uplinks.get(layer).expect("three layers");
            let mut packet = Vec::new();
            sent.stream.write(head, 500 + at, &payload.parts(), &mut packet);
            sent.keep(Kept { head, transport_cc: 500 + at, payload });
            sealed.push(context.encrypt_rtp(&packet).expect("sealed"));
        }
        let stream = &uplinks.get(layer).expect("three layers").stream;
        let (ssrc, counted) = (stream.ssrc, (stream.packets, stream.bytes));
        for (at, first) in numbers.clone().zip(&sealed) {
            let mut packet = Vec::new();
            let kept = uplinks.kept(ssrc, sequence(at), &mut packet);
            assert_eq!(kept, usize::from(at) >= numbers.len() - KEPT, "{at}");
            if kept {
                assert_eq!(context.encrypt_rtp(&packet).expect("sealed"), first, "{at}");
            }
        }
        assert!(!uplinks.kept(ssrc.wrapping_add(1), sequence(numbers.end - 1), &mut Vec::new()));
        let stream = &uplinks.get(layer).expect("three layers").stream;
        assert_eq!((stream.packets, stream.bytes), counted, "what is sent again is not counted");
        assert_eq!(counted, (u32::from(numbers.end), u32::from(numbers.end) * 204));
    }
}
