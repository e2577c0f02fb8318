//! The end of a run before its time: the first SIGINT or SIGTERM asks it for what it measured so far, the
//! second does not wait for it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What comes sooner after the first is the first said twice: `timeout` tells a program and its group.
const SAME: Duration = Duration::from_secs(1);

/// The signals that end a run. Those that come before anybody waits for them are kept.
pub(crate) struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Ends {
    /// From now on the signals end nothing by themselves.
    ///
    /// # Errors
    /// When the system takes no handler.
    pub(crate) fn new() -> Result<Self> {
        let take = |kind| signal(kind).context("a handler for signals");
        Ok(Self {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them, and gives its name.
    pub(crate) async fn told(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// Waits for a run, which `end` asks to end at the first signal.
    ///
    /// # Errors
    /// The run's, or that a second signal came.
    pub(crate) async fn until<T>(
        &mut self,
        run: impl Future<Output = Result<T>>,
        end: impl FnOnce(&'static str),
    ) -> Result<T> {
        tokio::pin!(run);
        tokio::select! {
            run = &mut run => return run,
            signal = self.told() => end(signal),
        }
        let first = Instant::now();
        loop {
            tokio::select! {
                run = &mut run => return run,
                signal = self.told() => if first.elapsed() > SAME {
                    bail!("ended by a second signal ({signal})")
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_run_that_is_ended_is_waited_for() {
        let mut ends = Ends::new().expect("handlers");
        let (ask, asked) = oneshot::channel();
        kill_process(getpid(), Signal::TERM).expect("this process");
        let run = async { Ok(asked.await?) };
        let end = |signal| ask.send(signal).expect("it runs");
        assert_eq!(ends.until(run, end).await.expect("it answered"), "SIGTERM");
    }
}
