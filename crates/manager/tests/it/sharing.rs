//! Readers of one value share one fetch.

use std::time::Duration;

use futures_util::future::join_all;
use robust_data_manager::market::{Exchange, Freshness, Symbol, Tier};
use robust_data_manager::{DataError, Priority, Query};
use tokio::time::Instant;

use crate::world::{World, fault};

fn query() -> Query {
    Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_hundred_concurrent_reads_of_one_symbol_are_one_request() {
    let world = World::new();
    world.binance().set_fault(fault("latency:500ms"));
    let reads = join_all((0..100).map(|_| world.manager.get(query()))).await;
    assert!(reads.iter().all(Result::is_ok));
    assert_eq!(world.binance().stats().requests, 1);
    let coalesced = reads
        .iter()
        .flatten()
        .filter(|sample| sample.meta.coalesced)
        .count();
    assert_eq!(coalesced, 99);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn ninety_nine_cancelled_of_a_hundred_leave_one_request_and_one_value() {
    let world = World::new();
    world.binance().set_fault(fault("latency:500ms"));
    let mut reads: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let manager = world.manager.clone();
                async move { manager.get(query()).await }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The one who began the fetch is among the cancelled.
    let last = reads.pop().unwrap();
    for read in reads {
        read.abort();
    }
    assert!(last.await.unwrap().is_ok());
    assert_eq!(world.binance().stats().requests, 1);
    assert_eq!(world.manager.status().reads.cancelled, 99);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_fetch_outlives_its_readers_and_its_value_is_kept() {
    let world = World::new();
    world.binance().set_fault(fault("latency:800ms"));
    let error = world
        .manager
        .get(query().timeout(Duration::from_millis(100)))
        .await
        .unwrap_err();
    assert!(matches!(error, DataError::Timeout { .. }), "{error}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sample = world.manager.get(query()).await.unwrap();
    assert_eq!(
        (sample.meta.freshness, sample.meta.tier),
        (Freshness::Cached, Some(Tier::L1))
    );
    assert_eq!(world.binance().stats().requests, 1);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn freshness_is_the_readers_choice() {
    let world = World::new();
    world.manager.get(query()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cached = world.manager.get(query()).await.unwrap();
    assert_eq!(cached.meta.freshness, Freshness::Cached);
    assert_eq!(cached.meta.receive_age, Duration::from_secs(2));
    let young = world
        .manager
        .get(query().max_age(Duration::from_secs(1)))
        .await
        .unwrap();
    assert_eq!(young.meta.freshness, Freshness::Live);
    let forced = world.manager.get(query().refresh()).await.unwrap();
    assert_eq!(forced.meta.freshness, Freshness::Live);
    assert_eq!(world.binance().stats().requests, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_comes_only_to_a_reader_who_allows_it_and_says_so() {
    let world = World::new();
    world.manager.get(query()).await.unwrap();
    world.binance().set_fault(fault("refuse"));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let error = world.manager.get(query()).await.unwrap_err();
    assert!(matches!(error, DataError::Network { .. }), "{error}");
    let stale = world
        .manager
        .get(query().stale_if_error(Duration::from_secs(600)))
        .await
        .unwrap();
    assert_eq!(stale.meta.freshness, Freshness::Stale);
    assert!(stale.meta.receive_age >= Duration::from_secs(20));
    let too_old = world
        .manager
        .get(query().stale_if_error(Duration::from_secs(10)))
        .await;
    assert!(too_old.is_err());
    world.check();
}

fn symbols(sim: &robust_sim::Sim, quote: &str) -> Vec<Symbol> {
    let listed: Vec<Symbol> = sim
        .symbols()
        .into_iter()
        .filter(|symbol| symbol.quote() == quote)
        .take(100)
        .collect();
    assert_eq!(
        listed.len(),
        100,
        "the simulator lists 100 pairs in {quote}"
    );
    listed
}

#[tokio::test(start_paused = true)]
async fn a_hundred_symbols_all_succeed_on_binance() {
    let world = World::new();
    let symbols = symbols(world.binance(), "USDT");
    let reads = join_all(
        symbols
            .into_iter()
            .map(|symbol| world.manager.get(Query::ticker(Exchange::BINANCE, symbol))),
    )
    .await;
    for read in reads {
        read.unwrap();
    }
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_hundred_symbols_on_kraken_are_served_in_time_or_refused_at_once_with_retry_in() {
    let world = World::new();
    let symbols = symbols(world.kraken(), "USD");
    // The list of pairs is one request of the one a second, and not what is measured here.
    world.manager.instruments("kraken").await.unwrap();
    let began = Instant::now();
    let reads = join_all(symbols.into_iter().map(|symbol| async {
        let read = world
            .manager
            .get(Query::ticker(Exchange::KRAKEN, symbol))
            .await;
        (read, began.elapsed())
    }))
    .await;
    let mut served = 0;
    for (read, at) in reads {
        match read {
            Ok(_) => served += 1,
            Err(error) => {
                assert!(matches!(error, DataError::Limited { .. }), "{error}");
                assert!(
                    error.retry_in().is_some_and(|wait| wait > Duration::ZERO),
                    "{error}"
                );
                assert_eq!(at, Duration::ZERO, "refused at once: {error}");
            }
        }
    }
    assert!(
        (20..=31).contains(&served),
        "{served} served in 30 s at one a second"
    );
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_patience_is_refused_at_once_instead_of_after_it() {
    let world = World::new();
    let symbols = symbols(world.kraken(), "USD");
    world.manager.instruments("kraken").await.unwrap();
    let began = Instant::now();
    let reads = join_all(symbols.into_iter().map(|symbol| async {
        let query = Query::ticker(Exchange::KRAKEN, symbol).timeout(Duration::from_secs(5));
        let read = world.manager.get(query).await;
        (read, began.elapsed())
    }))
    .await;
    for (read, at) in reads {
        if let Err(error) = read {
            assert!(matches!(error, DataError::Limited { .. }), "{error}");
            assert_eq!(at, Duration::ZERO);
        }
    }
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_critical_reader_who_joins_a_low_flight_is_not_held_by_it() {
    let world = World::new();
    let symbols = symbols(world.kraken(), "USD");
    world.manager.instruments("kraken").await.unwrap();
    let wanted = symbols[18].clone();
    // Twenty low reads queue at one a second; the wanted one is near their end.
    let low: Vec<_> = symbols
        .into_iter()
        .take(20)
        .map(|symbol| {
            let manager = world.manager.clone();
            let query = Query::ticker(Exchange::KRAKEN, symbol).priority(Priority::Low);
            tokio::spawn(async move { manager.get(query).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    let query = Query::ticker(Exchange::KRAKEN, wanted).priority(Priority::Critical);
    let sample = world.manager.get(query).await.unwrap();
    assert!(sample.meta.coalesced, "it joined the low flight");
    assert!(
        began.elapsed() < Duration::from_millis(2_600),
        "{:?}: the next grant but one at most",
        began.elapsed()
    );
    for read in low {
        read.await.unwrap().unwrap();
    }
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_critical_reader_who_joins_a_low_flight_takes_the_next_slot() {
    let world = World::new();
    let symbols = symbols(world.binance(), "USDT");
    let wanted = symbols[55].clone();
    // The list of pairs is not what is measured here.
    world.manager.instruments("binance").await.unwrap();
    let before = world.binance().stats().requests;
    let sent = || world.binance().stats().requests - before;
    world.binance().set_fault(fault("latency:2s"));
    // Twenty slow reads take all slots; forty more wait, the wanted one near their end.
    let low: Vec<_> = symbols
        .into_iter()
        .take(60)
        .map(|symbol| {
            let manager = world.manager.clone();
            let query = Query::ticker(Exchange::BINANCE, symbol).priority(Priority::Low);
            tokio::spawn(async move { manager.get(query).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(sent(), 20, "all slots are taken");
    let began = Instant::now();
    let query = Query::ticker(Exchange::BINANCE, wanted).priority(Priority::Critical);
    let sample = world.manager.get(query).await.unwrap();
    assert!(sample.meta.coalesced, "it joined the low flight");
    assert!(
        began.elapsed() <= Duration::from_millis(4_100),
        "{:?}: the rest of one slow read, and its own",
        began.elapsed()
    );
    for read in low {
        read.await.unwrap().unwrap();
    }
    assert_eq!(sent(), 60);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_low_reader_whom_others_overtake_is_told_why_before_its_patience_ends() {
    let world = World::new();
    let symbols = symbols(world.kraken(), "USD");
    world.manager.instruments("kraken").await.unwrap();
    let wanted = symbols[99].clone();
    let urgent = async {
        for symbol in symbols {
            let manager = world.manager.clone();
            let query = Query::ticker(Exchange::KRAKEN, symbol).priority(Priority::High);
            tokio::spawn(async move { manager.get(query).await });
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let low = Query::ticker(Exchange::KRAKEN, wanted)
        .priority(Priority::Low)
        .timeout(Duration::from_secs(5));
    let read = tokio::select! {
        read = world.manager.get(low) => read,
        () = urgent => unreachable!("it is told within 5 s"),
    };
    let error = read.unwrap_err();
    assert!(matches!(error, DataError::Limited { .. }), "{error}");
    assert!(error.retry_in().is_some(), "{error}");
}
