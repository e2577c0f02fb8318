//! RTP headers (RFC 3550, header extensions by RFC 8285): read where they lie, written from a
//! template. Only extensions on the session's list are read, and only ours are written.

use crate::session::ExtensionIds;

/// The fixed part of a header.
pub const FIXED: usize = 12;
/// The profile word of one-byte extension headers.
const ONE_BYTE: u16 = 0xbede;
/// The profile word of two-byte extension headers, without the application bits.
const TWO_BYTE: u16 = 0x1000;
/// The most a written header takes.
pub const MAX_WRITTEN: usize = 64;

/// Where a value lies in its packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u16,
    len: u8,
}

impl Span {
    /// The value in the packet it was read from.
    #[must_use]
    pub fn of(self, packet: &[u8]) -> &[u8] {
        let start = usize::from(self.start);
        packet.get(start..start + usize::from(self.len)).unwrap_or_default()
    }
}

/// A header as it was read. Its lengths fit the packet it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The marker bit.
    pub marker: bool,
    /// Whether padding follows the payload.
    pub padding: bool,
    /// The payload type.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub timestamp: u32,
    /// The source.
    pub ssrc: u32,
    /// Bytes before the payload.
    pub len: usize,
    /// RFC 6464: the voice bit and the level below full scale.
    pub audio_level: Option<u8>,
    /// RFC 9143.
    pub mid: Option<Span>,
    /// RFC 8852.
    pub rid: Option<Span>,
    /// RFC 8852.
    pub repaired_rid: Option<Span>,
    /// Transport-wide sequence number.
    pub transport_cc: Option<u16>,
}

/// The source of a packet, without reading the rest.
#[must_use]
pub fn peek_ssrc(packet: &[u8]) -> Option<u32> {
    word(packet, 8)
}

fn half(packet: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?))
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?))
}

impl Header {
    /// Reads a header; `None` when it does not fit the packet. Malformed extensions are a refusal
    /// too: what cannot be read must not be guessed.
    #[must_use]
    pub fn read(packet: &[u8], ids: &ExtensionIds) -> Option<Self> {
        let (first, second) = (*packet.first()?, *packet.get(1)?);
        if first >> 6 != 2 {
            return None;
        }
        let mut header = Self {
            marker: second & 0x80 != 0,
            padding: first & 0x20 != 0,
            payload_type: second & 0x7f,
            sequence: half(packet, 2)?,
            timestamp: word(packet, 4)?,
            ssrc: word(packet, 8)?,
            len: FIXED + 4 * usize::from(first & 0x0f),
            audio_level: None,
            mid: None,
            rid: None,
            repaired_rid: None,
            transport_cc: None,
        };
        if first & 0x10 != 0 {
            let profile = half(packet, header.len)?;
            let start = header.len + 4;
            let end = start + 4 * usize::from(half(packet, header.len + 2)?);
            let block = packet.get(start..end)?;
            match profile {
                ONE_BYTE => header.read_one_byte(block, start, ids)?,
                p if p & 0xfff0 == TWO_BYTE => header.read_two_byte(block, start, ids)?,
                _ => {}
            }
            header.len = end;
        }
        (header.len <= packet.len()).then_some(header)
    }

    fn read_one_byte(&mut self, block: &[u8], base: usize, ids: &ExtensionIds) -> Option<()> {
        let mut at = 0;
        while let Some(&head) = block.get(at) {
            at += 1;
            match head >> 4 {
                0 => {}
                15 => break,
                id => {
                    let len = usize::from(head & 0x0f) + 1;
                    self.take(id, block.get(at..at + len)?, base + at, ids);
                    at += len;
                }
            }
        }
        Some(())
    }

    fn read_two_byte(&mut self, block: &[u8], base: usize, ids: &ExtensionIds) -> Option<()> {
        let mut at = 0;
        while let Some(&id) = block.get(at) {
            at += 1;
            if id == 0 {
                continue;
            }
            let len = usize::from(*block.get(at)?);
            at += 1;
            self.take(id, block.get(at..at + len)?, base + at, ids);
            at += len;
        }
        Some(())
    }

