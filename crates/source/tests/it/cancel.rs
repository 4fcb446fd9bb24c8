//! A call that is dropped at any point leaves every counter as it was.

use std::time::Duration;

use futures_util::FutureExt;
use robust_breaker::State;
use robust_limiter::Class;
use tokio::time::Instant;

use crate::world::World;

/// What must be as before once nothing is under way.
fn idle(world: &World) {
    let limiter = world.source.limiter().snapshot();
    assert_eq!(limiter.queued, [0; 4]);
    assert_eq!((limiter.held(), limiter.in_flight), (0, 0), "{limiter:?}");
    let stats = world.source.stats();
    assert_eq!(
        stats.calls,
        stats.ok + stats.errors + stats.cancelled,
        "{stats:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_after_any_time_nothing_is_held() {
    // From "never polled" through queue, attempt, backoff and retry to the end.
    for fault in ["latency:300ms", "503", "hang", "429:3"] {
        for step in 0..60 {
            let world = World::kraken();
            world.sim.set_fault(Some(fault.parse().unwrap()));
            // One call before it, so that the dropped one must queue first.
            let first = world.source.call(world.call(world.ticker(), Class::High));
            let second = world.source.call(world.call(world.ticker(), Class::Medium));
            let cut = Duration::from_millis(step * 100);
            let _ = tokio::time::timeout(cut, async { tokio::join!(first, second) }).await;
            idle(&world);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_after_each_poll_nothing_is_held() {
    for polls in 0..8 {
        let world = World::binance();
        world.sim.set_fault(Some("503".parse().unwrap()));
        let mut call = Box::pin(world.source.call(world.call(world.ticker(), Class::Medium)));
        for _ in 0..polls {
            if call.as_mut().now_or_never().is_some() {
                break;
            }
            tokio::time::advance(Duration::from_millis(700)).await;
        }
        drop(call);
        idle(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_leaves_its_permit_to_the_next() {
    let world = World::binance();
    world.sim.set_fault(Some("503".parse().unwrap()));
    while !matches!(world.source.breaker().state(), State::Open { .. }) {
        let _ = world.ask().await;
    }
    tokio::time::sleep(Duration::from_secs(61)).await;
    world.sim.set_fault(Some("hang".parse().unwrap()));
    let probe = tokio::time::timeout(Duration::from_millis(50), world.ask()).await;
    assert!(probe.is_err(), "the probe hangs and is dropped");
    world.sim.set_fault(None);
    let began = Instant::now();
    world.ask().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(world.source.breaker().state(), State::Closed);
}
