//! How well a source does: what the manager makes of faults of the simulators, and when it says so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_data_manager::market::Exchange;
use robust_data_manager::{
    DataManagerBuilder, Environment, Event, ExchangeSettings, Health, HealthCause, HealthEvent,
};
use tokio::time::Instant;

use crate::world::{World, fault};

/// One attempt a read, so that each fault is one; the breaker as it is by default.
fn single(builder: DataManagerBuilder) -> DataManagerBuilder {
    builder.exchange_with("binance", one_attempt())
}

fn one_attempt() -> ExchangeSettings {
    let mut settings = ExchangeSettings::default();
    settings.retries = Some(0);
    settings
}

/// Reads so many tickers of Binance under this fault, one each `pace`, of one pair after the other: none waits for the one before.
async fn read(world: &World, text: Option<&str>, times: usize, pace: Duration) {
    world.binance().set_fault(text.and_then(fault));
    let symbols = world.binance().symbols();
    for n in 0..times {
        let manager = world.manager.clone();
        let symbol = symbols[n % symbols.len()].clone();
        tokio::spawn(async move {
            let _ = manager.ticker("binance", symbol).refresh().await;
        });
        tokio::time::sleep(pace).await;
    }
}

fn state(world: &World) -> Health {
    world.manager.health("binance").unwrap().state
}

/// Hears every change from now on.
fn listen(world: &World) -> Arc<Mutex<Vec<HealthEvent>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let callback = move |change| hears.lock().unwrap().push(change);
    assert_eq!(world.manager.on_health(callback), Ok(()));
    heard
}

