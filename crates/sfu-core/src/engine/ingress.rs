//! From a datagram to its peer, and from there to everybody it concerns.

use std::cmp::Reverse;
use std::time::Instant;

use palabre_ids::MediaKind;

use crate::engine::peer::{Link, Peer, PeerKey};
use crate::engine::room::{Forwarding, MAX_ASKED};
use crate::engine::{Engine, EngineStats, LOSS_BOUNDS, ROUND_TRIP_BOUNDS};
use crate::media::publication::Refusal;
use crate::media::reception::{ReportBlock, SenderInfo};
use crate::media::rtcp::{self, Packet};
use crate::media::rtp::{self, Header};
use crate::media::seats::SeatSet;
use crate::media::sequence::Index;
use crate::outbox::{MAX_DATAGRAM, Outbox};
use crate::transport::demux::{self, Kind};
use crate::transport::ice::{MAX_ANSWER, parse_check};
use crate::transport::srtp::{OpenedRtp, SrtpPair, SrtpProfile};
use crate::{MediaEvent, Path};

/// How many peers are tried for a packet from an unknown address.
const MAX_TRIES: usize = 16;
/// The tag behind the index of an SRTCP packet protected by HMAC-SHA1-80.
const HMAC_TAG: usize = 10;

impl Engine {
    pub(super) fn ingest(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        out: &mut Outbox,
    ) {
        let taken = datagram.len() <= MAX_DATAGRAM
            && match demux::classify(datagram) {
                Kind::Stun => self.take_check(now, path, datagram, out).is_some(),
                Kind::Dtls => self.take_dtls(now, path, datagram, out).is_some(),
                Kind::Rtp => self.take_rtp(now, path, datagram, out).is_some(),
                Kind::Rtcp => self.take_rtcp(now, path, datagram, out).is_some(),
                Kind::Unknown => false,
            };
        if !taken {
            self.stats.datagrams_refused += 1;
        }
    }

    fn take_check(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut Outbox,
    ) -> Option<()> {
        let check = parse_check(datagram)?;
        let key = self.tables.by_ufrag(check.local_ufrag())?;
        if self.is_anothers(path, key) {
            return None;
        }
        let peer = self.rooms.get_mut(key.room as usize)?.as_mut()?.peer_of(key)?;
        let mut outcome = None;
        out.push_with(path, MAX_ANSWER, |bytes| {
            outcome = peer.ice.answer(&check, &path, bytes).ok();
            outcome.map(|outcome| outcome.len)
        });
        let outcome = outcome?;
        if !outcome.accepted {
            return Some(());
        }
        // A page begins a generation because it wants another path.
        let follow = outcome.current_generation
            && (outcome.nominated
                || outcome.began_generation
                || peer.paths.should_follow(now, path));
        self.tables.learn_path(peer, path);
        self.tables.learn_ufrags(peer);
        if follow {
            let before = peer.paths.current();
            peer.paths.follow_check(now, path, outcome.began_generation);
            self.stats.address_changes += u64::from(peer.is_up() && before != Some(path));
        }
        peer.paths.credit(path, datagram.len(), outcome.len);
        let next = outcome.used_next.then(|| peer.ice.next().clone());
        if let Some(credentials) = next {
            let room = self.room_at(key.room)?.id.clone();
            let (seat, session) = (key.seat, key.session());
            self.events.push_back(MediaEvent::NextIce { room, seat, session, credentials });
        }
        self.hear(now, key, path);
        Some(())
    }

    /// Whether `path` is where somebody else than `key` is. A check proves who made it, not that its
    /// source address is theirs: it must not take a path from a peer that is heard there.
    fn is_anothers(&mut self, path: Path, key: PeerKey) -> bool {
        let Some(owner) = self.tables.by_path(&path).filter(|owner| *owner != key) else {
            return false;
        };
        self.peer(owner).is_some_and(|peer| !peer.lost && peer.paths.current() == Some(path))
    }

