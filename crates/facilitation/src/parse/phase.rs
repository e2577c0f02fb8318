//! One phase.

use std::collections::BTreeMap;
use std::ops::Range;

use palabre_ids::{Millis, Role};
use toml::Spanned;

use super::raw::{RawPhase, RawText};
use super::{Parsed, fault, floor, identifier, length_of, one_of, role, spanned_roles, words};
use crate::{
    ClientDrop, Firmness, FloorPolicy, Need, Overtime, Phase, Prompts, RoleSet, Step, Text,
    Transition,
};

/// What the phases before this one settled.
pub(super) struct Before {
    people: u8,
    ids: Vec<String>,
    client: bool,
    contract: bool,
}

impl Before {
    pub(super) fn new(people: u8) -> Self {
        Self { people, ids: Vec::new(), client: false, contract: false }
    }
}

pub(super) fn lower(raw: Spanned<RawPhase>, before: &mut Before) -> Parsed<Phase> {
    let here = raw.span();
    let raw = raw.into_inner();
    let id_at = raw.id.span();
    let id = identifier(raw.id)?;
    if before.ids.contains(&id) {
        return fault(id_at, format!("there is a phase `{id}` already"));
    }
    before.ids.push(id.clone());

    let needs = needs(&raw.needs, before)?;
    if raw.floors.is_empty() {
        return fault(here, format!("phase `{id}` has no [[phase.floor]]"));
    }
    let steps = steps(raw.floors, before)?;
    let Lengths { target, min, max, warning } = lengths(
        &raw.target,
        raw.min.as_ref(),
        raw.max.as_ref(),
        raw.warning.as_ref(),
        &steps,
        before.people,
    )?;

    if let Some(flag) =
        raw.out_of_contract.as_ref().filter(|flag| *flag.get_ref() && !before.contract)
    {
        return fault(
            flag.span(),
            "there is no contract to leave: no earlier phase has `takes_contract`",
        );
    }
    before.contract |= raw.takes_contract;

    Ok(Phase {
        id,
        title: words(raw.title, 80)?,
        purpose: words(raw.purpose, 300)?,
        prompts: prompts(raw.prompts)?,
        target,
        min,
        max,
        warning,
        firmness: choice(raw.firmness, "firmness", &FIRMNESS, Firmness::Enforce)?,
        overtime: choice(raw.overtime, "overtime", &OVERTIME, Overtime::Soft)?,
        transition: choice(raw.transition, "transition", &TRANSITION, Transition::Manual)?,
        steps,
        video: raw.video.as_deref().map_or(Ok(RoleSet::speakers()), spanned_roles)?,
        screen: spanned_roles(&raw.screen)?,
        chat: raw.chat,
        needs,
        takes_contract: raw.takes_contract,
        out_of_contract: raw.out_of_contract.is_some_and(Spanned::into_inner),
        client_drop: choice(raw.client_drop, "client_drop", &CLIENT_DROP, ClientDrop::Pause)?,
    })
}

const FIRMNESS: [(&str, Firmness); 3] =
    [("advise", Firmness::Advise), ("chime", Firmness::Chime), ("enforce", Firmness::Enforce)];
const OVERTIME: [(&str, Overtime); 3] =
    [("soft", Overtime::Soft), ("hard", Overtime::Hard), ("borrow", Overtime::Borrow)];
const TRANSITION: [(&str, Transition); 2] =
    [("manual", Transition::Manual), ("timer", Transition::Timer)];
const CLIENT_DROP: [(&str, ClientDrop); 2] =
    [("pause", ClientDrop::Pause), ("go_on", ClientDrop::GoOn)];

fn choice<T: Copy>(
    raw: Option<Spanned<String>>,
    what: &str,
    names: &[(&str, T)],
    default: T,
) -> Parsed<T> {
    raw.map_or(Ok(default), |raw| one_of(&raw, what, names))
}

fn needs(raw: &[Spanned<String>], before: &mut Before) -> Parsed<Vec<Need>> {
    let mut needs = Vec::new();
    for name in raw {
        let need = one_of(name, "need", &[("client", Need::Client), ("contract", Need::Contract)])?;
        if needs.contains(&need) {
            return fault(name.span(), format!("`{}` is named twice", name.get_ref()));
        }
        if need == Need::Contract && !before.contract {
            return fault(name.span(), "no earlier phase has `takes_contract`");
        }
        before.client |= need == Need::Client;
        needs.push(need);
    }
    Ok(needs)
}

