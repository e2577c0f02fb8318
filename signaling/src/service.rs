//! The whole service: which rooms there are, and the way in.

mod moving;
mod rooms;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use futures_util::future::join_all;
use palabre_backup::{
    About, Change, Health, Journal, JournalError, Milestones, Snapshot, Telephone, ValueName, load,
    restore,
};
use palabre_ids::{DisplayName, MediaSession, Millis, Role, RoomId, Seat, UnixMillis};
use palabre_room::{ConfigError, Room, RoomConfig};
use palabre_wire::{ClosingReason, frame};
use rand::RngExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::ServerClock;
use crate::door::Door;
use crate::links::{Link, LinkError, LinkKey};
use crate::media::MediaPlane;
use crate::metrics::Metrics;
use crate::news::Herald;
use crate::room_task::{Shared, ToRoom};
use crate::seat::ConnectionId;
use crate::turn::Turn;
use crate::turnstile::{Class, Turnstile};
use moving::Moving;
pub use moving::{HandOver, MoveError};
use rooms::RoomHandle;

/// How often that moment is noted while pages are connected: after a crash, clocks go back by so
/// much at most. Shorter costs a commit to the disk each time.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A server whose last beat is older is not ready: its journal does not answer, or its tasks do not
/// get their turn. Shorter takes a slow disk for that.
const HEARTBEAT_LATE: Millis = Millis::from_secs(5);

/// How often rooms whose time is over and that nobody can bring back are looked for. Longer keeps
/// what they held longer.
const EXPIRY: Duration = Duration::from_secs(3_600);

/// Links work for so long.
const LINKS_LAST: Millis = Millis::from_secs(30 * 86_400);

/// Pages may take so long to be told that the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// How much the service takes on.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Rooms at most. Each idle one costs some tens of kilobytes.
    pub max_rooms: usize,
    /// Seats of all rooms at most.
    pub max_seats: usize,
    /// WebSockets with a valid link at most.
    pub max_connections: usize,
    /// Origins of pages that may connect, beside the server's own.
    pub allowed_origins: Vec<String>,
    /// Where the news of rooms go.
    pub news: Option<Arc<dyn Herald>>,
    /// A relay for networks that let nothing else through.
    pub turn: Option<Turn>,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            max_rooms: 2_000,
            max_seats: 20_000,
            max_connections: 10_000,
            allowed_origins: Vec::new(),
            news: None,
            turn: None,
        }
    }
}

/// Why a room is not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// What was asked for is no room.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server has as many rooms, or seats, as it takes.
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
    door: Arc<Door>,
    connections: Arc<Semaphore>,
    next_connection: AtomicU64,
    turnstile: Turnstile,
    life: watch::Sender<Life>,
    moving: Moving,
    /// The last moment at which the service was known to work, in milliseconds.
    beat: AtomicU64,
    failed: watch::Sender<bool>,
}

