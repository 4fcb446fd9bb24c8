//! How the program ends: 0 ok, 1 data error, 2 usage.

use std::fmt::Display;
use std::process::ExitCode;

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
        complain(line);
        ExitCode::from(code)
    }
}

/// One line to standard error, exit code 2.
pub(crate) fn usage(line: &str) -> ExitCode {
    complain(line);
    ExitCode::from(2)
}

fn complain(line: &str) {
    use std::io::Write;
    // A closed standard error is no reason to fail differently.
    let _ = writeln!(std::io::stderr(), "rdm: {}", one_line(line));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prints to standard output; a reader that has gone away is no error.
pub(crate) fn print(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints to standard error.
pub(crate) fn note(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
