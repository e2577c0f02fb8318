//! Who has the floor in a phase, and who comes next. One turn at a time, ever: [`Floor`] holds one
//! `Option`.
//!
//! Every operation is told the [`Scene`] and ends with the floor settled: whoever is next has the
//! turn, if somebody who is here is.

use std::collections::BTreeMap;

use palabre_ids::{Millis, Role, Seat, TurnId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::turn::Lease;
use crate::{
    Clock, Firmness, FloorPolicy, Hands, PairBy, Part, Phase, Resume, RoundOrder, Step, Turn,
    TurnLimits,
};

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
        if matches!(policy, FloorPolicy::Silence | FloorPolicy::Open { hands: false }) {
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

    fn holds(&self, seat: Seat) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.seat == seat)
    }

    fn turns_of(&self, seat: Seat) -> u32 {
        self.turns_had.get(&seat).copied().unwrap_or(0)
    }

    /// Who comes next, among those who are here.
    fn pick(&self, scene: Scene<'_>) -> Option<(Member, Part, Option<Resume>)> {
        let policy = &self.step(scene.phase).floor;
        let member_of =
            |seat| scene.cast.iter().copied().find(|member| member.seat == seat && member.here);
        if matches!(policy, FloorPolicy::Open { .. } | FloorPolicy::Silence) {
            return None;
        }
        let kept = self.hands.iter().find_map(|hand| {
            let resume = hand.resume.filter(|resume| can_start(policy, resume.part, scene.cast))?;
            let member = member_of(hand.seat).filter(|member| policy.turn_for(member.role))?;
            Some((member, resume.part, Some(resume)))
        });
        if kept.is_some() {
            return kept;
        }
        let asked = || {
            let hands = self.hands.iter().filter(|hand| hand.resume.is_none());
            hands
                .filter_map(|hand| member_of(hand.seat))
                .find(|member| policy.takes_request_of(member.role))
        };
        let in_round =
            || self.round(scene.phase, scene.cast).into_iter().find(|member| member.here).copied();
        let member = match policy {
            FloorPolicy::Open { .. } | FloorPolicy::Silence => None,
            FloorPolicy::Holder { who, .. } => {
                let free = |member: &&Member| member.here && member.role == *who;
                scene
                    .cast
                    .iter()
                    .filter(free)
                    .find(|member| !self.done.contains(&member.seat))
                    .copied()
            }
            FloorPolicy::Queue { .. } | FloorPolicy::Pair { by: PairBy::Queue, .. } => asked(),
            FloorPolicy::RoundRobin { .. } | FloorPolicy::Pair { by: PairBy::Round(_), .. } => {
                in_round()
            }
        }?;
        let part =
            part_of(policy, member.role).filter(|part| can_start(policy, *part, scene.cast))?;
        Some((member, part, None))
    }

    /// Whether the step has nothing more to give to anybody who is here.
    fn step_is_over(&self, scene: Scene<'_>) -> bool {
        match &self.step(scene.phase).floor {
            FloorPolicy::RoundRobin { .. } | FloorPolicy::Pair { by: PairBy::Round(_), .. } => {
                self.round(scene.phase, scene.cast).iter().all(|member| !member.here)
            }
            FloorPolicy::Holder { who, .. } => scene
                .cast
                .iter()
                .any(|member| member.role == *who && self.done.contains(&member.seat)),
            _ => false,
        }
    }

    /// The members of the step's round who have not had their place, in order.
    fn round<'a>(&self, phase: &Phase, cast: &'a [Member]) -> Vec<&'a Member> {
        let Some((RoundOrder { reversed, experts_last, last }, who)) =
            self.step(phase).floor.round()
        else {
            return Vec::new();
        };
        let open = |member: &&Member| {
            member.joined
                && who.contains(member.role)
                && !self.holds(member.seat)
                && !self.done.contains(&member.seat)
        };
        let mut round: Vec<&Member> = cast.iter().filter(open).collect();
        if reversed {
            round.reverse();
        }
        round.sort_by_key(|member| (last.contains(member.role), experts_last && member.expert));
        round
    }

    fn begin_step(&mut self, step: usize, scene: Scene<'_>) {
        self.step = step;
        self.step_began = scene.now;
        self.done.clear();
        self.step_clock = self
            .step(scene.phase)
            .lasts
            .map(|length| Clock::start(scene.now, length, scene.paused));
    }

    /// Goes on to the next step, if there is one. Whoever was away when their place in a round came
    /// has a hand up in the queue behind it.
    fn next_step(&mut self, scene: Scene<'_>) {
        self.step_clock = None;
        if self.step + 1 == scene.phase.steps.len() {
            return;
        }
        self.end_turn(Ending::Taken, scene);
        let owed: Vec<Seat> = self.upcoming(scene.phase, scene.cast);
        self.begin_step(self.step + 1, scene);
        for seat in owed {
            self.hands.raise(seat, scene.now, self.turns_of(seat));
        }
    }

    fn start_turn(&mut self, member: Member, part: Part, resume: Option<Resume>, scene: Scene<'_>) {
        let policy = &self.step(scene.phase).floor;
        let limits = limits_of(policy, part);
        let whole = limits.map(|limits| limits.for_person(member.expert));
        self.turns += 1;
        if resume.is_none() && !matches!(part, Part::Answer { .. }) {
            *self.turns_had.entry(member.seat).or_default() += 1;
        }
        self.hands.lower(member.seat);
        self.resting = false;
        self.turn = Some(Turn::start(
            Lease {
                id: TurnId(self.turns),
                seat: member.seat,
                part,
                partner: match part {
                    Part::Speak => None,
                    Part::Ask => answerer(policy, scene.cast).map(|member| member.seat),
                    Part::Answer { asker } => asker,
                },
                length: whole.map(|whole| resume.map_or(whole, |resume| resume.remaining)),
                warning: limits.map_or(Millis::ZERO, |limits| limits.warning),
                grace: limits.map_or(Millis::ZERO, |limits| limits.grace),
                hold: scene.hold,
            },
            scene.now,
            scene.paused,
        ));
    }

    fn end_turn(&mut self, ending: Ending, scene: Scene<'_>) {
        let Some(turn) = self.turn.take() else { return };
        let policy = &self.step(scene.phase).floor;
        let left = turn.remaining(scene.now);
        if ending == Ending::Dropped && left.is_none() {
            // A turn without limit has nothing to keep: it is theirs when they come back.
            return;
        }
        if !matches!(turn.part, Part::Answer { .. }) && !self.done.contains(&turn.seat) {
            self.done.push(turn.seat);
        }
        match (ending, left) {
            (Ending::Dropped, Some(remaining)) if remaining > Millis::ZERO => {
                self.hands.keep(turn.seat, scene.now, Resume { remaining, part: turn.part });
            }
            (Ending::Heard | Ending::Dropped, _) if turn.part == Part::Ask => {
                self.answer_to(turn.seat, policy, scene);
            }
            (Ending::Passed, _) => {
                if let Some(had) = self.turns_had.get_mut(&turn.seat) {
                    *had = had.saturating_sub(1);
                }
            }
            _ => {}
        }
    }

    /// The answer follows the question; it waits at the head of the hands for who is away.
    fn answer_to(&mut self, asker: Seat, policy: &FloorPolicy, scene: Scene<'_>) {
        let part = Part::Answer { asker: Some(asker) };
        let (Some(member), Some(limits)) = (answerer(policy, scene.cast), limits_of(policy, part))
        else {
            return;
        };
        if member.here {
            self.start_turn(member, part, None, scene);
        } else {
            let resume = Resume { remaining: limits.for_person(member.expert), part };
            self.hands.keep(member.seat, scene.now, resume);
        }
    }
}

