//! How much is spent on finding out whose a packet from an unknown address is. To try a peer is to
//! try its keys, and whoever knows a source number can make us do it from addresses that are not
//! theirs.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What one kind of trial may come to. More follows more peers at once when a whole network changes
/// its addresses; less costs a flood's victims less.
#[derive(Clone, Copy)]
struct Allowance {
    every: Duration,
    burst: u32,
}

/// Of peers that were at the same host before: an address translator gave them another port.
const SAME_HOST: Allowance = Allowance { every: Duration::from_micros(250), burst: 1_000 };
/// Of all others: a device that changed its network. Together the two come to some 3 ms of a
/// processor's second.
const ANY_HOST: Allowance = Allowance { every: Duration::from_millis(1), burst: 500 };
/// By one host, or by those that share its place in the table: a whole house behind one address.
const PER_HOST: Allowance = Allowance { every: Duration::from_millis(5), burst: 128 };
/// More keeps hosts apart better and costs 16 bytes each.
const PLACES: usize = 512;

/// A bucket, as the time when what was taken is earned again.
type Until = Option<Instant>;

/// The trials of one engine.
pub(super) struct Trials {
    hasher: RandomState,
    same_host: Until,
    any_host: Until,
    hosts: Box<[Until; PLACES]>,
}

impl Default for Trials {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            same_host: None,
            any_host: None,
            hosts: Box::new([None; PLACES]),
        }
    }
}

impl Trials {
    /// Whether a peer may be tried now for a packet from `host`; it counts as tried then.
    pub(super) fn take(&mut self, now: Instant, host: IpAddr, same_host: bool) -> bool {
        let place = self.hasher.hash_one(host) as usize % PLACES;
        let (overall, allowance) = if same_host {
            (&mut self.same_host, SAME_HOST)
        } else {
            (&mut self.any_host, ANY_HOST)
        };
        let by_host = spend(self.hosts[place], now, PER_HOST);
        let by_all = spend(*overall, now, allowance);
        let (Some(by_host), Some(by_all)) = (by_host, by_all) else { return false };
        (self.hosts[place], *overall) = (Some(by_host), Some(by_all));
        true
    }
}

fn spend(until: Until, now: Instant, allowance: Allowance) -> Option<Instant> {
    let until = until.map_or(now, |until| until.max(now)) + allowance.every;
    (until <= now + allowance.every * allowance.burst).then_some(until)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn taken(trials: &mut Trials, start: Instant, host: impl Fn(u32) -> u32, same: bool) -> u32 {
        (0..100_000)
            .map(|n| {
                let host = IpAddr::V4(Ipv4Addr::from_bits(host(n)));
                u32::from(trials.take(start + Duration::from_micros(10) * n, host, same))
            })
            .sum()
    }

    #[test]
    fn a_flood_for_a_second_gets_what_is_allowed() {
        let start = Instant::now();
        let one = taken(&mut Trials::default(), start, |_| 1, false);
        assert!((300..=330).contains(&one), "one host: {one}");
        let mut trials = Trials::default();
        let many = taken(&mut trials, start, |n| n, false);
        assert!((1_400..=1_501).contains(&many), "every address there is: {many}");
        let others = IpAddr::V4(Ipv4Addr::from_bits(7));
        let later = start + Duration::from_secs(2);
        assert!(trials.take(later, others, false), "and afterwards all is well");
    }

    #[test]
    fn strangers_take_nothing_from_those_who_changed_their_port() {
        let (mut trials, start) = (Trials::default(), Instant::now());
        taken(&mut trials, start, |n| n, false);
        let moment = start + Duration::from_secs(1);
        let hosts = (0..200).map(|n| IpAddr::V4(Ipv4Addr::from_bits(n << 8)));
        let followed = hosts.filter(|host| trials.take(moment, *host, true)).count();
        assert!(followed > 150, "{followed} of 200");
    }
}