    fn take(&mut self, id: u8, value: &[u8], at: usize, ids: &ExtensionIds) {
        let id = Some(id);
        let span = || Some(Span { start: u16::try_from(at).ok()?, len: value.len() as u8 });
        if id == ids.transport_cc {
            self.transport_cc = half(value, 0);
        } else if id == ids.audio_level {
            self.audio_level = value.first().copied();
        } else if id == ids.mid {
            self.mid = span();
        } else if id == ids.rid {
            self.rid = span();
        } else if id == ids.repaired_rid {
            self.repaired_rid = span();
        }
    }
}

/// What changes from one written header to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// The marker bit.
    pub marker: bool,
    /// The payload type in the receiver's session.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub timestamp: u32,
    /// Transport-wide sequence number, where the session has it.
    pub transport_cc: u16,
    /// RFC 6464, where the template has a place for it.
    pub audio_level: u8,
}

/// A header built once for a stream; writing one is a copy and a few stores.
#[derive(Debug, Clone)]
pub struct Template {
    bytes: [u8; MAX_WRITTEN],
    len: usize,
    transport_cc: Option<usize>,
    audio_level: Option<usize>,
}

impl Template {
    /// A template for stream `ssrc` in section `mid`, with an audio level when `level` is set and
    /// the session has the extension. A mid that does not fit is left out.
    #[must_use]
    pub fn new(ssrc: u32, mid: &str, ids: &ExtensionIds, level: bool) -> Self {
        let mid_id = ids.mid.filter(|_| (1..=24).contains(&mid.len()));
        let level_id = ids.audio_level.filter(|_| level);
        let used = [mid_id, level_id, ids.transport_cc];
        let two_byte = used.iter().flatten().any(|&id| id > 14) || mid.len() > 16;
        let mut template =
            Self { bytes: [0; MAX_WRITTEN], len: FIXED, transport_cc: None, audio_level: None };
        template.bytes[0] = 0x80;
        template.bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        if used.iter().all(Option::is_none) {
            return template;
        }
        template.bytes[0] |= 0x10;
        let profile = if two_byte { TWO_BYTE } else { ONE_BYTE };
        template.bytes[12..14].copy_from_slice(&profile.to_be_bytes());
        template.len = FIXED + 4;
        if let Some(id) = ids.transport_cc {
            template.transport_cc = Some(template.element(id, &[0, 0], two_byte));
        }
        if let Some(id) = level_id {
            template.audio_level = Some(template.element(id, &[0], two_byte));
        }
        if let Some(id) = mid_id {
            template.element(id, mid.as_bytes(), two_byte);
        }
        template.len = template.len.next_multiple_of(4);
        let words = ((template.len - FIXED - 4) / 4) as u16;
        template.bytes[14..16].copy_from_slice(&words.to_be_bytes());
        template
    }

    /// Adds an element; gives where its value starts.
    fn element(&mut self, id: u8, value: &[u8], two_byte: bool) -> usize {
        let len = value.len() as u8;
        if two_byte {
            self.bytes[self.len] = id;
            self.bytes[self.len + 1] = len;
            self.len += 2;
        } else {
            self.bytes[self.len] = id << 4 | (len - 1);
            self.len += 1;
        }
        let at = self.len;
        self.bytes[at..at + value.len()].copy_from_slice(value);
        self.len += value.len();
        at
    }

