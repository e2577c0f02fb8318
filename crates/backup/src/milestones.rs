//! What a session passes once, and whether whoever is to hear of it will.

use palabre_ids::UnixMillis;
use serde::{Deserialize, Serialize};

use palabre_room::Room;
use palabre_vocabulary::Stage;

/// What a session passes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Milestone {
    /// The first phase began.
    Started,
    /// The session is over: media have ended.
    Ended,
}

/// A milestone that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// When.
    pub at: UnixMillis,
    /// Whether somebody else keeps the news of it, so that the room need not tell them again.
    pub told: bool,
}

/// The milestones that a room has passed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestones {
    /// The session's beginning; none for one that never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Passed>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Passed>,
}

impl Milestones {
    /// Notes what the room has passed by now. What is noted stays as it is.
    pub fn note(&mut self, room: &Room, at: UnixMillis) {
        let passed = Passed { at, told: false };
        match room.phase().stage {
            Stage::Lobby => {}
            Stage::Running { .. } => self.started = self.started.or(Some(passed)),
            Stage::Ended => self.ended = self.ended.or(Some(passed)),
        }
    }

    /// Ends a session that nobody ended, for nobody came.
    pub fn end(&mut self, at: UnixMillis) {
        self.ended = self.ended.or(Some(Passed { at, told: false }));
    }

    /// What nobody else keeps yet, in its order.
    #[must_use]
    pub fn untold(&self) -> Vec<(Milestone, UnixMillis)> {
        let all = [(Milestone::Started, self.started), (Milestone::Ended, self.ended)];
        all.into_iter()
            .filter_map(|(what, passed)| passed.filter(|p| !p.told).map(|p| (what, p.at)))
            .collect()
    }

    /// Somebody else keeps the news of it from now on.
    pub fn told(&mut self, what: Milestone) {
        let passed = match what {
            Milestone::Started => &mut self.started,
            Milestone::Ended => &mut self.ended,
        };
        if let Some(passed) = passed {
            passed.told = true;
        }
    }
}
