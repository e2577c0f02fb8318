//! What the system knows of this process, under the names that every dashboard expects.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The process, as the system sees it. What cannot be read is 0.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) open_files: u64,
    pub(super) most_files: u64,
    pub(super) threads: u64,
    pub(super) started_at: f64,
}

static STARTED_AT: LazyLock<f64> = LazyLock::new(|| {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
});

/// Notes that the process begins now.
pub(super) fn begin() {
    LazyLock::force(&STARTED_AT);
}

fn ticks() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// A field of `/proc/self/stat`, counted from 1 as its manual does. The second is a name in brackets
/// that may hold anything, so that the count begins behind it.
fn field(stat: &str, number: usize) -> Option<u64> {
    let behind = stat.rsplit_once(") ")?.1;
    behind.split(' ').nth(number.checked_sub(3)?)?.parse().ok()
}

impl Process {
    pub(super) fn read() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let field = |number| field(&stat, number).unwrap_or_default();
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Self {
            cpu_seconds: (field(14) + field(15)) as f64 / ticks(),
            resident_bytes: field(24) * rustix::param::page_size() as u64,
            open_files: files as u64,
            most_files: limit.current.unwrap_or(0),
            threads: field(20),
            started_at: *STARTED_AT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_the_name() {
        let stat =
            "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 7 9 0 0 20 0 11 0 12345 1000 250 1\n";
        let read = [14, 15, 20, 24].map(|number| field(stat, number));
        assert_eq!(read, [Some(7), Some(9), Some(11), Some(250)]);
        assert_eq!(field("", 14), None);
    }

    #[test]
    fn this_process_has_memory_files_and_threads_and_began_in_the_past() {
        let process = Process::read();
        assert!(process.resident_bytes > 100_000, "{process:?}");
        assert!((3..=process.most_files).contains(&process.open_files), "{process:?}");
        assert!(process.threads >= 1, "{process:?}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("past 1970").as_secs_f64();
        assert!((now - process.started_at) < 86_400.0 && process.started_at <= now, "{process:?}");
    }
}
