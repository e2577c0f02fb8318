//! What may be written into the record in a phase, and by whom.

use std::collections::BTreeMap;

use palabre_ids::Role;
use palabre_vocabulary::EntryKind;
use toml::Spanned;

use super::{Parsed, fault, one_of, roles_where};
use crate::RoleSet;

/// What a phase makes.
pub(super) struct Artefacts {
    /// Whether it words the contract.
    pub(super) contract: bool,
    /// What is written, and by whom.
    pub(super) writes: Vec<(EntryKind, RoleSet)>,
}

const KINDS: [(&str, EntryKind); 6] = [
    ("subjects", EntryKind::Subject),
    ("suggestions", EntryKind::Suggestion),
    ("actions", EntryKind::Action),
    ("learnings", EntryKind::Learning),
    ("rating", EntryKind::Rating),
    ("notes", EntryKind::Note),
];

/// Who writes a kind where the template names nobody: the client decides what to do, the peers
/// offer, everyone learns, and whoever takes notes for the others takes no part.
fn usual_writers(kind: EntryKind) -> RoleSet {
    match kind {
        EntryKind::Subject => [Role::Client, Role::Consultant].into_iter().collect(),
        EntryKind::Suggestion => [Role::CoFacilitator, Role::Consultant].into_iter().collect(),
        EntryKind::Action => [Role::Client].into_iter().collect(),
        EntryKind::Learning | EntryKind::Rating => RoleSet::speakers(),
        EntryKind::Note => {
            [Role::Facilitator, Role::CoFacilitator, Role::Scribe].into_iter().collect()
        }
    }
}

pub(super) fn lower(
    names: &[Spanned<String>],
    mut writers: BTreeMap<Spanned<String>, Spanned<Vec<Spanned<String>>>>,
    client: bool,
) -> Parsed<Artefacts> {
    let mut contract = false;
    let mut writes: Vec<(EntryKind, RoleSet)> = Vec::new();
    for name in names {
        let known: Vec<(&str, Option<EntryKind>)> = std::iter::once(("contract", None))
            .chain(KINDS.map(|(name, kind)| (name, Some(kind))))
            .collect();
        let kind = one_of(name, "artefact", &known)?;
        let twice = match kind {
            None => std::mem::replace(&mut contract, true),
            Some(kind) => writes.iter().any(|(before, _)| *before == kind),
        };
        if twice {
            return fault(name.span(), format!("`{}` is named twice", name.get_ref()));
        }
        let Some(kind) = kind else { continue };
        let by = match writers.remove(name) {
            None => usual_writers(kind),
            Some(list) => {
                let names =
                    list.get_ref().iter().map(|role| (role.get_ref().as_str(), role.span()));
                let set = roles_where(names, |role| role != Role::Observer, "only listens")?;
                if set.is_empty() {
                    return fault(list.span(), "nobody is named");
                }
                set
            }
        };
        if !client && by.iter().eq([Role::Client]) {
            return fault(
                name.span(),
                format!(
                    "only the client writes `{}`, but no phase so far has `needs = [\"client\"]`: name others in `writers`",
                    name.get_ref()
                ),
            );
        }
        writes.push((kind, by));
    }
    match writers.keys().next() {
        None => Ok(Artefacts { contract, writes }),
        Some(name) => fault(
            name.span(),
            format!("`{}` has `writers`, but is not among the `artefacts`", name.get_ref()),
        ),
    }
}
