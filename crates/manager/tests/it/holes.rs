//! Series that one run does not bring whole: nothing of them is taken for seen, and nothing is asked for twice.

use std::time::Duration;

use robust_data_manager::Warning;
use robust_data_manager::market::Exchange;
use robust_data_manager::scheduler::Settle;

use crate::series_jobs::{all_trades, bars, heard, trades};
use crate::world::{World, fault, secs};

#[tokio::test(start_paused = true)]
async fn a_series_whose_later_page_fails_is_no_success_and_the_next_run_goes_on() {
    let world = World::new();
    world
        .manager
        .schedule(bars(&Exchange::BINANCE, 5, Settle::default()).retries(0))
        .unwrap();
    tokio::time::sleep(secs(300)).await;
    // Two thousand bars are missing: three pages.
    let id = world.manager.scheduler().jobs()[0].id;
    world.manager.scheduler().pause(id).unwrap();
    tokio::time::sleep(secs(2_000 * 60)).await;
    world.manager.scheduler().resume(id).unwrap();
    let mut events = world.manager.events();
    let before = world.manager.scheduler().jobs()[0].last_success;
    // The first page comes, and the second does not.
    world.binance().set_fault(fault("latency:3s"));
    let mut began = heard(&mut events).rows();
    while began.is_empty() {
        tokio::time::sleep(Duration::from_millis(500)).await;
        began = heard(&mut events).rows();
    }
    world.binance().set_fault(fault("503"));
    tokio::time::sleep(secs(10)).await;
    let job = world.manager.scheduler().jobs().remove(0);
    assert_eq!(job.last_success, before, "nothing is taken for seen");
    let status = world.manager.status();
    let error = status.jobs.list["bars"].last_error.clone().unwrap();
    assert!(error.contains("the series ends before"), "{error}");
    // What came is not asked for again, and what did not come is.
    world.binance().set_fault(None);
    tokio::time::sleep(secs(200)).await;
    let rest = heard(&mut events).rows();
    assert!(
        rest[0] >= began[began.len() - 1],
        "{} {}",
        rest[0],
        began[began.len() - 1]
    );
    let both: Vec<i64> = [began, rest].concat();
    assert!(both.len() > 2_000, "{}", both.len());
    assert!(
        both.windows(2).all(|pair| pair[1] - pair[0] <= 60_000),
        "no hole"
    );
    assert!(world.manager.scheduler().jobs()[0].last_success > before);
}

#[tokio::test(start_paused = true)]
async fn trades_beyond_the_limit_of_a_run_come_with_the_next() {
    // A run that names no limit has that of one answer.
    for (limit, fails) in [(Some(2), true), (None, false)] {
        let world = World::new();
        let mut events = world.manager.events();
        world.manager.schedule(trades(limit)).unwrap();
        tokio::time::sleep(secs(1_800)).await;
        let rows = heard(&mut events).rows();
        assert!(rows.len() > 20, "{}", rows.len());
        assert_eq!(
            rows,
            all_trades(&world, &rows).await,
            "each of them, {limit:?}"
        );
        let ledger = world.manager.scheduler().ledger();
        assert_eq!(ledger.outcomes.failed > 0, fails, "{limit:?}: {ledger:?}");
        assert!(ledger.balances());
    }
}

#[tokio::test(start_paused = true)]
async fn a_hole_beyond_what_the_exchange_keeps_ends_with_the_newest_bars_and_says_what_it_left_out()
{
    let world = World::new();
    let job = bars(&Exchange::KRAKEN, 5, Settle::default()).retries(0);
    let id = world.manager.schedule(job).unwrap();
    tokio::time::sleep(secs(300)).await;
    // It keeps 720 bars; a day has 1,440.
    world.manager.scheduler().pause(id).unwrap();
    tokio::time::sleep(secs(86_400)).await;
    let mut events = world.manager.events();
    let asked = world.kraken().stats().requests;
    world.manager.scheduler().resume(id).unwrap();
    tokio::time::sleep(secs(60)).await;
    let heard = heard(&mut events);
    let rows = heard.rows();
    assert!((710..=722).contains(&rows.len()), "{}", rows.len());
    assert!(
        rows.windows(2).all(|pair| pair[1] - pair[0] == 60_000),
        "no hole"
    );
    let now = world.manager.scheduler().jobs()[0].last_success.unwrap();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let newest = u128::try_from(rows[rows.len() - 1]).unwrap();
    assert!(newest + 60_000 >= now.as_millis(), "up to its moment");
    let pages = world.kraken().stats().requests - asked;
    assert!(pages <= 3, "{pages} requests");
    let left = |warning: &Warning| matches!(warning, Warning::LeftOut { .. });
    assert!(heard.warnings.iter().any(left), "{heard:?}");
}
