//! The newest usable value, without waiting.

use std::time::Duration;

use robust_data_manager::market::{Acceptance, Candles, Exchange, Freshness, OrderBook, Ticker};
use robust_data_manager::{DataError, DataJob, Query};

use crate::world::{World, fault};

fn query() -> Query {
    Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap()).refresh()
}

#[tokio::test(start_paused = true)]
async fn the_newest_value_is_there_without_asking_and_says_how_old_it_is() {
    let world = World::new();
    let latest = || world.manager.latest::<Ticker>("binance", "BTC/USDT");
    assert!(latest().unwrap().is_none());
    let fetched = world.manager.get(query()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    let newest = latest().unwrap().expect("it was fetched");
    assert_eq!(newest.meta.request_id, fetched.meta.request_id);
    assert_eq!(newest.meta.freshness, Freshness::Cached);
    assert!(newest.meta.receive_age >= Duration::from_secs(7));
    let asked = world.binance().stats().requests;
    for _ in 0..1_000 {
        latest().unwrap().expect("still there");
    }
    assert_eq!(world.binance().stats().requests, asked);

    let again = world.manager.get(query()).await.unwrap();
    let newest = latest().unwrap().expect("there");
    assert_eq!(newest.meta.request_id, again.meta.request_id);
    assert_eq!(newest.meta.receive_age, Duration::ZERO);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_quarantined_value_does_not_replace_an_accepted_one() {
    let world = World::new();
    let good = world.manager.get(query()).await.unwrap();
    // The exchange goes on answering, with the values of long ago.
    world.binance().set_fault(fault("stale"));
    tokio::time::sleep(Duration::from_secs(600)).await;
    let bad = world.manager.get(query()).await.unwrap();
    let report = bad.quality.as_ref().expect("a ticker is judged");
    assert!(report.acceptance <= Acceptance::Quarantine, "{report:?}");
    let newest = world
        .manager
        .latest::<Ticker>("binance", "BTC/USDT")
        .unwrap()
        .expect("the good one");
    assert_eq!(newest.meta.request_id, good.meta.request_id);
    assert_ne!(newest.meta.request_id, bad.meta.request_id);
}

#[tokio::test(start_paused = true)]
async fn jobs_feed_it_and_history_does_not() {
    let world = World::new();
    let (btc, minute) = ("BTC/USD".parse().unwrap(), "1m".parse().unwrap());
    let book = DataJob::new(
        "book",
        Query::order_book(Exchange::KRAKEN, btc),
        Duration::from_secs(5),
    );
    world.manager.schedule(book.at_start()).unwrap();
    let since = robust_data_manager::market::Timestamp::from_ns(1_749_990_000_000_000_000);
    world
        .manager
        .candles("kraken", "BTC/USD", minute)
        .since(since)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(21)).await;
    let book = world
        .manager
        .latest::<OrderBook>("kraken", "BTC/USD")
        .unwrap()
        .expect("the job fetched one");
    assert!(book.fresh_within(Duration::from_secs(5)), "{:?}", book.meta);
    let bars = || {
        world
            .manager
            .latest_candles("kraken", "BTC/USD", minute)
            .unwrap()
    };
    assert!(
        bars().is_none(),
        "a series with a start is no present state"
    );
    world
        .manager
        .candles("kraken", "BTC/USD", minute)
        .await
        .unwrap();
    let bars: Candles = bars().expect("fetched").data;
    assert_eq!(bars.interval, minute);
}

#[tokio::test(start_paused = true)]
async fn names_that_cannot_be_and_a_manager_that_ended_are_errors() {
    let world = World::new();
    let latest = |exchange, symbol| world.manager.latest::<Ticker>(exchange, symbol);
    let error = latest("krakn", "BTC/USD").unwrap_err().to_string();
    assert!(error.contains("did you mean kraken?"), "{error}");
    assert!(matches!(
        latest("kraken", "BTCUSD").unwrap_err(),
        DataError::InvalidName(_)
    ));
    world.manager.shutdown(Duration::ZERO).await;
    assert!(matches!(
        latest("kraken", "BTC/USD").unwrap_err(),
        DataError::Shutdown
    ));
}
