//! A server with a room for two: it welcomes who comes, and answers what is asked as the test wants.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use palabre_ids::{Seat, UnixMillis};
use palabre_loadtest::link::Server;
use palabre_wire::{Answer, ClientMessage, Command, ServerMessage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

/// What it says to a command of a seat; that it is done, without.
type Says = Arc<dyn Fn(Seat, &Command) -> Option<ServerMessage> + Send + Sync>;

pub(crate) async fn server(
    says: impl Fn(Seat, &Command) -> Option<ServerMessage> + Send + Sync + 'static,
) -> Server {
    let says: Says = Arc::new(says);
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
                tokio::spawn(welcome(stream, says.clone()));
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

async fn welcome(stream: TcpStream, says: Says) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("upgraded");
    let mut own = Seat(0);
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let answer = match serde_json::from_str(&text).expect("a message of the wire") {
            ClientMessage::Hello(hello) => {
                own = Seat(hello.token.parse().expect("a seat"));
                let golden = include_str!("../../../crates/wire/golden/server.welcome.json");
                let mut welcome = serde_json::from_str(golden).expect("of the wire");
                if let ServerMessage::Welcome(welcome) = &mut welcome {
                    welcome.seat = own;
                }
                welcome
            }
            ClientMessage::Ping { at } => ServerMessage::Pong { at, now: UnixMillis(0) },
            ClientMessage::Command { id, command } => {
                says(own, &command).unwrap_or(ServerMessage::Answer { id, answer: Answer::Done })
            }
            _ => continue,
        };
        let text = serde_json::to_string(&answer).expect("of the wire");
        socket.send(Message::text(text)).await.expect("sent");
    }
}
