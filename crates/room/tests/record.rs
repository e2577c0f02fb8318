//! What is written, by whom, and what becomes of it: one test a rule.

mod common;

use common::{CHAIR, CLIENT, Table, eight, person};
use palabre_facilitation::Template;
use palabre_ids::{Millis, Role, Seat};
use palabre_room::{Command, Effect, Input, Part, Refusal};
use palabre_vocabulary::{EntryDraft, EntryId, RecordFate, Stage};

fn add(entry: EntryDraft) -> Command {
    Command::AddEntry { entry }
}

fn suggestion(text: &str) -> EntryDraft {
    EntryDraft::Suggestion { text: text.into() }
}

fn action(what: &str) -> EntryDraft {
    EntryDraft::Action { what: what.into(), when: String::new(), first_step: String::new() }
}

fn learning(text: &str) -> EntryDraft {
    EntryDraft::Learning { text: text.into() }
}

fn rating(stars: u8, comment: &str) -> EntryDraft {
    EntryDraft::Rating { stars, comment: comment.into() }
}

fn decide(fate: RecordFate) -> Command {
    Command::DecideRecord { fate }
}

fn consultation() -> Table {
    Table::codev_at("consultation", eight())
}

#[test]
fn each_kind_is_written_in_its_phase_by_its_roles() {
    let mut people = eight();
    people.push(person(Role::Observer));
    let mut table = Table::codev_at("consultation", people);
    let effects = table.does(Seat(3), add(suggestion(" Commencer petit ")));
    assert_eq!(effects, [Effect::Changed(Part::Entry(EntryId(1)))]);
    let entry = table.room.entry(EntryId(1)).unwrap();
    assert_eq!((entry.seat, entry.at, entry.kept), (Seat(3), table.now, false));
    assert_eq!(entry.entry, suggestion("Commencer petit"));
    assert_eq!(table.tries(Seat(8), add(suggestion("x"))), Err(Refusal::NotInThisPhase));
    assert_eq!(table.tries(CLIENT, add(action("x"))), Err(Refusal::NotInThisPhase), "too early");
    assert_eq!(table.tries(Seat(3), add(learning("x"))), Err(Refusal::NotInThisPhase));
    table.chair(Command::NextPhase);
    table.does(CLIENT, add(action("Une liste")));
    table.chair(Command::NextPhase);
    table.does(CLIENT, add(action("Un appel")));
    assert_eq!(table.tries(Seat(3), add(action("x"))), Err(Refusal::NotInThisPhase));
    table.does(Seat(3), add(learning("Oser")));
    assert_eq!(table.room.entries().count(), 4);
}

#[test]
fn texts_have_their_limits() {
    let mut table = consultation();
    for bad in ["", "  ", "a\u{7}b", &"x".repeat(1_001)] {
        assert_eq!(table.tries(Seat(3), add(suggestion(bad))), Err(Refusal::BadText));
    }
    table.does(Seat(3), add(suggestion(&"é".repeat(1_000))));
    let mut table = Table::codev_at("synthese", eight());
    let when = |when: String| EntryDraft::Action { what: "x".into(), when, first_step: "y".into() };
    assert_eq!(table.tries(CLIENT, add(when("x".repeat(101)))), Err(Refusal::BadText));
    table.does(CLIENT, add(when("x".repeat(100))));
    assert_eq!(table.tries(CLIENT, add(action(""))), Err(Refusal::BadText));
    table.chair(Command::NextPhase);
    for stars in [0, 6] {
        assert_eq!(table.tries(Seat(3), add(rating(stars, ""))), Err(Refusal::OutOfRange));
    }
}

