//! One room's file, and what of the room is not in it yet.
//!
//! Records are appended in place, over zeros that were written ahead: then a sync has no length and no
//! block to note beside the bytes themselves, which makes it several times cheaper, and a disk that
//! fills up leaves a room its reserve. A snapshot is a new file, written beside, made durable and given
//! the name of the old one. What the disk refuses is kept in memory until it takes it.

use std::io;

use palabre_ids::{RoomId, UnixMillis};

use crate::disk::{Disk, DiskFile, FileName};
use crate::files::{Locked, create_locked, discard, erase, lock, remove, set_aside};
use crate::journal::StoredRoom;
use crate::record::{self, Header, Kind, Tail};

/// Zeros written ahead of the records, in bytes: some two hundred inputs. More makes files larger,
/// less pays oftener for making them longer.
const AHEAD: usize = 32 * 1_024;

/// A room's file, locked.
pub(crate) struct RoomLog {
    room: RoomId,
    file: Box<dyn DiskFile>,
    until: UnixMillis,
    last: u64,
    /// Bytes at the file's front, its header included, that are known to be on the disk.
    durable: u64,
    /// The file's length.
    size: u64,
    /// Records that are not known to be on the disk.
    tail: Vec<u8>,
    standing: Standing,
}

/// How the file and the tail belong together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// The tail comes after what is durable.
    Sound,
    /// So it does, but the disk failed in a way after which nothing says what a later sync of the same
    /// file covers: a new file must take its place.
    Suspect,
    /// The tail begins with a snapshot, and replaces what the file has.
    Replaced,
}

/// What comes of opening a room's file.
pub(crate) enum Opened {
    /// It is ours.
    Log(Box<RoomLog>, Found),
    /// Somebody else has it.
    InUse,
    /// There is none.
    Gone,
    /// Nothing of it can be used: it was set aside.
    Damaged,
    /// Another version wrote it: it was left where it is.
    OtherVersion,
}

/// In what condition a file was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing was wrong.
    Whole,
    /// Its last record was cut off.
    Torn,
    /// Something of it was lost; the file as it was found is set aside.
    Damaged,
}

