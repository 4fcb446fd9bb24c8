//! The memory of the quality rules, and how good the answers have been.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use robust_market::{
    Acceptance, BarCalendar, Candles, Decoded, Exchange, Issue, Kind, Origin, Payload, Report,
    Request, Severity, Symbol, Timestamp,
};
use robust_quality::{Config, Context, Finite64, Profile, Provenance, StatePool};
use rust_decimal::Decimal;
use tokio::time::Instant;

use crate::standing::{QualityStatus, Question, Standings};
use crate::stored::Stored;
use crate::waiting::{Answer, Waiting, WaitingStatus};

/// The rule that a price away from its level breaks, of a ticker and of a book.
const OUTLIERS: [&str; 2] = ["A.outlier", "A.mid_outlier"];

/// A quote wider than this, as a share of the price, says little of the price.
const TIGHT: f64 = 0.05;

/// The memory of the quality rules, and how good the answers have been; bounded.
#[derive(Debug, Default)]
pub(crate) struct Judges {
    rules: Config,
    pool: Mutex<StatePool>,
    records: Mutex<Records>,
    order: Mutex<()>,
}

#[derive(Debug, Default)]
struct Records {
    sources: BTreeMap<Exchange, Standings>,
    waiting: Waiting,
}

/// What is known of an answer when it is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) exchange: &'a Exchange,
    /// How it came, which says what can be expected of it.
    pub(crate) kind: Kind,
    /// Where it was born; `None` where nobody knows, as for a file, and then no rule asks.
    pub(crate) origin: Option<Origin>,
    pub(crate) received: Timestamp,
    pub(crate) now: Timestamp,
    /// By whose clock its bars begin, where there is a connector to say so.
    pub(crate) calendar: Option<BarCalendar>,
}

/// A verdict, and how many answers wait for their level beside it.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) report: Arc<Report>,
    pending: usize,
    released: usize,
}

impl Verdict {
    /// Whether the answer waits for its level to be confirmed: nothing else stands against it.
    fn waits(&self) -> bool {
        let outlier = |issue: &Issue| OUTLIERS.contains(&issue.rule);
        let light = |issue: &Issue| outlier(issue) || issue.severity < Severity::Error;
        self.report.acceptance == Acceptance::Quarantine
            && self.pending > 0
            && self.report.issues.iter().any(outlier)
            && self.report.issues.iter().all(light)
    }
}

/// What became of an answer beside its verdict.
#[derive(Debug)]
pub(crate) struct Noted {
    pub(crate) before: Option<Acceptance>,
    pub(crate) released: Vec<Answer>,
}

impl Judges {
    pub(crate) fn new(rules: Config, pool: StatePool) -> Self {
        Self {
            rules,
            pool: Mutex::new(pool),
            records: Mutex::default(),
            order: Mutex::default(),
        }
    }

