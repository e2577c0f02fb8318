//! What happens when somebody drops: one test a rule.

mod common;

use common::{CHAIR, CLIENT, Table, eight, person};
use palabre_facilitation::Template;
use palabre_ids::{Millis, Role, Seat, UnixMillis};
use palabre_room::{Command, Effect, Input, Part, Refusal};
use palabre_vocabulary::{Clock, DropCause, Presence, Rung, Stage, Waiting};

const SPEAKER: Seat = Seat(2);

/// Consultation: the first consultant has spoken for 30 s of their 120.
fn speaking() -> Table {
    let mut table = Table::codev_at("consultation", eight());
    table.wait_s(30);
    assert_eq!((table.holder(), table.turn_left()), (Some(SPEAKER), Millis::from_secs(90)));
    table
}

#[test]
fn a_short_loss_is_no_drop() {
    let mut table = speaking();
    table.disconnect(SPEAKER);
    table.wait(Millis(999));
    let effects = table.connect(SPEAKER);
    assert_eq!(effects, [], "nobody saw anything");
    assert_eq!(table.turn_left(), Millis(89_001));
    assert_eq!(table.wait_s(2), [], "and nothing follows");
}

#[test]
fn the_chair_is_shown_what_had_happened_and_how_they_came_back() {
    let mut table = speaking();
    let recovered = |seat, gap| Input::Recovered {
        seat,
        rung: Rung::IceRestart,
        cause: DropCause::PathDead,
        gap,
    };
    let drops =
        |table: &Table| table.room.personal(CHAIR).expect("a seat").chair.expect("chair").drops;
    table.disconnect(SPEAKER);
    table.wait_s(5);
    table.connect(SPEAKER);
    table.wait_s(1);
    table.input(recovered(SPEAKER, Millis(5_200))).expect("taken");
    let told = drops(&table);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].cause, told[0].rung), (Some(DropCause::PathDead), Some(Rung::IceRestart)));
    assert!(told[0].back_at.is_some());
    // A silence that nobody took for a drop: a short one is not shown, a long one is.
    table.wait_s(60);
    table.input(recovered(Seat(3), Millis(1_999))).expect("taken");
    assert_eq!(drops(&table).len(), 1);
    table.input(recovered(Seat(3), Millis(u64::MAX))).expect("taken");
    let told = drops(&table);
    assert_eq!((told.len(), told[1].seat, told[1].back_at), (2, Seat(3), Some(table.now)));
    // It is no word on a drop of long ago, nor of somebody who is not there.
    table.input(recovered(SPEAKER, Millis(10))).expect("taken");
    assert_eq!(drops(&table).len(), 2);
    assert_eq!(table.input(recovered(Seat(99), Millis(10))), Err(Refusal::NoSuchSeat));
}

#[test]
fn a_speakers_time_stands_and_comes_back_to_the_millisecond() {
    let mut table = speaking();
    let turn = table.turn().turn_id;
    table.wait(Millis(123));
    table.disconnect(SPEAKER);
    table.wait_s(12);
    let until = table.now + Millis::from_secs(8);
    assert_eq!(table.turn().waiting, Some(Waiting::SpeakerAway { until }));
    assert_eq!(
        table.presence(SPEAKER),
        Presence::Away { since: UnixMillis(table.now.0 - 12_000), held_until: Some(until) }
    );
    assert_eq!(table.turn().clock, Some(Clock::Paused { remaining: Millis(89_877) }));
    assert!(!table.phase_stands(), "the phase goes on");
    table.connect(SPEAKER);
    assert_eq!((table.turn().turn_id, table.turn_left()), (turn, Millis(89_877)));
    assert_eq!(table.turn().waiting, None);
}

