//! What the supervisor that started this process is told, where it listens (`sd_notify(3)`): that it serves,
//! that it ends, which process comes after it, and again and again that it lives.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// The way to the supervisor; there may be none.
#[derive(Debug, Clone)]
pub(crate) struct Supervisor(Option<OsString>);

impl Supervisor {
    /// Of this process.
    pub(crate) fn of_this_process() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()))
    }

    /// Tells it something.
    pub(crate) fn tell(&self, words: &str) {
        let Some(path) = &self.0 else { return };
        if let Err(error) = send(path, words) {
            tracing::warn!(%error, "the supervisor could not be told");
        }
    }

    /// Says that this process lives, as often as the supervisor wants to hear it, as long as `is_alive`
    /// says so in time. A server that takes over says it from its start: what is said before it is the main
    /// process is passed over, and nobody tells it from when on it is.
    pub(crate) async fn watch(self, is_alive: impl AsyncFn() -> bool) {
        // Meant for another process by `WATCHDOG_PID`, too: a server that takes over has its
        // predecessor's variables, and that one's place.
        let every = std::env::var("WATCHDOG_USEC").ok().and_then(|text| period(&text));
        if let (Some(every), Some(_)) = (every, &self.0) {
            ping(every, is_alive, || self.tell("WATCHDOG=1")).await;
        }
    }
}

/// How often life is shown to a supervisor that gives up after so many microseconds: one sign may be late,
/// and one lost.
fn period(microseconds: &str) -> Option<Duration> {
    let patience = microseconds.parse().ok().filter(|patience| *patience > 0)?;
    Some(Duration::from_micros(patience) / 3)
}

async fn ping(every: Duration, is_alive: impl AsyncFn() -> bool, tell: impl Fn()) {
    let mut beat = interval(every.max(Duration::from_millis(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        if timeout(every, is_alive()).await == Ok(true) {
            tell();
        }
    }
}

fn send(path: &OsStr, words: &str) -> io::Result<()> {
    let address = match path.to_str().and_then(|path| path.strip_prefix('@')) {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    };
    UnixDatagram::unbound()?.send_to_addr(words.as_bytes(), &address?).map(drop)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::sleep;

    use super::*;

    #[test]
    fn three_signs_of_life_fit_in_the_supervisors_patience() {
        assert_eq!(period("9000000"), Some(Duration::from_secs(3)));
        for none in ["", "0", "-1", "soon"] {
            assert_eq!(period(none), None, "{none}");
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_live_says_nothing() {
        let every = Duration::from_millis(5);
        let told = Cell::new(0);
        let pings = |is_alive: fn() -> bool| {
            let tell = || told.set(told.get() + 1);
            timeout(Duration::from_millis(200), ping(every, async move || is_alive(), tell))
        };
        pings(|| false).await.expect_err("it goes on");
        assert_eq!(told.get(), 0);
        pings(|| true).await.expect_err("it goes on");
        assert!(told.get() >= 2, "{}", told.get());

        told.set(0);
        let stuck = async || {
            sleep(Duration::from_secs(60)).await;
            true
        };
        let stuck = ping(every, stuck, || told.set(told.get() + 1));
        timeout(Duration::from_millis(100), stuck).await.expect_err("it goes on");
        assert_eq!(told.get(), 0, "no answer is no life");
    }
}
