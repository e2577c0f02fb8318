//! One task owns one room: everything that happens to it passes through here, one thing at a time.
//!
//! What an input causes is carried out in one order: the journal has it, then the media plane's gate
//! follows (acknowledged), then everyone is told.

mod joining;
mod media;
mod moving;
mod pages;
mod standing;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use palabre_backup::{About, Entry, Journal, JournalError, Kept, Snapshot};
use palabre_ids::{Group, MediaRights, MediaSession, Millis, RoomId, Seat, UnixMillis};
use palabre_room::{Effect, Effects, Input, Part, Refusal, Room};
use palabre_wire::{ClosingReason, CommandId, RoomEvent, Stage};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::clock::ServerClock;
use crate::history::History;
use crate::media::MediaPlane;
use crate::metrics::Metrics;
use crate::news::Herald;
use crate::outbox::Outbox;
use crate::seat::{ConnectionId, Line, SeatState};
use crate::turn::Turn;
use crate::view;
use crate::voices::Voices;
pub(crate) use standing::stands_until;

/// Messages that may wait for a room. A page that sends more waits itself.
pub(crate) const INBOX: usize = 256;

/// Inputs between two snapshots. Higher makes a restart replay more, lower writes the whole room
/// more often.
const SNAPSHOT_EVERY: u32 = 200;

/// The longest the journal may take. A disk under load takes tenths of a second; beyond this it is
/// stuck, and a server that waits on would hold up every room without a word.
pub(crate) const JOURNAL_PATIENCE: Duration = Duration::from_secs(10);

/// A disk that refuses to erase a room is asked again after so long. Longer keeps what is to be gone.
const ERASE_AGAIN: Duration = Duration::from_secs(1);

/// A room that nobody is in ends after so long; one that nobody entered yet lasts as its links do.
const IDLE: Millis = Millis::from_secs(12 * 3_600);

/// What a room is told.
#[derive(Debug)]
pub(crate) enum ToRoom {
    /// A page opens a connection with a valid link.
    Join(Box<Join>),
    /// A page says its first thing after the hello: it has what it was answered.
    HasCome { seat: Seat, connection: ConnectionId },
    /// A page says something.
    Said { seat: Seat, connection: ConnectionId, said: Said },
    /// A page's connection is gone.
    Gone { seat: Seat, connection: ConnectionId },
    /// A seat's media can flow.
    MediaUp { seat: Seat, session: MediaSession, tunnel: Option<MediaSession> },
    /// The media plane lost a seat's session.
    MediaLost { seat: Seat, session: MediaSession },
    /// The credentials held out for a session's next path were used; here are those after them.
    NextIce { seat: Seat, session: MediaSession, next: palabre_wire::IceCredentials },
    /// A seat sends voice while its microphone is closed.
    MediaBlocked(Seat),
    /// Another process takes the room over: it goes at the next moment that costs little, and at
    /// this one at the latest.
    Move { until: UnixMillis },
    /// No process takes it over after all.
    Stay,
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
    Tunnel { on: bool },
    Recovered(palabre_wire::Recovered),
    Path(palabre_wire::PathReport),
    Estimate(palabre_wire::Estimate),
    Leave,
}

/// What rooms share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: ServerClock,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) media: Arc<dyn MediaPlane>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) news: Option<Arc<dyn Herald>>,
    pub(crate) turn: Option<Turn>,
}

impl Shared {
    /// Makes a change durable, or says within a bounded time that it is not known to be. On a disk
    /// that refuses, a room goes on: see [`Kept::Waiting`].
    #[tracing::instrument(name = "journal", skip_all)]
    pub(crate) async fn commit(
        &self,
        change: palabre_backup::Change,
    ) -> Result<Kept, JournalError> {
        let started = Instant::now();
        let _waiting = self.metrics.journal_under_way.begin();
        let kept = timeout(JOURNAL_PATIENCE, self.journal.commit(change))
            .await
            .unwrap_or(Err(JournalError::TimedOut));
        self.metrics.journal_commit.add(started.elapsed());
        if kept.is_err() {
            self.metrics.journal_failures.add();
        }
        kept
    }
}

