//! Why recorded cases cannot be served.

use std::io;
use std::path::PathBuf;

/// A file or folder of recorded cases that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recorded cases: {}: {reason}", file.display())]
#[non_exhaustive]
pub struct RecordedError {
    /// The file or the folder.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: RecordedReason,
}

/// What is wrong with a recorded case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordedReason {
    /// The folder holds no cases of this exchange.
    #[error("no rest_response/TYPE/NAME.json in it")]
    NoCases,
    /// It cannot be read.
    #[error("cannot be read ({kind})")]
    Io {
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// It is not the JSON of a recorded case.
    #[error("is no recorded case ({text})")]
    Shape {
        /// What the parser said, with line and column.
        text: String,
    },
    /// `httpStatus` is no HTTP status.
    #[error("httpStatus {status} is no HTTP status")]
    Status {
        /// The number.
        status: u16,
    },
    /// The case was recorded at another exchange.
    #[error("was recorded at {exchange:?}")]
    OtherExchange {
        /// The exchange that the file names.
        exchange: String,
    },
    /// It is larger than 16 MiB.
    #[error("is larger than 16 MiB")]
    TooLarge,
    /// There are more than 10,000 cases.
    #[error("holds more than 10000 cases")]
    TooMany,
}

/// A name that no recorded case has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no recorded case is named {case:?}: write TYPE/NAME, as `Sim::cases` lists them")]
#[non_exhaustive]
pub struct UnknownCase {
    /// The name, shortened.
    pub case: String,
}
