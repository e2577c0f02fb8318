//! One value of every message, named as its golden file.

use palabre_ids::{
    DisplayName, EventSeq, Group, Language, MediaRights, Millis, Role, Seat, TurnId, UnixMillis,
};
use palabre_wire::{
    Advance, Answer, AutopilotView, Ballot, Band, Blocked, Carrier, ChairView, ChatLine,
    ClientDropChoice, ClientMessage, Clock, ClosingReason, Command, CommandId, Drill, DropCause,
    DropRecord, Entry, EntryDraft, EntryId, EntryKind, Estimate, Event, ExtensionQuote, Firmness,
    FloorKind, FloorView, GroupView, HandView, Hello, HelpLine, IceCredentials, IceServer,
    MediaAnswer, MediaOffer, MediaPlan, Missed, NextIce, NextStep, PathReport, Pause, PersonView,
    PersonalView, PhaseInfo, PhaseView, Presence, RecordFate, Recovered, Refusal, Resume,
    RoomEvent, RoomView, Rung, SeatView, ServerMessage, SpeechBalance, Stage, StateView, TalkShare,
    TemplateInfo, TurnPart, TurnView, ViewSize, VoteAbout, VoteInfo, VoteOption, VoteResult,
    VoteView, VotesView, WIRE_VERSION, Waiting, Welcome,
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
        ("client.tunnel".into(), ClientMessage::Tunnel { on: true }),
        (
            "client.recovered".into(),
            ClientMessage::Recovered(Recovered {
                rung: Rung::IceRestart,
                cause: DropCause::PathDead,
                took: Millis(900),
                gap: Millis(840),
            }),
        ),
        (
            "client.path".into(),
            ClientMessage::Path(PathReport { rung: Carrier::Udp, audio_only: false }),
        ),
        ("client.estimate".into(), ClientMessage::Estimate(Estimate { outgoing: 1_350_000 })),
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
        Command::YieldFloor { to: Some(Seat(2)) },
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
        Command::Help { text: "Je ne comprends pas la consigne.".into() },
        Command::CastBallot { ballot: Ballot::For { option: 1 } },
        Command::AddEntry {
            entry: EntryDraft::Suggestion { text: "Déléguez la réunion.".into() }
        },
        Command::ChangeEntry {
            id: EntryId(3),
            entry: EntryDraft::Action {
                what: "Déléguer la réunion du lundi".into(),
                when: "avant le 15".into(),
                first_step: "En parler à Noé".into(),
            },
        },
        Command::RemoveEntry { id: EntryId(3) },
        Command::KeepEntry { id: EntryId(1), kept: true },
        Command::SetNotes { text: "Penser à rappeler.".into() },
        Command::DecideRecord { fate: RecordFate::Keep },
        Command::WantNext { wanted: true },
        Command::GoOn,
        Command::Stay,
        Command::OpenVote,
        Command::CloseVote,
        Command::NameBackup { seat: Some(Seat(2)) },
        Command::AfterClientDrop { choice: ClientDropChoice::InWriting },
        Command::StartDrill,
        Command::EndDrill,
        Command::VisitGroup { group: Group(1) },
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
                next_ice: None,
                events: vec![event(42, RoomEvent::CannotHear { seat: Seat(3) })],
            }),
        ),
        ("server.answer".into(), ServerMessage::Answer { id: CommandId(8), answer: Answer::Done }),
        (
            "server.answer.refused".into(),
            ServerMessage::Answer {
                id: CommandId(9),
                answer: Answer::Refused { code: Refusal::NotFacilitator },
            },
        ),
        (
            "server.media_answer".into(),
            ServerMessage::MediaAnswer(MediaAnswer {
                generation: 1,
                sdp: "v=0\r\n".into(),
                next_ice: Some(next_ice()),
            }),
        ),
        (
            "server.media_refused".into(),
            ServerMessage::MediaRefused {
                generation: 2,
                detail: "section 1 is not sendonly video".into(),
            },
        ),
        ("server.phases".into(), ServerMessage::Phases { phases: room().phases }),
        ("server.personal".into(), ServerMessage::Personal(Box::new(personal()))),
        ("server.media_lost".into(), ServerMessage::MediaLost),
        ("server.speaking".into(), ServerMessage::Speaking { seats: vec![Seat(0), Seat(2)] }),
        ("server.pong".into(), ServerMessage::Pong { at: 12_345, now: NOW }),
        (
            "server.not_understood".into(),
            ServerMessage::NotUnderstood {
                detail: "the message is not JSON (line 1, column 1)".into(),
            },
        ),
        (
            "server.resumed.next_ice".into(),
            ServerMessage::Resumed(Missed {
                resume_token: "AAECAwQFBgcICQoLDA0ODw".into(),
                now: NOW,
                last_command: CommandId(7),
                media_alive: true,
                next_ice: Some(next_ice()),
                events: vec![],
            }),
        ),
        (
            "server.next_ice".into(),
            ServerMessage::NextIce(NextIce {
                generation: Some(1),
                ufrag: next_ice().ufrag,
                password: next_ice().password,
            }),
        ),
        ("server.tunnel".into(), ServerMessage::Tunnel { on: true, detail: None }),
        (
            "server.tunnel.refused".into(),
            ServerMessage::Tunnel { on: false, detail: Some("the session is over".into()) },
        ),
        (
            "server.closing".into(),
            ServerMessage::Closing {
                reason: ClosingReason::TakenOver,
                after: None,
                media_for: None,
            },
        ),
        (
            "server.closing.after".into(),
            ServerMessage::Closing {
                reason: ClosingReason::Restarting,
                after: Some(Millis(1_250)),
                media_for: None,
            },
        ),
        (
            "server.closing.full".into(),
            ServerMessage::Closing { reason: ClosingReason::Full, after: None, media_for: None },
        ),
        (
            "server.closing.media_for".into(),
            ServerMessage::Closing {
                reason: ClosingReason::Restarting,
                after: Some(Millis(0)),
                media_for: Some(Millis(1_500)),
            },
        ),
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
            RoomEvent::Person(Box::new(PersonView { presence: away, ..room.people[1].clone() })),
        ),
        ("phase", RoomEvent::Phase(room.phase)),
        (
            "phase.lobby",
            RoomEvent::Phase(PhaseView {
                stage: Stage::Lobby,
                clock: Clock::Paused { remaining: Millis::ZERO },
                total: Millis::ZERO,
                planned: vec![Millis::from_secs(300)],
                extended: Millis::ZERO,
                session_ends_at: None,
                contract: None,
                contract_accepted_by: vec![],
                contract_awaits: vec![],
                blocked: None,
                advance: None,
                next: NextStep::Start,
            }),
        ),
        ("floor", RoomEvent::Floor(room.floor.clone())),
        (
            "floor.waiting",
            RoomEvent::Floor(FloorView {
                turn: Some(TurnView {
                    turn_id: TurnId(5),
                    seat: Seat(1),
                    part: TurnPart::Answer,
                    partner: Some(Seat(2)),
                    clock: Some(Clock::Paused { remaining: Millis::from_secs(31) }),
                    total: Some(Millis::from_secs(60)),
                    warning: Millis::from_secs(15),
                    grace: Millis::from_secs(10),
                    waiting: Some(Waiting::SpeakerAway { until: NOW + Millis::from_secs(20) }),
                }),
                ..room.floor.clone()
            }),
        ),
        (
            "floor.breakout",
            RoomEvent::Floor(FloorView {
                policy: FloorKind::Breakout,
                turn: None,
                groups: vec![GroupView { group: Group(1), seats: vec![Seat(1), Seat(2)] }],
                step_clock: Some(Clock::Running { deadline: NOW + Millis::from_secs(120) }),
                ..room.floor.clone()
            }),
        ),
        (
            "floor.circle",
            RoomEvent::Floor(FloorView {
                policy: FloorKind::Open,
                turn: None,
                circle: vec![Seat(1)],
                circle_seats: Some(4),
                ..room.floor
            }),
        ),
        ("state", RoomEvent::State(room.state.clone())),
        (
            "state.alone",
            RoomEvent::State(StateView {
                chair: None,
                backup: None,
                pause: Some(Pause::ForClient { seat: Seat(1), until: None }),
                in_writing: true,
                autopilot: Some(AutopilotView { wanted_by: vec![Seat(2)], needed: 2 }),
                drill: Some(Drill {
                    seat: Seat(1),
                    since: NOW,
                    back_at: NOW + Millis::from_secs(10),
                    until: NOW + Millis::from_secs(20),
                }),
                ..room.state
            }),
        ),
        ("votes", RoomEvent::Votes(room.votes)),
        ("entry", RoomEvent::Entry(room.entries[0].clone())),
        ("entry_removed", RoomEvent::EntryRemoved { id: EntryId(1) }),
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
        media: MediaPlan {
            slots: vec![Seat(1), Seat(2)],
            ice_servers: vec![IceServer {
                urls: vec!["turns:turn.example.org:443?transport=tcp".into()],
                username: "1789086400:0a1b2c3d".into(),
                credential: "k7JqGv0mVYJr7ZIXbcVzZk0ZLeQ=".into(),
            }],
        },
        telephone: Some("+33 1 23 45 67 89, code 4321".into()),
        room: room(),
    }
}

