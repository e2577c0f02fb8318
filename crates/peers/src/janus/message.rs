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
