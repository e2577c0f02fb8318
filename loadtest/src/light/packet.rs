//! RTP as bytes.

use super::sdp::Extensions;

/// What tells RTP from RTCP on one port (RFC 5761 section 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// The tag of AES-GCM at the end of a sealed packet.
pub const TAG_BYTES: usize = 16;

/// What a datagram is (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram {
    /// A connectivity check, or an answer to one.
    Stun,
    /// The handshake's.
    Dtls,
    /// Media.
    Rtp,
    /// Reports and feedback.
    Rtcp,
    /// None of these.
    Other,
}

/// What a datagram is.
#[must_use]
pub fn classify(datagram: &[u8]) -> Datagram {
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
pub struct Seen {
    /// Whether it ends a frame.
    pub marker: bool,
    /// Whether it says that it ends in padding.
    pub padded: bool,
    /// Its payload type.
    pub payload_type: u8,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its source.
    pub ssrc: u32,
    /// Where its header extensions are, without their own header.
    extensions: (usize, usize),
    /// Where its payload begins.
    pub header: usize,
}

/// Reads it of a [`Datagram::Rtp`]; none when the header is longer than the datagram.
#[must_use]
pub fn see(datagram: &[u8]) -> Option<Seen> {
    let header = datagram.first_chunk::<12>()?;
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let mut end = 12 + 4 * usize::from(header[0] & 0x0f);
    let mut extensions = (end, end);
    if header[0] & 0x10 != 0 {
        let words = datagram.get(end + 2..end + 4)?;
        let length = 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        // Elements of two bytes (RFC 8285 section 4.3) are not read: none is offered.
        let one_byte = datagram[end..end + 2] == [0xbe, 0xde];
        extensions = (end + 4, if one_byte { end + 4 + length } else { end + 4 });
        end += 4 + length;
    }
    (end <= datagram.len()).then_some(Seen {
        marker: header[1] & 0x80 != 0,
        padded: header[0] & 0x20 != 0,
        payload_type: header[1] & 0x7f,
        sequence: u16::from_be_bytes([header[2], header[3]]),
        timestamp: word(4),
        ssrc: word(8),
        extensions,
        header: end,
    })
}

impl Seen {
    /// The number of the packet among all of its transport, where the extension `id` says so.
    #[must_use]
    pub fn transport_cc(&self, datagram: &[u8], id: u8) -> Option<u16> {
        let mut rest = datagram.get(self.extensions.0..self.extensions.1)?;
        while let Some((&head, tail)) = rest.split_first() {
            // A zero is padding (RFC 8285 section 4.2).
            if head == 0 {
                rest = tail;
                continue;
            }
            let (value, after) = tail.split_at_checked(usize::from(head & 0x0f) + 1)?;
            if head >> 4 == id {
                return Some(u16::from_be_bytes(*value.first_chunk()?));
            }
            rest = after;
        }
        None
    }

    /// Whether a sealed packet has nothing behind its header.
    #[must_use]
    pub fn is_empty(&self, datagram: &[u8]) -> bool {
        datagram.len() <= self.header + TAG_BYTES
    }
}

/// What a packet says beside its payload.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// How loud it is, as RFC 6464 writes it, for sound.
    pub level: Option<u8>,
}

/// One stream that is sent.
#[derive(Debug)]
pub struct Stream {
    /// Its source.
    pub ssrc: u32,
    payload_type: u8,
    /// RTP ticks a second.
    clock: u32,
    mid: String,
    rid: &'static str,
    extensions: Extensions,
    sequence: u16,
    /// The timestamp of the last packet.
    timestamp: u32,
    /// How many packets were sent.
    pub packets: u32,
    /// How many bytes of payload.
    pub bytes: u32,
}

/// How loud everybody is who does not say: -20 dBov, and it is voice (RFC 6464).
const LEVEL: u8 = 0x80 | 20;

impl Stream {
    /// A stream of which nothing was sent. `clock` is in ticks a second.
    #[must_use]
    pub fn new(ssrc: u32, payload_type: u8, clock: u32) -> Self {
        Self {
            ssrc,
            payload_type,
            clock,
            mid: String::new(),
            rid: "",
            extensions: Extensions::default(),
            sequence: rand::random(),
            timestamp: 0,
            packets: 0,
            bytes: 0,
        }
    }

    /// It is a layer of a camera, by this name.
    #[must_use]
    pub fn layer(mut self, rid: &'static str) -> Self {
        self.rid = rid;
        self
    }

    /// Takes up what the server has agreed to.
    pub fn agree(&mut self, mid: &str, extensions: Extensions) {
        mid.clone_into(&mut self.mid);
        self.extensions = extensions;
    }