fn next_ice() -> IceCredentials {
    IceCredentials { ufrag: "fE3d".into(), password: "sGfjH2dkLs8Yg3KwPq0VbXtC".into() }
}

fn personal() -> PersonalView {
    PersonalView {
        ballot: Some(Ballot::Abstain),
        notes: "Penser à rappeler.".into(),
        talk: TalkShare { spoke: Millis::from_secs(93), share: 14, fair: 12 },
        chair: Some(ChairView {
            balance: vec![SpeechBalance {
                seat: Seat(1),
                band: Band::Quiet,
                turns: 2,
                unused: Millis::from_secs(40),
                longest_wait: Millis::from_secs(75),
                blocked: 1,
            }],
            extensions: vec![ExtensionQuote {
                by: Millis::from_secs(120),
                gets: Millis::from_secs(90),
                costs: vec![(1, Millis::from_secs(90))],
                session_ends_at: Some(NOW + Millis::from_secs(1_800)),
            }],
            help: vec![HelpLine { seat: Seat(2), at: NOW, text: "Je suis perdu.".into() }],
            drops: vec![
                DropRecord {
                    seat: Seat(1),
                    at: NOW,
                    back_at: Some(NOW + Millis(840)),
                    cause: Some(DropCause::PathDead),
                    rung: Some(Rung::IceRestart),
                },
                DropRecord { seat: Seat(1), at: NOW, back_at: None, cause: None, rung: None },
            ],
        }),
    }
}

