//! A bot: a person's whole client, without the person.

mod actor;
pub mod listener;
mod losses;
mod media;
pub mod mouth;
pub mod pace;
pub mod peer;
pub mod plan;
mod player;
pub mod pulse;
pub mod room;
pub mod senses;
pub mod sent;
mod state;
pub mod tap;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use palabre_ids::{Group, Role, Seat};
use palabre_wire::{Answer, ClosingReason, Command, Event, PersonalView, SeatView};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::ledger::Ledger;
use crate::link::Link;
use crate::media::speech::Voice;
use crate::media::stream::Silence;
use crate::relay::Network;
use crate::relay::path::Conditions;
use listener::{Cast, Leaks, SlotReport, Speech, Times};
pub use losses::{Loss, Lost};
use peer::Camera;
pub use peer::PeerState;
use pulse::{Pulse, Pulser};
pub use sent::SentKind;
pub use state::RoomState;

/// Notes that wait for their reader. A bot whose reader is this far behind is told so by a gap.
const NOTES: usize = 4_096;

/// Orders that wait for a bot.
const ORDERS: usize = 64;

/// When a bot sends sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Microphone {
    /// Always: the floor is the server's business. What a page with an open microphone does.
    #[default]
    Open,
    /// Only with the right to.
    Floor,
    /// Never.
    Off,
}

/// What carries a bot's media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "StackName")]
pub enum Stack {
    /// A peer connection of the `webrtc` crate, as an application has it.
    #[default]
    Full,
    /// The stack of [`crate::light`], for many bots on a core.
    Light {
        /// Of so many packets of a stream one is opened; every one, with 1.
        open: u64,
    },
    /// None: the signaling of a person alone, of which a thousand fit on one machine.
    Signaling,
}

/// How a stack is called in a scenario, and on the command line.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StackName {
    Full,
    Light,
    Signaling,
}

impl From<StackName> for Stack {
    fn from(name: StackName) -> Self {
        match name {
            StackName::Full => Self::Full,
            StackName::Light => Self::LIGHT,
            StackName::Signaling => Self::Signaling,
        }
    }
}

impl std::str::FromStr for Stack {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "full" => Ok(Self::Full),
            "light" => Ok(Self::LIGHT),
            "signaling" => Ok(Self::Signaling),
            _ => Err("one of: full, light, signaling"),
        }
    }
}

impl Stack {
    /// A light one, at its usual.
    pub const LIGHT: Self = Self::Light { open: 16 };

    /// The same, but that it opens every packet: something may hide in any.
    #[must_use]
    pub fn wary(self) -> Self {
        match self {
            Self::Full | Self::Signaling => self,
            Self::Light { .. } => Self::Light { open: 1 },
        }
    }

    /// How it is called in a scenario, and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Signaling => "signaling",
            Self::Light { .. } => "light",
        }
    }

    fn opens(self) -> u64 {
        match self {
            Self::Full | Self::Signaling => 1,
            Self::Light { open } => open.max(1),
        }
    }
}

/// A bot's part.
#[derive(Clone)]
pub struct BotConfig {
    /// How it gets in.
    pub link: Link,
    /// What it says.
    pub voice: Arc<Voice>,
    /// Whom it recognises.
    pub cast: Cast,
    /// The process's record of what was sent.
    pub ledger: Ledger,
    /// What made the floor change, shared by the bots of a room.
    pub causes: Causes,
    /// When it sends sound.
    pub microphone: Microphone,
    /// How it sends its camera; not at all when none.
    pub camera: Option<Camera>,
    /// What carries its media.
    pub stack: Stack,
    /// Whether it decodes what it hears.
    pub decode: bool,
    /// Whether it plays its part in the session by itself.
    pub play: Option<Play>,
    /// Whether its UDP goes through a relay of its own, so that its network can be changed.
    pub relay: bool,
}

/// How a bot plays its part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Play {
    /// How long it stays in a phase that does not end by itself, when it holds the chair; its own
    /// turns last half as long at most.
    pub stay: Duration,
}

/// When a bot of the room last asked for something that may move the floor.
#[derive(Debug, Clone, Default)]
pub struct Causes(Arc<Mutex<Option<Instant>>>);

