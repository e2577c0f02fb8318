//! Everything that happens because its time has come: one table.

use palabre_facilitation::FloorTimer;
use palabre_ids::{Seat, UnixMillis};

use crate::people::{Chair, Link};
use crate::room::Room;

/// Something that happens when its time comes. At the same moment they happen in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A lost connection counts as a drop.
    Debounce(Seat),
    /// The people of before are waited for no longer.
    Recovery,
    /// The client's floor is held no longer.
    ClientHold,
    /// The chair is kept no longer.
    ChairHold,
    /// A shared screen is kept no longer.
    ScreenHold,
    /// The floor has something to do.
    Floor(FloorTimer),
    /// The vote closes.
    VoteClose,
    /// The phase's time is over, and the group is asked whether it stays.
    AskToStay,
    /// The end of the phase is announced.
    PhaseDone,
    /// The phase is over.
    PhaseEnd,
    /// The drill is over.
    Drill,
    /// The record of a session that is over is kept no longer.
    RecordOver,
}

impl Room {
    /// What happens next by itself, and when.
    pub(crate) fn next_timer(&self) -> Option<(UnixMillis, Timer)> {
        let debounce = self.people.iter().filter_map(|(seat, person)| match person.link {
            Link::Fading { since } => {
                Some((since + self.template.drops.debounce, Timer::Debounce(seat)))
            }
            _ => None,
        });
        let chair = match self.chair {
            Chair::Held { until: Some(until), .. } => Some((until, Timer::ChairHold)),
            Chair::Held { until: None, .. } | Chair::Nobody => None,
        };
        let screen = self.screen.and_then(|seat| {
            let since = self.people.get(seat).ok()?.away_since()?;
            Some((since + self.template.drops.speaker, Timer::ScreenHold))
        });
        let drill = self.drill().map(|drill| (drill.until, Timer::Drill));
        let record = self.record_over_at().map(|at| (at, Timer::RecordOver));
        debounce
            .chain(chair)
            .chain(screen)
            .chain(drill)
            .chain(record)
            .chain(self.session_timers())
            .min()
    }

    fn session_timers(&self) -> impl Iterator<Item = (UnixMillis, Timer)> {
        let session = self.session();
        let pauses = session.map(|session| &session.pauses);
        let recovery = pauses
            .and_then(|pauses| pauses.recovery.as_ref())
            .and_then(|recovery| recovery.until)
            .map(|until| (until, Timer::Recovery));
        let client = pauses
            .and_then(|pauses| pauses.for_client)
            .and_then(|client| client.until)
            .map(|until| (until, Timer::ClientHold));
        let floor = session
            .and_then(|session| session.floor.next_timer(session.phase(&self.template)))
            .map(|(at, timer)| (at, Timer::Floor(timer)));
        let vote =
            session.and_then(|session| session.vote.closes_at()).map(|at| (at, Timer::VoteClose));
        let stay = self.asks_to_stay_at().map(|at| (at, Timer::AskToStay));
        [recovery, client, floor, vote, stay, self.end_timer()].into_iter().flatten()
    }

    /// What was due happens now.
    pub(crate) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Debounce(seat) => self.dropped(seat),
            Timer::Recovery => self.end_recovery(),
            Timer::ClientHold => self.client_hold_over(),
            Timer::ChairHold => self.chair_hold_over(),
            Timer::ScreenHold => self.screen = None,
            Timer::Floor(timer) => {
                self.if_running(|session, scene| session.floor.fire(timer, scene))
            }
            Timer::VoteClose => {
                let _is_open = self.close_vote();
            }
            Timer::AskToStay => {
                let _can_open = self.open_vote();
            }
            // Settling announces it.
            Timer::PhaseDone => {}
            Timer::PhaseEnd => self.phase_over(),
            Timer::Drill => {
                let _is_on = self.end_drill();
            }
            Timer::RecordOver => self.erase(),
        }
    }

    /// What follows by itself from what happened, whatever it was.
    pub(crate) fn settle(&mut self) {
        self.let_in();
        self.close_full_vote();
        self.decide_alone();
        self.go_on_together();
        self.let_in();
        self.end_visits();
        self.announce();
    }
}
