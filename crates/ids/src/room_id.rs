//! The identifier of a room.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The identifier of a room: 8 to 32 characters of `a-z`, `0-9` and `-`. Knowing it gives no
/// access (links are signed), but `Debug` shortens it all the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "ts", ts(type = "string"))]
pub struct RoomId(Arc<str>);

/// A text that is not a [`RoomId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a room identifier is 8 to 32 characters of a-z, 0-9 and '-'")]
pub struct RoomIdError;

impl RoomId {
    /// Parses an identifier.
    ///
    /// # Errors
    /// [`RoomIdError`] when a character or the length is not allowed.
    pub fn parse(text: &str) -> Result<Self, RoomIdError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (8..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(RoomIdError)
        }
    }

    /// The identifier itself, for a link.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RoomId {
    type Error = RoomIdError;
    fn try_from(text: String) -> Result<Self, RoomIdError> {
        Self::parse(&text)
    }
}

impl From<RoomId> for String {
    fn from(id: RoomId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({}…)", &self.0[..4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_link_safe_characters() {
        assert!(RoomId::parse("demo-room-1").is_ok());
        for bad in ["short", "UPPERCASE", "with space", "slash/inside", &"x".repeat(33)] {
            assert_eq!(RoomId::parse(bad), Err(RoomIdError), "{bad}");
        }
    }
}
