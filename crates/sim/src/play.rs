//! One session, from the opened room to the end.

use std::sync::Arc;

use palabre_facilitation::{FloorPolicy, RoleSet, Template, Transition};
use palabre_ids::{Language, Millis, Role, Seat, UnixMillis};
use palabre_room::{Command, Input, PersonConfig, Room, RoomConfig};
use palabre_vocabulary::{Presence, Stage};

use crate::chair::Chair;
use crate::dice::Dice;
use crate::faults::{Fault, somebody_speaks};
use crate::group::gather;
use crate::seat::Person;
use crate::timeline::{Line, PhaseUse, Seen, Timeline};

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How many people speak, the facilitator included: 2 to 9.
    pub people: u8,
    /// Where chance begins.
    pub seed: u64,
    /// Whether people drop, come late and leave, the facilitator errs and the server restarts.
    pub mishaps: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// What happened, in order.
    pub lines: Vec<Line>,
    /// What each phase took.
    pub phases: Vec<PhaseUse>,
    /// What was wrong; nothing in a good session.
    pub faults: Vec<Fault>,
    /// How long it lasted, from the opened room.
    pub lasted: Millis,
}

/// When every room opens.
const OPENS: UnixMillis = UnixMillis(1_000_000_000);
/// A phase that nobody left in its longest time and this much more is a dead end.
const STUCK: Millis = Millis::from_secs(30 * 60);
/// A floor in which nobody could speak for this long is a mistake.
const MUTE: Millis = Millis::from_secs(30);
/// How many times chance may have its way before the simulation is what is wrong.
const MOST_STEPS: u32 = 400_000;

/// Plays a session.
#[must_use]
pub fn play(template: &Arc<Template>, plan: Plan) -> Played {
    let mut dice = Dice::new(plan.seed);
    let people = gather(template, plan.people, &mut dice);
    let config = RoomConfig {
        template: Arc::clone(template),
        language: Language::Fr,
        people: people.clone(),
    };
    let room = Room::new(OPENS, config.clone()).expect("the group is one a room can hold");
    let mut session = Play::new(room, &people, plan, dice);
    session.run();
    session.replay(config);
    let Play { timeline, mut faults, now, .. } = session;
    faults.dedup();
    Played { lines: timeline.lines, phases: timeline.phases, faults, lasted: now.since(OPENS) }
}

struct Play {
    room: Room,
    now: UnixMillis,
    plan: Plan,
    dice: Dice,
    people: Vec<Person>,
    chair: Chair,
    journal: Vec<(UnixMillis, Input)>,
    timeline: Timeline,
    faults: Vec<Fault>,
    seen: Seen,
    /// Since when the stage is the same.
    stage_since: UnixMillis,
    /// Since when nobody could speak in a floor that is no silence.
    mute_since: Option<UnixMillis>,
    restarts_at: Option<UnixMillis>,
}

impl Play {
    fn new(room: Room, group: &[PersonConfig], plan: Plan, mut dice: Dice) -> Self {
        let length = room.template().target().0;
        let people = (0..=u8::MAX)
            .map(Seat)
            .zip(group)
            .map(|(seat, config)| {
                let late = plan.mishaps && config.role != Role::Facilitator && dice.chance(120);
                let most = if late { length / 2 } else { 60_000 };
                Person::new(seat, OPENS + Millis(dice.between(500, most.max(1_000))), &mut dice)
            })
            .collect();
        let restarts = plan.mishaps && dice.chance(200);
        let restarts_at =
            restarts.then(|| OPENS + Millis(dice.between(60_000, length.max(120_000))));
        Self {
            timeline: Timeline::new(&room, OPENS),
            seen: Seen::of(&room),
            room,
            now: OPENS,
            plan,
            dice,
            people,
            chair: Chair::default(),
            journal: Vec::new(),
            faults: Vec::new(),
            stage_since: OPENS,
            mute_since: None,
            restarts_at,
        }
    }

    fn after(&self) -> Millis {
        self.now.since(OPENS)
    }

