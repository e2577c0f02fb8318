//! Sequence numbers that do not wrap.

/// An extended sequence number: the 16 bits of the wire and, above them, how often they wrapped.
/// For a protected stream it is the SRTP index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Index(pub u64);

impl Index {
    /// What is written in a packet.
    #[must_use]
    pub fn wire(self) -> u16 {
        self.0 as u16
    }

    /// The index nearest to `self` whose wire form is `sequence`; never below zero.
    #[must_use]
    pub fn extend(self, sequence: u16) -> Self {
        let ahead = sequence.wrapping_sub(self.wire());
        let up = Self(self.0 + u64::from(ahead));
        if ahead < 0x8000 { up } else { up.0.checked_sub(0x1_0000).map_or(up, Self) }
    }

    /// The index after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// How far this lies after `earlier`; zero when it does not.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What a [`Window`] knows about an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Never seen; it is now.
    Fresh,
    /// Seen before.
    Twice,
    /// Too far behind the highest one to tell.
    TooOld,
}

/// How many indices back a [`Window`] remembers.
pub const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// Which of the last [`WINDOW`] indices were seen.
#[derive(Debug, Clone, Default)]
pub struct Window {
    highest: Option<Index>,
    bits: [u64; WORDS],
}

impl Window {
    /// The highest index seen.
    #[must_use]
    pub fn highest(&self) -> Option<Index> {
        self.highest
    }

    /// Notes `index`.
    pub fn see(&mut self, index: Index) -> Seen {
        let (word, bit) = Self::place(index);
        match self.highest {
            Some(highest) if index <= highest => {
                if highest.since(index) >= WINDOW {
                    return Seen::TooOld;
                }
                if self.bits[word] & bit != 0 {
                    return Seen::Twice;
                }
            }
            Some(highest) => {
                self.forget_between(highest, index);
                self.highest = Some(index);
            }
            None => self.highest = Some(index),
        }
        self.bits[word] |= bit;
        Seen::Fresh
    }

    fn forget_between(&mut self, highest: Index, index: Index) {
        if index.since(highest) >= WINDOW {
            self.bits = [0; WORDS];
            return;
        }
        for skipped in highest.0 + 1..=index.0 {
            let (word, bit) = Self::place(Index(skipped));
            self.bits[word] &= !bit;
        }
    }

    fn place(index: Index) -> (usize, u64) {
        let slot = index.0 % WINDOW;
        ((slot / 64) as usize, 1 << (slot % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn extending_takes_the_nearest() {
        for (reference, wire, expected) in [
            (0, 0, 0),
            (0, 5, 5),
            (0xffff, 0, 0x1_0000),
            (0x1_0000, 0xffff, 0xffff),
            (0x1_0002, 0xfffe, 0xfffe),
            (10, 0xffff, 0xffff), // nothing lies below zero
            (0x5_8000, 0x0001, 0x6_0001 - 0x1_0000),
        ] {
            assert_eq!(Index(reference).extend(wire), Index(expected), "{reference:x} {wire:x}");
        }
    }

    proptest! {
        #[test]
        fn extending_a_neighbour_gives_it_back(base in 40_000_u64..1 << 47, delta in -32_768_i64..32_768) {
            let neighbour = Index(base.wrapping_add_signed(delta));
            prop_assert_eq!(Index(base).extend(neighbour.wire()), neighbour);
        }

        #[test]
        fn a_window_agrees_with_a_set(
            start in any::<u32>(),
            steps in proptest::collection::vec(-1_500_i64..1_600, 1..400),
        ) {
            let (mut window, mut set) = (Window::default(), BTreeSet::new());
            let mut at = u64::from(start) + 10_000_000;
            for step in steps {
                at = at.wrapping_add_signed(step);
                let highest = set.last().copied().unwrap_or(at);
                let expected = if highest >= at + WINDOW {
                    Seen::TooOld
                } else if set.insert(at) {
                    Seen::Fresh
                } else {
                    Seen::Twice
                };
                prop_assert_eq!(window.see(Index(at)), expected);
            }
        }
    }
}
