//! A bot against a server that says what the test wants.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use palabre_wire::{MediaAnswer, MediaOffer, ServerMessage};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::bot::{Bot, Causes, Microphone, Report, Stack};
use crate::ledger::Ledger;
use crate::link::RoomAnswer;
use crate::media::speech::Voice;

const WAIT: Duration = Duration::from_secs(20);

/// How long the script lets a bot be away.
const PAUSE: Duration = Duration::from_millis(600);

/// An answer that leads to that place.
fn answer_to(plan: &MediaPlan, media: SocketAddr) -> String {
    let (ip, port) = (media.ip(), media.port());
    let mut sdp = format!(
        "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
         a=candidate:1 1 udp 1 {ip} {port} typ host\r\n"
    );
    let slots = plan.slots.iter().flat_map(|_| [("audio", 111), ("video", 96)]);
    let sections = [("audio", 111), ("video", 96), ("video", 96)].into_iter().chain(slots);
    for (at, (kind, format)) in sections.chain([("video", 96)]).enumerate() {
        sdp += &format!("m={kind} 9 x {format}\r\na=mid:{at}\r\na=ssrc:{} cname:x\r\n", at + 7);
    }
    sdp
}

/// A server that takes resume tokens, or knows none of them; it answers offers with that place, or not
/// at all.
async fn server(takes_tokens: bool, media: Option<SocketAddr>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.expect("upgraded");
                let hello = socket.next().await.expect("a hello").expect("a frame");
                let resumes = hello.to_text().expect("text").contains(r#""resume":{"#);
                let answer = if takes_tokens && resumes {
                    include_str!("../../../../crates/wire/golden/server.resumed.json")
                } else {
                    include_str!("../../../../crates/wire/golden/server.welcome.json")
                };
                let mut answer = serde_json::from_str(answer).expect("a message of the wire");
                if let ServerMessage::Resumed(missed) = &mut answer {
                    missed.events.clear();
                }
                let plan = match &answer {
                    ServerMessage::Welcome(welcome) => Some(welcome.media.clone()),
                    _ => None,
                };
                let text = serde_json::to_string(&answer).expect("as it was read");
                socket.send(Message::text(text)).await.expect("sent");
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    let message = serde_json::from_str(&text).expect("a message of the wire");
                    if let (ClientMessage::MediaOffer(offer), Some(plan), Some(media)) =
                        (message, &plan, media)
                    {
                        let sdp = answer_to(plan, media);
                        let MediaOffer { generation, .. } = offer;
                        let answer = MediaAnswer { generation, sdp, next_ice: None };
                        let answer = ServerMessage::MediaAnswer(answer);
                        let text = serde_json::to_string(&answer).expect("of the wire");
                        socket.send(Message::text(text)).await.expect("sent");
                    }
                }
            });
        }
    });
    address
}

fn bot(address: &str, stack: Stack) -> Bot {
    let json = format!(
        r#"{{"room":"demo-room","links":[{{"name":"B","role":"client","seat":1,"url":"http://{address}/r/demo-room#secret"}}]}}"#
    );
    let mut links = RoomAnswer::parse(&json).expect("JSON").links().expect("links");
    let hum: Vec<i16> = (0..100).cycle().take(48_000).map(|at| at * 50).collect();
    let voice = Arc::new(Voice::from_pcm(&hum).expect("a second of sound"));
    let (bot, mut notes) = Bot::start(BotConfig {
        link: links.remove(0),
        cast: Arc::new(vec![(palabre_ids::Seat(1), voice.clone())]),
        voice,
        ledger: Ledger::default(),
        causes: Causes::default(),
        microphone: Microphone::Open,
        camera: None,
        stack,
        decode: false,
        play: None,
        relay: false,
    });
    tokio::spawn(async move { while notes.recv().await.is_some() {} });
    bot
}

async fn until(bot: &Bot, holds: impl Fn(&Report) -> bool) -> Report {
    let found = async {
        loop {
            let report = bot.report().await.expect("it runs");
            if holds(&report) {
                return report;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(WAIT, found).await.expect("in time")
}

/// Drops a bot that is in, and lets it come back with its token.
async fn back(bot: &Bot) -> Report {
    until(bot, |report| report.stage.is_some()).await;
    bot.order(Order::Drop(Drop::Signaling)).await;
    sleep(PAUSE).await;
    bot.order(Order::Return(Return::Resume)).await;
    until(bot, |report| report.back_at.is_some()).await
}

#[tokio::test]
async fn the_rung_is_the_one_that_the_server_answers() {
    for (takes_tokens, rung) in [(true, "resume"), (false, "new_transport")] {
        let address = server(takes_tokens, None).await;
        let report = back(&bot(&address, Stack::Signaling)).await;
        let rungs: Vec<_> = report.returns.iter().map(|(rung, _)| *rung).collect();
        assert_eq!((rungs, report.let_in), (vec![rung], 2));
    }
}

#[tokio::test]
async fn the_pause_of_a_script_is_no_part_of_the_way_back() {
    let address = server(true, None).await;
    for order in [Order::Return(Return::Resume), Order::ReturnByItself] {
        let bot = bot(&address, Stack::Signaling);
        until(&bot, |report| report.stage.is_some()).await;
        bot.order(Order::Drop(Drop::Signaling)).await;
        sleep(PAUSE).await;
        bot.order(order).await;
        let report = until(&bot, |report| report.back_at.is_some()).await;
        let took = report.returns[0].1;
        assert!(took < PAUSE.as_secs_f64(), "{took} s");
    }
}

#[tokio::test]
async fn who_is_in_anew_is_back_with_media_and_not_before() {
    let address = server(false, None).await;
    let report = back(&bot(&address, Stack::LIGHT)).await;
    assert!(report.online && report.returns.is_empty(), "{:?}", report.returns);
}

#[tokio::test]
async fn what_cannot_be_sent_while_the_server_is_there_is_a_trouble() {
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a socket").local_addr().expect("bound");
    let address = server(false, Some(nobody)).await;
    let report = until(&bot(&address, Stack::LIGHT), |report| !report.troubles.is_empty()).await;
    assert!(report.troubles[0].contains("refused"), "{:?}", report.troubles);
}
