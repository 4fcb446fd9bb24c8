//! What cannot be asked is refused with field, value and remedy, and nothing is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use robust_data_manager::market::{Exchange, Interval, Kind};
use robust_data_manager::{
    Category, DataError, DataManager, EncodeError, Environment, ExchangeSettings, Query, StartError,
};

use crate::world::{World, fault};

#[tokio::test(start_paused = true)]
async fn names_are_refused_before_anything_is_sent() {
    let world = World::new();
    let cases = [
        (
            world.manager.ticker("krakn", "BTC/USD").await,
            "did you mean kraken?",
        ),
        (
            world.manager.ticker("Kraken", "BTC/USD").await,
            "use a lower-case name",
        ),
        (
            world.manager.ticker("kraken", "BTCUSD").await,
            "write BASE/QUOTE",
        ),
        (world.manager.ticker("kraken", "").await, "write BASE/QUOTE"),
    ];
    for (read, remedy) in cases {
        let error = read.unwrap_err();
        assert_eq!(error.category(), Category::Validation);
        assert!(error.to_string().contains(remedy), "{error}");
        assert!(!error.is_retryable());
    }
    assert_eq!(world.kraken().stats().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn an_unlisted_pair_names_the_nearest_listed_one() {
    let world = World::new();
    assert!(world.manager.ticker("kraken", "BTC/USD").await.is_ok());
    let error = world
        .manager
        .ticker("binance", "BTC/USD")
        .await
        .unwrap_err();
    let DataError::Unanswerable(EncodeError::UnknownSymbol { nearest, .. }) = &error else {
        panic!("{error}")
    };
    assert_eq!(
        nearest.as_ref().map(ToString::to_string).as_deref(),
        Some("BTC/USDT")
    );
    // The exchange was asked for its list once; the second read knows it.
    let asked = world.binance().stats().requests;
    assert_eq!(asked, 1);
    assert!(world.manager.ticker("binance", "BTC/USD").await.is_err());
    assert_eq!(world.binance().stats().requests, asked);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_quote_alias_answers_with_the_pair_that_it_really_is() {
    let settings = || {
        let mut settings = ExchangeSettings::default();
        settings
            .quote_alias
            .insert("USD".to_owned(), "USDT".to_owned());
        settings
    };
    let world = World::with(|builder| builder.exchange_with("binance", settings()));
    let ticker = world.manager.ticker("binance", "BTC/USD").await.unwrap();
    assert_eq!(ticker.symbol.as_str(), "BTC/USDT");
    assert_eq!(
        ticker.meta.symbol.as_ref().map(|symbol| symbol.as_str()),
        Some("BTC/USDT")
    );
    assert_eq!(
        world.binance().stats().requests,
        2,
        "the list first: BTC/USD itself might be listed"
    );
}

#[tokio::test(start_paused = true)]
async fn an_interval_or_depth_that_the_exchange_does_not_have_is_refused_unsent() {
    let world = World::new();
    let weekly: Interval = "3d".parse().unwrap();
    let error = world
        .manager
        .candles("kraken", "BTC/USD", weekly)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("interval \"3d\""), "{error}");
    let error = world
        .manager
        .order_book("kraken", "BTC/USD")
        .depth(501)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("501"), "{error}");
    assert_eq!(world.kraken().stats().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_live_configuration_refuses_a_simulated_source() {
    let start = DataManager::builder()
        .exchange_with("kraken", {
            let mut settings = ExchangeSettings::default();
            settings.base_url = Some("http://127.0.0.1:1".to_owned());
            settings
        })
        .start();
    assert!(matches!(
        start.unwrap_err(),
        StartError::SimulatedSource { .. }
    ));

    for (name, url) in [
        ("binance", "https://testnet.binance.vision"),
        ("kucoin", "https://OpenAPI-sandbox.kucoin.com"),
    ] {
        let start = |environment| {
            let mut settings = ExchangeSettings::default();
            settings.base_urls = vec!["https://api.example.com".to_owned(), url.to_owned()];
            let builder = DataManager::builder().environment(environment);
            builder.exchange_with(name, settings).start()
        };
        let error = start(Environment::Live).unwrap_err();
        assert!(matches!(error, StartError::TestSource { .. }), "{error}");
        assert!(error.to_string().contains("environment = \"test\""));
        assert!(start(Environment::Test).is_ok());
        assert!(start(Environment::Simulated).is_ok());
    }

    // And when the configuration hides it, the answer itself gives it away.
    let world = World::with(|builder| builder.environment(Environment::Live));
    let error = world.manager.ticker("kraken", "BTC/USD").await.unwrap_err();
    assert!(matches!(error, DataError::Simulated { .. }), "{error}");
    assert_eq!(world.manager.status().cache.values, 0, "and is not kept");
}

#[tokio::test(start_paused = true)]
async fn settings_that_cannot_work_start_nothing() {
    for (name, settings, remedy) in [
        ("kraken", "retries = 999", "use 0 to 20"),
        ("krakken", "", "did you mean kraken?"),
        ("kraken", "base_url = \"ftp://x\"", "write https://HOST"),
        (
            "kraken",
            "base_url = \"https://x/y\"",
            "leave the path away",
        ),
    ] {
        let text = format!("[exchanges.{name}]\n{settings}");
        let error = match robust_data_manager::Config::from_toml(&text) {
            Err(error) => error.to_string(),
            Ok(config) => DataManager::builder()
                .config(config)
                .start()
                .unwrap_err()
                .to_string(),
        };
        assert!(error.contains(remedy), "{text}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_a_type_that_says_when_to_come_back() {
    for (text, category, name) in [
        ("hang", Category::Timeout, "timeout"),
        ("503", Category::Api, "transient"),
        ("html", Category::Api, "unexpected_content"),
        ("refuse", Category::Network, "network"),
        ("truncated", Category::Network, "network"),
        ("418:600", Category::Limited, "banned"),
        ("429:600", Category::Limited, "throttled"),
    ] {
        let world = World::new();
        world.binance().set_fault(fault(text));
        let error = world
            .manager
            .ticker("binance", "BTC/USDT")
            .await
            .unwrap_err();
        assert_eq!(
            (error.category(), error.name()),
            (category, name),
            "{text}: {error}"
        );
        assert_eq!(error.exchange(), Some(&Exchange::BINANCE));
        assert_eq!(
            error.retry_in().is_some(),
            // A page for people has a long pause before the next attempt.
            category == Category::Limited || text == "html",
            "{text}: {error}"
        );
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn after_shutdown_reads_are_refused() {
    let world = World::new();
    world.manager.ticker("kraken", "BTC/USD").await.unwrap();
    world.manager.shutdown(Duration::from_secs(1)).await;
    let error = world.manager.ticker("kraken", "BTC/USD").await.unwrap_err();
    assert!(matches!(error, DataError::Shutdown));
    assert!(world.manager.is_shut_down());
}

#[tokio::test(start_paused = true)]
async fn a_least_quality_refuses_with_the_report() {
    let world = World::new();
    let query = Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap());
    let sample = world.manager.get(query.clone()).await.unwrap();
    let report = sample.quality.clone().expect("a ticker is judged");
    assert_eq!(sample.meta.kind, Kind::Ticker);
    assert!(report.overall.get() > 90.0, "{report:?}");
    let error = world
        .manager
        .get(query.min_quality(100.1))
        .await
        .unwrap_err();
    assert!(matches!(error, DataError::Quality { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_refuses_its_list_is_not_asked_for_it_at_each_unknown_pair() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let refuses = tower::service_fn(move |request: http::Request<bytes::Bytes>| {
        let lists = request.uri().path() == "/0/public/AssetPairs";
        count.fetch_add(usize::from(lists), Ordering::SeqCst);
        let body = bytes::Bytes::from_static(br#"{"error":["EGeneral:Permission denied"]}"#);
        async move { Ok::<_, std::convert::Infallible>(http::Response::new(body)) }
    });
    let transport = robust_source::in_memory(refuses, |never| match never {});
    let world = World::with(|builder| builder.transport(Exchange::KRAKEN, transport));
    let asked = || asked.load(Ordering::SeqCst);
    let world = &world;
    let read = |base: &str| {
        let pair = format!("{base}/USD");
        async move {
            world
                .manager
                .ticker("kraken", pair.as_str())
                .await
                .unwrap_err()
        }
    };
    for base in ["FOO", "BAR", "BAZ"] {
        let error = read(base).await;
        assert!(
            matches!(error, DataError::Api { .. }) && !error.is_retryable(),
            "{error}"
        );
    }
    assert_eq!(asked(), 1);
    let wait = read("FOO").await.retry_in().unwrap();
    assert!(
        wait <= Duration::from_secs(10) && wait > Duration::from_secs(8),
        "{wait:?}"
    );
    tokio::time::sleep(wait).await;
    futures_util::future::join_all(["FOO", "BAR"].map(read)).await;
    assert_eq!(asked(), 2);
    let wait = read("FOO").await.retry_in().unwrap();
    assert!(wait > Duration::from_secs(15), "twice as long: {wait:?}");
}
