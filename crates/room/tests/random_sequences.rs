//! Whatever anybody does, in whatever order, what must hold holds. The allowed set of speakers is
//! worked out here anew, from the template and the view alone.

mod common;

use std::sync::Arc;

use common::{START, person};
use palabre_facilitation::{FloorPolicy, Template};
use palabre_ids::{Epoch, GateEntry, Language, MediaRights, Millis, Role, Seat, UnixMillis};
use palabre_room::{Command, Effect, Effects, Input, PersonConfig, Room, RoomConfig};
use palabre_vocabulary::{ChatLine, Clock, FloorKind, Presence, Stage, Waiting};
use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::test_runner::{Config as ProptestConfig, TestCaseError};

/// Two facilitators, a client, an expert, peers, one who writes and one who watches.
fn people() -> Vec<PersonConfig> {
    let mut people =
        vec![person(Role::Facilitator), person(Role::Client), person(Role::CoFacilitator)];
    people.extend((0..4).map(|_| person(Role::Consultant)));
    people.push(PersonConfig { expert: true, ..person(Role::Consultant) });
    people.extend([person(Role::Scribe), person(Role::Observer)]);
    people
}

const SEATS: u8 = 10;

fn seat() -> impl Strategy<Value = Seat> {
    // One seat more than there are.
    prop_oneof![3 => Just(Seat(0)), 2 => Just(Seat(1)), 8 => (0..=SEATS).prop_map(Seat)]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => Just(Command::RequestFloor),
        1 => Just(Command::CancelRequest),
        4 => Just(Command::ReleaseFloor),
        2 => Just(Command::Pass),
        2 => Just(Command::YieldFloor { to: None }),
        1 => any::<bool>().prop_map(|muted| Command::SetMuted { muted }),
        1 => any::<bool>().prop_map(|on| Command::SetCamera { on }),
        2 => any::<bool>().prop_map(|on| Command::SetScreen { on }),
        1 => "[a-z]{0,9}".prop_map(|text| Command::Chat { text }),
        1 => Just(Command::CannotHear),
        1 => Just(Command::OutOfContract),
        2 => "[a-z]{0,9}".prop_map(|text| Command::ProposeContract { text }),
        3 => Just(Command::AcceptContract),
        1 => Just(Command::TakeChair),
    ]
}

fn chair_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => Just(Command::NextPhase),
        1 => Just(Command::PreviousPhase),
        1 => (0_u64..7_200_000).prop_map(|by| Command::ExtendPhase { by: Millis(by) }),
        1 => Just(Command::PausePhase),
        1 => Just(Command::ResumePhase),
        3 => seat().prop_map(|seat| Command::GrantFloor { seat }),
        1 => Just(Command::RevokeFloor),
        3 => Just(Command::SkipTurn),
        1 => seat().prop_map(|seat| Command::NameClient { seat }),
        1 => Just(Command::TakeChair),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    /// Something happens.
    Input(Input),
    /// Everyone accepts the contract, or tries to.
    Accept,
    /// Time goes by and nobody ticks.
    Silence(u64),
    /// Time goes by, with a tick whenever the room asks for one.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let input = prop_oneof![
        6 => (seat(), any::<bool>()).prop_map(|(seat, resumed)| Input::Connected { seat, resumed }),
        4 => seat().prop_map(|seat| Input::Disconnected { seat }),
        1 => seat().prop_map(|seat| Input::Left { seat }),
        14 => (seat(), command()).prop_map(|(seat, command)| Input::Command { seat, command }),
        9 => chair_command().prop_map(|command| Input::Command { seat: Seat(0), command }),
        3 => (seat(), chair_command()).prop_map(|(seat, command)| Input::Command { seat, command }),
        1 => Just(Input::Tick),
        1 => any::<Option<u16>>().prop_map(|back| Input::Restarted {
            down_since: back.map(|back| UnixMillis(START.0 + u64::from(back) * 100)),
        }),
    ];
    prop_oneof![
        12 => input.prop_map(Step::Input),
        1 => Just(Step::Accept),
        1 => (0_u64..40_000).prop_map(Step::Silence),
        4 => prop_oneof![0_u64..3_000, 0_u64..60_000, 0_u64..400_000].prop_map(Step::Wait),
    ]
}

fn template() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("codev-1h15"), 1 => Just("plain-meeting")]
}

fn new_room(template: Template) -> Room {
    let config =
        RoomConfig { template: Arc::new(template), language: Language::En, people: people() };
    Room::new(START, config).expect("a sound config")
}

