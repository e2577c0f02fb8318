//! A room that was taken over from a process which still forwards its media, by the gate that it had last.
//!
//! Pages come back meanwhile, to the rights that they had. What could give anybody others waits until
//! nothing is forwarded there any more: two people with the floor, one in each process, there never are.

use palabre_ids::{Millis, UnixMillis};

use super::{Failure, RoomTask, Said, ToRoom};
use crate::media::PARTING;

/// A room stands for so much longer than the other process forwards: what that one had read when it was
/// stopped leaves at once when it goes on.
const SPARE: Millis = Millis(50);

/// What waits, and until when.
#[derive(Debug)]
pub(super) struct Standing {
    until: UnixMillis,
    held: Vec<ToRoom>,
}

/// When a room that is taken over at `now` may change somebody's rights.
pub(crate) fn stands_until(now: UnixMillis) -> UnixMillis {
    now + PARTING + SPARE
}

/// Whether somebody's rights may change by it. That a connection is gone waits with what was said by it: a page
/// says that it leaves, and closes.
fn may_change_rights(message: &ToRoom) -> bool {
    matches!(
        message,
        ToRoom::Said { said: Said::Command { .. } | Said::Leave, .. } | ToRoom::Gone { .. }
    )
}

impl RoomTask {
    /// The same room, in which nobody's rights change before `until`.
    pub(crate) fn standing(mut self, until: Option<UnixMillis>) -> Self {
        let until = until.filter(|until| *until > self.shared.clock.now());
        self.standing = until.map(|until| Standing { until, held: Vec::new() });
        self
    }

    /// Whether nobody's rights change now.
    pub(super) fn stands(&self) -> bool {
        self.standing.is_some()
    }

    /// When rights may change again.
    pub(super) fn stands_until(&self) -> Option<UnixMillis> {
        self.standing.as_ref().map(|standing| standing.until)
    }

    /// The time that the room is told. While it stands, nothing becomes due by it: whatever the room is told, it
    /// would do that first.
    pub(super) fn now_for_the_room(&self) -> UnixMillis {
        let now = self.shared.clock.now();
        let due = self.room.poll_timeout().filter(|_| self.stands());
        let now = due.map_or(now, |due| now.min(UnixMillis(due.0.saturating_sub(1))));
        now.max(self.last_input_at)
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
    pub(super) async fn stand_no_more(&mut self) -> Result<(), Failure> {
        let now = self.shared.clock.now();
        let over = self.standing.take_if(|standing| standing.until <= now);
        for message in over.into_iter().flat_map(|standing| standing.held) {
            // Nothing that is held ends the room by itself.
            self.take(message).await?;
        }
        Ok(())
    }
}
