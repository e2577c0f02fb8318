//! What becomes of rooms, for those who are not in them: no name, and nothing of what was said.

use palabre_ids::{RoomId, UnixMillis};

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
}

/// What a session passes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// The first phase began.
    Started,
    /// The session is over: media have ended.
    Ended,
}