impl RoomLog {
    /// Makes the file of a new room. Unless this succeeds there is none.
    pub(crate) fn create(
        disk: &dyn Disk,
        room: &RoomId,
        number: u64,
        state: &[u8],
        until: UnixMillis,
    ) -> io::Result<Self> {
        let mut records = Vec::new();
        record::push(&mut records, Kind::Snapshot, number, state).ok_or_else(too_long)?;
        let fresh = write_beside(disk, room, until, &records)?;
        let log = FileName::log(room);
        // Looked up under the lock of the unfinished file: no other process is as far as here.
        let named = match disk.open(&log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk.rename(&FileName::unfinished(room), &log)
            }
            Err(error) => Err(error),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        };
        if let Err(error) = named {
            discard(disk, &FileName::unfinished(room));
            return Err(error);
        }
        if let Err(error) = disk.sync() {
            discard(disk, &log);
            return Err(error);
        }
        Ok(Self {
            room: room.clone(),
            file: fresh.file,
            until,
            last: number,
            durable: fresh.durable,
            size: fresh.size,
            tail: Vec::new(),
            standing: Standing::Sound,
        })
    }

    /// Takes the file of a room in hand, and repairs what a crash left of it.
    pub(crate) fn open(disk: &dyn Disk, room: &RoomId) -> io::Result<Opened> {
        let file = match lock(disk, &FileName::log(room))? {
            Locked::File(file) => file,
            Locked::InUse => return Ok(Opened::InUse),
            Locked::Gone => return Ok(Opened::Gone),
        };
        remove(disk, &FileName::unfinished(room))?;
        let bytes = file.read()?;
        let header = record::read_header(&bytes, room);
        let (until, sound_header) = match header {
            Header::Good(until) => (until, true),
            Header::OtherVersion(_) => return Ok(Opened::OtherVersion),
            Header::Damaged => (UnixMillis(u64::MAX), false),
        };
        let Some(contents) = bytes.get(record::HEADER..).and_then(record::read) else {
            set_aside(disk, room)?;
            remove(disk, &FileName::log(room))?;
            disk.sync()?;
            return Ok(Opened::Damaged);
        };
        let durable = (record::HEADER + contents.length) as u64;
        let mut log = Self {
            room: room.clone(),
            file,
            until,
            last: contents.last(),
            durable,
            size: bytes.len() as u64,
            tail: Vec::new(),
            standing: Standing::Sound,
        };
        let found = match contents.tail {
            Tail::Clean if sound_header => Found::Whole,
            Tail::Torn if sound_header => Found::Torn,
            _ => Found::Damaged,
        };
        match found {
            Found::Whole => {}
            Found::Torn => log.cut(),
            Found::Damaged => {
                // The file as it is gets a second name, and is not written to again.
                set_aside(disk, room)?;
                log.standing = Standing::Suspect;
            }
        }
        // What a killed process wrote, and the name it gave, may be in the system's memory only.
        let sync = || log.file.sync().and_then(|()| disk.sync());
        if log.standing == Standing::Sound && sync().is_err() {
            log.standing = Standing::Suspect;
        }
        Ok(Opened::Log(Box::new(log), found))
    }

    /// The number of the last input.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Takes an input. It is in memory until [`settle`](Self::settle) succeeds.
    pub(crate) fn append(&mut self, number: u64, entry: &[u8]) -> io::Result<()> {
        record::push(&mut self.tail, Kind::Entry, number, entry).ok_or_else(too_long)?;
        self.last = number;
        Ok(())
    }

    /// Puts a snapshot in the place of all there is. After an error all of the room is still there,
    /// on the disk or in memory: [`is_settled`](Self::is_settled) says which.
    pub(crate) fn replace(
        &mut self,
        disk: &dyn Disk,
        state: &[u8],
        until: UnixMillis,
    ) -> io::Result<()> {
        let mut snapshot = Vec::new();
        record::push(&mut snapshot, Kind::Snapshot, self.last, state).ok_or_else(too_long)?;
        let until_now = std::mem::replace(&mut self.until, until);
        match write_beside(disk, &self.room, until, &snapshot) {
            Ok(fresh) => self.take_place(disk, fresh),
            // It would only have made the file shorter: what it stands for is all there.
            Err(error) if self.is_settled() => {
                self.until = until_now;
                Err(error)
            }
            Err(error) => {
                self.tail = snapshot;
                self.standing = Standing::Replaced;
                Err(error)
            }
        }
    }

    /// Whether all of the room is on the disk.
    pub(crate) fn is_settled(&self) -> bool {
        self.tail.is_empty() && self.standing == Standing::Sound
    }

    /// Puts all of the room on the disk. After an error it is still all there, partly in memory.
    pub(crate) fn settle(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.is_settled() {
            return Ok(());
        }
        if self.standing != Standing::Sound {
            let records = self.records()?;
            let fresh = write_beside(disk, &self.room, self.until, &records)?;
            return self.take_place(disk, fresh);
        }
        self.write_tail()?;
        if let Err(error) = self.file.sync() {
            self.standing = Standing::Suspect;
            return Err(error);
        }
        self.durable += self.tail.len() as u64;
        self.tail = Vec::new();
        Ok(())
    }

    /// The room as it is remembered.
    pub(crate) fn stored(&self) -> io::Result<StoredRoom> {
        let contents = record::read(&self.records()?).ok_or_else(changed)?;
        let (number, state, entries) = (contents.number, contents.state, contents.entries);
        Ok(StoredRoom { room: self.room.clone(), number, state, entries })
    }

    /// Erases the room. After an error it is not in hand any more, and may be asked for again.
    pub(crate) fn erase(self, disk: &dyn Disk) -> io::Result<()> {
        // The lock is held until the names are gone.
        erase(disk, &self.room)
    }

    /// All records, from the disk and from memory.
    fn records(&self) -> io::Result<Vec<u8>> {
        let mut records = Vec::new();
        if self.standing != Standing::Replaced {
            let length = usize::try_from(self.durable).map_err(io::Error::other)?;
            records = self.file.read_start(length)?.split_off(record::HEADER);
            let whole = record::read(&records).is_some_and(|contents| {
                contents.length == records.len() && records.len() + record::HEADER == length
            });
            if !whole {
                return Err(changed());
            }
        }
        records.extend_from_slice(&self.tail);
        Ok(records)
    }

    /// Writes the tail after what is durable. After an error nothing of it is in the file.
    fn write_tail(&mut self) -> io::Result<()> {
        let written = write_ahead(self.file.as_ref(), &self.tail, self.durable, self.size);
        match written {
            Ok(size) => {
                self.size = size;
                Ok(())
            }
            Err(error) => {
                self.cut();
                Err(error)
            }
        }
    }

    /// Cuts off what comes after the durable bytes.
    fn cut(&mut self) {
        match self.file.set_len(self.durable) {
            Ok(()) => self.size = self.durable,
            Err(_) => self.standing = Standing::Suspect,
        }
    }

    /// Puts a fresh file, which has all of the room, in the place of this one.
    fn take_place(&mut self, disk: &dyn Disk, fresh: Fresh) -> io::Result<()> {
        let unfinished = FileName::unfinished(&self.room);
        let log = FileName::log(&self.room);
        if let Err(error) = disk.rename(&unfinished, &log) {
            discard(disk, &unfinished);
            // A file system over a network may have done it all the same.
            if !disk.is(&log, self.file.as_ref()).unwrap_or(false) {
                self.standing = self.standing.max(Standing::Suspect);
            }
            return Err(error);
        }
        self.file = fresh.file;
        self.durable = fresh.durable;
        self.size = fresh.size;
        self.tail = Vec::new();
        // Until its name is durable a crash may bring the old file back.
        self.standing = Standing::Suspect;
        disk.sync()?;
        self.standing = Standing::Sound;
        Ok(())
    }
}

