//! Runs a scenario: opens its rooms, starts its bots, does what it says when, and judges.

mod process;
mod report;
mod room;
mod scenario;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::link::Server;
use crate::media::speech;
pub use process::ServerProcess;
pub use report::{Assertion, Distribution, Summary};
pub use scenario::{Overrides, Scenario};

/// What a watcher is told while it runs.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// From the start of one room to the start of the next: they do not all join in the same instant.
const STAGGER: Duration = Duration::from_millis(150);

/// Runs a scenario against a server.
///
/// # Errors
/// When it could not be run at all: no server, no speech. What goes wrong in a room is a failed
/// assertion of the summary.
pub async fn run(
    scenario: Scenario,
    server: &Server,
    process: Option<ServerProcess>,
    progress: Progress,
) -> Result<Summary> {
    let people = u8::try_from(scenario.roles.len()).context("a room has few seats")?;
    progress("making the voices");
    let voices = tokio::task::spawn_blocking(move || speech::voices(people)).await??;
    let scenario = Arc::new(scenario);
    let before = process.as_ref().map(ServerProcess::used).transpose()?;
    let start = Instant::now();
    let mut rooms = JoinSet::new();
    for index in 0..scenario.rooms {
        let room =
            room::RoomRun::open(index, scenario.clone(), server, &voices, progress.clone()).await?;
        rooms.spawn(room.run());
        if index + 1 < scenario.rooms {
            tokio::time::sleep(STAGGER).await;
        }
    }
    let results = rooms.join_all().await;
    let used = match (process, before) {
        (Some(process), Some(before)) => Some(process.used_since(before)?),
        _ => None,
    };
    Ok(Summary::new(&scenario, start.elapsed().as_secs_f64(), results, used))
}