fn course(changes: &[HealthEvent]) -> Vec<(Health, Health)> {
    changes
        .iter()
        .map(|change| (change.before, change.now.state))
        .collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_source_goes_down_by_delay_errors_and_hanging_and_comes_back_in_order() {
    let world = World::of([Exchange::BINANCE, Exchange::KRAKEN], single);
    let heard = listen(&world);
    assert_eq!(state(&world), Health::Unknown);

    read(&world, None, 60, SECOND).await;
    assert_eq!(state(&world), Health::Healthy);

    // 3 s each: the mean is 2 s when two thirds of the last hundred took that long, and never more than 3 s.
    read(&world, Some("latency:3s"), 100, SECOND).await;
    assert_eq!(state(&world), Health::Degraded);

    // Every third one fails, so that the breaker stays closed.
    for _ in 0..20 {
        read(&world, Some("503"), 1, SECOND).await;
        read(&world, None, 2, SECOND).await;
    }
    let critical = world.manager.health("binance").unwrap();
    assert_eq!(
        (critical.state, critical.cause),
        (Health::Critical, HealthCause::Errors)
    );
    assert!(critical.errors >= 20, "{critical}");

    // Nothing is answered: after five timeouts the breaker opens.
    read(&world, Some("hang"), 30, SECOND).await;
    let offline = world.manager.health("binance").unwrap();
    assert_eq!(
        (offline.state, offline.cause),
        (Health::Offline, HealthCause::Breaker)
    );
    let overall = world.manager.status().health;
    assert_eq!(
        (overall.state, &overall.sources[..]),
        (Health::Offline, &[Exchange::BINANCE][..])
    );

    // It works again.
    read(&world, None, 400, SECOND).await;
    assert_eq!(state(&world), Health::Healthy);
    assert_eq!(world.manager.status().health.state, Health::Healthy);

    use Health::{Critical, Degraded, Healthy, Offline, Unknown};
    let changes = heard.lock().unwrap();
    assert_eq!(
        course(&changes),
        [
            (Unknown, Healthy),
            (Healthy, Degraded),
            (Degraded, Critical),
            (Critical, Offline),
            (Offline, Critical),
            (Critical, Degraded),
            (Degraded, Healthy),
        ],
        "{changes:#?}"
    );
    let causes: Vec<_> = changes.iter().map(|change| change.now.cause).collect();
    assert_eq!(causes[1], HealthCause::Latency, "{causes:?}");
    assert_eq!(causes[3], HealthCause::Breaker, "{causes:?}");
    assert!(
        changes
            .iter()
            .all(|change| change.exchange == Exchange::BINANCE)
    );
    // Kraken was never asked.
    assert_eq!(world.manager.health("kraken").unwrap().state, Unknown);
}

#[tokio::test(start_paused = true)]
async fn values_that_swing_around_a_threshold_are_one_change() {
    let world = World::of([Exchange::BINANCE], single);
    let heard = listen(&world);
    read(&world, None, 100, SECOND).await;
    // Nine or ten of the last hundred fail, in turn: one fault every ten reads, and one read more every now and then.
    for round in 0..120 {
        read(&world, Some("503"), 1, SECOND).await;
        read(&world, None, if round % 2 == 0 { 9 } else { 10 }, SECOND).await;
    }
    use Health::{Degraded, Healthy, Unknown};
    let changes = heard.lock().unwrap();
    assert_eq!(
        course(&changes),
        [(Unknown, Healthy), (Healthy, Degraded)],
        "{changes:#?}"
    );
    let errors = world.manager.health("binance").unwrap().errors;
    assert!((9..=10).contains(&errors), "{errors}");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_is_told_at_once_also_before_there_are_ten_attempts() {
    let world = World::of([Exchange::BINANCE], single);
    let mut events = world.manager.events();
    world.binance().set_fault(fault("503"));
    let began = Instant::now();
    for _ in 0..5 {
        let read = world.manager.ticker("binance", "BTC/USDT").refresh();
        read.await.unwrap_err();
    }
    let at_once = tokio::time::timeout(Duration::from_millis(10), async {
        loop {
            if let Some(Event::Health(change)) = events.next().await {
                return change;
            }
        }
    });
    let change = at_once.await.unwrap();
    assert!(began.elapsed() < SECOND);
    assert_eq!(
        (change.before, change.now.state),
        (Health::Unknown, Health::Offline)
    );
    assert_eq!(
        change.to_string().split(" failed").next(),
        Some(
            "binance: unknown, now offline: the breaker is open, or was within 30 s; 5 of 5 attempts"
        )
    );
    // The probe after 60 s succeeds. One good answer is no proof: it takes ten attempts and 30 s.
    world.binance().set_fault(None);
    tokio::time::sleep(61 * SECOND).await;
    read(&world, None, 1, SECOND).await;
    assert_eq!(
        world.manager.status().sources[&Exchange::BINANCE].breaker,
        "closed"
    );
    assert_eq!(state(&world), Health::Offline);
    read(&world, None, 27, SECOND).await;
    assert_eq!(state(&world), Health::Offline);
    read(&world, None, 12, SECOND).await;
    assert!(state(&world) < Health::Offline);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_nobody_asks_any_more_is_unknown_after_half_an_hour() {
    let world = World::of([Exchange::BINANCE], single);
    let heard = listen(&world);
    read(&world, Some("503"), 10, SECOND).await;
    assert_eq!(state(&world), Health::Offline);
    tokio::time::sleep(1_700 * SECOND).await;
    assert_eq!(state(&world), Health::Offline);
    tokio::time::sleep(120 * SECOND).await;
    use Health::{Offline, Unknown};
    let changes = heard.lock().unwrap();
    assert_eq!(course(&changes), [(Unknown, Offline), (Offline, Unknown)]);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_budget_and_own_refusals_are_nothing_against_a_source() {
    // Kraken allows one request a second: of a hundred reads at once most wait, and many are refused here.
    let world = World::of([Exchange::KRAKEN], |builder| {
        builder.exchange_with("kraken", one_attempt())
    });
    let symbols = world.kraken().symbols();
    for _ in 0..3 {
        let reads = (0..100).map(|n| {
            let manager = world.manager.clone();
            let symbol = symbols[n % symbols.len()].clone();
            tokio::spawn(async move {
                let _ = manager.ticker("kraken", symbol).refresh().await;
            })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await.unwrap();
        }
    }
    let status = world.manager.status();
    let source = &status.sources[&Exchange::KRAKEN];
    assert!(source.rejected > 0, "{source:?}");
    let health = &source.health;
    assert_eq!(
        (health.state, health.errors),
        (Health::Healthy, 0),
        "{health}"
    );
    assert!(health.latency_ms < Some(1_000.0), "{health}");
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_was_never_asked_is_unknown_and_a_shut_down_one_is_not_running() {
    let world = World::with(|builder| builder.environment(Environment::Simulated));
    tokio::time::sleep(90 * SECOND).await;
    let status = world.manager.status();
    assert_eq!(status.health.state, Health::Unknown);
    assert!(status.running);
    assert_eq!(status.uptime_ms, 90_000);
    world.manager.shutdown(SECOND).await;
    assert!(!world.manager.status().running);
    let unknown = world.manager.health("krakn").unwrap_err();
    assert!(
        unknown.to_string().contains("did you mean kraken"),
        "{unknown}"
    );
}
