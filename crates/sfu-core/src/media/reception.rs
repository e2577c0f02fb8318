//! What arrived of one source: duplicates, losses to ask for again, jitter, and the report about it.

use std::time::{Duration, Instant};

use crate::media::sequence::{Index, Seen, Window};

/// How long a gap may be mere reordering before it is asked for.
const REORDERING: Duration = Duration::from_millis(10);
/// The least time between two requests for one packet.
const LEAST_PAUSE: Duration = Duration::from_millis(30);
/// How often one packet is asked for.
const MAX_ASKED: u8 = 8;
/// After this a packet is given up: a decoder went on by then.
const GIVE_UP: Duration = Duration::from_millis(1_200);
/// How many packets can be missing at once; a longer gap is a cut, not a loss, and costs a keyframe.
const MAX_MISSING: usize = 128;

#[derive(Debug, Clone, Copy)]
struct Missing {
    index: Index,
    since: Instant,
    asked: u8,
    last: Instant,
}

/// A sender report as it came, to be echoed and to map clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// The sender's clock, 32.32 seconds.
    pub ntp: u64,
    /// The same moment in RTP timestamps.
    pub rtp: u32,
    /// When it came.
    pub at: Instant,
}

/// A block of a receiver report (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning, 24 bits.
    pub lost: u32,
    /// The highest sequence number, extended.
    pub highest: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle of the last sender report's clock.
    pub last_report: u32,
    /// Since then, in 1/65536 s.
    pub delay: u32,
}

/// The reception of one source.
pub struct Reception {
    clock_rate: u32,
    window: Window,
    first: Option<Index>,
    received: u64,
    reported: (u64, u64),
    missing: Vec<Missing>,
    cut: bool,
    transit: Option<(Instant, u32)>,
    jitter: f32,
    sender: Option<SenderInfo>,
}

impl Reception {
    /// Nothing received yet of a source that counts `clock_rate` units a second. `repair` says
    /// whether losses are to be asked for.
    #[must_use]
    pub fn new(clock_rate: u32, repair: bool) -> Self {
        Self {
            clock_rate,
            window: Window::default(),
            first: None,
            received: 0,
            reported: (0, 0),
            missing: if repair { Vec::with_capacity(MAX_MISSING) } else { Vec::new() },
            cut: false,
            transit: None,
            jitter: 0.0,
            sender: None,
        }
    }

    /// The highest index so far.
    #[must_use]
    pub fn highest(&self) -> Option<Index> {
        self.window.highest()
    }

    /// Notes a packet. `repaired` marks one that came by retransmission, which says nothing about
    /// jitter.
    pub fn receive(&mut self, now: Instant, index: Index, timestamp: u32, repaired: bool) -> Seen {
        let before = self.window.highest();
        let seen = self.window.see(index);
        if seen != Seen::Fresh {
            return seen;
        }
        self.received += 1;
        self.first = Some(self.first.map_or(index, |first| first.min(index)));
        match before {
            Some(highest) if index > highest => self.note_gap(now, highest, index),
            _ => self.missing.retain(|m| m.index != index),
        }
        if !repaired {
            self.note_transit(now, timestamp);
        }
        seen
    }

    fn note_gap(&mut self, now: Instant, highest: Index, index: Index) {
        let gap = index.since(highest) - 1;
        if gap == 0 || self.missing.capacity() == 0 {
            return;
        }
        if self.missing.len() as u64 + gap > MAX_MISSING as u64 {
            self.missing.clear();
            self.cut = true;
            return;
        }
        for lost in highest.0 + 1..index.0 {
            self.missing.push(Missing { index: Index(lost), since: now, asked: 0, last: now });
        }
    }

    /// RFC 3550 section 6.4.1 and appendix A.8.
    fn note_transit(&mut self, now: Instant, timestamp: u32) {
        if let Some((at, last)) = self.transit {
            let elapsed = now.saturating_duration_since(at).as_secs_f32() * self.clock_rate as f32;
            let difference = elapsed - timestamp.wrapping_sub(last).cast_signed() as f32;
            // A jump of the sender's clock is no jitter.
            if difference.abs() < 10.0 * self.clock_rate as f32 {
                self.jitter += (difference.abs() - self.jitter) / 16.0;
            }
        }
        self.transit = Some((now, timestamp));
    }

    /// Notes a sender report.
    pub fn sender_report(&mut self, info: SenderInfo) {
        self.sender = Some(info);
    }

    /// The last sender report.
    #[must_use]
    pub fn sender(&self) -> Option<SenderInfo> {
        self.sender
    }

    /// Whether losses wait to be asked for.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Whether more was lost than can be asked for since this was last called, or a loss was given
    /// up: only a keyframe helps.
    pub fn take_cut(&mut self) -> bool {
        std::mem::take(&mut self.cut)
    }

