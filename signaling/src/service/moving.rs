//! Rooms that go from one process to another on the same machine, while people are in them.
//!
//! Whose a room is, is decided by one thing: who has the lock of its file in the journal. The words
//! that the two processes exchange only say when to look. So no schedule makes two owners, whichever
//! of them is stopped or dies: a lock is held, or its process is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use palabre_backup::{Journal, JournalError, Taken, ValueName, restore};
use palabre_ids::{Millis, RoomId, UnixMillis};
use palabre_wire::{ClosingReason, Presence};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Life, MediaPlane, Service, ServiceConfig};
use crate::room_task::{JOURNAL_PATIENCE, ToRoom};

/// Between two rooms whose time to go is over. Shorter brings the pages of more rooms back at once:
/// each is a commit to the disk and a handshake for its media. 40 ms are some 200 pages a second.
const APART: Millis = Millis(40);

/// How often it is looked whether rooms are left, beside each that goes: some end by themselves. And how
/// often those are tried that a process which ends still has.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A page whose room is still with the process before waits so long for it at most, and is then sent
/// to try again. Longer outlasts the page's own patience.
const ROOM_PATIENCE: Duration = Duration::from_secs(4);

/// What the service knows of another process beside it.
#[derive(Default)]
pub(super) struct Moving {
    /// Where rooms that have gone are told, while another process takes over.
    gone: Mutex<Option<mpsc::UnboundedSender<RoomId>>>,
    /// Where rooms are asked for, as long as another process may have some that are to come here. Until
    /// then nobody is told that a room is gone which is only not here yet.
    wanted: Mutex<Option<mpsc::UnboundedSender<RoomId>>>,
    /// Changes with each room that has come.
    came: watch::Sender<()>,
    /// One room is taken at a time: two pages may ask for the same.
    taking: tokio::sync::Mutex<()>,
}

/// Why a room is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// This server does not understand the room: the one that had it must go on with it.
    #[error("a room cannot be taken over: {0}")]
    NotUnderstood(String),
}

/// What came of asking the journal for a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Here,
    WithTheOther,
    Gone,
}

/// A service that lets its rooms go to another process. Dropped before all of them are gone, it goes on
/// letting them go until [`Service::take_back`].
#[derive(Debug)]
pub struct HandOver {
    service: Service,
    gone: mpsc::UnboundedReceiver<RoomId>,
}

impl HandOver {
    /// The next room that has gone over; `None` once there are no more.
    pub async fn next(&mut self) -> Option<RoomId> {
        loop {
            tokio::select! {
                biased;
                gone = self.gone.recv() => return gone,
                () = sleep(LOOK_EVERY) => {
                    if self.service.0.rooms.is_empty() {
                        // One that went just now is told all the same.
                        return self.gone.try_recv().ok();
                    }
                }
            }
        }
    }

    /// A page of this room waits at the other process: it goes at once.
    pub fn at_once(&self, room: &RoomId) {
        if let Some(inbox) = self.service.room(room) {
            // A room that is busy is asked again by the page's next attempt.
            let _full = inbox.try_send(ToRoom::Move { until: UnixMillis(0) });
        }
    }
}

impl Service {
    /// Makes no rooms any more: what is there may end in peace.
    pub fn leave(&self) {
        self.0.life.send_if_modified(|life| {
            let serves = *life == Life::Serving;
            if serves {
                *life = Life::Leaving;
            }
            serves
        });
    }

    /// Lets every room go to another process: each at the next moment at which nobody is interrupted,
    /// and after `within` one after the other in any case.
    pub async fn hand_over(&self, within: Millis) -> HandOver {
        self.leave();
        let (sender, gone) = mpsc::unbounded_channel();
        *lock(&self.0.moving.gone) = Some(sender);
        let inboxes: Vec<_> = self.0.rooms.iter().map(|room| room.inbox.clone()).collect();
        let mut until = self.now() + within;
        for inbox in inboxes {
            // An error is a room that ended by itself just now.
            let _ = inbox.send(ToRoom::Move { until }).await;
            until = until + APART;
        }
        HandOver { service: self.clone(), gone }
    }

    /// Nobody takes over after all: rooms that are here stay, and those that went come back, as the other
    /// process lets go of them. It ends, or has ended.
    ///
    /// # Errors
    /// When the journal does not answer.
    pub async fn take_back(&self) -> Result<(), MoveError> {
        *lock(&self.0.moving.gone) = None;
        // There is nobody left who could be asked for one.
        let (nobody, _) = mpsc::unbounded_channel();
        *lock(&self.0.moving.wanted) = Some(nobody);
        let inboxes: Vec<_> = self.0.rooms.iter().map(|room| room.inbox.clone()).collect();
        for inbox in inboxes {
            let _ = inbox.send(ToRoom::Stay).await;
        }
        self.0.life.send_if_modified(|life| {
            let leaves = *life == Life::Leaving;
            if leaves {
                *life = Life::Serving;
            }
            leaves
        });
        self.take_what_is_left(|| Ok(true)).await
    }

    /// A room has gone: the other process is told. When that one has gone meanwhile, the room comes back, and
    /// this is false.
    pub(super) async fn has_moved(&self, room: &RoomId) -> bool {
        let told = match lock(&self.0.moving.gone).as_ref() {
            Some(gone) => gone.send(room.clone()).is_ok(),
            None => false,
        };
        if !told && let Err(error) = self.take(room).await {
            tracing::error!(%error, "a room that nobody took over does not come back");
        }
        told
    }

