//! What needs a key: the whole book of KuCoin.

use std::time::Duration;

use robust_data_manager::market::{Exchange, Freshness, OrderBook, Sample};
use robust_data_manager::{
    Category, Config, Credentials, DataError, DataManager, Environment, StartError,
};
use robust_sim::TestKey;

use crate::world::{World, fault};

fn credentials(key: TestKey) -> Credentials {
    Credentials::new(key.key.into(), key.secret.into()).with_passphrase(key.passphrase.into())
}

fn kucoin_with(change: impl FnOnce(TestKey) -> Credentials) -> World {
    let sim = robust_sim::Sim::builder(Exchange::KUCOIN).build().unwrap();
    let credentials = change(sim.test_key().unwrap());
    World::of([Exchange::KUCOIN], |builder| {
        builder.credentials("kucoin", credentials)
    })
}

async fn book(manager: &DataManager, depth: u32) -> Result<Sample<OrderBook>, DataError> {
    manager.order_book("kucoin", "BTC/USDT").depth(depth).await
}

fn asked(world: &World, endpoint: &str) -> u64 {
    let stats = world.sims[&Exchange::KUCOIN].stats();
    stats.by_endpoint.get(endpoint).copied().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn with_credentials_the_whole_book_of_kucoin_is_read_by_a_signed_request() {
    let world = kucoin_with(credentials);
    let deep = book(&world.manager, 500).await.unwrap();
    assert!(
        deep.bids.len() > 100 && deep.asks.len() > 100,
        "{}",
        deep.bids.len()
    );
    assert!(deep.bids.len() <= 500 && deep.asks.len() <= 500);
    assert_eq!(deep.depth_limit, None, "nothing was cut off");
    assert_eq!(asked(&world, "level2"), 1);
    // What is public is asked without a signature, from the pool of the address.
    assert_eq!(book(&world.manager, 100).await.unwrap().bids.len(), 100);
    assert_eq!(
        (asked(&world, "level2"), asked(&world, "level2_100")),
        (1, 1)
    );
    let used = world.sims[&Exchange::KUCOIN].stats().max_used;
    assert_eq!((used["spot:30s"], used["public:30s"]), (3, 4));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn without_credentials_a_deep_book_of_kucoin_is_its_deepest_public_one() {
    let world = World::of([Exchange::KUCOIN], |builder| builder);
    let deep = book(&world.manager, 500).await.unwrap();
    assert_eq!((deep.bids.len(), deep.asks.len()), (100, 100));
    // The book itself says that it was cut off, also when it is read from memory; one that is as deep as was asked for does not.
    assert_eq!(deep.depth_limit, Some(100));
    let again = book(&world.manager, 500).await.unwrap();
    assert_eq!(
        (again.depth_limit, again.meta.freshness),
        (Some(100), Freshness::Cached)
    );
    let json = serde_json::to_value(&again.data).unwrap();
    assert_eq!(json["depth_limit"], 100);
    let latest = world.manager.latest::<OrderBook>("kucoin", "BTC/USDT");
    assert_eq!(latest.unwrap().unwrap().depth_limit, Some(100));
    assert_eq!(
        (asked(&world, "level2"), asked(&world, "level2_100")),
        (0, 1)
    );
    let shallow = book(&world.manager, 100).await.unwrap();
    assert_eq!((shallow.bids.len(), shallow.depth_limit), (100, None));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_signed_with_its_own_time_however_long_it_waited() {
    // KuCoin takes a time for five seconds. These calls wait up to a minute for the budget, and a failed one is tried again.
    let world = World::of([Exchange::KUCOIN], |builder| {
        let mut config = Config::from_toml(
            "[exchanges.kucoin]\nrequests_per_minute = 1\nmax_timeout = \"10m\"\nbackoff_base = \"20s\"",
        )
        .unwrap();
        config.environment = Environment::Simulated;
        let sim = robust_sim::Sim::builder(Exchange::KUCOIN).build().unwrap();
        builder
            .config(config)
            .credentials("kucoin", credentials(sim.test_key().unwrap()))
    });
    let sim = &world.sims[&Exchange::KUCOIN];
    sim.set_fault(fault("503"));
    let heal = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        sim.set_fault(None);
    };
    let reads = async {
        let patient = Duration::from_secs(600);
        let read = |depth| {
            let read = world.manager.order_book("kucoin", "BTC/USDT").depth(depth);
            read.timeout(patient)
        };
        tokio::join!(read(500), read(501), read(502))
    };
    let ((one, two, three), ()) = tokio::join!(reads, heal);
    for book in [one, two, three] {
        assert!(book.unwrap().bids.len() > 100);
    }
    // The first try of one of them, and three that came minutes after they were asked for.
    assert_eq!(asked(&world, "level2"), 4);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_final_and_leaves_public_data_alone() {
    let world = kucoin_with(|key| {
        let wrong = Credentials::new(key.key.into(), "00000000-wrong".into());
        wrong.with_passphrase(key.passphrase.into())
    });
    for depth in 201..=220 {
        let error = book(&world.manager, depth).await.unwrap_err();
        assert_eq!(error.category(), Category::Api);
        let DataError::Api { class, code, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((class.as_str(), code.as_deref()), ("auth", Some("400004")));
        assert!(!error.is_retryable());
    }
    assert_eq!(
        asked(&world, "level2"),
        1,
        "a refused key is not shown again"
    );
    let status = world.manager.status();
    let source = &status.sources[&Exchange::KUCOIN];
    assert_eq!((source.breaker, source.opened), ("closed", 0));
    let refused = source.key.as_ref().and_then(|key| key.refused.as_ref());
    let refused = refused.expect("the status says so");
    assert_eq!(
        (refused.code.as_deref(), refused.held_back),
        (Some("400004"), 19)
    );
    // After a quarter of an hour one request finds out whether it was mended; at once when somebody says that it was.
    tokio::time::sleep(Duration::from_secs(900)).await;
    for depth in 301..=305 {
        book(&world.manager, depth).await.unwrap_err();
    }
    assert_eq!(asked(&world, "level2"), 2);
    world.manager.retry_key("kucoin").unwrap();
    book(&world.manager, 306).await.unwrap_err();
    assert_eq!(asked(&world, "level2"), 3);
    world.manager.ticker("kucoin", "BTC/USDT").await.unwrap();
    world.check();
}

#[tokio::test(start_paused = true)]
async fn credentials_that_cannot_work_are_refused_before_anything_starts() {
    let key = || Credentials::new("key".into(), "secret".into());
    let start =
        |builder: robust_data_manager::DataManagerBuilder| builder.start().unwrap_err().to_string();
    let simulated = || DataManager::builder().environment(Environment::Simulated);
    let text = start(simulated().exchange("kucoin").credentials("kucoin", key()));
    assert!(
        text.contains("the passphrase for kucoin is missing"),
        "{text}"
    );
    let text = start(simulated().exchange("kraken").credentials("kucoin", key()));
    assert!(text.contains("add the exchange too"), "{text}");
    let mut settings = robust_data_manager::ExchangeSettings::default();
    settings.base_url = Some("http://api.kucoin.com".to_owned());
    let whole = key().with_passphrase("phrase".into());
    let builder = DataManager::builder().exchange_with("kucoin", settings);
    let text = start(builder.credentials("kucoin", whole));
    assert!(text.contains("use https: there are credentials"), "{text}");
    let missing = Config::from_toml(
        "[exchanges.kucoin.credentials]\nkey_env = \"RDM_NO_SUCH_KEY\"\nsecret_env = \"RDM_NO_SUCH_SECRET\"",
    );
    let error = DataManager::builder().config(missing.unwrap()).start();
    let error = error.unwrap_err();
    assert!(matches!(error, StartError::Config(_)));
    assert!(
        error.to_string().starts_with(
            "config exchanges.kucoin.credentials.key_env = \"RDM_NO_SUCH_KEY\": there is no such variable"
        ),
        "{error}"
    );
}
