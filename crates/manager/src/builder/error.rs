//! Why a manager cannot be started.

use std::path::PathBuf;

use robust_market::{Exchange, InvalidName};

use crate::config::ConfigError;

/// Why a manager cannot be started. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An exchange's name does not keep to the grammar.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// No connector of this name was handed in.
    #[error("exchange \"{exchange}\" has no connector; {remedy}")]
    NoConnector {
        /// The name.
        exchange: Exchange,
        /// What to do.
        remedy: String,
    },
    /// An address cannot be used.
    #[error(transparent)]
    Source(#[from] robust_source::BuildError),
    /// The address of a source is on this machine, and the configuration is for live data.
    #[error(
        "exchanges.{exchange}.base_url {url} is on this machine, so it is a simulated source; set environment = \"simulated\" to use it"
    )]
    SimulatedSource {
        /// The exchange.
        exchange: Exchange,
        /// The address.
        url: String,
    },
    /// The address of a source is a test system of the exchange, and the configuration is for live data.
    #[error(
        "exchanges.{exchange}.base_url {url} is a test system of the exchange, whose prices are not those of the market; set environment = \"test\" to use it"
    )]
    TestSource {
        /// The exchange.
        exchange: Exchange,
        /// The address.
        url: String,
    },
    /// The file of the journal cannot be used. It was left as it is.
    #[error("config journal = {path:?}: {reason}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// There is no tokio runtime here, on which fetches and jobs could run.
    #[error("no tokio runtime: call start inside of one, such as under #[tokio::main]")]
    NoRuntime,
    /// The HTTP client cannot be built.
    #[error("http client: {0}")]
    Http(String),
}
