//! One session of one seat: its transport, what it sends and what it receives.

use std::time::{Duration, Instant};

use palabre_ids::{MAX_SEATS, MediaKind, MediaSession, Seat};

use crate::engine::paths::Paths;
use crate::engine::tick::{Schedule, TICK, TICK_REPAIRING};
use crate::media::feedback::Arrivals;
use crate::media::keyframe::KeyframeBudget;
use crate::media::policer::Policer;
use crate::media::publication::{Incoming, Publication, clock_rate};
use crate::media::red;
use crate::media::resend::ResendBudget;
use crate::media::rtp::{Outgoing, Template};
use crate::media::sequence::Index;
use crate::media::vp8;
use crate::media::{cache::Cached, forwarder::Forwarder, forwarder::Repair};
use crate::negotiate::stream_name;
use crate::outbox::{MAX_DATAGRAM, Outbox, Urgency};
use crate::session::{Codec, Format, Session, Slot};
use crate::transport::dtls::DtlsServer;
use crate::transport::ice::IceAgent;
use crate::transport::srtp::{RTP_TAIL, SrtpInbound, SrtpOutbound};

/// The round trip until one was measured.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(60);
/// How long after its handshake a session may not have been heard by its page: a round trip, and the time
/// until the page looks. Shorter ends sessions for a tunnel that was asked for a moment too early; longer
/// keeps one on a network that lets nothing but handshakes pass.
const TO_SETTLE: Duration = Duration::from_secs(1);
/// How many SRTCP senders of a peer are remembered, to tell newer packets from older ones.
const MAX_REPORTERS: usize = 32;

/// Which peer of which engine: a replaced session has another serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PeerKey {
    pub(super) room: u32,
    pub(super) seat: Seat,
    pub(super) serial: u32,
}

impl PeerKey {
    /// The session, as signaling knows it.
    pub(super) fn session(self) -> MediaSession {
        MediaSession(self.serial)
    }
}

/// How far the transport is.
pub(super) enum Link {
    Handshaking,
    Up {
        inbound: SrtpInbound,
        outbound: SrtpOutbound,
        /// Bytes behind the index of an SRTCP packet.
        rtcp_tag: usize,
        since: Instant,
    },
}

/// One slot: a stream to the peer.
pub(super) struct Downlink {
    pub(super) slot: Slot,
    pub(super) forwarder: Forwarder,
    pub(super) keyframes: KeyframeBudget,
    /// Without and with an audio level.
    templates: [Template; 2],
    rtx: Option<Rtx>,
    /// The middle of the last sender report's clock, and when it was sent.
    pub(super) reported: Option<(u32, Instant)>,
}

struct Rtx {
    ssrc: u32,
    template: Template,
    next: Index,
    budget: Box<ResendBudget>,
}

/// What becomes of a payload on its way to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversion {
    Keep,
    /// Redundant audio whose blocks are renumbered.
    Relabel {
        from: u8,
        to: u8,
    },
    /// Redundant audio to a receiver without it, or with blocks that are not for everybody.
    Primary,
}

impl Downlink {
    fn new(slot: &Slot, session: &Session) -> Self {
        let template = |ssrc, level| Template::new(ssrc, &slot.mid, &session.extensions, level);
        let audio = slot.kind == MediaKind::Audio;
        Self {
            slot: slot.clone(),
            forwarder: Forwarder::new(clock_rate(slot.kind), rand::random()),
            keyframes: KeyframeBudget::default(),
            templates: [template(slot.ssrc, false), template(slot.ssrc, audio)],
            rtx: slot.rtx_ssrc.map(|ssrc| Rtx {
                ssrc,
                template: template(ssrc, false),
                next: Index(u64::from(rand::random::<u16>() & 0x7fff)),
                budget: Box::default(),
            }),
            reported: None,
        }
    }

    fn format(&self, codec: Codec) -> Option<Format> {
        self.slot.formats.iter().copied().find(|format| format.codec == codec)
    }

