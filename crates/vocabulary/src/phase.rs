//! Where the session is.

use palabre_ids::{Millis, Seat, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::Clock;

/// Where the session is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PhaseView {
    /// Before, in, or after the phases.
    pub stage: Stage,
    /// The phase's clock; in the lobby and after the end it stands still at zero.
    pub clock: Clock,
    /// How long the phase lasts in all: what is planned now, extensions included.
    pub total: Millis,
    /// How much the phase was lengthened so far.
    pub extended: Millis,
    /// How long each phase of the template is planned to last now, after what extensions cost.
    pub planned: Vec<Millis>,
    /// When the session ends if every later phase takes what is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub session_ends_at: Option<UnixMillis>,
    /// The contract sentence, once proposed, and who accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub contract: Option<String>,
    /// The seats that accept the contract sentence.
    pub contract_accepted_by: Vec<Seat>,
    /// The seats whose acceptance is still awaited.
    pub contract_awaits: Vec<Seat>,
    /// What must happen before the next phase can begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub blocked: Option<Blocked>,
    /// The phase is done and the next one begins by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub advance: Option<Advance>,
    /// What the facilitator's one key does now.
    pub next: NextStep,
}

/// What keeps the next phase from beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Blocked {
    /// Nobody has been named client.
    ClientNotNamed,
    /// The group has not accepted the contract sentence.
    ContractNotAccepted,
}

/// A phase that is done ends by itself, in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Advance {
    /// When.
    pub at: UnixMillis,
}

/// What comes next, when the facilitator goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum NextStep {
    /// The session starts.
    Start,
    /// The phase's vote opens.
    OpenVote,
    /// The vote closes with the ballots given.
    CloseVote,
    /// A phase begins.
    Phase {
        /// Its index in `RoomView::phases`.
        index: u16,
    },
    /// The session ends.
    End,
    /// Nothing: something must happen first, see [`PhaseView::blocked`].
    Wait,
    /// Nothing: the session is over.
    Over,
}

/// The part of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// People arrive; everyone may speak.
    Lobby,
    /// A phase is on.
    Running {
        /// Its index in `RoomView::phases`.
        index: u16,
    },
    /// Over.
    Ended,
}
