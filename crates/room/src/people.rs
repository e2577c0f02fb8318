//! Everyone with a seat, and the chair.

use palabre_facilitation::{Member, speaks};
use palabre_ids::{Role, Seat, TurnId, UnixMillis};
use palabre_vocabulary::Refusal;
use serde::{Deserialize, Serialize};

use crate::PersonConfig;

/// Somebody invited, and what became of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) config: PersonConfig,
    pub(crate) link: Link,
    pub(crate) muted: bool,
    pub(crate) camera: bool,
}

/// A person's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Link {
    /// Never opened.
    Expected,
    /// Up for the first time, in the middle of a turn: they enter when it is over.
    Entering { during: TurnId },
    /// Up.
    Here,
    /// Lost a moment ago: it counts as here until the debounce is over.
    Fading { since: UnixMillis },
    /// Lost.
    Away { since: UnixMillis },
    /// Given up by the person.
    Left,
}

/// Who holds the chair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Chair {
    /// Somebody.
    Held {
        seat: Seat,
        /// Until when it is kept for them, while they are away.
        until: Option<UnixMillis>,
    },
    /// Nobody: the timers advance the phases.
    Nobody,
}

impl Chair {
    pub(crate) fn seat(self) -> Option<Seat> {
        match self {
            Self::Held { seat, .. } => Some(seat),
            Self::Nobody => None,
        }
    }
}

impl Person {
    pub(crate) fn new(config: PersonConfig) -> Self {
        Self { camera: speaks(config.role), config, link: Link::Expected, muted: false }
    }

    pub(crate) fn role(&self) -> Role {
        self.config.role
    }

    pub(crate) fn is_here(&self) -> bool {
        matches!(self.link, Link::Here | Link::Fading { .. })
    }

    pub(crate) fn is_entering(&self) -> bool {
        matches!(self.link, Link::Entering { .. })
    }

    /// Whether the person came and has not left.
    pub(crate) fn has_joined(&self) -> bool {
        self.is_here() || matches!(self.link, Link::Away { .. })
    }

    pub(crate) fn away_since(&self) -> Option<UnixMillis> {
        match self.link {
            Link::Away { since } => Some(since),
            _ => None,
        }
    }
}

/// Everyone, by seat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct People(Vec<Person>);

impl People {
    pub(crate) fn new(people: Vec<PersonConfig>) -> Self {
        Self(people.into_iter().map(Person::new).collect())
    }

    pub(crate) fn get(&self, seat: Seat) -> Result<&Person, Refusal> {
        self.0.get(seat.index()).ok_or(Refusal::NoSuchSeat)
    }

    pub(crate) fn get_mut(&mut self, seat: Seat) -> Result<&mut Person, Refusal> {
        self.0.get_mut(seat.index()).ok_or(Refusal::NoSuchSeat)
    }

    /// Everyone with their seat, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Seat, &Person)> {
        (0..=u8::MAX).map(Seat).zip(&self.0)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Seat, &mut Person)> {
        (0..=u8::MAX).map(Seat).zip(&mut self.0)
    }

    pub(crate) fn cast(&self) -> Vec<Member> {
        self.iter()
            .map(|(seat, person)| Member {
                seat,
                role: person.role(),
                expert: person.config.expert,
                here: person.is_here(),
                // The round keeps a place for whoever is about to enter.
                joined: person.has_joined() || person.is_entering(),
            })
            .collect()
    }

    /// The client, unless they left.
    pub(crate) fn client(&self) -> Option<Seat> {
        let client = |person: &Person| person.role() == Role::Client && person.link != Link::Left;
        self.iter().find(|(_, person)| client(person)).map(|(seat, _)| seat)
    }

    /// The client, here or not, and even if they left.
    pub(crate) fn client_role(&self) -> Option<Seat> {
        self.iter().find(|(_, person)| person.role() == Role::Client).map(|(seat, _)| seat)
    }

    pub(crate) fn nobody_here(&self) -> bool {
        !self.0.iter().any(Person::is_here)
    }

    /// Who takes the chair over: the facilitator, else the first co-facilitator, else whoever was
    /// named; of those who are here.
    pub(crate) fn deputy(&self, backup: Option<Seat>) -> Option<Seat> {
        let here = |role| {
            self.iter()
                .find(|(_, person)| person.role() == role && person.is_here())
                .map(|(seat, _)| seat)
        };
        let named = backup.filter(|seat| self.get(*seat).is_ok_and(|person| person.is_here()));
        here(Role::Facilitator).or_else(|| here(Role::CoFacilitator)).or(named)
    }

    /// The facilitator's seat.
    pub(crate) fn facilitator(&self) -> Option<Seat> {
        self.iter().find(|(_, person)| person.role() == Role::Facilitator).map(|(seat, _)| seat)
    }
}