    /// The payload type and conversion for a packet; `None` when the receiver cannot take it.
    fn convert(&self, packet: &Incoming<'_>, opus: Option<u8>) -> Option<(u8, Conversion)> {
        let same = self.format(packet.codec);
        if packet.codec != Codec::Red {
            return Some((same?.payload_type, Conversion::Keep));
        }
        let to = self.format(Codec::Opus)?.payload_type;
        match same.filter(|_| !packet.echoes) {
            Some(red) => Some((red.payload_type, Conversion::Relabel { from: opus?, to })),
            None => Some((to, Conversion::Primary)),
        }
    }
}

/// One session of one seat.
pub(super) struct Peer {
    pub(super) key: PeerKey,
    pub(super) session: Session,
    pub(super) ice: IceAgent,
    pub(super) dtls: DtlsServer,
    pub(super) link: Link,
    pub(super) paths: Paths,
    pub(super) publication: Publication,
    pub(super) downlinks: Vec<Downlink>,
    /// Which downlink carries a seat's microphone and camera.
    by_seat: [[Option<u8>; 2]; MAX_SEATS as usize],
    screen: Option<u8>,
    /// Of the source that our RTCP speaks for; the others' are in the answer.
    pub(super) canonical_name: String,
    pub(super) arrivals: Arrivals,
    /// One for each kind, in the order of `MediaKind::ALL`.
    policers: [Policer; 3],
    next_transport_cc: u16,
    pub(super) round_trip: Duration,
    pub(super) heard: Instant,
    /// Whether signaling was told that it is lost; nothing is sent to it then.
    pub(super) lost: bool,
    /// When it is looked after next.
    pub(super) due: Instant,
    pub(super) schedule: Schedule,
    /// What the engine's tables hold of it, to be taken out again.
    pub(super) ufrags: Vec<String>,
    pub(super) ssrcs: Vec<u32>,
    /// The newest SRTCP index of each of its senders.
    reporters: Vec<(u32, u32)>,
}

impl Peer {
    pub(super) fn new(
        now: Instant,
        key: PeerKey,
        session: Session,
        ice: IceAgent,
        dtls: DtlsServer,
    ) -> Self {
        let downlinks: Vec<_> =
            session.slots.iter().map(|slot| Downlink::new(slot, &session)).collect();
        let mut by_seat = [[None; 2]; MAX_SEATS as usize];
        let mut screen = None;
        for (at, slot) in session.slots.iter().enumerate() {
            match (slot.kind, slot.seat.and_then(|seat| by_seat.get_mut(seat.index()))) {
                (MediaKind::Audio, Some(entry)) => entry[0] = Some(at as u8),
                (MediaKind::Video, Some(entry)) => entry[1] = Some(at as u8),
                (MediaKind::Screen, _) => screen = Some(at as u8),
                (_, None) => {}
            }
        }
        Self {
            key,
            publication: Publication::new(key.serial, &session),
            session,
            ice,
            dtls,
            link: Link::Handshaking,
            paths: Paths::default(),
            canonical_name: stream_name(downlinks.first().and_then(|first| first.slot.seat)),
            downlinks,
            by_seat,
            screen,
            arrivals: Arrivals::new(now),
            policers: MediaKind::ALL.map(Policer::new),
            next_transport_cc: 0,
            round_trip: FIRST_ROUND_TRIP,
            heard: now,
            lost: false,
            due: now,
            schedule: Schedule::new(now),
            ufrags: Vec::new(),
            ssrcs: Vec::new(),
            reporters: Vec::new(),
        }
    }

