//! The numbers of a run, as JSON with units in the keys, and as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use palabre_ids::Seat;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::FaultResults;
use super::limit::{Level, Limit};
use super::raw::RawRun;
use super::scenario::Expectation;
use super::series::Second;
use super::{agreement, drift, streams};
use crate::bot::Report;
use crate::bot::listener::Speech;
pub use crate::samples::Distribution;
use crate::samples::Samples;

/// Something that had to be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// What.
    pub what: String,
    /// Whether it was.
    pub held: bool,
    /// What was found instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub found: String,
}

/// What a room gave.
#[derive(Debug, Default)]
pub struct RoomResult {
    /// Each bot's last word.
    pub reports: Vec<Report>,
    /// Those who were given nothing to send.
    pub silent: Vec<Seat>,
    /// Those who were lost, and how, unless the script explains it.
    pub lost: Vec<(Seat, String)>,
    /// The scenario's checks.
    pub assertions: Vec<Assertion>,
    /// Silences, by cause, in milliseconds.
    pub gaps: Vec<(String, f64)>,
    /// What hostile bots were given.
    pub findings: Vec<String>,
    /// What of the script could not be done.
    pub failures: Vec<String>,
    /// What faults showed.
    pub(super) faults: FaultResults,
    /// Fragments of media sent that nobody may receive.
    pub forbidden_sent: usize,
}

/// What a process used so far.
#[derive(Debug, Clone, Copy)]
pub struct ServerUse {
    /// Processor time.
    pub cpu_ns: u64,
    /// Resident memory.
    pub rss_bytes: u64,
}

/// How well voices came through to those who decode them.
#[derive(Debug, Clone, Serialize)]
pub struct SpeechSummary {
    /// Windows of 3 s that were compared with what was said.
    pub windows: u64,
    /// The share of them in which the speaker was recognised.
    pub recognised_share: f64,
    /// The match, of 1, that 95 of 100 windows reach.
    pub score_p5: f64,
    /// The match of the middle one.
    pub score_p50: f64,
    /// The share of 20 ms of sound that the decoder had to make up.
    pub concealed_share: f64,
}

impl SpeechSummary {
    fn of(speech: &Speech) -> Self {
        let share =
            |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        Self {
            windows: speech.windows,
            recognised_share: share(speech.recognised, speech.windows),
            score_p5: speech.score.percentile(5.0),
            score_p50: speech.score.percentile(50.0),
            concealed_share: share(speech.concealed, speech.frames + speech.concealed),
        }
    }
}

/// A second, for readers of the JSON.
#[derive(Debug, Clone, Serialize)]
pub struct SecondSummary {
    /// Seconds from the beginning.
    pub second: f64,
    /// What there was.
    pub rooms: u64,
    /// Bots whose media was connected.
    pub connected: u64,
    /// Latency of sound in this second.
    pub audio_latency_ms: Distribution,
    /// Latency of pictures in this second.
    pub video_latency_ms: Distribution,
    /// Streams of sound that should have flowed, one for each speaker at each listener.
    pub streams: u64,
    /// Of these, streams of which nothing came for a second, and which no fault explains.
    pub silent_streams: u64,
    /// Packets found missing in it; below 0 when late ones came.
    pub packets_lost: i64,
    /// Media sessions connected in it.
    pub joins: i64,
    /// Ways back taken in it.
    pub reconnections: i64,
    /// Processors the server kept busy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpus: Option<f64>,
    /// Its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_rss_bytes: Option<u64>,
    /// Processors the generators kept busy.
    pub generator_cpus: f64,
    /// How late bots were with what they sent.
    pub send_late_ms: Distribution,
}