#[test]
fn after_20_s_the_turn_passes_on_and_waits_at_the_head_of_the_queue() {
    let mut table = speaking();
    table.does(SPEAKER, Command::SetMuted { muted: true });
    table.disconnect(SPEAKER);
    table.wait(Millis(19_999));
    assert_eq!(table.holder(), Some(SPEAKER));
    table.wait(Millis(1));
    assert_eq!(table.holder(), Some(Seat(3)));
    table.does(Seat(5), Command::RequestFloor);
    assert_eq!(table.hands(), [2, 5]);
    assert_eq!(table.room.floor().hands[0].remaining, Some(Millis::from_secs(90)));
    table.does(Seat(3), Command::ReleaseFloor);
    assert_eq!(table.holder(), Some(Seat(4)), "who is away is not given the floor");
    table.connect(SPEAKER);
    assert_eq!(table.holder(), Some(Seat(4)), "nobody is interrupted");
    table.does(Seat(4), Command::ReleaseFloor);
    assert_eq!((table.holder(), table.turn_left()), (Some(SPEAKER), Millis::from_secs(90)));
    assert!(table.room.person(SPEAKER).unwrap().muted, "nobody is un-muted by coming back");
    assert_eq!(table.heard(), [0]);
    table.does(SPEAKER, Command::ReleaseFloor);
    assert_eq!(table.holder(), Some(Seat(5)), "the round goes on where it was");
}

#[test]
fn a_place_is_kept_for_20_s_in_all_however_often_they_drop() {
    let mut table = speaking();
    for _ in 0..2 {
        table.disconnect(SPEAKER);
        table.wait_s(9);
        table.connect(SPEAKER);
        table.wait_s(1);
    }
    table.disconnect(SPEAKER);
    table.wait(Millis(1_999));
    assert_eq!(table.holder(), Some(SPEAKER));
    table.wait(Millis(1));
    assert_eq!(table.holder(), Some(Seat(3)));
}

#[test]
fn dropping_within_the_grace_gives_no_second_grace() {
    let mut table = speaking();
    table.wait_s(94);
    table.disconnect(SPEAKER);
    table.wait_s(3);
    assert_eq!(table.turn().clock, Some(Clock::Paused { remaining: Millis::ZERO }));
    table.connect(SPEAKER);
    table.wait(Millis(5_999));
    assert_eq!(table.holder(), Some(SPEAKER));
    table.wait(Millis(1));
    assert_eq!(table.holder(), Some(Seat(3)));
}

#[test]
fn a_hand_keeps_its_place() {
    let mut table = speaking();
    for seat in [6, 4, 5] {
        table.does(Seat(seat), Command::RequestFloor);
    }
    table.disconnect(Seat(6));
    table.wait_s(40);
    table.connect(Seat(6));
    assert_eq!(table.hands(), [6, 4, 5]);
}

#[test]
fn whoever_was_away_when_their_place_in_the_round_came_has_it_afterwards() {
    let mut table = speaking();
    table.disconnect(Seat(4));
    table.wait_s(2);
    for seat in [2, 3, 5, 6] {
        table.does(Seat(seat), Command::ReleaseFloor);
    }
    assert_eq!((table.holder(), table.upcoming()), (Some(Seat(7)), vec![4]));
    table.does(Seat(2), Command::RequestFloor);
    table.does(Seat(7), Command::ReleaseFloor);
    // The queue began: the place in the round is a hand before every second turn.
    assert_eq!((table.holder(), table.hands()), (Some(Seat(2)), vec![4]));
    table.connect(Seat(4));
    table.does(Seat(2), Command::ReleaseFloor);
    assert_eq!(table.holder(), Some(Seat(4)));
}

#[test]
fn the_phase_stands_for_the_client_and_goes_on_when_they_are_back() {
    let mut table = Table::codev_at("clarification", eight());
    table.wait_s(10);
    table.disconnect(CLIENT);
    table.wait_s(60);
    assert!(table.phase_stands());
    assert_eq!(table.paused_for(), Some(CLIENT));
    assert_eq!(table.phase_left(), Millis::from_secs(14 * 60 - 10));
    assert_eq!((table.holder(), table.turn_left()), (Some(Seat(2)), Millis::from_secs(10)));
    assert_eq!(table.turn().waiting, Some(Waiting::PhasePaused));
    assert!(table.room.floor().chat_open, "suggestions go on in writing");
    table.connect(CLIENT);
    assert_eq!(table.paused_for(), None);
    assert_eq!(table.phase_left(), Millis::from_secs(14 * 60 - 10));
    assert_eq!((table.holder(), table.turn_left()), (Some(Seat(2)), Millis::from_secs(10)));
}

