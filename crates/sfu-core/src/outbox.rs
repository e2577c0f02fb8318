//! Datagrams on their way out: one flat buffer that is used again for every batch.

use crate::Path;

/// The largest datagram that is built: a packet a peer may send us, plus what a header rewrite and
/// protection may add to it.
pub const MAX_DATAGRAM: usize = 1_600;

/// What is given up first when a receiver takes less than there is for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Urgency {
    /// Checks, the handshake, reports, sound: kept as long as anything is.
    #[default]
    Vital,
    /// Cameras and screens.
    Picture,
}

/// A batch of datagrams to send. Once warm it allocates nothing: [`Outbox::clear`] keeps the
/// storage.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    used: usize,
    entries: Vec<Entry>,
    has_framed: bool,
}

struct Entry {
    path: Path,
    urgency: Urgency,
    start: usize,
    end: usize,
}

/// A datagram that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting<'a> {
    /// Where it goes.
    pub path: Path,
    /// Whether it can be given up.
    pub urgency: Urgency,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many datagrams wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The datagrams in the order they were made. Two datagrams of one destination keep their
    /// order; between destinations order does not matter, so a caller may group them.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.entries.iter().map(|e| (e.path, &self.bytes[e.start..e.end]))
    }

    /// The datagram that was made as number `at`, from 0.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<(Path, &[u8])> {
        self.entries.get(at).map(|e| (e.path, &self.bytes[e.start..e.end]))
    }

    /// Whether TCP connections carry any of them.
    #[must_use]
    pub fn has_framed(&self) -> bool {
        self.has_framed
    }

    /// Those of them that TCP connections carry, in the order they were made.
    pub fn framed(&self) -> impl Iterator<Item = Waiting<'_>> {
        let framed = self.entries.iter().filter(|e| e.path.is_tcp());
        framed.map(|e| Waiting {
            path: e.path,
            urgency: e.urgency,
            bytes: &self.bytes[e.start..e.end],
        })
    }

    /// Forgets the datagrams and keeps the storage.
    pub fn clear(&mut self) {
        self.used = 0;
        self.entries.clear();
        self.has_framed = false;
    }

    /// Adds a datagram that `build` writes into up to `max` bytes; it gives the length, or `None` to
    /// add nothing. What the bytes held before is arbitrary.
    pub fn push_with(
        &mut self,
        path: Path,
        max: usize,
        build: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        self.push_media(path, Urgency::Vital, max, build)
    }

    /// The same for a datagram that may be given up.
    pub fn push_media(
        &mut self,
        path: Path,
        urgency: Urgency,
        max: usize,
        build: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        let (start, end) = (self.used, self.used + max);
        if self.bytes.len() < end {
            self.bytes.resize(end.next_power_of_two(), 0);
        }
        let Some(len) = build(&mut self.bytes[start..end]) else { return false };
        debug_assert!(len <= max, "a builder stays within its bytes");
        let end = start + len.min(max);
        self.used = end;
        self.has_framed |= path.is_tcp();
        self.entries.push(Entry { path, urgency, start, end });
        true
    }

    /// Adds a copy of `datagram`.
    pub fn push(&mut self, path: Path, datagram: &[u8]) {
        self.push_with(path, datagram.len(), |bytes| {
            bytes.copy_from_slice(datagram);
            Some(datagram.len())
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;

    fn path(port: u16) -> Path {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Path::udp(local, SocketAddr::new(local, port))
    }

    #[test]
    fn datagrams_come_out_as_they_went_in() {
        let mut out = Outbox::new();
        out.push(path(1), b"one");
        assert!(!out.push_with(path(2), 100, |_| None), "nothing is added");
        assert!(out.push_with(path(3), 1_500, |bytes| {
            bytes[..2].copy_from_slice(b"xy");
            Some(2)
        }));
        let got: Vec<_> = out.iter().collect();
        assert_eq!(got, [(path(1), &b"one"[..]), (path(3), &b"xy"[..])]);
        assert_eq!((out.get(1), out.get(2)), (Some((path(3), &b"xy"[..])), None));
        out.clear();
        assert!(out.is_empty() && out.iter().next().is_none());
        out.push(path(4), b"again");
        assert_eq!(out.iter().collect::<Vec<_>>(), [(path(4), &b"again"[..])]);
    }
}
