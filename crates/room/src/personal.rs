//! What one person alone is shown.

use std::collections::BTreeMap;

use palabre_ids::{Millis, Seat, UnixMillis};
use palabre_vocabulary::{ChairView, DropCause, DropRecord, HelpLine, PersonalView, Refusal, Rung};
use serde::{Deserialize, Serialize};

use crate::room::Room;
use crate::text::clean;

/// The longest private notes, in characters.
const NOTES_CHARS: usize = 8_000;
/// The longest call for help, in characters.
const HELP_CHARS: usize = 500;
/// How many calls for help, and how many drops, are kept for the chair.
const HELP_LINES: usize = 20;
const DROPS: usize = 50;

/// A page says how it came back within so long after it is back, or says nothing of that drop. Longer
/// takes the next silence for the last drop's.
const REPORT_LATE: Millis = Millis::from_secs(10);

/// A silence that somebody asks about. Shorter shows the facilitator what nobody noticed.
const NOTABLE_GAP: Millis = Millis::from_secs(2);

/// No page knows of a longer one.
const LONGEST_GAP: Millis = Millis::from_secs(3_600);

/// Everyone's private notes, which nobody else is shown.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Notes(BTreeMap<Seat, String>);

impl std::fmt::Debug for Notes {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Notes {
    fn of(&self, seat: Seat) -> &str {
        self.0.get(&seat).map_or("", String::as_str)
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Room {
    /// What somebody alone is shown; `None` for a seat that is not there.
    #[must_use]
    pub fn personal(&self, seat: Seat) -> Option<PersonalView> {
        self.people.get(seat).ok()?;
        Some(PersonalView {
            ballot: self.session().and_then(|session| session.vote.ballot_of(seat)),
            notes: self.notes.of(seat).to_owned(),
            talk: self.talk_share(seat),
            chair: self.holds_chair(seat).then(|| self.chair_view()),
        })
    }

    fn holds_chair(&self, seat: Seat) -> bool {
        self.chair.seat() == Some(seat) && !self.is_over()
    }

    fn chair_view(&self) -> ChairView {
        ChairView {
            balance: self.balance(),
            extensions: self.quotes(),
            help: self.help.iter().cloned().collect(),
            drops: self.drops.iter().copied().collect(),
        }
    }

    /// Whether somebody's own view is another one than `before`; notes are compared where they are.
    pub(crate) fn personal_changed(&self, before: &Self, seat: Seat) -> bool {
        let ballot = |room: &Self| room.session().and_then(|session| session.vote.ballot_of(seat));
        self.notes.of(seat) != before.notes.of(seat)
            || ballot(self) != ballot(before)
            || self.talk_share(seat) != before.talk_share(seat)
            || self.holds_chair(seat) != before.holds_chair(seat)
            || (self.holds_chair(seat)
                && (self.balance() != before.balance()
                    || self.quotes() != before.quotes()
                    || self.help != before.help
                    || self.drops != before.drops))
    }

    /// Replaces somebody's private notes.
    pub(crate) fn set_notes(&mut self, seat: Seat, text: String) -> Result<(), Refusal> {
        // As they are typed: white space at the ends is theirs.
        let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        if text.chars().count() > NOTES_CHARS || text.chars().any(control) {
            return Err(Refusal::BadText);
        }
        if text.is_empty() {
            self.notes.0.remove(&seat);
        } else {
            self.notes.0.insert(seat, text);
        }
        Ok(())
    }

    /// Somebody asks the facilitator for help, in private.
    pub(crate) fn ask_for_help(&mut self, seat: Seat, text: &str) -> Result<(), Refusal> {
        let text = clean(text, HELP_CHARS)?;
        if self.help.len() == HELP_LINES {
            self.help.pop_front();
        }
        self.help.push_back(HelpLine { seat, at: self.now, text });
        Ok(())
    }

    pub(crate) fn note_drop(&mut self, record: DropRecord) {
        if self.drops.len() == DROPS {
            self.drops.pop_front();
        }
        self.drops.push_back(record);
    }

    /// Somebody's page says what had happened and how it came back: the chair is shown it beside the
    /// drop. A silence that nobody took for a drop is shown when it was long enough to be asked about.
    pub(crate) fn recovered(
        &mut self,
        seat: Seat,
        rung: Rung,
        cause: DropCause,
        gap: Millis,
    ) -> Result<(), Refusal> {
        self.people.get(seat)?;
        if self.is_over() {
            return Ok(());
        }
        let (now, gap) = (self.now, gap.min(LONGEST_GAP));
        let since = UnixMillis(now.0.saturating_sub(gap.0));
        let told = |drop: &&mut DropRecord| {
            drop.seat == seat && drop.back_at.is_none_or(|back| now.since(back) <= REPORT_LATE)
        };
        match self.drops.iter_mut().rev().find(told) {
            Some(drop) => (drop.cause, drop.rung) = (Some(cause), Some(rung)),
            None if gap >= NOTABLE_GAP => self.note_drop(DropRecord {
                seat,
                at: since,
                back_at: Some(now),
                cause: Some(cause),
                rung: Some(rung),
            }),
            None => {}
        }
        Ok(())
    }

    pub(crate) fn note_return(&mut self, seat: Seat) {
        let now = self.now;
        let open = |drop: &&mut DropRecord| drop.seat == seat && drop.back_at.is_none();
        if let Some(drop) = self.drops.iter_mut().rev().find(open) {
            drop.back_at = Some(now);
        }
    }
}
