//! Jobs beside readers who are no jobs: who is more important goes first, whoever waits in the limiter's queue already.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use robust_data_manager::market::{Exchange, Symbol};
use robust_data_manager::{Config, DataJob, DataManager, Priority, Query};

use crate::world::World;

const PAIRS: [&str; 8] = [
    "ETH/USD", "XRP/USD", "ADA/USD", "SOL/USD", "DOT/USD", "LINK/USD", "AVAX/USD", "UNI/USD",
];

fn symbol(name: &str) -> Symbol {
    name.parse().unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// As many readers of Kraken's books, who ask again as soon as they have their answer. Counts the answers.
fn readers(manager: &DataManager, count: usize, priority: Priority) -> Arc<AtomicU64> {
    let answers = Arc::new(AtomicU64::new(0));
    for (n, pair) in PAIRS.iter().cycle().take(count).enumerate() {
        let (manager, answers) = (manager.clone(), Arc::clone(&answers));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(7 * n as u64)).await;
            loop {
                let ends = tokio::time::Instant::now() + secs(20);
                let read = manager.order_book("kraken", *pair).priority(priority);
                match read.refresh().deadline(ends).await {
                    Ok(_) => _ = answers.fetch_add(1, Ordering::Relaxed),
                    Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                }
            }
        });
    }
    answers
}

fn ticker(name: &str, every: u64, priority: u8) -> DataJob {
    let query = Query::ticker(Exchange::KRAKEN, symbol("BTC/USD"));
    DataJob::new(name, query, secs(every)).priority(priority)
}

#[tokio::test(start_paused = true)]
async fn a_critical_job_is_due_as_often_as_it_is_answered_whoever_reads_beside_it() {
    for (count, class) in [
        (0, Priority::Low),
        (1, Priority::Low),
        (4, Priority::Low),
        (8, Priority::Low),
        (8, Priority::Medium),
        (8, Priority::High),
    ] {
        let world = World::of([Exchange::KRAKEN], |builder| builder);
        world.manager.schedule(ticker("p1", 3, 1)).unwrap();
        let answers = readers(&world.manager, count, class);
        tokio::time::sleep(secs(150) + Duration::from_millis(1_500)).await;
        let ledger = world.manager.scheduler().ledger();
        let case = format!("{count} {class:?}: {ledger:?}");
        assert!(ledger.due >= 50, "{case}");
        assert_eq!(
            ledger.outcomes.ok + ledger.running + ledger.pending,
            ledger.due,
            "{case}"
        );
        assert!(ledger.pending + ledger.running <= 1, "{case}");
        assert_eq!(ledger.superseded, 0, "{case}");
        // What the job leaves is theirs: Kraken grants one in 1.25 s.
        if count > 0 {
            let others = answers.load(Ordering::Relaxed);
            assert!((65..=73).contains(&others), "{others} {case}");
        }
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_parked_beside_readers_holds_no_place_among_the_runs() {
    let world = World::with(|builder| builder.max_in_flight(1));
    world.manager.schedule(ticker("p1", 3, 1)).unwrap();
    let binance = Query::ticker(Exchange::BINANCE, symbol("BTC/USDT"));
    let often = DataJob::new("often", binance, Duration::from_millis(100)).priority(5);
    world.manager.schedule(often).unwrap();
    let _answers = readers(&world.manager, 4, Priority::Low);
    let (mut waiting, mut parked) = (0, 0);
    for _ in 0..3_000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let sources = world.manager.scheduler().sources();
        let kraken = sources.iter().find(|source| &*source.name == "kraken");
        let kraken = kraken.unwrap();
        parked += u32::from(kraken.parked.is_some());
        let queued = world
            .manager
            .source("kraken")
            .unwrap()
            .limiter()
            .snapshot()
            .queued;
        waiting += queued[Priority::Critical.index()];
    }
    assert!(parked > 300, "{parked} of 3,000 looks");
    assert_eq!(waiting, 0, "its read never waits in the limiter");
    let list = world.manager.status().jobs.list;
    let ran = |name: &str| list[name].ok;
    assert!(ran("p1") >= 9, "{}", ran("p1"));
    // The only place was never taken by one who was parked.
    assert!(ran("often") >= 295, "{}", ran("often"));
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_of_low_priority_that_finds_no_room_holds_no_other_up() {
    let world = World::of([Exchange::KRAKEN], |builder| builder);
    // Readers of a better class take all that the critical job leaves.
    let _answers = readers(&world.manager, 8, Priority::Medium);
    tokio::time::sleep(secs(1)).await;
    world
        .manager
        .schedule(ticker("p5", 60, 5).at_start())
        .unwrap();
    world.manager.schedule(ticker("p1", 3, 1)).unwrap();
    tokio::time::sleep(secs(300)).await;
    let list = world.manager.status().jobs.list;
    let critical = &list["p1"];
    assert!(
        critical.ok + 1 >= critical.due && critical.due >= 99,
        "{critical:?}"
    );
    world.check();
}

#[tokio::test(start_paused = true)]
async fn the_default_plan_learns_history_beside_its_jobs_and_none_of_them_is_superseded() {
    let world = World::of(
        [
            Exchange::KRAKEN,
            Exchange::BINANCE,
            Exchange::KUCOIN,
            Exchange::HTX,
        ],
        |builder| {
            let config = Config::from_toml(
                "environment = \"simulated\"\nplan = \"default\"\n[exchanges.kraken]\n[exchanges.binance]\n[exchanges.kucoin]\n[exchanges.htx]\n",
            );
            builder.config(config.unwrap())
        },
    );
    world.manager.schedule_configured().unwrap();
    tokio::time::sleep(secs(15)).await;
    let early = world.manager.scheduler().source_ledgers()["kraken"].clone();
    // At its start they come spread over their periods.
    assert!(
        early.superseded == 0 && early.due - early.ran <= 1,
        "{early:?}"
    );
    assert!(early.due >= 9, "{early:?}");
    tokio::time::sleep(secs(105)).await;
    let ledger = world.manager.scheduler().ledger();
    assert_eq!(ledger.superseded, 0, "{ledger:?}");
    assert_eq!(
        ledger.outcomes.ok + ledger.running,
        ledger.ran,
        "{ledger:?}"
    );
    // History was learned beside them: more was asked than the jobs did.
    for (exchange, sim) in &world.sims {
        let ran = world.manager.scheduler().source_ledgers()[exchange.as_str()].ran;
        assert!(
            sim.stats().requests > ran + 5,
            "{exchange}: {} {ran}",
            sim.stats().requests
        );
    }
    world.check();
}
