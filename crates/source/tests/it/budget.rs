//! The exchange's own limits hold, for every attempt and every class.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use robust_limiter::Class;
use robust_market::{Exchange, Request};
use robust_source::{Cause, SourceConfig};
use tokio::time::Instant;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn every_retry_pays_the_budget_again() {
    let world = World::kraken();
    world.sim.set_fault(Some("503".parse().unwrap()));
    let error = world.ask().await.unwrap_err();
    assert_eq!(error.attempts, 4);
    assert_eq!(world.sim.stats().requests, 4);
    assert_eq!(world.source.limiter().snapshot().committed, 4);
    assert_eq!(
        world.sim.stats().over_limit,
        0,
        "retries never exceed one request a second"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_may_have_fewer_retries_than_its_source_and_never_more() {
    for (most, attempts) in [(0, 1), (1, 2), (2, 3), (3, 4), (9, 4)] {
        let world = World::kraken();
        world.sim.set_fault(Some("503".parse().unwrap()));
        let call = world.call(world.ticker(), Class::Medium).retries(most);
        let error = world.source.call(call).await.unwrap_err();
        assert_eq!(
            (error.attempts, world.sim.stats().requests),
            (attempts, u64::from(attempts))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_calls_on_kraken_are_served_in_time_or_refused_at_once() {
    let world = World::kraken();
    let began = Instant::now();
    let outcomes = join_all((0..100).map(|_| async {
        let outcome = world.ask().await;
        (outcome, began.elapsed())
    }))
    .await;
    let mut served = 0;
    for (outcome, at) in outcomes {
        match outcome {
            Ok(_) => served += 1,
            Err(error) => {
                assert!(matches!(error.cause, Cause::Limited(_)), "{error}");
                assert!(error.retry_in().is_some(), "{error}");
                assert_eq!(at, Duration::ZERO, "refused at once");
            }
        }
        assert!(at <= Duration::from_secs(30));
    }
    assert!(
        (20..=31).contains(&served),
        "{served} served in 30 s at one a second"
    );
    assert_eq!(world.sim.stats().over_limit, 0);
}

#[tokio::test(start_paused = true)]
async fn a_saturated_binance_never_exceeds_6000_weight_in_any_minute() {
    // Slots are no part of this: only the budget holds the calls back.
    let mut config = SourceConfig::default();
    config.max_timeout = Duration::from_secs(300);
    let world = World::of(&Exchange::BINANCE, config);
    let request = Arc::new(Request::OrderBook {
        symbol: "BTC/USDT".parse().unwrap(),
        depth: Some(5_000),
    });
    let calls = (0..60).map(|_| {
        world
            .source
            .call(world.call(Arc::clone(&request), Class::Medium))
    });
    let served = join_all(calls)
        .await
        .into_iter()
        .filter(Result::is_ok)
        .count();
    assert_eq!(served, 60, "60 × 250 weight in three minutes");
    let stats = world.sim.stats();
    assert_eq!((stats.requests, stats.over_limit), (60, 0));
}

#[tokio::test(start_paused = true)]
async fn a_critical_call_overtakes_low_ones_that_wait() {
    let world = World::kraken();
    let low = join_all((0..20).map(|_| world.source.call(world.call(world.ticker(), Class::Low))));
    let critical = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        world
            .source
            .call(world.call(world.ticker(), Class::Critical))
            .await
            .unwrap();
        began.elapsed()
    };
    let (_, waited) = tokio::join!(low, critical);
    assert!(
        waited < Duration::from_millis(2_600),
        "{waited:?}: next grant but one at the latest"
    );
}

#[tokio::test(start_paused = true)]
async fn a_critical_call_is_not_held_by_slow_low_ones() {
    let world = World::binance();
    world.sim.set_fault(Some("latency:2s".parse().unwrap()));
    let began = Instant::now();
    let calls = (0..60).map(|_| async {
        let answer = world.source.call(world.call(world.ticker(), Class::Low));
        answer.await.unwrap();
        began.elapsed()
    });
    let critical = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let asked = Instant::now();
        let answer = world
            .source
            .call(world.call(world.ticker(), Class::Critical));
        answer.await.unwrap();
        (asked.elapsed(), began.elapsed())
    };
    let (low, (waited, served)) = tokio::join!(join_all(calls), critical);
    assert!(
        waited <= Duration::from_millis(4_100),
        "{waited:?}: the rest of one slow call, and its own"
    );
    // Twenty were under way before it came; of those that waited, nineteen got a slot together with it.
    let before = low.iter().filter(|at| **at < served).count();
    let with = low.iter().filter(|at| **at == served).count();
    assert_eq!((before, with, low.len()), (20, 19, 60), "{low:?}");
    assert_eq!(world.sim.stats().over_limit, 0);
    let seen = world.source.limiter().snapshot();
    assert_eq!((seen.in_flight, seen.max_in_flight), (0, Some(20)));
}

#[tokio::test(start_paused = true)]
async fn the_users_own_limit_holds_beside_the_exchanges() {
    let mut config = SourceConfig::default();
    config.requests_per_minute = Some(10);
    let world = World::of(&Exchange::BINANCE, config);
    let outcomes = join_all((0..30).map(|_| world.ask())).await;
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        10
    );
}

#[tokio::test(start_paused = true)]
async fn the_servers_count_is_believed_when_it_is_higher() {
    let world = World::binance();
    // Another process on the same address spends the budget.
    let other = world.door_of();
    for _ in 0..20 {
        other.depth_5000().await;
    }
    world.ask().await.unwrap();
    let used = world.source.limiter().snapshot().windows[0].used;
    assert!(used >= 5_000, "{used}");
}
