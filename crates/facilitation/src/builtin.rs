//! The templates that ship.

use crate::Template;

/// The texts of the templates that ship, in the order in which they are offered.
const TEXTS: [&str; 13] = [
    include_str!("../templates/codev-1h15.toml"),
    include_str!("../templates/codev-1h30.toml"),
    include_str!("../templates/codev-2h.toml"),
    include_str!("../templates/codev-flash-30.toml"),
    include_str!("../templates/intervision.toml"),
    include_str!("../templates/action-learning.toml"),
    include_str!("../templates/troika.toml"),
    include_str!("../templates/one-two-four-all.toml"),
    include_str!("../templates/council.toml"),
    include_str!("../templates/fishbowl.toml"),
    include_str!("../templates/lean-coffee.toml"),
    include_str!("../templates/oxford-debate.toml"),
    include_str!("../templates/plain-meeting.toml"),
];

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
