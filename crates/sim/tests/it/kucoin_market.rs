//! KuCoin's answers tell one story.

use std::collections::BTreeMap;

use robust_market::Exchange;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use crate::ask::{Asker, SECOND, START, decimal};
use crate::every_market::{
    Numbered, assert_a_seed_is_one_market, assert_sorted_and_uncrossed, prices,
};

const SYMBOLS: [&str; 4] = ["BTC-USDT", "DOGE-USDT", "PEPE-USDT", "ETH-BTC"];
const START_S: i64 = START / SECOND;
const MINUTE: i64 = 60;

fn asker(seed: u64) -> Asker {
    Asker::new(Exchange::KUCOIN, seed)
}

/// A row: open, high, low, close, volume, turnover; by its start in seconds.
type Rows = BTreeMap<i64, [Decimal; 6]>;

fn candles(asker: &mut Asker, symbol: &str, kind: &str, range: &str) -> Rows {
    let path = format!("/api/v1/market/candles?symbol={symbol}&type={kind}{range}");
    let data = asker.data(&path);
    let rows = data.as_array().unwrap();
    let starts: Vec<i64> = rows.iter().map(start).collect();
    assert!(
        starts.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first"
    );
    rows.iter()
        .map(|row| {
            // Close stands before high and low.
            let [open, close, high, low, volume, turnover] =
                [1, 2, 3, 4, 5, 6].map(|at| decimal(&row[at]));
            assert!(low <= open.min(close) && open.max(close) <= high, "{row}");
            assert!(volume > Decimal::ZERO);
            (start(row), [open, high, low, close, volume, turnover])
        })
        .collect()
}

fn start(row: &Value) -> i64 {
    row[0].as_str().unwrap().parse().unwrap()
}

#[test]
fn candles_are_the_sums_of_the_trades_and_minutes_without_a_trade_have_no_row() {
    for symbol in SYMBOLS {
        let mut asker = asker(7);
        let mut trades: Vec<Value> = Vec::new();
        // The last hundred trades at several times, put together.
        let now = asker.wall;
        for back in (0..12).rev() {
            asker.wall = now - back * 20 * MINUTE * SECOND;
            let page = asker.data(&format!("/api/v1/market/histories?symbol={symbol}"));
            let page = page.as_array().unwrap();
            assert_eq!(page.len(), 100);
            let last = trades.last().map_or(0, sequence);
            trades.extend(page.iter().filter(|trade| sequence(trade) > last).cloned());
        }
        assert!(
            trades
                .windows(2)
                .all(|pair| sequence(&pair[1]) == sequence(&pair[0]) + 1)
        );
        let from = (seconds(&trades[0]) / MINUTE + 1) * MINUTE;
        let rows = candles(&mut asker, symbol, "1min", &format!("&startAt={from}"));
        let mut expected: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
        for trade in trades.iter().filter(|trade| seconds(trade) >= from) {
            let minute = seconds(trade) / MINUTE * MINUTE;
            expected.entry(minute).or_default().push(trade);
        }
        let minutes = usize::try_from((START_S - from) / MINUTE + 1).unwrap();
        assert!(
            expected.len() > 30 && expected.len() < minutes,
            "some minutes are quiet"
        );
        assert_eq!(
            rows.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>()
        );
        for (minute, trades) in expected {
            let price = |trade: &&Value| decimal(&trade["price"]);
            let size = |trade: &&Value| decimal(&trade["size"]);
            let sums = [
                price(&trades[0]),
                trades.iter().map(price).max().unwrap(),
                trades.iter().map(price).min().unwrap(),
                price(trades.last().unwrap()),
                trades.iter().map(size).sum(),
                trades.iter().map(|trade| price(trade) * size(trade)).sum(),
            ];
            assert_eq!(rows[&minute], sums, "{symbol} {minute}");
        }
    }
}

fn sequence(trade: &Value) -> u64 {
    trade["sequence"].as_str().unwrap().parse().unwrap()
}

fn seconds(trade: &Value) -> i64 {
    // Nanoseconds: too many digits for a double.
    trade["time"].as_i64().unwrap() / SECOND
}

