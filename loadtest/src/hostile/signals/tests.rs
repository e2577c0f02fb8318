//! A raw bot's signaling against a server that says what the test wants.

use futures_util::{SinkExt as _, StreamExt as _};
use palabre_ids::{EventSeq, UnixMillis};
use palabre_wire::{Event, MediaAnswer, RoomEvent};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::link::RoomAnswer;

/// A server that welcomes a facilitator, who may send everything, and then says what `answers` gives to
/// each message.
async fn server(
    mut answers: impl FnMut(ClientMessage) -> Vec<ServerMessage> + Send + 'static,
) -> Link {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a bot");
        let mut socket = tokio_tungstenite::accept_async(stream).await.expect("upgraded");
        socket.next().await.expect("a hello").expect("a frame");
        let welcome = include_str!("../../../../crates/wire/golden/server.welcome.json");
        socket.send(Message::text(welcome)).await.expect("sent");
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            for answer in answers(serde_json::from_str(&text).expect("a message of the wire")) {
                let text = serde_json::to_string(&answer).expect("of the wire");
                socket.send(Message::text(text)).await.expect("sent");
            }
        }
    });
    let json = format!(
        r#"{{"room":"demo-room","links":[{{"name":"A","role":"facilitator","seat":0,"url":"http://{address}/r/demo-room#secret"}}]}}"#
    );
    RoomAnswer::parse(&json).expect("JSON").links().expect("links").remove(0)
}

/// The event after which nobody may send anything.
fn all_closed(seq: u64) -> ServerMessage {
    let golden = include_str!("../../../../crates/wire/golden/server.event.floor.json");
    let mut message: ServerMessage = serde_json::from_str(golden).expect("of the wire");
    if let ServerMessage::Event(Event { seq: its, event: RoomEvent::Floor(floor), .. }) =
        &mut message
    {
        *its = EventSeq(seq);
        floor.rights.clear();
    }
    message
}

/// Any other event.
fn chat(seq: u64) -> ServerMessage {
    let golden = include_str!("../../../../crates/wire/golden/server.event.chat.json");
    let mut message: ServerMessage = serde_json::from_str(golden).expect("of the wire");
    if let ServerMessage::Event(event) = &mut message {
        event.seq = EventSeq(seq);
    }
    message
}

fn pong(at: u64) -> ServerMessage {
    ServerMessage::Pong { at, now: UnixMillis(0) }
}

fn answer() -> ServerMessage {
    let (generation, sdp) = (1, "v=0\r\n".to_owned());
    ServerMessage::MediaAnswer(MediaAnswer { generation, sdp, next_ice: None })
}

#[tokio::test]
async fn what_happens_before_the_answer_to_its_offer_is_not_missed() {
    let link = server(|message| match message {
        ClientMessage::MediaOffer(_) => vec![chat(42), answer()],
        ClientMessage::Ping { at } => vec![all_closed(43), pong(at)],
        other => panic!("{other:?}"),
    })
    .await;
    let (mut signals, _) = Signals::join(&link, PING_EVERY).await.expect("welcomed");
    signals.offer(String::new()).await.expect("answered");
    assert_eq!(signals.rights().await.expect("known"), MediaRights::NONE);
}

#[tokio::test]
async fn what_the_server_said_before_it_answered_is_known_however_much_it_was() {
    let link = server(|message| match message {
        ClientMessage::Ping { at } => {
            (42..1_042).map(chat).chain([all_closed(1_042), pong(at)]).collect()
        }
        other => panic!("{other:?}"),
    })
    .await;
    let (mut signals, _) = Signals::join(&link, PING_EVERY).await.expect("welcomed");
    assert_eq!(signals.rights().await.expect("known"), MediaRights::NONE);
}

#[tokio::test]
async fn between_attacks_it_goes_on_pinging_and_takes_what_comes() {
    let (pings, mut pinged) = watch::channel(0);
    let link = server(move |message| match message {
        ClientMessage::Ping { at } => {
            pings.send_replace(at);
            // Later pings change nothing.
            if at == 3 { vec![all_closed(42), pong(at)] } else { vec![pong(at)] }
        }
        other => panic!("{other:?}"),
    })
    .await;
    let every = Duration::from_millis(1);
    let (mut signals, _) = Signals::join(&link, every).await.expect("welcomed");
    tokio::select! {
        lost = signals.listen() => match lost {},
        enough = pinged.wait_for(|at| *at >= 3) => drop(enough.expect("it pings")),
    }
    assert_eq!(signals.rights().await.expect("known"), MediaRights::NONE);
}

#[tokio::test]
async fn an_attack_is_not_judged_by_a_room_of_which_something_was_missed() {
    let link = server(|message| match message {
        ClientMessage::Ping { at } => vec![all_closed(43), pong(at)],
        other => panic!("{other:?}"),
    })
    .await;
    let (mut signals, _) = Signals::join(&link, PING_EVERY).await.expect("welcomed");
    let error = signals.rights().await.expect_err("event 42 never came");
    assert!(format!("{error:#}").contains("event 43 came after event 41"), "{error:#}");
}
