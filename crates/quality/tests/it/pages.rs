//! What shows only between pages: prices at another level, the same page as before, and faults on a page's edge.

use proptest::prelude::*;
use robust_market::{Acceptance, Candle, Exchange, Kind, Payload, Severity, Trade};
use robust_quality::{Profile, Report, SymbolState};
use rust_decimal::Decimal;

use super::clean::{self, Case, NOW, at, d};

/// The two hundred closed bars of the clean series.
fn bars() -> Vec<Candle> {
    let Payload::Candles(series) = clean::candles().decoded.value else {
        unreachable!()
    };
    series.rows.into_iter().filter(|row| row.closed).collect()
}

/// A page of some bars, of which no number was asked for.
fn page(rows: &[Candle]) -> Case {
    let mut case = clean::candles();
    let Payload::Candles(series) = &mut case.decoded.value else {
        unreachable!()
    };
    series.rows = rows.to_vec();
    let robust_market::Request::Candles { limit, .. } = &mut case.request else {
        unreachable!()
    };
    *limit = None;
    if let Some(last) = rows.last() {
        case.now = at(last.time.as_secs() + 65);
        case.received = case.now;
    }
    case
}

fn times(rows: &[Candle], factor: &str) -> Vec<Candle> {
    let factor = d(factor);
    let lifted = rows.iter().map(|row| Candle {
        open: row.open * factor,
        high: row.high * factor,
        low: row.low * factor,
        close: row.close * factor,
        vwap: row.vwap.map(|vwap| vwap * factor),
        quote_volume: row.quote_volume.map(|volume| volume * factor),
        ..row.clone()
    });
    lifted.collect()
}

fn heavy(report: &Report) -> Vec<&'static str> {
    let issues = report.issues.iter();
    let heavy = issues.filter(|issue| issue.severity > Severity::Info);
    heavy.map(|issue| issue.rule).collect()
}

fn facts(report: &Report) -> Vec<&'static str> {
    report.issues.iter().map(|issue| issue.rule).collect()
}

#[test]
fn a_page_of_bars_at_another_level_waits_until_the_next_one_confirms_it() {
    let bars = bars();
    for factor in ["10", "100", "0.1", "1.5", "0.01"] {
        // Directly after the page before, after a few bars that did not come, and half over it.
        for from in [80, 84, 40] {
            // Across bars that did not come a price may move by half.
            if (factor, from) == ("1.5", 84) {
                continue;
            }
            let mut state = SymbolState::new();
            assert_eq!(heavy(&page(&bars[..80]).judge_with(&mut state)), [""; 0]);
            let lifted = times(&bars[from..140], factor);
            // The same page again is no confirmation.
            for _ in 0..2 {
                let report = page(&lifted).judge_with(&mut state);
                assert_eq!(report.acceptance, Acceptance::Quarantine, "{factor} {from}");
                assert!(heavy(&report).contains(&"A.open_gap"), "{factor} {from}");
            }
            // The market is where it was: nothing was learned of the wrong page.
            let mut other = state.clone();
            let report = page(&bars[100..160]).judge_with(&mut other);
            assert_eq!(heavy(&report), [""; 0], "{factor} {from}");
            // The market is there indeed.
            let next = times(&bars[140..180], factor);
            let report = page(&next).judge_with(&mut state);
            assert_eq!(heavy(&report), [""; 0], "{factor} {from}");
            let next = times(&bars[180..], factor);
            assert_eq!(facts(&page(&next).judge_with(&mut state)), [""; 0]);
        }
    }
}

#[test]
fn a_level_without_newer_bars_is_confirmed_by_the_third_page() {
    let bars = bars();
    let mut state = SymbolState::new();
    let _ = page(&bars[..100]).judge_with(&mut state);
    let lifted = times(&bars[100..150], "10");
    let mut judged = || page(&lifted).judge_with(&mut state);
    assert_eq!(judged().acceptance, Acceptance::Quarantine);
    assert_eq!(judged().acceptance, Acceptance::Quarantine);
    let report = judged();
    assert_eq!(
        (report.acceptance, facts(&report)),
        (Acceptance::Accept, vec!["A.regime"])
    );
}

#[test]
fn a_crash_inside_of_its_bars_is_no_other_level() {
    let mut rows = bars();
    // From 36 500 to 7 300 in the last bar of a page; the next one goes on from there.
    let low = d("7300.0");
    rows[99].close = low;
    rows[99].low = low;
    rows[99].vwap = None;
    rows[99].quote_volume = None;
    let after = times(&rows[100..], "0.2");
    let mut state = SymbolState::new();
    let _ = page(&rows[..100]).judge_with(&mut state);
    let report = page(&after).judge_with(&mut state);
    assert_eq!(heavy(&report), [""; 0], "{:?}", report.issues);
}

#[test]
fn zeros_after_a_number_are_no_other_number() {
    let bars = bars();
    let mut state = SymbolState::new();
    let _ = page(&bars).judge_with(&mut state);
    let mut again = bars.clone();
    for row in &mut again {
        row.close.rescale(row.close.scale() + 3);
        row.volume.rescale(row.volume.scale() + 1);
    }
    let report = page(&again).judge_with(&mut state);
    assert_eq!(facts(&report), [""; 0]);
}

