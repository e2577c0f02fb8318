//! Votes and what comes next: one test a rule.

mod common;

use common::{CHAIR, CLIENT, Table, eight, person};
use palabre_facilitation::{Template, Transition};
use palabre_ids::{Millis, Role, Seat};
use palabre_room::{Command, Input, Refusal};
use palabre_vocabulary::{
    Ballot, Blocked, EntryDraft, NextStep, Stage, VoteAbout, VoteOption, VoteResult,
};

fn template(id: &str) -> Template {
    Template::builtin(id).expect("ships")
}

fn cast(option: u8) -> Command {
    Command::CastBallot { ballot: Ballot::For { option } }
}

/// Nobody is the client; those of `pitch` pitched their subject, and everyone else passed.
fn choice(pitch: &[u8]) -> Table {
    let mut people = eight();
    people[1] = person(Role::Consultant);
    let mut table = Table::at(template("codev-1h15"), "choix-du-sujet", people);
    for seat in (1..8).filter(|seat| !pitch.contains(seat)) {
        table.does(Seat(seat), Command::Pass);
    }
    for _ in pitch {
        let seat = table.holder().expect("somebody pitches");
        table.does(seat, Command::ReleaseFloor);
    }
    table
}

fn last_result(table: &Table) -> VoteResult {
    table.room.votes().results.last().expect("a vote was closed").clone()
}

fn role_of(table: &Table, seat: u8) -> Role {
    table.room.person(Seat(seat)).expect("seated").role
}

#[test]
fn the_vote_opens_by_itself_once_all_have_pitched() {
    let mut table = choice(&[2, 5, 6]);
    assert_eq!(table.next(), NextStep::OpenVote);
    let at = table.room.phase().advance.expect("announced").at;
    assert_eq!(at, table.now + Millis::from_secs(5));
    table.wait_s(5);
    let vote = table.room.votes().open.expect("open");
    let options: Vec<_> = [2, 5, 6].map(|seat| VoteOption::Person { seat: Seat(seat) }).into();
    assert_eq!((vote.about, vote.options), (VoteAbout::Client, options));
    assert_eq!(vote.closes_at, Some(table.now + Millis::from_secs(45)));
    assert_eq!(vote.awaited.len(), 8);
}

#[test]
fn a_vote_outlives_the_server() {
    let mut table = choice(&[2, 5]);
    table.wait_s(5);
    table.does(Seat(3), cast(0));
    let before = table.room.votes();
    assert!(before.open.is_some());
    table.input(Input::Restarted { down_since: Some(table.now) }).unwrap();
    let open = table.room.votes().open.expect("nobody is there to have voted all");
    assert_eq!(open.voted, [Seat(3)]);
    // Whoever voted is back first.
    table.connect(Seat(3));
    assert!(table.room.votes().open.is_some(), "the others are waited for");
    table.everyone_comes();
    let mut after = table.room.votes();
    let closes_at = before.open.as_ref().and_then(|vote| vote.closes_at);
    let open = after.open.as_mut().expect("it goes on");
    assert!(open.closes_at >= closes_at, "its clock stood");
    open.closes_at = closes_at;
    assert_eq!(after, before);
}

#[test]
fn the_winner_is_the_client_and_the_phase_goes_on() {
    let mut table = choice(&[2, 5]);
    table.chair(Command::GoOn);
    assert_eq!(table.tries(CHAIR, Command::OpenVote), Err(Refusal::NoChange));
    for seat in 0..7 {
        table.does(Seat(seat), cast(u8::from(seat > 2)));
    }
    assert!(table.room.votes().open.is_some());
    assert_eq!(table.next(), NextStep::CloseVote);
    table.does(Seat(7), Command::CastBallot { ballot: Ballot::Abstain });
    let result = last_result(&table);
    assert_eq!((result.ballots, result.abstained, result.chosen), (vec![3, 4], 1, Some(1)));
    assert_eq!(role_of(&table, 5), Role::Client);
    table.wait_s(5);
    assert_eq!((table.phase_id(), table.holder()), (Some("expose"), Some(Seat(5))));
}

#[test]
fn a_ballot_can_be_changed_and_counts_once() {
    let mut table = choice(&[2, 5]);
    table.chair(Command::GoOn);
    table.does(Seat(3), cast(0));
    assert_eq!(table.tries(Seat(3), cast(0)), Err(Refusal::NoChange));
    assert_eq!(table.room.personal(Seat(3)).unwrap().ballot, Some(Ballot::For { option: 0 }));
    table.does(Seat(3), cast(1));
    assert_eq!(table.room.personal(Seat(4)).unwrap().ballot, None, "nobody else's is shown");
    assert_eq!(table.tries(Seat(3), cast(2)), Err(Refusal::OutOfRange));
    table.chair(Command::CloseVote);
    assert_eq!(last_result(&table).ballots, [0, 1]);
    assert_eq!(table.tries(Seat(3), cast(0)), Err(Refusal::NoVote));
    assert_eq!(table.tries(CHAIR, Command::CloseVote), Err(Refusal::NoVote));
}

