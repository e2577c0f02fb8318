//! The life of each room: started, brought back when its task fails, ended, and told of its media.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use palabre_backup::{About, Snapshot, Taken, restore};
use palabre_ids::{Millis, RoomId, Seat, UnixMillis};
use rand::RngExt as _;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::Service;
use crate::limits::Bucket;
use crate::media::{MEDIA_PATIENCE, MediaNotice, PARTING};
use crate::outbox::{End, Goodbye};
use crate::room_task::{
    INBOX, Inlets, JOURNAL_PATIENCE, Outcome, Parting, RoomTask, ToRoom, stands_until,
};
use crate::turnstile::PER_SECOND;

/// A room whose task fails is brought back so many times. What fails again and again would fail
/// for ever: that room waits in the journal for the next start, and the others go on.
const FAILURES: usize = 3;

/// Pages are asked to stay away for so long at most. Longer leaves people waiting who could come in.
const LONGEST_SPREAD: Millis = Millis::from_secs(10);

/// Pages of one seat that may come in at once, and the ones after that a second: each is a commit to
/// the disk. A page whose network comes and goes makes one in a few seconds.
const JOINS_AT_ONCE: u32 = 20;
const JOINS_PER_SECOND: u32 = 1;

/// What the service knows of a room.
pub(super) struct RoomHandle {
    pub(super) inbox: mpsc::Sender<ToRoom>,
    pub(super) speaking: watch::Sender<Vec<Seat>>,
    pub(super) about: About,
    /// Whether its session is over, and only its record is read.
    pub(super) over: Arc<AtomicBool>,
    /// The seats that the others wait for, a bit each.
    pub(super) first: Arc<AtomicU64>,
    /// How many pages each seat may bring yet.
    joins: Mutex<Vec<Bucket>>,
}

impl RoomHandle {
    fn new(about: About, now: UnixMillis) -> (Self, Inlets) {
        let (inbox, messages) = mpsc::channel(INBOX);
        let (speaking, heard) = watch::channel(Vec::new());
        let (over, first) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let inlets = Inlets {
            inbox: messages,
            speaking: heard,
            over: Arc::clone(&over),
            first: Arc::clone(&first),
        };
        let joins = Bucket::new(JOINS_AT_ONCE, JOINS_PER_SECOND, now);
        let joins = Mutex::new(vec![joins; about.invited.len()]);
        (Self { inbox, speaking, about, over, first, joins }, inlets)
    }

    /// Whether one more page may come in for `seat` now. Of a seat that is not there the room says so.
    pub(super) fn may_join(&self, seat: Seat, now: UnixMillis) -> bool {
        let mut joins = self.joins.lock().unwrap_or_else(PoisonError::into_inner);
        joins.get_mut(seat.index()).is_none_or(|joins| joins.take(1, now))
    }
}

impl Service {
    pub(super) fn spawn(
        &self,
        id: RoomId,
        snapshot: Snapshot,
        number: u64,
        restarted: Option<Option<UnixMillis>>,
    ) {
        self.spawn_until(id, snapshot, number, restarted, None);
    }

    /// Runs a room that another process has let go of just now, and whose media it still forwards for a moment.
    pub(super) fn spawn_standing(&self, id: RoomId, snapshot: Snapshot, number: u64) {
        self.spawn_until(id, snapshot, number, None, Some(stands_until(self.now())));
    }

    fn spawn_until(
        &self,
        id: RoomId,
        snapshot: Snapshot,
        number: u64,
        restarted: Option<Option<UnixMillis>>,
        stands_until: Option<UnixMillis>,
    ) {
        let (handle, inlets) = RoomHandle::new(snapshot.about.clone(), self.now());
        self.0.rooms.insert(id.clone(), handle);
        let task = RoomTask::new(id.clone(), self.0.shared.clone(), snapshot, number);
        let task = task.standing(stands_until);
        tokio::spawn(self.clone().keep(id, task, inlets, restarted, stands_until));
    }

    /// Runs a room to its end, and brings it back when its task fails.
    async fn keep(
        self,
        id: RoomId,
        mut task: RoomTask,
        mut inlets: Inlets,
        mut restarted: Option<Option<UnixMillis>>,
        stands_until: Option<UnixMillis>,
    ) {
        for _ in 0..=FAILURES {
            match tokio::spawn(task.run(inlets, restarted)).await {
                Ok(ending) => {
                    // Whoever is told that it ended and comes back finds no room.
                    self.0.rooms.remove(&id);
                    let media_for = match ending.outcome {
                        Outcome::Moved { media } => {
                            (self.has_moved(&id).await && media).then_some(PARTING)
                        }
                        Outcome::Erased | Outcome::Stopped | Outcome::Failed(_) => None,
                    };
                    let reason = ending.reason();
                    for Parting { outbox, first } in ending.pages {
                        let after = self.comes_back_after(&ending.outcome, first);
                        outbox.end(End::Closing(Goodbye { reason, after, media_for }));
                    }
                    // A server that failed ends, with all its media: it does not wait for a plane
                    // that is stuck. What a room that moved has left ends by itself.
                    if !matches!(ending.outcome, Outcome::Failed(_) | Outcome::Moved { .. }) {
                        self.close_media(&id).await;
                    }
                    match ending.outcome {
                        Outcome::Erased => self.metrics().rooms_closed.add(),
                        Outcome::Moved { .. } => self.metrics().rooms_moved.add(),
                        Outcome::Stopped => {}
                        Outcome::Failed(failure) => self.fail(&failure),
                    }
                    return;
                }
                Err(error) if error.is_panic() => {}
                // The runtime ends, and everything with it.
                Err(_) => return,
            }
            self.metrics().rooms_failed.add();
            tracing::error!("a room's task failed: it is brought back from the journal");
            let Some(about) = self.0.rooms.get(&id).map(|room| room.about.clone()) else { return };
            // Pages that come back meanwhile wait in the new inbox.
            let (handle, fresh) = RoomHandle::new(about, self.now());
            self.0.rooms.insert(id.clone(), handle);
            let closed = self.close_media(&id).await;
            let Some((snapshot, number)) = self.bring_back(&id).await.filter(|_| closed) else {
                break;
            };
            task = RoomTask::new(id.clone(), self.0.shared.clone(), snapshot, number)
                .standing(stands_until);
            (inlets, restarted) = (fresh, Some(Some(self.now())));
        }
        self.0.rooms.remove(&id);
        self.metrics().rooms_not_restored.add();
        tracing::error!("a room fails again and again: it is left in the journal");
        if let Err(error) = self.0.shared.journal.release(&id).await {
            tracing::error!(%error, "a room cannot be let go");
        }
    }

