//! Redundant audio (RFC 2198) between two sessions that number their payload types differently.

use std::ops::Range;

/// The most blocks a packet may have; a browser sends two or three.
const MAX_BLOCKS: usize = 8;

/// How many packets before it one may repeat.
pub const MOST_ECHOES: u64 = MAX_BLOCKS as u64 - 1;

/// Where the primary encoding of a packet lies; `None` when the packet is malformed.
#[must_use]
pub fn primary(payload: &[u8]) -> Option<Range<usize>> {
    let (mut at, mut redundant) = (0, 0);
    for _ in 0..MAX_BLOCKS {
        let head = *payload.get(at)?;
        if head & 0x80 == 0 {
            let start = at + 1 + redundant;
            return (start <= payload.len()).then_some(start..payload.len());
        }
        let (high, low) = (*payload.get(at + 2)?, *payload.get(at + 3)?);
        redundant += usize::from(high & 0x03) << 8 | usize::from(low);
        at += 4;
    }
    None
}

/// Renumbers every block of a packet from the sender's payload type to the receiver's. False,
/// with the packet in any state, when a block holds something else.
#[must_use]
pub fn relabel(payload: &mut [u8], from: u8, to: u8) -> bool {
    let mut at = 0;
    for _ in 0..MAX_BLOCKS {
        let Some(head) = payload.get_mut(at) else { return false };
        if *head & 0x7f != from {
            return false;
        }
        let last = *head & 0x80 == 0;
        *head = *head & 0x80 | to;
        if last {
            return true;
        }
        at += 4;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    #[test]
    fn blocks() {
        let packet = [0x80 | 111, 0x0f, 0x00, 3, 111, b'o', b'l', b'd', b'n', b'e', b'w'];
        let range = primary(&packet).expect("well formed");
        assert_eq!(&packet[range], b"new");
        assert_eq!(primary(&[111, 1, 2]), Some(1..3));
        assert_eq!(primary(&[0x80 | 111, 0, 0, 9, 111, 1]), None, "longer than the packet");
        assert_eq!(primary(&[0x80 | 111, 0]), None);
        assert_eq!(primary(&[]), None);

        let mut copy = packet;
        assert!(relabel(&mut copy, 111, 109));
        assert_eq!((copy[0], copy[4]), (0x80 | 109, 109));
        assert_eq!(copy[5..], packet[5..]);
        assert!(!relabel(&mut [0x80 | 111, 0, 0, 1, 96, 1, 1], 111, 109), "another codec inside");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(range) = primary(&bytes) {
                prop_assert!(range.end <= bytes.len());
            }
            let first = bytes.first().map_or(0, |byte| byte & 0x7f);
            let _ = relabel(&mut bytes, first, 5);
        }
    }
}