impl Causes {
    fn set(&self, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// What may have caused a change seen at `now`.
    fn recent(&self, now: Instant) -> Option<Instant> {
        let at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A change that comes later than this was caused by a clock of the room's.
        at.filter(|at| now.saturating_duration_since(*at).as_secs() < 2)
    }
}

/// How a bot goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drop {
    /// The WebSocket breaks without goodbye; media goes on.
    Signaling,
    /// Everything stops without goodbye, as when a page is killed.
    Everything,
    /// Its person leaves.
    Leave,
}

/// How a bot comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Return {
    /// With the token of the connection it lost.
    Resume,
    /// By its link alone, knowing nothing, as a page that is opened again.
    Anew,
}

/// What a bot can be told.
#[derive(Debug)]
pub enum Order {
    /// To send a command.
    Ask(Command),
    /// How large it shows each seat.
    View(Vec<SeatView>),
    /// To go.
    Drop(Drop),
    /// To come back.
    Return(Return),
    /// To come back from a drop as a page does by itself: after the page's own delays, resuming.
    ReturnByItself,
    /// That its network changes. It must have a relay.
    Network(Network),
    /// That its network is like this from now on. It must have a relay.
    Conditions(Conditions),
    /// To make new ICE credentials and offer again.
    RestartIce,
    /// To send sound, or not.
    Microphone(Microphone),
    /// To send its camera, or not.
    Camera(bool),
    /// To send its screen, or not (its right to is asked for by a command).
    Screen(bool),
    /// To play its part by itself, or to leave it to whoever drives it.
    Play(Option<Play>),
    /// To say what it did since it was last asked this.
    Pulse(oneshot::Sender<Pulse>),
    /// To say what it found so far.
    Report(oneshot::Sender<Report>),
    /// To give the silences since the last time, by seat.
    Gaps(oneshot::Sender<Vec<(Seat, Silence)>>),
    /// To give when each seat that may be heard last was, by seat.
    Heard(oneshot::Sender<Vec<(Seat, Instant)>>),
    /// To give the room as it knows it; none while it is away.
    State(oneshot::Sender<Option<RoomState>>),
}

/// What a bot has to tell as it happens.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Note {
    /// It is in the room, by a welcome.
    Welcomed {
        /// The room's stage.
        stage: String,
        /// Who has the turn.
        holder: Option<Seat>,
    },
    /// It is back, by a resume.
    Resumed {
        /// How many events it had missed.
        missed: usize,
        /// Whether its media went on.
        media_alive: bool,
    },
    /// Its media is connected.
    Connected {
        /// Seconds from the opening of the WebSocket.
        after: f64,
    },
    /// Its media is connected no longer.
    MediaLost,
    /// Something happened in the room.
    Room {
        /// What, in the wire's own form.
        change: Box<Event>,
    },
    /// The answer to a command.
    Answer {
        /// The command's name.
        command: String,
        /// What became of it.
        #[serde(flatten)]
        answer: Answer,
    },
    /// What its person alone is shown.
    Personal {
        /// What, in the wire's own form.
        personal: Box<PersonalView>,
    },
    /// Who is heard, says the server.
    Speaking {
        /// The seats.
        seats: Vec<Seat>,
    },
    /// The server closed the connection.
    Closing {
        /// Why.
        reason: ClosingReason,
    },
    /// The connection broke.
    Disconnected,
    /// Something is wrong.
    Trouble {
        /// What.
        what: String,
    },
}

