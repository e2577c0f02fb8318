//! How long a phase lasts, at the least and at the most, and when it warns.

use std::ops::Range;

use palabre_ids::Millis;
use toml::Spanned;

use super::raw::RawList;
use super::{Parsed, fault, length, length_of};

/// The lengths of a phase, checked against each other.
pub(super) struct Lengths {
    pub(super) target: Millis,
    pub(super) min: Millis,
    pub(super) max: Millis,
    pub(super) warnings: Vec<Millis>,
}

/// The same, as they are written.
pub(super) struct RawLengths<'a> {
    pub(super) target: &'a Spanned<String>,
    pub(super) min: Option<&'a Spanned<String>>,
    pub(super) max: Option<&'a Spanned<String>>,
    pub(super) warning: Option<&'a Spanned<RawList>>,
}

/// The most warnings of a phase: more are noise.
const MOST_WARNINGS: usize = 4;

/// `needed` is what the phase takes at the least.
pub(super) fn lower(raw: &RawLengths<'_>, needed: Millis, people: u8) -> Parsed<Lengths> {
    let target = length_of(raw.target)?;
    let bounded = |raw: Option<&Spanned<String>>, allowed: Range<u64>, says: &str| match raw {
        None => Ok(None),
        Some(raw) => match length_of(raw)? {
            length if allowed.contains(&length.0) => Ok(Some(length)),
            _ => fault(raw.span(), says),
        },
    };
    let max = bounded(raw.max, target.0..u64::MAX, "`max` is shorter than `target`")?
        .unwrap_or(Millis(target.0 * 13 / 10));
    if needed > max {
        return fault(
            raw.target.span(),
            format!(
                "one full round of {people} people, the steps that have `lasts` and the vote take {} s, the phase at most {} s",
                needed.0 / 1_000,
                max.0 / 1_000
            ),
        );
    }
    let min = match bounded(raw.min, 1..target.0 + 1, "`min` is longer than `target`")? {
        None => Millis(target.0 * 6 / 10).max(needed).min(target),
        Some(min) if min < needed.min(target) => {
            let at = raw.min.map_or(0..0, Spanned::span);
            return fault(
                at,
                format!("`min` is shorter than one full round, which takes {} s", needed.0 / 1_000),
            );
        }
        Some(min) => min,
    };
    let warnings = match raw.warning {
        None => vec![Millis::from_secs(60).min(Millis(target.0 / 2))],
        Some(raw) => warnings(raw, target)?,
    };
    Ok(Lengths { target, min, max, warnings })
}

fn warnings(raw: &Spanned<RawList>, target: Millis) -> Parsed<Vec<Millis>> {
    let texts = match raw.get_ref() {
        RawList::One(text) => std::slice::from_ref(text),
        RawList::Many(texts) => texts,
    };
    if texts.is_empty() || texts.len() > MOST_WARNINGS {
        return fault(raw.span(), format!("a phase has 1 to {MOST_WARNINGS} warnings"));
    }
    let mut warnings = Vec::new();
    for text in texts {
        match length::parse(text) {
            Err(reason) => return fault(raw.span(), reason),
            Ok(warning) if warning >= target => {
                return fault(raw.span(), "`warning` is not shorter than `target`");
            }
            Ok(warning) if warnings.contains(&warning) => {
                return fault(raw.span(), format!("`{text}` is named twice"));
            }
            Ok(warning) => warnings.push(warning),
        }
    }
    warnings.sort_by(|one, other| other.cmp(one));
    Ok(warnings)
}
