//! What the quality rules know at the start: history from bars, and what was saved at the end before.

use std::path::PathBuf;
use std::time::Duration;

use robust_data_manager::market::{Acceptance, Dimension, Exchange, Report, Timestamp};
use robust_data_manager::{Config, DataManagerBuilder, Event, Query};
use tempfile::TempDir;

use crate::twisted::{Hand, Twist, heard, world, world_at};
use crate::world::{World, fault};

const JOBS: &str = r#"
environment = "simulated"
[quality]
history = HISTORY
[exchanges.binance]

[[jobs]]
id = "one"
exchange = "binance"
kind = "ticker"
symbol = "BTC/USDT"
every = "1h"

[[jobs]]
id = "two"
exchange = "binance"
kind = "tickers"
symbols = ["BTC/USDT", "ETH/USDT"]
every = "1h"
"#;

fn jobs(history: bool) -> (World, Hand) {
    let config = Config::from_toml(&JOBS.replace("HISTORY", &history.to_string())).unwrap();
    world([Exchange::BINANCE], |builder| builder.config(config))
}

async fn judged(world: &World) -> std::sync::Arc<Report> {
    let query = Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap()).refresh();
    world.manager.get(query).await.unwrap().quality.unwrap()
}

#[tokio::test(start_paused = true)]
async fn with_history_the_first_price_of_a_configured_pair_is_judged() {
    for history in [true, false] {
        let (world, hand) = jobs(history);
        let asked = world.binance().stats().requests;
        world.manager.schedule_configured().unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let requests = world.binance().stats().requests - asked;
        assert_eq!(requests, if history { 2 } else { 0 }, "one for each pair");
        hand.set(Exchange::BINANCE, Twist::Scaled(150));
        let report = judged(&world).await;
        let applies = report.dimension(Dimension::Accuracy).is_some();
        assert_eq!(applies, history, "{report:?}");
        let held = report.acceptance == Acceptance::Quarantine;
        assert_eq!(held, history, "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sound_first_price_after_history_is_accepted() {
    let (world, _) = jobs(true);
    world.manager.schedule_configured().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let report = judged(&world).await;
    assert_eq!(report.acceptance, Acceptance::Accept, "{report:?}");
    assert!(world.manager.status().warnings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn history_that_cannot_be_had_is_a_warning_and_stops_nothing() {
    let (world, _) = jobs(true);
    let mut events = world.manager.events();
    world.binance().set_fault(fault("503"));
    assert_eq!(world.manager.schedule_configured().unwrap().len(), 2);
    tokio::time::sleep(Duration::from_secs(3_000)).await;
    let warnings = world.manager.status().warnings;
    let text: Vec<_> = warnings.iter().map(|warning| &*warning.text).collect();
    assert_eq!(text.len(), 2, "{text:?}");
    assert!(
        text[0].starts_with("binance BTC/USDT: no history"),
        "{text:?}"
    );
    let told = heard(&mut events).await;
    let told = told
        .iter()
        .filter(|event| matches!(event, Event::Warning(_)));
    assert_eq!(told.count(), 2);
    world.binance().set_fault(None);
    tokio::time::sleep(Duration::from_secs(120)).await;
    judged(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_pair_is_taught_by_hand_once() {
    let (world, _) = world([Exchange::BINANCE], |builder| builder);
    let teach = || {
        world
            .manager
            .teach("binance", "BTC/USDT", Duration::from_secs(1))
    };
    assert!(teach().await.unwrap());
    assert!(!teach().await.unwrap(), "it is known");
    let report = judged(&world).await;
    assert!(report.dimension(Dimension::Accuracy).is_some());
    let error = world
        .manager
        .teach("krakn", "BTC/USDT", Duration::from_secs(1));
    assert_eq!(error.await.unwrap_err().name(), "unknown_exchange");
}

/// A folder of the test's own that is gone with it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("quality.state")
    }

    fn settings(&self, path: PathBuf) -> impl FnOnce(DataManagerBuilder) -> DataManagerBuilder {
        let mut settings = Config::default().quality;
        settings.state = Some(path);
        |builder| builder.quality(settings)
    }
}

const START: i64 = 1_750_000_000_000_000_000;

#[tokio::test(start_paused = true)]
async fn what_the_rules_have_learned_is_there_after_a_restart() {
    let folder = Folder::new();
    let begin = Timestamp::from_ns(START);
    {
        let settings = folder.settings(folder.file());
        let (world, _) = world_at(begin, [Exchange::BINANCE], settings);
        assert!(
            world.manager.status().warnings.is_empty(),
            "no file yet is no fault"
        );
        for _ in 0..40 {
            judged(&world).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        world.manager.shutdown(Duration::from_secs(1)).await;
    }
    let names: Vec<_> = std::fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["quality.state"], "nothing half written is left");
    let later = begin.saturating_add(Duration::from_secs(60));
    let (world, hand) = world_at(later, [Exchange::BINANCE], folder.settings(folder.file()));
    hand.set(Exchange::BINANCE, Twist::Scaled(1_000));
    let report = judged(&world).await;
    assert_eq!(report.acceptance, Acceptance::Quarantine, "{report:?}");
    assert!(report.issues.iter().any(|issue| issue.rule == "A.outlier"));
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_is_a_named_warning_and_the_start_goes_on() {
    let folder = Folder::new();
    for (text, reason) in [
        ("", "not a saved memory"),
        ("{\"quality_state\":2}\n", "not a saved memory"),
        (
            "{\"quality_state\":1}\n{\"exchange\":",
            "line 2 cannot be read",
        ),
        ("{\"quality_state\":1}\n\u{1}\n", "line 2 cannot be read"),
    ] {
        std::fs::write(folder.file(), text).unwrap();
        let (world, _) = world([Exchange::BINANCE], folder.settings(folder.file()));
        let [warning] = &world.manager.status().warnings[..] else {
            panic!("one warning for {text:?}")
        };
        assert!(warning.text.contains("quality.state"), "{}", warning.text);
        assert!(warning.text.contains(reason), "{}", warning.text);
        judged(&world).await;
        world.manager.shutdown(Duration::from_secs(1)).await;
        let saved = std::fs::read_to_string(folder.file()).unwrap();
        assert!(saved.starts_with("{\"quality_state\":1}\n{\"exchange\":\"binance\""));
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_be_written_is_a_warning_at_the_end() {
    let folder = Folder::new();
    let nowhere = folder.0.path().join("no").join("such").join("folder");
    let (world, _) = world([Exchange::BINANCE], folder.settings(nowhere));
    let mut events = world.manager.events();
    judged(&world).await;
    world.manager.shutdown(Duration::from_secs(1)).await;
    let warnings = world.manager.status().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].text.contains("not saved"), "{warnings:?}");
    let told = heard(&mut events).await;
    assert!(told.iter().any(|event| matches!(event, Event::Warning(_))));
}
