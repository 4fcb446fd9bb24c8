//! Why nothing was run.

use std::path::PathBuf;

/// A question that cannot be answered: wrong arguments, an unreadable folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Usage {
    /// No connector has that name.
    #[error("exchange {name}: no connector of that name; use {}", nearest.as_deref().unwrap_or(known))]
    UnknownExchange {
        /// What was asked for, quoted.
        name: String,
        /// The connector whose name is nearest.
        nearest: Option<String>,
        /// All of them.
        known: String,
    },
    /// The folder cannot be read.
    #[error("DIR {}: cannot be read ({source}); name a folder of cases", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder holds nothing to run.
    #[error("DIR {}: holds no case of {exchange}; its cases are <exchange>/<family>/<type>/<name>.json", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
        /// The exchange, or a word for all.
        exchange: String,
    },
}
