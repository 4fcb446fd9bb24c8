//! One fault at a time: the rule that must find it, how heavy, and in no other dimension.

use std::collections::BTreeSet;

use robust_market::{
    Acceptance, Candles, Decoded, Defect, DefectKind, OrderBook, Payload, Request, Severity,
    Ticker, Trades,
};
use robust_quality::{Profile, RULES};
use rust_decimal::Decimal;

use super::clean::{self, Case, NOW, at, d};

use Acceptance::{Accept, AcceptWithExclusions, Quarantine, Reject};
use Severity::{Critical, Error, Info, Warning};

/// A name, a clean answer, a fault, the rule that finds it, its severity and what becomes of the answer.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) base: fn() -> Case,
    pub(crate) break_it: fn(&mut Case),
    rule: &'static str,
    severity: Severity,
    acceptance: Acceptance,
}

macro_rules! faults {
    ($($base:ident $name:literal |$x:ident| $break_it:expr => $rule:literal $severity:ident $acceptance:ident;)*) => {
        vec![$(Fault {
            name: concat!(stringify!($base), ": ", $name),
            base: clean::$base,
            break_it: |$x: &mut Case| { $break_it; },
            rule: $rule,
            severity: $severity,
            acceptance: $acceptance,
        }),*]
    };
}

fn ticker(case: &mut Case) -> &mut Ticker {
    match &mut case.decoded.value {
        Payload::Ticker(ticker) => ticker,
        Payload::Tickers(rows) => &mut rows[5],
        _ => unreachable!(),
    }
}

fn rows(case: &mut Case) -> &mut Vec<Ticker> {
    match &mut case.decoded.value {
        Payload::Tickers(rows) => rows,
        _ => unreachable!(),
    }
}

fn book(case: &mut Case) -> &mut OrderBook {
    match &mut case.decoded.value {
        Payload::OrderBook(book) => book,
        _ => unreachable!(),
    }
}

fn bars(case: &mut Case) -> &mut Candles {
    match &mut case.decoded.value {
        Payload::Candles(candles) => candles,
        _ => unreachable!(),
    }
}

fn page(case: &mut Case) -> &mut Trades {
    match &mut case.decoded.value {
        Payload::Trades(trades) => trades,
        _ => unreachable!(),
    }
}

fn note(case: &mut Case, index: impl Into<Option<usize>>, field: &'static str, kind: DefectKind) {
    let text = (kind == DefectKind::NotFinite).then_some("NaN");
    case.decoded
        .note(Defect::new(index.into(), field, kind, text));
}

/// Takes a row out of the value, as a decoder does with a row whose required field is broken.
fn leave_out(case: &mut Case, index: usize, field: &'static str, kind: DefectKind) {
    match &mut case.decoded.value {
        Payload::Tickers(rows) => drop(rows.remove(index)),
        Payload::OrderBook(book) => {
            book.bids.remove(index);
        }
        Payload::Candles(candles) => {
            candles.rows.remove(index);
        }
        Payload::Trades(trades) => drop(trades.rows.remove(index)),
        _ => unreachable!(),
    }
    case.decoded.excluded.push(index);
    note(case, index, field, kind);
}

/// Multiplies the prices of some bars.
fn scale(case: &mut Case, rows: std::ops::Range<usize>, by: &str) {
    for row in &mut bars(case).rows[rows] {
        for price in [&mut row.open, &mut row.high, &mut row.low, &mut row.close] {
            *price = (*price * d(by)).round_dp(1);
        }
        row.vwap = row.vwap.map(|vwap| vwap * d(by));
        row.quote_volume = row.quote_volume.map(|quote| quote * d(by));
    }
}

/// Gives some bars the values of another one; each keeps its time.
fn copy(case: &mut Case, from: usize, rows: std::ops::Range<usize>) {
    let values = bars(case).rows[from].clone();
    for row in &mut bars(case).rows[rows] {
        let (time, closed) = (row.time, row.closed);
        *row = values.clone();
        (row.time, row.closed) = (time, closed);
    }
}

