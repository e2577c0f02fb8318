//! The whole service: which rooms there are, and the way in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use palabre_backup::{About, Change, Journal, JournalError, Snapshot, restore};
use palabre_ids::{DisplayName, Millis, Role, RoomId, Seat, UnixMillis};
use palabre_room::{ConfigError, Room, RoomConfig};
use rand::RngExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::ServerClock;
use crate::links::{Link, LinkError, LinkKey};
use crate::media::{MediaNotice, MediaPlane};
use crate::metrics::Metrics;
use crate::room_task::{INBOX, Outcome, RoomTask, Shared, ToRoom};
use crate::seat::ConnectionId;

/// The journal's name for the key that signs links.
const LINK_KEY: &str = "link-key";

/// The journal's name for the last moment the server is known to have lived.
const ALIVE: &str = "alive";

/// How often that moment is noted while pages are connected: after a crash, clocks go back by so
/// much at most. Shorter costs a commit to the disk each time.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Links work for so long.
const LINKS_LAST: Millis = Millis::from_secs(30 * 86_400);

/// Pages may take so long to be told that the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// How much the service takes on.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Rooms at most. Each idle one costs some tens of kilobytes.
    pub max_rooms: usize,
    /// WebSockets at most, let in or not.
    pub max_connections: usize,
    /// Origins of pages that may connect, beside the server's own.
    pub allowed_origins: Vec<String>,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self { max_rooms: 2_000, max_connections: 10_000, allowed_origins: Vec::new() }
    }
}

/// Why a room is not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// What was asked for is no room.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server has as many rooms as it takes.
    #[error("the server has as many rooms as it takes")]
    Full,
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
    /// The room cannot be remembered.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A person's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who is invited.
    pub name: DisplayName,
    /// In what part.
    pub role: Role,
    /// To which seat.
    pub seat: Seat,
    /// The link's token.
    pub token: Token,
}

/// A link's token; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The signaling service; a handle that is cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    shared: Shared,
    links: LinkKey,
    config: ServiceConfig,
    rooms: DashMap<RoomId, RoomHandle>,
    connections: Arc<Semaphore>,
    next_connection: AtomicU64,
    stopping: AtomicBool,
    failed: watch::Sender<bool>,
}

struct RoomHandle {
    inbox: mpsc::Sender<ToRoom>,
    about: About,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("rooms", &self.0.rooms.len()).finish_non_exhaustive()
    }
}

impl Service {
    /// Starts the service with the rooms that the journal has.
    ///
    /// # Errors
    /// When the journal cannot be read or written. A single room that does not come back is logged
    /// and left in the journal.
    pub async fn start(
        config: ServiceConfig,
        journal: Arc<dyn Journal>,
        media: Arc<dyn MediaPlane>,
    ) -> Result<Self, JournalError> {
        let clock = ServerClock::start();
        let secret = link_secret(journal.as_ref()).await?;
        let alive =
            journal.get(ALIVE)?.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
        let stored = journal.load()?;
        let shared = Shared { clock, journal, media, metrics: Arc::new(Metrics::default()) };
        let service = Self(Arc::new(Inner {
            links: LinkKey::from_secret(&secret),
            rooms: DashMap::new(),
            connections: Arc::new(Semaphore::new(
                config.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            config,
            next_connection: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            failed: watch::Sender::new(false),
            shared,
        }));
        for stored in stored {
            match restore(&stored) {
                Ok((snapshot, number)) => {
                    service.metrics().rooms_restored.add();
                    service.spawn(stored.room, snapshot, number, Some(alive.map(UnixMillis)));
                }
                Err(error) => {
                    service.metrics().rooms_not_restored.add();
                    tracing::error!(%error, "a room does not come back from the journal; it is left there");
                }
            }
        }
        tokio::spawn(note_life(Arc::downgrade(&service.0)));
        Ok(service)
    }

    /// Makes a room: its links work once this returns, and after a crash.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub async fn create_room(&self, config: RoomConfig, demo: bool) -> Result<RoomId, CreateError> {
        if self.is_stopping() {
            return Err(CreateError::Stopping);
        }
        if self.0.rooms.len() >= self.0.config.max_rooms {
            return Err(CreateError::Full);
        }
        let now = self.now();
        let about = About {
            created_at: now,
            links_expire_at: now + LINKS_LAST,
            invited: config
                .people
                .iter()
                .map(|person| (person.name.clone(), person.role))
                .collect(),
            demo,
        };
        let room = Room::new(now, config)?;
        let snapshot = Snapshot { room, about, last_commands: Vec::new(), last_input_at: now };
        let id = new_room_id();
        self.0.shared.journal.commit(snapshot.change(id.clone(), 0)).await?;
        self.metrics().rooms_opened.add();
        self.spawn(id.clone(), snapshot, 0, None);
        Ok(id)
    }

    fn spawn(
        &self,
        id: RoomId,
        snapshot: Snapshot,
        number: u64,
        restarted: Option<Option<UnixMillis>>,
    ) {
        let (inbox, receiver) = mpsc::channel(INBOX);
        self.0.rooms.insert(id.clone(), RoomHandle { inbox, about: snapshot.about.clone() });
        let task = RoomTask::new(id.clone(), self.0.shared.clone(), snapshot, number);
        let service = self.clone();
        tokio::spawn(async move {
            let outcome = task.run(receiver, restarted).await;
            service.0.rooms.remove(&id);
            match outcome {
                Outcome::Over => service.metrics().rooms_closed.add(),
                Outcome::Stopped => {}
                Outcome::JournalFailed(error) => service.fail(&error),
            }
        });
    }

    /// The links of a room, by seat: always the same ones.
    #[must_use]
    pub fn invitations(&self, room: &RoomId) -> Option<Vec<Invitation>> {
        let about = self.0.rooms.get(room)?.about.clone();
        let invitations = (0..).map(Seat).zip(about.invited).map(|(seat, (name, role))| {
            let link = Link { room: room.clone(), seat, role, expires_at: about.links_expire_at };
            Invitation { name, role, seat, token: Token(self.0.links.sign(&link)) }
        });
        Some(invitations.collect())
    }

    /// The ready-made room, if there is one.
    #[must_use]
    pub fn demo_room(&self) -> Option<RoomId> {
        self.0.rooms.iter().find(|entry| entry.about.demo).map(|entry| entry.key().clone())
    }

    /// How many rooms there are.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.0.rooms.len()
    }

