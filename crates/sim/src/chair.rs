//! What whoever holds the chair does: mostly the one key, and what a room asks of its facilitator.

use palabre_ids::{Millis, Role, Seat, UnixMillis};
use palabre_room::{Command, Room};
use palabre_vocabulary::{
    Blocked, ClientDropChoice, Firmness, FloorKind, NextStep, Pause, Presence, Stage,
};

use crate::dice::Dice;

/// What a facilitator remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chair {
    /// Since when nothing happens in the phase that the facilitator would wait for.
    quiet_since: Option<UnixMillis>,
    /// The phase that was extended last: once is enough.
    extended: Option<u16>,
    /// How often they went back: a facilitator who always does never comes to the end.
    back: u8,
}

/// After so long without anything to wait for, a facilitator goes on.
const QUIET: Millis = Millis::from_secs(20);

impl Chair {
    /// What occurs to whoever holds the chair now. Without `mishaps` it is the one key alone, and what
    /// only a facilitator can do.
    pub(crate) fn act(&mut self, room: &Room, mishaps: bool, dice: &mut Dice) -> Option<Command> {
        let now = room.now();
        let (view, floor, state) = (room.phase(), room.floor(), room.state());
        let Stage::Running { index } = view.stage else {
            return (view.stage == Stage::Lobby).then(|| in_the_lobby(room, dice)).flatten();
        };
        match state.pause {
            Some(Pause::ForClient { until: None, .. }) => {
                let choice = dice.one_of(&[
                    ClientDropChoice::KeepWaiting,
                    ClientDropChoice::InWriting,
                    ClientDropChoice::InWriting,
                    ClientDropChoice::AnotherSubject,
                    ClientDropChoice::Reschedule,
                ])?;
                return Some(Command::AfterClientDrop { choice });
            }
            Some(Pause::ByChair) => return dice.chance(500).then_some(Command::ResumePhase),
            Some(_) => return None,
            None => {}
        }
        let over = view.clock.remaining(now) == Millis::ZERO;
        if view.advance.is_some() {
            return (mishaps && dice.chance(20)).then_some(Command::Stay);
        }
        if view.next == NextStep::Wait {
            return match view.blocked? {
                // Named before, whoever has a turn in the round would lose it.
                Blocked::ClientNotNamed if floor.turn.is_some() || !floor.upcoming.is_empty() => {
                    None
                }
                Blocked::ClientNotNamed => {
                    somebody(room, dice).map(|seat| Command::NameClient { seat })
                }
                Blocked::ContractNotAccepted => (view.contract.is_none() && over).then(|| {
                    Command::ProposeContract { text: "Aider à y voir clair.".to_owned() }
                }),
            };
        }
        if mishaps {
            match dice.between(0, 999) {
                0..=2 => return Some(Command::PausePhase),
                3..=4 if floor.turn.is_some() => return Some(Command::RevokeFloor),
                5 if self.back < 2 => {
                    self.back += 1;
                    return Some(Command::PreviousPhase);
                }
                6..=7 if floor.turn.is_some() => return Some(Command::SkipTurn),
                8..=9 => return Some(Command::NameBackup { seat: somebody(room, dice) }),
                _ => {}
            }
        }
        if let Some(command) = self.give_the_floor(room, dice) {
            return Some(command);
        }
        let waits_for = floor.turn.is_some()
            || !floor.upcoming.is_empty()
            || !floor.hands.is_empty()
            || floor.step_clock.is_some()
            || room.votes().open.is_some()
            || state.in_writing
            || matches!(floor.policy, FloorKind::Open | FloorKind::Silence | FloorKind::Breakout);
        if waits_for && !over {
            self.quiet_since = None;
            return None;
        }
        if over && mishaps && self.extended != Some(index) && dice.chance(250) {
            self.extended = Some(index);
            return Some(Command::ExtendPhase { by: Millis::from_secs(60) });
        }
        let since = *self.quiet_since.get_or_insert(now);
        if now.since(since) < QUIET {
            return None;
        }
        self.quiet_since = None;
        Some(Command::GoOn)
    }

    /// Where turns do not follow each other by themselves.
    fn give_the_floor(&self, room: &Room, dice: &mut Dice) -> Option<Command> {
        let floor = room.floor();
        let now = room.now();
        let hand = floor.hands.first().map(|hand| hand.seat);
        match (&floor.turn, floor.policy) {
            (None, FloorKind::ChairQueue) => hand.map(|seat| Command::GrantFloor { seat }),
            (_, FloorKind::Open) if floor.circle_seats.is_some() => {
                let waits = floor.hands.first()?;
                let long = now.since(waits.since) > Millis::from_secs(60);
                (long && dice.chance(300)).then_some(Command::SkipTurn)
            }
            (None, FloorKind::Open) => hand.map(|seat| Command::GrantFloor { seat }),
            (Some(turn), FloorKind::Open) => {
                // The next one is pointed at when somebody has spoken for a while.
                let seat = hand.filter(|seat| *seat != turn.seat)?;
                dice.chance(200).then_some(Command::GrantFloor { seat })
            }
            (Some(turn), _) => {
                let late = turn.clock.is_some_and(|clock| clock.remaining(now) == Millis::ZERO);
                (late && floor.firmness != Firmness::Enforce && dice.chance(100))
                    .then_some(Command::SkipTurn)
            }
            // The chair took the floor, and gives it back.
            (None, _) if !floor.upcoming.is_empty() && dice.chance(300) => Some(Command::SkipTurn),
            (None, _) => None,
        }
    }
}

/// Everybody is waited for, for a while.
fn in_the_lobby(room: &Room, dice: &mut Dice) -> Option<Command> {
    let expected = |presence: &Presence| *presence == Presence::Expected;
    let missing = room.people().iter().filter(|person| expected(&person.presence)).count();
    if missing > 0 && !dice.chance(if missing > 2 { 5 } else { 60 }) {
        return None;
    }
    match room.phase().blocked {
        Some(Blocked::ClientNotNamed) => {
            somebody(room, dice).map(|seat| Command::NameClient { seat })
        }
        _ => dice.chance(300).then_some(Command::GoOn),
    }
}

/// A peer who is here.
fn somebody(room: &Room, dice: &mut Dice) -> Option<Seat> {
    let peers: Vec<Seat> = room
        .people()
        .iter()
        .filter(|person| person.role == Role::Consultant && person.presence == Presence::Here)
        .map(|person| person.seat)
        .collect();
    dice.one_of(&peers)
}
