//! The session while its phases are on.

use std::collections::BTreeSet;

use palabre_facilitation::{Floor, Overtime, Phase, Template};
use palabre_ids::{Millis, Seat, UnixMillis};
use palabre_vocabulary::Clock;
use serde::{Deserialize, Serialize};

/// The phases are on: one of them, its clock and its floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) index: usize,
    pub(crate) clock: Clock,
    /// Since when the clock last ran; a stand-still never reaches back before it.
    began: UnixMillis,
    pub(crate) extended: Millis,
    /// What each phase is to last: its target, less what earlier ones borrowed.
    pub(crate) targets: Vec<Millis>,
    pub(crate) floor: Floor,
    pub(crate) pauses: Pauses,
    pub(crate) contract: Option<Contract>,
}

/// Why the clocks stand; they run when there is no reason left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Pauses {
    /// The chair stopped them.
    pub(crate) by_chair: bool,
    /// The client is away.
    pub(crate) for_client: Option<ClientAway>,
    /// The server was down, or everybody was away.
    pub(crate) recovery: Option<Recovery>,
}

impl Pauses {
    pub(crate) fn any(&self) -> bool {
        self.by_chair || self.for_client.is_some() || self.recovery.is_some()
    }
}

/// The client is away, and the phase waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientAway {
    pub(crate) seat: Seat,
    /// Until when their floor is held; past it the facilitator chooses.
    pub(crate) until: Option<UnixMillis>,
}

/// The room waits for the people it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    /// Who was here.
    pub(crate) present: BTreeSet<Seat>,
    /// Until when they are waited for, from the first one back.
    pub(crate) until: Option<UnixMillis>,
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

impl Session {
    /// The session at its first phase; its floor is still to begin.
    pub(crate) fn new(now: UnixMillis, template: &Template) -> Self {
        let targets: Vec<Millis> = template.phases.iter().map(|phase| phase.target).collect();
        Self {
            index: 0,
            clock: Clock::start(now, targets[0], false),
            began: now,
            extended: Millis::ZERO,
            targets,
            floor: Floor::default(),
            pauses: Pauses::default(),
            contract: None,
        }
    }

    pub(crate) fn phase<'a>(&self, template: &'a Template) -> &'a Phase {
        &template.phases[self.index]
    }

    pub(crate) fn is_last(&self) -> bool {
        self.index + 1 == self.targets.len()
    }

    /// Enters a phase: its clock runs, whatever stood before. Its floor is still to begin.
    pub(crate) fn enter(&mut self, index: usize, now: UnixMillis) {
        self.index = index;
        self.began = now;
        self.clock = Clock::start(now, self.targets[index], false);
        self.extended = Millis::ZERO;
        self.pauses = Pauses::default();
    }

    /// The clocks stand since `at`.
    pub(crate) fn stop_clocks(&mut self, at: UnixMillis) {
        self.clock = self.clock.paused_at(at.max(self.began));
        self.floor.pause(at);
    }

    /// The clocks run again, if there is no reason left for them to stand.
    pub(crate) fn run_clocks(&mut self, now: UnixMillis) {
        if !self.pauses.any() && self.clock.deadline().is_none() {
            self.began = now;
            self.clock = self.clock.running_from(now);
            self.floor.resume(now);
        }
    }

    /// The clocks no longer stand for the client: their turn waits for them as for any speaker.
    pub(crate) fn wait_for_client_no_longer(&mut self, now: UnixMillis) {
        if let Some(client) = self.pauses.for_client.take() {
            self.floor.hold(client.seat, now, false);
        }
    }

    /// Lengthens the phase by `by` at most; says by how much.
    pub(crate) fn extend(&mut self, by: Millis, template: &Template) -> Millis {
        let phase = self.phase(template);
        let room = phase.max.saturating_sub(self.targets[self.index] + self.extended);
        let later = self.index + 1..self.targets.len();
        let by = match phase.overtime {
            Overtime::Hard => Millis::ZERO,
            Overtime::Soft => by.min(room),
            Overtime::Borrow => by.min(room).min(later.clone().fold(Millis::ZERO, |sum, index| {
                sum + spare_of(self.targets[index], template.phases[index].min)
            })),
        };
        if phase.overtime == Overtime::Borrow {
            let mut owed = by;
            for index in later {
                let taken = owed.min(spare_of(self.targets[index], template.phases[index].min));
                self.targets[index] = self.targets[index].saturating_sub(taken);
                owed = owed.saturating_sub(taken);
            }
        }
        self.extended = self.extended + by;
        self.clock = self.clock.lengthened(by);
        by
    }

    /// When the session ends if every later phase takes its target.
    pub(crate) fn ends_at(&self) -> Option<UnixMillis> {
        let later =
            self.targets[self.index + 1..].iter().fold(Millis::ZERO, |sum, target| sum + *target);
        self.clock.deadline().map(|deadline| deadline + later)
    }
}

fn spare_of(target: Millis, min: Millis) -> Millis {
    target.saturating_sub(min)
}
