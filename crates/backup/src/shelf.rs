//! The rooms that one thread has in hand, and what is done with them.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use palabre_ids::{RoomId, UnixMillis};

use crate::disk::{Disk, FileKind};
use crate::files::{Erased, erase_unused};
use crate::journal::{Change, Health, JournalError, Kept, Taken};
use crate::room_log::{Found, Opened, RoomLog};
use crate::values;

/// How the journal stands, as its threads count it together.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    waiting_rooms: AtomicU64,
    refusals: AtomicU64,
    torn: AtomicU64,
    damaged: AtomicU64,
}

impl Counts {
    pub(crate) fn health(&self) -> Health {
        Health {
            waiting_rooms: self.waiting_rooms.load(Ordering::Relaxed),
            refusals: self.refusals.load(Ordering::Relaxed),
            torn: self.torn.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
        }
    }
}

/// Rooms in hand. Everything here blocks on the disk.
pub(crate) struct Shelf {
    disk: Arc<dyn Disk>,
    logs: HashMap<RoomId, RoomLog>,
    counts: Arc<Counts>,
    waiting: u64,
}

impl Shelf {
    pub(crate) fn new(disk: Arc<dyn Disk>, counts: Arc<Counts>) -> Self {
        Self { disk, logs: HashMap::new(), counts, waiting: 0 }
    }

    /// Whether something waits for the disk.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Remembers a change.
    pub(crate) fn commit(&mut self, change: Change) -> Result<Kept, JournalError> {
        match change {
            Change::Append { room, number, entry } => self.append(&room, number, &entry),
            Change::Snapshot { room, number, state, until } => {
                self.snapshot(&room, number, &state, until)
            }
            Change::Erase { room } => self.erase(&room),
            Change::Put { name, value } => {
                values::put(self.disk.as_ref(), name, &value)
                    .map_err(|error| self.refused(&error))?;
                Ok(Kept::Durable)
            }
        }
    }

    fn append(&mut self, room: &RoomId, number: u64, entry: &[u8]) -> Result<Kept, JournalError> {
        let log = self.logs.get_mut(room).ok_or(JournalError::NotOurs)?;
        let (last, settled) = (log.last(), log.is_settled());
        if last.checked_add(1) != Some(number) {
            return Err(JournalError::Order { number, last });
        }
        log.append(number, entry).map_err(|error| JournalError::Write(error.to_string()))?;
        let outcome = log.settle(self.disk.as_ref());
        let now_settled = log.is_settled();
        Ok(self.note(settled, now_settled, outcome))
    }

