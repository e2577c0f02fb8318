//! The task of one bot: it owns the WebSocket, the peer connection and what it knows of the room.

mod door;
mod found;
mod session;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use palabre_wire::{
    ClientMessage, ClosingReason, Command, CommandId, IceCredentials, MediaPlan, NextIce,
    ServerMessage, Welcome,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::door::{Absence, Knocks, Rung, opened};
use super::listener::{Attention, Listener};
use super::losses::{Losses, Lost};
use super::media::{Media, News};
use super::mouth::Mouth;
use super::player::Player;
use super::pulse::Counts;
use super::room::Room;
use super::senses::{Senses, SharedSenses, lock};
use super::sent::Failures;
use super::tap::Tapped;
use super::{BotConfig, Drop, Note, Order, Return, RoomState};
use crate::backoff;
use crate::relay::{Change, Network, Relay};
use crate::signaling::{Incoming, Outgoing};

/// The wire wants a ping every 2 s.
const PING_EVERY: Duration = Duration::from_secs(2);

/// How often a bot looks after what is not due at a moment of its own.
const CARE_EVERY: Duration = Duration::from_millis(200);

/// Troubles kept, so that a bot in a loop of failures stays small.
const TROUBLES: usize = 20;

pub(super) async fn run(
    config: BotConfig,
    mut orders: mpsc::Receiver<Order>,
    notes: mpsc::Sender<Note>,
) {
    let mouth = match Mouth::new(
        config.link.seat,
        config.voice.clone(),
        config.ledger.clone(),
        config.microphone,
        config.camera.is_some(),
    ) {
        Ok(mouth) => mouth,
        Err(error) => {
            tracing::error!(%error, "a bot cannot be made");
            return;
        }
    };
    let attention = Attention { decode: config.decode, open: config.stack.opens() };
    let listener = Listener::new(config.cast.clone(), config.ledger.clone(), attention);
    let now = Instant::now();
    let mut actor = Actor {
        player: config.play.map(|play| Player::new(play.stay)),
        config,
        notes,
        wire: Wire::Away { retry: Some(now), how: Return::Anew },
        absence: Absence::None,
        knocks: Knocks::default(),
        last_heard: now,
        place: None,
        media: None,
        relay: None,
        network: (Network::Open, now),
        generation: 0,
        senses: Arc::new(Mutex::new(Senses {
            listener,
            mouth,
            failures: Failures::default(),
            returns: Vec::new(),
        })),
        joins: Vec::new(),
        joined: None,
        returns: Vec::new(),
        troubles: Vec::new(),
        losses: Losses::default(),
        told: Counts::default(),
        next_ping: now,
        next_care: now,
    };
    while actor.step(&mut orders).await {}
}

/// The signaling connection.
enum Wire {
    Open {
        outgoing: Outgoing,
        incoming: Incoming,
        opened: Instant,
    },
    /// On its way: a task of its own, so that media do not wait for a server that does not answer.
    Opening {
        task: JoinHandle<Result<(Outgoing, Incoming)>>,
        how: Return,
        since: Instant,
    },
    /// Not there; it comes by itself when it has a time to.
    Away {
        retry: Option<Instant>,
        how: Return,
    },
    /// For good.
    Ended,
}

/// What the bot keeps from its welcome.
struct Place {
    room: Room,
    plan: MediaPlan,
    resume_token: String,
    last_command: CommandId,
    asked: Vec<(CommandId, &'static str)>,
}

struct Actor {
    config: BotConfig,
    notes: mpsc::Sender<Note>,
    wire: Wire,
    absence: Absence,
    knocks: Knocks,
    /// When the server last said something.
    last_heard: Instant,
    place: Option<Place>,
    media: Option<Media>,
    /// What its UDP goes through, once it knows where the server is.
    relay: Option<Relay>,
    /// How its network was last changed, and when.
    network: (Network, Instant),
    generation: u32,
    player: Option<Player>,
    senses: SharedSenses,
    joins: Vec<f64>,
    /// When its media connected last.
    joined: Option<Instant>,
    returns: Vec<(&'static str, f64)>,
    troubles: Vec<String>,
    losses: Losses,
    /// What the last pulse told.
    told: Counts,
    next_ping: Instant,
    next_care: Instant,
}

/// What woke the bot up.
enum Wake {
    Order(Option<Order>),
    Message(Result<Option<ServerMessage>>),
    Opened(Result<(Outgoing, Incoming)>),
    Packets(Vec<Tapped>),
    Time,
}

impl Actor {
    /// One turn of the loop; false at the end.
    async fn step(&mut self, orders: &mut mpsc::Receiver<Order>) -> bool {
        let due = self.next_care.min(self.mouth_due()).min(self.retry_due());
        let wake = {
            let wire = &mut self.wire;
            let media = &mut self.media;
            let message = async {
                match wire {
                    Wire::Open { incoming, .. } => Wake::Message(incoming.next().await),
                    Wire::Opening { task, .. } => Wake::Opened(opened(task).await),
                    Wire::Away { .. } | Wire::Ended => std::future::pending().await,
                }
            };
            let news = async {
                match media {
                    Some(media) => match media.news().await {
                        News::Packets(batch) => Wake::Packets(batch),
                        News::State => Wake::Time,
                    },
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => Wake::Order(order),
                wake = message => wake,
                wake = news => wake,
                () = tokio::time::sleep_until(due.into()) => Wake::Time,
            }
        };
        let now = Instant::now();
        let outcome = match wake {
            Wake::Order(None) => {
                self.leave(Drop::Leave).await;
                return false;
            }
            Wake::Order(Some(order)) => self.order(order, now).await,
            Wake::Opened(socket) => self.enter(socket, now).await,
            Wake::Message(Ok(Some(message))) => {
                self.last_heard = now;
                self.message(message, now).await
            }
            Wake::Message(Ok(None)) => {
                self.lost_signaling(now, Lost::Signaling);
                self.disconnected(now, None);
                Ok(())
            }
            Wake::Message(Err(error)) => Err(error),
            Wake::Packets(batch) if batch.is_empty() => {
                // The tap is gone with its connection.
                if self.media.take().is_some_and(|media| media.connected) {
                    self.losses.add(now, Lost::Media);
                }
                self.note(Note::MediaLost);
                Ok(())
            }
            Wake::Packets(batch) => match &self.media {
                Some(media) => media.packets(batch, &self.senses),
                None => Ok(()),
            },
            Wake::Time => Ok(()),
        };
        let outcome = match outcome {
            Ok(()) => self.care(Instant::now()).await,
            failed => failed,
        };
        if let Err(error) = outcome {
            self.trouble(format!("{error:#}"));
        }
        true
    }

    fn mouth_due(&self) -> Instant {
        let due = self.media.as_ref().and_then(|media| media.due(&self.senses));
        due.unwrap_or(self.next_care)
    }

    fn retry_due(&self) -> Instant {
        match self.wire {
            Wire::Away { retry: Some(at), .. } => at,
            _ => self.next_care,
        }
    }

    fn note(&self, note: Note) {
        // A reader that is this slow loses notes; reports still tell everything that counts.
        if self.notes.try_send(note).is_err() {
            tracing::debug!("a note was not taken");
        }
    }

    fn trouble(&mut self, what: String) {
        tracing::warn!(seat = self.config.link.seat.0, what, "trouble");
        self.note(Note::Trouble { what: what.clone() });
        if self.troubles.len() < TROUBLES {
            self.troubles.push(what);
        }
    }

    async fn order(&mut self, order: Order, now: Instant) -> Result<()> {
        match order {
            Order::Ask(command) => self.ask(command, now).await?,
            Order::View(seats) => self.say(&ClientMessage::View { seats }).await?,
            Order::Drop(how) => self.leave(how).await,
            Order::Return(how) => {
                // How long the script let it wait is nobody's to measure.
                self.absence = Absence::Out(now);
                self.wire = Wire::Away { retry: Some(now), how };
            }
            Order::ReturnByItself => {
                if let Wire::Away { retry: None, how } = self.wire {
                    self.absence = Absence::Out(now);
                    self.wire = Wire::Away { retry: Some(now + self.pause(now)), how };
                }
            }
            Order::Network(network) => {
                let relay = self.relay.as_ref().context("the bot has no relay to change")?;
                relay.change(Change::Network(network)).await?;
                self.network = (network, now);
            }
            Order::Conditions(conditions) => {
                let relay = self.relay.as_ref().context("the bot has no relay to change")?;
                let stream = u64::from(self.config.link.seat.0);
                relay.change(Change::Conditions { conditions, stream }).await?;
            }
            Order::RestartIce => self.restart_ice().await?,
            Order::Microphone(microphone) => lock(&self.senses).mouth.microphone = microphone,
            Order::Camera(on) => {
                lock(&self.senses).mouth.camera = on;
                self.ask(Command::SetCamera { on }, now).await?;
            }
            Order::Screen(on) => lock(&self.senses).mouth.screen = on,
            Order::Play(play) => self.player = play.map(|play| Player::new(play.stay)),
            Order::Report(answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.report(now));
            }
            Order::Pulse(answer) => {
                // Whoever asked may have gone: the next answer is of a shorter time.
                let _ = answer.send(self.pulse());
            }
            Order::Gaps(answer) => {
                let _ = answer.send(lock(&self.senses).listener.audio_gaps(now));
            }
            Order::Heard(answer) => {
                let _ = answer.send(lock(&self.senses).listener.last_heard());
            }
            Order::State(answer) => {
                let _ = answer.send(match (&self.wire, &self.place) {
                    (Wire::Open { .. }, Some(place)) if !self.absence.is_out() => {
                        Some(RoomState::of(&place.room)?)
                    }
                    _ => None,
                });
            }
        }
        Ok(())
    }

