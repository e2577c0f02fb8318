//! What part of the time each is entitled to speak: what talk time is compared with.

use palabre_ids::{Millis, Seat};

use super::{Floor, Member, Scene};
use crate::{Answerer, FloorPolicy, RoleSet, TurnLimits, speaks};

/// The whole of the time.
const WHOLE: u64 = 1_000;

impl Floor {
    /// What part of the time now each who is here is entitled to, in thousandths, ascending by seat;
    /// those entitled to nothing are left out. Where people take turns the time is shared out as
    /// their turns are long, whoever has the floor this moment; a client's account is theirs alone.
    #[must_use]
    pub fn entitlement(&self, scene: Scene<'_>) -> Vec<(Seat, u32)> {
        let evenly = |who: RoleSet, whole: u64| {
            let sharing = move |member: &&Member| member.here && who.contains(member.role);
            share(scene.cast.iter().filter(sharing).map(|member| (member.seat, 1)), whole)
        };
        let by_turn = |who: RoleSet, turn: TurnLimits| {
            let sharing = move |member: &&Member| member.here && who.contains(member.role);
            let length = move |member: &Member| (member.seat, turn.for_person(member.expert).0);
            share(scene.cast.iter().filter(sharing).map(length), WHOLE)
        };
        match &self.step(scene.phase).floor {
            FloorPolicy::Silence => Vec::new(),
            FloorPolicy::Open { who, .. } => evenly(*who, WHOLE),
            FloorPolicy::Holder { who, .. } => evenly([*who].into_iter().collect(), WHOLE),
            FloorPolicy::Queue { who, turn }
            | FloorPolicy::ChairQueue { who, turn }
            | FloorPolicy::QuietFirst { who, turn }
            | FloorPolicy::RoundRobin { who, turn, .. } => by_turn(*who, *turn),
            FloorPolicy::Pair { ask, ask_turn, answer, answer_turn, .. } => {
                let (asking, answering) = split(ask_turn.length, answer_turn.length);
                let who = match answer {
                    Answerer::Role(role) => [*role].into_iter().collect(),
                    Answerer::Named(roles) => *roles,
                };
                together(evenly(*ask, asking), evenly(who, answering))
            }
            FloorPolicy::Breakout { .. } => {
                let company = |seat: Seat| {
                    let group = self.groups().iter().find(|(_, seats)| seats.contains(&seat));
                    let here = |seat: &Seat| scene.cast.iter().any(|m| m.seat == *seat && m.here);
                    group.map_or(1, |(_, seats)| {
                        seats.iter().filter(|seat| here(seat)).count().max(1)
                    })
                };
                let apart = scene.cast.iter().filter(|member| {
                    member.here && speaks(member.role) && !member.role.facilitates()
                });
                apart
                    .map(|member| {
                        let part = WHOLE / u64::try_from(company(member.seat)).unwrap_or(WHOLE);
                        (member.seat, u32::try_from(part).unwrap_or(0))
                    })
                    .collect()
            }
        }
    }
}

/// Shares `whole` out by weight.
fn share(weights: impl Iterator<Item = (Seat, u64)> + Clone, whole: u64) -> Vec<(Seat, u32)> {
    let sum = weights.clone().map(|(_, weight)| weight).sum::<u64>().max(1);
    weights
        .map(|(seat, weight)| (seat, u32::try_from(whole * weight / sum).unwrap_or(0)))
        .filter(|(_, part)| *part > 0)
        .collect()
}

/// What questions and answers take of the time.
fn split(ask: Millis, answer: Millis) -> (u64, u64) {
    let asking = WHOLE * ask.0 / (ask.0 + answer.0).max(1);
    (asking, WHOLE - asking)
}

fn together(one: Vec<(Seat, u32)>, other: Vec<(Seat, u32)>) -> Vec<(Seat, u32)> {
    let mut sum = one;
    for (seat, part) in other {
        match sum.iter_mut().find(|(same, _)| *same == seat) {
            Some((_, whole)) => *whole += part,
            None => sum.push((seat, part)),
        }
    }
    sum.sort_unstable();
    sum
}
