//! What the server says of itself: its metrics, read from its private listener.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::link::Server;

/// A server that takes longer for its metrics is not waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// From the port of pages to that of metrics, when neither is set (`docs/OPERATIONS.md`).
const PORTS_APART: u16 = 1_000;

/// The series of each media thread's processor time.
const SHARD_BUSY: &str = "palabre_media_shard_busy_seconds_total{";

/// One answer of `/metrics`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scrape {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Every series as it is written, and its value.
    pub series: BTreeMap<String, f64>,
    /// The name of every series there can be, whether or not it has values yet.
    pub names: BTreeSet<String>,
}

impl Scrape {
    /// Reads the metrics of the server whose private listener is `private`.
    ///
    /// # Errors
    /// When it does not answer, or not with metrics.
    pub async fn take(private: &Server) -> Result<Self> {
        let url = private.http("/metrics");
        let text = tokio::task::spawn_blocking(move || -> Result<String> {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
            let mut answer = agent.get(&url).call().with_context(|| format!("reading {url}"))?;
            answer.body_mut().read_to_string().with_context(|| format!("reading {url}"))
        })
        .await??;
        Self::parse(&text, now_ms())
    }

    /// From the OpenMetrics text.
    ///
    /// # Errors
    /// Names the line that is none of that format.
    pub fn parse(text: &str, at_ms: u64) -> Result<Self> {
        let mut found = Self { at_ms, ..Self::default() };
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').context("a TYPE without a name")?;
                let ends: &[&str] = match kind {
                    "counter" => &["_total"],
                    "histogram" => &["_bucket", "_sum", "_count"],
                    "info" => &["_info"],
                    _ => &[""],
                };
                found.names.extend(ends.iter().map(|end| format!("{name}{end}")));
            } else if !line.starts_with('#') && !line.is_empty() {
                let series = line.rsplit_once(' ').and_then(|(series, value)| {
                    Some((series.to_owned(), value.parse::<f64>().ok()?))
                });
                let (series, value) = series.with_context(|| format!("no series: {line}"))?;
                found.series.insert(series, value);
            }
        }
        ensure!(!found.series.is_empty(), "there are no metrics");
        Ok(found)
    }

    /// The value of a series as it is written, labels and all.
    #[must_use]
    pub fn value(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    /// Processor time of the server's process so far, in nanoseconds.
    #[must_use]
    pub fn cpu_ns(&self) -> Option<u64> {
        self.value("process_cpu_seconds_total").map(|seconds| (seconds * 1e9) as u64)
    }

    /// Processor time of each media thread so far, in seconds, in the order of their series.
    pub fn shards_busy(&self) -> impl Iterator<Item = f64> + '_ {
        let of = |(series, _): &(&String, _)| series.starts_with(SHARD_BUSY);
        self.series.iter().filter(of).map(|(_, seconds)| *seconds)
    }

    /// Its resident memory, in bytes.
    #[must_use]
    pub fn rss_bytes(&self) -> Option<u64> {
        self.value("process_resident_memory_bytes").map(|bytes| bytes as u64)
    }
}

/// Where the private listener of `server` is when nobody set it.
///
/// # Errors
/// When the server's address has no port to count from.
pub fn private_of(server: &Server) -> Result<Server> {
    let url = server.http("");
    let (host, port) = url.rsplit_once(':').context("the server's address has a port")?;
    let port: u16 = port.parse().context("the server's address has a port")?;
    let port = port.checked_add(PORTS_APART).context("the private port is beyond the last one")?;
    Server::parse(&format!("{host}:{port}"))
}

/// Milliseconds since 1970: what several generators on several machines agree on.
#[must_use]
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_and_names_are_read() {
        let text = "# HELP palabre_rooms Rooms\n# TYPE palabre_rooms gauge\npalabre_rooms 3\n\
            # TYPE palabre_codes counter\n# TYPE palabre_t_seconds histogram\n\
            palabre_t_seconds_bucket{le=\"0.1\"} 2\nprocess_cpu_seconds_total 1.5\n# EOF\n";
        let scrape = Scrape::parse(text, 5).expect("metrics");
        assert_eq!(scrape.value("palabre_rooms"), Some(3.0));
        assert_eq!(scrape.value("palabre_t_seconds_bucket{le=\"0.1\"}"), Some(2.0));
        assert_eq!(scrape.cpu_ns(), Some(1_500_000_000));
        let shards = "palabre_media_shard_busy_seconds_total{shard=\"0\"} 1.25\n\
            palabre_media_shard_busy_seconds_total{shard=\"1\"} 0.5\n";
        let shards = Scrape::parse(shards, 5).expect("metrics");
        assert_eq!(shards.shards_busy().collect::<Vec<_>>(), [1.25, 0.5]);
        assert!(scrape.names.contains("palabre_codes_total"));
        assert!(scrape.names.contains("palabre_t_seconds_count"));
        assert!(!scrape.names.contains("palabre_codes"));
        assert!(Scrape::parse("# EOF\n", 0).is_err());
        assert!(Scrape::parse("palabre_rooms three\n", 0).is_err());
    }

    #[test]
    fn the_private_listener_is_a_thousand_ports_further() {
        let server = Server::parse("http://127.0.0.1:8080").expect("an address");
        let private = private_of(&server).expect("a port");
        assert_eq!(private.http("/metrics"), "http://127.0.0.1:9080/metrics");
        assert!(private_of(&Server::parse("http://host").expect("an address")).is_err());
    }
}
