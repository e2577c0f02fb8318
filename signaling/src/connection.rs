//! One WebSocket: from its first message to its last.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use futures_util::stream::{Peekable, SplitSink, SplitStream};
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use palabre_ids::{RoomId, Seat};
use palabre_wire::{
    Answer, ClientMessage, ClosingReason, Hello, Refusal, ServerMessage, WIRE_VERSION, frame,
    hello_version, parse_client_message,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use crate::door::Place;
use crate::limits::{Limits, Verdict};
use crate::links::{Link, LinkError};
use crate::outbox::{End, Goodbye, OutboxReader, encode, outbox};
use crate::room_task::{Join, Said, ToRoom};
use crate::seat::ConnectionId;
use crate::service::Service;
use crate::tunnel::TunnelLine;

/// A page must say hello within this: it has nothing to wait for. Longer lets strangers hold sockets.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);

/// A page says something every 2 s. Three missed in a row count as silence.
const SILENCE: Duration = Duration::from_secs(6);

/// One message may take so long to be written. A page that reads nothing for longer is let go.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// The last message and the peer's goodbye may take so long together.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);

type Sink = SplitSink<WebSocket, Message>;
type Incoming = Peekable<SplitStream<WebSocket>>;

/// How a connection ended, seen from its own task.
enum Ended {
    /// The page, or its network, closed it, or nothing came for too long.
    Lost,
    /// We close it, and say why.
    Closing(Goodbye),
    /// We close it without a word.
    Silently,
}

impl Ended {
    fn closing(reason: ClosingReason) -> Self {
        Self::Closing(reason.into())
    }
}

/// Serves a WebSocket to its end. It has a place at the door until its link is known to be valid.
pub(crate) async fn serve(service: Service, socket: WebSocket, place: Place) {
    service.metrics().connections_opened.add();
    let (mut sink, stream) = socket.split();
    let mut stream = stream.peekable();
    // What it takes up is given back behind its last message.
    let mut place = Some(place);
    let (ended, _place, _permit) = match admit(&service, &mut stream, &mut place).await {
        Ok((admitted, permit)) => {
            (admitted.live(&service, &mut sink, &mut stream).await, None, Some(permit))
        }
        Err(ended) => {
            service.metrics().rejected.add();
            (ended, place, None)
        }
    };
    match ended {
        Ended::Closing(goodbye) => {
            service.metrics().closed_by_us.add(&goodbye.reason);
            say_goodbye(&mut sink, &mut stream, goodbye).await;
        }
        Ended::Lost | Ended::Silently => {}
    }
    service.metrics().connections_closed.add();
}

/// A page with a valid link, and its way to the room.
struct Admitted {
    room: mpsc::Sender<ToRoom>,
    seat: Seat,
    connection: ConnectionId,
    outbox: OutboxReader,
    replies: mpsc::Sender<Message>,
    id: RoomId,
}

/// Lets a page in, whose `place` at the door is given back once its link is known to be valid.
async fn admit(
    service: &Service,
    stream: &mut Incoming,
    place: &mut Option<Place>,
) -> Result<(Admitted, OwnedSemaphorePermit), Ended> {
    let first = match timeout(HELLO_PATIENCE, next_text(stream)).await {
        Ok(Some(Ok(text))) => text,
        Ok(Some(Err(NotText))) | Err(_) => {
            return Err(Ended::closing(ClosingReason::HelloExpected));
        }
        Ok(None) => return Err(Ended::Lost),
    };
    if hello_version(&first).is_some_and(|version| version != WIRE_VERSION) {
        return Err(Ended::closing(ClosingReason::VersionMismatch));
    }
    let Ok(ClientMessage::Hello(hello)) = parse_client_message(&first) else {
        return Err(Ended::closing(ClosingReason::HelloExpected));
    };
    let Hello { version: _, token, language, resume } = hello;
    let link = service.verify(&token).map_err(|error| {
        Ended::closing(match error {
            LinkError::Bad => ClosingReason::BadToken,
            LinkError::Expired => ClosingReason::TokenExpired,
        })
    })?;
    if service.is_stopping() {
        return Err(Ended::closing(ClosingReason::Restarting));
    }
    let permit = service.admit_connection().ok_or(Ended::closing(ClosingReason::Full))?;
    drop(place.take());
    // In the order of their hellos, however long each waits.
    let connection = service.next_connection();
    let room = tokio::select! {
        () = gone(stream) => return Err(Ended::Lost),
        room = service.let_in(&link) => room.map_err(Ended::closing)?,
    };
    let (sender, reader) = outbox(TunnelLine::new(service.metrics().tunnel_frames_dropped.clone()));
    let replies = sender.sender();
    let join = Join { seat: link.seat, connection, language, resume, outbox: sender };
    // A room that ends or fails in this very moment: the next attempt finds out which.
    let again = |_| Ended::closing(ClosingReason::Restarting);
    room.send(ToRoom::Join(Box::new(join))).await.map_err(again)?;
    let Link { room: id, seat, .. } = link;
    Ok((Admitted { room, seat, connection, outbox: reader, replies, id }, permit))
}

impl Admitted {
    async fn live(self, service: &Service, sink: &mut Sink, stream: &mut Incoming) -> Ended {
        let Self { room, seat, connection, mut outbox, replies, id } = self;
        let voices = Arc::clone(&outbox.voices);
        let saying = |voice: &frame::Voice<'_>| {
            // What comes without a tunnel, or of one that has just ended, is nothing.
            if let Some(tunnel) = voices.tunnel() {
                service.say(&id, (seat, tunnel), voice);
            }
        };
        let ended = tokio::select! {
            // The room's own word on why it ended goes before the reader finding it gone.
            biased;
            ended = write(sink, &mut outbox) => ended,
            ended = read(service, stream, &room, (seat, connection), &replies, saying) => ended,
        };
        // Does nothing when the room ended the connection, or ended itself.
        let _ = room.send(ToRoom::Gone { seat, connection }).await;
        ended
    }
}