/// What the service does with those who come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It serves them.
    Serving,
    /// It makes no rooms any more, and lets those it has end, or go over to another process.
    Leaving,
    /// It sends everybody away.
    Stopping,
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
        Self::start_at(UnixMillis(0), config, journal, media).await
    }

    /// As [`Self::start`], with a clock that is not behind `known`.
    async fn start_at(
        known: UnixMillis,
        config: ServiceConfig,
        journal: Arc<dyn Journal>,
        media: Arc<dyn MediaPlane>,
    ) -> Result<Self, JournalError> {
        let secret = link_secret(journal.as_ref()).await?;
        let alive = journal
            .get(ValueName::Alive)?
            .and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
        let loaded = load(journal.as_ref()).await?;
        let mut restored = Vec::new();
        let mut lost = loaded.unreadable;
        for stored in loaded.rooms {
            match restore(&stored) {
                Ok((snapshot, number)) => restored.push((stored.room, snapshot, number)),
                Err(error) => {
                    lost += 1;
                    tracing::error!(%error, "a room does not come back from the journal; it is left there");
                    journal.release(&stored.room).await?;
                }
            }
        }
        let inputs = restored.iter().map(|(_, snapshot, _)| snapshot.last_input_at);
        let clock = ServerClock::start(inputs.chain(alive.map(UnixMillis)).fold(known, Ord::max));
        let metrics = Arc::new(Metrics::default());
        let shared = Shared {
            clock,
            journal,
            media,
            metrics,
            news: config.news.clone(),
            turn: config.turn.clone(),
        };
        let service = Self(Arc::new(Inner {
            links: LinkKey::from_secret(&secret),
            rooms: DashMap::new(),
            door: Arc::default(),
            connections: Arc::new(Semaphore::new(
                config.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            config,
            next_connection: AtomicU64::new(1),
            turnstile: Turnstile::new(clock),
            life: watch::Sender::new(Life::Serving),
            moving: Moving::default(),
            beat: AtomicU64::new(clock.now().0),
            failed: watch::Sender::new(false),
            shared,
        }));
        service.metrics().rooms_not_restored.add_many(lost);
        for (room, snapshot, number) in restored {
            service.metrics().rooms_restored.add();
            service.spawn(room, snapshot, number, Some(alive.map(UnixMillis)));
        }
        tokio::spawn(note_life(Arc::downgrade(&service.0)));
        tokio::spawn(erase_expired(Arc::downgrade(&service.0)));
        Ok(service)
    }

    /// Makes a room: its links work once this returns, and after a crash.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub async fn create_room(&self, config: RoomConfig, demo: bool) -> Result<RoomId, CreateError> {
        self.create_room_with(config, demo, None).await
    }

    /// The same, with what people are to call when they cannot have media.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub async fn create_room_with(
        &self,
        config: RoomConfig,
        demo: bool,
        telephone: Option<Telephone>,
    ) -> Result<RoomId, CreateError> {
        if *self.0.life.borrow() != Life::Serving {
            return Err(CreateError::Stopping);
        }
        if self.0.rooms.len() >= self.0.config.max_rooms {
            return Err(CreateError::Full);
        }
        if self.seats().0.saturating_add(config.people.len()) > self.0.config.max_seats {
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
            telephone,
            milestones: Milestones::default(),
        };
        let room = Room::new(now, config)?;
        let snapshot = Snapshot { room, about, last_commands: Vec::new(), last_input_at: now };
        let id = new_room_id();
        self.0.shared.commit(snapshot.change(id.clone(), 0)).await?;
        self.metrics().rooms_opened.add();
        self.spawn(id.clone(), snapshot, 0, None);
        Ok(id)
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

    /// The ready-made room, if there is one whose session is not over.
    #[must_use]
    pub fn demo_room(&self) -> Option<RoomId> {
        let open = |room: &RoomHandle| room.about.demo && !room.over.load(Ordering::Relaxed);
        self.0.rooms.iter().find(|entry| open(entry)).map(|entry| entry.key().clone())
    }

    /// How many rooms there are.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.0.rooms.len()
    }

    /// How many seats the rooms have, and how many of them a page is connected for.
    #[must_use]
    pub fn seats(&self) -> (usize, usize) {
        let all = self.0.rooms.iter().map(|room| room.about.invited.len()).sum();
        let most = self.0.config.max_connections.min(Semaphore::MAX_PERMITS);
        (all, most.saturating_sub(self.0.connections.available_permits()))
    }

    /// Rooms, seats and connections at most.
    #[must_use]
    pub fn limits(&self) -> [usize; 3] {
        let ServiceConfig { max_rooms, max_seats, max_connections, .. } = self.0.config;
        [max_rooms, max_seats, max_connections]
    }

    /// The most messages that wait for one room.
    #[must_use]
    pub fn deepest_inbox(&self) -> usize {
        let waiting = |inbox: &mpsc::Sender<ToRoom>| inbox.max_capacity() - inbox.capacity();
        self.0.rooms.iter().map(|room| waiting(&room.inbox)).max().unwrap_or(0)
    }

    /// Tells every page that the server stops, and waits until they know. The rooms come back with
    /// the next start.
    pub async fn stop(&self) {
        self.0.life.send_replace(Life::Stopping);
        let inboxes: Vec<_> = self.0.rooms.iter().map(|entry| entry.inbox.clone()).collect();
        let told = async {
            join_all(inboxes.iter().map(async |inbox| {
                let (done, stopped) = oneshot::channel();
                if inbox.send(ToRoom::Stop(done)).await.is_ok() {
                    // An error is a room that ended by itself just now.
                    let _ = stopped.await;
                }
            }))
            .await;
            let all = u32::try_from(self.0.config.max_connections).unwrap_or(u32::MAX);
            let _ = self.0.connections.acquire_many(all).await;
        };
        if timeout(STOP_PATIENCE, told).await.is_err() {
            tracing::warn!("some pages were not told that the server stops");
        }
        if !*self.0.failed.borrow()
            && let Err(error) = self.note_alive().await
        {
            tracing::error!(%error, "the journal cannot be written");
        }
    }

    /// Resolves when the journal or the media plane failed: the server must stop, for it can promise
    /// nothing.
    pub async fn failed(&self) {
        // The sender is in `self`: it is not dropped while this waits.
        let _ = self.0.failed.subscribe().wait_for(|failed| *failed).await;
    }

    /// Whether the service can take pages.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.readiness().is_ok()
    }

    /// Whether the service can take pages.
    ///
    /// # Errors
    /// Why it cannot, for an operator, in a few words.
    pub fn readiness(&self) -> Result<(), &'static str> {
        match *self.0.life.borrow() {
            Life::Leaving => Err("draining"),
            Life::Stopping => Err("stopping"),
            Life::Serving if *self.0.failed.borrow() => {
                Err("the journal or the media plane failed")
            }
            Life::Serving if self.heartbeat_age() >= HEARTBEAT_LATE => Err("the heartbeat is late"),
            Life::Serving => Ok(()),
        }
    }

    /// How long ago the service was last known to work: a second, and what its journal takes.
    #[must_use]
    pub fn heartbeat_age(&self) -> Millis {
        self.now().since(UnixMillis(self.0.beat.load(Ordering::Relaxed)))
    }

    /// Whether the service still works, ready or not: one that drains or stops lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !*self.0.failed.borrow() && self.heartbeat_age() < HEARTBEAT_LATE
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

    /// The server's time.
    #[must_use]
    pub fn time(&self) -> UnixMillis {
        self.now()
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.0.shared.clock.now()
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Link, LinkError> {
        self.0.links.verify(token, self.now())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.life.borrow() == Life::Stopping
    }

    pub(crate) fn room(&self, id: &RoomId) -> Option<mpsc::Sender<ToRoom>> {
        self.0.rooms.get(id).map(|room| room.inbox.clone())
    }

    /// The way to a page's room, once it is its turn; otherwise why its connection closes. Who comes too
    /// often, or to a room that is nowhere, keeps nobody else waiting.
    pub(crate) async fn let_in(&self, link: &Link) -> Result<mpsc::Sender<ToRoom>, ClosingReason> {
        let Link { room, seat, .. } = link;
        self.find_room(room).await?;
        let now = self.now();
        if self.0.rooms.get(room).is_some_and(|room| !room.may_join(*seat, now)) {
            return Err(ClosingReason::Flooding);
        }
        let first = self.0.rooms.get(room).map_or(0, |room| room.first.load(Ordering::Relaxed));
        let class = if first >> seat.0 & 1 == 1 { Class::First } else { Class::Other };
        self.0.turnstile.pass(class).await;
        // It may have gone, or failed and come back, meanwhile.
        self.find_room(room).await
    }

    /// Hands what a page says through a tunnel to the media plane.
    pub(crate) fn say(&self, room: &RoomId, by: (Seat, MediaSession), voice: &frame::Voice<'_>) {
        self.0.shared.media.say(room, by, voice);
    }

    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.0.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.0.door
    }

    pub(crate) fn admit_connection(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.connections).try_acquire_owned().ok()
    }

    /// How the journal stands.
    #[must_use]
    pub fn journal_health(&self) -> Health {
        self.0.shared.journal.health()
    }

    fn fail(&self, error: &(dyn std::error::Error + Sync)) {
        tracing::error!(%error, "the server stops: it can promise nothing any more");
        self.0.failed.send_replace(true);
    }

    async fn note_alive(&self) -> Result<(), JournalError> {
        let value = self.now().0.to_be_bytes().to_vec();
        let noted = self.0.shared.commit(Change::Put { name: ValueName::Alive, value }).await;
        match noted {
            // A disk that refuses is no reason to stop: rooms go on, and the journal tells.
            Ok(_) | Err(JournalError::Write(_)) => Ok(()),
            Err(error) => Err(error),
        }
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
        service.0.beat.store(service.now().0, Ordering::Relaxed);
    }
}

/// Erases what is left of rooms whose links have run out: a room that runs ends by itself, one that
/// does not come back has nobody else to do it.
async fn erase_expired(service: std::sync::Weak<Inner>) {
    let mut looks = interval(EXPIRY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(inner) = service.upgrade() else { return };
        let service = Service(inner);
        match service.0.shared.journal.expire(service.now()).await {
            Ok(erased) => service.metrics().rooms_expired.add_many(erased),
            Err(error) => tracing::error!(%error, "the journal cannot be searched for old rooms"),
        }
    }
}

async fn link_secret(journal: &dyn Journal) -> Result<[u8; LinkKey::SECRET_BYTES], JournalError> {
    match journal.get(ValueName::LinkKey)? {
        Some(kept) => kept.try_into().map_err(|_| {
            JournalError::Read("the key that signs links has a wrong length".to_owned())
        }),
        None => {
            let secret = LinkKey::new_secret();
            let change = Change::Put { name: ValueName::LinkKey, value: secret.to_vec() };
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
