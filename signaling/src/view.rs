//! From the room to what a page is shown: the same things in the wire's words, with the template's
//! texts in the person's language and for their role.

use palabre_facilitation as facilitation;
use palabre_ids::{Language, Role};
use palabre_room::{self as room, Part, Refusal, Room};
use palabre_wire as wire;

/// The whole room, for a person of `role` who reads `language`.
#[must_use]
pub(crate) fn room(room: &Room, role: Role, language: Language) -> wire::RoomView {
    let template = room.template();
    wire::RoomView {
        template: wire::TemplateInfo {
            id: template.id.clone(),
            title: template.title.get(language).to_owned(),
            target: template.target(),
        },
        phases: template.phases.iter().map(|phase| phase_info(phase, role, language)).collect(),
        phase: phase(room.phase()),
        floor: floor(room.floor()),
        people: room.people().into_iter().map(person).collect(),
        state: state(room.state()),
        chat: room.chat().cloned().map(chat_line).collect(),
    }
}

/// The event that tells of a part's new value; `None` for a seat that is not there.
#[must_use]
pub(crate) fn part(room: &Room, part: Part) -> Option<wire::RoomEvent> {
    Some(match part {
        Part::Person(seat) => wire::RoomEvent::Person(Box::new(person(room.person(seat)?))),
        Part::Phase => wire::RoomEvent::Phase(phase(room.phase())),
        Part::Floor => wire::RoomEvent::Floor(floor(room.floor())),
        Part::State => wire::RoomEvent::State(state(room.state())),
    })
}

fn phase_info(phase: &facilitation::Phase, role: Role, language: Language) -> wire::PhaseInfo {
    wire::PhaseInfo {
        id: phase.id.clone(),
        title: phase.title.get(language).to_owned(),
        purpose: phase.purpose.get(language).to_owned(),
        prompt: phase.prompts.for_role(role).get(language).to_owned(),
        target: phase.target,
        floor: policy(phase.first_floor().kind()),
    }
}

fn policy(kind: facilitation::FloorKind) -> wire::FloorPolicyKind {
    match kind {
        facilitation::FloorKind::Open => wire::FloorPolicyKind::Open,
        facilitation::FloorKind::Holder => wire::FloorPolicyKind::Holder,
        facilitation::FloorKind::Queue => wire::FloorPolicyKind::Queue,
        facilitation::FloorKind::RoundRobin => wire::FloorPolicyKind::RoundRobin,
        facilitation::FloorKind::Pair => wire::FloorPolicyKind::Pair,
        facilitation::FloorKind::Silence => wire::FloorPolicyKind::Silence,
    }
}

fn clock(clock: facilitation::Clock) -> wire::ClockView {
    match clock {
        facilitation::Clock::Running { deadline } => wire::ClockView::Running { deadline },
        facilitation::Clock::Paused { remaining } => wire::ClockView::Paused { remaining },
    }
}

fn phase(view: room::PhaseView) -> wire::PhaseView {
    wire::PhaseView {
        stage: match view.stage {
            room::Stage::Lobby => wire::SessionStage::Lobby,
            room::Stage::Running { index } => wire::SessionStage::Running { index },
            room::Stage::Ended => wire::SessionStage::Ended,
        },
        clock: clock(view.clock),
        extended: view.extended,
        session_ends_at: view.session_ends_at,
        contract: view.contract,
        contract_accepted_by: view.contract_accepted_by,
        blocked: view.blocked.map(|need| match need {
            facilitation::Need::Client => wire::Blocked::ClientNotNamed,
            facilitation::Need::Contract => wire::Blocked::ContractNotAccepted,
        }),
    }
}

fn floor(view: room::FloorView) -> wire::FloorView {
    wire::FloorView {
        policy: policy(view.policy),
        firmness: match view.firmness {
            facilitation::Firmness::Advise => wire::Firmness::Advise,
            facilitation::Firmness::Chime => wire::Firmness::Chime,
            facilitation::Firmness::Enforce => wire::Firmness::Enforce,
        },
        takes_requests: view.takes_requests,
        turn: view.turn.map(turn),
        rights: view.rights,
        hands: view
            .hands
            .into_iter()
            .map(|hand| wire::HandView {
                seat: hand.seat,
                since: hand.since,
                remaining: hand.remaining,
            })
            .collect(),
        upcoming: view.upcoming,
        chat_open: view.chat_open,
    }
}

