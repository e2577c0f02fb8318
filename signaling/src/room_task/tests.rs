//! What happens to the media of a page that does not come back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use palabre_backup::MemoryJournal;
use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Epoch, GateEntry, Language, MediaRights, Role};
use palabre_room::{PersonConfig, RoomConfig};
use palabre_wire::Presence;
use palabre_wire::SeatView;

use super::*;
use crate::media::OfferError;
use crate::outbox::{OutboxReader, outbox};

const SEAT: Seat = Seat(0);
const CONNECTION: ConnectionId = ConnectionId(1);

/// Notes which seats are closed.
#[derive(Default)]
struct Plane {
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
    fn negotiate<'a>(
        &'a self,
        _: &'a RoomId,
        _: Seat,
        offer: String,
    ) -> MediaFuture<'a, Result<String, OfferError>> {
        done(Ok(offer))
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
    fn has_session<'a>(&'a self, _: &'a RoomId, _: Seat) -> MediaFuture<'a, bool> {
        done(!self.dead.load(Ordering::SeqCst))
    }
}

struct Scene {
    task: RoomTask,
    plane: Arc<Plane>,
    _page: OutboxReader,
}

impl Scene {
    /// A room with one page in it.
    async fn new() -> Self {
        let plane = Arc::new(Plane::default());
        let shared = Shared {
            clock: ServerClock::start(UnixMillis(0)),
            journal: Arc::new(MemoryJournal::new()),
            media: Arc::clone(&plane) as _,
            metrics: Arc::default(),
        };
        let now = shared.clock.now();
        let person = |name, role| PersonConfig {
            name: DisplayName::parse(name).expect("name"),
            role,
            expert: false,
        };
        let config = RoomConfig {
            template: Arc::new(Template::builtin("plain-meeting").expect("ships")),
            language: Language::Fr,
            people: vec![person("Camille", Role::Facilitator), person("Laura", Role::Client)],
        };
        let about = About {
            created_at: now,
            links_expire_at: now + Millis::from_secs(86_400),
            invited: Vec::new(),
            demo: false,
        };
        let room = Room::new(now, config).expect("a room");
        let snapshot = Snapshot { room, about, last_commands: Vec::new(), last_input_at: now };
        let id = RoomId::parse("test-room").expect("an identifier");
        shared.commit(snapshot.change(id.clone(), 0)).await.expect("journal");
        let mut task = RoomTask::new(id, shared, snapshot, 0);
        let (sender, page) = outbox();
        let join = Join {
            seat: SEAT,
            connection: CONNECTION,
            language: Language::Fr,
            resume: None,
            outbox: sender,
        };
        task.join(join).await.expect("journal");
        plane.closed.lock().expect("lock").clear();
        Self { task, plane, _page: page }
    }

    async fn pass(&mut self, seconds: u64) {
        self.task.shared.clock.pass(Duration::from_secs(seconds));
        self.task.on_time().await.expect("journal");
    }

    fn media_ended(&self) -> bool {
        self.plane.closed.lock().expect("lock").contains(&SEAT)
    }

    fn is_away(&self) -> bool {
        let person = self.task.room.person(SEAT).expect("seat");
        matches!(person.presence, Presence::Away { .. })
    }
}

#[tokio::test]
async fn whoever_keeps_media_without_a_connection_loses_them() {
    let mut scene = Scene::new().await;
    scene.pass(500).await;
    assert!(!scene.media_ended(), "a page that is here keeps its media");
    scene.task.gone(SEAT, CONNECTION, Loss::Closed);
    scene.pass(0).await;
    scene.pass(60).await;
    assert!(scene.is_away() && !scene.media_ended(), "a minute without signaling is borne");
    let due = scene.task.next_timer();
    assert!(due <= scene.task.shared.clock.now() + Millis::from_secs(15), "it wakes up for it");
    scene.pass(15).await;
    assert!(scene.media_ended());
}

#[tokio::test]
async fn a_silent_page_is_away_as_soon_as_its_media_are_lost() {
    let mut scene = Scene::new().await;
    scene.task.gone(SEAT, CONNECTION, Loss::Silent);
    scene.pass(3).await;
    scene.pass(2).await;
    assert!(!scene.is_away(), "it is still heard");
    scene.plane.dead.store(true, Ordering::SeqCst);
    scene.task.media_lost(SEAT).await;
    scene.pass(0).await;
    scene.pass(2).await;
    assert!(scene.is_away());
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
    scene.task.set_gate(table(100, [1, 2])).await.expect("taken");
    assert_eq!(scene.task.speaking_near(SEAT), speaking(&[0]));
    assert_eq!(scene.task.speaking_near(Seat(1)), speaking(&[1]));
    scene.task.set_gate(table(101, [2, 2])).await.expect("taken");
    assert_eq!(scene.task.speaking_near(SEAT), speaking(&[0, 1]));
}