#[test]
fn every_bar_that_is_remembered_is_held_against_what_it_was() {
    let bars = bars();
    let mut state = SymbolState::new();
    let _ = page(&bars[..50]).judge_with(&mut state);
    let mut again = bars.clone();
    // A hundred and fifty bars before the newest one.
    again[45].volume = d("1.234");
    (again[45].quote_volume, again[45].vwap) = (None, None);
    let report = page(&again).judge_with(&mut state);
    assert_eq!(heavy(&report), ["U.revised"]);
    assert_eq!(report.issues[0].index, Some(45));
}

#[test]
fn a_short_series_without_a_past_has_its_hard_limits() {
    let bars = bars();
    for length in [5, 12, 29] {
        assert_eq!(page(&bars[..length]).judge().issues, [], "{length}");
        for factor in ["1.5", "10", "0.1", "100"] {
            let mut rows = bars[..length].to_vec();
            rows[2] = times(&rows[2..3], factor)[0].clone();
            let report = page(&rows).judge();
            assert_eq!(heavy(&report), ["A.displaced"], "{length} {factor}");
            assert_eq!(report.exclusions, [2]);
        }
    }
}

/// Trades a second apart, around a price.
fn prints(from: i64, count: i64, price: i64) -> Vec<Trade> {
    let mut rng = fastrand::Rng::with_seed(7);
    let print = |n: i64, rng: &mut fastrand::Rng| Trade {
        id: Some(format!("{}", 5_000 + n).into()),
        price: Decimal::new(price * 100 + rng.i64(-price / 20..=price / 20), 2),
        amount: Decimal::new(rng.i64(1..9_000), 4),
        side: None,
        time: at(NOW + n),
    };
    (from..from + count).map(|n| print(n, &mut rng)).collect()
}

fn trades(rows: &[Trade], state: &mut SymbolState) -> Report {
    let mut case = clean::trades();
    case.profile = Profile::of(&Exchange::KRAKEN, Kind::Trades);
    if let Some(last) = rows.last() {
        (case.now, case.received) = (last.time, last.time);
    }
    let Payload::Trades(page) = &mut case.decoded.value else {
        unreachable!()
    };
    page.rows = rows.to_vec();
    case.judge_with(state)
}

#[test]
fn a_page_of_trades_at_another_level_waits_until_the_next_one_confirms_it() {
    for price in [40_150, 365_000, 3_650, 54_750] {
        for count in [100, 12, 3] {
            let mut state = SymbolState::new();
            assert_eq!(heavy(&trades(&prints(0, 100, 36_500), &mut state)), [""; 0]);
            let report = trades(&prints(100, count, price), &mut state);
            assert_eq!(heavy(&report), ["A.outlier"], "{price} {count}");
            assert_eq!(report.acceptance, Acceptance::Quarantine);
            let mut other = state.clone();
            let back = trades(&prints(100, 100, 36_500), &mut other);
            assert_eq!(heavy(&back), [""; 0], "{price} {count}: {:?}", back.issues);
            let report = trades(&prints(100 + count, 100, price), &mut state);
            assert_eq!(heavy(&report), [""; 0], "{price} {count}");
            assert!(facts(&report).contains(&"A.regime"));
            let next = trades(&prints(300, 100, price), &mut state);
            assert_eq!(
                facts(&next)
                    .iter()
                    .filter(|rule| **rule == "A.regime")
                    .count(),
                0
            );
            assert_eq!(heavy(&next), [""; 0]);
        }
    }
}