    fn take_dtls(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut Outbox,
    ) -> Option<()> {
        let key = self.tables.by_path(&path)?;
        let certificate_error = {
            let peer = self.peer(key)?;
            if peer.paths.current().is_none() {
                peer.paths.follow_check(now, path, false);
            }
            let failed = peer.dtls.handle_datagram(now, datagram).is_err();
            while let Some(answer) = peer.dtls.poll_transmit() {
                out.push(path, &answer);
            }
            failed
        };
        let peer = self.peer(key)?;
        if certificate_error || peer.dtls.is_closed() {
            let up = peer.is_up() && !peer.lost;
            let room = self.room_at(key.room)?;
            // Of one that was to take another's place signaling must know, too: that one goes on.
            let told = up || room.is_coming(key);
            let room = room.id.clone();
            if told {
                let (seat, session) = (key.seat, key.session());
                self.events.push_back(MediaEvent::PeerLost { room, seat, session });
            }
            self.remove(now, key);
            return Some(());
        }
        if let Some(keys) = peer.dtls.take_keys() {
            let rtcp_tag = match keys.profile {
                SrtpProfile::AesCm128HmacSha1_80 => HMAC_TAG,
                SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => 0,
            };
            let (inbound, outbound) = SrtpPair::new(&keys).ok()?;
            peer.link = Link::Up { inbound, outbound, rtcp_tag, since: now };
            (peer.heard, peer.lost) = (now, false);
            // Whoever ends the handshake has received our part of it.
            peer.paths.prove(now, path);
            let room = self.room_at(key.room)?;
            let replaced = room.come_up(now, key);
            let tunnelled = room.has_tunnel(key.seat);
            let wake = room.steer(now, key.seat);
            if !tunnelled {
                self.announce(key, None);
            }
            self.wake(now, key.room, wake);
            if let Some(replaced) = replaced {
                self.end_session(now, *replaced);
            }
        }
        Some(())
    }

    /// Media came by the session in a seat's place: its voice comes and goes by that from here on.
    fn end_tunnel_of(&mut self, key: PeerKey) {
        let tunnel = self.room_at(key.room).and_then(|room| room.close_tunnel(key.seat));
        if tunnel.is_some() {
            self.stats.tunnels -= 1;
            self.announce(key, tunnel);
        }
    }

    fn take_rtp(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        out: &mut Outbox,
    ) -> Option<()> {
        let (key, header, opened) = match self.peer_at(path) {
            Some(peer) => {
                let (header, opened) = open_rtp(peer, datagram)?;
                (peer.key, header, opened)
            }
            None => self.search(now, path, datagram, rtp::peek_ssrc(datagram)?, open_rtp)?,
        };
        let index = Index(opened.index);
        let room = self.rooms.get_mut(key.room as usize)?.as_mut()?;
        if room.peer(key.seat).is_none_or(|peer| peer.key != key) {
            let packet = (&header, index, datagram.get(..opened.len)?);
            let (stats, voices) = (&mut self.stats, &mut self.voices);
            return room.hear_leaving(now, key, packet, Forwarding { out, stats, voices });
        }
        if room.has_tunnel(key.seat) {
            self.end_tunnel_of(key);
        }
        let room = self.rooms.get_mut(key.room as usize)?.as_mut()?;
        let peer = room.peer(key.seat)?;
        self.stats.packets_in += 1;
        if !peer.paths.is_followed(path) && peer.publication.is_newest(header.ssrc, index) {
            self.tables.learn_path(peer, path);
            self.stats.address_changes += u64::from(follow_to(now, peer, path));
        }
        if let Some(sequence) = header.transport_cc {
            peer.arrivals.note(now, sequence);
        }
        let packet = datagram.get(..opened.len)?;
        let missing = peer.publication.is_missing();
        let received = peer.publication.receive(now, &header, index, packet);
        if received.is_ok() {
            self.tables.learn_ssrc(peer, header.ssrc);
        }
        let repairing =
            (!missing && peer.publication.is_missing()).then(|| now + super::tick::TICK_REPAIRING);
        if let Some(due) = repairing.filter(|due| *due < peer.due) {
            peer.due = due;
            self.timers.push(Reverse((due, key)));
        }
        match received {
            Ok(incoming) => {
                let (stats, voices) = (&mut self.stats, &mut self.voices);
                room.forward(now, key.seat, &incoming, Forwarding { out, stats, voices });
                let sound = incoming.kind == MediaKind::Audio;
                if let Some(leaving) = sound.then(|| room.take_leaving(key.seat)).flatten() {
                    self.end_session(now, *leaving);
                }
            }
            Err(Refusal::Repeated) => self.stats.packets_repeated += 1,
            Err(Refusal::Padding) => self.stats.packets_padding += 1,
            Err(_) => self.stats.packets_refused += 1,
        }
        self.hear(now, key, path);
        Some(())
    }

