//! A server's process: started where it belongs, watched by its pid, ended with us.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a server may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// The lines of a log that tell why a server ended.
const LAST_LINES: usize = 12;

/// `sysconf(_SC_CLK_TCK)` of every Linux there is: the unit of `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

/// Where a server is to run.
#[derive(Debug, Clone)]
pub(crate) struct Berth {
    /// The network namespace.
    pub(crate) namespace: String,
    /// The processor.
    pub(crate) processor: usize,
    /// A folder of its own, for settings, logs and data.
    pub(crate) folder: PathBuf,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pid: u32,
    log: PathBuf,
}

impl Server {
    /// Starts `program`. It ends when this value goes, or this process.
    ///
    /// # Errors
    /// When a program that this takes is not there.
    pub(crate) fn start(berth: &Berth, program: &Path, arguments: &[String]) -> Result<Self> {
        let log = berth.folder.join("server.log");
        let output = File::create(&log).with_context(|| format!("{}", log.display()))?;
        // Each of these becomes the next one, so that the pid stays the server's. The first one
        // has the kernel end it should we end without having done so.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "ip", "netns", "exec", &berth.namespace])
            .args(["taskset", "--cpu-list", &berth.processor.to_string()])
            .arg(program)
            .args(arguments)
            .current_dir(&berth.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true);
        let child = command.spawn().context("`setpriv` (util-linux) could not be started")?;
        let pid = child.id().context("a process that was just started has a pid")?;
        Ok(Self { child, pid, log })
    }

    /// Its pid.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Fails when it has ended already, with its last words.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the server ended ({status}): {}", self.last_words()),
        }
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// Asks it to end, and sees to it.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.check()?;
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("a pid")?;
        kill_process(pid, Signal::TERM)?;
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

/// What a process used since it was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Processor time of all its threads, by the scheduler's own count.
    exact: Duration,
    /// The same in ticks, threads that have ended included.
    ticks: Duration,
}

impl Usage {
    /// Reads it.
    ///
    /// # Errors
    /// When there is no such process.
    pub(crate) fn read(pid: u32) -> Result<Self> {
        let mut exact = Duration::ZERO;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))
            .with_context(|| format!("no process {pid} to measure"))?
        {
            // A thread may end between being listed and being read.
            if let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) {
                exact += on_processor(&text)?;
            }
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("no process {pid} to measure"))?;
        Ok(Self { exact, ticks: user_and_system(&stat)? })
    }

    /// The processor time since `before`.
    ///
    /// # Errors
    /// When threads ended meanwhile that had done a share of the work: what they used is not known
    /// well enough.
    pub(crate) fn since(self, before: Self) -> Result<Duration> {
        let exact = self.exact.saturating_sub(before.exact);
        let ticks = self.ticks.saturating_sub(before.ticks);
        ensure!(
            ticks.abs_diff(exact) <= TICK * 4 + exact.mul_f64(0.03),
            "the server used {exact:?} by the threads it has, and {ticks:?} by all it had"
        );
        Ok(exact)
    }
}

/// The first number of `/proc/PID/task/TID/schedstat`.
fn on_processor(schedstat: &str) -> Result<Duration> {
    let first = schedstat.split_whitespace().next().context("an empty schedstat")?;
    let nanos = first.parse().with_context(|| format!("schedstat begins with `{first}`"))?;
    Ok(Duration::from_nanos(nanos))
}

/// User and system time of `/proc/PID/stat`.
fn user_and_system(stat: &str) -> Result<Duration> {
    // The name in parentheses may hold anything, spaces too.
    let (_, fields) = stat.rsplit_once(')').context("a stat without a name")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks =
        || fields.next().and_then(|field| field.parse::<u32>().ok()).context("a short stat");
    Ok(TICK * (ticks()? + ticks()?))
}

/// The resident memory of a process, in bytes.
///
/// # Errors
/// When there is no such process.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("no process {pid} to measure"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|n| n.parse().ok());
    let kib: u64 = kib.context("no VmRSS")?;
    Ok(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        assert_eq!(
            on_processor("337269 5203332 4\n").expect("valid"),
            Duration::from_nanos(337_269)
        );
        let stat = "12 (a) b (c)) S 1 12 12 0 -1 4194560 90 0 0 0 250 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(user_and_system(stat).expect("valid"), Duration::from_secs(3));
        for bad in ["", "x 1 2"] {
            assert!(on_processor(bad).is_err(), "{bad}");
            assert!(user_and_system(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn work_of_threads_that_have_ended_is_noticed() {
        let usage = |exact, ticks| Usage {
            exact: Duration::from_millis(exact),
            ticks: Duration::from_millis(ticks),
        };
        let before = usage(1_000, 1_000);
        assert_eq!(usage(3_000, 3_010).since(before).expect("agree"), Duration::from_secs(2));
        assert!(usage(2_000, 3_010).since(before).is_err());
    }

    #[test]
    fn this_very_process_is_measured() {
        let here = std::process::id();
        let before = Usage::read(here).expect("it runs");
        let mut sum = 0_u64;
        // Enough work for the scheduler to count, whatever the compiler makes of it.
        while Usage::read(here).expect("it runs").exact == before.exact {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(resident(here).expect("it runs") > 100_000);
        assert!(Usage::read(u32::MAX).is_err() && resident(u32::MAX).is_err());
    }
}
