//! A file cut off at any byte, or with any byte changed, gives what is before the damage.

use std::sync::Arc;

use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Language, Millis, Role, Seat, UnixMillis};
use palabre_room::{Command, Input, PersonConfig, Room, RoomConfig};

use super::{Scene, room};
use crate::disk::FileName;
use crate::faulty::FaultyDisk;
use crate::journal::{Change, Kept, StoredRoom, Taken};
use crate::milestones::Milestones;
use crate::record::{FRAME, HEADER};
use crate::restore::{About, Entry, Snapshot, restore};

const START: UnixMillis = UnixMillis(1_789_000_000_000);

/// A real room's journal: its file, and what it holds after each record, with the record's end.
struct Journal {
    file: Vec<u8>,
    after: Vec<(usize, StoredRoom)>,
}

impl Journal {
    /// What must come back of the first `length` bytes.
    fn within(&self, length: usize) -> Option<&StoredRoom> {
        self.after.iter().rev().find(|(end, _)| *end <= length).map(|(_, stored)| stored)
    }
}

fn room_and_inputs() -> (Snapshot, Vec<Input>) {
    let person = |name: &str, role| PersonConfig {
        name: DisplayName::parse(name).expect("name"),
        role,
        expert: false,
    };
    let people = vec![
        person("Camille", Role::Facilitator),
        person("Laura", Role::Client),
        person("Amadou", Role::Consultant),
    ];
    let template = Arc::new(Template::builtin("codev-1h15").expect("ships"));
    let about = About {
        created_at: START,
        links_expire_at: START + Millis::from_secs(86_400),
        invited: people.iter().map(|person| (person.name.clone(), person.role)).collect(),
        demo: false,
        telephone: None,
        milestones: Milestones::default(),
    };
    let config = RoomConfig { template, language: Language::Fr, people };
    let live = Snapshot {
        room: Room::new(START, config).expect("valid"),
        about,
        last_commands: Vec::new(),
        last_input_at: START,
    };
    let by = |seat, command| Input::Command { seat: Seat(seat), command };
    let here = |seat| Input::Connected { seat: Seat(seat), resumed: false };
    let chat = |text: &str| Command::Chat { text: text.into() };
    let mut inputs = vec![here(0), here(1), here(2), by(0, Command::NextPhase)];
    for round in 0..16 {
        inputs.push(by(round % 3, chat("vous m'entendez\u{202f}?")));
        inputs.push(by(round % 3, Command::SetMuted { muted: round % 2 == 0 }));
        inputs.push(Input::Disconnected { seat: Seat(2) });
        inputs.push(here(2));
    }
    (live, inputs)
}

fn real_journal() -> Journal {
    let (mut live, inputs) = room_and_inputs();
    let mut scene = Scene::new();
    let id = room(1);
    scene.shelf.commit(live.change(id.clone(), 0)).expect("made");
    let log = FileName::log(&id);
    let file = |scene: &Scene| -> Vec<u8> {
        scene.disk.files().into_iter().find(|(name, _)| *name == log).expect("there").1
    };
    let used = |file: &[u8]| file.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut after = vec![(used(&file(&scene)), scene.stored(1))];
    let mut number = 0;
    for input in inputs {
        let at = START + Millis(number * 700);
        let entry = Entry { at, command: Some(number + 1), input };
        let mut next = live.clone();
        if next.replay(entry.clone()).is_err() {
            continue;
        }
        live = next;
        number += 1;
        let kept = scene.shelf.commit(entry.change(id.clone(), number)).expect("written");
        assert_eq!(kept, Kept::Durable);
        after.push((used(&file(&scene)), scene.stored(1)));
    }
    let (restored, last) = restore(&after[after.len() - 1].1).expect("comes back");
    assert_eq!((restored, last), (live, number));
    Journal { file: file(&scene), after }
}

/// What a start makes of a file, and what a second start makes of what the first one left.
fn start_twice(file: Vec<u8>) -> (Taken, Vec<String>) {
    let disk = FaultyDisk::new(1);
    disk.put(&FileName::log(&room(1)), file);
    let mut scene = Scene::on(disk.clone());
    let first = scene.take(1);
    drop(scene);
    let mut scene = Scene::on(disk.clone());
    let second = scene.take(1);
    match &first {
        Taken::Room(stored) => {
            assert_eq!(first, second, "a repair is a repair");
            let health = scene.health();
            assert_eq!((health.damaged, health.torn), (0, 0), "damage is found once");
            // And it goes on from there.
            let last = stored.entries.last().map_or(stored.number, |(number, _)| *number);
            assert_eq!(scene.append(1, last + 1, b"more").expect("taken"), Kept::Durable);
        }
        _ => assert_eq!(second, Taken::Gone),
    }
    drop(scene);
    (first, disk.files().into_iter().map(|(name, _)| name.as_str().to_owned()).collect())
}

