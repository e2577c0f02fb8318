//! How much one connection may ask for.

use palabre_ids::UnixMillis;
use palabre_wire::ClientMessage;

/// Tokens a connection may save up: a page that comes back sends its waiting commands at once.
/// Higher lets a hostile page make more work in one burst.
const BURST: u32 = 60;

/// Tokens given back a second. Pings take a half; a person clicking fast takes ten.
const PER_SECOND: u32 = 20;

/// Frames of a tunnel that may come at once: a network that held a voice back gives two seconds of it
/// together.
const VOICES: u32 = 100;

/// Frames of a tunnel beyond these that are dropped and are no offence: what a network held back for ten
/// seconds and gives all at once. Pages and server take a silence of 5 and 6 s for a loss. Higher has a
/// flood read for longer before it counts.
const VOICES_HELD_BACK: u32 = 500;

/// Frames of a tunnel a second: Opus packets of 20 ms are 50.
const VOICES_PER_SECOND: u32 = 60;

/// Messages beyond the limit, or not understood, that are borne before the connection closes.
const STRIKES: u32 = 100;

/// Strikes forgiven a second. A page with a fault goes on; a flood does not.
const STRIKES_FORGIVEN: u32 = 2;

/// A token bucket: it fills at a steady rate and is told the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    capacity: u32,
    per_second: u32,
    /// In thousandths of a token, so that no time between two calls is lost.
    level: u64,
    at: UnixMillis,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub(crate) fn new(capacity: u32, per_second: u32, now: UnixMillis) -> Self {
        Self { capacity, per_second, level: u64::from(capacity) * 1_000, at: now }
    }

    /// Takes `cost` tokens if they are there.
    pub(crate) fn take(&mut self, cost: u32, now: UnixMillis) -> bool {
        let gained = now.since(self.at).0.saturating_mul(u64::from(self.per_second));
        self.level = self.level.saturating_add(gained).min(u64::from(self.capacity) * 1_000);
        // A clock set back gives nothing until it has caught up.
        self.at = self.at.max(now);
        match self.level.checked_sub(u64::from(cost) * 1_000) {
            Some(left) => {
                self.level = left;
                true
            }
            None => false,
        }
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is carried out.
    Pass,
    /// It is refused.
    TooFast,
    /// The connection closes.
    Flooding,
}

/// The limits of one connection.
#[derive(Debug)]
pub(crate) struct Limits {
    messages: Bucket,
    voices: Bucket,
    held_back: Bucket,
    strikes: Bucket,
}

impl Limits {
    /// The limits of a new connection.
    #[must_use]
    pub(crate) fn new(now: UnixMillis) -> Self {
        Self {
            messages: Bucket::new(BURST, PER_SECOND, now),
            voices: Bucket::new(VOICES, VOICES_PER_SECOND, now),
            held_back: Bucket::new(VOICES_HELD_BACK, VOICES_PER_SECOND, now),
            strikes: Bucket::new(STRIKES, STRIKES_FORGIVEN, now),
        }
    }

    /// Judges a message that was understood.
    pub(crate) fn message(&mut self, message: &ClientMessage, now: UnixMillis) -> Verdict {
        if self.messages.take(cost(message), now) { Verdict::Pass } else { self.strike(now) }
    }

    /// Judges a frame of the tunnel. One too many is dropped, as a network would drop it; far too many
    /// are a flood.
    pub(crate) fn voice(&mut self, now: UnixMillis) -> Verdict {
        if self.voices.take(1, now) {
            Verdict::Pass
        } else if self.held_back.take(1, now) {
            Verdict::TooFast
        } else {
            self.strike(now)
        }
    }

    /// Judges a frame without a message, such as a WebSocket ping.
    pub(crate) fn frame(&mut self, now: UnixMillis) -> Verdict {
        if self.messages.take(1, now) { Verdict::Pass } else { self.strike(now) }
    }

    /// Judges a message that was not understood: [`Verdict::TooFast`] means that it is borne.
    pub(crate) fn strike(&mut self, now: UnixMillis) -> Verdict {
        if self.strikes.take(1, now) { Verdict::TooFast } else { Verdict::Flooding }
    }
}

