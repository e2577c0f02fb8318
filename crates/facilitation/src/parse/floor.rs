//! One floor of a phase.

use std::ops::Range;

use palabre_ids::{Millis, Role};
use palabre_vocabulary::FloorKind;
use toml::Spanned;

use super::raw::{RawFloor, RawList};
use super::{Parsed, fault, length_of, length_or, number, one_of, role, roles, spanned_roles};
use crate::{Answerer, FloorPolicy, Mix, PairBy, RoleSet, RoundOrder, Rounds, Step, TurnLimits};

const KINDS: [(&str, FloorKind); 9] = [
    ("open", FloorKind::Open),
    ("holder", FloorKind::Holder),
    ("queue", FloorKind::Queue),
    ("chair_queue", FloorKind::ChairQueue),
    ("quiet_first", FloorKind::QuietFirst),
    ("round_robin", FloorKind::RoundRobin),
    ("pair", FloorKind::Pair),
    ("silence", FloorKind::Silence),
    ("breakout", FloorKind::Breakout),
];

pub(super) fn lower(raw: Spanned<RawFloor>, people: u8) -> Parsed<Step> {
    let at = raw.span();
    let mut raw = raw.into_inner();
    let kind = one_of(&raw.policy, "policy", &KINDS)?;
    let name = raw.policy.get_ref().clone();
    let floor = match kind {
        FloorKind::Open => open(&mut raw)?,
        FloorKind::Silence => FloorPolicy::Silence,
        FloorKind::Holder => {
            let who = required(raw.who.take(), "who", &name, &at)?;
            FloorPolicy::Holder { who: single(&who)?, turn: optional_turn(&mut raw)? }
        }
        FloorKind::Queue | FloorKind::ChairQueue | FloorKind::QuietFirst => {
            let who = several(&required(raw.who.take(), "who", &name, &at)?)?;
            let turn = required_turn(&mut raw, &name, &at)?;
            match kind {
                FloorKind::ChairQueue => FloorPolicy::ChairQueue { who, turn },
                FloorKind::QuietFirst => FloorPolicy::QuietFirst { who, turn },
                _ => FloorPolicy::Queue { who, turn },
            }
        }
        FloorKind::RoundRobin => round_robin(&mut raw, &name, &at, people)?,
        FloorKind::Pair => pair(&mut raw, &name, &at)?,
        FloorKind::Breakout => breakout(&mut raw, &name, &at)?,
    };
    let lasts = match raw.lasts.take() {
        None if kind == FloorKind::Breakout => {
            return fault(
                at,
                "policy `breakout` has no `lasts`: groups apart must know when they are called back",
            );
        }
        None => None,
        Some(lasts)
            if matches!(kind, FloorKind::Open | FloorKind::Silence | FloorKind::Breakout) =>
        {
            Some(length_of(&lasts)?)
        }
        Some(lasts) => {
            return fault(
                lasts.span(),
                "only `open`, `silence` and `breakout` have `lasts`: it would cut somebody's turn",
            );
        }
    };
    nothing_left(&raw, &name)?;
    Ok(Step { floor, lasts })
}

/// Whether nobody but the client could speak.
pub(super) fn names_the_client(floor: &FloorPolicy) -> bool {
    let client_alone = |who: RoleSet| who.iter().eq([Role::Client]);
    match floor {
        FloorPolicy::Holder { who, .. } => *who == Role::Client,
        FloorPolicy::Pair { answer: Answerer::Role(role), .. } => *role == Role::Client,
        FloorPolicy::Pair { answer: Answerer::Named(who), .. }
        | FloorPolicy::Open { who, .. }
        | FloorPolicy::Queue { who, .. }
        | FloorPolicy::ChairQueue { who, .. }
        | FloorPolicy::QuietFirst { who, .. }
        | FloorPolicy::RoundRobin { who, .. } => client_alone(*who),
        FloorPolicy::Silence | FloorPolicy::Breakout { .. } => false,
    }
}

fn open(raw: &mut RawFloor) -> Parsed<FloorPolicy> {
    let who = raw.who.take().map_or(Ok(RoleSet::speakers()), |who| several(&who))?;
    let hands = raw.hands.take();
    let seats = match raw.seats.take() {
        None => None,
        Some(seats) => Some(number(&seats, "seats", 2, 8)?),
    };
    match hands {
        Some(hands) if seats.is_some() && !hands.get_ref() => fault(
            hands.span(),
            "who waits for a seat in the circle raises a hand: `hands` cannot be false",
        ),
        hands => Ok(FloorPolicy::Open {
            hands: seats.is_some() || hands.is_some_and(Spanned::into_inner),
            who,
            seats,
        }),
    }
}

