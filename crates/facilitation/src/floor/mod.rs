//! Who has the floor in a phase, and who comes next. One turn at a time, ever: [`Floor`] holds one
//! `Option`.
//!
//! Every operation is told the [`Scene`] and ends with the floor settled: whoever is next has the
//! turn, if somebody who is here is.

mod flow;
mod rules;

use std::collections::BTreeMap;

use palabre_ids::{Millis, Role, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use palabre_vocabulary::{Clock, Firmness};

use crate::{FloorPolicy, Hands, Part, Phase, Step, Turn};
use rules::{answerer, can_start, part_of, same_kind};

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
    /// The step's time is over.
    Step,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Its holder was heard: in a pair, a question wants its answer.
    Heard,
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
    /// The chair took the floor: nobody is next until the chair says so.
    resting: bool,
    turns: u64,
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

    /// Whether the policy lets `seat` speak.
    #[must_use]
    pub fn may_speak(&self, phase: &Phase, seat: Seat) -> bool {
        match self.step(phase).floor {
            FloorPolicy::Open { .. } => true,
            _ => self.turn.as_ref().is_some_and(|turn| turn.seat == seat),
        }
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
        let hold = turn.and_then(Turn::held_until);
        let step = self.step_clock.and_then(Clock::deadline);
        [(cut, FloorTimer::Cut), (hold, FloorTimer::Hold), (step, FloorTimer::Step)]
            .into_iter()
            .filter_map(|(at, timer)| at.map(|at| (at, timer)))
            .min()
    }

    /// What had to happen now happens.
    pub fn fire(&mut self, timer: FloorTimer, scene: Scene<'_>) {
        match timer {
            FloorTimer::Cut => self.end_turn(Ending::Heard, scene),
            FloorTimer::Hold => self.end_turn(Ending::Dropped, scene),
            FloorTimer::Step => self.next_step(scene),
        }
        self.settle(scene);
    }

    /// A phase begins.
    pub fn begin(&mut self, scene: Scene<'_>) {
        *self = Self { turns: self.turns, ..Self::default() };
        self.begin_step(0, scene);
        self.settle(scene);
    }

    /// Raises a hand.
    ///
    /// # Errors
    /// When one is up, the floor is held, or none is taken.
    pub fn request(&mut self, member: Member, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if !self.takes_request_of(scene.phase, member.role) {
            return Err(FloorRefusal::NotInThisPhase);
        }
        if self.hands.contains(member.seat) || self.holds(member.seat) {
            return Err(FloorRefusal::AlreadyAsked);
        }
        self.hands.raise(member.seat, scene.now, self.turns_of(member.seat));
        self.settle(scene);
        Ok(())
    }

    /// Lowers a hand; what was left of a turn is given up with it.
    ///
    /// # Errors
    /// When none is up.
    pub fn cancel(&mut self, seat: Seat) -> Result<(), FloorRefusal> {
        self.hands.lower(seat).map(drop).ok_or(FloorRefusal::NothingToCancel)
    }

    /// The holder ends their turn.
    ///
    /// # Errors
    /// When the seat does not hold the floor.
    pub fn release(&mut self, seat: Seat, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if !self.holds(seat) {
            return Err(FloorRefusal::NotYourTurn);
        }
        self.end_turn(Ending::Heard, scene);
        self.settle(scene);
        Ok(())
    }

    /// In a pair: the holder gives the word to the other side.
    ///
    /// # Errors
    /// When the seat does not hold the floor, or this is no pair.
    pub fn yield_floor(&mut self, seat: Seat, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if !matches!(self.step(scene.phase).floor, FloorPolicy::Pair { .. }) {
            return Err(FloorRefusal::NotInThisPhase);
        }
        self.release(seat, scene)
    }

    /// Lets a turn go by: the one going on, or one's place in the round before it comes.
    ///
    /// # Errors
    /// When the seat has neither.
    pub fn pass(&mut self, seat: Seat, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if self.holds(seat) {
            self.end_turn(Ending::Passed, scene);
        } else if self.round(scene.phase, scene.cast).iter().any(|member| member.seat == seat) {
            self.done.push(seat);
        } else {
            return Err(FloorRefusal::NotYourTurn);
        }
        self.settle(scene);
        Ok(())
    }

    /// The chair gives the floor.
    ///
    /// # Errors
    /// When the policy has no turn for that person now.
    pub fn grant(&mut self, member: Member, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        let policy = &self.step(scene.phase).floor;
        if matches!(policy, FloorPolicy::Silence | FloorPolicy::Open { hands: false, .. }) {
            return Err(FloorRefusal::NotInThisPhase);
        }
        if self.holds(member.seat) {
            return Err(FloorRefusal::NoChange);
        }
        let part = part_of(policy, member.role).filter(|part| can_start(policy, *part, scene.cast));
        let called_on_unasked = member.expert && !self.hands.contains(member.seat);
        let Some(part) = part.filter(|_| member.here && !called_on_unasked) else {
            return Err(FloorRefusal::NotEligible);
        };
        self.end_turn(Ending::Taken, scene);
        let resume =
            self.hands.iter().find(|hand| hand.seat == member.seat).and_then(|hand| hand.resume);
        self.start_turn(member, resume.map_or(part, |resume| resume.part), resume, scene);
        Ok(())
    }

    /// The chair takes the floor: nobody has it until the chair gives it or goes on.
    ///
    /// # Errors
    /// When nobody holds it.
    pub fn revoke(&mut self, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if self.turn.is_none() {
            return Err(FloorRefusal::NoChange);
        }
        self.end_turn(Ending::Taken, scene);
        self.resting = true;
        Ok(())
    }

    /// The chair ends this turn and goes on to the next; without a turn, to the next step.
    ///
    /// # Errors
    /// When there is neither a turn nor a step to go to.
    pub fn skip(&mut self, scene: Scene<'_>) -> Result<(), FloorRefusal> {
        if self.turn.is_some() {
            self.end_turn(Ending::Taken, scene);
        } else if !self.resting {
            if self.step + 1 == scene.phase.steps.len() {
                return Err(FloorRefusal::NoChange);
            }
            self.next_step(scene);
        }
        self.go_on(scene);
        Ok(())
    }

    /// Turns follow each other by themselves again.
    pub fn go_on(&mut self, scene: Scene<'_>) {
        self.resting = false;
        self.settle(scene);
    }

    /// The person left: hand and turn are gone.
    pub fn leave(&mut self, seat: Seat, scene: Scene<'_>) {
        self.hands.lower(seat);
        if self.holds(seat) {
            self.end_turn(Ending::Taken, scene);
        }
        self.settle(scene);
    }

    /// The person is away. If they hold the floor its clock stands and their place is kept; with
    /// `kept`, for as long as something greater than the speaker's own hold keeps it.
    pub fn hold(&mut self, seat: Seat, since: UnixMillis, kept: bool) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.seat == seat) {
            turn.hold(since, kept);
        }
    }

    /// The person is here again.
    pub fn unhold(&mut self, seat: Seat, scene: Scene<'_>) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.seat == seat) {
            turn.unhold(scene.now);
            if !scene.paused {
                turn.run(scene.now);
            }
        }
        self.settle(scene);
    }

    /// The kept turn of somebody who did not come back passes on.
    pub fn pass_on(&mut self, seat: Seat, scene: Scene<'_>) {
        if self.turn.as_ref().is_some_and(|turn| turn.seat == seat && turn.is_held()) {
            self.end_turn(Ending::Dropped, scene);
        }
        self.settle(scene);
    }

    /// The clocks stand since `at`.
    pub fn pause(&mut self, at: UnixMillis) {
        self.step_clock = self.step_clock.map(|clock| clock.paused_at(at.max(self.step_began)));
        if let Some(turn) = &mut self.turn {
            turn.pause(at);
        }
    }

    /// The clocks run again.
    pub fn resume(&mut self, now: UnixMillis) {
        self.step_began = now;
        self.step_clock = self.step_clock.map(|clock| clock.running_from(now));
        if let Some(turn) = &mut self.turn {
            turn.run(now);
        }
    }

    /// Whoever is next has the turn; a step that is over makes room for the next.
    pub fn settle(&mut self, scene: Scene<'_>) {
        let phase = scene.phase;
        let role_of =
            |seat| scene.cast.iter().find(|member| member.seat == seat).map(|member| member.role);
        let policy = &self.step(phase).floor;
        if let Some(turn) = &mut self.turn {
            let still = role_of(turn.seat).and_then(|role| part_of(policy, role));
            match still {
                Some(part) if same_kind(part, turn.part) => {
                    if turn.part == Part::Ask {
                        turn.partner = answerer(policy, scene.cast).map(|member| member.seat);
                    }
                }
                _ => self.end_turn(Ending::Taken, scene),
            }
        }
        let step = self.step;
        self.hands.retain(|hand| {
            role_of(hand.seat).is_some_and(|role| match hand.resume {
                Some(resume) => {
                    part_of(policy, role).is_some_and(|part| same_kind(part, resume.part))
                }
                None => phase.steps[step..].iter().any(|step| step.floor.takes_request_of(role)),
            })
        });
        if scene.waiting || self.resting {
            return;
        }
        while self.turn.is_none() {
            if let Some((member, part, resume)) = self.pick(scene) {
                self.start_turn(member, part, resume, scene);
            } else if self.step + 1 < phase.steps.len() && self.step_is_over(scene) {
                self.next_step(scene);
            } else {
                return;
            }
        }
    }
}
