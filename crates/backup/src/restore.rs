//! What the journal holds of a room, and the way from it to the room as it was.

use palabre_ids::{DisplayName, Role, RoomId, Seat, UnixMillis};
use palabre_room::{Input, Room};
use serde::{Deserialize, Serialize};

use crate::journal::{Change, StoredRoom};
use crate::milestones::Milestones;
use crate::telephone::Telephone;

/// One input, as it was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by the server's clock.
    pub at: UnixMillis,
    /// The page's command it came from: it is not carried out again after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<u64>,
    /// What.
    pub input: Input,
}

/// What a server knows of a room beside the room itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// When the room was made.
    pub created_at: UnixMillis,
    /// When its links stop working.
    pub links_expire_at: UnixMillis,
    /// Everyone as invited, by seat: links are signed from it, so they never change.
    pub invited: Vec<(DisplayName, Role)>,
    /// Whether it is the ready-made room that the server offers by itself.
    pub demo: bool,
    /// What to call when media cannot be had, if the organiser gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<Telephone>,
    /// When the session began and ended, and whether that was told.
    pub milestones: Milestones,
}

/// A room with all that a server must know to go on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The room.
    pub room: Room,
    /// What the server knows of it.
    pub about: About,
    /// The highest command of each seat that was carried out.
    pub last_commands: Vec<(Seat, u64)>,
    /// The time of the last input.
    pub last_input_at: UnixMillis,
}

/// Why a room does not come back. It names no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The state or an entry is not what this version writes.
    #[error("entry {number} cannot be read: {detail}")]
    Unreadable {
        /// The input's number; that of the state for the state.
        number: u64,
        /// What is wrong.
        detail: String,
    },
    /// An entry is missing.
    #[error("entry {number} is missing")]
    Missing {
        /// Its number.
        number: u64,
    },
    /// The room refuses an input that it took: other rules wrote the journal.
    #[error("the room refuses entry {number}: {refusal}")]
    Refused {
        /// Its number.
        number: u64,
        /// Why.
        refusal: palabre_room::Refusal,
    },
}

impl Snapshot {
    /// Takes an entry in, as it was taken in before.
    ///
    /// # Errors
    /// The room's refusal, which an entry that was carried out never meets under the same rules.
    pub fn replay(&mut self, entry: Entry) -> Result<(), palabre_room::Refusal> {
        if let (Some(id), Input::Command { seat, .. }) = (entry.command, &entry.input) {
            self.note_command(*seat, id);
        }
        self.last_input_at = self.last_input_at.max(entry.at);
        self.room.handle(entry.at, entry.input)?;
        self.about.milestones.note(&self.room, entry.at);
        Ok(())
    }

    /// Remembers that a command was carried out.
    pub fn note_command(&mut self, seat: Seat, id: u64) {
        match self.last_commands.iter_mut().find(|(of, _)| *of == seat) {
            Some((_, last)) => *last = id.max(*last),
            None => self.last_commands.push((seat, id)),
        }
    }

    /// The highest command of `seat` that was carried out; 0 when there was none.
    #[must_use]
    pub fn last_command(&self, seat: Seat) -> u64 {
        self.last_commands.iter().find(|(of, _)| *of == seat).map_or(0, |(_, last)| *last)
    }

    /// The change that remembers this state as including the inputs up to `number`. It outlasts its
    /// links by nothing.
    #[must_use]
    pub fn change(&self, room: RoomId, number: u64) -> Change {
        let state = serde_json::to_vec(self).expect("a room of plain data encodes");
        Change::Snapshot { room, number, state, until: self.about.links_expire_at }
    }
}

impl Entry {
    /// The change that remembers this input as the room's `number`th.
    #[must_use]
    pub fn change(&self, room: RoomId, number: u64) -> Change {
        let entry = serde_json::to_vec(self).expect("an input of plain data encodes");
        Change::Append { room, number, entry }
    }
}

/// The room as it was at its last acknowledged input, and that input's number.
///
/// # Errors
/// See [`RestoreError`].
pub fn restore(stored: &StoredRoom) -> Result<(Snapshot, u64), RestoreError> {
    let mut number = stored.number;
    let unreadable = |number, error: serde_json::Error| RestoreError::Unreadable {
        number,
        detail: place(&error),
    };
    let mut snapshot: Snapshot =
        serde_json::from_slice(&stored.state).map_err(|error| unreadable(number, error))?;
    for (found, bytes) in &stored.entries {
        number += 1;
        if *found != number {
            return Err(RestoreError::Missing { number });
        }
        let entry: Entry =
            serde_json::from_slice(bytes).map_err(|error| unreadable(number, error))?;
        snapshot.replay(entry).map_err(|refusal| RestoreError::Refused { number, refusal })?;
    }
    Ok((snapshot, number))
}

/// Where an error is, without the words of serde, which may repeat content.
fn place(error: &serde_json::Error) -> String {
    format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column())
}
