//! Whether bots and server say the same of one run. A metric that is wrong, or not there any more, is
//! found here before an operator believes it.

use std::collections::BTreeSet;

use super::limit::Packets;
use super::raw::{RawRun, ServerRaw, Totals};
use super::report::Assertion;
use super::scrape::Scrape;

/// How far two figures of the same may lie apart: 5 %.
const TOLERANCE: f64 = 0.05;

/// Packets, and people who come and go, may differ by this many: what happens between the last look at one
/// and at the other. What is counted one by one may not.
const SLACK: f64 = 2.0;

/// Packets that a bot sends while it does not know yet that its rights changed: some hundredths of a second of
/// sound and pictures, and half of that counts too much as often as too little.
const UNKNOWING: f64 = 2.0;

/// The server's count of what bots sent.
const RECEIVED: &str = "palabre_media_packets_received_total";

/// What fails when there is nothing to compare, and nobody said so.
pub(super) const COMPARED: &str = "the server's metrics were compared";

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
    "palabre_reconnections_total{rung=\"resume\"}",
    "palabre_reconnections_total{rung=\"new_transport\"}",
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

/// A counter of the server that cannot stand still when bots saw so many of something.
type Moves = (&'static str, fn(&Totals) -> u64);

/// Counters that no bot counts alike: at least they move.
const MOVES: [Moves; 9] = [
    ("palabre_rooms_opened_total", |bots| bots.bots),
    ("palabre_journal_commit_seconds_count", |bots| bots.bots),
    ("palabre_media_datagrams_received_total", |bots| bots.packets_sent),
    ("palabre_media_datagrams_sent_total", |bots| bots.packets_received),
    ("palabre_media_received_bytes_total", |bots| bots.packets_sent),
    ("palabre_media_sent_bytes_total", |bots| bots.packets_received),
    ("palabre_media_packets_gated_total", |bots| bots.closed_microphones),
    ("palabre_floor_grant_seconds_count", |bots| bots.floor_grant_ms.count()),
    ("palabre_floor_revoke_seconds_count", |bots| bots.floor_revoke_ms.count()),
];

/// Those that stand still although they cannot.
fn standing<'a>(run: &RawRun, server: &'a ServerRaw) -> Vec<&'a str> {
    let moves = MOVES.iter().filter(|(_, saw)| saw(&run.totals) > 0);
    // What is missing is told by another assertion.
    moves
        .map(|(series, _)| *series)
        .filter(|of| server.more(of).is_some_and(|more| more <= 0.0))
        .collect()
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
    if !run.tested.restarts {
        let began = |scrape: &Scrape| {
            let at = scrape.value("process_start_time_seconds");
            at.map_or_else(|| "it does not say".to_owned(), |at| format!("one begun at {at:.0}"))
        };
        judged.push(Assertion {
            what: "the same server process from beginning to end".to_owned(),
            held: server.same_process(),
            found: if server.same_process() {
                String::new()
            } else {
                format!("{}, then {}", began(&server.before), began(&server.after))
            },
        });
    }
    if server.same_process() {
        let standing = standing(run, server);
        judged.push(Assertion {
            what: "the server's counters move when bots see what they count".to_owned(),
            held: standing.is_empty(),
            found: standing.join(", "),
        });
    }
    let compared = compared(run);
    let comparable = run.tested.incomparable.is_empty() && server.same_process();
    let enough = !comparable || compared.iter().any(|one| one.series == RECEIVED);
    judged.push(Assertion {
        what: COMPARED.to_owned(),
        held: enough,
        found: if enough { "" } else { "not one packet" }.to_owned(),
    });
    judged.extend(compared.iter().map(Compared::judge));
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
    /// By how much they may differ in any case.
    slack: f64,
}

impl Compared {
    fn judge(&self) -> Assertion {
        let agree = self.server.is_some_and(|server| {
            let allowed = (self.bots.max(server) * TOLERANCE).max(self.slack);
            (self.bots - server).abs() <= allowed
        });
        let server = self.server.map_or_else(|| "nothing".to_owned(), |says| format!("{says:.0}"));
        Assertion {
            what: format!("bots and server agree within 5 % on {} ({})", self.what, self.series),
            held: agree,
            found: format!("bots {:.0}, server {server}", self.bots),
        }
    }
}

