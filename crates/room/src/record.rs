//! What a session leaves: the contract sentence, and what people write where the phase has a place
//! for it. It belongs to the client.

use std::collections::{BTreeMap, BTreeSet};

use palabre_facilitation::speaks;
use palabre_ids::{Role, Seat};
use palabre_vocabulary::{Entry, EntryDraft, EntryId, EntryKind, RecordFate, Refusal};
use serde::{Deserialize, Serialize};

use crate::room::Room;
use crate::text::{clean, clean_or_empty};

/// The longest contract sentence, in characters.
const CONTRACT_CHARS: usize = 500;
/// The longest text of an entry, in characters.
const ENTRY_CHARS: usize = 1_000;
/// The longest « by when » of an action, in characters.
const WHEN_CHARS: usize = 100;
/// How many entries there are at most, and how many of one person: the whole record travels in one
/// message with the room.
const ENTRIES: usize = 200;
const ENTRIES_OF_ONE: usize = 40;
/// How many bytes of text they have in all.
const BYTES: usize = 24 * 1024;

/// The record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) contract: Option<Contract>,
    entries: BTreeMap<EntryId, Entry>,
    last: u32,
    pub(crate) fate: RecordFate,
}

/// The contract sentence.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contract {
    pub(crate) sentence: String,
    pub(crate) accepted: BTreeSet<Seat>,
}

impl std::fmt::Debug for Contract {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contract").field("accepted", &self.accepted).finish_non_exhaustive()
    }
}

impl Record {
    /// Nothing, for good.
    pub(crate) fn erased() -> Self {
        Self { fate: RecordFate::Erase, ..Self::default() }
    }

    /// The entries, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(crate) fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// The entries that are not the same in both.
    pub(crate) fn changed_since(&self, before: &Self) -> Vec<EntryId> {
        let ids: BTreeSet<EntryId> =
            self.entries.keys().chain(before.entries.keys()).copied().collect();
        ids.into_iter().filter(|id| self.entries.get(id) != before.entries.get(id)).collect()
    }

    /// Whether there is room for `draft` of `seat`, in the place of `instead`.
    fn has_room(&self, seat: Seat, draft: &EntryDraft, instead: Option<EntryId>) -> bool {
        let others = || self.entries().filter(|entry| Some(entry.id) != instead);
        let bytes: usize = others().map(|entry| bytes_of(&entry.entry)).sum();
        others().count() < ENTRIES
            && others().filter(|entry| entry.seat == seat).count() < ENTRIES_OF_ONE
            && bytes + bytes_of(draft) <= BYTES
    }
}

