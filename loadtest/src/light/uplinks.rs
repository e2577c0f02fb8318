//! The streams that a light bot sends, and what of them may be asked for again.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};
use bytes::Bytes;

use super::packet::Stream;
use super::sdp::{Description, OPUS, VP8};
use crate::bot::mouth::Uplink;
use crate::media::camera::RIDS;

/// Packets of a stream kept to be sent again: the largest layer's last second.
const KEPT: usize = 64;

/// One stream that is sent, and what of it may be asked for again.
pub(super) struct Sent {
    pub(super) stream: Stream,
    kept: VecDeque<(u16, Bytes)>,
}

impl Sent {
    fn new(stream: Stream) -> Self {
        Self { stream, kept: VecDeque::new() }
    }

    /// Keeps a sealed packet, in the place of the oldest.
    pub(super) fn keep(&mut self, sequence: u16, packet: Bytes) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((sequence, packet));
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

    /// A sealed packet that is still kept.
    pub(super) fn kept(&self, ssrc: u32, sequence: u16) -> Option<Bytes> {
        let uplink = self.0.iter().find(|uplink| uplink.stream.ssrc == ssrc)?;
        uplink.kept.iter().find(|(kept, _)| *kept == sequence).map(|(_, packet)| packet.clone())
    }
}
