//! The room itself: its state, and the way of an input through it.

use std::collections::VecDeque;
use std::sync::Arc;

use palabre_facilitation::{Member, Scene, Template, speaks};
use palabre_ids::{Epoch, Language, MAX_SEATS, Role, Seat, UnixMillis};
use palabre_vocabulary::{ChatLine, Command, Drill, DropRecord, HelpLine, Refusal, VoteResult};
use serde::{Deserialize, Serialize};

use crate::over::Over;
use crate::people::{Chair, People};
use crate::personal::Notes;
use crate::record::Record;
use crate::session::Session;
use crate::talk::Talk;
use crate::{ConfigError, Effect, Effects, Input, MAX_SPEAKERS, Part, RoomConfig};

/// One room, from the first link opened to the end of the session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Room {
    pub(crate) template: Arc<Template>,
    pub(crate) language: Language,
    pub(crate) people: People,
    pub(crate) progress: Progress,
    pub(crate) chair: Chair,
    /// Who takes the chair if its holder drops and no co-facilitator is here.
    pub(crate) backup: Option<Seat>,
    pub(crate) screen: Option<Seat>,
    pub(crate) chat: VecDeque<ChatLine>,
    pub(crate) help: VecDeque<HelpLine>,
    pub(crate) drops: VecDeque<DropRecord>,
    pub(crate) talk: Talk,
    pub(crate) record: Record,
    pub(crate) notes: Notes,
    /// The votes that were closed.
    pub(crate) results: VecDeque<VoteResult>,
    pub(crate) epoch: Epoch,
    /// The last moment the room was told.
    pub(crate) now: UnixMillis,
}

/// How far the session is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Progress {
    Lobby { drill: Option<Drill> },
    Running(Box<Session>),
    Over(Over),
}

/// What an operation on the floor is told, of the room around the session.
struct Backdrop {
    template: Arc<Template>,
    cast: Vec<Member>,
    talk: Vec<(Seat, u32)>,
    now: UnixMillis,
    by_itself: bool,
}

impl Backdrop {
    fn scene(&self, session: &Session) -> Scene<'_> {
        Scene {
            phase: session.phase(&self.template),
            cast: &self.cast,
            now: self.now,
            paused: session.floor_stands(),
            waiting: session.pauses.recovery.is_some() || session.in_writing.is_some(),
            hold: self.template.drops.speaker,
            by_itself: self.by_itself,
            talk: &self.talk,
        }
    }
}

