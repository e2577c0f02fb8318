//! What one person alone is shown.

use palabre_ids::{Millis, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::{Ballot, DropCause, Rung};

/// What one person alone is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PersonalView {
    /// Their ballot in the vote that is open; absent when they have not voted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub ballot: Option<Ballot>,
    /// Their private notes.
    pub notes: String,
    /// How much they spoke.
    pub talk: TalkShare,
    /// What only whoever holds the chair is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub chair: Option<ChairView>,
}

/// How much one person spoke, told to them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[derive(Default)]
pub struct TalkShare {
    /// How long they spoke so far, by the server's own record of floor and voice.
    pub spoke: Millis,
    /// Of all that was said, in percent.
    pub share: u8,
    /// Of all that could be said by them under the phases so far, in percent: what would be even.
    pub fair: u8,
}

/// What only whoever holds the chair is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ChairView {
    /// How speech is balanced, a person each, ascending by seat.
    pub balance: Vec<SpeechBalance>,
    /// What each offered extension of the phase costs, before it is taken.
    pub extensions: Vec<ExtensionQuote>,
    /// Who asked for help in private, oldest first.
    pub help: Vec<HelpLine>,
    /// Who dropped, oldest first.
    pub drops: Vec<DropRecord>,
}

/// How one person's speech compares with what they were entitled to: a band, not a rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SpeechBalance {
    /// Who.
    pub seat: Seat,
    /// Where they stand.
    pub band: Band,
    /// How many turns they had.
    pub turns: u16,
    /// How much of their turns they gave back unused.
    pub unused: Millis,
    /// The longest they waited from asking for the floor to having it.
    pub longest_wait: Millis,
    /// How often they tried to speak when they could not.
    pub blocked: u16,
}

/// A band of speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Too little was said so far to tell.
    Unknown,
    /// Well under what they were entitled to, beside the others.
    Quiet,
    /// About even.
    Even,
    /// Well over.
    Much,
}

/// What an extension would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ExtensionQuote {
    /// What is asked for.
    pub by: Millis,
    /// What the phase would get; less than asked for at its maximum, or when later phases have no
    /// more to give. Zero when it cannot be extended.
    pub gets: Millis,
    /// What each later phase would lose: its index and how much. Those that lose nothing are left out.
    pub costs: Vec<(u16, Millis)>,
    /// When the session would end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub session_ends_at: Option<UnixMillis>,
}

/// Somebody asked for help, in private.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct HelpLine {
    /// Who.
    pub seat: Seat,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub text: String,
}

impl std::fmt::Debug for HelpLine {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HelpLine").field("seat", &self.seat).finish_non_exhaustive()
    }
}

/// Somebody dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct DropRecord {
    /// Who.
    pub seat: Seat,
    /// Since when.
    pub at: UnixMillis,
    /// When they were back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub back_at: Option<UnixMillis>,
    /// What had happened, when their page could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub cause: Option<DropCause>,
    /// By which way they came back, when their page could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub rung: Option<Rung>,
}
