//! The drill: in the lobby the facilitator plays the loss of the client, and everyone sees the agreed
//! way back. Nobody is lost, and nothing else changes.

use palabre_ids::{Millis, Role, Seat};
use palabre_vocabulary::{Drill, Refusal};

use crate::room::{Progress, Room};

/// The return is played this long after the loss: long enough to read what the screen says.
const BACK_AFTER: Millis = Millis::from_secs(10);
/// It is over this long after the loss.
const OVER_AFTER: Millis = Millis::from_secs(20);

impl Room {
    pub(crate) fn drill(&self) -> Option<Drill> {
        match self.progress {
            Progress::Lobby { drill } => drill,
            Progress::Running(_) | Progress::Over(_) => None,
        }
    }

    pub(crate) fn start_drill(&mut self) -> Result<(), Refusal> {
        let seat = self.who_plays_the_client();
        let since = self.now;
        match &mut self.progress {
            Progress::Lobby { drill: Some(_) } => Err(Refusal::NoChange),
            Progress::Lobby { drill } => {
                let seat = seat.ok_or(Refusal::NotEligible)?;
                let (back_at, until) = (since + BACK_AFTER, since + OVER_AFTER);
                *drill = Some(Drill { seat, since, back_at, until });
                Ok(())
            }
            Progress::Running(_) | Progress::Over(_) => Err(Refusal::NotInThisPhase),
        }
    }

    /// The client if there is one here, else the first peer who is.
    fn who_plays_the_client(&self) -> Option<Seat> {
        let here = |role| {
            let mut people = self.people.iter();
            people
                .find(|(_, person)| person.role() == role && person.is_here())
                .map(|(seat, _)| seat)
        };
        here(Role::Client).or_else(|| here(Role::Consultant))
    }

    pub(crate) fn end_drill(&mut self) -> Result<(), Refusal> {
        match &mut self.progress {
            Progress::Lobby { drill } if drill.is_some() => {
                *drill = None;
                Ok(())
            }
            _ => Err(Refusal::NoChange),
        }
    }
}
