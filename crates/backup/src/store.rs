//! The embedded journal: one redb file, written by one thread, durable before it acknowledges.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use palabre_ids::RoomId;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::{mpsc, oneshot};

use crate::journal::{Change, Durable, Journal, JournalError, StoredRoom};

const ROOMS: TableDefinition<&str, (u64, &[u8])> = TableDefinition::new("rooms");
const ENTRIES: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("entries");
const VALUES: TableDefinition<&str, &[u8]> = TableDefinition::new("values");

/// The layout of the tables above; another one is refused rather than misread.
const FORMAT: &[u8] = b"1";
const FORMAT_KEY: &str = "format";

/// Changes that may wait for the writer. A room has one under way at most, so this is reached only
/// with more rooms than that; then rooms wait, and nothing is lost. Higher costs memory only.
const QUEUE: usize = 1_024;

/// The most changes in one commit. Higher costs the first of them latency, lower costs `fsync`s.
const BATCH: usize = 256;

/// The file's name in the data directory.
const FILE_NAME: &str = "palabre.redb";

/// Why the journal's file cannot be used. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or file cannot be made or opened.
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
        /// The file.
        path: PathBuf,
    },
    /// It is not what was written.
    #[error(
        "the journal {} is damaged ({detail}). Nothing was changed. Bring back a copy of the file, or start with \
         --fresh to set it aside and begin with no rooms",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A newer or older server wrote it.
    #[error("the journal {} has a format that this version does not read", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
}

/// A journal in a redb file.
pub struct RedbJournal {
    database: Arc<Database>,
    writer: Option<mpsc::Sender<Request>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Request {
    change: Change,
    durable: oneshot::Sender<Result<(), JournalError>>,
}

impl std::fmt::Debug for RedbJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedbJournal")
    }
}

impl RedbJournal {
    /// Opens, or makes, the journal in `directory`, readable by its owner alone.
    ///
    /// # Errors
    /// See [`OpenError`]. A damaged file is left as it is.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(FILE_NAME);
        let io = |source| OpenError::Io { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        // The file holds the key that signs links: a copy brought back may be open to others.
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(io)?;
        drop(file);

        let damaged = |detail: String| OpenError::Damaged { path: path.clone(), detail };
        let database = Database::builder()
            .set_check_integrity_on_open(true)
            .create(&path)
            .map_err(|error| match error {
                redb::DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.clone() },
                redb::DatabaseError::UpgradeRequired(_) => OpenError::Format { path: path.clone() },
                redb::DatabaseError::Storage(redb::StorageError::Io(source))
                    if source.kind() != io::ErrorKind::InvalidData
                        && source.kind() != io::ErrorKind::UnexpectedEof =>
                {
                    io(source)
                }
                other => damaged(other.to_string()),
            })?;
        match prepare(&database).map_err(|error| damaged(error.to_string()))? {
            Prepared::Ready => {}
            Prepared::OtherFormat => return Err(OpenError::Format { path }),
        }

        let database = Arc::new(database);
        let (writer, requests) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("palabre-journal".into())
            .spawn({
                let database = Arc::clone(&database);
                move || write_batches(&database, requests)
            })
            .map_err(|source| OpenError::Io { path, source })?;
        Ok(Self { database, writer: Some(writer), thread: Some(thread) })
    }

    /// Sets a journal that cannot be opened aside, under another name in the same directory, so
    /// that a new one can begin. Gives the new name; `None` when there was no file.
    ///
    /// # Errors
    /// When the file cannot be renamed.
    pub fn set_aside(directory: &Path) -> Result<Option<PathBuf>, OpenError> {
        let path = directory.join(FILE_NAME);
        for attempt in 1..=1_000_u32 {
            let aside = directory.join(format!("{FILE_NAME}.aside-{attempt}"));
            if aside.exists() {
                continue;
            }
            return match std::fs::rename(&path, &aside) {
                Ok(()) => Ok(Some(aside)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(OpenError::Io { path, source }),
            };
        }
        let source =
            io::Error::new(io::ErrorKind::AlreadyExists, "1000 journals were set aside already");
        Err(OpenError::Io { path, source })
    }
}

