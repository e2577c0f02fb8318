//! One task owns one room: everything that happens to it passes through here, one thing at a time.
//!
//! What an input causes is carried out in one order: the journal has it, then the media plane's gate
//! follows (acknowledged), then everyone is told.

mod joining;
mod pages;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use palabre_backup::{About, Entry, Journal, JournalError, Kept, Snapshot};
use palabre_ids::{Group, Millis, RoomId, Seat, UnixMillis};
use palabre_room::{Effect, Effects, GateChange, Input, Part, Refusal, Room};
use palabre_wire::{ClosingReason, CommandId, RoomEvent, ServerMessage};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout};

use crate::clock::ServerClock;
use crate::history::History;
use crate::media::{MEDIA_PATIENCE, MediaFuture, MediaPlane, MediaStopped};
use crate::metrics::Metrics;
use crate::outbox::{End, Outbox};
use crate::seat::{ConnectionId, Line, Loss, SeatState};
use crate::view;

/// Messages that may wait for a room. A page that sends more waits itself.
pub(crate) const INBOX: usize = 256;

/// Inputs between two snapshots. Higher makes a restart replay more, lower writes the whole room
/// more often.
const SNAPSHOT_EVERY: u32 = 200;

/// The longest the journal may take. A disk under load takes tenths of a second; beyond this it is
/// stuck, and a server that waits on would hold up every room without a word.
pub(crate) const JOURNAL_PATIENCE: Duration = Duration::from_secs(10);

/// A room that nobody is in ends after so long; one that nobody entered yet lasts as its links do.
const IDLE: Millis = Millis::from_secs(12 * 3_600);

/// What a room is told.
#[derive(Debug)]
pub(crate) enum ToRoom {
    /// A page opens a connection with a valid link.
    Join(Box<Join>),
    /// A page says something.
    Said { seat: Seat, connection: ConnectionId, said: Said },
    /// A page's connection is gone.
    Gone { seat: Seat, connection: ConnectionId, loss: Loss },
    /// The media plane lost a seat's session.
    MediaLost(Seat),
    /// A seat sends voice while its microphone is closed.
    MediaBlocked(Seat),
    /// The server stops: tell the pages.
    Stop(oneshot::Sender<()>),
}

/// A page that opens a connection.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) seat: Seat,
    pub(crate) connection: ConnectionId,
    pub(crate) language: palabre_ids::Language,
    pub(crate) resume: Option<palabre_wire::Resume>,
    pub(crate) outbox: Outbox,
}

/// What a page can say to its room.
#[derive(Debug)]
pub(crate) enum Said {
    Command { id: CommandId, command: palabre_wire::Command },
    Offer(palabre_wire::MediaOffer),
    View(Vec<palabre_wire::SeatView>),
    Leave,
}

/// What rooms share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: ServerClock,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) media: Arc<dyn MediaPlane>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Shared {
    /// Makes a change durable, or says within a bounded time that it is not known to be. On a disk
    /// that refuses, a room goes on: see [`Kept::Waiting`].
    pub(crate) async fn commit(
        &self,
        change: palabre_backup::Change,
    ) -> Result<Kept, JournalError> {
        timeout(JOURNAL_PATIENCE, self.journal.commit(change))
            .await
            .unwrap_or(Err(JournalError::TimedOut))
    }
}

/// What a room hears, and how it hears it.
pub(crate) struct Inlets {
    pub(crate) inbox: mpsc::Receiver<ToRoom>,
    /// Who is heard: the last word is enough, and it waits for nobody.
    pub(crate) speaking: watch::Receiver<Vec<Seat>>,
}

/// What a room cannot go on without has failed. Nothing can be promised any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The journal does not take what happens.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The media plane does not take who may send: a floor would be announced that is not in force.
    #[error("the media plane has stopped, or is stuck")]
    Media,
}

/// Why a room's task ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The session is over, or nobody came for long: it is forgotten.
    Over,
    /// The server stops: the room comes back with it.
    Stopped,
    /// The server must stop.
    Failed(Failure),
}

