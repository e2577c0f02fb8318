//! The words in which a room is spoken to and seen: commands, refusals, views.
//!
//! The room, its journal, the wire and the page all use these types, so that one thing has one name
//! and one shape everywhere. What is here is data: the rules are in `room` and `facilitation`.

mod clock;
mod command;
mod floor;
mod people;
mod personal;
mod phase;
mod record;
mod recovery;
mod refusal;
mod state;
mod vote;

pub use clock::Clock;
pub use command::{ClientDropChoice, Command};
pub use floor::{Firmness, FloorKind, FloorView, GroupView, HandView, TurnPart, TurnView, Waiting};
pub use people::{PersonView, Presence};
pub use personal::{
    Band, ChairView, DropRecord, ExtensionQuote, HelpLine, PersonalView, SpeechBalance, TalkShare,
};
pub use phase::{Advance, Blocked, NextStep, PhaseView, Stage};
pub use record::{ChatLine, Entry, EntryDraft, EntryId, EntryKind, RecordFate};
pub use recovery::{DropCause, Rung};
pub use refusal::Refusal;
pub use state::{AutopilotView, Drill, Pause, StateView};
pub use vote::{Ballot, VoteAbout, VoteOption, VoteResult, VoteView, VotesView};
