//! When packets came, told to their sender: transport-wide congestion control
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01). Without it a page never sends more than
//! its lowest layer.

use std::time::Instant;

use crate::media::sequence::Index;

/// How many arrivals are remembered between two reports: 8,000 packets/s at 60 ms.
const RING: usize = 512;
/// How many packets one report covers at most, so that it fits a datagram.
const MAX_REPORTED: u64 = 300;
/// The unit of an arrival time, in microseconds.
const TICK_MICROS: u128 = 250;
/// Ticks in the unit of a report's reference time (64 ms).
const REFERENCE_TICKS: u32 = 256;

/// Arrival times of one transport.
pub struct Arrivals {
    origin: Instant,
    /// Arrival in ticks since `origin`, plus one; zero where nothing came.
    ticks: Box<[u32; RING]>,
    highest: Option<Index>,
    unreported: Index,
    count: u8,
}

impl Arrivals {
    /// Nothing came yet.
    #[must_use]
    pub fn new(origin: Instant) -> Self {
        Self { origin, ticks: Box::new([0; RING]), highest: None, unreported: Index(0), count: 0 }
    }

    /// Notes the arrival of transport-wide sequence number `sequence`.
    pub fn note(&mut self, now: Instant, sequence: u16) {
        let index = match self.highest {
            None => {
                let index = Index(u64::from(sequence) + 0x1_0000);
                self.unreported = index;
                index
            }
            Some(highest) => highest.extend(sequence),
        };
        let highest = self.highest.unwrap_or(index);
        // Reported as lost already, or a jump too long to report: begin again behind it.
        if index < self.unreported {
            return;
        }
        if index.since(self.unreported) >= RING as u64 {
            self.ticks.fill(0);
            self.unreported = index;
        } else if index > highest {
            for skipped in highest.0 + 1..index.0 {
                self.ticks[skipped as usize % RING] = 0;
            }
        }
        let micros = now.saturating_duration_since(self.origin).as_micros();
        self.ticks[index.0 as usize % RING] = (micros / TICK_MICROS) as u32 + 1;
        self.highest = Some(highest.max(index));
    }

    /// Whether there is something to report.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.highest.is_some_and(|highest| highest >= self.unreported)
    }

    /// Appends a report from `sender` about the transport of `media`, which must be one of the
    /// reported peer's own sources, to a compound packet. It may end in padding, and so must be
    /// the compound's last packet. Gives whether there was something to report.
    pub fn report(&mut self, sender: u32, media: u32, out: &mut Vec<u8>) -> bool {
        let Some(highest) = self.highest else { return false };
        let base = self.unreported;
        let Some(first) = (base.0..=highest.0).find_map(|i| self.tick(i)) else { return false };
        let reference = first / REFERENCE_TICKS;
        let mut previous = reference * REFERENCE_TICKS;
        let mut symbols = [0_u8; MAX_REPORTED as usize];
        let mut deltas = [0_i16; MAX_REPORTED as usize];
        let mut count = 0;
        for index in base.0..=highest.0.min(base.0 + MAX_REPORTED - 1) {
            if let Some(tick) = self.tick(index) {
                // More than eight seconds apart: the rest goes into the next report.
                let Ok(delta) = i16::try_from(i64::from(tick) - i64::from(previous)) else { break };
                symbols[count] = if (0..=255).contains(&delta) { 1 } else { 2 };
                deltas[count] = delta;
                previous = tick;
            }
            count += 1;
        }
        let start = out.len();
        out.extend_from_slice(&[0x8f, 205, 0, 0]);
        out.extend_from_slice(&sender.to_be_bytes());
        out.extend_from_slice(&media.to_be_bytes());
        out.extend_from_slice(&base.wire().to_be_bytes());
        out.extend_from_slice(&(count as u16).to_be_bytes());
        out.extend_from_slice(&(reference << 8 | u32::from(self.count)).to_be_bytes());
        write_chunks(&symbols[..count], out);
        for (symbol, delta) in symbols.iter().zip(&deltas).take(count) {
            match symbol {
                1 => out.push(*delta as u8),
                2 => out.extend_from_slice(&delta.to_be_bytes()),
                _ => {}
            }
        }
        let padding = (4 - (out.len() - start) % 4) % 4;
        if padding > 0 {
            out[start] |= 0x20;
            out.resize(out.len() + padding, 0);
            *out.last_mut().expect("padding was added") = padding as u8;
        }
        let words = ((out.len() - start) / 4 - 1) as u16;
        out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
        self.count = self.count.wrapping_add(1);
        self.unreported = Index(base.0 + count as u64);
        true
    }

    fn tick(&self, index: u64) -> Option<u32> {
        self.ticks[index as usize % RING].checked_sub(1)
    }
}

