//! What happens to the media of a page that does not come back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use palabre_backup::{Answer, Change, Durable, Health, MemoryJournal, Taken, ValueName};
use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Epoch, GateEntry, Language, MediaRights, OpenedTunnel, Role};
use palabre_room::{GateChange, PersonConfig, RoomConfig};
use palabre_wire::{Command, DropCause, Presence, RecordFate, Rung, SeatView, ServerMessage};

use super::*;
use crate::media::{MediaFuture, MediaStopped, Negotiated, OfferError, PARTING};
use crate::metrics::Counter;
use crate::outbox::{End, OutboxReader, outbox};
use crate::seat_media::Answered;
use crate::tunnel::{Ear, TunnelLine};

/// The chair's.
const SEAT: Seat = Seat(0);
const CLIENT: Seat = Seat(1);
const CONNECTION: ConnectionId = ConnectionId(1);
const SESSION: MediaSession = MediaSession(1);

/// Notes which seats are closed.
#[derive(Default)]
pub(crate) struct Plane {
    closed: Mutex<Vec<Seat>>,
    dead: AtomicBool,
}

fn done<'a, T: Send + 'a>(value: T) -> MediaFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl MediaPlane for Plane {
    fn open_room<'a>(&'a self, _: &'a RoomId, _: u8) -> MediaFuture<'a, ()> {
        done(())
    }
    fn close_room<'a>(&'a self, _: &'a RoomId) -> MediaFuture<'a, ()> {
        done(())
    }
    fn leave_room<'a>(&'a self, _: &'a RoomId, _: std::time::Instant) -> MediaFuture<'a, ()> {
        done(())
    }
    fn negotiate<'a>(
        &'a self,
        _: &'a RoomId,
        _: Seat,
        offer: String,
    ) -> MediaFuture<'a, Result<Negotiated, OfferError>> {
        done(Ok(Negotiated { session: SESSION, beside: None, answer: offer, next_ice: None }))
    }
    fn set_gate<'a>(
        &'a self,
        _: &'a RoomId,
        _: Epoch,
        _: Vec<GateEntry>,
    ) -> MediaFuture<'a, Result<(), MediaStopped>> {
        done(Ok(()))
    }
    fn set_views<'a>(&'a self, _: &'a RoomId, _: Seat, _: Vec<SeatView>) -> MediaFuture<'a, ()> {
        done(())
    }
    fn set_screen<'a>(&'a self, _: &'a RoomId, _: Option<Seat>) -> MediaFuture<'a, ()> {
        done(())
    }
    fn close_seat<'a>(&'a self, _: &'a RoomId, seat: Seat) -> MediaFuture<'a, ()> {
        self.closed.lock().expect("lock").push(seat);
        done(())
    }
    fn open_tunnel<'a>(
        &'a self,
        _: &'a RoomId,
        _: Seat,
        _: Ear,
    ) -> MediaFuture<'a, Option<OpenedTunnel>> {
        done(Some(OpenedTunnel { tunnel: MediaSession(2), coming: None }))
    }
    fn close_tunnel<'a>(&'a self, _: &'a RoomId, _: Seat) -> MediaFuture<'a, ()> {
        done(())
    }
    fn say(&self, _: &RoomId, _: (Seat, MediaSession), _: &palabre_wire::frame::Voice<'_>) {}
    fn silence<'a>(&'a self, _: &'a RoomId, _: Seat) -> MediaFuture<'a, Option<Duration>> {
        done((!self.dead.load(Ordering::SeqCst)).then_some(Duration::ZERO))
    }
}

/// A journal whose disk refuses to erase, and to let go, the first time.
#[derive(Default)]
struct Stubborn {
    journal: MemoryJournal,
    refused: AtomicBool,
    kept: AtomicBool,
}