fn steps(raw: Vec<Spanned<super::raw::RawFloor>>, before: &Before) -> Parsed<Vec<Step>> {
    let last = raw.len() - 1;
    let mut steps = Vec::with_capacity(raw.len());
    for (index, floor) in raw.into_iter().enumerate() {
        let at = floor.span();
        let step = floor::lower(floor)?;
        let names_client = matches!(
            step.floor,
            FloorPolicy::Holder { who: Role::Client, .. }
                | FloorPolicy::Pair { answer: Role::Client, .. }
        );
        if names_client && !before.client {
            return fault(
                at,
                "the floor names the client, but no phase so far has `needs = [\"client\"]`",
            );
        }
        if index < last && step.lasts.is_none() && !ends_by_itself(&step.floor) {
            return fault(
                at,
                "the floor never ends, so the next one never begins: give it `lasts`",
            );
        }
        steps.push(step);
    }
    Ok(steps)
}

fn ends_by_itself(floor: &FloorPolicy) -> bool {
    floor.round().is_some() || matches!(floor, FloorPolicy::Holder { .. })
}

struct Lengths {
    target: Millis,
    min: Millis,
    max: Millis,
    warning: Millis,
}

fn lengths(
    target_at: &Spanned<String>,
    min: Option<&Spanned<String>>,
    max: Option<&Spanned<String>>,
    warning: Option<&Spanned<String>>,
    steps: &[Step],
    people: u8,
) -> Parsed<Lengths> {
    let target = length_of(target_at)?;
    let bounded =
        |raw: Option<&Spanned<String>>, default: Millis, allowed: Range<u64>, says: &str| match raw
        {
            None => Ok(default),
            Some(raw) => {
                let length = length_of(raw)?;
                if allowed.contains(&length.0) {
                    Ok(length)
                } else {
                    fault(raw.span(), says.to_owned())
                }
            }
        };
    let max = bounded(
        max,
        Millis(target.0 * 13 / 10),
        target.0..u64::MAX,
        "`max` is shorter than `target`",
    )?;
    let needed = steps.iter().fold(Millis::ZERO, |sum, step| sum + least_of(step, people));
    if needed > max {
        return fault(
            target_at.span(),
            format!(
                "one full round of {people} people and the steps that have `lasts` take {} s, the phase at most {} s",
                needed.0 / 1_000,
                max.0 / 1_000
            ),
        );
    }
    let min = bounded(
        min,
        Millis(target.0 * 6 / 10).max(needed).min(target),
        1..target.0 + 1,
        "`min` is longer than `target`",
    )?;
    let warning = bounded(
        warning,
        Millis::from_secs(60).min(Millis(target.0 / 2)),
        1..target.0,
        "`warning` is not shorter than `target`",
    )?;
    Ok(Lengths { target, min, max, warning })
}

/// How long a step takes at the least, in a group of `people`: one facilitator, one client, the
/// others consultants.
fn least_of(step: &Step, people: u8) -> Millis {
    let heads = |who: RoleSet| {
        let count = |role: Role| u64::from(who.contains(role));
        count(Role::Facilitator)
            + count(Role::Client)
            + count(Role::Consultant) * u64::from(people.saturating_sub(2))
    };
    let round = match &step.floor {
        FloorPolicy::RoundRobin { who, turn, .. } => heads(*who) * turn.length.0,
        FloorPolicy::Pair { ask, ask_turn, answer_turn, .. } if step.floor.round().is_some() => {
            heads(*ask) * (ask_turn.length.0 + answer_turn.length.0)
        }
        _ => 0,
    };
    Millis(round) + step.lasts.unwrap_or(Millis::ZERO)
}

fn prompts(raw: Spanned<BTreeMap<Spanned<String>, RawText>>) -> Parsed<Prompts> {
    let at = raw.span();
    let mut everyone = None;
    let mut by_role: BTreeMap<Role, Text> = BTreeMap::new();
    for (name, text) in raw.into_inner() {
        let text = words(text, 300)?;
        if name.get_ref() == "everyone" {
            everyone = Some(text);
        } else {
            by_role.insert(role(name.get_ref(), name.span())?, text);
        }
    }
    match everyone {
        Some(everyone) => Ok(Prompts { everyone, by_role }),
        None => fault(at, "`prompts` has no `everyone`, for the roles that have none of their own"),
    }
}