/// Everything both can know.
pub(super) fn compared(run: &RawRun) -> Vec<Compared> {
    let Some(server) = &run.server else { return Vec::new() };
    let totals = &run.totals;
    let gauge = |series: &str| Some(server.peaks.get(series)? - server.before.value(series)?);
    let returns = |rung: &str| totals.reconnect_seconds.get(rung).map_or(0, |times| times.count());
    let mut all = Vec::new();
    let mut add = |what, series, (bots, server), slack| {
        all.push(Compared { what, series, bots, server, slack });
    };
    let most_bots = run.series.iter().map(|second| second.online).max().unwrap_or(0);
    let most_rooms = run.series.iter().map(|second| second.rooms).max().unwrap_or(0);
    if !run.levels.is_empty() {
        // A plan ends rooms and opens others, while the server keeps those that people left.
        let opened = "palabre_rooms_opened_total";
        add("rooms opened", opened, (run.rooms as f64, server.more(opened)), 0.0);
    } else if most_rooms > 0 {
        let rooms = "palabre_rooms";
        add("rooms at once", rooms, (most_rooms as f64, gauge(rooms)), 0.0);
        let seats = "palabre_seats";
        let people = most_rooms as f64 * run.tested.people as f64;
        add("seats at once", seats, (people, gauge(seats)), 0.0);
    }
    if !(run.tested.incomparable.is_empty() && server.same_process()) {
        return all;
    }
    let received = RECEIVED;
    let forwarded = "palabre_media_packets_forwarded_total";
    // Where rooms were too many bots and server saw different things: what held is compared.
    if run.levels.iter().any(|level| level.broke.is_some()) {
        let held = run.levels.iter().filter(|level| level.broke.is_none());
        let packets: Vec<_> = held.filter_map(|level| level.packets).collect();
        let sum = |of: fn(&Packets) -> f64| packets.iter().map(of).sum::<f64>();
        if !packets.is_empty() {
            let sent = (sum(|of| of.sent), Some(sum(|of| of.received)));
            add("packets sent by bots, with as many rooms as held", received, sent, SLACK);
            let expected = (sum(|of| of.expected), Some(sum(|of| of.forwarded)));
            add("packets sent to bots, with as many rooms as held", forwarded, expected, SLACK);
        }
        return all;
    }
    if most_bots > 0 {
        let connected = "palabre_seats_connected";
        let both = (most_bots as f64, gauge(connected));
        add("people connected at once", connected, both, SLACK);
    }
    let sent = (totals.packets_sent as f64, server.more(received));
    add("packets sent by bots", received, sent, SLACK);
    let expected = (totals.packets_expected as f64, server.more(forwarded));
    add("packets sent to bots", forwarded, expected, SLACK);
    let gated = "palabre_media_packets_gated_total";
    // A bot learns a few milliseconds late what it may send.
    let slack = SLACK + UNKNOWING * totals.rights_changes as f64;
    add(
        "packets sent without a right",
        gated,
        (totals.packets_gated as f64, server.more(gated)),
        slack,
    );
    for (what, rung, series) in [
        ("resumed connections", "resume", "palabre_reconnections_total{rung=\"resume\"}"),
        (
            "people back by their link",
            "new_transport",
            "palabre_reconnections_total{rung=\"new_transport\"}",
        ),
    ] {
        add(what, series, (returns(rung) as f64, server.more(series)), 0.0);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::limit::Level;
    use crate::run::raw::Tested;
    use crate::run::series::Second;

    fn run(received: f64) -> RawRun {
        let mut before = Scrape::default();
        for series in NEEDED {
            before.series.insert(series.to_owned(), 1_000.0);
        }
        before.series.insert("process_start_time_seconds".to_owned(), 5.0);
        before.names = relied_on().into_iter().map(str::to_owned).collect();
        let mut after = before.clone();
        let mut set = |series: &str, value: f64| {
            after.series.insert(series.to_owned(), value).expect("a needed series")
        };
        set("palabre_media_packets_received_total", 1_000.0 + received);
        set("palabre_media_packets_forwarded_total", 8_000.0);
        for series in
            ["palabre_media_datagrams_received_total", "palabre_media_received_bytes_total"]
        {
            set(series, 2_000.0);
        }
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
    fn what_the_gate_stops_is_counted_by_both() {
        let with = |bots, changes| {
            let mut run = run(1_000.0);
            (run.totals.packets_gated, run.totals.rights_changes) = (bots, changes);
            let server = run.server.as_mut().expect("made with one");
            let gated = "palabre_media_packets_gated_total".to_owned();
            server.after.series.insert(gated, 1_000.0 + 500.0);
            failed(&run)
        };
        assert_eq!(with(500, 0), [""; 0]);
        let failed = with(440, 20);
        assert!(failed.len() == 1 && failed[0].contains("packets_gated_total"), "{failed:?}");
        assert_eq!(with(440, 40), [""; 0], "they did not always know what they might send");
    }

    #[test]
    fn what_is_counted_one_by_one_is_the_same() {
        for (rooms, returns, fails) in [(3.0, 0, 0), (1.0, 0, 1), (3.0, 1, 1), (5.0, 2, 2)] {
            let mut run = run(1_000.0);
            run.series = vec![Second { rooms: 3, ..Second::default() }];
            for _ in 0..returns {
                run.totals.reconnect_seconds.entry("resume".to_owned()).or_default().add(1.0);
            }
            let server = run.server.as_mut().expect("made with one");
            server.peaks.insert("palabre_rooms".to_owned(), 1_000.0 + rooms);
            server.peaks.insert("palabre_seats".to_owned(), 1_024.0);
            let failed = failed(&run);
            assert_eq!(failed.len(), fails, "{rooms} rooms, {returns} returns: {failed:?}");
        }
    }

    #[test]
    fn a_figure_that_the_server_never_told_is_no_agreement() {
        let mut run = run(1_000.0);
        run.series = vec![Second { rooms: 3, ..Second::default() }];
        let failed = failed(&run);
        assert_eq!(failed.len(), 2, "rooms and seats were never read: {failed:?}");
        assert!(failed[0].contains("server nothing"), "{failed:?}");
    }

    #[test]
    fn beyond_the_limit_bots_and_server_need_not_agree() {
        let level = |rooms, broke: Option<&str>, received| Level {
            rooms,
            broke: broke.map(str::to_owned),
            packets: Some(Packets { sent: 100.0, received, expected: 700.0, forwarded: 700.0 }),
            ..Level::default()
        };
        let with = |levels: Vec<Level>, opened_by_server: f64| {
            let mut run = run(1_000.0);
            // What the whole run showed is far apart.
            run.totals.packets_expected = 9_999;
            run.levels = levels;
            run.rooms = 6;
            // Fewer at once: the server keeps rooms that people left.
            run.series = vec![Second { rooms: 4, ..Second::default() }];
            let server = run.server.as_mut().expect("made with one");
            let opened = "palabre_rooms_opened_total".to_owned();
            server.after.series.insert(opened, 1_000.0 + opened_by_server);
            failed(&run)
        };
        let broken = || level(4, Some("late"), 50.0);
        assert_eq!(with(vec![level(2, None, 100.0), broken()], 6.0), [""; 0]);
        assert_eq!(with(vec![level(2, None, 100.0), broken()], 7.0).len(), 1, "rooms");
        assert_eq!(with(vec![level(2, None, 80.0), broken()], 6.0).len(), 1, "it held");
        assert_eq!(with(vec![broken()], 6.0), [format!("{COMPARED} not one packet")]);
        assert_eq!(
            with(vec![level(2, None, 100.0)], 6.0).len(),
            1,
            "nothing broke: all is compared"
        );
    }

    #[test]
    fn a_server_that_started_again_is_another_unless_the_script_says_so() {
        let mut run = run(1_000.0);
        let server = run.server.as_mut().expect("made with one");
        server.after.series.insert("process_start_time_seconds".to_owned(), 6.0);
        let found = failed(&run);
        assert!(found[0].starts_with("the same server process"), "{found:?}");
        run.tested.restarts = true;
        assert!(failed(&run).iter().all(|one| !one.contains("process")));
    }

    #[test]
    fn a_counter_that_stands_still_is_named_when_bots_saw_what_it_counts() {
        for (series, saw) in MOVES {
            let mut run = run(1_000.0);
            run.totals.bots = 8;
            run.totals.packets_received = 7_000;
            run.totals.closed_microphones = 1;
            run.totals.floor_grant_ms.add(3.0);
            run.totals.floor_revoke_ms.add(3.0);
            assert!(saw(&run.totals) > 0, "{series}");
            let server = run.server.as_mut().expect("made with one");
            for (other, _) in MOVES {
                server.before.series.insert(other.to_owned(), 1.0);
                server
                    .after
                    .series
                    .insert(other.to_owned(), if other == series { 1.0 } else { 2.0 });
            }
            let found = failed(&run);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].ends_with(&format!("see what they count {series}")), "{found:?}");
            run.totals =
                Totals { packets_expected: 7_000, packets_sent: 1_000, ..Totals::default() };
            let sent = series.contains("_received_");
            assert_eq!(failed(&run).is_empty(), !sent, "{series} with nothing seen");
        }
    }

    #[test]
    fn a_forgotten_metric_is_named() {
        let mut run = run(1_000.0);
        let server = run.server.as_mut().expect("made with one");
        server.after.series.remove("palabre_media_packets_gated_total");
        server.after.names.remove("palabre_floor_revoke_seconds_bucket");
        let failed = failed(&run);
        assert_eq!(failed.len(), 2, "{failed:?}");
        assert!(failed.iter().all(|one| one.contains("palabre_media_packets_gated_total")));
        assert!(failed[0].contains("palabre_floor_revoke_seconds_bucket"), "{failed:?}");
    }

    #[test]
    fn what_a_broken_network_ate_is_not_held_against_the_server() {
        let mut run = run(500.0);
        run.tested.incomparable = "packets are lost on purpose".to_owned();
        run.series = vec![Second { rooms: 1, ..Second::default() }];
        let server = run.server.as_mut().expect("made with one");
        server.peaks.insert("palabre_rooms".to_owned(), 1_001.0);
        server.peaks.insert("palabre_seats".to_owned(), 1_008.0);
        assert_eq!(failed(&run), [""; 0]);
    }

    #[test]
    fn alerts_and_dashboard_rely_on_something() {
        let names = relied_on();
        assert!(names.contains("palabre_media_packets_received_total"), "{names:?}");
        assert!(names.len() > 30, "{names:?}");
    }
}