impl Journal for Stubborn {
    fn commit(&self, change: Change) -> Durable<'_> {
        let erases = matches!(change, Change::Erase { .. });
        if erases && !self.refused.swap(true, Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(JournalError::Write("no".to_owned()))));
        }
        self.journal.commit(change)
    }
    fn take(&self, room: &RoomId) -> Answer<'_, Taken> {
        self.journal.take(room)
    }
    fn release(&self, room: &RoomId) -> Answer<'_, ()> {
        if !self.kept.swap(true, Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(JournalError::Write("no".to_owned()))));
        }
        self.journal.release(room)
    }
    fn expire(&self, now: UnixMillis) -> Answer<'_, u64> {
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

/// A plain meeting of two.
pub(crate) fn two() -> RoomConfig {
    let person = |name, role| PersonConfig {
        name: DisplayName::parse(name).expect("name"),
        role,
        expert: false,
    };
    RoomConfig {
        template: Arc::new(Template::builtin("plain-meeting").expect("ships")),
        language: Language::Fr,
        people: vec![person("Camille", Role::Facilitator), person("Laura", Role::Client)],
    }
}

struct Scene {
    task: RoomTask,
    plane: Arc<Plane>,
    page: OutboxReader,
}

/// Lets a seat's page in, with its media.
async fn let_in(task: &mut RoomTask, seat: Seat) -> OutboxReader {
    let (sender, page) = outbox(TunnelLine::new(Counter::default()));
    let join =
        Join { seat, connection: CONNECTION, language: Language::Fr, resume: None, outbox: sender };
    task.join(join).await.expect("journal");
    let answered = Answered { session: SESSION, generation: 1, next_ice: None };
    assert!(!task.seats[seat.index()].media.answered(answered, None));
    page
}

impl Scene {
    /// A room with one page in it.
    async fn new() -> Self {
        Self::with(Arc::new(MemoryJournal::new())).await
    }

    async fn with(journal: Arc<dyn Journal>) -> Self {
        let plane = Arc::new(Plane::default());
        let shared = Shared {
            clock: ServerClock::start(UnixMillis(0)),
            journal,
            media: Arc::clone(&plane) as _,
            metrics: Arc::default(),
            news: None,
            turn: None,
        };
        let now = shared.clock.now();
        let config = two();
        let about = About {
            created_at: now,
            links_expire_at: now + Millis::from_secs(30 * 86_400),
            invited: Vec::new(),
            demo: false,
            telephone: None,
            milestones: palabre_backup::Milestones::default(),
        };
        let room = Room::new(now, config).expect("a room");
        let snapshot = Snapshot { room, about, last_commands: Vec::new(), last_input_at: now };
        let id = RoomId::parse("test-room").expect("an identifier");
        shared.commit(snapshot.change(id.clone(), 0)).await.expect("journal");
        let mut task = RoomTask::new(id, shared, snapshot, 0);
        task.open_media().await.expect("media");
        let page = let_in(&mut task, SEAT).await;
        plane.closed.lock().expect("lock").clear();
        Self { task, plane, page }
    }

    /// Lets the other one in, whose page is gone at once.
    async fn let_client_in(&mut self) {
        let _page = let_in(&mut self.task, CLIENT).await;
    }

    async fn pass(&mut self, seconds: u64) {
        self.task.shared.clock.pass(Duration::from_secs(seconds));
        self.task.on_time().await.expect("journal");
    }

    async fn command(&mut self, command: Command) {
        let input = Input::Command { seat: SEAT, command };
        self.task.apply(input, None).await.expect("journal").expect("not refused");
    }

    /// How many inputs the room took that no person made.
    fn inputs(&self) -> u64 {
        self.task.number
    }

    /// What the page was last told of its own speech, in seconds.
    fn told_spoke(&mut self) -> Option<u64> {
        let mut told = None;
        while let Ok(text) = self.page.messages.try_recv() {
            let Ok(text) = text.to_text() else { continue };
            if let Ok(ServerMessage::Personal(view)) = serde_json::from_str(text) {
                told = Some(view.talk.spoke.0 / 1_000);
            }
        }
        told
    }