/// Whether a room goes on.
enum Next {
    Go,
    End(Outcome),
}

pub(crate) struct RoomTask {
    id: RoomId,
    shared: Shared,
    room: Room,
    about: About,
    last_input_at: UnixMillis,
    number: u64,
    since_snapshot: u32,
    history: History,
    seats: Vec<SeatState>,
    speaking: Vec<Seat>,
    /// The group of each seat in the gate that is in force.
    groups: Vec<Group>,
    entered: bool,
}

impl RoomTask {
    /// The task of a room whose inputs up to `number` the journal has.
    pub(crate) fn new(id: RoomId, shared: Shared, snapshot: Snapshot, number: u64) -> Self {
        let seats: Vec<_> = snapshot
            .room
            .people()
            .iter()
            .map(|person| {
                let last_command = CommandId(snapshot.last_command(person.seat));
                SeatState::new(last_command, shared.clock.now())
            })
            .collect();
        let Snapshot { room, about, last_input_at, last_commands: _ } = snapshot;
        let entered =
            room.people().iter().any(|person| person.presence != palabre_wire::Presence::Expected);
        Self {
            id,
            shared,
            entered,
            room,
            about,
            last_input_at,
            number,
            since_snapshot: 0,
            history: History::default(),
            groups: vec![Group::PLENARY; seats.len()],
            seats,
            speaking: Vec::new(),
        }
    }

    /// Runs the room to its end. `restarted` is set for a room out of the journal, with the last
    /// moment that the server before this one is known to have lived.
    pub(crate) async fn run(
        mut self,
        mut inlets: Inlets,
        restarted: Option<Option<UnixMillis>>,
    ) -> Outcome {
        let outcome = match self.live(&mut inlets, restarted).await {
            Ok(outcome) => outcome,
            Err(failure) => Outcome::Failed(failure),
        };
        let reason = match &outcome {
            Outcome::Over => ClosingReason::SessionEnded,
            Outcome::Stopped | Outcome::Failed(_) => ClosingReason::Restarting,
        };
        for seat in &mut self.seats {
            if let Line::Open { outbox, .. } = std::mem::take(&mut seat.line) {
                outbox.end(End::Closing(reason));
            }
        }
        // A server that failed ends, with all its media: it does not wait for a plane that is stuck.
        if !matches!(outcome, Outcome::Failed(_)) {
            self.media(|media, id| media.close_room(id)).await;
        }
        outcome
    }

