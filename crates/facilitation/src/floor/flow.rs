//! How turns follow each other.

use palabre_ids::{Millis, Seat, TurnId};
use palabre_vocabulary::Clock;

use super::rules::{answerer, can_start, goes_on_in, limits_of, part_of};
use super::{Ending, Floor, Member, Owed, Scene};
use crate::turn::Lease;
use crate::{FloorPolicy, PairBy, Part, Phase, Resume, RoundOrder, Rounds, Step, Turn};

impl Floor {
    pub(super) fn holds(&self, seat: Seat) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.seat == seat)
    }

    pub(super) fn turns_of(&self, seat: Seat) -> u32 {
        self.turns_had.get(&seat).copied().unwrap_or(0)
    }

    pub(super) fn is_last(&self, phase: &Phase) -> bool {
        self.step + 1 == phase.steps.len()
    }

    /// Raises a hand where it belongs under the policy that will take it.
    pub(super) fn raise(&mut self, member: Member, scene: Scene<'_>) {
        let takes = |step: &&Step| step.floor.takes_request_of(member.role);
        let policy = scene.phase.steps[self.step..].iter().find(takes).map(|step| &step.floor);
        let seat = member.seat;
        let (rank, patience) = match policy {
            Some(FloorPolicy::QuietFirst { .. }) => (talk_of(seat, scene), PATIENCE),
            _ => (self.turns_of(seat), u32::MAX),
        };
        self.hands.raise(seat, scene.now, rank, patience);
    }

    /// Who comes next, among those who are here.
    pub(super) fn pick(&self, scene: Scene<'_>) -> Option<(Member, Part, Option<Resume>)> {
        let policy = &self.step(scene.phase).floor;
        if matches!(
            policy,
            FloorPolicy::Open { .. } | FloorPolicy::Silence | FloorPolicy::Breakout { .. }
        ) {
            return None;
        }
        let kept = self.hands.iter().find_map(|hand| {
            let member = here(hand.seat, scene)?;
            let kept = self.kept_of(member, scene)?;
            Some((member, kept.part, Some(kept)))
        });
        if kept.is_some() {
            return kept;
        }
        let (member, part) = match policy {
            FloorPolicy::Open { .. } | FloorPolicy::Silence | FloorPolicy::Breakout { .. } => None,
            FloorPolicy::Holder { who, .. } => {
                let free = |member: &&Member| member.here && member.role == *who;
                scene
                    .cast
                    .iter()
                    .filter(free)
                    .find(|member| !self.done.contains(&member.seat))
                    .map(|member| (*member, Part::Speak))
            }
            FloorPolicy::ChairQueue { .. } if !scene.by_itself => None,
            FloorPolicy::Queue { .. }
            | FloorPolicy::ChairQueue { .. }
            | FloorPolicy::QuietFirst { .. }
            | FloorPolicy::Pair { by: PairBy::Queue, .. } => self.asked(scene),
            FloorPolicy::RoundRobin { .. } | FloorPolicy::Pair { by: PairBy::Round(_), .. } => {
                let round = self.round(scene.phase, scene.cast);
                round.into_iter().filter(|member| member.here).find_map(|member| {
                    let part = part_of(policy, member.role)?;
                    can_start(policy, *member, part, scene.cast).then_some((*member, part))
                })
            }
        }?;
        Some((member, part, None))
    }

    /// What is kept of a turn of theirs, if they can go on with it now; its step is the one whose rules
    /// it follows from now on.
    pub(super) fn kept_of(&self, member: Member, scene: Scene<'_>) -> Option<Resume> {
        let resume = self.hands.iter().find(|hand| hand.seat == member.seat)?.resume?;
        let step = goes_on_in(scene.phase, self.step, member.role, resume)?;
        let policy = &scene.phase.steps[step].floor;
        can_start(policy, member, resume.part, scene.cast).then_some(Resume { step, ..resume })
    }

    /// The first hand of somebody who is here and can have a turn now.
    fn asked(&self, scene: Scene<'_>) -> Option<(Member, Part)> {
        let policy = &self.step(scene.phase).floor;
        self.hands.iter().filter(|hand| hand.resume.is_none()).find_map(|hand| {
            let member = here(hand.seat, scene)?;
            let part = part_of(policy, member.role)?;
            (policy.takes_request_of(member.role) && can_start(policy, member, part, scene.cast))
                .then_some((member, part))
        })
    }

    /// Who is first of those the chair picks from.
    pub(super) fn next_to_pick(&self, scene: Scene<'_>) -> Option<(Member, Part)> {
        match self.step(scene.phase).floor {
            FloorPolicy::ChairQueue { .. } => self.asked(scene),
            _ => None,
        }
    }

    /// Who leaves a full circle when the chair lets somebody in who waits.
    pub(super) fn makes_room(&self, scene: Scene<'_>) -> Option<Seat> {
        let seats = self.step(scene.phase).floor.circle()?;
        let full = self.circle.len() >= seats;
        self.circle.longest().filter(|_| full && self.waits_for_a_seat(scene).is_some())
    }

    fn waits_for_a_seat(&self, scene: Scene<'_>) -> Option<Seat> {
        let policy = &self.step(scene.phase).floor;
        let fits = |seat| here(seat, scene).filter(|member| policy.takes_request_of(member.role));
        self.hands.iter().find_map(|hand| fits(hand.seat)).map(|member| member.seat)
    }

    /// Seats in the circle go to those who wait, in the order of hands.
    pub(super) fn fill_circle(&mut self, scene: Scene<'_>) {
        let Some(seats) = self.step(scene.phase).floor.circle() else { return };
        while self.circle.len() < seats
            && let Some(seat) = self.waits_for_a_seat(scene)
        {
            self.sit(seat, scene);
        }
    }

    pub(super) fn sit(&mut self, seat: Seat, scene: Scene<'_>) {
        self.hands.lower(seat);
        *self.turns_had.entry(seat).or_default() += 1;
        self.circle.enter(seat, scene.hold);
    }

    /// Whether the step has nothing more to give to anybody who is here.
    pub(super) fn step_is_over(&self, scene: Scene<'_>) -> bool {
        match &self.step(scene.phase).floor {
            FloorPolicy::RoundRobin { .. } | FloorPolicy::Pair { by: PairBy::Round(_), .. } => {
                !self.goes_round_again(scene)
                    && self.round(scene.phase, scene.cast).iter().all(|member| !member.here)
            }
            FloorPolicy::Holder { who, .. } => scene
                .cast
                .iter()
                .any(|member| member.role == *who && self.done.contains(&member.seat)),
            _ => false,
        }
    }

    /// Whether a round is over in which somebody spoke, and another one follows.
    pub(super) fn goes_round_again(&self, scene: Scene<'_>) -> bool {
        let again = matches!(
            self.step(scene.phase).floor,
            FloorPolicy::RoundRobin { rounds: Rounds::UntilSilent, .. }
        );
        again
            && self.spoken
            && self.round(scene.phase, scene.cast).iter().all(|member| !member.here)
    }

    /// When everyone here had their place in the last round, those who are away are waited for as
    /// long as for a speaker, once.
    pub(super) fn wait_for_the_owed(&mut self, scene: Scene<'_>) {
        let done = self.is_last(scene.phase)
            && self.turn.is_none()
            && !self.resting
            && self.step_is_over(scene);
        if !done {
            self.owed = Owed::Nothing;
            return;
        }
        let kept = self.hands.iter().any(|hand| hand.resume.is_some());
        let owes = kept || !self.round(scene.phase, scene.cast).is_empty();
        match self.owed {
            Owed::Nothing if owes => {
                self.owed = Owed::Waiting(Clock::start(scene.now, scene.hold, scene.paused));
            }
            Owed::Waiting(_) if !owes => self.owed = Owed::Waited,
            Owed::Nothing | Owed::Waiting(_) | Owed::Waited => {}
        }
    }

    /// The members of the step's round who have not had their place, in order.
    pub(super) fn round<'a>(&self, phase: &Phase, cast: &'a [Member]) -> Vec<&'a Member> {
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

    pub(super) fn begin_step(&mut self, step: usize, scene: Scene<'_>) {
        self.step = step;
        self.step_began = scene.now;
        self.done.clear();
        self.spoken = false;
        self.step_clock = self
            .step(scene.phase)
            .lasts
            .map(|length| Clock::start(scene.now, length, scene.paused));
    }

    /// Goes on to the next step, if there is one. Whoever was away when their place in a round came
    /// has a hand up in the queue behind it. Groups come back to the plenary, and the circle opens.
    pub(super) fn next_step(&mut self, scene: Scene<'_>) {
        self.step_clock = None;
        if self.is_last(scene.phase) {
            return;
        }
        self.end_turn(Ending::Taken, scene);
        self.circle.clear();
        self.groups.end();
        let owed: Vec<Member> = self.round(scene.phase, scene.cast).into_iter().copied().collect();
        self.begin_step(self.step + 1, scene);
        for member in owed {
            self.raise(member, scene);
        }
        // What was kept of a turn that this step does not have is over with the step that had it, at
        // once: not later, when its holder is back and sees it go.
        self.tidy(scene);
    }

    pub(super) fn start_turn(
        &mut self,
        member: Member,
        part: Part,
        resume: Option<Resume>,
        scene: Scene<'_>,
    ) {
        let step = resume.map_or(self.step, |resume| resume.step);
        let policy = &scene.phase.steps[step].floor;
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
                step,
                partner: match part {
                    Part::Speak => None,
                    Part::Ask => answerer(policy, scene.cast).map(|member| member.seat),
                    Part::Answer { asker } => asker,
                },
                length: whole.map(|whole| resume.map_or(whole, |resume| resume.remaining)),
                total: whole,
                warning: limits.map_or(Millis::ZERO, |limits| limits.warning),
                grace: limits.map_or(Millis::ZERO, |limits| limits.grace),
                hold: scene.hold,
            },
            scene.now,
            scene.paused,
        ));
    }

    pub(super) fn end_turn(&mut self, ending: Ending, scene: Scene<'_>) {
        let Some(turn) = self.turn.take() else { return };
        let policy = &scene.phase.steps[turn.step].floor;
        let left = turn.remaining(scene.now);
        if ending == Ending::Dropped && left.is_none() {
            // A turn without limit has nothing to keep: it is theirs when they come back.
            return;
        }
        // The rest of an earlier step's turn takes nobody's place in this one.
        if turn.step == self.step && !matches!(turn.part, Part::Answer { .. }) {
            self.spoken |= ending != Ending::Passed;
            if !self.done.contains(&turn.seat) {
                self.done.push(turn.seat);
            }
        }
        match (ending, left) {
            (Ending::Dropped, Some(remaining)) if remaining > Millis::ZERO => {
                let (part, step) = (turn.part, turn.step);
                self.hands.keep(turn.seat, scene.now, Resume { remaining, part, step });
            }
            (Ending::Asked(named), _) => {
                let named = scene.cast.iter().copied().find(|member| member.seat == named);
                self.answer_to(turn.seat, named, policy, scene);
            }
            (Ending::Heard | Ending::Dropped, _) if turn.part == Part::Ask => {
                self.answer_to(turn.seat, answerer(policy, scene.cast), policy, scene);
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
    fn answer_to(
        &mut self,
        asker: Seat,
        answerer: Option<Member>,
        policy: &FloorPolicy,
        scene: Scene<'_>,
    ) {
        let part = Part::Answer { asker: Some(asker) };
        let (Some(member), Some(limits)) = (answerer, limits_of(policy, part)) else { return };
        if member.here {
            self.start_turn(member, part, None, scene);
        } else {
            let remaining = limits.for_person(member.expert);
            let resume = Resume { remaining, part, step: self.step };
            self.hands.keep(member.seat, scene.now, resume);
        }
    }
}

/// In `quiet_first`, whoever waits is overtaken by this many quieter people at most: more would do
/// more for balance, and let a talkative person with something to say wait longer.
const PATIENCE: u32 = 3;

fn talk_of(seat: Seat, scene: Scene<'_>) -> u32 {
    scene.talk.iter().find(|(other, _)| *other == seat).map_or(0, |(_, talk)| *talk)
}

fn here(seat: Seat, scene: Scene<'_>) -> Option<Member> {
    scene.cast.iter().copied().find(|member| member.seat == seat && member.here)
}
