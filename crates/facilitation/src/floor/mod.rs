//! Who has the floor in a phase, and who comes next. One turn at a time, ever: [`Floor`] holds one
//! `Option`. In a circle as many speak as it has seats, and in a breakout each group by itself.
//!
//! Every operation is told the [`Scene`] and ends with the floor settled: whoever is next has the
//! turn, if somebody who is here is. After [`Floor::hold`] and [`Floor::unhold`] of somebody the room
//! settles it, once its own clocks are right.

mod acts;
mod circle;
mod flow;
mod groups;
mod rules;
mod share;

use std::collections::BTreeMap;

use palabre_ids::{Group, Millis, Role, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use palabre_vocabulary::{Clock, Firmness};

use crate::{FloorPolicy, Hands, Part, Phase, Step, Turn, speaks};
use circle::Circle;
use groups::Groups;
use rules::{answerer, goes_on_in, may_have};

/// Somebody of the room, as the floor sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Their seat.
    pub seat: Seat,
    /// Their part.
    pub role: Role,
    /// Whether they are an expert of the subject.
    pub expert: bool,
    /// Whether they can be given the floor now.
    pub here: bool,
    /// Whether they came and have not left: a place in a round is kept for them.
    pub joined: bool,
}

/// What an operation on the floor has to know.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The phase.
    pub phase: &'a Phase,
    /// Everyone, ascending by seat.
    pub cast: &'a [Member],
    /// The time.
    pub now: UnixMillis,
    /// Whether clocks stand.
    pub paused: bool,
    /// Whether nothing goes on by itself: the room waits for people to come back.
    pub waiting: bool,
    /// How long a speaker's place is kept.
    pub hold: Millis,
    /// Whether nobody holds the chair: what the chair would choose follows its order.
    pub by_itself: bool,
    /// How much each spoke so far for what they were entitled to, in thousandths of it; who is left
    /// out did not speak.
    pub talk: &'a [(Seat, u32)],
}

/// Why the floor refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloorRefusal {
    /// The seat does not hold the floor.
    NotYourTurn,
    /// Not under this policy, or not for this role.
    NotInThisPhase,
    /// The hand is up, or the floor is held, already.
    AlreadyAsked,
    /// No hand is up.
    NothingToCancel,
    /// That person cannot be given the floor now.
    NotEligible,
    /// There is nothing to take or to skip.
    NoChange,
}

/// Something that happens to the floor when its time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FloorTimer {
    /// The grace is over.
    Cut,
    /// The place of a speaker who is away is kept no longer.
    Hold,
    /// The place in the circle of somebody who is away is kept no longer.
    Circle,
    /// Somebody was alone in their group for long enough.
    Alone,
    /// The last round is held no longer for those who are away.
    Round,
    /// The step's time is over.
    Step,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Its holder was heard: in a pair, a question wants its answer.
    Heard,
    /// Its holder asked somebody by name.
    Asked(Seat),
    /// Its holder let it go by.
    Passed,
    /// Its holder dropped, and what is left is theirs.
    Dropped,
    /// It was taken.
    Taken,
}

/// The floor of a session; it lives through all the phases, so that no turn's number comes twice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Floor {
    step: usize,
    step_began: UnixMillis,
    step_clock: Option<Clock>,
    turn: Option<Turn>,
    hands: Hands,
    /// Who had their place in this step.
    done: Vec<Seat>,
    /// How many turns each had in this phase.
    turns_had: BTreeMap<Seat, u32>,
    /// Whether somebody took their place in this round, and did not let it go by.
    spoken: bool,
    /// The chair took the floor: nobody is next until the chair says so.
    resting: bool,
    turns: u64,
    circle: Circle,
    groups: Groups,
    owed: Owed,
}

/// What the phase's last round owes to those who are away when everyone here had their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Owed {
    /// Nothing.
    #[default]
    Nothing,
    /// To wait for them.
    Waiting(Clock),
    /// Nothing any more: they were waited for.
    Waited,
}

impl Floor {
    /// The turn going on.
    #[must_use]
    pub fn turn(&self) -> Option<&Turn> {
        self.turn.as_ref()
    }

    /// The hands, in the one order.
    #[must_use]
    pub fn hands(&self) -> &Hands {
        &self.hands
    }

