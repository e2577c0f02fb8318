//! A phase's vote.

use std::ops::Range;

use palabre_ids::{Millis, Role};
use palabre_vocabulary::VoteAbout;
use toml::Spanned;

use super::raw::RawVote;
use super::{Parsed, fault, length_of, one_of, words};
use crate::{FloorPolicy, Overtime, Step, Transition, VoteRule, VoteRuleAbout};

/// How long a vote that says nothing stays open: people look for the button first.
pub(super) const LASTS: Millis = Millis::from_secs(30);
/// The longest a vote may stay open: everybody waits for it.
const LONGEST: Millis = Millis::from_secs(600);

/// What the rest of the phase says.
pub(super) struct Around<'a> {
    pub(super) steps: &'a [Step],
    pub(super) target: Millis,
    pub(super) max: Millis,
    pub(super) overtime: Overtime,
    pub(super) transition: Transition,
}

pub(super) fn lower(raw: Spanned<RawVote>, phase: &Around<'_>) -> Parsed<VoteRule> {
    let at = raw.span();
    let RawVote { about, lasts, mut extends, mut question, mut answers } = raw.into_inner();
    let lasts_at = lasts.as_ref().map(Spanned::span);
    let lasts = lasts.map_or(Ok(LASTS), |raw| length_of(&raw))?;
    if let Some(at) = lasts_at.filter(|_| lasts > LONGEST) {
        return fault(at, "a vote is open for 10 min at most");
    }
    let kind = one_of(
        &about,
        "vote",
        &[
            ("client", VoteAbout::Client),
            ("continue", VoteAbout::Continue),
            ("question", VoteAbout::Question),
        ],
    )?;
    let rule = match kind {
        VoteAbout::Client => client(about.span(), phase)?,
        VoteAbout::Continue => {
            let extends = extends.take();
            let Some(extends) = extends else {
                return fault(at, "a vote about `continue` has no `extends`");
            };
            go_on(about.span(), &extends, phase)?
        }
        VoteAbout::Question => {
            let Some(question) = question.take() else {
                return fault(at, "a vote about a `question` has no `question`");
            };
            let Some(answers) = answers.take() else {
                return fault(at, "a vote about a `question` has no `answers`");
            };
            if !(2..=6).contains(&answers.get_ref().len()) {
                let count = answers.get_ref().len();
                return fault(
                    answers.span(),
                    format!("there are {count} answers: 2 to 6 are asked for"),
                );
            }
            let answers = answers.into_inner().into_iter().map(|answer| words(answer, 80));
            VoteRuleAbout::Question {
                question: words(question.into_inner(), 300)?,
                answers: answers.collect::<Parsed<_>>()?,
            }
        }
    };
    if phase.transition == Transition::AllSpoken {
        return fault(at, "`transition = \"all_spoken\"` ends the phase before its vote");
    }
    let left = [
        ("extends", extends.map(|raw| raw.span())),
        ("question", question.map(|raw| raw.span())),
        ("answers", answers.map(|raw| raw.span())),
    ];
    match left.into_iter().find_map(|(field, at)| at.map(|at| (field, at))) {
        None => Ok(VoteRule { about: rule, lasts }),
        Some((field, at)) => {
            fault(at, format!("`{field}` means nothing to a vote about `{}`", about.get_ref()))
        }
    }
}

/// Somebody must be able to pitch.
fn client(at: Range<usize>, phase: &Around<'_>) -> Parsed<VoteRuleAbout> {
    let pitches = phase.steps.iter().any(|step| {
        !matches!(step.floor, FloorPolicy::Open { .. } | FloorPolicy::Holder { .. })
            && [Role::Client, Role::Consultant].into_iter().any(|role| step.floor.turn_for(role))
    });
    if pitches {
        Ok(VoteRuleAbout::Client)
    } else {
        fault(
            at,
            "nobody can be chosen: no floor of the phase gives a turn to those who could be the client",
        )
    }
}

fn go_on(at: Range<usize>, extends: &Spanned<String>, phase: &Around<'_>) -> Parsed<VoteRuleAbout> {
    let by = length_of(extends)?;
    if phase.transition != Transition::Vote {
        return fault(
            at,
            "a vote about `continue` ends the phase: it goes with `transition = \"vote\"`",
        );
    }
    if phase.overtime == Overtime::Hard {
        return fault(at, "the phase cannot be extended: its `overtime` is `hard`");
    }
    if phase.target + by > phase.max {
        return fault(
            extends.span(),
            format!(
                "the phase lasts {} s at most: `target` and `extends` together are longer",
                phase.max.0 / 1_000
            ),
        );
    }
    Ok(VoteRuleAbout::Continue { extends: by })
}
