//! One WebSocket to the signaling service, in the types of the wire.

use anyhow::{Context, Result};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use palabre_ids::Language;
use palabre_wire::{ClientMessage, Hello, Resume, ServerMessage, WIRE_VERSION};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, http::HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::link::{Link, Server};

/// What is read at once: the library's own 128 KiB would be written over with zeros at every read, of every bot.
const READ_BYTES: usize = 4 * 1_024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What is sent.
pub struct Outgoing(SplitSink<Socket, Message>);

/// What is received.
pub struct Incoming(SplitStream<Socket>);

/// Opens the WebSocket, as a page of that server would.
///
/// # Errors
/// When it cannot be reached or refuses the upgrade.
pub async fn connect(server: &Server) -> Result<(Outgoing, Incoming)> {
    connect_from(server, &server.origin()).await
}

/// Opens the WebSocket from a page of any origin.
///
/// # Errors
/// When it cannot be reached or refuses the upgrade.
pub async fn connect_from(server: &Server, origin: &str) -> Result<(Outgoing, Incoming)> {
    let mut request = server.websocket().into_client_request()?;
    request.headers_mut().insert("origin", HeaderValue::from_str(origin)?);
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    let (socket, _) = tokio_tungstenite::connect_async_with_config(request, Some(config), true)
        .await
        .context("opening the WebSocket")?;
    let (outgoing, incoming) = socket.split();
    Ok((Outgoing(outgoing), Incoming(incoming)))
}

/// Whether the server was there, and would not open a WebSocket.
#[must_use]
pub fn was_refused(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(tokio_tungstenite::tungstenite::Error::Http(_)))
}

/// The hello of a link.
#[must_use]
pub fn hello(link: &Link, resume: Option<Resume>) -> ClientMessage {
    ClientMessage::Hello(Hello {
        version: WIRE_VERSION,
        token: link.token.reveal().to_owned(),
        language: Language::Fr,
        resume,
    })
}

impl Outgoing {
    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, message: &ClientMessage) -> Result<()> {
        self.send_raw(Message::text(serde_json::to_string(message)?)).await
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_raw(&mut self, frame: Message) -> Result<()> {
        Ok(self.0.send(frame).await?)
    }
}

impl Incoming {
    /// The next message; `None` when the connection has ended.
    ///
    /// # Errors
    /// When the server says what the wire does not know.
    pub async fn next(&mut self) -> Result<Option<ServerMessage>> {
        while let Some(frame) = self.0.next().await {
            match frame {
                Ok(Message::Text(text)) => {
                    return serde_json::from_str(&text)
                        .map(Some)
                        .context("a message of the server is not of the wire");
                }
                Ok(Message::Close(_)) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
        Ok(None)
    }
}
