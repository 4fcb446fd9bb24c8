//! What still arrives at an exchange that has said "stay away": what was under way, and nothing else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_breaker::State;
use robust_connectors::{Binance, Connector, Kraken};
use robust_http::{Error, Fetched};
use robust_limiter::Class;
use robust_market::{Exchange, Request, RequestId, Timestamp};
use robust_sim::{Sim, VirtualClock};
use robust_source::{Call, Cause, Source, SourceConfig, Transport};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, service_fn};

use crate::world::door;

/// The way to the exchange, and the way back: a connection is made, then the request travels, then the answer.
const CONNECT: Duration = Duration::from_millis(30);
const TRAVEL: Duration = Duration::from_millis(20);
/// What the exchange tells its first caller.
const STAY_AWAY: Duration = Duration::from_secs(20);

/// A distant exchange that knows when each request arrived.
struct Distant {
    sim: Sim,
    source: Source,
    arrived: Arc<Mutex<Vec<Instant>>>,
}

impl Distant {
    fn new(exchange: &Exchange, config: SourceConfig) -> Self {
        let start = Timestamp::from_ns(1_750_000_000_000_000_000);
        let clock = Arc::new(VirtualClock::starting_at(start));
        let sim = Sim::builder(exchange.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        let (arrived, inner) = (Arc::new(Mutex::new(Vec::new())), door(&sim));
        let seen = Arc::clone(&arrived);
        let transport = Transport::new(service_fn(move |request| {
            let (inner, seen) = (inner.clone(), Arc::clone(&seen));
            async move {
                sleep(CONNECT + TRAVEL).await;
                seen.lock().unwrap().push(Instant::now());
                let answer: Result<Fetched, Error> = inner.oneshot(request).await;
                sleep(TRAVEL).await;
                answer
            }
        }));
        let connector: Arc<dyn Connector> = if *exchange == Exchange::KRAKEN {
            Arc::new(Kraken)
        } else {
            Arc::new(Binance)
        };
        let source = Source::builder(connector).config(config).clock(clock);
        let source = source.seed(3).build(transport).unwrap();
        Self {
            sim,
            source,
            arrived,
        }
    }

    fn call(&self, class: Class) -> Call {
        let quote = if self.source.exchange() == Exchange::KRAKEN {
            "USD"
        } else {
            "USDT"
        };
        let symbol = format!("BTC/{quote}").parse().unwrap();
        let end = Instant::now() + Duration::from_secs(3_600);
        let request = Arc::new(Request::Ticker { symbol });
        Call::new(request, class, end, RequestId(1))
    }

    /// Two hundred callers at once and one more each 100 ms, for as long as the exchange wants to be left alone; gives when each
    /// request arrived, and when the first answer was back.
    async fn storm(&self, fault: &str) -> (Vec<Instant>, Instant) {
        self.sim.set_fault(Some(fault.parse().unwrap()));
        let began = Instant::now();
        let mut callers = JoinSet::new();
        let classes = [Class::Critical, Class::High, Class::Medium, Class::Low];
        for class in classes.into_iter().cycle().take(200) {
            let (source, call) = (self.source.clone(), self.call(class));
            callers.spawn(async move { source.call(call).await });
        }
        let known = began + CONNECT + TRAVEL + TRAVEL;
        while began.elapsed() < STAY_AWAY - Duration::from_secs(1) {
            sleep(Duration::from_millis(100)).await;
            let (source, call) = (self.source.clone(), self.call(Class::Critical));
            callers.spawn(async move { source.call(call).await });
        }
        callers.abort_all();
        (self.arrived.lock().unwrap().clone(), known)
    }
}

/// Without retries, so that each caller is one attempt.
fn config() -> SourceConfig {
    let mut config = SourceConfig::default();
    config.retries = 0;
    config
}

#[tokio::test(start_paused = true)]
async fn what_was_admitted_before_a_ban_was_known_is_all_that_arrives_while_it_lasts() {
    for (fault, opens) in [("418:20", true), ("429:20", false)] {
        let distant = Distant::new(&Exchange::BINANCE, config());
        let (arrived, known) = distant.storm(fault).await;
        // Twenty have a slot when the first answer comes, and go on; the hundred and eighty that wait for one do not.
        assert_eq!(
            arrived.len(),
            distant.source.config().concurrency,
            "{fault}"
        );
        // Some of them are on their way by then, or are still connecting. Nobody begins.
        let last = arrived.iter().max().unwrap();
        assert!(*last <= known + CONNECT + TRAVEL, "{fault}");
        let stats = distant.sim.stats();
        // All but the first came before the `Retry-After` of an earlier answer had passed: that is what `early` counts.
        assert_eq!((stats.requests, stats.early), (20, 19), "{fault}");
        let open = matches!(distant.source.breaker().state(), State::Open { .. });
        assert_eq!(open, opens, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_budget_when_a_ban_comes_is_not_sent() {
    // Kraken lets one request through in 1.25 s: all others wait in the queue of the limiter when the first is refused.
    for fault in ["418:20", "429:20"] {
        let distant = Distant::new(&Exchange::KRAKEN, config());
        let (arrived, _) = distant.storm(fault).await;
        assert_eq!(
            (arrived.len(), distant.sim.stats().early),
            (1, 0),
            "{fault}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_those_who_wait_for_the_end_of_a_ban_one_goes_first() {
    let distant = Distant::new(&Exchange::BINANCE, config());
    distant.sim.set_fault(Some("418:20".parse().unwrap()));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let (source, call) = (distant.source.clone(), distant.call(Class::Medium));
        callers.spawn(async move { source.call(call).await });
    }
    let mut refused_here = 0;
    while let Some(ended) = callers.join_next().await {
        let error = ended.unwrap().unwrap_err();
        match &error.cause {
            Cause::Refused(_) => assert_eq!(error.attempts, 1),
            Cause::Open(_) | Cause::Limited(_) => {
                assert_eq!(error.attempts, 0);
                refused_here += 1;
            }
            other => panic!("{other:?}"),
        }
        assert!(error.retry_in().is_some_and(|wait| wait <= STAY_AWAY));
    }
    // Their time is 30 s, so that it is worth waiting for the end of 20 s. The first who asks then is banned again, and the others
    // know it from there.
    assert_eq!(refused_here, 79);
    let arrived = distant.arrived.lock().unwrap().clone();
    assert_eq!(arrived.len(), 21);
    let ban_ends = began + CONNECT + TRAVEL + STAY_AWAY;
    assert!(arrived.iter().max().unwrap() >= &ban_ends, "{arrived:?}");
    assert_eq!(distant.sim.stats().early, 19);
}
