//! The template file as it is written, with the place of every value.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTemplate {
    pub(super) id: Spanned<String>,
    pub(super) title: RawText,
    pub(super) purpose: RawText,
    pub(super) people: Spanned<i64>,
    #[serde(default)]
    pub(super) drops: RawDrops,
    #[serde(default, rename = "phase")]
    pub(super) phases: Vec<Spanned<RawPhase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawText {
    pub(super) fr: Spanned<String>,
    pub(super) en: Spanned<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDrops {
    pub(super) debounce: Option<Spanned<String>>,
    pub(super) speaker: Option<Spanned<String>>,
    pub(super) client: Option<Spanned<String>>,
    pub(super) chair: Option<Spanned<String>>,
    pub(super) quorum: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPhase {
    pub(super) id: Spanned<String>,
    pub(super) title: RawText,
    pub(super) purpose: RawText,
    pub(super) prompts: Spanned<BTreeMap<Spanned<String>, RawText>>,
    pub(super) target: Spanned<String>,
    pub(super) min: Option<Spanned<String>>,
    pub(super) max: Option<Spanned<String>>,
    pub(super) warning: Option<Spanned<RawList>>,
    pub(super) firmness: Option<Spanned<String>>,
    pub(super) overtime: Option<Spanned<String>>,
    pub(super) transition: Option<Spanned<String>>,
    pub(super) linger: Option<Spanned<String>>,
    pub(super) video: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) screen: Vec<Spanned<String>>,
    #[serde(default = "yes")]
    pub(super) chat: bool,
    #[serde(default)]
    pub(super) needs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) artefacts: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) writers: BTreeMap<Spanned<String>, Spanned<Vec<Spanned<String>>>>,
    pub(super) out_of_contract: Option<Spanned<bool>>,
    pub(super) vote: Option<Spanned<RawVote>>,
    pub(super) client: Option<Spanned<String>>,
    pub(super) client_drop: Option<Spanned<String>>,
    pub(super) meanwhile: Option<RawText>,
    #[serde(default, rename = "floor")]
    pub(super) floors: Vec<Spanned<RawFloor>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFloor {
    pub(super) policy: Spanned<String>,
    pub(super) lasts: Option<Spanned<String>>,
    pub(super) hands: Option<Spanned<bool>>,
    pub(super) seats: Option<Spanned<i64>>,
    pub(super) who: Option<Spanned<RawList>>,
    pub(super) turn: Option<Spanned<String>>,
    pub(super) expert_turn: Option<Spanned<String>>,
    pub(super) warning: Option<Spanned<String>>,
    pub(super) grace: Option<Spanned<String>>,
    pub(super) order: Option<Spanned<String>>,
    pub(super) experts: Option<Spanned<String>>,
    pub(super) last: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) ask: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) ask_turn: Option<Spanned<String>>,
    pub(super) answer: Option<Spanned<RawList>>,
    pub(super) answer_turn: Option<Spanned<String>>,
    pub(super) by: Option<Spanned<String>>,
    pub(super) rounds: Option<Spanned<String>>,
    pub(super) volunteers: Option<Spanned<i64>>,
    pub(super) size: Option<Spanned<i64>>,
    pub(super) mix: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVote {
    pub(super) about: Spanned<String>,
    pub(super) lasts: Option<Spanned<String>>,
    pub(super) extends: Option<Spanned<String>>,
    pub(super) question: Option<Spanned<RawText>>,
    pub(super) answers: Option<Spanned<Vec<RawText>>>,
}

/// One or several: which of the two is asked for depends on the key.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected one text or a list of texts")]
pub(super) enum RawList {
    One(String),
    Many(Vec<String>),
}
