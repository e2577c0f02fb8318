//! A disk that is full, or fails: rooms go on, nothing becomes corrupt, and writing resumes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{NEVER, Scene, room, where_is};
use crate::disk::{Disk as _, FileName};
use crate::faulty::{Crash, Fault, FaultyDisk};
use crate::journal::{Change, Journal, JournalError, Kept, Taken, ValueName};
use crate::store::LogJournal;

#[test]
fn rooms_go_on_while_the_disk_is_full_and_are_written_when_it_is_not() {
    let mut scene = Scene::new();
    for index in [1, 2] {
        scene.snapshot(index, 0, b"state").expect("made");
        scene.append(index, 1, b"before").expect("taken");
    }
    scene.disk.set_space(Some(0));
    // What was written ahead is there for the taking.
    let mut number = 1;
    let mut in_reserve = 0;
    let kept = loop {
        number += 1;
        match scene.append(1, number, &[7; 2_000]).expect("taken") {
            Kept::Durable => in_reserve += 1,
            kept => break kept,
        }
    };
    assert!(in_reserve >= 10, "{in_reserve}");
    assert_eq!(kept, Kept::Waiting);
    assert_eq!(scene.health().waiting_rooms, 1);
    assert!(scene.health().refusals >= 1);
    scene.append(1, number + 1, b"after").expect("taken");
    assert_eq!(scene.append(2, 2, b"another room").expect("taken"), Kept::Durable);
    // Cutting off what was written in part gave some space back.
    scene.disk.set_space(Some(0));
    // A snapshot needs space; a room that is all on the disk does without.
    assert_eq!(scene.snapshot(2, 2, b"shorter").expect("taken"), Kept::Durable);
    assert_eq!(scene.stored(2).state, b"state");
    assert!(matches!(scene.snapshot(3, 0, b"a new room"), Err(JournalError::Write(_))));
    assert_eq!(scene.take(3), Taken::Gone);
    assert_eq!(where_is(&scene.disk, b"a new room"), [""; 0]);

    // A crash now loses what waited, and nothing else.
    for crash in [Crash::Process, Crash::Power] {
        let mut after = Scene::on(scene.disk.clone().crash_of_a_copy(crash));
        let stored = after.stored(1);
        assert_eq!(stored.entries.len() as u64, number - 1, "the last whole event");
        assert_eq!(after.stored(2).entries.len(), 2);
        assert_eq!(after.health().damaged, 0);
    }

    scene.shelf.retry();
    assert_eq!(scene.health().waiting_rooms, 1, "it is still full");
    scene.disk.set_space(None);
    scene.shelf.retry();
    assert_eq!(scene.health().waiting_rooms, 0);
    let mut after = Scene::on(scene.disk.crash(Crash::Power));
    let entries = after.stored(1).entries;
    assert_eq!(entries.len() as u64, number + 1, "nothing is missing");
    assert_eq!(entries.last().expect("some").1, b"after");
}

#[test]
fn a_snapshot_takes_the_place_of_what_waits() {
    let mut scene = Scene::new();
    scene.snapshot(1, 0, b"state").expect("made");
    scene.disk.set_space(Some(0));
    let mut number = 1;
    while scene.append(1, number, &[1; 9_000]).expect("taken") == Kept::Durable {
        number += 1;
    }
    scene.disk.set_space(Some(0));
    assert_eq!(scene.snapshot(1, number, b"later").expect("taken"), Kept::Waiting);
    assert_eq!(scene.append(1, number + 1, b"one more").expect("taken"), Kept::Waiting);
    let stored = scene.stored(1);
    assert_eq!((stored.number, stored.state.as_slice()), (number, b"later".as_slice()));
    assert!(scene.shelf.release(&room(1)).is_err(), "it is not let go half written");
    scene.disk.set_space(None);
    scene.shelf.release(&room(1)).expect("written");
    let mut after = Scene::on(scene.disk.crash(Crash::Power));
    assert_eq!(after.stored(1).entries, [(number + 1, b"one more".to_vec())]);
    assert_eq!(after.stored(1).state, b"later");
}

#[test]
fn a_sync_that_failed_is_not_believed_when_it_succeeds() {
    let mut scene = Scene::new();
    scene.snapshot(1, 0, b"state").expect("made");
    scene.append(1, 1, b"one").expect("taken");
    let file = scene.disk.open(&FileName::log(&room(1))).expect("there");
    // The write is the next call, the sync the one after it.
    scene.disk.plan(1, Fault::Fails);
    assert_eq!(scene.append(1, 2, b"two").expect("taken"), Kept::Waiting);
    assert_eq!(scene.append(1, 3, b"three").expect("taken"), Kept::Durable);
    assert_eq!(scene.health().waiting_rooms, 0);
    let same = scene.disk.is(&FileName::log(&room(1)), file.as_ref()).expect("looked up");
    assert!(!same, "what the disk failed to write is written to another place");
    let mut after = Scene::on(scene.disk.crash(Crash::Power));
    assert_eq!(after.stored(1).entries.len(), 3, "what the failed sync dropped was written anew");
}

