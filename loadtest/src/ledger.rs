//! What was said when, by whom: shared by all bots of a process, which share one clock.
//!
//! The forwarder rewrites headers and leaves the media alone, so a fragment of media identifies what
//! was sent. A listener that receives it knows how long it took, and whether it should exist at all:
//! what a hostile bot sends is entered as *forbidden*, and a forbidden fragment that arrives anywhere
//! leaked, whatever slot it hides in.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use palabre_ids::Seat;
use rustc_hash::{FxHashMap, FxHasher};

/// Fragments shorter than this say too little to be told from others: silence is one.
const SHORTEST: usize = 24;

/// So many bytes tell a fragment from others, with its length: media are dense.
const TELLING: usize = 64;

/// A fragment is looked up this long after it was sent; later it may be said again in the loop.
const REMEMBERED: Duration = Duration::from_secs(3);

/// The fragments of one generation at most; what is said beyond them is not recognised. Eight bots send 800
/// a second.
const CAPACITY: usize = 32_768;

/// One fragment's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Who sent it.
    pub seat: Seat,
    /// When.
    pub at: Instant,
    /// Nobody may ever receive it.
    pub forbidden: bool,
}

/// A pause in what a seat says that is longer ends its speech: what it says next is another one.
const PAUSE: Duration = Duration::from_secs(1);

/// A seat that says something, again and again without a long pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speech {
    /// Since when.
    pub since: Instant,
    /// When it last said something.
    pub last: Instant,
}

/// The record, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    allowed: Generations,
    forbidden: FxHashMap<u64, Sent>,
    speech: BTreeMap<Seat, Speech>,
}

/// What was said lately. What is kept for longer than it is remembered costs memory that no cache holds, for
/// each of hundreds of rooms: a whole generation is forgotten at once, as the one after it is full of age.
#[derive(Debug, Default)]
struct Generations {
    /// Since when the young one is filled.
    since: Option<Instant>,
    young: FxHashMap<u64, Sent>,
    old: FxHashMap<u64, Sent>,
}

impl Generations {
    fn enter(&mut self, digest: u64, sent: Sent) {
        let since = *self.since.get_or_insert(sent.at);
        if sent.at.saturating_duration_since(since) >= REMEMBERED {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
            self.since = Some(sent.at);
        }
        if self.young.len() < CAPACITY {
            self.young.insert(digest, sent);
        }
    }

    fn get(&self, digest: u64, now: Instant) -> Option<Sent> {
        let sent = self.young.get(&digest).or_else(|| self.old.get(&digest))?;
        (now.saturating_duration_since(sent.at) < REMEMBERED).then_some(*sent)
    }
}

/// `of` tells apart what several seats send alike: every camera shows the same pictures.
fn digest(of: Option<Seat>, fragment: &[u8]) -> Option<u64> {
    if fragment.len() < SHORTEST {
        return None;
    }
    let mut hasher = FxHasher::default();
    hasher.write_u16(of.map_or(u16::MAX, |seat| u16::from(seat.0)));
    hasher.write_usize(fragment.len());
    hasher.write(&fragment[..fragment.len().min(TELLING)]);
    Some(hasher.finish())
}

impl Ledger {
    /// A bot sends a fragment of speech, which nobody else says.
    pub fn said(&self, seat: Seat, at: Instant, fragment: &[u8]) {
        {
            let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let speech = entries.speech.entry(seat).or_insert(Speech { since: at, last: at });
            if at.saturating_duration_since(speech.last) > PAUSE {
                speech.since = at;
            }
            speech.last = at;
        }
        self.enter(digest(None, fragment), Sent { seat, at, forbidden: false });
    }

    /// A bot sends a fragment of a picture, which others show too.
    pub fn shown(&self, seat: Seat, at: Instant, fragment: &[u8]) {
        self.enter(digest(Some(seat), fragment), Sent { seat, at, forbidden: false });
    }

    fn enter(&self, digest: Option<u64>, sent: Sent) {
        let Some(digest) = digest else { return };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.allowed.enter(digest, sent);
    }

