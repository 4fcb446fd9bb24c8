//! Binance's answers tell one story.

use robust_market::Exchange;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use crate::ask::{Asker, START, decimal};
use crate::every_market::{
    Numbered, assert_a_seed_is_one_market, assert_sorted_and_uncrossed, prices,
};

const SYMBOLS: [&str; 4] = ["BTCUSDT", "DOGEUSDT", "PEPEUSDT", "ETHBTC"];
const START_MS: i64 = START / 1_000_000;

fn asker(seed: u64) -> Asker {
    Asker::new(Exchange::BINANCE, seed)
}

/// All aggregated trades from a time on, as a client pages them.
fn orders_since(asker: &mut Asker, symbol: &str, since: i64) -> Vec<Value> {
    let path = format!("/api/v3/aggTrades?symbol={symbol}&limit=1000&startTime={since}");
    let mut all = asker.json(&path).as_array().unwrap().clone();
    loop {
        let next = all.last().unwrap()["a"].as_u64().unwrap() + 1;
        let path = format!("/api/v3/aggTrades?symbol={symbol}&limit=1000&fromId={next}");
        let page = asker.json(&path);
        let page = page.as_array().unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page.iter().cloned());
    }
}

fn rounded(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(8, RoundingStrategy::MidpointAwayFromZero)
}

#[test]
fn candles_are_exactly_the_sums_of_the_trades() {
    for symbol in SYMBOLS {
        let mut asker = asker(7);
        let rows = asker.json(&format!(
            "/api/v3/klines?symbol={symbol}&interval=1m&limit=600"
        ));
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 600);
        let first = rows[0][0].as_i64().unwrap();
        assert_eq!(rows[599][0].as_i64().unwrap(), START_MS / 60_000 * 60_000);
        let orders = orders_since(&mut asker, symbol, first);
        let mut next = 0;
        let mut previous = decimal(&rows[0][1]);
        for (i, row) in rows.iter().enumerate() {
            let start = first + 60_000 * i64::try_from(i).unwrap();
            assert_eq!(row[0].as_i64().unwrap(), start);
            assert_eq!(row[6].as_i64().unwrap(), start + 59_999);
            let end = orders[next..]
                .iter()
                .position(|order| order["T"].as_i64().unwrap() >= start + 60_000)
                .map_or(orders.len(), |count| next + count);
            let inside = &orders[next..end];
            next = end;
            let sum = |of: &dyn Fn(&Value) -> Decimal| -> Decimal { inside.iter().map(of).sum() };
            let bought = |order: &Value, value: Decimal| match order["m"].as_bool().unwrap() {
                true => Decimal::ZERO,
                false => value,
            };
            let amount = |order: &Value| decimal(&order["q"]);
            let turnover = |order: &Value| decimal(&order["p"]) * decimal(&order["q"]);
            assert_eq!(decimal(&row[5]), sum(&amount), "{symbol} {start}");
            assert_eq!(decimal(&row[7]), rounded(sum(&turnover)));
            assert_eq!(decimal(&row[9]), sum(&|order| bought(order, amount(order))));
            assert_eq!(
                decimal(&row[10]),
                rounded(sum(&|order| bought(order, turnover(order))))
            );
            let fills: u64 = inside
                .iter()
                .map(|order| order["l"].as_u64().unwrap() - order["f"].as_u64().unwrap() + 1)
                .sum();
            assert_eq!(row[8].as_u64().unwrap(), fills);
            let prices: Vec<Decimal> = inside.iter().map(|order| decimal(&order["p"])).collect();
            let (open, close) = match prices.as_slice() {
                [] => (previous, previous),
                [first, .., last] => (*first, *last),
                [only] => (*only, *only),
            };
            assert_eq!(decimal(&row[1]), open);
            assert_eq!(
                decimal(&row[2]),
                prices.iter().copied().max().unwrap_or(open)
            );
            assert_eq!(
                decimal(&row[3]),
                prices.iter().copied().min().unwrap_or(open)
            );
            assert_eq!(decimal(&row[4]), close);
            previous = close;
        }
        assert_eq!(next, orders.len());
    }
}