    fn snapshot(
        &mut self,
        room: &RoomId,
        number: u64,
        state: &[u8],
        until: UnixMillis,
    ) -> Result<Kept, JournalError> {
        let Some(log) = self.logs.get_mut(room) else {
            let log = match RoomLog::create(self.disk.as_ref(), room, number, state, until) {
                Ok(log) => log,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(JournalError::NotOurs);
                }
                Err(error) => return Err(self.refused(&error)),
            };
            self.logs.insert(room.clone(), log);
            return Ok(Kept::Durable);
        };
        let (last, settled) = (log.last(), log.is_settled());
        if number != last {
            return Err(JournalError::Order { number, last });
        }
        let outcome = log.replace(self.disk.as_ref(), state, until);
        let now_settled = log.is_settled();
        Ok(self.note(settled, now_settled, outcome))
    }

    fn erase(&mut self, room: &RoomId) -> Result<Kept, JournalError> {
        let erased = match self.logs.remove(room) {
            Some(log) => {
                if !log.is_settled() {
                    self.one_waits_less();
                }
                log.erase(self.disk.as_ref()).map(|()| Erased::Done)
            }
            None => erase_unused(self.disk.as_ref(), room, None),
        };
        match erased.map_err(|error| self.refused(&error))? {
            Erased::Done | Erased::Kept => Ok(Kept::Durable),
            Erased::InUse => Err(JournalError::NotOurs),
        }
    }

    /// Takes a room in hand, if it is not.
    pub(crate) fn take(&mut self, room: &RoomId) -> Result<Taken, JournalError> {
        if !self.logs.contains_key(room) {
            match RoomLog::open(self.disk.as_ref(), room).map_err(unread)? {
                Opened::Log(log, found) => self.found(*log, room, found),
                Opened::InUse => return Ok(Taken::InUse),
                Opened::Gone => return Ok(Taken::Gone),
                Opened::Damaged => {
                    self.counts.damaged.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(
                        "a room's file is damaged from its start: it is set aside under a name with \
                         .damaged, and the room is lost"
                    );
                    return Ok(Taken::Unreadable);
                }
                Opened::OtherVersion => {
                    tracing::error!(
                        "a room's file has a version that this server does not read: it is left alone"
                    );
                    return Ok(Taken::Unreadable);
                }
            }
        }
        let log = self.logs.get(room).ok_or(JournalError::NotOurs)?;
        log.stored().map(Taken::Room).map_err(unread)
    }

    fn found(&mut self, mut log: RoomLog, room: &RoomId, found: Found) {
        match found {
            Found::Whole => {}
            Found::Torn => {
                self.counts.torn.fetch_add(1, Ordering::Relaxed);
                tracing::info!("a room's last write was cut off by a crash: it is dropped");
            }
            Found::Damaged => {
                self.counts.damaged.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    "a room's file is damaged: the room comes back as it was before the damage, and the \
                     file is kept under a name with .damaged"
                );
            }
        }
        let outcome = log.settle(self.disk.as_ref());
        let settled = log.is_settled();
        self.note(true, settled, outcome);
        self.logs.insert(room.clone(), log);
    }

    /// Lets a room go, once all of it is on the disk.
    pub(crate) fn release(&mut self, room: &RoomId) -> Result<(), JournalError> {
        let Some(log) = self.logs.get_mut(room) else { return Ok(()) };
        let settled = log.is_settled();
        let outcome = log.settle(self.disk.as_ref());
        if let Err(error) = &outcome {
            let words = error.to_string();
            self.note(settled, false, outcome);
            return Err(JournalError::Write(words));
        }
        self.note(settled, true, outcome);
        self.logs.remove(room);
        Ok(())
    }

    /// Erases rooms that nobody has in hand and whose time is over, of those that `ours` picks.
    pub(crate) fn expire(
        &mut self,
        now: UnixMillis,
        ours: impl Fn(&RoomId) -> bool,
    ) -> Result<u64, JournalError> {
        let names = self.disk.list().map_err(unread)?;
        let mut rooms: Vec<RoomId> = names
            .iter()
            .filter_map(|name| match name.kind()? {
                FileKind::Log(room) | FileKind::SetAside(room) => Some(room),
                FileKind::Unfinished(_) => None,
            })
            .filter(|room| ours(room) && !self.logs.contains_key(room))
            .collect();
        rooms.dedup();
        let mut erased = 0;
        for room in rooms {
            match erase_unused(self.disk.as_ref(), &room, Some(now)) {
                Ok(Erased::Done) => erased += 1,
                Ok(Erased::InUse | Erased::Kept) => {}
                Err(error) => drop(self.refused(&error)),
            }
        }
        Ok(erased)
    }

    /// Tries again to write what waits.
    pub(crate) fn retry(&mut self) {
        let disk = Arc::clone(&self.disk);
        let mut outcomes = Vec::new();
        for log in self.logs.values_mut().filter(|log| !log.is_settled()) {
            let outcome = log.settle(disk.as_ref());
            outcomes.push((log.is_settled(), outcome));
        }
        for (settled, outcome) in outcomes {
            self.note(false, settled, outcome);
        }
    }

    /// Counts how a room stands after something was tried, and tells the operator when that changes
    /// for the journal as a whole.
    fn note(&mut self, before: bool, after: bool, outcome: io::Result<()>) -> Kept {
        if before && !after {
            self.waiting += 1;
            let waited = self.counts.waiting_rooms.fetch_add(1, Ordering::Relaxed);
            if waited == 0
                && let Err(error) = &outcome
            {
                tracing::error!(
                    %error,
                    "the disk does not take the journal: rooms go on in memory, and are written when it \
                     does; if the server ends before, what they did meanwhile is lost"
                );
            }
        } else if !before && after {
            self.one_waits_less();
        }
        if outcome.is_err() {
            self.counts.refusals.fetch_add(1, Ordering::Relaxed);
        }
        if after { Kept::Durable } else { Kept::Waiting }
    }

    fn one_waits_less(&mut self) {
        self.waiting -= 1;
        if self.counts.waiting_rooms.fetch_sub(1, Ordering::Relaxed) == 1 {
            tracing::info!("nothing waits for the disk any more: the journal is complete");
        }
    }

    fn refused(&self, error: &io::Error) -> JournalError {
        self.counts.refusals.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, "the disk refuses the journal");
        JournalError::Write(error.to_string())
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        if !self.is_waiting() {
            return;
        }
        self.retry();
        if self.is_waiting() {
            let rooms = self.waiting;
            tracing::error!(
                rooms,
                "the server ends before the disk took the journal: so many rooms lose what they did since"
            );
        }
    }
}

fn unread(error: io::Error) -> JournalError {
    JournalError::Read(error.to_string())
}
