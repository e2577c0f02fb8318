//! The last packets of one source, for receivers that ask again.

use crate::media::seats::SeatSet;
use crate::media::sequence::Index;
use crate::session::Codec;

/// How many packets are remembered at most: over a second of a large layer.
const ENTRIES: usize = 256;

/// A packet that can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cached<'a> {
    /// Its timestamp at the source.
    pub timestamp: u32,
    /// Its marker bit.
    pub marker: bool,
    /// Its codec.
    pub codec: Codec,
    /// Who could receive it when it came. Nobody else ever does.
    pub audience: SeatSet,
    /// Its payload as the source sent it.
    pub payload: &'a [u8],
}

#[derive(Clone, Copy)]
struct Entry {
    index: Index,
    /// Bytes ever written before this packet's.
    position: u64,
    len: u16,
    timestamp: u32,
    marker: bool,
    codec: Codec,
    audience: SeatSet,
}

/// A ring of bytes with an index: memory is fixed, and taken with the first packet.
pub struct Cache {
    capacity: usize,
    bytes: Box<[u8]>,
    written: u64,
    entries: Box<[Option<Entry>]>,
}

impl Cache {
    /// A cache of `capacity` bytes of payload. More answers later requests, and costs that memory for
    /// every source that somebody receives.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, bytes: Box::default(), written: 0, entries: Box::default() }
    }

    /// Remembers a packet, in place of the oldest ones.
    pub fn put(&mut self, index: Index, packet: Cached<'_>) {
        let len = packet.payload.len();
        let Ok(short) = u16::try_from(len) else { return };
        if len > self.capacity {
            return;
        }
        if self.entries.is_empty() {
            self.bytes = vec![0; self.capacity].into();
            self.entries = vec![None; ENTRIES].into();
        }
        // A packet is never split: what is left at the end is skipped.
        let mut start = (self.written % self.capacity as u64) as usize;
        if start + len > self.capacity {
            self.written += (self.capacity - start) as u64;
            start = 0;
        }
        self.bytes[start..start + len].copy_from_slice(packet.payload);
        self.entries[index.0 as usize % ENTRIES] = Some(Entry {
            index,
            position: self.written,
            len: short,
            timestamp: packet.timestamp,
            marker: packet.marker,
            codec: packet.codec,
            audience: packet.audience,
        });
        self.written += len as u64;
    }

    /// The packet at `index`, if it is still there.
    #[must_use]
    pub fn get(&self, index: Index) -> Option<Cached<'_>> {
        let entry = self.entries.get(index.0 as usize % ENTRIES).copied().flatten()?;
        let kept = entry.position + self.capacity as u64 >= self.written;
        if entry.index != index || !kept {
            return None;
        }
        let start = (entry.position % self.capacity as u64) as usize;
        Some(Cached {
            timestamp: entry.timestamp,
            marker: entry.marker,
            codec: entry.codec,
            audience: entry.audience,
            payload: &self.bytes[start..start + usize::from(entry.len)],
        })
    }

    /// Forgets every packet and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.fill(None);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn packet(payload: &[u8]) -> Cached<'_> {
        let audience = SeatSet::default();
        Cached { timestamp: 1, marker: false, codec: Codec::Vp8, audience, payload }
    }

    #[test]
    fn the_oldest_make_room() {
        let mut cache = Cache::new(10);
        assert_eq!(cache.get(Index(0)), None);
        for i in 0..3_u8 {
            cache.put(Index(u64::from(i)), packet(&[i; 4]));
        }
        assert_eq!(cache.get(Index(0)), None, "overwritten");
        assert_eq!(cache.get(Index(1)), Some(packet(&[1; 4])));
        assert_eq!(cache.get(Index(2)), Some(packet(&[2; 4])));
        cache.put(Index(9), packet(&[9; 11]));
        assert_eq!(cache.get(Index(9)), None, "larger than everything");
        cache.clear();
        assert_eq!(cache.get(Index(2)), None);
    }

    proptest! {
        #[test]
        fn never_another_packets_bytes(
            packets in proptest::collection::vec((0_u64..600, 0_usize..90), 1..400),
        ) {
            let mut cache = Cache::new(2_000);
            let mut sent = BTreeMap::new();
            for (n, (index, len)) in packets.into_iter().enumerate() {
                let payload: Vec<u8> = (0..len).map(|i| (n * 31 + i) as u8).collect();
                cache.put(Index(index), packet(&payload));
                prop_assert_eq!(cache.get(Index(index)).map(|p| p.payload), Some(&payload[..]));
                sent.insert(index, payload);
            }
            for (index, payload) in &sent {
                if let Some(found) = cache.get(Index(*index)) {
                    prop_assert_eq!(found.payload, &payload[..]);
                }
            }
            prop_assert!(sent.keys().any(|&index| cache.get(Index(index)).is_some()));
        }
    }
}