impl Room {
    /// A room in its lobby: nobody is here yet, and the facilitator has the chair.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(now: UnixMillis, config: RoomConfig) -> Result<Self, ConfigError> {
        let RoomConfig { template, language, people } = config;
        let count = |wanted: Role| people.iter().filter(|person| person.role == wanted).count();
        if people.len() > usize::from(MAX_SEATS) {
            return Err(ConfigError::TooManyPeople);
        }
        if people.iter().filter(|person| speaks(person.role)).count() > MAX_SPEAKERS {
            return Err(ConfigError::TooManySpeakers);
        }
        if count(Role::Client) > 1 {
            return Err(ConfigError::Clients(count(Role::Client)));
        }
        if people.iter().any(|person| person.expert && person.role != Role::Consultant) {
            return Err(ConfigError::ExpertRole);
        }
        let facilitators = count(Role::Facilitator);
        let people = People::new(people);
        let Some(seat) = people.facilitator().filter(|_| facilitators == 1) else {
            return Err(ConfigError::Facilitators(facilitators));
        };
        Ok(Self {
            template,
            language,
            people,
            progress: Progress::Lobby { drill: None },
            chair: Chair::Held { seat, until: None },
            backup: None,
            screen: None,
            chat: VecDeque::new(),
            help: VecDeque::new(),
            drops: VecDeque::new(),
            talk: Talk::default(),
            record: Record::default(),
            notes: Notes::default(),
            results: VecDeque::new(),
            epoch: Epoch::default(),
            now,
        })
    }

    /// Takes an input in, after everything that was due by `now`. A `now` before the last one counts
    /// as the last one.
    ///
    /// # Errors
    /// See [`Refusal`]; the room is unchanged then, and what was due is done at the next tick.
    pub fn handle(&mut self, now: UnixMillis, input: Input) -> Result<Effects, Refusal> {
        let mut next = self.clone();
        let restarted = matches!(input, Input::Restarted { .. });
        let mut said = None;
        let given_back = matches!(
            input,
            Input::Command { command: Command::ReleaseFloor | Command::YieldFloor { .. }, .. }
        );
        if let Input::Restarted { down_since } = input {
            // What was due while the server was down is not due: its clocks stood.
            next.advance(down_since.unwrap_or(self.now).min(now));
            let stopped = next.now;
            next.now = next.now.max(now);
            next.restarted(stopped);
            next.settle();
        } else {
            next.advance(now);
            said = next.step(|room| room.take_in(input), given_back)?;
        }
        next.advance(now);
        let effects = next.changes_from(self, restarted, said);
        *self = next;
        Ok(effects)
    }

    /// The next moment at which [`Input::Tick`] must be given, if any.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<UnixMillis> {
        self.next_timer().map(|(at, _)| at)
    }

    /// Lets everything happen that is due by `now`, each at its own time.
    fn advance(&mut self, now: UnixMillis) {
        while let Some((at, timer)) = self.next_timer().filter(|(at, _)| *at <= now) {
            self.count_entitlement(at);
            self.now = self.now.max(at);
            self.step(|room| room.fire(timer), false);
        }
        self.count_entitlement(now);
        self.now = self.now.max(now);
    }

    /// Lets one thing happen, and what follows from it by itself. With `given_back`, a turn that
    /// ends was given back.
    fn step<T>(&mut self, act: impl FnOnce(&mut Self) -> T, given_back: bool) -> T {
        let before = self.floor_before();
        let done = act(self);
        self.note_floor(&before, given_back);
        let before = self.floor_before();
        self.settle();
        self.note_floor(&before, false);
        done
    }

    /// Carries an input out; answers what was said, if it said something.
    fn take_in(&mut self, input: Input) -> Result<Option<Effect>, Refusal> {
        match input {
            Input::Connected { seat, resumed } => self.connected(seat, resumed)?,
            Input::Disconnected { seat } => self.disconnected(seat)?,
            Input::Left { seat } => self.left(seat)?,
            Input::Command { seat, command } => return self.command(seat, command),
            Input::Talked { voices } => self.talked(&voices)?,
            Input::Blocked { seat } => self.blocked_at(seat)?,
            Input::Recovered { seat, rung, cause, gap } => {
                self.recovered(seat, rung, cause, gap)?;
            }
            Input::Tick | Input::Restarted { .. } => {}
        }
        Ok(None)
    }

    /// What must be carried out to come from `before` to here.
    fn changes_from(&mut self, before: &Self, restarted: bool, said: Option<Effect>) -> Effects {
        let mut effects = self.gate_changes(before, restarted);
        for (seat, _) in self.people.iter() {
            if self.person(seat) != before.person(seat) {
                effects.push(Effect::Changed(Part::Person(seat)));
            }
        }
        if self.phase() != before.phase() {
            effects.push(Effect::Changed(Part::Phase));
        }
        if self.floor() != before.floor() {
            effects.push(Effect::Changed(Part::Floor));
        }
        if self.state() != before.state() {
            effects.push(Effect::Changed(Part::State));
        }
        if self.votes() != before.votes() {
            effects.push(Effect::Changed(Part::Votes));
        }
        let entries = self.record.changed_since(&before.record);
        effects.extend(entries.into_iter().map(|id| Effect::Changed(Part::Entry(id))));
        let seats = self.people.iter().map(|(seat, _)| seat);
        let personal = seats.filter(|seat| self.personal_changed(before, *seat));
        effects.extend(personal.map(Effect::Personal));
        effects.extend(said);
        if self.is_over() && !before.is_over() {
            effects.push(Effect::Ended);
        }
        if self.is_erased() && !before.is_erased() {
            effects.push(Effect::Erase);
        }
        effects
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.progress {
            Progress::Running(session) => Some(session),
            Progress::Lobby { .. } | Progress::Over(_) => None,
        }
    }

    /// Lets `act` work on the running session and its floor.
    pub(crate) fn with_session<T>(
        &mut self,
        act: impl FnOnce(&mut Session, Scene<'_>) -> T,
    ) -> Result<T, Refusal> {
        let backdrop = self.backdrop();
        let Progress::Running(session) = &mut self.progress else {
            return Err(self.not_running());
        };
        let scene = backdrop.scene(session);
        Ok(act(session, scene))
    }

    /// Reads the running session and its floor.
    pub(crate) fn in_scene<T>(&self, read: impl FnOnce(&Session, Scene<'_>) -> T) -> Option<T> {
        let session = self.session()?;
        Some(read(session, self.backdrop().scene(session)))
    }

    fn backdrop(&self) -> Backdrop {
        Backdrop {
            template: Arc::clone(&self.template),
            cast: self.people.cast(),
            talk: self.talk_ranks(),
            now: self.now,
            by_itself: self.chair == Chair::Nobody,
        }
    }

    /// The same when it does not matter that the session is not on.
    pub(crate) fn if_running(&mut self, act: impl FnOnce(&mut Session, Scene<'_>)) {
        let _not_running = self.with_session(act);
    }

    pub(crate) fn not_running(&self) -> Refusal {
        match self.progress {
            Progress::Lobby { .. } | Progress::Running(_) => Refusal::NotStarted,
            Progress::Over(_) => Refusal::Ended,
        }
    }
}
