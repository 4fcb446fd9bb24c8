//! Kraken's answers tell one story.

use robust_market::Exchange;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use crate::ask::{Asker, SECOND, START, decimal};
use crate::every_market::{assert_a_seed_is_one_market, assert_sorted_and_uncrossed, prices};

const PAIRS: [&str; 4] = ["XXBTZUSD", "XDGUSD", "PEPEUSD", "SOLXBT"];

/// All trades after a time, by the cursor, as a client pages them.
fn trades_since(asker: &mut Asker, pair: &str, since: i64) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = since.to_string();
    loop {
        let result = asker.result(&format!("/0/public/Trades?pair={pair}&since={cursor}"));
        let page = result[pair].as_array().unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page.iter().cloned());
        cursor = result["last"].as_str().unwrap().to_owned();
    }
}

fn seconds(trade: &Value) -> f64 {
    trade[2].as_f64().unwrap()
}

#[test]
fn candles_are_exactly_the_sums_of_the_trades() {
    for pair in PAIRS {
        let mut asker = Asker::new(Exchange::KRAKEN, 7);
        let ohlc = asker.result(&format!("/0/public/OHLC?pair={pair}&interval=1"));
        let rows = ohlc[pair].as_array().unwrap();
        assert_eq!(rows.len(), 721);
        let first = rows[0][0].as_i64().unwrap();
        assert_eq!(ohlc["last"], rows[719][0]);
        assert_eq!(rows[720][0].as_i64().unwrap(), START / SECOND / 60 * 60);
        let trades = trades_since(&mut asker, pair, first * SECOND - 1);
        let (mut next, mut quiet) = (0, 0);
        let mut previous = decimal(&rows[0][1]);
        for (i, row) in rows.iter().enumerate() {
            let start = first + 60 * i64::try_from(i).unwrap();
            assert_eq!(row[0].as_i64().unwrap(), start);
            let end = trades[next..]
                .iter()
                .position(|trade| seconds(trade) >= (start + 60) as f64)
                .map_or(trades.len(), |count| next + count);
            let inside = &trades[next..end];
            next = end;
            assert_eq!(
                row[7].as_u64().unwrap(),
                inside.len() as u64,
                "{pair} {start}"
            );
            let prices: Vec<Decimal> = inside.iter().map(|trade| decimal(&trade[0])).collect();
            let volume: Decimal = inside.iter().map(|trade| decimal(&trade[1])).sum();
            assert_eq!(decimal(&row[6]), volume);
            if inside.is_empty() {
                quiet += 1;
                // A minute without a trade is filled in with the close before it.
                for column in 1..=4 {
                    assert_eq!(decimal(&row[column]), previous);
                }
                assert!(decimal(&row[5]).is_zero());
                continue;
            }
            assert_eq!(decimal(&row[1]), prices[0]);
            assert_eq!(decimal(&row[2]), *prices.iter().max().unwrap());
            assert_eq!(decimal(&row[3]), *prices.iter().min().unwrap());
            assert_eq!(decimal(&row[4]), prices[prices.len() - 1]);
            let turnover: Decimal = inside
                .iter()
                .map(|trade| decimal(&trade[0]) * decimal(&trade[1]))
                .sum();
            let vwap = decimal(&row[5]);
            let exact = (turnover / volume)
                .round_dp_with_strategy(vwap.scale(), RoundingStrategy::MidpointAwayFromZero);
            assert_eq!(vwap, exact, "{pair} {start}");
            previous = decimal(&row[4]);
        }
        assert_eq!(next, trades.len());
        assert!(quiet > 0, "{pair} has no quiet minute");
    }
}

