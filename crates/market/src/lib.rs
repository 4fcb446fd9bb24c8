//! The market's nouns: exchanges, symbols, tickers, books, candles, trades, and what every value must carry with it.
//!
//! No I/O, no runtime, no float: a price is a [`Decimal`](rust_decimal::Decimal) with the digits of the wire, a time is
//! a [`Timestamp`] in nanoseconds, and an answer is a [`Decoded`] value that lists what was broken in it.
//!
//! ```
//! use robust_market::{Kind, Request, Symbol, Ticker, decimal};
//!
//! let symbol: Symbol = "BTC/USD".parse()?;
//! let request = Request::Ticker { symbol: symbol.clone() };
//! assert_eq!(request.kind(), Kind::Ticker);
//!
//! let mut ticker = Ticker::new(symbol);
//! ticker.last = Some(decimal::parse("106038.20")?);
//! let json = serde_json::to_value(&ticker)?;
//! assert_eq!(json["last"], "106038.20"); // the wire's digits, trailing zero and all
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`Exchange`], [`Symbol`], [`Interval`] | names, open to venues and pairs that nobody here knows |
//! | [`Request`], [`Kind`] | what can be asked |
//! | [`Payload`] and its records | what was answered |
//! | [`Decoded`], [`Defect`] | what could not be read |
//! | [`Sample`], [`Meta`] | a value with its provenance |
//! | [`Report`], [`Issue`] | how good it is |
//! | [`Coverage`], [`Failure`] | what of a long series came, and why the rest did not |
//! | [`unified`] | reads the exchange format back |
//! | [`decimal`], [`Timestamp`], [`Clock`] | exact numbers and the time that is handed in |

mod book;
mod calendar;
mod candle;
mod coverage;
pub mod decimal;
mod error;
mod exchange;
mod failure;
mod instrument;
mod payload;
mod report;
mod request;
mod sample;
mod symbol;
mod text;
mod ticker;
mod time;
mod trade;
mod trade_id;
pub mod unified;

pub use book::{Level, OrderBook};
pub use calendar::{BarCalendar, BarGrid, WeekStart};
pub use candle::{Candle, Candles, Interval};
pub use coverage::{Coverage, DepthLimit, Missing, MissingReason, Stopped};
pub use error::{InvalidName, escape, quote, quote_url};
pub use exchange::Exchange;
pub use failure::{Category, Failure};
pub use instrument::{Asset, Instrument, Operation, Status};
pub use payload::{Decoded, Defect, DefectKind, Payload};
pub use report::{Acceptance, Aging, Dimension, Issue, Report, Score, Severity};
pub use request::{Kind, Request};
pub use sample::{Freshness, Meta, Origin, RequestId, Sample, Tier};
pub use symbol::Symbol;
pub use ticker::Ticker;
pub use time::{Clock, SystemClock, Timestamp};
pub use trade::{Side, Trade, Trades};
pub use trade_id::TradeId;
