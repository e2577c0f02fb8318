//! One value of every message, named as its golden file.

use palabre_ids::{
    DisplayName, EventSeq, Language, MediaRights, Millis, Role, Seat, TurnId, UnixMillis,
};
use palabre_wire::{
    Answer, Blocked, ChatLine, ClientMessage, ClockView, ClosingReason, Command, CommandId, Event,
    Firmness, FloorPolicyKind, FloorView, GrantView, HandView, Hello, MediaAnswer, MediaOffer,
    MediaPlan, Missed, Person, PhaseInfo, PhaseView, Presence, RefusalCode, Resume, RoomEvent,
    RoomState, RoomView, SeatView, ServerMessage, SessionStage, TemplateInfo, ViewSize,
    WIRE_VERSION, WaitReason, Welcome,
};

const NOW: UnixMillis = UnixMillis(1_789_000_000_000);

/// What a page says.
pub(crate) fn client() -> Vec<(String, ClientMessage)> {
    let hello = |resume| {
        ClientMessage::Hello(Hello {
            version: WIRE_VERSION,
            token: "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl".into(),
            language: Language::Fr,
            resume,
        })
    };
    let resume = Resume { token: "q83vASNFZ4mrze8BI0VniQ".into(), last_seq: EventSeq(41) };
    let mut all = vec![
        ("client.hello".into(), hello(None)),
        ("client.hello.resume".into(), hello(Some(resume))),
        (
            "client.media_offer".into(),
            ClientMessage::MediaOffer(MediaOffer { generation: 1, sdp: "v=0\r\n".into() }),
        ),
        (
            "client.view".into(),
            ClientMessage::View {
                seats: vec![
                    SeatView { seat: Seat(0), size: ViewSize::Hidden },
                    SeatView { seat: Seat(1), size: ViewSize::Thumbnail },
                    SeatView { seat: Seat(3), size: ViewSize::Medium },
                    SeatView { seat: Seat(4), size: ViewSize::Large },
                ],
            },
        ),
        ("client.ping".into(), ClientMessage::Ping { at: 12_345 }),
        ("client.leave".into(), ClientMessage::Leave),
    ];
    for (id, command) in (1..).zip(commands()) {
        let name = format!("client.command.{}", command.name());
        all.push((name, ClientMessage::Command { id: CommandId(id), command }));
    }
    all
}

fn commands() -> Vec<Command> {
    vec![
        Command::RequestFloor,
        Command::CancelRequest,
        Command::ReleaseFloor,
        Command::Pass,
        Command::SetMuted { muted: true },
        Command::SetCamera { on: false },
        Command::SetScreen { on: true },
        Command::Chat { text: "Bonjour à tous".into() },
        Command::CannotHear,
        Command::YieldFloor,
        Command::OutOfContract,
        Command::ProposeContract { text: "J'aimerais que vous m'aidiez à déléguer.".into() },
        Command::AcceptContract,
        Command::NextPhase,
        Command::PreviousPhase,
        Command::ExtendPhase { by: Millis::from_secs(60) },
        Command::PausePhase,
        Command::ResumePhase,
        Command::GrantFloor { seat: Seat(2) },
        Command::RevokeFloor,
        Command::SkipTurn,
        Command::NameClient { seat: Seat(1) },
        Command::TakeChair,
        Command::EndSession,
    ]
}

/// What the service says.
pub(crate) fn server() -> Vec<(String, ServerMessage)> {
    let event = |seq, event| Event { seq: EventSeq(seq), at: NOW, event };
    let mut all = vec![
        ("server.welcome".into(), ServerMessage::Welcome(Box::new(welcome()))),
        (
            "server.resumed".into(),
            ServerMessage::Resumed(Missed {
                resume_token: "AAECAwQFBgcICQoLDA0ODw".into(),
                now: NOW,
                last_command: CommandId(7),
                media_alive: true,
                events: vec![event(42, RoomEvent::CannotHear { seat: Seat(3) })],
            }),
        ),
        ("server.answer".into(), ServerMessage::Answer { id: CommandId(8), answer: Answer::Done }),
        (
            "server.answer.refused".into(),
            ServerMessage::Answer {
                id: CommandId(9),
                answer: Answer::Refused { code: RefusalCode::NotFacilitator },
            },
        ),
        (
            "server.media_answer".into(),
            ServerMessage::MediaAnswer(MediaAnswer { generation: 1, sdp: "v=0\r\n".into() }),
        ),
        (
            "server.media_refused".into(),
            ServerMessage::MediaRefused {
                generation: 2,
                detail: "section 1 is not sendonly video".into(),
            },
        ),
        ("server.phases".into(), ServerMessage::Phases { phases: room().phases }),
        ("server.media_lost".into(), ServerMessage::MediaLost),
        ("server.speaking".into(), ServerMessage::Speaking { seats: vec![Seat(0), Seat(2)] }),
        ("server.pong".into(), ServerMessage::Pong { at: 12_345, now: NOW }),
        (
            "server.not_understood".into(),
            ServerMessage::NotUnderstood {
                detail: "the message is not JSON (line 1, column 1)".into(),
            },
        ),
        ("server.closing".into(), ServerMessage::Closing { reason: ClosingReason::TakenOver }),
    ];
    for (name, part) in events() {
        all.push((format!("server.event.{name}"), ServerMessage::Event(event(43, part))));
    }
    all
}

