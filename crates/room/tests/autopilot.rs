//! Who takes the chair, what a group does without one and without its client, and who comes late: one
//! test a rule.

mod common;

use common::{CHAIR, CLIENT, Table, eight, person};
use palabre_facilitation::Template;
use palabre_ids::{Millis, Role, Seat};
use palabre_room::{Command, Effect, Input, Part, Refusal};
use palabre_vocabulary::{
    ClientDropChoice, Clock, EntryDraft, Pause, Presence, RecordFate, Stage, Waiting,
};

fn backup(seat: u8) -> Command {
    Command::NameBackup { seat: Some(Seat(seat)) }
}

fn want(wanted: bool) -> Command {
    Command::WantNext { wanted }
}

fn after(choice: ClientDropChoice) -> Command {
    Command::AfterClientDrop { choice }
}

fn without_a_chair(phase: &str) -> Table {
    let mut table = Table::codev_at(phase, eight());
    table.input(Input::Left { seat: CHAIR }).expect("the test's own figures are sound");
    table
}

// ---- the chair

#[test]
fn a_named_backup_takes_the_chair_and_leads_as_long_as_they_have_it() {
    let mut table = Table::codev_at("consultation", eight());
    table.chair(backup(5));
    assert_eq!(table.room.state().backup, Some(Seat(5)));
    assert_eq!(table.heard(), [0, 2]);
    table.disconnect(CHAIR);
    table.wait_s(15);
    assert_eq!(table.room.state().chair, Some(Seat(5)));
    assert_eq!(table.heard(), [0, 2, 5], "whoever leads is heard");
    assert!(table.room.personal(Seat(5)).unwrap().chair.is_some());
    table.does(Seat(5), Command::SkipTurn);
    assert_eq!(table.upcoming(), [4, 5, 6, 7], "and has their place in the round as before");
    table.connect(CHAIR);
    assert_eq!(table.room.state().chair, Some(Seat(5)), "control comes back only on request");
    table.does(CHAIR, Command::TakeChair);
    assert_eq!(table.heard(), [0, 3]);
    assert_eq!(table.tries(Seat(5), Command::SkipTurn), Err(Refusal::NotFacilitator));
    assert_eq!(table.room.state().backup, Some(Seat(5)));
}

#[test]
fn the_co_facilitator_comes_before_the_backup() {
    let mut people = eight();
    people[7] = person(Role::CoFacilitator);
    let mut table = Table::codev_at("consultation", people);
    table.chair(backup(5));
    table.disconnect(CHAIR);
    table.wait_s(15);
    assert_eq!(table.room.state().chair, Some(Seat(7)));
    table.disconnect(Seat(7));
    table.wait_s(15);
    assert_eq!(table.room.state().chair, Some(Seat(5)));
    table.connect(Seat(7));
    table.does(Seat(7), Command::TakeChair);
    assert_eq!(table.room.state().chair, Some(Seat(7)), "a facilitator is given it back");
}

#[test]
fn a_backup_is_somebody_who_speaks_and_came_and_is_no_more_when_they_leave() {
    let mut people = eight();
    people.push(person(Role::Observer));
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), people);
    for seat in [0, 3, 8] {
        table.connect(Seat(seat));
    }
    for seat in [0, 4, 8] {
        assert_eq!(table.tries(CHAIR, backup(seat)), Err(Refusal::NotEligible), "{seat}");
    }
    assert_eq!(table.tries(CHAIR, backup(9)), Err(Refusal::NoSuchSeat));
    assert_eq!(table.tries(Seat(3), backup(3)), Err(Refusal::NotFacilitator));
    table.chair(backup(3));
    assert_eq!(table.tries(CHAIR, backup(3)), Err(Refusal::NoChange));
    table.chair(Command::NameBackup { seat: None });
    table.chair(backup(3));
    table.input(Input::Left { seat: Seat(3) }).unwrap();
    assert_eq!(table.room.state().backup, None);
}

// ---- without a chair

#[test]
fn more_than_half_of_those_here_go_on_together() {
    let mut table = without_a_chair("clarification");
    let view = table.room.state().autopilot.expect("nobody is in the chair");
    assert_eq!((view.wanted_by, view.needed), (vec![], 4));
    for seat in [1, 2, 3] {
        table.does(Seat(seat), want(true));
    }
    assert_eq!(table.tries(Seat(3), want(true)), Err(Refusal::NoChange));
    table.does(Seat(3), want(false));
    table.does(Seat(4), want(true));
    assert_eq!(table.room.state().autopilot.unwrap().wanted_by, [1, 2, 4].map(Seat));
    assert_eq!(table.phase_id(), Some("clarification"));
    table.does(Seat(5), want(true));
    assert_eq!(table.phase_id(), Some("contrat"));
    assert_eq!(table.room.state().autopilot.unwrap().wanted_by, [], "each phase anew");
}

