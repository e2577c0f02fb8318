//! What is counted while a session goes on.

mod common;

use common::{Palabre, room, token};
use serde_json::json;

/// Labels that have few values, known beforehand. None of them is a room's or a person's.
const LABELS: &[&str] = &["by", "cause", "code", "le", "reason", "rung", "shard", "version"];

#[tokio::test]
async fn what_happens_is_counted_and_nobody_is_named() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo", "--max-rooms", "1"]);
    let before = server.metrics();
    assert_eq!(before.value("palabre_ready"), 1.0);
    assert_eq!(before.value("palabre_media_up"), 1.0);
    assert_eq!(before.value("palabre_rooms"), 0.0);

    let (status, made) = server.post_room("", &room());
    assert_eq!(status, 201, "{made}");
    assert_eq!(server.post_room("", &room()).0, 503, "there is one room at most");
    let link = |seat: usize| made["links"][seat]["url"].as_str().expect("a link").to_owned();
    let mut chair = server.page(token(&link(0))).await;
    chair.until("welcome").await;
    let mut client = server.page(token(&link(1))).await;
    let welcome = client.until("welcome").await;
    let refused = client.command(1, json!({"do": "next_phase"})).await;
    assert_eq!(refused["code"], "not_facilitator");
    for id in 1..=4 {
        assert_eq!(chair.command(id, json!({"do": "next_phase"})).await["result"], "done");
    }

    // The client comes back, once where it was and once as a new page.
    let resume = json!({"token": welcome["resume_token"], "last_seq": welcome["seq"]});
    drop(client);
    let hello = json!({"token": token(&link(1)), "resume": resume});
    let mut client = server.page_with(hello).await;
    client.until("resumed").await;
    let mut again = server.page(token(&link(1))).await;
    again.until("welcome").await;
    assert_eq!(client.until("closing").await["reason"], "taken_over");
    let mut forged = server.page("forged").await;
    assert_eq!(forged.until("closing").await["reason"], "bad_token");

    let after = server.metrics();
    for (series, expected) in [
        ("palabre_rooms", 1.0),
        ("palabre_seats", 2.0),
        ("palabre_media_rooms", 1.0),
        ("palabre_rooms_opened_total", 1.0),
        ("palabre_welcomes_total", 3.0),
        ("palabre_commands_done_total", 4.0),
        ("palabre_commands_refused_total{code=\"not_facilitator\"}", 1.0),
        ("palabre_connections_ended_total{reason=\"taken_over\"}", 1.0),
        ("palabre_connections_ended_total{reason=\"bad_token\"}", 1.0),
        ("palabre_reconnections_total{rung=\"resume\"}", 1.0),
        ("palabre_reconnections_total{rung=\"new_transport\"}", 1.0),
        ("palabre_reconnections_total{rung=\"rebind\"}", 0.0),
        ("palabre_http_responses_total{code=\"201\"}", 1.0),
        ("palabre_http_responses_total{code=\"503\"}", 1.0),
        ("palabre_journal_failures_total", 0.0),
        ("palabre_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(after.value(series), expected, "{series}");
    }
    // The lobby is open to all; the phases behind it give the word to few.
    assert!(after.value("palabre_floor_revoke_seconds_count") >= 1.0);
    assert!(after.value("palabre_floor_grant_seconds_count") >= 1.0);
    assert!(after.value("palabre_journal_commit_seconds_count") >= 6.0);
    assert!(after.value("process_resident_memory_bytes") > 1e6);
    assert!(after.value("palabre_media_shard_busy_seconds_total{shard=\"0\"}") > 0.0);

    for (name, labels) in &after.labels {
        assert!(labels.iter().all(|label| LABELS.contains(&label.as_str())), "{name}: {labels:?}");
    }
    let text = server.ask_private("/metrics", "").2;
    let id = made["room"].as_str().expect("an identifier");
    for secret in [id, "Gwen", "Théophile", "127.0.0.1", token(&link(0))] {
        assert!(!text.contains(secret), "metrics hold {secret}");
    }
}

#[test]
fn names_say_their_unit() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo"]);
    let metrics = server.metrics();
    assert!(metrics.families.len() > 50, "{:?}", metrics.families);
    for (name, kind) in &metrics.families {
        assert!(name.starts_with("palabre_") || name.starts_with("process_"), "{name}");
        let wrong = ["_ms", "_milliseconds", "_microseconds", "_kb", "_total", "_count"];
        assert!(!wrong.iter().any(|end| name.ends_with(end)), "{name}");
        let units = ["_seconds", "_ratio", "_bytes_per_second"];
        let unit = units.iter().any(|end| name.ends_with(end));
        assert!(kind != "histogram" || unit, "{name}");
    }
}
