//! A crash after any input gives back the room as it was after that input.

use std::sync::Arc;

use palabre_backup::{
    About, Change, Entry, Journal, MemoryJournal, Milestones, RestoreError, Snapshot, StoredRoom,
    Taken, restore,
};
use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Language, Millis, Role, RoomId, Seat, UnixMillis};
use palabre_room::{Command, Input, PersonConfig, Room, RoomConfig};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};

const START: UnixMillis = UnixMillis(1_789_000_000_000);

fn id() -> RoomId {
    RoomId::parse("test-room").expect("valid")
}

fn snapshot() -> Snapshot {
    let roles = [Role::Facilitator, Role::Client, Role::Consultant, Role::Consultant];
    let people: Vec<PersonConfig> = roles
        .into_iter()
        .map(|role| PersonConfig {
            name: DisplayName::parse(role.as_str()).expect("name"),
            role,
            expert: false,
        })
        .collect();
    let template = Arc::new(Template::builtin("codev-1h15").expect("ships"));
    let about = About {
        created_at: START,
        links_expire_at: START,
        invited: people.iter().map(|person| (person.name.clone(), person.role)).collect(),
        demo: false,
        telephone: None,
        milestones: Milestones::default(),
    };
    let config = RoomConfig { template, language: Language::Fr, people };
    let room = Room::new(START, config).expect("valid");
    Snapshot { room, about, last_commands: Vec::new(), last_input_at: START }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

fn commit(journal: &MemoryJournal, change: Change) {
    block_on(journal.commit(change)).expect("written");
}

fn stored(journal: &MemoryJournal) -> StoredRoom {
    match block_on(journal.take(&id())).expect("read") {
        Taken::Room(stored) => stored,
        other => panic!("not there: {other:?}"),
    }
}

fn inputs() -> impl Strategy<Value = Input> {
    let seat = || (0_u8..5).prop_map(Seat);
    let command = prop_oneof![
        4 => Just(Command::NextPhase),
        1 => Just(Command::PreviousPhase),
        2 => Just(Command::RequestFloor),
        2 => Just(Command::ReleaseFloor),
        1 => Just(Command::Pass),
        1 => any::<bool>().prop_map(|muted| Command::SetMuted { muted }),
        1 => seat().prop_map(|seat| Command::GrantFloor { seat }),
        1 => Just(Command::PausePhase),
        1 => Just(Command::ResumePhase),
        1 => Just(Command::Chat { text: "bonjour".into() }),
        1 => Just(Command::ProposeContract { text: "aidez-moi".into() }),
        1 => Just(Command::AcceptContract),
        1 => Just(Command::ExtendPhase { by: Millis::from_secs(30) }),
    ];
    prop_oneof![
        2 => (seat(), any::<bool>()).prop_map(|(seat, resumed)| Input::Connected { seat, resumed }),
        1 => seat().prop_map(|seat| Input::Disconnected { seat }),
        6 => ((0_u8..2).prop_map(Seat), command)
            .prop_map(|(seat, command)| Input::Command { seat, command }),
        2 => Just(Input::Tick),
        1 => Just(Input::Restarted { down_since: None }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_crash_after_any_input_loses_nothing(
        steps in proptest::collection::vec((0_u64..40_000, inputs(), any::<bool>()), 1..60),
    ) {
        let journal = MemoryJournal::new();
        let mut live = snapshot();
        commit(&journal, live.change(id(), 0));
        let (mut now, mut number) = (START, 0);
        for (passed, input, snapshot_here) in steps {
            now = now + Millis(passed);
            let command = matches!(input, Input::Command { .. }).then_some(number + 1);
            let entry = Entry { at: now, command, input };
            let mut next = live.clone();
            if next.replay(entry.clone()).is_err() {
                continue;
            }
            live = next;
            number += 1;
            commit(&journal, entry.change(id(), number));
            if snapshot_here {
                commit(&journal, live.change(id(), number));
            }
            // The crash: all that is left is the journal.
            let (restored, last) = restore(&stored(&journal)).expect("comes back");
            prop_assert_eq!(last, number);
            prop_assert_eq!(restored, live.clone());
        }
    }
}

#[test]
fn a_journal_with_a_hole_or_other_words_is_refused() {
    let journal = MemoryJournal::new();
    commit(&journal, snapshot().change(id(), 0));
    let whole = stored(&journal);
    let with = |number, entry: Vec<u8>| {
        restore(&StoredRoom { entries: vec![(number, entry)], ..whole.clone() })
    };
    let encoded = |input| {
        let Change::Append { entry, .. } =
            (Entry { at: START, command: None, input }).change(id(), 1)
        else {
            panic!("an input is appended")
        };
        entry
    };
    let input = Input::Connected { seat: Seat(0), resumed: false };
    assert_eq!(with(2, encoded(input)), Err(RestoreError::Missing { number: 1 }));

    let secret = br#"{"at":1,"input":{"input":"secret"}}"#.to_vec();
    let error = with(1, secret).expect_err("unreadable");
    assert!(matches!(error, RestoreError::Unreadable { number: 1, .. }));
    assert!(!error.to_string().contains("secret"));

    let error = with(1, encoded(Input::Connected { seat: Seat(9), resumed: false }));
    assert!(matches!(error, Err(RestoreError::Refused { number: 1, .. })), "{error:?}");
}
