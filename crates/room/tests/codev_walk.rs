//! A whole codev-1h15 in virtual time, with eight people, from the lobby to the end; then once more
//! with nobody in the chair.

mod common;

use common::{CHAIR, CLIENT, START, Table, eight};
use palabre_facilitation::{FloorKind, Need, Template};
use palabre_ids::{Millis, Seat};
use palabre_room::{Command, Effect, Input, Refusal, Stage};

/// Everyone has their turn to its end: who spoke, in order, until the floor is free or the phase's
/// policy is another one.
fn round(table: &mut Table) -> Vec<u8> {
    let policy = table.room.floor().policy;
    let mut spoke = Vec::new();
    while let Some(turn) = table.room.floor().turn.filter(|_| table.room.floor().policy == policy) {
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

#[test]
fn eight_people_go_through_a_whole_codev() {
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), eight());
    table.everyone_comes();
    assert_eq!(table.heard(), [0, 1, 2, 3, 4, 5, 6, 7], "in the lobby everyone talks");
    assert_eq!(table.tries(CLIENT, Command::NextPhase), Err(Refusal::NotFacilitator));

    table.chair(Command::NextPhase);
    assert_eq!(table.phase_id(), Some("accueil"));
    assert_eq!(table.room.phase().session_ends_at, Some(START + Millis::from_secs(75 * 60)));
    assert_eq!(round(&mut table), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(table.now, START + Millis::from_secs(8 * 30));

    table.chair(Command::NextPhase);
    assert_eq!(table.phase_id(), Some("choix-du-sujet"));
    table.does(Seat(4), Command::Pass);
    assert_eq!(table.upcoming(), [2, 3, 5, 6, 7]);
    table.does(CLIENT, Command::ReleaseFloor);
    for seat in [2, 3, 5, 6] {
        table.does(Seat(seat), Command::Pass);
    }
    assert_eq!(round(&mut table), [7]);
    assert_eq!(table.room.floor().policy, FloorKind::Queue);

    table.chair(Command::NextPhase);
    assert_eq!(table.phase_id(), Some("expose"));
    assert_eq!((table.holder(), table.heard()), (Some(CLIENT), vec![0, 1]));
    assert_eq!(table.turn().clock, None, "the phase's clock is the limit");
    table.does(CLIENT, Command::SetScreen { on: true });
    assert_eq!(table.tries(Seat(2), Command::SetScreen { on: true }), Err(Refusal::ScreenTaken));
    assert_eq!(table.tries(Seat(2), Command::RequestFloor), Err(Refusal::NotInThisPhase));
    table.wait_s(8 * 60);
    assert_eq!(
        table.phase_id(),
        Some("expose"),
        "the facilitator ends a phase, its clock does not"
    );
    assert_eq!(table.phase_left(), Millis::ZERO);

    table.chair(Command::NextPhase);
    assert_eq!(table.phase_id(), Some("clarification"));
    let pairs: Vec<u8> = (2..8).flat_map(|seat| [seat, 1]).collect();
    assert_eq!((table.turn_left(), table.turn().partner), (Millis::from_secs(20), Some(CLIENT)));
    // The sixth pair goes over into the queue, whose policy has the same name.
    assert_eq!(round(&mut table), pairs);
    table.does(Seat(6), Command::RequestFloor);
    assert_eq!((table.holder(), table.turn_left()), (Some(Seat(6)), Millis::from_secs(20)));
    table.does(Seat(6), Command::YieldFloor);
    assert_eq!((table.holder(), table.turn().partner), (Some(CLIENT), Some(Seat(6))));
    assert_eq!(table.turn_left(), Millis::from_secs(60));
    table.does(CLIENT, Command::YieldFloor);
    assert_eq!(table.holder(), None);

    table.chair(Command::NextPhase);
    assert_eq!((table.phase_id(), table.room.state().screen), (Some("contrat"), None));
    assert_eq!(table.room.phase().blocked, Some(Need::Contract));
    assert_eq!(table.tries(CHAIR, Command::NextPhase), Err(Refusal::GateClosed));
    table.accept_a_contract();
    assert_eq!(table.room.phase().blocked, None);

    table.chair(Command::NextPhase);
    assert_eq!((table.phase_id(), table.heard()), (Some("reflexion"), vec![0]));
    assert!(table.room.phase().contract.is_some(), "the sentence stays on the screen");
    table.wait_s(120);

    table.chair(Command::NextPhase);
    assert_eq!(table.phase_id(), Some("consultation"));
    assert_eq!(table.turn_left(), Millis::from_secs(120));
    assert_eq!(round(&mut table), [2, 3, 4, 5, 6, 7]);
    let effects = table.does(CLIENT, Command::OutOfContract);
    assert_eq!(effects, [Effect::OutOfContract { seat: CLIENT }]);
    assert_eq!(table.tries(CLIENT, Command::RequestFloor), Err(Refusal::NotInThisPhase));

    table.chair(Command::NextPhase);
    assert_eq!((table.phase_id(), table.holder()), (Some("synthese"), None));
    table.wait_s(120);
    assert_eq!((table.room.floor().policy, table.holder()), (FloorKind::Holder, Some(CLIENT)));

    table.chair(Command::NextPhase);
    assert_eq!(round(&mut table), [2, 3, 4, 5, 6, 7, 1], "the client last");

    table.chair(Command::NextPhase);
    assert_eq!(table.phase_id(), Some("cloture"));
    assert_eq!(table.heard(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(table.tries(CHAIR, Command::NextPhase), Err(Refusal::NoSuchPhase));
    let effects = table.chair(Command::EndSession);
    assert_eq!(effects.last(), Some(&Effect::Ended));
    assert_eq!((table.heard(), table.room.poll_timeout()), (vec![], None));
    assert_eq!(table.tries(CHAIR, Command::NextPhase), Err(Refusal::Ended));
    assert_eq!(table.input(Input::Connected { seat: CLIENT, resumed: true }), Err(Refusal::Ended));
}

#[test]
fn without_a_chair_the_timers_lead_to_the_end_in_an_hour_and_a_quarter() {
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap(), eight());
    table.everyone_comes();
    table.chair(Command::NextPhase);
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
    assert_eq!(table.now, begun + Millis::from_secs(75 * 60));
}

#[test]
fn a_rehearsal_is_the_same_session_sixty_times_as_fast() {
    let mut table = Table::new(Template::builtin("codev-1h15").unwrap().sped_up(60), eight());
    table.everyone_comes();
    table.chair(Command::NextPhase);
    assert_eq!(table.room.phase().session_ends_at, Some(START + Millis::from_secs(75)));
    assert_eq!(round(&mut table), [0, 1, 2, 3, 4, 5, 6, 7]);
}
