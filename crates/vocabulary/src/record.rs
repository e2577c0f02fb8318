//! What a session leaves: it belongs to the client, and to nobody when they say so.

use palabre_ids::{Seat, UnixMillis};
use serde::{Deserialize, Serialize};

/// The number of an entry; never reused in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[derive(PartialOrd, Ord, Hash)]
#[serde(transparent)]
pub struct EntryId(#[cfg_attr(feature = "ts", ts(type = "number"))] pub u32);

/// What kind of thing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
#[derive(PartialOrd, Ord)]
pub enum EntryKind {
    /// A subject somebody could bring.
    Subject,
    /// An idea or an experience, for the client.
    Suggestion,
    /// Something the client will do.
    Action,
    /// What somebody takes away.
    Learning,
    /// Stars and a comment; one a person.
    Rating,
    /// A note for everyone.
    Note,
}

/// An entry as it is written. Texts have 1 to 1,000 characters where nothing else is said.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum EntryDraft {
    /// A subject somebody could bring.
    Subject {
        /// Its words.
        text: String,
    },
    /// An idea or an experience, for the client.
    Suggestion {
        /// Its words.
        text: String,
    },
    /// Something the client will do.
    Action {
        /// What.
        what: String,
        /// By when, in the client's words; may be empty, at most 100 characters.
        when: String,
        /// The first step; may be empty.
        first_step: String,
    },
    /// What somebody takes away.
    Learning {
        /// Its words.
        text: String,
    },
    /// How good the session was.
    Rating {
        /// 1 to 5.
        stars: u8,
        /// A comment; may be empty.
        comment: String,
    },
    /// A note for everyone.
    Note {
        /// Its words.
        text: String,
    },
}

impl EntryDraft {
    /// What kind of thing it is.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::Subject { .. } => EntryKind::Subject,
            Self::Suggestion { .. } => EntryKind::Suggestion,
            Self::Action { .. } => EntryKind::Action,
            Self::Learning { .. } => EntryKind::Learning,
            Self::Rating { .. } => EntryKind::Rating,
            Self::Note { .. } => EntryKind::Note,
        }
    }
}

impl std::fmt::Debug for EntryDraft {
    /// The kind only: no content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}(…)", self.kind())
    }
}

/// An entry of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Entry {
    /// Which.
    pub id: EntryId,
    /// Who wrote it.
    pub seat: Seat,
    /// When it was first written.
    pub at: UnixMillis,
    /// Whether the client keeps it (suggestions).
    pub kept: bool,
    /// What it says.
    pub entry: EntryDraft,
}

/// What becomes of the record when the session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "fate", rename_all = "snake_case")]
#[derive(Default)]
pub enum RecordFate {
    /// Nobody decided: it is erased when the room closes.
    #[default]
    Undecided,
    /// The links show it for a day, then it is erased.
    Keep,
    /// It is erased at the end of the session, from memory and from disk.
    Erase,
}

/// A line of chat.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ChatLine {
    /// Who wrote it.
    pub seat: Seat,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub text: String,
}

impl std::fmt::Debug for ChatLine {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatLine").field("seat", &self.seat).finish_non_exhaustive()
    }
}
