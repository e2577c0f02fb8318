//! Breakouts reach the gate as a whole, and what is taken is taken before anything is given.

mod common;

use common::{CHAIR, Call, Server};
use palabre_ids::{GateEntry, Group, MediaRights, Seat};
use palabre_wire::{Answer, Command, RoomEvent, ServerMessage};

/// Who hears whom under a table: listener and speaker.
fn hearing(table: &[GateEntry]) -> Vec<(Seat, Seat)> {
    let mut pairs = Vec::new();
    for speaker in table.iter().filter(|entry| entry.rights.audio) {
        let near = table.iter().filter(|entry| entry.group == speaker.group);
        pairs.extend(near.map(|entry| (entry.seat, speaker.seat)));
    }
    pairs.retain(|(listener, speaker)| listener != speaker);
    pairs
}

fn tables(calls: &[Call]) -> Vec<(u64, Vec<GateEntry>)> {
    let table = |call: &Call| match call {
        Call::SetGate(epoch, table) => Some((epoch.0, table.clone())),
        _ => None,
    };
    calls.iter().filter_map(table).collect()
}

#[tokio::test]
async fn groups_are_apart_before_anybody_is_told() {
    let server = Server::start("one-two-four-all").await;
    let mut pages = Vec::new();
    for person in 0..4 {
        pages.push(server.join(person).await);
    }
    assert_eq!(pages[CHAIR].command(Command::NextPhase).await, Answer::Done);
    for page in &mut pages {
        page.so_far().await;
    }
    let before = server.media.calls().len();
    let held = server.media.hold_gate().await;
    let id = pages[CHAIR].send_command(Command::NextPhase).await;
    server.media.wait_for(before, |call| matches!(call, Call::SetGate(..))).await;
    let apart = |m: &ServerMessage| matches!(m, ServerMessage::Event(e) if matches!(&e.event, RoomEvent::Floor(f) if !f.groups.is_empty()));
    for page in &mut pages {
        assert!(!page.so_far().await.iter().any(apart), "the plane has not answered");
    }
    drop(held);
    let (answer, messages) = pages[CHAIR].answer_to(id).await;
    assert_eq!(answer, Answer::Done);
    assert!(messages.iter().any(apart));
    let groups = messages.iter().rev().find_map(|m| match m {
        ServerMessage::Event(e) => match &e.event {
            RoomEvent::Floor(floor) if !floor.groups.is_empty() => Some(floor.groups.clone()),
            _ => None,
        },
        _ => None,
    });
    let groups = groups.expect("told");
    let calls = server.media.calls();
    let given = tables(&calls[before..]);
    let (_, last) = given.last().expect("a gate");
    for entry in last {
        let group = groups.iter().find(|group| group.seats.contains(&entry.seat));
        let group = group.map_or(Group::PLENARY, |group| group.group);
        assert_eq!(entry.group, group, "the gate says what everyone was told");
    }
    assert!(last.iter().filter(|entry| entry.group != Group::PLENARY).count() >= 2);

    // Back in the plenary, by way of nothing that lets one group hear another.
    let before_back = calls.len();
    for _ in 0..2 {
        assert_eq!(pages[CHAIR].command(Command::NextPhase).await, Answer::Done);
    }
    let all = server.media.calls();
    let back = tables(&all[before_back..]);
    assert!(back.last().expect("a gate").1.iter().all(|entry| entry.group == Group::PLENARY));

    // On the whole way: an epoch each, and between two states nothing that neither of them has.
    let tables = tables(&all);
    let mut epoch = 0;
    for (index, (of, table)) in tables.iter().enumerate() {
        assert!(index == 0 || *of > epoch, "epochs grow");
        epoch = *of;
        let (Some((_, was)), Some((_, next))) =
            (index.checked_sub(1).and_then(|at| tables.get(at)), tables.get(index + 1))
        else {
            continue;
        };
        let takes = was.iter().zip(table).any(|(was, is)| was.rights != is.rights)
            && table.iter().zip(was).all(|(is, was)| subset(is.rights, was.rights));
        for pair in hearing(table).into_iter().filter(|_| takes) {
            let known = hearing(was).contains(&pair) || hearing(next).contains(&pair);
            assert!(known, "{pair:?} hear each other for a moment only, at epoch {of}");
        }
    }
}

fn subset(is: MediaRights, of: MediaRights) -> bool {
    (of.audio || !is.audio) && (of.video || !is.video) && (of.screen || !is.screen)
}