fn events() -> Vec<(&'static str, RoomEvent)> {
    let room = room();
    let away = Presence::Away { since: NOW, held_until: Some(NOW + Millis::from_secs(20)) };
    vec![
        ("person", RoomEvent::Person(Box::new(room.people[1].clone()))),
        (
            "person.away",
            RoomEvent::Person(Box::new(Person { presence: away, ..room.people[1].clone() })),
        ),
        ("phase", RoomEvent::Phase(room.phase)),
        (
            "phase.lobby",
            RoomEvent::Phase(PhaseView {
                stage: SessionStage::Lobby,
                clock: ClockView::Paused { remaining: Millis::ZERO },
                extended: Millis::ZERO,
                session_ends_at: None,
                contract: None,
                contract_accepted_by: vec![],
                blocked: None,
            }),
        ),
        ("floor", RoomEvent::Floor(room.floor.clone())),
        (
            "floor.waiting",
            RoomEvent::Floor(FloorView {
                turn: Some(GrantView {
                    turn_id: TurnId(5),
                    seat: Seat(1),
                    partner: Some(Seat(2)),
                    clock: Some(ClockView::Paused { remaining: Millis::from_secs(31) }),
                    warning: Millis::from_secs(15),
                    grace: Millis::from_secs(10),
                    waiting: Some(WaitReason::SpeakerAway { until: NOW + Millis::from_secs(20) }),
                }),
                ..room.floor
            }),
        ),
        ("state", RoomEvent::State(room.state)),
        ("chat", RoomEvent::Chat(room.chat[0].clone())),
        ("cannot_hear", RoomEvent::CannotHear { seat: Seat(3) }),
        ("out_of_contract", RoomEvent::OutOfContract { seat: Seat(1) }),
    ]
}

fn welcome() -> Welcome {
    Welcome {
        version: WIRE_VERSION,
        seat: Seat(0),
        resume_token: "q83vASNFZ4mrze8BI0VniQ".into(),
        seq: EventSeq(41),
        now: NOW,
        last_command: CommandId(0),
        media: MediaPlan { slots: vec![Seat(1), Seat(2)] },
        room: room(),
    }
}

fn room() -> RoomView {
    let person = |seat, name, role, presence| Person {
        seat: Seat(seat),
        name: DisplayName::parse(name).expect("valid name"),
        role,
        presence,
        muted: false,
        camera: true,
        chair: role == Role::Facilitator,
    };
    let all = MediaRights { audio: true, video: true, screen: true };
    let listening = MediaRights { audio: false, video: true, screen: false };
    RoomView {
        template: TemplateInfo {
            id: "codev-1h15".into(),
            title: "Codéveloppement en 1 h 15".into(),
            target: Millis::from_secs(75 * 60),
        },
        phases: vec![PhaseInfo {
            id: "contract".into(),
            title: "Contrat".into(),
            purpose: "Le client dit l'aide qu'il attend ; le groupe accepte la phrase.".into(),
            prompt: "Gardez le cadre.".into(),
            target: Millis::from_secs(300),
            floor: FloorPolicyKind::Pair,
        }],
        phase: PhaseView {
            stage: SessionStage::Running { index: 0 },
            clock: ClockView::Running { deadline: NOW + Millis::from_secs(240) },
            extended: Millis::from_secs(60),
            session_ends_at: Some(NOW + Millis::from_secs(1_800)),
            contract: Some("J'aimerais que vous m'aidiez à déléguer.".into()),
            contract_accepted_by: vec![Seat(2)],
            blocked: Some(Blocked::ContractNotAccepted),
        },
        floor: FloorView {
            policy: FloorPolicyKind::Pair,
            firmness: Firmness::Enforce,
            takes_requests: true,
            turn: Some(GrantView {
                turn_id: TurnId(5),
                seat: Seat(1),
                partner: None,
                clock: Some(ClockView::Running { deadline: NOW + Millis::from_secs(60) }),
                warning: Millis::from_secs(15),
                grace: Millis::from_secs(10),
                waiting: None,
            }),
            rights: vec![(Seat(0), all), (Seat(1), all), (Seat(2), listening)],
            hands: vec![HandView {
                seat: Seat(2),
                since: NOW,
                remaining: Some(Millis::from_secs(12)),
            }],
            upcoming: vec![Seat(2)],
            chat_open: false,
        },
        people: vec![
            person(0, "Camille", Role::Facilitator, Presence::Here),
            person(1, "Laura", Role::Client, Presence::Here),
            person(2, "Noé", Role::Consultant, Presence::Expected),
        ],
        state: RoomState { screen: None, chair: Some(Seat(0)), paused_for: None },
        chat: vec![ChatLine { seat: Seat(2), at: NOW, text: "Bonjour à tous".into() }],
    }
}
