//! What a server on the same machine uses, by its pid.

use anyhow::{Context, Result};

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
        // The name in parentheses may hold anything, spaces too.
        let fields = stat.rsplit_once(')').context("/proc/PID/stat")?.1;
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks =
            || fields.next().and_then(|field| field.parse::<u64>().ok()).context("/proc/PID/stat");
        let cpu_ns = (ticks()? + ticks()?) * (1_000_000_000 / TICKS_PER_SECOND);
        let status = read("status")?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss
            .and_then(|rss| rss.split_whitespace().next())
            .and_then(|kib| kib.parse::<u64>().ok());
        Ok(ServerUse { cpu_ns, rss_bytes: rss.context("VmRSS")? * 1_024 })
    }

    /// How many processors it may use.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn processors(&self) -> Result<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))
            .with_context(|| format!("no process {} to measure", self.pid))?;
        let masks = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed:"));
        // Hexadecimal words, between commas.
        let ones = masks.context("Cpus_allowed")?.chars().filter_map(|digit| digit.to_digit(16));
        Ok(ones.map(|digit| digit.count_ones() as usize).sum())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_is_measured() {
        let here = ServerProcess { pid: std::process::id() };
        assert!(here.used().expect("it runs").rss_bytes > 100_000);
        let may_use = std::thread::available_parallelism().expect("processors").get();
        // What a container is allowed of each is not said there.
        assert!(here.processors().expect("it runs") >= may_use);
        assert!(ServerProcess { pid: u32::MAX }.used().is_err());
    }
}
