//! Any sequence of changes, with any call to the disk failing or the process or the power ending in
//! it: what was acknowledged as durable comes back, in order and whole, and what was erased is nowhere.

use std::collections::BTreeMap;

use palabre_ids::UnixMillis;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

use super::{Scene, room, where_is};
use crate::faulty::{Crash, Fault, FaultyDisk};
use crate::journal::{Change, JournalError, Kept, StoredRoom, Taken};

const ROOMS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Append { room: usize, length: usize },
    Snapshot { room: usize, length: usize },
    Erase { room: usize },
    Release { room: usize },
    Take { room: usize },
    Retry,
    Space(Option<usize>),
    Plan(u64, Fault),
    Crash(Crash),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = || 0..ROOMS;
    let crash = prop_oneof![Just(Crash::Process), Just(Crash::Power)];
    let step = prop_oneof![
        12 => (index(), 0_usize..3_000).prop_map(|(room, length)| Step::Append { room, length }),
        4 => (index(), 0_usize..6_000).prop_map(|(room, length)| Step::Snapshot { room, length }),
        2 => index().prop_map(|room| Step::Erase { room }),
        1 => index().prop_map(|room| Step::Release { room }),
        2 => index().prop_map(|room| Step::Take { room }),
        2 => Just(Step::Retry),
        1 => (0_usize..40_000).prop_map(|bytes| Step::Space(Some(bytes))),
        1 => Just(Step::Space(None)),
        3 => (0_u64..6).prop_map(|after| Step::Plan(after, Fault::Fails)),
        3 => (0_u64..6).prop_map(|after| Step::Plan(after, Fault::Dies)),
        1 => crash.prop_map(Step::Crash),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What may come back of a room: a state after one of the last changes, and not one before what was
/// acknowledged as durable.
#[derive(Debug, Clone)]
struct Model {
    /// The words that are in everything the room ever held.
    canary: String,
    /// After each change, the oldest one first; `None` is no room.
    states: Vec<Option<StoredRoom>>,
    in_hand: bool,
}

impl Model {
    fn new(life: usize, index: usize) -> Self {
        let canary = format!("<canary {life} of {index}>");
        Self { canary, states: vec![None], in_hand: false }
    }

    fn now(&self) -> Option<&StoredRoom> {
        self.states[self.states.len() - 1].as_ref()
    }

    fn content(&self, number: u64, length: usize) -> Vec<u8> {
        let mut bytes = format!("{}{number}", self.canary).into_bytes();
        bytes.resize(bytes.len() + length, b'.');
        bytes
    }

    /// A change was taken: what was before it need not come back if it is durable.
    fn took(&mut self, state: Option<StoredRoom>, kept: Kept) {
        self.states.push(state);
        if kept == Kept::Durable {
            self.states.drain(..self.states.len() - 1);
        }
    }
}

struct Run {
    scene: Scene,
    rooms: BTreeMap<usize, Model>,
    /// Rooms that were erased: nothing of these may be anywhere.
    erased: Vec<String>,
    lives: usize,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            scene: Scene::on(FaultyDisk::new(seed)),
            rooms: (0..ROOMS).map(|index| (index, Model::new(0, index))).collect(),
            erased: Vec::new(),
            lives: 0,
        }
    }

    fn model(&mut self, index: usize) -> &mut Model {
        self.rooms.get_mut(&index).expect("one of them")
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append { room: index, length } => self.append(index, length)?,
            Step::Snapshot { room: index, length } => self.snapshot(index, length)?,
            Step::Erase { room } => self.erase(room)?,
            Step::Release { room: index } => {
                if self.model(index).in_hand && self.scene.shelf.release(&room(index)).is_ok() {
                    let model = self.model(index);
                    model.in_hand = false;
                    // It is let go only when all of it is on the disk.
                    let last = model.now().cloned();
                    model.took(last, Kept::Durable);
                }
            }
            Step::Take { room } => self.take(room)?,
            Step::Retry => {
                self.scene.shelf.retry();
                if !self.scene.shelf.is_waiting() && !self.scene.disk.is_dead() {
                    for model in self.rooms.values_mut().filter(|model| model.in_hand) {
                        let last = model.now().cloned();
                        model.took(last, Kept::Durable);
                    }
                }
            }
            Step::Space(space) => self.scene.disk.set_space(space),
            Step::Plan(after, fault) => self.scene.disk.plan(after, fault),
            Step::Crash(crash) => self.crash(crash)?,
        }
        if self.scene.disk.is_dead() {
            let crash = if self.lives.is_multiple_of(2) { Crash::Power } else { Crash::Process };
            self.crash(crash)?;
        }
        self.search()
    }

    fn append(&mut self, index: usize, length: usize) -> Result<(), TestCaseError> {
        let model = self.model(index);
        let Some(mut state) = model.now().filter(|_| model.in_hand).cloned() else { return Ok(()) };
        let number = last(&state) + 1;
        let entry = model.content(number, length);
        state.entries.push((number, entry.clone()));
        let kept = self.scene.append(index, number, &entry);
        let dead = self.scene.disk.is_dead();
        match kept {
            Ok(kept) => {
                prop_assert!(!(dead && kept == Kept::Durable), "nothing is durable after the end");
                self.model(index).took(Some(state), kept);
                Ok(())
            }
            Err(error) => Err(TestCaseError::fail(format!("an input is never refused: {error}"))),
        }
    }

    fn snapshot(&mut self, index: usize, length: usize) -> Result<(), TestCaseError> {
        let model = self.model(index);
        let number = match model.now() {
            Some(_) if !model.in_hand => return Ok(()),
            Some(state) => last(state),
            None => 0,
        };
        let makes = model.now().is_none();
        let state = model.content(number, length);
        let after =
            StoredRoom { room: room(index), number, state: state.clone(), entries: Vec::new() };
        match self.scene.snapshot(index, number, &state) {
            Ok(kept) => {
                prop_assert!(!makes || kept == Kept::Durable, "a room is made for good or not");
                let model = self.model(index);
                model.in_hand = true;
                // A disk that is full keeps the longer form of the same.
                let form = match self.scene.take(index) {
                    Taken::Room(stored) => stored,
                    other => return Err(TestCaseError::fail(format!("not there: {other:?}"))),
                };
                let model = self.model(index);
                prop_assert!(form == after || Some(&form) == model.now(), "neither form");
                if form == after {
                    // The two forms of the same may both come back.
                    model.took(Some(after), kept);
                } else if kept == Kept::Waiting || self.scene.disk.is_dead() {
                    // It had its name already, perhaps.
                    self.model(index).states.insert(0, Some(after));
                }
            }
            // A room that could not be made: a crash may show it all the same, for it may have had
            // its name for a moment. Nobody has its links.
            Err(JournalError::Write(_)) if makes => {
                let canary = self.model(index).canary.clone();
                let gone = where_is(&self.scene.disk, canary.as_bytes()).is_empty();
                let states = &mut self.model(index).states;
                states.push(Some(after));
                if gone {
                    states.push(None);
                }
            }
            // One that could not be erased, or may be there after all.
            Err(JournalError::NotOurs)
                if makes && self.model(index).states.iter().any(Option::is_some) => {}
            Err(error) => return Err(TestCaseError::fail(format!("refused: {error}"))),
        }
        Ok(())
    }

    fn erase(&mut self, index: usize) -> Result<(), TestCaseError> {
        let erased = self.scene.erase(index);
        let (lives, model) = (self.lives + 1, self.model(index));
        match erased {
            Ok(_) => {
                let next = Model::new(lives, index);
                let canary = std::mem::replace(model, next).canary;
                self.lives += 1;
                self.erased.push(canary);
            }
            // It may be there or not; asked again, it is erased.
            Err(_) => {
                model.in_hand = false;
                model.states.push(None);
                if !self.scene.disk.is_dead() {
                    self.settle_unknown(index)?;
                }
            }
        }
        Ok(())
    }

    /// After an error that left a room unknown: looks.
    fn settle_unknown(&mut self, index: usize) -> Result<(), TestCaseError> {
        let Ok(taken) = self.scene.shelf.take(&room(index)) else { return Ok(()) };
        self.came_back(index, taken, false)
    }

    fn take(&mut self, index: usize) -> Result<(), TestCaseError> {
        // An error of the disk is an answer too.
        let Ok(taken) = self.scene.shelf.take(&room(index)) else { return Ok(()) };
        let same = self.model(index).in_hand;
        self.came_back(index, taken, same)
    }

    fn came_back(&mut self, index: usize, taken: Taken, same: bool) -> Result<(), TestCaseError> {
        let model = self.model(index);
        let state = match taken {
            Taken::Room(stored) => Some(stored),
            Taken::Gone => None,
            other => return Err(TestCaseError::fail(format!("{other:?} after a crash"))),
        };
        if same {
            prop_assert!(state.as_ref() == model.now(), "it is in hand as it is");
        } else {
            let known = model.states.contains(&state);
            prop_assert!(
                known,
                "room {index} came back as it never was: {state:?}, and not {:?}",
                model.states
            );
        }
        model.in_hand = state.is_some();
        // What a start gave is durable: the next crash does not take it back. A room that the disk
        // did not take again waits, as the file is.
        let waits = self.scene.shelf.is_waiting();
        let model = self.model(index);
        if !same && !waits && state.is_some() {
            model.states = vec![state];
        } else if !same {
            model.states.push(state);
        }
        Ok(())
    }

    fn crash(&mut self, crash: Crash) -> Result<(), TestCaseError> {
        let disk = self.scene.disk.crash(crash);
        self.scene = Scene::on(disk);
        for index in 0..ROOMS {
            self.model(index).in_hand = false;
            let taken = self.scene.take(index);
            self.came_back(index, taken, false)?;
        }
        Ok(())
    }

    /// What was erased is in no file.
    fn search(&self) -> Result<(), TestCaseError> {
        for canary in &self.erased {
            let files = where_is(&self.scene.disk, canary.as_bytes());
            prop_assert!(files.is_empty(), "{canary} is in {files:?}");
        }
        Ok(())
    }
}

