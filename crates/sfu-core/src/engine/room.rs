//! One room's media: who is there, who may send to whom, who sees whom how large.

use std::collections::VecDeque;
use std::time::Instant;

use palabre_ids::{MAX_SEATS, MediaKind, MediaSession, RoomId, Seat};

use crate::engine::handover::Beside;
use crate::engine::peer::{Downlink, Peer};
use crate::engine::tunnel::{Tunnel, Voice};
use crate::engine::{EngineStats, HeardVoice, MAX_VOICES};
use crate::media::forwarder::Source;
use crate::media::gate::Gate;
use crate::media::publication::{Incoming, Layer};
use crate::media::reception::SenderInfo;
use crate::media::seats::SeatSet;
use crate::media::speech::{Blocked, Speech};
use crate::outbox::Outbox;
use crate::{GateTable, ViewSize};

/// How many packets that one datagram asks for again are looked at: 17 for each of 15 items. A page
/// asks for a few at a time; what is left out it asks for again.
pub(super) const MAX_ASKED: usize = 255;

/// Where what is forwarded goes, and where it is counted.
pub(super) struct Forwarding<'a> {
    pub(super) out: &'a mut Outbox,
    pub(super) stats: &'a mut EngineStats,
    pub(super) voices: &'a mut VecDeque<HeardVoice>,
}

/// One room's media.
pub(super) struct Room {
    pub(super) id: RoomId,
    /// One place a seat.
    pub(super) peers: Vec<Option<Box<Peer>>>,
    gate: Gate,
    pub(super) speech: Speech,
    pub(super) blocked: Blocked,
    screen: Option<Seat>,
    /// Sessions beside those in place: mostly none.
    pub(super) beside: Vec<Beside>,
    /// Of the seats whose pages have no WebRTC: mostly none.
    pub(super) tunnels: Vec<Tunnel>,
    /// How large a seat shows another; it outlives sessions.
    views: [[ViewSize; MAX_SEATS as usize]; MAX_SEATS as usize],
}

impl Room {
    pub(super) fn new(id: RoomId, seats: u8) -> Self {
        Self {
            id,
            peers: (0..seats.min(MAX_SEATS)).map(|_| None).collect(),
            gate: Gate::default(),
            speech: Speech::default(),
            blocked: Blocked::default(),
            screen: None,
            beside: Vec::new(),
            tunnels: Vec::new(),
            views: Default::default(),
        }
    }

    pub(super) fn peer(&mut self, seat: Seat) -> Option<&mut Peer> {
        self.peers.get_mut(seat.index())?.as_deref_mut()
    }

    /// Replaces the gate; gives whether the table was taken.
    pub(super) fn set_gate(&mut self, table: &GateTable) -> bool {
        let before = self.gate.clone();
        if !self.gate.replace(table) {
            return false;
        }
        for seat in (0..MAX_SEATS).map(Seat) {
            for kind in MediaKind::ALL {
                let (was, is) = (before.audience(seat, kind), self.gate.audience(seat, kind));
                if kind == MediaKind::Audio && was.is_some() != is.is_some() {
                    self.speech.silence(seat);
                    self.blocked.forget(seat);
                }
                for peer in self.sessions(seat) {
                    match (was, is) {
                        (Some(_), None) => peer.publication.interrupt(kind),
                        (None, Some(_)) => peer.publication.widen(kind),
                        (Some(was), Some(is)) if !is.is_within(was) => peer.publication.widen(kind),
                        _ => {}
                    }
                }
            }
        }
        true
    }

    pub(super) fn set_views(&mut self, receiver: Seat, views: &[(Seat, ViewSize)]) {
        let Some(row) = self.views.get_mut(receiver.index()) else { return };
        for &(seat, size) in views {
            if let Some(view) = row.get_mut(seat.index()) {
                *view = size;
            }
        }
    }

    pub(super) fn forget_views(&mut self, receiver: Seat) {
        if let Some(row) = self.views.get_mut(receiver.index()) {
            *row = Default::default();
        }
    }

    pub(super) fn set_screen(&mut self, seat: Option<Seat>) {
        self.screen = seat;
    }

    /// Points every stream to `receiver` at the layer it should carry now, and wants keyframes where
    /// a stream waits for one; gives whose publisher has something to be asked for.
    pub(super) fn steer(&mut self, now: Instant, receiver: Seat) -> SeatSet {
        let mut wake = SeatSet::default();
        let Some(mut peer) = self.peers.get_mut(receiver.index()).and_then(Option::take) else {
            return wake;
        };
        let (up, lost) = (peer.is_up(), peer.lost);
        for downlink in &mut peer.downlinks {
            let awaited = if lost {
                // Nobody is there: an address may be somebody else's by now.
                downlink.forwarder.set_target(None);
                None
            } else {
                self.aim(now, receiver, downlink).filter(|_| up)
            };
            let granted = downlink.keyframes.waits(now, awaited);
            let Some(source) = awaited.filter(|_| granted) else { continue };
            if let Some(layer) = self.layer(downlink.slot.kind, source) {
                layer.want_keyframe();
                wake.add(source.seat);
            }
        }
        self.peers[receiver.index()] = Some(peer);
        wake
    }

