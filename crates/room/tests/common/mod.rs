//! A room in virtual time.
// Each test file uses a part of this.
#![allow(dead_code)]

use std::sync::Arc;

use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Language, Millis, Role, Seat, UnixMillis};
use palabre_room::{
    Command, Effect, Effects, GateChange, Input, PersonConfig, Refusal, Room, RoomConfig,
};
use palabre_vocabulary::{Blocked, Clock, EntryId, NextStep, Pause, Presence, Stage, TurnView};

/// The facilitator's seat in every test room.
pub(crate) const CHAIR: Seat = Seat(0);
/// The client's.
pub(crate) const CLIENT: Seat = Seat(1);
/// When every test room begins.
pub(crate) const START: UnixMillis = UnixMillis(1_000_000);

pub(crate) fn person(role: Role) -> PersonConfig {
    PersonConfig {
        name: DisplayName::parse(role.as_str()).expect("the test's own figures are sound"),
        role,
        expert: false,
    }
}

/// The facilitator, the client and six consultants.
pub(crate) fn eight() -> Vec<PersonConfig> {
    let mut people = vec![person(Role::Facilitator), person(Role::Client)];
    people.extend((0..6).map(|_| person(Role::Consultant)));
    people
}

/// A room and its time.
pub(crate) struct Table {
    pub(crate) room: Room,
    pub(crate) now: UnixMillis,
    /// The last table of rights, as a media plane would have it.
    pub(crate) gate: GateChange,
}

impl Table {
    pub(crate) fn new(template: Template, people: Vec<PersonConfig>) -> Self {
        let config = RoomConfig { template: Arc::new(template), language: Language::Fr, people };
        let room = Room::new(START, config).expect("the test's own figures are sound");
        let gate = room.gate_table();
        Self { room, now: START, gate }
    }

    /// Everyone is here, and the session is at the phase of that name.
    pub(crate) fn codev_at(phase: &str, people: Vec<PersonConfig>) -> Self {
        Self::at(
            Template::builtin("codev-1h15").expect("the test's own figures are sound"),
            phase,
            people,
        )
    }

    pub(crate) fn at(template: Template, phase: &str, people: Vec<PersonConfig>) -> Self {
        let mut table = Self::new(template, people);
        table.everyone_comes();
        while table.phase_id() != Some(phase) {
            if table.room.phase().blocked == Some(Blocked::ContractNotAccepted) {
                table.accept_a_contract();
            }
            table.chair(Command::NextPhase);
        }
        table
    }

    pub(crate) fn everyone_comes(&mut self) {
        for view in self.room.people() {
            self.connect(view.seat);
        }
    }

    pub(crate) fn accept_a_contract(&mut self) {
        self.does(
            CLIENT,
            Command::ProposeContract { text: "J'aimerais que vous m'aidiez à déléguer".into() },
        );
        for view in self.room.people() {
            if view.seat != CLIENT
                && view.presence == Presence::Here
                && palabre_facilitation::speaks(view.role)
            {
                self.does(view.seat, Command::AcceptContract);
            }
        }
    }

    pub(crate) fn input(&mut self, input: Input) -> Result<Effects, Refusal> {
        let effects = self.room.handle(self.now, input)?;
        for effect in &effects {
            if let Effect::Rights(change) = effect {
                assert!(change.epoch > self.gate.epoch, "epochs grow");
                self.gate = change.clone();
            }
        }
        assert_eq!(self.gate, self.room.gate_table(), "the effects tell the whole gate");
        Ok(effects)
    }

    pub(crate) fn connect(&mut self, seat: Seat) -> Effects {
        self.input(Input::Connected { seat, resumed: true })
            .expect("the test's own figures are sound")
    }

    pub(crate) fn disconnect(&mut self, seat: Seat) -> Effects {
        self.input(Input::Disconnected { seat }).expect("the test's own figures are sound")
    }

    pub(crate) fn tries(&mut self, seat: Seat, command: Command) -> Result<Effects, Refusal> {
        self.input(Input::Command { seat, command })
    }

    pub(crate) fn does(&mut self, seat: Seat, command: Command) -> Effects {
        let name = format!("{command:?} of {seat}");
        self.tries(seat, command).unwrap_or_else(|refusal| panic!("{name}: {refusal}"))
    }

    pub(crate) fn chair(&mut self, command: Command) -> Effects {
        self.does(CHAIR, command)
    }

    /// Lets `length` go by, with a tick at every moment the room asks for.
    pub(crate) fn wait(&mut self, length: Millis) -> Effects {
        let end = self.now + length;
        let mut effects = Effects::new();
        while let Some(at) = self.room.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            effects.extend(self.input(Input::Tick).expect("the test's own figures are sound"));
        }
        self.now = end;
        effects.extend(self.input(Input::Tick).expect("the test's own figures are sound"));
        effects
    }

    pub(crate) fn wait_s(&mut self, seconds: u64) -> Effects {
        self.wait(Millis::from_secs(seconds))
    }

    /// What the one key does now.
    pub(crate) fn next(&self) -> NextStep {
        self.room.phase().next
    }

    pub(crate) fn entry_ids(&self) -> Vec<EntryId> {
        self.room.entries().map(|entry| entry.id).collect()
    }

    /// Whom the phase waits for, if it waits for the client.
    pub(crate) fn paused_for(&self) -> Option<Seat> {
        match self.room.state().pause {
            Some(Pause::ForClient { seat, .. }) => Some(seat),
            _ => None,
        }
    }

    pub(crate) fn phase_id(&self) -> Option<&str> {
        match self.room.phase().stage {
            Stage::Running { index } => Some(&self.room.template().phases[usize::from(index)].id),
            Stage::Lobby | Stage::Ended => None,
        }
    }

    pub(crate) fn turn(&self) -> TurnView {
        self.room.floor().turn.expect("somebody has the floor")
    }

    pub(crate) fn holder(&self) -> Option<Seat> {
        self.room.floor().turn.map(|turn| turn.seat)
    }

    /// What is left of the turn.
    pub(crate) fn turn_left(&self) -> Millis {
        self.turn().clock.expect("the turn has a limit").remaining(self.now)
    }

    pub(crate) fn phase_left(&self) -> Millis {
        self.room.phase().clock.remaining(self.now)
    }

    pub(crate) fn phase_stands(&self) -> bool {
        matches!(self.room.phase().clock, Clock::Paused { .. })
    }

    pub(crate) fn presence(&self, seat: Seat) -> Presence {
        self.room.person(seat).expect("the test's own figures are sound").presence
    }

    pub(crate) fn hands(&self) -> Vec<u8> {
        self.room.floor().hands.iter().map(|hand| hand.seat.0).collect()
    }

    pub(crate) fn upcoming(&self) -> Vec<u8> {
        self.room.floor().upcoming.iter().map(|seat| seat.0).collect()
    }

    /// Whose microphone passes the gate.
    pub(crate) fn heard(&self) -> Vec<u8> {
        let heard = self.gate.table.iter().filter(|entry| entry.rights.audio);
        heard.map(|entry| entry.seat.0).collect()
    }
}