fn shift_times(case: &mut Case, seconds: i64) {
    for row in &mut bars(case).rows {
        row.time = at(row.time.as_secs() + seconds);
    }
}

pub(crate) fn catalogue() -> Vec<Fault> {
    use DefectKind::{Missing, NotFinite, Null, OutOfRange, Unparsable, WrongType};
    faults! {
        ticker "last is missing" |c| ticker(c).last = None => "C.required" Critical Reject;
        ticker "last is null" |c| { ticker(c).last = None; note(c, 0, "last", Null) } => "C.required" Critical Reject;
        ticker "last is NaN" |c| { ticker(c).last = None; note(c, None, "last", NotFinite) } => "V.finite" Critical Reject;
        ticker "last is a bool" |c| { ticker(c).last = None; note(c, 0, "last", WrongType) } => "V.type" Critical Reject;
        ticker "last is zero" |c| ticker(c).last = Some(d("0")) => "V.price" Critical Reject;
        ticker "bid is negative" |c| ticker(c).bid = Some(d("-1")) => "V.price" Error Quarantine;
        ticker "volume is negative" |c| ticker(c).base_volume = Some(d("-1")) => "V.size" Error Quarantine;
        ticker "29 digits" |c| { ticker(c).quote_volume = None; note(c, 0, "quote_volume", OutOfRange) } => "V.range" Error Quarantine;
        ticker "text in a number" |c| { ticker(c).high = None; note(c, 0, "high", Unparsable) } => "V.type" Error Quarantine;
        ticker "no ask" |c| ticker(c).ask = None => "C.one_sided" Warning Quarantine;
        ticker "all optional fields missing" |c| {
            let mut bare = Ticker::new(clean::symbol());
            let full = ticker(c).clone();
            (bare.last, bare.bid, bare.ask, bare.time) = (full.last, full.bid, full.ask, full.time);
            *ticker(c) = bare;
        } => "C.optional" Warning Quarantine;
        ticker "one optional field missing" |c| ticker(c).open = None => "C.optional" Info Accept;
        ticker "another pair" |c| ticker(c).symbol = "ETH/USDT".parse().unwrap() => "V.symbol_mismatch" Critical Reject;
        ticker "off the grid" |c| c.profile = c.profile.with_steps(Some(d("0.5")), None) => "V.tick" Info Accept;
        ticker "crossed" |c| ticker(c).bid = Some(d("36500.30")) => "K.crossed" Error Quarantine;
        ticker "locked" |c| ticker(c).bid = Some(d("36500.20")) => "K.locked" Warning Accept;
        ticker "last far from the quote" |c| ticker(c).last = Some(d("36900.00")) => "K.last_vs_quote" Warning Accept;
        ticker "high below low" |c| { let t = ticker(c); (t.high, t.low) = (t.low, t.high) } => "K.high_low" Error Quarantine;
        ticker "last above the range" |c| ticker(c).high = Some(d("36420.00")) => "K.last_vs_range" Warning Accept;
        ticker "open above the range" |c| ticker(c).open = Some(d("38000.00")) => "K.open_vs_range" Warning Accept;
        ticker "the change with another sign" |c| { let t = ticker(c); t.change = t.change.map(|change| -change) } => "K.change" Warning Accept;
        ticker "a quote volume of nothing" |c| ticker(c).base_volume = Some(d("0")) => "K.quote_volume" Warning Accept;
        ticker "vwap above the range" |c| { let t = ticker(c); t.vwap = Some(d("37100")); t.quote_volume = Some(d("37100000")) } => "K.vwap_range" Warning Accept;
        ticker "quote volume in another unit" |c| ticker(c).quote_volume = Some(d("364000")) => "K.quote_volume" Warning Accept;
        ticker "11 s old" |c| ticker(c).time = Some(at(NOW - 11)) => "T.stale" Warning Quarantine;
        ticker "10 min old" |c| ticker(c).time = Some(at(NOW - 600)) => "T.stale" Error Quarantine;
        ticker "2 s ahead" |c| ticker(c).time = Some(at(NOW + 2)) => "T.future" Warning Accept;
        ticker "10 s ahead" |c| ticker(c).time = Some(at(NOW + 10)) => "T.future" Error Quarantine;
        ticker "an hour ahead" |c| ticker(c).time = Some(at(NOW + 3_600)) => "T.future" Critical Reject;
        ticker "seconds read as milliseconds" |c| ticker(c).time = Some(robust_market::Timestamp::from_ms(NOW).unwrap()) => "V.ts_unit" Error Quarantine;
        ticker "microseconds read as milliseconds" |c| {
            ticker(c).time = None;
            c.decoded.note(Defect::new(Some(0), "time", OutOfRange, Some("1700049600000000")));
        } => "V.ts_unit" Error Quarantine;
        ticker "a time before all markets" |c| ticker(c).time = Some(at(5)) => "V.time" Error Quarantine;
        ticker "another kind of answer" |c| c.decoded.value = Payload::ServerTime(at(NOW)) => "V.kind" Critical Reject;
        ticker "no time where there is none" |c| { ticker(c).time = None; c.profile = Profile::default() } => "T.no_event_time" Info Accept;

        tickers "one without last" |c| ticker(c).last = None => "C.required" Error AcceptWithExclusions;
        tickers "one with a bad price" |c| ticker(c).last = Some(d("-2")) => "V.price" Error AcceptWithExclusions;
        tickers "one crossed" |c| ticker(c).bid = Some(d("36500.30")) => "K.crossed" Error AcceptWithExclusions;
        tickers "one ahead" |c| ticker(c).time = Some(at(NOW + 61)) => "T.future" Error AcceptWithExclusions;
        tickers "one that could not be read" |c| leave_out(c, 3, "symbol", WrongType) => "V.type" Error AcceptWithExclusions;
        tickers "one twice" |c| { let copy = rows(c)[5].clone(); rows(c).push(copy) } => "U.dup_symbol" Error AcceptWithExclusions;
        tickers "one that was not asked for" |c| {
            let asked = rows(c).iter().map(|t| t.symbol.clone()).collect();
            c.request = Request::Tickers { symbols: asked };
            let mut other = rows(c)[5].clone();
            other.symbol = "ZZZ/USDT".parse().unwrap();
            rows(c).push(other);
        } => "V.symbol_mismatch" Error AcceptWithExclusions;
        tickers "one that did not come" |c| {
            let mut asked: Vec<_> = rows(c).iter().map(|t| t.symbol.clone()).collect();
            asked.push("ZZZ/USDT".parse().unwrap());
            c.request = Request::Tickers { symbols: asked };
            // What the decoder notes about it is the same fault, not a second one.
            c.decoded.note(Defect::new(None, "symbol", Missing, Some("ZZZ/USDT")));
        } => "C.absent" Warning Accept;

        book "crossed" |c| book(c).bids[0].price = d("36500.2") => "K.crossed" Critical Reject;
        book "locked" |c| book(c).bids[0].price = d("36500.1") => "K.locked" Warning Accept;
        book "sides swapped" |c| { let b = book(c); std::mem::swap(&mut b.bids, &mut b.asks) } => "K.crossed" Critical Reject;
        book "unsorted bids" |c| book(c).bids.swap(3, 9) => "K.unsorted_bids" Error Quarantine;
        book "unsorted asks" |c| book(c).asks.reverse() => "K.unsorted_asks" Error Quarantine;
        book "a price twice" |c| book(c).bids[4].price = d("36499.70") => "U.dup_level" Error Quarantine;
        book "size zero" |c| book(c).asks[4].size = d("0") => "V.size" Error Quarantine;
        book "size negative" |c| book(c).asks[4].size = d("-1") => "V.size" Error Quarantine;
        book "price negative" |c| book(c).asks[4].price = d("-1") => "V.price" Error Quarantine;
        book "a NaN level" |c| leave_out(c, 4, "bids.price", NotFinite) => "V.finite" Error Quarantine;
        book "a null level" |c| leave_out(c, 4, "bids.size", Null) => "C.row" Error Quarantine;
        book "no bids" |c| book(c).bids.clear() => "C.side_empty" Error Quarantine;
        book "both sides empty" |c| { book(c).bids.clear(); book(c).asks.clear() } => "C.sides" Critical Reject;
        book "a side is missing" |c| { book(c).asks.clear(); note(c, None, "asks", Missing) } => "C.sides" Critical Reject;
        book "a side is no list" |c| { book(c).asks.clear(); note(c, None, "asks", WrongType) } => "V.type" Critical Reject;
        book "depth of one" |c| { book(c).bids.truncate(1); book(c).asks.truncate(1) } => "C.depth" Warning Quarantine;
        book "off the grid" |c| c.profile = c.profile.with_steps(Some(d("0.3")), None) => "V.tick" Warning Quarantine;
        book "another pair" |c| book(c).symbol = "ETH/USDT".parse().unwrap() => "V.symbol_mismatch" Critical Reject;
        book "stale" |c| book(c).time = Some(at(NOW - 90)) => "T.stale" Error Quarantine;

        candles "high below the body" |c| bars(c).rows[20].high = d("36400") => "K.high" Error AcceptWithExclusions;
        candles "low above the body" |c| bars(c).rows[7].low = d("36600") => "K.low" Error AcceptWithExclusions;
        candles "price zero" |c| bars(c).rows[21].close = d("0") => "V.price" Error AcceptWithExclusions;
        candles "volume negative" |c| bars(c).rows[7].volume = d("-1") => "V.size" Error AcceptWithExclusions;
        candles "closed or not is not said" |c| c.decoded.note(Defect::new(Some(7), "closed", Missing, None)) => "C.row" Warning Accept;
        candles "a NaN close" |c| leave_out(c, 7, "close", NotFinite) => "V.finite" Error AcceptWithExclusions;
        candles "a null close" |c| leave_out(c, 7, "close", Null) => "C.row" Error AcceptWithExclusions;
        candles "a short row" |c| leave_out(c, 7, "volume", Missing) => "C.row" Error AcceptWithExclusions;
        candles "one missing" |c| { bars(c).rows.remove(7); } => "C.gap" Warning Accept;
        candles "twenty missing" |c| drop(bars(c).rows.drain(50..70)) => "C.gap" Error Quarantine;
        candles "half the answer" |c| drop(bars(c).rows.drain(..100)) => "C.short" Error Quarantine;
        candles "93 % of the answer" |c| drop(bars(c).rows.drain(..14)) => "C.short" Warning Quarantine;
        candles "nothing" |c| bars(c).rows.clear() => "C.short" Error Reject;
        candles "the same bar again" |c| { let copy = bars(c).rows[7].clone(); bars(c).rows.insert(8, copy) } => "U.dup_exact" Error AcceptWithExclusions;
        candles "a different bar of the same time" |c| { let mut copy = bars(c).rows[7].clone(); copy.close += Decimal::ONE; bars(c).rows.insert(8, copy) } => "U.dup_conflict" Error AcceptWithExclusions;
        candles "neighbours swapped" |c| bars(c).rows.swap(7, 8) => "K.order" Error AcceptWithExclusions;
        candles "reversed" |c| bars(c).rows.reverse() => "K.descending" Error Quarantine;
        candles "one a second late" |c| { let t = bars(c).rows[7].time.as_secs(); bars(c).rows[7].time = at(t + 1) } => "V.grid" Error AcceptWithExclusions;
        candles "three shifted alike" |c| for n in 7..10 { let t = bars(c).rows[n].time.as_secs(); bars(c).rows[n].time = at(t + 14) } => "V.shifted_grid" Warning Accept;
        candles "five-minute bars" |c| { c.request = Request::Candles { symbol: clean::symbol(), interval: robust_market::Interval::M5, since: None, limit: None } } => "V.interval" Error Quarantine;
        candles "seconds read as milliseconds" |c| for row in &mut bars(c).rows { row.time = robust_market::Timestamp::from_ms(row.time.as_secs()).unwrap() } => "V.ts_unit" Critical Reject;
        candles "seven hours ahead" |c| shift_times(c, 25_200) => "T.future" Critical Reject;
        candles "twelve bars old" |c| shift_times(c, -720) => "T.stale" Error Quarantine;
        candles "volume zero and a range" |c| { let r = &mut bars(c).rows[22]; r.volume = d("0"); r.quote_volume = Some(d("0")); r.count = Some(0) } => "K.zero_vol" Warning Accept;
        candles "trades without volume" |c| bars(c).rows[23].count = Some(0) => "K.count" Warning Accept;
        candles "vwap outside" |c| bars(c).rows[24].vwap = Some(d("36600")) => "K.vwap" Error AcceptWithExclusions;
        candles "quote volume outside" |c| { let r = &mut bars(c).rows[7]; r.quote_volume = r.quote_volume.map(|q| q * d("1.01")) } => "K.quote_volume" Error AcceptWithExclusions;
        candles "another pair" |c| bars(c).symbol = "ETH/USDT".parse().unwrap() => "V.symbol_mismatch" Critical Reject;
        candles "more broken rows than the list of defects holds" |c| { bars(c).rows.remove(9); c.decoded.excluded.push(9); c.decoded.defects_dropped = 1 } => "V.unreadable" Error AcceptWithExclusions;
        candles "most rows are broken" |c| for row in &mut bars(c).rows[..120] { row.open = d("-1") } => "V.price" Error Reject;

        candles "one lifted by a tenth" |c| scale(c, 50..51, "1.1") => "A.displaced" Error AcceptWithExclusions;
        candles "five of another pair" |c| scale(c, 50..55, "0.04") => "A.displaced" Error Quarantine;
        candles "5 % between two bars" |c| scale(c, 100..201, "1.05") => "A.open_gap" Warning Accept;
        candles "half of the price between two bars" |c| scale(c, 100..201, "0.5") => "A.open_gap" Error AcceptWithExclusions;
        candles "a close that is taken back" |c| {
            let high = (bars(c).rows[50].close * d("1.05")).round_dp(1);
            let [bar, next] = &mut bars(c).rows[50..52] else { unreachable!() };
            (bar.close, bar.high, next.open, next.high) = (high, high, high, high);
        } => "A.spike" Warning Accept;
        candles "a wick of three times" |c| bars(c).rows[50].high *= d("3") => "A.wick" Warning Accept;
        candles "a move that is kept" |c| {
            scale(c, 101..201, "1.05");
            let next = bars(c).rows[101].open;
            (bars(c).rows[100].close, bars(c).rows[100].high) = (next, next);
        } => "A.level_shift" Info Accept;
        candles "a thousand times the volume" |c| {
            let row = &mut bars(c).rows[50];
            row.volume *= d("1000");
            row.quote_volume = row.quote_volume.map(|q| q * d("1000"));
        } => "A.volume_spike" Warning Accept;
        candles "five times the same bar" |c| copy(c, 60, 61..65) => "A.frozen" Error AcceptWithExclusions;
        candles "five times the same volume" |c| for n in 70..75 {
            let row = &mut bars(c).rows[n];
            row.quote_volume = row.vwap.map(|vwap| vwap * d("2.345"));
            row.volume = d("2.345");
        } => "A.volume_repeat" Error AcceptWithExclusions;
        candles "drawn with a ruler" |c| {
            let from = bars(c).rows[79].close;
            for n in 80..100_u32 {
                let row = &mut bars(c).rows[n as usize];
                row.open = from + Decimal::from(n - 80) * d("5");
                row.close = row.open + d("5");
                (row.low, row.high) = (row.open, row.close);
                (row.vwap, row.quote_volume) = (None, None);
            }
            let row = &mut bars(c).rows[100];
            (row.open, row.high) = (from + d("100"), row.high.max(from + d("100")));
        } => "A.interpolated" Error Quarantine;
        candles "one bar over and over" |c| copy(c, 0, 1..201) => "A.constant" Critical Reject;
        candles "ten bars of an hour ago" |c| for n in 120..130 { copy(c, n - 100, n..n + 1) } => "A.repeated_block" Error Quarantine;
        candles "the noise of a float" |c| bars(c).rows[30].close += d("0.0000000001") => "A.off_grid" Warning Accept;

        trades "price missing" |c| leave_out(c, 7, "price", Missing) => "C.row" Error AcceptWithExclusions;
        trades "price NaN" |c| leave_out(c, 7, "price", NotFinite) => "V.finite" Error AcceptWithExclusions;
        trades "price zero" |c| page(c).rows[7].price = d("0") => "V.price" Error AcceptWithExclusions;
        trades "amount negative" |c| page(c).rows[7].amount = d("-1") => "V.size" Error AcceptWithExclusions;
        trades "one without a side" |c| page(c).rows[7].side = None => "C.optional" Warning Accept;
        trades "one without an id" |c| { c.profile.dense_trade_ids = false; page(c).rows[7].id = None } => "C.optional" Warning Accept;
        trades "empty id" |c| page(c).rows[7].id = Some("".into()) => "V.id" Error AcceptWithExclusions;
        trades "the same again" |c| { let copy = page(c).rows[7].clone(); page(c).rows.insert(8, copy) } => "U.dup_exact" Error AcceptWithExclusions;
        trades "one id, two trades" |c| { let mut copy = page(c).rows[7].clone(); copy.price += Decimal::ONE; page(c).rows.insert(8, copy) } => "U.dup_conflict" Error AcceptWithExclusions;
        trades "one id left out" |c| { page(c).rows.remove(7); } => "C.id_gap" Warning Accept;
        trades "five ids left out" |c| drop(page(c).rows.drain(7..12)) => "C.id_gap" Error Quarantine;
        trades "out of order" |c| page(c).rows.swap(7, 90) => "K.order" Error AcceptWithExclusions;
        trades "newest first" |c| page(c).rows.reverse() => "K.descending" Warning Accept;
        trades "one record under new numbers" |c| for (n, row) in page(c).rows[50..71].iter_mut().enumerate() { (row.side, row.price) = (None, d("36500.2")); row.time = at(NOW - 75 + i64::try_from(n).unwrap() / 2) } => "A.frozen" Warning Quarantine;
        trades "an amount a million times as large" |c| page(c).rows[50].amount *= d("1000000") => "A.size_outlier" Warning Accept;
        trades "a day ahead" |c| page(c).rows[199].time = at(NOW + 86_000) => "T.future" Error AcceptWithExclusions;
        trades "side unknown word" |c| { page(c).rows[7].side = None; note(c, 7, "side", Unparsable) } => "V.type" Error AcceptWithExclusions;
        trades "another pair" |c| page(c).symbol = "ETH/USDT".parse().unwrap() => "V.symbol_mismatch" Critical Reject;
        trades "no trade" |c| page(c).rows.clear() => "C.quiet" Info Accept;
        trades "an old page" |c| c.received = at(NOW - 90) => "T.stale" Error Quarantine;
    }
}

