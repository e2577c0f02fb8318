//! Words of a template, in every language of the product.

use std::collections::BTreeMap;

use palabre_ids::{Language, Role};
use serde::{Deserialize, Serialize};

/// A text in every language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}

impl Text {
    /// The text in `language`.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Fr => &self.fr,
            Language::En => &self.en,
        }
    }
}

/// What each role is to do in a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompts {
    pub(crate) everyone: Text,
    pub(crate) by_role: BTreeMap<Role, Text>,
}

impl Prompts {
    /// The prompt for `role`: its own, or everyone's.
    #[must_use]
    pub fn for_role(&self, role: Role) -> &Text {
        self.by_role.get(&role).unwrap_or(&self.everyone)
    }
}