impl SecondSummary {
    fn of(second: &Second, began_at_ms: u64) -> Self {
        Self {
            second: second.at as f64 - began_at_ms as f64 / 1_000.0,
            rooms: second.rooms,
            connected: second.connected,
            audio_latency_ms: second.audio_latency_ms.distribution(),
            video_latency_ms: second.video_latency_ms.distribution(),
            streams: second.streams,
            silent_streams: second.silent_streams,
            packets_lost: second.counts.lost,
            joins: second.counts.joins,
            reconnections: second.counts.reconnections,
            server_cpus: second.server_cpus,
            server_rss_bytes: second.server_rss_bytes,
            generator_cpus: second.generator_cpus,
            send_late_ms: second.send_late_ms.distribution(),
        }
    }
}

/// One figure as bots and server tell it.
#[derive(Debug, Clone, Serialize)]
pub struct BothSay {
    /// What it is the number of.
    pub what: String,
    /// The server's series.
    pub series: String,
    /// What the bots say.
    pub bots: f64,
    /// What the server says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<f64>,
}

/// A whole run, judged.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// Whether every assertion held.
    pub held: bool,
    /// How rooms came.
    pub mode: String,
    /// When it began, in milliseconds since 1970.
    pub began_at_ms: u64,
    /// How many rooms there were.
    pub rooms: usize,
    /// People in each.
    pub people: usize,
    /// How long it took.
    pub seconds: f64,
    /// Whether it was ended before its time.
    pub partial: bool,
    /// Processes that made the load.
    pub generators: u32,
    /// From opening the WebSocket to connected media.
    pub join_seconds: Distribution,
    /// Sound, from one bot to another.
    pub audio_latency_ms: Distribution,
    /// Pictures, from one bot to another.
    pub video_latency_ms: Distribution,
    /// From what caused a right to the first packet under it.
    pub floor_grant_ms: Distribution,
    /// From what ended a right to the last packet under it.
    pub floor_revoke_ms: Distribution,
    /// Silences, by cause.
    pub media_gap_ms: BTreeMap<String, Distribution>,
    /// From a drop to being back, by rung.
    pub reconnect_seconds: BTreeMap<String, Distribution>,
    /// From the end of a fault to the last of all hearing all again, by cause.
    pub hear_again_seconds: BTreeMap<String, Distribution>,
    /// From the end of a fault to the welcome: `first`, who speaks or conducts, and `others`.
    pub welcome_seconds: BTreeMap<String, Distribution>,
    /// Packets that a room's listeners missed in one fault, by cause.
    pub packets_lost_to: BTreeMap<String, Distribution>,
    /// Of all attempts to get in that the server answered, the share that it turned away.
    pub refused_share: f64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets that should have been received.
    pub packets_expected: u64,
    /// Packets received.
    pub packets_received: u64,
    /// Packets missing.
    pub packets_lost: u64,
    /// Streams of sound that should have flowed, summed over the seconds.
    pub streams: u64,
    /// Of these, streams of which nothing came for a second, and which no fault explains.
    pub silent_streams: u64,
    /// Packets received that a bot was too slow to count.
    pub packets_overflow: u64,
    /// All that leaked.
    pub leaked_packets: u64,
    /// What leaked, by what gave it away.
    pub leaks: BTreeMap<String, u64>,
    /// Fragments of media sent that nobody may receive.
    pub forbidden_fragments_sent: u64,
    /// Times a picture stood still.
    pub freezes: u64,
    /// For how long in all.
    pub freezes_ms: f64,
    /// How well voices came through.
    pub speech: SpeechSummary,
    /// Processor time of the server for each packet it forwarded, as it counts them where it can be asked;
    /// null when that is not known of one process from beginning to end.
    pub server_cpu_ns_per_forwarded_packet: Option<f64>,
    /// The server's memory in the end; null when it is not known.
    pub server_rss_bytes: Option<u64>,
    /// What each number of rooms showed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Level>,
    /// How many rooms the server carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// What bots and server both counted; empty when the server could not be asked.
    pub agreement: Vec<BothSay>,
    /// What had to be true.
    pub assertions: Vec<Assertion>,
    /// What happened second by second.
    pub series: Vec<SecondSummary>,
}

