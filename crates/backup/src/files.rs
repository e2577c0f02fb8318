//! What is done with files by their names: locking, making, setting aside, erasing.
//!
//! A lock belongs to a file, not to its name, and names move from file to file: whoever has locked a
//! file looks whether it still has its name.

use std::io;

use palabre_ids::{RoomId, UnixMillis};

use crate::disk::{Disk, DiskFile, FileKind, FileName};
use crate::record::{self, Header};

/// A file that changes hands while it is opened is opened anew so many times.
const RACES: usize = 16;

/// A file with its lock.
pub(crate) enum Locked {
    File(Box<dyn DiskFile>),
    InUse,
    Gone,
}

/// Opens `name` and locks it, and makes sure that it is still the file of that name.
pub(crate) fn lock(disk: &dyn Disk, name: &FileName) -> io::Result<Locked> {
    for _ in 0..RACES {
        let file = match disk.open(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Locked::Gone),
            Err(error) => return Err(error),
        };
        if !file.try_lock()? {
            return Ok(Locked::InUse);
        }
        if disk.is(name, file.as_ref())? {
            return Ok(Locked::File(file));
        }
    }
    Ok(Locked::InUse)
}

/// Makes a file and locks it. One that a crash left under the name is removed.
pub(crate) fn create_locked(disk: &dyn Disk, name: &FileName) -> io::Result<Box<dyn DiskFile>> {
    for _ in 0..RACES {
        match disk.create(name) {
            Ok(file) => {
                if file.try_lock()? && disk.is(name, file.as_ref())? {
                    return Ok(file);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !remove_unused(disk, name)? {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Removes a file that no process has in hand. `false` when one has.
pub(crate) fn remove_unused(disk: &dyn Disk, name: &FileName) -> io::Result<bool> {
    match lock(disk, name)? {
        Locked::File(_locked) => remove(disk, name).map(|()| true),
        Locked::Gone => Ok(true),
        Locked::InUse => Ok(false),
    }
}

/// What comes of erasing a room that is not in hand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Erased {
    /// Nothing of it is left.
    Done,
    /// Another process has it.
    InUse,
    /// Its time is not over.
    Kept,
}

/// Erases a room that this process does not have in hand; with `before`, only if its time is over
/// then.
pub(crate) fn erase_unused(
    disk: &dyn Disk,
    room: &RoomId,
    before: Option<UnixMillis>,
) -> io::Result<Erased> {
    let locked = match lock(disk, &FileName::log(room))? {
        Locked::InUse => return Ok(Erased::InUse),
        Locked::File(file) => Some(file),
        Locked::Gone => None,
    };
    if let Some(now) = before {
        let is_over = |file: &dyn DiskFile| -> io::Result<bool> {
            let start = file.read_start(record::HEADER)?;
            // What no server here reads is erased in its time, too.
            Ok(match record::read_header(&start, room) {
                Header::Good(until) | Header::OtherVersion(until) => until <= now,
                Header::Damaged => false,
            })
        };
        let over = match &locked {
            Some(file) => is_over(file.as_ref())?,
            // All there is was set aside.
            None => {
                let aside = set_aside_of(disk, room)?;
                let mut over = !aside.is_empty();
                for name in &aside {
                    over &= is_over(disk.open(name)?.as_ref())?;
                }
                over
            }
        };
        if !over {
            return Ok(Erased::Kept);
        }
    }
    erase(disk, room)?;
    Ok(Erased::Done)
}

/// Removes every file of a room, of which the lock is held; the one that would bring it back last.
pub(crate) fn erase(disk: &dyn Disk, room: &RoomId) -> io::Result<()> {
    remove(disk, &FileName::unfinished(room))?;
    for name in set_aside_of(disk, room)? {
        remove(disk, &name)?;
    }
    remove(disk, &FileName::log(room))?;
    disk.sync()
}

/// Gives a room's file a second name, under which it is left for the operator.
pub(crate) fn set_aside(disk: &dyn Disk, room: &RoomId) -> io::Result<()> {
    let taken = set_aside_of(disk, room)?;
    let free = (1..).map(|nth| FileName::set_aside(room, nth)).find(|name| !taken.contains(name));
    let free = free.expect("a directory has fewer files than there are numbers");
    disk.link(&FileName::log(room), &free)?;
    disk.sync()
}

fn set_aside_of(disk: &dyn Disk, room: &RoomId) -> io::Result<Vec<FileName>> {
    let mut names = disk.list()?;
    names.retain(|name| name.kind() == Some(FileKind::SetAside(room.clone())));
    Ok(names)
}

/// Removes a file, if it is there.
pub(crate) fn remove(disk: &dyn Disk, name: &FileName) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes a file that came to nothing. If even that fails, the next start removes it.
pub(crate) fn discard(disk: &dyn Disk, name: &FileName) {
    let _ = remove(disk, name);
}
