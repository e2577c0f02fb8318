//! The journal on disk: a file for each room, in one directory, written by a few threads.
//!
//! Each room belongs to one of the threads, which does what is asked of it one thing after the other:
//! an input is written and synced before the next. Threads wait for the disk side by side, and the file
//! system makes what they wait for durable together.

use std::fs::{DirBuilder, File, Permissions};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use palabre_ids::{RoomId, UnixMillis};
use tokio::sync::oneshot;

use crate::disk::{Directory, Disk, DiskFile, FileKind, FileName};
use crate::files::{create_locked, remove_unused};
use crate::journal::{
    Answer, Change, Durable, Health, Journal, JournalError, Kept, Taken, ValueName,
};
use crate::shelf::{Counts, Shelf};
use crate::values::{self, Found};

/// Threads that write. Each waits for one sync at a time, and the file system does those of several
/// threads together: more of them let more rooms through on a slow disk, and cost a stack each.
const WRITERS: usize = 8;

/// How often what waits for the disk is tried again. Shorter costs a full disk more attempts.
const RETRY: Duration = Duration::from_secs(1);

/// The journal's directory in the data directory.
const DIRECTORY: &str = "journal";

/// Why the journal cannot be used. Each names the file or directory.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made or opened.
    #[error("cannot open the journal {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server uses it.
    #[error("the journal {} is used by another palabre server", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// What everything else depends on is not what was written.
    #[error(
        "the journal's file {} is {what}: without it no link leads to its room. Nothing was changed. Bring \
         back a copy of the file, or start with --fresh to set the journal aside and begin with no rooms",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

/// A journal of one file a room.
pub struct LogJournal {
    disk: Arc<dyn Disk>,
    counts: Arc<Counts>,
    writers: Vec<Writer>,
    /// The lock that only one server has; `None` while this one takes over from another.
    server: Mutex<Option<Box<dyn DiskFile>>>,
}

struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<thread::JoinHandle<()>>,
}

type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

enum Request {
    Commit(Change, Reply<Kept>),
    Take(RoomId, Reply<Taken>),
    Release(RoomId, Reply<()>),
    Expire(UnixMillis, Reply<u64>),
}

impl std::fmt::Debug for LogJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogJournal")
    }
}

impl LogJournal {
    /// Opens, or makes, the journal in `directory`, readable by its owner alone, as the only server.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let journal = Self::open_beside(directory)?;
        let path = directory.join(DIRECTORY);
        match journal.try_become_only() {
            Ok(true) => Ok(journal),
            Ok(false) => Err(OpenError::InUse { path }),
            Err(source) => Err(OpenError::Io { path, source }),
        }
    }

    /// Opens the journal in `directory` beside a server that is there, to take over the rooms that it
    /// lets go.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_beside(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(DIRECTORY);
        let io = |source| OpenError::Io { path: path.clone(), source };
        let prepare = || -> io::Result<Directory> {
            DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            // A copy brought back may be open to others: it holds the key that signs links.
            std::fs::set_permissions(&path, Permissions::from_mode(0o700))?;
            File::open(directory)?.sync_all()?;
            Directory::open(path.clone())
        };
        let disk: Arc<dyn Disk> = Arc::new(prepare().map_err(io)?);
        if let Some(what) = link_key_trouble(disk.as_ref()).map_err(io)? {
            let path = path.join(FileName::value(ValueName::LinkKey).as_str());
            return Err(OpenError::Damaged { path, what });
        }
        Self::on(disk).map_err(io)
    }

    /// A journal on any disk.
    pub(crate) fn on(disk: Arc<dyn Disk>) -> io::Result<Self> {
        for name in disk.list()? {
            // Made by a process that ended before it was whole. One that is at work has it locked.
            if let Some(FileKind::Unfinished(_)) = name.kind() {
                remove_unused(disk.as_ref(), &name)?;
            }
        }
        let counts = Arc::<Counts>::default();
        let writers = (0..WRITERS)
            .map(|index| {
                let shelf = Shelf::new(Arc::clone(&disk), Arc::clone(&counts));
                let (requests, inbox) = mpsc::channel();
                let thread = thread::Builder::new()
                    .name(format!("palabre-journal-{index}"))
                    .spawn(move || serve(shelf, index, &inbox))?;
                Ok(Writer { requests: Some(requests), thread: Some(thread) })
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { disk, counts, writers, server: Mutex::new(None) })
    }

    /// Becomes the only server, if no other one is. Gives whether this is the only one now.
    ///
    /// # Errors
    /// When the lock cannot be tried.
    pub fn try_become_only(&self) -> io::Result<bool> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if server.is_none() {
            let name = FileName::server();
            let file = match self.disk.open(&name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    create_locked(self.disk.as_ref(), &name)?
                }
                opened => opened?,
            };
            if !file.try_lock()? {
                return Ok(false);
            }
            *server = Some(file);
        }
        Ok(true)
    }

    /// Sets a journal that cannot be opened aside, under another name in the same directory, so
    /// that a new one can begin. Gives the new name; `None` when there was none.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn set_aside(directory: &Path) -> Result<Option<PathBuf>, OpenError> {
        let path = directory.join(DIRECTORY);
        let aside = (1..=u32::MAX)
            .map(|nth| directory.join(format!("{DIRECTORY}.aside-{nth}")))
            .find(|aside| !aside.exists())
            .expect("a directory has fewer files than there are numbers");
        match std::fs::rename(&path, &aside) {
            Ok(()) => Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Io { path, source }),
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        writer: usize,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Answer<'_, T> {
        let (reply, answer) = oneshot::channel();
        let requests = self.writers[writer].requests.as_ref();
        let asked = requests.is_some_and(|requests| requests.send(request(reply)).is_ok());
        Box::pin(async move {
            if !asked {
                return Err(JournalError::Closed);
            }
            answer.await.map_err(|_| JournalError::Closed)?
        })
    }
}

