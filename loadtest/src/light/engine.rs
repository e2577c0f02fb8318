//! The threads that drive the sockets of all light bots of this process, one for each processor that it may use.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::event::{Timespec, epoll};

use super::session::Session;
use super::sys::{Clocks, Incoming};

/// From one turn to the next: what is sent is up to this late, as a page's is.
const TURN: Duration = Duration::from_millis(1);
/// What comes meanwhile is read together. The kernel stamps what comes, so that no latency is measured longer
/// for it; what it answers (a check, a lost packet) is up to this late, as from somebody who is not far away.
const READ_EVERY: Duration = Duration::from_millis(10);

/// Each session is asked this often when it is due: what happens to it from elsewhere, an answer or a new
/// room, waits so long at most. To lock and ask them all in every turn takes a third of a core of 1,600.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Sockets that are told of at once.
const EVENTS: usize = 4_096;

pub(super) type SharedSession = Arc<Mutex<Session>>;

/// A panic in the middle of a turn leaves a session that is still a session.
pub(super) fn lock(session: &SharedSession) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// More threads than this only wait for each other's rooms.
const MOST_THREADS: usize = 8;

/// The handle of a thread.
pub(super) struct Engine {
    epoll: OwnedFd,
    sessions: Mutex<HashMap<u64, SharedSession>>,
    arrived: Condvar,
    /// Counts every coming and going.
    version: AtomicU64,
    next: AtomicU64,
}

/// A session, and when it said that it is due.
struct Known {
    session: SharedSession,
    due: Option<Instant>,
}

impl From<SharedSession> for Known {
    fn from(session: SharedSession) -> Self {
        let due = lock(&session).due();
        Self { session, due }
    }
}

impl Engine {
    /// One of the process's, each in its turn; they are started when one is first needed, and sleep while
    /// they have no bot.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(super) fn shared() -> Result<Arc<Self>> {
        type Engines = std::result::Result<Vec<Arc<Engine>>, String>;
        static ENGINES: OnceLock<Engines> = OnceLock::new();
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let started = ENGINES.get_or_init(|| {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            let engines = (0..threads.min(MOST_THREADS)).map(|_| Self::start());
            engines.collect::<Result<_>>().map_err(|error| format!("{error:#}"))
        });
        let engines = started.as_ref().map_err(anyhow::Error::msg);
        let engines = engines.context("the light bots' threads")?;
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % engines.len();
        Ok(Arc::clone(&engines[next]))
    }

    fn start() -> Result<Arc<Self>> {
        let engine = Arc::new(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            sessions: Mutex::default(),
            arrived: Condvar::new(),
            version: AtomicU64::new(0),
            next: AtomicU64::new(0),
        });
        let runs = engine.clone();
        std::thread::Builder::new().name("light".to_owned()).spawn(move || runs.run())?;
        Ok(engine)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<u64, SharedSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives a session from now on; gives its number.
    ///
    /// # Errors
    /// When the system watches no more sockets.
    pub(super) fn add(&self, session: &SharedSession) -> Result<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let data = epoll::EventData::new_u64(number);
        epoll::add(&self.epoll, &*lock(session).ways.udp, data, epoll::EventFlags::IN)?;
        self.sessions().insert(number, session.clone());
        self.version.fetch_add(1, Ordering::Release);
        self.arrived.notify_one();
        Ok(number)
    }

    /// Drives it no longer. Its socket is closed with its last handle.
    pub(super) fn remove(&self, number: u64) {
        self.sessions().remove(&number);
        self.version.fetch_add(1, Ordering::Release);
    }

    fn run(&self) {
        let mut incoming = Incoming::new();
        let mut events = Vec::with_capacity(EVENTS);
        let (mut known, mut version) = (HashMap::new(), u64::MAX);
        let mut ask_at = Instant::now();
        let mut read_at = ask_at;
        loop {
            let start = Instant::now();
            let current = self.version.load(Ordering::Acquire);
            if current != version {
                version = current;
                let mut sessions = self.sessions();
                while sessions.is_empty() {
                    known.clear();
                    sessions = self.arrived.wait(sessions).unwrap_or_else(PoisonError::into_inner);
                }
                known = sessions.iter().map(|(at, one)| (*at, Known::from(one.clone()))).collect();
            }
            if read_at <= start {
                // Behind its time it goes on from now.
                read_at = start.max(read_at + READ_EVERY);
                self.read(&mut known, &mut events, &mut incoming);
            }
            let mut now = Instant::now();
            let asks = ask_at <= now;
            if asks {
                ask_at = now + ASK_EVERY;
            }
            for Known { session, due } in known.values_mut() {
                if !asks && due.is_none_or(|due| due > now) {
                    continue;
                }
                let mut session = lock(session);
                // Whoever comes last in a long turn is later than who came first.
                now = Instant::now();
                if session.due().is_some_and(|due| due <= now) {
                    session.take_turn(now);
                }
                *due = session.due();
            }
            std::thread::sleep(TURN.saturating_sub(start.elapsed()));
        }
    }

    /// Reads what came. Sockets beyond those that are told of at once are read the next time.
    fn read(
        &self,
        known: &mut HashMap<u64, Known>,
        events: &mut Vec<epoll::Event>,
        incoming: &mut Incoming,
    ) {
        events.clear();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // So is everything when the look is interrupted.
        let spare = rustix::buffer::spare_capacity(events);
        let _ = epoll::wait(&self.epoll, spare, Some(&now));
        let clocks = Clocks::read();
        for event in events.iter() {
            let data = event.data;
            if let Some(Known { session, due }) = known.get_mut(&data.u64()) {
                let mut session = lock(session);
                session.readable(clocks, incoming);
                *due = session.due();
            }
        }
    }
}