fn round_robin(
    raw: &mut RawFloor,
    name: &str,
    at: &Range<usize>,
    people: u8,
) -> Parsed<FloorPolicy> {
    let who = several(&required(raw.who.take(), "who", name, at)?)?;
    let turn = required_turn(raw, name, at)?;
    let order = order(raw, who)?;
    let rounds = match raw.rounds.take() {
        None => Rounds::Once,
        Some(rounds) => one_of(
            &rounds,
            "rounds",
            &[("once", Rounds::Once), ("until_silent", Rounds::UntilSilent)],
        )?,
    };
    let volunteers = match raw.volunteers.take() {
        None => None,
        Some(count) if rounds == Rounds::UntilSilent => {
            return fault(count.span(), "`volunteers` means nothing to a round until silence");
        }
        Some(count) => Some(number(&count, "volunteers", 1, i64::from(people))?),
    };
    Ok(FloorPolicy::RoundRobin { who, turn, order, rounds, volunteers })
}

fn breakout(raw: &mut RawFloor, name: &str, at: &Range<usize>) -> Parsed<FloorPolicy> {
    let size = number(&required(raw.size.take(), "size", name, at)?, "size", 2, 4)?;
    let mix = match raw.mix.take() {
        None => Mix::Keep,
        Some(mix) => one_of(
            &mix,
            "mix",
            &[("keep", Mix::Keep), ("join", Mix::Join), ("rotate", Mix::Rotate)],
        )?,
    };
    Ok(FloorPolicy::Breakout { size, mix })
}

fn pair(raw: &mut RawFloor, name: &str, at: &Range<usize>) -> Parsed<FloorPolicy> {
    let asking = required(raw.ask.take(), "ask", name, at)?;
    let ask = spanned_roles(asking.get_ref())?;
    if ask.is_empty() {
        return fault(asking.span(), "nobody is named");
    }
    let answering = required(raw.answer.take(), "answer", name, at)?;
    let answer = answerer(&answering, ask)?;
    let warning = raw.warning.take();
    let grace = length_or(raw.grace.take(), GRACE)?;
    let side = |length: Option<Spanned<String>>, field| -> Parsed<TurnLimits> {
        let length = required(length, field, name, at)?;
        limits(&length, None, warning.as_ref(), grace)
    };
    let ask_turn = side(raw.ask_turn.take(), "ask_turn")?;
    let answer_turn = side(raw.answer_turn.take(), "answer_turn")?;
    let by_queue = match raw.by.take() {
        None => false,
        Some(by) => one_of(&by, "by", &[("round", false), ("queue", true)])?,
    };
    let by = if by_queue { PairBy::Queue } else { PairBy::Round(order(raw, ask)?) };
    Ok(FloorPolicy::Pair { ask, ask_turn, answer, answer_turn, by })
}

/// One role that one person has answers every question; of a list the asker names a person.
fn answerer(raw: &Spanned<RawList>, ask: RoleSet) -> Parsed<Answerer> {
    match raw.get_ref() {
        RawList::One(name) => {
            let role = one_person(name, raw.span())?;
            if ask.contains(role) {
                return fault(raw.span(), "the one who answers cannot be among those who ask");
            }
            Ok(Answerer::Role(role))
        }
        RawList::Many(_) => {
            let roles = several(raw)?;
            let one_person = roles.iter().count() == 1
                && roles.iter().all(|role| matches!(role, Role::Client | Role::Facilitator));
            if one_person && ask == roles {
                return fault(raw.span(), "nobody is left to answer but the one who asks");
            }
            Ok(Answerer::Named(roles))
        }
    }
}

/// The grace of a turn that names none: enough to end a sentence.
const GRACE: Millis = Millis::from_secs(10);
/// The warning of a turn that names none.
const WARNING: Millis = Millis::from_secs(15);

fn required<T>(value: Option<T>, field: &str, policy: &str, at: &Range<usize>) -> Parsed<T> {
    value.map_or_else(|| fault(at.clone(), format!("policy `{policy}` has no `{field}`")), Ok)
}

fn required_turn(raw: &mut RawFloor, policy: &str, at: &Range<usize>) -> Parsed<TurnLimits> {
    let turn = optional_turn(raw)?;
    required(turn, "turn", policy, at)
}

