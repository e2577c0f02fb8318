//! What came of each stream, as its receiver reports it: counted by headers, and what is missing is
//! asked for again.

use std::time::Instant;

use super::rtcp::{Block, nack};

/// What a receiver still asks for, and how often: later a picture has moved on.
const MOST_MISSING: usize = 128;
const MOST_TRIES: u8 = 10;

/// The streams that are received: some twenty, looked for with every packet. Their sources lie together, apart
/// from the rest: in any other order each look reads memory that no cache holds, with hundreds of bots.
#[derive(Debug, Default)]
pub(super) struct Downlinks {
    ssrcs: Vec<u32>,
    receptions: Vec<Reception>,
}

impl Downlinks {
    /// The stream of that source, which begins when it is not known.
    pub(super) fn of(&mut self, ssrc: u32) -> &mut Reception {
        let at = self.find(ssrc).unwrap_or_else(|| {
            self.ssrcs.push(ssrc);
            self.receptions.push(Reception::default());
            self.ssrcs.len() - 1
        });
        &mut self.receptions[at]
    }

    /// The stream of that source, if something came of it.
    pub(super) fn get_mut(&mut self, ssrc: u32) -> Option<&mut Reception> {
        self.find(ssrc).map(|at| &mut self.receptions[at])
    }

    fn find(&self, ssrc: u32) -> Option<usize> {
        self.ssrcs.iter().position(|known| *known == ssrc)
    }

    /// All of them, with their sources.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Reception)> {
        self.ssrcs.iter().copied().zip(&mut self.receptions)
    }
}

/// One stream that is received.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// The first and the highest sequence number, with their laps.
    range: Option<(u64, u64)>,
    received: u64,
    /// Expected and received, when last reported.
    reported: (u64, u64),
    /// Ascending, with how often each was asked for.
    missing: Vec<(u64, u8)>,
    /// The middle of the last sender report's time, and when it came.
    report: Option<(u32, Instant)>,
}

impl Reception {
    /// A packet came.
    pub(super) fn take(&mut self, sequence: u16) {
        self.received += 1;
        let Some((first, highest)) = self.range else {
            // One lap ahead, so that a packet before the first has a number, too.
            let index = u64::from(sequence) + 0x1_0000;
            self.range = Some((index, index));
            return;
        };
        let step = sequence.wrapping_sub(highest as u16) as i16;
        let index = highest.saturating_add_signed(i64::from(step));
        if index > highest {
            let skipped = (highest + 1..index).rev().take(MOST_MISSING).map(|index| (index, 0));
            self.missing.extend(skipped.collect::<Vec<_>>().into_iter().rev());
            let over = self.missing.len().saturating_sub(MOST_MISSING);
            self.missing.drain(..over);
        } else {
            self.found(sequence);
        }
        self.range = Some((first.min(index), highest.max(index)));
    }

    /// A packet that was missing came, late or as a retransmission.
    pub(super) fn found(&mut self, sequence: u16) {
        self.missing.retain(|(index, _)| *index as u16 != sequence);
    }

    /// A sender report came.
    pub(super) fn reported(&mut self, middle: u32, at: Instant) {
        self.report = Some((middle, at));
    }

    /// Asks for what is missing.
    pub(super) fn ask(&mut self, sender: u32, ssrc: u32, compound: &mut Vec<u8>) {
        self.missing.retain(|(_, tries)| *tries < MOST_TRIES);
        self.missing.iter_mut().for_each(|(_, tries)| *tries += 1);
        if !self.missing.is_empty() {
            let missing: Vec<u16> = self.missing.iter().map(|(index, _)| *index as u16).collect();
            nack(sender, ssrc, &missing, compound);
        }
    }

    /// What a receiver reports of it; none before anything came.
    pub(super) fn block(&mut self, ssrc: u32, now: Instant) -> Option<Block> {
        let (first, highest) = self.range?;
        let expected = highest - first + 1;
        let since = expected - self.reported.0;
        let came = self.received.saturating_sub(self.reported.1);
        self.reported = (expected, self.received);
        let fraction = since.saturating_sub(came) * 256 / since.max(1);
        let (last_report, since_report) = self.report.map_or((0, 0), |(middle, at)| {
            let since = now.saturating_duration_since(at).as_secs_f64();
            (middle, (since * 65_536.0) as u32)
        });
        Some(Block {
            ssrc,
            fraction: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: expected.saturating_sub(self.received),
            // The lap ahead is ours alone.
            highest: (highest - 0x1_0000) as u32,
            last_report,
            since_report,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::rtcp::feedback;

    fn asked(reception: &mut Reception) -> Vec<u16> {
        let mut compound = Vec::new();
        reception.ask(1, 7, &mut compound);
        feedback(&compound).nacks.into_iter().map(|(_, sequence)| sequence).collect()
    }

    #[test]
    fn what_is_missing_is_asked_for_until_it_comes_or_is_too_old() {
        let mut reception = Reception::default();
        [65_533, 65_534, 2].into_iter().for_each(|sequence| reception.take(sequence));
        assert_eq!(asked(&mut reception), [65_535, 0, 1]);
        reception.found(0);
        reception.take(65_535);
        for _ in 1..MOST_TRIES {
            assert_eq!(asked(&mut reception), [1]);
        }
        assert!(asked(&mut reception).is_empty());
    }

    #[test]
    fn loss_is_told_since_the_last_report_and_in_all() {
        let now = Instant::now();
        let mut reception = Reception::default();
        assert!(reception.block(7, now).is_none());
        (0..8).filter(|sequence| sequence % 2 == 0).for_each(|sequence| reception.take(sequence));
        let block = reception.block(7, now).expect("something came");
        assert_eq!((block.lost, block.fraction, block.highest), (3, 109, 6));
        (7..17).for_each(|sequence| reception.take(sequence));
        reception.reported(0x1234_5678, now);
        let block = reception.block(7, now + std::time::Duration::from_millis(500));
        let block = block.expect("something came");
        assert_eq!((block.lost, block.fraction, block.highest), (3, 0, 16));
        assert_eq!((block.last_report, block.since_report), (0x1234_5678, 32_768));
    }

    #[test]
    fn a_long_hole_is_asked_for_no_further_than_it_can_be_had() {
        let mut reception = Reception::default();
        reception.take(0);
        reception.take(1_000);
        let asked = asked(&mut reception);
        assert_eq!((asked.len(), asked[0], asked[127]), (128, 872, 999));
    }
}
