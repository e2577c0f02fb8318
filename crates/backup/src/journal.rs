//! The seam between a room and what remembers it.

use std::future::Future;
use std::pin::Pin;

use palabre_ids::{RoomId, UnixMillis};

/// One thing to remember. What is inside an entry or a snapshot is [`crate::restore()`]'s business.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// The room's next input.
    Append {
        /// Which room. It must have a snapshot already.
        room: RoomId,
        /// The input's number: one more than the last one's.
        number: u64,
        /// The encoded entry.
        entry: Vec<u8>,
    },
    /// The room's whole state, which replaces all that is remembered of it. The first one makes the
    /// room.
    Snapshot {
        /// Which room.
        room: RoomId,
        /// The last input that the state includes: the last one there is.
        number: u64,
        /// The encoded state.
        state: Vec<u8>,
        /// From when on nobody has a use for the room: [`Journal::expire`] erases it then, even if
        /// nobody understands its state any more.
        until: UnixMillis,
    },
    /// Forgets all of a room: once this is durable no file holds anything of it.
    Erase {
        /// Which room.
        room: RoomId,
    },
    /// Something of the server's own.
    Put {
        /// What.
        name: ValueName,
        /// Its value, at most [`ValueName::MAX_BYTES`].
        value: Vec<u8>,
    },
}

impl std::fmt::Debug for Change {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Append { number, .. } => write!(f, "Append({number})"),
            Self::Snapshot { number, .. } => write!(f, "Snapshot({number})"),
            Self::Erase { .. } => f.write_str("Erase"),
            Self::Put { name, .. } => write!(f, "Put({name:?})"),
        }
    }
}

/// What a server remembers beside its rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueName {
    /// The key that signs links. Without it no link works.
    LinkKey,
    /// The last moment at which the server is known to have lived.
    Alive,
}

impl ValueName {
    /// Every name.
    pub const ALL: [Self; 2] = [Self::LinkKey, Self::Alive];

    /// The longest value.
    pub const MAX_BYTES: usize = 1_024;
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

/// What became of a change that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It survives `kill -9` and a loss of power.
    Durable,
    /// The disk does not take it. It waits in memory, in its order, and is written as soon as the
    /// disk takes it; only if the process ends before is it lost. [`Journal::health`] tells.
    Waiting,
}

/// What comes of asking for a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is ours now, as it is remembered.
    Room(StoredRoom),
    /// Another process has it.
    InUse,
    /// There is none.
    Gone,
    /// It cannot be read. What there is was told to the operator and left for them.
    Unreadable,
}

/// How the journal stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Rooms of which something waits for the disk.
    pub waiting_rooms: u64,
    /// Times that the disk refused something.
    pub refusals: u64,
    /// Rooms whose last write was cut off by a crash and was dropped: nobody had been told of it.
    pub torn: u64,
    /// Rooms found damaged; what could not be used of them was set aside.
    pub damaged: u64,
}

/// Why something could not be remembered or remembered is not readable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// The store refused to write, and does not hold on to it.
    #[error("the journal cannot be written: {0}")]
    Write(String),
    /// The store cannot be read.
    #[error("the journal cannot be read: {0}")]
    Read(String),
    /// A change does not follow what is remembered: a fault of ours.
    #[error("change {number} does not follow change {last} in the journal")]
    Order {
        /// The change's number.
        number: u64,
        /// The last one's.
        last: u64,
    },
    /// The room is not ours to write: another process has it, or it was never taken.
    #[error("the journal does not have this room in hand")]
    NotOurs,
    /// The store did not answer in time. Whether it wrote is not known.
    #[error("the journal does not answer")]
    TimedOut,
    /// The journal's thread is gone.
    #[error("the journal is closed")]
    Closed,
}

/// Resolves to what the journal answers. What was asked is under way already: dropping this gives up
/// the answer only.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'a>>;

/// Resolves once the change is durable, or says that it waits.
pub type Durable<'a> = Answer<'a, Kept>;

/// Remembers rooms. What is asked about one room is done in the order in which it was asked.
pub trait Journal: Send + Sync {
    /// Makes a change durable. Only an [`Change::Append`] or [`Change::Snapshot`] of a room that
    /// exists may be left [`Kept::Waiting`]; all else is done or an error.
    fn commit(&self, change: Change) -> Durable<'_>;

    /// Takes a room in hand, whole, and gives what is remembered of it; again, if it is ours already.
    fn take(&self, room: &RoomId) -> Answer<'_, Taken>;

    /// Lets a room go, so that another process may take it. An error means that not all of it is on
    /// the disk: it is still ours.
    fn release(&self, room: &RoomId) -> Answer<'_, ()>;

    /// Erases every room that nobody has in hand and whose time is over (see [`Change::Snapshot`]).
    /// Gives how many.
    fn expire(&self, now: UnixMillis) -> Answer<'_, u64>;

    /// Every room there is, whoever has it, in the order of their identifiers.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    fn rooms(&self) -> Result<Vec<RoomId>, JournalError>;

    /// What was [`Change::Put`] under `name` last.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    fn get(&self, name: ValueName) -> Result<Option<Vec<u8>>, JournalError>;

    /// How the journal stands.
    fn health(&self) -> Health;
}

/// Rooms taken in hand at a start.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What is remembered of each, in the order of their identifiers.
    pub rooms: Vec<StoredRoom>,
    /// How many another process has.
    pub in_use: u64,
    /// How many cannot be read.
    pub unreadable: u64,
}

/// Takes every room in hand that no other process has.
///
/// # Errors
/// When the journal cannot be read at all; a single room that cannot be read is counted.
pub async fn load(journal: &dyn Journal) -> Result<Loaded, JournalError> {
    let rooms = journal.rooms()?;
    // Asked all at once, so that they are read side by side.
    let asked: Vec<_> = rooms.iter().map(|room| journal.take(room)).collect();
    let mut loaded = Loaded::default();
    for answer in asked {
        match answer.await {
            Ok(Taken::Room(room)) => loaded.rooms.push(room),
            Ok(Taken::InUse) => loaded.in_use += 1,
            Ok(Taken::Gone) => {}
            Ok(Taken::Unreadable) => loaded.unreadable += 1,
            Err(error @ (JournalError::Closed | JournalError::TimedOut)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "a room of the journal cannot be taken");
                loaded.unreadable += 1;
            }
        }
    }
    Ok(loaded)
}
