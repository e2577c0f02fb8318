//! Everything that happens because its time has come: one table.

use palabre_facilitation::{FloorTimer, Transition};
use palabre_ids::{Seat, UnixMillis};

use crate::people::{Chair, Link};
use crate::room::{Progress, Room};

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
    /// The phase is over.
    PhaseEnd,
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
        debounce.chain(chair).chain(screen).chain(self.session_timers()).min()
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
        let phase = session
            .and_then(|session| session.clock.deadline())
            .filter(|_| self.phase_ends_by_itself())
            .map(|deadline| (deadline, Timer::PhaseEnd));
        [recovery, client, floor, phase].into_iter().flatten()
    }

    /// Whether the end of the clock ends the phase: in a phase that says so, as long as the chair's
    /// holder is here; in every phase while nobody holds the chair. A closed gate stops both.
    fn phase_ends_by_itself(&self) -> bool {
        let Some(session) = self.session() else { return false };
        let by_itself = match self.chair {
            Chair::Nobody => true,
            Chair::Held { seat, .. } => {
                session.phase(&self.template).transition == Transition::Timer
                    && self.people.get(seat).is_ok_and(|person| person.is_here())
            }
        };
        by_itself && self.blocked().is_none()
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
            Timer::PhaseEnd => self.phase_over(),
        }
    }

    fn phase_over(&mut self) {
        let Some(session) = self.session() else { return };
        if session.is_last() {
            self.end();
        } else {
            let next = session.index + 1;
            self.enter_phase(next);
        }
    }

    /// The session is over for everyone.
    pub(crate) fn end(&mut self) {
        self.progress = Progress::Ended;
        self.screen = None;
        if let Chair::Held { until, .. } = &mut self.chair {
            *until = None;
        }
    }

    /// Enters a phase; whatever stood before runs again.
    pub(crate) fn enter_phase(&mut self, index: usize) {
        let now = self.now;
        if let Progress::Running(session) = &mut self.progress {
            session.enter(index, now);
        }
        self.begin_floor();
    }

    /// The floor of the phase begins, and a screen that may not be shared in it is not.
    pub(crate) fn begin_floor(&mut self) {
        self.if_running(|session, scene| session.floor.begin(scene));
        let may_share =
            |seat| self.people.get(seat).is_ok_and(|person| self.rights_of(seat, person).screen);
        self.screen = self.screen.filter(|seat| may_share(*seat));
    }
}
