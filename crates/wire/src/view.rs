//! A room as a person sees it. Every part is replaced whole by an event.

use palabre_ids::Millis;
use palabre_vocabulary::{
    ChatLine, Entry, EntryKind, FloorKind, FloorView, PersonView, PhaseView, StateView, VotesView,
};
use serde::{Deserialize, Serialize};

/// The whole room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct RoomView {
    /// What is being followed.
    pub template: TemplateInfo,
    /// Its phases, in order, with the texts for this person's role and language.
    pub phases: Vec<PhaseInfo>,
    /// Where the session is.
    pub phase: PhaseView,
    /// Who has the floor, and who wants it.
    pub floor: FloorView,
    /// Everyone with a seat, ascending by seat.
    pub people: Vec<PersonView>,
    /// What concerns everybody at once.
    pub state: StateView,
    /// The vote that is open, and the results of those before.
    pub votes: VotesView,
    /// What was written, oldest first.
    pub entries: Vec<Entry>,
    /// The last lines of chat, oldest first.
    pub chat: Vec<ChatLine>,
}

/// The template in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TemplateInfo {
    /// Its name in links and files, such as `codev-1h15`.
    pub id: String,
    /// Its title in the person's language.
    pub title: String,
    /// What it is for, in the person's language.
    pub purpose: String,
    /// The sum of its phases' targets.
    pub target: Millis,
}

/// A phase as the template has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PhaseInfo {
    /// Its name in the template.
    pub id: String,
    /// Its title in the person's language.
    pub title: String,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// What this person's role is to do in it.
    pub prompt: String,
    /// What everyone does while the client is away.
    pub meanwhile: String,
    /// How long it should last.
    pub target: Millis,
    /// The least it may shrink to for an earlier phase.
    pub min: Millis,
    /// The most it may be extended to.
    pub max: Millis,
    /// How long before its end it warns, the longest first.
    pub warnings: Vec<Millis>,
    /// Its first floor policy.
    pub floor: FloorKind,
    /// What this person's role may write into the record in it.
    pub writes: Vec<EntryKind>,
    /// Whether the contract sentence is worded and accepted in it.
    pub takes_contract: bool,
    /// Whether the client may signal that the group has left the contract.
    pub out_of_contract: bool,
    /// What is asked by its own vote, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub vote: Option<VoteInfo>,
}

/// A phase's own vote, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct VoteInfo {
    /// What is asked.
    pub question: String,
    /// What can be answered, by index.
    pub answers: Vec<String>,
}
