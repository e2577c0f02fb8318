//! Every message of the wire has a golden file, which is what the types read and write. The web
//! client's tests read the same files. `PALABRE_BLESS=1 cargo test -p palabre-wire` writes them anew.

mod samples;

use std::collections::BTreeSet;
use std::path::PathBuf;

use palabre_wire::{ClientMessage, Command, RoomEvent, ServerMessage, parse_client_message};
use serde::de::DeserializeOwned;

fn golden() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"))
}

fn check(name: &str, json: &str) {
    let path = golden().join(format!("{name}.json"));
    if std::env::var_os("PALABRE_BLESS").is_some() {
        std::fs::write(&path, format!("{json}\n")).expect("golden file is writable");
    }
    let file =
        std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no golden file {name}.json"));
    assert_eq!(file.trim_end(), json, "{name}.json differs from what the types write");
}

/// The names serde knows for an enum, taken from its own complaint about an unknown one.
fn variants<T: DeserializeOwned>(unknown: &str) -> BTreeSet<String> {
    let Err(error) = serde_json::from_str::<T>(unknown) else {
        panic!("{unknown} was understood");
    };
    let names: BTreeSet<String> =
        error.to_string().split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 1, "cannot read the variants out of: {error}");
    names
}

#[test]
fn client_messages_are_their_golden_files() {
    for (name, message) in samples::client() {
        let json = serde_json::to_string_pretty(&message).expect("serialises");
        check(&name, &json);
        assert_eq!(parse_client_message(&json).expect("parses"), message, "{name}");
    }
}

#[test]
fn server_messages_are_their_golden_files() {
    for (name, message) in samples::server() {
        let json = serde_json::to_string_pretty(&message).expect("serialises");
        check(&name, &json);
        assert_eq!(
            serde_json::from_str::<ServerMessage>(&json).expect("parses"),
            message,
            "{name}"
        );
    }
}

#[test]
fn no_golden_file_is_left_over() {
    let expected: BTreeSet<String> = samples::client()
        .into_iter()
        .map(|(name, _)| name)
        .chain(samples::server().into_iter().map(|(name, _)| name))
        .map(|name| format!("{name}.json"))
        .chain(["frame.voice.hex".to_owned(), "frame.heard.hex".to_owned()])
        .collect();
    let found: BTreeSet<String> = std::fs::read_dir(golden())
        .expect("golden files")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_kind_of_message_has_a_sample() {
    let client: BTreeSet<String> = samples::client().into_iter().map(|(name, _)| name).collect();
    let server: BTreeSet<String> = samples::server().into_iter().map(|(name, _)| name).collect();
    let has = |names: &BTreeSet<String>, prefix: &str| {
        names.iter().any(|name| name == prefix || name.starts_with(&format!("{prefix}.")))
    };
    for kind in variants::<ClientMessage>(r#"{"type":"?"}"#) {
        assert!(has(&client, &format!("client.{kind}")), "no sample of client message {kind}");
    }
    for kind in variants::<Command>(r#"{"do":"?"}"#) {
        assert!(has(&client, &format!("client.command.{kind}")), "no sample of command {kind}");
    }
    for kind in variants::<ServerMessage>(r#"{"type":"?"}"#) {
        assert!(has(&server, &format!("server.{kind}")), "no sample of server message {kind}");
    }
    for kind in variants::<RoomEvent>(r#"{"part":"?"}"#) {
        assert!(has(&server, &format!("server.event.{kind}")), "no sample of event {kind}");
    }
}
