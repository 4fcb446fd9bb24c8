//! Series that one run does not bring whole: nothing of them is taken for seen, and nothing is asked for twice.

use std::time::Duration;

use futures_util::FutureExt;
use robust_data_manager::market::{Exchange, Interval, Payload, Request, Symbol, Timestamp};
use robust_data_manager::scheduler::{Settle, Trigger};
use robust_data_manager::{DataJob, Event, Events, Query, Warning};

use crate::world::{World, fault};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn symbol(name: &str) -> Symbol {
    name.parse().unwrap()
}

/// Bars of a minute as they close.
fn bars(exchange: &Exchange, pair: &str) -> DataJob {
    let query = Query::new(
        exchange.clone(),
        Request::Candles {
            symbol: symbol(pair),
            interval: Interval::M1,
            since: None,
            limit: Some(5),
        },
    );
    let trigger = Trigger::Aligned {
        interval: secs(60),
        settle: Settle::default(),
    };
    DataJob::new("bars", query, secs(60)).trigger(trigger)
}

fn trades(limit: Option<u32>, every: u64) -> DataJob {
    let query = Query::new(
        Exchange::BINANCE,
        Request::Trades {
            symbol: symbol("BTC/USDT"),
            since: None,
            limit,
        },
    );
    DataJob::new("trades", query, secs(every)).since_last()
}

/// The times of the rows that have come since the last look, and the warnings about what has not.
fn heard(events: &mut Events) -> (Vec<i64>, Vec<Warning>) {
    let (mut rows, mut warnings) = (Vec::new(), Vec::new());
    while let Some(Some(event)) = events.next().now_or_never() {
        match event {
            Event::Data(sample) => match &*sample.data {
                Payload::Candles(bars) => rows.extend(bars.rows.iter().map(|row| row.time.as_ms())),
                Payload::Trades(trades) => {
                    rows.extend(trades.rows.iter().map(|row| row.time.as_ms()));
                }
                _ => {}
            },
            Event::Warning(warning) => warnings.push(warning),
            _ => {}
        }
    }
    rows.sort_unstable();
    rows.dedup();
    (rows, warnings)
}

/// The times of all trades from the first that was heard to the last.
async fn all_trades(world: &World, heard: &[i64]) -> Vec<i64> {
    let request = Request::Trades {
        symbol: symbol("BTC/USDT"),
        since: Timestamp::from_ms(heard[0]),
        limit: Some(100_000),
    };
    let all = world.manager.get(Query::new(Exchange::BINANCE, request));
    let all = all.await.unwrap();
    let Payload::Trades(all) = &*all.data else {
        panic!("no trades")
    };
    let times = all.rows.iter().map(|trade| trade.time.as_ms());
    let last = heard[heard.len() - 1];
    let mut times: Vec<i64> = times.filter(|time| *time <= last).collect();
    times.dedup();
    times
}

#[tokio::test(start_paused = true)]
async fn a_series_whose_later_page_fails_is_no_success_and_the_next_run_goes_on() {
    let world = World::new();
    world
        .manager
        .schedule(bars(&Exchange::BINANCE, "BTC/USDT").retries(0))
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
    let mut began = heard(&mut events).0;
    while began.is_empty() {
        tokio::time::sleep(Duration::from_millis(500)).await;
        began = heard(&mut events).0;
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
    let (rest, _) = heard(&mut events);
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
        world.manager.schedule(trades(limit, 60)).unwrap();
        tokio::time::sleep(secs(1_800)).await;
        let (rows, _) = heard(&mut events);
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
    let job = bars(&Exchange::KRAKEN, "BTC/USD").retries(0);
    let id = world.manager.schedule(job).unwrap();
    tokio::time::sleep(secs(300)).await;
    // It keeps 720 bars; a day has 1,440.
    world.manager.scheduler().pause(id).unwrap();
    tokio::time::sleep(secs(86_400)).await;
    let mut events = world.manager.events();
    let asked = world.kraken().stats().requests;
    world.manager.scheduler().resume(id).unwrap();
    tokio::time::sleep(secs(60)).await;
    let (rows, warnings) = heard(&mut events);
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
    assert!(warnings.iter().any(left), "{warnings:?}");
}
