//! Each answer is judged once; what a reader gets of a doubtful one is the reader's choice.

use std::time::Duration;

use robust_data_manager::market::{Acceptance, Dimension, Exchange, Freshness, Ticker};
use robust_data_manager::{
    Category, Config, DataError, DataJob, Event, OnQuarantine, QualitySettings, Query,
};

use crate::twisted::{Hand, Twist, heard, words, world};
use crate::world::World;

/// How many prints of a pair are judged before the price is judged by its history.
const WARM: u32 = 40;

fn ticker() -> Query {
    Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap()).refresh()
}

async fn warm(world: &World) {
    for _ in 0..WARM {
        world.manager.get(ticker()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn binance() -> (World, Hand) {
    let (world, hand) = world([Exchange::BINANCE], |builder| builder);
    warm(&world).await;
    (world, hand)
}

#[tokio::test(start_paused = true)]
async fn a_crash_does_not_black_out_and_what_it_held_up_is_released() {
    let (world, hand) = binance().await;
    let mut events = world.manager.events();
    hand.set(Exchange::BINANCE, Twist::Scaled(50));
    let mut seen = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..4 {
        let sample = world
            .manager
            .get(ticker())
            .await
            .expect("delivered by default");
        seen.push(sample.quality.as_ref().unwrap().acceptance);
        ids.push(sample.meta.request_id);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    use Acceptance::{Accept, Quarantine};
    assert_eq!(seen, [Quarantine, Quarantine, Accept, Accept]);

    let words = words(heard(&mut events).await);
    let shown: Vec<_> = words
        .iter()
        .map(|word| (word.before, word.report.acceptance, word.released.len()))
        .collect();
    assert_eq!(shown[0], (Some(Accept), Quarantine, 0));
    assert_eq!(
        shown.last(),
        Some(&(Some(Quarantine), Accept, 2)),
        "{shown:?}"
    );
    let released: Vec<_> = words[words.len() - 1]
        .released
        .iter()
        .map(|sample| sample.meta.request_id)
        .collect();
    assert_eq!(released, ids[..2]);
    let counts = world.manager.status().quarantine;
    assert_eq!((counts.waiting, counts.released, counts.refuted), (0, 2, 0));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_print_that_is_taken_back_is_refuted_and_not_released() {
    let (world, hand) = binance().await;
    hand.set(Exchange::BINANCE, Twist::Scaled(1_000));
    world.manager.get(ticker()).await.unwrap();
    assert_eq!(world.manager.status().quarantine.waiting, 1);
    hand.set(Exchange::BINANCE, Twist::None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let back = world.manager.get(ticker()).await.unwrap();
    assert_eq!(
        back.quality.as_ref().unwrap().acceptance,
        Acceptance::Accept
    );
    let counts = world.manager.status().quarantine;
    assert_eq!((counts.waiting, counts.released, counts.refuted), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reader_can_have_an_error_in_place_of_a_doubtful_value() {
    let (world, hand) = binance().await;
    let strict = || {
        world
            .manager
            .get(ticker().on_quarantine(OnQuarantine::Error))
    };
    strict().await.expect("a good value is no error");
    for (twist, acceptance) in [
        (Twist::Crossed, Acceptance::Quarantine),
        (Twist::Headless, Acceptance::Reject),
    ] {
        hand.set(Exchange::BINANCE, twist);
        let error = strict().await.unwrap_err();
        assert_eq!(error.category(), Category::Validation);
        assert_eq!((error.name(), error.is_retryable()), ("quarantined", true));
        let report = error.report().expect("the report is inside");
        assert_eq!(report.acceptance, acceptance);
        let rule = report.issues[0].rule;
        assert!(error.to_string().contains(rule), "{error}");
        // Others get it, with its label.
        let labelled = world.manager.get(ticker()).await.unwrap();
        assert_eq!(labelled.quality.as_ref().unwrap().acceptance, acceptance);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_can_have_the_newest_accepted_value_with_its_age() {
    let (world, hand) = binance().await;
    let good = world.manager.get(ticker()).await.unwrap();
    hand.set(Exchange::BINANCE, Twist::Scaled(1_000));
    let last_good = || {
        let query = ticker().on_quarantine(OnQuarantine::LastGood);
        world.manager.get(query)
    };
    for second in 1..=2_u64 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sample = last_good().await.unwrap();
        assert_eq!(sample.meta.request_id, good.meta.request_id);
        assert_eq!(sample.meta.freshness, Freshness::Stale);
        assert_eq!(sample.meta.receive_age.as_secs(), second);
        let report = sample.quality.as_ref().unwrap();
        assert!(report.acceptance >= Acceptance::AcceptWithExclusions);
    }
    hand.set(Exchange::BINANCE, Twist::None);
    let fresh = last_good().await.unwrap();
    assert_eq!(fresh.meta.freshness, Freshness::Live);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_accepted_value_that_is_a_typed_error() {
    let (world, hand) = world([Exchange::BINANCE], |builder| builder);
    hand.set(Exchange::BINANCE, Twist::Crossed);
    let query = ticker().on_quarantine(OnQuarantine::LastGood);
    let error = world.manager.get(query.clone()).await.unwrap_err();
    assert_eq!(
        (error.name(), error.category()),
        ("no_last_good", Category::Validation)
    );
    assert_eq!(error.report().unwrap().acceptance, Acceptance::Quarantine);

    // What was accepted more than an hour ago does not stand in either.
    hand.set(Exchange::BINANCE, Twist::None);
    world.manager.get(ticker()).await.unwrap();
    hand.set(Exchange::BINANCE, Twist::Crossed);
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(630)).await;
        let _ = world.manager.get(query.clone()).await;
    }
    let error = world.manager.get(query).await.unwrap_err();
    assert_eq!(error.name(), "no_last_good");
}

#[tokio::test(start_paused = true)]
async fn readers_of_one_fetch_have_each_their_own_terms_and_it_is_judged_and_told_once() {
    let (world, hand) = binance().await;
    let good = world.manager.get(ticker()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    hand.set(Exchange::BINANCE, Twist::Crossed);
    let judged = || {
        world.manager.status().sources[&Exchange::BINANCE]
            .quality
            .judged
    };
    let (before, asked) = (judged(), world.binance().stats().requests);
    let mut events = world.manager.events();
    let read = || world.manager.ticker("binance", "BTC/USDT");
    let (plain, strict, last, well) = tokio::join!(
        read().into_future(),
        read().on_quarantine(OnQuarantine::Error).into_future(),
        read().on_quarantine(OnQuarantine::LastGood).into_future(),
        read().min_quality(80.0).into_future(),
    );
    assert_eq!(world.binance().stats().requests - asked, 1);
    assert_eq!(judged() - before, 1);
    assert_eq!(
        plain.unwrap().quality.unwrap().acceptance,
        Acceptance::Quarantine
    );
    assert!(
        matches!(strict, Err(DataError::Quarantined { .. })),
        "{strict:?}"
    );
    assert_eq!(last.unwrap().meta.request_id, good.meta.request_id);
    assert!(
        matches!(well, Err(DataError::Quality { min: 80.0, .. })),
        "{well:?}"
    );
    let told = heard(&mut events).await;
    let data = told.iter().filter(|event| matches!(event, Event::Data(_)));
    assert_eq!(data.count(), 1);
    let [word] = &words(told)[..] else {
        panic!("one word about the quality")
    };
    assert!(word.changed());

    // What is read from memory is not judged again, and nobody is told.
    read().await.unwrap();
    assert_eq!(read().await.unwrap().meta.freshness, Freshness::Cached);
    assert_eq!(judged() - before, 1);
    assert!(heard(&mut events).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cached_value_is_judged_by_its_age_at_each_read() {
    let (world, _) = binance().await;
    let read = || {
        let read = world.manager.ticker("binance", "BTC/USDT");
        read.max_age(Duration::from_secs(600))
    };
    let timeliness = |sample: &robust_data_manager::market::Sample<Ticker>| {
        let report = sample.quality.as_ref().unwrap();
        report.dimension(Dimension::Timeliness).unwrap().get()
    };
    let new = read().await.unwrap();
    assert!((timeliness(&new) - 100.0).abs() < 1.0);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let old = read().await.unwrap();
    assert_eq!(old.meta.freshness, Freshness::Cached);
    assert!(timeliness(&old) < 50.0, "{}", timeliness(&old));
    let report = old.quality.as_ref().unwrap();
    assert_eq!(report.acceptance, Acceptance::Quarantine);

    // So a reader who wants no doubtful value gets none that is doubtful by its age.
    let error = read().on_quarantine(OnQuarantine::Error).await.unwrap_err();
    assert_eq!(error.name(), "quarantined");
    let error = read().min_quality(90.0).await.unwrap_err();
    assert_eq!(error.name(), "quality");
    let stale = read().on_quarantine(OnQuarantine::LastGood).await.unwrap();
    assert_eq!(stale.meta.freshness, Freshness::Stale);
    assert_eq!(stale.meta.request_id, old.meta.request_id);
    let latest = world.manager.latest::<Ticker>("binance", "BTC/USDT");
    assert!(timeliness(&latest.unwrap().unwrap()) < 50.0);
}

#[tokio::test(start_paused = true)]
async fn the_settings_say_what_reads_get_that_do_not_say() {
    let config = "[quality]\non_quarantine = \"error\"\nmin_quality = 99.5";
    let config = Config::from_toml(config).unwrap();
    let (world, hand) = world([Exchange::BINANCE], |builder| {
        builder.quality(config.quality)
    });
    let read = || world.manager.ticker("binance", "BTC/USDT").refresh();
    read().await.unwrap();
    hand.set(Exchange::BINANCE, Twist::Crossed);
    let error = read().await.unwrap_err();
    assert_eq!(error.name(), "quarantined");
    let own = read().on_quarantine(OnQuarantine::Deliver).min_quality(0.0);
    own.await.expect("the read says otherwise");
    let own = read()
        .on_quarantine(OnQuarantine::Deliver)
        .await
        .unwrap_err();
    assert_eq!(
        own.name(),
        "quality",
        "the least score is still that of the settings"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_withholds_fails_and_its_value_is_stored_and_told_all_the_same() {
    let (world, hand) = binance().await;
    hand.set(Exchange::BINANCE, Twist::Crossed);
    let mut events = world.manager.events();
    let query = Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap());
    let job = DataJob::new("strict", query, Duration::from_secs(2));
    let job = job.on_quarantine(OnQuarantine::Error).at_start();
    world.manager.schedule(job).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let jobs = world.manager.status().jobs;
    assert!(jobs.ran >= 2 && jobs.failed == jobs.ran, "{jobs:?}");
    let data = heard(&mut events).await;
    let data = data.iter().filter(|event| matches!(event, Event::Data(_)));
    assert_eq!(data.count() as u64, jobs.ran);
    let cached = world.manager.ticker("binance", "BTC/USDT").await.unwrap();
    assert_eq!(cached.meta.freshness, Freshness::Cached);
    assert_eq!(cached.quality.unwrap().acceptance, Acceptance::Quarantine);
}

#[tokio::test(start_paused = true)]
async fn the_status_names_what_is_in_doubt_and_the_trend_of_a_day() {
    let (world, hand) = binance().await;
    let status = || {
        world.manager.status().sources[&Exchange::BINANCE]
            .quality
            .clone()
    };
    assert!(status().quarantine.is_empty());
    hand.set(Exchange::BINANCE, Twist::Crossed);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.manager.get(ticker()).await.unwrap();
    }
    let quality = status();
    let [doubt] = &quality.quarantine[..] else {
        panic!("{quality:?}")
    };
    assert_eq!((doubt.symbols[0].as_str(), doubt.answers), ("BTC/USDT", 3));
    assert_eq!(doubt.rule, Some("K.crossed"));
    let hour = *quality.trend.last().unwrap();
    assert_eq!((hour.doubtful, hour.judged), (3, u64::from(WARM) + 3));
    assert!(hour.worst <= 79.0 && hour.mean > 90.0, "{hour:?}");
    assert_eq!(
        (quality.accepted, quality.quarantined),
        (u64::from(WARM), 3)
    );
    hand.set(Exchange::BINANCE, Twist::None);
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        world.manager.get(ticker()).await.unwrap();
    }
    let quality = status();
    assert!(quality.quarantine.is_empty(), "{quality:?}");
    assert_eq!(quality.trend.len(), 24);
    let json = serde_json::to_value(world.manager.status()).unwrap();
    assert!(json["sources"]["binance"]["quality"]["trend"][0]["mean"].is_number());
}

#[tokio::test(start_paused = true)]
async fn a_callback_hears_of_changes_and_of_errors_and_of_nothing_else() {
    let (world, hand) = binance().await;
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = std::sync::Arc::clone(&told);
    let callback = world.manager.on_quality(move |word| {
        keep.lock()
            .unwrap()
            .push((word.before, word.report.acceptance));
        assert!(word.report.acceptance > Acceptance::Reject, "contained");
    });
    callback.unwrap();
    for (twist, times) in [
        (Twist::None, 3),
        (Twist::Crossed, 2),
        (Twist::None, 2),
        (Twist::Headless, 1),
        (Twist::None, 2),
    ] {
        hand.set(Exchange::BINANCE, twist);
        for _ in 0..times {
            world.manager.get(ticker()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    use Acceptance::{Accept, Quarantine, Reject};
    assert_eq!(
        *told.lock().unwrap(),
        [
            (Some(Accept), Quarantine),
            (Some(Quarantine), Quarantine), // an Error each time
            (Some(Quarantine), Accept),
            (Some(Accept), Reject),
            (Some(Reject), Accept),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_stands_apart_from_the_others_is_in_doubt_from_its_first_value_on() {
    let all = [Exchange::BINANCE, Exchange::KUCOIN, Exchange::HTX];
    for apart in [false, true] {
        let (world, hand) = world(all.clone(), |builder| builder);
        if apart {
            hand.set(Exchange::BINANCE, Twist::Scaled(108));
        }
        // Books tell their quotes to the others as well as tickers do.
        for _ in 0..3 {
            world
                .manager
                .ticker("kucoin", "BTC/USDT")
                .refresh()
                .await
                .unwrap();
            world
                .manager
                .order_book("htx", "BTC/USDT")
                .refresh()
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let sample = world.manager.get(ticker()).await.unwrap();
        let report = sample.quality.as_ref().unwrap();
        let rules: Vec<_> = report.issues.iter().map(|issue| issue.rule).collect();
        assert_eq!(rules.contains(&"A.consensus"), apart, "{rules:?}");
        let quarantined = report.acceptance <= Acceptance::Quarantine;
        assert_eq!(quarantined, apart, "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_prices_are_those_of_the_settings() {
    let config = "[quality]\nbounds.\"BTC/USDT\" = [\"1\", \"2\"]";
    let settings: QualitySettings = Config::from_toml(config).unwrap().quality;
    let (world, _) = world([Exchange::BINANCE], |builder| builder.quality(settings));
    let sample = world.manager.get(ticker()).await.unwrap();
    let report = sample.quality.as_ref().unwrap();
    assert!(
        report.issues.iter().any(|issue| issue.rule == "V.bounds"),
        "{report:?}"
    );
}
