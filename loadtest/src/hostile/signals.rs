//! The signaling of a raw bot. It listens from its welcome on, misses nothing, and keeps the connection
//! as a page does: an attack only proves something when the bot knows what the room allows *now*.

#[cfg(test)]
mod tests;

use std::convert::Infallible;

use anyhow::{Context, Result, bail};
use palabre_ids::MediaRights;
use palabre_wire::{ClientMessage, MediaOffer, MediaPlan, ServerMessage};
use tokio::time::{Duration, Interval, interval, timeout};

use super::{PATIENCE, join};
use crate::bot::room::Room;
use crate::link::Link;
use crate::signaling::{Incoming, Outgoing};

/// From one ping to the next, as a page does. Who is silent for 6 s is lost to the server, and told
/// nothing more.
pub(super) const PING_EVERY: Duration = Duration::from_secs(2);

pub(super) struct Signals {
    outgoing: Outgoing,
    incoming: Incoming,
    room: Room,
    pings: Interval,
    /// The last ping, by its `at`: here that is its number.
    pinged: u64,
}

impl Signals {
    /// Joins by a link; the plan is how to lay out the media offer.
    pub(super) async fn join(link: &Link, ping_every: Duration) -> Result<(Self, MediaPlan)> {
        let (outgoing, incoming, welcome) = join(link).await?;
        let (room, pings) = (Room::new(&welcome), interval(ping_every));
        Ok((Self { outgoing, incoming, room, pings, pinged: 0 }, welcome.media))
    }

    /// Offers a media session, and gives the SDP of the answer.
    pub(super) async fn offer(&mut self, sdp: String) -> Result<String> {
        let offer = MediaOffer { generation: 1, sdp };
        self.outgoing.send(&ClientMessage::MediaOffer(offer)).await?;
        self.until(|message| match message {
            ServerMessage::MediaAnswer(answer) => Some(Ok(answer.sdp)),
            ServerMessage::MediaRefused { detail, .. } => {
                Some(Err(anyhow::anyhow!("the raw bot's offer was refused: {detail}")))
            }
            _ => None,
        })
        .await?
    }

    /// What it may send now. Messages keep their order: when the server has answered, everything that
    /// it had said before is known here.
    pub(super) async fn rights(&mut self) -> Result<MediaRights> {
        let ping = self.ping().await?;
        self.until(|message| {
            matches!(message, ServerMessage::Pong { at, .. } if at == ping).then_some(())
        })
        .await?;
        Ok(self.room.rights(self.room.seat))
    }

    /// Listens and pings for as long as it is polled; it may be dropped at any moment. What goes wrong
    /// is found by [`Self::rights`], whose answer is missed.
    pub(super) async fn listen(&mut self) -> Infallible {
        let Err(error) = self.listen_until_lost().await;
        tracing::debug!("the hostile bot hears nothing more of its room: {error:#}");
        std::future::pending().await
    }

    async fn listen_until_lost(&mut self) -> Result<Infallible> {
        loop {
            tokio::select! {
                message = self.incoming.next() => {
                    self.heard(message?)?;
                }
                _ = self.pings.tick() => {
                    self.ping().await?;
                }
            }
        }
    }

    async fn ping(&mut self) -> Result<u64> {
        self.pinged += 1;
        self.outgoing.send(&ClientMessage::Ping { at: self.pinged }).await?;
        Ok(self.pinged)
    }

    /// Listens until a message is the wanted one.
    async fn until<T>(&mut self, mut wanted: impl FnMut(ServerMessage) -> Option<T>) -> Result<T> {
        let found = async {
            loop {
                let message = self.incoming.next().await?;
                if let Some(found) = wanted(self.heard(message)?) {
                    return Ok(found);
                }
            }
        };
        timeout(PATIENCE, found).await.context("waiting for the server's answer")?
    }

    /// Takes note of what a message says of the room.
    fn heard(&mut self, message: Option<ServerMessage>) -> Result<ServerMessage> {
        match message {
            Some(ServerMessage::Closing { reason, .. }) => {
                bail!("the server closed the WebSocket: {reason:?}")
            }
            Some(message) => {
                if let ServerMessage::Event(event) = &message {
                    self.room.apply(event)?;
                }
                Ok(message)
            }
            None => bail!("the server closed the WebSocket"),
        }
    }
}
