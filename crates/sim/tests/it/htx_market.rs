//! HTX's answers tell one story.

use std::collections::BTreeMap;

use robust_market::Exchange;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ask::{Asker, SECOND, START};
use crate::every_market::{assert_a_seed_is_one_market, assert_sorted_and_uncrossed};

const SYMBOLS: [&str; 4] = ["btcusdt", "dogeusdt", "pepeusdt", "ethbtc"];
const START_S: i64 = START / SECOND;

fn asker(seed: u64) -> Asker {
    Asker::new(Exchange::HTX, seed)
}

/// A bare number of the wire, digit by digit.
#[derive(Deserialize)]
#[serde(transparent)]
struct Bare(Box<RawValue>);

impl Bare {
    fn value(&self) -> Decimal {
        let text = self.0.get();
        Decimal::from_str_exact(text)
            .or_else(|_| Decimal::from_scientific(text))
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    #[serde(alias = "tick")]
    data: T,
}

#[derive(Deserialize)]
struct Day {
    #[serde(default)]
    symbol: String,
    open: Bare,
    close: Bare,
    low: Bare,
    high: Bare,
    amount: Bare,
    vol: Bare,
    count: u64,
    /// Only klines have a time here.
    #[serde(default)]
    id: i64,
}

impl Day {
    fn ohlc(&self) -> [Decimal; 4] {
        [&self.open, &self.high, &self.low, &self.close].map(Bare::value)
    }
}

#[derive(Deserialize)]
struct Group {
    id: u64,
    ts: i64,
    data: Vec<Fill>,
}

#[derive(Deserialize)]
struct Fill {
    id: Box<RawValue>,
    #[serde(rename = "trade-id")]
    trade: u64,
    ts: i64,
    amount: Bare,
    price: Bare,
    direction: String,
}

fn ask<T: for<'de> Deserialize<'de>>(asker: &mut Asker, path: &str) -> T {
    let reply = asker.reply(path);
    assert_eq!(reply.status, 200, "{path}");
    serde_json::from_slice::<Envelope<T>>(&reply.body)
        .unwrap_or_else(|error| panic!("{path}: {error}: {:?}", reply.body))
        .data
}

/// What a double keeps of a long sum.
fn double(value: Decimal) -> Decimal {
    value
        .round_sf_with_strategy(17, RoundingStrategy::MidpointAwayFromZero)
        .unwrap()
}

#[test]
fn candles_are_the_sums_of_the_trades_quiet_minutes_included() {
    for symbol in SYMBOLS {
        let mut asker = asker(7);
        let groups: Vec<Group> = ask(
            &mut asker,
            &format!("/market/history/trade?symbol={symbol}&size=2000"),
        );
        assert_eq!(groups.len(), 2_000);
        let mut fills: Vec<&Fill> = groups
            .iter()
            .rev()
            .flat_map(|group| group.data.iter().rev())
            .collect();
        assert!(
            fills
                .windows(2)
                .all(|pair| pair[1].trade == pair[0].trade + 1)
        );
        let first = (fills[0].ts / 60_000 + 1) * 60;
        fills.retain(|fill| fill.ts >= first * 1_000);
        let mut minutes: BTreeMap<i64, Vec<&Fill>> = BTreeMap::new();
        for fill in fills {
            minutes.entry(fill.ts / 60_000 * 60).or_default().push(fill);
        }
        let rows: Vec<Day> = ask(
            &mut asker,
            &format!("/market/history/kline?symbol={symbol}&period=1min&size=600"),
        );
        assert_eq!(rows.len(), 600);
        assert_eq!(rows[0].id, START_S / 60 * 60);
        assert!(
            rows.windows(2).all(|pair| pair[0].id == pair[1].id + 60),
            "newest first"
        );
        let mut quiet = 0;
        for (row, before) in rows
            .iter()
            .zip(&rows[1..])
            .filter(|(row, _)| row.id >= first)
        {
            let Some(fills) = minutes.get(&row.id) else {
                let last = before.close.value();
                assert_eq!(row.ohlc(), [last; 4]);
                assert_eq!(
                    (row.amount.0.get(), row.vol.0.get(), row.count),
                    ("0.0", "0.0", 0)
                );
                quiet += 1;
                continue;
            };
            let price = |fill: &&Fill| fill.price.value();
            let amount = |fill: &&Fill| fill.amount.value();
            assert_eq!(
                row.ohlc(),
                [
                    price(&fills[0]),
                    fills.iter().map(price).max().unwrap(),
                    fills.iter().map(price).min().unwrap(),
                    price(fills.last().unwrap()),
                ]
            );
            let volume: Decimal = fills.iter().map(amount).sum();
            let turnover: Decimal = fills.iter().map(|fill| price(fill) * amount(fill)).sum();
            assert_eq!(row.amount.value(), double(volume), "{symbol} {}", row.id);
            assert_eq!(row.vol.value(), double(turnover));
            assert_eq!(row.count, fills.len() as u64);
        }
        assert!(quiet > 20, "{symbol} {quiet}");
    }
}

#[test]
fn trades_are_nested_newest_first_with_ids_beyond_64_bits() {
    let mut asker = asker(7);
    let groups: Vec<Group> = ask(&mut asker, "/market/history/trade?symbol=btcusdt&size=50");
    assert_eq!(groups.len(), 50);
    assert!(
        groups
            .windows(2)
            .all(|pair| pair[0].id == pair[1].id + 1 && pair[0].ts >= pair[1].ts)
    );
    assert!(groups.iter().any(|group| group.data.len() == 2));
    for group in &groups {
        assert!(
            group
                .data
                .windows(2)
                .all(|pair| pair[0].trade == pair[1].trade + 1)
        );
        for fill in &group.data {
            assert!(fill.id.get().starts_with(&group.id.to_string()));
            assert!(fill.id.get().parse::<u64>().is_err(), "{}", fill.id);
            assert_eq!(fill.ts, group.ts);
            assert_eq!(fill.direction, group.data[0].direction);
        }
    }
    let last: Group = ask(&mut asker, "/market/trade?symbol=btcusdt");
    assert_eq!(last.id, groups[0].id);
    let one: Vec<Group> = ask(&mut asker, "/market/history/trade?symbol=btcusdt");
    assert_eq!((one.len(), one[0].id), (1, last.id));
}

#[test]
fn days_weeks_months_and_years_are_those_of_singapore() {
    let mut asker = asker(7);
    for (period, start, step) in [
        ("1min", START_S / 60 * 60, 60),
        ("5min", START_S / 300 * 300, 300),
        ("15min", START_S / 900 * 900, 900),
        ("30min", START_S / 1_800 * 1_800, 1_800),
        ("60min", START_S / 3_600 * 3_600, 3_600),
        ("4hour", START_S / 14_400 * 14_400, 14_400),
        // The 11th there started on the 10th at 16:00 UTC.
        ("1day", 1_762_790_400, 86_400),
        // Monday the 10th there.
        ("1week", 1_762_704_000, 604_800),
        ("1mon", 1_761_926_400, 31 * 86_400),
        ("1year", 1_735_660_800, 366 * 86_400),
    ] {
        let path = format!("/market/history/kline?symbol=ethusdt&period={period}&size=2");
        let rows: Vec<Day> = ask(&mut asker, &path);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].id, start, "{period}");
        assert_eq!(rows[0].id - rows[1].id, step, "{period}");
    }
    let rows: Vec<Day> = ask(
        &mut asker,
        "/market/history/kline?symbol=ethusdt&period=5min",
    );
    assert_eq!(rows.len(), 150);
}

