//! A raw bot: it owns its UDP socket and every byte on it, and does what no client may.
//!
//! It measures nothing: what it sends is entered in the ledger as forbidden, and the listeners of the
//! room count what arrives. What it is *told* in answer to hostile WebSocket input is checked at once.

mod offer;
mod packets;
mod raw;
mod signals;
mod socket;
mod wire;

use std::future::Future;

use anyhow::{Context, Result};
use palabre_ids::MediaRights;
use palabre_wire::{ServerMessage, Welcome};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, timeout};

use crate::ledger::Ledger;
use crate::link::Link;
use crate::signaling::{self, Incoming, Outgoing};
use offer::Offer;
use raw::RawPeer;
use signals::{PING_EVERY, Signals};

/// What a hostile bot can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// Joins and opens its media session, as it may.
    Join,
    /// Sends sound, camera and screen without the right to.
    SendWithoutRight,
    /// Claims to be the loudest.
    ForgeLevel,
    /// Sends with the SSRCs of others.
    ForgeSsrc,
    /// Names other sections and layers than its own.
    ForgeMid,
    /// While it may speak: keeps what it sends, to be replayed.
    Record,
    /// Sends what it kept once more, as it was, and again once its numbers have wrapped around.
    Replay,
    /// Random datagrams, from its own address and from others.
    Garbage,
    /// More datagrams at once than a room sends in seconds.
    Flood,
    /// Connectivity checks that are forged, damaged or of nobody.
    Stun,
    /// A handshake from an address that no check came from, and RTP before any handshake.
    Unvalidated,
    /// Messages of every wrong kind on the WebSocket.
    Websocket,
}

/// How long a hostile bot waits for an answer it is due.
const PATIENCE: Duration = Duration::from_secs(10);

/// Attacks that wait for the one before.
const QUEUE: usize = 32;

/// Something that a hostile bot was given and should not have been.
pub type Finding = String;

/// An attack, and who waits for its end.
type Order = (Attack, Option<oneshot::Sender<Vec<Finding>>>);

/// A running hostile bot.
pub struct HostileBot {
    attacks: mpsc::Sender<Order>,
    task: tokio::task::JoinHandle<Vec<Finding>>,
}

impl HostileBot {
    /// Starts it; it does nothing before it is told to.
    #[must_use]
    pub fn start(link: Link, ledger: Ledger) -> Self {
        let (attacks, mut queue) = mpsc::channel::<Order>(QUEUE);
        let task = tokio::spawn(async move {
            let mut hostile = Hostile { link, ledger, session: None };
            let mut findings = Vec::new();
            while let Some((attack, waiting)) = hostile.listening_until(queue.recv()).await {
                let found = hostile.attack(attack).await.unwrap_or_else(|error| {
                    vec![format!("{attack:?} could not be carried out: {error:#}")]
                });
                findings.extend(found.iter().cloned());
                // Who no longer waits reads it at the end.
                let _ = waiting.map(|waiting| waiting.send(found));
            }
            findings
        });
        Self { attacks, task }
    }

    /// Attacks, once the attack before is over.
    ///
    /// # Errors
    /// When the bot has ended.
    pub async fn attack(&self, attack: Attack) -> Result<()> {
        self.attacks.send((attack, None)).await.context("the hostile bot has ended")
    }

    /// Attacks as [`HostileBot::attack`] does; what it found comes when the attack is over.
    ///
    /// # Errors
    /// When the bot has ended.
    pub async fn attack_until_over(
        &self,
        attack: Attack,
    ) -> Result<oneshot::Receiver<Vec<Finding>>> {
        let (waiting, over) = oneshot::channel();
        self.attacks.send((attack, Some(waiting))).await.context("the hostile bot has ended")?;
        Ok(over)
    }

    /// Ends it, and says what it found. An attack that could not be carried out is found, too: it
    /// proves nothing.
    pub async fn end(self) -> Vec<Finding> {
        drop(self.attacks);
        self.task.await.unwrap_or_else(|error| vec![format!("a hostile bot ended badly: {error}")])
    }
}

