//! What of the room may come to a listener: leaks are told from media by this, and silent streams from
//! those that are closed.

use std::collections::BTreeMap;
use std::time::Instant;

use palabre_ids::Seat;

use crate::bot::plan::Slot;
use crate::bot::room::Room;

/// What the room lets come to a listener.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// What is open, and since when.
    pub(super) open: BTreeMap<Slot, Instant>,
    /// Who shares the screen.
    pub(super) screen: Option<Seat>,
}

impl Reach {
    pub(super) fn of(room: &Room, now: Instant) -> Self {
        let mut open = BTreeMap::new();
        for (seat, _) in room.view.floor.rights.iter().copied() {
            let rights = room.reaches(seat);
            open.extend(rights.audio.then_some((Slot::Audio(seat), now)));
            open.extend(rights.video.then_some((Slot::Video(seat), now)));
        }
        let screen = room.view.state.screen;
        open.extend(screen.filter(|seat| room.reaches(*seat).screen).map(|_| (Slot::Screen, now)));
        Self { open, screen }
    }

    /// What was open before and still is has been since it was opened.
    pub(super) fn becomes(&mut self, next: Self) {
        let before = std::mem::replace(self, next);
        for (slot, since) in &mut self.open {
            *since = before.open.get(slot).copied().unwrap_or(*since);
        }
    }

    pub(super) fn seat_of(&self, slot: Slot) -> Option<Seat> {
        match slot {
            Slot::Audio(seat) | Slot::Video(seat) => Some(seat),
            Slot::Screen => self.screen,
        }
    }
}
