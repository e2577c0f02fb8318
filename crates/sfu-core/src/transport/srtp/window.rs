//! The replay window: which of the last packets came already (RFC 3711 section 3.3.2).

/// How many packets back a late one is still taken: 1,024 are 0.8 s of a 10 Mbit/s stream. A
/// larger window costs its bits for each stream.
pub(super) const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// The window of one stream, which starts with its first authentic packet.
pub(super) struct ReplayWindow {
    highest: u64,
    seen: [u64; WORDS],
}

impl ReplayWindow {
    pub(super) fn starting_at(index: u64) -> Self {
        let mut window = Self { highest: index, seen: [0; WORDS] };
        window.set(index);
        window
    }

    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether a packet with `index` was not seen and is not too old to know.
    pub(super) fn is_new(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        self.highest - index < WINDOW && self.seen[word(index)] & bit(index) == 0
    }

    /// Notes an authentic packet; only for an index that [`Self::is_new`].
    pub(super) fn note(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.highest + 1..index {
                    self.seen[word(skipped)] &= !bit(skipped);
                }
            }
            self.highest = index;
        }
        self.set(index);
    }

    fn set(&mut self, index: u64) {
        self.seen[word(index)] |= bit(index);
    }
}

fn word(index: u64) -> usize {
    ((index % WINDOW) / 64) as usize
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_says_what_a_set_would(start in 0_u64..100_000, steps in prop::collection::vec(-1_500_i64..1_500, 1..400)) {
            let mut window = ReplayWindow::starting_at(start);
            let mut seen = HashSet::from([start]);
            let mut highest = start;
            for step in steps {
                let index = highest.saturating_add_signed(step);
                let expected = index > highest || (highest - index < WINDOW && !seen.contains(&index));
                prop_assert_eq!(window.is_new(index), expected, "index {} of highest {}", index, highest);
                if expected {
                    window.note(index);
                    seen.insert(index);
                    highest = highest.max(index);
                }
                prop_assert_eq!(window.highest(), highest);
            }
        }
    }
}
