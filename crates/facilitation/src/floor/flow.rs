//! How turns follow each other.

use palabre_ids::{Millis, Seat, TurnId};

use super::rules::{answerer, can_start, limits_of, part_of};
use super::{Ending, Floor, Member, Scene};
use crate::turn::Lease;
use crate::{FloorPolicy, PairBy, Part, Phase, Resume, RoundOrder, Turn};
use palabre_vocabulary::Clock;

impl Floor {
    pub(super) fn holds(&self, seat: Seat) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.seat == seat)
    }

    pub(super) fn turns_of(&self, seat: Seat) -> u32 {
        self.turns_had.get(&seat).copied().unwrap_or(0)
    }

    /// Who comes next, among those who are here.
    pub(super) fn pick(&self, scene: Scene<'_>) -> Option<(Member, Part, Option<Resume>)> {
        let policy = &self.step(scene.phase).floor;
        let member_of =
            |seat| scene.cast.iter().copied().find(|member| member.seat == seat && member.here);
        if matches!(
            policy,
            FloorPolicy::Open { .. } | FloorPolicy::Silence | FloorPolicy::Breakout { .. }
        ) {
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
            FloorPolicy::Open { .. }
            | FloorPolicy::Silence
            | FloorPolicy::ChairQueue { .. }
            | FloorPolicy::Breakout { .. } => None,
            FloorPolicy::Holder { who, .. } => {
                let free = |member: &&Member| member.here && member.role == *who;
                scene
                    .cast
                    .iter()
                    .filter(free)
                    .find(|member| !self.done.contains(&member.seat))
                    .copied()
            }
            FloorPolicy::Queue { .. }
            | FloorPolicy::QuietFirst { .. }
            | FloorPolicy::Pair { by: PairBy::Queue, .. } => asked(),
            FloorPolicy::RoundRobin { .. } | FloorPolicy::Pair { by: PairBy::Round(_), .. } => {
                in_round()
            }
        }?;
        let part =
            part_of(policy, member.role).filter(|part| can_start(policy, *part, scene.cast))?;
        Some((member, part, None))
    }

    /// Whether the step has nothing more to give to anybody who is here.
    pub(super) fn step_is_over(&self, scene: Scene<'_>) -> bool {
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
        self.step_clock = self
            .step(scene.phase)
            .lasts
            .map(|length| Clock::start(scene.now, length, scene.paused));
    }

    /// Goes on to the next step, if there is one. Whoever was away when their place in a round came
    /// has a hand up in the queue behind it.
    pub(super) fn next_step(&mut self, scene: Scene<'_>) {
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

    pub(super) fn start_turn(
        &mut self,
        member: Member,
        part: Part,
        resume: Option<Resume>,
        scene: Scene<'_>,
    ) {
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
    pub(super) fn answer_to(&mut self, asker: Seat, policy: &FloorPolicy, scene: Scene<'_>) {
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
