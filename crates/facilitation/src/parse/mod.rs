//! From the text of a template file to a [`Template`], or to the line that is wrong and why.

mod artefacts;
mod floor;
mod length;
mod lengths;
mod phase;
mod raw;
mod vote;

use std::ops::Range;

use palabre_ids::{Millis, Role};
use toml::Spanned;

use crate::{DropPolicy, RoleSet, Template, Text, speaks};
use raw::{RawDrops, RawTemplate, RawText};

/// The largest template file, in bytes: a long one has some 15 KiB.
const MAX_BYTES: usize = 64 * 1024;
/// The most phases: a session of two hours has twelve.
const MAX_PHASES: usize = 32;

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TemplateError {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong, in words.
    pub reason: String,
}

/// What is wrong, and where in the text.
struct Fault {
    at: Range<usize>,
    reason: String,
}

type Parsed<T> = Result<T, Fault>;

fn fault<T>(at: Range<usize>, reason: impl Into<String>) -> Parsed<T> {
    Err(Fault { at, reason: reason.into() })
}

impl Template {
    /// Parses the text of a template file.
    ///
    /// # Errors
    /// [`TemplateError`] with the first line that is wrong, and why.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > MAX_BYTES {
            return Err(TemplateError {
                line: 1,
                reason: format!("the file has {} bytes, {MAX_BYTES} at most", text.len()),
            });
        }
        let at_line = |at: Range<usize>, reason: String| TemplateError {
            line: 1 + text.bytes().take(at.start).filter(|byte| *byte == b'\n').count(),
            reason,
        };
        let raw: RawTemplate = toml::from_str(text)
            .map_err(|error| at_line(error.span().unwrap_or(0..0), error.message().to_owned()))?;
        lower(raw).map_err(|Fault { at, reason }| at_line(at, reason))
    }
}

fn lower(raw: RawTemplate) -> Parsed<Template> {
    let id = identifier(raw.id)?;
    let people = number(&raw.people, "people", 2, 9)?;
    let drops = drops(raw.drops, people)?;
    if raw.phases.is_empty() {
        return fault(0..0, "a template has at least one [[phase]]");
    }
    if let Some(extra) = raw.phases.get(MAX_PHASES) {
        return fault(extra.span(), format!("a template has at most {MAX_PHASES} phases"));
    }
    let mut before = phase::Before::new(people);
    let mut phases = Vec::with_capacity(raw.phases.len());
    for phase in raw.phases {
        phases.push(phase::lower(phase, &mut before)?);
    }
    Ok(Template {
        id,
        title: words(raw.title, 80)?,
        purpose: words(raw.purpose, 300)?,
        people,
        drops,
        phases,
    })
}

fn drops(raw: RawDrops, people: u8) -> Parsed<DropPolicy> {
    let quorum = match raw.quorum {
        Some(quorum) => number(&quorum, "quorum", 0, i64::from(people) - 2)?,
        None => 3.min(people - 2),
    };
    Ok(DropPolicy {
        debounce: length_or(raw.debounce, Millis::from_secs(1))?,
        speaker: length_or(raw.speaker, Millis::from_secs(20))?,
        client: length_or(raw.client, Millis::from_secs(120))?,
        chair: length_or(raw.chair, Millis::from_secs(15))?,
        quorum,
    })
}

fn identifier(raw: Spanned<String>) -> Parsed<String> {
    let at = raw.span();
    let id = raw.into_inner();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=40).contains(&id.len()) && id.bytes().all(allowed) {
        Ok(id)
    } else {
        fault(at, format!("`{id}` is no id: 1 to 40 characters of a-z, 0-9 and `-`"))
    }
}

fn number(raw: &Spanned<i64>, name: &str, least: i64, most: i64) -> Parsed<u8> {
    let value = *raw.get_ref();
    match u8::try_from(value) {
        Ok(small) if (least..=most).contains(&value) => Ok(small),
        _ => fault(raw.span(), format!("`{name}` is {value}, but must be {least} to {most}")),
    }
}

fn words(raw: RawText, most: usize) -> Parsed<Text> {
    Ok(Text { fr: sentence(raw.fr, most)?, en: sentence(raw.en, most)? })
}

fn sentence(raw: Spanned<String>, most: usize) -> Parsed<String> {
    let at = raw.span();
    let text = raw.get_ref().trim();
    if text.is_empty() {
        return fault(at, "the text is empty");
    }
    if text.chars().count() > most {
        return fault(
            at,
            format!("the text has {} characters, {most} at most", text.chars().count()),
        );
    }
    if text.chars().any(char::is_control) {
        return fault(at, "the text holds a control character");
    }
    Ok(text.to_owned())
}

fn length_of(raw: &Spanned<String>) -> Parsed<Millis> {
    length::parse(raw.get_ref()).or_else(|reason| fault(raw.span(), reason))
}

fn length_or(raw: Option<Spanned<String>>, default: Millis) -> Parsed<Millis> {
    raw.map_or(Ok(default), |raw| length_of(&raw))
}

/// One of a list of names, or a fault that names them all.
fn one_of<T: Copy>(raw: &Spanned<String>, what: &str, names: &[(&str, T)]) -> Parsed<T> {
    match names.iter().find(|(name, _)| name == raw.get_ref()) {
        Some((_, value)) => Ok(*value),
        None => {
            let list: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            fault(
                raw.span(),
                format!("unknown {what} `{}` (one of: {})", raw.get_ref(), list.join(", ")),
            )
        }
    }
}

fn role(text: &str, at: Range<usize>) -> Parsed<Role> {
    text.parse().or_else(|error: palabre_ids::UnknownRole| fault(at, error.to_string()))
}

/// Roles that may speak, each once.
fn roles<'a>(names: impl Iterator<Item = (&'a str, Range<usize>)>) -> Parsed<RoleSet> {
    roles_where(names, speaks, "sends no media, and has no turn")
}

/// Roles that `fit`, each once; of the others it is told what they are.
fn roles_where<'a>(
    names: impl Iterator<Item = (&'a str, Range<usize>)>,
    fit: impl Fn(Role) -> bool,
    otherwise: &str,
) -> Parsed<RoleSet> {
    let mut set = RoleSet::NONE;
    for (name, at) in names {
        let role = role(name, at.clone())?;
        if !fit(role) {
            return fault(at, format!("`{name}` {otherwise}"));
        }
        if set.contains(role) {
            return fault(at, format!("`{name}` is named twice"));
        }
        set = set.iter().chain([role]).collect();
    }
    Ok(set)
}

fn spanned_roles(raw: &[Spanned<String>]) -> Parsed<RoleSet> {
    roles(raw.iter().map(|name| (name.get_ref().as_str(), name.span())))
}
