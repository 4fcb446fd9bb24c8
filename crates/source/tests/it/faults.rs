//! What each fault of an exchange becomes: a typed error, one verdict, the right state of breaker and budget.

use std::time::Duration;

use robust_breaker::State;
use robust_connectors::Class;
use robust_limiter::Class as Urgency;
use robust_market::{Exchange, Origin, Payload};
use robust_sim::Fault;
use robust_source::{Cause, SourceConfig, SourceError};
use tokio::time::Instant;

use crate::world::World;

fn fault(text: &str) -> Option<Fault> {
    Some(text.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_is_data_that_says_it_is_simulated() {
    for world in [World::kraken(), World::binance()] {
        let answer = world.ask().await.unwrap();
        assert_eq!(answer.origin, Origin::Simulated);
        assert_eq!(answer.attempts, 1);
        let Payload::Ticker(ticker) = answer.decoded.value else {
            panic!("no ticker")
        };
        assert!(
            ticker.last.is_some() && ticker.bid < ticker.ask,
            "{ticker:?}"
        );
    }
}

/// Asks, and is refused without any waiting.
async fn refused_at_once(world: &World) -> SourceError {
    let began = Instant::now();
    let refused = world.ask().await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::ZERO, "refused at once");
    refused
}

#[tokio::test(start_paused = true)]
async fn a_hanging_exchange_times_out_opens_the_breaker_and_is_left_alone() {
    let world = World::kraken();
    world.sim.set_fault(fault("hang"));
    let first = world.ask().await.unwrap_err();
    assert!(matches!(first.cause, Cause::Timeout { .. }), "{first}");
    // Three calls of up to three attempts each reach the five failures.
    for _ in 0..2 {
        let _ = world.ask().await;
    }
    assert!(matches!(world.source.breaker().state(), State::Open { .. }));
    let before = world.sim.stats().requests;
    let refused = refused_at_once(&world).await;
    let Cause::Open(open) = &refused.cause else {
        panic!("{refused}")
    };
    assert!(open.retry_in > Duration::ZERO && open.until.is_some());
    assert_eq!(
        world.sim.stats().requests,
        before,
        "nothing is sent while it is open"
    );
}

#[tokio::test(start_paused = true)]
async fn after_the_open_time_one_probe_closes_the_breaker() {
    let world = World::binance();
    world.sim.set_fault(fault("503"));
    while !matches!(world.source.breaker().state(), State::Open { .. }) {
        let _ = world.ask().await;
    }
    world.sim.set_fault(None);
    tokio::time::sleep(Duration::from_secs(61)).await;
    world.ask().await.unwrap();
    assert_eq!(world.source.breaker().state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_ban_opens_the_breaker_for_as_long_as_it_lasts_and_nothing_is_sent() {
    let world = World::binance();
    world.sim.set_fault(fault("418:120"));
    let error = world.ask().await.unwrap_err();
    let Cause::Refused(verdict) = &error.cause else {
        let Cause::Open(_) = &error.cause else {
            panic!("{error}")
        };
        panic!("the ban itself must be what the first caller sees: {error}")
    };
    assert_eq!(verdict.class, Class::Banned);
    assert_eq!(error.retry_in().map(|wait| wait.as_secs()), Some(120));
    let sent = world.sim.stats().requests;
    assert_eq!(sent, 1, "a ban is not retried");
    // Up to 30 s before its end: a call that is made later is worth waiting with.
    for _ in 0..85 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        refused_at_once(&world).await;
    }
    assert_eq!(
        world.sim.stats().requests,
        sent,
        "nothing is sent while banned"
    );
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_pauses_the_budget_and_never_opens_the_breaker() {
    let world = World::binance();
    world.sim.set_fault(fault("429:7"));
    let began = Instant::now();
    let asking = world
        .source
        .call(world.call(world.ticker(), Urgency::Medium));
    let healing = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.sim.set_fault(None);
    };
    let (answer, ()) = tokio::join!(asking, healing);
    assert_eq!(answer.unwrap().attempts, 2);
    assert!(
        began.elapsed() >= Duration::from_secs(7),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(world.source.breaker().state(), State::Closed);
    assert_eq!(world.sim.stats().requests, 2);
}

#[tokio::test(start_paused = true)]
async fn html_garbage_and_cut_off_bodies_are_typed_and_retried_as_far_as_it_helps() {
    for (text, class, attempts) in [
        // After a long pause, so that a call has room for one.
        ("html", Some(Class::UnexpectedContent), 2),
        // Over a new connection, in case that the old one has spoiled it.
        ("garbage", Some(Class::Malformed), 2),
        ("truncated", None, 4),
    ] {
        let world = World::binance();
        world.sim.set_fault(fault(text));
        let error = world.ask().await.unwrap_err();
        match (&error.cause, class) {
            (Cause::Refused(verdict), Some(class)) => assert_eq!(verdict.class, class, "{text}"),
            (Cause::Network(_), None) => {}
            other => panic!("{text}: {other:?}"),
        }
        assert_eq!(error.attempts, attempts, "{text}");
        assert_eq!(world.sim.stats().requests, u64::from(attempts), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_costs_no_budget() {
    let world = World::binance();
    world.sim.set_fault(fault("refuse"));
    assert!(matches!(
        world.ask().await.unwrap_err().cause,
        Cause::Network(_)
    ));
    let used: u64 = world
        .source
        .limiter()
        .snapshot()
        .windows
        .iter()
        .map(|window| window.used)
        .sum();
    assert_eq!(used, 0);
    assert_eq!(world.source.stats().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_cannot_be_put_is_refused_unsent_and_unretried() {
    let world = World::binance();
    let request = std::sync::Arc::new(robust_market::Request::Ticker {
        symbol: "BTC/USD".parse().unwrap(),
    });
    let error = world
        .source
        .call(world.call(request, Urgency::Medium))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("did you mean BTC/USDT?"),
        "{error}"
    );
    assert_eq!(world.sim.stats().requests, 0);
    assert_eq!(
        world
            .source
            .limiter()
            .snapshot()
            .windows
            .iter()
            .map(|window| window.used)
            .sum::<u64>(),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn no_call_ends_after_its_deadline_whatever_the_fault() {
    for text in [
        "hang",
        "latency:8s",
        "503",
        "429:20",
        "418:60",
        "html",
        "garbage",
        "truncated",
        "refuse",
        "stale",
    ] {
        for exchange in [Exchange::KRAKEN, Exchange::BINANCE] {
            let world = World::of(&exchange, SourceConfig::default());
            world.sim.set_fault(fault(text));
            for _ in 0..6 {
                let began = Instant::now();
                let _ = world.ask().await;
                let took = began.elapsed();
                assert!(
                    took <= Duration::from_secs(30),
                    "{exchange} {text}: {took:?}"
                );
            }
            assert_eq!(world.sim.stats().over_limit, 0, "{exchange} {text}");
        }
    }
}
