//! What a server on the same machine uses, by its pid.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirEntry;

use anyhow::{Context, Result};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity};

use super::report::ServerUse;

/// A process on this machine.
#[derive(Debug, Clone, Copy)]
pub struct ServerProcess {
    /// Its pid.
    pub pid: u32,
}

/// `sysconf(_SC_CLK_TCK)` of every Linux there is: the unit of `/proc/PID/stat`.
const TICKS_PER_SECOND: u64 = 100;

impl ServerProcess {
    /// What it used since it was started.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn used(&self) -> Result<ServerUse> {
        let read = |file: &str| {
            std::fs::read_to_string(format!("/proc/{}/{file}", self.pid))
                .with_context(|| format!("no process {} to measure", self.pid))
        };
        let stat = read("stat")?;
        let cpu_ns = cpu_ns(&stat)?;
        let status = read("status")?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss
            .and_then(|rss| rss.split_whitespace().next())
            .and_then(|kib| kib.parse::<u64>().ok());
        Ok(ServerUse { cpu_ns, rss_bytes: rss.context("VmRSS")? * 1_024 })
    }

    /// The processors that it may use, by their numbers.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn processors(&self) -> Result<BTreeSet<usize>> {
        let none = || format!("no process {} to measure", self.pid);
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).with_context(none)?;
        // Of those that there are: `/proc` also tells of others.
        let set = sched_getaffinity(Some(pid)).with_context(none)?;
        Ok((0..CpuSet::MAX_CPU).filter(|number| set.is_set(*number)).collect())
    }

    /// The processor time of each of its threads so far, in seconds, by their numbers.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn threads(&self) -> Result<BTreeMap<u32, f64>> {
        let tasks = format!("/proc/{}/task", self.pid);
        let tasks = std::fs::read_dir(&tasks).with_context(|| tasks.clone())?;
        let time = |task: DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
            let number = task.file_name().to_str()?.parse().ok()?;
            Some((number, cpu_ns(&stat).ok()? as f64 / 1e9))
        };
        // One that ends meanwhile is left out.
        Ok(tasks.flatten().filter_map(time).collect())
    }

    /// The processor time used since `before`, and the memory now.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn used_since(&self, before: ServerUse) -> Result<ServerUse> {
        let now = self.used()?;
        Ok(ServerUse { cpu_ns: now.cpu_ns.saturating_sub(before.cpu_ns), ..now })
    }
}

/// What `/proc/PID/stat` says of processor time, in user mode and in the kernel.
fn cpu_ns(stat: &str) -> Result<u64> {
    // The name in parentheses may hold anything, spaces too.
    let fields = stat.rsplit_once(')').context("/proc/PID/stat")?.1;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks =
        || fields.next().and_then(|field| field.parse::<u64>().ok()).context("/proc/PID/stat");
    Ok((ticks()? + ticks()?) * (1_000_000_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num_configured() -> usize {
        let folder = std::fs::read_dir("/sys/devices/system/cpu").expect("Linux").flatten();
        let names = folder.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter_map(|name| name.strip_prefix("cpu")?.parse::<usize>().ok()).count()
    }

    #[test]
    fn this_very_process_is_measured() {
        let here = ServerProcess { pid: std::process::id() };
        assert!(here.used().expect("it runs").rss_bytes > 100_000);
        let may_use = std::thread::available_parallelism().expect("processors").get();
        let processors = here.processors().expect("it runs").len();
        // A container may have a share of them.
        assert!(processors >= may_use && processors <= num_configured(), "{processors}");
        let threads = here.threads().expect("it runs");
        assert!(threads.contains_key(&here.pid) && threads.len() > 1, "the tests have their own");
        assert!(ServerProcess { pid: u32::MAX }.used().is_err());
    }
}
