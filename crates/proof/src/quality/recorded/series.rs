//! Recorded series of bars.

use std::time::Duration;

use robust_market::{Candle, Candles, Exchange, Interval, Kind, Payload, Request, Symbol, Ticker};
use robust_quality::Profile;
use rust_decimal::Decimal;

use super::{File, Recorded, read, source, symbol};
use crate::quality::catalogue::Data;
use crate::quality::made::CANDLES;
use crate::quality::scene::{Feed, Shot, Source};

/// A whole series.
#[derive(Debug)]
pub(in crate::quality) struct Series {
    /// The file.
    pub(in crate::quality) name: String,
    /// The pair.
    pub(in crate::quality) symbol: Symbol,
    /// The length of a bar.
    pub(in crate::quality) interval: Interval,
    /// The bars.
    pub(in crate::quality) rows: Vec<Candle>,
}

/// How a file is to be read.
struct Known {
    start: &'static str,
    pair: &'static str,
    interval: &'static str,
    /// Contracts of a thousand units: prices are a thousandfold.
    divide_by: u32,
    /// Whether there is a bar for every interval. Where trading stopped or nobody traded, the recordings have holes.
    dense: bool,
}

const fn known(
    start: &'static str,
    pair: &'static str,
    interval: &'static str,
    divide_by: u32,
    dense: bool,
) -> Known {
    Known {
        start,
        pair,
        interval,
        divide_by,
        dense,
    }
}

const KNOWN: [Known; 11] = [
    known("backtestingpy_BTCUSD_monthly", "BTC/USD", "1M", 1, false),
    known("binance_futures_1000PEPE", "PEPE/USDT", "1h", 1_000, true),
    known("binance_futures_BTC", "BTC/USDT", "1h", 1, true),
    known("binance_futures_FTT", "FTT/USDT", "1h", 1, true),
    known("freqtrade_ADA_BTC", "ADA/BTC", "5m", 1, false),
    known("freqtrade_ETH_BTC", "ETH/BTC", "5m", 1, true),
    known("freqtrade_NXT_BTC", "NXT/BTC", "5m", 1, true),
    known("freqtrade_TRX_BTC", "TRX/BTC", "5m", 1, false),
    known("freqtrade_UNITTEST_BTC", "UNITTEST/BTC", "1m", 1, false),
    known("freqtrade_XLM_BTC", "XLM/BTC", "5m", 1, true),
    known("freqtrade_XRP_ETH-1m", "XRP/ETH", "1m", 1, false),
];

/// Whether the name is that of a known series.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|known| name.starts_with(known.start))
}

/// Reads one series: pages of 300 bars, and for series of hours their closes as tickers.
pub(super) fn read(file: &File<'_>, text: &str, into: &mut Recorded) {
    let Some(known) = KNOWN
        .iter()
        .find(|known| file.name.starts_with(known.start))
    else {
        return;
    };
    let (Some(symbol), Ok(interval)) = (symbol(known.pair), known.interval.parse::<Interval>())
    else {
        return;
    };
    let rows = read::candles(text, known.divide_by);
    let series = Series {
        name: file.name.to_owned(),
        symbol,
        interval,
        rows,
    };
    into.add(Data::Candles, pages(file, &series, known.dense));
    if known.interval == "1h" {
        into.add(Data::Ticker, tickers(file, &series));
    }
    into.series.push(series);
}

fn pages(file: &File<'_>, series: &Series, dense: bool) -> Feed {
    let length = CANDLES.min(series.rows.len());
    let interval = series.interval;
    let shots = series
        .rows
        .chunks_exact(length.max(1))
        .filter_map(|rows| {
            let mut page = Candles::new(series.symbol.clone(), interval);
            page.rows = rows.to_vec();
            let end = rows.last()?.time.saturating_add(interval.duration());
            let received = end.saturating_add(Duration::from_secs(1));
            Some(Shot::sound(Payload::Candles(page), received))
        })
        .collect();
    let request = Request::Candles {
        symbol: series.symbol.clone(),
        interval,
        since: None,
        limit: u32::try_from(length).ok(),
    };
    let mut profile = Profile::of(&Exchange::BINANCE, Kind::Candles);
    profile.dense_candles = dense;
    let prices: Vec<Decimal> = series.rows.iter().map(|row| row.close).collect();
    let sizes: Vec<Decimal> = series.rows.iter().map(|row| row.volume).collect();
    let source = source(Exchange::BINANCE, request, profile, &prices, &sizes);
    file.feed("", source, shots)
}

/// The last prices of a whole series with the range and the volume of the day, one ticker at the end of each bar.
fn tickers(file: &File<'_>, series: &Series) -> Feed {
    let (source, shots) = closes(&series.symbol, series.interval, &series.rows);
    file.feed("closes", source, shots)
}

/// The closes of bars as tickers, and who would send them.
pub(in crate::quality) fn closes(
    symbol: &Symbol,
    interval: Interval,
    rows: &[Candle],
) -> (Source, Vec<Shot>) {
    let day = usize::try_from(86_400 / interval.duration().as_secs().max(1)).unwrap_or(1);
    let shots = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let day = rows
                .get((index + 1).saturating_sub(day)..=index)
                .unwrap_or_default();
            let mut ticker = Ticker::new(symbol.clone());
            let time = row.time.saturating_add(interval.duration());
            ticker.last = Some(row.close);
            ticker.high = day.iter().map(|row| row.high).max();
            ticker.low = day.iter().map(|row| row.low).min();
            ticker.base_volume = Some(day.iter().map(|row| row.volume).sum());
            ticker.time = Some(time);
            Shot::sound(
                Payload::Ticker(ticker),
                time.saturating_add(Duration::from_millis(300)),
            )
        })
        .collect();
    let request = Request::Ticker {
        symbol: symbol.clone(),
    };
    // No exchange that is known: only these fields are sent, and nothing else is due.
    let profile = Profile::default().with_cadence(interval.duration());
    let prices: Vec<Decimal> = rows.iter().map(|row| row.close).collect();
    let source = source(Exchange::BINANCE, request, profile, &prices, &[]);
    (source, shots)
}