    /// The clock of the step, when it has one of its own.
    #[must_use]
    pub fn step_clock(&self) -> Option<Clock> {
        self.step_clock
    }

    /// The step of the phase.
    #[must_use]
    pub fn step<'a>(&self, phase: &'a Phase) -> &'a Step {
        &phase.steps[self.step]
    }

    /// Whether the policy lets somebody of `role` in `seat` speak.
    #[must_use]
    pub fn may_speak(&self, phase: &Phase, seat: Seat, role: Role) -> bool {
        match &self.step(phase).floor {
            FloorPolicy::Open { seats: Some(_), .. } => self.circle.contains(seat),
            FloorPolicy::Open { who, seats: None, .. } => who.contains(role),
            FloorPolicy::Breakout { .. } => speaks(role),
            _ => self.holds(seat),
        }
    }

    /// Who is in the circle, the longest there first; nobody where there is none.
    #[must_use]
    pub fn circle(&self) -> Vec<Seat> {
        self.circle.seats().collect()
    }

    /// The breakout groups, each with its seats, ascending; none in the plenary.
    #[must_use]
    pub fn groups(&self) -> &[(Group, Vec<Seat>)] {
        self.groups.shown()
    }

    /// Who had a turn of their own in this phase and did not let it go by, ascending by seat.
    #[must_use]
    pub fn pitched(&self) -> Vec<Seat> {
        self.turns_had.iter().filter(|(_, turns)| **turns > 0).map(|(seat, _)| *seat).collect()
    }

    /// Whether everyone had their place in the phase's last round, or its last holder released:
    /// there is nothing more to come by itself. Those who are away were waited for as long as for a
    /// speaker.
    #[must_use]
    pub fn is_over(&self, scene: Scene<'_>) -> bool {
        self.is_last(scene.phase)
            && self.turn.is_none()
            && !self.resting
            && self.step_is_over(scene)
            && !matches!(self.owed, Owed::Waiting(_))
    }

    /// Whether a hand of `role` is taken, in this step or for one after it.
    #[must_use]
    pub fn takes_request_of(&self, phase: &Phase, role: Role) -> bool {
        phase.steps[self.step..].iter().any(|step| step.floor.takes_request_of(role))
    }

    /// Who is still to speak in this round, in order.
    #[must_use]
    pub fn upcoming(&self, phase: &Phase, cast: &[Member]) -> Vec<Seat> {
        self.round(phase, cast).iter().map(|member| member.seat).collect()
    }

    /// The next moment at which [`Floor::fire`] must be called, and for what.
    #[must_use]
    pub fn next_timer(&self, phase: &Phase) -> Option<(UnixMillis, FloorTimer)> {
        let turn = self.turn.as_ref();
        let cut = turn.and_then(Turn::cut_at).filter(|_| phase.firmness == Firmness::Enforce);
        let owed = match self.owed {
            Owed::Waiting(clock) => clock.deadline(),
            Owed::Nothing | Owed::Waited => None,
        };
        [
            (cut, FloorTimer::Cut),
            (turn.and_then(Turn::held_until), FloorTimer::Hold),
            (self.circle.next_timer(), FloorTimer::Circle),
            (self.groups.next_timer(), FloorTimer::Alone),
            (owed, FloorTimer::Round),
            (self.step_clock.and_then(Clock::deadline), FloorTimer::Step),
        ]
        .into_iter()
        .filter_map(|(at, timer)| at.map(|at| (at, timer)))
        .min()
    }

    /// What had to happen now happens.
    pub fn fire(&mut self, timer: FloorTimer, scene: Scene<'_>) {
        match timer {
            FloorTimer::Cut => self.end_turn(Ending::Heard, scene),
            FloorTimer::Hold => self.end_turn(Ending::Dropped, scene),
            FloorTimer::Circle => {
                for seat in self.circle.let_go(scene.now) {
                    self.hands.raise_first(seat, scene.now);
                }
            }
            // Settling joins them with others.
            FloorTimer::Alone => {}
            FloorTimer::Round => self.owed = Owed::Waited,
            FloorTimer::Step => self.next_step(scene),
        }
        self.settle(scene);
    }

    /// A phase begins.
    pub fn begin(&mut self, scene: Scene<'_>) {
        let mut groups = std::mem::take(&mut self.groups);
        groups.end();
        *self = Self { turns: self.turns, groups, ..Self::default() };
        self.begin_step(0, scene);
        self.settle(scene);
    }

    /// The person is away. If they hold the floor its clock stands and their place is kept, as a
    /// place in the circle is; with `kept`, for as long as something greater than the speaker's own
    /// hold keeps it.
    pub fn hold(&mut self, seat: Seat, since: UnixMillis, kept: bool) {
        self.circle.hold(seat, since, kept);
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.seat == seat) {
            turn.hold(since, kept);
        }
    }

    /// The person is here again.
    pub fn unhold(&mut self, seat: Seat, scene: Scene<'_>) {
        self.circle.unhold(seat, scene.now);
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.seat == seat) {
            turn.unhold(scene.now);
            if !scene.paused {
                turn.run(scene.now);
            }
        }
        self.settle(scene);
    }

    /// The kept turn, or place in the circle, of somebody who did not come back passes on.
    pub fn pass_on(&mut self, seat: Seat, scene: Scene<'_>) {
        if self.turn.as_ref().is_some_and(|turn| turn.seat == seat && turn.is_held()) {
            self.end_turn(Ending::Dropped, scene);
        }
        if self.circle.let_go_of(seat) {
            self.hands.raise_first(seat, scene.now);
        }
        self.settle(scene);
    }

    /// The clocks stand since `at`.
    pub fn pause(&mut self, at: UnixMillis) {
        self.step_clock = self.step_clock.map(|clock| clock.paused_at(at.max(self.step_began)));
        self.groups.pause(at);
        if let Owed::Waiting(clock) = &mut self.owed {
            *clock = clock.paused_at(at);
        }
        if let Some(turn) = &mut self.turn {
            turn.pause(at);
        }
    }

    /// The clocks run again.
    pub fn resume(&mut self, now: UnixMillis) {
        self.step_began = now;
        self.step_clock = self.step_clock.map(|clock| clock.running_from(now));
        self.groups.resume(now);
        if let Owed::Waiting(clock) = &mut self.owed {
            *clock = clock.running_from(now);
        }
        if let Some(turn) = &mut self.turn {
            turn.run(now);
        }
    }

    /// Whoever is next has the turn; a step that is over makes room for the next.
    pub fn settle(&mut self, scene: Scene<'_>) {
        self.tidy(scene);
        if scene.waiting {
            return;
        }
        while self.turn.is_none() && !self.resting {
            if let Some((member, part, resume)) = self.pick(scene) {
                self.start_turn(member, part, resume, scene);
            } else if self.goes_round_again(scene) {
                self.done.clear();
                self.spoken = false;
            } else if !self.is_last(scene.phase) && self.step_is_over(scene) {
                self.next_step(scene);
            } else {
                break;
            }
        }
        self.fill_circle(scene);
        if let FloorPolicy::Breakout { size, mix } = self.step(scene.phase).floor {
            self.groups.settle(size, mix, scene);
        }
        self.wait_for_the_owed(scene);
    }

    /// Takes away what no longer fits: somebody's role changed, they left, or the step did.
    pub(super) fn tidy(&mut self, scene: Scene<'_>) {
        let phase = scene.phase;
        let role_of =
            |seat| scene.cast.iter().find(|member| member.seat == seat).map(|member| member.role);
        let policy = &self.step(phase).floor;
        if let Some(turn) = &mut self.turn {
            let policy = &phase.steps[turn.step].floor;
            if !role_of(turn.seat).is_some_and(|role| may_have(policy, role, turn.part)) {
                self.end_turn(Ending::Taken, scene);
            } else if turn.part == Part::Ask {
                turn.partner = answerer(policy, scene.cast).map(|member| member.seat);
            }
        }
        let step = self.step;
        self.hands.retain(|hand| {
            role_of(hand.seat).is_some_and(|role| match hand.resume {
                Some(resume) => goes_on_in(phase, step, role, resume).is_some(),
                None => phase.steps[step..].iter().any(|step| step.floor.takes_request_of(role)),
            })
        });
        let sits = |seat| {
            scene.cast.iter().any(|member| {
                member.seat == seat && member.joined && policy.takes_request_of(member.role)
            })
        };
        self.circle.retain(sits);
    }
}
