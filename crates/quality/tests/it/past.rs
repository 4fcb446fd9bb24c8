//! Faults that show only beside a past, a peer or a provenance, and the rule that finds each.

use std::time::Duration;

use robust_market::{
    Acceptance, Decoded, Exchange, Kind, Origin, Payload, Request, Severity, Ticker,
};
use robust_quality::{
    Config, Consensus, Context, PriceBounds, Profile, Provenance, Quote, Report, StatePool,
    SymbolState, judge,
};
use rust_decimal::Decimal;

use super::beside;
use super::clean::{self, Case, NOW, at, d, symbol};

use Severity::{Critical, Error, Info, Warning};

/// A fault with its past: judged to a report in which `rule` objects as heavily as `severity`.
pub(crate) struct Past {
    pub(crate) name: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) severity: Severity,
    pub(crate) judge: fn() -> Report,
}

/// A market that is polled once a second.
pub(crate) struct Feed {
    pub(crate) state: SymbolState,
    pub(crate) second: i64,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            state: SymbolState::new(),
            second: NOW,
        }
    }

    /// Sixty quotes around 36 500.
    pub(crate) fn warm() -> Self {
        let mut feed = Self::new();
        for n in 0..60_i64 {
            let report = feed.quote(Decimal::new(365_000 + n * 37 % 11, 1), |_| {});
            assert_eq!(report.issues, [], "{n}");
        }
        feed
    }

    /// A ticker around a price, changed, one second after the last one.
    pub(crate) fn quote(&mut self, price: Decimal, change: impl FnOnce(&mut Ticker)) -> Report {
        let mut case = self.case(price);
        let Payload::Ticker(ticker) = &mut case.decoded.value else {
            unreachable!()
        };
        change(ticker);
        case.judge_with(&mut self.state)
    }

    pub(crate) fn case(&mut self, price: Decimal) -> Case {
        self.second += 1;
        let mut case = clean::ticker();
        (case.now, case.received) = (at(self.second), at(self.second));
        let Payload::Ticker(ticker) = &mut case.decoded.value else {
            unreachable!()
        };
        ticker.last = Some(price);
        ticker.bid = Some(price - d("0.1"));
        ticker.ask = Some(price + d("0.1"));
        (ticker.high, ticker.low) = (Some(price * d("1.1")), Some(price * d("0.9")));
        (ticker.vwap, ticker.quote_volume) = (Some(price), Some(price * d("1000")));
        ticker.time = Some(at(self.second));
        ticker.sequence = u64::try_from(self.second).ok();
        case
    }
}

