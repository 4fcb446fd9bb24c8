//! Recorded markets: nothing in them may be called a fault. Skipped, and told, where the recordings are not at hand.
//!
//! `RDM_MARKET_DATA` names their folder; without it they are looked for beside the repository.

#![allow(
    clippy::print_stdout,
    reason = "a recording that is not at hand is told, and so is what was measured"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use robust_market::{
    Acceptance, Candle, Candles, Decoded, Exchange, Interval, Kind, Payload, Report, Request,
    Severity, Side, Symbol, Ticker, Timestamp, Trade, Trades,
};
use robust_quality::{Context, Profile, SymbolState, judge};
use rust_decimal::Decimal;

use crate::clean::d;

/// The text of a recording, unpacked; `None`, and a line that says so, where it is not at hand.
pub(crate) fn read(name: &str) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/market-data");
    let root = std::env::var_os("RDM_MARKET_DATA").map_or(beside, PathBuf::from);
    let Ok(bytes) = std::fs::read(root.join(name)) else {
        println!("skipped: no recording {name}");
        return None;
    };
    let mut text = String::new();
    if name.ends_with(".gz") {
        flate2::read::MultiGzDecoder::new(bytes.as_slice())
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    Some(text)
}

pub(crate) fn ms(text: &str) -> Timestamp {
    Timestamp::from_ms(text.parse().unwrap()).unwrap()
}

fn bar(time: Timestamp, prices: [Decimal; 4], volume: Decimal) -> Candle {
    let [open, high, low, close] = prices;
    Candle {
        time,
        open,
        high,
        low,
        close,
        volume,
        quote_volume: None,
        vwap: None,
        count: None,
        closed: true,
    }
}

/// Rows of `timestamp,open,high,low,close,volume`.
pub(crate) fn series(text: &str, divide: Decimal) -> Vec<Candle> {
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let price = |at: usize| d(cells[at]) / divide;
            bar(
                ms(cells[0]),
                [price(1), price(2), price(3), price(4)],
                d(cells[5]),
            )
        })
        .collect()
}

/// What was found in some judgements.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) judged: usize,
    records: usize,
    pub(crate) rules: BTreeMap<(Severity, &'static str), usize>,
    acceptance: BTreeMap<Acceptance, usize>,
    pub(crate) lowest: Option<f64>,
}

impl Found {
    pub(crate) fn note(&mut self, report: &Report, records: usize) {
        self.judged += 1;
        self.records += records;
        *self.acceptance.entry(report.acceptance).or_default() += 1;
        let score = report.overall.get();
        self.lowest = Some(self.lowest.map_or(score, |lowest| lowest.min(score)));
        for issue in &report.issues {
            *self.rules.entry((issue.severity, issue.rule)).or_default() += 1;
        }
    }

    fn count(&self, severity: Severity) -> usize {
        let heavy = self.rules.iter().filter(|((s, _), _)| *s == severity);
        heavy.map(|(_, count)| count).sum()
    }

    pub(crate) fn at_least(&self, severity: Severity) -> usize {
        let heavy = self.rules.iter().filter(|((s, _), _)| *s >= severity);
        heavy.map(|(_, count)| count).sum()
    }
}

/// Judges a series in pages, as a poll would get them.
pub(crate) fn judge_series(rows: &[Candle], interval: &str, dense: bool, page: usize) -> Found {
    let interval: Interval = interval.parse().unwrap();
    let symbol: Symbol = "X/Y".parse().unwrap();
    let mut state = SymbolState::new();
    let mut found = Found::default();
    for rows in rows.chunks(page) {
        let mut candles = Candles::new(symbol.clone(), interval);
        candles.rows = rows.to_vec();
        let request = Request::Candles {
            symbol: symbol.clone(),
            interval,
            since: None,
            limit: None,
        };
        let mut profile = Profile::default();
        profile.dense_candles = dense;
        let end = rows
            .last()
            .unwrap()
            .time
            .saturating_add(interval.duration());
        let now = end.saturating_add(std::time::Duration::from_secs(2));
        let context = Context::new(&request, profile, now, now);
        let decoded = Decoded::clean(Payload::Candles(candles));
        found.note(&judge(&decoded, &context, &mut state).unwrap(), rows.len());
    }
    found
}