#[test]
fn the_day_agrees_with_trades_candles_and_book() {
    for symbol in SYMBOLS {
        let mut asker = asker(11);
        let day = asker.json(&format!("/api/v3/ticker/24hr?symbol={symbol}"));
        let (open_time, close_time) = (
            day["openTime"].as_i64().unwrap(),
            day["closeTime"].as_i64().unwrap(),
        );
        assert_eq!(close_time - open_time, 86_400_000);
        let orders = orders_since(&mut asker, symbol, open_time);
        let (first, last) = (&orders[0], &orders[orders.len() - 1]);
        assert!(last["T"].as_i64().unwrap() <= close_time);
        assert_eq!(day["openPrice"], first["p"]);
        assert_eq!(day["lastPrice"], last["p"]);
        assert_eq!(day["firstId"], first["f"]);
        assert_eq!(day["lastId"], last["l"]);
        let ids = day["lastId"].as_u64().unwrap() - day["firstId"].as_u64().unwrap() + 1;
        assert_eq!(day["count"].as_u64().unwrap(), ids);
        let prices: Vec<Decimal> = orders.iter().map(|order| decimal(&order["p"])).collect();
        assert_eq!(decimal(&day["highPrice"]), *prices.iter().max().unwrap());
        assert_eq!(decimal(&day["lowPrice"]), *prices.iter().min().unwrap());
        let volume: Decimal = orders.iter().map(|order| decimal(&order["q"])).sum();
        let turnover: Decimal = orders
            .iter()
            .map(|order| decimal(&order["p"]) * decimal(&order["q"]))
            .sum();
        assert_eq!(decimal(&day["volume"]), volume);
        assert_eq!(decimal(&day["quoteVolume"]), rounded(turnover));
        assert_eq!(
            decimal(&day["weightedAvgPrice"]),
            rounded(turnover / volume)
        );
        let change = decimal(&day["priceChange"]);
        assert_eq!(
            change,
            decimal(&day["lastPrice"]) - decimal(&day["openPrice"])
        );
        let percent = (change * Decimal::ONE_HUNDRED / decimal(&day["openPrice"]))
            .round_dp_with_strategy(3, RoundingStrategy::MidpointAwayFromZero);
        assert_eq!(decimal(&day["priceChangePercent"]), percent);

        let book = asker.json(&format!("/api/v3/depth?symbol={symbol}&limit=5"));
        let best = asker.json(&format!("/api/v3/ticker/bookTicker?symbol={symbol}"));
        for (side, name) in [("bids", "bid"), ("asks", "ask")] {
            let level = &book[side][0];
            assert_eq!(day[format!("{name}Price")], level[0]);
            assert_eq!(day[format!("{name}Qty")], level[1]);
            assert_eq!(best[format!("{name}Price")], level[0]);
            assert_eq!(best[format!("{name}Qty")], level[1]);
        }
        let price = decimal(&day["lastPrice"]);
        assert!(decimal(&day["bidPrice"]) <= price && price <= decimal(&day["askPrice"]));
        let last_price = asker.json(&format!("/api/v3/ticker/price?symbol={symbol}"));
        assert_eq!(last_price["price"], day["lastPrice"]);

        let trades = asker.json(&format!("/api/v3/trades?symbol={symbol}&limit=1"));
        assert_eq!(trades[0]["id"], day["lastId"]);
        assert_eq!(trades[0]["qty"], day["lastQty"]);
        let average = asker.json(&format!("/api/v3/avgPrice?symbol={symbol}"));
        let (low, high) = (decimal(&day["lowPrice"]), decimal(&day["highPrice"]));
        assert!((low..=high).contains(&decimal(&average["price"])));
    }
}

#[test]
fn books_are_sorted_uncrossed_and_their_sequence_tells_changes() {
    let mut asker = asker(3);
    let mut numbered = Numbered::default();
    for _ in 0..40 {
        asker.wall += 31_000_000;
        let book = asker.json("/api/v3/depth?symbol=BTCUSDT&limit=100");
        assert_sorted_and_uncrossed(&prices(&book["bids"], 100), &prices(&book["asks"], 100));
        numbered.next(book["lastUpdateId"].as_u64().unwrap(), book);
    }
    assert!(numbered.changes > 5);
}

#[test]
fn klines_keep_to_their_range() {
    let mut asker = asker(7);
    let times = |rows: &Value| -> Vec<i64> {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row[0].as_i64().unwrap())
            .collect()
    };
    let path = "/api/v3/klines?symbol=ETHUSDT&interval=1h";
    assert_eq!(times(&asker.json(path)).len(), 500);
    let hour = START_MS / 3_600_000 * 3_600_000;
    let from = hour - 10 * 3_600_000;
    let to = hour - 5 * 3_600_000;
    let all = times(&asker.json(&format!("{path}&startTime={from}&endTime={to}")));
    assert_eq!(
        all,
        (0..6).map(|i| from + i * 3_600_000).collect::<Vec<_>>()
    );
    // With a start the oldest rows, without one the newest.
    let oldest = times(&asker.json(&format!("{path}&startTime={}&limit=2", from - 1)));
    assert_eq!(oldest, [from, from + 3_600_000]);
    let newest = times(&asker.json(&format!("{path}&endTime={to}&limit=2")));
    assert_eq!(newest, [to - 3_600_000, to]);
    assert_eq!(
        times(&asker.json(&format!("{path}&startTime={}", hour + 3_600_000))).len(),
        0
    );
    assert_eq!(
        times(&asker.json(&format!("{path}&startTime={to}&endTime={from}"))).len(),
        0
    );
    for interval in [
        "1s", "1m", "3m", "5m", "15m", "30m", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M",
    ] {
        let path = format!("/api/v3/klines?symbol=ETHUSDT&interval={interval}&limit=10");
        let rows = asker.json(&path);
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 10, "{interval}");
        for pair in rows.windows(2) {
            assert_eq!(
                pair[0][6].as_i64().unwrap() + 1,
                pair[1][0].as_i64().unwrap()
            );
        }
        let open = &rows[9];
        assert!((open[0].as_i64().unwrap()..=open[6].as_i64().unwrap()).contains(&START_MS));
    }
}

#[test]
fn a_seed_is_one_market_and_another_seed_is_another() {
    let questions = [
        "/api/v3/ticker/24hr",
        "/api/v3/klines?symbol=BTCUSDT&interval=1m",
        "/api/v3/depth?symbol=ETHUSDT",
        "/api/v3/trades?symbol=DOGEUSDT",
    ];
    assert_a_seed_is_one_market(&Exchange::BINANCE, questions);
}