#[test]
fn the_clients_own_turn_is_held_120_s_then_the_facilitator_chooses() {
    let mut table = Table::codev_at("clarification", eight());
    table.does(Seat(2), Command::YieldFloor { to: None });
    table.wait_s(20);
    assert_eq!((table.holder(), table.turn_left()), (Some(CLIENT), Millis::from_secs(40)));
    table.disconnect(CLIENT);
    table.wait(Millis(119_999));
    assert_eq!(table.holder(), Some(CLIENT));
    assert!(matches!(table.presence(CLIENT), Presence::Away { held_until: Some(_), .. }));
    table.wait(Millis(1));
    assert_eq!((table.holder(), table.hands()), (None, vec![1]));
    assert!(table.phase_stands(), "nothing goes on by itself");
    assert!(matches!(table.presence(CLIENT), Presence::Away { held_until: None, .. }));
    table.chair(Command::ResumePhase);
    assert!(!table.phase_stands());
    table.wait_s(30);
    table.connect(CLIENT);
    assert_eq!((table.holder(), table.turn_left()), (Some(CLIENT), Millis::from_secs(40)));
    assert_eq!(table.turn().partner, Some(Seat(2)), "they go on with the same answer");
}

#[test]
fn while_the_client_is_away_another_can_be_named() {
    let mut table = Table::codev_at("expose", eight());
    table.disconnect(CLIENT);
    table.wait_s(2);
    table.chair(Command::NameClient { seat: Seat(4) });
    assert_eq!((table.holder(), table.phase_stands()), (Some(Seat(4)), false));
    table.connect(CLIENT);
    assert_eq!(table.holder(), Some(Seat(4)));
    assert_eq!(table.room.person(CLIENT).unwrap().role, Role::Consultant);
}

#[test]
fn the_facilitators_drop_stops_nothing_and_15_s_later_the_timers_advance() {
    let mut table = Table::codev_at("reflexion", eight());
    table.wait_s(100);
    table.disconnect(CHAIR);
    table.wait(Millis(14_999));
    assert_eq!(table.room.state().chair, Some(CHAIR));
    table.wait(Millis(1));
    assert_eq!(table.room.state().chair, None);
    assert!(table.room.runs_by_itself());
    table.wait_s(5);
    assert_eq!(table.phase_id(), Some("consultation"), "the clock ended the phase");
    table.connect(CHAIR);
    assert_eq!(table.room.state().chair, None, "control comes back only on request");
    assert_eq!(table.tries(CHAIR, Command::NextPhase), Err(Refusal::NotFacilitator));
    assert_eq!(table.tries(CLIENT, Command::TakeChair), Err(Refusal::NotFacilitator));
    table.does(CHAIR, Command::TakeChair);
    table.chair(Command::NextPhase);
}

#[test]
fn without_a_chair_a_closed_gate_stays_closed() {
    let mut table = Table::codev_at("contrat", eight());
    table.disconnect(CHAIR);
    table.wait_s(600);
    assert_eq!(table.phase_id(), Some("contrat"));
    table.does(CLIENT, Command::ProposeContract { text: "Aidez-moi".into() });
    for seat in 2..7 {
        table.does(Seat(seat), Command::AcceptContract);
    }
    assert_eq!(table.phase_id(), Some("contrat"));
    table.does(Seat(7), Command::AcceptContract);
    assert_eq!(table.phase_id(), Some("contrat"), "nothing changes under anybody's hands");
    table.wait_s(5);
    assert_eq!(table.phase_id(), Some("reflexion"), "the time was over already");
}

