//! The journal on a real file system: crashes, two processes, erasing, and damage to what all depends
//! on.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use palabre_backup::{
    Change, Journal, JournalError, Kept, LogJournal, MemoryJournal, OpenError, StoredRoom, Taken,
    ValueName, load,
};
use palabre_ids::{RoomId, UnixMillis};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};

const UNTIL: UnixMillis = UnixMillis(1_000);

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

fn room(index: usize) -> RoomId {
    RoomId::parse(&format!("test-room-{index}")).expect("valid")
}

fn commit(journal: &dyn Journal, change: Change) {
    assert_eq!(block_on(journal.commit(change)).expect("written"), Kept::Durable);
}

fn make(journal: &dyn Journal, index: usize, state: &[u8]) {
    let state = state.to_vec();
    commit(journal, Change::Snapshot { room: room(index), number: 0, state, until: UNTIL });
}

fn append(journal: &dyn Journal, index: usize, number: u64, entry: &[u8]) {
    commit(journal, Change::Append { room: room(index), number, entry: entry.to_vec() });
}

fn take(journal: &dyn Journal, index: usize) -> Taken {
    block_on(journal.take(&room(index))).expect("read")
}

fn rooms(journal: &dyn Journal) -> Vec<StoredRoom> {
    block_on(load(journal)).expect("read").rooms
}

fn open(directory: &Path) -> LogJournal {
    let journal = LogJournal::open(directory).expect("opens");
    if journal.get(ValueName::LinkKey).expect("read").is_none() {
        commit(&journal, Change::Put { name: ValueName::LinkKey, value: vec![7; 32] });
    }
    journal
}

/// All files of a directory and those in it.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("read") {
        let path = entry.expect("read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            found.insert(name, std::fs::read(&path).expect("read"));
        }
    }
    found
}

/// The data directory as `kill -9` would leave it now.
fn crash(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("dir");
    std::fs::create_dir(to.path().join("journal")).expect("made");
    for (name, content) in files(from) {
        std::fs::write(to.path().join("journal").join(name), content).expect("copied");
    }
    to
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    let live = tempfile::tempdir().expect("dir");
    let journal = open(live.path());
    make(&journal, 1, b"state");
    append(&journal, 1, 1, b"one");
    commit(&journal, Change::Put { name: ValueName::Alive, value: vec![1; 8] });
    commit(&journal, Change::Put { name: ValueName::Alive, value: vec![2; 8] });
    let after = crash(live.path());

    let journal = LogJournal::open(after.path()).expect("opens");
    assert_eq!(journal.get(ValueName::LinkKey).expect("read"), Some(vec![7; 32]));
    assert_eq!(journal.get(ValueName::Alive).expect("read"), Some(vec![2; 8]));
    let rooms = rooms(&journal);
    assert_eq!(rooms.len(), 1);
    assert_eq!(rooms[0].state, b"state");
    assert_eq!(rooms[0].entries, [(1, b"one".to_vec())]);
}

#[test]
fn the_files_are_their_owners_alone() {
    let dir = tempfile::tempdir().expect("dir");
    let inner = dir.path().join("data");
    make(&open(&inner), 1, b"state");
    let mode = |path: &Path| std::fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&inner.join("journal")), 0o700);
    for name in files(&inner).keys() {
        assert_eq!(mode(&inner.join("journal").join(name)), 0o600, "{name}");
    }
    // A copy brought back open to others is closed again.
    std::fs::set_permissions(inner.join("journal"), PermissionsExt::from_mode(0o755)).expect("set");
    drop(open(&inner));
    assert_eq!(mode(&inner.join("journal")), 0o700);
}