fn turn(turn: room::TurnView) -> wire::GrantView {
    wire::GrantView {
        turn_id: turn.turn_id,
        seat: turn.seat,
        partner: turn.partner,
        clock: turn.clock.map(clock),
        warning: turn.warning,
        grace: turn.grace,
        waiting: turn.waiting.map(|waiting| match waiting {
            room::Waiting::SpeakerAway { until } => wire::WaitReason::SpeakerAway { until },
            room::Waiting::PhasePaused => wire::WaitReason::PhasePaused,
        }),
    }
}

fn person(person: room::PersonView) -> wire::Person {
    wire::Person {
        seat: person.seat,
        name: person.name,
        role: person.role,
        presence: match person.presence {
            room::Presence::Expected => wire::Presence::Expected,
            room::Presence::Here => wire::Presence::Here,
            room::Presence::Away { since, held_until } => {
                wire::Presence::Away { since, held_until }
            }
            room::Presence::Left => wire::Presence::Left,
        },
        muted: person.muted,
        camera: person.camera,
        chair: person.chair,
    }
}

fn state(state: room::StateView) -> wire::RoomState {
    wire::RoomState { screen: state.screen, chair: state.chair, paused_for: state.paused_for }
}

/// A line of chat.
#[must_use]
pub(crate) fn chat_line(line: room::ChatLine) -> wire::ChatLine {
    wire::ChatLine { seat: line.seat, at: line.at, text: line.text }
}

/// A refusal's code.
#[must_use]
pub(crate) fn refusal(refusal: Refusal) -> wire::RefusalCode {
    use wire::RefusalCode;
    match refusal {
        Refusal::NotFacilitator => RefusalCode::NotFacilitator,
        Refusal::NotYourTurn => RefusalCode::NotYourTurn,
        Refusal::NotInThisPhase => RefusalCode::NotInThisPhase,
        Refusal::AlreadyAsked => RefusalCode::AlreadyAsked,
        Refusal::NothingToCancel => RefusalCode::NothingToCancel,
        Refusal::NoSuchSeat => RefusalCode::NoSuchSeat,
        Refusal::NotEligible => RefusalCode::NotEligible,
        Refusal::NotStarted => RefusalCode::NotStarted,
        Refusal::Ended => RefusalCode::Ended,
        Refusal::NoSuchPhase => RefusalCode::NoSuchPhase,
        Refusal::NoChange => RefusalCode::NoChange,
        Refusal::AtMaximum => RefusalCode::AtMaximum,
        Refusal::GateClosed => RefusalCode::GateClosed,
        Refusal::ChatOff => RefusalCode::ChatOff,
        Refusal::BadText => RefusalCode::BadText,
        Refusal::ScreenTaken => RefusalCode::ScreenTaken,
        Refusal::OutOfRange => RefusalCode::OutOfRange,
    }
}

/// A page's command in the room's words.
#[must_use]
pub(crate) fn command(command: wire::Command) -> room::Command {
    use wire::Command;
    match command {
        Command::RequestFloor => room::Command::RequestFloor,
        Command::CancelRequest => room::Command::CancelRequest,
        Command::ReleaseFloor => room::Command::ReleaseFloor,
        Command::Pass => room::Command::Pass,
        Command::SetMuted { muted } => room::Command::SetMuted { muted },
        Command::SetCamera { on } => room::Command::SetCamera { on },
        Command::SetScreen { on } => room::Command::SetScreen { on },
        Command::Chat { text } => room::Command::Chat { text },
        Command::CannotHear => room::Command::CannotHear,
        Command::YieldFloor => room::Command::YieldFloor,
        Command::OutOfContract => room::Command::OutOfContract,
        Command::ProposeContract { text } => room::Command::ProposeContract { text },
        Command::AcceptContract => room::Command::AcceptContract,
        Command::NextPhase => room::Command::NextPhase,
        Command::PreviousPhase => room::Command::PreviousPhase,
        Command::ExtendPhase { by } => room::Command::ExtendPhase { by },
        Command::PausePhase => room::Command::PausePhase,
        Command::ResumePhase => room::Command::ResumePhase,
        Command::GrantFloor { seat } => room::Command::GrantFloor { seat },
        Command::RevokeFloor => room::Command::RevokeFloor,
        Command::SkipTurn => room::Command::SkipTurn,
        Command::NameClient { seat } => room::Command::NameClient { seat },
        Command::TakeChair => room::Command::TakeChair,
        Command::EndSession => room::Command::EndSession,
    }
}
