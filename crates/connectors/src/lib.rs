//! Exchange connectors without I/O: requests to HTTP, bytes to records, errors to verdicts, weights and symbol tables.
mod answer;
mod binance;
mod connector;
mod error;
mod kraken;
mod levels;
mod range;
mod symbols;
mod target;
mod tickers;
mod verdict;
mod wire;

pub use binance::Binance;
pub use connector::{
    Charge, Charges, Connector, Context, RateWindow, Reply, Usage, Usages, WireRequest,
};
pub use error::EncodeError;
pub use kraken::Kraken;
pub use symbols::{Listing, SymbolTable};
pub use verdict::{Class, Verdict};