/// Resolves when a page that waits to come in is gone. One has nothing to say yet: what it says all the
/// same is kept for later, and its end is behind that.
async fn gone<E>(stream: &mut Peekable<impl Stream<Item = Result<Message, E>> + Unpin>) {
    match Pin::new(stream).peek().await {
        None | Some(Ok(Message::Close(_)) | Err(_)) => {}
        Some(Ok(_)) => std::future::pending().await,
    }
}

struct NotText;

/// The next text; other frames that a browser sends by itself are passed over.
async fn next_text(stream: &mut Incoming) -> Option<Result<Utf8Bytes, NotText>> {
    loop {
        match stream.next().await? {
            Ok(Message::Text(text)) => return Some(Ok(text)),
            Ok(Message::Binary(_)) => return Some(Err(NotText)),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(_)) | Err(_) => return None,
        }
    }
}

async fn read(
    service: &Service,
    stream: &mut Incoming,
    room: &mpsc::Sender<ToRoom>,
    (seat, connection): (Seat, ConnectionId),
    replies: &mpsc::Sender<Message>,
    saying: impl Fn(&frame::Voice<'_>),
) -> Ended {
    let metrics = service.metrics();
    let mut limits = Limits::new(service.now());
    let mut has_come = false;
    // A full outbox drops the reply: the room is about to let such a page go.
    let reply = |message: &ServerMessage| drop(replies.try_send(Message::Text(encode(message))));
    loop {
        let text = match timeout(SILENCE, stream.next()).await {
            Err(_) => return Ended::Lost,
            Ok(None | Some(Ok(Message::Close(_)))) => return Ended::Lost,
            // A frame beyond the limit, or none that WebSocket knows: say so. To a page that was
            // cut off, which gives an error too, nothing can be said, and nothing is lost by trying.
            Ok(Some(Err(_))) => return Ended::closing(ClosingReason::Flooding),
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {
                if limits.frame(service.now()) == Verdict::Flooding {
                    return Ended::closing(ClosingReason::Flooding);
                }
                continue;
            }
            Ok(Some(Ok(Message::Text(text)))) => Ok(text),
            Ok(Some(Ok(Message::Binary(frame)))) => match frame::Voice::parse(&frame) {
                Ok(voice) => {
                    match limits.voice(service.now()) {
                        Verdict::Pass => saying(&voice),
                        Verdict::TooFast => metrics.messages_too_fast.add(),
                        Verdict::Flooding => return Ended::closing(ClosingReason::Flooding),
                    }
                    continue;
                }
                Err(error) => Err(error.to_string()),
            },
        };
        if !std::mem::replace(&mut has_come, true)
            && room.send(ToRoom::HasCome { seat, connection }).await.is_err()
        {
            return Ended::closing(ClosingReason::Restarting);
        }
        let now = service.now();
        let parsed = text.and_then(|text| {
            parse_client_message(&text).map_err(|error| error.to_string()).and_then(|message| {
                match message {
                    ClientMessage::Hello(_) => Err("only the first message is a hello".to_owned()),
                    message => Ok(message),
                }
            })
        });
        let message = match parsed {
            Ok(message) => message,
            Err(detail) => {
                metrics.messages_not_understood.add();
                if limits.strike(now) == Verdict::Flooding {
                    return Ended::closing(ClosingReason::Flooding);
                }
                reply(&ServerMessage::NotUnderstood { detail });
                continue;
            }
        };
        metrics.messages_received.add();
        match limits.message(&message, now) {
            Verdict::Pass => {}
            Verdict::Flooding => return Ended::closing(ClosingReason::Flooding),
            Verdict::TooFast => {
                metrics.messages_too_fast.add();
                if let Some(refusal) = too_fast(&message) {
                    reply(&refusal);
                }
                continue;
            }
        }
        let said = match message {
            ClientMessage::Ping { at } => {
                reply(&ServerMessage::Pong { at, now });
                continue;
            }
            ClientMessage::Hello(_) => continue,
            ClientMessage::MediaOffer(offer) => Said::Offer(offer),
            ClientMessage::Command { id, command } => Said::Command { id, command },
            ClientMessage::View { seats } => Said::View(seats),
            ClientMessage::Tunnel { on } => Said::Tunnel { on },
            ClientMessage::Recovered(recovered) => Said::Recovered(recovered),
            ClientMessage::Path(path) => Said::Path(path),
            ClientMessage::Estimate(estimate) => Said::Estimate(estimate),
            ClientMessage::Leave => Said::Leave,
        };
        if room.send(ToRoom::Said { seat, connection, said }).await.is_err() {
            // A room that ends tells the writer why, ahead of this. This one's task failed.
            return Ended::closing(ClosingReason::Restarting);
        }
    }
}

/// The refusal of a message that came too fast. What has no answer is dropped in silence.
fn too_fast(message: &ClientMessage) -> Option<ServerMessage> {
    match message {
        ClientMessage::Command { id, .. } => Some(ServerMessage::Answer {
            id: *id,
            answer: Answer::Refused { code: Refusal::TooFast },
        }),
        ClientMessage::MediaOffer(offer) => Some(ServerMessage::MediaRefused {
            generation: offer.generation,
            detail: "too many offers in a short time".to_owned(),
        }),
        ClientMessage::Tunnel { .. } => Some(ServerMessage::Tunnel {
            on: false,
            detail: Some("asked too often in a short time".to_owned()),
        }),
        ClientMessage::Hello(_)
        | ClientMessage::View { .. }
        | ClientMessage::Recovered(_)
        | ClientMessage::Path(_)
        | ClientMessage::Estimate(_)
        | ClientMessage::Ping { .. }
        | ClientMessage::Leave => None,
    }
}

async fn write(sink: &mut Sink, outbox: &mut OutboxReader) -> Ended {
    let OutboxReader { messages, voices, end } = outbox;
    loop {
        let next = async {
            // In turn, as it falls: neither keeps the other from being written.
            tokio::select! {
                message = messages.recv() => message,
                frame = voices.next() => Some(Message::Binary(frame)),
            }
        };
        let message = tokio::select! {
            biased;
            end = &mut *end => return from_room(end),
            message = next => message,
        };
        let Some(message) = message else { return from_room(end.await) };
        tokio::select! {
            biased;
            end = &mut *end => return from_room(end),
            sent = timeout(WRITE_PATIENCE, sink.send(message)) => match sent {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ended::Lost,
                Err(_) => return Ended::closing(ClosingReason::TooSlow),
            },
        }
    }
}

/// A room that drops an outbox without a word has ended before it could let the page in.
fn from_room(end: Result<End, tokio::sync::oneshot::error::RecvError>) -> Ended {
    match end {
        Ok(End::Closing(goodbye)) => Ended::Closing(goodbye),
        Ok(End::Silently) => Ended::Silently,
        Err(_) => Ended::closing(ClosingReason::RoomGone),
    }
}

/// Says why, closes, and reads what the page still sends until it closes too: a socket closed with
/// unread bytes resets the connection, and the page would not see the last message.
async fn say_goodbye(sink: &mut Sink, stream: &mut Incoming, goodbye: Goodbye) {
    let said = async {
        let message = encode(&goodbye.into());
        if sink.send(Message::Text(message)).await.is_ok() && sink.close().await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    // A page that does not read its goodbye is cut off.
    let _ = timeout(GOODBYE_PATIENCE, said).await;
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::stream::{iter, pending};

    use super::*;

    #[tokio::test]
    async fn a_page_that_waits_is_gone_once_its_socket_is() {
        let says = || Ok::<_, ()>(Message::text("something"));
        for (what, coming, is_gone) in [
            ("closed", vec![Ok(Message::Close(None))], true),
            ("broken off", vec![Err(())], true),
            ("silent", vec![], false),
            ("talking", vec![says(), Err(())], false),
        ] {
            let mut stream = iter(coming.clone()).chain(pending()).peekable();
            assert_eq!(gone(&mut stream).now_or_never().is_some(), is_gone, "{what}");
            for message in coming {
                assert_eq!(stream.next().await, Some(message), "{what}: nothing is lost");
            }
        }
        let mut ended = iter([] as [Result<Message, ()>; 0]).peekable();
        assert!(gone(&mut ended).now_or_never().is_some());
    }
}
