//! RTCP (RFC 3550, RFC 4585, RFC 5104): compound packets read where they lie, and written at the end
//! of a buffer.

use crate::media::reception::ReportBlock;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// How many packets of one compound are read: a browser sends a handful.
const MAX_PACKETS: usize = 32;
/// How many report blocks fit a report.
pub const MAX_BLOCKS: usize = 31;

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// What a source sent, and what it received.
    SenderReport {
        /// The source.
        ssrc: u32,
        /// Its clock.
        ntp: u64,
        /// The same moment in RTP timestamps.
        rtp: u32,
        /// What it received.
        blocks: Blocks<'a>,
    },
    /// What a source received.
    ReceiverReport {
        /// What it received.
        blocks: Blocks<'a>,
    },
    /// Packets asked for again.
    Nack {
        /// Whose.
        media: u32,
        /// Which.
        lost: Lost<'a>,
    },
    /// A keyframe is asked for, by PLI or FIR.
    KeyframeRequest {
        /// Of which source.
        media: u32,
    },
}

/// Report blocks of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks<'a>(&'a [u8]);

impl Blocks<'_> {
    /// The blocks.
    pub fn iter(self) -> impl Iterator<Item = ReportBlock> {
        self.0.chunks_exact(24).map(|b| ReportBlock {
            ssrc: word(b, 0),
            fraction_lost: b[4],
            lost: word(b, 4) & 0xff_ffff,
            highest: word(b, 8),
            jitter: word(b, 12),
            last_report: word(b, 16),
            delay: word(b, 20),
        })
    }
}

/// Sequence numbers asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost<'a>(&'a [u8]);

impl Lost<'_> {
    /// The sequence numbers, at most 17 for each of a packet's items.
    pub fn iter(self) -> impl Iterator<Item = u16> + Clone {
        self.0.chunks_exact(4).flat_map(|item| {
            let first = u16::from_be_bytes([item[0], item[1]]);
            let mask = u16::from_be_bytes([item[2], item[3]]);
            std::iter::once(first).chain(
                (0..16_u16)
                    .filter(move |bit| mask >> bit & 1 == 1)
                    .map(move |bit| first.wrapping_add(bit + 1)),
            )
        })
    }
}

/// The word at `at`; the caller knows that it is there.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The packets of a compound that mean something here. It ends at the first malformed one.
#[must_use]
pub fn read(compound: &[u8]) -> Reader<'_> {
    Reader { rest: compound, left: MAX_PACKETS }
}

/// Iterates over a compound.
pub struct Reader<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Reader<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        while self.left > 0 {
            self.left -= 1;
            let head = self.rest.first_chunk::<4>()?;
            let len = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
            if head[0] >> 6 != 2 || len > self.rest.len() {
                return None;
            }
            let (packet, rest) = self.rest.split_at(len);
            self.rest = rest;
            if let Some(packet) = parse(packet) {
                return Some(packet);
            }
        }
        None
    }
}

/// One packet of known length; `None` for what means nothing here.
fn parse(packet: &[u8]) -> Option<Packet<'_>> {
    let count = usize::from(packet[0] & 0x1f);
    let mut body = &packet[4..];
    if packet[0] & 0x20 != 0 {
        let padding = usize::from(*body.last()?);
        body = body.get(..body.len().checked_sub(padding)?)?;
    }
    let blocks = |from: usize| Some(Blocks(body.get(from..from + 24 * count)?));
    let at = |from: usize| body.get(from..from + 4).map(|bytes| word(bytes, 0));
    match (packet[1], count) {
        (SENDER_REPORT, _) => Some(Packet::SenderReport {
            ssrc: at(0)?,
            ntp: u64::from(at(4)?) << 32 | u64::from(at(8)?),
            rtp: at(12)?,
            blocks: blocks(24)?,
        }),
        (RECEIVER_REPORT, _) => Some(Packet::ReceiverReport { blocks: blocks(4)? }),
        (TRANSPORT_FEEDBACK, 1) => Some(Packet::Nack { media: at(4)?, lost: Lost(body.get(8..)?) }),
        (PAYLOAD_FEEDBACK, 1) => Some(Packet::KeyframeRequest { media: at(4)? }),
        // FIR names its source in its entry; browsers send one.
        (PAYLOAD_FEEDBACK, 4) => Some(Packet::KeyframeRequest { media: at(8)? }),
        _ => None,
    }
}

fn head(out: &mut Vec<u8>, count: usize, kind: u8, body_len: usize) {
    out.push(0x80 | count as u8);
    out.push(kind);
    out.extend_from_slice(&((body_len / 4) as u16).to_be_bytes());
}