#[test]
fn who_watches_does_not_vote_and_who_left_is_not_awaited() {
    let mut people = eight();
    people[1] = person(Role::Consultant);
    people.extend([person(Role::Observer), person(Role::Scribe)]);
    let mut table = Table::at(template("codev-1h15"), "choix-du-sujet", people);
    table.does(Seat(1), Command::ReleaseFloor);
    table.chair(Command::OpenVote);
    for seat in [8, 9] {
        assert_eq!(table.tries(Seat(seat), cast(0)), Err(Refusal::NotEligible));
    }
    for seat in 0..6 {
        table.does(Seat(seat), cast(0));
    }
    table.disconnect(Seat(6));
    table.wait_s(1);
    assert_eq!(table.room.votes().open.expect("seat 7 is awaited").awaited, [Seat(7)]);
    table.input(Input::Left { seat: Seat(7) }).unwrap();
    assert_eq!(table.room.votes().open, None);
    assert_eq!(last_result(&table).ballots, [6, 0]);
}

#[test]
fn a_ballot_is_kept_over_a_drop() {
    let mut table = choice(&[2, 5]);
    table.chair(Command::GoOn);
    table.does(Seat(3), cast(1));
    table.disconnect(Seat(3));
    table.wait_s(2);
    assert!(table.room.votes().open.unwrap().voted.contains(&Seat(3)));
    table.connect(Seat(3));
    assert_eq!(table.room.personal(Seat(3)).unwrap().ballot, Some(Ballot::For { option: 1 }));
    table.wait_s(45);
    assert_eq!(last_result(&table).ballots, [0, 1], "it closed by itself");
}

#[test]
fn when_two_are_equal_the_chair_chooses_among_everyone() {
    let mut table = choice(&[2, 5]);
    table.chair(Command::GoOn);
    table.does(Seat(3), cast(0));
    table.does(Seat(4), cast(1));
    table.chair(Command::GoOn);
    assert_eq!(last_result(&table).chosen, None);
    assert_eq!(table.next(), NextStep::Wait);
    assert_eq!(table.room.phase().blocked, Some(Blocked::ClientNotNamed));
    table.wait_s(600);
    assert_eq!(table.phase_id(), Some("choix-du-sujet"));
    table.chair(Command::NameClient { seat: Seat(7) });
    assert_eq!(table.next(), NextStep::Phase { index: 2 });
    table.wait_s(5);
    assert_eq!((table.phase_id(), table.holder()), (Some("expose"), Some(Seat(7))));
}

#[test]
fn a_tie_with_the_client_of_before_is_decided_by_naming_them() {
    let mut table = Table::at(template("codev-1h15"), "choix-du-sujet", eight());
    table.does(CLIENT, Command::ReleaseFloor);
    table.does(Seat(2), Command::ReleaseFloor);
    table.chair(Command::OpenVote);
    table.chair(Command::CloseVote);
    assert_eq!(table.next(), NextStep::Wait, "nobody was chosen, whoever was the client before");
    table.chair(Command::NameClient { seat: CLIENT });
    assert_eq!(table.next(), NextStep::Phase { index: 2 });
    assert_eq!(table.tries(CHAIR, Command::NameClient { seat: CLIENT }), Err(Refusal::NoChange));
}

#[test]
fn a_vote_can_be_held_again_after_a_tie() {
    let mut table = choice(&[2, 5]);
    table.chair(Command::GoOn);
    table.chair(Command::GoOn);
    table.chair(Command::OpenVote);
    table.does(Seat(3), cast(1));
    table.chair(Command::CloseVote);
    assert_eq!(role_of(&table, 5), Role::Client);
}

#[test]
fn without_a_chair_the_first_of_the_equal_is_taken() {
    let mut table = choice(&[5, 6, 2]);
    table.chair(Command::GoOn);
    table.does(Seat(3), cast(1));
    table.does(Seat(4), cast(2));
    table.does(Seat(7), cast(0));
    table.input(Input::Left { seat: CHAIR }).unwrap();
    table.wait_s(45);
    let result = last_result(&table);
    assert_eq!(
        (result.ballots, result.chosen),
        (vec![1, 1, 1], Some(0)),
        "in the order of pitching"
    );
    assert_eq!(role_of(&table, 2), Role::Client);
    table.wait_s(5);
    assert_eq!(table.phase_id(), Some("expose"));
}

