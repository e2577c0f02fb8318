//! RTP and RTCP as bytes.

use super::sdp::Extensions;

/// What tells RTP from RTCP on one port (RFC 5761 section 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// What a datagram is (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Datagram {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Other,
}

pub(crate) fn classify(datagram: &[u8]) -> Datagram {
    match datagram {
        [0..=3, ..] => Datagram::Stun,
        [20..=63, ..] => Datagram::Dtls,
        [128..=191, kind, ..] if RTCP_TYPES.contains(kind) && datagram.len() >= 8 => Datagram::Rtcp,
        [128..=191, ..] if datagram.len() >= 12 => Datagram::Rtp,
        _ => Datagram::Other,
    }
}

/// What counts of a packet that came, readable without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) ssrc: u32,
}

/// Reads it of a [`Datagram::Rtp`].
pub(crate) fn see(datagram: &[u8]) -> Option<Seen> {
    let header = datagram.first_chunk::<12>()?;
    Some(Seen {
        payload_type: header[1] & 0x7f,
        sequence: u16::from_be_bytes([header[2], header[3]]),
        ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
    })
}

/// One stream that is sent.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    payload_type: u8,
    /// RTP ticks a second.
    clock: u32,
    mid: String,
    level: Option<u8>,
    extensions: Extensions,
    sequence: u16,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
}

/// How loud everybody is: −20 dBov, and it is voice (RFC 6464).
const LEVEL: u8 = 0x80 | 20;

impl Stream {
    pub(crate) fn new(ssrc: u32, payload_type: u8, clock: u32) -> Self {
        Self {
            ssrc,
            payload_type,
            clock,
            mid: String::new(),
            level: None,
            extensions: Extensions::default(),
            sequence: rand::random(),
            packets: 0,
            bytes: 0,
        }
    }

    /// Takes up what the server has agreed to.
    pub(crate) fn agree(&mut self, mid: &str, extensions: Extensions) {
        self.mid = mid.to_owned();
        self.level = extensions.level.map(|_| LEVEL);
        self.extensions = extensions;
    }

    /// The clear packet that comes next, in `packet`. `transport_cc` counts the transport's packets.
    pub(crate) fn next(
        &mut self,
        timestamp: u32,
        marker: bool,
        transport_cc: u16,
        payload: &[&[u8]],
        packet: &mut Vec<u8>,
    ) {
        packet.clear();
        packet.extend_from_slice(&[0x90, u8::from(marker) << 7 | self.payload_type]);
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        // RFC 8285 section 4.2, elements of one byte; their length is known at the end.
        packet.extend_from_slice(&[0xbe, 0xde, 0, 0]);
        let begin = packet.len();
        let mut element = |id: Option<u8>, value: &[u8]| {
            if let Some(id) = id
                && !value.is_empty()
            {
                packet.push(id << 4 | (value.len() - 1) as u8);
                packet.extend_from_slice(value);
            }
        };
        element(self.extensions.mid, self.mid.as_bytes());
        element(self.extensions.level, self.level.as_slice());
        element(self.extensions.transport_cc, &transport_cc.to_be_bytes());
        let words = (packet.len() - begin).div_ceil(4);
        packet.resize(begin + words * 4, 0);
        packet[begin - 1] = words as u8;
        for part in payload {
            packet.extend_from_slice(part);
            self.bytes = self.bytes.wrapping_add(part.len() as u32);
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
    }

    /// A sender report (RFC 3550 section 6.4.1) with the `blocks` of what is received.
    pub(crate) fn report(&self, ntp: u64, since: f64, blocks: &[u8], compound: &mut Vec<u8>) {
        let count = (blocks.len() / 24) as u8;
        let words = 6 + blocks.len() / 4;
        compound.extend_from_slice(&[0x80 | count, 200]);
        compound.extend_from_slice(&(words as u16).to_be_bytes());
        compound.extend_from_slice(&self.ssrc.to_be_bytes());
        compound.extend_from_slice(&ntp.to_be_bytes());
        let ticks = (since * f64::from(self.clock)) as u64 as u32;
        for word in [ticks, self.packets, self.bytes] {
            compound.extend_from_slice(&word.to_be_bytes());
        }
        compound.extend_from_slice(blocks);
    }
}

/// A receiver report of somebody who sends nothing.
pub(crate) fn receiver_report(ssrc: u32, blocks: &[u8], compound: &mut Vec<u8>) {
    let words = 1 + blocks.len() / 4;
    compound.extend_from_slice(&[0x80 | (blocks.len() / 24) as u8, 201]);
    compound.extend_from_slice(&(words as u16).to_be_bytes());
    compound.extend_from_slice(&ssrc.to_be_bytes());
    compound.extend_from_slice(blocks);
}

/// The block of one stream that is received, with no jitter and no sender report seen.
pub(crate) fn report_block(ssrc: u32, lost: u64, highest: u32, blocks: &mut Vec<u8>) {
    blocks.extend_from_slice(&ssrc.to_be_bytes());
    // The fraction first (nothing is lost that would matter here), then 24 bits of the sum.
    let lost = u32::try_from(lost).unwrap_or(u32::MAX).min(0x7f_ffff);
    blocks.extend_from_slice(&lost.to_be_bytes());
    blocks.extend_from_slice(&highest.to_be_bytes());
    blocks.extend_from_slice(&[0; 12]);
}

/// What a compound asks for or tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Feedback {
    /// A keyframe is asked for (RFC 4585 section 6.3.1, RFC 5104 section 4.3.1).
    pub(crate) key_frame: bool,
    /// Packets are asked for again (RFC 4585 section 6.2.1).
    pub(crate) nacks: u32,
    /// The arrival of packets is told (transport-wide congestion control).
    pub(crate) arrivals: u32,
}