#[test]
fn each_fault_is_found_by_its_rule_with_its_weight() {
    for fault in catalogue() {
        let mut case = (fault.base)();
        (fault.break_it)(&mut case);
        let report = case.judge();
        let found = report
            .issues
            .iter()
            .find(|issue| issue.rule == fault.rule && issue.severity == fault.severity);
        assert!(found.is_some(), "{}: {:#?}", fault.name, report.issues);
        assert_eq!(
            report.acceptance, fault.acceptance,
            "{}: {report:#?}",
            fault.name
        );
    }
}

#[test]
fn one_fault_is_one_dimension() {
    for fault in catalogue() {
        let mut case = (fault.base)();
        (fault.break_it)(&mut case);
        let report = case.judge();
        let dimensions: BTreeSet<_> = report.issues.iter().map(|issue| issue.dimension).collect();
        assert_eq!(dimensions.len(), 1, "{}: {:#?}", fault.name, report.issues);
    }
}

#[test]
fn a_fault_never_scores_above_the_clean_answer() {
    for fault in catalogue() {
        let mut case = (fault.base)();
        let before = case.judge();
        (fault.break_it)(&mut case);
        let after = case.judge();
        assert!(after.overall <= before.overall, "{}", fault.name);
        assert!(after.acceptance <= before.acceptance, "{}", fault.name);
    }
}