/// A clean ticker in a context that is changed.
fn told(change: impl FnOnce(&mut Context<'_>)) -> Report {
    let case = clean::ticker();
    let mut context = Context::new(&case.request, case.profile, case.received, case.now);
    change(&mut context);
    judge(&case.decoded, &context, &mut SymbolState::new()).unwrap()
}

/// Forty books that move a little.
fn warm_book() -> SymbolState {
    let mut state = SymbolState::new();
    for n in 0..40 {
        let mut case = shifted_book(&format!("1.0000{}", n % 7));
        let Payload::OrderBook(book) = &mut case.decoded.value else {
            unreachable!()
        };
        book.sequence = Some(9 + n);
        let report = case.judge_with(&mut state);
        assert_eq!(report.issues, []);
    }
    state
}

/// A book whose prices are multiplied, with a sequence number after all of the warm ones.
fn shifted_book(by: &str) -> Case {
    let mut case = clean::book();
    let Payload::OrderBook(book) = &mut case.decoded.value else {
        unreachable!()
    };
    for level in book.bids.iter_mut().chain(&mut book.asks) {
        level.price *= d(by);
    }
    book.sequence = Some(99);
    case
}

/// A ticker at 36 500 while two other exchanges are at another price.
fn beside(price: &str) -> Report {
    let mut consensus = Consensus::default();
    for exchange in [Exchange::KRAKEN, Exchange::KUCOIN] {
        consensus.update(&exchange, &symbol(), d(price), None, at(NOW));
    }
    let peers = consensus.peers(&Exchange::BINANCE, &symbol(), at(NOW));
    told(|context| context.peers = peers)
}

pub(crate) fn catalogue() -> Vec<Past> {
    let mut all: Vec<Past> = Vec::new();
    let mut past = |name, rule, severity, judge| {
        all.push(Past {
            name,
            rule,
            severity,
            judge,
        });
    };
    past("2 % in a second", "A.outlier", Error, || {
        Feed::warm().quote(d("37230"), |_| {})
    });
    past("0.8 % in a second", "A.outlier", Warning, || {
        Feed::warm().quote(d("36792"), |_| {})
    });
    past("the third print of a new level", "A.regime", Info, || {
        let mut feed = Feed::warm();
        let _ = feed.quote(d("20000"), |_| {});
        let _ = feed.quote(d("20001"), |_| {});
        feed.quote(d("20000"), |ticker| {
            (ticker.open, ticker.change) = (Some(d("20010")), Some(d("-10")))
        })
    });
    past("a spread of 20 %", "A.wide_spread", Warning, || {
        Feed::warm().quote(d("36500"), |ticker| {
            (ticker.bid, ticker.ask) = (Some(d("32850")), Some(d("40150")));
        })
    });
    past("the same for a minute", "A.frozen", Error, || {
        let mut feed = Feed::warm();
        for _ in 0..60 {
            let _ = feed.quote(d("36500"), |ticker| ticker.sequence = None);
        }
        feed.quote(d("36500"), |ticker| ticker.sequence = None)
    });
    past("the same without trades", "A.halted", Info, || {
        let mut feed = Feed::warm();
        let still = |ticker: &mut Ticker| {
            ticker.base_volume = Some(Decimal::ZERO);
            ticker.quote_volume = Some(Decimal::ZERO);
            ticker.sequence = None;
        };
        for _ in 0..90 {
            let _ = feed.quote(d("36500"), still);
        }
        feed.quote(d("36500"), still)
    });
    past("3 % from two others", "A.consensus", Error, || {
        beside("37600")
    });
    past("1.5 % from two others", "A.consensus", Warning, || {
        beside("37050")
    });
    past("born nowhere", "A.provenance", Critical, || {
        told(|context| context.provenance = Some(Provenance::default()))
    });
    past("a sandbox", "A.test_host", Critical, || {
        told(|context| {
            let mut from = Provenance::of(Origin::Rest);
            from.host = Some("openapi-sandbox.kucoin.com");
            context.provenance = Some(from);
        })
    });
    past("a simulator", "A.test_host", Critical, || {
        told(|context| context.provenance = Some(Provenance::of(Origin::Simulated)))
    });
    past("a filled value as live", "A.unlabelled", Critical, || {
        told(|context| {
            let mut from = Provenance::of(Origin::Rest);
            from.computed = true;
            context.provenance = Some(from);
        })
    });
    past("an expired value as live", "A.expired", Error, || {
        told(|context| {
            let mut from = Provenance::of(Origin::Rest);
            from.expired = true;
            context.provenance = Some(from);
        })
    });
    past("a clock 90 s ahead", "T.clock_skew", Error, || {
        told(|context| {
            context.clock_ahead = Some(Duration::from_secs(90));
            (context.now, context.received) = (at(NOW - 90), at(NOW - 90));
        })
    });
    past("pushed twice", "U.replay", Warning, || {
        let mut case = clean::ticker();
        case.origin = Some(Origin::Stream);
        let mut state = SymbolState::new();
        let _ = case.judge_with(&mut state);
        case.judge_with(&mut state)
    });
    past("an older one again", "U.replay", Warning, || {
        let mut feed = Feed::warm();
        let mut old = feed.case(d("36501"));
        let _ = old.judge_with(&mut feed.state);
        let _ = feed.quote(d("36502"), |_| {});
        old.now = at(feed.second);
        old.received = old.now;
        old.judge_with(&mut feed.state)
    });
    past("one sequence, two quotes", "U.conflict", Error, || {
        let mut feed = Feed::warm();
        let sequence = feed.state.last_sequence();
        feed.quote(d("36503"), |ticker| ticker.sequence = sequence)
    });
    past("older than the last", "K.ts_regress", Error, || {
        Feed::warm().quote(d("36500"), |ticker| ticker.time = Some(at(NOW + 55)))
    });
    past("a lower sequence", "K.seq_regress", Error, || {
        Feed::warm().quote(d("36500"), |ticker| ticker.sequence = Some(7))
    });
    past("outside the user's limits", "V.bounds", Error, || {
        let bounds = PriceBounds::new(d("100"), d("20000")).unwrap();
        let config = Config::default().with_bounds(symbol(), bounds);
        let case = clean::ticker();
        let mut context = Context::new(&case.request, case.profile, case.received, case.now);
        context.config = &config;
        judge(&case.decoded, &context, &mut SymbolState::new()).unwrap()
    });
    past("a book 30 % away", "A.mid_outlier", Error, || {
        let mut state = warm_book();
        shifted_book("1.3").judge_with(&mut state)
    });
    past(
        "a level a million times as large",
        "A.size_outlier",
        Warning,
        || {
            let mut case = clean::book();
            let Payload::OrderBook(book) = &mut case.decoded.value else {
                unreachable!()
            };
            book.asks[40].size *= d("1000000");
            book.sequence = Some(99);
            case.judge_with(&mut warm_book())
        },
    );
    past("orders that mean nothing", "A.far_level", Info, || {
        let mut case = clean::book();
        let Payload::OrderBook(book) = &mut case.decoded.value else {
            unreachable!()
        };
        book.bids[99].price = d("0.01");
        case.judge()
    });
    past(
        "a book beside another ticker",
        "K.ticker_vs_bbo",
        Warning,
        || {
            let case = clean::book();
            let mut context = Context::new(&case.request, case.profile, case.received, case.now);
            context.quote = Some(Quote {
                bid: d("36800"),
                ask: d("36800.1"),
                at: at(NOW),
            });
            judge(&case.decoded, &context, &mut SymbolState::new()).unwrap()
        },
    );
    past("a trade outside the quote", "K.vs_quote", Warning, || {
        let mut case = clean::trades();
        let Payload::Trades(page) = &mut case.decoded.value else {
            unreachable!()
        };
        page.rows[199].time = at(NOW);
        for row in &mut page.rows[..199] {
            row.time = at(row.time.as_secs() - 10);
        }
        let mut context = Context::new(&case.request, case.profile, case.received, case.now);
        context.quote = Some(Quote {
            bid: d("36990"),
            ask: d("36990.1"),
            at: at(NOW),
        });
        judge(&case.decoded, &context, &mut SymbolState::new()).unwrap()
    });
    past("a print half as high again", "A.outlier", Error, || {
        let mut case = clean::trades();
        let Payload::Trades(page) = &mut case.decoded.value else {
            unreachable!()
        };
        page.rows[77].price *= d("1.5");
        case.judge()
    });
    past("a page again", "U.overlap", Info, || {
        let case = clean::trades();
        let mut state = SymbolState::new();
        let _ = case.judge_with(&mut state);
        case.judge_with(&mut state)
    });
    past(
        "an id that was another trade",
        "U.dup_conflict",
        Error,
        || {
            let mut case = clean::trades();
            let mut state = SymbolState::new();
            let _ = case.judge_with(&mut state);
            let Payload::Trades(page) = &mut case.decoded.value else {
                unreachable!()
            };
            page.rows.truncate(1);
            page.rows[0].amount = d("7");
            case.judge_with(&mut state)
        },
    );
    past("a page after a hole", "C.page_gap", Error, || {
        let mut state = SymbolState::new();
        let mut case = clean::trades();
        let _ = case.judge_with(&mut state);
        let Payload::Trades(page) = &mut case.decoded.value else {
            unreachable!()
        };
        for (n, row) in page.rows.iter_mut().enumerate() {
            row.id = Some(format!("{}", 5_300 + n).into());
            row.time = at(NOW + 1 + i64::try_from(n).unwrap() / 2);
        }
        case.request = Request::Trades {
            symbol: symbol(),
            since: Some(at(NOW - 1)),
            limit: None,
        };
        (case.now, case.received) = (at(NOW + 101), at(NOW + 101));
        case.judge_with(&mut state)
    });
    past("a random walk", "A.drawn", Warning, || {
        let mut case = clean::candles();
        let Payload::Candles(series) = &mut case.decoded.value else {
            unreachable!()
        };
        // The sum of twelve even draws is about normal.
        let mut rng = fastrand::Rng::with_seed(5);
        let mut price = 365_000;
        let template = series.rows[0].clone();
        series.rows = (0..800)
            .map(|n| {
                let mut row = template.clone();
                let open = price;
                price += (0..12).map(|_| rng.i64(-20..=20)).sum::<i64>();
                row.time = at(NOW - 800 * 60 + n * 60);
                (row.open, row.close) = (Decimal::new(open, 1), Decimal::new(price, 1));
                row.high = row.open.max(row.close) + Decimal::ONE;
                row.low = row.open.min(row.close) - Decimal::ONE;
                row.volume = Decimal::new(rng.i64(1_000..9_000), 3);
                (row.vwap, row.quote_volume) = (None, None);
                row
            })
            .collect();
        case.request = Request::Candles {
            symbol: symbol(),
            interval: robust_market::Interval::M1,
            since: None,
            limit: None,
        };
        case.judge()
    });
    past(
        "a closed bar that was another one",
        "U.revised",
        Warning,
        || {
            let mut case = clean::candles();
            let mut state = SymbolState::new();
            let _ = case.judge_with(&mut state);
            let Payload::Candles(series) = &mut case.decoded.value else {
                unreachable!()
            };
            let row = &mut series.rows[150];
            (row.volume, row.quote_volume) = (d("1.234"), None);
            case.judge_with(&mut state)
        },
    );
    past(
        "a bar without its trades",
        "K.trades_vs_candle",
        Warning,
        beside::bar_without_its_trades,
    );
    past(
        "a bar without its parts",
        "K.resample",
        Warning,
        beside::bar_without_its_parts,
    );
    past(
        "a hole of the whole source",
        "C.source_outage",
        Info,
        beside::hole_of_the_source,
    );
    all
}

#[test]
fn each_fault_beside_a_past_is_one_rule_of_one_dimension() {
    for past in catalogue() {
        let report = (past.judge)();
        let [issue, ..] = report.issues.as_slice() else {
            panic!("{}: nothing was found", past.name)
        };
        let one = report.issues.iter().all(|other| other.rule == issue.rule);
        assert!(one, "{}: {:#?}", past.name, report.issues);
        assert_eq!(
            (issue.rule, issue.severity),
            (past.rule, past.severity),
            "{}",
            past.name
        );
        let accepted = report.acceptance >= Acceptance::AcceptWithExclusions;
        // A dimension with a share of its own is not charged again by these.
        let fact = [
            "A.drawn",
            "U.revised",
            "K.vs_quote",
            "K.ticker_vs_bbo",
            "K.trades_vs_candle",
            "K.resample",
        ];
        let one_of_many = report.acceptance == Acceptance::AcceptWithExclusions;
        let usable = past.severity == Info || fact.contains(&past.rule) || one_of_many;
        assert_eq!(accepted, usable, "{}: {report:#?}", past.name);
    }
}

#[test]
fn a_page_that_comes_again_when_new_trades_are_due_is_told() {
    let mut case = clean::trades();
    let mut state = SymbolState::new();
    let _ = case.judge_with(&mut state);
    (case.now, case.received) = (at(NOW + 60), at(NOW + 60));
    let report = case.judge_with(&mut state);
    assert!(
        report
            .issues
            .iter()
            .any(|issue| issue.rule == "U.page_repeat")
    );
    assert_eq!(report.acceptance, Acceptance::Accept);
}

#[test]
fn a_learned_field_that_is_missing_later_is_missed() {
    let mut feed = Feed::new();
    let mut cases = (0..200).map(|n| {
        let mut case = feed.case(d("36500") + Decimal::new(n % 7, 1));
        case.profile = Profile::of(&Exchange::KUCOIN, Kind::Ticker);
        case
    });
    let mut state = SymbolState::new();
    let mut last = cases.next().unwrap();
    for case in cases {
        let _ = case.judge_with(&mut state);
        last = case;
    }
    let Payload::Ticker(ticker) = &mut last.decoded.value else {
        unreachable!()
    };
    (ticker.vwap, ticker.time) = (None, Some(at(NOW + 201)));
    ticker.sequence = Some(u64::MAX);
    (last.now, last.received) = (at(NOW + 201), at(NOW + 201));
    let mut fresh = SymbolState::new();
    assert_eq!(last.judge_with(&mut fresh).issues, []);
    let _ = last.judge_with(&mut state);
    // 200 answers are enough from here on.
    let Payload::Ticker(ticker) = &mut last.decoded.value else {
        unreachable!()
    };
    ticker.last = Some(d("36500.2"));
    let missed = last.judge_with(&mut state);
    assert!(
        missed
            .issues
            .iter()
            .any(|i| i.rule == "C.optional" && i.field.as_deref() == Some("vwap"))
    );
}

#[test]
fn a_clock_that_is_1270_ms_ahead_of_ours_is_no_fault() {
    let mut state = SymbolState::new();
    for n in 0..100_i64 {
        let mut case = clean::ticker();
        let received = at(NOW + n);
        (case.now, case.received) = (received, received);
        let Payload::Ticker(ticker) = &mut case.decoded.value else {
            unreachable!()
        };
        ticker.time = Some(received.saturating_add(Duration::from_millis(1_270)));
        ticker.last = Some(d("36500.10") + Decimal::new(n % 3, 2));
        ticker.sequence = u64::try_from(n).ok();
        let report = case.judge_with(&mut state);
        assert_eq!(report.acceptance, Acceptance::Accept);
        assert!(
            report
                .issues
                .iter()
                .all(|issue| issue.severity <= Warning && n < 3),
            "{n}"
        );
    }
}

#[test]
fn a_whole_source_that_stands_still_while_another_moves_is_found() {
    let mut pool = StatePool::default();
    let pairs: Vec<_> = (0..4)
        .map(|n| format!("C{n}/USDT").parse().unwrap())
        .collect();
    let ask =
        |pool: &mut StatePool, exchange: &Exchange, pair: &robust_market::Symbol, second, price| {
            let mut feed = Feed::new();
            feed.second = second;
            let case = feed.case(price);
            let Payload::Ticker(mut ticker) = case.decoded.value else {
                unreachable!()
            };
            ticker.symbol = pair.clone();
            ticker.sequence = None;
            let request = Request::Ticker {
                symbol: pair.clone(),
            };
            let context = Context::new(&request, case.profile, case.received, case.now);
            pool.judge(exchange, &Decoded::clean(Payload::Ticker(ticker)), &context)
                .unwrap()
        };
    let mut frozen_at = None;
    for second in 0..40 {
        for pair in &pairs {
            let moving = d("36500") + Decimal::new(second % 5, 1);
            let other = ask(&mut pool, &Exchange::KUCOIN, pair, NOW + second, moving);
            assert_eq!(other.acceptance, Acceptance::Accept, "{other:?}");
            let still = ask(&mut pool, &Exchange::HTX, pair, NOW + second, d("36500"));
            let found = still
                .issues
                .iter()
                .any(|i| i.rule == "A.frozen" && i.severity == Error);
            if found && frozen_at.is_none() {
                frozen_at = Some(second);
            }
        }
    }
    assert_eq!(frozen_at, Some(30));
}
