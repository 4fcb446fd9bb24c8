//! OKX spot, public REST interface v5: a venue that lives outside of the workspace whose manager serves it.
//!
//! ```
//! use okx_venue::Okx;
//! use robust_connectors::{Connector, Context};
//! use robust_market::{Request, Timestamp};
//!
//! let symbols = Okx.symbols();
//! let context = Context::new(&symbols, Timestamp::EPOCH);
//! let request = Request::Ticker { symbol: "BTC/USDT".parse()? };
//! assert_eq!(Okx.encode(&request, &context)?.target, "/api/v5/market/ticker?instId=BTC-USDT");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `connector` | [`Okx`], the list of what it can do |
//! | `encode` | requests to paths and parameters |
//! | `limits` | the documented windows, and what a request costs |
//! | `envelope` | `{"code", "msg", "data"}` and what a code means |
//! | `tickers`, `book`, `candles`, `trades`, `instruments`, `state` | one kind of answer each |
//! | `wire` | JSON values as the text that came |
//! | [`canned`] | answers after the documentation, for the tests and the program |
//! | [`loopback`] | a server on this machine that sends them |

mod book;
mod candles;
pub mod canned;
mod connector;
mod encode;
mod envelope;
mod instruments;
mod limits;
pub mod loopback;
mod state;
mod tickers;
mod trades;
mod wire;

pub use connector::Okx;

/// The code of the guide compiles and runs: `docs/add-a-venue.md`.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/add-a-venue.md")]
struct Guide;
