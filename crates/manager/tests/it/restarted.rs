//! A process ends, by itself or not, and another goes on with its journal.

use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use robust_data_manager::market::{Exchange, Interval};
use robust_data_manager::scheduler::{JobState, Settle};
use robust_data_manager::{
    Config, DataJob, DataManager, DataManagerBuilder, Event, Query, StartError, Warning,
};
use tempfile::TempDir;

use crate::series_jobs::{all_trades, bars, heard, trades};
use crate::world::{World, fault, secs, symbol};

fn with(journal: Option<&Path>) -> impl FnOnce(DataManagerBuilder) -> DataManagerBuilder {
    let path = journal.map(Path::to_owned);
    |builder| match path {
        Some(path) => builder.journal(path),
        None => builder,
    }
}

const JOURNAL: &str = "jobs.journal";

/// Bars of Binance, the newest five.
fn five_bars() -> DataJob {
    bars(&Exchange::BINANCE, 5, Settle::default())
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// With a shutdown.
    ShutDown,
    /// Between two runs, without a word.
    Killed,
    /// In the middle of a run, without a word.
    KilledInARun,
}

/// One life of ten minutes, half an hour of nothing, and the next life: what was heard in each.
async fn two_lives(job: DataJob, end: End, journal: Option<&Path>) -> (World, [Vec<Vec<i64>>; 2]) {
    let world = World::of([Exchange::BINANCE], with(journal));
    let mut events = world.manager.events();
    world.manager.schedule(job.clone()).unwrap();
    tokio::time::sleep(secs(610)).await;
    match end {
        End::ShutDown => {
            world.manager.shutdown(secs(5)).await;
        }
        End::Killed => {}
        End::KilledInARun => {
            world.binance().set_fault(fault("latency:8s"));
            while world.manager.scheduler().ledger().running == 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tokio::time::sleep(secs(2)).await;
            assert_eq!(world.manager.scheduler().ledger().running, 1);
        }
    }
    assert!(world.manager.scheduler().ledger().balances());
    let first = heard(&mut events).answers;
    drop(events);
    // Nothing of it gets another turn.
    let World {
        sims,
        clock,
        manager,
    } = world;
    drop(manager);
    tokio::time::sleep(secs(1_800)).await;
    sims[&Exchange::BINANCE].set_fault(None);
    let before = sims[&Exchange::BINANCE].stats().requests;
    let manager = World::start(&sims, &clock, with(journal));
    let world = World {
        sims,
        clock,
        manager,
    };
    let mut events = world.manager.events();
    world.manager.schedule(job).unwrap();
    tokio::time::sleep(secs(70)).await;
    let second = heard(&mut events).answers;
    let asked = world.binance().stats().requests - before;
    assert_eq!(
        asked,
        second.len() as u64,
        "{end:?}: a request for each answer"
    );
    let ledger = world.manager.scheduler().ledger();
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(ledger.outcomes.ok, ledger.ran, "{ledger:?}");
    (world, [first, second])
}