/// What a bot sent and received so far.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Its seat. Every line that prints a report names it already.
    #[serde(skip)]
    pub seat: Seat,
    /// Whether its WebSocket is open.
    pub online: bool,
    /// Whether its media is connected.
    pub connected: bool,
    /// The room's stage: `lobby`, a phase's name, `ended`; none before the first welcome.
    pub stage: Option<String>,
    /// Who has the turn.
    pub holder: Option<Seat>,
    /// Who holds the chair.
    pub chair: Option<Seat>,
    /// The hands, in order.
    pub hands: Vec<Seat>,
    /// The group it is in: 0 the plenary.
    pub group: Group,
    /// The seats that it may hear.
    pub may_speak: Vec<Seat>,
    /// The seats whose cameras are forwarded to it.
    pub may_be_seen: Vec<Seat>,
    /// Whether it sends sound now.
    pub microphone: bool,
    /// Whether it sends its camera now.
    pub camera: bool,
    /// Packets sent: they left, or a socket took them.
    pub sent: u64,
    /// Its sound.
    pub sound: SentKind,
    /// Its camera's pictures.
    pub pictures: SentKind,
    /// Of all it sent, what the gate stops: it had no right to send it.
    pub gated: u64,
    /// Times that its rights changed.
    pub rights_changes: u64,
    /// Packets received.
    pub received: u64,
    /// Packets that should have been.
    pub expected: u64,
    /// Packets missing.
    pub lost: u64,
    /// Packets it was too slow to take: they were received, and not counted.
    pub overflow: u64,
    /// What leaked to it.
    pub leaks: Leaks,
    /// Slot by slot, those that ever gave something.
    pub slots: Vec<SlotReport>,
    /// Seconds from opening the WebSocket to connected media, at each session.
    #[serde(skip)]
    pub joins: Vec<f64>,
    /// Seconds from a drop, or from the order to come back from one, to being back, by the rung that
    /// the server's answer was: `new_transport` ends with connected media, where there are any.
    #[serde(skip)]
    pub returns: Vec<(&'static str, f64)>,
    /// Whether it has no media by its part.
    #[serde(skip)]
    pub signaling_alone: bool,
    /// When it last was let in again.
    #[serde(skip)]
    pub back_at: Option<Instant>,
    /// How often the server answered and did not let it in.
    #[serde(skip)]
    pub refused: u64,
    /// How often it let it in.
    #[serde(skip)]
    pub let_in: u64,
    /// What it measured.
    #[serde(skip)]
    pub times: Times,
    /// How well it heard who may speak.
    #[serde(skip)]
    pub speech: Speech,
    /// What it lost, and neither an order nor the end of its session explains.
    #[serde(skip)]
    pub losses: Vec<Loss>,
    /// Pictures that stood still, and for how long in all, in milliseconds.
    #[serde(skip)]
    pub freezes: (u64, f64),
    /// What went wrong at its own end.
    pub troubles: Vec<String>,
}

/// A running bot.
pub struct Bot {
    /// Its seat.
    pub seat: Seat,
    /// Its part.
    pub role: Role,
    orders: mpsc::Sender<Order>,
    task: tokio::task::JoinHandle<()>,
}

impl Bot {
    /// Starts a bot; it joins at once.
    #[must_use]
    pub fn start(config: BotConfig) -> (Self, mpsc::Receiver<Note>) {
        let (orders, orders_rx) = mpsc::channel(ORDERS);
        let (notes, notes_rx) = mpsc::channel(NOTES);
        let (seat, role) = (config.link.seat, config.link.role);
        let task = tokio::spawn(actor::run(config, orders_rx, notes));
        (Self { seat, role, orders, task }, notes_rx)
    }

    /// Gives an order; false when the bot has ended.
    pub async fn order(&self, order: Order) -> bool {
        self.orders.send(order).await.is_ok()
    }

    /// A way to ask it what it did, second by second.
    #[must_use]
    pub fn pulser(&self) -> Pulser {
        Pulser(self.orders.downgrade())
    }

    /// What it found so far.
    ///
    /// # Errors
    /// When the bot has ended.
    pub async fn report(&self) -> anyhow::Result<Report> {
        self.ask(Order::Report).await
    }

    /// The longest silences it heard since it was last asked, by speaker.
    ///
    /// # Errors
    /// When the bot has ended.
    pub async fn gaps(&self) -> anyhow::Result<Vec<(Seat, Silence)>> {
        self.ask(Order::Gaps).await
    }

    /// When each speaker that may be heard last was.
    ///
    /// # Errors
    /// When the bot has ended.
    pub async fn heard(&self) -> anyhow::Result<Vec<(Seat, Instant)>> {
        self.ask(Order::Heard).await
    }

    /// The room as the bot knows it; none while it is away.
    ///
    /// # Errors
    /// When the bot has ended.
    pub async fn state(&self) -> anyhow::Result<Option<RoomState>> {
        self.ask(Order::State).await
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> anyhow::Result<T> {
        let (answer, given) = oneshot::channel();
        self.order(order(answer)).await;
        given.await.map_err(|_| anyhow::anyhow!("the bot of seat {} has ended", self.seat))
    }

    /// Ends it: its person leaves the room.
    pub async fn end(self) {
        self.order(Order::Drop(Drop::Leave)).await;
        let Self { orders, task, .. } = self;
        drop(orders);
        if let Err(error) = task.await {
            tracing::warn!(%error, "a bot ended badly");
        }
    }
}