    /// Tells a room what the media plane noticed.
    pub async fn media_notice(&self, notice: MediaNotice) {
        if let Some(room) = self.room(notice.room()) {
            // A room that ended meanwhile needs to know nothing.
            let _ = room.send(ToRoom::Media(notice)).await;
        }
    }

    /// Tells every page that the server stops, and waits until they know. The rooms come back with
    /// the next start.
    pub async fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        let inboxes: Vec<_> = self.0.rooms.iter().map(|entry| entry.inbox.clone()).collect();
        let told = async {
            for inbox in inboxes {
                let (done, stopped) = oneshot::channel();
                if inbox.send(ToRoom::Stop(done)).await.is_ok() {
                    // An error is a room that ended by itself just now.
                    let _ = stopped.await;
                }
            }
            let all = u32::try_from(self.0.config.max_connections).unwrap_or(u32::MAX);
            let _ = self.0.connections.acquire_many(all).await;
        };
        if timeout(STOP_PATIENCE, told).await.is_err() {
            tracing::warn!("some pages were not told that the server stops");
        }
        if let Err(error) = self.note_alive().await {
            tracing::error!(%error, "the journal cannot be written");
        }
    }

    /// Resolves when the journal refused to write: the server must stop, for it can promise nothing.
    pub async fn failed(&self) {
        // The sender is in `self`: it is not dropped while this waits.
        let _ = self.0.failed.subscribe().wait_for(|failed| *failed).await;
    }

    /// Whether the service can take pages.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_stopping() && !*self.0.failed.borrow()
    }

    /// The service's counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.shared.metrics
    }

    /// How many WebSockets are open.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        let metrics = self.metrics();
        metrics.connections_opened.get().saturating_sub(metrics.connections_closed.get())
    }

    pub(crate) fn config(&self) -> &ServiceConfig {
        &self.0.config
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.0.shared.clock.now()
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Link, LinkError> {
        self.0.links.verify(token, self.now())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }

    pub(crate) fn room(&self, id: &RoomId) -> Option<mpsc::Sender<ToRoom>> {
        self.0.rooms.get(id).map(|room| room.inbox.clone())
    }

    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.0.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn admit_connection(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.connections).try_acquire_owned().ok()
    }

    fn fail(&self, error: &JournalError) {
        tracing::error!(%error, "the server stops: it cannot remember what happens");
        self.0.failed.send_replace(true);
    }

    async fn note_alive(&self) -> Result<(), JournalError> {
        let value = self.now().0.to_be_bytes().to_vec();
        self.0.shared.journal.commit(Change::Put { key: ALIVE, value }).await
    }
}

/// Notes that the server lives, as long as somebody is there to care and the service itself.
async fn note_life(service: std::sync::Weak<Inner>) {
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let Some(inner) = service.upgrade() else { return };
        let service = Service(inner);
        if service.open_connections() > 0
            && let Err(error) = service.note_alive().await
        {
            service.fail(&error);
            return;
        }
    }
}

async fn link_secret(journal: &dyn Journal) -> Result<[u8; LinkKey::SECRET_BYTES], JournalError> {
    match journal.get(LINK_KEY)? {
        Some(kept) => kept.try_into().map_err(|_| {
            JournalError::Read("the key that signs links has a wrong length".to_owned())
        }),
        None => {
            let secret = LinkKey::new_secret();
            let change = Change::Put { key: LINK_KEY, value: secret.to_vec() };
            journal.commit(change).await?;
            Ok(secret)
        }
    }
}

/// Three groups of four letters: 56 bits, so that two rooms never have one name.
fn new_room_id() -> RoomId {
    let mut random = rand::rng();
    let mut letters =
        || -> String { (0..4).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect() };
    let text = format!("{}-{}-{}", letters(), letters(), letters());
    RoomId::parse(&text).expect("letters and hyphens within the length make an identifier")
}
