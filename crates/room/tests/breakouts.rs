//! Breakouts, circles and clients in turn, as the room shows and gates them: one test a rule.

mod common;

use common::{CHAIR, Table, eight, person};
use palabre_facilitation::{FloorPolicy, Template};
use palabre_ids::{Group, Role, Seat};
use palabre_room::{Command, Effect, Input, Refusal};
use palabre_vocabulary::{FloorKind, NextStep, Presence};

fn template(id: &str) -> Template {
    Template::builtin(id).expect("ships")
}

/// Whoever hears whom, by the gate: for each seat, the seats whose microphones reach it.
fn hears(table: &Table, seat: u8) -> Vec<u8> {
    let of = |seat: u8| table.gate.table[usize::from(seat)];
    let heard = table.gate.table.iter().filter(|entry| {
        entry.seat.0 != seat && entry.rights.audio && entry.group == of(seat).group
    });
    heard.map(|entry| entry.seat.0).collect()
}

/// 1-2-4-All, with a co-facilitator and somebody who watches, in its pairs.
fn pairs() -> Table {
    let mut people = eight();
    people[1] = person(Role::Consultant);
    people[7] = person(Role::CoFacilitator);
    people.push(person(Role::Observer));
    let mut table = Table::new(template("one-two-four-all"), people);
    table.everyone_comes();
    table.chair(Command::GoOn);
    while table.room.floor().policy != FloorKind::Breakout {
        table.chair(Command::NextPhase);
    }
    table
}

fn groups(table: &Table) -> Vec<(u8, Vec<u8>)> {
    let view = table.room.floor().groups;
    let seats = |seats: &[Seat]| seats.iter().map(|seat| seat.0).collect();
    view.iter().map(|group| (group.group.0, seats(&group.seats))).collect()
}

#[test]
fn each_hears_their_own_group_and_nobody_else() {
    let table = pairs();
    assert_eq!(groups(&table), [(1, vec![1, 2]), (2, vec![3, 4]), (3, vec![5, 6])]);
    for (seat, heard) in
        [(1, vec![2]), (2, vec![1]), (3, vec![4]), (6, vec![5]), (0, vec![7]), (7, vec![0])]
    {
        assert_eq!(hears(&table, seat), heard, "{seat}");
    }
    assert_eq!(hears(&table, 8), [0, 7], "who watches stays with the facilitators");
    let rights = table.room.floor().rights;
    assert!(rights[..8].iter().all(|(_, rights)| rights.audio && rights.video));
}

#[test]
fn a_facilitator_visits_a_group_and_comes_back() {
    let mut table = pairs();
    let visit = |group: u8| Command::VisitGroup { group: Group(group) };
    assert_eq!(table.tries(Seat(3), visit(1)), Err(Refusal::NotFacilitator));
    assert_eq!(table.tries(CHAIR, visit(9)), Err(Refusal::OutOfRange));
    assert_eq!(table.tries(CHAIR, visit(0)), Err(Refusal::NoChange));
    table.chair(visit(2));
    assert_eq!(groups(&table)[1], (2, vec![0, 3, 4]));
    assert_eq!((hears(&table, 0), hears(&table, 3)), (vec![3, 4], vec![0, 4]));
    assert_eq!(hears(&table, 7), [], "the plenary is empty but for them");
    table.does(Seat(7), visit(2));
    assert_eq!(hears(&table, 3), [0, 4, 7]);
    table.chair(visit(0));
    assert_eq!((hears(&table, 0), hears(&table, 3)), (vec![], vec![4, 7]));
}

#[test]
fn everyone_is_back_when_the_breakout_is_over_and_what_is_taken_is_taken_first() {
    let mut table = pairs();
    table.chair(Command::VisitGroup { group: Group(2) });
    let effects = table.chair(Command::NextPhase);
    let end = table.gate.table.clone();
    for effect in &effects {
        let Effect::Rights(change) = effect else { continue };
        for entry in &change.table {
            let is = end[entry.seat.index()];
            assert_eq!(entry.group, is.group, "no table mixes groups with those of before");
            assert!(!entry.rights.audio || is.rights.audio);
        }
    }
    let mut table = pairs();
    table.chair(Command::VisitGroup { group: Group(2) });
    while table.room.floor().policy == FloorKind::Breakout {
        table.chair(Command::NextPhase);
    }
    assert_eq!(groups(&table), []);
    assert!(table.gate.table.iter().all(|entry| entry.group == Group::PLENARY));
    assert_eq!(
        table.tries(CHAIR, Command::VisitGroup { group: Group(1) }),
        Err(Refusal::NotInThisPhase)
    );
}

#[test]
fn a_visit_ends_with_its_group() {
    let mut table = pairs();
    table.chair(Command::VisitGroup { group: Group(3) });
    for seat in [5, 6] {
        table.input(Input::Left { seat: Seat(seat) }).unwrap();
    }
    assert!(groups(&table).iter().all(|(group, _)| *group != 3));
    assert_eq!(table.gate.table[0].group, Group::PLENARY);
}