/// A whole and durable file that has no name of its own yet.
struct Fresh {
    file: Box<dyn DiskFile>,
    durable: u64,
    size: u64,
}

/// Writes a room's file under its unfinished name. After an error there is none.
fn write_beside(
    disk: &dyn Disk,
    room: &RoomId,
    until: UnixMillis,
    records: &[u8],
) -> io::Result<Fresh> {
    let name = FileName::unfinished(room);
    let file = create_locked(disk, &name)?;
    let mut bytes = record::header(room, until).to_vec();
    bytes.extend_from_slice(records);
    let written = write_ahead(file.as_ref(), &bytes, 0, 0).and_then(|size| {
        file.sync()?;
        Ok(size)
    });
    match written {
        Ok(size) => Ok(Fresh { file, durable: bytes.len() as u64, size }),
        Err(error) => {
            discard(disk, &name);
            Err(error)
        }
    }
}

/// Writes at a place, and makes a file that becomes longer by it longer still, if there is space.
/// Gives the file's length.
fn write_ahead(file: &dyn DiskFile, bytes: &[u8], offset: u64, size: u64) -> io::Result<u64> {
    let end = offset + bytes.len() as u64;
    if end <= size {
        file.write_at(bytes, offset)?;
        return Ok(size);
    }
    let mut longer = Vec::with_capacity(bytes.len() + AHEAD);
    longer.extend_from_slice(bytes);
    longer.resize(bytes.len() + AHEAD, 0);
    if file.write_at(&longer, offset).is_ok() {
        return Ok(end + AHEAD as u64);
    }
    // What of the zeros was written may be all the space there is.
    file.set_len(size)?;
    file.write_at(bytes, offset)?;
    Ok(end.max(size))
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "a record is too long")
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a file is not what was written")
}
