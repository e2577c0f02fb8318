//! What a bot did in the last second: a run's time series is made of these.

use std::ops::{AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Order;
use super::listener::Times;
use super::pace::Offered;
use crate::samples::Samples;

/// A bot that takes longer to answer is left out of this second; the next answer has it all.
const PATIENCE: Duration = Duration::from_millis(800);

/// Counts that go up, as differences: what was lost may be found again, so they are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Packets sent.
    pub sent: i64,
    /// Packets received.
    pub received: i64,
    /// Packets that should have been.
    pub expected: i64,
    /// Packets missing.
    pub lost: i64,
    /// Packets that leaked.
    pub leaked: i64,
    /// Media sessions that became connected.
    pub joins: i64,
    /// Ways back taken.
    pub reconnections: i64,
    /// Pictures that stood still.
    pub freezes: i64,
    /// Sound that was to be sent.
    pub sound: Offered,
    /// Pictures that were to be sent.
    pub pictures: Offered,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.sent += more.sent;
        self.received += more.received;
        self.expected += more.expected;
        self.lost += more.lost;
        self.leaked += more.leaked;
        self.joins += more.joins;
        self.reconnections += more.reconnections;
        self.freezes += more.freezes;
        self.sound += more.sound;
        self.pictures += more.pictures;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            received: self.received - before.received,
            expected: self.expected - before.expected,
            lost: self.lost - before.lost,
            leaked: self.leaked - before.leaked,
            joins: self.joins - before.joins,
            reconnections: self.reconnections - before.reconnections,
            freezes: self.freezes - before.freezes,
            sound: self.sound - before.sound,
            pictures: self.pictures - before.pictures,
        }
    }
}

/// One bot since it was last asked.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// Whether its WebSocket is open now.
    pub online: bool,
    /// Whether its media is connected now.
    pub connected: bool,
    /// What it counted since.
    pub counts: Counts,
    /// What it measured since.
    pub times: Times,
    /// How late it was with each packet it sent, in milliseconds: lateness of the generator, not of the
    /// server.
    pub send_late: Samples,
}

/// Asks a bot for its pulse, without keeping it alive.
#[derive(Debug, Clone)]
pub struct Pulser(pub(super) mpsc::WeakSender<Order>);

/// What came of asking.
#[derive(Debug)]
pub enum Asked {
    /// Its answer.
    Pulse(Box<Pulse>),
    /// It is busy; what it did comes with its next answer.
    Late,
    /// It has ended.
    Ended,
}

impl Pulser {
    /// What the bot did since it was last asked.
    pub async fn pulse(&self) -> Asked {
        let Some(orders) = self.0.upgrade() else { return Asked::Ended };
        let (answer, pulse) = oneshot::channel();
        let asked = async {
            if orders.send(Order::Pulse(answer)).await.is_err() {
                return Asked::Ended;
            }
            drop(orders);
            pulse.await.map_or(Asked::Ended, |pulse| Asked::Pulse(Box::new(pulse)))
        };
        timeout(PATIENCE, asked).await.unwrap_or(Asked::Late)
    }
}
