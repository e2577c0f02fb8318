//! Whether bots and server say the same of one run. A metric that is wrong, or not there any more, is
//! found here before an operator believes it.

use std::collections::BTreeSet;

use super::raw::RawRun;
use super::report::Assertion;

/// How far two figures of the same may lie apart: 5 %.
const TOLERANCE: f64 = 0.05;

/// Small counts may differ by this many: what happens between the last look at one and at the other.
const SLACK: f64 = 2.0;

/// Where operators rely on names.
const RULES: &str = include_str!("../../../packaging/prometheus/palabre.rules.yml");
const DASHBOARD: &str = include_str!("../../../packaging/grafana/palabre.json");

/// Series that the load test itself needs, as they are written.
const NEEDED: [&str; 15] = [
    "palabre_rooms",
    "palabre_seats",
    "palabre_seats_connected",
    "palabre_rooms_opened_total",
    "palabre_media_packets_received_total",
    "palabre_media_packets_forwarded_total",
    "palabre_media_packets_gated_total",
    "palabre_media_datagrams_received_total",
    "palabre_media_datagrams_sent_total",
    "palabre_media_received_bytes_total",
    "palabre_media_sent_bytes_total",
    "palabre_reconnections_total{rung=\"signaling_resume\"}",
    "palabre_reconnections_total{rung=\"new_session\"}",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
];

/// Counted by a label: they are not there before the first one happened.
const ONLY_ONCE_HAPPENED: [&str; 6] = [
    "palabre_commands_refused_total",
    "palabre_connections_ended_total",
    "palabre_media_carriers_total",
    "palabre_media_gap_seconds_bucket",
    "palabre_reconnect_seconds_bucket",
    "palabre_reconnect_seconds_count",
];

/// Names that are no series of the server: recorded ones, and Prometheus' own.
fn is_ours(name: &str) -> bool {
    name.starts_with("palabre_") || name.starts_with("process_")
}

/// The series that alerts and dashboard speak of.
fn relied_on() -> BTreeSet<&'static str> {
    let word = |text: &'static str| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
            .filter(|word| is_ours(word) && !word.contains(':'))
            .filter(|word| !ONLY_ONCE_HAPPENED.contains(word))
    };
    word(RULES).chain(word(DASHBOARD)).collect()
}

/// What is asserted of bots and server together; nothing when the server could not be asked.
pub(super) fn judge(run: &RawRun) -> Vec<Assertion> {
    let Some(server) = &run.server else { return Vec::new() };
    let mut missing: Vec<&str> =
        NEEDED.into_iter().filter(|series| server.after.value(series).is_none()).collect();
    missing.extend(relied_on().into_iter().filter(|name| !server.after.names.contains(*name)));
    missing.dedup();
    let mut judged = vec![Assertion {
        what:
            "the server exports every metric that the load test, the alerts and the dashboard need"
                .to_owned(),
        held: missing.is_empty(),
        found: if missing.is_empty() {
            String::new()
        } else {
            format!("missing: {}", missing.join(", "))
        },
    }];
    for compared in compared(run) {
        judged.extend(compared.judge());
    }
    judged
}

/// One figure by both.
#[derive(Debug, Clone)]
pub(super) struct Compared {
    /// What it is the number of.
    pub(super) what: &'static str,
    /// The series.
    pub(super) series: &'static str,
    /// What the bots say.
    pub(super) bots: f64,
    /// What the server says; none when it has no such series.
    pub(super) server: Option<f64>,
}

impl Compared {
    /// What is missing is told by another assertion.
    fn judge(&self) -> Option<Assertion> {
        let server = self.server?;
        let apart = (self.bots - server).abs();
        let allowed = (self.bots.max(server) * TOLERANCE).max(SLACK);
        Some(Assertion {
            what: format!("bots and server agree within 5 % on {} ({})", self.what, self.series),
            held: apart <= allowed,
            found: format!("bots {:.0}, server {server:.0}", self.bots),
        })
    }
}