    fn take_rtcp(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        out: &mut Outbox,
    ) -> Option<()> {
        let sender = u32::from_be_bytes(datagram.get(4..8)?.try_into().ok()?);
        let (key, len, index) = match self.peer_at(path) {
            Some(peer) => {
                let (len, index) = open_rtcp(peer, datagram)?;
                (peer.key, len, index)
            }
            None => self.search(now, path, datagram, sender, open_rtcp)?,
        };
        let room = self.rooms.get_mut(key.room as usize)?.as_mut()?;
        let in_place = room.peer(key.seat).is_some_and(|peer| peer.key == key);
        let peer = room.peer_of(key)?;
        if !in_place {
            // It is sent nothing any more: its reports are about the past.
            peer.heard = now;
            return Some(());
        }
        if room.has_tunnel(key.seat) {
            self.end_tunnel_of(key);
        }
        let room = self.rooms.get_mut(key.room as usize)?.as_mut()?;
        let peer = room.peer(key.seat)?;
        let newest = peer.is_newest_rtcp(sender, index);
        if newest && !peer.paths.is_followed(path) {
            self.tables.learn_path(peer, path);
            self.stats.address_changes += u64::from(follow_to(now, peer, path));
        }
        self.tables.learn_ssrc(peer, sender);
        let mut asked = MAX_ASKED;
        for packet in rtcp::read(datagram.get(..len)?) {
            self.take_report(now, key, path, packet, &mut asked, out);
        }
        self.hear(now, key, path);
        Some(())
    }

    fn take_report(
        &mut self,
        now: Instant,
        key: PeerKey,
        path: Path,
        packet: Packet<'_>,
        asked: &mut usize,
        out: &mut Outbox,
    ) {
        let Some(Some(room)) = self.rooms.get_mut(key.room as usize) else { return };
        let Some(peer) = room.peer(key.seat) else { return };
        match packet {
            Packet::SenderReport { ssrc, ntp, rtp, blocks } => {
                if let Some(layer) = peer.publication.layer_of(ssrc) {
                    layer.reception().sender_report(SenderInfo { ntp, rtp, at: now });
                }
                for block in blocks.iter() {
                    note_report(now, peer, path, &block, &mut self.stats);
                }
            }
            Packet::ReceiverReport { blocks } => {
                for block in blocks.iter() {
                    note_report(now, peer, path, &block, &mut self.stats);
                }
            }
            Packet::Nack { media, lost } => {
                let lost = lost.iter().take(*asked);
                self.stats.packets_nacked_by_receivers += lost.clone().count() as u64;
                *asked -= room.resend(now, key.seat, media, lost, out, &mut self.stats);
            }
            Packet::KeyframeRequest { media } => {
                self.stats.keyframe_requests_by_receivers += 1;
                if let Some(publisher) = room.want_keyframe(now, key.seat, media) {
                    let mut wake = SeatSet::default();
                    wake.add(publisher);
                    self.wake(now, key.room, wake);
                }
            }
        }
    }

    /// Whoever `path` is the current one of. One that a peer was at before may be another's by now: a
    /// household's router gives the ports of one to the next.
    fn peer_at(&mut self, path: Path) -> Option<&mut Peer> {
        let key = self.tables.by_path(&path)?;
        self.peer(key).filter(|peer| peer.paths.current() == Some(path))
    }

