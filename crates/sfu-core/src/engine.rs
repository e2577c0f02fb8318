//! One shard's media: its rooms, their peers, and the way from a datagram to the datagrams it causes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use palabre_ids::{RoomId, Seat};

use crate::outbox::Outbox;
use crate::{GateTable, MediaEvent, Path, ViewSize};

/// What every session of an engine shares.
#[derive(Clone)]
pub struct EngineConfig {
    /// Where peers reach this engine, best first.
    pub candidates: Arc<[SocketAddr]>,
}

/// What passed through an engine since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Rooms that are open.
    pub rooms: u64,
    /// Peers with a session.
    pub peers: u64,
    /// Authenticated media packets.
    pub packets_in: u64,
    /// Media packets forwarded, one for each receiver.
    pub packets_out: u64,
    /// Media packets the gate stopped.
    pub packets_gated: u64,
    /// Datagrams that belonged to nobody or failed authentication.
    pub datagrams_refused: u64,
    /// Packets sent again because a receiver asked.
    pub packets_resent: u64,
    /// Keyframe requests sent to publishers.
    pub keyframe_requests: u64,
}

/// The media of the rooms of one shard.
pub struct Engine {
    config: EngineConfig,
    stats: EngineStats,
}

impl Engine {
    /// An engine without rooms.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        Self { config, stats: EngineStats::default() }
    }

    /// Opens a room; its gate is closed. Opening it again changes nothing.
    pub fn open_room(&mut self, _room: &RoomId, _seats: u8) {}

    /// Closes a room and all its sessions.
    pub fn close_room(&mut self, _room: &RoomId) {}

    /// Replaces the room's gate when the table's epoch is newer. A revoke is in force when this
    /// returns.
    pub fn set_gate(&mut self, _now: Instant, _room: &RoomId, _table: GateTable) {}

    /// How large `receiver` shows the cameras of the seats named; the others stay as they were.
    pub fn set_views(
        &mut self,
        _now: Instant,
        _room: &RoomId,
        _receiver: Seat,
        _views: &[(Seat, ViewSize)],
    ) {
    }

    /// Whose shared screen feeds the screen slot of everybody else.
    pub fn set_screen(&mut self, _now: Instant, _room: &RoomId, _seat: Option<Seat>) {}

    /// Ends the session of a seat.
    pub fn close_seat(&mut self, _now: Instant, _room: &RoomId, _seat: Seat) {}

    /// Whether the seat has a session, up or being set up.
    #[must_use]
    pub fn has_session(&self, _room: &RoomId, _seat: Seat) -> bool {
        false
    }

    /// Takes a datagram; it is decrypted in place.
    pub fn handle_datagram(
        &mut self,
        _now: Instant,
        _path: Path,
        _datagram: &mut [u8],
        _out: &mut Outbox,
    ) {
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, _now: Instant, _out: &mut Outbox) {}

    /// When [`Engine::handle_timeout`] is to be called next, at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let _ = &self.config;
        None
    }

    /// The next thing that signaling should know.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        None
    }

    /// Counters since the engine was made.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        self.stats
    }
}
