//! The threads that drive the sockets of all light bots of this process, one for each processor that it may use.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::session::{Scratch, Session};
use super::sys::Clocks;

/// From one turn to the next: what is sent is up to this late, as a page's is.
const TURN: Duration = Duration::from_millis(1);

/// One of so many groups of sessions is read in each turn: what came in 20 ms is read together. The kernel
/// stamps what comes, so that no latency is measured longer for it; what it answers (a check, a lost packet)
/// is up to this late, as from somebody who is not far away. Nobody asks the kernel first where something
/// waits: in a room where something is said, it does everywhere.
const GROUPS: usize = 20;

pub(super) type SharedSession = Arc<Mutex<Session>>;

/// A panic in the middle of a turn leaves a session that is still a session.
pub(super) fn lock(session: &SharedSession) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// More threads than this only wait for each other's rooms.
const MOST_THREADS: usize = 8;

/// The handle of a thread.
pub(super) struct Engine {
    /// By place; the place of one that went is the next one's.
    places: Mutex<Vec<Option<SharedSession>>>,
    arrived: Condvar,
    /// Counts what happens to sessions from elsewhere: every coming and going, every answer.
    version: AtomicU64,
}

/// The sessions as their thread knows them, by place; and apart from them, since it is looked at in every
/// turn, when each said that it is due.
#[derive(Default)]
struct Known {
    sessions: Vec<Option<SharedSession>>,
    due: Vec<Option<Instant>>,
}

impl Known {
    /// Whoever is new, or had nothing to do so far, is asked at once.
    fn become_like(&mut self, places: &[Option<SharedSession>], now: Instant) {
        self.sessions.resize(places.len(), None);
        self.due.resize(places.len(), None);
        let known = self.sessions.iter_mut().zip(&mut self.due);
        for ((session, due), place) in known.zip(places) {
            if session.as_ref().map(Arc::as_ptr) != place.as_ref().map(Arc::as_ptr) {
                session.clone_from(place);
                *due = None;
            }
            due.get_or_insert(now);
        }
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
            places: Mutex::default(),
            arrived: Condvar::new(),
            version: AtomicU64::new(0),
        });
        let runs = engine.clone();
        std::thread::Builder::new().name("light".to_owned()).spawn(move || runs.run())?;
        Ok(engine)
    }

    fn places(&self) -> MutexGuard<'_, Vec<Option<SharedSession>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives a session from now on; gives its place.
    pub(super) fn add(&self, session: &SharedSession) -> usize {
        let mut places = self.places();
        let place = places.iter().position(Option::is_none).unwrap_or(places.len());
        if place == places.len() {
            places.push(None);
        }
        places[place] = Some(session.clone());
        drop(places);
        self.stir();
        self.arrived.notify_one();
        place
    }

    /// Drives it no longer. Its socket is closed with its last handle.
    pub(super) fn remove(&self, place: usize) {
        self.places()[place] = None;
        self.stir();
    }

    /// Something happened to a session, so that it may be due earlier than it said.
    pub(super) fn stir(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    fn run(&self) {
        let mut scratch = Scratch::new();
        let (mut known, mut version) = (Known::default(), u64::MAX);
        let (mut group, mut read_at) = (0, Instant::now());
        loop {
            let start = Instant::now();
            let current = self.version.load(Ordering::Acquire);
            if current != version {
                version = current;
                let mut places = self.places();
                while places.iter().all(Option::is_none) {
                    known.sessions.clear();
                    places = self.arrived.wait(places).unwrap_or_else(PoisonError::into_inner);
                }
                known.become_like(&places, start);
            }
            let mut reads = [false; GROUPS];
            for _ in 0..GROUPS {
                if read_at <= start {
                    read_at += TURN;
                    reads[group] = true;
                    group = (group + 1) % GROUPS;
                }
            }
            // Behind its time it goes on from now.
            read_at = read_at.max(start);
            turn(&mut known, reads, &mut scratch);
            std::thread::sleep(TURN.saturating_sub(start.elapsed()));
        }
    }
}

/// Gives a turn to each session whose group is read, or that is due.
fn turn(known: &mut Known, reads: [bool; GROUPS], scratch: &mut Scratch) {
    let count = known.sessions.len();
    let mut clocks = Clocks::read();
    for (place, (session, due)) in known.sessions.iter().zip(&mut known.due).enumerate() {
        let is_read = reads[place * GROUPS / count];
        if !is_read && due.is_none_or(|due| due > clocks.now()) {
            continue;
        }
        let Some(session) = session else { continue };
        let mut session = lock(session);
        // Whoever comes last in a long turn is later than who came first.
        clocks = Clocks::read();
        *due = session.take_turn(clocks, is_read, scratch);
    }
}
