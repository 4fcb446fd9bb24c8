//! How a source goes away and comes back: bans, pauses, probes, slow exchanges, second sendings.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderName, HeaderValue, StatusCode};
use robust_breaker::State;
use robust_connectors::Binance;
use robust_http::{Error, Fetched, MayResend};
use robust_limiter::Class;
use robust_market::{Exchange, Request, RequestId};
use robust_source::{Call, SlowCalls, Source, SourceConfig, Transport};
use tokio::time::{Instant, sleep, timeout};

use crate::world::World;

fn open_until(world: &World) -> Option<Instant> {
    match world.source.breaker().state() {
        State::Open { until } => Some(until),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_ban_opens_the_breaker_and_pauses_the_budget_until_the_same_moment() {
    let world = World::binance();
    world.sim.set_fault(Some("418:120".parse().unwrap()));
    world.ask().await.unwrap_err();
    let until = open_until(&world).unwrap();
    assert_eq!(
        until.duration_since(Instant::now()),
        Duration::from_secs(120)
    );
    assert_eq!(world.source.limiter().paused_until(), Some(until));
}

#[tokio::test(start_paused = true)]
async fn after_too_many_requests_one_goes_first_and_the_rate_comes_back_in_steps() {
    let world = World::binance();
    world.sim.set_fault(Some("429:3".parse().unwrap()));
    let first = world.call(world.ticker(), Class::High);
    let asking = timeout(Duration::from_secs(1), world.source.call(first));
    assert!(asking.await.is_err(), "it waits for its second attempt");
    let rate = || world.source.limiter().snapshot().rate_factor;
    assert_eq!(rate(), 0.5);
    world.sim.set_fault(Some("latency:400ms".parse().unwrap()));
    let began = Instant::now();
    let ends = join_all((0..5).map(|_| async {
        world.ask().await.unwrap();
        began.elapsed().as_millis()
    }));
    let mut ends = ends.await;
    ends.sort_unstable();
    // 2 s of the pause are left; then one alone, then the others together.
    assert!((2_400..2_410).contains(&ends[0]), "{ends:?}");
    assert!(
        ends[1..].iter().all(|end| (2_800..2_810).contains(end)),
        "{ends:?}"
    );
    sleep(Duration::from_secs(11)).await;
    assert_eq!(rate(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn without_recovery_all_go_at_once_after_a_pause() {
    let mut config = SourceConfig::default();
    config.recovery = None;
    let world = World::of(&Exchange::BINANCE, config);
    world.sim.set_fault(Some("429:3".parse().unwrap()));
    let asking = timeout(Duration::from_secs(1), world.ask());
    assert!(asking.await.is_err());
    assert_eq!(world.source.limiter().snapshot().rate_factor, 1.0);
}

#[tokio::test(start_paused = true)]
async fn enough_of_the_probes_close_the_breaker_and_each_failed_round_opens_it_for_longer() {
    let mut config = SourceConfig::default();
    config.retries = 0;
    config.breaker_failures = 1;
    config.breaker_open_factor = 2.0;
    config.breaker_open_max = Duration::from_secs(200);
    config.half_open_permits = 3;
    config.half_open_ratio = 0.6;
    let world = World::of(&Exchange::BINANCE, config);
    world.sim.set_fault(Some("503".parse().unwrap()));
    world.ask().await.unwrap_err();
    for seconds in [60, 120, 200, 200] {
        let until = open_until(&world).unwrap();
        assert_eq!(
            until.duration_since(Instant::now()),
            Duration::from_secs(seconds)
        );
        tokio::time::sleep_until(until).await;
        // Two of three must succeed: the first failure decides nothing, the second everything.
        world.ask().await.unwrap_err();
        assert_eq!(world.source.breaker().state(), State::HalfOpen);
        world.ask().await.unwrap_err();
    }
    tokio::time::sleep_until(open_until(&world).unwrap()).await;
    world.ask().await.unwrap_err();
    world.sim.set_fault(None);
    world.ask().await.unwrap();
    assert_eq!(world.source.breaker().state(), State::HalfOpen);
    world.ask().await.unwrap();
    assert_eq!(world.source.breaker().state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn slow_attempts_open_the_breaker_and_who_gives_up_on_one_counts_too() {
    for patient in [true, false] {
        let mut config = SourceConfig::default();
        let mut slow = SlowCalls::new(Duration::from_secs(1));
        (slow.share, slow.of) = (0.5, 4);
        config.slow_calls = Some(slow);
        let world = World::of(&Exchange::BINANCE, config);
        world.sim.set_fault(Some("latency:1100ms".parse().unwrap()));
        for _ in 0..2 {
            assert_eq!(world.source.breaker().state(), State::Closed);
            let patience = Duration::from_millis(if patient { 2_000 } else { 1_050 });
            assert_eq!(timeout(patience, world.ask()).await.is_ok(), patient);
        }
        assert!(open_until(&world).is_some(), "patient: {patient}");
    }
    // Without the rule neither does.
    let world = World::binance();
    world.sim.set_fault(Some("latency:1100ms".parse().unwrap()));
    for _ in 0..30 {
        world.ask().await.unwrap();
    }
    assert_eq!(world.source.breaker().state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_understood_in_every_form() {
    let now = "Wed, 21 Oct 2026 07:28:00 GMT";
    for (name, value, wait) in [
        ("retry-after", "17", 17_000),
        ("retry-after", "17.5", 17_500),
        ("retry-after", "Wed, 21 Oct 2026 07:28:40 GMT", 40_000),
        ("retry-after", "1792567700", 20_000),
        ("retry-after", "1792567700000", 20_000),
        ("retry-after-ms", "17250", 17_250),
        // Neither is a time to come back: the first step of the cooldown.
        ("retry-after", "when pigs fly", 1_000),
        ("retry-after", "Wed, 21 Oct 2026 07:27:00 GMT", 1_000),
    ] {
        let answer = tower::service_fn(move |_| async move {
            let mut answer = http::Response::new(Bytes::new());
            *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            let headers = answer.headers_mut();
            headers.insert("date", HeaderValue::from_static(now));
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            Ok::<_, Infallible>(answer)
        });
        let door = robust_source::in_memory(answer, |never| match never {});
        let source = Source::builder(Arc::new(Binance)).build(door).unwrap();
        let end = Instant::now() + Duration::from_secs(2);
        let call = Call::new(
            Arc::new(Request::ServerTime),
            Class::High,
            end,
            RequestId(1),
        );
        let error = source.call(call.retries(0)).await.unwrap_err();
        assert_eq!(
            error.retry_in(),
            Some(Duration::from_millis(wait)),
            "{name}: {value}"
        );
        let paused = source.limiter().paused_until().unwrap();
        let paused = paused.duration_since(Instant::now());
        assert_eq!(paused, Duration::from_millis(wait), "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_sending_is_paid_for_or_not_made() {
    for (limit, sent) in [(2, 2), (1, 1)] {
        let allowed = Arc::new(Mutex::new(None));
        let told = Arc::clone(&allowed);
        // A client whose kept connection is always dead.
        let client = tower::service_fn(move |request: http::Request<Bytes>| {
            let MayResend(may) = request.extensions().get().cloned().unwrap();
            let may = may();
            *told.lock().unwrap() = Some(may);
            async move {
                let body = Bytes::from_static(br#"{"serverTime":1750000000000}"#);
                let headers = http::HeaderMap::new();
                match may {
                    true => Ok(Fetched::new(
                        StatusCode::OK,
                        headers,
                        body,
                        Instant::now(),
                        true,
                    )),
                    false => Err(Error::new(robust_http::Kind::Closed, true)),
                }
            }
        });
        let mut config = SourceConfig::default();
        (config.retries, config.requests_per_minute) = (0, Some(limit));
        let source = Source::builder(Arc::new(Binance))
            .config(config)
            .build(Transport::new(client))
            .unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        let call = Call::new(
            Arc::new(Request::ServerTime),
            Class::High,
            end,
            RequestId(1),
        );
        assert_eq!(source.call(call).await.is_ok(), sent == 2);
        assert_eq!(*allowed.lock().unwrap(), Some(sent == 2));
        let stats = source.stats();
        assert_eq!(
            (stats.requests, stats.resent, stats.retries),
            (sent, sent - 1, 0)
        );
        let user = source.limiter().snapshot().windows.pop().unwrap();
        assert_eq!(user.used, sent);
    }
}

#[tokio::test(start_paused = true)]
async fn the_waits_of_each_class_are_counted() {
    let world = World::kraken();
    let calls = [Class::Critical, Class::Low, Class::Low];
    let calls = calls.map(|class| world.source.call(world.call(world.ticker(), class)));
    for outcome in join_all(calls).await {
        outcome.unwrap();
    }
    let waits = world.source.stats().waits;
    assert_eq!(
        waits[Class::Critical.index()].count,
        0,
        "the first waits for nobody"
    );
    let low = waits[Class::Low.index()];
    assert_eq!(low.count, 2);
    assert!(
        low.max > Duration::from_secs(2) && low.sum > Duration::from_secs(3),
        "{low:?}"
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for (change, field) in [
        (
            (|config| config.half_open_ratio = 0.0) as fn(&mut SourceConfig),
            "half_open_ratio",
        ),
        (
            |config| config.half_open_ratio = f64::NAN,
            "half_open_ratio",
        ),
        (|config| config.half_open_permits = 0, "half_open_permits"),
        (
            |config| config.breaker_open_factor = 0.5,
            "breaker_open_factor",
        ),
        (
            |config| config.slow_calls = Some(SlowCalls::new(Duration::ZERO)),
            "slow_calls",
        ),
    ] {
        let mut config = SourceConfig::default();
        change(&mut config);
        let never = tower::service_fn(|_| std::future::pending::<Result<Fetched, Error>>());
        let built = Source::builder(Arc::new(Binance))
            .config(config)
            .build(Transport::new(never));
        assert_eq!(built.unwrap_err().field, field);
    }
}