/// Files, interval, whether there is a bar for every interval, and what prices are divided by.
const SERIES: &[(&str, &str, bool, i64)] = &[
    ("ohlcv/binance_futures_BTC_USDT_1h.csv.gz", "1h", true, 1),
    ("ohlcv/binance_futures_FTT_USDT_1h.csv.gz", "1h", true, 1),
    (
        "ohlcv/binance_futures_1000PEPE_USDT_1h.csv.gz",
        "1h",
        true,
        1,
    ),
    (
        "ohlcv/binance_futures_1000PEPE_USDT_1h.csv.gz",
        "1h",
        true,
        1_000,
    ),
    ("ohlcv/freqtrade_ADA_BTC-5m.csv.gz", "5m", false, 1),
    ("ohlcv/freqtrade_ETH_BTC-5m.csv.gz", "5m", true, 1),
    ("ohlcv/freqtrade_NXT_BTC-5m.csv.gz", "5m", true, 1),
    ("ohlcv/freqtrade_TRX_BTC-5m.csv.gz", "5m", false, 1),
    ("ohlcv/freqtrade_UNITTEST_BTC-1m.csv.gz", "1m", false, 1),
    ("ohlcv/freqtrade_XLM_BTC-5m.csv.gz", "5m", true, 1),
    ("ohlcv/freqtrade_XRP_ETH-1m.csv.gz", "1m", false, 1),
];

#[test]
fn recorded_bars_are_accepted_without_an_error() {
    let (mut rows, mut errors, mut warnings) = (0, 0, 0);
    for (name, interval, dense, divide) in SERIES {
        let Some(text) = read(name) else { continue };
        let bars = series(&text, Decimal::from(*divide));
        for page in [300, 1_000] {
            let found = judge_series(&bars, interval, *dense, page);
            println!("{name} / {divide} by {page}: {found:?}");
            assert_eq!(
                found.acceptance.get(&Acceptance::Reject),
                None,
                "{name}: {found:?}"
            );
            rows += found.records;
            errors += found.at_least(Severity::Error);
            warnings += found.count(Severity::Warning);
        }
    }
    println!("{rows} rows, {errors} errors, {warnings} warnings");
    assert!(
        errors * 10_000 <= rows / 5,
        "{errors} errors in {rows} rows"
    );
    assert!(
        warnings * 10_000 <= rows * 2,
        "{warnings} warnings in {rows} rows"
    );
}

#[test]
fn minutes_that_kraken_fills_without_a_trade_are_no_fault() {
    let Some(text) = read("ohlcv/kraken_http_ohlc_XBTUSDT_1m.json.gz") else {
        return;
    };
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut candles = Candles::new("BTC/USDT".parse().unwrap(), Interval::M1);
    let cell = |row: &serde_json::Value, at: usize| d(row[at].as_str().unwrap());
    for row in json["result"]["XBTUSDT"].as_array().unwrap() {
        let time = Timestamp::from_secs(row[0].as_i64().unwrap()).unwrap();
        let prices = [1, 2, 3, 4].map(|at| cell(row, at));
        let mut candle = bar(time, prices, cell(row, 6));
        candle.vwap = Some(cell(row, 5));
        candle.count = row[7].as_u64();
        candles.rows.push(candle);
    }
    let quiet = candles.rows.iter().filter(|row| row.volume.is_zero());
    assert_eq!(quiet.count(), 216);
    let last = candles.rows.last_mut().unwrap();
    last.closed = false;
    let now = last.time.saturating_add(std::time::Duration::from_secs(20));
    let request = Request::Candles {
        symbol: candles.symbol.clone(),
        interval: Interval::M1,
        since: None,
        limit: None,
    };
    let profile = Profile::of(&Exchange::KRAKEN, Kind::Candles);
    let context = Context::new(&request, profile, now, now);
    let decoded = Decoded::clean(Payload::Candles(candles));
    let report = judge(&decoded, &context, &mut SymbolState::new()).unwrap();
    assert_eq!(report.acceptance, Acceptance::Accept, "{:?}", report.issues);
    assert!(
        report.issues.iter().all(|i| i.severity < Severity::Warning),
        "{:?}",
        report.issues
    );
}

pub(crate) fn trade(
    id: &str,
    price: &str,
    amount: &str,
    side: Option<Side>,
    time: Timestamp,
) -> Trade {
    Trade {
        id: (!id.is_empty()).then(|| id.into()),
        price: d(price),
        amount: d(amount),
        side,
        time,
    }
}

