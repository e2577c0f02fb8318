//! Voices over the signaling connection: opened, carried, dropped where they are too many, and ended.

mod common;

use std::sync::Arc;

use axum::body::Bytes;
use common::{CHAIR, Call, LAURA, PATIENCE, Page, Server};
use futures_util::{SinkExt as _, StreamExt as _};
use palabre_backup::{
    Answer as JournalAnswer, Change, Durable, Health, Journal, JournalError, MemoryJournal, Taken,
    ValueName,
};
use palabre_ids::{MediaSession, RoomId, Seat, UnixMillis};
use palabre_signaling::MediaNotice;
use palabre_wire::frame::{Heard, Voice};
use palabre_wire::{Answer, ClientMessage, ClosingReason, Command, MediaOffer, ServerMessage};
use tokio::sync::{Semaphore, watch};
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
    let tunnel = server.media.last_given();
    server.media.wait_for(0, |call| *call == Call::Say((SEAT, tunnel), voice(4))).await;
    let calls = server.media.calls();
    assert_eq!(said(&calls), 3, "what came before it was open is passed over: {calls:?}");

    let heard = Heard { seat: Seat(0), sequence: 9, timestamp: 99, opus: b"sound" };
    server.media.hear(&heard);
    assert_eq!(&frame(&mut page).await[..], &heard.encode()[..]);

    // WebRTC is back: the tunnel ends by itself, and by no word about a session before it.
    let room = server.room.clone();
    let session = offers(&server, &mut page).await;
    for stale in [MediaSession(session.0 + 7), tunnel] {
        let tunnel = Some(tunnel);
        let up = MediaNotice::Up { room: room.clone(), seat: SEAT, session: stale, tunnel };
        server.service.media_notice(up);
    }
    // Nor by one that was on its way when it was opened.
    let up = |tunnel| MediaNotice::Up { room: room.clone(), seat: SEAT, session, tunnel };
    server.service.media_notice(up(None));
    sends(&mut page, voice(5)).await;
    server.media.wait_for(0, |call| *call == Call::Say((SEAT, tunnel), voice(5))).await;
    server.service.media_notice(up(Some(tunnel)));
    assert!(!answer(&mut page).await);
    sends(&mut page, voice(6)).await;
    all_taken_after_the_end(&server, &mut page).await;
    assert_eq!(said(&server.media.calls()), 4);
}

/// The next binary frame.
async fn frame(page: &mut Page) -> Bytes {
    loop {
        if let Message::Binary(frame) = page.socket.next().await.expect("open").expect("well") {
            return frame;
        }
    }
}

/// Offers, and gives the session that it was answered with.
async fn offers(server: &Server, page: &mut Page) -> MediaSession {
    let offer = MediaOffer { generation: 1, sdp: "v=0 offer".into() };
    page.say(&ClientMessage::MediaOffer(offer)).await;
    page.until(|message| matches!(message, ServerMessage::MediaAnswer(_))).await;
    server.media.last_given()
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
    // Six seconds of a voice that the network held back and now gives together.
    for sequence in 0..300 {
        sends(&mut page, voice(sequence)).await;
    }
    all_taken(&server, &mut page).await;
    let through = said(&server.media.calls());
    assert!(through < 300, "{through} of 300 at once");
    assert_eq!(page.command(Command::CannotHear).await, Answer::Done, "it is no offence");
    // A flood is one.
    for sequence in 0..5_000 {
        // The server stops reading at some point.
        if page.socket.feed(Message::binary(voice(sequence))).await.is_err() {
            break;
        }
    }
    let _ = page.socket.flush().await;
    assert_eq!(page.closing().await, ClosingReason::Flooding);
}

/// A journal that takes nothing for a while.
#[derive(Debug)]
struct Stalled {
    journal: MemoryJournal,
    gate: Semaphore,
    waiting: watch::Sender<usize>,
}

impl Journal for Stalled {
    fn commit(&self, change: Change) -> Durable<'_> {
        Box::pin(async move {
            self.waiting.send_modify(|waiting| *waiting += 1);
            drop(self.gate.acquire().await);
            self.waiting.send_modify(|waiting| *waiting -= 1);
            self.journal.commit(change).await
        })
    }
    fn take(&self, room: &RoomId) -> JournalAnswer<'_, Taken> {
        self.journal.take(room)
    }
    fn release(&self, room: &RoomId) -> JournalAnswer<'_, ()> {
        self.journal.release(room)
    }
    fn expire(&self, now: UnixMillis) -> JournalAnswer<'_, u64> {
        self.journal.expire(now)
    }
    fn rooms(&self) -> Result<Vec<RoomId>, JournalError> {
        self.journal.rooms()
    }
    fn get(&self, name: ValueName) -> Result<Option<Vec<u8>>, JournalError> {
        self.journal.get(name)
    }
    fn health(&self) -> Health {
        self.journal.health()
    }
}

