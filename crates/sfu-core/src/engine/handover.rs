//! One seat, two sessions: a page that makes a new transport keeps the old one until the new one carries.
//!
//! The new session waits beside the old one until its handshake is done, and is given up after a while. Once
//! it is up it takes the seat's place: all that goes to the page goes by it. The old one is then heard for a
//! moment longer, for its sound alone and only until sound comes by the new one: a packet is forwarded by
//! one or by the other. Both are behind the seat's one gate.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use palabre_ids::{MediaKind, Seat};

use crate::MediaEvent;
use crate::engine::Engine;
use crate::engine::peer::{Peer, PeerKey};
use crate::engine::room::{Forwarding, Room};
use crate::engine::tick::TICK;
use crate::media::publication::Refusal;
use crate::media::rtp::Header;
use crate::media::sequence::Index;

/// How long a new session may take to be up beside one that is. A page on a poor network takes seconds; more
/// keeps memory for a page that has tried another way since.
const TO_COME_UP: Duration = Duration::from_secs(10);
/// How long a session that was replaced is heard at most: until the page has heard that the new one is up,
/// and the first sound by it has come.
const TO_LEAVE: Duration = Duration::from_millis(500);
/// A session from which nothing came for so long carries nothing that is worth waiting for.
const ALIVE: Duration = Duration::from_secs(1);

/// What a session beside the one in its seat's place is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// To take the place once it is up.
    Coming,
    /// To be heard until its successor is.
    Leaving,
}

/// A session beside the one in its seat's place: a seat has one at most.
pub(super) struct Beside {
    peer: Box<Peer>,
    part: Part,
    until: Instant,
}

impl Room {
    /// A session, in its seat's place or beside it.
    pub(super) fn peer_of(&mut self, key: PeerKey) -> Option<&mut Peer> {
        let place = self.peers.get_mut(key.seat.index())?.as_deref_mut();
        place
            .filter(|peer| peer.key == key)
            .or_else(|| self.beside.iter_mut().map(|it| &mut *it.peer).find(|it| it.key == key))
    }

    /// The sessions of a seat: one, or two for a moment.
    pub(super) fn sessions(&mut self, seat: Seat) -> impl Iterator<Item = &mut Peer> {
        let place = self.peers.get_mut(seat.index()).and_then(Option::as_deref_mut);
        let beside = self.beside.iter_mut().map(|it| &mut *it.peer);
        place.into_iter().chain(beside.filter(move |peer| peer.key.seat == seat))
    }

    /// When something came last by a seat's sessions; none of them that is lost counts.
    pub(super) fn last_heard(&self, seat: Seat) -> Option<Instant> {
        let place = self.peers.get(seat.index()).and_then(Option::as_deref);
        let beside = self.beside.iter().map(|it| &*it.peer).filter(|peer| peer.key.seat == seat);
        let sessions = place.into_iter().chain(beside).filter(|peer| !peer.lost);
        sessions.map(|peer| peer.heard).max()
    }

    /// Takes out what is beside the place of a seat.
    pub(super) fn take_beside(&mut self, seat: Seat) -> Option<Box<Peer>> {
        let at = self.beside.iter().position(|it| it.peer.key.seat == seat)?;
        Some(self.beside.swap_remove(at).peer)
    }

    /// Takes a session out. A new one that waited for its place has it then.
    pub(super) fn take_out(&mut self, key: PeerKey) -> Option<Box<Peer>> {
        if let Some(at) = self.beside.iter().position(|it| it.peer.key == key) {
            return Some(self.beside.swap_remove(at).peer);
        }
        let taken = self.peers.get_mut(key.seat.index())?.take_if(|peer| peer.key == key)?;
        let is_it = |it: &Beside| it.part == Part::Coming && it.peer.key.seat == key.seat;
        if let Some(at) = self.beside.iter().position(is_it) {
            self.peers[key.seat.index()] = Some(self.beside.swap_remove(at).peer);
        }
        Some(taken)
    }

    /// Whether a session waits to take another's place.
    pub(super) fn is_coming(&self, key: PeerKey) -> bool {
        self.beside.iter().any(|it| it.part == Part::Coming && it.peer.key == key)
    }