#[test]
fn longer_candles_are_the_sums_of_shorter_ones() {
    let mut asker = asker(7);
    let hour = START_S / 3_600 * 3_600;
    let range = format!("&startAt={}&endAt={hour}", hour - 24 * 3_600);
    let short = candles(&mut asker, "SOL-USDT", "1min", &range);
    for (kind, length) in [
        ("5min", 300),
        ("15min", 900),
        ("1hour", 3_600),
        ("8hour", 28_800),
    ] {
        let long = candles(&mut asker, "SOL-USDT", kind, &range);
        assert!(!long.is_empty());
        for (start, row) in long {
            let inside: Vec<&[Decimal; 6]> = short
                .range(start..start + length)
                .map(|(_, row)| row)
                .collect();
            if start < hour - 24 * 3_600 || start + length > hour {
                continue;
            }
            let sum = |at: usize| inside.iter().map(|row| row[at]).sum::<Decimal>();
            assert_eq!(row[0], inside[0][0]);
            assert_eq!(row[1], inside.iter().map(|row| row[1]).max().unwrap());
            assert_eq!(row[2], inside.iter().map(|row| row[2]).min().unwrap());
            assert_eq!(row[3], inside[inside.len() - 1][3]);
            assert_eq!((row[4], row[5]), (sum(4), sum(5)), "{kind} {start}");
        }
    }
}

#[test]
fn candles_keep_to_their_range_and_to_1500_rows() {
    let mut asker = asker(7);
    let hour = START_S / 3_600 * 3_600;
    let (from, to) = (hour - 10 * 3_600, hour - 5 * 3_600);
    let mut starts = |range: &str| -> Vec<i64> {
        candles(&mut asker, "BTC-USDT", "1hour", range)
            .into_keys()
            .collect()
    };
    // From `startAt`, and before `endAt`.
    assert_eq!(
        starts(&format!("&startAt={from}&endAt={to}")),
        (0..5).map(|i| from + i * 3_600).collect::<Vec<_>>()
    );
    assert_eq!(
        starts(&format!("&startAt={}&endAt={}", from + 1, from + 3_601)),
        [from + 3_600]
    );
    // The newest rows are kept, with the open one among them.
    let newest = starts("");
    assert_eq!((newest.len(), newest[1_499]), (1_500, hour));
    let ended = starts(&format!("&endAt={to}"));
    assert_eq!((ended.len(), ended[1_499]), (1_500, to - 3_600));
    let whole = starts(&format!("&startAt=1&endAt={to}"));
    assert_eq!(whole, ended);
    // Zero is as good as none.
    assert_eq!(starts("&startAt=0&endAt=0"), newest);
    assert!(starts(&format!("&startAt={}", hour + 3_600)).is_empty());
    assert!(starts(&format!("&startAt={to}&endAt={from}")).is_empty());
}

#[test]
fn every_interval_is_there_with_weeks_from_thursday_and_months_of_the_calendar() {
    let mut asker = asker(7);
    for (kind, newest) in [
        ("1min", START_S / 60 * 60),
        ("3min", START_S / 180 * 180),
        ("5min", START_S / 300 * 300),
        ("15min", START_S / 900 * 900),
        ("30min", START_S / 1_800 * 1_800),
        ("1hour", START_S / 3_600 * 3_600),
        ("2hour", START_S / 7_200 * 7_200),
        ("4hour", START_S / 14_400 * 14_400),
        ("6hour", START_S / 21_600 * 21_600),
        ("8hour", START_S / 28_800 * 28_800),
        ("12hour", START_S / 43_200 * 43_200),
        ("1day", 1_762_819_200),
        // Thursday the 6th.
        ("1week", 1_762_387_200),
        ("1month", 1_761_955_200),
    ] {
        let range = format!("&startAt={}", START_S - 100 * 86_400);
        let rows = candles(&mut asker, "BTC-USDT", kind, &range);
        let last = *rows.keys().last().unwrap();
        // The open candle is there as soon as it has a trade.
        assert!(
            last == newest || (last < newest && kind.ends_with("min")),
            "{kind}: {last}"
        );
    }
}