#[test]
fn a_closed_gate_keeps_the_groups_wish() {
    let mut table = without_a_chair("contrat");
    for seat in 1..6 {
        table.does(Seat(seat), want(true));
    }
    assert_eq!(table.phase_id(), Some("contrat"));
    table.accept_a_contract();
    assert_eq!(table.phase_id(), Some("reflexion"));
}

#[test]
fn those_who_left_do_not_count_any_more() {
    let mut table = without_a_chair("clarification");
    for seat in [2, 3, 4] {
        table.does(Seat(seat), want(true));
    }
    table.input(Input::Left { seat: Seat(4) }).unwrap();
    assert_eq!(table.room.state().autopilot.unwrap().wanted_by, [2, 3].map(Seat));
    table.input(Input::Left { seat: Seat(5) }).unwrap();
    table.input(Input::Left { seat: Seat(6) }).unwrap();
    assert_eq!(table.phase_id(), Some("clarification"), "two of four");
    table.does(Seat(7), want(true));
    assert_eq!(table.phase_id(), Some("contrat"));
}

#[test]
fn a_group_with_a_chair_has_no_say_in_it() {
    let mut table = Table::codev_at("clarification", eight());
    assert_eq!(table.tries(Seat(2), want(true)), Err(Refusal::NotInThisPhase));
    assert_eq!(table.room.state().autopilot, None);
    let mut table = without_a_chair("clarification");
    table.does(Seat(2), want(true));
    table.connect(CHAIR);
    table.does(CHAIR, Command::TakeChair);
    table.input(Input::Left { seat: CHAIR }).unwrap();
    assert_eq!(table.room.state().autopilot.unwrap().wanted_by, [], "a chair in between ends it");
}

#[test]
fn without_a_client_and_anybody_to_name_one_the_group_ends_the_session() {
    let mut table = without_a_chair("expose");
    table.input(Input::Left { seat: CLIENT }).unwrap();
    table.wait_s(3_600);
    assert_eq!(table.phase_id(), Some("expose"), "it does not end by itself");
    for seat in 2..6 {
        table.does(Seat(seat), want(true));
    }
    assert_eq!(table.room.phase().stage, Stage::Ended);
}

#[test]
fn a_phase_the_chair_stayed_in_goes_on_without_them() {
    let mut table = Table::codev_at("accueil", eight());
    for seat in 0..8 {
        table.does(Seat(seat), Command::ReleaseFloor);
    }
    table.chair(Command::Stay);
    table.input(Input::Left { seat: CHAIR }).unwrap();
    table.wait_s(5);
    assert_eq!(table.phase_id(), Some("choix-du-sujet"));
}

// ---- without the client

/// Clarification; the client dropped during their answer and was waited for in vain.
fn client_gone() -> Table {
    let mut table = Table::codev_at("clarification", eight());
    table.wait_s(10);
    table.does(Seat(2), Command::YieldFloor { to: None });
    table.wait_s(10);
    table.disconnect(CLIENT);
    assert_eq!(
        table.tries(CHAIR, after(ClientDropChoice::InWriting)),
        Err(Refusal::NoChange),
        "not yet"
    );
    table.wait_s(120);
    assert_eq!(table.room.state().pause, Some(Pause::ForClient { seat: CLIENT, until: None }));
    table
}

#[test]
fn waiting_goes_on_as_long_again() {
    let mut table = client_gone();
    table.chair(after(ClientDropChoice::KeepWaiting));
    let until = Some(table.now + Millis::from_secs(120));
    assert_eq!(table.room.state().pause, Some(Pause::ForClient { seat: CLIENT, until }));
    table.wait_s(119);
    assert_eq!(table.tries(CHAIR, after(ClientDropChoice::KeepWaiting)), Err(Refusal::NoChange));
    table.wait_s(1);
    table.chair(after(ClientDropChoice::KeepWaiting));
}

