//! Jobs from a config file.

use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Exchange, Kind, OrderBook, Ticker, Timestamp};
use robust_data_manager::scheduler::Upstream;
use robust_data_manager::{
    Config, DataJob, DataManagerBuilder, Environment, Event, Query, ScheduleError,
};
use robust_sim::VirtualClock;

use crate::world::{World, fault};

const JOBS: &str = r#"
environment = "simulated"
[exchanges.kraken]
[exchanges.binance]

[[jobs]]
id = "majors"
exchange = "binance"
kind = "tickers"
symbols = ["BTC/USDT", "ETH/USDT"]
every = "2s"
priority = 1
at_start = true

[[jobs]]
id = "quotes"
exchange = "binance"
kind = "bids_asks"
symbols = ["BTC/USDT", "ETH/USDT"]
every = "2s"

[[jobs]]
id = "book"
exchange = "kraken"
kind = "book"
symbol = "BTC/USD"
depth = 10
every = "5s"

[[jobs]]
id = "bars"
exchange = "kraken"
kind = "candles"
symbol = "BTC/USD"
interval = "5m"
every = "10s"

[[jobs]]
id = "trades"
exchange = "binance"
kind = "trades"
symbol = "BTC/USDT"
limit = 50
every = "5s"

[[jobs]]
id = "one"
exchange = "kraken"
kind = "ticker"
symbol = "ETH/USD"
every = "5s"
priority = 5
"#;

fn with(text: &str) -> World {
    let config = Config::from_toml(text).unwrap();
    World::with(|builder: DataManagerBuilder| {
        builder.config(config).environment(Environment::Simulated)
    })
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_configured_job_keeps_its_value_fresh() {
    let world = with(JOBS);
    let mut events = world.manager.events();
    assert_eq!(world.manager.status().jobs.due, 0, "not before it is said");
    assert_eq!(world.manager.schedule_configured().unwrap().len(), 6);
    tokio::time::sleep(Duration::from_secs(21)).await;
    let jobs = world.manager.status().jobs;
    assert_eq!((jobs.failed, jobs.superseded), (0, 0), "{jobs:?}");
    let manager = &world.manager;
    let book = manager
        .latest::<OrderBook>("kraken", "BTC/USD")
        .unwrap()
        .expect("a job");
    assert_eq!((book.bids.len(), book.asks.len()), (10, 10));
    assert!(
        manager
            .latest::<Ticker>("binance", "ETH/USDT")
            .unwrap()
            .is_some()
    );
    let bars = manager.latest_candles("kraken", "BTC/USD", "5m".parse().unwrap());
    assert!(bars.unwrap().is_some());
    world.manager.shutdown(Duration::from_secs(1)).await;
    let mut kinds = std::collections::BTreeSet::new();
    let World { manager, sims, .. } = world;
    drop(manager);
    while let Some(event) = events.next().await {
        if let Event::Data(sample) = event {
            if sample.meta.kind == Kind::Trades {
                assert_eq!(sample.data.len(), 50);
            }
            kinds.insert((sample.meta.exchange.clone(), sample.meta.kind));
        }
    }
    for wanted in [
        (Exchange::BINANCE, Kind::Tickers),
        (Exchange::BINANCE, Kind::BidsAsks),
        (Exchange::BINANCE, Kind::Trades),
        (Exchange::KRAKEN, Kind::Book),
        (Exchange::KRAKEN, Kind::Candles),
        (Exchange::KRAKEN, Kind::Ticker),
    ] {
        assert!(kinds.contains(&wanted), "{wanted:?} of {kinds:?}");
    }
    assert!(sims.values().all(|sim| sim.stats().over_limit == 0));
}

#[tokio::test(start_paused = true)]
async fn configured_jobs_are_added_all_or_none() {
    let world = with(JOBS);
    world.manager.schedule_configured().unwrap();
    // Their names are taken, and the ones that run go on.
    let error = world.manager.schedule_configured().unwrap_err();
    assert!(matches!(error, ScheduleError::Refused(_)), "{error}");
    assert!(error.to_string().contains("majors"), "{error}");

    let world = with(&JOBS.replace("kind = \"ticker\"", "kind = \"book\""));
    let taken = robust_data_manager::DataJob::new(
        "one",
        robust_data_manager::Query::ticker(Exchange::KRAKEN, "BTC/USD".parse().unwrap()),
        Duration::from_secs(3_600),
    );
    world.manager.schedule(taken).unwrap();
    world.manager.schedule_configured().unwrap_err();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let jobs = world.manager.status().jobs;
    assert_eq!((jobs.ran, jobs.pending), (0, 0), "out again: {jobs:?}");
}

/// A name that a terminal obeys, or that nobody can see, is refused whichever way the job comes.
#[tokio::test(start_paused = true)]
async fn a_job_made_in_code_has_a_name_that_can_be_printed() {
    let world = World::new();
    let job = |name: &str| {
        let query = Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap());
        DataJob::new(name, query, Duration::from_secs(5))
    };
    let long = "x".repeat(100_000);
    for bad in ["", "\u{1b}[31m", "a\u{202e}b", "a\u{2028}b", "a\nb", &long] {
        for job in [job(bad), job("good").title(bad)] {
            let checked = world.manager.check_jobs(std::slice::from_ref(&job));
            let error = world.manager.schedule(job).unwrap_err();
            assert!(matches!(error, ScheduleError::Name { .. }), "{error:?}");
            let text = error.to_string();
            assert!(
                text.chars()
                    .all(|c| c.is_ascii_graphic() || " …".contains(c))
            );
            assert!(text.len() < 200, "{text}");
            assert_eq!(checked.unwrap_err().to_string(), text);
        }
    }
    let named = "trades of the day BTC/USDT".to_owned();
    world
        .manager
        .schedule(job(&named).title("Handel é"))
        .unwrap();
    // What it waits for is not repeated raw either.
    let waits = job("waits").after(Upstream::success_of("\u{1b}[31m"));
    let text = world.manager.schedule(waits).unwrap_err().to_string();
    assert!(
        text.contains("job \"waits\" waits for \"\\u{1b}[31m\""),
        "{text}"
    );
}

