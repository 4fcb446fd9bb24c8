//! The reader's terms at their edges, and lists of pairs that cannot be trusted.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use robust_data_manager::market::{Exchange, Freshness, Request, Symbol};
use robust_data_manager::{
    DataError, DataManager, Environment, ExchangeSettings, Query, StartError,
};
use tokio::time::Instant;

use crate::world::{World, fault};

fn query() -> Query {
    Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_stale_value_gets_it_when_the_exchange_hangs() {
    let world = World::new();
    world.manager.get(query()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    world.binance().set_fault(fault("hang"));
    let began = Instant::now();
    let hasty = query().timeout(Duration::from_millis(800));
    let stale = hasty.clone().stale_if_error(Duration::from_secs(60));
    let sample = world.manager.get(stale).await.unwrap();
    assert_eq!(sample.meta.freshness, Freshness::Stale);
    assert!(began.elapsed() <= Duration::from_millis(800));
    for refused in [
        hasty.clone(),
        hasty.clone().stale_if_error(Duration::from_secs(10)),
        hasty.stale_if_error(Duration::from_secs(60)).refresh(),
    ] {
        let error = world.manager.get(refused).await.unwrap_err();
        assert!(matches!(error, DataError::Timeout { .. }), "{error}");
    }
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_patient_reader_does_not_share_the_haste_of_the_one_it_joined() {
    let world = World::new();
    // The one request of this second is spent.
    world.manager.ticker("kraken", "ETH/USD").await.unwrap();
    let query = || Query::ticker(Exchange::KRAKEN, "BTC/USD".parse().unwrap());
    let (hasty, patient, other) = tokio::join!(
        world.manager.get(query().timeout(Duration::from_millis(5))),
        world.manager.get(query()),
        world.manager.get(query()),
    );
    assert!(matches!(hasty, Err(DataError::Limited { .. })));
    assert_eq!(
        patient.unwrap().meta.request_id,
        other.unwrap().meta.request_id
    );
    assert_eq!(world.kraken().stats().requests, 2);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn terms_beyond_all_sense_do_no_harm() {
    let world = World::new();
    let now = Instant::now();
    let mut far = now;
    let mut step = Duration::from_secs(1 << 62);
    while step > Duration::from_nanos(1) {
        match far.checked_add(step) {
            Some(next) => far = next,
            None => step /= 2,
        }
    }
    for terms in [
        query().timeout(Duration::MAX),
        query().timeout(Duration::ZERO),
        query().deadline(far),
        query().deadline(now - Duration::from_millis(1)),
        query().max_age(Duration::MAX),
        query().max_age(Duration::ZERO),
        query().stale_if_error(Duration::MAX),
        query().deadline(far).timeout(Duration::MAX).refresh(),
        query().min_quality(-1.0),
    ] {
        let _ = world.manager.get(terms).await;
    }
    let error = world.manager.get(query().min_quality(f64::NAN)).await;
    assert!(matches!(error, Err(DataError::Quality { .. })));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn the_order_of_pairs_means_nothing() {
    let world = World::new();
    for pairs in [
        ["BTC/USDT", "ETH/USDT", "BTC/USDT"],
        ["ETH/USDT", "ETH/USDT", "BTC/USDT"],
    ] {
        let symbols: Vec<Symbol> = pairs.map(|pair| pair.parse().unwrap()).into();
        let request = Request::Tickers { symbols };
        let query = Query::new(Exchange::BINANCE, request);
        world.manager.get(query).await.unwrap();
    }
    assert_eq!(world.binance().stats().requests, 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_had_is_no_proof_that_a_pair_is_unlisted() {
    for text in ["refuse", "503", "hang", "429:60"] {
        let world = World::new();
        let source = world.manager.source("binance").unwrap();
        let listed = world.binance().symbols().into_iter();
        let mut unknown = listed.filter(|symbol| source.listed(symbol).is_err());
        world.binance().set_fault(fault(text));
        let query = Query::ticker(Exchange::BINANCE, unknown.next().unwrap());
        let error = world.manager.get(query).await.unwrap_err();
        assert!(
            !matches!(error, DataError::Unanswerable(_)) && error.is_retryable(),
            "{text}: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_the_list_is_asked_for_is_a_shutdown() {
    let world = World::new();
    world.binance().set_fault(fault("hang"));
    let manager = world.manager.clone();
    let read = tokio::spawn(async move { manager.ticker("binance", "PEPE/USDT").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.manager.shutdown(Duration::ZERO).await;
    let error = read.await.unwrap().unwrap_err();
    assert!(matches!(error, DataError::Shutdown), "{error}");
}

/// One row that can be read, and one that cannot or none.
const LISTS: [&str; 2] = [
    r#"{"symbols":[{"symbol":"NEWUSDT","status":"TRADING","baseAsset":"NEW","quoteAsset":"USDT","isSpotTradingAllowed":true,"filters":[]},{"symbol":5}]}"#,
    r#"{"symbols":[{"symbol":"NEWUSDT","status":"TRADING","baseAsset":"NEW","quoteAsset":"USDT","isSpotTradingAllowed":true,"filters":[]}]}"#,
];

#[tokio::test(start_paused = true)]
async fn a_list_that_lacks_pairs_adds_and_takes_nothing_away() {
    for list in LISTS {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let venue = tower::service_fn(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<_, Infallible>(http::Response::new(Bytes::from_static(list.as_bytes()))) }
        });
        let manager = DataManager::builder()
            .environment(Environment::Simulated)
            .exchange("binance")
            .transport(
                Exchange::BINANCE,
                robust_source::in_memory(venue, |never| match never {}),
            )
            .start()
            .unwrap();
        manager.instruments("binance").await.unwrap();
        let source = manager.source("binance").unwrap();
        for pair in ["NEW/USDT", "BTC/USDT", "ETH/BTC"] {
            assert!(source.listed(&pair.parse().unwrap()).is_ok(), "{pair}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_start_without_a_runtime_is_an_error_and_no_panic() {
    let start = DataManager::builder().exchange("kraken").start();
    assert!(matches!(start, Err(StartError::NoRuntime)));
}

#[tokio::test]
async fn an_address_with_a_password_is_refused_without_telling_it() {
    for environment in [Environment::Live, Environment::Simulated] {
        let mut settings = ExchangeSettings::default();
        settings.base_url = Some("http://me:hunter2@127.0.0.1:1".to_owned());
        let error = DataManager::builder()
            .environment(environment)
            .exchange_with("kraken", settings)
            .start()
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        assert!(error.to_string().contains("leave user and password away"));
    }
}