    /// How many bytes a header takes.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.len
    }

    /// Writes a header at the start of `buffer`, which holds at least [`Template::header_len`] bytes.
    pub fn write(&self, header: &Outgoing, buffer: &mut [u8]) {
        buffer[..self.len].copy_from_slice(&self.bytes[..self.len]);
        buffer[1] = u8::from(header.marker) << 7 | header.payload_type & 0x7f;
        buffer[2..4].copy_from_slice(&header.sequence.to_be_bytes());
        buffer[4..8].copy_from_slice(&header.timestamp.to_be_bytes());
        if let Some(at) = self.transport_cc {
            buffer[at..at + 2].copy_from_slice(&header.transport_cc.to_be_bytes());
        }
        if let Some(at) = self.audio_level {
            buffer[at] = header.audio_level;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    const IDS: ExtensionIds = ExtensionIds {
        audio_level: Some(1),
        mid: Some(4),
        rid: Some(10),
        repaired_rid: Some(11),
        transport_cc: Some(3),
    };

    fn packet(extension: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x90, 0x80 | 96, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7];
        bytes.extend_from_slice(extension);
        bytes.extend_from_slice(b"payload");
        bytes
    }

    #[test]
    fn one_byte_extensions() {
        let bytes = packet(&[
            0xbe, 0xde, 0, 4, 0x10, 0x85, 0x31, 0xab, 0xcd, 0, 0x41, b'1', b'2', 0xa0, b'q', 0x20,
            9, 0, 0xf0, 0x33,
        ]);
        let header = Header::read(&bytes, &IDS).expect("well formed");
        assert_eq!((header.sequence, header.timestamp, header.ssrc), (0x1234, 9, 7));
        assert!(header.marker && !header.padding);
        assert_eq!(header.payload_type, 96);
        assert_eq!(header.audio_level, Some(0x85));
        assert_eq!(header.transport_cc, Some(0xabcd));
        assert_eq!(header.mid.map(|s| s.of(&bytes)), Some(&b"12"[..]));
        assert_eq!(header.rid.map(|s| s.of(&bytes)), Some(&b"q"[..]));
        assert_eq!(header.repaired_rid, None);
        assert_eq!(&bytes[header.len..], b"payload");
    }

    #[test]
    fn two_byte_extensions() {
        let bytes = packet(&[0x10, 0x00, 0, 2, 1, 1, 0x7f, 0, 11, 1, b'h', 0]);
        let header = Header::read(&bytes, &IDS).expect("well formed");
        assert_eq!(header.audio_level, Some(0x7f));
        assert_eq!(header.repaired_rid.map(|s| s.of(&bytes)), Some(&b"h"[..]));
        assert_eq!(&bytes[header.len..], b"payload");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let truncated: [&[u8]; 6] = [
            &[],
            &[0x80; 11],
            &[0x40, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0x8f, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 9],
            &[0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x1f, 0, 0, 0],
        ];
        for bytes in truncated {
            assert_eq!(Header::read(bytes, &IDS), None, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let two_byte = ExtensionIds { mid: Some(20), ..IDS };
        let none = ExtensionIds::default();
        for (ids, mid, level) in [
            (IDS, "3", true),
            (IDS, "a-long-mid-indeed", false),
            (two_byte, "3", true),
            (none, "3", true),
        ] {
            let template = Template::new(77, mid, &ids, level);
            let out = Outgoing {
                marker: true,
                payload_type: 111,
                sequence: 0xfffe,
                timestamp: 0xdead_beef,
                transport_cc: 0x0102,
                audio_level: 0x93,
            };
            let mut bytes = [0xaa; 128];
            template.write(&out, &mut bytes);
            let header = Header::read(&bytes, &ids).expect("own header");
            assert_eq!(header.len, template.header_len());
            assert_eq!((header.sequence, header.timestamp, header.ssrc), (0xfffe, 0xdead_beef, 77));
            assert_eq!((header.payload_type, header.marker), (111, true));
            assert_eq!(header.transport_cc, ids.transport_cc.map(|_| 0x0102));
            assert_eq!(header.audio_level, ids.audio_level.filter(|_| level).map(|_| 0x93));
            assert_eq!(header.mid.map(|s| s.of(&bytes)), ids.mid.map(|_| mid.as_bytes()));
            assert_eq!((header.rid, header.repaired_rid), (None, None));
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_stays_inside(mut bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0x3f | 0x80;
            }
            if let Some(header) = Header::read(&bytes, &IDS) {
                assert!(header.len <= bytes.len());
                for span in [header.mid, header.rid, header.repaired_rid].into_iter().flatten() {
                    assert_eq!(span.of(&bytes).len(), usize::from(span.len));
                }
            }
        }
    }
}
