//! Traps of recorded markets, one by one: what is unusual and true. Skipped, and told, where the recordings are not at hand.

use std::time::Duration;

use robust_market::{
    Acceptance, Candles, Decoded, Interval, Payload, Request, Severity, Side, Symbol, Ticker,
    Timestamp, Trade,
};
use robust_quality::{ClockOffset, Context, Profile, SymbolState, judge};
use rust_decimal::Decimal;

use super::real::{Found, judge_series, judge_trades, ms, read, series, trade};
use crate::clean::d;

/// Closes as tickers, one a bar, each with the volume of its bar.
fn tickers(bars: &[robust_market::Candle]) -> Found {
    let symbol: Symbol = "X/Y".parse().unwrap();
    let request = Request::Ticker {
        symbol: symbol.clone(),
    };
    let (mut state, mut found) = (SymbolState::new(), Found::default());
    for row in bars {
        let mut ticker = Ticker::new(symbol.clone());
        (ticker.last, ticker.time) = (Some(row.close), Some(row.time));
        ticker.base_volume = Some(row.volume);
        let context = Context::new(&request, Profile::default(), row.time, row.time);
        let decoded = Decoded::clean(Payload::Ticker(ticker));
        found.note(&judge(&decoded, &context, &mut state).unwrap(), 1);
    }
    found
}

#[test]
fn a_market_that_died_is_not_called_frozen() {
    let Some(text) = read("ohlcv/binance_futures_FTT_USDT_1h.csv.gz") else {
        return;
    };
    let bars = series(&text, Decimal::ONE);
    let alike = |pair: &[robust_market::Candle]| {
        let (mut a, mut b) = (pair[0].clone(), pair[1].clone());
        (a.time, b.time) = (Timestamp::EPOCH, Timestamp::EPOCH);
        a == b
    };
    let (mut run, mut longest) = (0, 0);
    for pair in bars.windows(2) {
        run = if alike(pair) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    assert_eq!(longest, 31_229);
    let tail = &bars[bars.len() - 31_000..];
    assert!(tail.iter().all(|row| row.volume.is_zero()));
    for page in [300, 1_000] {
        let found = judge_series(tail, "1h", true, page);
        assert_eq!(found.rules.len(), 0, "{found:?}");
        assert_eq!(found.lowest, Some(100.0));
    }
    // As prints: told as a market without trades, never as a fault.
    let found = tickers(&bars[bars.len() - 3_000..]);
    assert_eq!(found.at_least(Severity::Warning), 0, "{found:?}");
    assert!(
        found.rules.contains_key(&(Severity::Info, "A.halted")),
        "{found:?}"
    );
}

#[test]
fn prices_of_a_millionth_are_judged_like_any_other() {
    let Some(text) = read("ohlcv/binance_futures_1000PEPE_USDT_1h.csv.gz") else {
        return;
    };
    let as_quoted = series(&text, Decimal::ONE);
    let true_unit = series(&text, Decimal::ONE_THOUSAND);
    let least = true_unit.iter().map(|row| row.low).min().unwrap();
    assert!(least < d("0.000001"), "{least}");
    let found = tickers(&true_unit);
    assert_eq!(found.rules, tickers(&as_quoted).rules);
    assert_eq!(found.at_least(Severity::Error), 0, "{found:?}");
    let held = found.at_least(Severity::Warning);
    assert!(
        held * 10_000 <= found.judged * 5,
        "{held} of {}",
        found.judged
    );
}

#[test]
fn a_market_in_which_every_third_minute_is_empty_is_whole() {
    let Some(text) = read("ohlcv/freqtrade_XRP_ETH-1m.csv.gz") else {
        return;
    };
    let bars = series(&text, Decimal::ONE);
    let minutes = bars.last().unwrap().time.since(bars[0].time).as_secs() / 60 + 1;
    let empty = usize::try_from(minutes).unwrap() - bars.len();
    assert_eq!(empty, 1_091);
    // The newest bars as a poll for a number of them gets them: a source that counts time, and one that counts bars.
    let symbol: Symbol = "XRP/ETH".parse().unwrap();
    for by_time in [true, false] {
        let mut state = SymbolState::new();
        for end in (600..bars.len()).step_by(50) {
            let newest = bars[end].time;
            let since = Timestamp::from_secs(newest.as_secs() - 299 * 60).unwrap();
            let page = &bars[..=end];
            let page = if by_time {
                &page[page.partition_point(|row| row.time < since)..]
            } else {
                &page[page.len() - 300..]
            };
            let mut candles = Candles::new(symbol.clone(), Interval::M1);
            candles.rows = page.to_vec();
            let request = Request::Candles {
                symbol: symbol.clone(),
                interval: Interval::M1,
                since: None,
                limit: Some(300),
            };
            let now = newest.saturating_add(Duration::from_secs(62));
            let context = Context::new(&request, Profile::default(), now, now);
            let decoded = Decoded::clean(Payload::Candles(candles));
            let report = judge(&decoded, &context, &mut state).unwrap();
            assert_eq!(report.acceptance, Acceptance::Accept, "{end}: {report:?}");
            let heavy = report.issues.iter().filter(|i| i.severity > Severity::Info);
            let heavy: Vec<_> = heavy
                .filter(|i| i.dimension != robust_market::Dimension::Accuracy)
                .collect();
            assert!(heavy.is_empty(), "{end}: {heavy:?}");
        }
    }
}

/// Trades and local times of a recorded Binance stream.
fn stream(pair: &str) -> Option<(Vec<Trade>, Vec<Timestamp>)> {
    let name = format!("raw_feeds/hftbacktest_binance_spot_{pair}_20240808.gz");
    let text = read(&name)?;
    let (mut trades, mut times) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| line.contains("\"trade\"")) {
        let (local, message) = line.split_once(' ').unwrap();
        let json: serde_json::Value = serde_json::from_str(message).unwrap();
        let data = &json["data"];
        if data["e"] != "trade" {
            continue;
        }
        let side = if data["m"] == true {
            Side::Sell
        } else {
            Side::Buy
        };
        let (price, amount) = (data["p"].as_str().unwrap(), data["q"].as_str().unwrap());
        let (id, time) = (data["t"].to_string(), ms(&data["T"].to_string()));
        trades.push(trade(&id, price, amount, Some(side), time));
        times.push(Timestamp::from_ns(local.parse().unwrap()));
    }
    Some((trades, times))
}

