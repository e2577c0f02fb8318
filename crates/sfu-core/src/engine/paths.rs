//! Where a peer is: which of the addresses that something came from is sent to, and how much.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::Path;
use crate::outbox::Urgency;

/// How many validated paths of a peer are remembered: a page has a few addresses, and each restart
/// adds some.
const MAX_PATHS: usize = 8;
/// A path from which nothing came for so long gives way to one that a check came from.
const PATH_SILENCE: Duration = Duration::from_secs(1);
/// How many bytes may go to a path for each that came from it while only checks vouch for it (RFC
/// 9000 section 8.1 has the same). A check says who made it and not where they are: less starves the
/// page that waits there for something to answer, more is a hose that a participant can point.
const MOST_FOR_A_CHECK: usize = 3;
/// How many bytes of pictures may go to another host on the word of media alone: whoever has the keys
/// sent them, and may have written an address that is somebody else's. More is a longer hose for a
/// participant who means ill; less may stop the pictures of whoever changed their network until their
/// next report, which comes within a second or two.
const PICTURES_ON_TRUST: usize = 256 << 10;
/// How long until that much is given again.
const TRUST_AGAIN: Duration = Duration::from_secs(10);

/// How far the current path is vouched for.
#[derive(Default)]
enum Trust {
    /// By the handshake, by an answer to what we sent there, or by media from the host that was
    /// proven: a router changes its port.
    #[default]
    Proven,
    /// By media or reports from another host. Sound goes there, pictures as far as there is credit.
    Heard {
        /// How many bytes of pictures may still be sent there.
        credit: usize,
        /// What answers something that we sent there since proves it.
        since: Instant,
    },
    /// By checks alone.
    Checked {
        /// How many bytes may still be sent there.
        credit: usize,
        /// The last path that was proven: it takes the rest.
        home: Option<Path>,
    },
}

/// Where a peer is, and where it may be.
#[derive(Default)]
pub(super) struct Paths {
    current: Option<Path>,
    trust: Trust,
    /// The host that was proven last.
    host: Option<IpAddr>,
    /// When pictures were last sent to another on trust.
    trusted: Option<Instant>,
    heard: Option<Instant>,
    /// Validated by a check or by authentic media; oldest first.
    known: Vec<Path>,
}

impl Paths {
    pub(super) fn current(&self) -> Option<Path> {
        self.current
    }

    /// Whether `path` is the current one, by more than checks.
    pub(super) fn is_followed(&self, path: Path) -> bool {
        self.current == Some(path) && !matches!(self.trust, Trust::Checked { .. })
    }

    /// Where `len` bytes are to be sent now; they count as sent.
    #[inline]
    pub(super) fn spend(&mut self, len: usize, urgency: Urgency) -> Option<&Path> {
        match &mut self.trust {
            Trust::Proven => self.current.as_ref(),
            Trust::Heard { credit, .. } => {
                if urgency == Urgency::Picture {
                    *credit = credit.checked_sub(len)?;
                }
                self.current.as_ref()
            }
            Trust::Checked { credit, home } => match credit.checked_sub(len) {
                Some(rest) => {
                    *credit = rest;
                    self.current.as_ref()
                }
                None => home.as_ref(),
            },
        }
    }

    pub(super) fn known(&self) -> &[Path] {
        &self.known
    }

    /// Adds a path; gives the one that makes room for it.
    pub(super) fn learn(&mut self, path: Path) -> Option<Path> {
        if self.known.contains(&path) {
            return None;
        }
        self.known.push(path);
        if self.known.len() <= MAX_PATHS {
            return None;
        }
        let oldest = self.known.iter().position(|p| Some(*p) != self.current)?;
        Some(self.known.remove(oldest))
    }

    /// Forgets a path that has ended. When it was the current one, what there is goes where the peer
    /// was proven to be before, or nowhere until something comes from it.
    pub(super) fn forget(&mut self, path: Path) {
        self.known.retain(|known| *known != path);
        if let Trust::Checked { home, .. } = &mut self.trust {
            home.take_if(|home| *home == path);
        }
        if self.current != Some(path) {
            return;
        }
        let home = match std::mem::take(&mut self.trust) {
            Trust::Proven | Trust::Heard { .. } => None,
            Trust::Checked { home, .. } => home,
        };
        (self.current, self.heard) = (home, None);
    }

    /// Sends to `path`, which answered something that we sent there, from now on.
    pub(super) fn prove(&mut self, now: Instant, path: Path) {
        (self.current, self.trust) = (Some(path), Trust::Proven);
        (self.host, self.heard) = (Some(path.remote.ip()), Some(now));
    }

    /// Sends to `path`, where authentic media or reports came from, from now on.
    pub(super) fn follow(&mut self, now: Instant, path: Path) {
        if path.is_tcp() || self.host.is_none_or(|host| host == path.remote.ip()) {
            self.prove(now, path);
            return;
        }
        let anew = self.trusted.is_none_or(|trusted| now >= trusted + TRUST_AGAIN);
        if anew {
            self.trusted = Some(now);
        }
        let credit = if anew { PICTURES_ON_TRUST } else { 0 };
        (self.current, self.trust) = (Some(path), Trust::Heard { credit, since: now });
        self.heard = Some(now);
    }

    /// Notes that `path` answered something that was sent to the current one at `sent`.
    pub(super) fn answered(&mut self, now: Instant, path: Path, sent: Instant) {
        if let Trust::Heard { since, .. } = self.trust
            && self.current == Some(path)
            && sent > since
        {
            self.prove(now, path);
        }
    }

    /// Sends to `path` as far as a check vouches for it. `begins` a path generation: no check does so
    /// twice, so nobody but the peer sent it; over TCP nobody else is at its far end either.
    pub(super) fn follow_check(&mut self, now: Instant, path: Path, begins: bool) {
        self.heard = Some(now);
        if self.current == Some(path) {
            return;
        }
        let home = match self.trust {
            Trust::Proven => self.current,
            // To come back there by a check must prove no more than it did.
            Trust::Heard { .. } => None,
            Trust::Checked { home, .. } => home,
        };
        let is_there = home == Some(path) || begins && path.is_tcp();
        self.trust = if is_there { Trust::Proven } else { Trust::Checked { credit: 0, home } };
        self.current = Some(path);
    }

    /// Counts a check of `len` bytes from `path`, which was answered by `answered`.
    pub(super) fn credit(&mut self, path: Path, len: usize, answered: usize) {
        if let Trust::Checked { credit, .. } | Trust::Heard { credit, .. } = &mut self.trust
            && self.current == Some(path)
        {
            *credit = credit.saturating_add((len * MOST_FOR_A_CHECK).saturating_sub(answered));
        }
    }

    /// Nothing came for so long that somebody else may be there.
    pub(super) fn distrust(&mut self) {
        self.trust = Trust::Checked { credit: 0, home: None };
    }

    /// Notes something authentic from `path`.
    pub(super) fn hear(&mut self, now: Instant, path: Path) {
        if self.current == Some(path) {
            self.heard = Some(now);
        }
    }

    /// Whether a check that names no choice is a reason to follow it: the path is a new one, or
    /// the current one has gone silent. A page opens TCP connections beside a path that serves it
    /// well, and checks them: only silence leads from UDP to TCP.
    pub(super) fn should_follow(&self, now: Instant, path: Path) -> bool {
        let silent = self.heard.is_none_or(|heard| now >= heard + PATH_SILENCE);
        let Some(current) = self.current else { return true };
        let new = !self.known.contains(&path) && (!path.is_tcp() || current.is_tcp());
        new || silent
    }
}
