//! The server is killed and started again: the same links lead to the same room.

mod common;

use std::sync::Arc;

use common::{CHAIR, Call, LAURA, PATIENCE, Server, crash, open, three};
use palabre_ids::{EventSeq, Seat};
use palabre_wire::{
    Answer, ClosingReason, Command, CommandId, Presence, RecordFate, Resume, RoomEvent,
    ServerMessage, Stage,
};

#[tokio::test]
async fn the_same_links_lead_to_the_same_room() {
    let live = tempfile::tempdir().expect("dir");
    let (service, media) = Server::service(open(live.path())).await;
    let room = service.create_room(three("Amadou"), false).await.expect("made");
    drop((service, media));
    // Made and acknowledged: a crash right here loses nothing.
    let second = crash(live.path());
    let server = Server::restart(open(second.path()), room.clone()).await;
    let tokens = server.tokens.clone();
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    assert_eq!(laura.command(Command::SetMuted { muted: true }).await, Answer::Done);
    let resume = laura.welcome.take().expect("welcome").resume_token;

    let third = crash(second.path());
    let server = Server::restart(open(third.path()), room).await;
    assert_eq!(server.tokens, tokens, "the links are the same");
    // The gate is there before anybody is.
    let gate = server.media.wait_for(0, |call| matches!(call, Call::SetGate(..))).await;
    assert!(server.media.calls()[..gate].contains(&Call::OpenRoom(3)));

    let mut laura = server.connect().await;
    let resume = Resume { token: resume, last_seq: EventSeq(1) };
    laura.hello(&tokens[LAURA], Some(resume)).await;
    let welcome = laura.take_welcome().await.clone();
    assert_eq!(welcome.room.phase.stage, Stage::Running { index: 0 });
    assert!(welcome.room.people[1].muted, "nobody is un-muted by a restart");
    assert!(matches!(welcome.room.people[0].presence, Presence::Away { .. }));
    assert_eq!(welcome.last_command, CommandId(1), "commands are numbered on");

    // A command that was carried out before the crash is not carried out again.
    laura.next_command = 1;
    let id = laura.send_command(Command::SetMuted { muted: false }).await;
    assert_eq!(id, CommandId(1));
    let messages = laura.until(|m| matches!(m, ServerMessage::NotUnderstood { .. })).await;
    let changed = |message: &ServerMessage| {
        matches!(message, ServerMessage::Event(e)
            if matches!(&e.event, RoomEvent::Person(p) if p.seat == Seat(1)))
    };
    assert!(!messages.iter().any(changed));
}

#[tokio::test]
async fn a_room_that_was_erased_does_not_come_back() {
    let live = tempfile::tempdir().expect("dir");
    let (service, _media) = Server::service(open(live.path())).await;
    let room = service.create_room(three("Amadou"), false).await.expect("made");
    let tokens: Vec<String> =
        service.invitations(&room).expect("there").into_iter().map(|i| i.token.0).collect();
    drop(service);
    let again = crash(live.path());
    let journal = open(again.path());
    let server = Server::restart(Arc::clone(&journal), room).await;
    assert_eq!(server.tokens, tokens);
    let mut chair = server.join(CHAIR).await;
    let mut laura = server.join(LAURA).await;
    assert_eq!(
        laura.command(Command::DecideRecord { fate: RecordFate::Erase }).await,
        Answer::Done
    );
    chair.send_command(Command::EndSession).await;
    assert_eq!(chair.closing().await, ClosingReason::SessionEnded);
    let gone = async {
        while server.service.room_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the room goes");
    assert_eq!(journal.rooms().expect("read"), []);
}