impl Summary {
    /// Adds up a run, and judges it.
    #[must_use]
    pub fn of(run: &RawRun) -> Self {
        let totals = &run.totals;
        let each = |groups: &BTreeMap<String, Samples>| {
            groups.iter().map(|(name, values)| (name.clone(), values.distribution())).collect()
        };
        let scrapes = run.server.as_ref();
        let mut summary = Self {
            scenario: run.tested.scenario.clone(),
            held: false,
            mode: run.tested.mode.clone(),
            began_at_ms: run.began_at_ms,
            // By a plan rooms come and go: the most at once count, and none that were refused.
            rooms: run.levels.iter().map(|level| level.opened.into()).max().unwrap_or(run.rooms),
            people: run.tested.people,
            seconds: run.seconds,
            partial: run.partial,
            generators: run.generators,
            join_seconds: totals.join_seconds.distribution(),
            audio_latency_ms: totals.audio_latency_ms.distribution(),
            video_latency_ms: totals.video_latency_ms.distribution(),
            floor_grant_ms: totals.floor_grant_ms.distribution(),
            floor_revoke_ms: totals.floor_revoke_ms.distribution(),
            media_gap_ms: each(&totals.media_gap_ms),
            reconnect_seconds: each(&totals.reconnect_seconds),
            hear_again_seconds: each(&totals.hear_again_seconds),
            welcome_seconds: each(&totals.welcome_seconds),
            packets_lost_to: each(&totals.packets_lost_to),
            refused_share: totals.refused as f64 / (totals.refused + totals.let_in).max(1) as f64,
            packets_sent: totals.packets_sent,
            packets_expected: totals.packets_expected,
            packets_received: totals.packets_received,
            packets_lost: totals.packets_lost,
            streams: run.series.iter().map(|second| second.streams).sum(),
            silent_streams: run.series.iter().map(|second| second.silent_streams).sum(),
            packets_overflow: totals.packets_overflow,
            leaked_packets: totals.leaked(),
            leaks: totals.leaks.clone(),
            forbidden_fragments_sent: totals.forbidden_fragments_sent,
            freezes: totals.freezes,
            freezes_ms: totals.freezes_ms,
            speech: SpeechSummary::of(&totals.speech),
            server_cpu_ns_per_forwarded_packet: cpu_ns_per_packet(run),
            server_rss_bytes: run
                .server_rss_bytes
                .or_else(|| scrapes.and_then(|server| server.after.rss_bytes())),
            levels: run.levels.clone(),
            limit: run.limit.clone(),
            agreement: agreement::compared(run)
                .into_iter()
                .map(|both| BothSay {
                    what: both.what.to_owned(),
                    series: both.series.to_owned(),
                    bots: both.bots,
                    server: both.server,
                })
                .collect(),
            assertions: run.assertions.clone(),
            series: run
                .series
                .iter()
                .map(|second| SecondSummary::of(second, run.began_at_ms))
                .collect(),
        };
        summary.assertions.extend(streams::judge(run));
        summary.assertions.extend(agreement::judge(run));
        if run.tested.mode == "soak" {
            summary.assertions.extend(drift::judge(&run.series));
        }
        if let Some(limit) = &run.limit {
            summary.assertions.push(Assertion {
                what: "the limit that was found is the server's, not the load generator's"
                    .to_owned(),
                held: !limit.generator,
                found: limit.says.clone(),
            });
            summary.assertions.push(Assertion {
                what: "the server carries a room".to_owned(),
                held: limit.rooms > 0,
                found: String::new(),
            });
        }
        // Without its series, which nobody sets a bound on.
        let series = std::mem::take(&mut summary.series);
        let json = serde_json::to_value(&summary).unwrap_or(Value::Null);
        summary.series = series;
        summary.assertions.extend(run.expectations.iter().map(|expected| judge(expected, &json)));
        summary.held = !summary.assertions.is_empty()
            && summary.assertions.iter().all(|assertion| assertion.held);
        summary
    }