#[test]
fn whoever_has_fewer_ballots_is_not_among_the_equal() {
    let mut table = choice(&[2, 5, 6]);
    table.chair(Command::GoOn);
    table.does(Seat(3), cast(1));
    table.does(Seat(4), cast(2));
    table.input(Input::Left { seat: CHAIR }).unwrap();
    table.wait_s(45);
    assert_eq!(last_result(&table).chosen, Some(1));
    assert_eq!(role_of(&table, 5), Role::Client);
}

#[test]
fn what_the_chair_left_undecided_is_decided_when_they_leave() {
    let mut table = choice(&[2, 5]);
    table.chair(Command::GoOn);
    table.does(Seat(3), cast(1));
    table.does(Seat(4), cast(0));
    table.chair(Command::GoOn);
    table.input(Input::Left { seat: CHAIR }).unwrap();
    assert_eq!(role_of(&table, 2), Role::Client);
}

#[test]
fn when_everyone_passed_there_is_nothing_to_vote_on() {
    let mut table = choice(&[]);
    assert_eq!(table.next(), NextStep::Wait);
    assert_eq!(table.room.phase().blocked, Some(Blocked::ClientNotNamed));
    assert_eq!(table.room.phase().advance, None);
    assert_eq!(table.tries(CHAIR, Command::GoOn), Err(Refusal::GateClosed));
    assert_eq!(table.tries(CHAIR, Command::OpenVote), Err(Refusal::NoVote));
    // Whoever writes a subject down can be chosen.
    let entry = EntryDraft::Subject { text: "Déléguer".into() };
    table.does(Seat(4), Command::AddEntry { entry });
    assert_eq!(table.next(), NextStep::OpenVote);
}

#[test]
fn naming_the_client_settles_the_vote() {
    let mut table = choice(&[2, 5]);
    table.chair(Command::GoOn);
    table.chair(Command::NameClient { seat: Seat(4) });
    assert_eq!((table.room.votes().open, table.room.votes().results.len()), (None, 0));
    assert_eq!(table.next(), NextStep::Phase { index: 2 });
}

#[test]
fn a_pause_stops_the_vote_too() {
    let mut table = choice(&[2, 5]);
    table.chair(Command::GoOn);
    table.wait_s(10);
    table.chair(Command::PausePhase);
    assert_eq!(table.room.votes().open.expect("open").closes_at, None);
    table.wait_s(600);
    table.chair(Command::ResumePhase);
    table.wait_s(34);
    assert!(table.room.votes().open.is_some());
    table.wait_s(1);
    assert_eq!(table.room.votes().open, None);
}

/// Lean coffee: the first subject is being talked about.
fn talking() -> Table {
    let mut table = Table::at(template("lean-coffee"), "choix-1", eight());
    table.chair(Command::NameClient { seat: Seat(4) });
    table.chair(Command::NextPhase);
    assert_eq!(table.phase_id(), Some("discussion-1"));
    table
}

#[test]
fn at_the_end_of_its_time_the_group_is_asked_whether_it_stays() {
    let mut table = talking();
    table.wait_s(8 * 60 - 1);
    assert_eq!((table.room.votes().open, table.room.phase().advance), (None, None));
    table.wait_s(1);
    let vote = table.room.votes().open.expect("asked");
    assert_eq!(
        (vote.about, vote.options),
        (VoteAbout::Continue, vec![VoteOption::Continue, VoteOption::Next])
    );
    for seat in 0..5 {
        table.does(Seat(seat), cast(0));
    }
    table.wait_s(20);
    assert_eq!(last_result(&table).chosen, Some(0));
    assert_eq!(table.phase_left(), Millis::from_secs(4 * 60 - 20), "the vote is on their time");
    table.wait_s(4 * 60 - 20);
    assert!(table.room.votes().open.is_some(), "and they are asked again");
    table.wait_s(20);
    assert_eq!(last_result(&table).chosen, Some(1), "as many as not: on to the next");
    assert_eq!(table.phase_id(), Some("discussion-1"), "announced first");
    table.wait_s(5);
    assert_eq!(table.phase_id(), Some("choix-2"));
}

#[test]
fn nobody_is_asked_for_time_that_there_is_not() {
    let mut table = talking();
    table.chair(Command::ExtendPhase { by: Millis::from_secs(5 * 60) });
    table.wait_s(13 * 60 - 1);
    let at = table.room.phase().advance.expect("its most is 16 min").at;
    assert_eq!(at, table.now + Millis::from_secs(1));
    table.wait_s(1);
    assert_eq!((table.room.votes().open, table.phase_id()), (None, Some("choix-2")));
}

