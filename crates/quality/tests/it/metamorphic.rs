//! What must not change a verdict: the unit of the price, the date, saving and loading, judging again.

use proptest::prelude::*;
use robust_market::{
    Acceptance, Aging, Decoded, Dimension, Payload, Report, Score, Severity, Timestamp,
};
use robust_quality::{Config, Context, Profile, SymbolState, at_read, judge};
use rust_decimal::Decimal;

use super::clean::{self, Case, NOW, at, d};
use super::faults;
use super::past::Feed;
use super::properties::{payload, request};

/// What a verdict says, without the numbers in its words: acceptance, score, and of each issue the rule, the severity and the record.
type Facts = (Acceptance, Score, Vec<Fact>);
type Fact = (&'static str, Severity, Option<usize>);

fn facts(report: &Report) -> Facts {
    let issues = report
        .issues
        .iter()
        .map(|issue| (issue.rule, issue.severity, issue.index))
        .collect();
    (report.acceptance, report.overall, issues)
}

/// Moves the decimal point of every price, and of what is counted in the quote currency.
fn scale(case: &mut Case, factor: Decimal) {
    let all = |values: Vec<&mut Option<Decimal>>| {
        for value in values.into_iter().flatten() {
            *value *= factor;
        }
    };
    match &mut case.decoded.value {
        Payload::Ticker(t) => all(vec![
            &mut t.last,
            &mut t.bid,
            &mut t.ask,
            &mut t.high,
            &mut t.low,
            &mut t.open,
            &mut t.vwap,
            &mut t.change,
            &mut t.quote_volume,
        ]),
        Payload::OrderBook(book) => {
            for level in book.bids.iter_mut().chain(&mut book.asks) {
                level.price *= factor;
            }
        }
        Payload::Candles(candles) => {
            for row in &mut candles.rows {
                for price in [&mut row.open, &mut row.high, &mut row.low, &mut row.close] {
                    *price *= factor;
                }
                all(vec![&mut row.vwap, &mut row.quote_volume]);
            }
        }
        Payload::Trades(trades) => {
            for row in &mut trades.rows {
                row.price *= factor;
            }
        }
        _ => {}
    }
}

/// Moves every time.
fn shift(case: &mut Case, days: i64) {
    let by = |time: &mut Timestamp| {
        *time = Timestamp::from_ns(time.as_ns() + days * 86_400_000_000_000);
    };
    by(&mut case.now);
    by(&mut case.received);
    match &mut case.decoded.value {
        Payload::Ticker(ticker) => ticker.time.iter_mut().for_each(by),
        Payload::OrderBook(book) => book.time.iter_mut().for_each(by),
        Payload::Candles(candles) => candles
            .rows
            .iter_mut()
            .map(|row| &mut row.time)
            .for_each(by),
        Payload::Trades(trades) => trades.rows.iter_mut().map(|row| &mut row.time).for_each(by),
        _ => {}
    }
}

/// A walk of tickers with jumps, one a second, judged with one state.
fn walk(steps: &[(i64, bool)], change: impl Fn(&mut Case)) -> Vec<Report> {
    let mut feed = Feed::new();
    let mut price = 365_000_i64;
    let mut state = SymbolState::new();
    steps
        .iter()
        .map(|(step, jump)| {
            price = (price + step).max(1_000);
            let shown = if *jump { price * 3 / 2 } else { price };
            let mut case = feed.case(Decimal::new(shown, 1));
            change(&mut case);
            case.judge_with(&mut state)
        })
        .collect()
}

/// A walk is many judgements, so fewer of them do unless more are asked for.
fn walks() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(48)
}