#[tokio::test(start_paused = true)]
async fn the_first_run_after_a_restart_fills_the_hole_with_one_request() {
    for end in [End::ShutDown, End::Killed, End::KilledInARun] {
        let folder = TempDir::new().unwrap();
        let (world, [first, second]) =
            two_lives(five_bars(), end, Some(&folder.path().join(JOURNAL))).await;
        let last = *first.last().unwrap().last().unwrap();
        // What came due meanwhile is one run, at once, of all bars since the last success.
        let filled = &second[0];
        assert!(filled.len() >= 30, "{end:?}: {}", filled.len());
        assert!(filled[0] <= last, "{end:?}: it goes back to what was there");
        let series: Vec<i64> = [first.concat(), second.concat()].concat();
        let mut series: Vec<i64> = series.into_iter().collect();
        series.sort_unstable();
        series.dedup();
        let whole = series.windows(2).all(|pair| pair[1] - pair[0] == 60_000);
        assert!(whole, "{end:?}: no hole");
        assert!(
            second[1..].iter().all(|rows| rows.len() == 5),
            "{end:?}: and then as ever"
        );
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn what_filled_the_hole_is_stored() {
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join(JOURNAL);
    let world = World::of([Exchange::BINANCE], with(Some(&journal)));
    world.manager.schedule(five_bars()).unwrap();
    tokio::time::sleep(secs(610)).await;
    let latest = |world: &World| {
        let bars = world
            .manager
            .latest_candles("binance", "BTC/USDT", Interval::M1);
        let rows = bars.unwrap().expect("a job").data.rows;
        rows.iter()
            .map(|row| row.time.as_secs())
            .collect::<Vec<_>>()
    };
    let before = latest(&world);
    let world = world.again(with(Some(&journal)));
    tokio::time::sleep(secs(1_800)).await;
    world.manager.schedule(five_bars()).unwrap();
    // Before the next bar closes.
    tokio::time::sleep(secs(5)).await;
    let after = latest(&world);
    assert!(after[0] <= before[before.len() - 1], "{after:?}");
    assert!(after.windows(2).all(|pair| pair[1] - pair[0] == 60));
    assert!(after.len() >= 30, "{}", after.len());
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_a_restart_leaves_a_hole() {
    let (_world, [first, second]) = two_lives(five_bars(), End::Killed, None).await;
    let last = *first.last().unwrap().last().unwrap();
    assert_eq!(second[0].len(), 5);
    assert!(second[0][0] > last + 60_000, "which a journal would fill");
}

#[tokio::test(start_paused = true)]
async fn each_trade_of_the_time_without_a_process_comes_with_the_next_one() {
    for end in [End::ShutDown, End::Killed, End::KilledInARun] {
        let folder = TempDir::new().unwrap();
        let (world, lives) =
            two_lives(trades(Some(5_000)), end, Some(&folder.path().join(JOURNAL))).await;
        let mut times = lives.concat().concat();
        times.sort_unstable();
        times.dedup();
        let all = all_trades(&world, &times).await;
        assert!(all.len() > 50, "{}", all.len());
        assert_eq!(times, all, "{end:?}: each of them");
    }
}

#[tokio::test(start_paused = true)]
async fn whether_a_job_is_enabled_is_for_its_settings_and_a_pause_outlives_the_process() {
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join(JOURNAL);
    let wrong = Query::ticker(Exchange::BINANCE, symbol("NOPE/USDT"));
    let right = Query::ticker(Exchange::BINANCE, symbol("BTC/USDT"));
    let job = |name: &str, query: &Query| DataJob::new(name, query.clone(), secs(10));
    let world = World::of([Exchange::BINANCE], with(Some(&journal)));
    let jobs = [
        job("off", &right).enabled(false),
        job("on", &right),
        job("paused", &right),
        job("wrong", &wrong),
    ];
    let ids = world.manager.schedule_all(jobs).unwrap();
    world.manager.scheduler().pause(ids[2]).unwrap();
    tokio::time::sleep(secs(60)).await;
    let states = |world: &World| {
        let jobs = world.manager.scheduler().jobs();
        let states = jobs
            .iter()
            .map(|job| (job.ledger.outcomes.ok > 0, job.state));
        states.collect::<Vec<_>>()
    };
    assert_eq!(states(&world)[0], (false, JobState::Disabled));
    assert_eq!(states(&world)[3], (false, JobState::Quarantined));
    world.manager.shutdown(secs(5)).await;
    // The settings say otherwise now.
    let world = world.again(with(Some(&journal)));
    let jobs = [
        job("off", &right),
        job("on", &right).enabled(false),
        job("paused", &right),
        job("wrong", &right),
    ];
    world.manager.schedule_all(jobs).unwrap();
    tokio::time::sleep(secs(60)).await;
    let now = states(&world);
    let brought: Vec<bool> = now.iter().map(|state| state.0).collect();
    assert_eq!(brought, [true, false, false, true], "{now:?}");
    assert_eq!(now[1].1, JobState::Disabled);
    assert_eq!(now[2].1, JobState::Paused);
    let ledger = world.manager.scheduler().ledger();
    assert!(ledger.balances(), "{ledger:?}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_journal_or_a_damaged_one_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join(JOURNAL);
    let world = World::of([Exchange::BINANCE], with(Some(&journal)));
    world
        .manager
        .schedule_all([five_bars(), trades(Some(5_000))])
        .unwrap();
    tokio::time::sleep(secs(130)).await;
    world.manager.shutdown(secs(5)).await;
    drop(world);
    let sound = std::fs::read_to_string(&journal).unwrap();
    let damaged = sound.replacen("\"bars\"", "\"bers\"", 1);
    let start = |path: &Path| {
        let builder = DataManager::builder().exchange("binance");
        builder.journal(path).start()
    };
    for (text, named) in [
        (
            damaged.as_str(),
            "line 1 of the journal is damaged; put a copy",
        ),
        (
            "[exchanges.kraken]\n",
            "the file is no journal; it was left as it is",
        ),
    ] {
        std::fs::write(&journal, text).unwrap();
        let error = start(&journal).unwrap_err();
        assert!(matches!(error, StartError::Journal { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains(named), "{said}");
        assert!(said.contains(journal.to_str().unwrap()), "{said}");
        assert_eq!(std::fs::read_to_string(&journal).unwrap(), text);
        // A check says the same, and begins nothing where there is nothing.
        let mut config = Config::default();
        config.journal = Some(journal.clone());
        assert_eq!(config.check_journal().unwrap_err().to_string(), said);
    }
    let nowhere = folder.path().join("none").join(JOURNAL);
    let said = start(&nowhere).unwrap_err().to_string();
    assert!(said.contains("check the path, its directory"), "{said}");
    let mut config = Config::default();
    config.journal = Some(folder.path().join("new"));
    config.check_journal().unwrap();
    assert!(!folder.path().join("new").exists());
    // A torn last line is what a kill leaves, and stops nobody.
    std::fs::write(&journal, &sound[..sound.len() - 9]).unwrap();
    start(&journal).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_be_written_is_told_once_and_stops_nothing() {
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join(JOURNAL);
    // It is written anew beside itself after a thousand lines, which cannot be where a directory has the name.
    std::fs::create_dir(folder.path().join("jobs.journal.new")).unwrap();
    let world = World::of([Exchange::BINANCE], with(Some(&journal)));
    let query = Query::ticker(Exchange::BINANCE, symbol("BTC/USDT"));
    let mut events = world.manager.events();
    world
        .manager
        .schedule(DataJob::new("b", query, secs(5)))
        .unwrap();
    let mut told = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(secs(60)).await;
        while let Some(Some(event)) = events.next().now_or_never() {
            if let Event::Warning(warning) = event {
                told.push(warning);
            }
        }
    }
    assert!(
        matches!(told.as_slice(), [Warning::JournalUnwritable { .. }]),
        "{told:?}"
    );
    let ledger = world.manager.scheduler().ledger();
    assert_eq!(ledger.outcomes.ok, ledger.ran, "{ledger:?}");
    assert!(ledger.ran >= 1_199, "{ledger:?}");
}

#[tokio::test(start_paused = true)]
async fn a_second_manager_with_the_same_journal_is_refused_with_the_file_and_the_remedy() {
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join(JOURNAL);
    let world = World::of([Exchange::BINANCE], with(Some(&journal)));
    world.manager.schedule(five_bars()).unwrap();
    tokio::time::sleep(secs(70)).await;
    let start = || {
        let builder = DataManager::builder().exchange("binance");
        builder.journal(&journal).start()
    };
    let said = start().unwrap_err().to_string();
    assert!(said.contains(journal.to_str().unwrap()), "{said}");
    assert!(
        said.contains("another process that is running keeps it"),
        "{said}"
    );
    assert!(said.contains("name a file of its own for each"), "{said}");
    // Whoever only looks at it may.
    let mut config = Config::default();
    config.journal = Some(journal.clone());
    config.check_journal().unwrap();
    world.manager.shutdown(secs(5)).await;
    start().unwrap();
}
