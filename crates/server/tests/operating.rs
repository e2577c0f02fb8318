//! What the operator sets, and what the private listener tells.

mod common;

use std::process::{Command, Output};

use common::{Palabre, room, token};
use serde_json::{Value, json};

fn palabre(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_palabre"))
        .args(arguments)
        .env("PALABRE_DATA", "/nowhere")
        .output()
        .expect("ran")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn bad_settings_end_the_start_with_every_reason() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("palabre.toml");
    std::fs::write(&file, "shards = 0\n\nhtpp = 'x'\noperator-key = 'a-secret-of-the-operator'\n")
        .expect("written");
    let path = file.display().to_string();
    let out = palabre(&["serve", "--config", &path, "--media", "here"]);
    assert_eq!(out.status.code(), Some(1));
    let words = text(&out.stderr);
    for reason in [
        &format!("{path}:1: shards: must be a number from 1 to 64, not `0`"),
        &format!("{path}:3: htpp: there is no such setting (is `http` meant?)"),
        &format!("{path}:4: operator-key: is a secret"),
        "--media: must be an address and a port",
    ] {
        assert!(words.contains(reason), "no `{reason}` in {words}");
    }
    assert!(!words.contains("a-secret"), "{words}");
    assert_eq!(palabre(&["serve", "--operator-key", "x"]).status.code(), Some(2), "never a flag");
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("palabre.toml");
    let key = dir.path().join("key");
    std::fs::write(&key, "a-secret-of-the-operator\n").expect("written");
    std::fs::write(&file, format!("operator-key-file = '{}'\nshards = 2\n", key.display()))
        .expect("written");
    let path = file.display().to_string();
    let out = palabre(&["config", "--config", &path, "--max-rooms=7"]);
    let shown = text(&out.stdout);
    assert!(out.status.success(), "{}", text(&out.stderr));
    for line in [
        "http = \"127.0.0.1:8080\"  # default\n",
        &format!("shards = \"2\"  # {path}:2\n"),
        "max-rooms = \"7\"  # --max-rooms\n",
        "data = \"/nowhere\"  # PALABRE_DATA\n",
        &format!("operator-key = (set, not shown)  # {}:1\n", key.display()),
    ] {
        assert!(shown.contains(line), "no `{line}` in {shown}");
    }
    assert!(!shown.contains("a-secret"), "{shown}");
    assert!(text(&palabre(&["config", "--table"]).stdout).starts_with("| flag |"));
}

#[test]
fn health_and_metrics_are_private_and_not_for_pages() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo"]);
    assert_eq!(server.ask_private("/livez", "").0, 200);
    assert_eq!(server.ask_private("/readyz", "").0, 200);
    assert_eq!(server.ask_private("/metrics", "").0, 200);
    assert_eq!(server.ask_private("/", "").0, 404, "no page there");
    assert_eq!(server.ask_private("/metrics", "Origin: http://localhost:1\r\n").0, 403);
    assert_eq!(server.ask_private("/metrics", "Host: evil.example\r\n").0, 403);
    assert_eq!(server.get("/metrics").0, 404, "metrics are not public");
}

/// A whole session, well-behaved and not, at the finest level: every line is JSON of one form, and
/// none holds what is a person's.
#[tokio::test]
async fn logs_for_machines_hold_nobody() {
    let data = tempfile::tempdir().expect("dir");
    let key = "open-sesame-open-sesame";
    let server = Palabre::start_with(
        data.path(),
        &["--no-demo", "--log-format", "json"],
        &[("PALABRE_OPERATOR_KEY", key), ("PALABRE_TYPO", "a-secret-by-mistake")],
    );
    let (status, made) = server.post_room(&format!("Authorization: Bearer {key}\r\n"), &room());
    assert_eq!(status, 201, "{made}");
    assert_eq!(server.post_room("Authorization: Bearer a-wrong-secret\r\n", &room()).0, 401);
    let link = |seat: usize| made["links"][seat]["url"].as_str().expect("a link").to_owned();
    let mut chair = server.page(token(&link(0))).await;
    chair.until("welcome").await;
    let mut client = server.page(token(&link(1))).await;
    let resume =
        client.until("welcome").await["resume_token"].as_str().expect("a token").to_owned();
    for (id, command) in [
        json!({"do": "chat", "text": "un secret bien gardé"}),
        json!({"do": "next_phase"}),
        json!({"do": "set_notes", "text": "une note secrète"}),
        json!({"do": "end_session"}),
    ]
    .into_iter()
    .enumerate()
    {
        chair.command(id as u64 + 1, command).await;
    }
    let mut stranger = server.page("a-forged-token").await;
    stranger.until("closing").await;
    server.get("/r/un-secret?secret=1");
    server.metrics();
    let (host, room_id) = ("127.0.0.1:", made["room"].as_str().expect("an identifier").to_owned());
    let log = server.terminate().1;

    assert!(log.lines().count() >= 3, "{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for field in ["timestamp", "level", "target", "fields"] {
            assert!(!line[field].is_null(), "no {field} in {line}");
        }
    }
    assert!(log.contains("PALABRE_TYPO"), "what is no setting is told by its name: {log}");
    let tokens = [token(&link(0)).to_owned(), token(&link(1)).to_owned(), resume, room_id];
    let secrets = ["Gwenaëlle", "Théophile", "secret", "secrète", "forged", "sesame", host];
    for secret in secrets.iter().map(|s| (*s).to_owned()).chain(tokens) {
        assert!(!log.contains(&secret), "the log holds {secret}");
    }
}
