//! Voices over the signaling connection: opened, carried, dropped where they are too many, and ended.

mod common;

use common::{Call, LAURA, Page, Server};
use futures_util::{SinkExt as _, StreamExt as _};
use palabre_ids::Seat;
use palabre_signaling::MediaNotice;
use palabre_wire::frame::{Heard, Voice};
use palabre_wire::{ClientMessage, ServerMessage};
use tokio_tungstenite::tungstenite::Message;

const SEAT: Seat = Seat(LAURA as u8);

fn voice(sequence: u16) -> Vec<u8> {
    Voice { level: 20, sequence, timestamp: u32::from(sequence) * 960, opus: b"opus" }.encode()
}

async fn opens(page: &mut Page) -> bool {
    page.say(&ClientMessage::Tunnel { on: true }).await;
    answer(page).await
}

async fn answer(page: &mut Page) -> bool {
    loop {
        if let ServerMessage::Tunnel { on, .. } = page.next().await {
            return on;
        }
    }
}

async fn sends(page: &mut Page, frame: Vec<u8>) {
    page.socket.send(Message::binary(frame)).await.expect("sent");
}

fn said(calls: &[Call]) -> usize {
    calls.iter().filter(|call| matches!(call, Call::Say(..))).count()
}

/// Everything sent before was taken: the answer comes behind it.
async fn all_taken(server: &Server, page: &mut Page) {
    page.say(&ClientMessage::Tunnel { on: false }).await;
    assert!(!answer(page).await);
    server.media.wait_for(0, |call| *call == Call::CloseTunnel(SEAT)).await;
}

#[tokio::test]
async fn voices_go_both_ways_while_it_is_open() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    sends(&mut page, voice(1)).await;
    assert!(opens(&mut page).await);
    for sequence in 2..5 {
        sends(&mut page, voice(sequence)).await;
    }
    server.media.wait_for(0, |call| *call == Call::Say(SEAT, voice(4))).await;
    let calls = server.media.calls();
    assert_eq!(said(&calls), 3, "what came before it was open is passed over: {calls:?}");

    let heard = Heard { seat: Seat(0), sequence: 9, timestamp: 99, opus: b"sound" }.encode();
    let room = server.room.clone();
    let notice = MediaNotice::Voice { room: room.clone(), seat: SEAT, frame: heard.clone() };
    server.service.media_notice(notice);
    let frame = loop {
        match page.socket.next().await.expect("open").expect("well") {
            Message::Binary(frame) => break frame,
            _ => continue,
        }
    };
    assert_eq!(&frame[..], &heard[..]);

    // WebRTC is back: the tunnel ends by itself.
    server.service.media_notice(MediaNotice::Up { room, seat: SEAT });
    assert!(!answer(&mut page).await);
    sends(&mut page, voice(5)).await;
    all_taken_after_the_end(&server, &mut page).await;
    assert_eq!(said(&server.media.calls()), 3);
}

/// The same without a tunnel, which is then not ended again.
async fn all_taken_after_the_end(server: &Server, page: &mut Page) {
    page.say(&ClientMessage::Tunnel { on: false }).await;
    assert!(!answer(page).await);
    assert!(!server.media.calls().contains(&Call::CloseTunnel(SEAT)));
}

#[tokio::test]
async fn a_lost_connection_ends_its_tunnel() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    assert!(opens(&mut page).await);
    drop(page);
    server.media.wait_for(0, |call| *call == Call::CloseTunnel(SEAT)).await;
}

#[tokio::test]
async fn too_many_frames_are_dropped_and_malformed_ones_are_told() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    assert!(opens(&mut page).await);
    for malformed in
        [vec![], vec![1; 8], vec![2; 20], vec![1; 409], vec![1, 128, 0, 0, 0, 0, 0, 0, 1]]
    {
        sends(&mut page, malformed).await;
        while !matches!(page.next().await, ServerMessage::NotUnderstood { .. }) {}
    }
    for sequence in 0..150 {
        sends(&mut page, voice(sequence)).await;
    }
    all_taken(&server, &mut page).await;
    let through = said(&server.media.calls());
    assert!(through < 150, "{through} of 150 at once");
}
