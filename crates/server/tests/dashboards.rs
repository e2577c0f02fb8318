//! Dashboard and alerts against what the server really exports, and runbooks against alerts.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{Palabre, room, token};
use serde_json::{Value, json};

/// What Prometheus itself adds.
const PROMETHEUS: &[&str] = &["up", "ALERTS"];

/// Words of the query language that are no names of metrics.
const WORDS: &[&str] = &["and", "or", "unless", "by", "without", "on", "ignoring", "inf", "bool"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `expr` of a dashboard, wherever it stands.
fn exprs(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(expr) if key == "expr" => found.push(expr.to_owned()),
                    _ => exprs(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| exprs(value, found)),
        _ => {}
    }
}

/// A line of the rules: `key: value`, with or without the dash of a list.
fn values<'a>(rules: &'a str, key: &str) -> Vec<&'a str> {
    let value = |line: &'a str| {
        line.trim_start().trim_start_matches("- ").strip_prefix(key)?.strip_prefix(": ")
    };
    rules.lines().filter_map(value).collect()
}

/// Each alert that a test of the rules speaks of, and whether it must fire there.
fn expectations(test: &str) -> BTreeSet<(&str, bool)> {
    let mut parts = test.split("alertname: ");
    parts.next();
    parts
        .map(|part| {
            let end = part.find([',', '\n']).expect("the name ends");
            let expected = part.split_once("exp_alerts:").expect("what is expected").1;
            (part[..end].trim(), !expected.trim_start().starts_with("[]"))
        })
        .collect()
}

/// The names of metrics in a query: what is no number, text, label, function or word.
fn metrics(expr: &str) -> BTreeSet<String> {
    let mut plain = String::new();
    let mut depth = 0;
    let mut rest = expr;
    // Labels, ranges and texts go; so do the lists behind `by` and `without`.
    while let Some(next) = rest.chars().next() {
        match next {
            '"' => {
                let end = rest[1..].find('"').expect("the text ends") + 2;
                rest = &rest[end..];
                continue;
            }
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ if depth == 0 => plain.push(next),
            _ => {}
        }
        rest = &rest[next.len_utf8()..];
    }
    for word in ["by (", "without ("] {
        while let Some(at) = plain.find(word) {
            let end = at + plain[at..].find(')').expect("the list ends") + 1;
            plain.replace_range(at..end, "");
        }
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    let mut found = BTreeSet::new();
    let mut rest = plain.as_str();
    while let Some(at) = rest.find(is_part) {
        let end = rest[at..].find(|c| !is_part(c)).map_or(rest.len(), |length| at + length);
        let (name, behind) = (&rest[at..end], rest[end..].trim_start());
        let number = name.starts_with(|c: char| c.is_ascii_digit());
        if !number && !behind.starts_with('(') && !WORDS.contains(&name) {
            found.insert(name.to_owned());
        }
        rest = &rest[end..];
    }
    found
}

#[test]
fn queries_are_read_for_their_names() {
    let expr =
        r#"sum by (le) (rate(a_bucket{job="x y", instance=~"$i"}[5m])) > 0.5 * b:c and time() < d"#;
    assert_eq!(metrics(expr).into_iter().collect::<Vec<_>>(), ["a_bucket", "b:c", "d"]);
}

#[tokio::test]
async fn dashboard_and_rules_ask_for_nothing_that_is_not_exported() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo"]);
    // What is split by a label is exported from its first time on.
    let made = server.post_room("", &room()).1;
    let mut client = server.page(token(made["links"][1]["url"].as_str().expect("a link"))).await;
    client.command(1, json!({"do": "next_phase"})).await;
    let back = json!({"type": "recovered", "rung": "ice_restart", "cause": "path_dead", "took": 800, "gap": 740});
    client.say(&back).await;
    client.say(&json!({"type": "path", "rung": "tcp", "audio_only": false})).await;
    client.command(2, json!({"do": "previous_phase"})).await;
    server.page("forged").await.until("closing").await;
    let exported = server.metrics();
    let documented = read("docs/METRICS.md");
    for (name, kind) in &exported.families {
        let end = if kind == "counter" { "_total" } else { "" };
        let end = if kind == "info" { "_info" } else { end };
        assert!(
            documented.contains(&format!("\n| `{name}{end}` | {kind} |")),
            "{name} in METRICS.md"
        );
    }
    let mut known = exported.names();
    known.extend(PROMETHEUS.iter().map(|name| (*name).to_owned()));
    let rules = read("packaging/prometheus/palabre.rules.yml");
    known.extend(values(&rules, "record").into_iter().map(str::to_owned));

    let dashboard = read("packaging/grafana/palabre.json");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let mut queries: Vec<String> = values(&rules, "expr").into_iter().map(str::to_owned).collect();
    assert!(queries.len() > 15, "the rules were read");
    exprs(&dashboard, &mut queries);
    assert!(queries.len() > 60, "the dashboard was read: {}", queries.len());
    let mut asked = BTreeSet::new();
    for query in &queries {
        let names = metrics(query);
        assert!(!names.is_empty() || query.contains("vector"), "{query}");
        for name in names {
            assert!(known.contains(&name), "`{name}` is not exported; in {query}");
            asked.insert(name);
        }
    }
    assert!(asked.len() > 40, "{asked:?}");
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let rules = read("packaging/prometheus/palabre.rules.yml");
    let alerts: BTreeSet<&str> = values(&rules, "alert").into_iter().collect();
    assert!(alerts.len() > 15, "{alerts:?}");
    let operations = read("docs/OPERATIONS.md");
    let runbooks: BTreeSet<&str> =
        operations.lines().filter_map(|line| line.strip_prefix("### Palabre")).collect();
    let named: BTreeSet<&str> =
        alerts.iter().map(|alert| alert.strip_prefix("Palabre").expect("a name of ours")).collect();
    assert_eq!(named, runbooks);
    let links: BTreeSet<&str> = values(&rules, "runbook_url").into_iter().collect();
    let expected: BTreeSet<String> =
        alerts.iter().map(|alert| format!("docs/OPERATIONS.md#{}", alert.to_lowercase())).collect();
    assert_eq!(links, expected.iter().map(String::as_str).collect());
}