/// What a turn of `role` is for under a policy; `None` when it has no turn.
fn part_of(policy: &FloorPolicy, role: Role) -> Option<Part> {
    if !policy.turn_for(role) {
        return None;
    }
    Some(match policy {
        FloorPolicy::Pair { answer, .. } if *answer == role => Part::Answer { asker: None },
        FloorPolicy::Pair { .. } => Part::Ask,
        _ => Part::Speak,
    })
}

fn same_kind(one: Part, other: Part) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

fn limits_of(policy: &FloorPolicy, part: Part) -> Option<TurnLimits> {
    match policy {
        FloorPolicy::Open { .. } | FloorPolicy::Silence => None,
        FloorPolicy::Holder { turn, .. } => *turn,
        FloorPolicy::Queue { turn, .. } | FloorPolicy::RoundRobin { turn, .. } => Some(*turn),
        FloorPolicy::Pair { ask_turn, answer_turn, .. } => {
            Some(if matches!(part, Part::Answer { .. }) { *answer_turn } else { *ask_turn })
        }
    }
}

/// Who answers in a pair, here or away.
fn answerer(policy: &FloorPolicy, cast: &[Member]) -> Option<Member> {
    let FloorPolicy::Pair { answer, .. } = policy else { return None };
    cast.iter().copied().find(|member| member.role == *answer && member.joined)
}

/// A question needs somebody here to answer it.
fn can_start(policy: &FloorPolicy, part: Part, cast: &[Member]) -> bool {
    part != Part::Ask || answerer(policy, cast).is_some_and(|member| member.here)
}
