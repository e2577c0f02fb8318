//! The table of `docs/METRICS.md`: every metric that a server exports, from the registry itself.
//!
//! What is split by a label is exported from its first time on, so each of those is counted once here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use palabre_sfu::ShardStats;
use palabre_signaling::Metrics;
use palabre_wire::{Carrier, ClosingReason, DropCause, Refusal, Rung};
use prometheus_client::encoding::text::encode;

use super::sampled::Sampled;
use super::{Code, HttpMetrics, registry};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
const BEGIN: &str = "<!-- what a server exports -->\n";
const END: &str = "<!-- end of the table -->";

/// Where metrics are named in the sources.
const SOURCES: [&str; 2] = ["src", "../../signaling/src"];

/// Labels whose values `WIRE.md`, HTTP or the machine say.
const OPEN: [&str; 4] = ["code", "reason", "shard", "version"];

/// A metric under one name, as a query says it.
#[derive(Default)]
struct Row {
    kind: String,
    help: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// What a scrape gives when everything has happened once.
fn exposition() -> String {
    let signaling = Metrics::default();
    signaling.closed_by_us.add(&ClosingReason::Left);
    signaling.commands_refused.add(&Refusal::NotYourTurn);
    for rung in Rung::ALL {
        signaling.reconnects.add(&rung, std::time::Duration::ZERO);
    }
    for cause in DropCause::ALL {
        signaling.media_gaps.add(&cause, std::time::Duration::ZERO);
    }
    for carrier in [Carrier::Udp, Carrier::Tcp, Carrier::Turn, Carrier::Tunnel, Carrier::None] {
        signaling.carriers.add(&carrier);
    }
    let http = HttpMetrics::of(1);
    http.responses.add(&Code(StatusCode::OK));
    let sampled = Sampled::with(vec![ShardStats::default()]);
    let mut text = String::new();
    encode(&mut text, &registry(&signaling, &http, Arc::new(Mutex::new(sampled)))).expect("text");
    text
}

/// The end that the format puts behind a family's name; a histogram's three are its own business.
fn ending(kind: &str) -> &'static str {
    match kind {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    }
}

/// The rows by name.
fn rows(text: &str) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let (mut name, mut help) = (String::new(), "");
    for line in text.lines().take_while(|line| *line != "# EOF") {
        if let Some(told) = line.strip_prefix("# HELP ") {
            help = told.split_once(' ').expect("a name and its help").1;
        } else if let Some(told) = line.strip_prefix("# TYPE ") {
            let (family, kind) = told.split_once(' ').expect("a name and its type");
            name = format!("{family}{}", ending(kind));
            // The format ends a help text with a full stop of its own.
            let help = help.trim_end_matches('.').to_owned();
            let row = Row { kind: kind.to_owned(), help, ..Row::default() };
            assert!(rows.insert(name.clone(), row).is_none(), "{name} is exported twice");
        } else if let Some((_, labels)) = line.split_once('{') {
            let row = rows.get_mut(&name).expect("a sample stands behind its type");
            let labels = labels.split_once('}').expect("the labels end").0;
            for (label, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
                if label != "le" {
                    let values = row.labels.entry(label.to_owned()).or_default();
                    values.insert(value.trim_matches('"').to_owned());
                }
            }
        }
    }
    rows
}

/// The unit that a name says; what has none counts the things its help names.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let units = [
        ("_timestamp_seconds", "s since 1970"),
        ("_start_time_seconds", "s since 1970"),
        ("_bytes_per_second", "bytes/s"),
        ("_seconds", "s"),
        ("_bytes", "bytes"),
        ("_ratio", "share of 1"),
    ];
    units.iter().find(|(end, _)| name.ends_with(end)).map_or("–", |(_, unit)| unit)
}

/// The table, in Markdown.
fn table() -> String {
    let mut text =
        String::from("| metric | type | labels | unit | what |\n|---|---|---|---|---|\n");
    for (name, Row { kind, help, labels }) in rows(&exposition()) {
        let label = |(label, values): (String, BTreeSet<String>)| {
            if OPEN.contains(&label.as_str()) {
                return format!("`{label}`");
            }
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("`{label}`: {}", values.join(", "))
        };
        let labels: Vec<String> = labels.into_iter().map(label).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join("; ") };
        let unit = unit(&name);
        text.push_str(&format!("| `{name}` | {kind} | {labels} | {unit} | {help} |\n"));
    }
    text
}

#[test]
fn the_documented_metrics_are_the_exported_ones() {
    let text = fs::read_to_string(DOCUMENT).expect("the page of the metrics");
    let (before, rest) = text.split_once(BEGIN).expect("the place of the table");
    let (documented, after) = rest.split_once(END).expect("the end of the table");
    if std::env::var_os("PALABRE_BLESS").is_some() {
        fs::write(DOCUMENT, format!("{before}{BEGIN}{}{END}{after}", table())).expect("written");
        return;
    }
    assert_eq!(documented, table(), "run `cargo xtask codegen`");
}

#[test]
fn every_metric_says_what_it_is() {
    for (name, row) in rows(&exposition()) {
        assert!(row.help.split(' ').count() >= 2 || row.kind == "info", "{name}: {}", row.help);
        assert!(!row.help.contains(['|', '\n']), "{name}: {}", row.help);
    }
}

/// Texts of a source that begin as our metrics do.
fn named(source: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    source
        .split('"')
        .map(move |text| text.split(|c| !is_part(c)).next().unwrap_or_default())
        .filter(|name| ["palabre_", "process_"].iter().any(|ours| name.starts_with(ours)))
}

/// One that is split by a label, and was not counted above, would be missing from the table unseen.
#[test]
fn no_metric_that_the_sources_name_is_missing() {
    let rows = rows(&exposition());
    let known = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        let name = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        rows.keys().any(|row| row.starts_with(name))
    };
    let mut folders: Vec<_> =
        SOURCES.map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).into();
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).expect("a source");
                for name in named(&source) {
                    assert!(known(name), "{}: `{name}` is not in the table", path.display());
                    found += 1;
                }
            }
        }
    }
    assert!(found > 90, "{found} names were found in the sources");
}
