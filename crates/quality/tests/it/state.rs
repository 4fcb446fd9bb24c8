//! What the past changes.

use robust_market::{Acceptance, Decoded, Payload, Request, Severity, Timestamp};
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
fn a_book_with_the_number_of_the_last_one_and_other_levels_is_an_error() {
    let mut state = SymbolState::new();
    let mut case = clean::book();
    case.judge_with(&mut state);
    // Fewer levels of the same book are the same book.
    let Payload::OrderBook(book) = &mut case.decoded.value else {
        unreachable!()
    };
    book.bids.truncate(60);
    book.asks.truncate(60);
    assert_eq!(rules(&case.judge_with(&mut state)), [""; 0]);
    let Payload::OrderBook(book) = &mut case.decoded.value else {
        unreachable!()
    };
    book.bids[3].size += d("1");
    assert_eq!(rules(&case.judge_with(&mut state)), ["U.conflict"]);
}

#[test]
fn a_book_that_stands_still_while_its_market_trades_is_frozen() {
    let case = clean::book();
    let Payload::OrderBook(book) = &case.decoded.value else {
        unreachable!()
    };
    let mut book = book.clone();
    let mut first = |sequence, trades: Option<i64>| {
        let mut state = SymbolState::new();
        let mut found = None;
        for second in 0..100 {
            let now = at(NOW + second);
            book.time = Some(now);
            book.sequence = sequence;
            let decoded = Decoded::clean(Payload::OrderBook(book.clone()));
            let mut context = Context::new(&case.request, case.profile, now, now);
            context.traded = trades.map(|trade| at(NOW + trade));
            let report = judge(&decoded, &context, &mut state).unwrap();
            if let Some(issue) = report.issues.iter().find(|i| i.rule == "A.frozen") {
                found.get_or_insert((second, issue.severity));
            }
        }
        found
    };
    assert_eq!(first(Some(9), Some(12)), Some((30, Severity::Warning)));
    // A market that rests is no frozen feed, and neither is one of which no trade is known.
    assert_eq!(first(Some(9), Some(-3)), None);
    assert_eq!(first(None, None), None);
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
fn the_first_book_of_a_thin_market_is_whole_and_a_thinner_one_later_is_not() {
    let mut state = SymbolState::new();
    let mut case = clean::book();
    let Payload::OrderBook(book) = &mut case.decoded.value else {
        unreachable!()
    };
    // A hundred were asked for; how deep the market is nobody knows yet.
    book.bids.truncate(30);
    book.asks.truncate(12);
    let first = case.judge_with(&mut state);
    assert_eq!(
        (first.issues.as_slice(), first.overall.get()),
        (&[][..], 100.0)
    );
    assert_eq!(case.judge_with(&mut state).issues, []);
    let Payload::OrderBook(book) = &mut case.decoded.value else {
        unreachable!()
    };
    book.asks.truncate(5);
    assert_eq!(rules(&case.judge_with(&mut state)), ["C.depth"]);
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

/// A page of bars, some of which are left out, judged with `limit` bars asked for.
fn sparse(
    rows: std::ops::Range<usize>,
    every: usize,
    limit: u32,
    state: &mut SymbolState,
) -> Vec<(&'static str, Severity)> {
    let mut case = clean::candles();
    case.profile.dense_candles = false;
    case.request = Request::Candles {
        symbol: clean::symbol(),
        interval: robust_market::Interval::M1,
        since: None,
        limit: Some(limit),
    };
    let Payload::Candles(series) = &mut case.decoded.value else {
        unreachable!()
    };
    let mut place = 0;
    series.rows.retain(|_| {
        place += 1;
        rows.contains(&(place - 1)) && place % every != 3
    });
    let report = case.judge_with(state);
    let issues = report.issues.iter();
    issues.map(|issue| (issue.rule, issue.severity)).collect()
}

#[test]
fn half_of_the_bars_asked_for_is_too_few_also_where_empty_ones_are_left_out() {
    use Severity::{Error, Info};
    // Every fourth minute was without a trade: 151 bars cover the 201 minutes that were asked for.
    let whole = sparse(0..201, 4, 201, &mut SymbolState::new());
    assert_eq!(whole, [("C.gap", Info)]);
    // The newer half of them does not, and no pause of this market is that long.
    let half = sparse(100..201, 4, 201, &mut SymbolState::new());
    assert_eq!(half, [("C.short", Error), ("C.gap", Info)]);
    // A pause at the head that is no longer than the others is no fault.
    let head = sparse(3..201, 4, 201, &mut SymbolState::new());
    assert_eq!(head, [("C.gap", Info), ("C.short", Info)]);
}

#[test]
fn a_source_that_has_shown_to_count_bars_is_held_to_it() {
    let mut state = SymbolState::new();
    // 151 bars were asked for, and came, over 201 minutes.
    assert_eq!(
        sparse(0..201, 4, 151, &mut state),
        [("C.gap", Severity::Info)]
    );
    let fewer = sparse(41..201, 4, 151, &mut state);
    assert_eq!(fewer[0], ("C.short", Severity::Error), "{fewer:?}");
    // Of a source that is not known to, the same may be what happened in 151 minutes.
    let unknown = sparse(41..201, 4, 151, &mut SymbolState::new());
    assert_eq!(unknown, [("C.gap", Severity::Info)]);
}

#[test]
fn a_hole_three_times_as_long_as_the_longest_usual_one_is_told_where_empty_bars_are_left_out() {
    let mut state = SymbolState::new();
    let learned = sparse(0..201, 4, 201, &mut state);
    assert_eq!(learned, [("C.gap", Severity::Info)]);
    let mut case = clean::candles();
    case.profile.dense_candles = false;
    let Payload::Candles(series) = &mut case.decoded.value else {
        unreachable!()
    };
    series.rows.drain(60..72);
    let report = case.judge_with(&mut state);
    let gap = report.issues.iter().find(|issue| issue.rule == "C.gap");
    assert_eq!(gap.map(|gap| gap.severity), Some(Severity::Warning));
    assert_eq!(report.acceptance, Acceptance::Accept);
}

#[test]
fn trades_that_are_far_older_than_this_market_ever_waits_are_told_and_a_quiet_market_is_not_stale()
{
    use std::time::Duration;
    let later = |seconds: u64, state: &mut SymbolState| {
        let mut case = clean::trades();
        case.now = case.now.saturating_add(Duration::from_secs(seconds));
        case.received = case.now;
        let report = case.judge_with(state);
        let stale = report.issues.iter().find(|issue| issue.rule == "T.stale");
        let timeliness = report.dimension(robust_market::Dimension::Timeliness);
        assert_eq!(report.acceptance, Acceptance::Accept, "{seconds}");
        (
            stale.map(|issue| issue.severity),
            timeliness.map(robust_market::Score::get),
        )
    };
    // Two trades a second, the longest wait one second: a minute of silence is the least that is ever told.
    assert_eq!(later(0, &mut SymbolState::new()), (None, Some(100.0)));
    assert_eq!(later(50, &mut SymbolState::new()).0, None);
    let six_hours = later(21_600, &mut SymbolState::new());
    assert_eq!(six_hours, (Some(Severity::Warning), Some(95.0)));
    // A market that has waited for an hour before may do so again.
    let mut state = SymbolState::new();
    let mut case = clean::trades();
    let Payload::Trades(page) = &mut case.decoded.value else {
        unreachable!()
    };
    for row in &mut page.rows[..100] {
        row.time = at(row.time.as_secs() - 3_600);
    }
    let _ = case.judge_with(&mut state);
    let Payload::Trades(page) = clean::trades().decoded.value else {
        unreachable!()
    };
    let mut newer = clean::trades();
    newer.decoded.value = Payload::Trades(page);
    newer.now = newer.now.saturating_add(Duration::from_secs(21_600));
    newer.received = newer.now;
    // Other ids: the same page again would be told as that.
    let Payload::Trades(page) = &mut newer.decoded.value else {
        unreachable!()
    };
    for (nth, row) in page.rows.iter_mut().enumerate() {
        row.id = Some(format!("{}", 5_150 + nth).into());
        row.time = row.time.saturating_add(Duration::from_millis(1));
    }
    let report = newer.judge_with(&mut state);
    assert!(!rules(&report).contains(&"T.stale"), "{:?}", report.issues);
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
