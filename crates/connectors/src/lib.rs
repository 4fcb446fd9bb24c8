//! Exchange connectors without I/O: requests to HTTP, bytes to records, errors to verdicts, weights, signatures and symbol tables.
//!
//! A [`Connector`] knows one exchange and nothing else: no socket, no clock, no retry. It says what to send for a
//! [`Request`](robust_market::Request), what that costs, and what an answer means. The same bytes always decode to the same value.
//!
//! ```
//! use http::{HeaderMap, StatusCode};
//! use robust_connectors::{Connector, Context, Kraken, Reply};
//! use robust_market::{Payload, Request, Timestamp};
//!
//! let symbols = Kraken.symbols();
//! let context = Context::new(&symbols, Timestamp::EPOCH);
//! let request = Request::OrderBook { symbol: "BTC/USD".parse()?, depth: Some(1) };
//!
//! let wire = Kraken.encode(&request, &context)?;
//! assert_eq!(wire.target, "/0/public/Depth?pair=XXBTZUSD&count=1");
//!
//! let body = br#"{"error":[],"result":{"XXBTZUSD":{"bids":[["105433.60","0.10000000",1762795433]],"asks":[]}}}"#;
//! let reply = Reply { status: StatusCode::OK, headers: &HeaderMap::new(), body };
//! let decoded = Kraken.decode(&request, &context, &reply)?;
//! let Payload::OrderBook(book) = decoded.value else { panic!("no book") };
//! assert_eq!(book.bids[0].size.to_string(), "0.10000000"); // every digit of the wire
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`Connector`], [`Context`], [`WireRequest`], [`Reply`] | the contract |
//! | [`Kraken`], [`Binance`], [`KuCoin`], [`Htx`] | the exchanges |
//! | [`Verdict`], [`Class`] | what an answer means that is no data |
//! | [`EncodeError`] | why a question cannot be put |
//! | [`RateWindow`], [`Charge`], [`Usage`] | what calls cost and what is used up |
//! | [`Credentials`], [`Traces`] | what private requests are signed with, and how it is hidden in answers |
//! | [`Many`] | how several questions become one |
//! | [`SymbolTable`], [`Listing`] | which pairs there are, under which names |
//! | [`contract`] | what every connector has to keep, as a suite for yours |
//! | [`schema`] | which fields the exchanges document, and how an answer differs |

mod answer;
mod binance;
mod calendar;
mod connector;
pub mod contract;
mod credentials;
mod error;
pub mod history;
mod htx;
mod kraken;
mod kucoin;
mod levels;
mod range;
mod redact;
pub mod schema;
mod signature;
mod symbols;
mod target;
mod tickers;
mod verdict;
mod wire;

pub use binance::Binance;
pub use connector::{
    Charge, Charges, Connector, Context, Many, RateWindow, Reply, Usage, Usages, Way, WireRequest,
};
pub use credentials::Credentials;
pub use error::EncodeError;
pub use htx::Htx;
pub use kraken::Kraken;
pub use kucoin::{KuCoin, StreamAccess, StreamServer};
pub use redact::Traces;
pub use secrecy::SecretString;
pub use symbols::{Listing, SymbolTable};
pub use verdict::{Class, Verdict};