#[test]
fn no_phase_ends_by_itself_while_the_chair_is_kept() {
    let mut table = Table::codev_at("reflexion", eight());
    table.wait_s(118);
    table.disconnect(CHAIR);
    table.wait_s(14);
    assert_eq!(table.phase_id(), Some("reflexion"));
    table.connect(CHAIR);
    assert_eq!((table.phase_id(), table.room.state().chair), (Some("reflexion"), Some(CHAIR)));
    table.wait_s(5);
    assert_eq!(table.phase_id(), Some("consultation"), "announced, now that somebody can stay");
}

#[test]
fn the_co_facilitator_has_the_chair_until_it_is_asked_back() {
    let mut people = eight();
    people[7] = person(Role::CoFacilitator);
    let mut table = Table::codev_at("consultation", people);
    assert_eq!(table.tries(Seat(7), Command::TakeChair), Err(Refusal::NotFacilitator));
    table.disconnect(CHAIR);
    table.wait_s(15);
    assert_eq!(table.room.state().chair, Some(Seat(7)));
    assert!(!table.room.runs_by_itself());
    table.does(Seat(7), Command::SkipTurn);
    table.connect(CHAIR);
    assert_eq!(table.room.state().chair, Some(Seat(7)));
    table.does(CHAIR, Command::TakeChair);
    assert_eq!(table.room.state().chair, Some(CHAIR));
    assert_eq!(table.tries(Seat(7), Command::SkipTurn), Err(Refusal::NotFacilitator));
}

#[test]
fn a_pause_does_not_outlive_the_chair() {
    let mut table = Table::codev_at("consultation", eight());
    table.chair(Command::PausePhase);
    table.disconnect(CHAIR);
    table.wait_s(15);
    assert!(!table.phase_stands());
}

#[test]
fn in_the_lobby_the_chair_stays() {
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), eight());
    table.everyone_comes();
    table.disconnect(CHAIR);
    table.wait_s(600);
    assert_eq!((table.room.phase().stage, table.room.state().chair), (Stage::Lobby, Some(CHAIR)));
    table.connect(CHAIR);
    table.chair(Command::NextPhase);
}

#[test]
fn whoever_leaves_frees_everything_at_once() {
    let mut table = speaking();
    table.does(Seat(4), Command::RequestFloor);
    table.input(Input::Left { seat: Seat(4) }).unwrap();
    assert_eq!((table.hands(), table.upcoming()), (vec![], vec![3, 5, 6, 7]));
    table.input(Input::Left { seat: SPEAKER }).unwrap();
    assert_eq!((table.holder(), table.hands()), (Some(Seat(3)), vec![]));
    table.input(Input::Left { seat: CHAIR }).unwrap();
    assert!(table.room.runs_by_itself());
    table.connect(SPEAKER);
    assert_eq!(table.presence(SPEAKER), Presence::Here, "the link still works");
}

#[test]
fn a_latecomer_enters_and_has_a_turn() {
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), eight());
    for seat in 0..7 {
        table.connect(Seat(seat));
    }
    table.chair(Command::NextPhase);
    assert_eq!(table.upcoming(), [1, 2, 3, 4, 5, 6]);
    table.connect(Seat(7));
    assert_eq!((table.holder(), table.upcoming()), (Some(CHAIR), vec![1, 2, 3, 4, 5, 6, 7]));
}

