//! The thread that drives the sockets of all light bots of this process.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::event::{Timespec, epoll};

use super::session::Session;
use super::sys::{Clocks, Incoming};

/// From one turn to the next: what comes meanwhile is read together. The kernel stamps what comes, so
/// that no latency is measured longer for it; what is sent is up to this late, as a page's is.
const TURN: Duration = Duration::from_millis(1);

/// Sockets that are told of at once; the others are told of in the next turn.
const EVENTS: usize = 512;

pub(super) type SharedSession = Arc<Mutex<Session>>;

/// A panic in the middle of a turn leaves a session that is still a session.
pub(super) fn lock(session: &SharedSession) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The handle of the thread.
pub(super) struct Engine {
    epoll: OwnedFd,
    sessions: Mutex<HashMap<u64, SharedSession>>,
    arrived: Condvar,
    /// Counts every coming and going.
    version: AtomicU64,
    next: AtomicU64,
}

impl Engine {
    /// The process's one, started when it is first needed. It sleeps while there is no bot.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn shared() -> Result<Arc<Self>> {
        static ENGINE: OnceLock<std::result::Result<Arc<Engine>, String>> = OnceLock::new();
        let started = ENGINE.get_or_init(|| Self::start().map_err(|error| format!("{error:#}")));
        started.clone().map_err(anyhow::Error::msg).context("the light bots' thread")
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
                known.clone_from(&sessions);
            }
            events.clear();
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            // An interrupted look is made again in the next turn.
            let spare = rustix::buffer::spare_capacity(&mut events);
            let _ = epoll::wait(&self.epoll, spare, Some(&now));
            let clocks = Clocks::read();
            for event in &events {
                let event: &epoll::Event = event;
                let data = event.data;
                if let Some(session) = known.get(&data.u64()) {
                    lock(session).readable(clocks, &mut incoming);
                }
            }
            for session in known.values() {
                let mut session = lock(session);
                // Whoever comes last in a long turn is later than who came first.
                let now = Instant::now();
                if session.due().is_some_and(|due| due <= now) {
                    session.take_turn(now);
                }
            }
            std::thread::sleep(TURN.saturating_sub(start.elapsed()));
        }
    }
}