    /// Starts beside a process that lets its rooms go, whose clock says `now`. Rooms that pages ask for
    /// before they have come are told to the receiver.
    ///
    /// # Errors
    /// As [`Service::start`].
    pub async fn start_beside(
        config: ServiceConfig,
        journal: Arc<dyn Journal>,
        media: Arc<dyn MediaPlane>,
        now: UnixMillis,
    ) -> Result<(Self, mpsc::UnboundedReceiver<RoomId>), JournalError> {
        let service = Self::start_at(now, config, journal, media).await?;
        let (sender, wanted) = mpsc::unbounded_channel();
        *lock(&service.0.moving.wanted) = Some(sender);
        Ok((service, wanted))
    }

    /// Whether rooms may still be with another process.
    #[must_use]
    pub fn takes_over(&self) -> bool {
        lock(&self.0.moving.wanted).is_some()
    }

    /// Takes a room that the process before has let go.
    ///
    /// # Errors
    /// [`MoveError::NotUnderstood`] when it cannot be served by this version: it is let go again.
    pub async fn take(&self, room: &RoomId) -> Result<(), MoveError> {
        self.look_for(room).await.map(drop)
    }

    /// The other process ends, or has ended: what it had is taken as it lets go of it, until there is
    /// nothing left and `is_only` says that no other process is there to have anything.
    ///
    /// # Errors
    /// When the journal does not answer, and those of `is_only`.
    pub async fn take_what_is_left<E: From<MoveError>>(
        &self,
        mut is_only: impl FnMut() -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut left = self.0.shared.journal.rooms().map_err(MoveError::from)?;
        loop {
            let only = is_only()?;
            let mut with_the_other = Vec::new();
            for room in left {
                match self.look_for(&room).await {
                    Ok(Came::Here | Came::Gone) => {}
                    Ok(Came::WithTheOther) => with_the_other.push(room),
                    Err(
                        error @ MoveError::Journal(JournalError::Closed | JournalError::TimedOut),
                    ) => return Err(error.into()),
                    // As at a start: the others go on.
                    Err(error) => {
                        tracing::error!(%error, "a room does not come over; it is left in the journal");
                    }
                }
            }
            left = with_the_other;
            if only && left.is_empty() {
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        *lock(&self.0.moving.wanted) = None;
        // Pages that wait for a room that nobody has learn that it is gone.
        self.0.moving.came.send_replace(());
        Ok(())
    }

    async fn look_for(&self, id: &RoomId) -> Result<Came, MoveError> {
        let _one_at_a_time = self.0.moving.taking.lock().await;
        if self.0.rooms.contains_key(id) {
            return Ok(Came::Here);
        }
        let taken = timeout(JOURNAL_PATIENCE, self.0.shared.journal.take(id)).await;
        let stored = match taken.unwrap_or(Err(JournalError::TimedOut))? {
            Taken::Room(stored) => stored,
            Taken::InUse => return Ok(Came::WithTheOther),
            Taken::Gone => return Ok(Came::Gone),
            // The operator has been told.
            Taken::Unreadable => {
                self.metrics().rooms_not_restored.add();
                return Ok(Came::Gone);
            }
        };
        let (snapshot, number) = match restore(&stored) {
            Ok(restored) => restored,
            Err(error) => {
                self.metrics().rooms_not_restored.add();
                self.0.shared.journal.release(id).await?;
                return Err(MoveError::NotUnderstood(error.to_string()));
            }
        };
        // A room that was let go says so itself: nobody is in it. In one whose process died people
        // are still said to be there.
        let died = snapshot.room.people().iter().any(|person| person.presence == Presence::Here);
        self.metrics().rooms_taken_over.add();
        if died {
            let restarted = Some(self.last_known_alive()?);
            self.spawn(id.clone(), snapshot, number, restarted);
        } else {
            self.spawn_standing(id.clone(), snapshot, number);
        }
        self.0.moving.came.send_replace(());
        Ok(Came::Here)
    }

    fn last_known_alive(&self) -> Result<Option<UnixMillis>, JournalError> {
        let alive = self.0.shared.journal.get(ValueName::Alive)?;
        Ok(alive.and_then(|bytes| Some(UnixMillis(u64::from_be_bytes(bytes.try_into().ok()?)))))
    }

    /// The way to a room, which may have to come from another process first; otherwise why the page's
    /// connection closes.
    pub(crate) async fn find_room(
        &self,
        id: &RoomId,
    ) -> Result<mpsc::Sender<ToRoom>, ClosingReason> {
        if let Some(room) = self.room(id) {
            return Ok(room);
        }
        if *self.0.life.borrow() != Life::Serving {
            // It may have gone over: the next connection leads there.
            return Err(ClosingReason::Restarting);
        }
        let patience = Instant::now() + ROOM_PATIENCE;
        let mut came = self.0.moving.came.subscribe();
        loop {
            came.borrow_and_update();
            let Some(wanted) = lock(&self.0.moving.wanted).clone() else {
                return self.room(id).ok_or(ClosingReason::RoomGone);
            };
            match self.look_for(id).await {
                Ok(Came::Here) => return self.room(id).ok_or(ClosingReason::Restarting),
                Ok(Came::Gone) => return Err(ClosingReason::RoomGone),
                Ok(Came::WithTheOther) => {}
                Err(_) => return Err(ClosingReason::Restarting),
            }
            // Nobody reads it any more: what the other process had is being taken.
            let _ = wanted.send(id.clone());
            if timeout_at(patience, came.changed()).await.is_err() {
                return Err(ClosingReason::Restarting);
            }
        }
    }
}

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is under it is replaced whole.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