    /// Whether media can be sent to it.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// Whether it has been up for long enough that its page has heard by it, if anything passes.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        matches!(self.link, Link::Up { since, .. } if now.saturating_duration_since(since) >= TO_SETTLE)
    }

    /// How long until it is looked after again.
    pub(super) fn tick_interval(&self) -> Duration {
        if self.publication.is_missing() { TICK_REPAIRING } else { TICK }
    }

    /// The downlink that carries `kind` of `seat`.
    pub(super) fn downlink_of(&self, kind: MediaKind, seat: Seat) -> Option<usize> {
        let entry = self.by_seat.get(seat.index())?;
        let at = match kind {
            MediaKind::Audio => entry[0],
            MediaKind::Video => entry[1],
            MediaKind::Screen => self.screen,
        };
        at.map(usize::from)
    }

    /// Whether it may send `len` bytes of `kind` more now.
    pub(super) fn may_send(&mut self, now: Instant, kind: MediaKind, len: usize) -> bool {
        self.policers[kind as usize].admit(now, len)
    }

    /// The source that our RTCP speaks for.
    pub(super) fn local_ssrc(&self) -> u32 {
        self.downlinks.first().map_or(1, |downlink| downlink.slot.ssrc)
    }

    /// Whether an authentic SRTCP packet is newer than those before it of its sender.
    pub(super) fn is_newest_rtcp(&mut self, sender: u32, index: u32) -> bool {
        let known = self.reporters.iter_mut().find(|(ssrc, _)| *ssrc == sender);
        if let Some((_, newest)) = known {
            let newer = index > *newest;
            *newest = index.max(*newest);
            return newer;
        }
        let room = self.reporters.len() < MAX_REPORTERS;
        if room {
            self.reporters.push((sender, index));
        }
        room
    }

    /// Forwards a packet of `seat` to this peer; `opus` is the payload type of Opus at its source.
    /// Gives whether it was sent.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        seat: Seat,
        packet: &Incoming<'_>,
        opus: Option<u8>,
        out: &mut Outbox,
    ) -> bool {
        let Some(at) = self.downlink_of(packet.kind, seat) else { return false };
        let Link::Up { outbound, .. } = &mut self.link else { return false };
        let Some(downlink) = self.downlinks.get_mut(at) else { return false };
        if downlink.forwarder.target().is_none() {
            return false;
        }
        let Some((payload_type, conversion)) = downlink.convert(packet, opus) else {
            return false;
        };
        let payload = match conversion {
            Conversion::Primary => match red::primary(packet.payload) {
                Some(range) => &packet.payload[range],
                None => return false,
            },
            _ => packet.payload,
        };
        let template = &downlink.templates[usize::from(packet.audio_level.is_some())];
        let header_len = template.header_len();
        let len = header_len + payload.len();
        if len + RTP_TAIL > MAX_DATAGRAM {
            return false;
        }
        let Some(place) = downlink.forwarder.place(now, seat, packet) else { return false };
        let urgency = urgency(packet.kind);
        let Some(path) = self.paths.spend(len + RTP_TAIL, urgency) else { return false };
        let header = Outgoing {
            marker: packet.marker || packet.kind == MediaKind::Audio && place.begins,
            payload_type,
            sequence: place.index.wire(),
            timestamp: place.timestamp,
            transport_cc: self.next_transport_cc,
            audio_level: packet.audio_level.unwrap_or_default(),
        };
        let ssrc = downlink.slot.ssrc;
        let sent = out.push_media(*path, urgency, len + RTP_TAIL, |bytes| {
            template.write(&header, bytes);
            let body = &mut bytes[header_len..len];
            body.copy_from_slice(payload);
            if let Some(descriptor) = packet.vp8 {
                descriptor.rewrite(place.vp8, body);
            }
            if let Conversion::Relabel { from, to } = conversion
                && !red::relabel(body, from, to)
            {
                return None;
            }
            outbound.seal_rtp(bytes, header_len, len, ssrc, place.index.0).ok()
        });
        self.next_transport_cc = self.next_transport_cc.wrapping_add(u16::from(sent));
        sent
    }

    /// Sends a kept packet again, as a retransmission (RFC 4588).
    pub(super) fn resend(
        &mut self,
        at: usize,
        repair: &Repair,
        kept: Cached<'_>,
        out: &mut Outbox,
    ) -> bool {
        let Link::Up { outbound, .. } = &mut self.link else { return false };
        let Some(downlink) = self.downlinks.get_mut(at) else { return false };
        let payload_type = downlink.format(kept.codec).and_then(|format| format.rtx);
        let (Some(payload_type), Some(rtx)) = (payload_type, &mut downlink.rtx) else {
            return false;
        };
        let header_len = rtx.template.header_len();
        let len = header_len + 2 + kept.payload.len();
        if len + RTP_TAIL > MAX_DATAGRAM {
            return false;
        }
        let urgency = urgency(downlink.slot.kind);
        let Some(path) = self.paths.spend(len + RTP_TAIL, urgency) else { return false };
        let (index, ssrc) = (rtx.next, rtx.ssrc);
        rtx.next = index.next();
        let header = Outgoing {
            marker: kept.marker,
            payload_type,
            sequence: index.wire(),
            timestamp: kept.timestamp.wrapping_add(repair.timestamp),
            transport_cc: self.next_transport_cc,
            audio_level: 0,
        };
        let descriptor = (kept.codec == Codec::Vp8).then(|| vp8::Descriptor::read(kept.payload));
        let sent = out.push_media(*path, urgency, len + RTP_TAIL, |bytes| {
            rtx.template.write(&header, bytes);
            bytes[header_len..header_len + 2].copy_from_slice(&repair.sent_as.wire().to_be_bytes());
            let body = &mut bytes[header_len + 2..len];
            body.copy_from_slice(kept.payload);
            if let Some(descriptor) = descriptor.flatten() {
                descriptor.rewrite(repair.vp8, body);
            }
            outbound.seal_rtp(bytes, header_len, len, ssrc, index.0).ok()
        });
        self.next_transport_cc = self.next_transport_cc.wrapping_add(u16::from(sent));
        sent
    }

    /// How to send `sequence` of a downlink again, if it may be sent again now.
    pub(super) fn repair(&mut self, now: Instant, at: usize, sequence: u16) -> Option<Repair> {
        let round_trip = self.round_trip;
        let downlink = self.downlinks.get_mut(at)?;
        let budget = &mut downlink.rtx.as_mut()?.budget;
        let repair = downlink.forwarder.find(sequence)?;
        downlink.keyframes.note_loss();
        budget.take(now, repair.sent_as, round_trip).then_some(repair)
    }

    /// Whether nothing more of a downlink may be sent again now.
    pub(super) fn repairs_exhausted(&mut self, now: Instant, at: usize) -> bool {
        let rtx = self.downlinks.get_mut(at).and_then(|downlink| downlink.rtx.as_mut());
        rtx.is_none_or(|rtx| rtx.budget.is_empty(now))
    }

    /// Whether a stream goes to this peer.
    pub(super) fn receives(&self, ssrc: u32) -> bool {
        self.downlinks.iter().any(|downlink| downlink.slot.ssrc == ssrc)
    }

    /// Measures the round trip by a receiver's report about one of our streams; gives when the report
    /// of ours that it answers was sent, and how long this one trip was.
    pub(super) fn note_report(
        &mut self,
        now: Instant,
        ssrc: u32,
        last_report: u32,
        delay: u32,
    ) -> Option<(Instant, Duration)> {
        let downlink = self.downlinks.iter().find(|d| d.slot.ssrc == ssrc)?;
        let (clock, sent) = downlink.reported.filter(|(clock, _)| *clock == last_report)?;
        let held = Duration::from_micros(u64::from(delay) * 1_000_000 / 65_536);
        if clock == 0 {
            return None;
        }
        let trip = now.saturating_duration_since(sent).saturating_sub(held);
        self.round_trip = (self.round_trip * 7 + trip) / 8;
        Some((sent, trip))
    }
}

fn urgency(kind: MediaKind) -> Urgency {
    match kind {
        MediaKind::Audio => Urgency::Vital,
        MediaKind::Video | MediaKind::Screen => Urgency::Picture,
    }
}