#[test]
fn trades_of_one_millisecond_are_many_trades() {
    let (mut all, mut same) = (0, 0);
    for pair in ["btcusdt", "ethusdt"] {
        let Some((trades, _)) = stream(pair) else {
            return;
        };
        all += trades.len();
        same += trades
            .windows(2)
            .filter(|two| two[0].time == two[1].time)
            .count();
        let found = judge_trades(&trades, true, 500);
        let unique = found
            .rules
            .keys()
            .filter(|(_, rule)| rule.starts_with("U."));
        assert_eq!(unique.count(), 0, "{found:?}");
        assert_eq!(found.at_least(Severity::Warning), 0, "{found:?}");
    }
    assert_eq!(all, 9_757 + 6_106);
    assert_eq!(same * 100 / all, 67);
}

#[test]
fn a_recorded_clock_that_is_behind_by_more_than_a_second_is_measured() {
    for pair in ["btcusdt", "ethusdt"] {
        let Some((trades, times)) = stream(pair) else {
            return;
        };
        let mut clock = ClockOffset::default();
        for (trade, local) in trades.iter().zip(&times).skip(10) {
            clock.observe(trade.time, *local);
        }
        let ahead = clock.ahead(*times.last().unwrap());
        assert!(
            (1_240..1_280).contains(&ahead.as_millis()),
            "{pair}: {ahead:?}"
        );
    }
}
