//! The server's one clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use palabre_ids::UnixMillis;
use tokio::time::Instant;

/// The server's clock: Unix time as it was at the start, plus what has passed since. Setting the
/// machine's clock moves no deadline of a running server.
#[derive(Debug, Clone, Copy)]
pub struct ServerClock {
    unix: Duration,
    started: Instant,
}

impl ServerClock {
    /// A clock that starts from the machine's, or from `known` when that is later: time that was
    /// lived through before a restart does not come again, even with the machine's clock set back.
    #[must_use]
    pub fn start(known: UnixMillis) -> Self {
        // Before 1970 a machine's clock is not set at all: any common origin will do.
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let known = Duration::from_millis(known.0);
        if known > machine {
            tracing::warn!(
                "the machine's clock was set back: the server goes on from its own time"
            );
        }
        Self { unix: machine.max(known), started: Instant::now() }
    }

    /// Lets time pass.
    #[cfg(test)]
    pub(crate) fn pass(&mut self, time: Duration) {
        self.unix += time;
    }

    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        let millis = (self.unix + self.started.elapsed()).as_millis();
        UnixMillis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// When `deadline` comes, for a timer: never before it, by less than a millisecond after.
    #[must_use]
    pub fn instant(&self, deadline: UnixMillis) -> Instant {
        let left =
            Duration::from_millis(deadline.0).saturating_sub(self.unix + self.started.elapsed());
        // A year from now stands for anything farther, which a timer could not hold.
        Instant::now() + left.min(Duration::from_secs(365 * 86_400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_across_a_restart() {
        let before = ServerClock::start(UnixMillis(0)).now();
        let ahead = UnixMillis(before.0 + 3_600_000);
        assert!(ServerClock::start(ahead).now() >= ahead, "the journal was an hour ahead");
        assert!(ServerClock::start(before).now() < ahead, "an older journal changes nothing");
    }
}
