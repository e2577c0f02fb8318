//! The templates that ship.

use crate::Template;

/// The texts of the templates that ship, in the order in which they are offered.
const TEXTS: [&str; 2] =
    [include_str!("../templates/codev-1h15.toml"), include_str!("../templates/plain-meeting.toml")];

impl Template {
    /// Every template that ships.
    #[must_use]
    pub fn all_builtin() -> Vec<Self> {
        TEXTS
            .iter()
            .map(|text| Self::parse(text).expect("a test parses every template that ships"))
            .collect()
    }

    /// The template that ships under `id`.
    #[must_use]
    pub fn builtin(id: &str) -> Option<Self> {
        Self::all_builtin().into_iter().find(|template| template.id == id)
    }
}
