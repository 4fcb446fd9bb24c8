//! What holds for any answer.

use proptest::prelude::*;
use robust_market::{
    Acceptance, Candle, Candles, Decoded, Defect, DefectKind, Interval, Level, OrderBook, Payload,
    Report, Request, Side, Symbol, Ticker, Timestamp, Trade, Trades,
};
use robust_quality::{Context, Profile, SymbolState, TickerField, TickerFields, judge};
use rust_decimal::Decimal;

use super::clean;
use super::faults::catalogue;

fn number() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        Just(Decimal::MAX),
        Just(Decimal::MIN),
        Just(Decimal::ZERO),
        (any::<i64>(), 0u32..=28).prop_map(|(n, scale)| Decimal::new(n, scale)),
        (-5i64..5).prop_map(Decimal::from),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<i64>().prop_map(Timestamp::from_ns),
        (clean::NOW - 20_000..clean::NOW + 100)
            .prop_map(|s| Timestamp::from_secs(s / 60 * 60).unwrap()),
    ]
}

fn symbol() -> impl Strategy<Value = Symbol> {
    prop_oneof![Just("BTC/USDT"), Just("ETH/USDT"), Just("X/Y")].prop_map(|s| s.parse().unwrap())
}

fn interval() -> impl Strategy<Value = Interval> {
    prop_oneof![
        Just("1s"),
        Just("1m"),
        Just("1d"),
        Just("1w"),
        Just("1M"),
        Just("65535w"),
        Just("65535M")
    ]
    .prop_map(|text| text.parse().unwrap())
}

fn ticker() -> impl Strategy<Value = Ticker> {
    let numbers = prop::collection::vec(prop::option::of(number()), 12);
    (
        symbol(),
        numbers,
        prop::option::of(time()),
        any::<Option<u64>>(),
    )
        .prop_map(|(symbol, n, time, sequence)| {
            let mut ticker = Ticker::new(symbol);
            (ticker.last, ticker.bid, ticker.ask, ticker.high) = (n[0], n[1], n[2], n[3]);
            (ticker.low, ticker.open, ticker.vwap, ticker.change) = (n[4], n[5], n[6], n[7]);
            (ticker.bid_size, ticker.ask_size) = (n[8], n[9]);
            (ticker.base_volume, ticker.quote_volume) = (n[10], n[11]);
            (ticker.time, ticker.sequence) = (time, sequence);
            ticker
        })
}

fn levels() -> impl Strategy<Value = Vec<Level>> {
    let level = (number(), number()).prop_map(|(price, size)| Level { price, size });
    prop::collection::vec(level, 0..12)
}

fn book() -> impl Strategy<Value = OrderBook> {
    (
        symbol(),
        levels(),
        levels(),
        prop::option::of(time()),
        any::<Option<u64>>(),
    )
        .prop_map(|(symbol, bids, asks, time, sequence)| {
            let mut book = OrderBook::new(symbol);
            (book.bids, book.asks, book.time, book.sequence) = (bids, asks, time, sequence);
            book
        })
}

fn candle() -> impl Strategy<Value = Candle> {
    let numbers = prop::collection::vec(number(), 5);
    let optional = prop::collection::vec(prop::option::of(number()), 2);
    (
        time(),
        numbers,
        optional,
        any::<Option<u64>>(),
        any::<bool>(),
    )
        .prop_map(|(time, n, o, count, closed)| Candle {
            time,
            open: n[0],
            high: n[1],
            low: n[2],
            close: n[3],
            volume: n[4],
            quote_volume: o[0],
            vwap: o[1],
            count,
            closed,
        })
}

fn trade() -> impl Strategy<Value = Trade> {
    let id = prop::option::of(prop_oneof!["[0-9]{0,45}", "[a-c]{0,2}"]);
    let side = prop_oneof![Just(None), Just(Some(Side::Buy)), Just(Some(Side::Sell))];
    (id, number(), number(), side, time()).prop_map(|(id, price, amount, side, time)| Trade {
        id: id.map(Into::into),
        price,
        amount,
        side,
        time,
    })
}

pub(crate) fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        ticker().prop_map(Payload::Ticker),
        prop::collection::vec(ticker(), 0..6).prop_map(Payload::Tickers),
        book().prop_map(Payload::OrderBook),
        (symbol(), interval(), prop::collection::vec(candle(), 0..12)).prop_map(
            |(symbol, interval, rows)| {
                let mut candles = Candles::new(symbol, interval);
                candles.rows = rows;
                Payload::Candles(candles)
            }
        ),
        (symbol(), prop::collection::vec(trade(), 0..12)).prop_map(|(symbol, rows)| {
            let mut trades = Trades::new(symbol);
            trades.rows = rows;
            Payload::Trades(trades)
        }),
        time().prop_map(Payload::ServerTime),
    ]
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    let size = || prop::option::of(prop_oneof![0u32..300, any::<u32>()]);
    let many = || prop::collection::vec(symbol(), 0..3);
    prop_oneof![
        symbol().prop_map(|symbol| Request::Ticker { symbol }),
        many().prop_map(|symbols| Request::Tickers { symbols }),
        many().prop_map(|symbols| Request::BidsAsks { symbols }),
        many().prop_map(|symbols| Request::LastPrices { symbols }),
        (symbol(), size()).prop_map(|(symbol, depth)| Request::OrderBook { symbol, depth }),
        (symbol(), interval(), prop::option::of(time()), size()).prop_map(
            |(symbol, interval, since, limit)| Request::Candles {
                symbol,
                interval,
                since,
                limit
            }
        ),
        (symbol(), prop::option::of(time()), size()).prop_map(|(symbol, since, limit)| {
            Request::Trades {
                symbol,
                since,
                limit,
            }
        }),
    ]
}

