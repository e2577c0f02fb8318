//! Who may send what, and to whom, now: asked on every packet before it reaches anybody. It is closed
//! by default and looks at nothing a client can influence.

use palabre_ids::{Epoch, Group, MAX_SEATS, MediaKind, MediaRights, Seat};

use crate::GateTable;
use crate::media::seats::SeatSet;

/// The gate of one room.
#[derive(Debug, Clone)]
pub struct Gate {
    epoch: Option<Epoch>,
    rights: [MediaRights; MAX_SEATS as usize],
    /// The other seats of each seat's group.
    company: [SeatSet; MAX_SEATS as usize],
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            epoch: None,
            rights: [MediaRights::NONE; MAX_SEATS as usize],
            company: company(&[Group::PLENARY; MAX_SEATS as usize]),
        }
    }
}

impl Gate {
    /// Takes the table in place of the one before, if it is newer. What it takes away is closed
    /// when this returns.
    pub fn replace(&mut self, table: &GateTable) -> bool {
        if self.epoch.is_some_and(|epoch| table.epoch <= epoch) {
            return false;
        }
        self.epoch = Some(table.epoch);
        self.rights = [MediaRights::NONE; MAX_SEATS as usize];
        let mut groups = [Group::PLENARY; MAX_SEATS as usize];
        for entry in &table.entries {
            let at = entry.seat.index();
            if let (Some(rights), Some(group)) = (self.rights.get_mut(at), groups.get_mut(at)) {
                (*rights, *group) = (entry.rights, entry.group);
            }
        }
        self.company = company(&groups);
        true
    }

    /// Who receives what `seat` sends of `kind`; `None` when it may not send it at all.
    #[must_use]
    pub fn audience(&self, seat: Seat, kind: MediaKind) -> Option<SeatSet> {
        let rights = self.rights.get(seat.index())?;
        rights.allows(kind).then(|| self.company[seat.index()])
    }

    /// Whether what `seat` sends of `kind` is forwarded to `receiver`.
    #[must_use]
    pub fn passes(&self, seat: Seat, kind: MediaKind, receiver: Seat) -> bool {
        self.audience(seat, kind).is_some_and(|audience| audience.has(receiver))
    }

    /// Whether two seats are in one group.
    #[must_use]
    pub fn together(&self, seat: Seat, other: Seat) -> bool {
        self.company.get(seat.index()).is_some_and(|company| company.has(other))
    }
}

fn company(groups: &[Group; MAX_SEATS as usize]) -> [SeatSet; MAX_SEATS as usize] {
    std::array::from_fn(|seat| {
        let mut others = SeatSet::default();
        for (other, group) in groups.iter().enumerate() {
            if other != seat && *group == groups[seat] {
                others.add(Seat(other as u8));
            }
        }
        others
    })
}

#[cfg(test)]
mod tests {
    use palabre_ids::GateEntry;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    fn table(epoch: u64, entries: &[(u8, MediaRights, u8)]) -> GateTable {
        let entry = |&(seat, rights, group): &(u8, MediaRights, u8)| GateEntry {
            seat: Seat(seat),
            rights,
            group: Group(group),
        };
        GateTable { epoch: Epoch(epoch), entries: entries.iter().map(entry).collect() }
    }

    const ALL: MediaRights = MediaRights { audio: true, video: true, screen: true };

    #[test]
    fn closed_by_default_and_for_seats_left_out() {
        let mut gate = Gate::default();
        let hears = |gate: &Gate, seat| gate.passes(Seat(seat), MediaKind::Audio, Seat(2));
        assert!(!hears(&gate, 0));
        assert!(gate.replace(&table(0, &[(1, ALL, 0)])));
        assert!(hears(&gate, 1), "whoever is left out is in the plenary");
        assert!(!hears(&gate, 0) && !hears(&gate, 200));
        assert!(gate.replace(&table(1, &[(200, ALL, 0)])));
        assert!(!hears(&gate, 1) && !hears(&gate, 200), "the whole table is replaced");
        assert!(gate.replace(&table(2, &[(1, ALL, 7)])));
        assert!(!hears(&gate, 1), "in a group of its own");
    }

    proptest! {
        #[test]
        fn a_packet_passes_with_its_right_within_its_group_by_the_newest_table(
            tables in proptest::collection::vec(
                (0_u64..20, any::<[([bool; 3], u8); MAX_SEATS as usize]>()), 1..20,
            ),
        ) {
            let mut gate = Gate::default();
            let mut newest = None;
            let mut in_force = [(MediaRights::NONE, 0); MAX_SEATS as usize];
            for (epoch, entries) in tables {
                let entries = entries.map(|([audio, video, screen], group)| {
                    (MediaRights { audio, video, screen }, group % 4)
                });
                let listed: Vec<_> = entries
                    .iter()
                    .zip(0_u8..)
                    .map(|(&(rights, group), seat)| (seat, rights, group))
                    .collect();
                let expected = newest.is_none_or(|newest| epoch > newest);
                prop_assert_eq!(gate.replace(&table(epoch, &listed)), expected);
                if expected {
                    (newest, in_force) = (Some(epoch), entries);
                }
                for (from, (rights, group)) in in_force.iter().enumerate() {
                    for (to, (_, other)) in in_force.iter().enumerate() {
                        let (seat, receiver) = (Seat(from as u8), Seat(to as u8));
                        let together = from != to && group == other;
                        prop_assert_eq!(gate.together(seat, receiver), together);
                        for kind in MediaKind::ALL {
                            prop_assert_eq!(
                                gate.passes(seat, kind, receiver),
                                together && rights.allows(kind)
                            );
                        }
                    }
                }
            }
        }
    }
}