fn optional_turn(raw: &mut RawFloor) -> Parsed<Option<TurnLimits>> {
    let Some(length) = raw.turn.take() else { return Ok(None) };
    let expert = raw.expert_turn.take();
    let warning = raw.warning.take();
    let grace = length_or(raw.grace.take(), GRACE)?;
    limits(&length, expert.as_ref(), warning.as_ref(), grace).map(Some)
}

fn limits(
    length_at: &Spanned<String>,
    expert: Option<&Spanned<String>>,
    warning: Option<&Spanned<String>>,
    grace: Millis,
) -> Parsed<TurnLimits> {
    let length = length_of(length_at)?;
    let expert = match expert {
        None => length,
        Some(raw) => match length_of(raw)? {
            expert if expert <= length => expert,
            _ => return fault(raw.span(), "`expert_turn` is longer than `turn`"),
        },
    };
    let warning = match warning {
        None => WARNING.min(Millis(length.0 / 2)),
        Some(raw) => match length_of(raw)? {
            warning if warning < length => warning,
            _ => return fault(raw.span(), "`warning` is not shorter than the turn"),
        },
    };
    Ok(TurnLimits { length, expert, warning, grace })
}

fn single(who: &Spanned<RawList>) -> Parsed<Role> {
    match who.get_ref() {
        RawList::One(name) => one_person(name, who.span()),
        RawList::Many(_) => fault(who.span(), "policy `holder` names one role, not a list"),
    }
}

/// A role that one person has.
fn one_person(name: &str, at: Range<usize>) -> Parsed<Role> {
    match role(name, at.clone())? {
        role @ (Role::Client | Role::Facilitator) => Ok(role),
        _ => fault(
            at,
            format!(
                "`{name}` may be several people (one of: client, facilitator, or a list in `answer`)"
            ),
        ),
    }
}

fn several(who: &Spanned<RawList>) -> Parsed<RoleSet> {
    let set = match who.get_ref() {
        RawList::One(name) => roles([(name.as_str(), who.span())].into_iter())?,
        RawList::Many(names) => roles(names.iter().map(|name| (name.as_str(), who.span())))?,
    };
    if set.is_empty() { fault(who.span(), "nobody is named") } else { Ok(set) }
}

fn order(raw: &mut RawFloor, who: RoleSet) -> Parsed<RoundOrder> {
    let reversed = match raw.order.take() {
        None => false,
        Some(order) => one_of(&order, "order", &[("seats", false), ("reversed", true)])?,
    };
    let experts_last = match raw.experts.take() {
        None => false,
        Some(experts) => one_of(&experts, "experts", &[("in_turn", false), ("last", true)])?,
    };
    let last = match raw.last.take() {
        None => RoleSet::NONE,
        Some(last) => {
            let set = spanned_roles(last.get_ref())?;
            if let Some(stranger) = set.iter().find(|role| !who.contains(*role)) {
                return fault(
                    last.span(),
                    format!("`{}` is `last` but has no turn", stranger.as_str()),
                );
            }
            set
        }
    };
    Ok(RoundOrder { reversed, experts_last, last })
}

/// What the policy did not take means nothing to it.
fn nothing_left(raw: &RawFloor, policy: &str) -> Parsed<()> {
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(Spanned::span);
    let count = |value: &Option<Spanned<i64>>| value.as_ref().map(Spanned::span);
    let list = |value: &Option<Spanned<Vec<Spanned<String>>>>| value.as_ref().map(Spanned::span);
    let left = [
        ("hands", raw.hands.as_ref().map(Spanned::span)),
        ("who", raw.who.as_ref().map(Spanned::span)),
        ("turn", text(&raw.turn)),
        ("expert_turn", text(&raw.expert_turn)),
        ("warning", text(&raw.warning)),
        ("grace", text(&raw.grace)),
        ("order", text(&raw.order)),
        ("experts", text(&raw.experts)),
        ("last", list(&raw.last)),
        ("ask", list(&raw.ask)),
        ("ask_turn", text(&raw.ask_turn)),
        ("answer", raw.answer.as_ref().map(Spanned::span)),
        ("answer_turn", text(&raw.answer_turn)),
        ("by", text(&raw.by)),
        ("seats", count(&raw.seats)),
        ("rounds", text(&raw.rounds)),
        ("volunteers", count(&raw.volunteers)),
        ("size", count(&raw.size)),
        ("mix", text(&raw.mix)),
    ];
    match left.into_iter().find_map(|(field, at)| at.map(|at| (field, at))) {
        None => Ok(()),
        Some((field, at)) => fault(at, format!("`{field}` means nothing to policy `{policy}`")),
    }
}
