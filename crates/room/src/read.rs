//! What can be read of the room.

use palabre_facilitation::{self as facilitation, Template, Turn};
use palabre_ids::{Language, Millis, Role, Seat, UnixMillis};
use palabre_vocabulary::{
    ChatLine, Clock, Firmness, FloorKind, FloorView, HandView, Pause, PersonView, PhaseView,
    Presence, Stage, StateView, TurnPart, TurnView, Waiting,
};

use crate::people::{Chair, Link, Person};
use crate::room::{Progress, Room};
use crate::session::{Pauses, Session};

impl Room {
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

    /// The last moment the room was told.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// Everyone with a seat, ascending by seat.
    #[must_use]
    pub fn people(&self) -> Vec<PersonView> {
        self.people.iter().map(|(seat, person)| self.view_of(seat, person)).collect()
    }

    /// The person of a seat.
    #[must_use]
    pub fn person(&self, seat: Seat) -> Option<PersonView> {
        self.people.get(seat).ok().map(|person| self.view_of(seat, person))
    }

    fn view_of(&self, seat: Seat, person: &Person) -> PersonView {
        PersonView {
            seat,
            name: person.config.name.clone(),
            role: person.role(),
            expert: person.config.expert,
            presence: match person.link {
                Link::Expected => Presence::Expected,
                Link::Entering { .. } => Presence::Entering,
                Link::Here | Link::Fading { .. } => Presence::Here,
                Link::Away { since } => Presence::Away { since, held_until: self.held_until(seat) },
                Link::Left => Presence::Left,
            },
            muted: person.muted,
            camera: person.camera,
            chair: self.chair.seat() == Some(seat),
        }
    }

    /// Until when something is kept for somebody who is away: the turn, the client's clock, the chair.
    fn held_until(&self, seat: Seat) -> Option<UnixMillis> {
        let session = self.session();
        let turn =
            session.and_then(|session| session.floor.turn()).filter(|turn| turn.seat == seat);
        let client =
            session.and_then(|session| session.pauses.for_client).filter(|away| away.seat == seat);
        let chair = match self.chair {
            Chair::Held { seat: chair, until } if chair == seat => until,
            Chair::Held { .. } | Chair::Nobody => None,
        };
        turn.and_then(Turn::held_until).or(client.and_then(|client| client.until)).or(chair)
    }

    /// Where the session is.
    #[must_use]
    pub fn phase(&self) -> PhaseView {
        let session = self.session();
        let contract = self.record.contract.as_ref();
        PhaseView {
            stage: match &self.progress {
                Progress::Lobby { .. } => Stage::Lobby,
                Progress::Running(session) => {
                    Stage::Running { index: u16::try_from(session.index).unwrap_or(u16::MAX) }
                }
                Progress::Over(_) => Stage::Ended,
            },
            clock: session
                .map_or(Clock::Paused { remaining: Millis::ZERO }, |session| session.clock),
            total: session
                .map_or(Millis::ZERO, |session| session.targets[session.index] + session.extended),
            planned: session.map_or_else(
                || self.template.phases.iter().map(|phase| phase.target).collect(),
                |session| session.targets.clone(),
            ),
            extended: session.map_or(Millis::ZERO, |session| session.extended),
            session_ends_at: session.map(|session| session.ends_at()),
            contract: contract.map(|contract| contract.sentence.clone()),
            contract_accepted_by: contract
                .iter()
                .flat_map(|contract| &contract.accepted)
                .copied()
                .collect(),
            contract_awaits: self.contract_awaits(),
            blocked: self.blocked(),
            advance: self.advance_view(),
            next: self.next_step(),
        }
    }

    /// Who has the floor, and who wants it.
    #[must_use]
    pub fn floor(&self) -> FloorView {
        let rights =
            self.people.iter().map(|(seat, person)| (seat, self.rights_of(seat, person))).collect();
        let chat_open = self.chat_open();
        let Some(session) = self.session() else {
            return FloorView {
                policy: if self.is_over() { FloorKind::Silence } else { FloorKind::Open },
                firmness: Firmness::Advise,
                takes_requests: false,
                turn: None,
                rights,
                hands: Vec::new(),
                upcoming: Vec::new(),
                circle: Vec::new(),
                circle_seats: None,
                groups: Vec::new(),
                step_clock: None,
                chat_open,
            };
        };
        let phase = session.phase(&self.template);
        let hand = |hand: &facilitation::Hand| HandView {
            seat: hand.seat,
            since: hand.since,
            remaining: hand.resume.map(|resume| resume.remaining),
        };
        FloorView {
            policy: session.floor.step(phase).floor.kind(),
            firmness: phase.firmness,
            takes_requests: Role::ALL
                .into_iter()
                .any(|role| session.floor.takes_request_of(phase, role)),
            turn: session.floor.turn().map(|turn| turn_view(session, turn)),
            rights,
            hands: session.floor.hands().iter().map(hand).collect(),
            upcoming: session.floor.upcoming(phase, &self.people.cast()),
            circle: session.floor.circle(),
            circle_seats: session
                .floor
                .step(phase)
                .floor
                .circle()
                .map(|seats| u8::try_from(seats).unwrap_or(u8::MAX)),
            groups: self.groups_view(),
            step_clock: session.floor.step_clock(),
            chat_open,
        }
    }

    /// What concerns everybody at once.
    #[must_use]
    pub fn state(&self) -> StateView {
        StateView {
            screen: self.screen,
            chair: self.chair.seat(),
            backup: self.backup,
            pause: self.session().and_then(|session| pause_of(&session.pauses)),
            in_writing: self.session().is_some_and(|session| session.in_writing.is_some()),
            autopilot: self.autopilot_view(),
            drill: self.drill(),
            record: self.record.fate,
        }
    }

    /// The last lines of chat, oldest first.
    pub fn chat(&self) -> impl Iterator<Item = &ChatLine> {
        self.chat.iter()
    }
}

/// The weightiest reason why the clocks stand.
fn pause_of(pauses: &Pauses) -> Option<Pause> {
    let everybody =
        pauses.recovery.as_ref().map(|recovery| Pause::ForEverybody { until: recovery.until });
    let client =
        pauses.for_client.map(|away| Pause::ForClient { seat: away.seat, until: away.until });
    everybody.or(client).or(pauses.by_chair.then_some(Pause::ByChair))
}

fn turn_view(session: &Session, turn: &Turn) -> TurnView {
    let waiting = match turn.held_until() {
        Some(until) => Some(Waiting::SpeakerAway { until }),
        None if turn.is_held() || session.floor_stands() => Some(Waiting::PhasePaused),
        None => None,
    };
    TurnView {
        turn_id: turn.id,
        seat: turn.seat,
        part: match turn.part {
            facilitation::Part::Speak => TurnPart::Speak,
            facilitation::Part::Ask => TurnPart::Ask,
            facilitation::Part::Answer { .. } => TurnPart::Answer,
        },
        partner: turn.partner,
        clock: turn.clock(),
        total: turn.total,
        warning: turn.warning,
        grace: turn.grace,
        waiting,
    }
}
