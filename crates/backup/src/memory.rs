//! A journal that dies with the process: for tests, and for servers told to keep nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use palabre_ids::{RoomId, UnixMillis};

use crate::journal::{
    Answer, Change, Durable, Health, Journal, JournalError, Kept, StoredRoom, Taken, ValueName,
};

/// A journal in memory.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    rooms: BTreeMap<RoomId, Held>,
    values: BTreeMap<ValueName, Vec<u8>>,
}

#[derive(Debug)]
struct Held {
    stored: StoredRoom,
    until: UnixMillis,
    in_hand: bool,
}

impl Held {
    fn last(&self) -> u64 {
        self.stored.entries.last().map_or(self.stored.number, |(number, _)| *number)
    }
}

impl Contents {
    fn commit(&mut self, change: Change) -> Result<Kept, JournalError> {
        match change {
            Change::Append { room, number, entry } => {
                let held = self.rooms.get_mut(&room).ok_or(JournalError::NotOurs)?;
                let last = held.last();
                if !held.in_hand {
                    return Err(JournalError::NotOurs);
                } else if last.checked_add(1) != Some(number) {
                    return Err(JournalError::Order { number, last });
                }
                held.stored.entries.push((number, entry));
            }
            Change::Snapshot { room, number, state, until } => {
                if let Some(held) = self.rooms.get(&room) {
                    let last = held.last();
                    if !held.in_hand {
                        return Err(JournalError::NotOurs);
                    } else if last != number {
                        return Err(JournalError::Order { number, last });
                    }
                }
                let stored = StoredRoom { room: room.clone(), number, state, entries: Vec::new() };
                self.rooms.insert(room, Held { stored, until, in_hand: true });
            }
            Change::Erase { room } => drop(self.rooms.remove(&room)),
            Change::Put { name, value } => drop(self.values.insert(name, value)),
        }
        Ok(Kept::Durable)
    }
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<R>(&self, f: impl FnOnce(&mut Contents) -> R) -> R {
        // Each change is one assignment or removal at a time: a panic elsewhere leaves it whole.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer<T: Send + 'static>(&self, answer: Result<T, JournalError>) -> Answer<'_, T> {
        Box::pin(std::future::ready(answer))
    }
}

impl Journal for MemoryJournal {
    fn commit(&self, change: Change) -> Durable<'_> {
        self.answer(self.with(|contents| contents.commit(change)))
    }

    fn take(&self, room: &RoomId) -> Answer<'_, Taken> {
        self.answer(Ok(self.with(|contents| match contents.rooms.get_mut(room) {
            Some(held) => {
                held.in_hand = true;
                Taken::Room(held.stored.clone())
            }
            None => Taken::Gone,
        })))
    }

    fn release(&self, room: &RoomId) -> Answer<'_, ()> {
        self.with(|contents| {
            if let Some(held) = contents.rooms.get_mut(room) {
                held.in_hand = false;
            }
        });
        self.answer(Ok(()))
    }

    fn expire(&self, now: UnixMillis) -> Answer<'_, u64> {
        self.answer(Ok(self.with(|contents| {
            let before = contents.rooms.len();
            contents.rooms.retain(|_, held| held.in_hand || held.until > now);
            (before - contents.rooms.len()) as u64
        })))
    }

    fn rooms(&self) -> Result<Vec<RoomId>, JournalError> {
        Ok(self.with(|contents| contents.rooms.keys().cloned().collect()))
    }

    fn get(&self, name: ValueName) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.with(|contents| contents.values.get(&name).cloned()))
    }

    fn health(&self) -> Health {
        Health::default()
    }
}