    /// The clear packet that comes next, in `packet`. `transport_cc` counts the transport's packets.
    pub fn next(
        &mut self,
        timestamp: u32,
        marker: bool,
        transport_cc: u16,
        payload: &[&[u8]],
        packet: &mut Vec<u8>,
    ) {
        let head = Head { sequence: self.sequence, timestamp, marker, level: Some(LEVEL) };
        self.sequence = self.sequence.wrapping_add(1);
        self.write(head, transport_cc, payload, packet);
    }

    /// A clear packet with a number of the caller's, in `packet`.
    pub fn write(
        &mut self,
        head: Head,
        transport_cc: u16,
        payload: &[&[u8]],
        packet: &mut Vec<u8>,
    ) {
        self.repeat(head, transport_cc, payload, packet);
        let bytes: usize = payload.iter().map(|part| part.len()).sum();
        self.bytes = self.bytes.wrapping_add(bytes as u32);
        self.timestamp = head.timestamp;
        self.packets = self.packets.wrapping_add(1);
    }

    /// The same packet again, which is not counted.
    pub fn repeat(&self, head: Head, transport_cc: u16, payload: &[&[u8]], packet: &mut Vec<u8>) {
        packet.clear();
        packet.extend_from_slice(&[0x90, u8::from(head.marker) << 7 | self.payload_type]);
        packet.extend_from_slice(&head.sequence.to_be_bytes());
        packet.extend_from_slice(&head.timestamp.to_be_bytes());
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
        element(self.extensions.rid, self.rid.as_bytes());
        element(self.extensions.level, head.level.as_slice());
        element(self.extensions.transport_cc, &transport_cc.to_be_bytes());
        let words = (packet.len() - begin).div_ceil(4);
        packet.resize(begin + words * 4, 0);
        packet[begin - 1] = words as u8;
        for part in payload {
            packet.extend_from_slice(part);
        }
    }

    /// A sender report (RFC 3550 section 6.4.1) with the `blocks` of what is received, at `ntp`. Its
    /// timestamps count from so many seconds ago; or the last packet was sent just now, without.
    pub fn report(&self, ntp: u64, since: Option<f64>, blocks: &[u8], compound: &mut Vec<u8>) {
        let count = (blocks.len() / 24) as u8;
        let words = 6 + blocks.len() / 4;
        compound.extend_from_slice(&[0x80 | count, 200]);
        compound.extend_from_slice(&(words as u16).to_be_bytes());
        compound.extend_from_slice(&self.ssrc.to_be_bytes());
        compound.extend_from_slice(&ntp.to_be_bytes());
        let ticks =
            since.map_or(self.timestamp, |since| (since * f64::from(self.clock)) as u64 as u32);
        for word in [ticks, self.packets, self.bytes] {
            compound.extend_from_slice(&word.to_be_bytes());
        }
        compound.extend_from_slice(blocks);
    }
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
        let ids = Extensions { mid: Some(4), rid: Some(5), level: Some(2), transport_cc: Some(3) };
        stream.agree("1", ids);
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
        let seen = see(&packet).expect("whole");
        assert_eq!((seen.payload_type, seen.sequence, seen.ssrc), (96, 65_535, 0x0102_0304));
        assert_eq!((seen.timestamp, seen.marker, seen.padded), (0x0a0b_0c0d, true, false));
        assert_eq!(&packet[seen.header..], b"here");
        assert_eq!(seen.transport_cc(&packet, 3), Some(0x1112));
        assert_eq!(seen.transport_cc(&packet, 6), None);
        assert_eq!(see(&packet[..20]), None, "cut within its extensions");
        stream.next(0, false, 0, &[], &mut packet);
        assert_eq!(see(&packet).map(|seen| seen.sequence), Some(0));
        packet.extend_from_slice(&[0; TAG_BYTES]);
        assert!(see(&packet).is_some_and(|seen| seen.is_empty(&packet)));
        assert_eq!((stream.packets, stream.bytes), (2, 4));
    }

    #[test]
    fn a_layer_says_its_name() {
        let mut stream = Stream::new(7, 96, 90_000).layer("h");
        stream.agree("1", Extensions { rid: Some(5), ..Extensions::default() });
        let head = Head { sequence: 9, timestamp: 1, marker: false, level: None };
        let mut packet = Vec::new();
        stream.write(head, 0, &[b"x"], &mut packet);
        assert_eq!(packet[12..], [0xbe, 0xde, 0, 1, 0x50, b'h', 0, 0, b'x']);
    }
}