    /// Points one stream to `receiver`; gives what it waits for a keyframe of, if that is to be had.
    fn aim(&self, now: Instant, receiver: Seat, downlink: &mut Downlink) -> Option<Source> {
        let Downlink { slot, forwarder, .. } = downlink;
        let seat = match slot.kind {
            MediaKind::Screen => self.screen.filter(|&seat| seat != receiver),
            MediaKind::Audio | MediaKind::Video => slot.seat,
        };
        let Some(seat) = seat.filter(|seat| self.gate.together(*seat, receiver)) else {
            forwarder.set_target(None);
            return None;
        };
        let wanted = match slot.kind {
            MediaKind::Video => self
                .views
                .get(receiver.index())
                .and_then(|row| row.get(seat.index()))
                .and_then(|size| layer_for(*size)),
            MediaKind::Audio | MediaKind::Screen => Some(u8::MAX),
        };
        let publisher = self.peers.get(seat.index()).and_then(Option::as_deref);
        let Some((publisher, wanted)) = publisher.zip(wanted) else {
            forwarder.set_target(wanted.map(|_| 0));
            return None;
        };
        let section = publisher.publication.section(slot.kind)?;
        let target = section.choose_layer(now, wanted);
        forwarder.set_target(Some(target));
        let awaited = forwarder.awaited(seat, publisher.publication.run(section))?;
        let to_be_had = slot.kind != MediaKind::Audio
            && self.gate.passes(seat, slot.kind, receiver)
            && section.layers[usize::from(target)].is_live(now);
        to_be_had.then_some(awaited)
    }

    /// The layer that a stream comes from.
    fn layer(&mut self, kind: MediaKind, source: Source) -> Option<&mut Layer> {
        let publication = &mut self.peer(source.seat)?.publication;
        // Of a session that was replaced there is nothing to be had.
        publication.section(kind).filter(|section| publication.run(section) == source.run)?;
        publication.section_mut(kind)?.layers.get_mut(usize::from(source.layer))
    }

