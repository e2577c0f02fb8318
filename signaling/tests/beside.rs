//! A server beside another one that still has the room.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{AMADOU, CHAIR, Call, LAURA, PATIENCE, Server, three};
use palabre_backup::{Journal, LogJournal};
use palabre_ids::Millis;
use palabre_signaling::{MoveError, PARTING};
use palabre_wire::{
    Answer, ClientMessage, ClosingReason, Command, Presence, RoomEvent, ServerMessage,
};
use tokio::time::{Instant, sleep, timeout};

struct Scene {
    before: Server,
    /// A room is a server's until its journal lets it go.
    journal: Arc<dyn Journal>,
    server: Server,
    other_journal: Arc<dyn Journal>,
    _data: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let data = tempfile::tempdir().expect("dir");
        let journal: Arc<dyn Journal> = Arc::new(LogJournal::open(data.path()).expect("opens"));
        let before = Server::start_with(Arc::clone(&journal), three("Amadou")).await;
        let beside = LogJournal::open_beside(data.path()).expect("opens");
        let other_journal: Arc<dyn Journal> = Arc::new(beside);
        let server = Server::beside(Arc::clone(&other_journal), &before).await;
        Self { before, journal, server, other_journal, _data: data }
    }
}

#[tokio::test]
async fn a_room_that_a_server_keeps_to_its_end_is_never_gone() {
    let Scene { before, journal, server, .. } = &Scene::new().await;
    // It ends its rooms, and lets none go: its last writes take their time.
    before.service.stop().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (service, over) = (server.service.clone(), Arc::clone(&is_over));
    let taking = tokio::spawn(async move {
        service.take_what_is_left(|| Ok::<_, MoveError>(over.load(Ordering::SeqCst))).await
    });
    let mut page = server.connect().await;
    page.hello(&server.tokens[LAURA], None).await;
    assert_eq!(page.closing().await, ClosingReason::Restarting, "it is to come again");
    let mut page = server.connect().await;
    page.hello(&server.tokens[LAURA], None).await;
    journal.release(&server.room).await.expect("let go");
    page.take_welcome().await;
    assert!(server.service.takes_over(), "there may be more");
    is_over.store(true, Ordering::SeqCst);
    timeout(PATIENCE, taking).await.expect("it ends").expect("joined").expect("well");
    assert!(!server.service.takes_over());
}

#[tokio::test]
async fn rooms_that_are_taken_back_come_when_the_other_server_lets_them_go() {
    let Scene { before, server, other_journal, .. } = &Scene::new().await;
    let mut rooms = before.service.hand_over(Millis(0)).await;
    assert_eq!(rooms.next().await.as_ref(), Some(&server.room));
    server.service.take(&server.room).await.expect("taken");
    // The one that took it over ends after all, and keeps it for as long as its last writes take.
    drop(rooms);
    server.service.stop().await;
    let service = before.service.clone();
    let back = tokio::spawn(async move { service.take_back().await });
    let mut page = before.connect().await;
    page.hello(&before.tokens[LAURA], None).await;
    assert_eq!(page.closing().await, ClosingReason::Restarting, "it is to come again");
    let mut page = before.connect().await;
    page.hello(&before.tokens[LAURA], None).await;
    other_journal.release(&server.room).await.expect("let go");
    page.take_welcome().await;
    timeout(PATIENCE, back).await.expect("it ends").expect("joined").expect("well");
    assert!(!before.service.takes_over() && before.service.is_ready());
}

#[tokio::test]
async fn nobodys_rights_change_while_the_server_before_forwards_by_those_they_had() {
    let Scene { before, server, .. } = &Scene::new().await;
    let mut page = before.join(LAURA).await;
    let mut rooms = before.service.hand_over(Millis(0)).await;
    assert_eq!(rooms.next().await.as_ref(), Some(&server.room));
    let is_closing = |m: &ServerMessage| matches!(m, ServerMessage::Closing { .. });
    let closing = page.until(is_closing).await.pop();
    let (reason, after) = (ClosingReason::Restarting, Some(Millis(0)));
    let media_for = Some(PARTING);
    assert_eq!(closing, Some(ServerMessage::Closing { reason, after, media_for }));
    let calls = before.media.calls();
    let Some(&Call::LeaveRoom { until }) = calls.last() else {
        panic!("its media are not left: {calls:?}")
    };

    server.service.take(&server.room).await.expect("taken");
    let mut page = server.join(LAURA).await;
    let muted = page.send_command(Command::SetMuted { muted: true }).await;
    // As pages do: it says so, and is gone.
    let mut leaving = server.join(CHAIR).await;
    leaving.say(&ClientMessage::Leave).await;
    drop(leaving);
    // Who comes meanwhile is in at once, and finds all as it was.
    let mut late = server.join(AMADOU).await;
    let people = late.welcome.as_ref().expect("in").room.people.clone();
    if std::time::Instant::now() < until {
        assert!(!people[LAURA].muted && people[CHAIR].presence == Presence::Here);
    }
    let (answer, _) = page.answer_to(muted).await;
    assert_eq!(answer, Answer::Done);
    assert!(std::time::Instant::now() >= until, "it was answered too early");
    let has_left = |event: &RoomEvent| matches!(event, RoomEvent::Person(person) if person.presence == Presence::Left);
    late.until_event(has_left).await;
}

#[tokio::test]
async fn a_page_that_goes_while_it_waits_is_not_waited_for() {
    let Scene { server, .. } = &Scene::new().await;
    let mut page = server.connect().await;
    page.hello(&server.tokens[LAURA], None).await;
    let since = Instant::now();
    while server.service.seats().1 == 0 {
        assert!(since.elapsed() < PATIENCE, "its link is never read");
        sleep(Duration::from_millis(5)).await;
    }
    let since = Instant::now();
    drop(page);
    while server.service.open_connections() > 0 {
        assert!(since.elapsed() < Duration::from_secs(2), "it has gone");
        sleep(Duration::from_millis(5)).await;
    }
}