fn last(state: &StoredRoom) -> u64 {
    state.entries.last().map_or(state.number, |(number, _)| *number)
}

/// `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    ProptestConfig::default().cases.max(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn what_was_durable_comes_back_and_what_was_erased_is_nowhere(
        seed in any::<u64>(),
        steps in steps(),
    ) {
        let mut run = Run::new(seed);
        for step in steps {
            run.step(step)?;
        }
        run.crash(Crash::Power)?;
        run.search()?;
    }
}

/// One busy life of a room, with the process or the power ending at every single call to the disk.
#[test]
fn every_call_to_the_disk_may_be_the_last() {
    let life = |run: &mut Run| -> Result<(), TestCaseError> {
        for round in 0..4 {
            run.step(Step::Snapshot { room: 0, length: 300 + 900 * round })?;
            for append in 0..12 {
                run.step(Step::Append { room: 0, length: append * 700 })?;
            }
            run.step(Step::Snapshot { room: 1, length: 40 })?;
            run.step(Step::Append { room: 1, length: 40 })?;
            run.step(Step::Erase { room: 1 })?;
            run.step(Step::Release { room: 0 })?;
            run.step(Step::Take { room: 0 })?;
        }
        run.step(Step::Erase { room: 0 })
    };
    let mut whole = Run::new(0);
    life(&mut whole).expect("well");
    let calls = whole.scene.disk.calls();
    assert!(calls > 150, "{calls}");
    for at in 0..calls {
        for seed in 0..8 {
            let mut run = Run::new(seed);
            // Whether it is the process or the power: see `step`.
            run.lives = usize::try_from(seed).expect("small") % 2;
            run.scene.disk.plan(at, Fault::Dies);
            if let Err(error) = life(&mut run) {
                panic!("call {at}, seed {seed}: {error}");
            }
        }
        for seed in 0..2 {
            let mut run = Run::new(seed);
            run.scene.disk.plan(at, Fault::Fails);
            if let Err(error) = life(&mut run).and_then(|()| run.crash(Crash::Power)) {
                panic!("call {at} fails, seed {seed}: {error}");
            }
        }
    }
}