#[derive(Deserialize)]
struct Merged {
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[test]
fn tickers_mix_the_day_of_singapore_with_sums_of_24_hours() {
    for symbol in SYMBOLS {
        let mut asker = asker(11);
        // The end of a minute, so that 24 hours are made of whole ones.
        asker.wall = START_S / 60 * 60 * SECOND;
        let rows: Vec<Day> = ask(&mut asker, "/market/tickers");
        let row = rows.iter().find(|row| row.symbol == symbol).unwrap();
        let rolling: Day = ask(&mut asker, &format!("/market/detail?symbol={symbol}"));
        let minutes: Vec<Day> = ask(
            &mut asker,
            &format!("/market/history/kline?symbol={symbol}&period=1min&size=1441"),
        );
        let today: Vec<Day> = ask(
            &mut asker,
            &format!("/market/history/kline?symbol={symbol}&period=1day&size=1"),
        );
        assert_eq!(row.ohlc(), today[0].ohlc());
        assert_ne!(row.open.value(), rolling.open.value());
        // The open minute has no trade yet.
        assert_eq!(minutes[0].count, 0);
        let traded: Vec<&Day> = minutes.iter().filter(|minute| minute.count > 0).collect();
        assert_eq!(rolling.close.value(), traded[0].close.value());
        assert_eq!(rolling.open.value(), traded[traded.len() - 1].open.value());
        let most = traded.iter().map(|minute| minute.high.value()).max();
        assert_eq!(rolling.high.value(), most.unwrap());
        let count: u64 = traded.iter().map(|minute| minute.count).sum();
        let amount: Decimal = traded.iter().map(|minute| minute.amount.value()).sum();
        for sums in [row, &rolling] {
            assert_eq!(sums.count, count);
            assert_eq!(sums.amount.value(), double(amount), "{symbol}");
            assert_eq!(sums.vol.0.get(), rolling.vol.0.get());
        }
        let merged: Merged = ask(
            &mut asker,
            &format!("/market/detail/merged?symbol={symbol}"),
        );
        assert_eq!(merged.rest["count"], count);
        let depth: Depth = ask(
            &mut asker,
            &format!("/market/depth?symbol={symbol}&type=step0"),
        );
        for (name, side) in [("bid", &depth.bids), ("ask", &depth.asks)] {
            let best: [f64; 2] = serde_json::from_value(merged.rest[name].clone()).unwrap();
            let level =
                [&side[0][0], &side[0][1]].map(|number| number.0.get().parse::<f64>().unwrap());
            assert_eq!(best, level, "{symbol} {name}");
        }
    }
}

#[derive(Deserialize)]
struct Depth {
    bids: Vec<[Bare; 2]>,
    asks: Vec<[Bare; 2]>,
    version: u64,
}

impl Depth {
    fn prices(side: &[[Bare; 2]]) -> Vec<Decimal> {
        side.iter().map(|level| level[0].value()).collect()
    }
}

#[test]
fn depth_has_its_levels_and_steps_merge_them_outwards() {
    let mut asker = asker(3);
    let base = "/market/depth?symbol=ethusdt&type=";
    let raw: Depth = ask(&mut asker, &format!("{base}step0"));
    assert_eq!((raw.bids.len(), raw.asks.len()), (150, 150));
    let (bids, asks) = (Depth::prices(&raw.bids), Depth::prices(&raw.asks));
    assert_sorted_and_uncrossed(&bids, &asks);
    for (query, levels) in [
        ("step0&depth=5", 5),
        ("step0&depth=20", 20),
        ("step1", 20),
        ("step1&depth=10", 10),
        ("step3&depth=5", 5),
    ] {
        let part: Depth = ask(&mut asker, &format!("{base}{query}"));
        assert_eq!(
            (part.bids.len(), part.asks.len()),
            (levels, levels),
            "{query}"
        );
        assert_eq!(part.version, raw.version);
    }
    // Prices of two decimals: the first step has one.
    let merged: Depth = ask(&mut asker, &format!("{base}step1"));
    let grid = Decimal::new(1, 1);
    for (at, (whole, side, down)) in [
        (&raw.bids, &merged.bids, true),
        (&raw.asks, &merged.asks, false),
    ]
    .iter()
    .enumerate()
    {
        for level in &side[..10] {
            let price = level[0].value();
            assert!((price % grid).is_zero());
            let inside: Decimal = whole
                .iter()
                .filter(|raw| {
                    let raw = raw[0].value();
                    if *down {
                        price <= raw && raw < price + grid
                    } else {
                        price - grid < raw && raw <= price
                    }
                })
                .map(|raw| raw[1].value())
                .sum();
            assert_eq!(level[1].value(), inside, "{at} {price}");
        }
    }
}

#[test]
fn a_seed_is_one_market_and_another_seed_is_another() {
    let questions = [
        "/market/tickers",
        "/market/history/kline?symbol=btcusdt&period=1min",
        "/market/depth?symbol=ethusdt&type=step0",
        "/market/history/trade?symbol=dogeusdt&size=10",
    ];
    assert_a_seed_is_one_market(&Exchange::HTX, questions);
}