/// Status chunks: runs where seven or more are alike, vectors of seven two-bit symbols elsewhere.
fn write_chunks(mut symbols: &[u8], out: &mut Vec<u8>) {
    while let Some(&first) = symbols.first() {
        let run = symbols.iter().take_while(|&&s| s == first).count();
        let (chunk, taken) = if run >= 7 {
            (u16::from(first) << 13 | run as u16, run)
        } else {
            let taken = symbols.len().min(7);
            let vector = (0..7).fold(0_u16, |v, i| {
                v << 2 | u16::from(symbols.get(i).copied().unwrap_or_default())
            });
            (0xc000 | vector, taken)
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        symbols = &symbols[taken..];
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
        PacketStatusChunk, SymbolTypeTcc, TransportLayerCc,
    };
    use rtc_shared::marshal::Unmarshal;

    use super::*;

    /// (sequence, arrival in microseconds since the reference's origin) of what was received.
    fn decode(bytes: &[u8]) -> (TransportLayerCc, Vec<(u16, Option<i64>)>) {
        let feedback = TransportLayerCc::unmarshal(&mut &bytes[..]).expect("well formed");
        let mut symbols = Vec::new();
        for chunk in &feedback.packet_chunks {
            match chunk {
                PacketStatusChunk::RunLengthChunk(run) => {
                    symbols.extend((0..run.run_length).map(|_| run.packet_status_symbol));
                }
                PacketStatusChunk::StatusVectorChunk(v) => symbols.extend(v.symbol_list.clone()),
            }
        }
        symbols.truncate(usize::from(feedback.packet_status_count));
        let mut at = i64::from(feedback.reference_time) * 64_000;
        let mut deltas = feedback.recv_deltas.iter();
        let packets = symbols
            .iter()
            .enumerate()
            .map(|(n, symbol)| {
                let sequence = feedback.base_sequence_number.wrapping_add(n as u16);
                let received = *symbol != SymbolTypeTcc::PacketNotReceived;
                let arrival = received.then(|| {
                    at += deltas.next().expect("a delta each").delta;
                    at
                });
                (sequence, arrival)
            })
            .collect();
        (feedback, packets)
    }

    #[test]
    fn an_independent_parser_reads_what_came() {
        let origin = Instant::now();
        let mut arrivals = Arrivals::new(origin);
        assert!(!arrivals.is_pending());
        for (sequence, ms) in [(65_534, 100), (65_535, 101), (1, 300), (2, 299), (3, 310)] {
            arrivals.note(origin + Duration::from_millis(ms), sequence);
        }
        let mut out = Vec::new();
        assert!(arrivals.report(11, 22, &mut out));
        let (feedback, packets) = decode(&out);
        assert_eq!((feedback.sender_ssrc, feedback.media_ssrc), (11, 22));
        assert_eq!(
            packets,
            [
                (65_534, Some(100_000)),
                (65_535, Some(101_000)),
                (0, None),
                (1, Some(300_000)),
                (2, Some(299_000)),
                (3, Some(310_000)),
            ]
        );
        assert!(!arrivals.is_pending() && !arrivals.report(11, 22, &mut out));
        arrivals.note(origin + Duration::from_millis(320), 0);
        assert!(!arrivals.is_pending(), "reported as lost already");
        arrivals.note(origin + Duration::from_millis(330), 4);
        out.clear();
        assert!(arrivals.report(11, 22, &mut out));
        let (feedback, packets) = decode(&out);
        assert_eq!((feedback.fb_pkt_count, packets), (1, vec![(4, Some(330_000))]));
    }

    proptest! {
        #[test]
        fn every_arrival_is_reported_once(
            packets in proptest::collection::vec((1_u16..40, 0_u64..20_000_000, 0_u8..10), 1..300),
        ) {
            let origin = Instant::now();
            let mut arrivals = Arrivals::new(origin);
            let (mut sequence, mut micros) = (65_000_u16, 0);
            let (mut sent, mut reported) = (Vec::new(), Vec::new());
            let mut out = Vec::new();
            for (step, pause, report) in packets {
                sequence = sequence.wrapping_add(step);
                micros += pause / if report < 9 { 1_000 } else { 1 };
                arrivals.note(origin + Duration::from_micros(micros), sequence);
                sent.push((sequence, (micros / 250 * 250) as i64));
                if report == 0 || sent.len() % 10 == 0 {
                    while arrivals.is_pending() {
                        out.clear();
                        prop_assert!(arrivals.report(1, 2, &mut out));
                        prop_assert!(out.len() <= 1_100 && out.len() % 4 == 0);
                        let (_, packets) = decode(&out);
                        reported.extend(packets.into_iter().filter_map(|(s, at)| Some((s, at?))));
                    }
                }
            }
            sent.truncate(reported.len());
            prop_assert_eq!(reported, sent);
        }

        #[test]
        fn arbitrary_sequences_never_panic(sequences in proptest::collection::vec(proptest::prelude::any::<u16>(), 1..600)) {
            let origin = Instant::now();
            let mut arrivals = Arrivals::new(origin);
            let mut out = Vec::new();
            for (n, sequence) in sequences.into_iter().enumerate() {
                arrivals.note(origin + Duration::from_millis(n as u64), sequence);
                if n % 50 == 0 {
                    out.clear();
                    arrivals.report(1, 2, &mut out);
                }
            }
        }
    }
}