/// What a room hears, and how it hears it.
pub(crate) struct Inlets {
    pub(crate) inbox: mpsc::Receiver<ToRoom>,
    /// Who is heard: the last word is enough, and it waits for nobody.
    pub(crate) speaking: watch::Receiver<Vec<Seat>>,
    /// Where it says that its session is over.
    pub(crate) over: Arc<AtomicBool>,
    /// Where it says for which seats the others wait, a bit each.
    pub(crate) first: Arc<AtomicU64>,
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
    /// The record's time is over, or nobody came for long: nothing is left of it.
    Erased,
    /// The server stops: the room comes back with it.
    Stopped,
    /// It is another process's to take: the journal has all of it. Whether its media were left to go on
    /// for a moment.
    Moved { media: bool },
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
    voices: Voices,
    /// The group of each seat in the gate that is in force.
    groups: Vec<Group>,
    /// What each seat may send by it.
    rights: Vec<MediaRights>,
    entered: bool,
    /// Whether the media plane has the room: not once the session is over.
    has_media: bool,
    /// Whether the journal has forgotten the room.
    erased: bool,
    /// Whether it is to go over to another process.
    leaving: Option<moving::Leaving>,
    /// Whether it was taken over from another process just now.
    standing: Option<standing::Standing>,
}

/// A room's task has ended, and its pages are still to be told.
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) pages: Vec<Parting>,
}

/// A page that is still to be told that its room's task has ended.
pub(crate) struct Parting {
    pub(crate) outbox: Outbox,
    /// Whether the others wait for this person.
    pub(crate) first: bool,
}

