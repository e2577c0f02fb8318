//! A session without anybody in the chair: its clocks lead on, and more than half of the group can.

use palabre_facilitation::speaks;
use palabre_ids::Seat;
use palabre_vocabulary::{AutopilotView, Blocked, Refusal};

use crate::next::Ending;
use crate::people::Chair;
use crate::room::Room;

impl Room {
    /// Whether the room runs by itself.
    #[must_use]
    pub fn runs_by_itself(&self) -> bool {
        self.chair == Chair::Nobody && self.session().is_some()
    }

    /// Those here who speak: who votes, who is asked, and who goes on without a chair.
    pub(crate) fn present_speakers(&self) -> impl Iterator<Item = Seat> + '_ {
        let here = self.people.iter().filter(|(_, person)| person.is_here());
        here.filter(|(_, person)| speaks(person.role())).map(|(seat, _)| seat)
    }

    pub(crate) fn autopilot_view(&self) -> Option<AutopilotView> {
        let session = self.session().filter(|_| self.runs_by_itself())?;
        Some(AutopilotView {
            wanted_by: session.wants.iter().copied().collect(),
            needed: u8::try_from(self.needed()).unwrap_or(u8::MAX),
        })
    }

    fn needed(&self) -> usize {
        self.present_speakers().count() / 2 + 1
    }

    pub(crate) fn want_next(&mut self, seat: Seat, wanted: bool) -> Result<(), Refusal> {
        if !speaks(self.people.get(seat)?.role()) {
            return Err(Refusal::NotEligible);
        }
        if self.session().is_some() && !self.runs_by_itself() {
            return Err(Refusal::NotInThisPhase);
        }
        self.with_session(|session, _| {
            let changed =
                if wanted { session.wants.insert(seat) } else { session.wants.remove(&seat) };
            if changed { Ok(()) } else { Err(Refusal::NoChange) }
        })?
    }

    /// Goes on when more than half of those here want it; a gate that can open keeps their wish. One
    /// that cannot, because there is no client and nobody left who could name one, ends the session.
    pub(crate) fn go_on_together(&mut self) {
        let here: Vec<Seat> = self.present_speakers().collect();
        let by_itself = self.runs_by_itself();
        self.if_running(|session, _| session.wants.retain(|seat| by_itself && here.contains(seat)));
        let enough = self.session().is_some_and(|session| session.wants.len() >= self.needed());
        if enough && self.go_on_by_itself().is_ok() {
            self.if_running(|session, _| session.wants.clear());
        } else if enough && self.nobody_can_name_a_client() {
            self.end();
        }
    }

    /// Whether the gate waits for a client whom neither a vote nor a chair can find.
    fn nobody_can_name_a_client(&self) -> bool {
        let may_pitch = self.a_client_is_sought() && !self.floor_is_over();
        self.runs_by_itself() && !may_pitch && self.blocked() == Some(Blocked::ClientNotNamed)
    }

    /// Nobody holds the chair: what only a chair could let go on goes on.
    pub(crate) fn run_by_itself(&mut self) {
        self.chair = Chair::Nobody;
        let chosen_by_nobody = self
            .session()
            .and_then(|session| session.pauses.for_client)
            .filter(|client| client.until.is_none());
        self.if_running(|session, scene| {
            session.pauses.by_chair = false;
            if session.ending == Ending::Stayed {
                session.ending = Ending::Open;
            }
            session.run_clocks(scene.now);
        });
        if let Some(client) = chosen_by_nobody {
            self.go_on_without(client.seat);
        }
        self.if_running(|session, scene| session.floor.go_on(scene));
    }

    /// Nobody is there to choose: the group goes on in writing for a client who may come back, and as
    /// it is without one who left.
    pub(crate) fn go_on_without(&mut self, client: Seat) {
        let may_come_back = self.people.get(client).is_ok_and(|person| person.has_joined());
        self.if_running(|session, scene| {
            session.pauses.for_client = None;
            if may_come_back {
                session.write_on(client, scene.now);
            } else {
                session.run_clocks(scene.now);
            }
        });
    }
}