/// Who may be heard, from the template and the view alone.
fn allowed(room: &Room, seat: Seat) -> MediaRights {
    let who = room.person(seat).expect("seated");
    let sends = !matches!(who.role, Role::Scribe | Role::Observer)
        && !matches!(who.presence, Presence::Expected | Presence::Entering | Presence::Left);
    let facilitates = matches!(who.role, Role::Facilitator | Role::CoFacilitator);
    let sharing = room.state().screen == Some(seat);
    match room.phase().stage {
        _ if !sends => MediaRights::NONE,
        Stage::Ended => MediaRights::NONE,
        Stage::Lobby => {
            MediaRights { audio: !who.muted, video: true, screen: sharing && facilitates }
        }
        Stage::Running { index } => {
            let phase = &room.template().phases[usize::from(index)];
            let floor = room.floor();
            let holds = floor.turn.as_ref().is_some_and(|turn| turn.seat == seat);
            // A turn is worth nothing where no policy of the phase has one for the role.
            let policy = phase.steps.iter().any(|step| match &step.floor {
                _ if step.floor.kind() != floor.policy => false,
                FloorPolicy::Open { who: set, seats, .. } => {
                    set.contains(who.role) && (seats.is_none() || floor.circle.contains(&seat))
                }
                FloorPolicy::Silence => false,
                FloorPolicy::Breakout { .. } => true,
                FloorPolicy::Holder { who: holder, .. } => holds && *holder == who.role,
                FloorPolicy::Queue { who: set, .. }
                | FloorPolicy::ChairQueue { who: set, .. }
                | FloorPolicy::QuietFirst { who: set, .. }
                | FloorPolicy::RoundRobin { who: set, .. } => holds && set.contains(who.role),
                FloorPolicy::Pair { ask, answer, .. } => {
                    holds && (ask.contains(who.role) || answer.may_be(who.role))
                }
            });
            MediaRights {
                audio: (facilitates || (policy && !room.state().in_writing)) && !who.muted,
                video: true,
                screen: sharing && (facilitates || phase.screen.contains(who.role)),
            }
        }
    }
}

/// A room under test, with everything that was seen of it.
struct Run {
    room: Room,
    now: UnixMillis,
    epoch: Epoch,
    journal: Vec<(UnixMillis, Input)>,
}

impl Run {
    fn give(&mut self, input: Input) -> Result<(), TestCaseError> {
        let before = self.room.clone();
        match self.room.handle(self.now, input.clone()) {
            Err(_) => prop_assert_eq!(&self.room, &before, "a refused input changes nothing"),
            Ok(effects) => {
                self.check_effects(&before, &effects)?;
                self.journal.push((self.now, input.clone()));
                self.check_room(&before, &input)?;
            }
        }
        Ok(())
    }

    fn check_effects(&mut self, before: &Room, effects: &Effects) -> Result<(), TestCaseError> {
        let mut table = before.gate_table().table;
        let mut given = false;
        for effect in effects {
            let Effect::Rights(change) = effect else { continue };
            prop_assert!(change.epoch > self.epoch, "epochs grow");
            self.epoch = change.epoch;
            let of = |table: &[GateEntry], seat| {
                table
                    .iter()
                    .find(|entry| entry.seat == seat)
                    .map_or(MediaRights::NONE, |entry| entry.rights)
            };
            let (mut takes, mut gives) = (false, false);
            for seat in (0..SEATS).map(Seat) {
                for kind in palabre_ids::MediaKind::ALL {
                    let (was, is) =
                        (of(&table, seat).allows(kind), of(&change.table, seat).allows(kind));
                    takes |= was && !is;
                    gives |= !was && is;
                }
            }
            prop_assert!(!(takes && gives), "one table never takes and gives");
            prop_assert!(!(takes && given), "what is taken is taken first");
            given |= gives;
            table.clone_from(&change.table);
        }
        prop_assert_eq!(table, self.room.gate_table().table, "the effects tell the whole gate");
        Ok(())
    }

    fn check_room(&self, before: &Room, input: &Input) -> Result<(), TestCaseError> {
        let room = &self.room;
        prop_assert!(room.now() >= before.now(), "time never goes back");
        prop_assert!(
            room.poll_timeout().is_none_or(|at| at > self.now),
            "nothing due is left undone"
        );

        let gate = room.gate_table().table;
        for seat in (0..SEATS).map(Seat) {
            let sends = gate.iter().find(|entry| entry.seat == seat);
            prop_assert_eq!(
                sends.map_or(MediaRights::NONE, |entry| entry.rights),
                allowed(room, seat)
            );
        }
        let policy = room.floor().policy;
        let speaking = |seat: &Seat| {
            let who = room.person(*seat).expect("seated");
            !matches!(who.role, Role::Facilitator | Role::CoFacilitator)
        };
        let heard = gate.iter().filter(|entry| entry.rights.audio && speaking(&entry.seat)).count();
        if room.phase().stage != Stage::Lobby && policy != FloorKind::Open {
            prop_assert!(heard <= 1, "never two holders");
        }
        self.check_turn(before)?;
        self.check_hands(before, input)?;
        let phase_left = room.phase().clock.remaining(self.now);
        if let Stage::Running { index } = room.phase().stage {
            prop_assert!(
                phase_left <= room.template().phases[usize::from(index)].max,
                "clocks are bounded"
            );
        }
        let chat: usize = room.chat().map(|line: &ChatLine| line.text.len()).sum();
        prop_assert!(room.chat().count() <= 50 && chat <= 16 * 1024);
        Ok(())
    }