#[test]
fn the_record_has_a_bound_for_each_and_for_all() {
    let mut table = consultation();
    for _ in 0..40 {
        table.does(Seat(3), add(suggestion("x")));
    }
    assert_eq!(table.tries(Seat(3), add(suggestion("x"))), Err(Refusal::RecordFull));
    table.does(Seat(3), Command::RemoveEntry { id: EntryId(7) });
    table.does(Seat(3), add(suggestion("x")));
    assert_eq!(table.room.entry(EntryId(7)), None);
    assert!(table.room.entry(EntryId(41)).is_some(), "a number is never used again");
    // 24 KiB of text in all.
    let long = "x".repeat(1_000);
    let mut written = 0;
    while table.tries(Seat(4), add(suggestion(&long))).is_ok() {
        written += 1;
    }
    assert_eq!(written, 24);
    assert_eq!(
        table.tries(Seat(5), Command::ChangeEntry { id: EntryId(1), entry: suggestion(&long) }),
        Err(Refusal::NotEligible)
    );
    assert_eq!(
        table.tries(Seat(3), Command::ChangeEntry { id: EntryId(1), entry: suggestion(&long) }),
        Err(Refusal::RecordFull)
    );
    table.does(Seat(3), Command::ChangeEntry { id: EntryId(1), entry: suggestion("y") });
}

#[test]
fn everyone_rewrites_their_own_the_client_theirs_and_the_chair_may_strike_out() {
    let mut table = consultation();
    table.does(Seat(3), add(suggestion("a")));
    let id = EntryId(1);
    let change = |text: &str| Command::ChangeEntry { id, entry: suggestion(text) };
    table.does(Seat(3), change("b"));
    table.does(CLIENT, change("c"));
    assert_eq!(table.room.entry(id).unwrap().seat, Seat(3), "it stays its author's");
    assert_eq!(table.tries(Seat(4), change("d")), Err(Refusal::NotEligible));
    assert_eq!(table.tries(CHAIR, change("d")), Err(Refusal::NotEligible));
    let other_kind = Command::ChangeEntry { id, entry: learning("d") };
    assert_eq!(table.tries(Seat(3), other_kind), Err(Refusal::OutOfRange));
    assert_eq!(table.tries(Seat(4), Command::RemoveEntry { id }), Err(Refusal::NotEligible));
    table.chair(Command::RemoveEntry { id });
    assert_eq!(table.tries(CHAIR, Command::RemoveEntry { id }), Err(Refusal::NoSuchEntry));
    while table.phase_id() != Some("apprentissages") {
        table.chair(Command::NextPhase);
    }
    table.does(Seat(3), add(learning("mine")));
    for seat in [CLIENT, CHAIR] {
        let remove = Command::RemoveEntry { id: EntryId(2) };
        assert_eq!(table.tries(seat, remove), Err(Refusal::NotEligible), "a learning is one's own");
    }
    table.does(Seat(3), Command::RemoveEntry { id: EntryId(2) });
}

#[test]
fn a_second_rating_takes_the_place_of_the_first() {
    let mut table = Table::codev_at("apprentissages", eight());
    table.does(Seat(3), add(rating(2, "bof")));
    table.does(Seat(4), add(rating(5, "")));
    table.does(Seat(3), add(rating(4, "")));
    let ratings: Vec<_> =
        table.room.entries().map(|entry| (entry.id.0, entry.seat.0, entry.entry.clone())).collect();
    assert_eq!(ratings, [(1, 3, rating(4, "")), (2, 4, rating(5, ""))]);
}

#[test]
fn the_client_alone_keeps_suggestions() {
    let mut table = consultation();
    table.does(Seat(3), add(suggestion("a")));
    let keep = |id: u32, kept: bool| Command::KeepEntry { id: EntryId(id), kept };
    assert_eq!(table.tries(Seat(3), keep(1, true)), Err(Refusal::NotEligible));
    assert_eq!(table.tries(CLIENT, keep(2, true)), Err(Refusal::NoSuchEntry));
    assert_eq!(table.tries(CLIENT, keep(1, false)), Err(Refusal::NoChange));
    table.does(CLIENT, keep(1, true));
    table.chair(Command::NextPhase);
    table.does(CLIENT, keep(1, false));
    table.does(CLIENT, add(action("x")));
    assert_eq!(table.tries(CLIENT, keep(2, true)), Err(Refusal::OutOfRange));
}

