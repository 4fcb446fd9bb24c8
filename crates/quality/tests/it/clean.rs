//! Answers without a fault, and the promise that nothing is objected to in them.

use robust_market::{
    Acceptance, Candle, Candles, Decoded, Dimension, Exchange, Interval, Kind, Level, OrderBook,
    Origin, Payload, Report, Request, Score, Side, Symbol, Ticker, Timestamp, Trade, Trades,
};
use robust_quality::{Context, Profile, Provenance, SymbolState, judge};
use rust_decimal::Decimal;

/// Noon of a day, on the grid of every interval up to twelve hours.
pub(crate) const NOW: i64 = 1_700_049_600;

pub(crate) fn d(text: &str) -> Decimal {
    robust_market::decimal::parse(text).unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds).unwrap()
}

pub(crate) fn symbol() -> Symbol {
    "BTC/USDT".parse().unwrap()
}

/// One answer with its question.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) request: Request,
    pub(crate) profile: Profile,
    pub(crate) now: Timestamp,
    pub(crate) received: Timestamp,
    pub(crate) decoded: Decoded<Payload>,
    /// Where it was born, if anybody says.
    pub(crate) origin: Option<Origin>,
}

impl Case {
    pub(crate) fn judge_with(&self, state: &mut SymbolState) -> Report {
        let mut context = Context::new(&self.request, self.profile, self.received, self.now);
        context.provenance = self.origin.map(Provenance::of);
        judge(&self.decoded, &context, state).expect("a kind that is judged")
    }

    pub(crate) fn judge(&self) -> Report {
        self.judge_with(&mut SymbolState::new())
    }

    pub(crate) fn of(request: Request, payload: Payload) -> Self {
        let profile = Profile::of(&Exchange::BINANCE, request.kind());
        Self {
            request,
            profile,
            now: at(NOW),
            received: at(NOW),
            decoded: Decoded::clean(payload),
            origin: None,
        }
    }
}

fn full(symbol: Symbol) -> Ticker {
    let mut ticker = Ticker::new(symbol);
    ticker.last = Some(d("36500.10"));
    ticker.bid = Some(d("36500.00"));
    ticker.ask = Some(d("36500.20"));
    ticker.bid_size = Some(d("1.5"));
    ticker.ask_size = Some(d("0.25"));
    ticker.high = Some(d("37000.00"));
    ticker.low = Some(d("36000.00"));
    ticker.open = Some(d("36200.00"));
    ticker.base_volume = Some(d("1000"));
    ticker.quote_volume = Some(d("36400000"));
    ticker.vwap = Some(d("36400.00"));
    ticker.change = Some(d("300.10"));
    ticker.time = Some(at(NOW));
    ticker.sequence = Some(77);
    ticker
}

pub(crate) fn ticker() -> Case {
    Case::of(
        Request::Ticker { symbol: symbol() },
        Payload::Ticker(full(symbol())),
    )
}

pub(crate) fn tickers() -> Case {
    let rows = (0..100)
        .map(|n| full(format!("C{n}/USDT").parse().unwrap()))
        .collect();
    Case::of(
        Request::Tickers {
            symbols: Vec::new(),
        },
        Payload::Tickers(rows),
    )
}

pub(crate) fn book() -> Case {
    let mut book = OrderBook::new(symbol());
    for step in 0..100 {
        let away = Decimal::new(step, 1);
        let size = Decimal::new(step + 1, 2);
        book.bids.push(Level {
            price: d("36500.0") - away,
            size,
        });
        book.asks.push(Level {
            price: d("36500.1") + away,
            size,
        });
    }
    book.sequence = Some(9);
    book.time = Some(at(NOW));
    Case::of(
        Request::OrderBook {
            symbol: symbol(),
            depth: Some(100),
        },
        Payload::OrderBook(book),
    )
}

/// 200 closed minutes and the one that is forming.
pub(crate) fn candles() -> Case {
    let mut series = Candles::new(symbol(), Interval::M1);
    let mut rng = fastrand::Rng::with_seed(11);
    let mut before = d("36500.0");
    for n in 0..=200 {
        let tenths = |value: i64| Decimal::new(value, 1);
        let open = before;
        let close = open + tenths(rng.i64(-30..=30));
        let high = open.max(close) + tenths(rng.i64(1..15));
        let low = open.min(close) - tenths(rng.i64(1..15));
        let volume = Decimal::new(rng.i64(1_000..4_000), 3);
        let vwap = (high + low) / Decimal::TWO;
        series.rows.push(Candle {
            time: at(NOW - 12_000 + i64::from(n) * 60),
            open,
            high,
            low,
            close,
            volume,
            quote_volume: Some(vwap * volume),
            vwap: Some(vwap),
            count: Some(12),
            closed: n < 200,
        });
        before = close;
    }
    let mut case = Case::of(
        Request::Candles {
            symbol: symbol(),
            interval: Interval::M1,
            since: None,
            limit: Some(201),
        },
        Payload::Candles(series),
    );
    case.now = at(NOW + 20);
    case.received = case.now;
    case
}

