//! What a room stands on fails: nothing is told that is not so.

mod common;

use common::{CHAIR, Call, LAURA, PATIENCE, Server};
use palabre_ids::{Millis, Seat};
use palabre_signaling::MediaNotice;
use palabre_wire::{
    Answer, ClientMessage, ClosingReason, Command, MediaOffer, RoomEvent, ServerMessage,
};
use tokio::time::timeout;

#[tokio::test]
async fn a_floor_that_is_not_in_force_is_not_announced() {
    let server = Server::start("plain-meeting").await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    chair.so_far().await;
    server.media.stop();
    laura.send_command(Command::SetMuted { muted: true }).await;
    let messages = chair.until(|m| matches!(m, ServerMessage::Closing { .. })).await;
    let told = |m: &ServerMessage| matches!(m, ServerMessage::Event(e) if matches!(&e.event, RoomEvent::Person(p) if p.muted));
    assert!(!messages.iter().any(told));
    // The chair comes back first.
    let after = Some(Millis(0));
    let restarting =
        ServerMessage::Closing { reason: ClosingReason::Restarting, after, media_for: None };
    assert_eq!(messages.last(), Some(&restarting));
    timeout(PATIENCE, server.service.failed()).await.expect("the server is to stop");
    assert!(!server.service.is_ready());
}

#[tokio::test]
async fn a_room_whose_task_fails_comes_back_with_all_that_was_acknowledged() {
    let server = Server::start("plain-meeting").await;
    let mut laura = server.join(LAURA).await;
    assert_eq!(laura.command(Command::SetMuted { muted: true }).await, Answer::Done);
    server.media.panic_once();
    laura.say(&ClientMessage::View { seats: vec![] }).await;
    assert_eq!(laura.closing().await, ClosingReason::Restarting);
    let mut laura = server.join(LAURA).await;
    let welcome = laura.welcome.take().expect("welcome");
    assert!(welcome.room.people.iter().any(|p| p.seat == Seat(1) && p.muted));
    assert_eq!(welcome.last_command.0, 1);
    server.media.wait_for(0, |call| *call == Call::CloseRoom).await;
    assert_eq!(laura.command(Command::SetMuted { muted: false }).await, Answer::Done);
    assert!(server.service.is_ready());
}

#[tokio::test]
async fn a_page_hears_that_its_media_are_lost_unless_it_has_new_ones() {
    let server = Server::start("plain-meeting").await;
    let mut laura = server.join(LAURA).await;
    let offer = MediaOffer { generation: 1, sdp: "v=0 offer".into() };
    laura.say(&ClientMessage::MediaOffer(offer)).await;
    laura.until(|m| matches!(m, ServerMessage::MediaAnswer(_))).await;
    let session = server.media.last_given();
    let lost = MediaNotice::Lost { room: server.room.clone(), seat: Seat(1), session };
    server.service.media_notice(lost.clone());
    // A command passes through the room behind the notice; a ping would not.
    let id = laura.send_command(Command::CannotHear).await;
    let (_, seen) = laura.answer_to(id).await;
    assert!(!seen.contains(&ServerMessage::MediaLost), "the session lives");
    server.media.lose_session(Seat(1));
    server.service.media_notice(lost);
    laura.until(|m| *m == ServerMessage::MediaLost).await;
}

#[tokio::test]
async fn a_page_that_starts_anew_ends_the_media_before_it() {
    let server = Server::start("plain-meeting").await;
    let first = server.join(LAURA).await;
    let joined = server.media.calls().len();
    let _second = server.join(LAURA).await;
    server.media.wait_for(joined, |call| *call == Call::CloseSeat(Seat(1))).await;
    drop(first);
}

#[tokio::test]
async fn offers_are_limited_for_a_seat_whatever_its_connection() {
    let server = Server::start("plain-meeting").await;
    let mut refused = false;
    for generation in 1..=30 {
        let mut laura = server.join(LAURA).await;
        let offer = MediaOffer { generation, sdp: "v=0 offer".into() };
        laura.say(&ClientMessage::MediaOffer(offer)).await;
        let answered = |m: &ServerMessage| {
            matches!(m, ServerMessage::MediaAnswer(_) | ServerMessage::MediaRefused { .. })
        };
        let messages = laura.until(answered).await;
        if matches!(messages.last(), Some(ServerMessage::MediaRefused { .. })) {
            refused = true;
            break;
        }
    }
    assert!(refused);
}
