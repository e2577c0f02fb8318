//! What a person at the terminal sees while a scenario runs: one line that is kept up to date, above it
//! what the rooms do. Where standard error is no terminal, a line every few seconds instead.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use palabre_loadtest::bot::pulse::Counts;
use palabre_loadtest::run::{EachSecond, Progress, Second};

/// From one line to the next where lines stay.
const LINE_EVERY: u64 = 5;

/// Takes the place of the line that is there.
const OVER: &str = "\r\x1b[2K";

/// What was seen so far.
struct Live {
    terminal: bool,
    began: Instant,
    seconds: u64,
    counts: Counts,
    status: String,
}

/// What is told of rooms and of seconds, shown on standard error.
pub(crate) fn watcher() -> (Progress, EachSecond) {
    let live = Arc::new(Mutex::new(Live {
        terminal: std::io::stderr().is_terminal(),
        began: Instant::now(),
        seconds: 0,
        counts: Counts::default(),
        status: String::new(),
    }));
    let seconds = live.clone();
    let progress: Progress = Arc::new(move |line| {
        let live = live.lock().unwrap_or_else(PoisonError::into_inner);
        show(&live.above(line));
    });
    let each_second: EachSecond = Arc::new(move |second| {
        let mut live = seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = live.began.elapsed();
        if let Some(text) = live.second(second, elapsed) {
            show(&text);
        }
    });
    (progress, each_second)
}

fn show(text: &str) {
    let mut out = std::io::stderr().lock();
    // A watcher that went away does not stop the run.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl Live {
    /// A line that stays, above the one that is kept up to date.
    fn above(&self, line: &str) -> String {
        if self.terminal { format!("{OVER}{line}\n{}", self.status) } else { format!("{line}\n") }
    }

    /// What is shown of a second, if anything is.
    fn second(&mut self, second: &Second, elapsed: Duration) -> Option<String> {
        self.seconds += 1;
        self.counts += second.counts;
        self.status = status(second, self.counts, elapsed);
        if self.terminal {
            Some(format!("{OVER}{}", self.status))
        } else {
            self.seconds.is_multiple_of(LINE_EVERY).then(|| format!("{}\n", self.status))
        }
    }
}

fn status(second: &Second, so_far: Counts, elapsed: Duration) -> String {
    let whole = elapsed.as_secs();
    let lost = so_far.lost.max(0) as f64 / so_far.expected.max(1) as f64 * 100.0;
    let server = second.server_cpus.map_or_else(
        || "server CPU ?".to_owned(),
        |cpus| format!("server CPU {:.0} %", cpus * 100.0),
    );
    format!(
        "{:02}:{:02}:{:02}  rooms {}  people {}/{}  sound p99 {:.1} ms  lost {lost:.2} %  leaked {}  {server}",
        whole / 3_600,
        whole / 60 % 60,
        whole % 60,
        second.rooms,
        second.connected,
        second.bots,
        second.audio_latency_ms.percentile(99.0),
        so_far.leaked
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(terminal: bool) -> Live {
        Live {
            terminal,
            began: Instant::now(),
            seconds: 0,
            counts: Counts::default(),
            status: String::new(),
        }
    }

    fn second() -> Second {
        Second {
            rooms: 2,
            bots: 16,
            connected: 15,
            counts: Counts { lost: 1, expected: 100, leaked: 3, ..Counts::default() },
            server_cpus: Some(0.25),
            ..Second::default()
        }
    }

    #[test]
    fn the_line_says_what_matters() {
        let text = live(true).second(&second(), Duration::from_secs(3_725)).expect("each second");
        for part in ["01:02:05", "rooms 2", "people 15/16", "lost 1.00 %", "leaked 3", "CPU 25 %"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.starts_with(OVER) && !text.contains('\n'));
    }

    #[test]
    fn without_a_terminal_a_line_comes_every_five_seconds() {
        let mut live = live(false);
        let lines: Vec<_> =
            (0..10).filter_map(|at| live.second(&second(), Duration::from_secs(at))).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.ends_with('\n') && !line.contains('\x1b')));
        assert!(lines[1].contains("leaked 30"), "{lines:?}");
        assert_eq!(live.above("a room"), "a room\n");
    }
}