/// Everything both can know.
pub(super) fn compared(run: &RawRun) -> Vec<Compared> {
    let Some(server) = &run.server else { return Vec::new() };
    let totals = &run.totals;
    let gauge = |series: &str| Some(server.peaks.get(series)? - server.before.value(series)?);
    let more = |series: &str| {
        Some(server.after.value(series)? - server.before.value(series)?)
            // A server that was started again began to count anew.
            .filter(|more| *more >= 0.0)
    };
    let returns = |rung: &str| totals.reconnect_seconds.get(rung).map_or(0, |times| times.count());
    let mut all = Vec::new();
    let mut add = |what, series, bots: f64, server| {
        all.push(Compared { what, series, bots, server });
    };
    let most_bots = run.series.iter().map(|second| second.connected).max().unwrap_or(0);
    let most_rooms = run.series.iter().map(|second| second.rooms).max().unwrap_or(0);
    if most_rooms > 0 {
        add("rooms at once", "palabre_rooms", most_rooms as f64, gauge("palabre_rooms"));
        let seats = most_rooms as f64 * run.tested.people as f64;
        add("seats at once", "palabre_seats", seats, gauge("palabre_seats"));
    }
    let same_process = server.before.value("process_start_time_seconds")
        == server.after.value("process_start_time_seconds");
    if !(run.tested.incomparable.is_empty() && same_process) {
        return all;
    }
    if most_bots > 0 {
        add(
            "people connected at once",
            "palabre_seats_connected",
            most_bots as f64,
            gauge("palabre_seats_connected"),
        );
    }
    let received = "palabre_media_packets_received_total";
    add("packets sent by bots", received, totals.packets_sent as f64, more(received));
    let forwarded = "palabre_media_packets_forwarded_total";
    add("packets sent to bots", forwarded, totals.packets_expected as f64, more(forwarded));
    let resumed = "palabre_reconnections_total{rung=\"signaling_resume\"}";
    add("resumed connections", resumed, returns("resume") as f64, more(resumed));
    let anew = "palabre_reconnections_total{rung=\"new_session\"}";
    add("people back by their link", anew, returns("new_transport") as f64, more(anew));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::raw::{ServerRaw, Tested};
    use crate::run::scrape::Scrape;

    fn run(received: f64) -> RawRun {
        let mut before = Scrape::default();
        for series in NEEDED {
            before.series.insert(series.to_owned(), 1_000.0);
        }
        before.names = relied_on().into_iter().map(str::to_owned).collect();
        let mut after = before.clone();
        let mut set = |series: &str, value: f64| {
            after.series.insert(series.to_owned(), value).expect("a needed series")
        };
        set("palabre_media_packets_received_total", 1_000.0 + received);
        set("palabre_media_packets_forwarded_total", 8_000.0);
        let mut run = RawRun::new(Tested { people: 8, ..Tested::default() }, 0);
        run.totals.packets_sent = 1_000;
        run.totals.packets_expected = 7_000;
        run.server = Some(ServerRaw { before, after, ..ServerRaw::default() });
        run
    }

    fn failed(run: &RawRun) -> Vec<String> {
        let failed = judge(run).into_iter().filter(|assertion| !assertion.held);
        failed.map(|assertion| format!("{} {}", assertion.what, assertion.found)).collect()
    }

    #[test]
    fn figures_within_five_percent_agree() {
        assert_eq!(failed(&run(1_000.0)), [""; 0]);
        assert_eq!(failed(&run(1_050.0)), [""; 0]);
        assert_eq!(failed(&run(951.0)), [""; 0]);
    }

    #[test]
    fn figures_further_apart_name_their_series() {
        let failed = failed(&run(1_060.0));
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].contains("palabre_media_packets_received_total"), "{failed:?}");
        assert!(failed[0].contains("bots 1000, server 1060"), "{failed:?}");
    }

    #[test]
    fn a_forgotten_metric_is_named() {
        let mut run = run(1_000.0);
        let server = run.server.as_mut().expect("made with one");
        server.after.series.remove("palabre_media_packets_gated_total");
        server.after.names.remove("palabre_floor_revoke_seconds_bucket");
        let failed = failed(&run);
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].contains("palabre_media_packets_gated_total"), "{failed:?}");
        assert!(failed[0].contains("palabre_floor_revoke_seconds_bucket"), "{failed:?}");
    }

    #[test]
    fn what_a_broken_network_ate_is_not_held_against_the_server() {
        let mut run = run(500.0);
        run.tested.incomparable = "packets are lost on purpose".to_owned();
        assert_eq!(failed(&run), [""; 0]);
    }

    #[test]
    fn alerts_and_dashboard_rely_on_something() {
        let names = relied_on();
        assert!(names.contains("palabre_media_packets_received_total"), "{names:?}");
        assert!(names.len() > 30, "{names:?}");
    }
}
