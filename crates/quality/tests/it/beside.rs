//! Trades and bars of one market, and bars of all markets of one source, tell one story.

use std::time::Duration;

use robust_market::{
    Acceptance, Candle, Candles, Decoded, Exchange, Interval, Payload, Request, Severity, Symbol,
    Timestamp, Trade, Trades,
};
use robust_quality::{Context, Profile, Report, StatePool};
use rust_decimal::Decimal;

use super::clean::{NOW, at, d, symbol};

/// Judges an answer of Binance with everything that the pool remembers.
fn ask(pool: &mut StatePool, request: &Request, payload: Payload, now: Timestamp) -> Report {
    let profile = Profile::of(&Exchange::BINANCE, request.kind());
    let context = Context::new(request, profile, now, now);
    pool.judge(&Exchange::BINANCE, &Decoded::clean(payload), &context)
        .unwrap()
}

/// Two trades a second for twelve minutes, in pages of 200; of each minute the amounts sum to 1.2.
fn traded(pool: &mut StatePool, lost: Option<usize>) {
    let request = Request::Trades {
        symbol: symbol(),
        since: None,
        limit: Some(200),
    };
    let rows: Vec<Trade> = (0..1_440_i64)
        .map(|n| Trade {
            id: Some((9_000 + n).to_string().into()),
            price: d("36500.0") + Decimal::new(n % 5, 1),
            amount: d("0.01"),
            side: None,
            time: Timestamp::from_ms((NOW - 720) * 1_000 + n * 500).unwrap(),
        })
        .collect();
    for (nth, page) in rows.chunks(200).enumerate() {
        if lost == Some(nth) {
            continue;
        }
        let mut trades = Trades::new(symbol());
        trades.rows = page.to_vec();
        let now = page.last().unwrap().time;
        let report = ask(pool, &request, Payload::Trades(trades), now);
        assert_eq!(report.acceptance, Acceptance::Accept, "{report:?}");
    }
}

/// Closed bars of a length up to now, each with this volume a minute.
fn bars(interval: Interval, count: i64, volume: &str) -> Candles {
    let mut series = Candles::new(symbol(), interval);
    let seconds = i64::try_from(interval.duration().as_secs()).unwrap();
    for n in 0..count {
        series.rows.push(Candle {
            time: at(NOW - (count - n) * seconds),
            open: d("36500.0"),
            high: d("36500.4"),
            low: d("36500.0"),
            close: d("36500.4"),
            volume: d(volume) * Decimal::from(seconds) / Decimal::from(60),
            quote_volume: None,
            vwap: None,
            count: None,
            closed: true,
        });
    }
    // Bars that are all the same would be a placeholder, and the same ones again a copy.
    for (n, row) in series.rows.iter_mut().enumerate() {
        row.high += Decimal::new(i64::try_from(n * 37 % 211).unwrap(), 1);
    }
    series
}

fn bars_of(pool: &mut StatePool, series: Candles) -> Report {
    let request = Request::Candles {
        symbol: series.symbol.clone(),
        interval: series.interval,
        since: None,
        limit: None,
    };
    ask(pool, &request, Payload::Candles(series), at(NOW + 1))
}

fn objected(report: &Report) -> Vec<(&'static str, Severity, Option<usize>)> {
    let issues = report.issues.iter();
    issues.map(|i| (i.rule, i.severity, i.index)).collect()
}

pub(crate) fn bar_without_its_trades() -> Report {
    let mut pool = StatePool::default();
    traded(&mut pool, None);
    let mut series = bars(Interval::M1, 8, "1.2");
    series.rows[5].volume = d("1.1");
    bars_of(&mut pool, series)
}

#[test]
fn a_bar_whose_volume_is_not_that_of_its_trades_is_told_where_every_trade_is_known() {
    let report = bar_without_its_trades();
    assert_eq!(
        objected(&report),
        [("K.trades_vs_candle", Severity::Warning, Some(5))]
    );
    // The right volume is no fault; and nothing is said where trades are missing.
    let mut pool = StatePool::default();
    traded(&mut pool, None);
    let report = bars_of(&mut pool, bars(Interval::M1, 8, "1.2"));
    assert_eq!(objected(&report), []);
    let mut pool = StatePool::default();
    traded(&mut pool, Some(6));
    let report = bars_of(&mut pool, bars(Interval::M1, 8, "1.1"));
    let known: Vec<_> = report.issues.iter().filter_map(|i| i.index).collect();
    assert_eq!(known, [] as [usize; 0], "{report:?}");
}