pub(crate) fn judge_trades(rows: &[Trade], dense: bool, page: usize) -> Found {
    let symbol: Symbol = "X/Y".parse().unwrap();
    let mut state = SymbolState::new();
    let mut found = Found::default();
    for rows in rows.chunks(page) {
        let mut trades = Trades::new(symbol.clone());
        trades.rows = rows.to_vec();
        let request = Request::Trades {
            symbol: symbol.clone(),
            since: None,
            limit: None,
        };
        let mut profile = Profile::default();
        profile.dense_trade_ids = dense;
        let now = rows
            .last()
            .unwrap()
            .time
            .saturating_add(std::time::Duration::from_secs(1));
        let context = Context::new(&request, profile, now, now);
        let decoded = Decoded::clean(Payload::Trades(trades));
        let report = judge(&decoded, &context, &mut state).unwrap();
        found.note(&report, rows.len());
    }
    found
}

#[test]
fn the_sweep_of_atom_to_a_tenth_of_a_cent_is_no_fault() {
    let Some(text) = read("trades/atom_flash_sell_sequence_2025-10-10.csv") else {
        return;
    };
    let sweep: Vec<Trade> = text
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let side = if cells[6] == "True" {
                Side::Sell
            } else {
                Side::Buy
            };
            // 2025-10-10T21:20:37.689043Z
            let time = Timestamp::from_ns(1_760_131_237_689_043_000);
            trade(cells[0], cells[1], cells[2], Some(side), time)
        })
        .collect();
    assert_eq!(sweep.len(), 71);
    let found = judge_trades(&sweep, true, 100);
    assert_eq!(found.at_least(Severity::Warning), 0, "{found:?}");
    // The same after a calm minute, and followed by prices that have come back half of the way.
    let mut page = Vec::new();
    for n in 0..60_i64 {
        let time = Timestamp::from_ns(1_760_131_237_689_043_000 - (60 - n) * 1_000_000_000);
        let price = format!("1.69{}", n % 7);
        let id = (176_299_337 - 60 + n).to_string();
        page.push(trade(&id, &price, "20.5", Some(Side::Buy), time));
    }
    page.extend(sweep);
    for n in 0..40_i64 {
        let time = Timestamp::from_ns(1_760_131_237_800_000_000 + n * 10_000_000);
        let price = format!("1.2{}", 30 + n % 9);
        let id = (176_299_408 + n).to_string();
        page.push(trade(&id, &price, "20.5", Some(Side::Buy), time));
    }
    let found = judge_trades(&page, true, 1_000);
    println!("the sweep between calm trades: {found:?}");
    assert_eq!(found.at_least(Severity::Error), 0, "{found:?}");
}

#[test]
fn recorded_trades_are_accepted_without_an_error() {
    let mut all: Vec<(&str, Vec<Trade>, bool)> = Vec::new();
    if let Some(text) = read("trades/freqtrade_XRP_ETH-trades.json.gz") {
        let json: Vec<Vec<serde_json::Value>> = serde_json::from_str(&text).unwrap();
        let rows = json.iter().map(|row| {
            let side = if row[3] == "sell" {
                Side::Sell
            } else {
                Side::Buy
            };
            let (price, amount) = (row[4].to_string(), row[5].to_string());
            trade(
                row[1].as_str().unwrap(),
                &price,
                &amount,
                Some(side),
                ms(&row[0].to_string()),
            )
        });
        all.push(("XRP/ETH", rows.collect(), true));
    }
    if let Some(text) = read("trades/kraken_BCHEUR_trades.csv.gz") {
        let rows = text.lines().map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let time = Timestamp::from_secs(cells[0].parse().unwrap()).unwrap();
            trade("", cells[1], cells[2], None, time)
        });
        all.push(("BCH/EUR", rows.collect(), false));
    }
    if let Some(text) = read("trades/freqtrade_public_trades_list.csv.gz") {
        let rows = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let side = if cells[4] == "sell" {
                Side::Sell
            } else {
                Side::Buy
            };
            trade(cells[2], cells[5], cells[6], Some(side), ms(cells[1]))
        });
        all.push(("public list", rows.collect(), true));
    }
    if let Some(text) = read("trades/kraken_http_trades_XBTUSDT.json.gz") {
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rows = json["result"]["XBTUSDT"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let seconds = d(&row[2].to_string());
                let ns = (seconds * Decimal::from(1_000_000_000)).to_string();
                let ns: i64 = ns.split('.').next().unwrap().parse().unwrap();
                let side = if row[3] == "s" { Side::Sell } else { Side::Buy };
                let (price, amount) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
                let id = row[6].to_string();
                trade(&id, price, amount, Some(side), Timestamp::from_ns(ns))
            });
        all.push(("Kraken XBTUSDT", rows.collect(), true));
    }
    for (name, rows, dense) in all {
        for page in [1, 7, 100, 1_000] {
            let found = judge_trades(&rows, dense, page);
            println!("{name} by {page}: {found:?}");
            assert_eq!(
                found.at_least(Severity::Error),
                0,
                "{name} by {page}: {found:?}"
            );
            let warnings = found.count(Severity::Warning);
            assert!(
                warnings * 1_000 <= found.records,
                "{name} by {page}: {found:?}"
            );
        }
    }
}