#[test]
fn single_trades_at_a_new_level_are_believed_from_the_third_on() {
    let mut state = SymbolState::new();
    let _ = trades(&prints(0, 100, 36_500), &mut state);
    let mut found = Vec::new();
    for n in 100..110 {
        found.push(heavy(&trades(&prints(n, 1, 54_750), &mut state)).len());
    }
    assert_eq!(found, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_level_that_jumps_inside_a_page_is_told_though_it_is_kept() {
    let mut rows = prints(0, 100, 36_500);
    rows.extend(prints(100, 100, 365_000));
    let report = trades(&rows, &mut SymbolState::new());
    assert_eq!(heavy(&report), ["A.outlier"]);
    assert_eq!(report.issues[0].index, Some(100));
}

#[test]
fn amounts_in_the_place_of_prices_are_no_prices() {
    let mut rows = prints(0, 200, 36_500);
    for row in &mut rows {
        (row.price, row.amount) = (row.amount, row.price);
    }
    let report = trades(&rows, &mut SymbolState::new());
    assert!(heavy(&report).contains(&"A.outlier"));
    assert_ne!(report.acceptance, Acceptance::Accept);
}

#[test]
fn ids_that_always_counted_up_show_what_is_missing() {
    let mut state = SymbolState::new();
    let rows = prints(0, 200, 36_500);
    assert_eq!(heavy(&trades(&rows, &mut state)), [""; 0]);
    let mut rows = prints(200, 200, 36_500);
    rows.drain(50..55);
    assert_eq!(heavy(&trades(&rows, &mut state)), ["C.id_gap"]);
    // Ids that are shared with other markets say nothing.
    let mut state = SymbolState::new();
    for from in [0, 600] {
        let mut rows = prints(from, 600, 36_500);
        rows.retain(|row| row.time.as_secs() % 3 != 0);
        assert_eq!(heavy(&trades(&rows, &mut state)), [""; 0]);
    }
}

#[test]
fn holes_of_a_market_that_always_trades_are_told_where_empty_bars_are_left_out() {
    let kucoin = |rows: &[Candle], state: &mut SymbolState| {
        let mut case = page(rows);
        case.profile = Profile::of(&Exchange::KUCOIN, Kind::Candles);
        heavy(&case.judge_with(state))
    };
    let mut bars = bars();
    let mut more = bars.clone();
    for row in &mut more {
        row.time = at(row.time.as_secs() + 200 * 60);
    }
    bars.extend(more);
    let without = |from: usize, count: usize| {
        let mut rows = bars[200..].to_vec();
        rows.drain(from..from + count);
        rows
    };
    let mut state = SymbolState::new();
    assert_eq!(kucoin(&bars[..200], &mut state), [""; 0]);
    assert_eq!(kucoin(&without(50, 2), &mut state.clone()), [""; 0]);
    assert_eq!(kucoin(&without(50, 3), &mut state.clone()), ["C.gap"]);
    // Without a past nobody knows whether the market rests.
    assert_eq!(kucoin(&without(50, 9), &mut SymbolState::new()), [""; 0]);
}

/// What is found in the bars of one page, or in those of many with one memory, by place.
fn found(rows: &[Candle], size: usize) -> Vec<(usize, &'static str)> {
    let mut state = SymbolState::new();
    let mut found = Vec::new();
    for (nth, chunk) in rows.chunks(size).enumerate() {
        let report = page(chunk).judge_with(&mut state);
        let issues = report.issues.iter().filter(|i| i.severity > Severity::Info);
        found.extend(issues.filter_map(|i| Some((i.index? + nth * size, i.rule))));
    }
    found.sort_unstable();
    found
}

proptest! {
    /// Faults of the path and of the order of a thousand bars are the same in ten pages of a hundred with one memory, but for
    /// those whose neighbour is on the other page: they are left out by their distance from an edge.
    #[test]
    fn a_thousand_bars_are_ten_hundreds_with_one_memory(
        broken in prop::collection::vec((1usize..9, 15usize..85, 0u8..5), 1..6),
    ) {
        let mut rows: Vec<Candle> = Vec::new();
        for block in 0..5 {
            let mut more = bars();
            // Each block goes back over the one before, so that the prices go on where they were.
            if block % 2 == 1 {
                more.reverse();
                for row in &mut more {
                    std::mem::swap(&mut row.open, &mut row.close);
                }
            }
            rows.extend(more);
        }
        for (n, row) in rows.iter_mut().enumerate() {
            // No block of values comes again.
            let more = Decimal::new(i64::try_from(n * 7 % 1_000).unwrap(), 3);
            row.time = at(NOW - 60_000 + i64::try_from(n).unwrap() * 60);
            row.volume += more;
            row.quote_volume = None;
            row.vwap = None;
        }
        for (block, place, how) in broken {
            let n = block * 100 + place;
            match how {
                0 => rows[n] = times(&rows[n..=n], "1.5")[0].clone(),
                1 => rows[n] = times(&rows[n..=n], "10")[0].clone(),
                2 => rows[n].high *= d("3"),
                3 => rows[n].close = d("-1"),
                _ => rows[n].high = d("1"),
            }
        }
        prop_assert_eq!(found(&rows, 1_000), found(&rows, 100));
    }
}

/// The bar with prices of one decimal, as the series has.
fn on_the_grid(row: &Candle) -> Candle {
    Candle {
        open: row.open.round_dp(1),
        high: row.high.round_dp(1),
        low: row.low.round_dp(1),
        close: row.close.round_dp(1),
        ..row.clone()
    }
}

#[test]
fn a_gap_on_the_edge_of_a_page_is_the_gap_it_would_be_inside() {
    let rows = bars();
    for factor in ["1.05", "1.5", "10"] {
        let mut rows = rows.clone();
        rows[100] = on_the_grid(&times(&rows[100..101], factor)[0]);
        assert_eq!(found(&rows, 200), [(100, "A.displaced")], "{factor}");
        assert_eq!(found(&rows, 100), [(100, "A.displaced")], "{factor}");
    }
    let lifted = times(&rows[100..], "1.1");
    let lifted = lifted.iter().map(on_the_grid);
    let rows: Vec<Candle> = rows[..100].iter().cloned().chain(lifted).collect();
    assert_eq!(found(&rows, 200), [(100, "A.open_gap")]);
    assert_eq!(found(&rows, 100), [(100, "A.open_gap")]);
}
