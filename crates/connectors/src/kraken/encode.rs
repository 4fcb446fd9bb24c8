//! Questions to Kraken.

use robust_market::{Exchange, Interval, Request, Symbol, Timestamp};

use crate::target::Target;
use crate::{EncodeError, SymbolTable, WireRequest, range, tickers};

/// The deepest book, `count` of Depth.
const DEPTH_MAX: u32 = 500;
/// The most trades of one reply, `count` of Trades.
const TRADES_MAX: u32 = 1_000;
/// The most bars of one reply; OHLC takes no count and has no older ones: "up to 720 of the most recent entries, older data
/// cannot be retrieved regardless of since".
const CANDLES_MAX: u32 = 720;

/// The lengths of bars, in minutes.
const INTERVALS: &[u64] = &[1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600];
const INTERVAL_NAMES: &str = "1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w and 15d";

pub(super) fn encode(request: &Request, symbols: &SymbolTable) -> Result<WireRequest, EncodeError> {
    let target = match request {
        Request::Ticker { symbol } => {
            Target::new("/0/public/Ticker").with("pair", id(symbols, symbol)?)
        }
        Request::Tickers { symbols: asked }
        | Request::BidsAsks { symbols: asked }
        | Request::LastPrices { symbols: asked } => {
            Target::new("/0/public/Ticker").maybe("pair", ids(symbols, asked)?)
        }
        Request::OrderBook { symbol, depth } => {
            let count = range::up_to(Exchange::KRAKEN, "depth", *depth, DEPTH_MAX)?;
            Target::new("/0/public/Depth")
                .with("pair", id(symbols, symbol)?)
                .maybe("count", count)
        }
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            // Kraken takes no count of bars; the decoder keeps as many as were asked for.
            range::up_to(Exchange::KRAKEN, "limit", *limit, CANDLES_MAX)?;
            let since = range::since(Exchange::KRAKEN, *since)?;
            Target::new("/0/public/OHLC")
                .with("pair", id(symbols, symbol)?)
                .with("interval", minutes(*interval)?)
                .maybe("since", since.map(before_bar))
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => {
            let count = range::up_to(Exchange::KRAKEN, "limit", *limit, TRADES_MAX)?;
            let since = range::since(Exchange::KRAKEN, *since)?;
            Target::new("/0/public/Trades")
                .with("pair", id(symbols, symbol)?)
                .maybe("since", since.map(cursor))
                .maybe("count", count)
        }
        Request::Instruments => Target::new("/0/public/AssetPairs"),
        Request::Assets => Target::new("/0/public/Assets"),
        Request::ServerTime => Target::new("/0/public/Time"),
        Request::Status => Target::new("/0/public/SystemStatus"),
        other => {
            return Err(EncodeError::Unsupported {
                exchange: Exchange::KRAKEN,
                kind: other.kind(),
            });
        }
    };
    target
        .finish()
        .map(WireRequest::get)
        .ok_or_else(|| range::too_many(Exchange::KRAKEN, request.symbols().len()))
}

fn id<'a>(symbols: &'a SymbolTable, symbol: &Symbol) -> Result<&'a str, EncodeError> {
    symbols
        .require(&Exchange::KRAKEN, symbol)
        .map(|listing| &*listing.id)
}

fn ids(symbols: &SymbolTable, asked: &[Symbol]) -> Result<Option<String>, EncodeError> {
    let ids = asked.iter().map(|symbol| id(symbols, symbol));
    let ids = tickers::distinct(ids.collect::<Result<Vec<_>, _>>()?);
    if ids.len() > usize::try_from(range::SYMBOLS_MAX).unwrap_or(usize::MAX) {
        return Err(range::too_many(Exchange::KRAKEN, ids.len()));
    }
    Ok((!ids.is_empty()).then(|| ids.join(",")))
}

fn minutes(interval: Interval) -> Result<u64, EncodeError> {
    let seconds = interval.duration().as_secs();
    let minutes = seconds / 60;
    if !interval.is_calendar_month() && seconds.is_multiple_of(60) && INTERVALS.contains(&minutes) {
        Ok(minutes)
    } else {
        Err(EncodeError::UnsupportedInterval {
            exchange: Exchange::KRAKEN,
            interval,
            available: INTERVAL_NAMES,
        })
    }
}

/// The `since` of OHLC for a first bar at or after `since`.
///
/// Kraken answers with the bars *after* its `since` (its `last` is made to be sent back without getting that bar again), so for a time at
/// which a bar may start, a second less is sent. Every bar starts on a whole minute.
fn before_bar(since: Timestamp) -> i64 {
    let seconds = since.as_secs();
    if seconds % 60 == 0 {
        (seconds - 1).max(0)
    } else {
        seconds
    }
}

/// The `since` of Trades: whole seconds, or Kraken's nanosecond cursor where seconds are not enough.
///
/// The cursor is the time of the last trade that is *not* wanted again, so it is one nanosecond before the first one that is.
fn cursor(since: Timestamp) -> i64 {
    let seconds = since.as_secs();
    if Timestamp::from_secs(seconds) == Some(since) {
        seconds
    } else {
        since.as_ns() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_that_starts_at_since_is_not_lost() {
        let sent = |secs| before_bar(Timestamp::from_secs(secs).unwrap());
        assert_eq!(sent(1_716_523_200), 1_716_523_199);
        assert_eq!(sent(1_716_523_348), 1_716_523_348);
        assert_eq!(sent(0), 0);
    }

    #[test]
    fn a_fraction_of_a_second_becomes_the_nanosecond_cursor() {
        assert_eq!(
            cursor(Timestamp::from_ms(1_716_523_348_000).unwrap()),
            1_716_523_348
        );
        assert_eq!(
            cursor(Timestamp::from_ms(1_716_523_348_500).unwrap()),
            1_716_523_348_499_999_999
        );
    }
}
