//! What a policy says of a turn.

use palabre_ids::Role;

use super::Member;
use crate::{Answerer, FloorPolicy, Part, TurnLimits};

/// What a turn of `role` is for under a policy; `None` when it has no turn.
pub(super) fn part_of(policy: &FloorPolicy, role: Role) -> Option<Part> {
    if !policy.turn_for(role) {
        return None;
    }
    Some(match policy {
        FloorPolicy::Pair { answer: Answerer::Role(answer), .. } if *answer == role => {
            Part::Answer { asker: None }
        }
        FloorPolicy::Pair { .. } => Part::Ask,
        _ => Part::Speak,
    })
}

pub(super) fn same_kind(one: Part, other: Part) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
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

/// Who answers in a pair, here or away.
pub(super) fn answerer(policy: &FloorPolicy, cast: &[Member]) -> Option<Member> {
    let FloorPolicy::Pair { answer: Answerer::Role(answer), .. } = policy else { return None };
    cast.iter().copied().find(|member| member.role == *answer && member.joined)
}

/// A question needs somebody here to answer it.
pub(super) fn can_start(policy: &FloorPolicy, part: Part, cast: &[Member]) -> bool {
    part != Part::Ask || answerer(policy, cast).is_some_and(|member| member.here)
}