/// Reads the feedback of a clear compound.
pub(crate) fn feedback(mut compound: &[u8]) -> Feedback {
    let mut feedback = Feedback::default();
    while let Some(&[first, kind, high, low]) = compound.first_chunk::<4>() {
        match (kind, first & 0x1f) {
            (206, 1 | 4) => feedback.key_frame = true,
            (205, 1) => feedback.nacks += 1,
            (205, 15) => feedback.arrivals += 1,
            _ => {}
        }
        let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        let Some(rest) = compound.get(length..) else { break };
        compound = rest;
    }
    feedback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_told_apart() {
        let datagram =
            |first: u8, second: u8| classify(&[[first, second], [0; 2]].concat().repeat(4));
        assert_eq!(datagram(0, 1), Datagram::Stun);
        assert_eq!(datagram(22, 254), Datagram::Dtls);
        assert_eq!(datagram(0x90, 0x80 | 96), Datagram::Rtp);
        assert_eq!(datagram(0x80, 111), Datagram::Rtp);
        assert_eq!(datagram(0x81, 205), Datagram::Rtcp);
        assert_eq!(datagram(70, 0), Datagram::Other);
        assert_eq!(classify(&[]), Datagram::Other);
        assert_eq!(classify(&[0x80, 96, 1]), Datagram::Other, "cut short");
    }

    #[test]
    fn a_packet_says_what_was_agreed() {
        let mut stream = Stream::new(0x0102_0304, 96, 90_000);
        stream.sequence = u16::MAX;
        stream.agree("1", Extensions { mid: Some(4), level: Some(2), transport_cc: Some(3) });
        let mut packet = Vec::new();
        stream.next(0x0a0b_0c0d, true, 0x1112, &[b"he", b"re"], &mut packet);
        assert_eq!(
            packet,
            [
                &[0x90, 0x80 | 96, 255, 255, 10, 11, 12, 13, 1, 2, 3, 4, 0xbe, 0xde, 0, 2][..],
                &[0x40, b'1', 0x20, LEVEL, 0x31, 0x11, 0x12, 0],
                b"here"
            ]
            .concat()
        );
        let seen = Seen { payload_type: 96, sequence: 65_535, ssrc: 0x0102_0304 };
        assert_eq!(see(&packet), Some(seen));
        stream.next(0, false, 0, &[], &mut packet);
        assert_eq!(see(&packet).map(|seen| seen.sequence), Some(0));
        assert_eq!((stream.packets, stream.bytes), (2, 4));
    }

    #[test]
    fn reports_have_the_lengths_they_say() {
        let mut blocks = Vec::new();
        report_block(7, 3, 0x1_0002, &mut blocks);
        report_block(8, u64::MAX, 9, &mut blocks);
        assert_eq!(blocks.len(), 48);
        assert_eq!(blocks[4..8], [0, 0, 0, 3]);
        assert_eq!(blocks[28..32], [0, 0x7f, 0xff, 0xff]);
        let mut compound = Vec::new();
        Stream::new(1, 96, 90_000).report(5, 1.0, &blocks, &mut compound);
        assert_eq!(compound[..4], [0x82, 200, 0, 18]);
        assert_eq!(compound.len(), 4 * 19);
        receiver_report(1, &blocks, &mut compound);
        assert_eq!(compound[76..80], [0x82, 201, 0, 13]);
        assert_eq!(compound.len(), 4 * (19 + 14));
        assert_eq!(feedback(&compound), Feedback::default());
    }

    #[test]
    fn feedback_is_found_wherever_it_stands() {
        let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let twelve = |first: u8, kind: u8| [&[first, kind, 0, 2][..], &[0; 8]].concat();
        let compound =
            [&report[..], &twelve(0x81, 206), &twelve(0x81, 205), &twelve(0x8f, 205)].concat();
        let all = Feedback { key_frame: true, nacks: 1, arrivals: 1 };
        assert_eq!(feedback(&compound), all);
        assert!(feedback(&twelve(0x84, 206)).key_frame, "FIR");
        assert!(!feedback(&twelve(0x8f, 206)).key_frame, "REMB");
        // A length that leads out of the datagram ends it.
        assert_eq!(feedback(&[0x80, 201, 255, 255, 0x81, 206, 0, 0]), Feedback::default());
    }
}
