//! What the journal asks of a file system: one directory of files. Behind a trait, so that tests can
//! put one there that fails and crashes at any call.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use palabre_ids::RoomId;

use crate::journal::ValueName;

/// The name of a file in the journal's directory. It can only be made of what is safe in a path:
/// a room's identifier has no slash and no dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileName(String);

/// What a file of the journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A room.
    Log(RoomId),
    /// A room's file that is being written, and will take its name when it is whole.
    Unfinished(RoomId),
    /// What was set aside of a room.
    SetAside(RoomId),
}

const LOG: &str = "log";
const UNFINISHED: &str = "tmp";
const SET_ASIDE: &str = "damaged-";
const SPOOLED: &str = ".message";

impl FileName {
    /// A room's file.
    pub(crate) fn log(room: &RoomId) -> Self {
        Self(format!("{}.{LOG}", room.as_str()))
    }

    /// A room's file until it is whole.
    pub(crate) fn unfinished(room: &RoomId) -> Self {
        Self(format!("{}.{UNFINISHED}", room.as_str()))
    }

    /// What is set aside of a room.
    pub(crate) fn set_aside(room: &RoomId, nth: u32) -> Self {
        Self(format!("{}.{SET_ASIDE}{nth}", room.as_str()))
    }

    /// A value.
    pub(crate) fn value(name: ValueName) -> Self {
        let name = match name {
            ValueName::LinkKey => "link-key",
            ValueName::Alive => "alive",
        };
        Self(format!("{name}.value"))
    }

    /// A value until it is whole.
    pub(crate) fn unfinished_value(name: ValueName) -> Self {
        Self(format!("{}.new", Self::value(name).0))
    }

    /// What waits in a spool, under a name that is safe in a path.
    pub(crate) fn spooled(name: &str) -> Self {
        Self(format!("{name}{SPOOLED}"))
    }

    /// What is to wait in a spool, until it is whole.
    pub(crate) fn unfinished_spooled(name: &str) -> Self {
        Self(format!("{name}{SPOOLED}.new"))
    }

    /// Under which name it waits in a spool; `None` for any other file.
    pub(crate) fn spooled_name(&self) -> Option<&str> {
        self.0.strip_suffix(SPOOLED)
    }

    /// The file whose lock says which process is the server.
    pub(crate) fn server() -> Self {
        Self("server.lock".to_owned())
    }

    /// What the file of a room is; `None` for any other file.
    pub(crate) fn kind(&self) -> Option<FileKind> {
        let (room, kind) = self.0.split_once('.')?;
        let room = RoomId::parse(room).ok()?;
        match kind {
            LOG => Some(FileKind::Log(room)),
            UNFINISHED => Some(FileKind::Unfinished(room)),
            other if other.strip_prefix(SET_ASIDE)?.parse::<u32>().is_ok() => {
                Some(FileKind::SetAside(room))
            }
            _ => None,
        }
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A directory.
pub(crate) trait Disk: Send + Sync {
    /// The files there are.
    fn list(&self) -> io::Result<Vec<FileName>>;
    /// Makes a file; fails when there is one of that name.
    fn create(&self, name: &FileName) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file to read and write.
    fn open(&self, name: &FileName) -> io::Result<Box<dyn DiskFile>>;
    /// Whether `name` is the name of this very file.
    fn is(&self, name: &FileName, file: &dyn DiskFile) -> io::Result<bool>;
    /// Gives a file another name, in place of the file that had it.
    fn rename(&self, from: &FileName, to: &FileName) -> io::Result<()>;
    /// Gives a file one more name; fails when that is taken.
    fn link(&self, from: &FileName, to: &FileName) -> io::Result<()>;
    /// Takes a name away, and the file with its last name.
    fn remove(&self, name: &FileName) -> io::Result<()>;
    /// Makes the names durable.
    fn sync(&self) -> io::Result<()>;
}

/// An open file.
pub(crate) trait DiskFile: Send + Sync {
    /// Takes the file's lock until it is closed; `false` when somebody else has it.
    fn try_lock(&self) -> io::Result<bool>;
    /// All of it.
    fn read(&self) -> io::Result<Vec<u8>>;
    /// Its first bytes: `length` of them, or all.
    fn read_start(&self, length: usize) -> io::Result<Vec<u8>>;
    /// Writes at a place. An error leaves unknown what of it was written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts it.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Makes its content durable.
    fn sync(&self) -> io::Result<()>;
    /// What tells it from any other file.
    fn identity(&self) -> io::Result<(u64, u64)>;
}

/// A directory of the file system.
pub(crate) struct Directory {
    path: PathBuf,
    handle: File,
}

impl Directory {
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let handle = File::open(&path)?;
        Ok(Self { path, handle })
    }

    fn at(&self, name: &FileName) -> PathBuf {
        self.path.join(&name.0)
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        options
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<FileName>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            // What is no file (a link, a pipe) is not ours.
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(FileName(name));
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, name: &FileName) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenFile(Self::options().create_new(true).open(self.at(name))?)))
    }

    fn open(&self, name: &FileName) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenFile(Self::options().open(self.at(name))?)))
    }

    fn is(&self, name: &FileName, file: &dyn DiskFile) -> io::Result<bool> {
        match std::fs::symlink_metadata(self.at(name)) {
            Ok(found) => Ok((found.dev(), found.ino()) == file.identity()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &FileName, to: &FileName) -> io::Result<()> {
        std::fs::rename(self.at(from), self.at(to))
    }

    fn link(&self, from: &FileName, to: &FileName) -> io::Result<()> {
        std::fs::hard_link(self.at(from), self.at(to))
    }

    fn remove(&self, name: &FileName) -> io::Result<()> {
        std::fs::remove_file(self.at(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

/// A file of the file system.
struct OpenFile(File);

impl Drop for OpenFile {
    /// Closing it would do, but for a process that is being started at this moment: until it runs its
    /// own program it has all our files open, and their locks.
    fn drop(&mut self) {
        // It is closed whatever comes of this.
        let _ = self.0.unlock();
    }
}

impl DiskFile for OpenFile {
    fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.0.metadata()?.len()).map_err(io::Error::other)?;
        self.read_start(length)
    }

    fn read_start(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut read = 0;
        while read < length {
            match self.0.read_at(&mut bytes[read..], read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn identity(&self) -> io::Result<(u64, u64)> {
        let metadata = self.0.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }
}
