//! Hostile pages: refused in words or let go, and nobody else notices.

mod common;

use common::{CHAIR, LAURA, PATIENCE, Server};
use futures_util::SinkExt as _;
use palabre_wire::{
    Answer, ClientMessage, ClosingReason, Command, CommandId, MAX_MESSAGE_BYTES, Refusal,
    ServerMessage,
};
use proptest::prelude::{Strategy as _, any};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tokio_tungstenite::tungstenite::Message;

/// The room answers as ever.
async fn room_is_well(server: &Server) {
    let mut chair = server.join(CHAIR).await;
    let answer = chair.command(Command::Chat { text: "all is well".into() }).await;
    assert_eq!(answer, Answer::Done);
}

#[tokio::test]
async fn what_is_not_understood_is_said_and_the_connection_goes_on() {
    let server = Server::start("plain-meeting").await;
    let mut page = server.join(LAURA).await;
    let long = format!(r#"{{"type":"chat","text":"{}"}}"#, "a".repeat(MAX_MESSAGE_BYTES));
    for text in [
        "",
        "{",
        "null",
        r#"{"type":"whistle"}"#,
        r#"{"type":"ping","at":-1}"#,
        r#"{"type":"hello","version":3,"token":"a","language":"fr"}"#,
        r#"{"type":"command","id":1,"command":{"do":"grant_floor","seat":900}}"#,
        &long,
    ] {
        page.say_text(text).await;
        let messages = page.until(|m| matches!(m, ServerMessage::NotUnderstood { .. })).await;
        let Some(ServerMessage::NotUnderstood { detail }) = messages.last() else { panic!() };
        assert!(!detail.contains("whistle") && !detail.contains("aaa"), "it repeats the message");
    }
    page.socket.send(Message::binary(vec![0_u8, 159, 146, 150])).await.expect("sent");
    page.until(|m| matches!(m, ServerMessage::NotUnderstood { .. })).await;
    for id in [0, u64::MAX] {
        page.say(&ClientMessage::Command { id: CommandId(id), command: Command::CannotHear }).await;
        page.until(|m| matches!(m, ServerMessage::NotUnderstood { .. })).await;
    }
    assert_eq!(page.command(Command::SetCamera { on: false }).await, Answer::Done);
    room_is_well(&server).await;
}

#[tokio::test]
async fn random_text_harms_nobody() {
    let server = Server::start("plain-meeting").await;
    let mut runner = TestRunner::deterministic();
    let whole = r#"{"type":"command","id":1,"command":{"do":"set_muted","muted":true}}"#;
    let mut page = server.join(LAURA).await;
    for round in 0..60_usize {
        let noise = any::<String>().new_tree(&mut runner).expect("text").current();
        let at = (0..whole.len()).new_tree(&mut runner).expect("place").current();
        let text = if round % 2 == 0 { noise } else { format!("{}{noise}", &whole[..at]) };
        page.say_text(text).await;
        page.until(|m| matches!(m, ServerMessage::NotUnderstood { .. })).await;
    }
    room_is_well(&server).await;
}

#[tokio::test]
async fn a_message_beyond_any_limit_ends_the_connection() {
    let server = Server::start("plain-meeting").await;
    let mut page = server.join(LAURA).await;
    // The server may close before all of it is sent.
    let _ = page.socket.send(Message::text("a".repeat(4 * MAX_MESSAGE_BYTES))).await;
    let ended = async { while page.try_next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the connection ends");
    room_is_well(&server).await;
}

#[tokio::test]
async fn a_flood_is_refused_and_then_let_go() {
    let server = Server::start("plain-meeting").await;
    let mut page = server.join(LAURA).await;
    let mut chair = server.join(CHAIR).await;
    let chat = |id| {
        let command = Command::Chat { text: "spam".into() };
        ClientMessage::Command { id: CommandId(id), command }
    };
    for id in 1..=40 {
        page.say(&chat(id)).await;
    }
    let too_fast = Answer::Refused { code: Refusal::TooFast };
    page.until(|m| matches!(m, ServerMessage::Answer { answer, .. } if *answer == too_fast)).await;
    for id in 41..400 {
        let text = serde_json::to_string(&chat(id)).expect("encodes");
        // The server stops reading at some point.
        if page.socket.feed(Message::text(text)).await.is_err() {
            break;
        }
    }
    let _ = page.socket.flush().await;
    assert_eq!(page.closing().await, ClosingReason::Flooding);
    // The others saw at most what the limit let through, and go on.
    let done = chair.command(Command::Chat { text: "still here".into() }).await;
    assert_eq!(done, Answer::Done);
}

#[tokio::test]
async fn a_page_that_comes_again_and_again_is_asked_to_wait() {
    let server = Server::start("plain-meeting").await;
    let mut flooding = false;
    for _ in 0..40 {
        let mut page = server.connect().await;
        page.hello(&server.tokens[LAURA], None).await;
        match page.next().await {
            ServerMessage::Welcome(_) => {}
            ServerMessage::Closing { reason: ClosingReason::Flooding, .. } => {
                flooding = true;
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(flooding);
    room_is_well(&server).await;
}

#[tokio::test]
async fn a_page_that_reads_nothing_is_let_go_and_the_others_are_not() {
    let server = Server::start("plain-meeting").await;
    let slow = server.join(LAURA).await;
    let mut chair = server.join(CHAIR).await;
    // The largest message that can be made at will: more of them than outbox and sockets hold.
    for round in 0..5_000_u32 {
        let seats = vec![palabre_ids::Seat(2); 10_000];
        let notice = palabre_signaling::MediaNotice::Speaking { room: server.room.clone(), seats };
        server.service.media_notice(notice);
        let is_large =
            |m: &ServerMessage| matches!(m, ServerMessage::Speaking { seats } if seats.len() > 1);
        chair.until(is_large).await;
        if round % 50 == 0 {
            chair.say(&ClientMessage::Ping { at: 0 }).await;
        }
        if server.service.metrics().too_slow.get() > 0 {
            break;
        }
    }
    assert_eq!(server.service.metrics().too_slow.get(), 1, "the slow page, and only it");
    assert_eq!(chair.command(Command::CannotHear).await, Answer::Done);
    drop(slow);
}
