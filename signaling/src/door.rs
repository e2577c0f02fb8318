//! Who may wait at the door: sockets that have not shown a valid link yet. Strangers can hold these
//! and no others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Sockets that may wait at once. A whole meeting that comes back takes eight for a moment; each
/// can cost a message of the largest size.
const ALL: usize = 512;

/// Of these, from one network (an IPv4 address, an IPv6 /64): a class behind one router. A loopback
/// address has no such limit: it is a proxy, which brings everybody, or this machine itself.
const FROM_ONE_NETWORK: usize = 32;

/// The door.
#[derive(Debug, Default)]
pub(crate) struct Door(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    /// Without entries for networks from which nobody waits.
    by_network: HashMap<IpAddr, usize>,
}

/// A place at the door, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Door>,
    network: Option<IpAddr>,
}

impl Door {
    /// A place for a socket from `address`, while there are any.
    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let network = address.and_then(network);
        self.with(|waiting| {
            if waiting.all >= ALL {
                return None;
            }
            if let Some(network) = network {
                let count = waiting.by_network.entry(network).or_default();
                if *count >= FROM_ONE_NETWORK {
                    return None;
                }
                *count += 1;
            }
            waiting.all += 1;
            Some(Place { door: Arc::clone(self), network })
        })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Waiting) -> R) -> R {
        // Counting does not panic half-way.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.with(|waiting| {
            waiting.all = waiting.all.saturating_sub(1);
            if let Some(network) = self.network
                && let Some(count) = waiting.by_network.get_mut(&network)
            {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    waiting.by_network.remove(&network);
                }
            }
        });
    }
}

/// The network that stands for an address (an IPv4 address, an IPv6 /64); `None` for this machine.
#[must_use]
pub fn network(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(address.into()),
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & (u128::MAX << 64);
            Some(Ipv6Addr::from_bits(prefix).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(door: &Arc<Door>, addresses: impl Iterator<Item = String>) -> Vec<Place> {
        addresses
            .map(|address| address.parse::<IpAddr>().expect("an address"))
            .filter_map(|address| door.enter(Some(address)))
            .collect()
    }

    #[test]
    fn one_network_cannot_take_every_place() {
        let door = Arc::new(Door::default());
        let first = places(&door, (0..100).map(|_| "203.0.113.7".to_owned()));
        assert_eq!(first.len(), FROM_ONE_NETWORK);
        let mapped = places(&door, std::iter::once("::ffff:203.0.113.7".to_owned()));
        assert_eq!(mapped.len(), 0, "the same address in other clothes");
        let v6 = places(&door, (0..100).map(|host| format!("2001:db8:0:1::{host:x}")));
        assert_eq!(v6.len(), FROM_ONE_NETWORK, "a /64 is one network");
        assert_eq!(places(&door, std::iter::once("2001:db8:0:2::1".to_owned())).len(), 1);
        drop(first);
        assert_eq!(places(&door, std::iter::once("203.0.113.7".to_owned())).len(), 1);
    }

    #[test]
    fn the_places_are_bounded_and_come_back() {
        let door = Arc::new(Door::default());
        let local = places(&door, (0..1_000).map(|_| "127.0.0.1".to_owned()));
        assert_eq!(local.len(), ALL);
        assert!(door.enter(None).is_none());
        drop(local);
        assert!(door.enter(None).is_some());
        door.with(|waiting| assert!(waiting.all == 0 && waiting.by_network.is_empty()));
    }
}