fn votes() -> VotesView {
    let options = vec![VoteOption::Person { seat: Seat(1) }, VoteOption::Person { seat: Seat(2) }];
    VotesView {
        open: Some(VoteView {
            phase: 0,
            about: VoteAbout::Client,
            options,
            voted: vec![Seat(1)],
            awaited: vec![Seat(2)],
            closes_at: Some(NOW + Millis::from_secs(60)),
        }),
        results: vec![VoteResult {
            phase: 0,
            about: VoteAbout::Question,
            options: vec![VoteOption::Answer { index: 0 }, VoteOption::Answer { index: 1 }],
            ballots: vec![2, 1],
            abstained: 0,
            chosen: Some(0),
        }],
    }
}

fn room() -> RoomView {
    let person = |seat, name, role, presence| PersonView {
        seat: Seat(seat),
        name: DisplayName::parse(name).expect("valid name"),
        role,
        expert: false,
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
            purpose: "Aider un pair à avancer.".into(),
            target: Millis::from_secs(75 * 60),
        },
        phases: vec![PhaseInfo {
            id: "contract".into(),
            title: "Contrat".into(),
            purpose: "Le client dit l'aide qu'il attend ; le groupe accepte la phrase.".into(),
            prompt: "Gardez le cadre.".into(),
            meanwhile: "Relisez vos notes.".into(),
            target: Millis::from_secs(300),
            min: Millis::from_secs(180),
            max: Millis::from_secs(390),
            warnings: vec![Millis::from_secs(60)],
            floor: FloorKind::Pair,
            writes: vec![EntryKind::Note],
            takes_contract: true,
            out_of_contract: false,
            vote: Some(VoteInfo {
                question: "Garde-t-on ce sujet ?".into(),
                answers: vec!["Oui".into(), "Non".into()],
            }),
        }],
        phase: PhaseView {
            stage: Stage::Running { index: 0 },
            clock: Clock::Running { deadline: NOW + Millis::from_secs(240) },
            total: Millis::from_secs(360),
            planned: vec![Millis::from_secs(300)],
            extended: Millis::from_secs(60),
            session_ends_at: Some(NOW + Millis::from_secs(1_800)),
            contract: Some("J'aimerais que vous m'aidiez à déléguer.".into()),
            contract_accepted_by: vec![Seat(2)],
            contract_awaits: vec![Seat(1)],
            blocked: Some(Blocked::ContractNotAccepted),
            advance: Some(Advance { at: NOW + Millis::from_secs(5) }),
            next: NextStep::Phase { index: 1 },
        },
        floor: FloorView {
            policy: FloorKind::Pair,
            firmness: Firmness::Enforce,
            takes_requests: true,
            turn: Some(TurnView {
                turn_id: TurnId(5),
                seat: Seat(1),
                part: TurnPart::Speak,
                partner: None,
                clock: Some(Clock::Running { deadline: NOW + Millis::from_secs(60) }),
                total: Some(Millis::from_secs(120)),
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
            circle: vec![],
            circle_seats: None,
            groups: vec![],
            step_clock: None,
            chat_open: false,
        },
        people: vec![
            person(0, "Camille", Role::Facilitator, Presence::Here),
            person(1, "Laura", Role::Client, Presence::Here),
            person(2, "Noé", Role::Consultant, Presence::Expected),
        ],
        state: StateView {
            screen: None,
            chair: Some(Seat(0)),
            backup: Some(Seat(2)),
            pause: None,
            in_writing: false,
            autopilot: None,
            drill: None,
            record: RecordFate::Undecided,
        },
        votes: votes(),
        entries: vec![Entry {
            id: EntryId(1),
            seat: Seat(2),
            at: NOW,
            kept: true,
            entry: EntryDraft::Suggestion { text: "Déléguez la réunion.".into() },
        }],
        chat: vec![ChatLine { seat: Seat(2), at: NOW, text: "Bonjour à tous".into() }],
    }
}