fn steps() -> impl Strategy<Value = Vec<(i64, bool)>> {
    let jump = prop::bool::weighted(0.1);
    prop::collection::vec((-400i64..400, jump), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: walks(), ..ProptestConfig::default() })]

    #[test]
    fn the_unit_of_the_price_changes_no_verdict(steps in steps(), places in 1u32..9, up in any::<bool>()) {
        let power = Decimal::from(10_u64.pow(places.min(4)));
        let factor = if up { power } else { Decimal::ONE / Decimal::from(10_u64.pow(places)) };
        let plain = walk(&steps, |_| {});
        let scaled = walk(&steps, |case| scale(case, factor));
        for (plain, scaled) in plain.iter().zip(&scaled) {
            prop_assert_eq!(facts(plain), facts(scaled));
        }
    }

    #[test]
    fn the_date_changes_no_verdict(steps in steps(), days in -3_000i64..3_000) {
        let plain = walk(&steps, |_| {});
        let shifted = walk(&steps, |case| shift(case, days));
        for (plain, shifted) in plain.iter().zip(&shifted) {
            prop_assert_eq!(facts(plain), facts(shifted));
        }
    }

    #[test]
    fn a_saved_and_loaded_state_gives_the_same_verdicts(
        answers in prop::collection::vec((payload(), request()), 1..12),
        steps in steps(),
        cut in any::<prop::sample::Index>(),
    ) {
        // First a market, then anything.
        let mut state = SymbolState::new();
        let mut feed = Feed::new();
        let cut = cut.index(steps.len());
        for (n, (step, jump)) in steps.iter().enumerate() {
            let price = Decimal::new(365_000 + step + i64::from(*jump) * 90_000, 1);
            let case = feed.case(price);
            let expected = case.judge_with(&mut state);
            if n == cut {
                state = reloaded(&state);
            }
            prop_assert!(expected.overall.get().is_finite());
        }
        let mut loaded = reloaded(&state);
        for (value, request) in answers {
            let context = Context::new(&request, Profile::default(), at(NOW + 500), at(NOW + 500));
            let decoded = Decoded::clean(value);
            let before = judge(&decoded, &context, &mut state);
            let after = judge(&decoded, &context, &mut loaded);
            prop_assert_eq!(before, after);
            prop_assert_eq!(serde_json::to_string(&state).unwrap(), serde_json::to_string(&loaded).unwrap());
        }
    }

    #[test]
    fn a_value_read_later_is_never_better(seconds in prop::collection::vec(0i64..20_000, 2..20)) {
        let mut seconds = seconds;
        seconds.sort_unstable();
        let config = Config::default();
        for case in clean::all() {
            let judged = case.judge();
            let mut last = judged.clone();
            for second in &seconds {
                let now = Timestamp::from_ns(case.now.as_ns() + second * 1_000_000_000);
                let read = at_read(&judged, now, &config);
                prop_assert!(read.overall <= last.overall && read.acceptance <= last.acceptance);
                prop_assert!(read.overall.get().is_finite());
                last = read;
            }
        }
    }
}

fn reloaded(state: &SymbolState) -> SymbolState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

#[test]
fn the_unit_of_the_price_changes_no_verdict_about_any_fault() {
    for factor in ["0.001", "0.1", "10", "1000"] {
        for fault in faults::catalogue() {
            // Limits of the grid are in the old unit; a tick far under the price is not judged at all.
            if ["off the grid"]
                .iter()
                .any(|skip| fault.name.ends_with(skip))
            {
                continue;
            }
            let mut case = (fault.base)();
            (fault.break_it)(&mut case);
            let plain = case.judge();
            scale(&mut case, d(factor));
            assert_eq!(
                facts(&plain),
                facts(&case.judge()),
                "{} × {factor}",
                fault.name
            );
        }
    }
}

#[test]
fn a_report_that_was_written_is_read_back_as_it_was() {
    let mut reports: Vec<Report> = clean::all().iter().map(Case::judge).collect();
    reports.extend(faults::catalogue().iter().map(|fault| {
        let mut case = (fault.base)();
        (fault.break_it)(&mut case);
        case.judge()
    }));
    for mut report in reports {
        let text = serde_json::to_string(&report).unwrap();
        let read: Report = serde_json::from_str(&text).unwrap();
        // How it would go on ageing is no part of what is written.
        report.aging = None;
        assert_eq!(read, report);
    }
    // What was written by somebody else is put in order, and bounded.
    let text = r#"{"overall": 140, "dimensions": [null, 10, null, null, null, null],
        "acceptance": "quarantine", "exclusions": [7, 3, 7], "issues": [
        {"rule": "X.y", "dimension": "validity", "severity": "info", "index": null, "field": null, "message": ""},
        {"rule": "X.z", "dimension": "validity", "severity": "error", "index": 3, "field": "close", "message": "?"}
        ], "issues_dropped": 2}"#;
    let read: Report = serde_json::from_str(text).unwrap();
    assert_eq!(
        (read.overall, read.exclusions.as_slice()),
        (Score::FULL, &[3, 7][..])
    );
    let rules: Vec<_> = read.issues.iter().map(|issue| issue.rule).collect();
    assert_eq!((rules, read.issues_dropped), (vec!["X.z", "X.y"], 2));
    let long = text.replace("X.y", &"x".repeat(65));
    assert!(serde_json::from_str::<Report>(&long).is_err());
}

