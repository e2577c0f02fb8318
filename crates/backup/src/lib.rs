//! What brings a room and its people back: journal, restore, resume.
//!
//! A room is a pure function of its inputs and their times, so its journal is those inputs, each made
//! durable before anybody hears of its effects. A snapshot now and then keeps the replay short. See
//! `docs/adr/0003-journal.md`.

mod journal;
mod memory;
mod restore;
mod store;

pub use journal::{Change, Durable, Journal, JournalError, StoredRoom};
pub use memory::MemoryJournal;
pub use restore::{About, Entry, RestoreError, Snapshot, restore};
pub use store::{OpenError, RedbJournal};
