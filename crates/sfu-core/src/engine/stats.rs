//! What an engine counts.

/// Upper bounds of the classes of round trips, in microseconds.
pub const ROUND_TRIP_BOUNDS: [u64; 8] =
    [5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];

/// Upper bounds of the classes of losses, in 256ths, the unit of RFC 3550, section 6.4.1: none, then about
/// 1, 2, 5, 10, 20 and 50 in a hundred.
pub const LOSS_BOUNDS: [u64; 7] = [0, 2, 5, 12, 25, 51, 128];

/// How often values fell in each class. `N` classes have an upper bound; what is above all of them is in
/// `count` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread<const N: usize> {
    /// Values up to each bound, and above the one before it.
    pub classes: [u64; N],
    /// All values.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

impl<const N: usize> Default for Spread<N> {
    fn default() -> Self {
        Self { classes: [0; N], count: 0, sum: 0 }
    }
}

impl<const N: usize> Spread<N> {
    /// Counts a value.
    pub(super) fn add(&mut self, bounds: &[u64; N], value: u64) {
        if let Some(class) = bounds.iter().position(|bound| value <= *bound) {
            self.classes[class] += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
    }

    /// Adds what another engine counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.classes.iter_mut().zip(other.classes) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// What passed through an engine since it was made; `rooms` and `peers` are what there is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Rooms that are open.
    pub rooms: u64,
    /// Sessions, up or being set up.
    pub peers: u64,
    /// Authenticated media packets.
    pub packets_in: u64,
    /// Media packets forwarded, one for each receiver.
    pub packets_out: u64,
    /// Media packets the gate stopped.
    pub packets_gated: u64,
    /// Media packets above what a publisher may send.
    pub packets_policed: u64,
    /// Authenticated packets that came before, or too late: a publisher measures its path by sending
    /// kept packets again.
    pub packets_repeated: u64,
    /// Authenticated packets of nothing but padding, which measure a path too.
    pub packets_padding: u64,
    /// Authenticated packets that no section of their sender accounts for.
    pub packets_refused: u64,
    /// Datagrams that belonged to nobody or failed authentication.
    pub datagrams_refused: u64,
    /// Times a peer's keys were tried on a packet from an unknown address.
    pub trials: u64,
    /// Packets sent again because a receiver asked.
    pub packets_resent: u64,
    /// Packets that receivers asked for again.
    pub packets_nacked_by_receivers: u64,
    /// Packets that publishers were asked for again.
    pub packets_nacked: u64,
    /// Keyframe requests that came from receivers.
    pub keyframe_requests_by_receivers: u64,
    /// Keyframe requests sent to publishers: fewer, because several receivers share one.
    pub keyframe_requests: u64,
    /// Reports of arrival times sent to publishers, whose estimators live by them.
    pub feedback_reports: u64,
    /// Round trips to receivers, in microseconds, one for each of their reports that tells it.
    pub round_trips: Spread<{ ROUND_TRIP_BOUNDS.len() }>,
    /// Shares of packets lost on the way to receivers, in 256ths, one for each stream of each report.
    pub losses: Spread<{ LOSS_BOUNDS.len() }>,
    /// Times a peer was followed to another address.
    pub address_changes: u64,
    /// Tunnels that are open.
    pub tunnels: u64,
    /// Voice packets of tunnels that were malformed, out of order, or of no tunnel.
    pub voices_refused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_in_the_class_whose_bound_they_reach() {
        let mut spread = Spread::default();
        for value in [0, 2, 3, 128, 255] {
            spread.add(&LOSS_BOUNDS, value);
        }
        assert_eq!(spread.classes, [1, 1, 1, 0, 0, 0, 1]);
        assert_eq!((spread.count, spread.sum), (5, 388));
        let mut both = spread;
        both.merge(&spread);
        assert_eq!((both.classes[0], both.count, both.sum), (2, 10, 776));
    }
}