#[test]
fn the_day_agrees_with_candles_trades_and_book() {
    for symbol in SYMBOLS {
        let mut asker = asker(11);
        // The end of a minute, so that the day is made of whole ones; and of two seconds, as allTickers is.
        asker.wall = START_S / MINUTE * MINUTE * SECOND;
        let stats = asker.data(&format!("/api/v1/market/stats?symbol={symbol}"));
        let day = asker.wall / SECOND - 86_400;
        let rows = candles(&mut asker, symbol, "1min", &format!("&startAt={day}"));
        let rows: Vec<[Decimal; 6]> = rows.into_values().collect();
        let of = |name: &str| decimal(&stats[name]);
        let (open, close) = (rows[0][0], rows[rows.len() - 1][3]);
        assert_eq!(of("high"), rows.iter().map(|row| row[1]).max().unwrap());
        assert_eq!(of("low"), rows.iter().map(|row| row[2]).min().unwrap());
        assert_eq!(of("last"), close);
        assert_eq!(of("changePrice"), close - open);
        // A fraction, not percent.
        let rate = ((close - open) / open)
            .round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
        assert_eq!(of("changeRate"), rate);
        let (volume, turnover): (Decimal, Decimal) = (
            rows.iter().map(|row| row[4]).sum(),
            rows.iter().map(|row| row[5]).sum(),
        );
        assert_eq!((of("vol"), of("volValue")), (volume, turnover));
        let average = of("averagePrice");
        assert!((of("low")..=of("high")).contains(&average));

        let all = asker.data("/api/v1/market/allTickers");
        assert_eq!(all["time"].as_i64().unwrap(), asker.wall / 1_000_000);
        let rows = all["ticker"].as_array().unwrap();
        let row = rows.iter().find(|row| row["symbol"] == symbol).unwrap();
        for field in [
            "buy",
            "sell",
            "changeRate",
            "high",
            "low",
            "vol",
            "volValue",
            "last",
        ] {
            assert_eq!(row[field], stats[field], "{symbol} {field}");
        }
        let best = asker.data(&format!("/api/v1/market/orderbook/level1?symbol={symbol}"));
        let book = asker.data(&format!(
            "/api/v1/market/orderbook/level2_20?symbol={symbol}"
        ));
        assert_eq!(best["sequence"], book["sequence"]);
        for (side, name, price, size) in [
            ("bids", "bestBid", "buy", "bestBidSize"),
            ("asks", "bestAsk", "sell", "bestAskSize"),
        ] {
            let level = &book[side][0];
            assert_eq!(
                (&best[name], &best[format!("{name}Size")]),
                (&level[0], &level[1])
            );
            assert_eq!((&row[price], &row[size]), (&level[0], &level[1]));
        }
        assert_eq!(best["price"], stats["last"]);
        let trades = asker.data(&format!("/api/v1/market/histories?symbol={symbol}"));
        assert_eq!(decimal(&trades[99]["price"]), close);
        assert_eq!(decimal(&trades[99]["size"]), decimal(&best["size"]));
        let coin = symbol.split('-').next().unwrap();
        if symbol.ends_with("USDT") {
            let prices = asker.data(&format!("/api/v1/prices?currencies={coin}"));
            assert_eq!(prices[coin], stats["last"]);
        }
    }
}

#[test]
fn all_tickers_is_a_snapshot_of_every_second_second() {
    let mut asker = asker(3);
    let mut seen = std::collections::BTreeSet::new();
    asker.wall = START;
    for _ in 0..16 {
        let all = asker.data("/api/v1/market/allTickers");
        let time = all["time"].as_i64().unwrap();
        assert_eq!(time % 2_000, 0);
        assert!((0..2_000).contains(&(asker.wall / 1_000_000 - time)));
        seen.insert((time, all.to_string()));
        asker.wall += 500_000_000;
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn books_are_sorted_uncrossed_and_their_sequence_tells_changes() {
    let mut asker = asker(3);
    let mut numbered = Numbered::default();
    for _ in 0..40 {
        asker.wall += 31_000_000;
        let mut book = asker.data("/api/v1/market/orderbook/level2_100?symbol=BTC-USDT");
        let part = asker.data("/api/v1/market/orderbook/level2_20?symbol=BTC-USDT");
        let [bids, asks] = ["bids", "asks"].map(|side| {
            let best = &book[side].as_array().unwrap()[..20];
            assert_eq!(best, part[side].as_array().unwrap());
            prices(&book[side], 100)
        });
        assert_sorted_and_uncrossed(&bids, &asks);
        assert_eq!(
            book["time"].take().as_i64().unwrap(),
            asker.wall / 1_000_000
        );
        numbered.next(sequence(&book), book);
    }
}

#[test]
fn a_seed_is_one_market_and_another_seed_is_another() {
    let questions = [
        "/api/v1/market/allTickers",
        "/api/v1/market/candles?symbol=BTC-USDT&type=1min",
        "/api/v1/market/orderbook/level2_20?symbol=ETH-USDT",
        "/api/v1/market/histories?symbol=DOGE-USDT",
    ];
    assert_a_seed_is_one_market(&Exchange::KUCOIN, questions);
}
