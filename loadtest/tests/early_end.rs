//! A run that is told to end judges what its rooms did until then, and says that it is partial.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use palabre_ids::{Seat, UnixMillis};
use palabre_loadtest::link::Server;
use palabre_loadtest::run::{self, Overrides, Private, Scenario, Setting, Summary};
use palabre_wire::{Answer, ClientMessage, Command, ServerMessage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

/// Its second step is what ends it; its third is an hour away.
const SCENARIO: &str = r#"
name = "early"
template = "plain-meeting"
people = 2
seconds = 7200
bots = "signaling"

[[at]]
second = 0
holder = 1

[[at]]
second = 0
seat = 1
do = "set_muted"
muted = true

[[at]]
second = 3600
holder = 0
"#;

/// A server with a room for two: it welcomes who comes, does nothing that is asked, and ends the run at
/// a mute.
async fn server(end: watch::Sender<Option<&'static str>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let server = Server::parse(&format!("http://{address}")).expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut method = [0; 4];
            stream.peek(&mut method).await.expect("a request");
            if method == *b"POST" {
                open_room(stream, &address).await;
            } else {
                tokio::spawn(welcome(stream, end.clone()));
            }
        }
    });
    server
}

async fn open_room(mut stream: TcpStream, address: &str) {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut request).await.expect("it is sent"), 0);
    }
    let links = [("facilitator", 0), ("client", 1)].map(|(role, seat)| {
        format!(
            r#"{{"name":"B","role":"{role}","seat":{seat},"url":"http://{address}/r/demo-room#{seat}"}}"#
        )
    });
    let body = format!(r#"{{"room":"demo-room","links":[{}]}}"#, links.join(","));
    let head =
        format!("HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: {}", body.len());
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.expect("sent");
}

async fn welcome(stream: TcpStream, end: watch::Sender<Option<&'static str>>) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("upgraded");
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let answer = match serde_json::from_str(&text).expect("a message of the wire") {
            ClientMessage::Hello(hello) => {
                let golden = include_str!("../../crates/wire/golden/server.welcome.json");
                let mut welcome = serde_json::from_str(golden).expect("of the wire");
                if let ServerMessage::Welcome(welcome) = &mut welcome {
                    welcome.seat = Seat(hello.token.parse().expect("a seat"));
                }
                welcome
            }
            ClientMessage::Ping { at } => ServerMessage::Pong { at, now: UnixMillis(0) },
            ClientMessage::Command { id, command } => {
                if let Command::SetMuted { .. } = command {
                    end.send_replace(Some("SIGTERM"));
                }
                ServerMessage::Answer { id, answer: Answer::Done }
            }
            _ => continue,
        };
        let text = serde_json::to_string(&answer).expect("of the wire");
        socket.send(Message::text(text)).await.expect("sent");
    }
}

#[tokio::test]
async fn what_was_done_until_then_is_judged() {
    let (told, end) = watch::channel(None);
    let setting = Setting {
        server: server(told).await,
        private: Private::None,
        own: None,
        process: None,
        progress: Arc::new(|_| {}),
        each_second: Arc::new(|_| {}),
        end,
    };
    let scenario = Scenario::parse(SCENARIO, Overrides::default()).expect("a scenario");
    let run = run::run(scenario, setting).await.expect("it ran");
    assert!(run.partial);
    assert_eq!((run.rooms, run.totals.bots, run.totals.let_in), (1, 2, 2));

    let summary = Summary::of(&run);
    let verdict = |what: &str| {
        let found = summary.assertions.iter().find(|one| one.what.contains(what));
        found.map(|one| (one.held, one.found.as_str()))
    };
    assert_eq!(verdict("every bot got in"), Some((true, "")));
    assert_eq!(verdict("holder: 1"), Some((true, "")));
    assert_eq!(verdict("holder: 0"), None, "it never came to that");
    let (held, found) = verdict("the run lasts to its end").expect("it is said");
    assert!(!held && found.contains("SIGTERM"), "{found}");
    assert!(!summary.held);
    assert!(summary.table().contains("partial"), "{}", summary.table());
}
