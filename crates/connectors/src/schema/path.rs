//! Paths into a body.

use std::fmt;

use robust_market::escape;

/// The longest key that is shown whole, in characters.
const LONGEST: usize = 60;

/// One step down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// To the value of a key.
    Key(&'a str),
    /// To the values of all keys, for they are data.
    Any,
    /// To each element of a list.
    Item,
    /// To one cell of a row, counted from 0.
    Cell(usize),
}

impl Step<'_> {
    /// Writes the step behind a path.
    pub(super) fn write(self, path: &mut String) {
        use fmt::Write;
        if matches!(self, Self::Key(_) | Self::Any) && !path.is_empty() {
            path.push('.');
        }
        // Writing to a text cannot fail.
        let _ = match self {
            Self::Key(key) if is_plain(key) => path.write_str(key),
            Self::Key(key) => write!(path, "{}", Quoted(key)),
            Self::Any => path.write_char('*'),
            Self::Item => path.write_str("[]"),
            Self::Cell(index) => write!(path, "[{index}]"),
        };
    }
}

/// A key that no step can be mistaken for, and that is short.
fn is_plain(key: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=LONGEST).contains(&key.len()) && key.bytes().all(word)
}

/// A key that is shown for what it is, and cut where nobody reads on.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut: String = self.0.chars().take(LONGEST).collect();
        let dots = if cut.len() < self.0.len() { "…" } else { "" };
        write!(f, "\"{}{dots}\"", escape(&cut).replace('"', "\\\""))
    }
}

/// Reads a path of a list, in which every key is a plain word.
pub(super) fn parse(text: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    if text == "." {
        return Some(steps);
    }
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(list) = rest.strip_prefix('[') {
            let (index, after) = list.split_once(']')?;
            steps.push(match index {
                "" => Step::Item,
                index => Step::Cell(index.parse().ok()?),
            });
            rest = after;
            continue;
        }
        if !steps.is_empty() {
            rest = rest.strip_prefix('.')?;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(end)?;
        steps.push(match key {
            "*" => Step::Any,
            key if is_plain(key) => Step::Key(key),
            _ => return None,
        });
        rest = after;
    }
    (!steps.is_empty()).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back_from_its_text() {
        for text in [
            "result.*.a[0]",
            "[].symbol",
            "[][11]",
            "data[].trade-id",
            "*",
        ] {
            let mut written = String::new();
            for step in parse(text).unwrap() {
                step.write(&mut written);
            }
            assert_eq!(written, text);
        }
        assert_eq!(parse("."), Some(Vec::new()));
        for text in [
            "", "..", "a.", ".a", "a[", "a[x]", "a]", "a b", "a[]b", "\"a\"",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_key_that_is_no_word_is_quoted_escaped_and_cut() {
        let shown = |key| {
            let mut path = "data".to_owned();
            Step::Key(key).write(&mut path);
            path
        };
        assert_eq!(shown("a.b"), "data.\"a.b\"");
        assert_eq!(shown("*"), "data.\"*\"");
        assert_eq!(shown(""), "data.\"\"");
        assert_eq!(shown("\u{1b}[31m"), "data.\"\\u{1b}[31m\"");
        assert_eq!(shown(&"x".repeat(9_000)).chars().count(), 5 + 63);
    }
}