#[test]
fn a_latecomer_joins_a_group_at_once() {
    let mut people = eight();
    people[1] = person(Role::Consultant);
    let mut table = Table::new(template("one-two-four-all"), people);
    for seat in 0..7 {
        table.connect(Seat(seat));
    }
    table.chair(Command::GoOn);
    while table.room.floor().policy != FloorKind::Breakout {
        table.chair(Command::NextPhase);
    }
    table.connect(Seat(7));
    assert_eq!(table.presence(Seat(7)), Presence::Here, "no turn is on");
    let of = |table: &Table| table.gate.table[7].group;
    assert_ne!(of(&table), Group::PLENARY);
    let group = of(&table);
    table.disconnect(Seat(7));
    table.wait_s(2);
    table.connect(Seat(7));
    assert_eq!(of(&table), group, "and comes back to it");
}

#[test]
fn whoever_stands_in_for_the_facilitator_stays_in_their_group() {
    let mut people = eight();
    people[1] = person(Role::Consultant);
    let mut table = Table::new(template("one-two-four-all"), people);
    table.everyone_comes();
    table.chair(Command::NameBackup { seat: Some(Seat(3)) });
    table.chair(Command::GoOn);
    while table.room.floor().policy != FloorKind::Breakout {
        table.chair(Command::NextPhase);
    }
    let before = groups(&table);
    table.input(Input::Left { seat: CHAIR }).unwrap();
    assert_eq!((table.room.state().chair, groups(&table)), (Some(Seat(3)), before));
    let own = table.gate.table[3].group;
    let other = if own == Group(1) { Group(2) } else { Group(1) };
    table.does(Seat(3), Command::VisitGroup { group: other });
    assert_eq!(table.gate.table[3].group, other);
    table.connect(CHAIR);
    table.does(CHAIR, Command::TakeChair);
    assert_eq!(table.gate.table[3].group, own, "a visit ends with the chair");
}

#[test]
fn the_circle_has_few_seats_and_those_outside_are_not_heard() {
    let mut people = eight();
    people[1] = person(Role::Consultant);
    let mut table = Table::new(template("fishbowl"), people);
    table.everyone_comes();
    table.chair(Command::GoOn);
    while table.room.floor().circle_seats.is_none() {
        table.chair(Command::NextPhase);
    }
    let seats = table.room.floor().circle_seats.unwrap();
    for seat in 1..8 {
        let _not_again = table.tries(Seat(seat), Command::RequestFloor);
    }
    let circle: Vec<u8> = table.room.floor().circle.iter().map(|seat| seat.0).collect();
    assert_eq!(circle.len(), usize::from(seats));
    let mut heard = table.heard();
    heard.retain(|seat| *seat != 0);
    let mut sitting = circle.clone();
    sitting.sort_unstable();
    assert_eq!(heard, sitting);
    let waiting = table.hands();
    table.does(Seat(circle[0]), Command::ReleaseFloor);
    assert!(table.heard().contains(&waiting[0]) && !table.heard().contains(&circle[0]));
}

#[test]
fn the_client_role_passes_on_and_back_again() {
    let mut people: Vec<_> = eight().into_iter().take(4).collect();
    people[1] = person(Role::Consultant);
    let mut table = Table::new(template("troika"), people);
    table.everyone_comes();
    let client = |table: &Table| {
        let people = table.room.people();
        people.iter().find(|one| one.role == Role::Client).map(|one| one.seat.0)
    };
    assert_eq!(client(&table), None);
    let mut clients = Vec::new();
    table.chair(Command::GoOn);
    while matches!(table.next(), NextStep::Phase { .. }) {
        if table.phase_id().is_some_and(|phase| phase.starts_with("partage")) {
            clients.push(client(&table));
        }
        table.chair(Command::NextPhase);
    }
    assert_eq!(clients, [Some(1), Some(2), Some(3)]);
    for _ in 0..5 {
        table.chair(Command::PreviousPhase);
    }
    assert_eq!(table.phase_id(), Some("retour-2"));
    for _ in 0..3 {
        table.chair(Command::PreviousPhase);
    }
    assert_eq!((table.phase_id(), client(&table)), (Some("partage-2"), Some(2)), "theirs again");
}

#[test]
fn the_chair_picks_where_the_template_says_so() {
    let mut template = template("plain-meeting");
    let who = [Role::Client, Role::Consultant].into_iter().collect();
    let codev = Template::builtin("codev-1h15").unwrap();
    let queue =
        codev.phases.iter().flat_map(|phase| &phase.steps).find_map(|step| match step.floor {
            FloorPolicy::Queue { turn, .. } => Some(turn),
            _ => None,
        });
    template.phases[0].steps[0].floor =
        FloorPolicy::ChairQueue { who, turn: queue.expect("codev has one") };
    let mut table = Table::at(template, "reunion", eight());
    for seat in [4, 2] {
        table.does(Seat(seat), Command::RequestFloor);
    }
    assert_eq!((table.holder(), table.hands()), (None, vec![4, 2]));
    table.chair(Command::GrantFloor { seat: Seat(2) });
    assert_eq!(table.holder(), Some(Seat(2)));
    table.does(Seat(2), Command::ReleaseFloor);
    assert_eq!(table.holder(), None);
    table.input(Input::Left { seat: CHAIR }).unwrap();
    assert_eq!(table.holder(), Some(Seat(4)), "with nobody to pick, in the order of hands");
}
