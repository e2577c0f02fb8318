//! The threads that drive the sockets of all light bots of this process, one for each processor that it may use.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::session::{Scratch, Session};

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

/// What a thread drives, by place: the place of one that went is the next one's, and behind the last one there
/// is none.
struct Places<T>(Vec<Option<Arc<T>>>);

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Places<T> {
    fn enter(&mut self, one: &Arc<T>) -> usize {
        let place = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if place == self.0.len() {
            self.0.push(None);
        }
        self.0[place] = Some(one.clone());
        place
    }

    fn leave(&mut self, place: usize) {
        self.0[place] = None;
        while self.0.last().is_some_and(Option::is_none) {
            self.0.pop();
        }
    }
}

/// The same as the thread itself knows it; and apart from it, since it is looked at in every turn, when each said
/// that it is due.
struct Known<T> {
    places: Places<T>,
    due: Vec<Option<Instant>>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { places: Places::default(), due: Vec::new() }
    }
}

impl<T> Known<T> {
    /// Whoever is new, or had nothing to do so far, is asked at once.
    fn become_like(&mut self, places: &Places<T>, now: Instant) {
        let count = places.0.len();
        self.places.0.resize(count, None);
        self.due.resize(count, None);
        let known = self.places.0.iter_mut().zip(&mut self.due);
        for ((known, due), place) in known.zip(&places.0) {
            if known.as_ref().map(Arc::as_ptr) != place.as_ref().map(Arc::as_ptr) {
                known.clone_from(place);
                *due = None;
            }
            due.get_or_insert(now);
        }
    }
}

/// The group of a place among so many: neighbours, who are of one room, are read together.
fn group_of(place: usize, count: usize) -> usize {
    place * GROUPS / count
}

/// The handle of a thread.
pub(super) struct Engine {
    places: Mutex<Places<Mutex<Session>>>,
    arrived: Condvar,
    /// Counts what happens to sessions from elsewhere: every coming and going, every answer.
    version: AtomicU64,
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

    fn places(&self) -> MutexGuard<'_, Places<Mutex<Session>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives a session from now on; gives its place.
    pub(super) fn add(&self, session: &SharedSession) -> usize {
        let place = self.places().enter(session);
        self.stir();
        self.arrived.notify_one();
        place
    }

    /// Drives it no longer. Its socket is closed with its last handle.
    pub(super) fn remove(&self, place: usize) {
        self.places().leave(place);
        self.stir();
    }

    /// Something happened to sessions: whoever had nothing to do so far may have now.
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
                while places.0.is_empty() {
                    known = Known::default();
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
fn turn(known: &mut Known<Mutex<Session>>, reads: [bool; GROUPS], scratch: &mut Scratch) {
    let count = known.due.len();
    let mut now = Instant::now();
    for (place, (session, due)) in known.places.0.iter().zip(&mut known.due).enumerate() {
        let is_read = reads[group_of(place, count)];
        if !is_read && due.is_none_or(|due| due > now) {
            continue;
        }
        let Some(session) = session else { continue };
        *due = lock(session).take_turn(is_read, scratch);
        // Whoever comes last in a long turn is later than who came first.
        now = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_left_is_the_next_one_s_and_there_are_none_behind_the_last() {
        let mut places = Places::default();
        let all: Vec<Arc<usize>> = (0..6).map(Arc::new).collect();
        assert_eq!(all.iter().map(|one| places.enter(one)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        [1, 4, 5].into_iter().for_each(|place| places.leave(place));
        assert_eq!(places.0.len(), 4, "3 is the last");
        assert_eq!([places.enter(&all[4]), places.enter(&all[5])], [1, 4]);
        (0..5).for_each(|place| places.leave(place));
        assert!(places.0.is_empty());
    }

    #[test]
    fn who_is_new_or_had_nothing_to_do_is_asked_and_nobody_else() {
        let start = Instant::now();
        let (mut places, mut known) = (Places::default(), Known::default());
        let all: Vec<Arc<usize>> = (0..4).map(Arc::new).collect();
        assert_eq!(all[..3].iter().map(|one| places.enter(one)).max(), Some(2));
        known.become_like(&places, start);
        assert_eq!(known.due, [Some(start); 3]);
        let later = start + Duration::from_secs(1);
        known.due = vec![Some(later), None, Some(later)];
        places.leave(0);
        assert_eq!(places.enter(&all[3]), 0);
        let now = start + Duration::from_millis(5);
        known.become_like(&places, now);
        assert_eq!(known.due, [Some(now), Some(now), Some(later)]);
        let there: Vec<_> = known.places.0.iter().flatten().map(|one| **one).collect();
        assert_eq!(there, [3, 1, 2]);
        [2, 1].into_iter().for_each(|place| places.leave(place));
        known.become_like(&places, now);
        assert_eq!((known.due.len(), Arc::strong_count(&all[2])), (1, 1), "nobody holds who went");
    }

    #[test]
    fn groups_are_even_whatever_their_number() {
        for count in [1, 7, 20, 21, 536, 1_024] {
            let mut sizes = [0; GROUPS];
            (0..count).for_each(|place| sizes[group_of(place, count)] += 1);
            let most = count.div_ceil(GROUPS);
            assert!(sizes.iter().all(|size| *size <= most), "{count}: {sizes:?}");
        }
    }
}