    /// What the room says is what the senses go by.
    fn rights_changed(&self, now: Instant) {
        if let Some(place) = &self.place {
            let cause = self.config.causes.recent(now);
            let mut senses = lock(&self.senses);
            senses.listener.rights_changed(now, cause, &place.room);
            senses.mouth.told(&place.room);
        }
    }

    async fn say(&mut self, message: &ClientMessage) -> Result<()> {
        match &mut self.wire {
            Wire::Open { outgoing, .. } => outgoing.send(message).await,
            Wire::Opening { .. } | Wire::Away { .. } | Wire::Ended => {
                bail!("the bot is not connected")
            }
        }
    }

    async fn ask(&mut self, command: Command, now: Instant) -> Result<()> {
        let place = self.place.as_mut().context("the bot is not in the room yet")?;
        place.last_command = CommandId(place.last_command.0 + 1);
        let id = place.last_command;
        place.asked.push((id, command.name()));
        self.config.causes.set(now);
        self.say(&ClientMessage::Command { id, command }).await
    }

    async fn leave(&mut self, how: Drop) {
        if how == Drop::Leave {
            // It may be gone already, and leaving is then done.
            let _ = self.say(&ClientMessage::Leave).await;
            if let Some(media) = self.media.take() {
                media.close().await;
            }
        }
        self.wire = match how {
            Drop::Leave => Wire::Ended,
            Drop::Signaling | Drop::Everything => Wire::Away { retry: None, how: Return::Resume },
        };
        self.absence = Absence::Out(Instant::now());
        self.knocks.attempts = 0;
        if how == Drop::Everything {
            self.media = None;
            self.note(Note::MediaLost);
        }
        if how != Drop::Leave {
            self.note(Note::Disconnected);
        }
    }