fn defect() -> impl Strategy<Value = Defect> {
    let field = prop_oneof![
        Just("last"),
        Just("bids"),
        Just("asks.price"),
        Just("bids.size"),
        Just("time"),
        Just("close"),
        Just("id"),
        Just("no such field")
    ];
    let kind = prop_oneof![
        Just(DefectKind::Missing),
        Just(DefectKind::Null),
        Just(DefectKind::WrongType),
        Just(DefectKind::NotFinite),
        Just(DefectKind::OutOfRange),
        Just(DefectKind::Unparsable)
    ];
    (
        prop::option::of(0usize..20),
        field,
        kind,
        prop::option::of("[0-9a\n]{0,5}"),
    )
        .prop_map(|(index, field, kind, text)| Defect::new(index, field, kind, text.as_deref()))
}

fn profile() -> impl Strategy<Value = Profile> {
    (
        any::<bool>(),
        any::<bool>(),
        prop::option::of(number()),
        any::<Option<u32>>(),
    )
        .prop_map(|(dense_candles, dense_ids, step, history)| {
            let mut profile = Profile::default().with_steps(step, step);
            profile.dense_candles = dense_candles;
            profile.dense_trade_ids = dense_ids;
            profile.history = history;
            profile.expected = TickerFields::of(&TickerField::ALL);
            profile
        })
}

fn holds(report: &Report) -> Result<(), TestCaseError> {
    let overall = report.overall.get();
    prop_assert!(overall.is_finite() && (0.0..=100.0).contains(&overall));
    for score in report.dimensions.iter().flatten() {
        prop_assert!(score.get().is_finite() && (0.0..=100.0).contains(&score.get()));
    }
    match report.acceptance {
        Acceptance::Reject => prop_assert!(overall <= 49.0),
        Acceptance::Quarantine => prop_assert!(overall <= 79.0),
        _ => prop_assert!(overall >= 50.0),
    }
    prop_assert!(report.exclusions.windows(2).all(|pair| pair[0] < pair[1]));
    prop_assert!(report.issues.len() <= Report::ISSUES_MAX);
    Ok(())
}

proptest! {
    #[test]
    fn any_answer_to_any_question_is_judged_without_panic(
        answers in prop::collection::vec(
            (payload(), prop::collection::vec(defect(), 0..5), prop::collection::btree_set(0usize..20, 0..5)),
            1..4,
        ),
        request in request(),
        profile in profile(),
        received in time(),
        now in time(),
        halted in any::<bool>(),
    ) {
        let mut state = SymbolState::new();
        let mut context = Context::new(&request, profile, received, now);
        context.halted = halted;
        for (value, defects, excluded) in answers {
            let decoded = Decoded {
                value,
                defects,
                excluded: excluded.into_iter().collect(),
                defects_dropped: 0,
            };
            let report = judge(&decoded, &context, &mut state);
            prop_assert!(report.is_some());
            holds(&report.unwrap())?;
        }
    }
}

/// Faults that do not touch the same rows or fields: one more of them is never better. Every set of them, and every
/// one that is not in the set.
#[test]
fn one_more_fault_never_raises_the_score_nor_strengthens_the_acceptance() {
    let all = catalogue();
    let find = |name: &str| all.iter().find(|fault| fault.name == name).unwrap();
    for group in INDEPENDENT {
        let faults: Vec<_> = group.iter().map(|name| find(name)).collect();
        for chosen in 0..1_u32 << faults.len() {
            let mut case = (faults[0].base)();
            for (bit, fault) in faults.iter().enumerate() {
                if chosen >> bit & 1 == 1 {
                    (fault.break_it)(&mut case);
                }
            }
            let before = case.judge();
            for (bit, one_more) in faults.iter().enumerate() {
                if chosen >> bit & 1 == 1 {
                    continue;
                }
                let mut case = case.clone();
                (one_more.break_it)(&mut case);
                let after = case.judge();
                let what = || format!("{chosen:b} and {}: {before:#?} {after:#?}", one_more.name);
                assert!(
                    after.overall.get() <= before.overall.get() + 1e-9,
                    "{}",
                    what()
                );
                assert!(after.acceptance <= before.acceptance, "{}", what());
            }
        }
    }
}

/// Faults of one kind that may come together, without one hiding the other by taking its value away.
const INDEPENDENT: &[&[&str]] = &[
    &[
        "ticker: crossed",
        "ticker: volume is negative",
        "ticker: one optional field missing",
        "ticker: 10 min old",
        "ticker: high below low",
        "ticker: another pair",
    ],
    &[
        "tickers: one without last",
        "tickers: one crossed",
        "tickers: one twice",
        "tickers: one that did not come",
    ],
    &[
        "book: crossed",
        "book: unsorted bids",
        "book: unsorted asks",
        "book: a price twice",
        "book: stale",
        "book: another pair",
    ],
    &[
        "candles: high below the body",
        "candles: vwap outside",
        "candles: trades without volume",
        "candles: volume zero and a range",
        "candles: price zero",
        "candles: another pair",
        "candles: twenty missing",
        "candles: 93 % of the answer",
    ],
    &[
        "trades: price zero",
        "trades: amount negative",
        "trades: a day ahead",
        "trades: the same again",
        "trades: another pair",
        "trades: an old page",
    ],
];
