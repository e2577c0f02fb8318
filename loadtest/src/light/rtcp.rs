//! RTCP as bytes: what a client reports, and what it is told.

/// A receiver report of somebody who sends nothing.
pub fn receiver_report(ssrc: u32, blocks: &[u8], compound: &mut Vec<u8>) {
    let words = 1 + blocks.len() / 4;
    compound.extend_from_slice(&[0x80 | (blocks.len() / 24) as u8, 201]);
    compound.extend_from_slice(&(words as u16).to_be_bytes());
    compound.extend_from_slice(&ssrc.to_be_bytes());
    compound.extend_from_slice(blocks);
}

/// What a report says of one stream that is received (RFC 3550 section 6.4.1); no jitter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Block {
    /// Whose.
    pub ssrc: u32,
    /// How much was lost since the last report, in 256ths.
    pub fraction: u8,
    /// How much was lost in all.
    pub lost: u64,
    /// The highest sequence number, with its laps.
    pub highest: u32,
    /// The middle of the last sender report's time; 0 without one.
    pub last_report: u32,
    /// How long ago that came, in 65,536ths of a second.
    pub since_report: u32,
}

impl Block {
    /// Appends it.
    pub fn write(&self, blocks: &mut Vec<u8>) {
        blocks.extend_from_slice(&self.ssrc.to_be_bytes());
        let lost = u32::try_from(self.lost).unwrap_or(u32::MAX).min(0x7f_ffff);
        blocks.extend_from_slice(&(u32::from(self.fraction) << 24 | lost).to_be_bytes());
        for word in [self.highest, 0, self.last_report, self.since_report] {
            blocks.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// Asks for a key frame of `ssrc` (RFC 4585 section 6.3.1).
pub fn key_frame_request(sender: u32, ssrc: u32, compound: &mut Vec<u8>) {
    compound.extend_from_slice(&[0x81, 206, 0, 2]);
    compound.extend_from_slice(&sender.to_be_bytes());
    compound.extend_from_slice(&ssrc.to_be_bytes());
}

/// Asks for packets of `ssrc` again (RFC 4585 section 6.2.1); `missing` ascends.
pub fn nack(sender: u32, ssrc: u32, missing: &[u16], compound: &mut Vec<u8>) {
    let begin = compound.len();
    compound.extend_from_slice(&[0x81, 205, 0, 0]);
    compound.extend_from_slice(&sender.to_be_bytes());
    compound.extend_from_slice(&ssrc.to_be_bytes());
    let mut rest = missing;
    while let Some((&first, after)) = rest.split_first() {
        let near = after.iter().take_while(|next| (1..=16).contains(&next.wrapping_sub(first)));
        let mask =
            near.clone().fold(0_u16, |mask, next| mask | 1 << (next.wrapping_sub(first) - 1));
        rest = &after[near.count()..];
        compound.extend_from_slice(&first.to_be_bytes());
        compound.extend_from_slice(&mask.to_be_bytes());
    }
    let words = ((compound.len() - begin) / 4 - 1) as u16;
    compound[begin + 2..begin + 4].copy_from_slice(&words.to_be_bytes());
}

/// What a compound asks for or tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feedback {
    /// The streams that a key frame is asked of (RFC 4585 section 6.3.1, RFC 5104 section 4.3.1).
    pub key_frames: Vec<u32>,
    /// The packets that are asked for again, by stream.
    pub nacks: Vec<(u32, u16)>,
    /// How many times the arrival of packets is told (transport-wide congestion control).
    pub arrivals: u32,
    /// Sender reports: the source, and the middle of its time.
    pub reports: Vec<(u32, u32)>,
}

/// Reads the feedback of a clear compound.
#[must_use]
pub fn feedback(mut compound: &[u8]) -> Feedback {
    let mut feedback = Feedback::default();
    let word = |packet: &[u8], at: usize| {
        packet.get(at..at + 4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
    };
    while let Some(&[first, kind, high, low]) = compound.first_chunk::<4>() {
        let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        let Some((packet, rest)) = compound.split_at_checked(length) else { break };
        match (kind, first & 0x1f) {
            (206, 1) => feedback.key_frames.extend(word(packet, 8)),
            (206, 4) => {
                let entries = packet.get(12..).unwrap_or_default().chunks_exact(8);
                feedback.key_frames.extend(entries.filter_map(|entry| word(entry, 0)));
            }
            (205, 1) => {
                let Some(ssrc) = word(packet, 8) else { break };
                for entry in packet.get(12..).unwrap_or_default().chunks_exact(4) {
                    let first = u16::from_be_bytes([entry[0], entry[1]]);
                    let mask = u16::from_be_bytes([entry[2], entry[3]]);
                    let more = (0..16).filter(|bit| mask & 1 << bit != 0);
                    let all =
                        std::iter::once(first).chain(more.map(|bit| first.wrapping_add(bit + 1)));
                    feedback.nacks.extend(all.map(|sequence| (ssrc, sequence)));
                }
            }
            (205, 15) => feedback.arrivals += 1,
            (200, _) => {
                if let (Some(ssrc), Some(whole), Some(part)) =
                    (word(packet, 4), word(packet, 8), word(packet, 12))
                {
                    feedback.reports.push((ssrc, whole << 16 | part >> 16));
                }
            }
            _ => {}
        }
        compound = rest;
    }
    feedback
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::packet::Stream;

    #[test]
    fn reports_have_the_lengths_they_say() {
        let mut blocks = Vec::new();
        Block { ssrc: 7, fraction: 1, lost: 3, highest: 0x1_0002, ..Block::default() }
            .write(&mut blocks);
        Block { ssrc: 8, lost: u64::MAX, ..Block::default() }.write(&mut blocks);
        assert_eq!(blocks.len(), 48);
        assert_eq!(blocks[4..8], [1, 0, 0, 3]);
        assert_eq!(blocks[28..32], [0, 0x7f, 0xff, 0xff]);
        let mut compound = Vec::new();
        Stream::new(1, 96, 90_000).report(5 << 32, Some(1.0), &blocks, &mut compound);
        assert_eq!(compound[..4], [0x82, 200, 0, 18]);
        assert_eq!(compound.len(), 4 * 19);
        receiver_report(1, &blocks, &mut compound);
        assert_eq!(compound[76..80], [0x82, 201, 0, 13]);
        assert_eq!(compound.len(), 4 * (19 + 14));
        let reports = vec![(1, 5 << 16)];
        assert_eq!(feedback(&compound), Feedback { reports, ..Feedback::default() });
    }

    #[test]
    fn feedback_is_found_wherever_it_stands() {
        let mut compound = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
        key_frame_request(1, 9, &mut compound);
        nack(1, 8, &[65_535, 0, 15, 16], &mut compound);
        compound
            .extend_from_slice(&[0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0, 0]);
        compound.extend_from_slice(&[0x8f, 205, 0, 0]);
        let nacks = [65_535, 0, 15, 16].map(|sequence| (8, sequence)).to_vec();
        let wanted = Feedback { key_frames: vec![9, 6], nacks, arrivals: 1, reports: vec![] };
        assert_eq!(feedback(&compound), wanted);
        let estimate = [0x8f, 206, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(feedback(&estimate), Feedback::default(), "an estimate asks for nothing");
        // A length that leads out of the datagram ends it.
        assert_eq!(feedback(&[0x80, 201, 255, 255, 0x81, 206, 0, 0]), Feedback::default());
    }

    #[test]
    fn packets_asked_for_together_stand_in_one_entry() {
        let mut compound = Vec::new();
        nack(1, 2, &[100, 101, 116, 117], &mut compound);
        assert_eq!(compound[12..], [0, 100, 0x80, 1, 0, 117, 0, 0]);
        assert_eq!(compound[..4], [0x81, 205, 0, 4]);
    }
}
