//! What becomes of rooms, for those who are not in them: no name, and nothing of what was said.

use std::fmt;

use palabre_backup::Milestone;
use palabre_ids::{RoomId, UnixMillis};
use tokio::sync::oneshot;

/// A session began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub what: Milestone,
    /// In which room.
    pub room: RoomId,
    /// The template that it follows.
    pub template: String,
    /// How many seats it has.
    pub seats: u8,
    /// When.
    pub at: UnixMillis,
    /// When the session began; none for one that ended before it began.
    pub started_at: Option<UnixMillis>,
}

/// Takes the news of rooms. The same may come twice: a room tells again what it does not know to be kept.
pub trait Herald: fmt::Debug + Send + Sync {
    /// Takes them in at once. What it gives resolves when they will outlive this process, and to an error
    /// when they may not.
    fn tell(&self, news: News) -> oneshot::Receiver<()>;
}
