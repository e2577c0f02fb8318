//! One shard's media: its rooms, their peers, and the way from a datagram to the datagrams it causes.
//!
//! An offer with another certificate begins a new session. One that is up goes on until the new one is
//! (`handover`); a seat never has more than these two.

mod handover;
mod ingress;
mod lifetime;
mod paths;
mod peer;
mod room;
mod stats;
mod tables;
mod tick;
mod trials;
pub mod tunnel;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palabre_ids::{MediaSession, OpenedTunnel, RoomId, Seat};

use crate::media::seats::SeatSet;
use crate::negotiate::{self, AnswerParams, Offer, OfferError};
use crate::outbox::Outbox;
use crate::session::{IceCredentials, PEER_SILENCE};
use crate::transport::dtls::{Certificate, DtlsServer};
use crate::transport::ice::IceAgent;
use crate::{GateTable, MediaEvent, Path, ViewSize};
use lifetime::Left;
use peer::{Peer, PeerKey};
use room::{Forwarding, Room};
pub use stats::{EngineStats, LOSS_BOUNDS, ROUND_TRIP_BOUNDS, Spread};
use tables::Tables;
use trials::Trials;
use tunnel::{Tunnel, Voice};

/// What every session of an engine shares.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The certificate of this process.
    pub certificate: Certificate,
    /// Where peers reach this engine by UDP, best first.
    pub candidates: Vec<SocketAddr>,
    /// Where whoever drives the engine accepts TCP connections for it, best first.
    pub tcp_candidates: Vec<SocketAddr>,
}

/// What an offer led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Which session it is about: another one than before, unless the offer restarted ICE.
    pub session: MediaSession,
    /// The session that is up and goes on beside it until it is up itself.
    pub beside: Option<MediaSession>,
    /// The answer, as SDP.
    pub answer: String,
    /// Our credentials for the path generation after this one. They are accepted from now on: a peer
    /// whose path died begins it by itself, and [`MediaEvent::NextIce`] tells of the ones after.
    pub next_ice: IceCredentials,
}

/// What comes out of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardVoice {
    /// The tunnel it comes out of.
    pub tunnel: MediaSession,
    /// Who speaks.
    pub speaker: Seat,
    /// What they say.
    pub voice: Voice,
}

/// Voices that wait for whoever drives the engine; beyond it the oldest are dropped. A second of three
/// speakers in each of seven tunnels.
const MAX_VOICES: usize = 1_024;

/// Why an offer got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NegotiateError {
    /// The room is not open here.
    #[error("the room is not open")]
    UnknownRoom,
    /// The room has no such seat.
    #[error("the room has no such seat")]
    UnknownSeat,
    /// The offer asks for something else than a room has.
    #[error(transparent)]
    Offer(#[from] OfferError),
}

/// The media of the rooms of one shard.
pub struct Engine {
    certificate: Certificate,
    candidates: Arc<[SocketAddr]>,
    tcp_candidates: Arc<[SocketAddr]>,
    /// Places are used again.
    rooms: Vec<Option<Room>>,
    by_id: HashMap<RoomId, u32>,
    /// Rooms that are closed to whoever asks, and go on for a moment.
    left: Vec<Left>,
    tables: Tables,
    /// When each peer is due. An entry that does not say what its peer says is stale.
    timers: BinaryHeap<Reverse<(Instant, PeerKey)>>,
    events: VecDeque<MediaEvent>,
    /// What goes through tunnels, oldest first.
    voices: VecDeque<HeardVoice>,
    /// Last datagrams of sessions that were closed.
    farewells: Vec<(Path, Vec<u8>, Instant)>,
    next_serial: u32,
    trials: Trials,
    scratch: Vec<u8>,
    stats: EngineStats,
}