    /// Held from the judgement of an answer until it is noted: two answers of one market are noted in the order in which they were
    /// judged, else one that releases the other could be noted first.
    pub(crate) fn in_turn(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of the rules.
    pub(crate) const fn rules(&self) -> &Config {
        &self.rules
    }

    pub(crate) fn pool(&self) -> MutexGuard<'_, StatePool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges what was decoded as the answer to `request`; `None` for kinds that no rule judges.
    pub(crate) fn judge(
        &self,
        seen: &Seen<'_>,
        request: &Request,
        decoded: &Decoded<Payload>,
    ) -> Option<Verdict> {
        let known = Profile::of(seen.exchange, seen.kind);
        let profile = known.with_calendar(seen.calendar.unwrap_or(known.calendar));
        let mut context = Context::new(request, profile, seen.received, seen.now);
        context.config = &self.rules;
        // Whether a simulator may be read is decided elsewhere; here it only matters that its origin is told.
        context.provenance = seen.origin.map(|origin| {
            let mut provenance = Provenance::of(origin);
            provenance.production = false;
            provenance
        });
        let mut pool = self.pool();
        let report = pool.judge(seen.exchange, decoded, &context)?;
        let (pending, released) = match (request.kind(), request.symbol()) {
            (kind @ (Kind::Ticker | Kind::Book), Some(symbol)) => {
                let state = pool.state(seen.exchange, Some(symbol), kind);
                (state.pending(), state.released())
            }
            _ => (0, 0),
        };
        if report.acceptance >= Acceptance::Quarantine {
            witness(&mut pool, seen, request, decoded, &report);
        }
        Some(Verdict {
            report: Arc::new(report),
            pending,
            released,
        })
    }

    /// Notes what was judged and is about to be stored; `whole` unless it is a part of an answer that is noted as well.
    pub(crate) fn note(
        &self,
        request: &Arc<Request>,
        stored: &Arc<Stored>,
        verdict: &Verdict,
        now: Timestamp,
        whole: bool,
    ) -> Noted {
        let mut records = self.records();
        let source = records.sources.entry(stored.exchange.clone()).or_default();
        if whole {
            source.count(&verdict.report, now);
        }
        let before = source.note(Question::of(request), &verdict.report, now);
        let released = records.waiting.note(
            &stored.exchange,
            request,
            verdict.waits().then_some(stored),
            verdict.pending,
            verdict.released,
            Instant::now(),
        );
        Noted { before, released }
    }

    /// Gives the rules the closed bars of a pair as its history of prices, where they have none.
    pub(crate) fn teach(&self, exchange: &Exchange, symbol: &Symbol, bars: &Candles, every: f64) {
        let mut pool = self.pool();
        for kind in [Kind::Ticker, Kind::Book] {
            pool.state(exchange, Some(symbol), kind).teach(bars, every);
        }
    }

    /// Whether the prices of a pair are judged by their history already.
    pub(crate) fn is_warm(&self, exchange: &Exchange, symbol: &Symbol) -> bool {
        let mut pool = self.pool();
        pool.state(exchange, Some(symbol), Kind::Ticker).is_warm()
    }

    pub(crate) fn status(&self, exchange: &Exchange, now: Timestamp) -> QualityStatus {
        let records = self.records();
        let source = records.sources.get(exchange);
        source.map_or_else(QualityStatus::default, |source| source.status(now))
    }

    pub(crate) fn waiting(&self) -> WaitingStatus {
        self.records().waiting.status(Instant::now())
    }
}

/// Tells the other exchanges the best quotes that came without a ticker: of a book, or of a list of quotes. Tickers tell the
/// pool themselves. Quarantined ones as well: of two exchanges that jump, each is the other's witness.
fn witness(
    pool: &mut StatePool,
    seen: &Seen<'_>,
    request: &Request,
    decoded: &Decoded<Payload>,
    report: &Report,
) {
    let mut tell = |symbol: &Symbol, bid: Option<Decimal>, ask: Option<Decimal>| {
        let (Some(bid), Some(ask)) = (bid, ask) else {
            return;
        };
        let spread = |(bid, ask): (Finite64, Finite64)| ask.get() - bid.get();
        let spread = Finite64::ln(bid).zip(Finite64::ln(ask)).map(spread);
        let middle = bid
            .checked_add(ask)
            .and_then(|sum| sum.checked_div(Decimal::TWO));
        if let (Some(middle), Some(spread)) = (middle, spread.filter(|s| (0.0..TIGHT).contains(s)))
        {
            let consensus = pool.consensus();
            consensus.update(seen.exchange, symbol, middle, Some(spread), seen.received);
        }
    };
    match (&decoded.value, request.kind()) {
        (Payload::OrderBook(book), _) => tell(
            &book.symbol,
            book.bids.first().map(|level| level.price),
            book.asks.first().map(|level| level.price),
        ),
        // Of a list with an objection nobody says here which record it is about.
        (Payload::Tickers(rows), Kind::BidsAsks) if report.acceptance == Acceptance::Accept => {
            for row in rows {
                tell(&row.symbol, row.bid, row.ask);
            }
        }
        _ => {}
    }
}
