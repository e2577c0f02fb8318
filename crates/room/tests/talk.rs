//! How speech is balanced, and who is told: one test a rule.

mod common;

use common::{CHAIR, CLIENT, Table, eight, person};
use palabre_facilitation::{FloorPolicy, Template};
use palabre_ids::{Millis, Role, Seat};
use palabre_room::{Command, Effect, Input, Refusal};
use palabre_vocabulary::{Band, SpeechBalance, TalkShare};

fn talked(voices: &[(u8, u64)]) -> Input {
    let voices = voices.iter().map(|(seat, seconds)| (Seat(*seat), Millis::from_secs(*seconds)));
    Input::Talked { voices: voices.collect() }
}

fn share(table: &Table, seat: u8) -> TalkShare {
    table.room.personal(Seat(seat)).expect("the test's own figures are sound").talk
}

fn balance(table: &Table, seat: u8) -> SpeechBalance {
    let chair = table
        .room
        .personal(CHAIR)
        .expect("the test's own figures are sound")
        .chair
        .expect("the test's own figures are sound");
    chair.balance.into_iter().find(|one| one.seat.0 == seat).expect("they are compared")
}

/// An open meeting of a facilitator and four.
fn meeting() -> Table {
    let people = eight().into_iter().take(5).collect();
    Table::at(
        Template::builtin("plain-meeting").expect("the test's own figures are sound"),
        "reunion",
        people,
    )
}

/// Lets `seconds` go by, of which each of `voices` was heard for some.
fn minutes(table: &mut Table, seconds: u64, voices: &[(u8, u64)]) {
    table.wait_s(seconds);
    table.input(talked(voices)).expect("the test's own figures are sound");
}

#[test]
fn everyone_is_told_their_own_share_alone() {
    let mut table = meeting();
    table.wait_s(100);
    let effects = table.input(talked(&[(1, 60), (2, 30), (3, 10)])).unwrap();
    let told: Vec<_> = [0, 1, 2, 3].map(|seat| Effect::Personal(Seat(seat))).into();
    assert_eq!(effects, told, "those whose figures changed, and the chair");
    let fair = 25;
    assert_eq!(share(&table, 1), TalkShare { spoke: Millis::from_secs(60), share: 60, fair });
    assert_eq!(share(&table, 2), TalkShare { spoke: Millis::from_secs(30), share: 30, fair });
    assert_eq!(share(&table, 4), TalkShare { spoke: Millis::ZERO, share: 0, fair });
    let public = serde_json::to_string(&(table.room.people(), table.room.floor())).unwrap();
    assert!(!public.contains("spoke") && !public.contains("band"));
}

#[test]
fn bands_compare_with_what_each_was_entitled_to() {
    let mut table = meeting();
    minutes(&mut table, 15, &[(1, 15)]);
    assert_eq!(balance(&table, 1).band, Band::Unknown, "nobody was entitled to enough yet");
    minutes(&mut table, 105, &[(1, 40), (2, 25), (3, 28), (4, 5)]);
    let bands: Vec<Band> = (1..5).map(|seat| balance(&table, seat).band).collect();
    // 55, 25, 28 and 5 of 113 s, where 28 would be even.
    assert_eq!(bands, [Band::Much, Band::Even, Band::Even, Band::Quiet]);
}

#[test]
fn under_a_minute_nothing_can_be_told() {
    let mut table = meeting();
    minutes(&mut table, 200, &[(1, 59)]);
    assert_eq!(balance(&table, 1).band, Band::Unknown);
    minutes(&mut table, 1, &[(1, 1)]);
    assert_eq!(balance(&table, 1).band, Band::Much);
}

#[test]
fn a_clients_account_is_no_domination() {
    let mut table = Table::codev_at("expose", eight());
    for _ in 0..30 {
        minutes(&mut table, 10, &[(1, 10)]);
    }
    assert_eq!(
        share(&table, 1),
        TalkShare { spoke: Millis::from_secs(300), share: 100, fair: 100 }
    );
    assert_eq!(balance(&table, 1).band, Band::Even);
    assert_eq!(balance(&table, 2).band, Band::Unknown);
}