impl Engine {
    /// An engine without rooms.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        Self {
            certificate: config.certificate,
            candidates: config.candidates.into(),
            tcp_candidates: config.tcp_candidates.into(),
            rooms: Vec::new(),
            by_id: HashMap::new(),
            left: Vec::new(),
            tables: Tables::default(),
            timers: BinaryHeap::new(),
            events: VecDeque::new(),
            voices: VecDeque::new(),
            farewells: Vec::new(),
            // Those of another engine, or of another life of this one, are others.
            next_serial: rand::random(),
            trials: Trials::default(),
            scratch: Vec::with_capacity(crate::outbox::MAX_DATAGRAM),
            stats: EngineStats::default(),
        }
    }

    /// Replaces the room's gate when the table's epoch is newer. A revoke is in force when this
    /// returns.
    pub fn set_gate(&mut self, now: Instant, room: &RoomId, table: GateTable) {
        let Some((at, room)) = self.room(room) else { return };
        if room.set_gate(&table) {
            self.steer_everybody(now, at);
        }
    }

    /// How large `receiver` shows the cameras of the seats named; the others stay as they were. It
    /// holds until the seat is closed, across sessions.
    pub fn set_views(
        &mut self,
        now: Instant,
        room: &RoomId,
        receiver: Seat,
        views: &[(Seat, ViewSize)],
    ) {
        let Some((at, room)) = self.room(room) else { return };
        room.set_views(receiver, views);
        let wake = room.steer(now, receiver);
        self.wake(now, at, wake);
    }

    /// Whose shared screen feeds the screen slot of everybody else.
    pub fn set_screen(&mut self, now: Instant, room: &RoomId, seat: Option<Seat>) {
        let Some((at, room)) = self.room(room) else { return };
        room.set_screen(seat);
        self.steer_everybody(now, at);
    }

    /// Ends the session of a seat and forgets what it looked at.
    pub fn close_seat(&mut self, now: Instant, room: &RoomId, seat: Seat) {
        let Some((_, room)) = self.room(room) else { return };
        room.forget_views(seat);
        let tunnel = room.close_tunnel(seat);
        let peer = room.peers.get_mut(seat.index()).and_then(Option::take);
        let beside = room.take_beside(seat);
        self.stats.tunnels -= u64::from(tunnel.is_some());
        for peer in peer.into_iter().chain(beside) {
            self.end_session(now, *peer);
        }
    }

    /// Opens the tunnel of a seat, in place of its session; `None` when there is no such seat. One that
    /// is open begins anew. A session that is being set up goes on, or is up since a moment that its page
    /// did not know of when it asked; the tunnel ends when media come by it: a handshake alone does not
    /// prove that they pass.
    pub fn open_tunnel(&mut self, now: Instant, room: &RoomId, seat: Seat) -> Option<OpenedTunnel> {
        let serial = self.next_serial;
        let (_, room) = self.room(room)?;
        let place = room.peers.get(seat.index())?.as_deref();
        let ends = |peer: &&Peer| peer.is_settled(now) || peer.is_up() && room.awaits(seat);
        let standing = place.filter(ends).map(|peer| peer.key);
        // One that waited beside it has the place then; one that was still heard ends too.
        let standing = standing.and_then(|key| room.take_out(key));
        let before = [standing, room.take_beside(seat)];
        let coming = room.peer(seat).map(|peer| peer.key.session());
        room.speech.silence(seat);
        let replaced = room.close_tunnel(seat);
        room.tunnels.push(Tunnel::new(seat, serial));
        self.next_serial = self.next_serial.wrapping_add(1);
        self.stats.tunnels += u64::from(replaced.is_none());
        for peer in before.into_iter().flatten() {
            self.end_session(now, *peer);
        }
        Some(OpenedTunnel { tunnel: MediaSession(serial), coming })
    }

    /// Whether a tunnel of a seat is open, and is this one.
    #[must_use]
    pub fn has_tunnel(&self, room: &RoomId, seat: Seat, tunnel: MediaSession) -> bool {
        let room = self.by_id.get(room).and_then(|&at| self.rooms[at as usize].as_ref());
        room.is_some_and(|room| room.tunnels.iter().any(|open| open.is(seat, tunnel)))
    }

    /// Ends the tunnel of a seat.
    pub fn close_tunnel(&mut self, room: &RoomId, seat: Seat) {
        let Some((_, room)) = self.room(room) else { return };
        let tunnel = room.close_tunnel(seat);
        if tunnel.is_none() {
            return;
        }
        // A session that was up beside it, without media yet, is what there is now.
        let up = room.peer(seat).filter(|peer| peer.is_up() && !peer.lost).map(|peer| peer.key);
        self.stats.tunnels -= 1;
        if let Some(key) = up {
            self.announce(key, tunnel);
        }
    }

    /// Tells signaling that a session is up, and which tunnel it ended.
    fn announce(&mut self, key: PeerKey, tunnel: Option<MediaSession>) {
        let Some(room) = self.room_at(key.room) else { return };
        let (room, seat, session) = (room.id.clone(), key.seat, key.session());
        self.events.push_back(MediaEvent::PeerUp { room, seat, session, tunnel });
    }

    /// Takes what a seat says through its tunnel; `level` is how loud it claims to be (RFC 6464).
    /// False for what is no voice packet, out of order, or of a tunnel that is not open.
    pub fn handle_voice(
        &mut self,
        now: Instant,
        room: &RoomId,
        (seat, tunnel): (Seat, MediaSession),
        voice: &Voice,
        level: u8,
        out: &mut Outbox,
    ) -> bool {
        let taken =
            self.by_id.get(room).and_then(|&at| self.rooms[at as usize].as_mut()).is_some_and(
                |room| {
                    let forwarding =
                        Forwarding { out, stats: &mut self.stats, voices: &mut self.voices };
                    room.say(now, (seat, tunnel), voice, level, forwarding)
                },
            );
        self.stats.voices_refused += u64::from(!taken);
        // In a room of tunnels alone nothing else has a clock to tell by.
        let Some((_, open)) = self.room(room) else { return taken };
        if let Some(seats) = open.speech.poll(now) {
            self.events.push_back(MediaEvent::Speaking { room: room.clone(), seats });
        }
        taken
    }

    /// Whether an authentic check, or something else authentic, came over `path`. Whoever carries a
    /// path by a TCP connection keeps that open no longer than so.
    #[must_use]
    pub fn knows(&self, path: &Path) -> bool {
        self.tables.by_path(path).is_some()
    }

    /// Forgets a path whose TCP connection has ended: nothing is sent there any more.
    pub fn forget_path(&mut self, path: Path) {
        let Some(key) = self.tables.by_path(&path) else { return };
        let Some(Some(room)) = self.rooms.get_mut(key.room as usize) else { return };
        if let Some(peer) = room.peer_of(key) {
            self.tables.unlearn_path(peer, path);
        }
    }

    /// How long nothing authentic came by the seat's session, up or being set up; none without one that is not
    /// lost.
    #[must_use]
    pub fn silence(&self, now: Instant, room: &RoomId, seat: Seat) -> Option<Duration> {
        let room = self.by_id.get(room).and_then(|&at| self.rooms[at as usize].as_ref())?;
        Some(now.saturating_duration_since(room.last_heard(seat)?))
    }

    /// Answers an offer of a seat. With the certificate of a session that it has it restarts ICE and changes
    /// nothing else; with another it begins a new session, for which one that is up makes room once the new
    /// one is up too.
    ///
    /// # Errors
    /// [`NegotiateError`]; the standing session, if any, goes on.
    pub fn negotiate(
        &mut self,
        now: Instant,
        room: &RoomId,
        seat: Seat,
        offer: Offer,
    ) -> Result<Negotiated, NegotiateError> {
        let &at = self.by_id.get(room).ok_or(NegotiateError::UnknownRoom)?;
        let room = self.rooms[at as usize].as_mut().ok_or(NegotiateError::UnknownRoom)?;
        let seats = room.peers.len() as u8;
        if seat.0 >= seats {
            return Err(NegotiateError::UnknownSeat);
        }
        let others: Vec<_> = (0..seats).map(Seat).filter(|other| *other != seat).collect();
        let local_ice = IceCredentials::random();
        let params = AnswerParams {
            local_ice: &local_ice,
            fingerprint: self.certificate.fingerprint(),
            candidates: &self.candidates,
            tcp_candidates: &self.tcp_candidates,
            slots: &others,
            ssrcs: &mut unused_ssrc(rand::random),
        };
        let standing = room.peers[seat.index()].as_ref().map(|peer| peer.key);
        let same = room.sessions(seat).find(|peer| negotiate::same_session(&offer, &peer.session));
        if let Some(peer) = same {
            let (session, answer) = negotiate::answer_restart(offer, &peer.session, params)?;
            peer.ice.restart(local_ice, &session.remote_ice);
            peer.session = session;
            self.tables.learn_ufrags(peer);
            let (session, next_ice) = (peer.key.session(), peer.ice.next().clone());
            let beside = standing.filter(|standing| *standing != peer.key).map(PeerKey::session);
            if beside.is_none() {
                // Its page has given up what it began beside it.
                self.end_beside(now, at, seat);
            }
            return Ok(Negotiated { session, beside, answer, next_ice });
        }
        let (session, answer) = negotiate::answer(offer, params)?;
        let mut ice = IceAgent::new(local_ice);
        ice.set_remote(&session.remote_ice);
        let dtls = DtlsServer::new(&self.certificate, session.fingerprint);
        let next_ice = ice.next().clone();
        let key = PeerKey { room: at, seat, serial: self.next_serial };
        self.next_serial = self.next_serial.wrapping_add(1);
        let mut peer = Box::new(Peer::new(now, key, session, ice, dtls));
        self.tables.learn_ufrags(&mut peer);
        let beside = standing.filter(|_| room.keeps_standing(seat)).map(PeerKey::session);
        let before = if beside.is_some() {
            [room.put_beside(now, peer), None]
        } else {
            room.speech.silence(seat);
            [room.take_beside(seat), room.peers[seat.index()].replace(peer)]
        };
        self.stats.peers += 1;
        for before in before.into_iter().flatten() {
            self.end_session(now, *before);
        }
        self.timers.push(Reverse((now, key)));
        Ok(Negotiated { session: key.session(), beside, answer, next_ice })
    }

    /// Takes a datagram; it is decrypted in place.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        out: &mut Outbox,
    ) {
        self.end_left(now);
        self.ingest(now, path, datagram, out);
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        self.end_left(now);
        for (path, datagram, _) in self.farewells.drain(..) {
            out.push(path, &datagram);
        }
        while let Some(&Reverse((due, key))) = self.timers.peek() {
            if due > now {
                break;
            }
            self.timers.pop();
            if self.peer(key).is_some_and(|peer| peer.due == due) {
                self.look_after(now, key, out);
            }
        }
    }

    /// When [`Engine::handle_timeout`] is to be called next, at the latest. A time in the past means
    /// at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        // A farewell does not wait: everything that is due by the time it was made is.
        let farewell = self.farewells.first().map(|(_, _, at)| *at);
        let due = self.timers.peek().map(|Reverse((due, _))| *due);
        farewell.into_iter().chain(due).chain(self.left_until()).min()
    }

    /// The next thing that signaling should know.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// The next thing that comes out of a tunnel, of any room. It passed the gate that was in force then:
    /// take all of it before the next command, so that what a gate takes back goes nowhere behind it.
    pub fn poll_voice(&mut self) -> Option<HeardVoice> {
        self.voices.pop_front()
    }

    /// Counters since the engine was made.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        self.stats
    }

    fn room(&mut self, room: &RoomId) -> Option<(u32, &mut Room)> {
        let &at = self.by_id.get(room)?;
        Some((at, self.rooms[at as usize].as_mut()?))
    }

    fn room_at(&mut self, at: u32) -> Option<&mut Room> {
        self.rooms.get_mut(at as usize)?.as_mut()
    }

    fn peer(&mut self, key: PeerKey) -> Option<&mut Peer> {
        self.room_at(key.room)?.peer_of(key)
    }

    /// Takes a peer out of its room and ends its session.
    fn remove(&mut self, now: Instant, key: PeerKey) {
        if let Some(peer) = self.room_at(key.room).and_then(|room| room.take_out(key)) {
            self.end_session(now, *peer);
        }
    }

    /// Ends a session that is in no room any more.
    fn end_session(&mut self, now: Instant, mut peer: Peer) {
        self.tables.forget(&peer);
        self.stats.peers -= 1;
        peer.dtls.close(now);
        let Some(path) = peer.paths.current() else { return };
        while let Some(datagram) = peer.dtls.poll_transmit() {
            self.farewells.push((path, datagram.to_vec(), now));
        }
    }

    fn steer_everybody(&mut self, now: Instant, at: u32) {
        let Some(room) = self.room_at(at) else { return };
        let mut wake = SeatSet::default();
        for seat in 0..room.peers.len() as u8 {
            wake = wake.with(room.steer(now, Seat(seat)));
        }
        self.wake(now, at, wake);
    }

    /// Looks after publishers as soon as they may be asked for a keyframe.
    fn wake(&mut self, now: Instant, room: u32, seats: SeatSet) {
        let Some(Some(room)) = self.rooms.get_mut(room as usize) else { return };
        for seat in seats.iter() {
            let Some(peer) = room.peer(seat) else { continue };
            let Some(due) = peer.publication.keyframe_due(now).filter(|due| *due < peer.due) else {
                continue;
            };
            peer.due = due;
            self.timers.push(Reverse((due, peer.key)));
        }
    }

    /// Does what is due at one peer.
    fn look_after(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(peer) = self.peer(key) else { return };
        if peer.dtls.poll_timeout().is_some_and(|due| due <= now) {
            // Its error says the same as `is_closed`.
            let _ = peer.dtls.handle_timeout(now);
            if let Some(path) = peer.paths.current() {
                while let Some(datagram) = peer.dtls.poll_transmit() {
                    out.push(path, &datagram);
                }
            }
        }
        if peer.dtls.is_closed() {
            self.remove(now, key);
            return;
        }
        if self.look_after_beside(now, key) {
            return;
        }
        let Some(peer) = self.peer(key) else { return };
        let lost = now.saturating_duration_since(peer.heard) >= PEER_SILENCE;
        let newly_lost = lost && !std::mem::replace(&mut peer.lost, lost);
        let up = peer.is_up() && !lost;
        let Some(room) = self.rooms.get_mut(key.room as usize).and_then(Option::as_mut) else {
            return;
        };
        if newly_lost {
            if let Some(peer) = room.peer(key.seat) {
                peer.paths.distrust();
            }
            room.steer(now, key.seat);
            let (room, seat, session) = (room.id.clone(), key.seat, key.session());
            self.events.push_back(MediaEvent::PeerLost { room, seat, session });
        }
        let mut wake = SeatSet::default();
        if up {
            wake = room.steer(now, key.seat);
            let done = tick::send_rtcp(room, key.seat.index(), now, &mut self.scratch, out);
            self.stats.keyframe_requests += done.keyframe_requests;
            self.stats.packets_nacked += done.packets_nacked;
            self.stats.feedback_reports += done.feedback_reports;
        }
        if let Some(seats) = room.speech.poll(now) {
            self.events.push_back(MediaEvent::Speaking { room: room.id.clone(), seats });
        }
        if room.blocked.poll(now, key.seat) {
            let room = room.id.clone();
            self.events.push_back(MediaEvent::Blocked { room, seat: key.seat });
        }
        if let Some(peer) = room.peer(key.seat) {
            peer.due = now + peer.tick_interval();
            if up {
                // Where the clock is late at each look, four looks are longer than a beacon.
                peer.due = peer.due.min(peer.schedule.beacon());
            }
            self.timers.push(Reverse((peer.due, key)));
        }
        self.wake(now, key.room, wake);
    }
}

