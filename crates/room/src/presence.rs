//! Who comes, drops and goes, and what is kept for them meanwhile.

use std::collections::BTreeSet;

use palabre_facilitation::{ClientDrop, speaks};
use palabre_ids::{Role, Seat, TurnId, UnixMillis};
use palabre_vocabulary::{DropRecord, FloorKind, Refusal};

use crate::people::{Chair, Link};
use crate::room::{Progress, Room};
use crate::session::{ClientAway, Recovery};

impl Room {
    pub(crate) fn connected(&mut self, seat: Seat, resumed: bool) -> Result<(), Refusal> {
        if self.is_erased() {
            return Err(Refusal::Ended);
        }
        let turn = self.turn_to_wait_for(seat)?;
        let person = self.people.get_mut(seat)?;
        let is_new = matches!(person.link, Link::Expected | Link::Entering { .. });
        if let Some(during) = turn.filter(|_| is_new) {
            person.link = Link::Entering { during };
            return Ok(());
        }
        person.link = Link::Here;
        self.note_return(seat);
        if !resumed && self.screen == Some(seat) {
            self.screen = None;
        }
        if let Chair::Held { seat: chair, until } = &mut self.chair
            && *chair == seat
        {
            *until = None;
        }
        self.if_running(|session, scene| {
            if session.pauses.for_client.is_some_and(|client| client.seat == seat) {
                session.pauses.for_client = None;
            }
            if session.in_writing == Some(seat) {
                session.in_writing = None;
            }
            session.run_clocks(scene.now);
        });
        self.if_running(|session, scene| session.floor.unhold(seat, scene));
        self.go_on_if_all_are_back();
        Ok(())
    }

    /// The turn that somebody who comes for the first time does not burst into. Whoever leads, and the
    /// client, enter at once, as does everyone who is not heard; so does everyone while nobody speaks.
    fn turn_to_wait_for(&self, seat: Seat) -> Result<Option<TurnId>, Refusal> {
        let role = self.people.get(seat)?.role();
        let waits = speaks(role) && !role.facilitates() && role != Role::Client;
        Ok(self.turn_that_runs().filter(|_| waits))
    }

    /// The turn of somebody who speaks now. Where everyone may speak, a turn only points at somebody.
    fn turn_that_runs(&self) -> Option<TurnId> {
        let session = self.session().filter(|session| !session.floor_stands())?;
        let open =
            session.floor.step(session.phase(&self.template)).floor.kind() == FloorKind::Open;
        let turn = session.floor.turn().filter(|turn| !open && !turn.is_held())?;
        Some(turn.id)
    }

    /// Whoever waited for the end of a turn enters when it is over.
    pub(crate) fn let_in(&mut self) {
        let runs = self.turn_that_runs();
        let mut entered = false;
        for (_, person) in self.people.iter_mut() {
            if let Link::Entering { during } = person.link
                && runs != Some(during)
            {
                person.link = Link::Here;
                entered = true;
            }
        }
        if entered {
            self.if_running(|session, scene| session.floor.settle(scene));
            self.go_on_if_all_are_back();
        }
    }

    pub(crate) fn disconnected(&mut self, seat: Seat) -> Result<(), Refusal> {
        let since = self.now;
        let person = self.people.get_mut(seat)?;
        match person.link {
            Link::Here => person.link = Link::Fading { since },
            // They have not come yet.
            Link::Entering { .. } => person.link = Link::Expected,
            Link::Expected | Link::Fading { .. } | Link::Away { .. } | Link::Left => {}
        }
        Ok(())
    }

    /// The debounce is over: the person is away.
    pub(crate) fn dropped(&mut self, seat: Seat) {
        let Ok(person) = self.people.get_mut(seat) else { return };
        let Link::Fading { since } = person.link else { return };
        person.link = Link::Away { since };
        if !self.is_over() {
            self.note_drop(DropRecord { seat, at: since, back_at: None, cause: None, rung: None });
        }
        match &mut self.progress {
            Progress::Over(_) => {}
            Progress::Lobby { .. } => self.hold_chair(seat, since),
            Progress::Running(session) if session.pauses.recovery.is_some() => {
                session.floor.hold(seat, since, true);
            }
            Progress::Running(_) if self.people.nobody_here() => self.begin_recovery(since),
            Progress::Running(_) => self.hold_places(seat, since),
        }
        self.if_running(|session, scene| session.floor.settle(scene));
    }

