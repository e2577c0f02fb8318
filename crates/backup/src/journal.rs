//! The seam between a room and what remembers it.

use std::future::Future;
use std::pin::Pin;

use palabre_ids::RoomId;

/// One thing to remember. What is inside an entry or a snapshot is [`crate::restore`]'s business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The room's next input.
    Append {
        /// Which room.
        room: RoomId,
        /// The input's number, consecutive in its room.
        number: u64,
        /// The encoded entry.
        entry: Vec<u8>,
    },
    /// The room's whole state; the inputs it includes are forgotten in the same commit.
    Snapshot {
        /// Which room.
        room: RoomId,
        /// The last input that the state includes.
        number: u64,
        /// The encoded state.
        state: Vec<u8>,
    },
    /// Forgets all of a room.
    Erase {
        /// Which room.
        room: RoomId,
    },
    /// Something of the server's own, such as the key that signs links.
    Put {
        /// Its name.
        key: &'static str,
        /// Its value.
        value: Vec<u8>,
    },
}

/// A room as the journal has it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRoom {
    /// Which room.
    pub room: RoomId,
    /// The last input that `state` includes.
    pub number: u64,
    /// The encoded state.
    pub state: Vec<u8>,
    /// The encoded inputs after it, in order, with their numbers.
    pub entries: Vec<(u64, Vec<u8>)>,
}

impl std::fmt::Debug for StoredRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredRoom").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Why something could not be remembered or remembered is not readable.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store refused to write. Nothing is acknowledged after it.
    #[error("the journal cannot be written: {0}")]
    Write(String),
    /// The store cannot be read.
    #[error("the journal cannot be read: {0}")]
    Read(String),
    /// The store did not answer in time. Whether it wrote is not known.
    #[error("the journal does not answer")]
    TimedOut,
    /// The journal's thread is gone.
    #[error("the journal is closed")]
    Closed,
}

/// Resolves once the change is durable: what was acknowledged survives `kill -9`.
pub type Durable<'a> = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send + 'a>>;

/// Remembers rooms.
pub trait Journal: Send + Sync {
    /// Makes a change durable. Changes of one caller that awaits each keep their order.
    fn commit(&self, change: Change) -> Durable<'_>;

    /// Everything remembered, each room whole, in the order of their identifiers.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    fn load(&self) -> Result<Vec<StoredRoom>, JournalError>;

    /// What was [`Change::Put`] under `key` last.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError>;
}
