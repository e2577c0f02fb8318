//! The numbers of a run, as JSON with units in the keys, and as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::scenario::Expectation;
use crate::bot::Report;

/// A distribution.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Distribution {
    /// The median.
    pub p50: f64,
    /// 95 of 100 are no more.
    pub p95: f64,
    /// 99 of 100 are no more.
    pub p99: f64,
    /// The most.
    pub max: f64,
    /// How many were measured.
    pub count: usize,
}

impl Distribution {
    /// Of these values, by nearest rank.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let rank = |percent: usize| {
            let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(index).copied().unwrap_or(0.0)
        };
        Self { p50: rank(50), p95: rank(95), p99: rank(99), max: rank(100), count: values.len() }
    }
}

/// Something that had to be true.
#[derive(Debug, Clone, Serialize)]
pub struct Assertion {
    /// What.
    pub what: String,
    /// Whether it was.
    pub held: bool,
    /// What was found instead.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub found: String,
}

/// What a room gave.
#[derive(Debug, Default)]
pub struct RoomResult {
    /// Each bot's last word.
    pub reports: Vec<Report>,
    /// The scenario's checks.
    pub assertions: Vec<Assertion>,
    /// Silences, by cause, in milliseconds.
    pub gaps: Vec<(String, f64)>,
    /// What hostile bots were given.
    pub findings: Vec<String>,
    /// Fragments of media sent that nobody may receive.
    pub forbidden_sent: usize,
}

/// What the server used meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct ServerUse {
    /// Processor time.
    pub cpu_ns: u64,
    /// Resident memory.
    pub rss_bytes: u64,
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Summary {
    scenario: String,
    rooms: usize,
    people: usize,
    seconds: f64,
    join_seconds: Distribution,
    audio_latency_ms: Distribution,
    video_latency_ms: Distribution,
    floor_grant_ms: Distribution,
    floor_revoke_ms: Distribution,
    media_gap_ms: BTreeMap<String, Distribution>,
    reconnect_seconds: BTreeMap<String, Distribution>,
    packets_sent: u64,
    packets_expected: u64,
    packets_received: u64,
    packets_lost: u64,
    packets_overflow: u64,
    leaked_packets: u64,
    leaks: BTreeMap<&'static str, u64>,
    forbidden_fragments_sent: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_cpu_ns_per_forwarded_packet: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_rss_bytes: Option<u64>,
    assertions: Vec<Assertion>,
}

impl Summary {
    /// Adds up the rooms, and judges.
    #[must_use]
    pub fn new(
        scenario: &super::Scenario,
        seconds: f64,
        rooms: Vec<RoomResult>,
        server: Option<ServerUse>,
    ) -> Self {
        let reports: Vec<&Report> = rooms.iter().flat_map(|room| &room.reports).collect();
        let all = |pick: fn(&Report) -> &Vec<f64>| {
            Distribution::of(
                reports.iter().flat_map(|report| pick(report).iter().copied()).collect(),
            )
        };
        let sum = |pick: fn(&Report) -> u64| reports.iter().map(|report| pick(report)).sum::<u64>();
        let returns = reports.iter().flat_map(|report| report.returns.iter());
        let received = sum(|report| report.received);
        let leaks = BTreeMap::from([
            ("without_right", sum(|report| report.leaks.without_right)),
            ("forbidden", sum(|report| report.leaks.forbidden)),
            ("misplaced", sum(|report| report.leaks.misplaced)),
            ("stray", sum(|report| report.leaks.stray)),
        ]);
        let mut summary = Self {
            scenario: scenario.name.clone(),
            rooms: rooms.len(),
            people: scenario.roles.len(),
            seconds,
            join_seconds: all(|report| &report.joins),
            audio_latency_ms: all(|report| &report.times.audio_latency),
            video_latency_ms: all(|report| &report.times.video_latency),
            floor_grant_ms: all(|report| &report.times.grant),
            floor_revoke_ms: all(|report| &report.times.revoke),
            media_gap_ms: grouped(rooms.iter().flat_map(|room| room.gaps.iter().cloned())),
            reconnect_seconds: grouped(
                returns.map(|(rung, seconds)| ((*rung).to_owned(), *seconds)),
            ),
            packets_sent: sum(|report| report.sent),
            packets_expected: sum(|report| report.expected),
            packets_received: received,
            packets_lost: sum(|report| report.lost),
            packets_overflow: sum(|report| report.overflow),
            leaked_packets: sum(|report| report.leaks.total()),
            leaks,
            forbidden_fragments_sent: rooms.iter().map(|room| room.forbidden_sent).sum(),
            server_cpu_ns_per_forwarded_packet: server
                .filter(|_| received > 0)
                .map(|server| server.cpu_ns as f64 / received as f64),
            server_rss_bytes: server.map(|server| server.rss_bytes),
            assertions: always(&reports),
        };
        for (index, room) in rooms.into_iter().enumerate() {
            summary.assertions.extend(room.assertions);
            summary.assertions.extend(room.findings.into_iter().map(|finding| Assertion {
                what: format!("room {index}: hostile input is refused"),
                held: false,
                found: finding,
            }));
        }
        let json = serde_json::to_value(&summary).unwrap_or(Value::Null);
        summary
            .assertions
            .extend(scenario.expectations.iter().map(|expected| judge(expected, &json)));
        summary
    }

