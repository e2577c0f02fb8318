//! What a server must let itself be made to do, to be compared. Another one is one file that
//! implements these two traits, and a line in [`crate::all`].

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use crate::client::person::Person;
use crate::process::{Berth, Server};

/// Where programs are that are not in their usual places, by name.
#[derive(Debug, Clone)]
pub(crate) struct Programs(pub(crate) Vec<(String, PathBuf)>);

impl Programs {
    /// The absolute path of a program.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn of(&self, name: &str, usual: &str) -> Result<PathBuf> {
        let told = self.0.iter().find(|(of, _)| of == name).map(|(_, path)| path.as_path());
        let program = told.unwrap_or(Path::new(usual));
        program.canonicalize().with_context(|| format!("no program {}", program.display()))
    }
}

/// A kind of server, with its settings.
#[async_trait]
pub(crate) trait Peer: Send + Sync {
    /// How it is called in tables.
    fn name(&self) -> &'static str;

    /// Its version and every setting that bears on what it costs.
    fn about(&self) -> Result<Vec<String>>;

    /// Starts it; it takes rooms when this returns.
    async fn start(&self, berth: &Berth) -> Result<Box<dyn Running>>;
}

/// A server that runs.
#[async_trait]
pub(crate) trait Running: Send {
    /// Its process.
    fn server(&mut self) -> &mut Server;

    /// Opens the one room.
    async fn open_room(&mut self, people: u8) -> Result<()>;

    /// Lets somebody in, who sends sound and picture from then on. Seats are taken in order.
    async fn join(&mut self, seat: u8) -> Result<Person>;

    /// Once everybody is in: has them receive everybody else, where joining did not do that.
    async fn subscribe(&mut self, seat: u8, person: &mut Person) -> Result<()>;

    /// The packets it says it has forwarded since it was started.
    async fn forwarded(&mut self) -> Result<u64>;

    /// Ends it.
    async fn stop(self: Box<Self>) -> Result<()>;
}
