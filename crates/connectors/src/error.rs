//! Why a question cannot be put to an exchange.

use robust_market::{Exchange, Interval, Kind, Symbol};

/// A question that cannot be put to this exchange. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The exchange does not list the pair.
    #[error("symbol \"{symbol}\" is not listed on {exchange}{}", nearest.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    UnknownSymbol {
        /// The exchange.
        exchange: Exchange,
        /// The pair that was asked for.
        symbol: Symbol,
        /// The listed pair whose name is nearest.
        nearest: Option<Symbol>,
    },
    /// The exchange has no such data, or this connector does not read it.
    #[error("kind \"{kind}\" is not available from {exchange}")]
    Unsupported {
        /// The exchange.
        exchange: Exchange,
        /// The kind that was asked for.
        kind: Kind,
    },
    /// The exchange has no bars of this length.
    #[error("interval \"{interval}\" is not available from {exchange}; it has {available}")]
    UnsupportedInterval {
        /// The exchange.
        exchange: Exchange,
        /// The interval that was asked for.
        interval: Interval,
        /// The intervals it has, as a list.
        available: &'static str,
    },
    /// A number is outside what the exchange takes.
    #[error("{field} {value} is out of range for {exchange}: use {min} to {max}")]
    OutOfRange {
        /// The exchange.
        exchange: Exchange,
        /// What is out of range: `limit`, `depth`, `since`, `symbols`.
        field: &'static str,
        /// The value.
        value: i64,
        /// The smallest that is taken.
        min: i64,
        /// The largest that is taken.
        max: i64,
    },
    /// This connector signs nothing.
    #[error("requests to {exchange} cannot be signed here")]
    CannotSign {
        /// The exchange.
        exchange: Exchange,
    },
    /// The credentials cannot be used. What is in them is not shown.
    #[error("the {part} for {exchange} {fault}")]
    Credentials {
        /// The exchange.
        exchange: Exchange,
        /// Which part: `key`, `secret`, `passphrase`.
        part: &'static str,
        /// What is wrong with it: `is missing`, `is not base64`.
        fault: &'static str,
    },
}