/// What each record is objected to for by itself: not by its neighbours, its past, or the answer as a whole.
fn by_itself(report: &Report, first: usize) -> Vec<(usize, &'static str)> {
    let rules = [
        "V.price",
        "V.size",
        "K.high",
        "K.low",
        "K.zero_vol",
        "K.count",
        "K.vwap",
        "K.quote_volume",
    ];
    let issues = report
        .issues
        .iter()
        .filter(|issue| rules.contains(&issue.rule));
    let mut found: Vec<_> = issues
        .filter_map(|issue| Some((issue.index? + first, issue.rule)))
        .collect();
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn a_thousand_bars_are_ten_hundreds(
        broken in prop::collection::vec((0usize..200, 0u8..7), 0..30),
        size in 1usize..120,
    ) {
        let mut case = clean::candles();
        let Payload::Candles(series) = &mut case.decoded.value else {
            unreachable!()
        };
        series.rows.truncate(200);
        for (at, how) in broken {
            let row = &mut series.rows[at];
            match how {
                0 => row.high = d("1"),
                1 => row.low = d("99999"),
                2 => row.close = d("-1"),
                3 => row.volume = d("-1"),
                4 => row.count = Some(0),
                5 => row.vwap = Some(d("99999")),
                _ => (row.volume, row.quote_volume, row.count) = (d("0"), Some(d("0")), Some(0)),
            }
        }
        let rows = series.rows.clone();
        let whole = by_itself(&case.judge(), 0);
        let mut pieces = Vec::new();
        for (nth, chunk) in rows.chunks(size).enumerate() {
            let mut piece = case.clone();
            let Payload::Candles(series) = &mut piece.decoded.value else {
                unreachable!()
            };
            series.rows = chunk.to_vec();
            pieces.extend(by_itself(&piece.judge(), nth * size));
        }
        prop_assert_eq!(whole, pieces);
    }
}

#[test]
fn judging_the_same_page_again_finds_no_fault() {
    for case in [clean::book(), clean::candles(), clean::trades()] {
        let mut state = SymbolState::new();
        let first = case.judge_with(&mut state);
        for _ in 0..5 {
            let again = case.judge_with(&mut state);
            assert_eq!(again.acceptance, first.acceptance);
            let heavy = again.issues.iter().filter(|i| i.severity > Severity::Info);
            assert_eq!(heavy.count(), 0, "{:?}", again.issues);
        }
    }
}

#[test]
fn broken_rows_are_the_same_in_one_page_and_in_many() {
    let mut case = clean::candles();
    let Payload::Candles(series) = &mut case.decoded.value else {
        unreachable!()
    };
    for row in [3, 50, 51, 120, 199] {
        series.rows[row].high = d("1");
    }
    series.rows[77].volume = d("-1");
    let whole = case.judge().exclusions;
    let rows = series_rows(&case);
    let mut pieces = Vec::new();
    for (n, chunk) in rows.chunks(20).enumerate() {
        let mut piece = case.clone();
        let Payload::Candles(series) = &mut piece.decoded.value else {
            unreachable!()
        };
        series.rows = chunk.to_vec();
        pieces.extend(piece.judge().exclusions.iter().map(|at| at + n * 20));
    }
    assert_eq!(whole, pieces);
}

fn series_rows(case: &Case) -> Vec<robust_market::Candle> {
    match &case.decoded.value {
        Payload::Candles(series) => series.rows.clone(),
        _ => Vec::new(),
    }
}

#[test]
fn the_memory_of_a_symbol_does_not_grow_with_its_answers() {
    let mut feed = Feed::new();
    let mut state = SymbolState::new();
    let mut size = 0;
    for n in 0..20_000_i64 {
        let jump = if n % 97 == 0 { 90_000 } else { 0 };
        let case = feed.case(Decimal::new(365_000 + n * 31 % 17 + jump, 1));
        let _ = case.judge_with(&mut state);
        if n == 1_000 {
            size = state.memory();
        }
    }
    assert_eq!(state.memory(), size);
    // A history of 1 000 moves, in order of time and of size, and the rest.
    assert!(size < 16 * 1_000 + 10 * 1_024, "{size}");
}

#[test]
fn the_age_at_a_read_is_judged_by_the_bounds_of_the_judgement() {
    let judged = clean::ticker().judge();
    let Some(Aging { born, warning, .. }) = judged.aging else {
        panic!("a ticker with a time has an age")
    };
    assert_eq!((born, warning.as_secs()), (at(NOW), 10));
    let config = Config::default();
    assert_eq!(at_read(&judged, at(NOW), &config), judged);
    let read = at_read(&judged, at(NOW + 35), &config);
    assert_eq!(
        read.dimension(Dimension::Timeliness),
        Some(Score::new(72.5))
    );
    assert_eq!(read.acceptance, Acceptance::Quarantine);
    assert_eq!(read.issues[0].rule, "T.stale");
    assert_eq!(read.overall, Score::new(79.0));
}
