//! What a peer sends: which packet belongs to which section and layer, what was lost on the way, and
//! when a keyframe is to be asked for.
//!
//! A source (SSRC) is bound to a section and layer once, by the offer or by the identifiers in
//! its own authenticated packets; it cannot move, and a layer cannot be claimed twice. What another
//! peer calls its own means nothing here.

use std::time::{Duration, Instant};

use palabre_ids::MediaKind;

use crate::media::cache::{Cache, Cached};
use crate::media::keyframe;
use crate::media::reception::{Reception, SenderInfo};
use crate::media::red;
use crate::media::rtp::Header;
use crate::media::seats::SeatSet;
use crate::media::sequence::{Index, Seen};
use crate::media::vp8;
use crate::session::{Codec, Format, Session, Uplink};

/// The least time between two keyframe requests for one layer. Shorter serves a latecomer sooner and
/// costs everybody's bandwidth.
pub const KEYFRAME_PAUSE: Duration = Duration::from_millis(300);
/// A layer without packets for so long does not count as being sent.
pub const LAYER_SILENCE: Duration = Duration::from_millis(1_200);
/// What is remembered of a section's highest layer, in bytes: 0.7 s at 1.5 Mbit/s.
const CACHE_TOP: usize = 128 * 1024;
/// What is remembered of the layers below it.
const CACHE_LOWER: usize = 64 * 1024;

/// RFC 7587, RFC 7741 and the others: audio counts 48,000 a second, video 90,000.
#[must_use]
pub fn clock_rate(kind: MediaKind) -> u32 {
    match kind {
        MediaKind::Audio => 48_000,
        MediaKind::Video | MediaKind::Screen => 90_000,
    }
}

/// One uninterrupted stretch of a source. Another run cannot be joined to the one before: a
/// decoder must start anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The session it belongs to.
    pub session: u32,
    /// Its number in the session.
    pub count: u32,
}

/// A section and a layer of it, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The section.
    pub uplink: u8,
    /// The layer, from small to large.
    pub layer: u8,
}

/// Why an authentic packet is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its source is bound to nothing, and it names nothing that is free.
    UnknownSource,
    /// Its section does not carry this payload type.
    WrongPayloadType,
    /// It came before, or too late. Mostly a publisher that sends kept packets again to find out how
    /// much its path carries.
    Repeated,
    /// There is nothing in it: the path is being measured too.
    Padding,
    /// It contradicts itself.
    Malformed,
}

/// A packet of media, in clear, known to belong to `origin`.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// What the section carries.
    pub kind: MediaKind,
    /// Its layer.
    pub origin: Origin,
    /// The stretch it belongs to.
    pub run: Run,
    /// Its extended sequence number.
    pub index: Index,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its marker bit.
    pub marker: bool,
    /// Its codec.
    pub codec: Codec,
    /// Whether a decoder can start with it.
    pub starts: bool,
    /// The VP8 descriptor.
    pub vp8: Option<vp8::Descriptor>,
    /// RFC 6464, as the peer claims it.
    pub audio_level: Option<u8>,
    /// Whether redundant audio in it may be of a time when somebody who receives it now did not.
    pub echoes: bool,
    /// The payload without padding; empty when there was nothing but padding.
    pub payload: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Media,
    Rtx,
}

/// A layer of a section.
pub struct Layer {
    ssrc: Option<u32>,
    rtx: Option<u32>,
    reception: Reception,
    cache: Cache,
    last: Option<Instant>,
    /// The first packet that came, or will come, with its present audience: what is before it is not
    /// for everybody who receives now.
    fresh: Index,
    /// The first packet whose redundant audio is for everybody too.
    unechoed: Index,
    wanted: bool,
    requested: Option<Instant>,
}

impl Layer {
    fn new(kind: MediaKind, top: bool) -> Self {
        Self {
            ssrc: None,
            rtx: None,
            reception: Reception::new(clock_rate(kind), kind != MediaKind::Audio),
            cache: Cache::new(if top { CACHE_TOP } else { CACHE_LOWER }),
            last: None,
            fresh: Index(0),
            unechoed: Index(0),
            wanted: false,
            requested: None,
        }
    }