    fn media_ended(&self) -> bool {
        self.plane.closed.lock().expect("lock").contains(&SEAT)
    }

    fn is_away(&self, seat: Seat) -> bool {
        let person = self.task.room.person(seat).expect("seat");
        matches!(person.presence, Presence::Away { .. })
    }
}

#[tokio::test]
async fn whoever_keeps_media_without_a_connection_loses_them() {
    let mut scene = Scene::new().await;
    scene.pass(500).await;
    assert!(!scene.media_ended(), "a page that is here keeps its media");
    scene.task.gone(SEAT, CONNECTION).await;
    scene.pass(0).await;
    scene.pass(60).await;
    assert!(scene.is_away(SEAT) && !scene.media_ended(), "a minute without signaling is borne");
    let due = scene.task.next_timer();
    assert!(due <= scene.task.shared.clock.now() + Millis::from_secs(15), "it wakes up for it");
    scene.pass(15).await;
    assert!(scene.media_ended());
}

#[tokio::test]
async fn whoever_is_heard_without_a_connection_is_here_until_their_media_are_lost() {
    let mut scene = Scene::new().await;
    scene.let_client_in().await;
    scene.task.gone(CLIENT, CONNECTION).await;
    for _ in 0..50 {
        scene.pass(1).await;
    }
    assert!(!scene.is_away(CLIENT), "everyone hears them");
    scene.plane.dead.store(true, Ordering::SeqCst);
    scene.task.media_lost(CLIENT, SESSION).await;
    scene.pass(0).await;
    scene.pass(2).await;
    assert!(scene.is_away(CLIENT));
}

#[tokio::test]
async fn nobody_is_here_without_a_connection_for_longer_than_a_minute() {
    let mut scene = Scene::new().await;
    scene.let_client_in().await;
    scene.task.gone(CLIENT, CONNECTION).await;
    for _ in 0..63 {
        scene.pass(1).await;
    }
    assert!(scene.is_away(CLIENT));
}

#[tokio::test]
async fn the_room_does_not_wait_for_whoever_decides_and_says_nothing() {
    let mut scene = Scene::new().await;
    scene.task.gone(SEAT, CONNECTION).await;
    scene.pass(0).await;
    scene.pass(2).await;
    assert!(scene.is_away(SEAT), "the chair, heard or not");
}

#[tokio::test]
async fn nothing_becomes_due_in_a_room_that_stands_whatever_it_is_told() {
    let scene = Scene::new().await;
    let until = scene.task.shared.clock.now() + PARTING;
    let mut scene = Scene { task: scene.task.standing(Some(until)), ..scene };
    let client = Seat(1);
    for input in
        [Input::Connected { seat: client, resumed: false }, Input::Disconnected { seat: client }]
    {
        scene.task.apply(input, None).await.expect("journal").expect("taken");
    }
    let is_away = |scene: &Scene| {
        let person = scene.task.room.person(client).expect("seat");
        matches!(person.presence, Presence::Away { .. })
    };
    // The room counts somebody as away after a second.
    scene.task.shared.clock.pass(Duration::from_millis(1_200));
    let (rung, cause) = (Rung::NewTransport, DropCause::ServerRestarted);
    let told = Input::Recovered { seat: SEAT, rung, cause, gap: Millis(0) };
    scene.task.apply(told, None).await.expect("journal").expect("taken");
    scene.task.on_time().await.expect("journal");
    assert!(!is_away(&scene));
    assert_eq!(scene.task.next_timer(), until);
    scene.pass(1).await;
    assert!(!scene.task.stands() && scene.task.next_timer() <= scene.task.shared.clock.now());
    scene.pass(0).await;
    assert!(is_away(&scene));
}

