//! A whole codev-1h15 in virtual time, with eight people, from the lobby to the end, by one key; then
//! once more with nobody in the chair, and with everything a client leaves.

mod common;

use common::{CHAIR, CLIENT, START, Table, eight, person};
use palabre_facilitation::Template;
use palabre_ids::{Millis, Role, Seat};
use palabre_room::{Command, Effect, Input, Refusal};
use palabre_vocabulary::{Ballot, Blocked, EntryDraft, FloorKind, NextStep, RecordFate, Stage};

/// Everyone has their turn to its end: who spoke, in order, until the floor is free, the phase's
/// policy is another one, or the phase is.
fn round(table: &mut Table) -> Vec<u8> {
    let (policy, stage) = (table.room.floor().policy, table.room.phase().stage);
    let mut spoke = Vec::new();
    while let Some(turn) = table
        .room
        .floor()
        .turn
        .filter(|_| table.room.floor().policy == policy && table.room.phase().stage == stage)
    {
        spoke.push(turn.seat.0);
        assert!(table.heard().contains(&turn.seat.0));
        let others = table.heard().iter().filter(|seat| ![0, turn.seat.0].contains(seat)).count();
        assert_eq!(others, 0, "the holder and the facilitator are heard, nobody else");
        assert!(!table.room.floor().chat_open, "chat is off while someone holds the floor");
        let left = table.turn_left();
        table.wait(left);
        assert_eq!(table.holder(), Some(turn.seat), "the grace");
        table.wait(Millis(turn.grace.0 - 1));
        assert_eq!(table.holder(), Some(turn.seat), "still the grace");
        table.wait(Millis(1));
        assert_ne!(table.room.floor().turn.map(|turn| turn.turn_id), Some(turn.turn_id), "the cut");
    }
    spoke
}

fn codev() -> Template {
    Template::builtin("codev-1h15").expect("ships")
}

fn for_option(option: u8) -> Command {
    Command::CastBallot { ballot: Ballot::For { option } }
}