/// SSRCs that no session was given twice: two streams under one would share a key stream. 0 and 1
/// are what senders without a stream call themselves.
fn unused_ssrc(mut draw: impl FnMut() -> u32) -> impl FnMut() -> u32 {
    let mut used = vec![0, 1];
    move || loop {
        let ssrc = draw();
        if !used.contains(&ssrc) {
            used.push(ssrc);
            return ssrc;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = include_str!("../../tests/fixtures/chromium.sdp");

    #[test]
    fn no_ssrc_is_given_twice() {
        let mut drawn = [1, 7, 7, 0, 9].into_iter();
        let mut next = unused_ssrc(move || drawn.next().expect("enough"));
        assert_eq!([next(), next()], [7, 9]);
    }

    #[test]
    fn a_session_leaves_nothing_in_the_tables() {
        let certificate = Certificate::generate().expect("a certificate");
        let mut engine = Engine::new(EngineConfig {
            certificate,
            candidates: Vec::new(),
            tcp_candidates: Vec::new(),
        });
        let room = RoomId::parse("test-room").expect("a room");
        let now = Instant::now();
        let offer = |engine: &mut Engine, seat| {
            engine.negotiate(now, &room, seat, Offer::parse(OFFER).expect("an offer"))
        };
        assert_eq!(offer(&mut engine, Seat(0)), Err(NegotiateError::UnknownRoom));
        engine.open_room(now, &room, 9);
        assert_eq!(offer(&mut engine, Seat(9)), Err(NegotiateError::UnknownSeat));
        assert!(engine.tables.is_empty());
        for seat in 0..9 {
            offer(&mut engine, Seat(seat)).expect("an answer");
            offer(&mut engine, Seat(seat)).expect("an answer to a restart");
        }
        assert_eq!(engine.stats().peers, 9);
        engine.close_seat(now, &room, Seat(4));
        assert!(!engine.tables.is_empty() && engine.silence(now, &room, Seat(4)).is_none());
        engine.close_room(now, &room);
        assert!(engine.tables.is_empty());
    }
}
