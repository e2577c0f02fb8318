//! A bot's media session, by either stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use palabre_wire::{IceCredentials, MediaPlan};
use tokio::sync::{mpsc, watch};

use super::Stack;
use super::mouth::{Outgoing, Uplink};
use super::peer::{Camera, Peer, PeerState};
use super::senses::{SharedSenses, lock};
use super::tap::Tapped;
use crate::light::LightPeer;

/// Packets taken at once, before anything else gets its turn.
const BATCH: usize = 256;

/// A media session.
pub(super) struct Media {
    peer: StackPeer,
    state: watch::Receiver<PeerState>,
    /// When it was begun.
    pub(super) began: Instant,
    /// Whether the peer was connected when it was last looked at.
    pub(super) connected: bool,
    /// Whether it was connected before: a path that is restarted is no join.
    pub(super) joined: bool,
    /// Whether its first answer is still to come, or the streams are known.
    pub(super) fresh: bool,
}

enum StackPeer {
    /// The bot's task carries it.
    Full { peer: Box<Peer>, packets: mpsc::Receiver<Tapped>, overflow: Arc<AtomicU64> },
    /// One of the light bots' threads does.
    Light(LightPeer),
}

/// What woke the bot up about its media.
pub(super) enum News {
    /// Packets to be looked at; none at its end.
    Packets(Vec<Tapped>),
    /// The state may be another.
    State,
}

impl Media {
    pub(super) async fn new(
        stack: Stack,
        plan: &MediaPlan,
        camera: Camera,
        senses: &SharedSenses,
        now: Instant,
    ) -> Result<Self> {
        let (peer, state) = match stack {
            Stack::Full => {
                let (peer, output) = Peer::new(plan, camera).await?;
                let state = peer.state();
                let (packets, overflow) = (output.packets, output.overflow);
                (StackPeer::Full { peer: Box::new(peer), packets, overflow }, state)
            }
            Stack::Light { .. } => {
                let peer = LightPeer::new(plan, camera, senses.clone())?;
                let state = peer.state();
                (StackPeer::Light(peer), state)
            }
            Stack::Signaling => bail!("a bot of signaling alone has no media"),
        };
        Ok(Self { peer, state, began: now, connected: false, joined: false, fresh: true })
    }

    /// The next thing that the bot's task must see to.
    pub(super) async fn news(&mut self) -> News {
        let packets = async {
            match &mut self.peer {
                StackPeer::Full { packets, .. } => {
                    let mut batch = Vec::with_capacity(BATCH);
                    packets.recv_many(&mut batch, BATCH).await;
                    batch
                }
                StackPeer::Light(_) => std::future::pending().await,
            }
        };
        let state = async {
            // A peer that is gone changes no more: its packets end, too.
            if self.state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            batch = packets => News::Packets(batch),
            () = state => News::State,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        *self.state.borrow() == PeerState::Connected
    }

    /// When its microphone or camera is due, where that is the task's to see to.
    pub(super) fn due(&self, senses: &SharedSenses) -> Option<Instant> {
        let own = self.connected && matches!(self.peer, StackPeer::Full { .. });
        own.then(|| lock(senses).mouth.due())
    }

    /// Sends what is due, where that is the task's to see to.
    pub(super) async fn speak(&self, now: Instant, senses: &SharedSenses) {
        let StackPeer::Full { peer, .. } = &self.peer else { return };
        let mut due = Vec::new();
        lock(senses).mouth.speak(now, peer.camera_layers(), &mut due);
        for Outgoing { uplink, head, level, payload } in due {
            let payload = payload.whole();
            let left = match uplink {
                Uplink::Microphone => {
                    peer.send_audio(head, level.unwrap_or_default(), payload).await
                }
                Uplink::Camera(layer) => peer.send_camera(layer, head, payload).await,
                Uplink::Screen => peer.send_screen(head, payload).await,
            };
            let mut senses = lock(senses);
            match left {
                Ok(()) => senses.mouth.left(uplink, 1),
                Err(error) => senses.failures.add(now, &format!("{error:#}")),
            }
        }
    }

    /// Takes packets that the task was woken up for.
    pub(super) fn packets(&self, batch: Vec<Tapped>, senses: &SharedSenses) -> Result<()> {
        let StackPeer::Full { peer, .. } = &self.peer else { return Ok(()) };
        let mut senses = lock(senses);
        for tapped in batch {
            match tapped {
                Tapped::Rtp(packet) => {
                    senses.listener.packet(packet.arrival(), Some(packet.payload))?;
                }
                Tapped::KeyFrameWanted(ssrc) => {
                    let layer = peer.camera_layer(ssrc).map(Uplink::Camera);
                    let screen = peer.is_screen(ssrc).then_some(Uplink::Screen);
                    if let Some(uplink) = layer.or(screen) {
                        senses.mouth.key_frame_wanted(uplink);
                    }
                }
            }
        }
        Ok(())
    }

    /// Asks for the key frames that are lacking, where that is the task's to see to.
    pub(super) async fn ask_key_frames(&self, now: Instant, senses: &SharedSenses) -> Result<()> {
        let StackPeer::Full { peer, .. } = &self.peer else { return Ok(()) };
        let wanted = lock(senses).listener.key_frames_wanted(now);
        for (_, ssrc) in wanted {
            peer.ask_key_frame(ssrc).await?;
        }
        Ok(())
    }

    pub(super) async fn offer(&mut self) -> Result<String> {
        match &mut self.peer {
            StackPeer::Full { peer, .. } => peer.offer().await,
            StackPeer::Light(peer) => Ok(peer.offer()),
        }
    }

    pub(super) async fn accept(&mut self, answer: String) -> Result<()> {
        match &mut self.peer {
            StackPeer::Full { peer, .. } => peer.accept(answer).await,
            StackPeer::Light(peer) => peer.accept(&answer),
        }
    }

    /// A full bot's peer connection begins no path by itself.
    pub(super) fn next_ice(&self, next: IceCredentials) {
        if let StackPeer::Light(peer) = &self.peer {
            peer.next_ice(next);
        }
    }

    pub(super) async fn restart_ice(&mut self) -> Result<()> {
        self.fresh = false;
        match &mut self.peer {
            StackPeer::Full { peer, .. } => peer.restart_ice().await,
            StackPeer::Light(peer) => {
                peer.restart_ice();
                Ok(())
            }
        }
    }

    pub(super) async fn close(self) {
        match self.peer {
            StackPeer::Full { peer, .. } => peer.close().await,
            StackPeer::Light(peer) => peer.close(),
        }
    }

    /// Packets that the task was too slow to take.
    pub(super) fn overflow(&self) -> u64 {
        match &self.peer {
            StackPeer::Full { overflow, .. } => overflow.load(Ordering::Relaxed),
            StackPeer::Light(_) => 0,
        }
    }
}