impl Drop for RedbJournal {
    /// Waits until everything asked for is written.
    fn drop(&mut self) {
        drop(self.writer.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, was printed when it happened; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

enum Prepared {
    Ready,
    OtherFormat,
}

fn prepare(database: &Database) -> Result<Prepared, redb::Error> {
    let write = database.begin_write()?;
    {
        write.open_table(ROOMS)?;
        write.open_table(ENTRIES)?;
        let mut values = write.open_table(VALUES)?;
        let format = values.get(FORMAT_KEY)?.map(|value| value.value().to_vec());
        match format {
            Some(format) if format != FORMAT => return Ok(Prepared::OtherFormat),
            Some(_) => {}
            None => {
                values.insert(FORMAT_KEY, FORMAT)?;
            }
        }
    }
    write.commit()?;
    Ok(Prepared::Ready)
}

fn write_batches(database: &Database, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            match requests.try_recv() {
                Ok(request) => batch.push(request),
                Err(_) => break,
            }
        }
        let result = write(database, &batch).map_err(|error| error.to_string());
        if let Err(error) = &result {
            tracing::error!(%error, "the journal cannot be written");
        }
        for request in batch {
            let answer = result.clone().map_err(JournalError::Write);
            // A room that stopped waiting has ended: the change stands all the same.
            let _ = request.durable.send(answer);
        }
    }
}

/// One commit for the whole batch: all of it is durable, or none.
fn write(database: &Database, batch: &[Request]) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut rooms = write.open_table(ROOMS)?;
        let mut entries = write.open_table(ENTRIES)?;
        let mut values = write.open_table(VALUES)?;
        for request in batch {
            match &request.change {
                Change::Append { room, number, entry } => {
                    entries.insert((room.as_str(), *number), entry.as_slice())?;
                }
                Change::Snapshot { room, number, state } => {
                    rooms.insert(room.as_str(), (*number, state.as_slice()))?;
                    entries
                        .retain_in((room.as_str(), 0)..=(room.as_str(), *number), |_, _| false)?;
                }
                Change::Erase { room } => {
                    rooms.remove(room.as_str())?;
                    entries
                        .retain_in((room.as_str(), 0)..=(room.as_str(), u64::MAX), |_, _| false)?;
                }
                Change::Put { key, value } => {
                    values.insert(*key, value.as_slice())?;
                }
            }
        }
    }
    write.commit()?;
    Ok(())
}

impl Journal for RedbJournal {
    fn commit(&self, change: Change) -> Durable<'_> {
        Box::pin(async move {
            let (durable, done) = oneshot::channel();
            let writer = self.writer.as_ref().ok_or(JournalError::Closed)?;
            writer.send(Request { change, durable }).await.map_err(|_| JournalError::Closed)?;
            done.await.map_err(|_| JournalError::Closed)?
        })
    }

    fn load(&self) -> Result<Vec<StoredRoom>, JournalError> {
        load(&self.database).map_err(|error| JournalError::Read(error.to_string()))
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        let read = || -> Result<_, redb::Error> {
            let values = self.database.begin_read()?.open_table(VALUES)?;
            Ok(values.get(key)?.map(|value| value.value().to_vec()))
        };
        read().map_err(|error| JournalError::Read(error.to_string()))
    }
}

fn load(database: &Database) -> Result<Vec<StoredRoom>, redb::Error> {
    let read = database.begin_read()?;
    let rooms = read.open_table(ROOMS)?;
    let entries = read.open_table(ENTRIES)?;
    let mut loaded = Vec::new();
    for row in rooms.iter()? {
        let (key, value) = row?;
        let Ok(room) = RoomId::parse(key.value()) else {
            tracing::error!("the journal has a room without a valid identifier; it is left alone");
            continue;
        };
        let (number, state) = value.value();
        let mut stored = StoredRoom { room, number, state: state.to_vec(), entries: Vec::new() };
        for entry in entries.range((key.value(), 0)..=(key.value(), u64::MAX))? {
            let (key, value) = entry?;
            stored.entries.push((key.value().1, value.value().to_vec()));
        }
        loaded.push(stored);
    }
    Ok(loaded)
}