struct Hostile {
    link: Link,
    ledger: Ledger,
    session: Option<Session>,
}

/// What it has once it joined.
struct Session {
    signals: Signals,
    peer: RawPeer,
}

impl Hostile {
    async fn attack(&mut self, attack: Attack) -> Result<Vec<Finding>> {
        let ledger = self.ledger.clone();
        let seat = self.link.seat;
        let link = self.link.clone();
        match attack {
            Attack::Join => {
                self.session().await?;
            }
            Attack::Websocket => return wire::attack(&link).await,
            Attack::SendWithoutRight => {
                let (peer, rights) = self.peer().await?;
                packets::send_without_right(peer, rights, seat, &ledger).await?;
            }
            Attack::ForgeLevel => {
                let (peer, rights) = self.peer().await?;
                packets::forge_level(peer, rights, seat, &ledger).await?;
            }
            Attack::ForgeSsrc => {
                let (peer, rights) = self.peer().await?;
                packets::forge_ssrc(peer, rights, seat, &ledger).await?;
            }
            Attack::ForgeMid => {
                let (peer, rights) = self.peer().await?;
                packets::forge_mid(peer, rights, seat, &ledger).await?;
            }
            Attack::Record => {
                let (peer, rights) = self.peer().await?;
                packets::record(peer, rights, seat, &ledger).await?;
            }
            Attack::Replay => packets::replay(self.transport().await?, seat, &ledger).await?,
            Attack::Garbage => socket::garbage(self.transport().await?).await?,
            Attack::Flood => socket::flood(self.transport().await?).await?,
            Attack::Stun => return socket::stun(self.transport().await?).await,
            Attack::Unvalidated => {
                return socket::unvalidated(self.transport().await?, seat, &ledger).await;
            }
        }
        Ok(Vec::new())
    }

    /// Its transport, and what it may send now.
    async fn peer(&mut self) -> Result<(&mut RawPeer, MediaRights)> {
        let session = self.session().await?;
        let rights = session.signals.rights().await.context("what it may send is not known")?;
        Ok((&mut session.peer, rights))
    }

    /// Its transport, for what nobody may ever send.
    async fn transport(&mut self) -> Result<&mut RawPeer> {
        Ok(&mut self.session().await?.peer)
    }

    async fn session(&mut self) -> Result<&mut Session> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.link).await?,
        };
        Ok(self.session.insert(session))
    }

    /// Waits for `next`. Meanwhile it is a page like any other, or the server would take it for lost.
    async fn listening_until<T>(&mut self, next: impl Future<Output = T>) -> T {
        let Some(session) = &mut self.session else { return next.await };
        tokio::select! {
            next = next => next,
            lost = session.signals.listen() => match lost {},
        }
    }
}

impl Session {
    async fn open(link: &Link) -> Result<Self> {
        let (mut signals, plan) = Signals::join(link, PING_EVERY).await?;
        let offer = Offer::new(&plan)?;
        let answer = signals.offer(offer.sdp.clone()).await?;
        let peer =
            timeout(PATIENCE, RawPeer::connect(offer, &answer)).await.context("connecting")??;
        Ok(Self { signals, peer })
    }
}

/// Joins by a link.
async fn join(link: &Link) -> Result<(Outgoing, Incoming, Welcome)> {
    let (mut outgoing, mut incoming) = signaling::connect(&link.server).await?;
    outgoing.send(&signaling::hello(link, None)).await?;
    let welcome = expect(&mut incoming, |message| match message {
        ServerMessage::Welcome(welcome) => Some(*welcome),
        _ => None,
    })
    .await?;
    Ok((outgoing, incoming, welcome))
}

/// Waits for a message.
async fn expect<T>(
    incoming: &mut Incoming,
    mut wanted: impl FnMut(ServerMessage) -> Option<T>,
) -> Result<T> {
    let found = async {
        while let Some(message) = incoming.next().await? {
            if let Some(found) = wanted(message) {
                return Ok(found);
            }
        }
        anyhow::bail!("the server closed the WebSocket")
    };
    timeout(PATIENCE, found).await.context("waiting for the server's answer")?
}
