//! After the session: what is forgotten at once, and the record until its time is over.

use palabre_ids::{Millis, Seat, UnixMillis};
use palabre_vocabulary::{RecordFate, Refusal};
use serde::{Deserialize, Serialize};

use crate::people::Chair;
use crate::record::Record;
use crate::room::{Progress, Room};
use crate::talk::Talk;

/// How long an undecided record stays: long enough to decide, and to save it, before the next meeting
/// begins.
const UNDECIDED: Millis = Millis::from_secs(3_600);
/// How long a kept record stays, for a client who saves it in the evening.
const KEPT: Millis = Millis::from_secs(24 * 3_600);

/// What is left of a session that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Over {
    /// The record, which can be read.
    Kept {
        /// When the session ended.
        since: UnixMillis,
    },
    /// Nothing.
    Erased,
}

impl Room {
    /// The session is over for everyone. Talk time, chat, drops and calls for help are forgotten with
    /// it, whatever becomes of the record.
    pub(crate) fn end(&mut self) {
        self.progress = Progress::Over(Over::Kept { since: self.now });
        self.screen = None;
        self.backup = None;
        if let Chair::Held { until, .. } = &mut self.chair {
            *until = None;
        }
        self.chat.clear();
        self.help.clear();
        self.drops.clear();
        self.talk = Talk::default();
        if self.record.fate == RecordFate::Erase {
            self.erase();
        }
    }

    /// Everything that anybody wrote is gone.
    pub(crate) fn erase(&mut self) {
        self.progress = Progress::Over(Over::Erased);
        self.record = Record::erased();
        self.notes.forget();
        self.results.clear();
    }

    /// When the record's time is over.
    pub(crate) fn record_over_at(&self) -> Option<UnixMillis> {
        match (&self.progress, self.record.fate) {
            (Progress::Over(Over::Kept { since }), RecordFate::Keep) => Some(*since + KEPT),
            (Progress::Over(Over::Kept { since }), _) => Some(*since + UNDECIDED),
            _ => None,
        }
    }

    /// Whether nothing is left of the session: the journal may be destroyed.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        matches!(self.progress, Progress::Over(Over::Erased))
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Over(_))
    }

    /// What becomes of the record: it is the client's, and where nobody is the client the chair's.
    pub(crate) fn decide_record(&mut self, seat: Seat, fate: RecordFate) -> Result<(), Refusal> {
        let decides = self.people.client_role().or(self.chair.seat());
        if self.is_erased() {
            return Err(Refusal::Ended);
        }
        if decides != Some(seat) {
            return Err(Refusal::NotEligible);
        }
        if fate == RecordFate::Undecided {
            return Err(Refusal::OutOfRange);
        }
        if fate == self.record.fate {
            return Err(Refusal::NoChange);
        }
        self.record.fate = fate;
        if self.is_over() && fate == RecordFate::Erase {
            self.erase();
        }
        Ok(())
    }
}