    /// When a page is to come back: whoever the others wait for at once; the others spread over the time
    /// that it takes to let everybody in. A room that goes over alone is no herd.
    fn comes_back_after(&self, outcome: &Outcome, first: bool) -> Option<Millis> {
        match outcome {
            Outcome::Erased => None,
            Outcome::Moved { .. } => Some(Millis(0)),
            Outcome::Stopped | Outcome::Failed(_) if first => Some(Millis(0)),
            Outcome::Stopped | Outcome::Failed(_) => {
                let all = self.open_connections() * 1_000 / u64::from(PER_SECOND);
                Some(Millis(rand::rng().random_range(0..=all.min(LONGEST_SPREAD.0))))
            }
        }
    }

    /// Closes a room's media; false when the plane does not answer.
    async fn close_media(&self, id: &RoomId) -> bool {
        let closed = timeout(MEDIA_PATIENCE, self.0.shared.media.close_room(id)).await;
        if closed.is_err() {
            self.metrics().media_timeouts.add();
            tracing::error!("the media plane did not answer in time");
        }
        closed.is_ok()
    }

    /// A room as the journal has it.
    async fn bring_back(&self, id: &RoomId) -> Option<(Snapshot, u64)> {
        let taken = timeout(JOURNAL_PATIENCE, self.0.shared.journal.take(id)).await;
        let Ok(Ok(Taken::Room(stored))) = taken else { return None };
        // What made the task fail may be in what is replayed.
        tokio::task::spawn_blocking(move || restore(&stored).ok()).await.ok().flatten()
    }

    /// Tells a room what the media plane noticed. It waits for no room: one that is busy does not
    /// hold up the others. A room that ended meanwhile needs to know nothing.
    pub fn media_notice(&self, notice: MediaNotice) {
        let Some(room) = self.0.rooms.get(notice.room()) else { return };
        match notice {
            MediaNotice::Up { seat, session, tunnel, .. } => {
                must_hear(&room.inbox, ToRoom::MediaUp { seat, session, tunnel });
            }
            MediaNotice::Speaking { seats, .. } => drop(room.speaking.send_replace(seats)),
            // A hint that comes again: a room that is busy can do without it.
            MediaNotice::Blocked { seat, .. } => {
                let _full = room.inbox.try_send(ToRoom::MediaBlocked(seat));
            }
            MediaNotice::Lost { seat, session, .. } => {
                must_hear(&room.inbox, ToRoom::MediaLost { seat, session });
            }
            MediaNotice::NextIce { seat, session, next, .. } => {
                must_hear(&room.inbox, ToRoom::NextIce { seat, session, next });
            }
        }
    }
}

/// Tells a room what must not get lost, without waiting for it. A seat loses its session or its path
/// once in some seconds, and a room that takes nothing for longer ends: few of these wait at a time.
fn must_hear(inbox: &mpsc::Sender<ToRoom>, notice: ToRoom) {
    if let Err(TrySendError::Full(notice)) = inbox.try_send(notice) {
        let inbox = inbox.clone();
        tokio::spawn(async move { inbox.send(notice).await.is_ok() });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use palabre_backup::MemoryJournal;
    use palabre_ids::Role;
    use palabre_wire::ClosingReason;

    use super::*;
    use crate::ServiceConfig;
    use crate::links::Link;
    use crate::room_task::tests::{Plane, two};

    #[tokio::test]
    async fn one_link_takes_up_no_place_of_the_others() {
        let journal = Arc::new(MemoryJournal::new());
        let plane = Arc::new(Plane::default());
        let service =
            Service::start(ServiceConfig::default(), journal, plane).await.expect("starts");
        let link = |room: &RoomId| {
            let (room, role) = (room.clone(), Role::Client);
            Link { room, seat: Seat(1), role, expires_at: UnixMillis(u64::MAX) }
        };
        // So many at once that nobody else would come in for seconds.
        let flood = |link: &Link| -> Vec<_> {
            let come = (0..2_000).map(|_| service.let_in(link).now_or_never());
            come.map(|answer| answer.expect("nobody waits").err()).collect()
        };
        let one = link(&service.create_room(two(), false).await.expect("made"));
        let answers = flood(&one);
        let let_in = answers.iter().filter(|refused| refused.is_none()).count();
        assert_eq!(let_in, JOINS_AT_ONCE as usize);
        assert_eq!(answers.last(), Some(&Some(ClosingReason::Flooding)));
        let nowhere = link(&RoomId::parse("aaaa-bbbb-cccc").expect("an identifier"));
        assert!(flood(&nowhere).iter().all(|refused| *refused == Some(ClosingReason::RoomGone)));
        let other = link(&service.create_room(two(), false).await.expect("made"));
        assert!(service.let_in(&other).now_or_never().expect("nobody waits").is_ok());
    }
}
