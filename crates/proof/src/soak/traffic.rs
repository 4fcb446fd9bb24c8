//! The calls: so many a second, whatever becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use robust_limiter::Class;
use robust_market::{Interval, Request, RequestId, Symbol};
use robust_source::{Call, Source};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::Options;

/// Calls begin at these steps, as many as are due.
const STEP: Duration = Duration::from_millis(5);

/// By how much a call may end after its end before it is late. Timers tick by the millisecond; the rest is for a machine that has other
/// things to do.
const LATE: Duration = Duration::from_millis(250);

/// What became of the calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls that began.
    pub calls: u64,
    /// Calls that ended with data.
    pub ok: u64,
    /// Calls that this process refused.
    pub refused: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that were dropped on the way.
    pub dropped: u64,
    /// Calls that ended more than a quarter of a second after their end.
    pub late: u64,
    /// The longest time by which one ended after its end.
    pub latest: Duration,
    /// Calls that panicked.
    pub panics: u64,
}

impl Totals {
    /// Calls that ended in one way or another.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.ok + self.refused + self.failed + self.dropped
    }
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    ok: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    late: AtomicU64,
    latest: AtomicU64,
}

pub(super) struct Traffic {
    options: Options,
    sources: Vec<Source>,
    questions: Vec<Vec<Arc<Request>>>,
    counts: Counts,
}

impl Traffic {
    pub(super) fn new(options: Options, sources: Vec<Source>) -> Self {
        let questions = sources.iter().map(questions).collect();
        Self {
            options,
            sources,
            questions,
            counts: Counts::default(),
        }
    }

    /// Makes calls until `end` and waits for the last; how many panicked.
    pub(super) async fn make(self: Arc<Self>, began: Instant, end: Instant) -> u64 {
        let mut rng = Rng::with_seed(self.options.seed);
        let mut calls = JoinSet::new();
        let (mut made, mut panics) = (0_u64, 0);
        let mut at = began;
        while at < end {
            at += STEP;
            sleep_until(at).await;
            let due = u128::from(self.options.rate) * (at - began).as_micros() / 1_000_000;
            while u128::from(made) < due {
                made += 1;
                let task = Arc::clone(&self).ask(made, rng.fork());
                calls.spawn(task);
            }
            while let Some(ended) = calls.try_join_next() {
                panics += u64::from(ended.is_err());
            }
        }
        while let Some(ended) = calls.join_next().await {
            panics += u64::from(ended.is_err());
        }
        panics
    }

    async fn ask(self: Arc<Self>, number: u64, mut rng: Rng) {
        let which = rng.usize(..self.sources.len().max(1));
        let (Some(source), Some(questions)) = (self.sources.get(which), self.questions.get(which))
        else {
            return;
        };
        let Some(request) = rng.choice(questions) else {
            return;
        };
        let counts = &self.counts;
        counts.calls.fetch_add(1, Ordering::Relaxed);
        let class = rng.choice(Class::ALL).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_millis(rng.u64(20..2_500));
        let call = Call::new(Arc::clone(request), class, deadline, RequestId(number));
        let call = source.call(call);
        // One in sixteen is given up by its caller, some of them before they were polled.
        let outcome = if rng.u8(..16) == 0 {
            timeout(Duration::from_millis(rng.u64(..100)), call)
                .await
                .ok()
        } else {
            Some(call.await)
        };
        let counter = match outcome {
            Some(Ok(_)) => &counts.ok,
            Some(Err(error)) if error.judgement.is_none() => &counts.refused,
            Some(Err(_)) => &counts.failed,
            None => &counts.dropped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let over = Instant::now().saturating_duration_since(deadline);
        let nanos = u64::try_from(over.as_nanos()).unwrap_or(u64::MAX);
        counts.latest.fetch_max(nanos, Ordering::Relaxed);
        counts
            .late
            .fetch_add(u64::from(over > LATE), Ordering::Relaxed);
    }

    pub(super) fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.counts;
        Totals {
            calls: read(&counts.calls),
            ok: read(&counts.ok),
            refused: read(&counts.refused),
            failed: read(&counts.failed),
            dropped: read(&counts.dropped),
            late: read(&counts.late),
            latest: Duration::from_nanos(read(&counts.latest)),
            panics: 0,
        }
    }
}

/// Small ones and larger ones, about the first pairs of the exchange.
fn questions(source: &Source) -> Vec<Arc<Request>> {
    let table = source.symbols();
    let pairs = ["BTC/USDT", "ETH/USDT", "BTC/USD", "ETH/BTC"];
    let pairs = pairs.into_iter().filter_map(|pair| pair.parse().ok());
    let pairs = pairs.filter(|symbol: &Symbol| table.get(symbol).is_some());
    let mut questions = vec![Arc::new(Request::ServerTime)];
    for symbol in pairs {
        let ticker = Arc::new(Request::Ticker {
            symbol: symbol.clone(),
        });
        questions.extend([Arc::clone(&ticker), ticker]);
        questions.push(Arc::new(Request::OrderBook {
            symbol: symbol.clone(),
            depth: Some(20),
        }));
        questions.push(Arc::new(Request::Trades {
            symbol: symbol.clone(),
            since: None,
            limit: Some(20),
        }));
        questions.push(Arc::new(Request::Candles {
            symbol,
            interval: Interval::M1,
            since: None,
            limit: Some(20),
        }));
    }
    questions
}
