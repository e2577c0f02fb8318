//! What waits to be written to one page. It is bounded: a page that reads too slowly is let go, and
//! comes back by resuming.

use std::sync::Arc;

use axum::extract::ws::{Message, Utf8Bytes};
use palabre_ids::Millis;
use palabre_wire::{ClosingReason, MAX_SERVER_MESSAGE_BYTES, ServerMessage};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::tunnel::TunnelLine;

/// Messages that may wait. A room at its busiest makes some ten a second, so this is many seconds
/// of a page that reads nothing. Higher costs memory for each such page.
pub(crate) const OUTBOX_MESSAGES: usize = 256;

/// Why a connection ends, and when its page may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goodbye {
    /// Why.
    pub(crate) reason: ClosingReason,
    /// After how long, where everybody would come back at once otherwise.
    pub(crate) after: Option<Millis>,
    /// For how long its media go on meanwhile.
    pub(crate) media_for: Option<Millis>,
}

impl From<ClosingReason> for Goodbye {
    fn from(reason: ClosingReason) -> Self {
        Self { reason, after: None, media_for: None }
    }
}

impl From<Goodbye> for ServerMessage {
    fn from(Goodbye { reason, after, media_for }: Goodbye) -> Self {
        Self::Closing { reason, after, media_for }
    }
}

/// How a connection ends from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a last message that says why.
    Closing(Goodbye),
    /// Without a word: the page has another connection already.
    Silently,
}

/// The room's end of an outbox.
#[derive(Debug)]
pub(crate) struct Outbox {
    messages: mpsc::Sender<Message>,
    voices: Arc<TunnelLine>,
    end: Option<oneshot::Sender<End>>,
}

/// The writer's end.
#[derive(Debug)]
pub(crate) struct OutboxReader {
    /// What is to be written, in order.
    pub(crate) messages: mpsc::Receiver<Message>,
    /// Beside them, what the page hears by its tunnel.
    pub(crate) voices: Arc<TunnelLine>,
    /// Comes ahead of all that waits.
    pub(crate) end: oneshot::Receiver<End>,
}

/// The outbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;

/// An outbox and its reader.
#[must_use]
pub(crate) fn outbox(voices: Arc<TunnelLine>) -> (Outbox, OutboxReader) {
    let (messages, reader) = mpsc::channel(OUTBOX_MESSAGES);
    let (end, ended) = oneshot::channel();
    let outbox = Outbox { messages, voices: Arc::clone(&voices), end: Some(end) };
    (outbox, OutboxReader { messages: reader, voices, end: ended })
}

impl Outbox {
    /// Puts a message in line.
    ///
    /// # Errors
    /// [`Overflow`]; the message is dropped and the connection must end.
    pub(crate) fn push(&self, message: Utf8Bytes) -> Result<(), Overflow> {
        match self.messages.try_send(Message::Text(message)) {
            // A connection that is gone says so itself.
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Overflow),
        }
    }

    /// The connection's line for voices.
    pub(crate) fn voices(&self) -> &Arc<TunnelLine> {
        &self.voices
    }

    /// A second handle for messages that the connection itself answers with.
    #[must_use]
    pub(crate) fn sender(&self) -> mpsc::Sender<Message> {
        self.messages.clone()
    }

    /// Ends the connection, ahead of what waits.
    pub(crate) fn end(mut self, end: End) {
        if let Some(sender) = self.end.take() {
            // A writer that is gone already has nothing to end.
            let _ = sender.send(end);
        }
    }
}

impl Drop for Outbox {
    /// A room whose task fails is brought back: its pages come back to it.
    fn drop(&mut self) {
        // A tunnel is its connection's.
        self.voices.close();
        if std::thread::panicking()
            && let Some(sender) = self.end.take()
        {
            let _ = sender.send(End::Closing(ClosingReason::Restarting.into()));
        }
    }
}

/// The message as text, once for everyone who gets it.
#[must_use]
pub(crate) fn encode(message: &ServerMessage) -> Utf8Bytes {
    let text = serde_json::to_string(message).expect("a message of plain data encodes");
    debug_assert!(text.len() <= MAX_SERVER_MESSAGE_BYTES, "what we send keeps the limit we set");
    text.into()
}
