//! After the session: the record is read until its time is over, and what is erased is in no file.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{AMADOU, CHAIR, Call, LAURA, Server, three};
use palabre_backup::{Journal, LogJournal};
use palabre_ids::Seat;
use palabre_wire::{
    Answer, ClientMessage, ClosingReason, Command, EntryDraft, MediaOffer, RecordFate, RoomEvent,
    ServerMessage, Stage,
};

const NAME: &str = "CANARYname";
const CHAT: &str = "CANARY-in-the-chat";
const HELP: &str = "CANARY-in-a-call-for-help";
const NOTES: &str = "CANARY-in-private-notes";
const SUBJECT: &str = "CANARY-in-a-subject";
const CONTRACT: &str = "CANARY-in-the-contract";
const ALL: [&str; 6] = [NAME, CHAT, HELP, NOTES, SUBJECT, CONTRACT];

fn files(of: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(of).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Which of the canaries are in any file, at any place.
fn on_disk(directory: &Path) -> Vec<&'static str> {
    let mut found = Vec::new();
    files(directory, &mut found);
    assert!(!found.is_empty(), "there is a journal to search");
    let bytes: Vec<Vec<u8>> = found.iter().map(|path| std::fs::read(path).expect("read")).collect();
    let holds = |canary: &&str| {
        bytes.iter().any(|file| file.windows(canary.len()).any(|at| at == canary.as_bytes()))
    };
    ALL.into_iter().filter(holds).collect()
}

fn open(directory: &Path) -> Arc<dyn Journal> {
    Arc::new(LogJournal::open(directory).expect("opens"))
}

/// A room in which everything was written that can be.
async fn written(directory: &Path) -> (Server, common::Page, common::Page) {
    let server = Server::start_with(open(directory), three(NAME)).await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    let mut third = server.join(AMADOU).await;
    let done = Answer::Done;
    assert_eq!(third.command(Command::Chat { text: CHAT.into() }).await, done);
    assert_eq!(third.command(Command::Help { text: HELP.into() }).await, done);
    assert_eq!(laura.command(Command::SetNotes { text: NOTES.into() }).await, done);
    assert_eq!(chair.command(Command::NextPhase).await, done);
    assert_eq!(chair.command(Command::NextPhase).await, done);
    let entry = EntryDraft::Subject { text: SUBJECT.into() };
    assert_eq!(third.command(Command::AddEntry { entry }).await, done);
    for _ in 0..3 {
        assert_eq!(chair.command(Command::NextPhase).await, done);
    }
    assert_eq!(laura.command(Command::ProposeContract { text: CONTRACT.into() }).await, done);
    (server, chair, laura)
}

