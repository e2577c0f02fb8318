//! The floor passes by the room's rules alone, and the gate goes before the word.

mod common;

use common::{AMADOU, CHAIR, Call, LAURA, Server};
use palabre_ids::Seat;
use palabre_wire::{Answer, Command, Refusal, RoomEvent, ServerMessage, Stage};

fn is_turn_of(seat: Seat) -> impl Fn(&RoomEvent) -> bool {
    move |event| matches!(event, RoomEvent::Floor(f) if f.turn.as_ref().is_some_and(|t| t.seat == seat))
}

#[tokio::test]
async fn a_hand_is_seen_and_given_the_floor() {
    let server = Server::start("plain-meeting").await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    assert_eq!(laura.command(Command::RequestFloor).await, Answer::Done);
    let raised = |event: &RoomEvent| matches!(event, RoomEvent::Floor(f) if f.hands.iter().any(|h| h.seat == Seat(1)));
    chair.until_event(raised).await;
    assert_eq!(chair.command(Command::GrantFloor { seat: Seat(1) }).await, Answer::Done);
    laura.until_event(is_turn_of(Seat(1))).await;
    assert_eq!(laura.command(Command::ReleaseFloor).await, Answer::Done);
}

#[tokio::test]
async fn what_a_person_may_not_do_is_refused_by_its_code() {
    let server = Server::start("codev-1h15").await;
    let mut chair = server.join(CHAIR).await;
    let mut amadou = server.join(AMADOU).await;
    let refused = |code| Answer::Refused { code };
    for (command, code) in [
        (Command::NextPhase, Refusal::NotFacilitator),
        (Command::GrantFloor { seat: Seat(2) }, Refusal::NotFacilitator),
        (Command::EndSession, Refusal::NotFacilitator),
        (Command::Chat { text: String::new() }, Refusal::BadText),
    ] {
        assert_eq!(amadou.command(command).await, refused(code));
    }
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    let answer = chair.command(Command::GrantFloor { seat: Seat(9) }).await;
    assert_eq!(answer, refused(Refusal::NoSuchSeat));
}

#[tokio::test]
async fn the_gate_follows_before_anybody_is_told() {
    let server = Server::start("codev-1h15").await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    laura.so_far().await;
    let before = server.media.calls().len();
    let held = server.media.hold_gate().await;
    let id = chair.send_command(Command::NextPhase).await;
    let gate = server.media.wait_for(before, |call| matches!(call, Call::SetGate(..))).await;
    // The media plane was asked and has not answered: nobody knows of the new phase.
    let told = |messages: &[ServerMessage]| {
        messages.iter().any(|m| {
            matches!(m, ServerMessage::Event(e)
            if matches!(&e.event, RoomEvent::Phase(p) if p.stage != Stage::Lobby))
        })
    };
    assert!(!told(&laura.so_far().await));
    assert!(!told(&chair.so_far().await));
    drop(held);
    let (answer, messages) = chair.answer_to(id).await;
    assert_eq!(answer, Answer::Done);
    assert!(told(&messages), "the events come before the answer");
    let Call::SetGate(epoch, table) = &server.media.calls()[gate] else { panic!("a gate") };
    assert!(epoch.0 > 0 && !table.is_empty());
}

#[tokio::test]
async fn a_muted_microphone_is_closed_in_the_gate() {
    let server = Server::start("codev-1h15").await;
    let mut laura = server.join(LAURA).await;
    let audio = |call: &Call, wanted: bool| {
        matches!(call, Call::SetGate(_, table)
            if table.iter().any(|entry| entry.seat == Seat(1) && entry.rights.audio == wanted))
    };
    let open = server.media.wait_for(0, |call| audio(call, true)).await;
    assert_eq!(laura.command(Command::SetMuted { muted: true }).await, Answer::Done);
    server.media.wait_for(open, |call| audio(call, false)).await;
}

#[tokio::test]
async fn one_screen_at_a_time_feeds_everybody() {
    let server = Server::start("plain-meeting").await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    chair.command(Command::NextPhase).await;
    assert_eq!(laura.command(Command::SetScreen { on: true }).await, Answer::Done);
    server.media.wait_for(0, |call| *call == Call::SetScreen(Some(Seat(1)))).await;
    let answer = chair.command(Command::SetScreen { on: true }).await;
    assert_eq!(answer, Answer::Refused { code: Refusal::ScreenTaken });
}

#[tokio::test]
async fn a_person_named_client_gets_the_clients_prompts() {
    let server = Server::start("codev-1h15").await;
    let (mut chair, mut amadou) = (server.join(CHAIR).await, server.join(AMADOU).await);
    let before = amadou.welcome.as_ref().expect("welcome").room.phases.clone();
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    assert_eq!(chair.command(Command::NameClient { seat: Seat(2) }).await, Answer::Done);
    let messages = amadou.until(|m| matches!(m, ServerMessage::Phases { .. })).await;
    let Some(ServerMessage::Phases { phases }) = messages.last() else { panic!("phases") };
    assert_eq!(phases.len(), before.len());
    assert_ne!(*phases, before);
}
