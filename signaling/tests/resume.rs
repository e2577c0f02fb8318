//! A page whose connection was lost comes back to where it was.

mod common;

use common::{AMADOU, CHAIR, LAURA, Page, Server};
use palabre_ids::{EventSeq, Seat};
use palabre_wire::{
    Answer, ClientMessage, Command, CommandId, Event, MediaOffer, Missed, Presence, Refusal,
    Resume, RoomEvent, ServerMessage,
};

/// The number of the last event that a page has seen.
fn last_seq(page: &Page, messages: &[ServerMessage]) -> EventSeq {
    let seen = messages.iter().filter_map(|message| match message {
        ServerMessage::Event(event) => Some(event.seq),
        _ => None,
    });
    seen.max().unwrap_or(page.welcome.as_ref().expect("welcome").seq)
}

async fn resume(server: &Server, person: usize, token: &str, last_seq: EventSeq) -> Page {
    let mut page = server.connect().await;
    let resume = Resume { token: token.to_owned(), last_seq };
    page.hello(&server.tokens[person], Some(resume)).await;
    page
}

async fn missed(page: &mut Page) -> Missed {
    match page.next().await {
        ServerMessage::Resumed(missed) => missed,
        other => panic!("{other:?} instead of what was missed"),
    }
}

fn chats(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match &event.event {
            RoomEvent::Chat(line) => Some(line.text.as_str()),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn what_was_missed_comes_once_and_in_order() {
    let server = Server::start("plain-meeting").await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    assert_eq!(chair.command(Command::Chat { text: "before".into() }).await, Answer::Done);
    let before = laura
        .until(|m| matches!(m, ServerMessage::Event(e) if matches!(e.event, RoomEvent::Chat(_))))
        .await;
    let seen = last_seq(&laura, &before);
    let token = laura.welcome.take().expect("welcome").resume_token;
    drop(laura);
    for text in ["one", "two", "three"] {
        assert_eq!(chair.command(Command::Chat { text: text.into() }).await, Answer::Done);
    }
    let mut laura = resume(&server, LAURA, &token, seen).await;
    let missed = missed(&mut laura).await;
    let numbers: Vec<u64> = missed.events.iter().map(|event| event.seq.0).collect();
    let expected: Vec<u64> = (seen.0 + 1..=seen.0 + numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "no gap, no doubling");
    assert_eq!(chats(&missed.events), ["one", "two", "three"]);
    assert!(!missed.media_alive);

    // Life goes on behind it without a gap.
    assert_eq!(chair.command(Command::Chat { text: "four".into() }).await, Answer::Done);
    let after = laura.until_event(|event| matches!(event, RoomEvent::Chat(_))).await;
    let last = missed.events.last().map_or(seen, |event| event.seq);
    assert!(after.seq > last);
}

#[tokio::test]
async fn a_speaker_who_resumes_at_once_is_never_away() {
    let server = Server::start("plain-meeting").await;
    let (mut chair, mut laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    let offer = MediaOffer { generation: 1, sdp: "v=0 offer".into() };
    laura.say(&ClientMessage::MediaOffer(offer)).await;
    laura.until(|m| matches!(m, ServerMessage::MediaAnswer(_))).await;
    let welcome = laura.welcome.take().expect("welcome");
    drop(laura);
    let mut laura = resume(&server, LAURA, &welcome.resume_token, welcome.seq).await;
    assert!(missed(&mut laura).await.media_alive, "the media were left alone");
    let seen = chair.so_far().await;
    let away = |message: &ServerMessage| {
        matches!(message, ServerMessage::Event(e) if matches!(&e.event,
            RoomEvent::Person(p) if matches!(p.presence, Presence::Away { .. })))
    };
    assert!(!seen.iter().any(away));
}

#[tokio::test]
async fn whoever_stays_away_is_seen_as_away_and_comes_back() {
    let server = Server::start("plain-meeting").await;
    let (mut chair, laura) = (server.join(CHAIR).await, server.join(LAURA).await);
    drop(laura);
    let presence = |wanted: fn(&Presence) -> bool| move |event: &RoomEvent| matches!(event, RoomEvent::Person(p) if p.seat == Seat(1) && wanted(&p.presence));
    chair.until_event(presence(|p| matches!(p, Presence::Away { .. }))).await;
    let _back = server.join(LAURA).await;
    chair.until_event(presence(|p| matches!(p, Presence::Here))).await;
}

#[tokio::test]
async fn a_token_that_is_not_the_seats_last_gives_a_welcome() {
    let server = Server::start("plain-meeting").await;
    let mut amadou = server.join(AMADOU).await;
    let mut laura = server.join(LAURA).await;
    let theirs = amadou.welcome.take().expect("welcome").resume_token;
    let first = laura.welcome.take().expect("welcome");
    drop(laura);
    // Used once, and answered, it is used up.
    let mut laura = resume(&server, LAURA, &first.resume_token, first.seq).await;
    missed(&mut laura).await;
    laura.so_far().await;
    for (token, seq) in [
        (first.resume_token.as_str(), first.seq),
        (theirs.as_str(), first.seq),
        ("", first.seq),
        ("AAAAAAAAAAAAAAAAAAAAAA", first.seq),
        (&"A".repeat(2_000), first.seq),
    ] {
        let mut page = resume(&server, LAURA, token, seq).await;
        page.take_welcome().await;
    }
    // A number the room has never reached is no reason for an error either.
    let mut page = server.join(LAURA).await;
    let token = page.welcome.take().expect("welcome").resume_token;
    let mut page = resume(&server, LAURA, &token, EventSeq(u64::MAX)).await;
    page.take_welcome().await;
}

#[tokio::test]
async fn a_command_sent_again_is_answered_and_not_carried_out_again() {
    let server = Server::start("plain-meeting").await;
    let mut laura = server.join(LAURA).await;
    let chat = |id| ClientMessage::Command {
        id: CommandId(id),
        command: Command::Chat { text: "once".into() },
    };
    laura.say(&chat(1)).await;
    assert_eq!(laura.answer_to(CommandId(1)).await.0, Answer::Done);
    let welcome = laura.welcome.take().expect("welcome");
    drop(laura);

    let mut laura = resume(&server, LAURA, &welcome.resume_token, welcome.seq).await;
    let missed = missed(&mut laura).await;
    assert_eq!(missed.last_command, CommandId(1));
    assert_eq!(chats(&missed.events), ["once"]);
    laura.say(&chat(1)).await;
    let (answer, messages) = laura.answer_to(CommandId(1)).await;
    assert_eq!(answer, Answer::Done);
    let events = |messages: &[ServerMessage]| {
        messages.iter().filter(|m| matches!(m, ServerMessage::Event(_))).count()
    };
    assert_eq!(events(&messages), 0);

    // A refusal is remembered as a refusal.
    let refused = Answer::Refused { code: Refusal::NotFacilitator };
    let next = ClientMessage::Command { id: CommandId(2), command: Command::NextPhase };
    for _ in 0..2 {
        laura.say(&next).await;
        assert_eq!(laura.answer_to(CommandId(2)).await.0, refused);
    }
}
