//! How often one network may ask for something that costs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use palabre_signaling::network;

/// Networks that are remembered. Beyond it those that asked for nothing lately are forgotten, and if
/// there are none, strangers share one count: memory stays bounded whoever asks.
const NETWORKS: usize = 10_000;

/// A count for each network, of how much it has asked for lately. It fills by one each time, and
/// empties at a steady pace.
#[derive(Debug)]
pub(crate) struct Rate {
    per_minute: u32,
    lately: Mutex<HashMap<Option<IpAddr>, (f64, Instant)>>,
}

impl Rate {
    /// So many a minute, and as many at once.
    pub(crate) fn per_minute(per_minute: u32) -> Self {
        Self { per_minute, lately: Mutex::default() }
    }

    /// Counts one more from `address`, or says how long it must wait. This machine never waits: it is
    /// a proxy, which brings everybody, or the operator.
    pub(crate) fn ask(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(network) = network(address) else { return Ok(()) };
        let per_second = f64::from(self.per_minute) / 60.0;
        let left = |(asked, at): (f64, Instant)| {
            (asked - now.saturating_duration_since(at).as_secs_f64() * per_second).max(0.0)
        };
        // A map cannot be left half changed by a panic.
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.len() >= NETWORKS && !lately.contains_key(&Some(network)) {
            lately.retain(|_, count| left(*count) > 0.0);
        }
        let known = lately.len() < NETWORKS || lately.contains_key(&Some(network));
        let count = lately.entry(known.then_some(network)).or_insert((0.0, now));
        let asked = left(*count) + 1.0;
        if asked > f64::from(self.per_minute) {
            return Err(Duration::from_secs_f64((asked - f64::from(self.per_minute)) / per_second));
        }
        *count = (asked, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_may_ask_so_often_and_again_later() {
        let (rate, now) = (Rate::per_minute(60), Instant::now());
        let one = address("203.0.113.7");
        for _ in 0..60 {
            assert_eq!(rate.ask(one, now), Ok(()));
        }
        let wait = rate.ask(one, now).expect_err("too often");
        assert!(wait <= Duration::from_secs(1) && !wait.is_zero(), "{wait:?}");
        assert_eq!(rate.ask(address("203.0.113.8"), now), Ok(()), "others are not held up");
        assert_eq!(rate.ask(one, now + Duration::from_secs(1)), Ok(()));
        assert!(rate.ask(one, now + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn a_prefix_of_ipv6_is_one_network_and_this_machine_is_none() {
        let (rate, now) = (Rate::per_minute(1), Instant::now());
        assert_eq!(rate.ask(address("2001:db8::1"), now), Ok(()));
        assert!(rate.ask(address("2001:db8::2"), now).is_err());
        for _ in 0..100 {
            assert_eq!(rate.ask(address("127.0.0.1"), now), Ok(()));
            assert_eq!(rate.ask(address("::1"), now), Ok(()));
        }
    }

    #[test]
    fn strangers_without_number_cost_bounded_memory() {
        let (rate, now) = (Rate::per_minute(2), Instant::now());
        for number in 0..2 * NETWORKS as u32 {
            let _ = rate.ask(IpAddr::from((number + 0x0b00_0000).to_be_bytes()), now);
        }
        assert_eq!(rate.lately.lock().expect("whole").len(), NETWORKS + 1);
        assert!(rate.ask(address("198.51.100.1"), now).is_err(), "they share one count");
        let later = now + Duration::from_secs(60);
        assert_eq!(rate.ask(address("198.51.100.1"), later), Ok(()));
        assert!(rate.lately.lock().expect("whole").len() < NETWORKS);
    }
}
