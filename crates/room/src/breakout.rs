//! Breakout groups as the media plane sees them. Who is with whom is the floor's; facilitators are in
//! no group, stay in the plenary with those who watch and write, and may visit.

use palabre_ids::{Group, Seat};
use palabre_vocabulary::{GroupView, Refusal};

use crate::room::Room;
use crate::session::Session;

impl Room {
    /// The group whose media a seat sends and receives.
    pub(crate) fn group_of(&self, seat: Seat) -> Group {
        self.session().map_or(Group::PLENARY, |session| {
            let visits = session.visits.get(&seat).copied();
            visits.or_else(|| own_group(session, seat)).unwrap_or(Group::PLENARY)
        })
    }

    /// Whether somebody is in a group of a breakout.
    pub(crate) fn is_apart(&self, session: &Session, seat: Seat) -> bool {
        own_group(session, seat).is_some()
    }

    pub(crate) fn groups_view(&self) -> Vec<GroupView> {
        let Some(session) = self.session() else { return Vec::new() };
        let with = |group| {
            let people = self.people.iter().map(|(seat, _)| seat);
            people.filter(move |seat| self.group_of(*seat) == group).collect()
        };
        let groups = session.floor.groups().iter();
        groups.map(|(group, _)| GroupView { group: *group, seats: with(*group) }).collect()
    }

    /// A facilitator joins a group, or comes back to the plenary.
    pub(crate) fn visit_group(&mut self, seat: Seat, group: Group) -> Result<(), Refusal> {
        let leads = self.people.get(seat)?.role().facilitates() || self.chair.seat() == Some(seat);
        if !leads {
            return Err(Refusal::NotFacilitator);
        }
        let now_in = self.group_of(seat);
        self.with_session(|session, _| {
            let groups = session.floor.groups();
            if groups.is_empty() {
                return Err(Refusal::NotInThisPhase);
            }
            if group != Group::PLENARY && groups.iter().all(|(there, _)| *there != group) {
                return Err(Refusal::OutOfRange);
            }
            if now_in == group {
                return Err(Refusal::NoChange);
            }
            if own_group(session, seat).unwrap_or(Group::PLENARY) == group {
                session.visits.remove(&seat);
            } else {
                session.visits.insert(seat, group);
            }
            Ok(())
        })?
    }

    /// A visit ends with its group, and with the chair of whoever stood in for the facilitator.
    pub(crate) fn end_visits(&mut self) {
        let chair = self.chair.seat();
        let leads: Vec<Seat> = self
            .people
            .iter()
            .filter(|(seat, person)| person.role().facilitates() || chair == Some(*seat))
            .map(|(seat, _)| seat)
            .collect();
        self.if_running(|session, _| {
            let groups = session.floor.groups();
            let there = |group: Group| {
                !groups.is_empty()
                    && (group == Group::PLENARY || groups.iter().any(|(there, _)| *there == group))
            };
            session.visits.retain(|seat, group| leads.contains(seat) && there(*group));
        });
    }
}

fn own_group(session: &Session, seat: Seat) -> Option<Group> {
    let groups = session.floor.groups().iter();
    groups.into_iter().find(|(_, seats)| seats.contains(&seat)).map(|(group, _)| *group)
}