    async fn message(&mut self, message: ServerMessage, now: Instant) -> Result<()> {
        match message {
            ServerMessage::Welcome(welcome) => self.welcomed(*welcome, now).await?,
            ServerMessage::Resumed(missed) => {
                self.back(Rung::Resume, now);
                let place = self.place.as_mut().context("resumed without having been welcomed")?;
                for event in &missed.events {
                    place.room.apply(event)?;
                }
                place.last_command = missed.last_command;
                self.rights_changed(now);
                self.note(Note::Resumed {
                    missed: missed.events.len(),
                    media_alive: missed.media_alive,
                });
                if missed.media_alive && self.media.is_some() {
                    self.next_ice(missed.next_ice);
                } else {
                    self.offer_anew(now).await?;
                }
            }
            ServerMessage::Event(event) => {
                let place = self.place.as_mut().context("an event before the welcome")?;
                place.room.apply(&event)?;
                self.rights_changed(now);
                self.note(Note::Room { change: Box::new(event) });
            }
            ServerMessage::Personal(personal) => {
                let place = self.place.as_mut().context("a personal view before the welcome")?;
                place.room.personal = Some(*personal.clone());
                self.note(Note::Personal { personal });
            }
            ServerMessage::Answer { id, answer } => {
                let place = self.place.as_mut().context("an answer before the welcome")?;
                let index = place.asked.iter().position(|(asked, _)| *asked == id);
                let (_, name) =
                    place.asked.remove(index.context("an answer to no command of ours")?);
                self.note(Note::Answer { command: name.to_owned(), answer });
            }
            ServerMessage::MediaAnswer(answer) => self.media_answered(answer, now).await?,
            ServerMessage::MediaRefused { detail, .. } => {
                bail!("the media offer was refused: {detail}")
            }
            ServerMessage::MediaLost => {
                self.losses.add(now, Lost::Media);
                self.offer_anew(now).await?;
            }
            ServerMessage::Phases { phases } => {
                let place = self.place.as_mut().context("phases before the welcome")?;
                place.room.view.phases = phases;
            }
            ServerMessage::Speaking { seats } => self.note(Note::Speaking { seats }),
            ServerMessage::Pong { .. } | ServerMessage::Tunnel { .. } => {}
            ServerMessage::NextIce(next) => {
                if next.generation.is_none_or(|generation| generation == self.generation) {
                    let NextIce { ufrag, password, .. } = next;
                    self.next_ice(Some(IceCredentials { ufrag, password }));
                }
            }
            ServerMessage::NotUnderstood { detail } => {
                bail!("the server did not understand: {detail}")
            }
            ServerMessage::Closing { reason, after, .. } => {
                self.note(Note::Closing { reason });
                let told = after.map(|after| Duration::from_millis(after.0));
                let told = told.map(|told| told.min(backoff::LONGEST_PAUSE));
                let comes_back = match reason {
                    ClosingReason::TooSlow | ClosingReason::Restarting => Some(told),
                    ClosingReason::Flooding | ClosingReason::Full => {
                        Some(told.max(Some(backoff::TURNED_AWAY_PAUSE)))
                    }
                    _ => None,
                };
                if let Some(told) = comes_back {
                    self.lost_signaling(now, Lost::Closed(reason));
                    self.knocks.refused += u64::from(self.absence.is_out());
                    self.disconnected(now, told);
                } else {
                    self.losses.add(now, Lost::Closed(reason));
                    self.wire = Wire::Ended;
                    self.media = None;
                }
            }
        }
        Ok(())
    }

