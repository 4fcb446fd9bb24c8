//! Errors of the market's nouns, and how a foreign value is shown in one.

use std::borrow::Cow;

/// A name that does not keep to its grammar.
///
/// Names the field, the value (escaped and cut) and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {value} is not valid: {remedy}")]
pub struct InvalidName {
    /// What was being named: `exchange`, `symbol`, `interval`.
    pub field: &'static str,
    /// The value as given, quoted, escaped and cut to 40 characters.
    pub value: String,
    /// What to write instead.
    pub remedy: Cow<'static, str>,
}

/// Quotes a foreign text for a message: escaped, and cut to 40 characters.
///
/// ```
/// assert_eq!(robust_market::quote("a\nb"), r#""a\nb""#);
/// ```
#[must_use]
pub fn quote(text: &str) -> String {
    const SHOWN: usize = 40;
    let cut: String = text.chars().take(SHOWN).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", cut.escape_debug())
}
