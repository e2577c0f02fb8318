//! What brings a room and its people back: journal, restore, resume.
//!
//! A room is a pure function of its inputs and their times, so its journal is those inputs, each made
//! durable before anybody hears of its effects. A snapshot now and then keeps the replay short. Each
//! room has a file of its own: it can be erased without a trace and handed to another process. See
//! `docs/adr/0003-journal.md` and `docs/adr/0004-one-log-per-room.md`.

mod disk;
#[cfg(test)]
mod faulty;
mod files;
mod journal;
mod memory;
mod milestones;
mod record;
mod restore;
mod room_log;
mod shelf;
mod spool;
mod store;
mod telephone;
#[cfg(test)]
mod tests;
mod values;

pub use journal::{
    Answer, Change, Durable, Health, Journal, JournalError, Kept, Loaded, StoredRoom, Taken,
    ValueName, load,
};
pub use memory::MemoryJournal;
pub use milestones::{Milestone, Milestones, Passed};
pub use restore::{About, Entry, RestoreError, Snapshot, restore};
pub use spool::Spool;
pub use store::{LogJournal, OpenError};
pub use telephone::{Telephone, TelephoneError};