/// The thread that has a room.
fn writer_of(room: &RoomId) -> usize {
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    usize::try_from(hasher.hash_one(room) % WRITERS as u64).expect("less than WRITERS")
}

/// What is wrong with the key that signs links, on which every room depends.
fn link_key_trouble(disk: &dyn Disk) -> io::Result<Option<&'static str>> {
    Ok(match values::get(disk, ValueName::LinkKey)? {
        Found::Value(_) => None,
        Found::Damaged => Some("damaged"),
        Found::Missing => {
            let is_room = |name: &FileName| matches!(name.kind(), Some(FileKind::Log(_)));
            disk.list()?.iter().any(is_room).then_some("missing")
        }
    })
}

/// A writer's life.
fn serve(mut shelf: Shelf, index: usize, inbox: &mpsc::Receiver<Request>) {
    let mut tried = Instant::now();
    loop {
        let request = if shelf.is_waiting() {
            inbox.recv_timeout(RETRY.saturating_sub(tried.elapsed()))
        } else {
            inbox.recv().map_err(mpsc::RecvTimeoutError::from)
        };
        // Whoever asked may not wait for the answer any more: what was done stands all the same.
        match request {
            Ok(Request::Commit(change, reply)) => drop(reply.send(shelf.commit(change))),
            Ok(Request::Take(room, reply)) => drop(reply.send(shelf.take(&room))),
            Ok(Request::Release(room, reply)) => drop(reply.send(shelf.release(&room))),
            Ok(Request::Expire(now, reply)) => {
                drop(reply.send(shelf.expire(now, |room| writer_of(room) == index)));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        if !shelf.is_waiting() {
            tried = Instant::now();
        } else if tried.elapsed() >= RETRY {
            shelf.retry();
            tried = Instant::now();
        }
    }
}

impl Journal for LogJournal {
    fn commit(&self, change: Change) -> Durable<'_> {
        let writer = match &change {
            Change::Append { room, .. }
            | Change::Snapshot { room, .. }
            | Change::Erase { room } => writer_of(room),
            Change::Put { .. } => 0,
        };
        self.ask(writer, |reply| Request::Commit(change, reply))
    }

    fn take(&self, room: &RoomId) -> Answer<'_, Taken> {
        self.ask(writer_of(room), |reply| Request::Take(room.clone(), reply))
    }

    fn release(&self, room: &RoomId) -> Answer<'_, ()> {
        self.ask(writer_of(room), |reply| Request::Release(room.clone(), reply))
    }

    fn expire(&self, now: UnixMillis) -> Answer<'_, u64> {
        let asked: Vec<_> = (0..self.writers.len())
            .map(|writer| self.ask(writer, |reply| Request::Expire(now, reply)))
            .collect();
        Box::pin(async move {
            let mut erased = 0;
            for answer in asked {
                erased += answer.await?;
            }
            Ok(erased)
        })
    }

    fn rooms(&self) -> Result<Vec<RoomId>, JournalError> {
        let names = self.disk.list().map_err(|error| JournalError::Read(error.to_string()))?;
        let mut rooms: Vec<RoomId> = names
            .iter()
            .filter_map(|name| match name.kind()? {
                FileKind::Log(room) => Some(room),
                FileKind::Unfinished(_) | FileKind::SetAside(_) => None,
            })
            .collect();
        rooms.sort();
        Ok(rooms)
    }

    fn get(&self, name: ValueName) -> Result<Option<Vec<u8>>, JournalError> {
        match values::get(self.disk.as_ref(), name) {
            Ok(Found::Value(value)) => Ok(Some(value)),
            Ok(Found::Missing) => Ok(None),
            Ok(Found::Damaged) if name == ValueName::LinkKey => {
                Err(JournalError::Read("the key that signs links is damaged".to_owned()))
            }
            Ok(Found::Damaged) => {
                tracing::error!(?name, "a value of the journal is damaged: it is begun anew");
                Ok(None)
            }
            Err(error) => Err(JournalError::Read(error.to_string())),
        }
    }

    fn health(&self) -> Health {
        self.counts.health()
    }
}

impl Drop for LogJournal {
    /// Waits until everything asked for is written, or was refused once more.
    fn drop(&mut self) {
        for writer in &mut self.writers {
            drop(writer.requests.take());
        }
        for writer in &mut self.writers {
            if let Some(thread) = writer.thread.take() {
                // Its panic, if any, was printed when it happened; there is nobody left to tell.
                let _ = thread.join();
            }
        }
    }
}