pub(crate) fn trades() -> Case {
    let mut page = Trades::new(symbol());
    for n in 0..200 {
        page.rows.push(Trade {
            id: Some(format!("{}", 5_000 + n).into()),
            price: d("36500.10"),
            amount: d("0.01"),
            side: Some(if n % 3 == 0 { Side::Sell } else { Side::Buy }),
            // Two trades share a time: two of three real ones do.
            time: at(NOW - 100 + n / 2),
        });
    }
    Case::of(
        Request::Trades {
            symbol: symbol(),
            since: None,
            limit: Some(200),
        },
        Payload::Trades(page),
    )
}

pub(crate) fn all() -> Vec<Case> {
    vec![ticker(), tickers(), book(), candles(), trades()]
}

#[test]
fn a_perfect_answer_of_every_kind_scores_100() {
    for case in all() {
        let report = case.judge();
        assert_eq!(report.issues, [], "{}", case.request.kind());
        assert_eq!(report.overall, Score::FULL);
        assert_eq!(report.acceptance, Acceptance::Accept);
        // A first ticker has no history; a series and a list of trades have their own.
        let own_history = matches!(case.request.kind(), Kind::Candles | Kind::Trades);
        let accuracy = report.dimension(Dimension::Accuracy);
        assert_eq!(accuracy, own_history.then_some(Score::FULL));
    }
}

#[test]
fn a_perfect_kraken_ticker_scores_100_although_it_has_no_time() {
    let mut case = ticker();
    case.profile = Profile::of(&Exchange::KRAKEN, Kind::Ticker);
    let Payload::Ticker(ticker) = &mut case.decoded.value else {
        unreachable!()
    };
    ticker.quote_volume = None;
    ticker.open = None;
    ticker.change = None;
    ticker.time = None;
    ticker.sequence = None;
    let report = case.judge();
    assert_eq!(report.overall, Score::FULL);
    assert_eq!(report.dimension(Dimension::Timeliness), None);
    // That Kraken never says when it was is known of it, and is not said of each answer.
    assert_eq!(report.issues, []);
}

#[test]
fn minutes_without_a_trade_are_no_fault() {
    let mut case = candles();
    let Payload::Candles(series) = &mut case.decoded.value else {
        unreachable!()
    };
    let mut before = series.rows[0].close;
    for (n, row) in series.rows.iter_mut().enumerate() {
        if n % 3 != 0 {
            before = row.close;
            continue;
        }
        (row.open, row.high, row.low, row.close) = (before, before, before, before);
        row.volume = d("0");
        row.vwap = Some(d("0.0"));
        row.quote_volume = Some(d("0"));
        row.count = Some(0);
    }
    assert_eq!(case.judge().overall, Score::FULL);
}

#[test]
fn a_quiet_pair_in_a_list_that_writes_zero_for_none_is_no_error() {
    let mut case = tickers();
    let Payload::Tickers(rows) = &mut case.decoded.value else {
        unreachable!()
    };
    for row in rows.iter_mut().step_by(2) {
        for field in [
            &mut row.bid,
            &mut row.ask,
            &mut row.high,
            &mut row.low,
            &mut row.open,
            &mut row.vwap,
            &mut row.base_volume,
            &mut row.quote_volume,
        ] {
            *field = Some(d("0.00000000"));
        }
    }
    let report = case.judge();
    assert_eq!(report.acceptance, Acceptance::Accept, "{:?}", report.issues);
    assert!(report.exclusions.is_empty());
}

#[test]
fn kinds_that_no_rule_judges_get_no_report() {
    for (request, payload) in [
        (Request::ServerTime, Payload::ServerTime(at(NOW))),
        (Request::Instruments, Payload::Instruments(Vec::new())),
        (Request::Assets, Payload::Assets(Vec::new())),
    ] {
        let context = Context::new(&request, Profile::default(), at(NOW), at(NOW));
        let decoded = Decoded::clean(payload);
        assert_eq!(judge(&decoded, &context, &mut SymbolState::new()), None);
    }
}
