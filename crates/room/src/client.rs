//! Who the client is, and what the group does when they do not come back.

use palabre_facilitation::{ClientOf, Need, VoteRuleAbout};
use palabre_ids::{Role, Seat};
use palabre_vocabulary::{ClientDropChoice, RecordFate, Refusal};

use crate::room::Room;
use crate::session::ClientAway;
use crate::votes::PhaseVote;

impl Room {
    pub(crate) fn name_client(&mut self, seat: Seat) -> Result<(), Refusal> {
        let is_client = self.people.get(seat)?.role() == Role::Client;
        if is_client && !self.a_client_is_sought() {
            return Err(Refusal::NoChange);
        }
        if !self.can_be_client(seat) {
            return Err(Refusal::NotEligible);
        }
        self.make_client(seat);
        Ok(())
    }

    /// Whether the phase is about finding a client, and none was found in it so far.
    pub(crate) fn a_client_is_sought(&self) -> bool {
        self.session().is_some_and(|session| {
            let rule = session.rule(&self.template);
            rule.is_some_and(|rule| rule.about == VoteRuleAbout::Client)
                && session.vote != PhaseVote::Decided
        })
    }

    /// Names somebody who can be the client: what stood for another one goes on, and a vote about it
    /// is decided.
    pub(crate) fn make_client(&mut self, seat: Seat) {
        let decides = self.a_client_is_sought();
        self.give_the_client_role(seat);
        self.if_running(|session, scene| {
            if decides {
                session.vote = PhaseVote::Decided;
            }
            session.wait_for_client_no_longer(scene.now);
            session.run_clocks(scene.now);
        });
        self.if_running(|session, scene| session.floor.settle(scene));
        self.keep_screen_where_it_may_be();
    }

    fn give_the_client_role(&mut self, seat: Seat) {
        if self.people.client() == Some(seat) {
            return;
        }
        self.free_the_client();
        if let Ok(person) = self.people.get_mut(seat) {
            person.config.role = Role::Client;
            // The one who brings the subject is not held to an expert's limits.
            person.config.expert = false;
        }
    }

    /// Nobody is the client, and what was agreed with them holds no longer.
    fn free_the_client(&mut self) {
        for (_, person) in self.people.iter_mut() {
            if person.role() == Role::Client {
                person.config.role = Role::Consultant;
            }
        }
        self.record.contract = None;
    }

    /// Whether a phase that begins finds a client by itself.
    pub(crate) fn somebody_is_next(&self, client: ClientOf) -> bool {
        client == ClientOf::Next && self.people.iter().any(|(seat, _)| self.can_be_client(seat))
    }

    /// In a phase for the next client, the role passes on: to whom it had the last time the phase was
    /// on, else to the one who waited longest, neighbour by neighbour.
    pub(crate) fn pass_the_client_role(&mut self, index: usize) {
        let template = std::sync::Arc::clone(&self.template);
        let phase = &template.phases[index];
        let Some(session) = self.session() else { return };
        let client = match phase.client {
            ClientOf::Keep => self.people.client().filter(|_| phase.needs.contains(&Need::Client)),
            ClientOf::Next => {
                let before = session.clients.get(&index).copied();
                before.filter(|seat| self.can_be_client(*seat)).or_else(|| {
                    let last = |seat| {
                        session
                            .clients
                            .iter()
                            .filter(|(_, of)| **of == seat)
                            .map(|(at, _)| at)
                            .max()
                    };
                    let seats = u8::try_from(self.people.iter().count()).unwrap_or(u8::MAX);
                    let first = self.people.client().map_or(0, |seat| seat.0);
                    let around = (0..seats).map(|step| Seat((first + step) % seats));
                    around.filter(|seat| self.can_be_client(*seat)).min_by_key(|seat| last(*seat))
                })
            }
        };
        let Some(seat) = client else { return };
        self.give_the_client_role(seat);
        self.if_running(|session, _| {
            session.clients.insert(index, seat);
        });
    }

    /// The client did not come back in time: what the group does.
    pub(crate) fn after_client_drop(&mut self, choice: ClientDropChoice) -> Result<(), Refusal> {
        let hold = self.template.drops.client;
        let away = self.with_session(|session, _| session.pauses.for_client)?;
        let Some(ClientAway { seat, until: None }) = away else { return Err(Refusal::NoChange) };
        match choice {
            ClientDropChoice::KeepWaiting => self.if_running(|session, scene| {
                let until = Some(scene.now + hold);
                session.pauses.for_client = Some(ClientAway { seat, until });
            }),
            ClientDropChoice::InWriting => {
                self.if_running(|session, scene| session.write_on(seat, scene.now));
            }
            ClientDropChoice::AnotherSubject => {
                let index = self.where_a_client_is_named();
                self.free_the_client();
                self.enter_phase(index);
            }
            ClientDropChoice::Reschedule => {
                // The client is not there to decide; if they have, it is theirs.
                if self.record.fate == RecordFate::Undecided {
                    self.record.fate = RecordFate::Keep;
                }
                self.end();
            }
        }
        Ok(())
    }

    /// The first phase that votes about a client, else the one before the first that needs one; none
    /// after the phase going on.
    fn where_a_client_is_named(&self) -> usize {
        let phases = &self.template.phases;
        let votes = phases.iter().position(|phase| {
            phase.vote.as_ref().is_some_and(|rule| rule.about == VoteRuleAbout::Client)
        });
        let needs = || phases.iter().position(|phase| phase.needs.contains(&Need::Client));
        let index = votes.unwrap_or_else(|| needs().map_or(0, |index| index.saturating_sub(1)));
        index.min(self.session().map_or(0, |session| session.index))
    }
}
