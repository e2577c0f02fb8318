//! The drill in the lobby: one test a rule.

mod common;

use common::{CHAIR, CLIENT, Table, eight, person};
use palabre_facilitation::Template;
use palabre_ids::{Millis, Role, Seat};
use palabre_room::{Command, Effect, Part, Refusal};
use palabre_vocabulary::{Drill, Stage};

fn lobby() -> Table {
    let mut table = Table::new(
        Template::builtin("codev-1h15").expect("the test's own figures are sound"),
        eight(),
    );
    table.everyone_comes();
    table
}

#[test]
fn the_loss_of_the_client_is_played_and_nobody_is_lost() {
    let mut table = lobby();
    let people = table.room.people();
    let effects = table.chair(Command::StartDrill);
    assert_eq!(effects, [Effect::Changed(Part::State)], "a word on the screen, and nothing else");
    let since = table.now;
    let drill = Drill {
        seat: CLIENT,
        since,
        back_at: since + Millis::from_secs(10),
        until: since + Millis::from_secs(20),
    };
    assert_eq!(table.room.state().drill, Some(drill));
    assert_eq!(table.tries(CHAIR, Command::StartDrill), Err(Refusal::NoChange));
    table.wait(Millis(19_999));
    assert_eq!(table.room.state().drill, Some(drill));
    assert_eq!(table.wait(Millis(1)), [Effect::Changed(Part::State)]);
    assert_eq!((table.room.state().drill, table.room.people()), (None, people));
}

#[test]
fn the_chair_ends_it_or_begins_the_session() {
    let mut table = lobby();
    assert_eq!(table.tries(CHAIR, Command::EndDrill), Err(Refusal::NoChange));
    assert_eq!(table.tries(CLIENT, Command::StartDrill), Err(Refusal::NotFacilitator));
    table.chair(Command::StartDrill);
    table.chair(Command::EndDrill);
    table.chair(Command::StartDrill);
    table.chair(Command::GoOn);
    assert_eq!(table.room.phase().stage, Stage::Running { index: 0 });
    assert_eq!(table.room.state().drill, None);
    assert_eq!(table.tries(CHAIR, Command::StartDrill), Err(Refusal::NotInThisPhase));
}

#[test]
fn without_a_client_the_first_peer_plays_them() {
    let mut people = eight();
    people[1] = person(Role::Consultant);
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), people);
    table.connect(CHAIR);
    assert_eq!(table.tries(CHAIR, Command::StartDrill), Err(Refusal::NotEligible));
    table.connect(Seat(4));
    table.chair(Command::StartDrill);
    assert_eq!(table.room.state().drill.map(|drill| drill.seat), Some(Seat(4)));
}
