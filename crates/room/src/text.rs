//! What people write, as it is kept.

use palabre_vocabulary::Refusal;

/// A text of 1 to `most` characters, trimmed, without control characters but line breaks and tabs.
pub(crate) fn clean(text: &str, most: usize) -> Result<String, Refusal> {
    let text = clean_or_empty(text, most)?;
    if text.is_empty() { Err(Refusal::BadText) } else { Ok(text) }
}

/// The same, and it may be empty.
pub(crate) fn clean_or_empty(text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.chars().count() > most || text.chars().any(control) {
        return Err(Refusal::BadText);
    }
    Ok(text.to_owned())
}
