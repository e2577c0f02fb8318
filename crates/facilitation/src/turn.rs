//! A turn: a lease on the floor.

use palabre_ids::{Millis, Seat, TurnId, UnixMillis};
use serde::{Deserialize, Serialize};

use palabre_vocabulary::Clock;

/// What a turn is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Speaking.
    Speak,
    /// Asking a question.
    Ask,
    /// Answering one.
    Answer {
        /// Of whom, when somebody asked.
        asker: Option<Seat>,
    },
}

/// A lease on the floor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Which turn.
    pub id: TurnId,
    /// Who has it.
    pub seat: Seat,
    /// What for.
    pub part: Part,
    /// The step of the phase that gave it, whose rules it follows to its end.
    pub(crate) step: usize,
    /// In a pair: who is asked or answered.
    pub partner: Option<Seat>,
    /// The warning comes this long before the deadline.
    pub warning: Millis,
    /// The cut comes this long after the deadline.
    pub grace: Millis,
    /// Its whole length; `None` in a turn without limit.
    pub total: Option<Millis>,
    /// Runs out at the cut, so that a drop within the grace gives no second one.
    cut: Option<Clock>,
    /// Since when the clock last ran; a stand-still never reaches back before it.
    began: UnixMillis,
    /// Set while the holder is away.
    away: Option<Away>,
    /// For how long the place will still be kept: over one turn, however often the holder drops.
    hold_left: Millis,
}

/// The holder of a turn is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Away {
    since: UnixMillis,
    /// When the turn passes on; `None` while something greater holds it.
    until: Option<UnixMillis>,
}

/// What a new turn is made of.
pub(crate) struct Lease {
    pub(crate) id: TurnId,
    pub(crate) seat: Seat,
    pub(crate) part: Part,
    pub(crate) step: usize,
    pub(crate) partner: Option<Seat>,
    /// How long it lasts from now: what is left of a turn that is resumed.
    pub(crate) length: Option<Millis>,
    /// How long it lasts in all.
    pub(crate) total: Option<Millis>,
    pub(crate) warning: Millis,
    pub(crate) grace: Millis,
    pub(crate) hold: Millis,
}

impl Turn {
    pub(crate) fn start(lease: Lease, now: UnixMillis, paused: bool) -> Self {
        let Lease { id, seat, part, step, partner, length, total, warning, grace, hold } = lease;
        Self {
            id,
            seat,
            part,
            step,
            partner,
            warning,
            grace,
            total,
            cut: length.map(|length| Clock::start(now, length + grace, paused)),
            began: now,
            away: None,
            hold_left: hold,
        }
    }

    /// The clock to the turn's deadline; `None` in a turn without limit.
    #[must_use]
    pub fn clock(&self) -> Option<Clock> {
        self.cut.map(|clock| clock.shortened(self.grace))
    }

    /// When the turn is cut; `None` while its clock stands, or when it has none.
    #[must_use]
    pub fn cut_at(&self) -> Option<UnixMillis> {
        self.cut.and_then(Clock::deadline)
    }

    /// Whether the holder is away.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.away.is_some()
    }

    /// When the turn passes on, while its holder is away.
    #[must_use]
    pub fn held_until(&self) -> Option<UnixMillis> {
        self.away.and_then(|away| away.until)
    }

    pub(crate) fn pause(&mut self, at: UnixMillis) {
        let at = at.max(self.began);
        self.cut = self.cut.map(|clock| clock.paused_at(at));
    }

    pub(crate) fn run(&mut self, now: UnixMillis) {
        if self.away.is_none() {
            self.began = now;
            self.cut = self.cut.map(|clock| clock.running_from(now));
        }
    }

    /// The holder is away since `since`. With `kept` something greater holds the place.
    pub(crate) fn hold(&mut self, since: UnixMillis, kept: bool) {
        self.pause(since);
        let until = (!kept).then(|| since + self.hold_left);
        self.away = Some(Away { since, until });
    }

    /// The holder is back.
    pub(crate) fn unhold(&mut self, now: UnixMillis) {
        if let Some(Away { since, until: Some(_) }) = self.away.take() {
            self.hold_left = self.hold_left.saturating_sub(now.since(since));
        }
    }

    /// What the holder could still say before the deadline; `None` in a turn without limit.
    pub(crate) fn remaining(&self, now: UnixMillis) -> Option<Millis> {
        self.clock().map(|clock| clock.remaining(now))
    }
}
