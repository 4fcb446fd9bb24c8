//! Long series come page by page, with a report on what is missing and why.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_data_manager::market::{Exchange, Interval, MissingReason, Request, Stopped, Timestamp};
use robust_data_manager::{Category, Query};

use crate::world::{World, fault};

/// The simulators' clock begins here.
fn start() -> Timestamp {
    Timestamp::from_ns(1_750_000_000_000_000_000)
}

#[tokio::test(start_paused = true)]
async fn five_thousand_binance_candles_are_five_requests_without_a_hole() {
    let world = World::new();
    let since = start().saturating_sub(Duration::from_secs(60 * 6_000));
    let candles = world
        .manager
        .candles("binance", "BTC/USDT", Interval::M1)
        .since(since)
        .limit(5_000)
        .await
        .unwrap();
    assert_eq!(candles.rows.len(), 5_000);
    assert!(
        candles
            .rows
            .windows(2)
            .all(|pair| pair[1].time.since(pair[0].time) == Duration::from_secs(60))
    );
    let coverage = candles
        .meta
        .coverage
        .clone()
        .expect("a long series has a report");
    assert_eq!(
        (coverage.asked, coverage.got, coverage.pages),
        (5_000, 5_000, 5)
    );
    assert!(
        coverage.is_complete() && coverage.missing.is_empty(),
        "{coverage:?}"
    );
    assert_eq!(world.binance().stats().requests, 5);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn kraken_serves_720_and_the_report_says_what_is_beyond() {
    let world = World::new();
    let since = start().saturating_sub(Duration::from_secs(60 * 3_000));
    let candles = world
        .manager
        .candles("kraken", "BTC/USD", Interval::M1)
        .since(since)
        .limit(5_000)
        .await
        .unwrap();
    let coverage = candles
        .meta
        .coverage
        .clone()
        .expect("a long series has a report");
    assert_eq!(coverage.depth_limit.map(|limit| limit.rows), Some(720));
    assert_eq!(coverage.got, 721);
    assert_eq!(coverage.missing[0].reason, MissingReason::BeyondDepth);
    assert!(!coverage.is_complete());
    assert_eq!(coverage.open, 1);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_start_before_all_that_is_kept_is_said_also_of_one_page() {
    let world = World::new();
    let since = start().saturating_sub(Duration::from_secs(30 * 86_400));
    let candles = world
        .manager
        .candles("kraken", "BTC/USD", Interval::M1)
        .since(since)
        .limit(500)
        .await
        .unwrap();
    let coverage = candles.meta.coverage.clone().expect("a start has a report");
    assert_eq!((coverage.asked, coverage.got), (500, 0));
    let reasons: Vec<_> = coverage.missing.iter().map(|hole| hole.reason).collect();
    assert_eq!(reasons, [MissingReason::BeyondDepth]);
    assert!(!coverage.is_complete() && candles.rows.is_empty());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn trades_of_kraken_are_paged_by_its_cursor_without_loss() {
    let world = World::new();
    let since = start().saturating_sub(Duration::from_secs(6 * 3_600));
    let trades = world
        .manager
        .trades("kraken", "BTC/USD")
        .since(since)
        .limit(2_500)
        .await
        .unwrap();
    let ids: Vec<u64> = trades
        .rows
        .iter()
        .filter_map(|row| row.id.as_ref()?.parse().ok())
        .collect();
    assert!(ids.len() > 1_000, "{}", ids.len());
    assert!(
        ids.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "ids follow each other"
    );
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_failure_is_not_lost() {
    let world = World::new();
    let since = start().saturating_sub(Duration::from_secs(60 * 6_000));
    let sim = world.binance().clone();
    let query = Query::new(
        Exchange::BINANCE,
        Request::Candles {
            symbol: "BTC/USDT".parse().unwrap(),
            interval: Interval::M1,
            since: Some(since),
            limit: Some(5_000),
        },
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sample = world
        .manager
        .get_with_progress(query, {
            let seen = Arc::clone(&seen);
            move |progress| {
                seen.lock().unwrap().push(progress.rows);
                if progress.pages == 2 {
                    sim.set_fault(fault("html"));
                }
            }
        })
        .await
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), [1_000, 2_000]);
    let coverage = sample.meta.coverage.clone().unwrap();
    assert_eq!(
        (coverage.got, coverage.missing[0].reason),
        (2_000, MissingReason::NotReached)
    );
    assert_eq!(coverage.missing[0].rows, Some(3_000));
    // The report says why, in terms to branch on.
    let Some(Stopped::Failed(failure)) = &coverage.stopped else {
        panic!("{:?}", coverage.stopped)
    };
    assert_eq!(
        (failure.category, failure.name),
        (Category::Api, "unexpected_content")
    );
    assert!(failure.message.starts_with("binance: "), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_series_that_the_readers_time_ends_says_so() {
    let world = World::new();
    let sim = world.kraken().clone();
    // Trades of six hours are several pages, 1.25 s apart.
    let since = start().saturating_sub(Duration::from_secs(6 * 3_600));
    let query = Query::new(
        Exchange::KRAKEN,
        Request::Trades {
            symbol: "BTC/USD".parse().unwrap(),
            since: Some(since),
            limit: Some(2_500),
        },
    );
    let query = query.timeout(Duration::from_secs(4));
    let sample = world
        .manager
        .get_with_progress(query, move |progress| {
            if progress.pages == 1 {
                sim.set_fault(fault("hang"));
            }
        })
        .await
        .unwrap();
    let coverage = sample.meta.coverage.clone().unwrap();
    assert_eq!(coverage.got, 1_000);
    let reasons: Vec<_> = coverage.missing.iter().map(|hole| hole.reason).collect();
    assert_eq!(reasons, [MissingReason::NotReached]);
    let Some(Stopped::Failed(failure)) = &coverage.stopped else {
        panic!("{:?}", coverage.stopped)
    };
    assert_eq!(
        (failure.category, failure.name),
        (Category::Timeout, "timeout")
    );
}

#[tokio::test(start_paused = true)]
async fn more_trades_than_a_page_need_a_start() {
    let world = World::new();
    let error = world
        .manager
        .trades("kraken", "BTC/USD")
        .limit(3_000)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("limit 3000"), "{error}");
    assert_eq!(world.kraken().stats().requests, 0);
}
