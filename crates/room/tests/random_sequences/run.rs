//! A room under test, with everything that was seen of it.

use std::collections::BTreeMap;

use palabre_ids::{Epoch, Millis, Seat, UnixMillis};
use palabre_room::{Command, Effects, Input, Room};
use palabre_vocabulary::{Ballot, Stage};
use proptest::prelude::{prop_assert, prop_assert_eq};
use proptest::test_runner::TestCaseError;

use crate::checks;
use crate::common::START;
use crate::inputs::SEATS;

pub(crate) struct Run {
    pub(crate) room: Room,
    pub(crate) now: UnixMillis,
    pub(crate) epoch: Epoch,
    pub(crate) journal: Vec<(UnixMillis, Input)>,
    /// The last ballot of each in the vote that is open.
    pub(crate) ballots: BTreeMap<Seat, Ballot>,
    /// Whether the chair took the floor, and nobody is next until it says so.
    pub(crate) resting: bool,
}

impl Run {
    pub(crate) fn new(room: Room) -> Self {
        Self {
            room,
            now: START,
            epoch: Epoch::default(),
            journal: Vec::new(),
            ballots: BTreeMap::new(),
            resting: false,
        }
    }

    pub(crate) fn give(&mut self, input: Input) -> Result<(), TestCaseError> {
        let before = self.room.clone();
        match self.room.handle(self.now, input.clone()) {
            Err(_) => prop_assert_eq!(&self.room, &before, "a refused input changes nothing"),
            Ok(effects) => {
                self.journal.push((self.now, input.clone()));
                self.model(&before, &input);
                self.check(&before, &input, &effects)?;
            }
        }
        Ok(())
    }

    /// What the test knows of its own.
    fn model(&mut self, before: &Room, input: &Input) {
        if let Input::Command { seat, command: Command::CastBallot { ballot } } = input {
            self.ballots.insert(*seat, *ballot);
        }
        let same_phase = before.phase().stage == self.room.phase().stage;
        // What was due by then comes first: a command that comes late is one to the phase it finds.
        self.resting &= same_phase;
        if let Input::Command { command: Command::RevokeFloor, .. } = input {
            self.resting = true;
        }
        let floor = self.room.floor();
        let skipped = matches!(input, Input::Command { command: Command::SkipTurn, .. });
        if skipped || floor.turn.is_some() || self.room.runs_by_itself() {
            self.resting = false;
        }
    }

    fn check(
        &mut self,
        before: &Room,
        input: &Input,
        effects: &Effects,
    ) -> Result<(), TestCaseError> {
        self.epoch = checks::gate_effects(before, &self.room, effects, self.epoch)?;
        checks::told(before, &self.room, effects)?;
        checks::clocks(before, self)?;
        checks::rights(&self.room)?;
        checks::groups(&self.room)?;
        checks::client(&self.room)?;
        checks::turn(before, self)?;
        checks::hands(before, self, input)?;
        checks::nobody_starves(self)?;
        checks::votes(before, self)?;
        checks::record(&self.room)?;
        checks::next_is_what_happens(self)?;
        if before.votes().open.is_none() || self.room.votes().open.is_none() {
            self.ballots.clear();
        }
        if let Input::Command { seat, command: Command::CastBallot { ballot } } = input {
            checks::ballots_are_secret(before, &self.room, self.now, *seat, *ballot)?;
            if self.room.votes().open.is_some() {
                self.ballots.insert(*seat, *ballot);
            }
        }
        Ok(())
    }

    pub(crate) fn accept(&mut self) -> Result<(), TestCaseError> {
        self.everyone(|_| Command::AcceptContract)
    }

    pub(crate) fn vote(&mut self, option: u8) -> Result<(), TestCaseError> {
        self.everyone(|seat| Command::CastBallot {
            ballot: Ballot::For { option: if seat.0 % 3 == 0 { 0 } else { option } },
        })
    }

    pub(crate) fn everyone(
        &mut self,
        command: impl Fn(Seat) -> Command,
    ) -> Result<(), TestCaseError> {
        for seat in (0..SEATS).map(Seat) {
            self.give(Input::Command { seat, command: command(seat) })?;
        }
        Ok(())
    }

    pub(crate) fn wait(&mut self, length: u64) -> Result<(), TestCaseError> {
        let end = self.now + Millis(length);
        self.give(Input::Tick)?;
        for _ in 0..2_000 {
            let Some(at) = self.room.poll_timeout().filter(|at| *at <= end) else { break };
            prop_assert!(at > self.now, "no busy loop");
            self.now = at;
            self.give(Input::Tick)?;
        }
        self.now = end;
        self.give(Input::Tick)
    }

    /// A snapshot is the room, and nothing private is in what everybody is shown.
    pub(crate) fn check_snapshot(&self) -> Result<(), TestCaseError> {
        let text = serde_json::to_string(&self.room).expect("plain data");
        let again: Room = serde_json::from_str(&text).expect("what was written can be read");
        prop_assert_eq!(&again, &self.room, "a snapshot is the room");
        let public = checks::public(&self.room);
        prop_assert!(!public.contains("privatenote"), "notes are their person's alone");
        prop_assert!(!public.contains("privatehelp"), "help is asked of the chair alone");
        for seat in (0..SEATS).map(Seat) {
            let personal = self.room.personal(seat).expect("seated");
            let chair =
                self.room.state().chair == Some(seat) && self.room.phase().stage != Stage::Ended;
            prop_assert_eq!(personal.chair.is_some(), chair, "only the chair has the chair's view");
        }
        Ok(())
    }
}
