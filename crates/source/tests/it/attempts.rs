//! What the health of a source is judged by: which attempts count, which have failed, and how long they took.

use std::time::Duration;

use robust_limiter::Class;
use robust_market::{Clock, Exchange, Request};
use robust_sim::Fault;
use robust_source::{Attempted, SourceConfig};
use tokio::time::Instant;

use crate::world::World;

fn fault(text: &str) -> Option<Fault> {
    Some(text.parse().unwrap())
}

/// One attempt a call, and a breaker that stays closed.
fn single() -> SourceConfig {
    let mut config = SourceConfig::default();
    config.retries = 0;
    config.breaker_failures = 1_000;
    config
}

fn outcomes(world: &World) -> Vec<(Option<Duration>, bool)> {
    let recent = world.source.recent(100);
    recent.iter().map(|one| (one.took, one.failed)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_what_the_exchange_or_the_way_to_it_is_to_blame_for() {
    for (text, name, sends) in [
        ("refuse", "network", false),
        ("reset", "network", true),
        ("hang", "timeout", true),
        ("503", "transient", true),
        ("html", "unexpected_content", true),
        ("429:5", "rate_limited", true),
        ("418:20", "banned", true),
    ] {
        let world = World::of(&Exchange::BINANCE, single());
        world.ask().await.unwrap();
        world.sim.set_fault(fault(text));
        world.ask().await.unwrap_err();
        let [good, bad] = outcomes(&world)[..] else {
            panic!("{text}: {:?}", outcomes(&world))
        };
        assert_eq!((good.0.is_some(), good.1), (true, false), "{text}");
        assert_eq!((bad.0.is_some(), bad.1), (sends, true), "{text}");
        let failures = world.source.stats().failures;
        assert_eq!(
            failures.into_iter().collect::<Vec<_>>(),
            [(name, 1)],
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_retry_is_an_attempt_of_its_own_and_backoff_is_not_its_time() {
    let world = World::binance();
    world.sim.set_fault(fault("latency:500ms"));
    world.ask().await.unwrap();
    world.sim.set_fault(fault("503"));
    world.ask().await.unwrap_err();
    let outcomes = outcomes(&world);
    let failed: Vec<bool> = outcomes.iter().map(|(_, failed)| *failed).collect();
    assert_eq!(failed, [false, true, true, true, true]);
    let late: Vec<_> = outcomes
        .iter()
        .filter_map(|(took, _)| *took)
        .filter(|took| *took > Duration::from_millis(510))
        .collect();
    assert_eq!(outcomes.len(), 5);
    assert!(late.is_empty(), "{late:?}");
    assert!(outcomes[0].0 >= Some(Duration::from_millis(500)));
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_the_budget_is_not_the_time_of_an_attempt() {
    let world = World::kraken();
    let began = Instant::now();
    let asks = (0..5).map(|_| world.ask());
    for answer in futures_util::future::join_all(asks).await {
        answer.unwrap();
    }
    assert!(began.elapsed() > Duration::from_secs(2));
    let longest = world
        .source
        .recent(100)
        .iter()
        .filter_map(|one| one.took)
        .max();
    assert!(longest < Some(Duration::from_millis(100)), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn own_refusals_cancelled_calls_and_questions_that_cannot_be_put_are_none() {
    let mut config = SourceConfig::default();
    config.retries = 0;
    config.breaker_failures = 1;
    let world = World::of(&Exchange::BINANCE, config);
    // A pair that the exchange does not list, found out here.
    let unknown = Request::Ticker {
        symbol: "NOSUCH/USDT".parse().unwrap(),
    };
    let call = world.call(unknown.into(), Class::Medium);
    world.source.call(call).await.unwrap_err();
    assert_eq!(outcomes(&world), []);

    world.sim.set_fault(fault("latency:5s"));
    let dropped = tokio::time::timeout(Duration::from_secs(1), world.ask()).await;
    assert!(dropped.is_err());
    assert_eq!(outcomes(&world), []);

    world.sim.set_fault(fault("503"));
    for _ in 0..10 {
        world.ask().await.unwrap_err();
    }
    // The first opened the breaker, which refused the others.
    assert_eq!(world.source.recent(100).len(), 1);
    assert_eq!(world.source.stats().rejected, 9);
}

#[tokio::test(start_paused = true)]
async fn the_newest_are_given_oldest_first_and_never_more_than_a_thousand_are_kept() {
    let mut config = single();
    config.requests_per_minute = None;
    let world = World::of(&Exchange::BINANCE, config);
    for n in 0..1_100 {
        if n == 1_050 {
            world.sim.set_fault(fault("503"));
        }
        let _ = world.ask().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let all = world.source.recent(usize::MAX);
    assert_eq!(all.len(), 1_000);
    assert!(all.is_sorted_by_key(|one| one.ended));
    let last = world.source.recent(60);
    assert_eq!(last, all[940..]);
    let failed: usize = last.iter().filter(|one| one.failed).count();
    assert_eq!((last[9].failed, failed), (false, 50));
    assert_eq!(world.source.recent(0), Vec::<Attempted>::new());
}

#[tokio::test(start_paused = true)]
async fn the_counters_say_when_the_last_attempt_and_the_last_good_one_were() {
    let world = World::of(&Exchange::BINANCE, single());
    assert_eq!(world.source.stats().last_attempt, None);
    let clock = robust_sim::VirtualClock::starting_at(robust_market::Timestamp::from_ns(
        1_750_000_000_000_000_000,
    ));
    world.ask().await.unwrap();
    let first = clock.now();
    tokio::time::sleep(Duration::from_secs(7)).await;
    world.sim.set_fault(fault("503"));
    world.ask().await.unwrap_err();
    let second = clock.now();
    tokio::time::sleep(Duration::from_secs(100)).await;
    let stats = world.source.stats();
    let near = |a: Option<robust_market::Timestamp>, b: robust_market::Timestamp| {
        a.is_some_and(|a| (a.as_ms() - b.as_ms()).abs() <= 2)
    };
    assert!(
        near(stats.last_good, first),
        "{:?} {first}",
        stats.last_good
    );
    assert!(
        near(stats.last_attempt, second),
        "{:?} {second}",
        stats.last_attempt
    );
}
