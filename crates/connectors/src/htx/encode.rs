//! Questions to HTX.

use robust_market::{Exchange, Interval, Request, Symbol, Timestamp};

use crate::target::Target;
use crate::{Context, EncodeError, SymbolTable, WireRequest, range};

/// The deepest book; it is what comes when no depth is named.
const DEPTH_MAX: u32 = 150;
/// The most bars, and the most trades, of one reply.
pub(super) const ROWS_MAX: u32 = 2_000;
/// The trades that are asked for when the request does not say; HTX's own default is one.
const TRADES_DEFAULT: u32 = 1_000;

/// The lengths of bars below a month: seconds, and HTX's name.
const INTERVALS: &[(u64, &str)] = &[
    (60, "1min"),
    (300, "5min"),
    (900, "15min"),
    (1_800, "30min"),
    (3_600, "60min"),
    (14_400, "4hour"),
    (86_400, "1day"),
    (604_800, "1week"),
];
/// Bars that follow the calendar: our name, and HTX's.
const MONTHS: &[(&str, &str)] = &[("1M", "1mon"), ("12M", "1year")];
const INTERVAL_NAMES: &str = "1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1M and 12M";

pub(super) fn encode(request: &Request, context: &Context<'_>) -> Result<WireRequest, EncodeError> {
    let symbols = context.symbols;
    let target = match request {
        Request::Ticker { symbol } => {
            Target::new("/market/detail/merged").with("symbol", id(symbols, symbol)?)
        }
        Request::Tickers { symbols: asked }
        | Request::BidsAsks { symbols: asked }
        | Request::LastPrices { symbols: asked } => {
            // The list of all pairs holds none that is not listed.
            asked
                .iter()
                .try_for_each(|symbol| id(symbols, symbol).map(drop))?;
            Target::new("/market/tickers")
        }
        Request::OrderBook { symbol, depth } => {
            let depth = range::up_to(Exchange::HTX, "depth", *depth, DEPTH_MAX)?;
            Target::new("/market/depth")
                .with("symbol", id(symbols, symbol)?)
                .with("type", "step0")
                .maybe("depth", depth.and_then(depth_of))
        }
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let limit = range::up_to(Exchange::HTX, "limit", *limit, ROWS_MAX)?;
            let since = range::since(Exchange::HTX, *since)?;
            let size = match since {
                Some(since) => Some(bars_since(since, context.now, *interval)?),
                None => limit,
            };
            Target::new("/market/history/kline")
                .with("symbol", id(symbols, symbol)?)
                .with("period", interval_name(*interval)?)
                .maybe("size", size)
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => {
            let limit = range::up_to(Exchange::HTX, "limit", *limit, ROWS_MAX)?;
            let since = range::since(Exchange::HTX, *since)?;
            // There is no start to ask for: only with all that HTX gives the first trades after `since` may be among them.
            let size = match since {
                Some(_) => ROWS_MAX,
                None => limit.unwrap_or(TRADES_DEFAULT),
            };
            Target::new("/market/history/trade")
                .with("symbol", id(symbols, symbol)?)
                .with("size", size)
        }
        Request::Instruments => Target::new("/v1/common/symbols"),
        Request::Assets => Target::new("/v2/reference/currencies"),
        Request::ServerTime => Target::new("/v1/common/timestamp"),
        Request::Status => Target::new("/v2/market-status"),
        other => {
            return Err(EncodeError::Unsupported {
                exchange: Exchange::HTX,
                kind: other.kind(),
            });
        }
    };
    target
        .finish()
        .map(WireRequest::get)
        .ok_or_else(|| range::too_many(Exchange::HTX, request.symbols().len()))
}

fn id<'a>(symbols: &'a SymbolTable, symbol: &Symbol) -> Result<&'a str, EncodeError> {
    symbols
        .require(&Exchange::HTX, symbol)
        .map(|listing| &*listing.id)
}

/// The smallest depth that HTX has for so many levels; none for the whole book.
const fn depth_of(levels: u32) -> Option<u32> {
    match levels {
        0..=5 => Some(5),
        6..=10 => Some(10),
        11..=20 => Some(20),
        _ => None,
    }
}

/// How many bars there are from `since` to now. HTX takes no start, only how many of the newest bars it is to send.
fn bars_since(since: Timestamp, now: Timestamp, interval: Interval) -> Result<u32, EncodeError> {
    let seconds = interval.duration().as_secs().max(1);
    // The open bar, and one for a start that does not fall on the start of a bar.
    let bars = now.since(since).as_secs() / seconds + 2;
    match u32::try_from(bars) {
        Ok(bars) if bars <= ROWS_MAX => Ok(bars),
        // One bar too many, because of a start within a bar, is cut off.
        Ok(bars) if bars == ROWS_MAX + 1 => Ok(ROWS_MAX),
        _ => {
            let reach = interval.duration().saturating_mul(ROWS_MAX - 1);
            Err(EncodeError::OutOfRange {
                exchange: Exchange::HTX,
                field: "since",
                value: since.as_ms(),
                min: now.saturating_sub(reach).as_ms(),
                max: now.as_ms(),
            })
        }
    }
}

fn interval_name(interval: Interval) -> Result<&'static str, EncodeError> {
    let seconds = interval.duration().as_secs();
    let name = if interval.is_calendar_month() {
        let ours = interval.to_string();
        let known = MONTHS.iter().find(|(name, _)| *name == ours);
        known.map(|(_, name)| *name)
    } else {
        let known = INTERVALS.iter().find(|(length, _)| *length == seconds);
        known.map(|(_, name)| *name)
    };
    name.ok_or(EncodeError::UnsupportedInterval {
        exchange: Exchange::HTX,
        interval,
        available: INTERVAL_NAMES,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_becomes_a_number_of_bars_that_reaches_it() {
        let now = Timestamp::from_secs(1_700_000_030).unwrap();
        let bars = |back: i64| {
            let since = Timestamp::from_secs(1_700_000_030 - back).unwrap();
            bars_since(since, now, Interval::M1)
        };
        assert_eq!(bars(0), Ok(2));
        assert_eq!(bars(-5_000), Ok(2), "a start in the future");
        assert_eq!(bars(59), Ok(2));
        assert_eq!(bars(60), Ok(3));
        assert_eq!(bars(1_998 * 60), Ok(2_000));
        assert_eq!(bars(1_999 * 60), Ok(2_000));
        let refused = bars(2_000 * 60).unwrap_err().to_string();
        assert!(refused.contains("since"), "{refused}");
        assert!(refused.contains("htx"), "{refused}");
    }

    #[test]
    fn a_depth_is_the_next_one_that_there_is() {
        for (levels, depth) in [
            (1, Some(5)),
            (5, Some(5)),
            (6, Some(10)),
            (20, Some(20)),
            (21, None),
            (150, None),
        ] {
            assert_eq!(depth_of(levels), depth, "{levels}");
        }
    }
}
