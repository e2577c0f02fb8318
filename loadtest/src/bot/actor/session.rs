//! A bot's media session: offered, answered, through its relay, and what becomes of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use palabre_wire::{ClientMessage, IceCredentials, MediaAnswer, MediaOffer};

use super::{Actor, Wire};
use crate::bot::media::Media;
use crate::bot::plan::SlotMap;
use crate::bot::senses::lock;
use crate::bot::{Lost, Note, Stack};
use crate::relay::{self, Network, Relay};

/// A network that the script changed is settled so long after it.
const MENDING: Duration = Duration::from_secs(2);

impl Actor {
    pub(super) async fn offer_anew(&mut self, now: Instant) -> Result<()> {
        if self.config.stack == Stack::Signaling {
            return Ok(());
        }
        let place = self.place.as_ref().context("an offer before the welcome")?;
        let camera = self.config.camera.unwrap_or_default();
        // The old session, if any, goes without goodbye: the server replaces it.
        let media = Media::new(self.config.stack, &place.plan, camera, &self.senses, now).await?;
        self.media = Some(media);
        self.offer().await
    }

    pub(super) async fn restart_ice(&mut self) -> Result<()> {
        let media = self.media.as_mut().context("no media session to restart")?;
        media.restart_ice().await?;
        self.offer().await
    }

    async fn offer(&mut self) -> Result<()> {
        let media = self.media.as_mut().context("no media session to offer")?;
        let sdp = media.offer().await?;
        self.generation += 1;
        self.say(&ClientMessage::MediaOffer(MediaOffer { generation: self.generation, sdp })).await
    }

    pub(super) async fn media_answered(&mut self, answer: MediaAnswer, now: Instant) -> Result<()> {
        if answer.generation != self.generation {
            return Ok(());
        }
        let sdp =
            if self.config.relay { self.relayed(&answer.sdp).await? } else { answer.sdp.clone() };
        let (Some(place), Some(media)) = (&self.place, &mut self.media) else {
            bail!("an answer to no offer");
        };
        let map = SlotMap::from_answer(&place.plan, &sdp)?;
        {
            let mut senses = lock(&self.senses);
            if media.fresh {
                senses.listener.session(map, now, &place.room);
                senses.mouth.restart(now);
                senses.mouth.told(&place.room);
            } else {
                senses.listener.same_session(map);
            }
        }
        media.accept(sdp).await?;
        self.next_ice(answer.next_ice);
        Ok(())
    }

    pub(super) fn next_ice(&self, next: Option<IceCredentials>) {
        if let (Some(media), Some(next)) = (&self.media, next) {
            media.next_ice(next);
        }
    }

    /// The answer with the bot's relay in the server's place.
    async fn relayed(&mut self, sdp: &str) -> Result<String> {
        let server = relay::server_of(sdp).context("the answer has no UDP candidate to relay")?;
        let relay = match self.relay.take().filter(|relay| relay.server() == server) {
            Some(relay) => relay,
            None => Relay::start(server).await?,
        };
        Ok(self.relay.insert(relay).rewrite(sdp))
    }

    pub(super) fn connection_state(&mut self, now: Instant) {
        let Some(media) = &mut self.media else { return };
        let connected = media.is_connected();
        if connected == media.connected {
            return;
        }
        media.connected = connected;
        if !connected {
            self.losses.add(now, Lost::Media);
            self.note(Note::MediaLost);
            return;
        }
        // Media that were lost and come back over the same WebSocket did not take since its opening.
        let since = match &self.wire {
            Wire::Open { opened, .. } if self.joined.is_none_or(|joined| joined < *opened) => {
                (*opened).min(media.began)
            }
            Wire::Open { .. } | Wire::Opening { .. } | Wire::Away { .. } | Wire::Ended => {
                media.began
            }
        };
        self.joined = Some(now);
        let after = now.saturating_duration_since(since).as_secs_f64();
        if !std::mem::replace(&mut media.joined, true) {
            self.joins.push(after);
        }
        self.carries(now);
        lock(&self.senses).mouth.resume(now);
        self.note(Note::Connected { after });
    }

    /// What could not be sent is the bot's trouble, unless the script broke its network or the server
    /// was lost.
    pub(super) fn failed_to_send(&mut self, now: Instant) {
        let (network, changed) = self.network;
        let broken = network == Network::Block || now.saturating_duration_since(changed) < MENDING;
        let online_since = match &self.wire {
            Wire::Open { opened, .. } => Some(*opened),
            Wire::Opening { .. } | Wire::Away { .. } | Wire::Ended => None,
        };
        let trouble = lock(&self.senses).failures.trouble(now, broken, online_since);
        if let Some(trouble) = trouble {
            self.trouble(trouble);
        }
    }
}
