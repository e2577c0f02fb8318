//! How a room goes over to another process: at a moment that costs little, whole, and never to two
//! at once.
//!
//! The order is what makes it safe. The journal has the room as it will be found, then the media
//! plane has closed it but for what goes on for [`PARTING`] by a gate that nothing changes any more
//! (acknowledged), then its lock is let go, then its pages are told. Whoever takes it counts that time from
//! then, and so from later, and changes nobody's rights before it is over (`standing`). A process that is
//! stopped anywhere in between still has the lock, or forwards nothing once it goes on.

use std::time::{Duration, Instant};

use palabre_ids::{Millis, TurnId, UnixMillis};
use palabre_room::{Input, Room};
use palabre_wire::{FloorKind, ServerMessage, Stage};
use tokio::time::timeout;

use super::{Failure, JOURNAL_PATIENCE, Outcome, RoomTask};
use crate::media::PARTING;
use palabre_backup::JournalError;

/// A disk that refuses to settle a room is asked again after so long. Longer keeps the room here.
const MOVE_AGAIN: Millis = Millis::from_secs(1);

/// A room that is to go over to another process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving {
    /// The earliest moment, and the latest.
    from: UnixMillis,
    until: UnixMillis,
    /// Where it was when it was asked to go.
    stage: Stage,
    turn: Option<TurnId>,
}

/// The turn of somebody who is not to be interrupted. Where everyone may speak a turn only points at
/// somebody; a turn whose holder is away interrupts nobody.
fn turn_that_runs(room: &Room) -> Option<TurnId> {
    let floor = room.floor();
    if floor.policy == FloorKind::Open {
        return None;
    }
    floor.turn.filter(|turn| turn.waiting.is_none()).map(|turn| turn.turn_id)
}

/// Whether nobody is interrupted by moving a room now. `in_it` are connected pages, `heard` whether
/// somebody speaks.
fn at_a_boundary(leaving: Leaving, room: &Room, in_it: bool, heard: bool) -> bool {
    let stage = room.phase().stage;
    let turn = turn_that_runs(room);
    if !in_it || stage == Stage::Ended || stage != leaving.stage {
        return true;
    }
    match (leaving.turn, turn) {
        // It has ended since, whoever has the floor now has just begun.
        (Some(before), now) => now != Some(before),
        (None, Some(_)) => true,
        (None, None) => !heard,
    }
}

impl RoomTask {
    /// The room is to go over to another process, at `until` at the latest.
    pub(super) fn prepare_to_move(&mut self, until: UnixMillis) {
        let begun = self.leaving.unwrap_or_else(|| self.as_it_stands(UnixMillis(0)));
        self.leaving = Some(Leaving { until: begun.until.min(until), ..begun });
    }

    /// When to look again whether the room goes.
    pub(super) fn moves_at(&self) -> Option<UnixMillis> {
        let now = self.shared.clock.now();
        self.leaving.map(|Leaving { from, until, .. }| if from > now { from } else { until })
    }

    /// Whether the room goes now.
    pub(super) fn may_move(&self, now: UnixMillis) -> bool {
        let Some(leaving) = self.leaving.filter(|_| !self.stands()) else { return false };
        let in_it = self.seats.iter().any(|seat| seat.line.is_open());
        let heard = !self.voices.speaking().is_empty();
        let at_last = leaving.until <= now;
        leaving.from <= now && (at_last || at_a_boundary(leaving, &self.room, in_it, heard))
    }

    /// Lets the room go; nothing when the disk does not take what is to be kept of it: then it stays
    /// for now.
    pub(super) async fn move_out(&mut self) -> Result<Option<Outcome>, Failure> {
        let stays = self.as_it_stands(self.shared.clock.now() + MOVE_AGAIN);
        // What waits for the disk could not be let go: nobody's media end for that.
        if self.shared.journal.health().waiting_rooms > 0 {
            self.leaving = Some(stays);
            return Ok(None);
        }
        if matches!(self.room.phase().stage, Stage::Running { .. }) {
            self.say_who_talked().await?;
        }
        // What is due by now is done here, and the gate follows: it goes on as it is.
        let _ = self.apply(Input::Tick, None).await?;
        if self.erased {
            return Ok(None);
        }
        // Its clocks stand from then on, and everyone is away until they come to the other process.
        let at = self.last_input_at;
        let mut parting = self.snapshot();
        // A room that refuses it is over: it is the same everywhere.
        let _ = parting.room.handle(at, Input::Restarted { down_since: Some(at) });
        parting.last_input_at = at;
        self.remember(parting.change(self.id.clone(), self.number)).await?;
        let had_media = std::mem::take(&mut self.has_media);
        if had_media {
            let until = Instant::now() + Duration::from_millis(PARTING.0);
            self.media(|media, id| media.leave_room(id, until)).await.ok_or(Failure::Media)?;
        }
        let released = timeout(JOURNAL_PATIENCE, self.shared.journal.release(&self.id)).await;
        match released.unwrap_or(Err(JournalError::TimedOut)) {
            Ok(()) => return Ok(Some(Outcome::Moved { media: had_media })),
            Err(JournalError::Write(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // It is still ours, as it was.
        self.leaving = Some(stays);
        self.remember(self.snapshot().change(self.id.clone(), self.number)).await?;
        if had_media {
            self.open_media().await?;
            for seat in self.all_seats() {
                if self.seats[seat.index()].media.end_tunnel() {
                    self.tell_tunnel_ended(seat);
                }
                self.seats[seat.index()].media.end();
                self.tell(seat, &ServerMessage::MediaLost);
            }
        }
        Ok(None)
    }

    fn as_it_stands(&self, from: UnixMillis) -> Leaving {
        Leaving {
            from,
            until: self.leaving.map_or(UnixMillis(u64::MAX), |leaving| leaving.until),
            stage: self.room.phase().stage,
            turn: turn_that_runs(&self.room),
        }
    }
}
