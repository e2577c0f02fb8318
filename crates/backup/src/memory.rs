//! A journal that dies with the process: for tests, and for servers told to keep nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use palabre_ids::RoomId;

use crate::journal::{Change, Durable, Journal, JournalError, StoredRoom};

/// A journal in memory.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    rooms: BTreeMap<RoomId, (u64, Vec<u8>)>,
    entries: BTreeMap<RoomId, BTreeMap<u64, Vec<u8>>>,
    values: BTreeMap<String, Vec<u8>>,
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
}

impl Journal for MemoryJournal {
    fn commit(&self, change: Change) -> Durable<'_> {
        self.with(|contents| match change {
            Change::Append { room, number, entry } => {
                contents.entries.entry(room).or_default().insert(number, entry);
            }
            Change::Snapshot { room, number, state } => {
                contents.entries.entry(room.clone()).or_default().retain(|n, _| *n > number);
                contents.rooms.insert(room, (number, state));
            }
            Change::Erase { room } => {
                contents.entries.remove(&room);
                contents.rooms.remove(&room);
            }
            Change::Put { key, value } => {
                contents.values.insert(key.to_owned(), value);
            }
        });
        Box::pin(std::future::ready(Ok(())))
    }

    fn load(&self) -> Result<Vec<StoredRoom>, JournalError> {
        Ok(self.with(|contents| {
            let entries = |room| contents.entries.get(room).cloned().unwrap_or_default();
            contents
                .rooms
                .iter()
                .map(|(room, (number, state))| StoredRoom {
                    room: room.clone(),
                    number: *number,
                    state: state.clone(),
                    entries: entries(room).into_iter().collect(),
                })
                .collect()
        }))
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.with(|contents| contents.values.get(key).cloned()))
    }
}