    fn run(&mut self) {
        for _ in 0..MOST_STEPS {
            if self.seen.stage == Stage::Ended || self.is_stuck() {
                return;
            }
            let person = self
                .people
                .iter()
                .enumerate()
                .filter_map(|(index, person)| person.wakes.map(|at| (at, index)))
                .min();
            let tick = self.room.poll_timeout();
            let person_at = person.map(|(at, _)| at);
            let Some(at) = [tick, person_at, self.restarts_at].into_iter().flatten().min() else {
                break;
            };
            if tick.is_some_and(|tick| tick + Millis::from_secs(1) < self.now) {
                let what = format!("it asks for a moment that is past, in {:?}", self.seen.stage);
                self.faults.push(Fault::Broken { what, after: self.after() });
                return;
            }
            self.now = self.now.max(at);
            if self.restarts_at == Some(at) {
                self.restarts_at = None;
                self.restart();
            } else if tick == Some(at) {
                let _done = self.give(Input::Tick);
            } else if let Some((_, index)) = person {
                self.wake(index);
            }
        }
        if self.seen.stage != Stage::Ended {
            let after = self.after();
            self.faults.push(Fault::DeadEnd { phase: self.phase_id(), after });
        }
    }

    fn phase_id(&self) -> Option<String> {
        match self.seen.stage {
            Stage::Running { index } => {
                Some(self.room.template().phases[usize::from(index)].id.clone())
            }
            Stage::Lobby | Stage::Ended => None,
        }
    }

    fn is_stuck(&mut self) -> bool {
        let most = match self.seen.stage {
            Stage::Running { index } => self.room.template().phases[usize::from(index)].max,
            Stage::Lobby | Stage::Ended => Millis::ZERO,
        };
        let stuck = self.now.since(self.stage_since) > most + STUCK;
        if stuck {
            let fault = Fault::DeadEnd { phase: self.phase_id(), after: self.after() };
            self.faults.push(fault);
        }
        stuck
    }

    /// Gives the room an input, and looks at what came of it.
    fn give(&mut self, input: Input) -> bool {
        let by_itself = matches!(input, Input::Tick);
        let in_round = self.in_a_round() && self.ends_over_people();
        if self.room.handle(self.now, input.clone()).is_err() {
            return false;
        }
        self.journal.push((self.now, input));
        let after = Seen::of(&self.room);
        if after.stage != self.seen.stage {
            self.stage_since = self.now;
            self.mute_since = None;
            let chair_is_here = self.room.state().chair.is_some();
            if by_itself
                && chair_is_here
                && in_round
                && self.seen.turn.is_some()
                && let Some(phase) = self.phase_id()
            {
                self.faults.push(Fault::TurnCut { phase, after: self.after() });
            }
        }
        if let (Some((before, _)), Some((now, _))) = (self.seen.turn, after.turn)
            && now < before
        {
            let what = format!("turn {} came after turn {}", now.0, before.0);
            self.faults.push(Fault::Broken { what, after: self.after() });
        }
        if after != self.seen {
            self.timeline.tell(&self.room, &self.seen, &after);
            self.seen = after;
        }
        self.look_who_speaks();
        true
    }

    fn in_a_round(&self) -> bool {
        let Stage::Running { index } = self.seen.stage else { return false };
        let kind = self.room.floor().policy;
        let steps = &self.room.template().phases[usize::from(index)].steps;
        let step = steps.iter().find(|step| step.floor.kind() == kind);
        step.is_some_and(|step| step.floor.round().is_some())
    }

    /// Whether the phase ends by its clock, or by an agreement that may come before everyone spoke.
    /// A vote is different: once it is decided, whoever comes late has nothing to pitch for.
    fn ends_over_people(&self) -> bool {
        let Stage::Running { index } = self.seen.stage else { return false };
        self.room.template().phases[usize::from(index)].transition != Transition::Vote
    }