#[test]
fn the_ticker_agrees_with_trades_candles_and_book() {
    for pair in PAIRS {
        let mut asker = Asker::new(Exchange::KRAKEN, 11);
        for _ in 0..3 {
            asker.wall += 17 * 3_600 * SECOND + 13_371_337;
            let at = asker.wall;
            let ticker = asker.result(&format!("/0/public/Ticker?pair={pair}"))[pair].take();
            let trades = trades_since(&mut asker, pair, at - 86_400 * SECOND);
            let last = trades.last().unwrap();
            assert_eq!(ticker["c"][0], last[0]);
            assert_eq!(ticker["c"][1], last[1]);
            let midnight = at.div_euclid(86_400 * SECOND) * 86_400;
            let today: Vec<Value> = trades
                .iter()
                .filter(|trade| seconds(trade) >= midnight as f64)
                .cloned()
                .collect();
            for (column, trades) in [(0, &today), (1, &trades)] {
                let prices: Vec<Decimal> = trades.iter().map(|trade| decimal(&trade[0])).collect();
                let volume: Decimal = trades.iter().map(|trade| decimal(&trade[1])).sum();
                let turnover: Decimal = trades
                    .iter()
                    .map(|trade| decimal(&trade[0]) * decimal(&trade[1]))
                    .sum();
                assert_eq!(decimal(&ticker["v"][column]), volume);
                assert_eq!(ticker["t"][column].as_u64().unwrap(), trades.len() as u64);
                assert_eq!(decimal(&ticker["h"][column]), *prices.iter().max().unwrap());
                assert_eq!(decimal(&ticker["l"][column]), *prices.iter().min().unwrap());
                let vwap = decimal(&ticker["p"][column]);
                let one = Decimal::new(1, vwap.scale());
                assert!((vwap - turnover / volume).abs() <= one, "{pair}");
            }
            assert_eq!(ticker["o"], today[0][0]);

            let book = asker.result(&format!("/0/public/Depth?pair={pair}&count=500"))[pair].take();
            assert_eq!(ticker["a"][0], book["asks"][0][0]);
            assert_eq!(ticker["a"][2], book["asks"][0][1]);
            assert_eq!(ticker["b"][0], book["bids"][0][0]);
            assert_eq!(ticker["b"][2], book["bids"][0][1]);
            let price = decimal(&last[0]);
            assert!(decimal(&ticker["b"][0]) <= price && price <= decimal(&ticker["a"][0]));

            let ohlc = asker.result(&format!(
                "/0/public/OHLC?pair={pair}&interval=1440&since={midnight}"
            ));
            let open = ohlc[pair].as_array().unwrap().last().unwrap();
            assert_eq!(decimal(&open[4]), price);
            assert_eq!(open[6], ticker["v"][0]);
            assert_eq!(open[7], ticker["t"][0]);
        }
    }
}

#[test]
fn books_are_sorted_uncrossed_and_dated_in_the_past() {
    let mut asker = Asker::new(Exchange::KRAKEN, 3);
    for step in 0..20 {
        asker.wall += step * 7 * SECOND + 12_345;
        for pair in PAIRS {
            let book = asker.result(&format!("/0/public/Depth?pair={pair}&count=100"))[pair].take();
            for side in ["bids", "asks"] {
                let times = book[side].as_array().unwrap().iter();
                let mut times = times.map(|level| level[2].as_i64().unwrap());
                assert!(times.all(|time| time <= asker.wall / SECOND));
            }
            let (bids, asks) = (prices(&book["bids"], 100), prices(&book["asks"], 100));
            assert_sorted_and_uncrossed(&bids, &asks);
            assert!(bids[99] > Decimal::ZERO);
            // Near the market, not somewhere.
            assert!(asks[0] / bids[0] < Decimal::new(1_003, 3), "{pair}");
        }
    }
}

#[test]
fn longer_candles_add_up_the_shorter_ones() {
    let mut asker = Asker::new(Exchange::KRAKEN, 5);
    let minutes = asker.result("/0/public/OHLC?pair=ADAUSD&interval=1")["ADAUSD"].take();
    let minutes = minutes.as_array().unwrap();
    for interval in [5, 15, 30, 60, 240] {
        let path = format!("/0/public/OHLC?pair=ADAUSD&interval={interval}");
        let rows = asker.result(&path)["ADAUSD"].take();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 721);
        let row = &rows[719];
        let start = row[0].as_i64().unwrap();
        let inside: Vec<&Value> = minutes
            .iter()
            .filter(|minute| (start..start + interval * 60).contains(&minute[0].as_i64().unwrap()))
            .collect();
        assert_eq!(inside.len(), usize::try_from(interval).unwrap());
        let volume: Decimal = inside.iter().map(|minute| decimal(&minute[6])).sum();
        assert_eq!(decimal(&row[6]), volume);
        let high = inside
            .iter()
            .map(|minute| decimal(&minute[2]))
            .max()
            .unwrap();
        assert_eq!(decimal(&row[2]), high);
        assert_eq!(row[4], inside[inside.len() - 1][4]);
    }
}

