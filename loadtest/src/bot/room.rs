//! The room as a bot knows it: the welcome's view, kept up to date by events.

use anyhow::{Result, ensure};
use palabre_ids::{EventSeq, Group, MediaRights, Seat};
use palabre_wire::{Event, PersonView, PersonalView, RoomEvent, RoomView, Stage, Welcome};

/// A view and the last event it includes.
#[derive(Debug, Clone)]
pub struct Room {
    /// The bot's own seat.
    pub seat: Seat,
    /// The view.
    pub view: RoomView,
    /// The last event applied.
    pub seq: EventSeq,
    /// What the bot alone is shown, once told.
    pub personal: Option<PersonalView>,
}

impl Room {
    /// From the welcome.
    #[must_use]
    pub fn new(welcome: &Welcome) -> Self {
        Self { seat: welcome.seat, view: welcome.room.clone(), seq: welcome.seq, personal: None }
    }

    /// Applies an event.
    ///
    /// # Errors
    /// When it is not the next one: the server lost or repeated one, which it never may.
    pub fn apply(&mut self, event: &Event) -> Result<()> {
        ensure!(
            event.seq == self.seq.next(),
            "event {} came after event {}",
            event.seq.0,
            self.seq.0
        );
        self.seq = event.seq;
        match &event.event {
            RoomEvent::Person(person) => {
                let people = &mut self.view.people;
                match people.iter_mut().find(|known| known.seat == person.seat) {
                    Some(known) => known.clone_from(person),
                    None => people.push((**person).clone()),
                }
            }
            RoomEvent::Phase(phase) => self.view.phase = phase.clone(),
            RoomEvent::Floor(floor) => self.view.floor = floor.clone(),
            RoomEvent::State(state) => self.view.state = state.clone(),
            RoomEvent::Votes(votes) => self.view.votes = votes.clone(),
            RoomEvent::Entry(entry) => {
                let entries = &mut self.view.entries;
                match entries.iter_mut().find(|known| known.id == entry.id) {
                    Some(known) => known.clone_from(entry),
                    None => entries.push(entry.clone()),
                }
            }
            RoomEvent::EntryRemoved { id } => self.view.entries.retain(|entry| entry.id != *id),
            RoomEvent::Chat(line) => self.view.chat.push(line.clone()),
            RoomEvent::CannotHear { .. } | RoomEvent::OutOfContract { .. } => {}
        }
        Ok(())
    }

    /// What a seat may send, mute included.
    #[must_use]
    pub fn rights(&self, seat: Seat) -> MediaRights {
        let listed = self.view.floor.rights.iter().find(|(of, _)| *of == seat);
        let mut rights = listed.map_or(MediaRights::NONE, |(_, rights)| *rights);
        if self.view.people.iter().any(|person| person.seat == seat && person.muted) {
            rights.audio = false;
        }
        rights
    }

    /// The group of a seat: the plenary, or a breakout group.
    #[must_use]
    pub fn group(&self, seat: Seat) -> Group {
        let groups = self.view.floor.groups.iter();
        groups
            .filter(|group| group.seats.contains(&seat))
            .map(|group| group.group)
            .next()
            .unwrap_or(Group::PLENARY)
    }

    /// What of a seat's media the bot may be sent: what they may send, within the bot's own group.
    #[must_use]
    pub fn reaches(&self, seat: Seat) -> MediaRights {
        if self.group(seat) == self.group(self.seat) {
            self.rights(seat)
        } else {
            MediaRights::NONE
        }
    }

    /// The bot's own person.
    #[must_use]
    pub fn me(&self) -> Option<&PersonView> {
        self.view.people.iter().find(|person| person.seat == self.seat)
    }

    /// The index of the phase that is on.
    #[must_use]
    pub fn index(&self) -> Option<u16> {
        match self.view.phase.stage {
            Stage::Running { index } => Some(index),
            Stage::Lobby | Stage::Ended => None,
        }
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.view.phase.stage, Stage::Ended)
    }

    /// Who has the turn.
    #[must_use]
    pub fn holder(&self) -> Option<Seat> {
        self.view.floor.turn.as_ref().map(|turn| turn.seat)
    }

    /// The phase's name in the template; none in the lobby and after the end.
    #[must_use]
    pub fn phase(&self) -> Option<&str> {
        match self.view.phase.stage {
            Stage::Running { index } => {
                self.view.phases.get(usize::from(index)).map(|phase| phase.id.as_str())
            }
            Stage::Lobby | Stage::Ended => None,
        }
    }

    /// `lobby`, the phase's name, or `ended`.
    #[must_use]
    pub fn stage(&self) -> &str {
        match self.view.phase.stage {
            Stage::Lobby => "lobby",
            Stage::Running { .. } => self.phase().unwrap_or("running"),
            Stage::Ended => "ended",
        }
    }
}
