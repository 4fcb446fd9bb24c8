//! The clock that calls are timed and limited by.

use std::time::Duration;

use robust_data_manager::{Config, Monotonic};
use robust_source::Source;
use tokio::time::{Instant, sleep, timeout};

use crate::world::World;

const PAIR: &str = "BTC/USDT";

/// Asks Binance, then looks at the limiter's clock until its counter is believed.
async fn counts(source: &Source) -> bool {
    while !source.monotonic().is_counting() {
        let _ = source.limiter().snapshot();
        sleep(Duration::from_millis(20)).await;
    }
    true
}

#[tokio::test]
async fn on_real_time_the_sources_have_the_time_from_the_counter() {
    let world = World::new();
    world.manager.ticker("binance", PAIR).await.unwrap();
    let source = world.manager.source("binance").unwrap();
    let minute = Duration::from_secs(60);
    assert_eq!(timeout(minute, counts(&source)).await, Ok(true));
    // All sources of a manager learn together.
    let other = world.manager.source("kraken").unwrap();
    assert!(other.monotonic().is_counting());
    let off = other.monotonic().now() - Instant::now();
    assert!(off < Duration::from_millis(1), "{off:?}");
    world.manager.ticker("kraken", "BTC/USD").await.unwrap();
    world.check();
}

#[tokio::test]
async fn who_asks_for_tokios_clock_has_it() {
    let named = |builder: robust_data_manager::DataManagerBuilder| {
        let text = "environment = \"simulated\"\nmonotonic = \"tokio\"\n[exchanges.binance]";
        builder.config(Config::from_toml(text).unwrap())
    };
    for world in [
        World::with(|builder| builder.monotonic(Monotonic::Tokio)),
        World::with(named),
    ] {
        let source = world.manager.source("binance").unwrap();
        let spell = Duration::from_millis(700);
        assert!(timeout(spell, counts(&source)).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn under_a_paused_clock_the_time_is_tokios_alone() {
    let world = World::new();
    let source = world.manager.source("binance").unwrap();
    for _ in 0..50 {
        world.manager.ticker("binance", PAIR).await.unwrap();
        sleep(Duration::from_millis(150)).await;
        assert_eq!(source.monotonic().now(), Instant::now());
        assert!(!source.monotonic().is_counting());
    }
}
