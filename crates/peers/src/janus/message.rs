//! What Janus says, taken apart.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Jsep {
    /// `offer` or `answer`.
    pub(super) kind: String,
    pub(super) sdp: String,
}

/// A message of the server.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// A request was understood; what becomes of it follows.
    Acknowledged,
    /// A request of the core was carried out. What it gives, if it gives anything.
    Done(Value),
    /// A plugin answers, or tells something by itself.
    Plugin { data: Value, jsep: Option<Jsep> },
    /// What the state of a peer connection is, and other news.
    News,
}

/// Takes a message apart; gives the transaction it answers to, too.
///
/// # Errors
/// When it tells an error, or is nothing of Janus.
pub(super) fn parse(text: &str) -> Result<(Option<String>, Message)> {
    let mut message: Value = serde_json::from_str(text).context("Janus says what is not JSON")?;
    let transaction = message["transaction"].as_str().map(str::to_owned);
    let plugin = message["plugindata"]["data"].take();
    let jsep = message["jsep"].take();
    let parsed = match message["janus"].as_str() {
        Some("ack") => Message::Acknowledged,
        Some("error") => {
            let error = &message["error"];
            bail!("Janus refuses: {} (code {})", error["reason"], error["code"]);
        }
        Some("success" | "event") if !plugin.is_null() => {
            if !plugin["error"].is_null() {
                bail!("the plugin refuses: {} (code {})", plugin["error"], plugin["error_code"]);
            }
            Message::Plugin { data: plugin, jsep: read_jsep(&jsep)? }
        }
        Some("success") if !message["info"].is_null() => Message::Done(message["info"].take()),
        Some("success") => Message::Done(message["data"].take()),
        Some(_) => Message::News,
        None => bail!("a message of Janus does not say what it is"),
    };
    Ok((transaction, parsed))
}

fn read_jsep(jsep: &Value) -> Result<Option<Jsep>> {
    if jsep.is_null() {
        return Ok(None);
    }
    let text = |name: &str| {
        let text = jsep[name].as_str().map(str::to_owned);
        text.with_context(|| format!("a session description has no {name}"))
    };
    Ok(Some(Jsep { kind: text("type")?, sdp: text("sdp")? }))
}

/// The packets of media that a peer connection has sent, by the admin API's `handle_info`.
///
/// # Errors
/// When it is told otherwise than it was.
pub(super) fn packets_sent(info: &Value) -> Result<u64> {
    let media = &info["webrtc"]["media"];
    let media: Vec<&Value> = match media {
        Value::Array(media) => media.iter().collect(),
        Value::Object(media) => media.values().collect(),
        _ => bail!("handle_info tells of no media"),
    };
    let mut sum = 0;
    for medium in media {
        let sent = &medium["stats"]["out"]["packets"];
        sum += sent.as_u64().context("handle_info tells of no packets")?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(text: &str) -> String {
        format!("{:#}", parse(text).expect_err(text))
    }

    #[test]
    fn the_core_answers() {
        let ack = r#"{"janus":"ack","session_id":5,"transaction":"t3"}"#;
        assert_eq!(parse(ack).expect("valid"), (Some("t3".to_owned()), Message::Acknowledged));
        let created = r#"{"janus":"success","transaction":"t1","data":{"id":6022}}"#;
        let (of, message) = parse(created).expect("valid");
        assert_eq!((of.as_deref(), message), (Some("t1"), Message::Done(json!({ "id": 6_022 }))));
    }

    #[test]
    fn a_plugin_answers_at_once_or_later_with_a_description_or_without() {
        let created = r#"{"janus":"success","session_id":5,"transaction":"t2","sender":7,"plugindata":
            {"plugin":"janus.plugin.videoroom","data":{"videoroom":"created","room":1,"permanent":false}}}"#;
        let (of, message) = parse(created).expect("valid");
        assert_eq!(of.as_deref(), Some("t2"));
        let Message::Plugin { data, jsep: None } = message else { panic!("{message:?}") };
        assert_eq!(data["videoroom"], "created");

        let attached = r#"{"janus":"event","session_id":5,"transaction":"t4","sender":8,"plugindata":
            {"plugin":"janus.plugin.videoroom","data":{"videoroom":"attached","room":1}},
            "jsep":{"type":"offer","sdp":"v=0\r\n"}}"#;
        let (_, message) = parse(attached).expect("valid");
        let Message::Plugin { jsep: Some(jsep), .. } = message else { panic!("{message:?}") };
        assert_eq!(jsep, Jsep { kind: "offer".to_owned(), sdp: "v=0\r\n".to_owned() });
    }

    #[test]
    fn news_are_no_answers() {
        for kind in ["webrtcup", "media", "slowlink", "hangup", "timeout", "detached"] {
            let news = format!(r#"{{"janus":"{kind}","session_id":5,"sender":8}}"#);
            assert_eq!(parse(&news).expect("valid"), (None, Message::News), "{kind}");
        }
        // Another person's publishing is told by the plugin, in no transaction.
        let told = r#"{"janus":"event","sender":7,"plugindata":{"plugin":"p","data":{"videoroom":"event"}}}"#;
        let (of, message) = parse(told).expect("valid");
        assert!(of.is_none() && matches!(message, Message::Plugin { jsep: None, .. }));
    }

    #[test]
    fn refusals_keep_their_reason() {
        let core = r#"{"janus":"error","transaction":"t1","error":{"code":458,"reason":"No such session"}}"#;
        assert!(error(core).contains("No such session") && error(core).contains("458"));
        let plugin = r#"{"janus":"event","sender":7,"transaction":"t1","plugindata":{"plugin":"p","data":
            {"videoroom":"event","error_code":426,"error":"No such room (9)"}}}"#;
        assert!(error(plugin).contains("No such room") && error(plugin).contains("426"));
        let half = r#"{"janus":"event","plugindata":{"data":{"videoroom":"event"}},"jsep":{"type":"offer"}}"#;
        assert!(error(half).contains("no sdp"));
        assert!(error("{}").contains("does not say"));
        assert!(error("janus").contains("not JSON"));
    }

    #[test]
    fn packets_are_added_up_over_media() {
        let medium =
            |packets| json!({ "stats": { "in": { "packets": 9 }, "out": { "packets": packets } } });
        let listed = json!({ "webrtc": { "media": [medium(3), medium(4)] } });
        let named = json!({ "webrtc": { "media": { "0": medium(3), "1": medium(4) } } });
        assert_eq!(packets_sent(&listed).expect("valid"), 7);
        assert_eq!(packets_sent(&named).expect("valid"), 7);
        for bad in [json!({}), json!({ "webrtc": { "media": [{ "stats": {} }] } })] {
            assert!(packets_sent(&bad).is_err(), "{bad}");
        }
    }
}
