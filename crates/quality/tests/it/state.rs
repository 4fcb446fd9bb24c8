//! What the past changes.

use robust_market::{Acceptance, Payload, Request, Timestamp};
use robust_quality::{Context, SymbolState, judge};

use super::clean::{self, NOW, at, d};

fn rules(report: &robust_quality::Report) -> Vec<&'static str> {
    report.issues.iter().map(|issue| issue.rule).collect()
}

#[test]
fn an_older_time_or_a_lower_sequence_than_the_accepted_one_is_an_error() {
    let mut state = SymbolState::new();
    let mut case = clean::ticker();
    case.now = at(NOW + 3);
    assert_eq!(case.judge_with(&mut state).acceptance, Acceptance::Accept);
    // Polled again before anything has changed: a fact.
    case.origin = Some(robust_market::Origin::Rest);
    let again = case.judge_with(&mut state);
    assert_eq!(rules(&again), ["U.replay"]);
    assert_eq!(again.acceptance, Acceptance::Accept);
    let Payload::Ticker(ticker) = &mut case.decoded.value else {
        unreachable!()
    };
    ticker.time = Some(at(NOW - 1));
    let report = case.judge_with(&mut state);
    assert_eq!(rules(&report), ["K.ts_regress"]);
    assert_eq!(report.acceptance, Acceptance::Quarantine);
    let Payload::Ticker(ticker) = &mut case.decoded.value else {
        unreachable!()
    };
    ticker.time = Some(at(NOW));
    ticker.sequence = Some(76);
    assert_eq!(rules(&case.judge_with(&mut state)), ["K.seq_regress"]);
}

#[test]
fn a_book_with_a_lower_sequence_is_an_error() {
    let mut state = SymbolState::new();
    let mut case = clean::book();
    case.judge_with(&mut state);
    let Payload::OrderBook(book) = &mut case.decoded.value else {
        unreachable!()
    };
    book.sequence = Some(8);
    assert_eq!(rules(&case.judge_with(&mut state)), ["K.seq_regress"]);
}

#[test]
fn a_refused_value_teaches_nothing() {
    let mut state = SymbolState::new();
    let mut case = clean::ticker();
    let Payload::Ticker(ticker) = &mut case.decoded.value else {
        unreachable!()
    };
    ticker.time = Some(at(NOW + 30)); // an error
    ticker.sequence = Some(u64::MAX);
    assert_eq!(
        case.judge_with(&mut state).acceptance,
        Acceptance::Quarantine
    );
    assert_eq!((state.last_time(), state.last_sequence()), (None, None));
    assert_eq!(clean::ticker().judge_with(&mut state).issues, []);
}

#[test]
fn a_market_that_is_always_thin_is_accepted_from_the_second_book_on() {
    let mut state = SymbolState::new();
    let mut case = clean::book();
    let Payload::OrderBook(book) = &mut case.decoded.value else {
        unreachable!()
    };
    book.bids.truncate(30);
    book.asks.truncate(12);
    assert_eq!(rules(&case.judge_with(&mut state)), ["C.depth"]);
    assert_eq!(case.judge_with(&mut state).issues, []);
}

#[test]
fn an_empty_side_of_a_halted_market_is_a_fact() {
    let mut case = clean::book();
    let Payload::OrderBook(book) = &mut case.decoded.value else {
        unreachable!()
    };
    book.asks.clear();
    let mut context = Context::new(&case.request, case.profile, case.received, case.now);
    context.halted = true;
    let report = judge(&case.decoded, &context, &mut SymbolState::new()).unwrap();
    assert_eq!(report.acceptance, Acceptance::Accept);
}

#[test]
fn an_old_page_of_bars_that_was_asked_for_is_not_stale() {
    let mut case = clean::candles();
    case.now = at(NOW + 1_000_000);
    case.received = case.now;
    assert!(rules(&case.judge()).contains(&"T.stale"));
    let Request::Candles { since, limit, .. } = &mut case.request else {
        unreachable!()
    };
    *since = Some(at(NOW - 12_000));
    *limit = Some(200);
    assert_eq!(case.judge().issues, []);
    let Request::Candles { limit, .. } = &mut case.request else {
        unreachable!()
    };
    *limit = Some(300); // a window in the past that came short
    assert_eq!(rules(&case.judge()), ["C.short"]);
}

#[test]
fn bars_without_trades_may_be_left_out_where_the_source_leaves_them_out() {
    let mut case = clean::candles();
    case.profile.dense_candles = false;
    let Payload::Candles(series) = &mut case.decoded.value else {
        unreachable!()
    };
    series.rows.drain(20..60);
    let report = case.judge();
    assert_eq!(report.acceptance, Acceptance::Accept);
    assert!(rules(&report).contains(&"C.gap"));
}

#[test]
fn the_report_is_the_same_for_the_same_arguments() {
    for case in clean::all() {
        assert_eq!(case.judge(), case.judge());
    }
    let mut case = clean::ticker();
    let Payload::Ticker(ticker) = &mut case.decoded.value else {
        unreachable!()
    };
    ticker.bid = Some(d("99999"));
    ticker.time = Some(Timestamp::from_ns(i64::MAX));
    assert_eq!(case.judge(), case.judge());
}

#[test]
fn the_first_bar_of_a_new_market_is_no_fault() {
    let mut case = clean::candles();
    let Payload::Candles(series) = &mut case.decoded.value else {
        unreachable!()
    };
    series.rows.drain(..200);
    assert_eq!(rules(&case.judge()), ["C.short"]);
    let Request::Candles { limit, .. } = &mut case.request else {
        unreachable!()
    };
    *limit = None;
    assert_eq!(case.judge().acceptance, Acceptance::Accept);
}