/// A room's time is over: it is erased, unless somebody has it in hand.
#[test]
fn what_nobody_fetches_is_erased_when_its_time_is_over() {
    let mut scene = Scene::new();
    for (index, until) in [(0, 5), (1, 50), (2, 5)] {
        let (state, until) = (format!("<canary {index}>").into_bytes(), UnixMillis(until));
        let made = Change::Snapshot { room: room(index), number: 0, state, until };
        scene.shelf.commit(made).expect("made");
    }
    for index in 0..2 {
        scene.shelf.release(&room(index)).expect("whole");
    }
    let mut expire = |now| scene.shelf.expire(UnixMillis(now), |_| true).expect("read");
    assert_eq!(expire(4), 0);
    assert_eq!(expire(5), 1, "room 2 is in hand");
    assert_eq!(expire(5), 0);
    assert_eq!(where_is(&scene.disk, b"<canary 0>"), [""; 0]);
    assert_eq!(where_is(&scene.disk, b"<canary 1>").len(), 1);
    assert_eq!(where_is(&scene.disk, b"<canary 2>").len(), 1);
    let mut second = Scene::on(scene.disk.clone());
    assert_eq!(second.shelf.expire(UnixMillis(60), |_| true).expect("read"), 1);
    assert_eq!(second.take(2), Taken::InUse, "another process's room is left alone");
}