/// What a message costs us, in tokens.
fn cost(message: &ClientMessage) -> u32 {
    match message {
        ClientMessage::Ping { .. }
        | ClientMessage::View { .. }
        | ClientMessage::Recovered(_)
        | ClientMessage::Path(_)
        | ClientMessage::Estimate(_)
        | ClientMessage::Hello(_) => 1,
        // It is the last one, and must not get lost.
        ClientMessage::Leave => 0,
        // A command may be a commit to the disk and a message to everyone.
        ClientMessage::Command { .. } => 2,
        // An offer is up to 64 KiB of SDP to read and a handshake to prepare.
        ClientMessage::MediaOffer(_) => 10,
        // It ends a session and opens a way of media, or the other way round.
        ClientMessage::Tunnel { .. } => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    #[test]
    fn a_bucket_gives_what_it_holds_and_fills_again() {
        let mut bucket = Bucket::new(2, 4, NOW);
        assert!(bucket.take(1, NOW) && bucket.take(1, NOW) && !bucket.take(1, NOW));
        assert!(!bucket.take(1, UnixMillis(NOW.0 + 249)));
        assert!(bucket.take(1, UnixMillis(NOW.0 + 250)));
        assert!(!bucket.take(1, NOW), "a clock set back gives nothing");
        let later = UnixMillis(NOW.0 + 1_000_000);
        assert!(bucket.take(2, later) && !bucket.take(1, later), "it never holds more than it can");
    }

    #[test]
    fn a_page_at_its_ordinary_pace_is_never_refused() {
        let mut limits = Limits::new(NOW);
        for second in 0..600 {
            let now = UnixMillis(NOW.0 + second * 1_000);
            let ping = ClientMessage::Ping { at: 0 };
            let view = ClientMessage::View { seats: vec![] };
            for message in [&ping, &view, &view, &view] {
                assert_eq!(limits.message(message, now), Verdict::Pass);
            }
        }
    }

    #[test]
    fn a_voice_that_was_held_back_is_dropped_and_is_no_offence() {
        let mut limits = Limits::new(NOW);
        let mut now = NOW;
        // A path that stands for six seconds at a time, and gives all of it at once.
        for _ in 0..50 {
            now = UnixMillis(now.0 + 6_000);
            let through = (0..300).filter(|_| match limits.voice(now) {
                Verdict::Pass => true,
                Verdict::TooFast => false,
                Verdict::Flooding => panic!("the connection closes"),
            });
            assert_eq!(through.count(), VOICES as usize, "two seconds of sound");
        }
        for _ in 0..STRIKES {
            assert_eq!(limits.strike(now), Verdict::TooFast, "none was counted");
        }
    }

    #[test]
    fn a_flood_of_voices_is_closed() {
        let mut limits = Limits::new(NOW);
        let borne = VOICES + VOICES_HELD_BACK + STRIKES;
        let flooded = (0..).position(|_| limits.voice(NOW) == Verdict::Flooding);
        assert_eq!(flooded, Some(borne as usize));
        // Ten times what a voice takes, without a pause.
        let mut limits = Limits::new(NOW);
        let flooded =
            (0..5_000).position(|ms| limits.voice(UnixMillis(NOW.0 + 2 * ms)) == Verdict::Flooding);
        assert!(flooded.is_some(), "within ten seconds");
    }

    #[test]
    fn a_flood_is_refused_and_then_closed() {
        let mut limits = Limits::new(NOW);
        let ping = ClientMessage::Ping { at: 0 };
        let verdicts: Vec<Verdict> =
            (0..BURST + STRIKES + 1).map(|_| limits.message(&ping, NOW)).collect();
        let count = |verdict| verdicts.iter().filter(|v| **v == verdict).count();
        assert_eq!(count(Verdict::Pass), BURST as usize);
        assert_eq!(count(Verdict::TooFast), STRIKES as usize);
        assert_eq!(verdicts.last(), Some(&Verdict::Flooding));
    }
}