    /// Its source, once known.
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// What arrived of it.
    pub fn reception(&mut self) -> &mut Reception {
        &mut self.reception
    }

    /// The sender's clock, as it last told it.
    #[must_use]
    pub fn sender(&self) -> Option<SenderInfo> {
        self.reception.sender()
    }

    /// Whether it is being sent.
    #[must_use]
    pub fn is_live(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last) < LAYER_SILENCE)
    }

    /// Wants a keyframe; requests made in a short time become one.
    pub fn want_keyframe(&mut self) {
        self.wanted = true;
    }

    /// The source to ask for a keyframe now, if one is wanted and it is not too soon; it counts as
    /// asked then.
    pub fn take_keyframe_request(&mut self, now: Instant) -> Option<u32> {
        let soon = self.requested.is_some_and(|at| now < at + KEYFRAME_PAUSE);
        let ssrc = self.ssrc.filter(|_| self.wanted && !soon)?;
        self.wanted = false;
        self.requested = Some(now);
        Some(ssrc)
    }
}

/// A section that the peer sends in.
pub struct Section {
    /// What it carries.
    pub kind: MediaKind,
    mid: String,
    rids: Vec<String>,
    formats: Vec<Format>,
    opus: Option<u8>,
    run: u32,
    /// Its layers from small to large; one without simulcast.
    pub layers: Vec<Layer>,
}

impl Section {
    fn new(uplink: &Uplink) -> Self {
        let audio = |codec| matches!(codec, Codec::Opus | Codec::Red);
        // A section carries its own kind alone, whatever was agreed.
        let formats: Vec<_> = uplink
            .formats
            .iter()
            .copied()
            .filter(|f| audio(f.codec) == (uplink.kind == MediaKind::Audio))
            .collect();
        let count = uplink.rids.len().max(1);
        Self {
            kind: uplink.kind,
            mid: uplink.mid.clone(),
            rids: uplink.rids.clone(),
            opus: formats.iter().find(|f| f.codec == Codec::Opus).map(|f| f.payload_type),
            formats,
            run: 0,
            layers: (0..count).map(|n| Layer::new(uplink.kind, n + 1 == count)).collect(),
        }
    }

    /// The highest layer up to `wanted` that is being sent; the lowest above it otherwise; `wanted`
    /// itself when there is none.
    #[must_use]
    pub fn choose_layer(&self, now: Instant, wanted: u8) -> u8 {
        let top = self.layers.len() - 1;
        let wanted = usize::from(wanted).min(top);
        let live = |&n: &usize| self.layers[n].is_live(now);
        let chosen = (0..=wanted).rev().find(live).or_else(|| (wanted + 1..=top).find(live));
        chosen.unwrap_or(wanted) as u8
    }
}

/// Everything a peer sends.
pub struct Publication {
    session: u32,
    /// Its sections: microphone, camera, screen, as far as they were offered.
    pub sections: Vec<Section>,
    ssrcs: Vec<u32>,
    bindings: Vec<(Origin, Stream)>,
}

impl Publication {
    /// What a session agreed on; `serial` tells this session from every other.
    #[must_use]
    pub fn new(serial: u32, session: &Session) -> Self {
        let mut publication = Self {
            session: serial,
            sections: session.uplinks.iter().map(Section::new).collect(),
            ssrcs: Vec::new(),
            bindings: Vec::new(),
        };
        for (at, uplink) in session.uplinks.iter().enumerate() {
            let Some(&(ssrc, rtx)) = uplink.ssrcs.first() else { continue };
            let origin = Origin { uplink: at as u8, layer: 0 };
            if uplink.rids.is_empty()
                && publication.bind(ssrc, origin, Stream::Media)
                && let Some(rtx) = rtx
            {
                publication.bind(rtx, origin, Stream::Rtx);
            }
        }
        publication
    }

    /// The payload type of Opus in a section, which redundant audio names inside.
    #[must_use]
    pub fn opus(&self, origin: Origin) -> Option<u8> {
        self.sections.get(usize::from(origin.uplink))?.opus
    }

    /// The section of a kind.
    #[must_use]
    pub fn section(&self, kind: MediaKind) -> Option<&Section> {
        self.sections.iter().find(|s| s.kind == kind)
    }

