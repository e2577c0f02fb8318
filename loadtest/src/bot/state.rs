//! The room as one bot knows it, in the wire's own form: what must be the same before a fault and after.

use anyhow::Result;
use serde_json::{Value, json};

use super::room::Room;

/// What a bot knows of its room.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomState(Value);

impl RoomState {
    /// # Errors
    /// When a part has no JSON form.
    pub(super) fn of(room: &Room) -> Result<Self> {
        Ok(Self(json!({
            "room": serde_json::to_value(&room.view)?,
            "personal": serde_json::to_value(&room.personal)?,
        })))
    }

    /// `room` as in a welcome, and `personal`.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }
}