#[test]
fn in_writing_the_clock_runs_nobody_is_heard_and_the_client_takes_up_where_they_were() {
    let mut table = client_gone();
    let left = table.phase_left();
    let note = Command::AddEntry { entry: EntryDraft::Note { text: "Depuis quand ?".into() } };
    table.chair(after(ClientDropChoice::InWriting));
    assert!(table.room.state().in_writing && !table.phase_stands());
    assert_eq!((table.holder(), table.heard()), (None, vec![0]));
    assert!(table.room.floor().chat_open);
    table.does(Seat(3), note.clone());
    table.does(Seat(5), Command::RequestFloor);
    assert_eq!(
        table.tries(CHAIR, Command::GrantFloor { seat: Seat(5) }),
        Err(Refusal::NotInThisPhase)
    );
    table.wait_s(60);
    assert_eq!(table.phase_left(), left.saturating_sub(Millis::from_secs(60)));
    table.connect(CLIENT);
    assert!(!table.room.state().in_writing);
    assert_eq!((table.holder(), table.heard()), (Some(CLIENT), vec![0, 1]));
    assert_eq!(table.turn_left(), Millis::from_secs(50), "what they had left");
    assert!(matches!(table.turn().clock, Some(Clock::Running { .. })));
}

#[test]
fn in_writing_a_turn_stands_and_says_so() {
    let mut table = Table::codev_at("consultation", eight());
    let mut template = table.room.template().clone();
    let phase = template.phases.iter_mut().find(|phase| phase.id == "consultation").unwrap();
    phase.client_drop = palabre_facilitation::ClientDrop::Pause;
    table = Table::at(template, "consultation", eight());
    table.wait_s(30);
    table.disconnect(CLIENT);
    table.wait_s(121);
    table.chair(after(ClientDropChoice::InWriting));
    table.wait_s(200);
    assert_eq!((table.holder(), table.heard()), (Some(Seat(2)), vec![0]));
    assert_eq!(table.turn().waiting, Some(Waiting::PhasePaused));
    assert_eq!(table.turn_left(), Millis::from_secs(90));
    table.chair(Command::ResumePhase);
    assert_eq!(table.heard(), [0, 2], "the chair has the last word");
    table.wait_s(10);
    assert_eq!(table.turn_left(), Millis::from_secs(80));
}

#[test]
fn going_on_ends_the_writing() {
    let mut table = client_gone();
    table.chair(after(ClientDropChoice::InWriting));
    table.chair(Command::GoOn);
    assert_eq!(table.phase_id(), Some("contrat"));
    assert!(!table.room.state().in_writing);
}

#[test]
fn a_phase_that_stands_for_the_client_does_not_begin_behind_their_back() {
    let mut table = Table::codev_at("reflexion", eight());
    let mut template = table.room.template().clone();
    template.phases[5].client_drop = palabre_facilitation::ClientDrop::GoOn;
    template.phases[6].client_drop = palabre_facilitation::ClientDrop::Pause;
    table = Table::at(template, "reflexion", eight());
    table.disconnect(CLIENT);
    table.wait_s(120);
    assert_eq!((table.phase_id(), table.phase_stands()), (Some("consultation"), true));
    let until = Some(table.now + Millis::from_secs(120));
    assert_eq!(table.room.state().pause, Some(Pause::ForClient { seat: CLIENT, until }));
    table.chair(Command::ResumePhase);
    assert!(!table.phase_stands(), "the chair has the last word");
}

#[test]
fn another_subject_goes_back_to_where_a_client_is_named() {
    let mut table = client_gone();
    table.chair(after(ClientDropChoice::AnotherSubject));
    assert_eq!(table.phase_id(), Some("choix-du-sujet"));
    assert_eq!(table.room.person(CLIENT).unwrap().role, Role::Consultant);
    assert!(!table.phase_stands());
    table.chair(Command::NameClient { seat: Seat(6) });
    table.connect(CLIENT);
    assert_eq!(table.room.person(CLIENT).unwrap().role, Role::Consultant);
}

#[test]
fn meeting_again_keeps_the_record_for_the_client() {
    let mut table = client_gone();
    let effects = table.chair(after(ClientDropChoice::Reschedule));
    assert_eq!(effects.last(), Some(&Effect::Ended));
    assert_eq!(table.room.state().record, RecordFate::Keep);
}

#[test]
fn meeting_again_keeps_nothing_of_what_the_client_wants_erased() {
    let mut table = Table::codev_at("clarification", eight());
    table.does(CLIENT, Command::DecideRecord { fate: RecordFate::Erase });
    table.disconnect(CLIENT);
    table.wait_s(121);
    let effects = table.chair(after(ClientDropChoice::Reschedule));
    assert!(effects.contains(&Effect::Erase) && table.room.is_erased());
}