#[tokio::test]
async fn nobody_is_told_that_another_group_speaks() {
    let mut scene = Scene::new().await;
    let table = |epoch, groups: [u8; 2]| GateChange {
        epoch: Epoch(epoch),
        table: (0..2)
            .map(|seat| GateEntry {
                seat: Seat(seat),
                rights: MediaRights::NONE,
                group: Group(groups[usize::from(seat)]),
            })
            .collect(),
    };
    let speaking =
        |seats: &[u8]| ServerMessage::Speaking { seats: seats.iter().copied().map(Seat).collect() };
    scene.task.heard(vec![Seat(0), Seat(1)]);
    assert_eq!(scene.task.speaking_near(SEAT), speaking(&[0, 1]));
    scene.task.set_gate(table(100, [1, 2]), Instant::now()).await.expect("taken");
    assert_eq!(scene.task.speaking_near(SEAT), speaking(&[0]));
    assert_eq!(scene.task.speaking_near(Seat(1)), speaking(&[1]));
    scene.task.set_gate(table(101, [2, 2]), Instant::now()).await.expect("taken");
    assert_eq!(scene.task.speaking_near(SEAT), speaking(&[0, 1]));
}

#[tokio::test]
async fn everyone_is_told_how_long_they_spoke_every_five_seconds() {
    let mut scene = Scene::new().await;
    scene.task.heard(vec![SEAT]);
    scene.pass(7).await;
    scene.command(Command::NextPhase).await;
    assert_eq!(scene.told_spoke(), Some(0), "the lobby does not count");
    let before = scene.inputs();
    for second in 1..=20 {
        scene.pass(1).await;
        let due = scene.task.next_timer();
        assert!(due <= scene.task.shared.clock.now() + Millis::from_secs(5), "it wakes up for it");
        if let Some(told) = scene.told_spoke() {
            assert_eq!((told, second % 5), (second, 0));
        }
    }
    assert_eq!(scene.inputs() - before, 4, "sums, not words");
    scene.task.heard(vec![]);
    scene.pass(100).await;
    assert_eq!(scene.told_spoke(), None);
    let quiet = scene.inputs();
    scene.pass(100).await;
    assert_eq!(scene.inputs(), quiet, "silence costs nothing");
}

#[tokio::test]
async fn what_was_heard_goes_before_what_ends_a_turn() {
    let mut scene = Scene::new().await;
    scene.command(Command::NextPhase).await;
    scene.task.heard(vec![SEAT]);
    scene.task.shared.clock.pass(Duration::from_secs(3));
    scene.command(Command::SetMuted { muted: true }).await;
    scene.command(Command::SetMuted { muted: false }).await;
    assert_eq!(scene.told_spoke(), Some(0));
    scene.command(Command::GrantFloor { seat: SEAT }).await;
    assert_eq!(scene.told_spoke(), Some(3));
    let before = scene.inputs();
    for _ in 0..50 {
        let input = Input::Command { seat: SEAT, command: Command::Pass };
        let _refused = scene.task.apply(input, None).await.expect("journal");
    }
    assert!(scene.inputs() <= before + 1, "whoever presses a button without end adds nothing");
}

#[tokio::test]
async fn attempts_to_speak_while_closed_are_the_chairs_to_know() {
    let mut scene = Scene::new().await;
    scene.task.blocked(Seat(1)).await.expect("journal");
    let before = scene.inputs();
    scene.command(Command::NextPhase).await;
    scene.task.blocked(Seat(1)).await.expect("journal");
    scene.task.blocked(Seat(9)).await.expect("a seat that is not there is refused");
    assert_eq!(scene.inputs(), before + 2, "in the lobby it says nothing of anybody");
    let view = scene.task.room.personal(SEAT).expect("a seat").chair.expect("the chair");
    let blocked: Vec<_> = view.balance.iter().map(|b| (b.seat, b.blocked)).collect();
    assert_eq!(blocked, [(Seat(1), 1)]);
}