    /// The table for a person.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}: {} room(s) of {}, {:.0} s{}\n{:<28}{:>10}{:>10}{:>10}{:>10}{:>8}",
            self.scenario,
            self.rooms,
            self.people,
            self.seconds,
            if self.partial { " (partial: ended before its time)" } else { "" },
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
        for (name, groups) in [
            ("reconnect_seconds", &self.reconnect_seconds),
            ("hear_again_seconds", &self.hear_again_seconds),
            ("welcome_seconds", &self.welcome_seconds),
            ("packets_lost_to", &self.packets_lost_to),
        ] {
            for (key, numbers) in groups {
                row(&format!("{name} {key}"), numbers);
            }
        }
        let _ = writeln!(
            out,
            "packets: sent {} expected {} received {} lost {} leaked {} (of {} forbidden fragments sent); \
             streams silent {} of {} looked at",
            self.packets_sent,
            self.packets_expected,
            self.packets_received,
            self.packets_lost,
            self.leaked_packets,
            self.forbidden_fragments_sent,
            self.silent_streams,
            self.streams
        );
        let _ = writeln!(
            out,
            "pictures stood still {} times; of {} windows of speech {:.1} % recognised, {:.2} % of sound made up",
            self.freezes,
            self.speech.windows,
            self.speech.recognised_share * 100.0,
            self.speech.concealed_share * 100.0
        );
        if let Some(cpu) = self.server_cpu_ns_per_forwarded_packet {
            let _ = writeln!(out, "server: {cpu:.0} ns of processor per forwarded packet");
        }
        for level in &self.levels {
            let of = |value: Option<f64>, unit: &str| {
                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1} {unit}"))
            };
            let _ = writeln!(
                out,
                "{:>4} rooms: sound p99 {:.1} ms, lost {:.2} %, server {} and {} a packet, {} rooms a processor, {} a room; generators {:.1} %, {:.0} % full; {}",
                level.rooms,
                level.audio_latency_ms.p99,
                level.lost_percent,
                of(level.server_cpus.map(|cpus| cpus * 100.0), "%"),
                of(level.server_cpu_ns_per_forwarded_packet.map(|ns| ns / 1e3), "µs"),
                of(level.rooms_per_processor, ""),
                of(level.server_rss_bytes_per_room.map(|bytes| bytes / 1_024.0), "KiB"),
                level.generator_cpus * 100.0,
                level.generator_full * 100.0,
                level.broke.as_deref().unwrap_or("held")
            );
        }
        if let Some(limit) = &self.limit {
            let _ = writeln!(out, "{}", limit.says);
        }
        for assertion in &self.assertions {
            let mark = if assertion.held { "held  " } else { "FAILED" };
            let _ = writeln!(out, "{mark} {} {}", assertion.what, assertion.found);
        }
        out
    }
}

/// Of one process alone: what another one used is not known.
fn cpu_ns_per_packet(run: &RawRun) -> Option<f64> {
    let (cpu_ns, packets) = match &run.server {
        None => (run.server_cpu_ns?, run.totals.packets_received as f64),
        Some(server) => {
            let forwarded = server.more("palabre_media_packets_forwarded_total")?;
            let used = || Some((server.more("process_cpu_seconds_total")? * 1e9) as u64);
            (run.server_cpu_ns.or_else(used)?, forwarded)
        }
    };
    (packets > 0.0).then(|| cpu_ns as f64 / packets)
}