    fn check_turn(&self, before: &Room) -> Result<(), TestCaseError> {
        let Some(turn) = self.room.floor().turn else { return Ok(()) };
        let who = self.room.person(turn.seat).expect("seated");
        prop_assert!(!matches!(who.role, Role::Scribe | Role::Observer));
        prop_assert!(!matches!(who.presence, Presence::Expected | Presence::Left));
        match before.floor().turn {
            Some(was) if was.turn_id == turn.turn_id => {
                prop_assert_eq!(was.seat, turn.seat, "a turn never changes hands");
                if let (Some(was), Some(is)) = (was.clock, turn.clock) {
                    // It stands since the connection was lost, which is known one debounce later.
                    let most = was.remaining(before.now()) + self.room.template().drops.debounce;
                    prop_assert!(is.remaining(self.now) <= most, "a turn never grows");
                }
            }
            was => {
                // They may have dropped since, when the tick came late.
                let was_here =
                    before.person(turn.seat).is_some_and(|who| who.presence == Presence::Here);
                let is_here = who.presence == Presence::Here;
                prop_assert!(was_here || is_here, "nothing is granted to the absent");
                prop_assert!(
                    was.is_none_or(|was| was.turn_id < turn.turn_id),
                    "no turn's number comes twice"
                );
            }
        }
        let stands = matches!(turn.clock, Some(Clock::Paused { .. }));
        prop_assert!(!stands || turn.waiting.is_some(), "a clock that stands says why");
        if turn.waiting == Some(Waiting::PhasePaused) {
            let phase_stands = self.room.state().in_writing
                || matches!(self.room.phase().clock, Clock::Paused { .. });
            prop_assert!(phase_stands, "no turn waits for a pause that is over");
        }
        Ok(())
    }

    /// Two hands that were up and still are have not changed places, except for a turn that a drop
    /// cut short.
    fn check_hands(&self, before: &Room, input: &Input) -> Result<(), TestCaseError> {
        let after = self.room.floor().hands;
        for (index, hand) in after.iter().enumerate() {
            prop_assert!(
                after[..index].iter().all(|other| other.seat != hand.seat),
                "one hand a seat"
            );
        }
        let was = before.floor().hands;
        let still: Vec<Seat> =
            was.iter().filter(|hand| after.contains(hand)).map(|hand| hand.seat).collect();
        let now: Vec<Seat> =
            after.iter().filter(|hand| was.contains(hand)).map(|hand| hand.seat).collect();
        prop_assert_eq!(still, now, "hands keep their order");
        let first_plain =
            after.iter().position(|hand| hand.remaining.is_none()).unwrap_or(after.len());
        prop_assert!(
            after[first_plain..].iter().all(|hand| hand.remaining.is_none()),
            "kept turns first"
        );
        let returned = matches!(input, Input::Connected { .. } | Input::Disconnected { .. });
        // A gate that opens for who comes may let the phase end: its hands end with it.
        let same_phase = before.phase().stage == self.room.phase().stage;
        if returned && same_phase && before.now() == self.now {
            for hand in &was {
                let has_turn = self.room.floor().turn.is_some_and(|turn| turn.seat == hand.seat);
                prop_assert!(
                    after.contains(hand) || has_turn,
                    "nobody loses a hand by reconnecting"
                );
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<(), TestCaseError> {
        for seat in (0..SEATS).map(Seat) {
            self.give(Input::Command { seat, command: Command::AcceptContract })?;
        }
        Ok(())
    }

    fn wait(&mut self, length: u64) -> Result<(), TestCaseError> {
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
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_the_floor_holds(
        template in template(),
        absent in prop::collection::vec(0..SEATS, 0..3),
        start in prop::option::of(0_usize..10),
        steps in prop::collection::vec(step(), 1..160),
    ) {
        let fresh = new_room(Template::builtin(template).unwrap());
        let mut run = Run { room: fresh.clone(), now: START, epoch: Epoch::default(), journal: Vec::new() };
        // Somewhere in the session, to begin with; a gate or a template's end stops it earlier.
        if let Some(phases) = start {
            for seat in (0..SEATS).filter(|seat| !absent.contains(seat)) {
                run.give(Input::Connected { seat: Seat(seat), resumed: false })?;
            }
            for _ in 0..=phases {
                let sentence = Command::ProposeContract { text: "Help me".to_owned() };
                run.give(Input::Command { seat: Seat(1), command: sentence })?;
                run.accept()?;
                run.give(Input::Command { seat: Seat(0), command: Command::NextPhase })?;
            }
        }
        for step in steps {
            match step {
                Step::Input(input) => run.give(input)?,
                Step::Accept => run.accept()?,
                Step::Silence(length) => run.now = run.now + Millis(length),
                Step::Wait(length) => run.wait(length)?,
            }
        }
        let text = serde_json::to_string(&run.room).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Room>(&text).unwrap(), &run.room, "a snapshot is the room");
        let mut again = fresh;
        for (now, input) in serde_json::from_str::<Vec<(UnixMillis, Input)>>(
            &serde_json::to_string(&run.journal).unwrap()
        ).unwrap() {
            prop_assert!(again.handle(now, input).is_ok());
        }
        prop_assert_eq!(&again, &run.room, "the journal makes the same room");
    }
}
