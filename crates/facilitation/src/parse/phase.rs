//! One phase.

use std::collections::BTreeMap;

use palabre_ids::{Millis, Role};
use palabre_vocabulary::{EntryKind, Firmness};
use toml::Spanned;

use super::artefacts::{self, Artefacts};
use super::lengths::{self, Lengths, RawLengths};
use super::raw::{RawFloor, RawPhase, RawText, RawVote};
use super::{Parsed, fault, floor, identifier, length, one_of, role, spanned_roles, vote, words};
use crate::{
    ClientDrop, ClientOf, Mix, Need, Overtime, Phase, Prompts, RoleSet, Step, Text, Transition,
    VoteRule,
};

/// What the phases before this one settled.
pub(super) struct Before {
    people: u8,
    ids: Vec<String>,
    client: bool,
    contract: bool,
    /// The size of the last breakout's groups.
    groups: Option<u8>,
}

impl Before {
    pub(super) fn new(people: u8) -> Self {
        Self { people, ids: Vec::new(), client: false, contract: false, groups: None }
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

    let client = client(raw.client.as_ref(), raw.vote.as_ref(), before)?;
    let needs = needs(&raw.needs, before)?;
    if raw.floors.is_empty() {
        return fault(here, format!("phase `{id}` has no [[phase.floor]]"));
    }
    let steps = steps(raw.floors, before)?;
    let overtime = choice(raw.overtime, "overtime", &OVERTIME, Overtime::Soft)?;
    let transition_at = raw.transition.as_ref().map(Spanned::span);
    let transition = choice(raw.transition, "transition", &TRANSITION, Transition::Manual)?;
    let needed = Step::least_for(&steps, before.people) + vote_time(raw.vote.as_ref())?;
    let written = RawLengths {
        target: &raw.target,
        min: raw.min.as_ref(),
        max: raw.max.as_ref(),
        warning: raw.warning.as_ref(),
    };
    let Lengths { target, min, max, warnings } = lengths::lower(&written, needed, before.people)?;
    let around = vote::Around { steps: &steps, target, max, overtime, transition };
    let vote = raw.vote.map(|raw| vote::lower(raw, &around)).transpose()?;
    let Artefacts { contract: takes_contract, writes } =
        artefacts::lower(&raw.artefacts, raw.writers, before.client)?;
    if let Some((reason, at)) =
        cannot_end(transition, &steps, vote.as_ref(), takes_contract).zip(transition_at)
    {
        return fault(at, reason);
    }
    let linger = linger(raw.linger.as_ref(), transition)?;

    if let Some(flag) =
        raw.out_of_contract.as_ref().filter(|flag| *flag.get_ref() && !before.contract)
    {
        return fault(
            flag.span(),
            "there is no contract to leave: no earlier phase has `contract` among its `artefacts`",
        );
    }
    before.contract |= takes_contract;

    Ok(Phase {
        id,
        title: words(raw.title, 80)?,
        purpose: words(raw.purpose, 300)?,
        prompts: prompts(raw.prompts)?,
        target,
        min,
        max,
        warnings,
        firmness: choice(raw.firmness, "firmness", &FIRMNESS, Firmness::Enforce)?,
        overtime,
        transition,
        linger,
        steps,
        video: raw.video.as_deref().map_or(Ok(RoleSet::speakers()), spanned_roles)?,
        screen: spanned_roles(&raw.screen)?,
        chat: raw.chat,
        needs,
        takes_contract,
        out_of_contract: raw.out_of_contract.is_some_and(Spanned::into_inner),
        vote,
        client,
        client_drop: choice(raw.client_drop, "client_drop", &CLIENT_DROP, ClientDrop::Pause)?,
        meanwhile: raw.meanwhile.map_or_else(|| Ok(meanwhile(&writes)), |raw| words(raw, 300))?,
        writes,
    })
}

const FIRMNESS: [(&str, Firmness); 3] =
    [("advise", Firmness::Advise), ("chime", Firmness::Chime), ("enforce", Firmness::Enforce)];
const OVERTIME: [(&str, Overtime); 3] =
    [("soft", Overtime::Soft), ("hard", Overtime::Hard), ("borrow", Overtime::Borrow)];
const TRANSITION: [(&str, Transition); 5] = [
    ("manual", Transition::Manual),
    ("timer", Transition::Timer),
    ("all_spoken", Transition::AllSpoken),
    ("vote", Transition::Vote),
    ("artefact", Transition::Artefact),
];
const CLIENT_DROP: [(&str, ClientDrop); 2] =
    [("pause", ClientDrop::Pause), ("go_on", ClientDrop::GoOn)];
const CLIENT_OF: [(&str, ClientOf); 2] = [("keep", ClientOf::Keep), ("next", ClientOf::Next)];

/// How long the end of a phase is announced where the template does not say: enough to read it and
/// stay.
const LINGER: Millis = Millis::from_secs(5);
/// The longest it may be announced.
const LONGEST_LINGER: Millis = Millis::from_secs(60);

fn choice<T: Copy>(
    raw: Option<Spanned<String>>,
    what: &str,
    names: &[(&str, T)],
    default: T,
) -> Parsed<T> {
    raw.map_or(Ok(default), |raw| one_of(&raw, what, names))
}

/// Who is the client. Another one has no contract yet.
fn client(
    raw: Option<&Spanned<String>>,
    vote: Option<&Spanned<RawVote>>,
    before: &mut Before,
) -> Parsed<ClientOf> {
    let Some(raw) = raw else { return Ok(ClientOf::Keep) };
    let client = one_of(raw, "client", &CLIENT_OF)?;
    if client == ClientOf::Next {
        if vote.is_some_and(|vote| vote.get_ref().about.get_ref() == "client") {
            return fault(
                raw.span(),
                "the phase votes about the client, and names the next one too",
            );
        }
        before.client = true;
        before.contract = false;
    }
    Ok(client)
}

fn needs(raw: &[Spanned<String>], before: &mut Before) -> Parsed<Vec<Need>> {
    let mut needs = Vec::new();
    for name in raw {
        let need = one_of(name, "need", &[("client", Need::Client), ("contract", Need::Contract)])?;
        if needs.contains(&need) {
            return fault(name.span(), format!("`{}` is named twice", name.get_ref()));
        }
        if need == Need::Contract && !before.contract {
            return fault(
                name.span(),
                "this client has no contract: no earlier phase has `contract` among its `artefacts`",
            );
        }
        before.client |= need == Need::Client;
        needs.push(need);
    }
    Ok(needs)
}

fn steps(raw: Vec<Spanned<RawFloor>>, before: &mut Before) -> Parsed<Vec<Step>> {
    let last = raw.len() - 1;
    let mut steps = Vec::with_capacity(raw.len());
    for (index, floor) in raw.into_iter().enumerate() {
        let at = floor.span();
        let step = floor::lower(floor, before.people)?;
        if floor::names_the_client(&step.floor) && !before.client {
            return fault(
                at,
                "the floor names the client, but no phase so far has `needs = [\"client\"]`",
            );
        }
        if index < last && step.lasts.is_none() && !step.floor.ends_by_itself() {
            return fault(
                at,
                "the floor never ends, so the next one never begins: give it `lasts`",
            );
        }
        if let crate::FloorPolicy::Breakout { size, mix } = step.floor {
            match (mix, before.groups) {
                (Mix::Join | Mix::Rotate, None) => {
                    return fault(
                        at,
                        "there are no groups yet to join or to rotate: no floor before this one is a `breakout`",
                    );
                }
                (Mix::Join, Some(was)) if was >= size => {
                    return fault(at, format!("groups of {was} do not join to groups of {size}"));
                }
                (Mix::Keep, Some(was)) if was != size => {
                    return fault(
                        at,
                        format!(
                            "groups of {was} are not kept as groups of {size}: say `mix = \"join\"` or `\"rotate\"`"
                        ),
                    );
                }
                _ => before.groups = Some(size),
            }
        }
        steps.push(step);
    }
    Ok(steps)
}

/// How long the vote takes of the phase; one about going on is asked when its time is over.
fn vote_time(raw: Option<&Spanned<RawVote>>) -> Parsed<Millis> {
    let within = raw.map(Spanned::get_ref).filter(|vote| vote.about.get_ref() != "continue");
    within.map_or(Ok(Millis::ZERO), |vote| {
        vote.lasts.as_ref().map_or(Ok(vote::LASTS), super::length_of)
    })
}

/// Why a phase would never end by its transition.
fn cannot_end(
    transition: Transition,
    steps: &[Step],
    vote: Option<&VoteRule>,
    takes_contract: bool,
) -> Option<&'static str> {
    let last = steps.last()?;
    match transition {
        Transition::AllSpoken if !last.floor.ends_by_itself() => Some(
            "not everyone has a turn in the last floor: `all_spoken` goes with a round, or a `holder`",
        ),
        Transition::Vote if vote.is_none() => Some("the phase has no [phase.vote]"),
        Transition::Artefact if !takes_contract => {
            Some("the phase has no `contract` among its `artefacts`")
        }
        _ => None,
    }
}

