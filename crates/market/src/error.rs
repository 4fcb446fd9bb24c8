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
    format!("\"{}{dots}\"", escape(&cut).replace('"', "\\\""))
}

/// A foreign text for a message: what a terminal would obey is escaped, and so are line breaks, what does not show, and backslashes;
/// quotation marks and apostrophes stay as they are.
///
/// ```
/// use robust_market::escape;
///
/// assert_eq!(escape("it's \"so\"\n\u{1b}[31m"), r#"it's "so"\n\u{1b}[31m"#);
/// assert_eq!(escape("a\u{202e}b\\c"), r"a\u{202e}b\\c");
/// ```
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(['\'', '"']) {
        let plain = piece.trim_end_matches(['\'', '"']);
        out.extend(plain.escape_debug());
        out.push_str(piece.get(plain.len()..).unwrap_or_default());
    }
    out
}

/// [`quote`] for an address that is refused: what may be a secret is `***`, which is all before an `@`, and all behind the host.
///
/// ```
/// use robust_market::quote_url;
///
/// assert_eq!(quote_url("https://me:hunter2@example.com/v1?key=hunter2"), "\"***@example.com/***\"");
/// assert_eq!(quote_url("ftp://example.com"), "\"ftp://example.com\"");
/// ```
#[must_use]
pub fn quote_url(text: &str) -> String {
    let (shown, rest) = match (text.rsplit_once('@'), text.split_once("://")) {
        (Some((_, rest)), _) => ("***@", rest),
        (None, Some((scheme, rest))) => (text.get(..scheme.len() + 3).unwrap_or_default(), rest),
        (None, None) => ("", text),
    };
    let shown = match rest.find(['/', '?', '#']).map(|end| rest.split_at(end)) {
        Some((host, behind)) if behind.len() > 1 => {
            let sign = behind.get(..1).unwrap_or_default();
            format!("{shown}{host}{sign}***")
        }
        _ => format!("{shown}{rest}"),
    };
    quote(&shown)
}