#[test]
fn without_a_chair_the_group_goes_on_in_writing() {
    let mut table = without_a_chair("clarification");
    table.disconnect(CLIENT);
    table.wait_s(120);
    assert!(table.room.state().in_writing && !table.phase_stands());
    assert_eq!(table.heard(), []);
    table.connect(CLIENT);
    assert!(!table.room.state().in_writing && table.holder().is_some());

    let mut table = client_gone();
    table.input(Input::Left { seat: CHAIR }).unwrap();
    assert!(table.room.state().in_writing, "what the chair had not chosen");
}

// ---- who comes late, who dropped

/// Everyone but seat 7 is in the consultation, and seat 2 speaks.
fn without_one(role: Role) -> Table {
    let mut people = eight();
    people[7] = person(role);
    let mut table = Table::new(
        Template::builtin("codev-1h15").expect("the test's own figures are sound"),
        people,
    );
    for seat in 0..7 {
        table.connect(Seat(seat));
    }
    while table.phase_id() != Some("consultation") {
        if table.phase_id() == Some("contrat") {
            table.accept_a_contract();
        }
        table.chair(Command::NextPhase);
    }
    table
}

#[test]
fn a_latecomer_enters_at_the_end_of_the_turn() {
    let mut table = without_one(Role::Consultant);
    let effects = table.connect(Seat(7));
    assert_eq!(effects[0], Effect::Changed(Part::Person(Seat(7))), "no right is given");
    assert_eq!(table.presence(Seat(7)), Presence::Entering);
    assert_eq!(table.tries(Seat(7), Command::RequestFloor), Err(Refusal::NotEligible));
    table.does(Seat(7), Command::Help { text: "Où en est-on ?".into() });
    table.does(Seat(7), Command::SetMuted { muted: true });
    table.wait_s(30);
    assert_eq!(table.presence(Seat(7)), Presence::Entering);
    table.does(Seat(2), Command::ReleaseFloor);
    assert_eq!(table.presence(Seat(7)), Presence::Here);
    assert_eq!((table.holder(), table.upcoming()), (Some(Seat(3)), vec![4, 5, 6, 7]));
}

#[test]
fn a_latecomer_of_the_last_turn_still_has_their_own() {
    let mut table = without_one(Role::Consultant);
    for seat in [2, 3, 4, 5] {
        table.does(Seat(seat), Command::ReleaseFloor);
    }
    table.connect(Seat(7));
    assert_eq!(table.holder(), Some(Seat(6)));
    table.does(Seat(6), Command::ReleaseFloor);
    assert_eq!(table.holder(), Some(Seat(7)));
}

#[test]
fn facilitators_and_those_who_are_not_heard_enter_at_once() {
    for role in [Role::CoFacilitator, Role::Observer, Role::Scribe] {
        let mut table = without_one(role);
        table.connect(Seat(7));
        assert_eq!(table.presence(Seat(7)), Presence::Here);
    }
}

#[test]
fn whoever_comes_back_is_never_kept_waiting() {
    let mut table = Table::codev_at("consultation", eight());
    table.disconnect(Seat(7));
    table.wait_s(300);
    table.connect(Seat(7));
    assert_eq!(table.presence(Seat(7)), Presence::Here);
    table.input(Input::Left { seat: Seat(7) }).unwrap();
    table.connect(Seat(7));
    assert_eq!(table.presence(Seat(7)), Presence::Here);
}

#[test]
fn a_latecomer_enters_when_nobody_speaks_any_more() {
    let mut table = without_one(Role::Consultant);
    table.connect(Seat(7));
    table.input(Input::Disconnected { seat: Seat(7) }).unwrap();
    assert_eq!(table.presence(Seat(7)), Presence::Expected, "they never came");
    table.connect(Seat(7));
    assert_eq!(table.presence(Seat(7)), Presence::Entering);
    table.chair(Command::PausePhase);
    assert_eq!(table.presence(Seat(7)), Presence::Here);
}

#[test]
fn drops_are_noted_for_the_chair() {
    let mut table = Table::codev_at("consultation", eight());
    table.disconnect(Seat(4));
    let at = table.now;
    table.wait(Millis(999));
    table.connect(Seat(4));
    let drops = |table: &Table| table.room.personal(CHAIR).unwrap().chair.unwrap().drops;
    assert_eq!(drops(&table), [], "a short loss is no drop");
    table.disconnect(Seat(4));
    table.wait_s(5);
    let drop = drops(&table)[0];
    assert_eq!((drop.seat, drop.at, drop.back_at), (Seat(4), at + Millis(999), None));
    table.connect(Seat(4));
    assert_eq!(drops(&table)[0].back_at, Some(table.now));
    for _ in 0..60 {
        table.disconnect(Seat(5));
        table.wait_s(2);
        table.connect(Seat(5));
    }
    assert_eq!(drops(&table).len(), 50);
}
