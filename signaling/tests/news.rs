//! That a session began or ended is told outside, until somebody keeps it.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::{CHAIR, FakeMedia, Server, crash, open, three};
use palabre_ids::RoomId;
use palabre_signaling::{Herald, Milestone, News, Service, ServiceConfig};
use palabre_wire::{Answer, Command, RecordFate};
use tokio::sync::oneshot;

/// Writes down what it is told, and keeps it or not.
#[derive(Debug, Default)]
struct Ears {
    told: Mutex<Vec<News>>,
    keeps: AtomicBool,
}

impl Ears {
    fn that_keep(keeps: bool) -> Arc<Self> {
        Arc::new(Self { keeps: AtomicBool::new(keeps), ..Self::default() })
    }

    fn told(&self) -> Vec<News> {
        self.told.lock().expect("lock").clone()
    }
}

impl Herald for Ears {
    fn tell(&self, news: News) -> oneshot::Receiver<()> {
        self.told.lock().expect("lock").push(news);
        let (kept, answer) = oneshot::channel();
        if self.keeps.load(Ordering::SeqCst) {
            kept.send(()).expect("somebody waits");
        }
        answer
    }
}

async fn service(data: &Path, ears: &Arc<Ears>) -> Service {
    let config = ServiceConfig { news: Some(Arc::clone(ears) as _), ..ServiceConfig::default() };
    Service::start(config, open(data), FakeMedia::new()).await.expect("starts")
}

/// A server whose news go to `ears`, with a new room, or one that it has.
async fn serve(data: &Path, ears: &Arc<Ears>, room: Option<&RoomId>) -> Server {
    let service = service(data, ears).await;
    let room = match room {
        Some(room) => room.clone(),
        None => service.create_room(three("Amadou"), false).await.expect("made"),
    };
    Server::serve(service, FakeMedia::new(), room).await
}

fn what(news: &[News]) -> Vec<Milestone> {
    news.iter().map(|news| news.what).collect()
}

#[tokio::test]
async fn what_is_kept_is_told_once_and_what_is_not_after_the_next_start() {
    let first = tempfile::tempdir().expect("dir");
    let deaf = Ears::that_keep(false);
    let server = serve(first.path(), &deaf, None).await;
    let mut chair = server.join(CHAIR).await;
    assert!(deaf.told().is_empty(), "a room that is made is no session yet");
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    let told = deaf.told();
    assert_eq!(what(&told), [Milestone::Started]);
    assert_eq!(told[0].started_at, Some(told[0].at));

    // Nobody kept it: the same is told again, and by then somebody does.
    let second = crash(first.path());
    let ears = Ears::that_keep(true);
    let server = serve(second.path(), &ears, Some(&server.room)).await;
    let mut chair = server.join(CHAIR).await;
    assert_eq!(ears.told(), told);
    assert_eq!(chair.command(Command::EndSession).await, Answer::Done);
    assert_eq!(what(&ears.told()), [Milestone::Started, Milestone::Ended]);
    assert_eq!(ears.told()[1].started_at, Some(told[0].at));

    let third = crash(second.path());
    let ears = Ears::that_keep(true);
    let server = serve(third.path(), &ears, Some(&server.room)).await;
    server.join(CHAIR).await;
    assert!(ears.told().is_empty(), "both are kept");
}

/// The server ends between what happened and the news of it: the journal has the one and not the other.
#[tokio::test]
async fn what_happened_in_the_last_moment_is_told_by_the_next_server() {
    let first = tempfile::tempdir().expect("dir");
    // Nobody is told anything, as if the server had ended before.
    let server = Server::start_with(open(first.path()), three("Amadou")).await;
    let mut chair = server.join(CHAIR).await;
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    let second = crash(first.path());
    let ears = Ears::that_keep(true);
    let server = serve(second.path(), &ears, Some(&server.room)).await;
    server.join(CHAIR).await;
    assert_eq!(what(&ears.told()), [Milestone::Started]);
}

#[tokio::test]
async fn a_session_that_is_erased_at_its_end_is_told_before_nothing_is_left_of_it() {
    let data = tempfile::tempdir().expect("dir");
    let ears = Ears::that_keep(true);
    let server = serve(data.path(), &ears, None).await;
    let mut laura = server.join(common::LAURA).await;
    let mut chair = server.join(CHAIR).await;
    assert_eq!(chair.command(Command::NextPhase).await, Answer::Done);
    let erase = Command::DecideRecord { fate: RecordFate::Erase };
    assert_eq!(laura.command(erase).await, Answer::Done);
    chair.send_command(Command::EndSession).await;
    chair.closing().await;
    assert_eq!(what(&ears.told()), [Milestone::Started, Milestone::Ended]);
}

#[tokio::test]
async fn a_session_that_never_began_ends_without_a_beginning() {
    let data = tempfile::tempdir().expect("dir");
    let ears = Ears::that_keep(true);
    let server = serve(data.path(), &ears, None).await;
    let mut chair = server.join(CHAIR).await;
    assert_eq!(chair.command(Command::EndSession).await, Answer::Done);
    let told = ears.told();
    assert_eq!(what(&told), [Milestone::Ended]);
    assert_eq!(told[0].started_at, None);
}