    /// Whether every assertion held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.assertions.iter().all(|assertion| assertion.held)
    }

    /// The table for a person.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}: {} room(s) of {}, {:.0} s\n{:<28}{:>10}{:>10}{:>10}{:>10}{:>8}",
            self.scenario,
            self.rooms,
            self.people,
            self.seconds,
            "",
            "p50",
            "p95",
            "p99",
            "max",
            "count"
        );
        let mut row = |name: &str, d: &Distribution| {
            let _ = writeln!(
                out,
                "{name:<28}{:>10.3}{:>10.3}{:>10.3}{:>10.3}{:>8}",
                d.p50, d.p95, d.p99, d.max, d.count
            );
        };
        row("join_seconds", &self.join_seconds);
        row("audio_latency_ms", &self.audio_latency_ms);
        row("video_latency_ms", &self.video_latency_ms);
        row("floor_grant_ms", &self.floor_grant_ms);
        row("floor_revoke_ms", &self.floor_revoke_ms);
        for (cause, gap) in &self.media_gap_ms {
            row(&format!("media_gap_ms {cause}"), gap);
        }
        for (rung, time) in &self.reconnect_seconds {
            row(&format!("reconnect_seconds {rung}"), time);
        }
        let _ = writeln!(
            out,
            "packets: sent {} expected {} received {} lost {} leaked {} (of {} forbidden fragments sent)",
            self.packets_sent,
            self.packets_expected,
            self.packets_received,
            self.packets_lost,
            self.leaked_packets,
            self.forbidden_fragments_sent
        );
        if let Some(cpu) = self.server_cpu_ns_per_forwarded_packet {
            let _ = writeln!(out, "server: {cpu:.0} ns of processor per forwarded packet");
        }
        for assertion in &self.assertions {
            let mark = if assertion.held { "held  " } else { "FAILED" };
            let _ = writeln!(out, "{mark} {} {}", assertion.what, assertion.found);
        }
        out
    }
}

fn grouped(values: impl Iterator<Item = (String, f64)>) -> BTreeMap<String, Distribution> {
    let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in values {
        groups.entry(name).or_default().push(value);
    }
    groups.into_iter().map(|(name, values)| (name, Distribution::of(values))).collect()
}

/// What every run must show, whatever its scenario: a test in which nothing flowed proves nothing.
fn always(reports: &[&Report]) -> Vec<Assertion> {
    let failing = |what: &str, fails: fn(&Report) -> Option<String>| {
        let found: Vec<String> = reports
            .iter()
            .filter_map(|report| Some(format!("seat {}: {}", report.seat, fails(report)?)))
            .collect();
        Assertion {
            what: what.to_owned(),
            held: found.is_empty() && !reports.is_empty(),
            found: found.join("; "),
        }
    };
    vec![
        failing("every bot got in", |report| {
            report.joins.is_empty().then(|| "never connected".to_owned())
        }),
        failing("every bot sent", |report| (report.sent == 0).then(|| "nothing".to_owned())),
        failing("every bot received", |report| {
            (report.received == 0).then(|| "nothing".to_owned())
        }),
        failing("no bot was too slow to count", |report| {
            (report.overflow > 0).then(|| format!("{} packets", report.overflow))
        }),
        failing("no bot had trouble", |report| {
            (!report.troubles.is_empty()).then(|| report.troubles.join(", "))
        }),
    ]
}

fn judge(expected: &Expectation, json: &Value) -> Assertion {
    let value = expected
        .metric
        .split('.')
        .try_fold(json, |value, key| value.get(key))
        .and_then(Value::as_f64);
    let mut what = expected.metric.clone();
    if let Some(least) = expected.at_least {
        let _ = write!(what, " ≥ {least}");
    }
    if let Some(most) = expected.at_most {
        let _ = write!(what, " ≤ {most}");
    }
    let held = value.is_some_and(|value| {
        expected.at_least.is_none_or(|least| value >= least)
            && expected.at_most.is_none_or(|most| value <= most)
    });
    let found = value.map_or_else(|| "(not measured)".to_owned(), |value| format!("({value:.3})"));
    Assertion { what, held, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let of = Distribution::of((1..=100).map(f64::from).collect());
        assert_eq!((of.p50, of.p95, of.p99, of.max, of.count), (50.0, 95.0, 99.0, 100.0, 100));
        assert_eq!(Distribution::of(vec![]).count, 0);
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let json = serde_json::json!({"a_ms": {"p95": 3.0}});
        let expect = |metric: &str, at_most| {
            judge(
                &Expectation { metric: metric.to_owned(), at_most: Some(at_most), at_least: None },
                &json,
            )
            .held
        };
        assert!(expect("a_ms.p95", 3.0));
        assert!(!expect("a_ms.p95", 2.9));
        assert!(!expect("a_ms.p96", 3.0));
    }

    #[test]
    fn a_run_without_bots_is_no_success() {
        assert!(always(&[]).iter().all(|assertion| !assertion.held));
    }
}
