//! Bars that are not there yet when they are asked for, counted where the requests arrive.

use std::time::{Duration, SystemTime};

use robust_data_manager::DataJob;
use robust_data_manager::market::Exchange;
use robust_data_manager::scheduler::Settle;

use crate::series_jobs::{bars, heard};
use crate::world::{World, fault, secs};

const SETTLE: Duration = Duration::from_millis(1_500);

/// The newest bar of each minute, as it closes.
fn newest_bar(exchange: &Exchange) -> DataJob {
    bars(exchange, 2, Settle::Fixed(SETTLE))
}

/// When the last full minute ended, in milliseconds.
fn minute(world: &World) -> i64 {
    world.clock.now().as_secs() / 60 * 60_000
}

/// Sleeps until so long after the next full minute.
async fn minute_and(world: &World, after: Duration) {
    let now = world.clock.now().as_ns().rem_euclid(60_000_000_000);
    let left = secs(60) - Duration::from_nanos(u64::try_from(now).unwrap());
    tokio::time::sleep(left + after).await;
}

fn success(world: &World) -> u64 {
    let last = world.manager.scheduler().jobs()[0].last_success.unwrap();
    let since = last.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_bar_that_is_late_is_asked_for_again_until_it_is_there() {
    // After so long it is there: so many requests, at 0, 250, 750, 1750, 2750, 3750 and 5750 ms.
    for (late, requests) in [
        (0, 1),
        (200, 2),
        (700, 3),
        (1_000, 4),
        (3_000, 6),
        (4_000, 7),
    ] {
        let world = World::of([Exchange::BINANCE], |builder| builder);
        let mut events = world.manager.events();
        world
            .manager
            .schedule(newest_bar(&Exchange::BINANCE))
            .unwrap();
        minute_and(&world, secs(50)).await;
        heard(&mut events);
        let before = world.binance().stats().requests;
        // As it was when it was asked last, for all who ask: with the bar that was open then.
        world.binance().set_fault(fault("stale"));
        minute_and(&world, secs(50)).await;
        assert_eq!(world.binance().stats().requests - before, 1);
        heard(&mut events);
        let before = before + 1;
        minute_and(&world, SETTLE + Duration::from_millis(late)).await;
        let closed = minute(&world);
        world.binance().set_fault(None);
        tokio::time::sleep(secs(30)).await;
        let asked = world.binance().stats().requests - before;
        let answers = heard(&mut events).answers;
        if late == 0 {
            // The fault ends at the very moment of the first request.
            assert!((1..=2).contains(&asked), "{asked}");
        } else {
            assert_eq!(asked, requests, "{late} ms late");
        }
        assert_eq!(answers.len() as u64, asked, "{late} ms late");
        let lacks = |rows: &Vec<i64>| !rows.contains(&(closed - 60_000));
        let (last, early) = answers.split_last().unwrap();
        assert!(early.iter().all(lacks), "{late}: {answers:?}");
        assert!(!lacks(last), "{late}: {answers:?}");
        // One run, however often it asked, and no failure.
        let ledger = world.manager.scheduler().ledger();
        let (ok, failed, put_off) = (
            ledger.outcomes.ok,
            ledger.outcomes.failed,
            ledger.outcomes.deferred,
        );
        assert_eq!(
            (ledger.ran, ok, failed, put_off),
            (3, 3, 0, 0),
            "{ledger:?}"
        );
        assert_eq!(ledger.retries, asked - 1, "{ledger:?}");
        assert!(ledger.balances());
        let run = world.manager.scheduler().history().pop().unwrap();
        assert_eq!(u64::from(run.attempts), asked, "{run:?}");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_bar_that_does_not_come_is_no_success_and_the_next_run_asks_for_it_too() {
    let world = World::of([Exchange::BINANCE], |builder| builder);
    let mut events = world.manager.events();
    world
        .manager
        .schedule(newest_bar(&Exchange::BINANCE))
        .unwrap();
    minute_and(&world, secs(50)).await;
    let seen = heard(&mut events).answers.concat();
    world.binance().set_fault(fault("stale"));
    minute_and(&world, secs(50)).await;
    let (before, last) = (world.binance().stats().requests, success(&world));
    tokio::time::sleep(secs(5 * 60)).await;
    let ledger = world.manager.scheduler().ledger();
    assert_eq!(ledger.outcomes.failed, 0, "{ledger:?}");
    assert!(ledger.balances());
    assert_eq!(success(&world), last, "nothing is taken for seen");
    // Six in the first seconds, and four that are each twice as long after: in each of five minutes.
    let asked = world.binance().stats().requests - before;
    assert_eq!(asked, 50, "{ledger:?}");
    heard(&mut events);
    world.binance().set_fault(None);
    minute_and(&world, secs(50)).await;
    let ledger = world.manager.scheduler().ledger();
    assert_eq!(ledger.outcomes.not_ready, ledger.outcomes.deferred);
    assert!(ledger.outcomes.not_ready >= 4, "{ledger:?}");
    assert!(ledger.balances());
    // All of them with the next that brings anything.
    let answers = heard(&mut events).answers;
    let all = [seen, answers[0].clone()].concat();
    assert!(answers[0].len() >= 6, "{answers:?}");
    assert!(
        all.windows(2).all(|pair| pair[1] - pair[0] <= 60_000),
        "no hole: {all:?}"
    );
    assert!(success(&world) >= last + 5 * 60);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_sends_no_bar_without_a_trade_is_asked_once() {
    let world = World::of([Exchange::KUCOIN], |builder| builder);
    world
        .manager
        .schedule(newest_bar(&Exchange::KUCOIN))
        .unwrap();
    minute_and(&world, secs(50)).await;
    let kucoin = world.sims[&Exchange::KUCOIN].clone();
    let before = kucoin.stats().requests;
    kucoin.set_fault(fault("stale"));
    tokio::time::sleep(secs(5 * 60)).await;
    assert_eq!(kucoin.stats().requests - before, 5);
    let ledger = world.manager.scheduler().ledger();
    assert_eq!(ledger.outcomes.ok, ledger.ran, "{ledger:?}");
    assert!(ledger.balances());
    world.check();
}

/// Kraken says itself which bar is not finished: the last one, which is there from its first moment on.
#[tokio::test(start_paused = true)]
async fn a_bar_that_is_there_and_not_finished_is_asked_for_again() {
    let world = World::of([Exchange::KRAKEN], |builder| builder);
    let mut events = world.manager.events();
    world
        .manager
        .schedule(newest_bar(&Exchange::KRAKEN))
        .unwrap();
    minute_and(&world, secs(50)).await;
    heard(&mut events);
    let before = world.kraken().stats().requests;
    world.kraken().set_fault(fault("stale"));
    minute_and(&world, SETTLE + secs(3)).await;
    let closed = minute(&world);
    world.kraken().set_fault(None);
    tokio::time::sleep(secs(30)).await;
    // It grants a request each second and a quarter.
    assert_eq!(world.kraken().stats().requests - before, 4);
    let answers = heard(&mut events).answers;
    let newest: Vec<i64> = answers.iter().map(|rows| rows[rows.len() - 1]).collect();
    assert_eq!(
        newest,
        [closed - 60_000, closed - 60_000, closed - 60_000, closed]
    );
    let ledger = world.manager.scheduler().ledger();
    assert_eq!((ledger.ran, ledger.outcomes.ok), (2, 2), "{ledger:?}");
    assert!(ledger.balances());
    world.check();
}