/// Amsterdam's clocks go from 3 to 2 on 2025-10-26 and from 2 to 3 on 2025-03-30.
#[tokio::test(start_paused = true)]
async fn an_outlook_tells_the_runs_that_a_clock_change_moves_or_doubles() {
    for (from, at, change) in [
        (1_761_393_600, "2025-10-26T02:30:00+02:00", "doubled"),
        (1_743_249_600, "2025-03-30T03:00:00+02:00", "shifted"),
    ] {
        let now = Timestamp::from_ns(from * 1_000_000_000);
        let world = World::with(|builder| builder.clock(Arc::new(VirtualClock::starting_at(now))));
        let text = "[exchanges.kraken]\n[[jobs]]\nid = \"report\"\nexchange = \"kraken\"\nkind = \"ticker\"\nsymbol = \"BTC/USD\"\ncron = \"30 2 * * *\"\nzone = \"Europe/Amsterdam\"";
        let jobs = Config::from_toml(text).unwrap().jobs[0].jobs().unwrap();
        let outlook = world
            .manager
            .outlook(&jobs, Duration::from_secs(2 * 86_400))
            .unwrap();
        assert_eq!((outlook.runs, outlook.clock_changes), (2, 1), "{at}");
        let changed = &outlook.changed[0];
        assert_eq!(
            (changed.at.as_str(), changed.clock_change),
            (at, Some(change))
        );
        assert_eq!(outlook.jobs[0].next[0].at, at);
        assert!(outlook.jobs[0].next[1].at.contains("T02:30:00+0"));
    }
}

/// What the original called a dependency: not while the other runs.
#[tokio::test(start_paused = true)]
async fn jobs_of_one_exclusive_group_never_run_together() {
    for (group, most) in [("exclusive = \"heavy\"", 1), ("", 2)] {
        let mut text = "environment = \"simulated\"\n[quality]\nhistory = false\n[exchanges.kraken]\n[exchanges.binance]\n".to_owned();
        for (exchange, pair) in [("kraken", "BTC/USD"), ("binance", "BTC/USDT")] {
            text.push_str(&format!(
                "[[jobs]]\nid = \"{exchange}\"\nexchange = \"{exchange}\"\nkind = \"ticker\"\nsymbol = \"{pair}\"\nevery = \"60s\"\nat_start = true\n{group}\n"
            ));
        }
        let world = with(&text);
        for sim in world.sims.values() {
            sim.set_fault(fault("latency:2s"));
        }
        world.manager.schedule_configured().unwrap();
        let mut together = 0;
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            together = together.max(world.manager.scheduler().ledger().running);
        }
        assert_eq!(together, most, "{group}");
        let ledger = world.manager.scheduler().ledger();
        assert!(ledger.outcomes.ok >= 2, "{ledger:?}");
        world.check();
    }
}
