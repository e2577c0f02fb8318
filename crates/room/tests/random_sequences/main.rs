//! Whatever anybody does, in whatever order, in every template that ships: what must hold holds. What
//! is allowed is worked out here anew, from the template and the view alone.

#[path = "../common/mod.rs"]
mod common;

mod checks;
mod ending;
mod inputs;
mod run;

use std::sync::Arc;

use common::START;
use palabre_facilitation::Template;
use palabre_ids::{Language, Millis, Seat, UnixMillis};
use palabre_room::{Command, Input, Room, RoomConfig};
use palabre_vocabulary::Blocked;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use inputs::{SEATS, Step, people, step};
use run::Run;

/// How many sequences for each template; `PROPTEST_CASES` sets another number.
const CASES: u32 = 48;

fn new_room(template: &Template) -> Room {
    let config = RoomConfig {
        template: Arc::new(template.clone()),
        language: Language::En,
        people: people(),
    };
    Room::new(START, config).expect("a sound config")
}

/// Everyone but those who are absent comes, and the chair leads on by some phases.
fn begin(run: &mut Run, absent: &[u8], phases: usize) -> Result<(), TestCaseError> {
    for seat in (0..SEATS).filter(|seat| !absent.contains(seat)) {
        run.give(Input::Connected { seat: Seat(seat), resumed: false })?;
    }
    for _ in 0..=phases {
        match run.room.phase().blocked {
            Some(Blocked::ContractNotAccepted) => {
                for seat in [0, 1] {
                    let text = "canary: help me".to_owned();
                    let command = Command::ProposeContract { text };
                    run.give(Input::Command { seat: Seat(seat), command })?;
                }
                run.accept()?;
            }
            Some(Blocked::ClientNotNamed) => {
                let command = Command::NameClient { seat: Seat(3) };
                run.give(Input::Command { seat: Seat(0), command })?;
            }
            None => {}
        }
        run.give(Input::Command { seat: Seat(0), command: Command::NextPhase })?;
    }
    Ok(())
}

fn go(
    template: &Template,
    absent: &[u8],
    start: Option<usize>,
    steps: Vec<Step>,
    with_chair: bool,
) -> Result<(), TestCaseError> {
    let fresh = new_room(template);
    let mut run = Run::new(fresh.clone());
    if let Some(phases) = start {
        begin(&mut run, absent, phases)?;
    }
    for step in steps {
        match step {
            Step::Input(input) => run.give(input)?,
            Step::Accept => run.accept()?,
            Step::Vote(option) => run.vote(option)?,
            Step::Silence(length) => run.now = run.now + Millis(length),
            Step::Wait(length) => run.wait(length)?,
        }
    }
    run.check_snapshot()?;
    ending::session_ends(&mut run, with_chair)?;
    ending::record_is_erased(&mut run)?;
    run.check_snapshot()?;
    let mut again = fresh;
    let journal = serde_json::to_string(&run.journal).expect("plain data");
    let journal: Vec<(UnixMillis, Input)> = serde_json::from_str(&journal).expect("plain data");
    for (now, input) in journal {
        prop_assert!(again.handle(now, input).is_ok());
    }
    prop_assert_eq!(&again, &run.room, "the journal makes the same room");
    Ok(())
}

/// Found by chance: a client who is back just when their turn has passed on, and the step with it.
#[test]
fn who_is_back_when_their_turn_has_passed_on_and_its_step_too_keeps_the_rules() {
    let template = Template::builtin("intervision").expect("ships");
    let back = |seat| Step::Input(Input::Connected { seat: Seat(seat), resumed: false });
    let steps = vec![
        Step::Input(Input::Disconnected { seat: Seat(1) }),
        back(2),
        Step::Wait(120_000),
        back(1),
    ];
    go(&template, &[], Some(6), steps, false).expect("the rules hold");
}

#[test]
fn whatever_happens_in_any_template_the_rules_hold() {
    for template in Template::all_builtin() {
        let config = Config { failure_persistence: None, ..Config::default() };
        // The default is for one template.
        let cases = if std::env::var("PROPTEST_CASES").is_ok() { config.cases } else { CASES };
        let mut runner = TestRunner::new(Config { cases, ..config });
        let inputs = (
            prop::collection::vec(0..SEATS, 0..3),
            prop::option::weighted(0.9, 0..template.phases.len()),
            prop::collection::vec(step(), 1..140),
            any::<bool>(),
        );
        // Somewhere in the session, to begin with; a gate or a template's end stops it earlier.
        let result = runner
            .run(&inputs.prop_map(|inputs| inputs), |(absent, start, steps, with_chair)| {
                go(&template, &absent, start, steps, with_chair)
            });
        if let Err(error) = result {
            panic!("{}: {error}", template.id);
        }
    }
}
