//! Votes. Ballots are secret: the room tells who has voted, and at the end how many for what.

use palabre_ids::{Seat, UnixMillis};
use serde::{Deserialize, Serialize};

/// The vote that is open, and the results of those before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[derive(Default)]
pub struct VotesView {
    /// The vote that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub open: Option<VoteView>,
    /// The votes that were closed, oldest first.
    pub results: Vec<VoteResult>,
}

/// A vote that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct VoteView {
    /// The phase it belongs to: its index in `RoomView::phases`.
    pub phase: u16,
    /// What about.
    pub about: VoteAbout,
    /// What can be chosen, by index.
    pub options: Vec<VoteOption>,
    /// Who has voted; ascending.
    pub voted: Vec<Seat>,
    /// Who has not, and is here; ascending.
    pub awaited: Vec<Seat>,
    /// When it closes by itself; it closes before when everyone here has voted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub closes_at: Option<UnixMillis>,
}

/// What a vote is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum VoteAbout {
    /// Whose subject is taken: the winner is named client.
    Client,
    /// Whether to stay with this subject: the first option is yes.
    Continue,
    /// The phase's own question; its words are in `PhaseInfo::vote`.
    Question,
}

/// Something that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "option", rename_all = "snake_case")]
pub enum VoteOption {
    /// A person.
    Person {
        /// Their seat.
        seat: Seat,
    },
    /// Staying with this subject.
    Continue,
    /// Going on to the next.
    Next,
    /// An answer to the phase's own question.
    Answer {
        /// Its index in `PhaseInfo::vote`.
        index: u8,
    },
}

/// What one person votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "ballot", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ballot {
    /// For an option.
    For {
        /// Its index.
        option: u8,
    },
    /// For none.
    Abstain,
}

/// How a vote ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct VoteResult {
    /// The phase it belonged to.
    pub phase: u16,
    /// What about.
    pub about: VoteAbout,
    /// What could be chosen.
    pub options: Vec<VoteOption>,
    /// How many ballots for each.
    pub ballots: Vec<u8>,
    /// How many abstained.
    pub abstained: u8,
    /// The index of what was chosen; none when nobody voted or the first are equal: the facilitator
    /// chooses then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub chosen: Option<u8>,
}
