//! The name a person is shown under.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name a person is shown under: 1 to 60 characters, trimmed, without control characters.
/// `Debug` hides it; `Display` is for screens, never for logs.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "ts", ts(type = "string"))]
pub struct DisplayName(String);

/// Why a text is not a [`DisplayName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left once white space is trimmed.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`DisplayName::MAX_CHARS`] characters.
    #[error("a name has at most {} characters", DisplayName::MAX_CHARS)]
    TooLong,
    /// It holds a control or text-direction character, with which a name can pretend to be another.
    #[error("a name must not hold control characters")]
    Control,
}

impl DisplayName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 60;

    /// Parses a name.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(NameError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || is_direction_mark(c)) {
            return Err(NameError::Control);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name itself, for a screen.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl TryFrom<String> for DisplayName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(…)")
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(DisplayName::parse("  Laura ").expect("valid").as_str(), "Laura");
        assert_eq!(DisplayName::parse(" \t"), Err(NameError::Empty));
        assert_eq!(DisplayName::parse(&"é".repeat(61)), Err(NameError::TooLong));
        assert_eq!(DisplayName::parse("a\u{202e}b"), Err(NameError::Control));
    }

    #[test]
    fn debug_hides_the_name() {
        let name = DisplayName::parse("Laura").expect("valid");
        assert!(!format!("{name:?}").contains("Laura"));
    }
}