#[test]
fn every_truncation_gives_the_last_whole_event() {
    let journal = real_journal();
    let used = journal.after[journal.after.len() - 1].0;
    assert!(used > 4_000 && journal.after.len() > 30, "a real journal: {used} bytes");
    assert!(journal.file.len() > used, "with zeros ahead");
    let mut replayed = 0;
    for length in 0..=used + 64 {
        let mut file = journal.file[..length.min(journal.file.len())].to_vec();
        // Half of them with the zeros that were ahead, as an append that was cut off leaves them.
        if length % 2 == 0 {
            file.resize(journal.file.len(), 0);
        }
        let (taken, files) = start_twice(file);
        match journal.within(length) {
            Some(stored) => {
                assert_eq!(taken, Taken::Room(stored.clone()), "cut at {length}");
                assert_eq!(files.len(), 1, "a torn end is nothing to set aside: {files:?}");
                if journal.after.iter().any(|(end, _)| *end == length) {
                    restore(stored).expect("comes back");
                    replayed += 1;
                }
            }
            None => {
                assert_eq!(taken, Taken::Unreadable, "cut at {length}");
                assert_eq!(files, ["test-room-1.damaged-1"]);
            }
        }
    }
    assert_eq!(replayed, journal.after.len());
}

#[test]
fn every_changed_byte_gives_the_events_before_it() {
    let mut scene = Scene::new();
    scene.snapshot(1, 4, b"a small state").expect("made");
    let mut after = vec![(HEADER + FRAME + 13, scene.stored(1))];
    for number in 5..=9 {
        scene.append(1, number, format!("entry {number}").as_bytes()).expect("taken");
        let end = after[after.len() - 1].0 + FRAME + 7;
        after.push((end, scene.stored(1)));
    }
    let file = scene.disk.files().remove(0).1;
    let used = after[after.len() - 1].0;
    let whole = after[after.len() - 1].1.clone();
    for at in 0..used + 40 {
        for value in 0..=u8::MAX {
            let mut changed = file.clone();
            if std::mem::replace(&mut changed[at], value) == value {
                continue;
            }
            let original = changed.clone();
            let disk = FaultyDisk::new(1);
            disk.put(&FileName::log(&room(1)), changed);
            let taken = Scene::on(disk.clone()).take(1);
            let kept = disk.files();
            let aside = |kept: &[(FileName, Vec<u8>)]| {
                kept.iter()
                    .any(|(n, content)| n.as_str().contains("damaged") && *content == original)
            };
            if at < HEADER {
                // The records are whole: all of the room is there.
                assert_eq!(taken, Taken::Room(whole.clone()), "byte {at} is {value}");
                assert!(aside(&kept));
            } else if at >= used {
                assert_eq!(taken, Taken::Room(whole.clone()), "byte {at} is {value}");
            } else {
                let before = after.iter().rev().find(|(end, _)| *end <= at);
                match before {
                    Some((_, stored)) => {
                        assert_eq!(taken, Taken::Room(stored.clone()), "byte {at} is {value}");
                        // Damage in the last record looks as if it had been cut off.
                        let is_last = at >= after[after.len() - 2].0;
                        assert_eq!(aside(&kept), !is_last, "byte {at} is {value}");
                    }
                    None => {
                        assert_eq!(taken, Taken::Unreadable, "byte {at} is {value}");
                        assert!(aside(&kept));
                    }
                }
            }
        }
    }
}

#[test]
fn a_file_of_another_version_or_of_another_room_is_not_served() {
    let mut scene = Scene::new();
    scene.snapshot(1, 0, b"state").expect("made");
    let file = scene.disk.files().remove(0).1;

    let mut newer = file.clone();
    newer[8] += 1;
    newer[12..20].copy_from_slice(&START.0.to_le_bytes());
    let crc = crc32c::crc32c(&newer[..52]);
    newer[52..56].copy_from_slice(&crc.to_le_bytes());
    let disk = FaultyDisk::new(1);
    disk.put(&FileName::log(&room(1)), newer.clone());
    assert_eq!(Scene::on(disk.clone()).take(1), Taken::Unreadable);
    assert_eq!(
        disk.files(),
        [(FileName::log(&room(1)), newer)],
        "left for the server that reads it"
    );
    let expire = |now| Scene::on(disk.clone()).shelf.expire(now, |_| true).expect("read");
    assert_eq!(expire(UnixMillis(START.0 - 1)), 0);
    assert_eq!(expire(START), 1, "and erased in its time, though nobody read it");
    assert!(disk.files().is_empty());

    // Under another room's name the header is wrong: the operator is told.
    let disk = FaultyDisk::new(1);
    disk.put(&FileName::log(&room(2)), file);
    let mut scene = Scene::on(disk);
    assert!(matches!(scene.take(2), Taken::Room(_)));
    assert_eq!(scene.health().damaged, 1);
}

#[test]
fn a_change_that_does_not_follow_is_refused() {
    let mut scene = Scene::new();
    assert!(scene.append(1, 1, b"no room").is_err());
    scene.snapshot(1, 0, b"state").expect("made");
    for number in [0, 2, u64::MAX] {
        assert!(scene.append(1, number, b"entry").is_err(), "{number}");
        assert!(number == 0 || scene.snapshot(1, number, b"state").is_err(), "{number}");
    }
    scene.append(1, 1, b"entry").expect("taken");
    assert_eq!(scene.stored(1).entries, [(1, b"entry".to_vec())]);
    scene.shelf.release(&room(1)).expect("whole");
    assert!(scene.append(1, 2, b"entry").is_err(), "it was let go");
    assert!(scene.snapshot(1, 1, b"state").is_err(), "it was let go");
    let made_twice = Change::Snapshot { room: room(1), number: 0, state: Vec::new(), until: START };
    assert!(Scene::on(scene.disk.clone()).shelf.commit(made_twice).is_err());
}
