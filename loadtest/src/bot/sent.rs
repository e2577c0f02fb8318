//! What left a bot, and what did not.

use std::time::{Duration, Instant};

use palabre_ids::{MediaKind, MediaRights};
use serde::Serialize;

use super::mouth::Uplink;

/// The two sides of a loss are seen at moments that are no further apart: a socket that nobody listens
/// at any more, and the signaling connection that breaks with the same server.
const TOGETHER: Duration = Duration::from_secs(1);

/// One kind of media that a bot may send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SentKind {
    /// Whether it was given to the bot to send it: a microphone that is open, or a floor to speak on; a
    /// camera that is on.
    pub given: bool,
    /// Packets that left.
    pub sent: u64,
    /// How far it ever was behind nine tenths of what it was given, in milliseconds.
    pub behind_ms: u64,
}

/// Packets that left a bot, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// By its microphone.
    pub sound: SentKind,
    /// By its camera, in any layer.
    pub pictures: SentKind,
    screen: u64,
    /// Of all that left, what the room gave no right to send, as far as the bot knew: the gate stops it.
    pub gated: u64,
    /// Times that its rights changed. What it sends while it does not know so yet is counted wrong.
    pub rights_changes: u64,
}

impl Sent {
    /// So many packets left, under these rights.
    pub fn left(&mut self, uplink: Uplink, packets: usize, rights: MediaRights) {
        let kind = match uplink {
            Uplink::Microphone => MediaKind::Audio,
            Uplink::Camera(_) => MediaKind::Video,
            Uplink::Screen => MediaKind::Screen,
        };
        if !rights.allows(kind) {
            self.gated += packets as u64;
        }
        let count = match uplink {
            Uplink::Microphone => &mut self.sound.sent,
            Uplink::Camera(_) => &mut self.pictures.sent,
            Uplink::Screen => &mut self.screen,
        };
        *count += packets as u64;
    }

    /// All that left.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sound.sent + self.pictures.sent + self.screen
    }
}

/// What could not be sent, until it is known whether the bot is to blame.
#[derive(Debug, Default)]
pub struct Failures(Option<Failed>);

#[derive(Debug)]
struct Failed {
    first: Instant,
    why: String,
    times: u32,
}

impl Failures {
    /// Something did not leave.
    pub fn add(&mut self, now: Instant, why: &impl std::fmt::Display) {
        let failed =
            self.0.get_or_insert_with(|| Failed { first: now, why: why.to_string(), times: 0 });
        failed.times += 1;
    }

    /// Takes those that somebody else saw.
    pub fn take(&mut self, other: &mut Self) {
        match (&mut self.0, other.0.take()) {
            (Some(own), Some(other)) => own.times += other.times,
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
    }

    /// The trouble that they are, once that can be told. They are none on a network that the script
    /// broke, nor around a loss of the server itself: `online_since` is since when its signaling
    /// connection stands.
    pub fn trouble(
        &mut self,
        now: Instant,
        broken_network: bool,
        online_since: Option<Instant>,
    ) -> Option<String> {
        if broken_network {
            self.0 = None;
        }
        let failed = self.0.take_if(|failed| failed.first + TOGETHER <= now)?;
        let online = online_since.is_some_and(|since| since + TOGETHER <= failed.first);
        online.then(|| format!("sending media failed {} times: {}", failed.times, failed.why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_a_trouble_unless_the_server_was_lost_or_the_network_broken() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let trouble = |broken, online_since| {
            let mut failures = Failures::default();
            failures.add(at(10), &refused);
            failures.add(at(10), &"something else");
            assert_eq!(failures.trouble(at(10), false, online_since), None, "too early to tell");
            let trouble = failures.trouble(at(11), broken, online_since);
            assert_eq!(failures.trouble(at(12), false, Some(start)), None, "told once");
            trouble
        };
        let text = trouble(false, Some(start)).expect("the server was there all the time");
        assert!(text.contains("2 times") && text.contains("refused"), "{text}");
        assert_eq!(trouble(true, Some(start)), None);
        assert_eq!(trouble(false, None), None, "the server is gone");
        assert_eq!(trouble(false, Some(at(10))), None, "it came back just now");
    }

    #[test]
    fn what_two_saw_is_one_trouble() {
        let now = Instant::now();
        let (mut own, mut other) = (Failures::default(), Failures::default());
        own.take(&mut other);
        other.add(now, &"full");
        own.take(&mut other);
        other.add(now, &"full");
        own.take(&mut other);
        let text = own.trouble(now + TOGETHER, false, now.checked_sub(TOGETHER));
        assert!(text.expect("two").contains("2 times"));
        assert_eq!(other.trouble(now + TOGETHER, false, now.checked_sub(TOGETHER)), None);
    }
}