/// `cargo xtask test` has promtool run the tests of the rules; here it is held that none is missing.
#[test]
fn every_alert_fires_in_a_test_and_not_for_a_server_in_good_health() {
    let rules = read("packaging/prometheus/palabre.rules.yml");
    let alerts: BTreeSet<&str> = values(&rules, "alert").into_iter().collect();
    let tests = read("packaging/prometheus/palabre.rules.test.yml");
    let mut tests = tests.split("\n  - name: ").skip(1);
    let healthy = tests.next().expect("the server in good health comes first");
    let expected = expectations(healthy);
    assert_eq!(expected, alerts.iter().map(|alert| (*alert, false)).collect());
    let fire: BTreeSet<&str> =
        tests.flat_map(expectations).filter(|(_, fires)| *fires).map(|(alert, _)| alert).collect();
    assert_eq!(fire, alerts);

    // An alert whose series is not there cannot fire: that proves nothing.
    let recorded = values(&rules, "record");
    for expr in values(&rules, "expr") {
        for name in metrics(expr) {
            let there = recorded.contains(&name.as_str())
                || healthy.contains(&format!("series: '{name}{{"));
            assert!(there, "the server in good health has no `{name}`");
        }
    }
}

#[test]
fn what_a_test_of_the_rules_expects_is_read() {
    let test = "- { eval_time: 5m, alertname: A, exp_alerts: [] }\n  alertname: B\n  exp_alerts: []\n\
                alertname: C\n  exp_alerts:\n  - exp_labels: {}\n";
    assert_eq!(
        expectations(test).into_iter().collect::<Vec<_>>(),
        [("A", false), ("B", false), ("C", true)]
    );
}
