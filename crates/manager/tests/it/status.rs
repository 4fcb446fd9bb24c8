//! What the operator sees, and the budget that the engine shares.

use std::time::Duration;

use robust_data_manager::market::Exchange;
use robust_data_manager::{BudgetError, Query};
use tokio::time::Instant;

use crate::world::{World, fault};

#[tokio::test(start_paused = true)]
async fn the_status_names_breaker_budget_reads_and_the_last_error() {
    let world = World::new();
    world.manager.ticker("binance", "BTC/USDT").await.unwrap();
    world.binance().set_fault(fault("html"));
    let _ = world.manager.ticker("binance", "ETH/USDT").await;
    let status = serde_json::to_value(world.manager.status()).unwrap();
    let source = &status["sources"]["binance"];
    assert_eq!(source["breaker"], "closed");
    // One more attempt after a page for people, which has a long pause before it.
    assert_eq!(source["requests"], 3);
    assert_eq!(source["retries"], 1);
    assert!(
        source["last_error"]
            .as_str()
            .is_some_and(|error| error.starts_with("unexpected_content")),
        "{source}"
    );
    assert!(
        source["budget"][0]["used"]
            .as_u64()
            .is_some_and(|used| used >= 6),
        "{source}"
    );
    assert_eq!(status["reads"]["total"], 2);
    assert_eq!(status["reads"]["errors"]["api"], 1);
    assert_eq!(status["environment"], "simulated");
}

#[tokio::test(start_paused = true)]
async fn the_engines_orders_draw_on_the_same_budget_before_all_reads() {
    let world = World::new();
    let budget = world.manager.budget("kraken").unwrap();
    let window = budget.limiter().snapshot().windows[0].name.to_string();
    // Reads are waiting for the one request a second.
    let reads: Vec<_> = (0..10)
        .map(|n| {
            let manager = world.manager.clone();
            let symbols = world.kraken().symbols();
            tokio::spawn(async move {
                manager
                    .get(Query::ticker(Exchange::KRAKEN, symbols[n].clone()))
                    .await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    let permit = budget
        .acquire(&[(&window, 1)], Some(began + Duration::from_secs(5)))
        .await
        .unwrap();
    permit.commit();
    assert!(
        began.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        began.elapsed()
    );
    for read in reads {
        read.await.unwrap().unwrap();
    }
    world.check();

    let refused = budget.acquire(&[("wieght", 1)], None).await.unwrap_err();
    assert!(
        matches!(&refused, BudgetError::UnknownWindow { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains(&window), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_our_limiter_is_over_the_limit_of_the_same_simulators() {
    use tower::ServiceExt;
    let world = World::new();
    for (sim, target, times) in [
        (world.kraken(), "/0/public/Ticker?pair=XBTUSD", 10),
        (
            world.binance(),
            "/api/v3/depth?symbol=BTCUSDT&limit=5000",
            30,
        ),
    ] {
        for _ in 0..times {
            let request = http::Request::get(target)
                .header("user-agent", "x")
                .body(bytes::Bytes::new())
                .unwrap();
            let _ = sim.service().oneshot(request).await.unwrap();
        }
        assert!(sim.stats().over_limit > 0, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_counts_the_requests_that_are_under_way() {
    let world = World::new();
    let binance = || world.manager.status().sources[&Exchange::BINANCE].in_flight;
    world.binance().set_fault(fault("latency:2s"));
    let reads = ["BTC", "ETH", "SOL"].map(|base| {
        let manager = world.manager.clone();
        let pair = format!("{base}/USDT");
        tokio::spawn(async move { manager.ticker("binance", pair.as_str()).await })
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(binance(), 3);
    assert_eq!(
        world.manager.status().sources[&Exchange::KRAKEN].in_flight,
        0
    );
    for read in reads {
        read.await.unwrap().unwrap();
    }
    assert_eq!(binance(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_cache_keeps_to_its_bytes_and_counts_them() {
    let mut settings = robust_data_manager::CacheSettings::default();
    settings.max_bytes = 1024 * 1024;
    let world = World::with(|builder| builder.cache(settings));
    let cache = || world.manager.status().cache;
    // 5,000 levels of 32 bytes on each side are a third of it.
    for depth in [5_000, 4_999, 4_998, 4_997, 4_996] {
        let read = world.manager.order_book("binance", "BTC/USDT").depth(depth);
        let book = read.await.unwrap();
        let levels = book.bids.len() + book.asks.len();
        assert!(
            cache().bytes >= levels as u64 * 32,
            "{levels}: {:?}",
            cache()
        );
        assert!(cache().bytes <= 1024 * 1024, "{:?}", cache());
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let cache = cache();
    assert!(cache.values < 5 && cache.evictions > 0, "{cache:?}");
}
