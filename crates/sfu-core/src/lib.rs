//! The sans-IO media engine: from a datagram to the datagrams it causes.
//!
//! It has no socket, no task, no thread and no clock. Drive it in this order: give it what happened
//! (a datagram, a command, the time), send everything in the outbox, take every voice of a tunnel and
//! every [`MediaEvent`], and call it again no later than `Engine::poll_timeout` says.

pub mod engine;
pub mod media;
pub mod negotiate;
pub mod outbox;
pub mod session;
pub mod transport;

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use palabre_ids::{Epoch, GateEntry, MediaSession, RoomId, Seat};

/// What carries the datagrams of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Carrier {
    /// UDP.
    #[default]
    Udp,
    /// A TCP connection, in frames ([`transport::framing`]). Its number is given once in an engine's
    /// life: another connection from the same port is another path.
    Tcp(u32),
}

/// The two ends of a datagram, the address of ours it came to (and answers leave from) and the
/// peer's, and what carries it between them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Our address; the port is the shard's.
    pub local: IpAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// What lies between.
    pub carrier: Carrier,
}

impl Path {
    /// A path over UDP.
    #[must_use]
    pub fn udp(local: IpAddr, remote: SocketAddr) -> Self {
        Self { local, remote, carrier: Carrier::Udp }
    }

    /// Whether a TCP connection carries it: its far end has answered from the address it names.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        self.carrier != Carrier::Udp
    }
}

impl Hash for Path {
    /// In as few words as it has: it is looked up for every datagram.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match (self.local, self.remote) {
            (IpAddr::V4(local), SocketAddr::V4(remote)) => {
                let addresses = u64::from(remote.ip().to_bits()) << 32 | u64::from(local.to_bits());
                state.write_u64(addresses);
            }
            (local, remote) => (local, remote.ip()).hash(state),
        }
        let carrier = match self.carrier {
            Carrier::Udp => 0,
            Carrier::Tcp(number) => u64::from(number) << 16 | 1 << 48,
        };
        state.write_u64(carrier | u64::from(self.remote.port()));
    }
}

impl std::fmt::Debug for Path {
    /// No address: it points at a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Path(…)")
    }
}

/// The whole table of who may send what in a room, and to whom. It replaces the one before when its
/// epoch is newer, and is ignored otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateTable {
    /// Grows with every change of the room's rights.
    pub epoch: Epoch,
    /// The seats; one that is left out may send nothing and is in the plenary.
    pub entries: Vec<GateEntry>,
}

/// How large a receiver shows a seat's camera: it decides the layer that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ViewSize {
    /// Nothing is forwarded.
    Hidden,
    /// The lowest layer.
    #[default]
    Thumbnail,
    /// The middle layer.
    Medium,
    /// The highest layer.
    Large,
}

/// What the engine noticed about a peer, coarse enough for signaling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// DTLS is done: media can flow.
    PeerUp {
        /// Its room.
        room: RoomId,
        /// Its seat.
        seat: Seat,
        /// Which of the seat's sessions.
        session: MediaSession,
        /// The tunnel that it ended, if it did: one that was opened since goes on.
        tunnel: Option<MediaSession>,
    },
    /// Nothing authentic came from the peer for [`session::PEER_SILENCE`], or it said goodbye.
    PeerLost {
        /// Its room.
        room: RoomId,
        /// Its seat.
        seat: Seat,
        /// Which of the seat's sessions.
        session: MediaSession,
    },
    /// A peer used the credentials that were issued for its next path generation: here are those for
    /// the one after. Those before them are its current ones now.
    NextIce {
        /// Its room.
        room: RoomId,
        /// Its seat.
        seat: Seat,
        /// Which of the seat's sessions.
        session: MediaSession,
        /// Ours, valid from now on.
        credentials: session::IceCredentials,
    },
    /// The set of seats with voice changed; only forwarded audio counts.
    Speaking {
        /// The room.
        room: RoomId,
        /// Who, ascending.
        seats: Vec<Seat>,
    },
    /// A seat sends voice while its gate for audio is closed, by the level that it claims itself: a
    /// hint, told at most once in some seconds for each seat.
    Blocked {
        /// Its room.
        room: RoomId,
        /// Its seat.
        seat: Seat,
    },
}