#[test]
fn an_erased_room_is_gone_on_a_full_disk_and_is_not_written_again() {
    let mut scene = Scene::new();
    scene.snapshot(1, 0, b"<canary sings>").expect("made");
    scene.disk.set_space(Some(0));
    let mut number = 1;
    while scene.append(1, number, "<canary sings>".repeat(200).as_bytes()).expect("taken")
        == Kept::Durable
    {
        number += 1;
    }
    assert_eq!(scene.erase(1).expect("erased"), Kept::Durable);
    scene.disk.set_space(None);
    scene.shelf.retry();
    assert_eq!(scene.health().waiting_rooms, 0);
    assert_eq!(where_is(&scene.disk, b"<canary"), [""; 0]);
    assert_eq!(scene.disk.files(), []);
    assert_eq!(scene.erase(1).expect("erased twice"), Kept::Durable);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

/// A whole journal with its threads, on a disk that fills up and is emptied again.
fn lives_through_a_full_disk(journal: &dyn Journal, fill: impl Fn(), free: impl Fn()) {
    let commit = |change| block_on(journal.commit(change));
    let append = |index, number, entry: &[u8]| {
        let change = Change::Append { room: room(index), number, entry: entry.to_vec() };
        commit(change).expect("taken")
    };
    let make = |index| {
        let state = b"state".to_vec();
        commit(Change::Snapshot { room: room(index), number: 0, state, until: NEVER })
    };
    for index in 0..4 {
        assert_eq!(make(index).expect("made"), Kept::Durable);
    }
    let alive = |value| commit(Change::Put { name: ValueName::Alive, value: vec![value; 8] });
    assert_eq!(alive(1).expect("put"), Kept::Durable);
    fill();
    let mut last = [0; 4];
    for (index, last) in last.iter_mut().enumerate() {
        loop {
            *last += 1;
            if append(index, *last, &[9; 3_000]) == Kept::Waiting {
                break;
            }
        }
    }
    assert!(journal.health().waiting_rooms >= 1);
    // Cutting off what was written in part gives some space back, now and then.
    let refused = (0..100).any(|_| {
        fill();
        let made = make(4);
        commit(Change::Erase { room: room(4) }).expect("erased");
        made.is_err()
    });
    assert!(refused, "no new room on a full disk");
    assert_eq!(alive(2).expect("put"), Kept::Durable, "in its place");
    free();
    // Room 0 says something; the others are quiet, and are written by themselves.
    assert_eq!(append(0, last[0] + 1, b"after"), Kept::Durable);
    let deadline = Instant::now() + Duration::from_secs(60);
    while journal.health().waiting_rooms > 0 {
        assert!(Instant::now() < deadline, "what waits is not written");
        std::thread::yield_now();
    }
    for (index, last) in last.into_iter().enumerate() {
        block_on(journal.release(&room(index))).expect("whole");
        let Taken::Room(stored) = block_on(journal.take(&room(index))).expect("read") else {
            panic!("it is there")
        };
        assert_eq!(stored.entries.len() as u64, last + u64::from(index == 0));
    }
    assert_eq!(journal.health().damaged + journal.health().torn, 0);
    assert_eq!(journal.get(ValueName::Alive).expect("read"), Some(vec![2; 8]));
    assert!(make(4).is_ok());
}

#[test]
fn a_journal_lives_through_a_full_disk() {
    let disk = FaultyDisk::new(3);
    let journal = LogJournal::on(Arc::new(disk.clone())).expect("starts");
    lives_through_a_full_disk(&journal, || disk.set_space(Some(0)), || disk.set_space(None));
    drop(journal);
    lives_through_a_full_tmpfs();
}

/// The same on a real file system, where one can be mounted.
fn lives_through_a_full_tmpfs() {
    let dir = tempfile::tempdir().expect("dir");
    let mounted = Mounted::new(dir.path());
    if mounted.is_none() {
        eprintln!("no file system can be mounted here: this ran on the faulty disk only");
        return;
    }
    let filler = dir.path().join("filler");
    let journal = LogJournal::open(dir.path()).expect("opens");
    let fill = || {
        let mut filler = File::options().create(true).append(true).open(&filler).expect("made");
        let full = filler.write_all(&[1; 1 << 20]).expect_err("it is smaller");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    };
    lives_through_a_full_disk(&journal, fill, || std::fs::remove_file(&filler).expect("removed"));
}

struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(at: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(at);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: what is still open goes with its last user.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
