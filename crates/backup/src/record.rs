//! What is inside a room's file: a header, then records, then zeros to be written over.
//!
//! ```text
//! header   magic[8] version:u32 until:u64 room[32] crc32c:u32        of all before it
//! record   crc32c:u32 length:u32 kind:u8 number:u64 payload[length]  of all after it
//! ```
//! All numbers are little-endian. The first record is a snapshot, those after it are inputs, each
//! numbered one higher. Reading stops at the first record that is not whole and in its order, so what
//! is read is always a prefix of what was written. A header has this layout in every version, so that
//! another version is told apart from damage.

use palabre_ids::{RoomId, UnixMillis};

const MAGIC: [u8; 8] = *b"palabre\n";

/// The version of the layout of records and of what is in them.
const VERSION: u32 = 1;

/// Bytes of the header.
pub(crate) const HEADER: usize = 56;

/// Bytes of a record beside its payload.
pub(crate) const FRAME: usize = 17;

/// The longest payload. A room's state is some tens of kilobytes; a length beyond this is damage.
const MAX_PAYLOAD: usize = 64 << 20;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Snapshot = 1,
    Entry = 2,
}

/// The header of `room`'s file.
pub(crate) fn header(room: &RoomId, until: UnixMillis) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&until.0.to_le_bytes());
    bytes[20..52].copy_from_slice(&padded(room));
    let crc = crc32c::crc32c(&bytes[..52]);
    bytes[52..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn padded(room: &RoomId) -> [u8; 32] {
    let mut name = [0; 32];
    // An identifier has at most 32 bytes, none of them zero.
    name[..room.as_str().len()].copy_from_slice(room.as_str().as_bytes());
    name
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// It is this room's, to be kept until then.
    Good(UnixMillis),
    /// This room's, to be kept until then, and written by another version.
    OtherVersion(UnixMillis),
    /// It is not what was written, or another room's.
    Damaged,
}

/// Reads the header of `room`'s file.
pub(crate) fn read_header(bytes: &[u8], room: &RoomId) -> Header {
    let Some(bytes) = bytes.first_chunk::<HEADER>() else { return Header::Damaged };
    if bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..52]) != u32_at(bytes, 52) {
        return Header::Damaged;
    }
    if bytes[20..52] != padded(room) {
        return Header::Damaged;
    }
    let until = UnixMillis(u64_at(bytes, 12));
    if u32_at(bytes, 8) == VERSION { Header::Good(until) } else { Header::OtherVersion(until) }
}

/// Adds a record to `bytes`. `None` when the payload is too long, and then nothing is added.
pub(crate) fn push(bytes: &mut Vec<u8>, kind: Kind, number: u64, payload: &[u8]) -> Option<()> {
    if payload.len() > MAX_PAYLOAD {
        return None;
    }
    let length = u32::try_from(payload.len()).ok()?;
    let at = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.push(kind as u8);
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(payload);
    let crc = crc32c::crc32c(&bytes[at + 4..]);
    bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    Some(())
}

/// A record, as it lies in its file.
struct Record<'a> {
    kind: Kind,
    number: u64,
    payload: &'a [u8],
}

impl Record<'_> {
    fn length(&self) -> usize {
        FRAME + self.payload.len()
    }
}

/// The record that `bytes` begin with, if it is whole.
fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let frame = bytes.first_chunk::<FRAME>()?;
    let kind = match frame[8] {
        1 => Kind::Snapshot,
        2 => Kind::Entry,
        _ => return None,
    };
    let length = usize::try_from(u32_at(frame, 4)).ok()?;
    if length > MAX_PAYLOAD {
        return None;
    }
    let whole = bytes.get(..FRAME + length)?;
    if crc32c::crc32c(&whole[4..]) != u32_at(frame, 0) {
        return None;
    }
    Some(Record { kind, number: u64_at(frame, 9), payload: &whole[FRAME..] })
}

/// What follows the records that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing but zeros.
    Clean,
    /// A record that was not written to its end: nobody was told of it.
    Torn,
    /// Something unreadable with whole records behind it: what was acknowledged is lost.
    Damaged,
}

/// What can be used of a room's records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The number that the snapshot includes.
    pub(crate) number: u64,
    /// The snapshot.
    pub(crate) state: Vec<u8>,
    /// The inputs after it.
    pub(crate) entries: Vec<(u64, Vec<u8>)>,
    /// How many bytes of records these are.
    pub(crate) length: usize,
    /// What follows them.
    pub(crate) tail: Tail,
}

impl Contents {
    /// The number of the last input.
    pub(crate) fn last(&self) -> u64 {
        self.entries.last().map_or(self.number, |(number, _)| *number)
    }
}

/// Reads records: the longest run from the start that is whole and in order. `None` when not even
/// the snapshot is.
pub(crate) fn read(bytes: &[u8]) -> Option<Contents> {
    let first = record(bytes).filter(|first| first.kind == Kind::Snapshot)?;
    let mut contents = Contents {
        number: first.number,
        state: first.payload.to_vec(),
        entries: Vec::new(),
        length: first.length(),
        tail: Tail::Clean,
    };
    while let Some(next) = record(&bytes[contents.length..]) {
        if next.kind != Kind::Entry || Some(next.number) != contents.last().checked_add(1) {
            break;
        }
        contents.length += next.length();
        contents.entries.push((next.number, next.payload.to_vec()));
    }
    let rest = &bytes[contents.length..];
    contents.tail = if rest.iter().all(|byte| *byte == 0) {
        Tail::Clean
    } else if holds_a_record(rest) {
        Tail::Damaged
    } else {
        Tail::Torn
    };
    Some(contents)
}

/// Whether a whole record lies anywhere in `bytes`. Nearly every place is ruled out by its kind or
/// its length before anything is summed up.
fn holds_a_record(bytes: &[u8]) -> bool {
    (0..bytes.len().saturating_sub(FRAME - 1)).any(|at| record(&bytes[at..]).is_some())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let array = bytes[at..].first_chunk().expect("a fixed place in a fixed frame");
    u32::from_le_bytes(*array)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let array = bytes[at..].first_chunk().expect("a fixed place in a fixed frame");
    u64::from_le_bytes(*array)
}