    /// Whether a session of a seat waits to take the place of the one that it has.
    pub(super) fn awaits(&self, seat: Seat) -> bool {
        self.beside.iter().any(|it| it.part == Part::Coming && it.peer.key.seat == seat)
    }

    /// Whether a new session of a seat is to wait beside the one that it has. One by which no media came yet,
    /// the seat's voice being in its tunnel, is not worth it.
    pub(super) fn keeps_standing(&self, seat: Seat) -> bool {
        let place = self.peers.get(seat.index()).and_then(Option::as_deref);
        place.is_some_and(|peer| peer.is_up() && !peer.lost) && !self.has_tunnel(seat)
    }

    /// Has a new session wait beside the place of its seat; gives what was there.
    pub(super) fn put_beside(&mut self, now: Instant, peer: Box<Peer>) -> Option<Box<Peer>> {
        let before = self.take_beside(peer.key.seat);
        self.beside.push(Beside { peer, part: Part::Coming, until: now + TO_COME_UP });
        before
    }

    /// A session is up: it takes the place if it waited for it. Gives the session that ends with that.
    pub(super) fn come_up(&mut self, now: Instant, key: PeerKey) -> Option<Box<Peer>> {
        let at = self.beside.iter().position(|it| it.peer.key == key)?;
        let coming = self.beside.swap_remove(at).peer;
        let old = self.peers.get_mut(key.seat.index())?.replace(coming)?;
        if now.saturating_duration_since(old.heard) > ALIVE {
            return Some(old);
        }
        self.beside.push(Beside { peer: old, part: Part::Leaving, until: now + TO_LEAVE });
        None
    }

    /// Sound came by the session in a seat's place: gives the one that it was waited for with.
    pub(super) fn take_leaving(&mut self, seat: Seat) -> Option<Box<Peer>> {
        let is_it = |it: &Beside| it.part == Part::Leaving && it.peer.key.seat == seat;
        let at = self.beside.iter().position(is_it)?;
        Some(self.beside.swap_remove(at).peer)
    }

    /// Takes a packet of a session that was replaced and is still heard; `None` when it is not one.
    pub(super) fn hear_leaving(
        &mut self,
        now: Instant,
        key: PeerKey,
        (header, index, packet): (&Header, Index, &[u8]),
        forwarding: Forwarding<'_>,
    ) -> Option<()> {
        let at = self.beside.iter().position(|it| it.peer.key == key)?;
        let mut leaving = self.beside.swap_remove(at);
        let peer = &mut leaving.peer;
        peer.heard = now;
        forwarding.stats.packets_in += 1;
        match peer.publication.receive(now, header, index, packet) {
            Ok(incoming) if incoming.kind == MediaKind::Audio => {
                self.forward_of(now, peer, &incoming, forwarding);
            }
            // Pictures begin anew with the new session.
            Ok(_) | Err(Refusal::Padding) => forwarding.stats.packets_padding += 1,
            Err(Refusal::Repeated) => forwarding.stats.packets_repeated += 1,
            Err(_) => forwarding.stats.packets_refused += 1,
        }
        self.beside.push(leaving);
        Some(())
    }
}

impl Engine {
    /// Looks after a session beside its seat's place; false when it is not one.
    pub(super) fn look_after_beside(&mut self, now: Instant, key: PeerKey) -> bool {
        let Some(room) = self.room_at(key.room) else { return false };
        let Some(at) = room.beside.iter().position(|it| it.peer.key == key) else { return false };
        if now < room.beside[at].until {
            let due = room.beside[at].until.min(now + TICK);
            room.beside[at].peer.due = due;
            self.timers.push(Reverse((due, key)));
            return true;
        }
        let Beside { peer, part, .. } = room.beside.swap_remove(at);
        let id = room.id.clone();
        if part == Part::Coming {
            let (seat, session) = (key.seat, key.session());
            self.events.push_back(MediaEvent::PeerLost { room: id, seat, session });
        }
        self.end_session(now, *peer);
        true
    }

    /// Ends what is beside the place of a seat.
    pub(super) fn end_beside(&mut self, now: Instant, room: u32, seat: Seat) {
        if let Some(peer) = self.room_at(room).and_then(|room| room.take_beside(seat)) {
            self.end_session(now, *peer);
        }
    }
}