#[test]
fn notes_are_their_persons_alone() {
    let mut table = consultation();
    let notes = |text: &str| Command::SetNotes { text: text.into() };
    let effects = table.does(Seat(3), notes("un secret\n"));
    assert_eq!(effects, [Effect::Personal(Seat(3))], "nobody else is told");
    assert_eq!(table.room.personal(Seat(3)).unwrap().notes, "un secret\n");
    for seat in (0..8).filter(|seat| *seat != 3) {
        assert_eq!(table.room.personal(Seat(seat)).unwrap().notes, "");
    }
    assert_eq!(table.tries(Seat(3), notes(&"x".repeat(8_001))), Err(Refusal::BadText));
    table.does(Seat(3), notes(&"é".repeat(8_000)));
    table.does(Seat(3), notes(""));
    assert_eq!(table.room.personal(Seat(3)).unwrap().notes, "");
}

#[test]
fn help_is_asked_of_the_chair_alone_and_at_any_time() {
    let mut people = eight();
    people.push(person(Role::Observer));
    let mut table = Table::codev_at("consultation", people);
    let help = |text: &str| Command::Help { text: text.into() };
    assert!(!table.room.floor().chat_open);
    assert_eq!(table.does(Seat(8), help("Je n'entends rien")), [Effect::Personal(CHAIR)]);
    let lines = table.room.personal(CHAIR).unwrap().chair.unwrap().help;
    assert_eq!((lines.len(), lines[0].seat), (1, Seat(8)));
    assert_eq!(table.room.personal(Seat(8)).unwrap().chair, None);
    assert_eq!(table.tries(Seat(8), help("")), Err(Refusal::BadText));
    assert_eq!(table.tries(Seat(8), help(&"x".repeat(501))), Err(Refusal::BadText));
    for number in 0..25 {
        table.does(Seat(3), help(&number.to_string()));
    }
    let lines = table.room.personal(CHAIR).unwrap().chair.unwrap().help;
    assert_eq!((lines.len(), lines[0].text.as_str()), (20, "5"), "the last of them are kept");
}

/// A session in which everybody wrote everything, at its end.
fn written() -> Table {
    let mut table = Table::codev_at("consultation", eight());
    table.does(Seat(3), add(suggestion("kanarienvogel eins")));
    table.does(Seat(3), Command::SetNotes { text: "kanarienvogel zwei".into() });
    table.does(Seat(3), Command::Help { text: "kanarienvogel drei".into() });
    table.chair(Command::RevokeFloor);
    table.does(Seat(3), Command::Chat { text: "kanarienvogel vier".into() });
    table
        .input(Input::Talked { voices: vec![(Seat(2), Millis(400))] })
        .expect("the test's own figures are sound");
    table
}

fn whole(table: &Table) -> String {
    serde_json::to_string(&table.room).expect("the test's own figures are sound")
}

#[test]
fn a_room_that_is_printed_shows_no_content() {
    let mut table = written();
    table.chair(Command::PreviousPhase);
    assert!(!format!("{:?}", table.room).contains("kanarienvogel"));
    assert!(!format!("{:?}", Command::Help { text: "kanarienvogel".into() }).contains("kana"));
}

#[test]
fn an_undecided_record_stays_for_an_hour() {
    let mut table = written();
    let effects = table.chair(Command::EndSession);
    assert_eq!(effects.last(), Some(&Effect::Ended));
    assert!(whole(&table).contains("kanarienvogel eins"));
    for gone in ["drei", "vier"] {
        assert!(!whole(&table).contains(gone), "help and chat are forgotten at once");
    }
    assert_eq!(table.room.personal(Seat(2)).unwrap().talk, Default::default(), "and talk time");
    assert_eq!(table.room.personal(Seat(3)).unwrap().notes, "kanarienvogel zwei");
    assert_eq!(table.tries(Seat(3), add(suggestion("late"))), Err(Refusal::Ended));
    table.wait(Millis(3_599_999));
    table.input(Input::Left { seat: CLIENT }).unwrap();
    table.connect(CLIENT);
    assert_eq!(table.room.entries().count(), 1, "who comes back reads it");
    assert_eq!(table.wait(Millis(1)).last(), Some(&Effect::Erase));
    assert!(!whole(&table).contains("kanarienvogel"));
    assert_eq!(table.input(Input::Connected { seat: CLIENT, resumed: false }), Err(Refusal::Ended));
    assert_eq!(table.room.poll_timeout(), None);
}

