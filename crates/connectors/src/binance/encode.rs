//! Questions to Binance.

use robust_market::{Exchange, Interval, Request, Symbol, Timestamp};

use crate::target::Target;
use crate::{EncodeError, SymbolTable, WireRequest, range, tickers};

/// The deepest book. Binance answers larger numbers with 5,000 levels; saying so beforehand is more honest.
const DEPTH_MAX: u32 = 5_000;
/// The most bars and the most trades of one answer.
const ROWS_MAX: u32 = 1_000;
/// The bars that are asked for when the request does not say; Binance's own default, written out so that it cannot change unseen.
pub(super) const CANDLES_DEFAULT: u32 = 500;

/// The lengths of bars below a month: seconds, and Binance's name.
const INTERVALS: &[(u64, &str)] = &[
    (1, "1s"),
    (60, "1m"),
    (180, "3m"),
    (300, "5m"),
    (900, "15m"),
    (1_800, "30m"),
    (3_600, "1h"),
    (7_200, "2h"),
    (14_400, "4h"),
    (21_600, "6h"),
    (28_800, "8h"),
    (43_200, "12h"),
    (86_400, "1d"),
    (259_200, "3d"),
    (604_800, "1w"),
];
const MONTH: &str = "1M";
const INTERVAL_NAMES: &str = "1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w and 1M";

pub(super) fn encode(request: &Request, symbols: &SymbolTable) -> Result<WireRequest, EncodeError> {
    let target = match request {
        Request::Ticker { symbol } => {
            Target::new("/api/v3/ticker/24hr").with("symbol", id(symbols, symbol)?)
        }
        Request::Tickers { symbols: asked } => {
            Target::new("/api/v3/ticker/24hr").maybe("symbols", ids(symbols, asked)?)
        }
        Request::BidsAsks { symbols: asked } => {
            Target::new("/api/v3/ticker/bookTicker").maybe("symbols", ids(symbols, asked)?)
        }
        Request::LastPrices { symbols: asked } => {
            Target::new("/api/v3/ticker/price").maybe("symbols", ids(symbols, asked)?)
        }
        Request::OrderBook { symbol, depth } => {
            let limit = range::up_to(Exchange::BINANCE, "depth", *depth, DEPTH_MAX)?;
            Target::new("/api/v3/depth")
                .with("symbol", id(symbols, symbol)?)
                .maybe("limit", limit)
        }
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let limit = range::up_to(Exchange::BINANCE, "limit", *limit, ROWS_MAX)?;
            let since = range::since(Exchange::BINANCE, *since)?;
            Target::new("/api/v3/klines")
                .with("symbol", id(symbols, symbol)?)
                .with("interval", interval_name(*interval)?)
                .with("limit", limit.unwrap_or(CANDLES_DEFAULT))
                .maybe("startTime", since.map(Timestamp::as_ms))
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => {
            let limit = range::up_to(Exchange::BINANCE, "limit", *limit, ROWS_MAX)?;
            let since = range::since(Exchange::BINANCE, *since)?;
            Target::new("/api/v3/aggTrades")
                .with("symbol", id(symbols, symbol)?)
                .maybe("limit", limit)
                .maybe("startTime", since.map(Timestamp::as_ms))
        }
        Request::Instruments => Target::new("/api/v3/exchangeInfo"),
        Request::ServerTime => Target::new("/api/v3/time"),
        Request::Status => Target::new("/sapi/v1/system/status"),
        other => {
            return Err(EncodeError::Unsupported {
                exchange: Exchange::BINANCE,
                kind: other.kind(),
            });
        }
    };
    target
        .finish()
        .map(WireRequest::get)
        .ok_or_else(|| range::too_many(Exchange::BINANCE, request.symbols().len()))
}

fn id<'a>(symbols: &'a SymbolTable, symbol: &Symbol) -> Result<&'a str, EncodeError> {
    symbols
        .require(&Exchange::BINANCE, symbol)
        .map(|listing| &*listing.id)
}

/// A JSON list of names, each once: Binance refuses a list that names one twice.
fn ids(symbols: &SymbolTable, asked: &[Symbol]) -> Result<Option<String>, EncodeError> {
    let ids = asked.iter().map(|symbol| id(symbols, symbol));
    let ids = tickers::distinct(ids.collect::<Result<Vec<_>, _>>()?);
    if ids.len() > usize::try_from(range::SYMBOLS_MAX).unwrap_or(usize::MAX) {
        return Err(range::too_many(Exchange::BINANCE, ids.len()));
    }
    Ok((!ids.is_empty()).then(|| format!("[\"{}\"]", ids.join("\",\""))))
}

fn interval_name(interval: Interval) -> Result<&'static str, EncodeError> {
    let seconds = interval.duration().as_secs();
    let name = if interval.is_calendar_month() {
        (interval.to_string() == MONTH).then_some(MONTH)
    } else {
        let known = INTERVALS.iter().find(|(length, _)| *length == seconds);
        known.map(|(_, name)| *name)
    };
    name.ok_or(EncodeError::UnsupportedInterval {
        exchange: Exchange::BINANCE,
        interval,
        available: INTERVAL_NAMES,
    })
}
