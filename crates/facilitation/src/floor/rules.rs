//! What a policy says of a turn.

use palabre_ids::Role;

use super::Member;
use crate::{Answerer, FloorPolicy, Part, Phase, Resume, RoleSet, TurnLimits};

/// What a turn of `role` that begins now is for; `None` when it has no turn. Whoever may ask and
/// answer asks: an answer comes of a question.
pub(super) fn part_of(policy: &FloorPolicy, role: Role) -> Option<Part> {
    match policy {
        FloorPolicy::Pair { ask, .. } if ask.contains(role) => Some(Part::Ask),
        FloorPolicy::Pair { answer, .. } if answer.may_be(role) => {
            Some(Part::Answer { asker: None })
        }
        FloorPolicy::Pair { .. } => None,
        _ => policy.turn_for(role).then_some(Part::Speak),
    }
}

/// Whether `role` may have a turn of that kind.
pub(super) fn may_have(policy: &FloorPolicy, role: Role, part: Part) -> bool {
    match (policy, part) {
        (FloorPolicy::Pair { ask, .. }, Part::Ask) => ask.contains(role),
        (FloorPolicy::Pair { answer, .. }, Part::Answer { .. }) => answer.may_be(role),
        (FloorPolicy::Pair { .. }, Part::Speak) | (_, Part::Ask | Part::Answer { .. }) => false,
        (_, Part::Speak) => policy.turn_for(role),
    }
}

/// The step whose rules let `role` go on with a kept turn while the phase is in `step`: this one, if it
/// has such turns, else the turn's own, if that floor was theirs alone. The phase waited for them and
/// went on: they are heard when they are back, whoever speaks in the steps behind. `None` when what was
/// left is over with its step.
pub(super) fn goes_on_in(phase: &Phase, step: usize, role: Role, resume: Resume) -> Option<usize> {
    let own = &phase.steps[resume.step].floor;
    if may_have(&phase.steps[step].floor, role, resume.part) {
        Some(step)
    } else {
        (matches!(own, FloorPolicy::Holder { .. }) && may_have(own, role, resume.part))
            .then_some(resume.step)
    }
}

pub(super) fn limits_of(policy: &FloorPolicy, part: Part) -> Option<TurnLimits> {
    match policy {
        FloorPolicy::Open { .. } | FloorPolicy::Silence | FloorPolicy::Breakout { .. } => None,
        FloorPolicy::Holder { turn, .. } => *turn,
        FloorPolicy::Queue { turn, .. }
        | FloorPolicy::ChairQueue { turn, .. }
        | FloorPolicy::QuietFirst { turn, .. }
        | FloorPolicy::RoundRobin { turn, .. } => Some(*turn),
        FloorPolicy::Pair { ask_turn, answer_turn, .. } => {
            Some(if matches!(part, Part::Answer { .. }) { *answer_turn } else { *ask_turn })
        }
    }
}

/// The one person who answers every question of a pair, here or away.
pub(super) fn answerer(policy: &FloorPolicy, cast: &[Member]) -> Option<Member> {
    let FloorPolicy::Pair { answer: Answerer::Role(answer), .. } = policy else { return None };
    cast.iter().copied().find(|member| member.role == *answer && member.joined)
}

/// Those whom an asker may name.
pub(super) fn may_be_named(policy: &FloorPolicy) -> Option<RoleSet> {
    match policy {
        FloorPolicy::Pair { answer: Answerer::Named(roles), .. } => Some(*roles),
        _ => None,
    }
}

/// A question needs somebody else here to answer it.
pub(super) fn can_start(policy: &FloorPolicy, member: Member, part: Part, cast: &[Member]) -> bool {
    if part != Part::Ask {
        return true;
    }
    match may_be_named(policy) {
        None => answerer(policy, cast).is_some_and(|answerer| answerer.here),
        Some(roles) => cast
            .iter()
            .any(|other| other.here && other.seat != member.seat && roles.contains(other.role)),
    }
}