    /// What is kept for somebody who is away since `since`: the chair, the client's clock, the turn.
    fn hold_places(&mut self, seat: Seat, since: UnixMillis) {
        self.hold_chair(seat, since);
        let is_client = self.people.client() == Some(seat);
        let until = since + self.template.drops.client;
        self.if_running(|session, scene| {
            let pauses = is_client && scene.phase.client_drop == ClientDrop::Pause;
            if pauses {
                session.in_writing = None;
                session.pauses.for_client = Some(ClientAway { seat, until: Some(until) });
                session.stop_clocks(since);
            }
            session.floor.hold(seat, since, pauses);
        });
    }

    /// A phase that stands for the client begins, and they are away: they are waited for from now on.
    pub(crate) fn wait_for_the_client_who_is_away(&mut self) {
        let away =
            |seat: &Seat| self.people.get(*seat).is_ok_and(|person| person.away_since().is_some());
        let client = self.people.client().filter(away);
        let until = Some(self.now + self.template.drops.client);
        self.if_running(|session, scene| {
            if let Some(seat) = client.filter(|_| scene.phase.client_drop == ClientDrop::Pause) {
                session.pauses.for_client = Some(ClientAway { seat, until });
                session.stop_clocks(scene.now);
            }
        });
    }

    fn hold_chair(&mut self, seat: Seat, since: UnixMillis) {
        let kept = since + self.template.drops.chair;
        if let Chair::Held { seat: chair, until } = &mut self.chair
            && *chair == seat
        {
            *until = Some(kept);
        }
    }

    pub(crate) fn chair_hold_over(&mut self) {
        match self.people.deputy(self.backup) {
            Some(seat) => self.chair = Chair::Held { seat, until: None },
            // Nothing runs by itself in the lobby: the chair stays theirs.
            None if self.session().is_none() => {
                if let Chair::Held { until, .. } = &mut self.chair {
                    *until = None;
                }
            }
            None => self.run_by_itself(),
        }
    }

    /// The client's floor is held no longer: the turn passes on and the facilitator chooses. With
    /// nobody in the chair the session goes on.
    pub(crate) fn client_hold_over(&mut self) {
        let mut gone = None;
        self.if_running(|session, _| {
            if let Some(client) = &mut session.pauses.for_client {
                client.until = None;
                gone = Some(client.seat);
            }
        });
        let Some(seat) = gone else { return };
        if self.chair == Chair::Nobody {
            self.go_on_without(seat);
        }
        self.if_running(|session, scene| session.floor.pass_on(seat, scene));
    }

    pub(crate) fn left(&mut self, seat: Seat) -> Result<(), Refusal> {
        let is_client = self.people.client() == Some(seat);
        let person = self.people.get_mut(seat)?;
        if person.is_entering() {
            person.link = Link::Left;
        }
        if !person.has_joined() {
            return Ok(());
        }
        person.link = Link::Left;
        if self.backup == Some(seat) {
            self.backup = None;
        }
        if self.screen == Some(seat) {
            self.screen = None;
        }
        let now = self.now;
        if self.chair.seat() == Some(seat) && !self.is_over() {
            self.chair_hold_over();
        }
        if self.people.nobody_here() {
            self.begin_recovery(now);
        }
        let by_itself = self.chair == Chair::Nobody;
        self.if_running(|session, scene| {
            if let Some(recovery) = &mut session.pauses.recovery {
                recovery.present.remove(&seat);
            }
            if is_client {
                session.in_writing = None;
                let waits = !by_itself
                    && scene.phase.client_drop == ClientDrop::Pause
                    && session.pauses.recovery.is_none();
                session.pauses.for_client = waits.then_some(ClientAway { seat, until: None });
                if waits {
                    session.stop_clocks(scene.now);
                }
            }
            session.run_clocks(scene.now);
        });
        self.if_running(|session, scene| session.floor.leave(seat, scene));
        self.go_on_if_all_are_back();
        Ok(())
    }

