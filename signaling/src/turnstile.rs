//! The order in which pages come in when more come at once than a server should take: after a restart
//! everybody does. Whoever has the floor or the chair goes first, for the others wait for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use palabre_ids::UnixMillis;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::clock::ServerClock;
use crate::limits::Bucket;

/// Pages that come in at once, without waiting: a dozen rooms. Higher lets a herd through.
const AT_ONCE: u32 = 100;

/// Pages that come in each second beyond that. Each is a commit to the disk and, at once after it, a
/// handshake for its media (one to two milliseconds of a processor): 300 take about half of one. Lower
/// keeps the last of a thousand waiting longer than a page waits for an answer (5 s).
pub(crate) const PER_SECOND: u32 = 300;

/// How often those who wait are looked at, while any do.
const BEAT: Duration = Duration::from_millis(5);

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// The holder of the floor, or of the chair.
    First,
    /// Everybody else.
    Other,
}

/// Who waits, in order.
struct Line<T> {
    places: Bucket,
    waiting: BTreeMap<(Class, u64), T>,
    came: u64,
}

impl<T> Line<T> {
    fn new(now: UnixMillis) -> Self {
        Self { places: Bucket::new(AT_ONCE, PER_SECOND, now), waiting: BTreeMap::new(), came: 0 }
    }

    /// Whether somebody may go on at once; otherwise they are to wait.
    fn goes(&mut self, now: UnixMillis) -> bool {
        self.waiting.is_empty() && self.places.take(1, now)
    }

    fn wait(&mut self, class: Class, who: T) {
        self.came += 1;
        self.waiting.insert((class, self.came), who);
    }

    /// The next who may go on; who has given up meanwhile (`is_here`) takes up no place.
    fn next(&mut self, now: UnixMillis, is_here: impl Fn(&T) -> bool) -> Option<T> {
        self.waiting.retain(|_, who| is_here(who));
        if self.waiting.is_empty() || !self.places.take(1, now) {
            return None;
        }
        self.waiting.pop_first().map(|(_, who)| who)
    }
}

/// The turnstile.
#[derive(Clone)]
pub(crate) struct Turnstile {
    line: Arc<Mutex<Line<oneshot::Sender<()>>>>,
    clock: ServerClock,
}

impl Turnstile {
    pub(crate) fn new(clock: ServerClock) -> Self {
        Self { line: Arc::new(Mutex::new(Line::new(clock.now()))), clock }
    }

    /// Waits until a page may come in. Whoever gives up waiting takes up no place.
    pub(crate) async fn pass(&self, class: Class) {
        let passed = self.with(|line| {
            if line.goes(self.clock.now()) {
                return None;
            }
            let (sender, passed) = oneshot::channel();
            // The first one who waits has the line served until nobody does.
            let first = line.waiting.is_empty();
            line.wait(class, sender);
            Some((passed, first))
        });
        let Some((passed, first)) = passed else { return };
        if first {
            tokio::spawn(self.clone().serve());
        }
        // An error is the end of the server.
        let _ = passed.await;
    }

    async fn serve(self) {
        loop {
            let done = self.with(|line| {
                while let Some(next) = line.next(self.clock.now(), |who| !who.is_closed()) {
                    // Who gave up in this very moment took a place.
                    let _ = next.send(());
                }
                line.waiting.is_empty()
            });
            if done {
                return;
            }
            sleep(BEAT).await;
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Line<oneshot::Sender<()>>) -> R) -> R {
        // Nothing under it panics half-way.
        f(&mut self.line.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of a thousand pages comes in that come within `spread` milliseconds, two of eight of
    /// them first.
    fn storm(seed: u64, spread: u64) -> Vec<(Class, u64, u64)> {
        let mut state = seed;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let start = 1_000_000;
        let mut line = Line::new(UnixMillis(start));
        let mut coming: Vec<(u64, Class)> = (0..1_000)
            .map(|page| (random(spread), if page % 8 < 2 { Class::First } else { Class::Other }))
            .collect();
        coming.sort_by_key(|(at, _)| *at);
        let mut coming = coming.into_iter().peekable();
        let mut let_in = Vec::new();
        for now in 0..60_000 {
            let time = UnixMillis(start + now);
            while let Some((at, class)) = coming.next_if(|(at, _)| *at <= now) {
                if line.goes(time) {
                    let_in.push((class, at, now));
                } else {
                    line.wait(class, (class, at));
                }
            }
            if now % 5 == 0 {
                while let Some((class, at)) = line.next(time, |_| true) {
                    let_in.push((class, at, now));
                }
            }
        }
        let_in
    }

    #[test]
    fn a_thousand_pages_come_in_evenly_and_the_speakers_first() {
        for seed in 0..200 {
            for spread in [1, 50, 500, 2_000] {
                let let_in = storm(seed, spread);
                assert_eq!(let_in.len(), 1_000, "nobody is forgotten");
                for (index, (class, at, now)) in let_in.iter().enumerate() {
                    let bound = u64::from(AT_ONCE) + now * u64::from(PER_SECOND) / 1_000 + 1;
                    assert!((index as u64) < bound, "no herd: {index} within {now} ms");
                    let waited = now - at;
                    match class {
                        // 250 of them, in the worst case all behind a hundred others.
                        Class::First => assert!(waited <= 900, "{waited} ms"),
                        Class::Other => assert!(waited <= 3_100, "{waited} ms"),
                    }
                }
                let others: Vec<_> = let_in.iter().filter(|page| page.0 == Class::Other).collect();
                assert!(others.is_sorted_by_key(|page| page.1), "first come, first served");
            }
        }
    }

    #[test]
    fn who_has_gone_takes_up_no_place() {
        let now = UnixMillis(1_000_000);
        let mut line = Line::new(now);
        while line.goes(now) {}
        for who in 0..10 {
            line.wait(Class::Other, who);
        }
        let later = UnixMillis(now.0 + 10);
        let mut passed = Vec::new();
        while let Some(who) = line.next(later, |who| who % 2 == 1) {
            passed.push(who);
        }
        assert_eq!(passed, [1, 3, 5], "three places in ten milliseconds, none for who has gone");
    }

    #[tokio::test]
    async fn everybody_passes() {
        let turnstile = Turnstile::new(ServerClock::start(UnixMillis(0)));
        let pages = (0..150).map(|page| {
            let turnstile = turnstile.clone();
            let class = if page % 8 == 0 { Class::First } else { Class::Other };
            tokio::spawn(async move { turnstile.pass(class).await })
        });
        for page in pages.collect::<Vec<_>>() {
            page.await.expect("passed");
        }
        assert!(turnstile.with(|line| line.waiting.is_empty()));
    }
}
