//! Its two WebSocket APIs: requests with a transaction each, answered in any order.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::message::{Jsep, Message, parse};

/// Sessions end after 60 s without a request.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(20);
/// An answer takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to either API.
struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    requests: u64,
}

impl Connection {
    async fn open(url: &str, protocol: &'static str) -> Result<Self> {
        let mut request = url.into_client_request()?;
        let name = "sec-websocket-protocol";
        request.headers_mut().insert(name, HeaderValue::from_static(protocol));
        let (socket, _) = connect_async_with_config(request, None, true)
            .await
            .with_context(|| format!("opening {url}"))?;
        Ok(Self { socket, requests: 0 })
    }

    /// Sends a request; gives what answers it.
    async fn ask(&mut self, mut request: Value) -> Result<Message> {
        self.requests += 1;
        let transaction = format!("t{}", self.requests);
        request["transaction"] = transaction.clone().into();
        self.socket.send(Frame::text(request.to_string())).await?;
        let asked = request["janus"].clone();
        let answer = async {
            while let Some(frame) = self.socket.next().await {
                let Frame::Text(text) = frame? else { continue };
                match parse(&text)? {
                    (Some(of), message) if of == transaction => match message {
                        Message::Acknowledged | Message::News => {}
                        message => return Ok(message),
                    },
                    _ => {}
                }
            }
            bail!("the connection ended")
        };
        timeout(PATIENCE, answer)
            .await
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("no answer to {asked}"))
    }
}

/// A session of a participant.
pub(super) struct Session {
    connection: Connection,
    id: u64,
}

impl Session {
    /// Opens one, on a connection of its own.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let mut connection = Connection::open(url, "janus-protocol").await?;
        let created = connection.ask(json!({ "janus": "create" })).await?;
        Ok(Self { connection, id: id(&created)? })
    }

    /// Its number.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Attaches a plugin: each peer connection has its handle.
    pub(super) async fn attach(&mut self, plugin: &str) -> Result<u64> {
        let attach = json!({ "janus": "attach", "session_id": self.id, "plugin": plugin });
        id(&self.connection.ask(attach).await?)
    }

    /// Asks a plugin; `description` is the kind and text of a session description.
    pub(super) async fn ask(
        &mut self,
        handle: u64,
        body: Value,
        description: Option<(&str, &str)>,
    ) -> Result<(Value, Option<Jsep>)> {
        let asked = body["request"].clone();
        let mut message = json!({
            "janus": "message", "session_id": self.id, "handle_id": handle, "body": body,
        });
        if let Some((kind, sdp)) = description {
            message["jsep"] = json!({ "type": kind, "sdp": sdp, "trickle": false });
        }
        match self.connection.ask(message).await.with_context(|| format!("{asked}"))? {
            Message::Plugin { data, jsep } => Ok((data, jsep)),
            other => bail!("{asked}: {other:?} is no answer of a plugin"),
        }
    }

    /// Keeps it alive until the server ends.
    pub(super) async fn keep(self) {
        let id = self.id;
        let (mut outgoing, mut incoming) = self.connection.socket.split();
        let alive = async {
            loop {
                sleep(KEEP_ALIVE_EVERY).await;
                let message = json!({ "janus": "keepalive", "session_id": id, "transaction": "k" });
                if outgoing.send(Frame::text(message.to_string())).await.is_err() {
                    break;
                }
            }
        };
        let messages = async { while let Some(Ok(_)) = incoming.next().await {} };
        tokio::select! {
            () = alive => {}
            () = messages => {}
        }
    }
}

fn id(created: &Message) -> Result<u64> {
    let Message::Done(data) = created else { bail!("{created:?} gives no number") };
    data["id"].as_u64().with_context(|| format!("{data} has no number"))
}

/// The operator's API.
pub(super) struct Admin {
    connection: Connection,
    secret: &'static str,
}

impl Admin {
    pub(super) async fn connect(url: &str, secret: &'static str) -> Result<Self> {
        let connection = Connection::open(url, "janus-admin-protocol").await?;
        Ok(Self { connection, secret })
    }

    /// Everything about a peer connection.
    pub(super) async fn handle_info(&mut self, session: u64, handle: u64) -> Result<Value> {
        let request = json!({
            "janus": "handle_info", "session_id": session, "handle_id": handle,
            "admin_secret": self.secret, "plugin_only": false,
        });
        match self.connection.ask(request).await? {
            Message::Done(info) => Ok(info),
            other => bail!("{other:?} is no handle_info"),
        }
    }
}