    /// The server was down since `stopped`.
    pub(crate) fn restarted(&mut self, stopped: UnixMillis) {
        let was_here: BTreeSet<Seat> = self
            .people
            .iter()
            .filter(|(_, person)| person.is_here())
            .map(|(seat, _)| seat)
            .collect();
        for (_, person) in self.people.iter_mut() {
            person.link = match person.link {
                Link::Here => Link::Away { since: stopped },
                Link::Fading { since } => Link::Away { since },
                Link::Entering { .. } => Link::Expected,
                link @ (Link::Expected | Link::Away { .. } | Link::Left) => link,
            };
        }
        // Nobody can be blamed for the time the server was down: the chair is kept from now on.
        if let Chair::Held { until, .. } = &mut self.chair {
            *until = None;
        }
        // The media plane is new, and so are the pages' screens.
        self.screen = None;
        self.begin_recovery_with(stopped, was_here);
    }

    /// Everybody is gone, the last one at `at`.
    fn begin_recovery(&mut self, at: UnixMillis) {
        self.begin_recovery_with(at, BTreeSet::new());
    }

    /// Clocks stand since `at` until enough of the people are back who were here of late.
    fn begin_recovery_with(&mut self, at: UnixMillis, mut present: BTreeSet<Seat>) {
        let of_late = self.template.drops.client;
        let fresh = |since: UnixMillis| at.since(since) <= of_late;
        let away = self.people.iter().filter(|(_, person)| person.away_since().is_some_and(fresh));
        present.extend(away.map(|(seat, _)| seat));
        let Progress::Running(session) = &mut self.progress else { return };
        session.stop_clocks(at);
        session.pauses.for_client = None;
        if let Some(turn) = session.floor.turn() {
            let seat = turn.seat;
            session.floor.hold(seat, at, true);
        }
        let before = session.pauses.recovery.take();
        session.pauses.recovery = Some(Recovery {
            present: before.map_or(present, |before| before.present),
            until: None,
        });
        if let Chair::Held { until, .. } = &mut self.chair {
            *until = None;
        }
    }

    /// Goes on once the client, the chair and enough others of those who were here are back.
    fn go_on_if_all_are_back(&mut self) {
        let until = self.now + self.template.drops.client;
        if self.people.nobody_here() {
            return;
        }
        let Progress::Running(session) = &mut self.progress else { return };
        let Some(recovery) = &mut session.pauses.recovery else { return };
        recovery.until.get_or_insert(until);
        let named = [self.people.client(), self.chair.seat()];
        let here = |seat: Seat| self.people.get(seat).is_ok_and(|person| person.is_here());
        let named_are_back =
            named.iter().flatten().all(|seat| here(*seat) || !recovery.present.contains(seat));
        let other = |seat: Seat| {
            !named.contains(&Some(seat))
                && self.people.get(seat).is_ok_and(|person| speaks(person.role()))
        };
        let others = recovery.present.iter().filter(|seat| other(**seat)).count();
        let others_here =
            self.people.iter().filter(|(seat, _)| other(*seat) && here(*seat)).count();
        if named_are_back && others_here >= others.min(usize::from(self.template.drops.quorum)) {
            self.end_recovery();
        }
    }

    /// The session goes on; who is still away is treated as somebody who drops now.
    pub(crate) fn end_recovery(&mut self) {
        let now = self.now;
        self.if_running(|session, _| session.pauses.recovery = None);
        let away: Vec<Seat> = self
            .people
            .iter()
            .filter(|(_, person)| person.away_since().is_some())
            .map(|(seat, _)| seat)
            .collect();
        for seat in away {
            self.hold_places(seat, now);
        }
        self.if_running(|session, scene| session.run_clocks(scene.now));
        self.if_running(|session, scene| session.floor.settle(scene));
    }

    /// Gives the chair to a facilitator who asks for it.
    pub(crate) fn take_chair(&mut self, seat: Seat) -> Result<(), Refusal> {
        let role = self.people.get(seat)?.role();
        let kept = self.chair.seat().is_some_and(|chair| {
            self.people
                .get(chair)
                .is_ok_and(|person| person.is_here() && person.role().facilitates())
        });
        if !role.facilitates()
            || (role == Role::CoFacilitator && kept && self.chair.seat() != Some(seat))
        {
            return Err(Refusal::NotFacilitator);
        }
        if self.chair.seat() == Some(seat) {
            return Err(Refusal::NoChange);
        }
        self.chair = Chair::Held { seat, until: None };
        Ok(())
    }
}