    /// Finds whose packet this is that came from an address where nobody is: whoever was there last is
    /// tried, then every peer that has sent as `ssrc`, those at the same host first, as far as there is
    /// time for it. The packet is in clear when one is found, and as it was otherwise.
    fn search<A, B>(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        ssrc: u32,
        open: impl Fn(&mut Peer, &mut [u8]) -> Option<(A, B)>,
    ) -> Option<(PeerKey, A, B)> {
        self.scratch.clear();
        self.scratch.extend_from_slice(datagram);
        if let Some(key) = self.tables.by_path(&path)
            && let Some(peer) = self.peer(key)
        {
            if let Some((a, b)) = open(peer, datagram) {
                return Some((key, a, b));
            }
            datagram.copy_from_slice(&self.scratch);
        }
        let mut tries = 0;
        for same_host in [true, false] {
            for &key in self.tables.by_ssrc(ssrc) {
                let room = self.rooms.get_mut(key.room as usize).and_then(Option::as_mut);
                let Some(peer) = room.and_then(|room| room.peer_of(key)) else { continue };
                let host = peer.paths.current().map(|current| current.remote.ip());
                if (host == Some(path.remote.ip())) != same_host {
                    continue;
                }
                if tries == MAX_TRIES || !self.trials.take(now, path.remote.ip(), same_host) {
                    return None;
                }
                tries += 1;
                self.stats.trials += 1;
                if let Some((a, b)) = open(peer, datagram) {
                    return Some((key, a, b));
                }
                datagram.copy_from_slice(&self.scratch);
            }
        }
        None
    }

    /// Notes something authentic of a peer.
    fn hear(&mut self, now: Instant, key: PeerKey, path: Path) {
        let Some(Some(room)) = self.rooms.get_mut(key.room as usize) else { return };
        let Some(peer) = room.peer_of(key) else { return };
        peer.heard = now;
        peer.paths.hear(now, path);
        if !std::mem::take(&mut peer.lost) || !peer.is_up() {
            return;
        }
        let wake = room.steer(now, key.seat);
        self.announce(key, None);
        self.wake(now, key.room, wake);
    }
}

/// Sends to `path` from now on; gives whether that is a change of a path that was in use.
fn follow_to(now: Instant, peer: &mut Peer, path: Path) -> bool {
    let before = peer.paths.current();
    peer.paths.follow(now, path);
    // What is told there now, its answer proves.
    peer.schedule.report_at(now);
    peer.is_up() && before != Some(path)
}

/// Notes what a receiver's report says of the path and its length.
fn note_report(
    now: Instant,
    peer: &mut Peer,
    path: Path,
    block: &ReportBlock,
    stats: &mut EngineStats,
) {
    if !peer.receives(block.ssrc) {
        return;
    }
    stats.losses.add(&LOSS_BOUNDS, u64::from(block.fraction_lost));
    if let Some((sent, trip)) = peer.note_report(now, block.ssrc, block.last_report, block.delay) {
        stats.round_trips.add(&ROUND_TRIP_BOUNDS, trip.as_micros() as u64);
        peer.paths.answered(now, path, sent);
    }
}

fn open_rtp(peer: &mut Peer, datagram: &mut [u8]) -> Option<(Header, OpenedRtp)> {
    let Link::Up { inbound, .. } = &mut peer.link else { return None };
    let header = Header::read(datagram, &peer.session.extensions)?;
    let opened = inbound.open_rtp(datagram, header.len, header.ssrc, header.sequence).ok()?;
    Some((header, opened))
}

/// Opens a compound; gives its length and SRTCP index.
fn open_rtcp(peer: &mut Peer, datagram: &mut [u8]) -> Option<(usize, u32)> {
    let Link::Up { inbound, rtcp_tag, .. } = &mut peer.link else { return None };
    let end = datagram.len().checked_sub(*rtcp_tag)?;
    let index = u32::from_be_bytes(*datagram.get(..end)?.last_chunk()?) & 0x7fff_ffff;
    let len = inbound.open_rtcp(datagram).ok()?;
    Some((len, index))
}
