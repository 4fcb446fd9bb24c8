//! What a configured rate comes to, counted where it matters: at the server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use robust_connectors::Binance;
use robust_http::{Error, Kind};
use robust_limiter::Class;
use robust_market::{Clock, Exchange, RequestId, Timestamp};
use robust_sim::{Sim, VirtualClock};
use robust_source::{Call, Source, SourceConfig};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

const RATE: usize = 1_200;
const MINUTE: Duration = Duration::from_secs(60);

/// What arrived at the server.
struct Served {
    /// When each request arrived, by the server.
    arrivals: Vec<Instant>,
    over_limit: u64,
}

impl Served {
    /// The most that arrived in any minute, wherever it begins.
    fn fullest_minute(&self) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, at) in self.arrivals.iter().enumerate() {
            while at.saturating_duration_since(self.arrivals[first]) >= MINUTE {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }

    /// The share of what is allowed in so much time.
    fn achieved(&self, within: Duration) -> f64 {
        let allowed = RATE as f64 * within.as_secs_f64() / MINUTE.as_secs_f64();
        self.arrivals.len() as f64 / allowed
    }
}

/// Sixty callers who always want more, over a way to the server that takes each request between 5 and 250 ms.
async fn saturated(within: Duration) -> Served {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(Timestamp::from_ns(
        1_750_000_000_000_000_000,
    )));
    let builder = Sim::builder(Exchange::BINANCE).clock(Arc::clone(&clock));
    let sim = builder.build().unwrap();
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let travel = Arc::new(Mutex::new(fastrand::Rng::with_seed(7)));
    let way = tower::service_fn({
        let (sim, arrivals) = (sim.clone(), Arc::clone(&arrivals));
        move |request| {
            let (mut door, arrivals) = (sim.service(), Arc::clone(&arrivals));
            let travel = Duration::from_millis(travel.lock().unwrap().u64(5..=250));
            async move {
                tokio::time::sleep(travel).await;
                arrivals.lock().unwrap().push(Instant::now());
                door.ready().await?.call(request).await
            }
        }
    });
    let mut config = SourceConfig::default();
    config.requests_per_minute = Some(RATE as u32);
    config.max_timeout = Duration::from_secs(300);
    let source = Source::builder(Arc::new(Binance))
        .config(config)
        .clock(clock)
        .build(robust_source::in_memory(way, |_| {
            Error::new(Kind::Closed, true)
        }))
        .unwrap();
    let request = Arc::new(robust_market::Request::Ticker {
        symbol: "BTC/USDT".parse().unwrap(),
    });
    let began = Instant::now();
    let callers = join_all((0..60).map(|_| async {
        loop {
            let ends = Instant::now() + Duration::from_secs(3_600);
            let call = Call::new(Arc::clone(&request), Class::Medium, ends, RequestId(1));
            source.call(call).await.unwrap();
        }
    }));
    let _: Result<Vec<()>, _> = tokio::time::timeout_at(began + within, callers).await;
    let stats = sim.stats();
    let arrivals = arrivals.lock().unwrap().clone();
    assert_eq!(stats.requests, arrivals.len() as u64, "both count the same");
    Served {
        arrivals,
        over_limit: stats.over_limit,
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_of_1200_a_minute_achieves_98_percent_in_two_minutes_and_is_never_exceeded() {
    let two = MINUTE * 2;
    let served = saturated(two).await;
    println!(
        "{} of {} in two minutes, {:.1} %; fullest minute {}",
        served.arrivals.len(),
        RATE * 2,
        served.achieved(two) * 100.0,
        served.fullest_minute()
    );
    assert!(served.achieved(two) >= 0.98, "{}", served.achieved(two));
    assert!(
        served.fullest_minute() <= RATE,
        "{}",
        served.fullest_minute()
    );
    assert_eq!(served.over_limit, 0);
}

/// Two minutes begin with an empty window. Over many of them the guard shows: a window is granted anew after 61 s and a bit.
#[tokio::test(start_paused = true)]
async fn a_rate_of_1200_a_minute_achieves_98_percent_for_as_long_as_it_lasts() {
    let served = saturated(Duration::from_secs(620)).await;
    let took = served.arrivals[RATE * 10] - served.arrivals[0];
    let rate = (RATE * 10) as f64 / took.as_secs_f64() * MINUTE.as_secs_f64();
    println!(
        "{} requests in {took:?}, {rate:.1} a minute; fullest minute {}",
        RATE * 10,
        served.fullest_minute()
    );
    assert!(rate >= RATE as f64 * 0.98, "{rate}");
    assert!(
        served.fullest_minute() <= RATE,
        "{}",
        served.fullest_minute()
    );
    assert_eq!(served.over_limit, 0);
}