    /// A hostile bot sends a fragment that nobody may receive. It is never forgotten.
    ///
    /// # Panics
    /// When it is too short to be recognised: the test would prove nothing.
    pub fn forbidden(&self, seat: Seat, at: Instant, fragment: &[u8]) {
        let digest = digest(None, fragment).expect("hostile media is long enough to be recognised");
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.forbidden.insert(digest, Sent { seat, at, forbidden: true });
    }

    /// Who sent a fragment that arrived in a slot of `of`, if a bot of this process did.
    #[must_use]
    pub fn look_up(&self, of: Option<Seat>, now: Instant, fragment: &[u8]) -> Option<Sent> {
        let said = digest(None, fragment)?;
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = |digest: u64| entries.allowed.get(digest, now);
        let shown = || of.and_then(|seat| digest(Some(seat), fragment)).and_then(allowed);
        entries.forbidden.get(&said).copied().or_else(|| allowed(said)).or_else(shown)
    }

    /// Who said something so far, and when.
    #[must_use]
    pub fn speech(&self) -> BTreeMap<Seat, Speech> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).speech.clone()
    }

    /// How many different fragments nobody may receive were sent.
    #[must_use]
    pub fn forbidden_count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).forbidden.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forbidden_is_known_for_ever_and_the_rest_for_a_while() {
        let (ledger, now) = (Ledger::default(), Instant::now());
        ledger.said(Seat(1), now, &[1; 40]);
        ledger.forbidden(Seat(2), now, &[2; 40]);
        let later = now + Duration::from_secs(60);
        assert_eq!(ledger.look_up(None, now, &[1; 40]).map(|sent| sent.seat), Some(Seat(1)));
        assert_eq!(ledger.look_up(None, later, &[1; 40]), None);
        assert!(ledger.look_up(None, later, &[2; 40]).is_some_and(|sent| sent.forbidden));
        assert_eq!(ledger.look_up(None, now, &[3; 40]), None);
    }

    #[test]
    fn what_was_said_lately_is_known_across_generations_and_anew_when_it_is_said_again() {
        let (ledger, start) = (Ledger::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        // Something is said every 100 ms, and the same again after four seconds.
        for tenth in 0..100_u64 {
            ledger.said(Seat(1), at(tenth * 100), &[(tenth % 40) as u8; 40]);
            let known = |ago: u64| {
                let then = tenth.checked_sub(ago)?;
                let found = ledger.look_up(None, at(tenth * 100), &[(then % 40) as u8; 40]);
                found.map(|sent| sent.at == at(then * 100))
            };
            assert!((0..=tenth.min(29)).all(|ago| known(ago) == Some(true)), "{tenth}");
            assert!((30..40).all(|ago| known(ago).is_none()), "{tenth}");
            let entries = ledger.0.lock().expect("nobody panicked");
            let kept = [&entries.allowed.young, &entries.allowed.old].map(FxHashMap::len);
            assert!(kept.iter().all(|kept| *kept <= 30), "{kept:?} of 10 a second");
        }
    }

    #[test]
    fn what_is_compared_tells_every_fragment_of_a_camera_from_the_others() {
        use crate::media::camera::{Layer, LayerSender};
        let mut seen = std::collections::HashSet::new();
        for layer in Layer::fixtures().expect("committed files") {
            let mut sender = LayerSender::new();
            for packet in (0..60).flat_map(|_| sender.next(&layer)) {
                let digest = digest(Some(Seat(1)), &packet.payload.media);
                // What is too short identifies nothing, and is not compared.
                assert!(digest.is_none_or(|digest| seen.insert(digest)));
            }
        }
        assert!(seen.len() > 180, "{} fragments", seen.len());
    }

    #[test]
    fn silence_identifies_nobody() {
        let (ledger, now) = (Ledger::default(), Instant::now());
        ledger.said(Seat(1), now, &[0; 3]);
        assert_eq!(ledger.look_up(None, now, &[0; 3]), None);
    }
}