#[tokio::test]
async fn a_record_is_erased_when_its_time_is_over() {
    for (fate, hours) in [(None, 1), (Some(RecordFate::Keep), 24)] {
        let mut scene = Scene::new().await;
        let client = Input::Connected { seat: Seat(1), resumed: false };
        scene.task.apply(client, None).await.expect("journal").expect("let in");
        scene.command(Command::NextPhase).await;
        scene.command(Command::EndSession).await;
        if let Some(fate) = fate {
            let input = Input::Command { seat: Seat(1), command: Command::DecideRecord { fate } };
            scene.task.apply(input, None).await.expect("journal").expect("the client decides");
        }
        scene.task.gone(SEAT, CONNECTION).await;
        scene.pass(hours * 3_600 - 60).await;
        assert!(!scene.task.erased, "an hour is an hour, also when nobody is there");
        let due = scene.task.next_timer();
        assert!(due <= scene.task.shared.clock.now() + Millis::from_secs(60), "it wakes up for it");
        scene.pass(60).await;
        assert!(scene.task.erased);
        assert_eq!(scene.task.shared.journal.rooms().expect("read"), []);
    }
}

#[tokio::test]
async fn a_disk_that_refuses_to_erase_is_asked_until_it_does() {
    let journal = Arc::new(Stubborn::default());
    let mut scene = Scene::with(Arc::clone(&journal) as _).await;
    let client = Input::Connected { seat: Seat(1), resumed: false };
    scene.task.apply(client, None).await.expect("journal").expect("let in");
    scene.command(Command::NextPhase).await;
    let erase = Command::DecideRecord { fate: RecordFate::Erase };
    let erase = Input::Command { seat: Seat(1), command: erase };
    scene.task.apply(erase, None).await.expect("journal").expect("the client decides");
    scene.command(Command::EndSession).await;
    assert!(journal.refused.load(Ordering::SeqCst));
    assert_eq!(journal.rooms().expect("read"), [], "when the command is done it is gone");
}

#[tokio::test]
async fn a_room_that_cannot_be_let_go_tells_its_pages_that_their_media_are_gone() {
    let mut scene = Scene::with(Arc::new(Stubborn::default())).await;
    scene.task.tunnel(SEAT, true).await;
    assert!(scene.page.voices.tunnel().is_some());
    scene.task.prepare_to_move(UnixMillis(0));
    assert!(scene.task.move_out().await.expect("goes on").is_none(), "the disk refuses");
    assert_eq!(scene.page.voices.tunnel(), None, "the plane that was closed has none");
    let mut last = Vec::new();
    while let Ok(text) = scene.page.messages.try_recv() {
        let text = text.into_text().expect("text");
        last.push(serde_json::from_str::<ServerMessage>(&text).expect("a message"));
    }
    let ended = [ServerMessage::Tunnel { on: false, detail: None }, ServerMessage::MediaLost];
    assert!(last.ends_with(&ended), "{last:?}");
    assert_eq!(scene.task.seats[SEAT.index()].media, crate::seat_media::SeatMedia::None);
    scene.pass(1).await;
    let moved = scene.task.move_out().await.expect("goes on");
    assert!(matches!(moved, Some(Outcome::Moved { media: true })), "the next time it is let go");
}

#[tokio::test]
async fn a_page_that_waited_longer_takes_nobodys_seat() {
    let mut scene = Scene::new().await;
    let mut join = async |connection| {
        let (sender, page) = outbox(TunnelLine::new(Counter::default()));
        let join = Join {
            seat: SEAT,
            connection: ConnectionId(connection),
            language: Language::Fr,
            resume: None,
            outbox: sender,
        };
        scene.task.join(join).await.expect("journal");
        page
    };
    // One page, whose later attempt went first.
    let mut third = join(3).await;
    let mut second = join(2).await;
    assert_eq!(second.end.try_recv(), Ok(End::Closing(ClosingReason::TakenOver.into())));
    assert!(second.messages.try_recv().is_err(), "it is shown nothing");
    assert!(third.end.try_recv().is_err(), "who said hello last is left alone");
    let _fourth = join(4).await;
    assert_eq!(third.end.try_recv(), Ok(End::Closing(ClosingReason::TakenOver.into())));
}
