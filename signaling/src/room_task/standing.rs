//! A room that was taken over from a process which still forwards its media, by the gate that it had last.
//!
//! Pages come back meanwhile, to the rights that they had. What could give anybody others waits until
//! nothing is forwarded there any more: two people with the floor, one in each process, there never are.

use palabre_ids::UnixMillis;

use super::{Failure, Next, RoomTask, Said, ToRoom};
use crate::media::PARTING;

/// What waits, and until when.
#[derive(Debug)]
pub(super) struct Standing {
    until: UnixMillis,
    held: Vec<ToRoom>,
}

/// Whether somebody's rights may change by it.
fn may_change_rights(message: &ToRoom) -> bool {
    matches!(message, ToRoom::Said { said: Said::Command { .. } | Said::Leave, .. })
}

impl RoomTask {
    /// The same room, taken over this very moment from a process that goes on with its media.
    pub(crate) fn taken_over(mut self) -> Self {
        let until = self.shared.clock.now() + PARTING;
        self.standing = Some(Standing { until, held: Vec::new() });
        self
    }

    /// Whether nobody's rights change now.
    pub(super) fn stands(&self) -> bool {
        self.standing.is_some()
    }

    /// When rights may change again: nothing that the clock brings is due before.
    pub(super) fn stands_until(&self) -> Option<UnixMillis> {
        self.standing.as_ref().map(|standing| standing.until)
    }

    /// Gives back what can be taken in now. What pages may say at a time bounds what is held.
    pub(super) fn hold(&mut self, message: ToRoom) -> Option<ToRoom> {
        match &mut self.standing {
            Some(standing) if may_change_rights(&message) => {
                standing.held.push(message);
                None
            }
            _ => Some(message),
        }
    }

    /// Takes in what was held, once it may be.
    pub(super) async fn stand_no_more(&mut self) -> Result<Next, Failure> {
        let now = self.shared.clock.now();
        let over = self.standing.take_if(|standing| standing.until <= now);
        for message in over.into_iter().flat_map(|standing| standing.held) {
            if let end @ Next::End(_) = self.take(message).await? {
                return Ok(end);
            }
        }
        Ok(Next::Go)
    }
}
