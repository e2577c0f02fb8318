//! What one person alone is shown.

use palabre_ids::Seat;
use palabre_vocabulary::{ChairView, DropRecord, HelpLine, PersonalView, Refusal};

use crate::room::Room;
use crate::text::clean;

/// The longest call for help, in characters.
const HELP_CHARS: usize = 500;
/// How many calls for help, and how many drops, are kept for the chair.
const HELP_LINES: usize = 20;
const DROPS: usize = 50;

impl Room {
    /// What somebody alone is shown; `None` for a seat that is not there.
    #[must_use]
    pub fn personal(&self, seat: Seat) -> Option<PersonalView> {
        self.people.get(seat).ok()?;
        Some(PersonalView {
            ballot: self.session().and_then(|session| session.vote.ballot_of(seat)),
            notes: self.notes.get(&seat).cloned().unwrap_or_default(),
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
        self.notes.get(&seat) != before.notes.get(&seat)
            || ballot(self) != ballot(before)
            || self.talk_share(seat) != before.talk_share(seat)
            || self.holds_chair(seat) != before.holds_chair(seat)
            || (self.holds_chair(seat)
                && (self.balance() != before.balance()
                    || self.quotes() != before.quotes()
                    || self.help != before.help
                    || self.drops != before.drops))
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

    pub(crate) fn note_return(&mut self, seat: Seat) {
        let now = self.now;
        let open = |drop: &&mut DropRecord| drop.seat == seat && drop.back_at.is_none();
        if let Some(drop) = self.drops.iter_mut().rev().find(open) {
            drop.back_at = Some(now);
        }
    }
}
