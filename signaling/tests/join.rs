//! A page comes in with a link, and with nothing else.

mod common;

use common::{AMADOU, CHAIR, Call, LAURA, Server};
use palabre_ids::{Seat, UnixMillis};
use palabre_wire::{
    ClientMessage, ClosingReason, Command, MediaOffer, Presence, RoomEvent, SeatView,
    ServerMessage, Stage, ViewSize, WIRE_VERSION,
};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

#[tokio::test]
async fn a_page_is_welcomed_with_the_whole_room_in_its_language() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    let welcome = page.welcome.take().expect("welcome");
    assert_eq!(welcome.seat, Seat(1));
    assert_eq!(welcome.media.slots, [Seat(0), Seat(2), Seat(3)]);
    assert_eq!(welcome.room.phase.stage, Stage::Lobby);
    assert_eq!(welcome.room.template.title, "Peer coaching, 1 h 15");
    assert_eq!(welcome.room.people.len(), 4);
    assert_eq!(welcome.room.people[1].presence, Presence::Here);
    assert_eq!(welcome.room.people[0].presence, Presence::Expected);
    assert!(welcome.now > UnixMillis(1_600_000_000_000));
    server.media.wait_for(0, |call| *call == Call::OpenRoom(4)).await;
}

#[tokio::test]
async fn others_see_somebody_come_and_leave() {
    let server = Server::start("codev-1h15").await;
    let mut chair = server.join(CHAIR).await;
    let mut amadou = server.join(AMADOU).await;
    let is = |seat, wanted: fn(&Presence) -> bool| move |event: &RoomEvent| matches!(event, RoomEvent::Person(p) if p.seat == seat && wanted(&p.presence));
    chair.until_event(is(Seat(2), |p| matches!(p, Presence::Here))).await;
    amadou.say(&ClientMessage::Leave).await;
    assert_eq!(amadou.closing().await, ClosingReason::Left);
    chair.until_event(is(Seat(2), |p| matches!(p, Presence::Left))).await;
    server.media.wait_for(0, |call| *call == Call::CloseSeat(Seat(2))).await;
    // The link still works.
    let back = server.join(AMADOU).await;
    assert_eq!(back.welcome.expect("welcome").room.people[2].presence, Presence::Here);
}

#[tokio::test]
async fn a_second_page_with_the_link_takes_the_seat() {
    let server = Server::start("codev-1h15").await;
    let mut first = server.join(LAURA).await;
    let mut second = server.join(LAURA).await;
    assert_eq!(first.closing().await, ClosingReason::TakenOver);
    assert!(second.so_far().await.len() < 20);
    let people = &second.welcome.as_ref().expect("welcome").room.people;
    assert_eq!(people[1].presence, Presence::Here, "the seat was never empty");
}

#[tokio::test]
async fn media_is_negotiated_and_views_are_handed_on() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    let views = vec![SeatView { seat: Seat(0), size: ViewSize::Large }];
    page.say(&ClientMessage::View { seats: views.clone() }).await;
    let offer = |sdp: &str, generation| {
        ClientMessage::MediaOffer(MediaOffer { generation, sdp: sdp.into() })
    };
    page.say(&offer("nonsense", 1)).await;
    let refused = page.until(|m| matches!(m, ServerMessage::MediaRefused { .. })).await;
    assert!(matches!(refused.last(), Some(ServerMessage::MediaRefused { generation: 1, .. })));
    page.say(&offer("v=0 offer", 2)).await;
    let answered = page.until(|m| matches!(m, ServerMessage::MediaAnswer(_))).await;
    let Some(ServerMessage::MediaAnswer(answer)) = answered.last() else { panic!("no answer") };
    assert_eq!((answer.generation, answer.sdp.as_str()), (2, "v=0 answer"));
    let negotiated = server.media.wait_for(0, |c| *c == Call::Negotiate(Seat(1))).await;
    // A session that comes after the page said what it shows is told too.
    server.media.wait_for(negotiated, |c| *c == Call::SetViews(Seat(1), views.clone())).await;
}

#[tokio::test]
async fn a_lost_media_session_is_told_and_a_replaced_one_is_not() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    let offer = MediaOffer { generation: 1, sdp: "v=0 offer".into() };
    page.say(&ClientMessage::MediaOffer(offer)).await;
    page.until(|m| matches!(m, ServerMessage::MediaAnswer(_))).await;
    let lost = palabre_signaling::MediaNotice::Lost {
        room: server.room.clone(),
        seat: Seat(1),
        session: server.media.last_given(),
    };
    server.service.media_notice(lost.clone());
    page.command(Command::SetMuted { muted: true }).await;
    server.media.lose_session(Seat(1));
    server.service.media_notice(lost);
    let messages = page.until(|m| matches!(m, ServerMessage::MediaLost)).await;
    assert!(
        !messages.iter().any(|m| matches!(m, ServerMessage::Answer { .. })),
        "it came after the session was lost, not before"
    );
}

#[tokio::test]
async fn voices_are_told_unnumbered() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    let seats = vec![Seat(0), Seat(2)];
    let notice = palabre_signaling::MediaNotice::Speaking {
        room: server.room.clone(),
        seats: seats.clone(),
    };
    server.service.media_notice(notice);
    page.until(|m| *m == ServerMessage::Speaking { seats: seats.clone() }).await;
    // Who comes later knows too.
    let mut late = server.join(CHAIR).await;
    late.until(|m| *m == ServerMessage::Speaking { seats: seats.clone() }).await;
}

#[tokio::test]
async fn whoever_has_no_link_stays_out() {
    let server = Server::start("codev-1h15").await;
    let other = Server::start("codev-1h15").await;
    let hello = |version: u32, token: &str| {
        format!(r#"{{"type":"hello","version":{version},"token":"{token}","language":"fr"}}"#)
    };
    let mine = &server.tokens[1];
    let cut = &mine[..mine.len() - 3];
    for (text, reason) in [
        (hello(WIRE_VERSION, ""), ClosingReason::BadToken),
        (hello(WIRE_VERSION, cut), ClosingReason::BadToken),
        (hello(WIRE_VERSION, &other.tokens[1]), ClosingReason::BadToken),
        (hello(1, mine), ClosingReason::VersionMismatch),
        (r#"{"type":"hello","version":7,"new":"field"}"#.into(), ClosingReason::VersionMismatch),
        (format!(r#"{{"type":"hello","version":{WIRE_VERSION}}}"#), ClosingReason::HelloExpected),
        (r#"{"type":"leave"}"#.into(), ClosingReason::HelloExpected),
        ("hello".into(), ClosingReason::HelloExpected),
    ] {
        let mut page = server.connect().await;
        page.say_text(text.clone()).await;
        assert_eq!(page.closing().await, reason, "{text}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let server = Server::start("codev-1h15").await;
    let own = format!("http://{}", server.address);
    assert!(connect_async(server.request(Some(&own))).await.is_ok());
    for origin in ["http://evil.example", "null", "http://127.0.0.1"] {
        match connect_async(server.request(Some(origin))).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 403, "{origin}"),
            other => panic!("{origin}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn pages_are_told_when_the_server_stops() {
    let server = Server::start("codev-1h15").await;
    let mut page = server.join(LAURA).await;
    let (reason, ()) = tokio::join!(page.closing(), server.service.stop());
    assert_eq!(reason, ClosingReason::Restarting);
    assert!(!server.service.is_ready());
}