#[test]
fn an_erased_room_is_in_no_file() {
    let dir = tempfile::tempdir().expect("dir");
    let journal = open(dir.path());
    let canary = |index: usize| format!("<canary {index}>").into_bytes();
    for index in 0..3 {
        make(&journal, index, &canary(index));
        for number in 1..=300 {
            append(&journal, index, number, &canary(index));
        }
        let (room, state) = (room(index), canary(index));
        commit(&journal, Change::Snapshot { room, number: 300, state, until: UNTIL });
        append(&journal, index, 301, &canary(index));
    }
    // What a crash left half written, and what was set aside for the operator, goes too.
    let journal_dir = dir.path().join("journal");
    std::fs::write(journal_dir.join("test-room-1.tmp"), canary(1)).expect("written");
    std::fs::write(journal_dir.join("test-room-1.damaged-3"), canary(1)).expect("written");
    commit(&journal, Change::Erase { room: room(1) });
    let holds = |index: usize| {
        let canary = canary(index);
        let found = files(dir.path())
            .into_iter()
            .filter(|(_, content)| content.windows(canary.len()).any(|window| window == canary));
        found.map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(holds(0), ["test-room-0.log"], "the search finds what is there");
    assert_eq!(holds(1), [""; 0]);
    assert!(files(dir.path()).keys().all(|name| !name.contains("room-1")), "not even its name");
    assert_eq!(rooms(&journal).len(), 2);

    // Nobody has it in hand, and its time is over.
    block_on(journal.release(&room(2))).expect("let go");
    assert_eq!(block_on(journal.expire(UnixMillis(999))).expect("looked"), 0);
    assert_eq!(block_on(journal.expire(UnixMillis(1_000))).expect("looked"), 1);
    assert_eq!(holds(2), [""; 0]);
    assert_eq!(take(&journal, 2), Taken::Gone);
}

#[test]
fn a_second_server_is_refused_and_one_that_takes_over_gets_what_is_let_go() {
    let dir = tempfile::tempdir().expect("dir");
    let first = open(dir.path());
    for index in 0..2 {
        make(&first, index, b"state");
    }
    let error = LogJournal::open(dir.path()).expect_err("in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");

    let second = LogJournal::open_beside(dir.path()).expect("opens");
    let loaded = block_on(load(&second)).expect("read");
    assert_eq!((loaded.rooms.len(), loaded.in_use), (0, 2));
    // A request after the release is answered after it.
    append(&first, 0, 1, b"the last of the first");
    block_on(first.release(&room(0))).expect("let go");
    let Taken::Room(stored) = take(&second, 0) else { panic!("it was let go") };
    assert_eq!(stored.entries, [(1, b"the last of the first".to_vec())]);
    append(&second, 0, 2, b"the first of the second");
    assert_eq!(take(&first, 0), Taken::InUse);
    let late = Change::Append { room: room(0), number: 2, entry: b"too late".to_vec() };
    assert!(matches!(block_on(first.commit(late)), Err(JournalError::NotOurs)));
    let erase = Change::Erase { room: room(0) };
    assert!(matches!(block_on(first.commit(erase)), Err(JournalError::NotOurs)));
    assert_eq!(take(&second, 1), Taken::InUse);
    // A snapshot is a new file: the lock goes with it.
    commit(&second, Change::Snapshot { room: room(0), number: 2, state: vec![1], until: UNTIL });
    assert_eq!(take(&first, 0), Taken::InUse);

    assert!(!second.try_become_only().expect("tried"));
    drop(first);
    assert!(second.try_become_only().expect("tried"));
    assert!(matches!(take(&second, 1), Taken::Room(_)));
    assert_eq!(rooms(&second).len(), 2);
}

/// What the tests below start as a second process.
fn second_process(what: &str, directory: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().expect("a test has a file"))
        .args(["--exact", "as_a_second_process", "--ignored", "--nocapture"])
        .env("PALABRE_TEST_DOES", what)
        .env("PALABRE_TEST_IN", directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let words = BufReader::new(child.stdout.take().expect("piped"));
    (child, words)
}

/// The next line that begins with `word`, without it; `None` at the end.
fn word(words: &mut impl std::io::BufRead, word: &str) -> Option<String> {
    words.lines().map_while(Result::ok).find_map(|line| Some(line.strip_prefix(word)?.to_owned()))
}

#[test]
#[ignore = "the second process of other tests, which start it"]
fn as_a_second_process() {
    let directory = std::env::var_os("PALABRE_TEST_IN").expect("started by a test");
    let journal = LogJournal::open_beside(Path::new(&directory)).expect("opens");
    // One line at a time: the other process reads it although this one is killed.
    let say = |words: String| {
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{words}\n").as_bytes()).and_then(|()| out.flush()).expect("said");
    };
    match std::env::var("PALABRE_TEST_DOES").expect("started by a test").as_str() {
        "hold" => {
            assert!(matches!(take(&journal, 0), Taken::Room(_)));
            say("\nholds".to_owned());
            std::io::stdin().read_line(&mut String::new()).expect("a word");
        }
        "append" => {
            let Taken::Room(stored) = take(&journal, 0) else { panic!("not there") };
            let last = stored.entries.last().map_or(stored.number, |(number, _)| *number);
            say(String::new());
            for number in last + 1.. {
                append(&journal, 0, number, &entry(number));
                say(format!("acknowledged {number}"));
                if number % 7 == 0 {
                    let (room, state) = (room(0), entry(number));
                    commit(&journal, Change::Snapshot { room, number, state, until: UNTIL });
                }
            }
        }
        other => panic!("{other}"),
    }
}

fn entry(number: u64) -> Vec<u8> {
    let mut bytes = format!("entry {number} ").into_bytes();
    bytes.resize(20 + usize::try_from(number * 37 % 900).expect("small"), b'.');
    bytes
}

#[test]
fn a_room_has_one_process() {
    let dir = tempfile::tempdir().expect("dir");
    make(&open(dir.path()), 0, b"state");
    let (mut child, mut words) = second_process("hold", dir.path());
    word(&mut words, "holds").expect("it has the room");
    let journal = open(dir.path());
    assert_eq!(take(&journal, 0), Taken::InUse);
    // Stopped is not gone: a process that sleeps keeps its room.
    let signal = |name: &str| {
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
    };
    signal("-STOP");
    assert_eq!(take(&journal, 0), Taken::InUse);
    signal("-CONT");
    assert_eq!(take(&journal, 0), Taken::InUse);
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(matches!(take(&journal, 0), Taken::Room(_)), "the lock ends with its process");
}

#[test]
fn a_process_killed_in_the_middle_of_its_writing_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().expect("dir");
    make(&open(dir.path()), 0, &entry(0));
    let mut acknowledged = 0;
    for round in 1..=12 {
        let (mut child, mut words) = second_process("append", dir.path());
        for _ in 0..round * 5 {
            let number = word(&mut words, "acknowledged ").expect("it writes");
            acknowledged = number.parse().expect("a number");
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        while let Some(number) = word(&mut words, "acknowledged ") {
            acknowledged = number.parse().expect("a number");
        }
        let journal = open(dir.path());
        let Taken::Room(stored) = take(&journal, 0) else { panic!("not there") };
        assert_eq!(stored.state, entry(stored.number));
        let mut last = stored.number;
        for (number, found) in stored.entries {
            last += 1;
            assert_eq!((number, found), (last, entry(last)));
        }
        assert!(last == acknowledged || last == acknowledged + 1, "{last}, not {acknowledged}");
        assert_eq!(journal.health().damaged, 0);
    }
}

#[test]
fn without_its_key_the_journal_is_refused_by_name_and_can_be_set_aside() {
    let dir = tempfile::tempdir().expect("dir");
    make(&open(dir.path()), 1, b"state");
    let key = dir.path().join("journal/link-key.value");
    let whole = std::fs::read(&key).expect("read");
    let refused = |what: &str| {
        let error = LogJournal::open(dir.path()).expect_err(what);
        assert!(matches!(error, OpenError::Damaged { .. }), "{what}: {error}");
        assert!(error.to_string().contains("link-key.value is"), "{error}");
    };
    std::fs::write(&key, b"no key").expect("written");
    refused("not a key");
    std::fs::remove_file(&key).expect("removed");
    refused("missing");
    // One of its two copies is enough, whichever.
    for at in [20, 4_096 + 20] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&key, &changed).expect("written");
        let journal = LogJournal::open(dir.path()).expect("opens");
        assert_eq!(journal.get(ValueName::LinkKey).expect("read"), Some(vec![7; 32]));
    }
    std::fs::write(&key, &whole[..10]).expect("written");
    refused("cut short");

    let aside = LogJournal::set_aside(dir.path()).expect("renamed").expect("there was one");
    assert_eq!(std::fs::read(aside.join("link-key.value")).expect("read"), &whole[..10]);
    assert_eq!(rooms(&open(dir.path())), []);
    std::fs::remove_dir_all(dir.path().join("journal")).expect("removed");
    assert_eq!(LogJournal::set_aside(dir.path()).expect("nothing to rename"), None);
}

