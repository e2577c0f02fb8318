//! When packets came, told to the server: transport-wide congestion control
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01). What a page tells, so that the server works as
//! for a page.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The unit of an arrival, in microseconds.
const TICK_MICROS: u128 = 250;
/// Ticks in the unit of a report's reference time (64 ms).
const REFERENCE_TICKS: i64 = 256;
/// Packets that one report covers at most, so that it fits a datagram.
const MOST: usize = 400;
/// Numbers that wait to be told at most: past a hole that is longer, telling begins anew.
const LONGEST: u64 = 8_192;
/// Reports come no closer together, as pages send them.
pub(crate) const REPORT_EVERY: Duration = Duration::from_millis(100);

/// The arrivals that were not told yet.
#[derive(Debug)]
pub(crate) struct Arrivals {
    origin: Instant,
    /// Where the next report begins, in sequence numbers with their laps.
    base: Option<u64>,
    highest: u64,
    /// From `base` on, when each came.
    ticks: VecDeque<Option<i64>>,
    count: u8,
    /// A stream of the transport, which reports name.
    media: u32,
}

impl Arrivals {
    pub(crate) fn new(origin: Instant) -> Self {
        Self { origin, base: None, highest: 0, ticks: VecDeque::new(), count: 0, media: 0 }
    }

    /// A packet of `media` came, with that number among all of its transport.
    pub(crate) fn note(&mut self, at: Instant, sequence: u16, media: u32) {
        self.media = media;
        let index = match self.base {
            // One lap ahead, so that a packet before the first has a number, too.
            None => u64::from(sequence) + 0x1_0000,
            Some(_) => {
                let step = sequence.wrapping_sub(self.highest as u16) as i16;
                self.highest.saturating_add_signed(i64::from(step))
            }
        };
        self.highest = self.highest.max(index);
        let mut base = *self.base.get_or_insert(index);
        if index >= base + LONGEST {
            self.ticks.clear();
            base = index;
            self.base = Some(base);
        }
        let Some(place) = index.checked_sub(base) else { return };
        let place = place as usize;
        if place >= self.ticks.len() {
            self.ticks.resize(place + 1, None);
        }
        let ticks = at.saturating_duration_since(self.origin).as_micros() / TICK_MICROS;
        self.ticks[place].get_or_insert(ticks as i64);
    }

    /// Appends a report of what was not told yet, if there is something; the compound's last part.
    pub(crate) fn report(&mut self, sender: u32, compound: &mut Vec<u8>) {
        let first = self.ticks.iter().flatten().next();
        let (Some(base), Some(first)) = (self.base, first) else { return };
        let reference = first.div_euclid(REFERENCE_TICKS);
        let mut previous = reference * REFERENCE_TICKS;
        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        for ticks in self.ticks.iter().take(MOST) {
            let Some(ticks) = *ticks else {
                symbols.push(0_u16);
                continue;
            };
            match (u8::try_from(ticks - previous), i16::try_from(ticks - previous)) {
                (Ok(delta), _) => {
                    symbols.push(1);
                    deltas.push(delta);
                }
                (_, Ok(delta)) => {
                    symbols.push(2);
                    deltas.extend_from_slice(&delta.to_be_bytes());
                }
                // More than eight seconds apart: the rest goes into the next report.
                _ => break,
            }
            previous = ticks;
        }
        let begin = compound.len();
        compound.extend_from_slice(&[0x8f, 205, 0, 0]);
        compound.extend_from_slice(&sender.to_be_bytes());
        compound.extend_from_slice(&self.media.to_be_bytes());
        compound.extend_from_slice(&(base as u16).to_be_bytes());
        compound.extend_from_slice(&(symbols.len() as u16).to_be_bytes());
        compound
            .extend_from_slice(&((reference as u32) << 8 | u32::from(self.count)).to_be_bytes());
        for seven in symbols.chunks(7) {
            // A vector of seven symbols of two bits.
            let symbols = seven.iter().enumerate();
            let chunk =
                symbols.fold(0xc000_u16, |chunk, (at, symbol)| chunk | symbol << (12 - 2 * at));
            compound.extend_from_slice(&chunk.to_be_bytes());
        }
        compound.extend_from_slice(&deltas);
        let padding = (4 - (compound.len() - begin) % 4) % 4;
        if padding > 0 {
            compound[begin] |= 0x20;
            compound.resize(compound.len() + padding - 1, 0);
            compound.push(padding as u8);
        }
        let words = ((compound.len() - begin) / 4 - 1) as u16;
        compound[begin + 2..begin + 4].copy_from_slice(&words.to_be_bytes());
        self.count = self.count.wrapping_add(1);
        self.base = Some(base + symbols.len() as u64);
        self.ticks.drain(..symbols.len());
    }
}

#[cfg(test)]
mod tests {
    use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
    use rtc::shared::marshal::Unmarshal as _;

    use super::*;

    fn report(arrivals: &mut Arrivals) -> Option<TransportLayerCc> {
        let mut compound = Vec::new();
        arrivals.report(7, &mut compound);
        let mut bytes = &compound[..];
        (!compound.is_empty()).then(|| TransportLayerCc::unmarshal(&mut bytes).expect("valid"))
    }

    #[test]
    fn what_came_and_what_did_not_is_told_once() {
        let origin = Instant::now();
        let mut arrivals = Arrivals::new(origin);
        assert!(report(&mut arrivals).is_none());
        let at = |ms| origin + Duration::from_millis(ms);
        // 65,535 is the first; 1 is lost, 0 comes after 2; then half a second of nothing.
        for (sequence, ms) in [(65_535, 70), (2, 71), (0, 72), (3, 600)] {
            arrivals.note(at(ms), sequence, 9);
        }
        let told = report(&mut arrivals).expect("something came");
        assert_eq!((told.sender_ssrc, told.media_ssrc, told.fb_pkt_count), (7, 9, 0));
        assert_eq!((told.base_sequence_number, told.packet_status_count), (65_535, 5));
        assert_eq!(told.reference_time, 1);
        let deltas: Vec<i64> = told.recv_deltas.iter().map(|delta| delta.delta / 1_000).collect();
        assert_eq!(deltas, [6, 2, -1, 529]);
        assert!(report(&mut arrivals).is_none());
        arrivals.note(at(610), 4, 9);
        let told = report(&mut arrivals).expect("something came");
        assert_eq!((told.base_sequence_number, told.fb_pkt_count), (4, 1));
    }

    #[test]
    fn a_report_fits_a_datagram_and_the_next_goes_on() {
        let origin = Instant::now();
        let mut arrivals = Arrivals::new(origin);
        for sequence in 0..1_000 {
            arrivals.note(origin + Duration::from_millis(u64::from(sequence)), sequence, 9);
        }
        let counts: Vec<u16> = std::iter::from_fn(|| report(&mut arrivals))
            .map(|told| told.packet_status_count)
            .collect();
        assert_eq!(counts, [400, 400, 200]);
    }

    #[test]
    fn past_a_hole_that_is_too_long_telling_begins_anew() {
        let origin = Instant::now();
        let mut arrivals = Arrivals::new(origin);
        for sequence in [0, 1, 20_000, 20_001, 2] {
            arrivals.note(origin, sequence, 9);
        }
        let told = report(&mut arrivals).expect("something came");
        assert_eq!((told.base_sequence_number, told.packet_status_count), (20_000, 2));
        assert!(report(&mut arrivals).is_none());
    }
}
