//! Which datagrams of a batch leave together: those of one path in a run of equal sizes, as UDP
//! segmentation offload wants them (the last of a run may be shorter).

use std::net::{IpAddr, SocketAddr};

use palabre_sfu_core::Path;
use palabre_sfu_core::outbox::Outbox;

/// The kernel takes 64 segments everywhere since 4.18.
const MAX_SEGMENTS: usize = 64;
/// And a message of at most a datagram's bytes, headers in.
const MAX_BYTES: usize = 60_000;

/// The order in which a batch leaves, and its cuts. Kept from batch to batch for its storage.
#[derive(Default)]
pub(crate) struct Plan {
    order: Vec<(u64, u32)>,
    groups: Vec<Group>,
}

/// Datagrams that leave in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) path: Path,
    /// The size of every datagram but the last, which may be shorter.
    pub(crate) segment: usize,
    start: usize,
    end: usize,
}

impl Group {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }
}

impl Plan {
    /// Plans for everything in `outbox` that UDP carries. Datagrams of one path keep their order.
    pub(crate) fn make(&mut self, outbox: &Outbox, segmentation: bool) {
        self.order.clear();
        self.groups.clear();
        let datagrams = outbox.iter().zip(0..).filter(|((path, _), _)| !path.is_tcp());
        self.order.extend(datagrams.map(|((path, _), at)| (key(path.remote), at)));
        self.order.sort_unstable();
        for (place, (_, at)) in self.order.iter().enumerate() {
            let Some((path, datagram)) = outbox.get(*at as usize) else { continue };
            let joins = self.groups.last().is_some_and(|group| {
                let filled = group.segment * group.len();
                segmentation
                    && group.path == path
                    && datagram.len() <= group.segment
                    && !datagram.is_empty()
                    && group.len() < MAX_SEGMENTS
                    && filled + datagram.len() <= MAX_BYTES
                    && self.last_is_full(group, outbox)
            });
            match self.groups.last_mut().filter(|_| joins) {
                Some(group) => group.end = place + 1,
                None => self.groups.push(Group {
                    path,
                    segment: datagram.len(),
                    start: place,
                    end: place + 1,
                }),
            }
        }
    }

    /// A shorter datagram ends its message.
    fn last_is_full(&self, group: &Group, outbox: &Outbox) -> bool {
        let last = self.order.get(group.end - 1).and_then(|(_, at)| outbox.get(*at as usize));
        last.is_some_and(|(_, datagram)| datagram.len() == group.segment)
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The datagrams of a group, in order.
    pub(crate) fn datagrams<'a>(
        &'a self,
        group: &Group,
        outbox: &'a Outbox,
    ) -> impl Iterator<Item = &'a [u8]> {
        let order = self.order.get(group.start..group.end).unwrap_or_default();
        order.iter().filter_map(|(_, at)| outbox.get(*at as usize)).map(|(_, datagram)| datagram)
    }
}

/// Brings datagrams of one destination together; it need not tell every two apart.
fn key(remote: SocketAddr) -> u64 {
    let ip = match remote.ip() {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => {
            let bits = u128::from(ip);
            (bits >> 64) as u64 ^ (bits as u64).rotate_left(23)
        }
    };
    ip.rotate_left(16) ^ u64::from(remote.port())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(host: u8) -> Path {
        let remote = if host.is_multiple_of(2) {
            format!("192.0.2.{host}:9")
        } else {
            format!("[2001:db8::{host}]:9")
        };
        Path::udp(IpAddr::from([127, 0, 0, 1]), remote.parse().unwrap())
    }

    proptest! {
        #[test]
        fn everything_leaves_once_in_its_paths_order(
            sizes in prop::collection::vec((0_u8..5, prop_oneof![Just(1_100_usize), Just(100), 1_usize..1_200]), 0..300),
            segmentation in any::<bool>(),
        ) {
            let mut outbox = Outbox::new();
            for (at, (host, size)) in sizes.iter().enumerate() {
                let mut datagram = vec![0; (*size).max(4)];
                datagram[..4].copy_from_slice(&(at as u32).to_be_bytes());
                outbox.push(path(*host), &datagram);
            }
            let mut plan = Plan::default();
            plan.make(&outbox, segmentation);
            let mut left: Vec<(Path, u32)> = Vec::new();
            for group in plan.groups() {
                let datagrams: Vec<&[u8]> = plan.datagrams(group, &outbox).collect();
                prop_assert_eq!(datagrams.len(), group.len());
                prop_assert!(segmentation || group.len() == 1);
                prop_assert!(group.len() <= MAX_SEGMENTS);
                prop_assert!(datagrams.iter().map(|datagram| datagram.len()).sum::<usize>() <= MAX_BYTES);
                let (last, full) = datagrams.split_last().unwrap();
                prop_assert!(full.iter().all(|datagram| datagram.len() == group.segment));
                prop_assert!(last.len() <= group.segment);
                for datagram in datagrams {
                    left.push((group.path, u32::from_be_bytes(datagram[..4].try_into().unwrap())));
                }
            }
            for host in 0..5 {
                let went: Vec<u32> = left.iter().filter(|(to, _)| *to == path(host)).map(|(_, at)| *at).collect();
                let came: Vec<u32> = sizes.iter().zip(0..).filter(|((to, _), _)| *to == host).map(|(_, at)| at).collect();
                prop_assert_eq!(went, came);
            }
        }
    }

    #[test]
    fn a_burst_to_seven_is_seven_messages() {
        let mut outbox = Outbox::new();
        for _ in 0..10 {
            for host in 0..7 {
                outbox.push(path(2 * host), &[0; 1_100]);
            }
        }
        let mut plan = Plan::default();
        plan.make(&outbox, true);
        assert_eq!(plan.groups().len(), 7);
    }
}
