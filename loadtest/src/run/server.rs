//! The server of a scenario's own, and the faults that strike it: once for all rooms, which meet there.

use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};
use tokio::sync::Barrier;

use super::scenario::fault::{Fault, What};
use crate::own::{OwnServer, Up};

/// What the rooms of a run share. A fault happens once, between two moments at which all rooms are there.
pub(super) struct SharedServer {
    server: tokio::sync::Mutex<OwnServer>,
    meeting: Barrier,
    outcome: Mutex<Option<Result<Up, String>>>,
    /// What failed in some room: no fault comes after that, for no room would be at the meeting alone.
    failed: Mutex<Option<String>>,
}

impl SharedServer {
    pub(super) fn new(server: OwnServer, rooms: u16) -> Self {
        Self {
            server: tokio::sync::Mutex::new(server),
            meeting: Barrier::new(usize::from(rooms)),
            outcome: Mutex::new(None),
            failed: Mutex::new(None),
        }
    }

    /// Waits for all rooms, breaks the server and mends it. Gives since when it answers again.
    ///
    /// # Errors
    /// When it is not mended, for every room alike.
    pub(super) async fn strike(&self, fault: &Fault) -> Result<Up> {
        if self.meeting.wait().await.is_leader() {
            let outcome = match lock(&self.failed).clone() {
                Some(why) => Err(format!("no more faults after one that failed ({why})")),
                None => Ok(()),
            };
            let outcome = match outcome {
                Ok(()) => self.carry_out(fault).await.map_err(|error| format!("{error:#}")),
                Err(why) => Err(why),
            };
            *lock(&self.outcome) = Some(outcome);
        }
        self.meeting.wait().await;
        let outcome = lock(&self.outcome).clone();
        outcome.unwrap_or_else(|| Err("nobody struck".to_owned())).map_err(|error| anyhow!(error))
    }

    /// Somewhere a fault was not got over.
    pub(super) fn failed(&self, why: &str) {
        lock(&self.failed).get_or_insert_with(|| why.to_owned());
    }

    async fn carry_out(&self, fault: &Fault) -> Result<Up> {
        let mut server = self.server.lock().await;
        match fault.what {
            What::ServerKill => server.kill(fault.away).await,
            What::ServerRestart => server.restart(fault.away).await,
            What::ServerStop => server.stop(fault.away).await,
            What::Drain => server.drain(fault.away).await,
            What::Rebinding
            | What::SignalingLost
            | What::Rejoin
            | What::UdpBlocked
            | What::Storm => bail!("no fault of the server"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