#[test]
fn a_facilitator_leads_a_whole_codev_with_one_key() {
    // Nobody is the client yet.
    let mut people = eight();
    people[1] = person(Role::Consultant);
    let mut table = Table::new(codev(), people);
    table.everyone_comes();
    assert_eq!(table.heard(), [0, 1, 2, 3, 4, 5, 6, 7], "in the lobby everyone talks");
    assert_eq!(table.tries(CLIENT, Command::GoOn), Err(Refusal::NotFacilitator));

    assert_eq!(table.next(), NextStep::Start);
    table.chair(Command::GoOn);
    assert_eq!(table.phase_id(), Some("accueil"));
    assert_eq!(table.room.phase().session_ends_at, Some(START + Millis::from_secs(75 * 60)));
    assert_eq!(round(&mut table), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(table.now, START + Millis::from_secs(8 * 30));
    let at = table.room.phase().advance.expect("all have spoken").at;
    assert_eq!(at, table.now + Millis::from_secs(5));
    table.wait_s(5);

    assert_eq!(table.phase_id(), Some("choix-du-sujet"), "the phase ended by itself");
    for seat in [2, 4, 5, 6, 7] {
        table.does(Seat(seat), Command::Pass);
    }
    assert_eq!(table.room.phase().blocked, Some(Blocked::ClientNotNamed));
    assert_eq!(round(&mut table), [1, 3]);
    assert_eq!(table.next(), NextStep::OpenVote);
    table.chair(Command::GoOn);
    assert_eq!(table.next(), NextStep::CloseVote);
    for seat in [0, 3, 4, 5, 6, 7] {
        table.does(Seat(seat), for_option(0));
    }
    table.does(Seat(1), for_option(1));
    table.does(Seat(2), Command::CastBallot { ballot: Ballot::Abstain });
    assert_eq!(table.room.votes().open, None, "everyone has voted");
    assert_eq!(table.room.votes().results[0].ballots, [6, 1]);
    assert_eq!(table.room.person(CLIENT).map(|person| person.role), Some(Role::Client));
    table.wait_s(5);

    assert_eq!(table.phase_id(), Some("expose"));
    assert_eq!((table.holder(), table.heard()), (Some(CLIENT), vec![0, 1]));
    assert_eq!(table.turn().clock, None, "the phase's clock is the limit");
    table.does(CLIENT, Command::SetScreen { on: true });
    assert_eq!(table.tries(Seat(2), Command::SetScreen { on: true }), Err(Refusal::ScreenTaken));
    assert_eq!(table.tries(Seat(2), Command::RequestFloor), Err(Refusal::NotInThisPhase));
    table.wait_s(8 * 60);
    assert_eq!(table.phase_id(), Some("expose"), "the clock does not end the client's account");
    assert_eq!(table.phase_left(), Millis::ZERO);
    table.chair(Command::GoOn);

    assert_eq!(table.phase_id(), Some("clarification"));
    let pairs: Vec<u8> = (2..8).flat_map(|seat| [seat, 1]).collect();
    assert_eq!((table.turn_left(), table.turn().partner), (Millis::from_secs(20), Some(CLIENT)));
    // The sixth pair goes over into the queue, whose policy has the same name.
    assert_eq!(round(&mut table), pairs);
    table.does(Seat(6), Command::RequestFloor);
    assert_eq!((table.holder(), table.turn_left()), (Some(Seat(6)), Millis::from_secs(20)));
    table.does(Seat(6), Command::YieldFloor { to: None });
    assert_eq!((table.holder(), table.turn().partner), (Some(CLIENT), Some(Seat(6))));
    assert_eq!(table.turn_left(), Millis::from_secs(60));
    table.does(CLIENT, Command::YieldFloor { to: None });
    assert_eq!(table.holder(), None);
    table.chair(Command::GoOn);

    assert_eq!((table.phase_id(), table.room.state().screen), (Some("contrat"), None));
    assert_eq!(table.room.phase().blocked, Some(Blocked::ContractNotAccepted));
    assert_eq!(table.next(), NextStep::Wait);
    assert_eq!(table.tries(CHAIR, Command::GoOn), Err(Refusal::GateClosed));
    table.accept_a_contract();
    assert_eq!(table.room.phase().blocked, None);
    table.wait_s(5);

    assert_eq!((table.phase_id(), table.heard()), (Some("reflexion"), vec![0]));
    assert!(table.room.phase().contract.is_some(), "the sentence stays on the screen");
    table.wait_s(115);
    assert!(table.room.phase().advance.is_some(), "the end of its clock is announced");
    table.wait_s(5);

    assert_eq!(table.phase_id(), Some("consultation"));
    assert_eq!(table.turn_left(), Millis::from_secs(120));
    assert_eq!(round(&mut table), [2, 3, 4, 5, 6, 7]);
    let effects = table.does(CLIENT, Command::OutOfContract);
    assert_eq!(effects, [Effect::OutOfContract { seat: CLIENT }]);
    assert_eq!(table.tries(CLIENT, Command::RequestFloor), Err(Refusal::NotInThisPhase));
    table.chair(Command::GoOn);

    assert_eq!((table.phase_id(), table.holder()), (Some("synthese"), None));
    table.wait_s(120);
    assert_eq!((table.room.floor().policy, table.holder()), (FloorKind::Holder, Some(CLIENT)));
    table.does(CLIENT, Command::ReleaseFloor);
    table.wait_s(10);

    assert_eq!(table.phase_id(), Some("apprentissages"), "whoever held it released");
    assert_eq!(round(&mut table), [2, 3, 4, 5, 6, 7, 1], "the client last");
    table.wait_s(15);

    assert_eq!(table.phase_id(), Some("cloture"));
    assert_eq!(table.heard(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(table.tries(CHAIR, Command::NextPhase), Err(Refusal::NoSuchPhase));
    table.does(CLIENT, Command::DecideRecord { fate: RecordFate::Keep });
    assert_eq!(table.next(), NextStep::End);
    let effects = table.chair(Command::GoOn);
    assert_eq!(effects.last(), Some(&Effect::Ended));
    assert_eq!((table.heard(), table.next()), (vec![], NextStep::Over));
    assert_eq!(table.tries(CHAIR, Command::GoOn), Err(Refusal::Ended));
}

#[test]
fn without_a_chair_the_session_comes_to_its_end_in_time() {
    let mut table = Table::new(codev(), eight());
    table.everyone_comes();
    table.chair(Command::GoOn);
    let begun = table.now;
    table.input(Input::Left { seat: CHAIR }).unwrap();
    let mut seen = Vec::new();
    while table.room.phase().stage != Stage::Ended {
        let phase = table.phase_id().unwrap().to_owned();
        if seen.last() != Some(&phase) {
            if phase == "contrat" {
                table.accept_a_contract();
            }
            seen.push(phase);
        }
        table.wait_s(1);
    }
    let phases: Vec<String> =
        table.room.template().phases.iter().map(|phase| phase.id.clone()).collect();
    assert_eq!(seen, phases);
    assert!(table.now <= begun + Millis::from_secs(75 * 60), "no phase lasts longer than planned");
}

#[test]
fn a_rehearsal_is_the_same_session_sixty_times_as_fast() {
    let mut table = Table::new(codev().sped_up(60), eight());
    table.everyone_comes();
    table.chair(Command::GoOn);
    assert_eq!(table.room.phase().session_ends_at, Some(START + Millis::from_secs(75)));
    assert_eq!(round(&mut table), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn what_the_client_takes_home_is_written_on_the_way() {
    let mut table = Table::codev_at("consultation", eight());
    let suggestion = EntryDraft::Suggestion { text: "Déléguer le lundi".into() };
    table.does(Seat(3), Command::AddEntry { entry: suggestion });
    let id = table.entry_ids()[0];
    table.chair(Command::NextPhase);
    table.does(CLIENT, Command::KeepEntry { id, kept: true });
    let action = EntryDraft::Action {
        what: "Une liste".into(),
        when: "vendredi".into(),
        first_step: String::new(),
    };
    table.does(CLIENT, Command::AddEntry { entry: action });
    table.chair(Command::NextPhase);
    table.does(Seat(3), Command::AddEntry { entry: EntryDraft::Learning { text: "Oser".into() } });
    table.does(
        Seat(3),
        Command::AddEntry { entry: EntryDraft::Rating { stars: 5, comment: String::new() } },
    );
    table.chair(Command::EndSession);
    assert_eq!(table.room.entries().count(), 4);
    assert!(table.room.entry(id).is_some_and(|entry| entry.kept));
}
