//! Questions to KuCoin.

use robust_market::{Exchange, Interval, Request, Symbol, Timestamp};

use super::candles::CALENDAR;
use crate::target::Target;
use crate::{Context, EncodeError, SymbolTable, WireRequest, range};

/// The most bars of one reply.
pub(super) const CANDLES_MAX: u32 = 1_500;
/// The trades of one reply; it takes no count and has no older ones.
pub(super) const TRADES_MAX: u32 = 100;
/// The deepest public book.
const PUBLIC_DEPTH_MAX: u32 = 100;

/// The lengths of bars below a month: seconds, and KuCoin's name.
const INTERVALS: &[(u64, &str)] = &[
    (60, "1min"),
    (180, "3min"),
    (300, "5min"),
    (900, "15min"),
    (1_800, "30min"),
    (3_600, "1hour"),
    (7_200, "2hour"),
    (14_400, "4hour"),
    (21_600, "6hour"),
    (28_800, "8hour"),
    (43_200, "12hour"),
    (86_400, "1day"),
    (604_800, "1week"),
];
const MONTH: &str = "1M";
const INTERVAL_NAMES: &str = "1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 1w and 1M";

/// Whether a request is about more levels than the public books have.
pub(super) fn wants_full_book(request: &Request) -> bool {
    matches!(request, Request::OrderBook { depth: Some(depth), .. } if *depth > PUBLIC_DEPTH_MAX)
}

/// The levels of the book that a caller without credentials gets in place of a deeper one.
pub(super) fn depth_limit(request: &Request, context: &Context<'_>) -> Option<u32> {
    (wants_full_book(request) && !context.can_sign).then_some(PUBLIC_DEPTH_MAX)
}

pub(super) fn encode(request: &Request, context: &Context<'_>) -> Result<WireRequest, EncodeError> {
    let symbols = context.symbols;
    let target = match request {
        Request::Ticker { symbol } => {
            Target::new("/api/v1/market/stats").with("symbol", id(symbols, symbol)?)
        }
        Request::Tickers { symbols: asked } => {
            all_listed(symbols, asked)?;
            Target::new("/api/v1/market/allTickers")
        }
        Request::BidsAsks { symbols: asked } | Request::LastPrices { symbols: asked } => {
            match asked.as_slice() {
                [only] => Target::new("/api/v1/market/orderbook/level1")
                    .with("symbol", id(symbols, only)?),
                many => {
                    all_listed(symbols, many)?;
                    Target::new("/api/v1/market/allTickers")
                }
            }
        }
        Request::OrderBook { symbol, depth } => {
            let depth = range::up_to(Exchange::KUCOIN, "depth", *depth, u32::MAX)?;
            let path = match depth.unwrap_or(PUBLIC_DEPTH_MAX) {
                0..=20 => "/api/v1/market/orderbook/level2_20",
                depth if depth > PUBLIC_DEPTH_MAX && context.can_sign => {
                    "/api/v3/market/orderbook/level2"
                }
                _ => "/api/v1/market/orderbook/level2_100",
            };
            Target::new(path).with("symbol", id(symbols, symbol)?)
        }
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let limit = range::up_to(Exchange::KUCOIN, "limit", *limit, CANDLES_MAX)?;
            let since = range::since(Exchange::KUCOIN, *since)?;
            let (start, end) = span(context.now, *interval, since, limit);
            Target::new("/api/v1/market/candles")
                .with("symbol", id(symbols, symbol)?)
                .with("type", interval_name(*interval)?)
                .maybe("startAt", start.map(Timestamp::as_secs))
                .with("endAt", end.as_secs())
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => {
            // KuCoin always sends its last 100; the decoder keeps those that were asked for.
            range::up_to(Exchange::KUCOIN, "limit", *limit, TRADES_MAX)?;
            range::since(Exchange::KUCOIN, *since)?;
            Target::new("/api/v1/market/histories").with("symbol", id(symbols, symbol)?)
        }
        Request::Instruments => Target::new("/api/v2/symbols"),
        Request::Assets => Target::new("/api/v3/currencies"),
        Request::ServerTime => Target::new("/api/v1/timestamp"),
        Request::Status => Target::new("/api/v1/status"),
        other => {
            return Err(EncodeError::Unsupported {
                exchange: Exchange::KUCOIN,
                kind: other.kind(),
            });
        }
    };
    target
        .finish()
        .map(WireRequest::get)
        .ok_or_else(|| range::too_many(Exchange::KUCOIN, request.symbols().len()))
}

fn id<'a>(symbols: &'a SymbolTable, symbol: &Symbol) -> Result<&'a str, EncodeError> {
    symbols
        .require(&Exchange::KUCOIN, symbol)
        .map(|listing| &*listing.id)
}

/// A list of all pairs holds none that is not listed.
fn all_listed(symbols: &SymbolTable, asked: &[Symbol]) -> Result<(), EncodeError> {
    asked
        .iter()
        .try_for_each(|symbol| id(symbols, symbol).map(drop))
}

/// From when to when bars are asked for.
///
/// KuCoin takes no count, so a limit becomes a span of as many bars: from the start that is given, or up to now. Where nothing was
/// traded there is no bar, so the answer may hold fewer.
fn span(
    now: Timestamp,
    interval: Interval,
    since: Option<Timestamp>,
    limit: Option<u32>,
) -> (Option<Timestamp>, Timestamp) {
    let bars = CALENDAR.grid(interval);
    match (since, limit) {
        (Some(since), limit) => {
            let end = bars.after(since, limit.unwrap_or(CANDLES_MAX).into());
            (Some(since), end)
        }
        (None, Some(limit)) => {
            let start = bars.after(now, -i64::from(limit));
            (Some(start.max(Timestamp::EPOCH)), now)
        }
        (None, None) => (None, now),
    }
}

fn interval_name(interval: Interval) -> Result<&'static str, EncodeError> {
    let seconds = interval.duration().as_secs();
    let name = if interval.is_calendar_month() {
        (interval.to_string() == MONTH).then_some("1month")
    } else {
        let known = INTERVALS.iter().find(|(length, _)| *length == seconds);
        known.map(|(_, name)| *name)
    };
    name.ok_or(EncodeError::UnsupportedInterval {
        exchange: Exchange::KUCOIN,
        interval,
        available: INTERVAL_NAMES,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_becomes_a_span_of_as_many_bars() {
        let at = |secs| Timestamp::from_secs(secs).unwrap();
        let now = at(1_700_000_000);
        let span = |since: Option<i64>, limit| {
            let (start, end) = span(now, Interval::M1, since.map(at), limit);
            (start.map(Timestamp::as_secs), end.as_secs())
        };
        assert_eq!(span(None, None), (None, 1_700_000_000));
        assert_eq!(span(None, Some(10)), (Some(1_699_999_400), 1_700_000_000));
        assert_eq!(span(Some(60), Some(10)), (Some(60), 660));
        assert_eq!(span(Some(60), None), (Some(60), 90_060));
    }
}
