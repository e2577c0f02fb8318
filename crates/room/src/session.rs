//! The session while its phases are on.

use std::collections::{BTreeMap, BTreeSet};

use palabre_facilitation::{Floor, Phase, Template};
use palabre_ids::{Group, Millis, Seat, UnixMillis};
use palabre_vocabulary::Clock;
use serde::{Deserialize, Serialize};

use crate::next::Ending;
use crate::votes::PhaseVote;

/// The phases are on: one of them, its clock and its floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) index: usize,
    pub(crate) clock: Clock,
    /// Since when the clock last ran or stood; a stand-still never reaches back before it.
    pub(crate) turned_at: UnixMillis,
    /// Since when the phase is on.
    pub(crate) began: UnixMillis,
    pub(crate) extended: Millis,
    /// What each phase is to last: its target, less what earlier ones borrowed.
    pub(crate) targets: Vec<Millis>,
    pub(crate) floor: Floor,
    pub(crate) pauses: Pauses,
    /// Whether and when the phase ends by itself.
    pub(crate) ending: Ending,
    pub(crate) vote: PhaseVote,
    /// Who pitched in the phase, in that order.
    pub(crate) pitched: Vec<Seat>,
    /// Who wants to go on, while nobody holds the chair.
    pub(crate) wants: BTreeSet<Seat>,
    /// The client who is away while the group goes on in writing: the phase's clock runs, the floor
    /// stands.
    pub(crate) in_writing: Option<Seat>,
    /// The floor's clocks were stopped, and not started again since.
    floor_halted: bool,
    /// The facilitators who are with a breakout group, and whoever left theirs while in the chair.
    pub(crate) visits: BTreeMap<Seat, Group>,
    /// Who was the client of which phase.
    pub(crate) clients: BTreeMap<usize, Seat>,
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

impl Session {
    /// The session at its first phase; its floor is still to begin.
    pub(crate) fn new(now: UnixMillis, template: &Template) -> Self {
        let targets: Vec<Millis> = template.phases.iter().map(|phase| phase.target).collect();
        Self {
            index: 0,
            clock: Clock::start(now, targets[0], false),
            turned_at: now,
            began: now,
            extended: Millis::ZERO,
            targets,
            floor: Floor::default(),
            pauses: Pauses::default(),
            ending: Ending::default(),
            vote: PhaseVote::default(),
            pitched: Vec::new(),
            wants: BTreeSet::new(),
            in_writing: None,
            floor_halted: false,
            visits: BTreeMap::new(),
            clients: BTreeMap::new(),
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
        self.turned_at = now;
        self.began = now;
        self.clock = Clock::start(now, self.targets[index], false);
        self.extended = Millis::ZERO;
        self.pauses = Pauses::default();
        self.ending = Ending::default();
        self.vote = PhaseVote::default();
        self.pitched.clear();
        self.wants.clear();
        self.in_writing = None;
        self.floor_halted = false;
        self.visits.clear();
    }

    /// Whether nobody's turn runs: the clocks stand, or the group writes.
    pub(crate) fn floor_stands(&self) -> bool {
        self.pauses.any() || self.in_writing.is_some()
    }

    /// The clocks stand since `at`.
    pub(crate) fn stop_clocks(&mut self, at: UnixMillis) {
        let at = at.max(self.turned_at);
        if self.clock.deadline().is_some() {
            self.clock = self.clock.paused_at(at);
            self.turned_at = at;
        }
        self.vote.pause(at);
        self.halt_floor(at);
    }

    fn halt_floor(&mut self, at: UnixMillis) {
        self.floor.pause(at);
        self.floor_halted = true;
    }

    /// The group goes on in writing, without the client.
    pub(crate) fn write_on(&mut self, client: Seat, now: UnixMillis) {
        self.pauses.for_client = None;
        self.in_writing = Some(client);
        self.halt_floor(now);
        self.run_clocks(now);
    }

    /// The clocks run again, if there is no reason left for them to stand.
    pub(crate) fn run_clocks(&mut self, now: UnixMillis) {
        if self.pauses.any() {
            return;
        }
        if self.clock.deadline().is_none() {
            self.turned_at = now;
            self.clock = self.clock.running_from(now);
            self.vote.resume(now);
        }
        if self.floor_halted && !self.floor_stands() {
            self.floor_halted = false;
            self.floor.resume(now);
        }
    }

    /// The clocks no longer stand for the client: their turn waits for them as for any speaker.
    pub(crate) fn wait_for_client_no_longer(&mut self, now: UnixMillis) {
        let away = self.pauses.for_client.take().map(|client| client.seat);
        if let Some(seat) = away.or(self.in_writing.take()) {
            self.floor.hold(seat, now, false);
        }
    }
}