#[tokio::test]
async fn what_is_kept_can_be_read_and_what_is_erased_is_in_no_file() {
    let data = tempfile::tempdir().expect("dir");
    let (server, mut chair, mut laura) = written(data.path()).await;
    assert_eq!(on_disk(data.path()), ALL, "the search finds what is there");

    assert_eq!(chair.command(Command::EndSession).await, Answer::Done);
    laura
        .until_event(|event| matches!(event, RoomEvent::Phase(p) if p.stage == Stage::Ended))
        .await;
    server.media.wait_for(0, |call| *call == Call::CloseRoom).await;
    // What was said in passing is forgotten with the session; the record is not.
    assert_eq!(on_disk(data.path()), [NAME, NOTES, SUBJECT, CONTRACT]);

    // Nobody is sent away, and the links open the record.
    let mut laura = server.join(LAURA).await;
    let room = &laura.welcome.as_ref().expect("welcome").room;
    assert_eq!((room.phase.stage, room.entries.len()), (Stage::Ended, 1));
    assert_eq!(room.phase.contract.as_deref(), Some(CONTRACT));
    assert!(room.chat.is_empty());
    let offer = MediaOffer { generation: 1, sdp: "v=0 offer".into() };
    laura.say(&ClientMessage::MediaOffer(offer)).await;
    laura.until(|m| matches!(m, ServerMessage::MediaRefused { .. })).await;
    let calls = server.media.calls().len();
    chair.say(&ClientMessage::View { seats: vec![] }).await;
    let over = Answer::Refused { code: palabre_wire::Refusal::Ended };
    assert_eq!(chair.command(Command::CannotHear).await, over);
    assert_eq!(server.media.calls().len(), calls, "the media plane has nothing more to do with it");

    assert_eq!(
        chair.command(Command::DecideRecord { fate: RecordFate::Erase }).await,
        Answer::Refused { code: palabre_wire::Refusal::NotEligible },
        "it is the client's"
    );
    laura.send_command(Command::DecideRecord { fate: RecordFate::Erase }).await;
    let told = laura.until(|m| matches!(m, ServerMessage::Event(_))).await;
    assert_eq!(on_disk(data.path()), [""; 0], "before the first word of it: {told:?}");
    assert_eq!(laura.closing().await, ClosingReason::SessionEnded);
    assert_eq!(chair.closing().await, ClosingReason::SessionEnded);
    let mut late = server.connect().await;
    late.hello(&server.tokens[AMADOU], None).await;
    assert_eq!(late.closing().await, ClosingReason::RoomGone);

    server.service.stop().await;
    drop((server, late));
    let (service, _media) = Server::service(reopen(data.path()).await).await;
    assert_eq!((service.room_count(), on_disk(data.path())), (0, Vec::new()));
}

#[tokio::test]
async fn a_record_that_is_to_be_erased_goes_with_the_session() {
    let data = tempfile::tempdir().expect("dir");
    let (server, mut chair, mut laura) = written(data.path()).await;
    let fate = RecordFate::Erase;
    assert_eq!(laura.command(Command::DecideRecord { fate }).await, Answer::Done);
    assert_eq!(on_disk(data.path()), ALL, "it is needed until the end");
    chair.send_command(Command::EndSession).await;
    assert_eq!(chair.closing().await, ClosingReason::SessionEnded);
    assert_eq!(laura.closing().await, ClosingReason::SessionEnded);
    assert_eq!(on_disk(data.path()), [""; 0]);
    server.media.wait_for(0, |call| *call == Call::CloseRoom).await;
    let mut late = server.connect().await;
    late.hello(&server.tokens[LAURA], None).await;
    assert_eq!(late.closing().await, ClosingReason::RoomGone);
}

#[tokio::test]
async fn a_kept_record_outlives_a_restart() {
    let data = tempfile::tempdir().expect("dir");
    let (server, mut chair, mut laura) = written(data.path()).await;
    assert_eq!(chair.command(Command::EndSession).await, Answer::Done);
    let fate = RecordFate::Keep;
    assert_eq!(laura.command(Command::DecideRecord { fate }).await, Answer::Done);
    let room = server.room.clone();
    server.service.stop().await;
    drop((server, chair, laura));

    let server = Server::restart(reopen(data.path()).await, room).await;
    let laura = server.join(LAURA).await;
    let room = &laura.welcome.as_ref().expect("welcome").room;
    assert_eq!((room.phase.stage, room.state.record), (Stage::Ended, RecordFate::Keep));
    assert_eq!(room.phase.contract.as_deref(), Some(CONTRACT));
    assert!(room.people.iter().any(|person| person.seat == Seat(2)));
    assert!(!server.media.calls().iter().any(|call| matches!(call, Call::OpenRoom(_))));
}

/// The journal, as soon as the server before has let go of it.
async fn reopen(directory: &Path) -> Arc<dyn Journal> {
    let opened = async {
        loop {
            match LogJournal::open(directory) {
                Ok(journal) => return Arc::new(journal) as Arc<dyn Journal>,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(common::PATIENCE, opened).await.expect("the journal is free")
}