    /// The section of a kind.
    pub fn section_mut(&mut self, kind: MediaKind) -> Option<&mut Section> {
        self.sections.iter_mut().find(|s| s.kind == kind)
    }

    /// The sources that are bound.
    #[must_use]
    pub fn ssrcs(&self) -> &[u32] {
        &self.ssrcs
    }

    /// The layer of a media source.
    pub fn layer_of(&mut self, ssrc: u32) -> Option<&mut Layer> {
        let at = self.ssrcs.iter().position(|&s| s == ssrc)?;
        let (origin, stream) = self.bindings[at];
        let layer =
            &mut self.sections[usize::from(origin.uplink)].layers[usize::from(origin.layer)];
        (stream == Stream::Media).then_some(layer)
    }

    /// Whether a packet of a media source is newer than every other of it.
    #[must_use]
    pub fn is_newest(&self, ssrc: u32, index: Index) -> bool {
        self.ssrcs.iter().position(|&s| s == ssrc).is_some_and(|at| {
            let (origin, stream) = self.bindings[at];
            let section = &self.sections[usize::from(origin.uplink)];
            let highest = section.layers[usize::from(origin.layer)].reception.highest();
            stream == Stream::Media && highest.is_none_or(|highest| index > highest)
        })
    }

    /// Whether packets are missing that are to be asked for.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.layers().any(|layer| layer.reception.is_missing())
    }

    /// When a keyframe that is wanted may be asked for; never before `now`.
    #[must_use]
    pub fn keyframe_due(&self, now: Instant) -> Option<Instant> {
        let due = |layer: &Layer| layer.requested.map_or(now, |at| now.max(at + KEYFRAME_PAUSE));
        self.layers().filter(|layer| layer.wanted && layer.ssrc.is_some()).map(due).min()
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.sections.iter().flat_map(|section| &section.layers)
    }

    /// The stretch that a section is in.
    #[must_use]
    pub fn run(&self, section: &Section) -> Run {
        Run { session: self.session, count: section.run }
    }

    /// Ends the stretch of a kind: what comes after it does not continue what came before.
    pub fn interrupt(&mut self, kind: MediaKind) {
        if let Some(section) = self.section_mut(kind) {
            section.run = section.run.wrapping_add(1);
            section.layers.iter_mut().for_each(|layer| layer.cache.clear());
        }
    }

    /// Somebody is added to the audience of a kind: what was sent until now, and comes later by
    /// whatever way, is not for them.
    pub fn widen(&mut self, kind: MediaKind) {
        if let Some(section) = self.section_mut(kind) {
            for layer in &mut section.layers {
                if let Some(highest) = layer.reception.highest() {
                    layer.fresh = highest.next();
                    layer.unechoed = Index(layer.fresh.0 + red::MOST_ECHOES);
                }
            }
        }
    }

    fn bind(&mut self, ssrc: u32, origin: Origin, stream: Stream) -> bool {
        let layer =
            &mut self.sections[usize::from(origin.uplink)].layers[usize::from(origin.layer)];
        let place = match stream {
            Stream::Media => &mut layer.ssrc,
            Stream::Rtx => &mut layer.rtx,
        };
        if place.is_some() || self.ssrcs.contains(&ssrc) {
            return false;
        }
        *place = Some(ssrc);
        self.ssrcs.push(ssrc);
        self.bindings.push((origin, stream));
        true
    }

    /// Binds a source by the identifiers in its packet.
    fn claim(&mut self, header: &Header, packet: &[u8]) -> Option<(Origin, Stream)> {
        let mid = header.mid?.of(packet);
        let uplink = self.sections.iter().position(|s| s.mid.as_bytes() == mid)?;
        let section = &self.sections[uplink];
        let layer_called = |rid: &[u8]| section.rids.iter().position(|r| r.as_bytes() == rid);
        let (layer, stream) = if section.rids.is_empty() {
            let rtx = section.formats.iter().any(|f| f.rtx == Some(header.payload_type));
            (0, if rtx { Stream::Rtx } else { Stream::Media })
        } else if let Some(rid) = header.repaired_rid {
            (layer_called(rid.of(packet))?, Stream::Rtx)
        } else {
            (layer_called(header.rid?.of(packet))?, Stream::Media)
        };
        let origin = Origin { uplink: uplink as u8, layer: layer as u8 };
        self.bind(header.ssrc, origin, stream).then_some((origin, stream))
    }

    /// Takes an authenticated packet of `packet.len()` bytes in clear, whose SRTP index is `index`.
    ///
    /// # Errors
    /// [`Refusal`] says why it is not media of this peer.
    pub fn receive<'a>(
        &mut self,
        now: Instant,
        header: &Header,
        index: Index,
        packet: &'a [u8],
    ) -> Result<Incoming<'a>, Refusal> {
        let (origin, stream) = match self.ssrcs.iter().position(|&s| s == header.ssrc) {
            Some(at) => self.bindings[at],
            None => self.claim(header, packet).ok_or_else(|| {
                let empty = unpadded(header, packet).is_some_and(<[u8]>::is_empty);
                if empty { Refusal::Padding } else { Refusal::UnknownSource }
            })?,
        };
        let section = &mut self.sections[usize::from(origin.uplink)];
        let format = section.formats.iter().find(|f| match stream {
            Stream::Media => f.payload_type == header.payload_type,
            Stream::Rtx => f.rtx == Some(header.payload_type),
        });
        let codec = format.ok_or(Refusal::WrongPayloadType)?.codec;
        let mut payload = unpadded(header, packet).ok_or(Refusal::Malformed)?;
        let layer = &mut section.layers[usize::from(origin.layer)];
        let mut index = index;
        if stream == Stream::Rtx {
            if payload.is_empty() {
                return Err(Refusal::Padding);
            }
            let (sequence, rest) = payload.split_first_chunk().ok_or(Refusal::Malformed)?;
            let highest = layer.reception.highest().ok_or(Refusal::Malformed)?;
            index = highest.extend(u16::from_be_bytes(*sequence));
            payload = rest;
        }
        let seen = layer.reception.receive(now, index, header.timestamp, stream == Stream::Rtx);
        if seen != Seen::Fresh {
            return Err(Refusal::Repeated);
        }
        layer.last = Some(now);
        if layer.reception.take_cut() {
            layer.wanted = true;
        }
        let starts =
            index >= layer.fresh && !payload.is_empty() && keyframe::starts(codec, payload);
        if starts {
            layer.wanted = false;
        }
        Ok(Incoming {
            kind: section.kind,
            origin,
            run: Run { session: self.session, count: section.run },
            index,
            timestamp: header.timestamp,
            marker: header.marker,
            codec,
            starts,
            vp8: if codec == Codec::Vp8 { vp8::Descriptor::read(payload) } else { None },
            audio_level: header.audio_level,
            echoes: codec == Codec::Red && index < layer.unechoed,
            payload,
        })
    }

    /// Keeps a packet that was forwarded to `audience`, for those of them who ask again.
    pub fn keep(&mut self, packet: &Incoming<'_>, audience: SeatSet) {
        let section = &mut self.sections[usize::from(packet.origin.uplink)];
        if section.kind == MediaKind::Audio {
            return;
        }
        section.layers[usize::from(packet.origin.layer)].cache.put(
            packet.index,
            Cached {
                timestamp: packet.timestamp,
                marker: packet.marker,
                codec: packet.codec,
                audience,
                payload: packet.payload,
            },
        );
    }

    /// A packet of the stretch `run` that is still kept.
    #[must_use]
    pub fn kept(&self, kind: MediaKind, layer: u8, run: Run, index: Index) -> Option<Cached<'_>> {
        let section = self.section(kind).filter(|s| self.run(s) == run)?;
        section.layers.get(usize::from(layer))?.cache.get(index)
    }
}

fn unpadded<'a>(header: &Header, packet: &'a [u8]) -> Option<&'a [u8]> {
    let payload = packet.get(header.len..)?;
    if !header.padding {
        return Some(payload);
    }
    let padding = usize::from(*payload.last()?);
    if padding == 0 {
        return None;
    }
    payload.get(..payload.len().checked_sub(padding)?)
}

#[cfg(test)]
#[path = "publication_test.rs"]
mod tests;