impl Ending {
    /// Why the pages' connections close.
    pub(crate) fn reason(&self) -> ClosingReason {
        match &self.outcome {
            Outcome::Erased => ClosingReason::SessionEnded,
            Outcome::Stopped | Outcome::Moved { .. } | Outcome::Failed(_) => {
                ClosingReason::Restarting
            }
        }
    }
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
        let voices = Voices::new(shared.clock.now());
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
            rights: vec![MediaRights::NONE; seats.len()],
            seats,
            voices,
            has_media: false,
            erased: false,
            leaving: None,
            standing: None,
        }
    }

    /// Runs the room to its end. `restarted` is set for a room out of the journal, with the last
    /// moment that the server before this one is known to have lived.
    pub(crate) async fn run(
        mut self,
        mut inlets: Inlets,
        restarted: Option<Option<UnixMillis>>,
    ) -> Ending {
        let outcome = match self.live(&mut inlets, restarted).await {
            Ok(outcome) => outcome,
            Err(failure) => Outcome::Failed(failure),
        };
        let first: Vec<Seat> = self.waited_for().collect();
        let lines = self.seats.iter_mut().map(|seat| std::mem::take(&mut seat.line));
        let mut pages: Vec<_> = (0..)
            .map(Seat)
            .zip(lines)
            .filter_map(|(seat, line)| match line {
                Line::Open { outbox, .. } => Some(Parting { outbox, first: first.contains(&seat) }),
                Line::None | Line::Lost { .. } => None,
            })
            .collect();
        // Who came in this very moment is told the same, and not that there is no room.
        inlets.inbox.close();
        while let Ok(message) = inlets.inbox.try_recv() {
            if let ToRoom::Join(join) = message {
                pages.push(Parting { outbox: join.outbox, first: first.contains(&join.seat) });
            }
        }
        Ending { outcome, pages }
    }

    async fn live(
        &mut self,
        Inlets { inbox, speaking, over, first }: &mut Inlets,
        restarted: Option<Option<UnixMillis>>,
    ) -> Result<Outcome, Failure> {
        if !self.is_over() {
            self.open_media().await?;
        }
        if let Some(down_since) = restarted {
            // A refusal changes nothing, and the room goes on as it is.
            let _ = self.apply(Input::Restarted { down_since }, None).await?;
        }
        // The server before may have ended between what happened and the news of it.
        if self.announce().await {
            self.remember(self.snapshot().change(self.id.clone(), self.number)).await?;
        }
        loop {
            over.store(self.is_over(), Ordering::Relaxed);
            let waited_for = self.waited_for().fold(0, |bits, seat| bits | 1 << seat.0);
            first.store(waited_for, Ordering::Relaxed);
            if self.erased || self.room.is_erased() {
                return self.forget().await;
            }
            if self.may_move(self.shared.clock.now()) {
                match self.move_out().await? {
                    Some(moved) => return Ok(moved),
                    None => continue,
                }
            }
            let timer = self.next_timer();
            let next = tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => match self.hold(message) {
                        Some(message) => self.take(message).await?,
                        None => Next::Go,
                    },
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
                Next::End(Outcome::Erased) => return self.forget().await,
                Next::End(outcome) => return Ok(outcome),
            }
        }
    }

    async fn forget(&mut self) -> Result<Outcome, Failure> {
        self.about.milestones.end(self.shared.clock.now());
        self.announce().await;
        self.erase().await?;
        Ok(Outcome::Erased)
    }

    /// Has the journal destroy everything of the room: once this returns no file holds any of it. On a
    /// disk that refuses it is tried until it is done, and until then nobody is told of it; the other
    /// rooms go on.
    async fn erase(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.erased, true) {
            return Ok(());
        }
        loop {
            let erased = palabre_backup::Change::Erase { room: self.id.clone() };
            match self.shared.commit(erased).await {
                Ok(_) => return Ok(()),
                Err(JournalError::Write(_)) => {
                    tracing::error!("the disk does not let go of a room that is to be erased");
                    sleep(ERASE_AGAIN).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Those without whom nobody goes on: who has the floor by their turn, and who holds the chair.
    fn waited_for(&self) -> impl Iterator<Item = Seat> + use<> {
        let speaker = self.room.floor().turn.map(|turn| turn.seat);
        speaker.into_iter().chain(self.room.state().chair)
    }

    fn is_over(&self) -> bool {
        self.room.phase().stage == Stage::Ended
    }

    async fn take(&mut self, message: ToRoom) -> Result<Next, Failure> {
        match message {
            ToRoom::Join(join) => self.join(*join).await?,
            ToRoom::HasCome { seat, connection } => self.has_come(seat, connection),
            ToRoom::Said { seat, connection, said } => self.said(seat, connection, said).await?,
            ToRoom::Gone { seat, connection } => self.gone(seat, connection).await,
            ToRoom::MediaUp { seat, session, tunnel } => self.media_up(seat, session, tunnel),
            ToRoom::MediaLost { seat, session } => self.media_lost(seat, session).await,
            ToRoom::NextIce { seat, session, next } => self.path_changed(seat, session, next),
            ToRoom::MediaBlocked(seat) => self.blocked(seat).await?,
            ToRoom::Move { until } => self.prepare_to_move(until),
            ToRoom::Stay => self.leaving = None,
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
        if let Some(until) = self.stands_until() {
            return until;
        }
        let lost = self.seats.iter().filter_map(SeatState::due);
        let alone = self.seats.iter().filter_map(SeatState::media_due);
        let room = self.room.poll_timeout();
        let voices = self.voices_due(room);
        let moves = self.moves_at();
        lost.chain(alone)
            .chain(moves)
            .chain(room)
            .chain(voices)
            .fold(self.ends_unused_at(), Ord::min)
    }

    /// When the room ends if nobody comes. A record that is kept has a time of its own.
    fn ends_unused_at(&self) -> UnixMillis {
        let in_use = self.seats.iter().any(|seat| matches!(seat.line, Line::Open { .. }));
        if in_use {
            UnixMillis(u64::MAX)
        } else if self.entered && !self.about.demo && !self.is_over() {
            (self.last_input_at + IDLE).min(self.about.links_expire_at)
        } else {
            self.about.links_expire_at
        }
    }

    async fn on_time(&mut self) -> Result<Next, Failure> {
        if self.stands() {
            self.stand_no_more().await?;
            return Ok(Next::Go);
        }
        let now = self.shared.clock.now();
        if self.ends_unused_at() <= now {
            return Ok(Next::End(Outcome::Erased));
        }
        for seat in self.all_seats() {
            if self.seats[seat.index()].end_media(now) {
                self.close_seat(seat).await;
            }
            if self.seats[seat.index()].due().is_some_and(|due| due <= now) {
                let silence = match self.room.takes_part_by_media(seat) {
                    true => self.silence(seat).await,
                    false => None,
                };
                if self.seats[seat.index()].give_up(now, silence) {
                    self.shared.metrics.pages_lost.add();
                    // A seat that left meanwhile refuses; there is nobody to tell.
                    let _ = self.apply(Input::Disconnected { seat }, None).await?;
                }
            }
        }
        if self.voices_due(self.room.poll_timeout()).is_some_and(|due| due <= now) {
            self.say_who_talked().await?;
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

    /// Takes an input in, after what was heard until then where the order matters. The inner result
    /// is the room's own.
    async fn apply(
        &mut self,
        input: Input,
        command: Option<u64>,
    ) -> Result<Result<(), Refusal>, Failure> {
        if self.voices_go_before(&input) {
            self.say_who_talked().await?;
        }
        self.take_in(input, command).await
    }

    async fn take_in(
        &mut self,
        input: Input,
        command: Option<u64>,
    ) -> Result<Result<(), Refusal>, Failure> {
        let decided = Instant::now();
        let at = self.now_for_the_room();
        let (stage, fate) = (self.room.phase().stage, self.room.state().record);
        let effects = match self.room.handle(at, input.clone()) {
            Ok(effects) => effects,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.last_input_at = at;
        self.number += 1;
        self.about.milestones.note(&self.room, at);
        if let (Some(id), Input::Command { seat, .. }) = (command, &input) {
            self.seats[seat.index()].carried_out(CommandId(id));
        }
        if effects.contains(&Effect::Erase) {
            // Behind it nothing is left that could tell it again.
            self.announce().await;
            // Nobody is told that it is gone while a file still holds it.
            self.erase().await?;
        } else {
            self.remember(Entry { at, command, input }.change(self.id.clone(), self.number))
                .await?;
        }
        self.carry_out(at, decided, effects).await?;
        self.stage_changed(stage).await;
        self.since_snapshot += 1;
        let ripe = self.since_snapshot >= SNAPSHOT_EVERY
            || self.room.phase().stage != stage
            || self.room.state().record != fate;
        if ripe && !self.erased {
            // Of a session that is over it holds the record alone: what was said goes with it.
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
        self.shared.commit(change).await?;
        Ok(())
    }

    async fn carry_out(
        &mut self,
        at: UnixMillis,
        decided: Instant,
        effects: Effects,
    ) -> Result<(), Failure> {
        let mut events = Vec::new();
        let mut screen = None;
        let mut personal = Vec::new();
        for effect in effects {
            match effect {
                Effect::Rights(gate) => self.set_gate(gate, decided).await?,
                Effect::Changed(part) => {
                    if part == Part::State {
                        screen = Some(self.room.state().screen);
                    }
                    events.extend(view::part(&self.room, part));
                }
                Effect::Chat(line) => events.push(RoomEvent::Chat(line)),
                Effect::CannotHear { seat } => events.push(RoomEvent::CannotHear { seat }),
                Effect::OutOfContract { seat } => events.push(RoomEvent::OutOfContract { seat }),
                Effect::Personal(seat) => personal.push(seat),
                // Done ahead of this, and seen by the room's stage.
                Effect::Erase | Effect::Ended => {}
            }
        }
        if let Some(seat) = screen.filter(|_| self.has_media) {
            self.media(|media, id| media.set_screen(id, seat)).await;
        }
        for event in events {
            self.tell_everyone(at, event);
        }
        for seat in personal {
            self.tell_personal(seat);
        }
        self.show_new_roles();
        Ok(())
    }
}
