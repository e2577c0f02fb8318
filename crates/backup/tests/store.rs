//! The journal's file: what was acknowledged is there after a crash, and a damaged file is refused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use palabre_backup::{Change, Journal, MemoryJournal, OpenError, RedbJournal};
use palabre_ids::RoomId;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

fn room(index: u8) -> RoomId {
    RoomId::parse(&format!("test-room-{index}")).expect("valid")
}

fn commit(journal: &dyn Journal, change: Change) {
    block_on(journal.commit(change)).expect("written");
}

/// The file as `kill -9` would leave it: a copy taken while the journal is open.
fn crash(from: &Path, to: &Path) {
    std::fs::copy(from.join("palabre.redb"), to.join("palabre.redb")).expect("copied");
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    let (live, after) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let journal = RedbJournal::open(live.path()).expect("opens");
    commit(&journal, Change::Put { key: "key", value: vec![7; 32] });
    commit(&journal, Change::Snapshot { room: room(1), number: 0, state: b"state".to_vec() });
    commit(&journal, Change::Append { room: room(1), number: 1, entry: b"one".to_vec() });
    crash(live.path(), after.path());

    let journal = RedbJournal::open(after.path()).expect("opens");
    assert_eq!(journal.get("key").expect("read"), Some(vec![7; 32]));
    let rooms = journal.load().expect("read");
    assert_eq!(rooms.len(), 1);
    assert_eq!(rooms[0].state, b"state");
    assert_eq!(rooms[0].entries, [(1, b"one".to_vec())]);
}

#[test]
fn the_file_is_its_owners_alone() {
    let dir = tempfile::tempdir().expect("dir");
    let inner = dir.path().join("data");
    drop(RedbJournal::open(&inner).expect("opens"));
    let mode = |path: &Path| std::fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&inner.join("palabre.redb")), 0o600);
}

#[test]
fn a_second_server_is_refused() {
    let dir = tempfile::tempdir().expect("dir");
    let _first = RedbJournal::open(dir.path()).expect("opens");
    let error = RedbJournal::open(dir.path()).expect_err("in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
}

#[test]
fn a_damaged_file_is_named_left_alone_and_can_be_set_aside() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("palabre.redb");
    let journal = RedbJournal::open(dir.path()).expect("opens");
    for number in 1..=50 {
        commit(&journal, Change::Append { room: room(1), number, entry: vec![3; 2_000] });
    }
    drop(journal);
    let whole = std::fs::read(&file).expect("read");

    let mut flipped = whole.clone();
    for byte in flipped.iter_mut().skip(64).step_by(4_096) {
        *byte ^= 0xff;
    }
    for (damage, bytes) in [
        ("not a database", b"this is not a journal".to_vec()),
        ("cut short", whole[..whole.len() / 2].to_vec()),
        ("bits flipped", flipped),
    ] {
        std::fs::write(&file, &bytes).expect("written");
        let error = RedbJournal::open(dir.path()).expect_err(damage);
        assert!(matches!(error, OpenError::Damaged { .. }), "{damage}: {error}");
        assert!(error.to_string().contains("palabre.redb"), "{error}");
    }

    let aside = RedbJournal::set_aside(dir.path()).expect("renamed").expect("there was one");
    assert!(aside.exists());
    assert_eq!(RedbJournal::open(dir.path()).expect("opens").load().expect("read"), []);
}

fn changes() -> impl Strategy<Value = Change> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    let at = (0_u8..3, 0_u64..12);
    prop_oneof![
        6 => (at.clone(), bytes()).prop_map(|((r, number), entry)| Change::Append {
            room: room(r), number, entry
        }),
        2 => (at, bytes()).prop_map(|((r, number), state)| Change::Snapshot {
            room: room(r), number, state
        }),
        1 => (0_u8..3).prop_map(|r| Change::Erase { room: room(r) }),
        1 => bytes().prop_flat_map(|value| Just(Change::Put { key: "key", value })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The file and the memory journal, which is a map, agree after any changes and a crash
    /// after any of them.
    #[test]
    fn the_file_is_a_map(changes in proptest::collection::vec(changes(), 1..30)) {
        let (live, after) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        let (file, memory) = (RedbJournal::open(live.path()).expect("opens"), MemoryJournal::new());
        for change in changes {
            commit(&file, change.clone());
            commit(&memory, change);
        }
        crash(live.path(), after.path());
        let restored = RedbJournal::open(after.path()).expect("opens");
        prop_assert_eq!(restored.load().expect("read"), memory.load().expect("read"));
        prop_assert_eq!(restored.get("key").expect("read"), memory.get("key").expect("read"));
    }
}
