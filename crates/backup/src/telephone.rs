//! What to call when media cannot be had.

use serde::{Deserialize, Serialize};

/// A telephone number, or any other line of text in place of one, of whoever made the room: 1 to 60
/// characters. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Telephone(String);

/// Why a text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one line of 1 to {} characters", Telephone::MAX_CHARS)]
pub struct TelephoneError;

impl Telephone {
    /// The longest, in characters.
    pub const MAX_CHARS: usize = 60;

    /// Reads one.
    ///
    /// # Errors
    /// [`TelephoneError`] when it is empty, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, TelephoneError> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > Self::MAX_CHARS || text.chars().any(char::is_control) {
            return Err(TelephoneError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, for the people of the room.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Telephone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telephone(…)")
    }
}

impl TryFrom<String> for Telephone {
    type Error = TelephoneError;

    fn try_from(text: String) -> Result<Self, TelephoneError> {
        Self::parse(&text)
    }
}

impl From<Telephone> for String {
    fn from(telephone: Telephone) -> Self {
        telephone.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_and_never_printed() {
        let telephone = Telephone::parse(" +33 1 23 45 67 89, code 4711# ").expect("a line");
        assert_eq!(telephone.as_str(), "+33 1 23 45 67 89, code 4711#");
        assert!(!format!("{telephone:?}").contains("33"));
        assert!(Telephone::parse(&"é".repeat(60)).is_ok());
        for refused in ["", "  ", "12\n34", "\u{7}", &"é".repeat(61)] {
            assert_eq!(Telephone::parse(refused), Err(TelephoneError), "{refused:?}");
        }
    }
}
