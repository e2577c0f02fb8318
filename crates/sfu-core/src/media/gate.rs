//! Who may send what, now: asked on every packet before it reaches anybody. It is closed by
//! default and looks at nothing a client can influence.

use palabre_ids::{Epoch, MAX_SEATS, MediaKind, MediaRights, Seat};

use crate::GateTable;

/// The gate of one room.
#[derive(Debug, Clone)]
pub struct Gate {
    epoch: Option<Epoch>,
    rights: [MediaRights; MAX_SEATS as usize],
}

impl Default for Gate {
    fn default() -> Self {
        Self { epoch: None, rights: [MediaRights::NONE; MAX_SEATS as usize] }
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
        for entry in &table.entries {
            if let Some(rights) = self.rights.get_mut(entry.seat.index()) {
                *rights = entry.rights;
            }
        }
        true
    }

    /// Whether `seat` may send `kind`.
    #[must_use]
    pub fn allows(&self, seat: Seat, kind: MediaKind) -> bool {
        self.rights.get(seat.index()).is_some_and(|rights| rights.allows(kind))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use palabre_ids::{GateEntry, Group};

    use super::*;

    fn table(epoch: u64, seat: u8, rights: MediaRights) -> GateTable {
        let entry = GateEntry { seat: Seat(seat), rights, group: Group::PLENARY };
        GateTable { epoch: Epoch(epoch), entries: vec![entry] }
    }

    const ALL: MediaRights = MediaRights { audio: true, video: true, screen: true };

    #[test]
    fn closed_by_default_and_for_seats_left_out() {
        let mut gate = Gate::default();
        assert!(!gate.allows(Seat(0), MediaKind::Audio));
        assert!(gate.replace(&table(0, 1, ALL)));
        assert!(gate.allows(Seat(1), MediaKind::Audio));
        assert!(!gate.allows(Seat(0), MediaKind::Audio));
        assert!(!gate.allows(Seat(200), MediaKind::Audio));
        assert!(gate.replace(&table(1, 200, ALL)));
        assert!(!gate.allows(Seat(1), MediaKind::Audio), "the whole table is replaced");
    }

    proptest! {
        #[test]
        fn the_newest_table_holds_whatever_the_order(
            tables in proptest::collection::vec((0_u64..20, any::<[bool; 3]>()), 1..20),
        ) {
            let mut gate = Gate::default();
            let mut newest: Option<(u64, MediaRights)> = None;
            for (epoch, [audio, video, screen]) in tables {
                let rights = MediaRights { audio, video, screen };
                let taken = gate.replace(&table(epoch, 3, rights));
                let expected = newest.is_none_or(|(e, _)| epoch > e);
                prop_assert_eq!(taken, expected);
                if expected {
                    newest = Some((epoch, rights));
                }
                for kind in MediaKind::ALL {
                    prop_assert_eq!(
                        gate.allows(Seat(3), kind),
                        newest.is_some_and(|(_, rights)| rights.allows(kind))
                    );
                }
            }
        }
    }
}