#[test]
fn the_named_record_is_the_one_that_was_broken() {
    for (fault, index) in [
        ("candles: price zero", 21),
        ("candles: a NaN close", 7),
        ("candles: the same bar again", 8),
        ("trades: price missing", 7),
        ("tickers: one crossed", 5),
        ("tickers: one that could not be read", 3),
    ] {
        let all = catalogue();
        let fault = all.iter().find(|known| known.name == fault).unwrap();
        let mut case = (fault.base)();
        (fault.break_it)(&mut case);
        let report = case.judge();
        assert_eq!(report.exclusions, [index], "{}", fault.name);
        assert_eq!(report.issues[0].index, Some(index), "{}", fault.name);
    }
}

/// A rule that nothing sets off is a rule that nobody knows to work. Those that need a past are in `past.rs`.
#[test]
fn every_rule_finds_something() {
    let mut silent: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    silent.remove("U.page_repeat"); // beside U.overlap, in past.rs
    for past in super::past::catalogue() {
        let report = (past.judge)();
        let found = report
            .issues
            .iter()
            .any(|issue| issue.rule == past.rule && issue.severity == past.severity);
        assert!(found, "{}: {:#?}", past.name, report.issues);
        silent.remove(past.rule);
    }
    for fault in catalogue() {
        let mut case = (fault.base)();
        (fault.break_it)(&mut case);
        for issue in case.judge().issues {
            silent.remove(issue.rule);
            let rule = RULES.iter().find(|rule| rule.id == issue.rule).unwrap();
            assert_eq!(rule.dimension, issue.dimension);
            assert!(issue.severity <= rule.severity, "{}", rule.id);
        }
    }
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn a_decoded_answer_without_defects_is_what_these_bases_are() {
    for case in clean::all() {
        assert!(Decoded::is_clean(&case.decoded));
    }
}

/// A source that is asked for the first time has not shown how its clock goes; 1.27 s were recorded of a real one.
#[test]
fn the_first_answers_of_a_clock_that_is_a_second_ahead_are_no_fault() {
    for (ahead, expected) in [(1_270, Severity::Info), (1_600, Severity::Warning)] {
        for mut case in [clean::ticker(), clean::book(), clean::trades()] {
            shift(&mut case, ahead);
            let report = case.judge();
            let future: Vec<_> = report
                .issues
                .iter()
                .filter(|issue| issue.rule == "T.future")
                .collect();
            assert_eq!(future.len(), 1, "{ahead}: {:#?}", report.issues);
            assert_eq!(future[0].severity, expected, "{ahead}");
        }
    }
}

/// A market in which nobody traded has no bars where empty ones are left out; one that had bars has lost them.
#[test]
fn no_bar_at_all_is_a_fault_only_where_there_were_some() {
    let mut none = clean::candles();
    none.profile.dense_candles = false;
    bars(&mut none).rows.clear();
    let first = none.judge();
    assert_eq!(first.acceptance, Accept, "{:#?}", first.issues);

    let mut state = robust_quality::SymbolState::new();
    let mut some = clean::candles();
    some.profile.dense_candles = false;
    let _ = some.judge_with(&mut state);
    let after = none.judge_with(&mut state);
    let found = after
        .issues
        .iter()
        .any(|issue| (issue.rule, issue.severity) == ("C.short", Error));
    assert!(found, "{:#?}", after.issues);
}

/// Puts what is newest this many milliseconds ahead of our clock.
fn shift(case: &mut clean::Case, ahead: u64) {
    let newest = case
        .now
        .saturating_add(std::time::Duration::from_millis(ahead));
    match &mut case.decoded.value {
        Payload::Ticker(ticker) => ticker.time = Some(newest),
        Payload::OrderBook(book) => book.time = Some(newest),
        Payload::Trades(trades) => trades.rows.last_mut().unwrap().time = newest,
        other => panic!("{other:?}"),
    }
}
