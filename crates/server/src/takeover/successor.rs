//! The order to end in peace: `POST /drain`.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

/// How a server is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drain {
    /// Another server, which this one starts, takes over.
    ToSuccessor {
        /// Rooms wait so long at most for a moment that interrupts nobody.
        within: Duration,
    },
    /// Nobody takes over here: sessions come to their end.
    Alone {
        /// Those that are left then are ended.
        within: Duration,
    },
}

/// What `POST /drain` brings.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Whether another server, which this one starts, takes over. Otherwise sessions come to their end.
    #[serde(default = "yes")]
    successor: bool,
    /// How long rooms, or sessions, may take at most: 60 s, or 3 h without a successor.
    within_seconds: Option<u64>,
}

fn yes() -> bool {
    true
}

/// The longest that sessions are waited for: longer than any template runs, with its breaks.
const LONGEST: u64 = 12 * 3_600;

/// Without a successor sessions have so long, unless it is said otherwise.
const ALONE: u64 = 3 * 3_600;

impl Drain {
    /// Reads what `POST /drain` brings: nothing, or JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let body = if body.is_empty() { b"{}" } else { body };
        let Order { successor, within_seconds } =
            serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if within_seconds.is_some_and(|seconds| seconds > LONGEST) {
            return Err(format!("within_seconds: at most {LONGEST}"));
        }
        let or = |seconds| Duration::from_secs(within_seconds.unwrap_or(seconds));
        Ok(if successor {
            Self::ToSuccessor { within: or(super::WITHIN.as_secs()) }
        } else {
            Self::Alone { within: or(ALONE) }
        })
    }
}

/// How this server was started, so that another one can be started like it.
#[derive(Debug, Clone)]
pub(crate) struct Successor {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Successor {
    /// Of this process. To be asked at the start: once the program's file is replaced by a newer one,
    /// the system only knows the old one's, without a name.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let arguments = std::env::args_os().skip(1).collect();
        Ok(Self { program: std::env::current_exe()?, arguments: without_take_over(arguments) })
    }

    /// Starts a server that takes over from this one.
    pub(crate) fn start(&self, within: Duration) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .args(["--take-over", "--take-over-within"])
            .arg(within.as_secs().to_string())
            .stdin(Stdio::null())
            .spawn()
    }
}

/// The arguments without those that are about taking over, each of which may be given once.
fn without_take_over(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--take-over") => {}
            Some("--take-over-within") => drop(arguments.next()),
            Some(text) if text.starts_with("--take-over-within=") => {}
            _ => kept.push(argument),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_or_refused_in_words() {
        let seconds = Duration::from_secs;
        let read = |text: &str| Drain::read(text.as_bytes());
        assert_eq!(read(""), Ok(Drain::ToSuccessor { within: seconds(60) }));
        assert_eq!(read(r#"{"within_seconds":5}"#), Ok(Drain::ToSuccessor { within: seconds(5) }));
        assert_eq!(read(r#"{"successor":false}"#), Ok(Drain::Alone { within: seconds(3 * 3_600) }));
        for (refused, words) in [
            ("null", "invalid type"),
            (r#"{"within_seconds":-1}"#, "invalid"),
            (r#"{"within_seconds":43201}"#, "at most"),
            (r#"{"successors":true}"#, "unknown field"),
        ] {
            let error = read(refused).expect_err(refused);
            assert!(error.contains(words), "{refused}: {error}");
        }
    }

    #[test]
    fn a_successor_of_a_successor_is_started_like_the_first() {
        let given = ["serve", "--take-over", "--data", "d", "--take-over-within", "9", "--no-demo"];
        let kept = without_take_over(given.map(OsString::from).to_vec());
        assert_eq!(kept, ["serve", "--data", "d", "--no-demo"]);
        let given = ["serve", "--take-over-within=9"].map(OsString::from).to_vec();
        assert_eq!(without_take_over(given), ["serve"]);
    }
}
