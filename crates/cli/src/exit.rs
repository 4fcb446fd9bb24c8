//! How the program ends: 0 ok, 1 data error, 2 usage.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// The longest complaint, in characters: what others have written must not fill the screen.
const LONGEST: usize = 500;

/// Why a command failed, in one line.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The question was put well, and there is no (good) answer.
    Data(String),
    /// The question cannot be put like that.
    Usage(String),
}

impl Failure {
    pub(crate) fn data(error: impl Display) -> Self {
        Self::Data(error.to_string())
    }

    pub(crate) fn usage(error: impl Display) -> Self {
        Self::Usage(error.to_string())
    }

    pub(crate) fn print(self) -> ExitCode {
        let (line, code) = match &self {
            Self::Data(line) => (line, 1),
            Self::Usage(line) => (line, 2),
        };
        note(&format!("rdm: {}", one_line(line)));
        ExitCode::from(code)
    }
}

/// One line without control characters, cut where nobody reads on.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    if line.chars().any(char::is_control) {
        // What others have escaped already stays as it is.
        let shown = |sign: char| match sign.is_control() {
            true => sign.escape_debug().to_string(),
            false => sign.to_string(),
        };
        line = line.chars().map(shown).collect();
    }
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST).collect::<String>() + "…";
    }
    line
}

/// Prints to standard output; says whether anybody still reads it.
pub(crate) fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// Prints to standard error; a closed one is no reason to fail differently.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// So many of them, in words.
pub(crate) fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_complaint_is_one_short_line_without_control_characters() {
        assert_eq!(one_line("a\n  b\tc"), "a b c");
        assert_eq!(one_line("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(
            one_line("job \"a\\u{7}\" isn't\u{1b}"),
            "job \"a\\u{7}\" isn't\\u{1b}"
        );
        assert_eq!(one_line(&"x".repeat(9_000)).chars().count(), 501);
    }
}