#[test]
fn facilitators_are_on_neither_side() {
    let mut people = eight();
    people[7] = person(Role::CoFacilitator);
    let mut table = Table::at(Template::builtin("plain-meeting").unwrap(), "reunion", people);
    minutes(&mut table, 120, &[(0, 100), (7, 50), (2, 60)]);
    assert_eq!(share(&table, 0), TalkShare { spoke: Millis::from_secs(100), share: 0, fair: 0 });
    assert_eq!(share(&table, 2).share, 100);
    let chair = table.room.personal(CHAIR).unwrap().chair.unwrap();
    let seats: Vec<u8> = chair.balance.iter().map(|one| one.seat.0).collect();
    assert_eq!(seats, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn nobody_was_heard_longer_than_time_went_by() {
    let mut table = meeting();
    minutes(&mut table, 5, &[(1, 4_000_000)]);
    minutes(&mut table, 5, &[(1, 4_000_000)]);
    assert!(share(&table, 1).spoke <= Millis::from_secs(10) + Millis(1_001_000));
    let mut table = meeting();
    minutes(&mut table, 5, &[(1, 5)]);
    minutes(&mut table, 5, &[(1, 4_000_000)]);
    assert_eq!(share(&table, 1).spoke, Millis::from_secs(10));
    assert_eq!(table.input(talked(&[(9, 1)])), Err(Refusal::NoSuchSeat));
}

#[test]
fn while_clocks_stand_nobody_is_entitled_to_anything() {
    let mut table = meeting();
    table.chair(Command::PausePhase);
    minutes(&mut table, 100, &[(1, 10)]);
    assert_eq!(share(&table, 1).fair, 0);
    table.chair(Command::ResumePhase);
    minutes(&mut table, 100, &[]);
    assert_eq!(share(&table, 1).fair, 25);
}

#[test]
fn turns_unused_time_waits_and_attempts_are_for_the_chair() {
    let mut table = Table::codev_at("consultation", eight());
    table.wait_s(30);
    table.does(Seat(2), Command::ReleaseFloor);
    let two = balance(&table, 2);
    assert_eq!((two.turns, two.unused), (2, Millis::from_secs(90)), "with their question before");
    table.does(Seat(3), Command::Pass);
    assert_eq!(balance(&table, 3).unused, Millis::ZERO, "who passes gives nothing back");
    table.wait_s(130);
    assert_eq!((balance(&table, 4).turns, balance(&table, 4).unused), (1, Millis::ZERO), "cut");
    for seat in [5, 6, 7] {
        table.does(Seat(seat), Command::ReleaseFloor);
    }
    table.does(Seat(2), Command::RequestFloor);
    table.does(Seat(3), Command::RequestFloor);
    table.wait_s(40);
    table.does(Seat(2), Command::ReleaseFloor);
    assert_eq!(balance(&table, 3).longest_wait, Millis::from_secs(40));
    assert_eq!(balance(&table, 2).longest_wait, Millis::ZERO);
    table.input(Input::Blocked { seat: Seat(5) }).unwrap();
    table.input(Input::Blocked { seat: Seat(5) }).unwrap();
    assert_eq!(balance(&table, 5).blocked, 2);
}

#[test]
fn a_turn_that_a_drop_cut_in_two_is_one() {
    let mut table = Table::codev_at("consultation", eight());
    let before = balance(&table, 2).turns;
    table.wait_s(10);
    table.disconnect(Seat(2));
    table.wait_s(20);
    table.does(Seat(3), Command::ReleaseFloor);
    table.connect(Seat(2));
    table.does(Seat(4), Command::ReleaseFloor);
    assert_eq!(table.holder(), Some(Seat(2)));
    assert_eq!(balance(&table, 2).turns, before);
}

#[test]
fn the_quietest_hand_comes_first_where_the_template_says_so() {
    let mut template = Template::builtin("codev-1h15").unwrap();
    let phase = template.phases.iter_mut().find(|phase| phase.id == "consultation").unwrap();
    let FloorPolicy::Queue { who, turn } = phase.steps[1].floor else { panic!("a queue") };
    phase.steps = vec![phase.steps[1].clone()];
    phase.steps[0].floor = FloorPolicy::QuietFirst { who, turn };
    let mut table = Table::at(template, "consultation", eight());
    minutes(&mut table, 60, &[(2, 20), (3, 5), (4, 40)]);
    for seat in [5, 4, 2, 3] {
        table.does(Seat(seat), Command::RequestFloor);
    }
    assert_eq!((table.holder(), table.hands()), (Some(Seat(5)), vec![3, 2, 4]));
}

#[test]
fn talk_outside_the_phases_is_not_counted() {
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), eight());
    table.everyone_comes();
    minutes(&mut table, 60, &[(1, 60)]);
    table.chair(Command::GoOn);
    assert_eq!(share(&table, 1), TalkShare::default());
    assert_eq!(table.tries(CLIENT, Command::Pass).map(|_| ()), Ok(()));
}
