//! Reads that come due by themselves: nothing due is lost, nothing sent is late.

use std::time::Duration;

use robust_data_manager::market::{Exchange, Freshness};
use robust_data_manager::{DataJob, Priority, Query};

use crate::world::{World, fault};

fn job(name: &str, exchange: Exchange, symbol: &str, secs: u64) -> DataJob {
    let query = Query::ticker(exchange, symbol.parse().unwrap()).priority(Priority::Critical);
    DataJob::new(name, query, Duration::from_secs(secs)).at_start()
}

#[tokio::test(start_paused = true)]
async fn jobs_keep_values_fresh_and_the_ledger_closes() {
    let world = World::new();
    world
        .manager
        .schedule(job("k", Exchange::KRAKEN, "BTC/USD", 5))
        .unwrap();
    world
        .manager
        .schedule(job("b", Exchange::BINANCE, "BTC/USDT", 2))
        .unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let sample = world.manager.ticker("binance", "BTC/USDT").await.unwrap();
    assert_eq!(sample.meta.freshness, Freshness::Cached);
    assert!(
        sample.meta.receive_age <= Duration::from_secs(2),
        "{:?}",
        sample.meta.receive_age
    );
    world.manager.shutdown(Duration::from_secs(5)).await;
    let jobs = world.manager.status().jobs;
    assert!(jobs.ran >= 40, "{jobs:?}");
    assert_eq!(
        jobs.due,
        jobs.ran + jobs.superseded + jobs.skipped.values().sum::<u64>() + jobs.pending
    );
    assert_eq!((jobs.superseded, jobs.failed), (0, 0));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_faulty_source_does_not_touch_the_other() {
    for text in ["hang", "418:600", "html", "503", "refuse"] {
        let world = World::new();
        world.kraken().set_fault(fault(text));
        for (n, symbol) in ["BTC/USD", "ETH/USD", "SOL/USD"].into_iter().enumerate() {
            world
                .manager
                .schedule(job(&format!("k{n}"), Exchange::KRAKEN, symbol, 5))
                .unwrap();
        }
        world
            .manager
            .schedule(job("b", Exchange::BINANCE, "BTC/USDT", 2))
            .unwrap();
        tokio::time::sleep(Duration::from_secs(120)).await;
        let ledgers = world.manager.scheduler().source_ledgers();
        let (kraken, binance) = (&ledgers["kraken"], &ledgers["binance"]);
        assert_eq!(
            (binance.outcomes.failed, binance.superseded),
            (0, 0),
            "{text}: {binance:?}"
        );
        assert!(binance.ran >= 60, "{text}: {binance:?}");
        assert_eq!(kraken.outcomes.ok, 0, "{text}");
        // What was asked has failed, or was told to stay away; what was not asked waits.
        let ended = &kraken.outcomes;
        assert!(ended.failed + ended.deferred > 0, "{text}: {kraken:?}");
        assert_eq!(ended.failed == 0, text == "418:600", "{text}: {kraken:?}");
        let status = &world.manager.status().sources[&Exchange::KRAKEN];
        assert!(status.opened > 0, "{text}: the breaker opened: {status:?}");
        world.check();
    }
}

/// One grace for runs and fetches together, so that whoever kills after ten seconds finds it ended.
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_within_its_grace_whatever_hangs() {
    let secs = Duration::from_secs;
    for (timeout, after, lasts, cancelled) in [
        // A run is under way, and is cut off.
        (secs(30), secs(2), secs(8), 1),
        // None is: its read has given up on a fetch that goes on, and that nobody waits for.
        (secs(1), secs(3), Duration::ZERO, 0),
    ] {
        let world = World::new();
        world.binance().set_fault(fault("hang"));
        let job = job("b", Exchange::BINANCE, "BTC/USDT", 20).timeout(timeout);
        world.manager.schedule(job).unwrap();
        tokio::time::sleep(after).await;
        let began = tokio::time::Instant::now();
        let report = world.manager.shutdown(secs(8)).await;
        let took = began.elapsed();
        assert!(
            took.abs_diff(lasts) <= Duration::from_millis(20),
            "{took:?}"
        );
        assert_eq!(
            (report.cancelled, report.aborted),
            (cancelled, 0),
            "{report:?}"
        );
        let ended = world.manager.scheduler().ledger().outcomes;
        assert_eq!(
            (ended.cancelled, ended.timed_out),
            (cancelled, 1 - cancelled)
        );
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_the_jobs() {
    let world = World::new();
    world
        .manager
        .schedule(job("b", Exchange::BINANCE, "BTC/USDT", 1))
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let World { sims, manager, .. } = world;
    drop(manager);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = sims[&Exchange::BINANCE].stats().requests;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(sims[&Exchange::BINANCE].stats().requests, before);
}

#[tokio::test(start_paused = true)]
async fn a_job_of_an_exchange_that_is_not_configured_is_refused() {
    let world = World::new();
    let exchange = "krakn".parse().unwrap();
    let error = world
        .manager
        .schedule(job("k", exchange, "BTC/USD", 5))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("job \"k\"") && error.contains("did you mean kraken?"),
        "{error}"
    );
    assert_eq!(world.manager.status().jobs.due, 0);
}