#[test]
fn a_restart_keeps_every_clock_and_goes_on_with_client_facilitator_and_three() {
    let mut table = speaking();
    table.does(Seat(5), Command::RequestFloor);
    table.does(Seat(6), Command::SetMuted { muted: true });
    table.wait(Millis(777));
    let (phase_left, turn_left) = (table.phase_left(), table.turn_left());
    let (turn, down_since) = (table.turn().turn_id, table.now);
    table.now = table.now + Millis::from_secs(3_600);
    let effects = table.input(Input::Restarted { down_since: Some(down_since) }).unwrap();
    assert!(matches!(effects[0], Effect::Rights(_)), "a new media plane is told everything");
    assert!(effects.contains(&Effect::Changed(Part::Phase)));
    for seat in [CHAIR, Seat(3), Seat(4), Seat(5)] {
        table.connect(seat);
        table.wait_s(20);
    }
    assert!(table.phase_stands(), "the client is not back");
    assert_eq!((table.phase_left(), table.turn_left()), (phase_left, turn_left));
    table.connect(CLIENT);
    assert!(!table.phase_stands());
    assert_eq!(table.phase_left(), phase_left);
    assert_eq!((table.turn().turn_id, table.turn_left()), (turn, turn_left));
    assert!(matches!(table.turn().waiting, Some(Waiting::SpeakerAway { .. })), "kept from now on");
    table.wait_s(19);
    table.connect(SPEAKER);
    assert_eq!((table.turn().turn_id, table.turn_left()), (turn, turn_left));
    assert_eq!((table.hands(), table.room.person(Seat(6)).unwrap().muted), (vec![5], true));
    assert_eq!(table.room.state().chair, Some(CHAIR));
}

#[test]
fn a_restart_without_a_heartbeat_counts_from_the_last_input() {
    let mut table = speaking();
    let (phase_left, turn_left) = (table.phase_left(), table.turn_left());
    table.now = table.now + Millis::from_secs(40);
    table.input(Input::Restarted { down_since: None }).unwrap();
    table.everyone_comes();
    assert_eq!((table.phase_left(), table.turn_left()), (phase_left, turn_left));
}

#[test]
fn a_small_room_goes_on_once_everyone_who_was_here_is_back() {
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), eight());
    for seat in [0, 2, 3] {
        table.connect(Seat(seat));
    }
    table.chair(Command::NextPhase);
    table.input(Input::Restarted { down_since: None }).unwrap();
    table.connect(Seat(3));
    table.connect(CHAIR);
    assert!(table.phase_stands());
    table.connect(Seat(2));
    assert!(!table.phase_stands());
}

#[test]
fn after_a_restart_the_room_does_not_wait_for_ever() {
    let mut table = speaking();
    table.input(Input::Restarted { down_since: None }).unwrap();
    table.wait_s(3_600);
    assert!(table.phase_stands(), "nobody is there to go on");
    table.connect(Seat(4));
    table.wait(Millis(119_999));
    assert!(table.phase_stands());
    assert_eq!(table.paused_for(), None);
    table.wait(Millis(1));
    assert_eq!(table.paused_for(), Some(CLIENT), "from here on the rules for drops hold");
    table.wait_s(120);
    assert!(table.room.runs_by_itself());
    assert!(!table.phase_stands());
}

#[test]
fn when_everybody_drops_everything_stands() {
    let mut table = speaking();
    let (phase_left, turn_left) = (table.phase_left(), table.turn_left());
    for seat in 0..8 {
        table.disconnect(Seat(seat));
    }
    table.wait_s(600);
    assert_eq!((table.phase_left(), table.turn_left()), (phase_left, turn_left));
    assert_eq!(table.room.state().chair, Some(CHAIR));
    table.everyone_comes();
    assert!(!table.phase_stands());
    assert_eq!((table.holder(), table.turn_left()), (Some(SPEAKER), turn_left));
}

#[test]
fn a_shared_screen_is_kept_like_a_turn_but_not_for_a_new_page() {
    let mut table = Table::codev_at("expose", eight());
    table.does(CLIENT, Command::SetScreen { on: true });
    table.disconnect(CLIENT);
    table.wait_s(10);
    table.connect(CLIENT);
    assert_eq!(table.room.state().screen, Some(CLIENT));
    table.disconnect(CLIENT);
    table.wait_s(20);
    assert_eq!(table.room.state().screen, None);
    table.connect(CLIENT);
    table.does(CLIENT, Command::SetScreen { on: true });
    table.input(Input::Connected { seat: CLIENT, resumed: false }).unwrap();
    assert_eq!(table.room.state().screen, None);
}
