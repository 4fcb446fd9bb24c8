//! Exchange connectors without I/O: requests to HTTP, bytes to records, errors to verdicts, weights and symbol tables.

mod connector;
mod error;
mod symbols;
mod verdict;

pub use connector::{
    Charge, Charges, Connector, Context, RateWindow, Reply, Usage, Usages, WireRequest,
};
pub use error::EncodeError;
pub use symbols::{Listing, SymbolTable};
pub use verdict::{Class, Verdict};