    /// Gives the sequence numbers that are due to be asked for, ascending, at most `most`.
    pub fn due(
        &mut self,
        now: Instant,
        round_trip: Duration,
        most: usize,
        mut ask: impl FnMut(u16),
    ) {
        let pause = LEAST_PAUSE.max(round_trip + round_trip / 2);
        let (mut left, mut cut) = (most, false);
        self.missing.retain_mut(|m| {
            let old = now.saturating_duration_since(m.since) >= GIVE_UP;
            if old || m.asked >= MAX_ASKED && now >= m.last + pause {
                cut = true;
                return false;
            }
            let due = if m.asked == 0 { m.since + REORDERING } else { m.last + pause };
            if now >= due && m.asked < MAX_ASKED && left > 0 {
                left -= 1;
                m.asked += 1;
                m.last = now;
                ask(m.index.wire());
            }
            true
        });
        self.cut |= cut;
    }

    /// The report about this source since the last one; `None` before the first packet.
    pub fn report(&mut self, now: Instant, ssrc: u32) -> Option<ReportBlock> {
        let (first, highest) = (self.first?, self.window.highest()?);
        let expected = highest.since(first) + 1;
        let (expected_before, received_before) = self.reported;
        self.reported = (expected, self.received);
        let new = expected.saturating_sub(expected_before);
        let lost = new.saturating_sub(self.received.saturating_sub(received_before));
        let delay = self.sender.map(|s| now.saturating_duration_since(s.at));
        Some(ReportBlock {
            ssrc,
            fraction_lost: (lost * 256).checked_div(new).unwrap_or(0).min(255) as u8,
            lost: expected.saturating_sub(self.received).min(0x7f_ffff) as u32,
            highest: highest.0 as u32,
            jitter: self.jitter as u32,
            last_report: self.sender.map_or(0, |s| (s.ntp >> 16) as u32),
            delay: delay.map_or(0, |d| (d.as_micros() * 65_536 / 1_000_000) as u32),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    fn due(reception: &mut Reception, now: Instant) -> Vec<u16> {
        let mut asked = Vec::new();
        reception.due(now, Duration::from_millis(20), 64, |s| asked.push(s));
        asked
    }

    #[test]
    fn a_loss_is_asked_for_again_and_then_given_up() {
        let mut reception = Reception::new(90_000, true);
        let start = Instant::now();
        let ms = |n| start + Duration::from_millis(n);
        reception.receive(start, Index(100), 0, false);
        reception.receive(start, Index(104), 0, false);
        assert_eq!(due(&mut reception, start), [0; 0], "perhaps reordered");
        reception.receive(ms(5), Index(102), 0, false);
        assert_eq!(due(&mut reception, ms(10)), [101, 103]);
        assert_eq!(due(&mut reception, ms(20)), [0; 0], "asked a moment ago");
        assert_eq!(reception.receive(ms(30), Index(101), 0, true), Seen::Fresh);
        assert_eq!(reception.receive(ms(30), Index(101), 0, false), Seen::Twice);
        assert_eq!(due(&mut reception, ms(40)), [103]);
        let mut asked = 2;
        for n in 2..100 {
            asked += due(&mut reception, ms(n * 40)).len();
        }
        assert_eq!(asked, usize::from(MAX_ASKED));
        assert!(!reception.is_missing());
        assert!(reception.take_cut() && !reception.take_cut());
    }

    #[test]
    fn a_long_gap_is_a_cut() {
        let mut reception = Reception::new(90_000, true);
        let start = Instant::now();
        reception.receive(start, Index(0), 0, false);
        reception.receive(start, Index(10_000), 0, false);
        assert!(!reception.is_missing() && reception.take_cut());
    }

    #[test]
    fn a_report_counts_what_is_lost() {
        let mut reception = Reception::new(48_000, false);
        let start = Instant::now();
        assert_eq!(reception.report(start, 1), None);
        for n in (0..100_u64).filter(|n| n % 4 != 0) {
            let now = start + Duration::from_millis(20 * n);
            reception.receive(now, Index(n + 65_500), 960 * n as u32, false);
        }
        reception.sender_report(SenderInfo { ntp: 0x0001_0002_0003_0004, rtp: 5, at: start });
        let block = reception.report(start + Duration::from_secs(2), 9).expect("received");
        assert_eq!((block.ssrc, block.lost, block.fraction_lost), (9, 24, (24 * 256 / 99) as u8));
        assert_eq!(block.highest, 65_599);
        assert_eq!((block.last_report, block.delay), (0x0002_0003, 2 * 65_536));
        assert!(block.jitter < 5, "{}", block.jitter);
        let again = reception.report(start + Duration::from_secs(3), 9).expect("received");
        assert_eq!((again.lost, again.fraction_lost), (24, 0));
    }

    proptest! {
        #[test]
        fn memory_is_bounded(steps in proptest::collection::vec((0_u64..400, any::<u32>()), 1..300)) {
            let mut reception = Reception::new(90_000, true);
            let start = Instant::now();
            let mut at = 0;
            for (n, (step, timestamp)) in steps.into_iter().enumerate() {
                at += step;
                let now = start + Duration::from_millis(n as u64 * 7);
                reception.receive(now, Index(at), timestamp, false);
                due(&mut reception, now);
                prop_assert!(reception.missing.len() <= MAX_MISSING);
                prop_assert!(reception.missing.capacity() == MAX_MISSING);
            }
        }
    }
}