fn linger(raw: Option<&Spanned<String>>, transition: Transition) -> Parsed<Millis> {
    let Some(raw) = raw else { return Ok(LINGER) };
    if transition == Transition::Manual {
        return fault(raw.span(), "`linger` means nothing where the facilitator ends the phase");
    }
    match length::parse_or_none(raw.get_ref()) {
        Err(reason) => fault(raw.span(), reason),
        Ok(linger) if linger > LONGEST_LINGER => fault(raw.span(), "`linger` is 60 s at most"),
        Ok(linger) => Ok(linger),
    }
}

/// What everyone does while the client is away, where the template does not say.
fn meanwhile(writes: &[(EntryKind, RoleSet)]) -> Text {
    let (fr, en) = if writes.iter().any(|(kind, _)| *kind == EntryKind::Suggestion) {
        (
            "Le client a perdu la connexion\u{202f}: sa place lui est gardée. Écrivez vos suggestions, il les lira à son retour.",
            "The client has lost the connection; their place is kept. Write your suggestions: they will read them when they are back.",
        )
    } else {
        (
            "Le client a perdu la connexion\u{202f}: sa place lui est gardée. Profitez du silence pour noter ce qui vous vient.",
            "The client has lost the connection; their place is kept. Use the silence to note what comes to mind.",
        )
    };
    Text { fr: fr.to_owned(), en: en.to_owned() }
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