fn by_five(change: impl FnOnce(&mut Candles)) -> Candles {
    let minutes = bars(Interval::M1, 60, "1.2");
    let mut fives = bars(Interval::M5, 12, "1.2");
    for (row, parts) in fives.rows.iter_mut().zip(minutes.rows.chunks(5)) {
        row.high = parts.iter().map(|part| part.high).max().unwrap();
        row.volume = parts.iter().map(|part| part.volume).sum();
    }
    change(&mut fives);
    fives
}

pub(crate) fn bar_without_its_parts() -> Report {
    let mut pool = StatePool::default();
    let minutes = bars(Interval::M1, 60, "1.2");
    assert_eq!(objected(&bars_of(&mut pool, minutes)), []);
    bars_of(
        &mut pool,
        by_five(|fives| fives.rows[7].volume *= d("1.01")),
    )
}

#[test]
fn a_bar_that_is_not_what_its_minutes_make_together_is_told() {
    let report = bar_without_its_parts();
    assert_eq!(
        objected(&report),
        [("K.resample", Severity::Warning, Some(7))]
    );
    let judged = |change: fn(&mut Candles)| {
        let mut pool = StatePool::default();
        let _ = bars_of(&mut pool, bars(Interval::M1, 60, "1.2"));
        objected(&bars_of(&mut pool, by_five(change)))
    };
    assert_eq!(judged(|_| {}), []);
    // Rounded in the ninth place.
    assert_eq!(judged(|fives| fives.rows[7].volume += d("0.00000001")), []);
    let high = judged(|fives| fives.rows[2].high += d("0.1"));
    assert_eq!(high, [("K.resample", Severity::Warning, Some(2))]);
    // What is older than the minutes that are known is not held against them.
    let mut pool = StatePool::default();
    let mut newest = bars(Interval::M1, 60, "1.2");
    newest.rows.drain(..38);
    let _ = bars_of(&mut pool, newest);
    let report = bars_of(
        &mut pool,
        by_five(|fives| fives.rows[7].volume *= d("1.01")),
    );
    assert_eq!(objected(&report), []);
}

/// A series with a hole of twenty minutes, or none, of some market.
fn holed(pair: &str, hole: bool) -> Candles {
    let mut series = bars(Interval::M1, 200, "1.2");
    series.symbol = pair.parse::<Symbol>().unwrap();
    if hole {
        series.rows.drain(100..120);
    }
    series
}

pub(crate) fn hole_of_the_source() -> Report {
    let mut pool = StatePool::default();
    for (pair, hole) in [
        ("A/USDT", true),
        ("B/USDT", true),
        ("C/USDT", true),
        ("D/USDT", true),
    ] {
        let _ = bars_of(&mut pool, holed(pair, hole));
    }
    bars_of(&mut pool, holed("BTC/USDT", true))
}

#[test]
fn a_hole_that_all_markets_of_a_source_share_is_its_outage_and_one_alone_is_a_fault() {
    let report = hole_of_the_source();
    assert_eq!(
        objected(&report),
        [("C.source_outage", Severity::Info, None)]
    );
    assert_eq!(report.acceptance, Acceptance::Accept);
    // The bars are missing all the same.
    assert!(report.overall.get() < 100.0);
    let mut pool = StatePool::default();
    for pair in ["A/USDT", "B/USDT", "C/USDT", "D/USDT"] {
        let _ = bars_of(&mut pool, holed(pair, pair == "A/USDT"));
    }
    let report = bars_of(&mut pool, holed("BTC/USDT", true));
    assert_eq!(objected(&report), [("C.gap", Severity::Error, None)]);
}

#[test]
fn what_is_kept_beside_is_bounded() {
    let mut pool = StatePool::default();
    let mut beside = robust_quality::Beside::default();
    let mut size = 0;
    for page in 0..400_u64 {
        let mut trades = Trades::new(symbol());
        trades.rows = (0..120)
            .map(|n| Trade {
                id: Some((page * 120 + n).to_string().into()),
                price: Decimal::ONE,
                amount: Decimal::ONE,
                side: None,
                time: at(NOW).saturating_add(Duration::from_millis((page * 120 + n) * 500)),
            })
            .collect();
        beside.note_trades(&trades);
        for interval in [Interval::M1, Interval::M5, Interval::H1] {
            beside.note_candles(&bars(interval, 300, "1.2"));
        }
        if page == 300 {
            size = beside.memory();
        }
    }
    assert_eq!(beside.memory(), size);
    assert!(size < 48 * 1_024, "{size}");
    for n in 0..600 {
        let mut series = bars(Interval::M1, 30, "1.2");
        series.symbol = format!("C{n}/USDT").parse().unwrap();
        let _ = bars_of(&mut pool, series);
    }
    assert_eq!(pool.len(), 600);
}