    async fn live(
        &mut self,
        Inlets { inbox, speaking }: &mut Inlets,
        restarted: Option<Option<UnixMillis>>,
    ) -> Result<Outcome, Failure> {
        let seats = u8::try_from(self.seats.len()).expect("a room has at most MAX_SEATS seats");
        self.media(|media, id| media.open_room(id, seats)).await.ok_or(Failure::Media)?;
        let gate = self.room.gate_table();
        self.set_gate(gate).await?;
        let screen = self.room.state().screen;
        self.media(|media, id| media.set_screen(id, screen)).await;
        if let Some(down_since) = restarted {
            // A refusal (the session was over) changes nothing, and the room goes on as it is.
            let _ = self.apply(Input::Restarted { down_since }, None).await?;
        }
        loop {
            if self.room.phase().stage == palabre_wire::Stage::Ended {
                return self.forget().await;
            }
            let timer = self.next_timer();
            let next = tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.take(message).await?,
                    None => Next::End(Outcome::Stopped),
                },
                changed = speaking.changed() => match changed {
                    Ok(()) => {
                        self.heard(speaking.borrow_and_update().clone());
                        Next::Go
                    }
                    Err(_) => Next::End(Outcome::Stopped),
                },
                () = sleep_until(self.shared.clock.instant(timer)) => self.on_time().await?,
            };
            match next {
                Next::Go => {}
                Next::End(Outcome::Over) => return self.forget().await,
                Next::End(outcome) => return Ok(outcome),
            }
        }
    }

    async fn forget(&mut self) -> Result<Outcome, Failure> {
        let erased = palabre_backup::Change::Erase { room: self.id.clone() };
        self.shared.commit(erased).await?;
        Ok(Outcome::Over)
    }

    async fn take(&mut self, message: ToRoom) -> Result<Next, Failure> {
        match message {
            ToRoom::Join(join) => self.join(*join).await?,
            ToRoom::Said { seat, connection, said } => self.said(seat, connection, said).await?,
            ToRoom::Gone { seat, connection, loss } => self.gone(seat, connection, loss),
            ToRoom::MediaLost(seat) => self.media_lost(seat).await,
            ToRoom::MediaBlocked(seat) => {
                let _ = seat;
            }
            ToRoom::Stop(done) => {
                // Whoever stops the server may have given up waiting.
                let _ = done.send(());
                return Ok(Next::End(Outcome::Stopped));
            }
        }
        Ok(Next::Go)
    }

    // ---- time

    fn next_timer(&self) -> UnixMillis {
        let lost = self.seats.iter().filter_map(SeatState::due);
        let alone = self.seats.iter().filter_map(SeatState::media_due);
        lost.chain(alone).chain(self.room.poll_timeout()).fold(self.ends_unused_at(), Ord::min)
    }

    /// When the room ends if nobody comes.
    fn ends_unused_at(&self) -> UnixMillis {
        let in_use = self.seats.iter().any(|seat| matches!(seat.line, Line::Open { .. }));
        if in_use {
            UnixMillis(u64::MAX)
        } else if self.entered && !self.about.demo {
            (self.last_input_at + IDLE).min(self.about.links_expire_at)
        } else {
            self.about.links_expire_at
        }
    }

    async fn on_time(&mut self) -> Result<Next, Failure> {
        let now = self.shared.clock.now();
        if self.ends_unused_at() <= now {
            return Ok(Next::End(Outcome::Over));
        }
        for seat in self.all_seats() {
            if self.seats[seat.index()].end_media(now) {
                self.media(|media, id| media.close_seat(id, seat)).await;
            }
            if self.seats[seat.index()].due().is_some_and(|due| due <= now) {
                let alive = self.media_alive(seat).await;
                if self.seats[seat.index()].give_up(now, alive) {
                    self.shared.metrics.pages_lost.add();
                    // A seat that left meanwhile refuses; there is nobody to tell.
                    let _ = self.apply(Input::Disconnected { seat }, None).await?;
                }
            }
        }
        if self.room.poll_timeout().is_some_and(|due| due <= now) {
            let _ = self.apply(Input::Tick, None).await?;
        }
        Ok(Next::Go)
    }

    fn all_seats(&self) -> impl Iterator<Item = Seat> + use<> {
        (0..self.seats.len()).filter_map(|index| u8::try_from(index).ok()).map(Seat)
    }

    // ---- inputs and what follows from them

    /// Takes an input in. The inner result is the room's own.
    async fn apply(
        &mut self,
        input: Input,
        command: Option<u64>,
    ) -> Result<Result<(), Refusal>, Failure> {
        let at = self.shared.clock.now().max(self.last_input_at);
        let stage = self.room.phase().stage;
        let effects = match self.room.handle(at, input.clone()) {
            Ok(effects) => effects,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.last_input_at = at;
        self.number += 1;
        if let (Some(id), Input::Command { seat, .. }) = (command, &input) {
            self.seats[seat.index()].carried_out(CommandId(id));
        }
        self.remember(Entry { at, command, input }.change(self.id.clone(), self.number)).await?;
        self.carry_out(at, effects).await?;
        self.since_snapshot += 1;
        if self.since_snapshot >= SNAPSHOT_EVERY || self.room.phase().stage != stage {
            self.since_snapshot = 0;
            self.remember(self.snapshot().change(self.id.clone(), self.number)).await?;
        }
        Ok(Ok(()))
    }

    fn snapshot(&self) -> Snapshot {
        let last_commands =
            self.all_seats().map(|seat| (seat, self.seats[seat.index()].last_command().0));
        Snapshot {
            room: self.room.clone(),
            about: self.about.clone(),
            last_commands: last_commands.collect(),
            last_input_at: self.last_input_at,
        }
    }

    async fn remember(&self, change: palabre_backup::Change) -> Result<(), Failure> {
        let started = tokio::time::Instant::now();
        self.shared.commit(change).await?;
        self.shared.metrics.journal_commits.add();
        let waited = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.shared.metrics.journal_wait_microseconds.add_many(waited);
        Ok(())
    }

    async fn carry_out(&mut self, at: UnixMillis, effects: Effects) -> Result<(), Failure> {
        let mut events = Vec::new();
        let mut screen = None;
        for effect in effects {
            match effect {
                Effect::Rights(gate) => self.set_gate(gate).await?,
                Effect::Changed(part) => {
                    if part == Part::State {
                        screen = Some(self.room.state().screen);
                    }
                    events.extend(view::part(&self.room, part));
                }
                Effect::Chat(line) => events.push(RoomEvent::Chat(line)),
                Effect::CannotHear { seat } => events.push(RoomEvent::CannotHear { seat }),
                Effect::OutOfContract { seat } => events.push(RoomEvent::OutOfContract { seat }),
                Effect::Personal(_) | Effect::Erase => {}
                // The loop sees the room's stage.
                Effect::Ended => {}
            }
        }
        if let Some(seat) = screen {
            self.media(|media, id| media.set_screen(id, seat)).await;
        }
        for event in events {
            self.tell_everyone(at, event);
        }
        self.show_new_roles();
        Ok(())
    }

    /// Puts a gate in force. Without the plane's word for it nobody may be told of the floor behind
    /// it: the server stops, and with it everything that is forwarded.
    async fn set_gate(&mut self, gate: GateChange) -> Result<(), Failure> {
        let mut groups = vec![Group::PLENARY; self.seats.len()];
        for entry in &gate.table {
            if let Some(group) = groups.get_mut(entry.seat.index()) {
                *group = entry.group;
            }
        }
        match self.media(|media, id| media.set_gate(id, gate.epoch, gate.table)).await {
            Some(Ok(())) => {
                if std::mem::replace(&mut self.groups, groups) != self.groups {
                    self.tell_who_speaks();
                }
                Ok(())
            }
            Some(Err(MediaStopped)) | None => Err(Failure::Media),
        }
    }

    async fn media<T>(
        &self,
        call: impl for<'a> FnOnce(&'a dyn MediaPlane, &'a RoomId) -> MediaFuture<'a, T>,
    ) -> Option<T> {
        let call = call(self.shared.media.as_ref(), &self.id);
        match timeout(MEDIA_PATIENCE, call).await {
            Ok(done) => Some(done),
            Err(_) => {
                self.shared.metrics.media_timeouts.add();
                tracing::error!("the media plane did not answer in time");
                None
            }
        }
    }

    async fn media_alive(&self, seat: Seat) -> bool {
        self.media(|media, id| media.has_session(id, seat)).await.unwrap_or(false)
    }

    /// The media plane lost a seat's session.
    async fn media_lost(&mut self, seat: Seat) {
        // It may have been replaced since: the plane has the last word.
        if seat.index() >= self.seats.len() || self.media_alive(seat).await {
            return;
        }
        self.seats[seat.index()].media_lost(self.shared.clock.now());
        self.tell(seat, &ServerMessage::MediaLost);
    }

    fn heard(&mut self, speaking: Vec<Seat>) {
        self.speaking = speaking;
        self.tell_who_speaks();
    }

    fn tell_who_speaks(&mut self) {
        for seat in self.all_seats() {
            self.tell(seat, &self.speaking_near(seat));
        }
    }

    /// Who speaks in a seat's group: whether anybody does in another one is not its business.
    fn speaking_near(&self, seat: Seat) -> ServerMessage {
        let group = self.groups.get(seat.index());
        let near = |other: &&Seat| self.groups.get(other.index()) == group;
        ServerMessage::Speaking { seats: self.speaking.iter().filter(near).copied().collect() }
    }
}