#[test]
fn since_gives_the_committed_rows_after_it_and_always_the_open_one() {
    let mut asker = Asker::new(Exchange::KRAKEN, 7);
    let all = asker.result("/0/public/OHLC?pair=XBTUSD")["XXBTZUSD"].take();
    let all = all.as_array().unwrap();
    for (since, expected) in [(710, 10), (719, 1), (720, 1)] {
        let since = all[since][0].as_i64().unwrap();
        let rows =
            asker.result(&format!("/0/public/OHLC?pair=XBTUSD&since={since}"))["XXBTZUSD"].take();
        assert_eq!(rows.as_array().unwrap().as_slice(), &all[721 - expected..]);
    }
    let rows = asker.result("/0/public/OHLC?pair=XBTUSD&since=99999999999")["XXBTZUSD"].take();
    assert_eq!(rows.as_array().unwrap().as_slice(), &all[720..]);
    let rows = asker.result("/0/public/OHLC?pair=XBTUSD&since=0")["XXBTZUSD"].take();
    assert_eq!(rows.as_array().unwrap().len(), 721);
}

#[test]
fn trade_ids_count_up_by_one_and_the_cursor_leaves_nothing_out() {
    let mut asker = Asker::new(Exchange::KRAKEN, 7);
    let whole = asker.result("/0/public/Trades?pair=XBTUSD&count=1000");
    let whole = whole["XXBTZUSD"].as_array().unwrap();
    assert_eq!(whole.len(), 1_000);
    for pair in whole.windows(2) {
        assert_eq!(
            pair[1][6].as_u64().unwrap(),
            pair[0][6].as_u64().unwrap() + 1
        );
        assert!(seconds(&pair[1]) >= seconds(&pair[0]));
    }
    // Page by a few, so that pages end inside orders as well.
    let mut cursor = (asker.wall - 3 * 3_600 * SECOND).to_string();
    let mut paged = Vec::new();
    loop {
        let page = asker.result(&format!(
            "/0/public/Trades?pair=XBTUSD&count=37&since={cursor}"
        ));
        let rows = page["XXBTZUSD"].as_array().unwrap();
        if rows.is_empty() {
            break;
        }
        paged.extend(rows.iter().cloned());
        cursor = page["last"].as_str().unwrap().to_owned();
        assert_eq!(cursor.len(), 19);
    }
    assert!(paged.len() > 400);
    assert_eq!(paged.as_slice(), &whole[1_000 - paged.len()..]);
}

#[test]
fn a_seed_is_one_market_and_another_seed_is_another() {
    let questions = [
        "/0/public/Ticker",
        "/0/public/OHLC?pair=XBTUSD",
        "/0/public/Depth?pair=ETHUSD",
        "/0/public/Trades?pair=XDGUSD",
    ];
    assert_a_seed_is_one_market(&Exchange::KRAKEN, questions);
}

#[test]
fn history_does_not_change_when_time_goes_on() {
    let mut asker = Asker::new(Exchange::KRAKEN, 7);
    let path = "/0/public/OHLC?pair=XBTUSD&interval=60";
    let before = asker.result(path)["XXBTZUSD"].take();
    asker.wall += 5 * 3_600 * SECOND;
    let after = asker.result(path)["XXBTZUSD"].take();
    let (before, after) = (before.as_array().unwrap(), after.as_array().unwrap());
    // All but the row that was open, five hours further.
    assert_eq!(before[5..720], after[..715]);
}
