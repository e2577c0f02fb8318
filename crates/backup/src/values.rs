//! The server's own values, each in a small file with two slots that are written in turn: a write
//! that is cut off leaves the value before it, and one that succeeds takes no new space.

use std::io;

use crate::disk::{Disk, DiskFile, FileName};
use crate::journal::ValueName;

/// Bytes of a slot, so that no disk writes both at once.
const SLOT: usize = 4_096;

/// Bytes of a slot before its value: checksum, length, and how often the value was written.
const FRAME: usize = 16;

/// What a value's file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The value that was put last, or before it when the last was damaged.
    Value(Vec<u8>),
    /// It was never put.
    Missing,
    /// There is a file, but nothing in it is what was written.
    Damaged,
}

struct Slot {
    turn: u64,
    value: Vec<u8>,
}

/// What was put under `name` last.
pub(crate) fn get(disk: &dyn Disk, name: ValueName) -> io::Result<Found> {
    let file = match disk.open(&FileName::value(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(error),
    };
    let newest = slots(file.as_ref())?.into_iter().flatten().max_by_key(|slot| slot.turn);
    Ok(newest.map_or(Found::Damaged, |slot| Found::Value(slot.value)))
}

/// Puts a value; it is durable once this returns.
pub(crate) fn put(disk: &dyn Disk, name: ValueName, value: &[u8]) -> io::Result<()> {
    if value.len() > ValueName::MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let file = match disk.open(&FileName::value(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return create(disk, name, value);
        }
        Err(error) => return Err(error),
    };
    let (place, turn) = match &slots(file.as_ref())? {
        [Some(first), Some(second)] if second.turn < first.turn => (1, first.turn),
        [Some(_), Some(second)] => (0, second.turn),
        [Some(first), None] => (1, first.turn),
        [None, Some(second)] => (0, second.turn),
        [None, None] => (0, 0),
    };
    file.write_at(&slot(turn.wrapping_add(1), value), (place * SLOT) as u64)?;
    file.sync()
}

/// Makes the file with the value in both slots: one can be lost.
fn create(disk: &dyn Disk, name: ValueName, value: &[u8]) -> io::Result<()> {
    let unfinished = FileName::unfinished_value(name);
    match disk.remove(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&unfinished)?;
    file.write_at(&[slot(1, value), slot(2, value)].concat(), 0)?;
    file.sync()?;
    disk.rename(&unfinished, &FileName::value(name))?;
    disk.sync()
}

fn slot(turn: u64, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).expect("bounded by ValueName::MAX_BYTES");
    let mut bytes = vec![0; SLOT];
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[8..16].copy_from_slice(&turn.to_le_bytes());
    bytes[FRAME..FRAME + value.len()].copy_from_slice(value);
    let crc = crc32c::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn slots(file: &dyn DiskFile) -> io::Result<[Option<Slot>; 2]> {
    let bytes = file.read_start(2 * SLOT)?;
    Ok([0, SLOT].map(|at| read_slot(bytes.get(at..)?.first_chunk()?)))
}

fn read_slot(bytes: &[u8; SLOT]) -> Option<Slot> {
    let (crc, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (turn, rest) = rest.split_first_chunk::<8>()?;
    if crc32c::crc32c(&bytes[4..]) != u32::from_le_bytes(*crc) {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    Some(Slot { turn: u64::from_le_bytes(*turn), value: rest.get(..length)?.to_vec() })
}
