//! Bars open where the ones before them closed, however far they go: by that a wrong price is found in a market that moves more than it.

use robust_market::{Acceptance, Candles, Payload, Report, Severity};
use rust_decimal::Decimal;

use super::clean::{self, Case, d};

/// 200 bars that go up to 1.5 % up or down each and open up to `bounce` tenths from the close before.
fn wild(bounce: i64) -> Case {
    let mut case = clean::candles();
    let mut rng = fastrand::Rng::with_seed(5);
    let mut before = d("36500.0");
    for row in &mut bars(&mut case).rows {
        let tenths = |value: i64| Decimal::new(value, 1);
        row.open = before + tenths(rng.i64(-bounce..=bounce));
        // Towards the first price, so that the path has no end.
        let step = tenths(rng.i64(0..=5_500));
        row.close = if row.open > d("36500") {
            row.open - step
        } else {
            row.open + step
        };
        row.high = row.open.max(row.close) + tenths(rng.i64(1..300));
        row.low = row.open.min(row.close) - tenths(rng.i64(1..300));
        row.vwap = None;
        row.quote_volume = None;
        before = row.close;
    }
    case
}

fn bars(case: &mut Case) -> &mut Candles {
    match &mut case.decoded.value {
        Payload::Candles(candles) => candles,
        _ => unreachable!(),
    }
}

fn heaviest(report: &Report, row: usize) -> Option<(&'static str, Severity)> {
    let here = report
        .issues
        .iter()
        .filter(|issue| issue.index == Some(row));
    let most = here.max_by_key(|issue| issue.severity)?;
    (most.severity >= Severity::Warning).then_some((most.rule, most.severity))
}

fn lift(case: &mut Case, row: usize, by: &str) {
    let row = &mut bars(case).rows[row];
    for price in [&mut row.open, &mut row.high, &mut row.low, &mut row.close] {
        *price = (*price * d(by)).round_dp(1);
    }
}

/// A place without a gap of its own on either side.
const ROW: usize = 77;

#[test]
fn a_wild_market_is_not_blamed() {
    for bounce in [0, 20, 400] {
        let report = wild(bounce).judge();
        assert_eq!(
            report.acceptance,
            Acceptance::Accept,
            "{bounce}: {report:?}"
        );
        let heavy = report
            .issues
            .iter()
            .find(|issue| issue.severity >= Severity::Warning);
        assert_eq!(heavy, None, "{bounce}");
    }
}

#[test]
fn an_open_three_per_cent_off_is_found_where_bars_open_where_they_closed() {
    let mut case = wild(20);
    let before = bars(&mut case).rows[ROW - 1].close;
    let row = &mut bars(&mut case).rows[ROW];
    row.open = (before * d("1.03")).round_dp(1);
    row.high = row.high.max(row.open);
    let report = case.judge();
    assert_eq!(
        heaviest(&report, ROW),
        Some(("A.open_gap", Severity::Warning)),
        "{report:?}"
    );
}

#[test]
fn a_bar_two_per_cent_off_is_found_where_bars_open_where_they_closed() {
    let mut case = wild(20);
    lift(&mut case, ROW, "1.02");
    let report = case.judge();
    assert_eq!(
        heaviest(&report, ROW),
        Some(("A.displaced", Severity::Error)),
        "{report:?}"
    );
    assert_eq!(report.exclusions, [ROW]);
}

#[test]
fn where_bars_open_anywhere_the_same_bar_is_no_fault() {
    let mut case = wild(3_000);
    lift(&mut case, ROW, "1.02");
    assert_eq!(heaviest(&case.judge(), ROW), None);
}

/// A close that the next bar's own open confirms was in the market, wherever the price went then.
#[test]
fn a_move_that_is_taken_back_is_suspicious_only_while_no_other_bar_has_seen_it() {
    let taken_back = |opens: &str| {
        let mut case = clean::candles();
        let rows = &mut bars(&mut case).rows;
        let high = (rows[50].close * d("1.03")).round_dp(1);
        (rows[50].close, rows[50].high) = (high, high);
        let open = high + d(opens);
        (rows[51].open, rows[51].high) = (open, open.max(high));
        heaviest(&case.judge(), 50)
    };
    assert_eq!(taken_back("0"), Some(("A.spike", Severity::Warning)));
    assert_eq!(taken_back("-1.5"), None);
}