#[tokio::test]
async fn a_disk_that_takes_its_time_holds_up_no_voice() {
    let journal = Arc::new(Stalled {
        journal: MemoryJournal::new(),
        gate: Semaphore::new(1),
        waiting: watch::Sender::new(0),
    });
    let config = common::three("Amadou");
    let server = Server::start_with(Arc::clone(&journal) as _, config).await;
    let (mut page, mut chair) = (server.join(LAURA).await, server.join(CHAIR).await);
    assert!(opens(&mut page).await);
    let tunnel = server.media.last_given();
    let stuck = journal.gate.acquire().await.expect("open");
    // The room's task waits for the disk with this.
    let mute = chair.send_command(Command::SetMuted { muted: true }).await;
    let by_room =
        async { journal.waiting.subscribe().wait_for(|waiting| *waiting > 0).await.is_ok() };
    assert!(tokio::time::timeout(PATIENCE, by_room).await.expect("it asks the journal"));
    for sequence in 1..20 {
        sends(&mut page, voice(sequence)).await;
        server.media.wait_for(0, |call| *call == Call::Say((SEAT, tunnel), voice(sequence))).await;
        let heard = Heard { seat: Seat(0), sequence, timestamp: 0, opus: b"sound" };
        server.media.hear(&heard);
        let frame = tokio::time::timeout(PATIENCE, frame(&mut page)).await.expect("it comes");
        assert_eq!(&frame[..], &heard.encode()[..]);
    }
    drop(stuck);
    assert_eq!(chair.answer_to(mute).await.0, Answer::Done);
}

#[tokio::test]
async fn a_page_that_reads_slowly_hears_what_is_said_now() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    assert!(opens(&mut page).await);
    let opus = [7; 400];
    let mut timestamp = 0;
    let mut hear = || {
        timestamp += 1;
        server.media.hear(&Heard { seat: Seat(0), sequence: 0, timestamp, opus: &opus });
        timestamp
    };
    let dropped = || server.service.metrics().tunnel_frames_dropped.get();
    // The connection's task writes each frame as it comes, until the sockets are full.
    while dropped() == 0 {
        hear();
        tokio::task::yield_now().await;
    }
    // Much later: what is in the sockets is old, and behind it comes what is new.
    for _ in 0..1_000 {
        hear();
        tokio::task::yield_now().await;
    }
    let last = hear();
    let mut read = Vec::new();
    while read.last() != Some(&last) {
        let bytes = tokio::time::timeout(PATIENCE, frame(&mut page)).await.expect("it comes");
        read.push(Heard::parse(&bytes).expect("a frame").timestamp);
    }
    assert!(read.is_sorted());
    let newest: Vec<u32> = (last - 9..=last).collect();
    assert!(read.ends_with(&newest), "200 ms of sound, without a hole");
    assert_eq!(read.len() as u64 + dropped(), u64::from(last), "each is heard or counted");
    assert_eq!(page.command(Command::CannotHear).await, Answer::Done, "nobody was let go");
}

#[tokio::test]
async fn what_waits_of_a_voice_is_not_heard_behind_the_next_grant() {
    let server = Server::start("plain-meeting").await;
    let (mut chair, mut page) = (server.join(CHAIR).await, server.join(LAURA).await);
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    assert!(opens(&mut page).await);
    // What lies in the sockets has been sent; the connection itself holds a few frames more.
    let opus = [7; 400];
    let hear = |speaker, sequence| {
        let heard = Heard { seat: Seat(speaker), sequence, timestamp: 0, opus: &opus };
        server.media.hear(&heard);
    };
    while server.service.metrics().tunnel_frames_dropped.get() == 0 {
        hear(0, 1);
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        hear(0, 2);
    }
    assert_eq!(chair.command(Command::SetMuted { muted: true }).await, Answer::Done);
    hear(2, 3);
    let mut read = Vec::new();
    while read.last() != Some(&3) {
        let bytes = tokio::time::timeout(PATIENCE, frame(&mut page)).await.expect("it comes");
        read.push(Heard::parse(&bytes).expect("a frame").sequence);
    }
    // One may have been on its way to the socket already.
    let late = read.iter().filter(|sequence| **sequence == 2).count();
    assert!(late <= 1, "{late} frames of whoever is not heard any more");
}
