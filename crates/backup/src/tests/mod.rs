//! The journal on a disk that fails.

mod full;
mod random;
mod torn;

use std::sync::Arc;

use palabre_ids::{RoomId, UnixMillis};

use crate::disk::Disk;
use crate::faulty::FaultyDisk;
use crate::journal::{Change, Health, JournalError, Kept, StoredRoom, Taken};
use crate::shelf::{Counts, Shelf};

const NEVER: UnixMillis = UnixMillis(u64::MAX);

fn room(index: usize) -> RoomId {
    RoomId::parse(&format!("test-room-{index}")).expect("valid")
}

/// A shelf on a faulty disk.
struct Scene {
    disk: FaultyDisk,
    counts: Arc<Counts>,
    shelf: Shelf,
}

impl Scene {
    fn on(disk: FaultyDisk) -> Self {
        let counts = Arc::<Counts>::default();
        let shelf = Shelf::new(Arc::new(disk.clone()) as Arc<dyn Disk>, Arc::clone(&counts));
        Self { disk, counts, shelf }
    }

    fn new() -> Self {
        Self::on(FaultyDisk::new(7))
    }

    fn snapshot(&mut self, index: usize, number: u64, state: &[u8]) -> Result<Kept, JournalError> {
        let state = state.to_vec();
        self.shelf.commit(Change::Snapshot { room: room(index), number, state, until: NEVER })
    }

    fn append(&mut self, index: usize, number: u64, entry: &[u8]) -> Result<Kept, JournalError> {
        self.shelf.commit(Change::Append { room: room(index), number, entry: entry.to_vec() })
    }

    fn erase(&mut self, index: usize) -> Result<Kept, JournalError> {
        self.shelf.commit(Change::Erase { room: room(index) })
    }

    fn take(&mut self, index: usize) -> Taken {
        self.shelf.take(&room(index)).expect("read")
    }

    fn stored(&mut self, index: usize) -> StoredRoom {
        match self.take(index) {
            Taken::Room(stored) => stored,
            other => panic!("not there: {other:?}"),
        }
    }

    fn health(&self) -> Health {
        self.counts.health()
    }
}

/// The files that have `canary` in them. Its first byte comes once in it.
fn where_is(disk: &FaultyDisk, canary: &[u8]) -> Vec<String> {
    let (first, rest) = canary.split_first().expect("a canary has words");
    let holds = |content: &[u8]| {
        content.split(|byte| byte == first).skip(1).any(|piece| piece.starts_with(rest))
    };
    let files = disk.files().into_iter();
    files.filter(|(_, c)| holds(c)).map(|(name, _)| name.as_str().to_owned()).collect()
}
