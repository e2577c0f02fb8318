//! A room's life in an engine: opened, closed, or left to go on for a moment as it is.

use std::time::Instant;

use palabre_ids::{RoomId, Seat};

use super::Engine;
use super::room::Room;
use crate::MediaEvent;

/// A room that is another engine's by now, and goes on here until then.
#[derive(Debug)]
pub(super) struct Left {
    id: RoomId,
    at: u32,
    until: Instant,
}

impl Engine {
    /// Opens a room; its gate is closed. Opening it again changes nothing, unless it was left: then it ends,
    /// and begins anew.
    pub fn open_room(&mut self, now: Instant, room: &RoomId, seats: u8) {
        if self.by_id.contains_key(room) {
            return;
        }
        self.close_room(now, room);
        let free = self.rooms.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.rooms.push(None);
            self.rooms.len() - 1
        });
        self.rooms[at] = Some(Room::new(room.clone(), seats));
        self.by_id.insert(room.clone(), at as u32);
        self.stats.rooms += 1;
    }

    /// Closes a room and all its sessions.
    pub fn close_room(&mut self, now: Instant, room: &RoomId) {
        if let Some(at) = self.by_id.remove(room) {
            self.end_room(now, at);
        }
        if let Some(at) = self.take_left(|left| left.id == *room) {
            self.end_room(now, at);
            // What it told last may have been told to one that begins anew.
            let (room, seats) = (room.clone(), Vec::new());
            self.events.push_back(MediaEvent::Speaking { room, seats });
        }
    }

    /// Lets a room go on as it is until `until`: by the gate that is in force, which nothing changes any more,
    /// for the sessions that there are. To whoever asks for it it is closed, and its tunnels are. Another
    /// engine may give the same rights meanwhile, and others only after that.
    pub fn leave_room(&mut self, now: Instant, room: &RoomId, until: Instant) {
        let Some(at) = self.by_id.remove(room) else { return };
        if until <= now {
            return self.end_room(now, at);
        }
        if let Some(left) = self.room_at(at) {
            let tunnels = std::mem::take(&mut left.tunnels).len() as u64;
            self.stats.tunnels -= tunnels;
        }
        self.left.push(Left { id: room.clone(), at, until });
    }

    /// When the first room that was left ends.
    pub(super) fn left_until(&self) -> Option<Instant> {
        self.left.iter().map(|left| left.until).min()
    }

    /// Ends the rooms that were left until now. Whatever comes later, and be it after a pause of this process,
    /// finds them closed.
    pub(super) fn end_left(&mut self, now: Instant) {
        while let Some(at) = self.take_left(|left| left.until <= now) {
            self.end_room(now, at);
        }
    }

    fn take_left(&mut self, is: impl FnMut(&Left) -> bool) -> Option<u32> {
        let index = self.left.iter().position(is)?;
        Some(self.left.swap_remove(index).at)
    }

    fn end_room(&mut self, now: Instant, at: u32) {
        let Some(mut closed) = self.rooms[at as usize].take() else { return };
        self.stats.tunnels -= closed.tunnels.len() as u64;
        for seat in (0..closed.peers.len() as u8).map(Seat) {
            let place = closed.peers[seat.index()].take();
            for peer in place.into_iter().chain(closed.take_beside(seat)) {
                self.end_session(now, *peer);
            }
        }
        self.stats.rooms -= 1;
    }
}