fn judge(expected: &Expectation, json: &Value) -> Assertion {
    let value = expected
        .metric
        .split('.')
        .try_fold(json, |value, key| value.get(key))
        .and_then(Value::as_f64);
    let rooms = json.get("rooms").and_then(Value::as_f64).unwrap_or_default();
    let value = if expected.each_room { value.map(|value| value / rooms.max(1.0)) } else { value };
    let mut what = expected.metric.clone();
    if let Some(least) = expected.at_least {
        let _ = write!(what, " ≥ {least}");
    }
    if let Some(most) = expected.at_most {
        let _ = write!(what, " ≤ {most}");
    }
    if expected.each_room {
        what.push_str(" for each room");
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
    use crate::run::raw::{ServerRaw, Tested};
    use crate::run::scrape::Scrape;

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let json = serde_json::json!({"a_ms": {"p95": 3.0}});
        let expect = |metric: &str, at_most| {
            judge(
                &Expectation {
                    metric: metric.to_owned(),
                    at_most: Some(at_most),
                    at_least: None,
                    each_room: false,
                },
                &json,
            )
            .held
        };
        assert!(expect("a_ms.p95", 3.0));
        assert!(!expect("a_ms.p95", 2.9));
        assert!(!expect("a_ms.p96", 3.0));
    }

    #[test]
    fn a_run_in_which_nothing_was_asserted_is_no_success() {
        assert!(!Summary::of(&RawRun::new(Tested::default(), 0)).held);
    }

    #[test]
    fn processor_time_is_that_of_one_process_for_each_packet_it_forwarded() {
        let scrape = |began: f64, cpu: f64, forwarded: f64| {
            let text = format!(
                "process_start_time_seconds {began}\nprocess_cpu_seconds_total {cpu}\n\
                 palabre_media_packets_forwarded_total {forwarded}\n"
            );
            Scrape::parse(&text, 0).expect("metrics")
        };
        let json = |pid_ns, began, forwarded| {
            let mut run = RawRun::new(Tested::default(), 0);
            run.totals.packets_received = 10;
            run.server_cpu_ns = pid_ns;
            let before = scrape(5.0, 1.0, 100.0);
            let after = scrape(began, 3.0, 100.0 + forwarded);
            run.server = Some(ServerRaw { before, after, ..ServerRaw::default() });
            serde_json::to_value(Summary::of(&run)).expect("JSON")
        };
        for (pid_ns, began, forwarded, found) in [
            (None, 5.0, 1_000.0, serde_json::json!(2_000_000.0)),
            (Some(5_000_000), 5.0, 1_000.0, serde_json::json!(5_000.0)),
            // Another process, or nothing forwarded.
            (None, 6.0, 1_000.0, Value::Null),
            (Some(5_000_000), 6.0, 1_000.0, Value::Null),
            (None, 5.0, 0.0, Value::Null),
        ] {
            let json = json(pid_ns, began, forwarded);
            assert_eq!(json.get("server_cpu_ns_per_forwarded_packet"), Some(&found));
            assert_eq!(json.get("server_rss_bytes"), Some(&Value::Null));
        }
    }

    #[test]
    fn a_bound_for_each_room_grows_with_their_number() {
        let expected = Expectation {
            metric: "floor_grant_ms.count".to_owned(),
            at_most: None,
            at_least: Some(50.0),
            each_room: true,
        };
        for (rooms, held) in [(1, true), (2, true), (3, false)] {
            let json = serde_json::json!({"rooms": rooms, "floor_grant_ms": {"count": 100}});
            let found = judge(&expected, &json);
            assert_eq!(found.held, held, "{found:?}");
            assert_eq!(found.what, "floor_grant_ms.count ≥ 50 for each room");
        }
    }

    #[test]
    fn rooms_are_those_there_were() {
        let mut run = RawRun::new(Tested::default(), 0);
        let level = |rooms, opened| Level { rooms, opened, ..Level::default() };
        run.levels = vec![level(5, 5), level(200, 7)];
        assert_eq!(Summary::of(&run).rooms, 7);
    }

    #[test]
    fn a_bound_on_any_number_is_judged() {
        let mut run = RawRun::new(Tested::default(), 0);
        run.totals.audio_latency_ms.add(40.0);
        let expect = |metric: &str, at_most| Expectation {
            metric: metric.to_owned(),
            at_most: Some(at_most),
            at_least: None,
            each_room: false,
        };
        run.expectations = vec![expect("audio_latency_ms.p99", 50.0), expect("freezes", 0.0)];
        assert!(Summary::of(&run).held);
        run.expectations.push(expect("audio_latency_ms.p99", 30.0));
        let summary = Summary::of(&run);
        assert!(!summary.held);
        assert_eq!(summary.assertions[2].found, "(40.000)");
    }
}