    /// A floor in which nobody of those who take part could ever speak is a mistake of the template.
    fn look_who_speaks(&mut self) {
        let Stage::Running { index } = self.seen.stage else { return };
        let phase = &self.room.template().phases[usize::from(index)];
        let kind = self.room.floor().policy;
        let floors =
            phase.steps.iter().map(|step| &step.floor).filter(|floor| floor.kind() == kind);
        let takes_part = |presence: &Presence| !matches!(presence, Presence::Left);
        let group: RoleSet = self
            .room
            .people()
            .iter()
            .filter(|person| takes_part(&person.presence))
            .map(|person| person.role)
            .collect();
        let floors: Vec<&FloorPolicy> = floors.collect();
        if floors.iter().any(|floor| somebody_speaks(floor, group)) {
            self.mute_since = None;
            return;
        }
        let since = *self.mute_since.get_or_insert(self.now);
        if self.now.since(since) > MUTE {
            let floor = phase.steps.iter().position(|step| step.floor.kind() == kind);
            let floor = floor.map_or(1, |index| index + 1);
            let fault = Fault::NobodySpeaks { phase: phase.id.clone(), floor };
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
    }

    /// The server is gone for a while, and everybody comes back to it.
    fn restart(&mut self) {
        let down = Millis(self.dice.between(2_000, 30_000));
        let down_since = Some(self.now);
        self.now = self.now + down;
        self.timeline.say(self.now, "the server restarts");
        let _done = self.give(Input::Restarted { down_since });
        for index in 0..self.people.len() {
            if self.people[index].connected {
                self.people[index].connected = false;
                let back = self.now + Millis(self.dice.between(300, 20_000));
                self.people[index].wakes = Some(back);
            }
        }
    }

    fn wake(&mut self, index: usize) {
        let seat = self.people[index].seat;
        if !self.people[index].connected {
            self.people[index].connected = self.give(Input::Connected { seat, resumed: true });
            let again = Millis(self.dice.between(500, 3_000));
            self.people[index].wakes = Some(self.now + again);
            return;
        }
        if self.mishap(index) {
            return;
        }
        let state = self.room.state();
        if state.chair == Some(seat) {
            if let Some(command) = self.chair.act(&self.room, self.plan.mishaps, &mut self.dice) {
                let _answer = self.give(Input::Command { seat, command });
            }
        } else if seat == Seat(0) && self.dice.chance(200) {
            let _answer = self.give(Input::Command { seat, command: Command::TakeChair });
        }
        let deed = self.people[index].act(&self.room, &mut self.dice);
        self.people[index].wakes = Some(deed.next.max(self.now + Millis(200)));
        for command in deed.commands {
            let _answer = self.give(Input::Command { seat, command });
        }
        self.be_heard();
    }

    /// Who has the floor is heard, for the balance of speech.
    fn be_heard(&mut self) {
        if self.dice.chance(150)
            && let Some((_, seat)) = self.seen.turn
        {
            let voices = vec![(seat, Millis(self.dice.between(500, 5_000)))];
            let _told = self.give(Input::Talked { voices });
        }
    }

    /// Somebody drops, for a moment or for minutes; more rarely a peer leaves for good.
    fn mishap(&mut self, index: usize) -> bool {
        if !self.plan.mishaps || self.seen.stage == Stage::Ended {
            return false;
        }
        let seat = self.people[index].seat;
        let away = match self.dice.between(0, 999) {
            0..=3 => self.dice.between(100, 900),
            4..=5 => self.dice.between(2_000, 30_000),
            6 => self.dice.between(60_000, 240_000),
            7 if self.dice.chance(100) && self.peers_here() > 2 && self.is_a_peer(seat) => {
                let _left = self.give(Input::Left { seat });
                self.people[index].wakes = None;
                return true;
            }
            _ => return false,
        };
        let _lost = self.give(Input::Disconnected { seat });
        self.people[index].connected = false;
        self.people[index].wakes = Some(self.now + Millis(away));
        true
    }

    fn is_a_peer(&self, seat: Seat) -> bool {
        self.room.person(seat).is_some_and(|person| person.role == Role::Consultant)
    }

    fn peers_here(&self) -> usize {
        let here = |presence: &Presence| *presence == Presence::Here;
        self.room
            .people()
            .iter()
            .filter(|person| person.role == Role::Consultant && here(&person.presence))
            .count()
    }

    /// A new room that is given the same inputs is the same room.
    fn replay(&mut self, config: RoomConfig) {
        let mut again = Room::new(OPENS, config).expect("it was a room before");
        let same = self.journal.drain(..).all(|(at, input)| again.handle(at, input).is_ok())
            && again == self.room;
        if !same {
            let what = "replayed, it is another room".to_owned();
            self.faults.push(Fault::Broken { what, after: self.after() });
        }
    }
}