/// Messages of a Binance stream: best quotes and trades, with the local time in nanoseconds. The local clock is 1.27 s behind.
#[test]
fn recorded_quotes_with_a_clock_that_is_behind_are_accepted() {
    for pair in ["btcusdt", "ethusdt"] {
        let name = format!("raw_feeds/hftbacktest_binance_spot_{pair}_20240808.gz");
        let Some(text) = read(&name) else { continue };
        let symbol: Symbol = "X/USDT".parse().unwrap();
        let request = Request::Ticker {
            symbol: symbol.clone(),
        };
        let mut state = SymbolState::new();
        let (mut found, mut pages) = (Found::default(), Vec::new());
        let mut last: Option<(Decimal, Timestamp)> = None;
        let mut times = Vec::new();
        for line in text.lines() {
            let (local, message) = line.split_once(' ').unwrap();
            let local = Timestamp::from_ns(local.parse().unwrap());
            let json: serde_json::Value = serde_json::from_str(message).unwrap();
            let data = &json["data"];
            if data["e"] == "trade" {
                let side = if data["m"] == true {
                    Side::Sell
                } else {
                    Side::Buy
                };
                let (price, amount) = (data["p"].as_str().unwrap(), data["q"].as_str().unwrap());
                let time = ms(&data["T"].to_string());
                pages.push(trade(
                    &data["t"].to_string(),
                    price,
                    amount,
                    Some(side),
                    time,
                ));
                last = Some((d(price), time));
                times.push(local);
                continue;
            }
            let Some(((price, time), _)) = last.zip(data.get("B")) else {
                continue;
            };
            let mut ticker = Ticker::new(symbol.clone());
            let number = |key: &str| Some(d(data[key].as_str().unwrap()));
            (ticker.last, ticker.time) = (Some(price), Some(time));
            (ticker.bid, ticker.ask) = (number("b"), number("a"));
            (ticker.bid_size, ticker.ask_size) = (number("B"), number("A"));
            ticker.sequence = data["u"].as_u64();
            let context = Context::new(&request, Profile::default(), local, local);
            let decoded = Decoded::clean(Payload::Ticker(ticker));
            found.note(&judge(&decoded, &context, &mut state).unwrap(), 1);
        }
        println!("{pair}: {found:?}");
        let accepted = found
            .acceptance
            .get(&Acceptance::Accept)
            .copied()
            .unwrap_or(0);
        assert!(
            (found.judged - accepted) * 10_000 <= found.judged,
            "{found:?}"
        );
        assert_eq!(found.at_least(Severity::Error), 0, "{found:?}");
        let trades = judge_trades(&pages, true, 1_000);
        println!("{pair} trades: {trades:?}");
        assert_eq!(trades.at_least(Severity::Warning), 0, "{trades:?}");
    }
}

/// Closes of real bars as tickers, one a bar: how often a true price is held back.
#[test]
fn recorded_hours_as_tickers_are_accepted() {
    let (mut judged, mut held) = (0, 0);
    for (name, _, _, divide) in SERIES {
        let Some(text) = read(name) else { continue };
        let symbol: Symbol = "X/Y".parse().unwrap();
        let request = Request::Ticker {
            symbol: symbol.clone(),
        };
        let mut state = SymbolState::new();
        let mut found = Found::default();
        for row in series(&text, Decimal::from(*divide)) {
            let now = row.time;
            let mut ticker = Ticker::new(symbol.clone());
            (ticker.last, ticker.time) = (Some(row.close), Some(now));
            ticker.base_volume = Some(row.volume);
            let context = Context::new(&request, Profile::default(), now, now);
            let decoded = Decoded::clean(Payload::Ticker(ticker));
            found.note(&judge(&decoded, &context, &mut state).unwrap(), 1);
        }
        println!("{name} / {divide} as tickers: {found:?}");
        assert_eq!(
            found.acceptance.get(&Acceptance::Reject),
            None,
            "{name}: {found:?}"
        );
        let accepted = found
            .acceptance
            .get(&Acceptance::Accept)
            .copied()
            .unwrap_or(0);
        judged += found.judged;
        held += found.judged - accepted;
    }
    println!("{held} of {judged} held back");
    assert!(held * 10_000 <= judged * 5, "{held} of {judged} held back");
}
