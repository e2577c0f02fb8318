//! Whatever a page sends is understood or refused; nothing panics and no content comes back.

use palabre_wire::{BadMessage, MAX_MESSAGE_BYTES, hello_version, parse_client_message};
use proptest::prelude::{Strategy, any, prop_assert, proptest};

#[test]
fn what_is_not_a_message_is_refused() {
    let bad = [
        "",
        " ",
        "null",
        "[]",
        "3",
        "\"leave\"",
        "{",
        "{}",
        r#"{"type":null}"#,
        r#"{"type":"welcome"}"#,
        r#"{"type":"hello"}"#,
        r#"{"type":"hello","version":1,"token":"a","language":"de"}"#,
        r#"{"type":"hello","version":-1,"token":"a","language":"fr"}"#,
        r#"{"type":"hello","version":1,"token":"a","language":"fr","admin":true}"#,
        r#"{"type":"hello","version":1,"token":"a","language":"fr","resume":{"token":"b"}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"ping","at":-1}"#,
        r#"{"type":"ping","at":1e400}"#,
        r#"{"type":"ping","at":18446744073709551616}"#,
        r#"{"type":"view","seats":[{"seat":256,"size":"large"}]}"#,
        r#"{"type":"view","seats":[{"seat":1,"size":"huge"}]}"#,
        r#"{"type":"command","id":1}"#,
        r#"{"type":"command","id":1,"command":{"do":"sing"}}"#,
        r#"{"type":"command","id":1,"command":{"do":"set_muted"}}"#,
        r#"{"type":"command","id":1,"command":{"do":"extend_phase","by":-5}}"#,
        r#"{"type":"media_offer","generation":4294967296,"sdp":""}"#,
        r#"{"type":"tunnel"}"#,
        r#"{"type":"tunnel","on":true,"seat":3}"#,
        r#"{"type":"recovered","rung":"stairs","cause":"path_dead","gap":1}"#,
        r#"{"type":"recovered","rung":"tcp","cause":"weather","gap":1}"#,
        r#"{"type":"recovered","rung":"tcp","cause":"path_dead","gap":-1}"#,
        r#"{"type":"path","rung":"udp"}"#,
        r#"{"type":"estimate","outgoing":-1}"#,
        r#"{"type":"estimate","outgoing":2.5}"#,
        "{\"type\":\"leave\"}{\"type\":\"leave\"}",
    ];
    for text in bad {
        assert!(parse_client_message(text).is_err(), "{text} was understood");
    }
    let deep = "[".repeat(MAX_MESSAGE_BYTES);
    assert!(parse_client_message(&deep).is_err());
    let long = " ".repeat(MAX_MESSAGE_BYTES + 1);
    assert_eq!(
        parse_client_message(&long),
        Err(BadMessage::TooLong { bytes: MAX_MESSAGE_BYTES + 1 })
    );
}

#[test]
fn a_refusal_does_not_repeat_the_message() {
    let error = parse_client_message(r#"{"type":"hello","token":"very-secret"}"#).expect_err("bad");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[test]
fn a_hello_of_another_version_still_names_it() {
    assert_eq!(hello_version(r#"{"type":"hello","version":9,"colour":"blue"}"#), Some(9));
    for other in ["", "{}", r#"{"type":"ping","version":9}"#, r#"{"type":"hello","version":"9"}"#] {
        assert_eq!(hello_version(other), None, "{other}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = parse_client_message(&text);
    }

    #[test]
    fn a_cut_or_changed_message_never_panics(
        cut in 0_usize..200,
        at in 0_usize..200,
        byte in (32_u8..127).prop_map(char::from),
    ) {
        let whole = r#"{"type":"command","id":4,"command":{"do":"grant_floor","seat":2}}"#;
        let cut_text: String = whole.chars().take(cut).collect();
        prop_assert!(cut >= whole.len() || parse_client_message(&cut_text).is_err());
        let changed: String =
            whole.chars().enumerate().map(|(i, c)| if i == at { byte } else { c }).collect();
        let _ = parse_client_message(&changed);
    }
}