#[test]
fn a_kept_record_stays_for_a_day() {
    let mut table = written();
    table.does(CLIENT, decide(RecordFate::Keep));
    table.chair(Command::EndSession);
    table.wait_s(24 * 3_600 - 1);
    assert!(whole(&table).contains("kanarienvogel eins"));
    assert_eq!(table.wait_s(1).last(), Some(&Effect::Erase));
    assert!(!whole(&table).contains("kanarienvogel"));
    assert_eq!(table.room.state().record, RecordFate::Erase);
}

#[test]
fn an_erased_record_is_gone_with_the_session() {
    let mut table = written();
    table.does(CLIENT, decide(RecordFate::Erase));
    assert!(whole(&table).contains("kanarienvogel"), "as long as the session runs it is needed");
    let effects = table.chair(Command::EndSession);
    let last: Vec<_> = effects.iter().rev().take(2).collect();
    assert_eq!(last, [&Effect::Erase, &Effect::Ended]);
    assert!(effects.contains(&Effect::Changed(Part::Entry(EntryId(1)))));
    assert!(!whole(&table).contains("kanarienvogel"));
    assert!(table.room.phase().contract.is_none() && table.room.votes().results.is_empty());
}

#[test]
fn the_client_changes_their_mind_after_the_end() {
    let mut table = written();
    table.chair(Command::EndSession);
    table.wait_s(60);
    table.does(CLIENT, decide(RecordFate::Keep));
    table.wait_s(2 * 3_600);
    assert_eq!(table.room.phase().stage, Stage::Ended);
    assert!(whole(&table).contains("kanarienvogel eins"));
    assert_eq!(table.does(CLIENT, decide(RecordFate::Erase)).last(), Some(&Effect::Erase));
    assert!(!whole(&table).contains("kanarienvogel"));
    assert_eq!(table.tries(CLIENT, decide(RecordFate::Keep)), Err(Refusal::Ended));
}

#[test]
fn the_record_is_the_clients_to_decide_and_the_chairs_where_there_is_none() {
    let mut table = written();
    for seat in [CHAIR, Seat(3)] {
        assert_eq!(table.tries(seat, decide(RecordFate::Erase)), Err(Refusal::NotEligible));
    }
    table.input(Input::Left { seat: CLIENT }).unwrap();
    assert_eq!(
        table.tries(CHAIR, decide(RecordFate::Erase)),
        Err(Refusal::NotEligible),
        "whoever left did not give it away"
    );
    table.connect(CLIENT);
    table.does(CLIENT, decide(RecordFate::Keep));
    assert_eq!(table.tries(CLIENT, decide(RecordFate::Keep)), Err(Refusal::NoChange));
    assert_eq!(table.tries(CLIENT, decide(RecordFate::Undecided)), Err(Refusal::OutOfRange));

    let mut people = eight();
    people[1] = person(Role::Consultant);
    let mut table = Table::at(Template::builtin("plain-meeting").unwrap(), "reunion", people);
    table.chair(decide(RecordFate::Erase));
    assert_eq!(table.room.state().record, RecordFate::Erase);
}

#[test]
fn a_restart_does_not_prolong_a_record() {
    let mut table = written();
    table.chair(Command::EndSession);
    let down_since = Some(table.now);
    table.now = table.now + Millis::from_secs(3_601);
    let effects = table.input(Input::Restarted { down_since }).unwrap();
    assert_eq!(effects.last(), Some(&Effect::Erase));
    assert!(!whole(&table).contains("kanarienvogel"));
}
