//! One room's media: who is there, who may send, who sees whom how large.

use std::time::Instant;

use palabre_ids::{MAX_SEATS, MediaKind, RoomId, Seat};

use crate::engine::EngineStats;
use crate::engine::peer::Peer;
use crate::media::forwarder::Source;
use crate::media::gate::Gate;
use crate::media::publication::Incoming;
use crate::media::reception::SenderInfo;
use crate::media::speech::Speech;
use crate::outbox::Outbox;
use crate::{GateTable, ViewSize};

/// How many packets that one datagram asks for again are looked at: 17 for each of 15 items. A page
/// asks for a few at a time; what is left out it asks for again.
pub(super) const MAX_ASKED: usize = 255;

/// Seats, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SeatSet(u16);

impl SeatSet {
    pub(super) fn add(&mut self, seat: Seat) {
        self.0 |= 1 << seat.0.min(15);
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Seat> {
        (0..MAX_SEATS).filter(move |seat| self.0 >> seat & 1 == 1).map(Seat)
    }
}

/// One room's media.
pub(super) struct Room {
    pub(super) id: RoomId,
    /// One place a seat.
    pub(super) peers: Vec<Option<Box<Peer>>>,
    gate: Gate,
    pub(super) speech: Speech,
    screen: Option<Seat>,
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
            screen: None,
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
                if before.allows(seat, kind) && !self.gate.allows(seat, kind) {
                    if kind == MediaKind::Audio {
                        self.speech.silence(seat);
                    }
                    if let Some(peer) = self.peer(seat) {
                        peer.publication.interrupt(kind);
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
            if lost {
                // Nobody is there: an address may be somebody else's by now.
                downlink.forwarder.set_target(None);
                continue;
            }
            let kind = downlink.slot.kind;
            let seat = match kind {
                MediaKind::Screen => self.screen.filter(|&seat| seat != receiver),
                MediaKind::Audio | MediaKind::Video => downlink.slot.seat,
            };
            let Some(seat) = seat else {
                downlink.forwarder.set_target(None);
                continue;
            };
            let wanted = match kind {
                MediaKind::Video => self
                    .views
                    .get(receiver.index())
                    .and_then(|row| row.get(seat.index()))
                    .and_then(|size| layer_for(*size)),
                MediaKind::Audio | MediaKind::Screen => Some(u8::MAX),
            };
            let allowed = self.gate.allows(seat, kind);
            let publisher = self.peers.get_mut(seat.index()).and_then(Option::as_deref_mut);
            let Some((publisher, wanted)) = publisher.zip(wanted) else {
                downlink.forwarder.set_target(wanted.map(|_| 0));
                continue;
            };
            let publication = &mut publisher.publication;
            let Some(section) = publication.section(kind) else { continue };
            let target = section.choose_layer(now, wanted);
            downlink.forwarder.set_target(Some(target));
            let waits = downlink.forwarder.waits_for(seat, publication.run(section));
            if kind == MediaKind::Audio || !allowed || !waits || !up {
                continue;
            }
            let Some(section) = publication.section_mut(kind) else { continue };
            let layer = &mut section.layers[usize::from(target)];
            if layer.is_live(now) {
                layer.want_keyframe();
                wake.add(seat);
            }
        }
        self.peers[receiver.index()] = Some(peer);
        wake
    }

    /// The gate, and behind it everybody else. Nothing of the packet decides here but whose it is.
    pub(super) fn forward(
        &mut self,
        now: Instant,
        seat: Seat,
        packet: &Incoming<'_>,
        out: &mut Outbox,
        stats: &mut EngineStats,
    ) {
        if !self.gate.allows(seat, packet.kind) {
            stats.packets_gated += 1;
            return;
        }
        if packet.kind == MediaKind::Screen && self.screen != Some(seat) {
            return;
        }
        let len = packet.payload.len();
        if !self.peer(seat).is_some_and(|peer| peer.may_send(now, packet.kind, len)) {
            stats.packets_policed += 1;
            return;
        }
        if let Some(level) = packet.audio_level.filter(|_| packet.kind == MediaKind::Audio) {
            self.speech.hear(now, seat, level);
        }
        let opus = self
            .peer(seat)
            .and_then(|peer| peer.publication.section(packet.kind))
            .and_then(|section| section.opus());
        let mut sent = 0;
        for receiver in self.peers.iter_mut().flatten().filter(|peer| peer.key.seat != seat) {
            sent += u64::from(receiver.forward(now, seat, packet, opus, out));
        }
        if sent > 0 {
            stats.packets_out += sent;
            if let Some(peer) = self.peer(seat) {
                peer.publication.keep(packet);
            }
        }
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
                if !shown || !self.gate.allows(source.seat, kind) {
                    continue;
                }
                let publisher = self.peers.get(source.seat.index()).and_then(Option::as_deref);
                let kept = publisher.and_then(|publisher| {
                    publisher.publication.kept(kind, source.layer, source.run, repair.index)
                });
                if let Some(kept) = kept {
                    stats.packets_resent += u64::from(peer.resend(at, &repair, kept, out));
                }
            }
        }
        self.peers[receiver.index()] = Some(peer);
        looked_at
    }

    /// A receiver asks for a keyframe of one of its streams; gives whom to ask.
    pub(super) fn want_keyframe(&mut self, receiver: Seat, media: u32) -> Option<Seat> {
        let peer = self.peer(receiver)?;
        let downlink = peer.downlinks.iter().find(|downlink| downlink.slot.ssrc == media)?;
        let (kind, source) = (downlink.slot.kind, downlink.forwarder.current()?);
        if kind == MediaKind::Audio || !self.gate.allows(source.seat, kind) {
            return None;
        }
        let publication = &mut self.peer(source.seat)?.publication;
        // Of a session that was replaced there is nothing to ask for.
        publication.section(kind).filter(|section| publication.run(section) == source.run)?;
        let section = publication.section_mut(kind)?;
        section.layers.get_mut(usize::from(source.layer))?.want_keyframe();
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