    /// The gate, and behind it whom it lets the packet through to. Nothing of the packet decides here
    /// but whose it is.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        seat: Seat,
        packet: &Incoming<'_>,
        mut forwarding: Forwarding<'_>,
    ) {
        let stats = &mut *forwarding.stats;
        let level = packet.audio_level.filter(|_| packet.kind == MediaKind::Audio);
        let Some(audience) = self.gate.audience(seat, packet.kind) else {
            stats.packets_gated += 1;
            if let Some(level) = level {
                self.blocked.hear(now, seat, level);
            }
            return;
        };
        if packet.kind == MediaKind::Screen && self.screen != Some(seat) {
            return;
        }
        let Some(publisher) = self.peer(seat) else { return };
        if !publisher.may_send(now, packet.kind, packet.payload.len()) {
            stats.packets_policed += 1;
            return;
        }
        let opus = publisher.publication.opus(packet.origin);
        if self.fan_out(now, seat, packet, opus, audience, &mut forwarding)
            && let Some(peer) = self.peer(seat)
        {
            peer.publication.keep(packet, audience);
        }
    }

    /// What a seat says by a session that is not in its place, behind the same gate. It is not kept: nobody
    /// asks for sound again.
    pub(super) fn forward_of(
        &mut self,
        now: Instant,
        publisher: &mut Peer,
        packet: &Incoming<'_>,
        mut forwarding: Forwarding<'_>,
    ) {
        let seat = publisher.key.seat;
        let Some(audience) = self.gate.audience(seat, packet.kind) else {
            forwarding.stats.packets_gated += 1;
            return;
        };
        if publisher.may_send(now, packet.kind, packet.payload.len()) {
            let opus = publisher.publication.opus(packet.origin);
            self.fan_out(now, seat, packet, opus, audience, &mut forwarding);
        } else {
            forwarding.stats.packets_policed += 1;
        }
    }

    /// What a seat says through its tunnel, behind the same gate; whether it was understood.
    pub(super) fn say(
        &mut self,
        now: Instant,
        (seat, tunnel): (Seat, MediaSession),
        voice: &Voice,
        level: u8,
        mut forwarding: Forwarding<'_>,
    ) -> bool {
        let Some(tunnel) = self.tunnels.iter_mut().find(|open| open.is(seat, tunnel)) else {
            return false;
        };
        let Some(packet) = tunnel.take(voice, level) else { return false };
        forwarding.stats.packets_in += 1;
        let Some(audience) = self.gate.audience(seat, MediaKind::Audio) else {
            forwarding.stats.packets_gated += 1;
            self.blocked.hear(now, seat, level);
            return true;
        };
        if tunnel.may_send(now, voice.opus.len()) {
            self.fan_out(now, seat, &packet, None, audience, &mut forwarding);
        } else {
            forwarding.stats.packets_policed += 1;
        }
        true
    }

    /// Whether a seat's voice comes and goes through a tunnel.
    pub(super) fn has_tunnel(&self, seat: Seat) -> bool {
        self.tunnels.iter().any(|tunnel| tunnel.seat == seat)
    }

    /// Ends the tunnel of a seat, if it has one; gives which.
    pub(super) fn close_tunnel(&mut self, seat: Seat) -> Option<MediaSession> {
        let at = self.tunnels.iter().position(|tunnel| tunnel.seat == seat)?;
        self.speech.silence(seat);
        Some(self.tunnels.swap_remove(at).session())
    }

    /// Sends a packet that passed the gate to everybody it is for; whether it went to anybody.
    fn fan_out(
        &mut self,
        now: Instant,
        seat: Seat,
        packet: &Incoming<'_>,
        opus: Option<u8>,
        audience: SeatSet,
        forwarding: &mut Forwarding<'_>,
    ) -> bool {
        let mut sent = 0;
        for to in audience.iter() {
            let Some(Some(receiver)) = self.peers.get_mut(to.index()) else { continue };
            sent += u64::from(receiver.forward(now, seat, packet, opus, forwarding.out));
        }
        for tunnel in &mut self.tunnels {
            let to = tunnel.seat;
            if packet.kind != MediaKind::Audio || to == seat || !audience.has(to) {
                continue;
            }
            let Some(voice) = tunnel.hear(now, seat, packet) else { continue };
            sent += 1;
            if forwarding.voices.len() >= MAX_VOICES {
                forwarding.voices.pop_front();
            }
            let tunnel = tunnel.session();
            forwarding.voices.push_back(HeardVoice { tunnel, speaker: seat, voice });
        }
        forwarding.stats.packets_out += sent;
        if sent > 0
            && let Some(level) = packet.audio_level.filter(|_| packet.kind == MediaKind::Audio)
        {
            self.speech.hear(now, seat, level);
        }
        sent > 0
    }

    /// Answers a receiver's request for lost packets of one of its streams; gives how many of them
    /// were looked at.
    pub(super) fn resend(
        &mut self,
        now: Instant,
        receiver: Seat,
        media: u32,
        lost: impl Iterator<Item = u16>,
        out: &mut Outbox,
        stats: &mut EngineStats,
    ) -> usize {
        let Some(mut peer) = self.peers.get_mut(receiver.index()).and_then(Option::take) else {
            return 0;
        };
        let mut looked_at = 0;
        let at = peer.downlinks.iter().position(|downlink| downlink.slot.ssrc == media);
        if let Some(at) = at {
            let kind = peer.downlinks[at].slot.kind;
            for sequence in lost {
                if peer.repairs_exhausted(now, at) {
                    break;
                }
                looked_at += 1;
                let Some(repair) = peer.repair(now, at, sequence) else { continue };
                let source = repair.source;
                // What would not be forwarded now is not sent again either.
                let shown = kind != MediaKind::Screen || self.screen == Some(source.seat);
                if !shown || !self.gate.passes(source.seat, kind, receiver) {
                    continue;
                }
                let publisher = self.peers.get(source.seat.index()).and_then(Option::as_deref);
                let kept = publisher.and_then(|publisher| {
                    publisher.publication.kept(kind, source.layer, source.run, repair.index)
                });
                // Nor what came when the receiver was not among those it was for.
                if let Some(kept) = kept.filter(|kept| kept.audience.has(receiver)) {
                    stats.packets_resent += u64::from(peer.resend(at, &repair, kept, out));
                }
            }
        }
        self.peers[receiver.index()] = Some(peer);
        looked_at
    }

    /// A receiver asks for a keyframe of one of its streams; gives whom to ask.
    pub(super) fn want_keyframe(
        &mut self,
        now: Instant,
        receiver: Seat,
        media: u32,
    ) -> Option<Seat> {
        let peer = self.peers.get_mut(receiver.index())?.as_deref_mut()?;
        let downlink = peer.downlinks.iter_mut().find(|d| d.slot.ssrc == media)?;
        let (kind, source) = (downlink.slot.kind, downlink.forwarder.current()?);
        if kind == MediaKind::Audio
            || !self.gate.passes(source.seat, kind, receiver)
            || !downlink.keyframes.asks(now)
        {
            return None;
        }
        self.layer(kind, source)?.want_keyframe();
        Some(source.seat)
    }

    /// The clock of a stream's source.
    pub(super) fn sender_info(&self, kind: MediaKind, source: Source) -> Option<SenderInfo> {
        let peer = self.peers.get(source.seat.index())?.as_deref()?;
        let section = peer.publication.section(kind)?;
        if peer.publication.run(section).session != source.run.session {
            return None;
        }
        section.layers.get(usize::from(source.layer))?.sender()
    }
}

/// The layer that a size is worth, from small to large.
fn layer_for(size: ViewSize) -> Option<u8> {
    match size {
        ViewSize::Hidden => None,
        ViewSize::Thumbnail => Some(0),
        ViewSize::Medium => Some(1),
        ViewSize::Large => Some(2),
    }
}
