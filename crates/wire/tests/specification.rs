//! `docs/WIRE.md` is enough to write a client from: it names every code and every kind of message,
//! and its examples are messages.

use std::collections::BTreeSet;

use palabre_wire::{ClientMessage, ClosingReason, Command, Refusal, RoomEvent, ServerMessage};
use serde::de::DeserializeOwned;

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

fn text() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/WIRE.md"))
        .expect("docs/WIRE.md")
}

#[test]
fn it_names_everything() {
    let text = text();
    let names = [
        variants::<ClientMessage>(r#"{"type":"?"}"#),
        variants::<ServerMessage>(r#"{"type":"?"}"#),
        variants::<Command>(r#"{"do":"?"}"#),
        variants::<RoomEvent>(r#"{"part":"?"}"#),
        variants::<Refusal>(r#""?""#),
        variants::<ClosingReason>(r#""?""#),
    ];
    for name in names.iter().flatten() {
        assert!(text.contains(&format!("`{name}`")), "docs/WIRE.md does not name `{name}`");
    }
}

/// Every line of its `json` blocks that opens a message is one, whole, on that line.
#[test]
fn its_examples_are_messages() {
    let text = text();
    let examples: Vec<&str> = text.lines().filter(|line| line.starts_with(r#"{"type":"#)).collect();
    assert!(examples.len() >= 15, "too few examples: {}", examples.len());
    for example in examples {
        let understood = serde_json::from_str::<ClientMessage>(example).is_ok()
            || serde_json::from_str::<ServerMessage>(example).is_ok();
        assert!(understood, "not a message: {example}");
    }
}