#[test]
fn a_damaged_room_is_set_aside_and_the_others_are_served() {
    let dir = tempfile::tempdir().expect("dir");
    for index in 0..3 {
        make(&open(dir.path()), index, b"state");
    }
    let journal_dir = dir.path().join("journal");
    std::fs::write(journal_dir.join("test-room-1.log"), b"this is no room").expect("written");
    // What is not ours is left alone.
    for stranger in ["notes.txt", "..log", "UPPER-CASE.log", "test-room-9.log.bak"] {
        std::fs::write(journal_dir.join(stranger), b"mine").expect("written");
    }
    std::fs::create_dir(journal_dir.join("test-room-8.log")).expect("made");
    std::os::unix::fs::symlink("/etc/passwd", journal_dir.join("test-room-7.log")).expect("made");
    let journal = open(dir.path());
    let loaded = block_on(load(&journal)).expect("read");
    assert_eq!((loaded.rooms.len(), loaded.unreadable, loaded.in_use), (2, 1, 0));
    assert_eq!(journal.health().damaged, 1);
    let aside = std::fs::read(journal_dir.join("test-room-1.damaged-1")).expect("set aside");
    assert_eq!(aside, b"this is no room");
    assert!(journal_dir.join("notes.txt").exists() && journal_dir.join("UPPER-CASE.log").exists());
    assert!(std::fs::read("/etc/passwd").is_ok());
}

