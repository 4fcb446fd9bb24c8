//! Questions to OKX.

use robust_connectors::{EncodeError, SymbolTable, WireRequest};
use robust_market::{Exchange, Interval, Request, Symbol, Timestamp};

/// The most bars of one answer, and what is asked for when the request does not say (OKX's own default, written out).
pub(crate) const CANDLES_MAX: u32 = 300;
const CANDLES_DEFAULT: u32 = 100;
/// The most trades of one answer.
pub(crate) const TRADES_MAX: u32 = 500;
const TRADES_DEFAULT: u32 = 100;
/// The deepest book of `/market/books`. OKX's own default is one level, which is no book.
const DEPTH_MAX: u32 = 400;
const DEPTH_DEFAULT: u32 = 100;

/// The lengths of bars: seconds, and OKX's name. Without `utc`, bars of six hours and more start on Hong Kong time.
const INTERVALS: &[(u64, &str)] = &[
    (60, "1m"),
    (180, "3m"),
    (300, "5m"),
    (900, "15m"),
    (1_800, "30m"),
    (3_600, "1H"),
    (7_200, "2H"),
    (14_400, "4H"),
    (21_600, "6Hutc"),
    (43_200, "12Hutc"),
    (86_400, "1Dutc"),
    (604_800, "1Wutc"),
];
const INTERVAL_NAMES: &str = "1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 12h, 1d, 1w and 1M";

fn exchange() -> Exchange {
    Exchange::from_static("okx")
}

pub(crate) fn encode(request: &Request, symbols: &SymbolTable) -> Result<WireRequest, EncodeError> {
    let target = match request {
        Request::Ticker { symbol } => {
            format!("/api/v5/market/ticker?instId={}", id(symbols, symbol)?)
        }
        Request::Tickers { symbols: asked }
        | Request::BidsAsks { symbols: asked }
        | Request::LastPrices { symbols: asked } => {
            for symbol in asked {
                id(symbols, symbol)?;
            }
            "/api/v5/market/tickers?instType=SPOT".to_owned()
        }
        Request::OrderBook { symbol, depth } => {
            let id = id(symbols, symbol)?;
            let depth = within("depth", depth.unwrap_or(DEPTH_DEFAULT), DEPTH_MAX)?;
            format!("/api/v5/market/books?instId={id}&sz={depth}")
        }
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let id = id(symbols, symbol)?;
            let bar = bar(*interval)?;
            let limit = within("limit", limit.unwrap_or(CANDLES_DEFAULT), CANDLES_MAX)?;
            let range = since.map_or_else(String::new, |since| range(since, *interval, limit));
            format!("/api/v5/market/candles?instId={id}&bar={bar}&limit={limit}{range}")
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => {
            let id = id(symbols, symbol)?;
            // There is no start: with one, the newest trades are asked for as far back as they go.
            let default = if since.is_some() {
                TRADES_MAX
            } else {
                TRADES_DEFAULT
            };
            let limit = within("limit", limit.unwrap_or(default), TRADES_MAX)?;
            format!("/api/v5/market/trades?instId={id}&limit={limit}")
        }
        Request::Instruments => "/api/v5/public/instruments?instType=SPOT".to_owned(),
        Request::ServerTime => "/api/v5/public/time".to_owned(),
        Request::Status => "/api/v5/system/status".to_owned(),
        other => {
            return Err(EncodeError::Unsupported {
                exchange: exchange(),
                kind: other.kind(),
            });
        }
    };
    // Ids come from tables that may hold what an exchange once sent; one that fits into no URL is listed nowhere.
    let target = target.parse().map_err(|_| EncodeError::Unsupported {
        exchange: exchange(),
        kind: request.kind(),
    })?;
    Ok(WireRequest::get(target))
}

fn id<'a>(symbols: &'a SymbolTable, symbol: &Symbol) -> Result<&'a str, EncodeError> {
    symbols
        .require(&exchange(), symbol)
        .map(|listing| &*listing.id)
}

fn within(field: &'static str, value: u32, max: u32) -> Result<u32, EncodeError> {
    if (1..=max).contains(&value) {
        return Ok(value);
    }
    Err(EncodeError::OutOfRange {
        exchange: exchange(),
        field,
        value: value.into(),
        min: 1,
        max: max.into(),
    })
}

fn bar(interval: Interval) -> Result<&'static str, EncodeError> {
    if interval.is_calendar_month() && interval.to_string() == "1M" {
        return Ok("1Mutc");
    }
    let seconds = interval.duration().as_secs();
    let known = INTERVALS.iter().find(|(length, _)| *length == seconds);
    known
        .filter(|_| !interval.is_calendar_month())
        .map(|(_, name)| *name)
        .ok_or(EncodeError::UnsupportedInterval {
            exchange: exchange(),
            interval,
            available: INTERVAL_NAMES,
        })
}

/// `before` and `after`, both exclusive and both named from the newest bar on: newer than `before`, older than `after`. With
/// `before` alone OKX sends the newest bars, so the end is always written.
fn range(since: Timestamp, interval: Interval, limit: u32) -> String {
    let start = since.as_ms().max(0);
    let end = since
        .saturating_add(interval.duration().saturating_mul(limit))
        .as_ms()
        .max(0);
    format!("&before={}&after={end}", start.saturating_sub(1).max(0))
}
