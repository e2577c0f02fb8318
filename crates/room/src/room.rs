//! The room itself.

use std::collections::VecDeque;
use std::sync::Arc;

use palabre_facilitation::{Clock, Firmness, FloorKind, Template, speaks};
use palabre_ids::{Epoch, Language, MAX_SEATS, MediaRights, Millis, Role, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::{
    ChatLine, ConfigError, Effect, Effects, FloorView, GateChange, Input, MAX_SPEAKERS, Part,
    PersonConfig, PersonView, PhaseView, Presence, Refusal, RoomConfig, Stage, StateView,
};

/// One room, from the first link opened to the end of the session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Room {
    template: Arc<Template>,
    language: Language,
    people: Vec<Person>,
    stage: Stage,
    chair: Option<Seat>,
    epoch: Epoch,
    chat: VecDeque<ChatLine>,
    now: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Person {
    config: PersonConfig,
    link: Link,
    muted: bool,
    camera: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Link {
    Expected,
    Here,
    Away { since: UnixMillis },
    Left,
}

impl Room {
    /// A room in its lobby: nobody is here yet, and the facilitator has the chair.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(now: UnixMillis, config: RoomConfig) -> Result<Self, ConfigError> {
        let RoomConfig { template, language, people } = config;
        let count = |wanted: Role| people.iter().filter(|person| person.role == wanted).count();
        if people.len() > usize::from(MAX_SEATS) {
            return Err(ConfigError::TooManyPeople);
        }
        if people.iter().filter(|person| speaks(person.role)).count() > MAX_SPEAKERS {
            return Err(ConfigError::TooManySpeakers);
        }
        if count(Role::Facilitator) != 1 {
            return Err(ConfigError::Facilitators(count(Role::Facilitator)));
        }
        if count(Role::Client) > 1 {
            return Err(ConfigError::Clients(count(Role::Client)));
        }
        if people.iter().any(|person| person.expert && person.role != Role::Consultant) {
            return Err(ConfigError::ExpertRole);
        }
        let chair = people.iter().position(|person| person.role == Role::Facilitator);
        let people = people
            .into_iter()
            .map(|config| Person {
                camera: speaks(config.role),
                config,
                link: Link::Expected,
                muted: false,
            })
            .collect();
        Ok(Self {
            template,
            language,
            people,
            stage: Stage::Lobby,
            chair: chair.and_then(|index| u8::try_from(index).ok()).map(Seat),
            epoch: Epoch::default(),
            chat: VecDeque::new(),
            now,
        })
    }

    /// Takes an input in, after everything that was due by `now`. A `now` before the last one counts
    /// as the last one.
    ///
    /// # Errors
    /// See [`Refusal`]; the room is unchanged then.
    pub fn handle(&mut self, now: UnixMillis, input: Input) -> Result<Effects, Refusal> {
        let mut next = self.clone();
        next.now = now.max(self.now);
        match input {
            Input::Connected { seat, .. } => next.person_mut(seat)?.link = Link::Here,
            Input::Disconnected { seat } => {
                next.person_mut(seat)?.link = Link::Away { since: next.now }
            }
            Input::Left { seat } => next.person_mut(seat)?.link = Link::Left,
            Input::Command { .. } => return Err(Refusal::NotStarted),
            Input::Tick | Input::Restarted { .. } => {}
        }
        let mut effects = Effects::new();
        if next.gate() != self.gate() {
            next.epoch = next.epoch.next();
            effects.push(Effect::Rights(next.gate_table()));
        }
        for (index, person) in next.people.iter().enumerate() {
            if self.people[index] != *person {
                effects.push(Effect::Changed(Part::Person(seat_at(index))));
            }
        }
        *self = next;
        Ok(effects)
    }

    /// The next moment at which [`Input::Tick`] must be given, if any.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<UnixMillis> {
        None
    }

    /// What the session follows.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The room's own language.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Everyone with a seat, ascending by seat.
    #[must_use]
    pub fn people(&self) -> Vec<PersonView> {
        (0..self.people.len()).filter_map(|index| self.person(seat_at(index))).collect()
    }

    /// The person of a seat.
    #[must_use]
    pub fn person(&self, seat: Seat) -> Option<PersonView> {
        let person = self.people.get(seat.index())?;
        Some(PersonView {
            seat,
            name: person.config.name.clone(),
            role: person.config.role,
            presence: match person.link {
                Link::Expected => Presence::Expected,
                Link::Here => Presence::Here,
                Link::Away { since } => Presence::Away { since, held_until: None },
                Link::Left => Presence::Left,
            },
            muted: person.muted,
            camera: person.camera,
            chair: self.chair == Some(seat),
        })
    }

    /// Where the session is.
    #[must_use]
    pub fn phase(&self) -> PhaseView {
        PhaseView {
            stage: self.stage,
            clock: Clock::Paused { remaining: Millis::ZERO },
            extended: Millis::ZERO,
            session_ends_at: None,
            contract: None,
            contract_accepted_by: Vec::new(),
            blocked: None,
        }
    }

    /// Who has the floor, and who wants it.
    #[must_use]
    pub fn floor(&self) -> FloorView {
        FloorView {
            policy: FloorKind::Open,
            firmness: Firmness::Advise,
            takes_requests: false,
            turn: None,
            rights: self.gate(),
            hands: Vec::new(),
            upcoming: Vec::new(),
            chat_open: true,
        }
    }

    /// What concerns everybody at once.
    #[must_use]
    pub fn state(&self) -> StateView {
        StateView { screen: None, chair: self.chair, paused_for: None }
    }

    /// The last lines of chat, oldest first.
    pub fn chat(&self) -> impl Iterator<Item = &ChatLine> {
        self.chat.iter()
    }

    /// The table as it should be in the media plane now, for a plane that starts anew.
    #[must_use]
    pub fn gate_table(&self) -> GateChange {
        GateChange { epoch: self.epoch, table: self.gate() }
    }

    fn gate(&self) -> Vec<(Seat, MediaRights)> {
        self.people
            .iter()
            .enumerate()
            .filter(|(_, person)| speaks(person.config.role))
            .filter(|(_, person)| !matches!(person.link, Link::Expected | Link::Left))
            .map(|(index, person)| {
                (seat_at(index), MediaRights { audio: !person.muted, video: true, screen: false })
            })
            .collect()
    }

    fn person_mut(&mut self, seat: Seat) -> Result<&mut Person, Refusal> {
        self.people.get_mut(seat.index()).ok_or(Refusal::NoSuchSeat)
    }
}

fn seat_at(index: usize) -> Seat {
    Seat(u8::try_from(index).expect("a room has at most MAX_SEATS seats"))
}