fn changes() -> impl Strategy<Value = Vec<(usize, usize, Vec<u8>)>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    let kind = prop_oneof![6 => Just(0_usize), 2 => Just(1), 1 => Just(2), 1 => Just(3)];
    proptest::collection::vec((kind, 0_usize..3, bytes()), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The files and the memory journal, which is a map, agree after any changes, refused ones
    /// among them, and a crash after any of them.
    #[test]
    fn the_files_are_a_map(changes in changes()) {
        let live = tempfile::tempdir().expect("dir");
        let (file, memory) = (open(live.path()), MemoryJournal::new());
        let mut last = [0_u64; 3];
        for (kind, index, bytes) in changes {
            let number = last[index] + u64::from(kind == 0);
            let room = room(index);
            let change = match kind {
                0 => Change::Append { room, number, entry: bytes },
                1 => Change::Snapshot { room, number, state: bytes, until: UNTIL },
                2 => Change::Erase { room },
                _ => Change::Put { name: ValueName::Alive, value: bytes },
            };
            let (here, there) =
                (block_on(file.commit(change.clone())), block_on(memory.commit(change)));
            prop_assert_eq!(here.is_ok(), there.is_ok());
            if kind < 2 && here.is_ok() {
                last[index] = number;
            }
        }
        let after = crash(live.path());
        let restored = LogJournal::open(after.path()).expect("opens");
        prop_assert_eq!(rooms(&restored), rooms(&memory));
        prop_assert_eq!(
            restored.get(ValueName::Alive).expect("read"),
            memory.get(ValueName::Alive).expect("read")
        );
    }
}

#[test]
fn a_thousand_rooms_come_back() {
    let dir = tempfile::tempdir().expect("dir");
    let journal = open(dir.path());
    let made: Vec<_> = (0..1_000)
        .map(|index| {
            let state = format!("state {index}").into_bytes();
            journal.commit(Change::Snapshot { room: room(index), number: 0, state, until: UNTIL })
        })
        .collect();
    for answer in made {
        block_on(answer).expect("made");
    }
    drop(journal);
    let back = rooms(&open(dir.path()));
    assert_eq!(back.len(), 1_000);
    for stored in back {
        let index = stored.room.as_str().trim_start_matches("test-room-");
        assert_eq!(stored.state, format!("state {index}").into_bytes());
    }
}
