//! How much a publisher may send: whoever has the floor may not drown the others with it.

use std::time::{Duration, Instant};

use palabre_ids::MediaKind;

/// What one kind of media of one peer may come to. More lets a hostile publisher fill everybody's
/// downlink; less cuts into what honest pages send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allowance {
    /// What earns a packet: 200 a second are one in 5 ms.
    packet: Duration,
    /// What earns a byte, in nanoseconds: 50 kB a second are one in 20,000.
    byte_nanos: u64,
    /// How much of a second may come at once: a network that held packets back gives them together,
    /// and a keyframe is many packets.
    burst: Duration,
}

/// Opus at its highest useful rate with redundancy is some 50 packets and 20 kB a second.
const AUDIO: Allowance = Allowance {
    packet: Duration::from_millis(5),
    byte_nanos: 20_000,
    burst: Duration::from_secs(2),
};
/// All layers of a camera together; pages are asked for less than 4 Mbit/s, and probe above it.
const VIDEO: Allowance = Allowance {
    packet: Duration::from_nanos(1_000_000_000 / 3_000),
    byte_nanos: 500,
    burst: Duration::from_secs(1),
};

/// Two token buckets, packets and bytes, each counted in the time that it takes to earn.
#[derive(Debug, Clone)]
pub struct Policer {
    allowance: Allowance,
    /// When the packets sent so far are earned.
    packets_until: Option<Instant>,
    /// When the bytes sent so far are earned.
    bytes_until: Option<Instant>,
}

impl Policer {
    /// Full buckets for media of `kind`.
    #[must_use]
    pub fn new(kind: MediaKind) -> Self {
        let allowance = match kind {
            MediaKind::Audio => AUDIO,
            MediaKind::Video | MediaKind::Screen => VIDEO,
        };
        Self { allowance, packets_until: None, bytes_until: None }
    }

    /// Whether a packet of `len` bytes may pass now; it is counted only when it does.
    pub fn admit(&mut self, now: Instant, len: usize) -> bool {
        let Allowance { packet, byte_nanos, burst } = self.allowance;
        let spend = |until: Option<Instant>, cost: Duration| {
            let until = until.map_or(now, |until| until.max(now)) + cost;
            (until <= now + burst).then_some(until)
        };
        let packets_until = spend(self.packets_until, packet);
        let earned = Duration::from_nanos((len as u64).saturating_mul(byte_nanos));
        let bytes_until = spend(self.bytes_until, earned);
        let admitted = packets_until.is_some() && bytes_until.is_some();
        if admitted {
            (self.packets_until, self.bytes_until) = (packets_until, bytes_until);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(kind: MediaKind, len: usize, every: Duration, count: u32) -> u32 {
        let mut policer = Policer::new(kind);
        let start = Instant::now();
        (0..count).map(|n| u32::from(policer.admit(start + every * n, len))).sum()
    }

    #[test]
    fn what_honest_pages_send_passes_whole() {
        let opus_with_redundancy =
            admitted(MediaKind::Audio, 300, Duration::from_millis(20), 5_000);
        assert_eq!(opus_with_redundancy, 5_000);
        let camera = admitted(MediaKind::Video, 1_200, Duration::from_millis(1), 20_000);
        assert_eq!(camera, 20_000);
        // A radio held a second of sound back.
        assert_eq!(admitted(MediaKind::Audio, 300, Duration::ZERO, 50), 50);
        // A large keyframe at once.
        assert_eq!(admitted(MediaKind::Screen, 1_200, Duration::ZERO, 500), 500);
    }

    #[test]
    fn a_flood_passes_at_the_allowance() {
        // Ten seconds of 10,000 packets a second.
        let every = Duration::from_micros(100);
        let small = admitted(MediaKind::Audio, 60, every, 100_000);
        assert!((2_000..=2_400).contains(&small), "{small}");
        let large = admitted(MediaKind::Audio, 1_200, every, 100_000);
        assert!((400..=510).contains(&large), "{large}");
        let video = admitted(MediaKind::Video, 1_200, every, 100_000);
        assert!((16_000..=18_500).contains(&video), "{video}");
    }
}