    async fn welcomed(&mut self, welcome: Welcome, now: Instant) -> Result<()> {
        self.back(Rung::NewTransport, now);
        let room = Room::new(&welcome);
        self.note(Note::Welcomed { stage: room.stage().to_owned(), holder: room.holder() });
        self.place = Some(Place {
            room,
            plan: welcome.media,
            resume_token: welcome.resume_token,
            last_command: welcome.last_command,
            asked: Vec::new(),
        });
        // A welcome means that the server has no media session of ours, or that we kept none.
        self.offer_anew(now).await
    }

    /// What is due.
    async fn care(&mut self, now: Instant) -> Result<()> {
        self.connection_state(now);
        if let Some(media) = self.media.as_ref().filter(|media| media.connected) {
            media.speak(now, &self.senses).await;
        }
        if let Wire::Away { retry: Some(at), how } = self.wire
            && at <= now
        {
            self.knock(how, now);
        }
        if now < self.next_care {
            return Ok(());
        }
        self.next_care = now + CARE_EVERY;
        lock(&self.senses).listener.tick(now);
        let online = matches!(self.wire, Wire::Open { .. });
        let carries = online && self.media.as_ref().is_some_and(|media| media.connected);
        lock(&self.senses).mouth.look(now, carries);
        if self.place.as_ref().is_some_and(|place| place.room.is_over()) {
            self.losses.over(now);
        }
        self.failed_to_send(now);
        if let (Some(player), Some(place), Wire::Open { .. }) =
            (&mut self.player, &self.place, &self.wire)
            && place.asked.is_empty()
            && let Some(command) = player.next(now, &place.room)
        {
            self.ask(command, now).await?;
        }
        if let Some(media) = &self.media {
            media.ask_key_frames(now, &self.senses).await?;
        }
        if matches!(self.wire, Wire::Open { .. })
            && now.saturating_duration_since(self.last_heard) >= backoff::SILENCE_LIMIT
        {
            self.lost_signaling(now, Lost::Signaling);
            self.disconnected(now, None);
        }
        if let Wire::Open { outgoing, .. } = &mut self.wire
            && now >= self.next_ping
        {
            self.next_ping = now + PING_EVERY;
            outgoing.send(&ClientMessage::Ping { at: 0 }).await?;
        }
        Ok(())
    }
}