/// Appends a sender report without blocks.
pub fn write_sender_report(
    out: &mut Vec<u8>,
    ssrc: u32,
    ntp: u64,
    rtp: u32,
    packets: u32,
    octets: u32,
) {
    head(out, 0, SENDER_REPORT, 24);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&ntp.to_be_bytes());
    for word in [rtp, packets, octets] {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Appends a receiver report of at most [`MAX_BLOCKS`] blocks.
pub fn write_receiver_report(
    out: &mut Vec<u8>,
    sender: u32,
    blocks: impl Iterator<Item = ReportBlock>,
) {
    let start = out.len();
    head(out, 0, RECEIVER_REPORT, 4);
    out.extend_from_slice(&sender.to_be_bytes());
    let mut count = 0;
    for block in blocks.take(MAX_BLOCKS) {
        count += 1;
        let lost = u32::from(block.fraction_lost) << 24 | block.lost & 0xff_ffff;
        for word in [block.ssrc, lost, block.highest, block.jitter, block.last_report, block.delay]
        {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    out[start] |= count;
    let words = u16::from(count) * 6 + 1;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

/// Appends a description that gives `ssrc` the canonical name `name` (RFC 3550 section 6.5); a name
/// is cut at 255 bytes.
pub fn write_description(out: &mut Vec<u8>, ssrc: u32, name: &[u8]) {
    let name = &name[..name.len().min(255)];
    // The item, and at least one zero to end the list.
    let body = (4 + 2 + name.len() + 1).next_multiple_of(4);
    head(out, 1, DESCRIPTION, body);
    let end = out.len() + body;
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, name.len() as u8]);
    out.extend_from_slice(name);
    out.resize(end, 0);
}

/// Appends a request for a keyframe (PLI).
pub fn write_keyframe_request(out: &mut Vec<u8>, sender: u32, media: u32) {
    head(out, 1, PAYLOAD_FEEDBACK, 8);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
}

/// Appends a request for lost packets; `lost` ascends (and may wrap).
pub fn write_nack(out: &mut Vec<u8>, sender: u32, media: u32, lost: &[u16]) {
    let start = out.len();
    head(out, 1, TRANSPORT_FEEDBACK, 8);
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&media.to_be_bytes());
    let mut rest = lost;
    while let Some((&first, after)) = rest.split_first() {
        let near = after.iter().take_while(|&&s| (1..=16).contains(&s.wrapping_sub(first))).count();
        let mask = after[..near].iter().fold(0, |m, &s| m | 1_u16 << (s.wrapping_sub(first) - 1));
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        rest = &after[near..];
    }
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 5,
        fraction_lost: 64,
        lost: 0x1234,
        highest: 0x1_ffff,
        jitter: 77,
        last_report: 0xaabb_ccdd,
        delay: 65_536,
    };

    #[test]
    fn what_is_written_is_read_back_by_us_and_by_another() {
        let mut out = Vec::new();
        write_sender_report(&mut out, 1, 0x0102_0304_0506_0708, 9, 10, 11);
        write_receiver_report(&mut out, 2, [BLOCK, ReportBlock { ssrc: 6, ..BLOCK }].into_iter());
        write_description(&mut out, 2, b"palabre");
        write_nack(&mut out, 2, 3, &[65_530, 65_531, 0, 10, 11]);
        write_keyframe_request(&mut out, 2, 4);
        let read: Vec<_> = read(&out).collect();
        let [
            Packet::SenderReport { ssrc: 1, ntp: 0x0102_0304_0506_0708, rtp: 9, .. },
            Packet::ReceiverReport { blocks },
            Packet::Nack { media: 3, lost },
            Packet::KeyframeRequest { media: 4 },
        ] = read[..]
        else {
            panic!("{read:?}");
        };
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [BLOCK, ReportBlock { ssrc: 6, ..BLOCK }]);
        assert_eq!(lost.iter().collect::<Vec<_>>(), [65_530, 65_531, 0, 10, 11]);

        let others = rtc_rtcp::packet::unmarshal(&mut &out[..]).expect("well formed");
        assert_eq!(others.len(), 5);
        let description = others[2]
            .as_any()
            .downcast_ref::<rtc_rtcp::source_description::SourceDescription>()
            .expect("a description");
        assert_eq!(&description.chunks[0].items[0].text[..], b"palabre");
    }

    #[test]
    fn a_fir_names_its_source_in_its_entry() {
        let fir = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0];
        assert_eq!(read(&fir).collect::<Vec<_>>(), [Packet::KeyframeRequest { media: 9 }]);
    }

    #[test]
    fn what_does_not_fit_ends_the_compound() {
        let mut out = Vec::new();
        write_keyframe_request(&mut out, 1, 2);
        let whole = out.len();
        write_nack(&mut out, 1, 2, &[3]);
        for cut in whole..out.len() {
            assert_eq!(read(&out[..cut]).count(), 1);
        }
        // A report that claims more blocks than it has.
        assert_eq!(read(&[0x9f, 201, 0, 1, 0, 0, 0, 1]).count(), 0);
        // Padding longer than the packet.
        assert_eq!(read(&[0xa1, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 255]).count(), 0);
    }

    proptest! {
        #[test]
        fn nacks_survive(mut lost in proptest::collection::btree_set(0_u16..60_000, 1..60), at in any::<u16>()) {
            let lost: Vec<u16> = std::mem::take(&mut lost).into_iter().map(|s| s.wrapping_add(at)).collect();
            let mut out = Vec::new();
            write_nack(&mut out, 1, 2, &lost);
            let Some(Packet::Nack { media: 2, lost: got }) = read(&out).next() else { panic!() };
            prop_assert_eq!(got.iter().collect::<Vec<_>>(), lost);
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for packet in read(&bytes) {
                if let Packet::Nack { lost, .. } = packet {
                    lost.iter().count();
                }
            }
        }

        #[test]
        fn mutated_compounds_never_panic(at in 0_usize..100, byte in any::<u8>()) {
            let mut out = Vec::new();
            write_sender_report(&mut out, 1, 2, 9, 10, 11);
            write_receiver_report(&mut out, 2, std::iter::once(BLOCK));
            write_nack(&mut out, 2, 3, &[1, 2, 3]);
            let len = out.len();
            out[at % len] = byte;
            for packet in read(&out) {
                if let Packet::ReceiverReport { blocks } | Packet::SenderReport { blocks, .. } = packet {
                    blocks.iter().count();
                }
            }
        }
    }
}
