//! How a bot gets in, and in again: a page's delays, and what the server made of its knocking.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use palabre_wire::Resume;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Actor, PING_EVERY, Wire};
use crate::backoff;
use crate::bot::{Lost, Note, Return, Stack};
use crate::signaling::{self, Incoming, Outgoing};

/// What became of its attempts to get in.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Knocks {
    /// Since it was last in.
    pub(super) attempts: u32,
    /// Attempts that the server answered by turning it away.
    pub(super) refused: u64,
    /// Times that the server let it in.
    pub(super) let_in: u64,
    /// When it was last let in again.
    pub(super) back_at: Option<Instant>,
}

/// What is between a loss and being back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// Nothing was lost, or all is back.
    None,
    /// It is not let in. Since the loss; of a loss that the script made, since it may come back.
    Out(Instant),
    /// It is in anew, and its media are not connected yet. Since the same moment.
    WithoutMedia(Instant),
}

impl Absence {
    pub(super) fn is_out(self) -> bool {
        matches!(self, Self::Out(_))
    }

    fn since(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Out(since) | Self::WithoutMedia(since) => Some(since),
        }
    }
}

/// By which way back it is in again. The server's word for it, not what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    Resume,
    NewTransport,
}

impl Rung {
    /// The wire's name.
    fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::NewTransport => "new_transport",
        }
    }
}

impl Actor {
    /// The connection broke: the bot comes back by itself. A server that said when has spread its bots
    /// itself, and is taken at its word.
    pub(super) fn disconnected(&mut self, now: Instant, told: Option<Duration>) {
        self.note(Note::Disconnected);
        let was_in = !self.absence.is_out();
        if was_in {
            self.absence = Absence::Out(self.absence.since().unwrap_or(now));
            self.knocks.attempts = 0;
        }
        let pause = match told {
            Some(told) if was_in => told,
            told => self.pause(now).max(told.unwrap_or_default()),
        };
        self.wire = Wire::Away { retry: Some(now + pause), how: Return::Resume };
    }

    /// Who was in is so no longer. An attempt to get in that fails loses nothing.
    pub(super) fn lost_signaling(&mut self, now: Instant, what: Lost) {
        if self.knocks.let_in > 0 && !self.absence.is_out() {
            self.losses.add(now, what);
        }
    }

    /// How long a page would wait before it tries again.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        let away = self.absence.since();
        let away = away.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let own = Some(self.config.link.seat);
        let first = self
            .place
            .as_ref()
            .is_some_and(|place| place.room.holder() == own || place.room.view.state.chair == own);
        backoff::delay(self.knocks.attempts + 1, away, rand::random(), first)
    }

    /// The server let it in, by that way.
    pub(super) fn back(&mut self, rung: Rung, now: Instant) {
        self.knocks.attempts = 0;
        self.knocks.let_in += 1;
        if let Absence::Out(since) = self.absence {
            self.knocks.back_at = Some(now);
            self.absence = Absence::WithoutMedia(since);
            let has_media = self.config.stack != Stack::Signaling;
            if rung == Rung::Resume || !has_media {
                self.returned(rung, now);
            }
        }
    }

    /// Its media are connected.
    pub(super) fn carries(&mut self, now: Instant) {
        self.returned(Rung::NewTransport, now);
    }

    fn returned(&mut self, rung: Rung, now: Instant) {
        if let Absence::WithoutMedia(since) = self.absence {
            self.absence = Absence::None;
            self.returns.push((rung.name(), now.saturating_duration_since(since).as_secs_f64()));
        }
    }

    pub(super) fn knock(&mut self, how: Return, now: Instant) {
        self.knocks.attempts += 1;
        let server = self.config.link.server.clone();
        let task = tokio::spawn(async move {
            timeout(backoff::OPEN_LIMIT, signaling::connect(&server))
                .await
                .context("the server does not answer")?
        });
        self.wire = Wire::Opening { task, how, since: now };
    }

    /// The WebSocket is open, or it is not.
    pub(super) async fn enter(
        &mut self,
        socket: Result<(Outgoing, Incoming)>,
        now: Instant,
    ) -> Result<()> {
        let Wire::Opening { how, since, .. } = self.wire else { return Ok(()) };
        let (mut outgoing, incoming) = match socket {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!(%error, "the server is not there yet");
                self.knocks.refused += u64::from(signaling::was_refused(&error));
                self.wire = Wire::Away { retry: Some(now + self.pause(now)), how };
                return Ok(());
            }
        };
        let resume = match (how, &self.place) {
            (Return::Resume, Some(place)) => {
                Some(Resume { token: place.resume_token.clone(), last_seq: place.room.seq })
            }
            _ => None,
        };
        if outgoing.send(&signaling::hello(&self.config.link, resume)).await.is_err() {
            self.wire = Wire::Away { retry: Some(now + self.pause(now)), how };
            return Ok(());
        }
        if how == Return::Anew {
            self.media = None;
        }
        self.wire = Wire::Open { outgoing, incoming, opened: since };
        self.last_heard = now;
        self.next_ping = now + PING_EVERY;
        Ok(())
    }
}

/// What a task that opens a connection gave.
pub(super) async fn opened(
    task: &mut JoinHandle<Result<(Outgoing, Incoming)>>,
) -> Result<(Outgoing, Incoming)> {
    task.await.context("opening a connection")?
}
