//! A ban holds for the process that comes next, and whoever minds the machine hears of what does not mend itself.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_data_manager::market::{Exchange, Timestamp};
use robust_data_manager::{
    Category, Config, DataError, DataManager, DataManagerBuilder, Environment, Event, Query,
    Warning,
};
use robust_http::{Error, Fetched, Kind};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::twisted::{heard, world_at};
use crate::world::{World, fault};

const START: i64 = 1_750_000_000_000_000_000;

fn after(seconds: u64) -> Timestamp {
    Timestamp::from_ns(START).saturating_add(Duration::from_secs(seconds))
}

/// A folder of the test's own that is gone with it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("quality.state")
    }

    fn bans(&self) -> PathBuf {
        self.0.path().join("quality.state.bans")
    }

    /// A process that starts so many seconds after the first.
    fn process(&self, seconds: u64) -> World {
        let mut settings = Config::default().quality;
        settings.state = Some(self.state());
        let exchanges = [Exchange::BINANCE, Exchange::KRAKEN];
        let quality = |builder: DataManagerBuilder| builder.quality(settings);
        world_at(after(seconds), exchanges, quality).0
    }
}

async fn ask(world: &World) -> Result<(), DataError> {
    let query = Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap()).refresh();
    world.manager.get(query).await.map(drop)
}

/// Waits until the ban is written, which takes a thread of its own and no time of the paused clock.
async fn written(folder: &Folder) {
    for _ in 0..100_000 {
        if folder.bans().exists() {
            return;
        }
        // On the threads that write: it comes back after some of their time.
        tokio::task::spawn_blocking(std::thread::yield_now)
            .await
            .unwrap();
    }
    panic!("no ban was written");
}

#[tokio::test(start_paused = true)]
async fn a_ban_holds_for_the_next_process_until_its_end_and_not_longer() {
    for killed in [true, false] {
        let folder = Folder::new();
        {
            let world = folder.process(0);
            world.binance().set_fault(fault("418:120"));
            ask(&world).await.unwrap_err();
            if killed {
                written(&folder).await;
            } else {
                world.manager.shutdown(Duration::from_secs(1)).await;
            }
        }
        // Its exchange answers everybody: whether it is asked is for the manager to say.
        let world = folder.process(60);
        assert_eq!(world.manager.status().warnings.len(), 0);
        for _ in 0..5 {
            let error = ask(&world).await.unwrap_err();
            assert_eq!(error.category(), Category::Network, "{error}");
            assert!(error.is_exchange_down(), "{error}");
            assert!(error.retry_in() <= Some(Duration::from_secs(60)));
            sleep(Duration::from_secs(11)).await;
        }
        assert_eq!(world.binance().stats().requests, 0, "killed: {killed}");
        // Another exchange is nobody's prisoner.
        let other = Query::ticker(Exchange::KRAKEN, "BTC/USD".parse().unwrap());
        world.manager.get(other).await.unwrap();
        sleep(Duration::from_secs(6)).await;
        ask(&world).await.unwrap();
        world.manager.shutdown(Duration::from_secs(1)).await;
        assert!(!folder.bans().exists(), "nobody is banned any more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ban_of_an_exchange_that_is_not_configured_now_is_not_forgotten() {
    let folder = Folder::new();
    let bans = format!(
        "{{\"bans\":1}}\n{{\"exchange\":\"htx\",\"until_ms\":{}}}\n{{\"exchange\":\"kucoin\",\"until_ms\":1}}\n",
        after(500).as_ms()
    );
    std::fs::write(folder.bans(), bans).unwrap();
    let world = folder.process(0);
    ask(&world).await.unwrap();
    world.manager.shutdown(Duration::from_secs(1)).await;
    let kept = std::fs::read_to_string(folder.bans()).unwrap();
    assert!(kept.contains("htx") && !kept.contains("kucoin"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn a_file_of_bans_that_cannot_be_read_is_a_warning_and_the_start_goes_on() {
    let folder = Folder::new();
    for text in ["", "{\"bans\":2}\n", "{\"bans\":1}\n{\"exchange\":\n"] {
        std::fs::write(folder.bans(), text).unwrap();
        let world = folder.process(0);
        let warnings = world.manager.status().warnings;
        assert_eq!(warnings.len(), 1, "{text:?}: {warnings:?}");
        assert!(warnings[0].text.starts_with("bans "), "{warnings:?}");
        ask(&world).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_told() {
    let folder = Folder::new();
    let world = folder.process(0);
    let mut events = world.manager.events();
    world.binance().set_fault(fault("418:120"));
    ask(&world).await.unwrap_err();
    written(&folder).await;
    let told = heard(&mut events).await;
    let bans: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::Warning(Warning::Banned { exchange, until }) => Some((exchange, *until)),
            _ => None,
        })
        .collect();
    let [(exchange, until)] = bans[..] else {
        panic!("one: {told:?}")
    };
    assert_eq!(*exchange, Exchange::BINANCE);
    let rest = until.since(after(0)).as_secs_f64();
    assert!((119.0..121.0).contains(&rest), "{until}");
}

/// What the exchange does, and what the operator hears of it while it does so again and again.
#[tokio::test(start_paused = true)]
async fn what_people_must_mend_is_told_once_until_the_exchange_answers_again() {
    #[derive(Clone, Copy, PartialEq)]
    enum Does {
        Good,
        Redirect,
        Untrusted,
    }
    let does = Arc::new(Mutex::new(Does::Redirect));
    let doing = Arc::clone(&does);
    let answer = tower::service_fn(move |_: http::Request<bytes::Bytes>| {
        let does = *doing.lock().unwrap();
        async move {
            let mut headers = http::HeaderMap::new();
            let (status, body) = match does {
                Does::Untrusted => return Err(Error::new(Kind::Tls, false)),
                Does::Redirect => (302, ""),
                Does::Good => (200, r#"{"serverTime":1750000000000}"#),
            };
            let goal = "http://169.254.169.254/?key=canary";
            headers.insert("location", http::HeaderValue::from_static(goal));
            let status = http::StatusCode::from_u16(status).unwrap();
            let now = tokio::time::Instant::now();
            Ok(Fetched::new(status, headers, body.into(), now, true))
        }
    });
    let manager = DataManager::builder()
        .environment(Environment::Simulated)
        .exchange("binance")
        .transport(Exchange::BINANCE, robust_source::Transport::new(answer))
        .start()
        .unwrap();
    let ask = async || {
        let time = robust_data_manager::market::Request::ServerTime;
        let _ = manager
            .get(Query::new(Exchange::BINANCE, time).refresh())
            .await;
        sleep(Duration::from_secs(61)).await;
    };
    let texts = || -> Vec<String> {
        let warnings = manager.status().warnings;
        warnings.into_iter().map(|warning| warning.text).collect()
    };
    for _ in 0..3 {
        ask().await;
    }
    let told = texts();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("binance: unexpected redirect to 169.254.169.254"),
        "{told:?}"
    );
    *does.lock().unwrap() = Does::Good;
    ask().await;
    *does.lock().unwrap() = Does::Untrusted;
    for _ in 0..3 {
        ask().await;
    }
    let told = texts();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains("not who it should be"), "{told:?}");
    assert!(!told.concat().contains("canary"), "{told:?}");
}