impl Room {
    /// What was written, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.record.entries()
    }

    /// An entry of the record.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.record.entry(id)
    }

    /// Whether somebody may write entries of a kind now: as the phase says. The client's plan, once
    /// it has had its phase, is theirs to go on with, and without the client the group writes
    /// what they will read.
    fn may_write(&self, seat: Seat, kind: EntryKind) -> Result<(), Refusal> {
        let role = self.people.get(seat)?.role();
        let session = self.session().ok_or_else(|| self.not_running())?;
        let here = session.phase(&self.template).may_write(role, kind);
        let planned = kind == EntryKind::Action
            && role == Role::Client
            && self.template.phases[..=session.index]
                .iter()
                .any(|phase| phase.may_write(role, kind));
        let for_later = session.in_writing.is_some()
            && speaks(role)
            && matches!(kind, EntryKind::Suggestion | EntryKind::Note);
        if here || planned || for_later { Ok(()) } else { Err(Refusal::NotInThisPhase) }
    }

    /// Writes an entry; somebody's second rating takes the place of their first.
    pub(crate) fn add_entry(&mut self, seat: Seat, draft: &EntryDraft) -> Result<(), Refusal> {
        self.may_write(seat, draft.kind())?;
        let draft = cleaned(draft)?;
        let rating = |entry: &&Entry| {
            draft.kind() == EntryKind::Rating
                && entry.entry.kind() == EntryKind::Rating
                && entry.seat == seat
        };
        let instead = self.record.entries().find(rating).map(|entry| entry.id);
        if !self.record.has_room(seat, &draft, instead) {
            return Err(Refusal::RecordFull);
        }
        let id = instead.unwrap_or_else(|| {
            self.record.last += 1;
            EntryId(self.record.last)
        });
        self.record.entries.insert(id, Entry { id, seat, at: self.now, kept: false, entry: draft });
        Ok(())
    }

    /// What somebody may do with an entry that is there, while the session runs.
    fn entry_for(&self, seat: Seat, id: EntryId, removes: bool) -> Result<&Entry, Refusal> {
        self.session().ok_or_else(|| self.not_running())?;
        let entry = self.record.entry(id).ok_or(Refusal::NoSuchEntry)?;
        let kind = entry.entry.kind();
        let own = entry.seat == seat;
        let of_the_client = self.people.client() == Some(seat)
            && !matches!(kind, EntryKind::Learning | EntryKind::Rating);
        let of_the_chair = removes
            && self.chair.seat() == Some(seat)
            && matches!(kind, EntryKind::Suggestion | EntryKind::Note);
        if own || of_the_client || of_the_chair { Ok(entry) } else { Err(Refusal::NotEligible) }
    }

    pub(crate) fn change_entry(
        &mut self,
        seat: Seat,
        id: EntryId,
        draft: &EntryDraft,
    ) -> Result<(), Refusal> {
        let entry = self.entry_for(seat, id, false)?;
        let author = entry.seat;
        if entry.entry.kind() != draft.kind() {
            return Err(Refusal::OutOfRange);
        }
        let draft = cleaned(draft)?;
        if !self.record.has_room(author, &draft, Some(id)) {
            return Err(Refusal::RecordFull);
        }
        if let Some(entry) = self.record.entries.get_mut(&id) {
            entry.entry = draft;
        }
        Ok(())
    }

    pub(crate) fn remove_entry(&mut self, seat: Seat, id: EntryId) -> Result<(), Refusal> {
        self.entry_for(seat, id, true)?;
        self.record.entries.remove(&id);
        Ok(())
    }

    /// The client keeps a suggestion, or does not.
    pub(crate) fn keep_entry(
        &mut self,
        seat: Seat,
        id: EntryId,
        kept: bool,
    ) -> Result<(), Refusal> {
        self.session().ok_or_else(|| self.not_running())?;
        if self.people.client() != Some(seat) {
            return Err(Refusal::NotEligible);
        }
        let entry = self.record.entries.get_mut(&id).ok_or(Refusal::NoSuchEntry)?;
        if entry.entry.kind() != EntryKind::Suggestion {
            return Err(Refusal::OutOfRange);
        }
        if entry.kept == kept {
            return Err(Refusal::NoChange);
        }
        entry.kept = kept;
        Ok(())
    }

    // ---- the contract

    pub(crate) fn propose_contract(&mut self, seat: Seat, text: &str) -> Result<(), Refusal> {
        if !self.with_session(|_, scene| scene.phase.takes_contract)? {
            return Err(Refusal::NotInThisPhase);
        }
        if self.people.client() != Some(seat) && self.chair.seat() != Some(seat) {
            return Err(Refusal::NotEligible);
        }
        let sentence = clean(text, CONTRACT_CHARS)?;
        // Another sentence is accepted anew; whoever words it accepts it.
        self.record.contract = Some(Contract { sentence, accepted: [seat].into() });
        Ok(())
    }

    pub(crate) fn accept_contract(&mut self, seat: Seat) -> Result<(), Refusal> {
        if !speaks(self.people.get(seat)?.role()) {
            return Err(Refusal::NotEligible);
        }
        let taken = self.with_session(|_, scene| scene.phase.takes_contract)?;
        let contract = self.record.contract.as_mut().filter(|_| taken);
        let newly = contract.ok_or(Refusal::NotInThisPhase)?.accepted.insert(seat);
        if newly { Ok(()) } else { Err(Refusal::NoChange) }
    }

    /// Whose acceptance is awaited; ascending.
    pub(crate) fn contract_awaits(&self) -> Vec<Seat> {
        let taken =
            self.session().is_some_and(|session| session.phase(&self.template).takes_contract);
        match self.record.contract.as_ref().filter(|_| taken) {
            Some(contract) => {
                self.present_speakers().filter(|seat| !contract.accepted.contains(seat)).collect()
            }
            None => Vec::new(),
        }
    }

    pub(crate) fn contract_accepted(&self) -> bool {
        self.record.contract.as_ref().is_some_and(|contract| {
            let mut asked = self.present_speakers().peekable();
            asked.peek().is_some() && asked.all(|seat| contract.accepted.contains(&seat))
        })
    }
}

/// The entry as it is kept.
fn cleaned(draft: &EntryDraft) -> Result<EntryDraft, Refusal> {
    Ok(match draft {
        EntryDraft::Subject { text } => EntryDraft::Subject { text: clean(text, ENTRY_CHARS)? },
        EntryDraft::Suggestion { text } => {
            EntryDraft::Suggestion { text: clean(text, ENTRY_CHARS)? }
        }
        EntryDraft::Learning { text } => EntryDraft::Learning { text: clean(text, ENTRY_CHARS)? },
        EntryDraft::Note { text } => EntryDraft::Note { text: clean(text, ENTRY_CHARS)? },
        EntryDraft::Action { what, when, first_step } => EntryDraft::Action {
            what: clean(what, ENTRY_CHARS)?,
            when: clean_or_empty(when, WHEN_CHARS)?,
            first_step: clean_or_empty(first_step, ENTRY_CHARS)?,
        },
        EntryDraft::Rating { stars, comment } => {
            if !(1..=5).contains(stars) {
                return Err(Refusal::OutOfRange);
            }
            EntryDraft::Rating { stars: *stars, comment: clean_or_empty(comment, ENTRY_CHARS)? }
        }
    })
}

fn bytes_of(draft: &EntryDraft) -> usize {
    match draft {
        EntryDraft::Subject { text }
        | EntryDraft::Suggestion { text }
        | EntryDraft::Learning { text }
        | EntryDraft::Note { text } => text.len(),
        EntryDraft::Action { what, when, first_step } => what.len() + when.len() + first_step.len(),
        EntryDraft::Rating { stars: _, comment } => comment.len(),
    }
}