#[test]
fn the_chair_asks_early_and_goes_on_whatever_comes() {
    let mut table = talking();
    assert_eq!(table.next(), NextStep::Phase { index: 3 });
    table.chair(Command::OpenVote);
    table.does(Seat(3), cast(1));
    table.chair(Command::GoOn);
    assert_eq!(last_result(&table).chosen, Some(1));
    table.chair(Command::ExtendPhase { by: Millis::from_secs(60) });
    table.wait_s(60);
    assert_eq!(table.phase_id(), Some("discussion-1"), "more time is more talk");
    table.chair(Command::GoOn);
    assert_eq!(table.phase_id(), Some("choix-2"));
}

#[test]
fn a_question_is_answered_before_the_phase_is_left() {
    let mut table = Table::new(template("oxford-debate"), eight());
    table.everyone_comes();
    table.chair(Command::GoOn);
    while table.next() != NextStep::OpenVote {
        table.chair(Command::NextPhase);
    }
    let stage = table.room.phase().stage;
    table.chair(Command::GoOn);
    let vote = table.room.votes().open.expect("asked");
    assert_eq!(vote.about, VoteAbout::Question);
    assert!(matches!(vote.options[..], [VoteOption::Answer { index: 0 }, ..]));
    for seat in 0..8 {
        table.does(Seat(seat), cast(seat % 2));
    }
    assert_eq!(last_result(&table).chosen, None, "as many as not");
    assert_eq!(table.room.phase().stage, stage);
    assert!(matches!(table.next(), NextStep::Phase { .. }), "an answer, all the same");
}

#[test]
fn the_chair_stays_in_a_phase_that_is_about_to_end() {
    let mut table = Table::codev_at("accueil", eight());
    assert_eq!(table.tries(CHAIR, Command::Stay), Err(Refusal::NoChange));
    for seat in 0..8 {
        table.does(Seat(seat), Command::ReleaseFloor);
    }
    assert!(table.room.phase().advance.is_some());
    table.chair(Command::Stay);
    assert_eq!(table.room.phase().advance, None);
    table.wait_s(600);
    assert_eq!(table.phase_id(), Some("accueil"));
    table.chair(Command::GoOn);
    assert_eq!(table.phase_id(), Some("choix-du-sujet"));
}

#[test]
fn a_pause_takes_the_announcement_back() {
    let mut table = Table::codev_at("accueil", eight());
    for seat in 0..8 {
        table.does(Seat(seat), Command::ReleaseFloor);
    }
    table.wait_s(3);
    table.chair(Command::PausePhase);
    assert_eq!(table.room.phase().advance, None);
    table.wait_s(60);
    table.chair(Command::ResumePhase);
    table.wait(Millis(4_999));
    assert_eq!(table.phase_id(), Some("accueil"));
    table.wait(Millis(1));
    assert_eq!(table.phase_id(), Some("choix-du-sujet"));
}

#[test]
fn the_end_of_a_clock_is_announced_and_costs_no_time() {
    let mut table = Table::codev_at("reflexion", eight());
    table.wait_s(114);
    assert_eq!(table.room.phase().advance, None);
    table.wait_s(1);
    let at = table.room.phase().advance.expect("announced").at;
    assert_eq!(at, table.now + Millis::from_secs(5));
    table.chair(Command::ExtendPhase { by: Millis::from_secs(30) });
    assert_eq!(table.room.phase().advance, None, "there is more time");
    table.wait_s(35);
    assert_eq!(table.phase_id(), Some("consultation"));
}

#[test]
fn more_time_for_a_phase_that_everyone_spoke_in_keeps_it_open() {
    let mut template = template("codev-1h15");
    template.phases[0].transition = Transition::AllSpoken;
    let mut table = Table::at(template, "accueil", eight());
    for seat in 0..8 {
        table.does(Seat(seat), Command::ReleaseFloor);
    }
    table.chair(Command::ExtendPhase { by: Millis::from_secs(30) });
    table.wait_s(600);
    assert_eq!(table.phase_id(), Some("accueil"));
}

#[test]
fn the_one_key_ends_the_last_phase_and_is_of_no_use_after() {
    let mut table = Table::codev_at("cloture", eight());
    assert_eq!(table.next(), NextStep::End);
    table.chair(Command::GoOn);
    assert_eq!((table.room.phase().stage, table.next()), (Stage::Ended, NextStep::Over));
}
