//! Bars of a day, a week and a month, as each exchange begins them. It is a Sunday in the middle of a month.

use std::time::Duration;

use robust_data_manager::market::{
    Acceptance, BarGrid, Exchange, Interval, Kind, Payload, Request, Timestamp,
};
use robust_data_manager::scheduler::{Settle, Trigger};
use robust_data_manager::{DataJob, Query};
use robust_quality::Profile;

use crate::world::World;

const ALL: [Exchange; 4] = [
    Exchange::KRAKEN,
    Exchange::BINANCE,
    Exchange::KUCOIN,
    Exchange::HTX,
];

fn bars(exchange: &Exchange, interval: &str, since: Option<Timestamp>, limit: u32) -> Query {
    let dollar = if *exchange == Exchange::KRAKEN {
        "USD"
    } else {
        "USDT"
    };
    let request = Request::Candles {
        symbol: format!("BTC/{dollar}").parse().unwrap(),
        interval: interval.parse().unwrap(),
        since,
        limit: Some(limit),
    };
    Query::new(exchange.clone(), request)
}

/// Days, weeks and months, where the exchange has them.
fn lengths() -> impl Iterator<Item = (Exchange, &'static str)> {
    let all = ALL
        .into_iter()
        .flat_map(|exchange| ["1d", "1w", "1M"].map(|interval| (exchange.clone(), interval)));
    all.filter(|(exchange, interval)| *exchange != Exchange::KRAKEN || *interval != "1M")
}

fn grid(world: &World, exchange: &Exchange, interval: &str) -> BarGrid {
    let source = world.manager.source(exchange.clone()).unwrap();
    let interval: Interval = interval.parse().unwrap();
    source.connector().calendar().grid(interval)
}

#[tokio::test(start_paused = true)]
async fn bars_of_a_day_a_week_and_a_month_are_accepted_of_every_exchange() {
    let world = World::of(ALL, |builder| builder);
    for (exchange, interval) in lengths() {
        let sample = world.manager.get(bars(&exchange, interval, None, 12)).await;
        let sample = sample.unwrap();
        let report = sample.quality.as_deref().unwrap();
        assert_eq!(
            report.acceptance,
            Acceptance::Accept,
            "{exchange} {interval}: {:?}",
            report.issues
        );
        let Payload::Candles(bars) = &*sample.data else {
            panic!("{exchange}")
        };
        let grid = grid(&world, &exchange, interval);
        let now = world.clock.now();
        assert!(bars.rows.len() > 1, "{exchange} {interval}");
        for row in &bars.rows {
            assert_eq!(grid.offset(row.time), 0, "{exchange} {interval} {row:?}");
            assert_eq!(row.closed, grid.end(row.time) <= now, "{exchange} {row:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rules_and_connector_have_one_calendar_of_each_exchange() {
    let world = World::of(ALL, |builder| builder);
    for exchange in ALL {
        let source = world.manager.source(exchange.clone()).unwrap();
        let rules = Profile::of(&exchange, Kind::Candles).calendar;
        assert_eq!(rules, source.connector().calendar(), "{exchange}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_series_of_days_weeks_or_months_begins_with_the_bar_that_was_asked_for() {
    let world = World::of(ALL, |builder| builder);
    for (exchange, interval) in lengths() {
        let grid = grid(&world, &exchange, interval);
        let first = grid.after(grid.floor(world.clock.now()), -3);
        // From within the bar before it.
        let since = first.saturating_sub(Duration::from_secs(3_600));
        let query = bars(&exchange, interval, Some(since), 4);
        let sample = world.manager.get(query).await.unwrap();
        let coverage = sample.meta.coverage.as_deref().unwrap();
        assert_eq!(coverage.from, first, "{exchange} {interval}");
        assert_eq!(
            (coverage.got, coverage.open, coverage.missing.len()),
            (4, 1, 0),
            "{exchange} {interval}: {coverage:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_of_bars_of_a_week_or_a_month_asks_once_a_run_and_is_done() {
    for (exchange, interval) in lengths() {
        let world = World::of([exchange.clone()], |builder| builder);
        let trigger = Trigger::Aligned {
            interval: Duration::from_secs(60),
            settle: Settle::default(),
        };
        let query = bars(&exchange, interval, None, 5);
        let job = DataJob::new("bars", query, Duration::from_secs(60)).trigger(trigger);
        world.manager.schedule(job).unwrap();
        tokio::time::sleep(Duration::from_secs(200)).await;
        let ledger = world.manager.scheduler().ledger();
        let (ok, put_off) = (ledger.outcomes.ok, ledger.outcomes.deferred);
        assert_eq!(
            (ledger.due, ok, put_off, ledger.retries),
            (3, 3, 0, 0),
            "{exchange} {interval}: {ledger:?}"
        );
        let asked = world.sims[&exchange].stats().requests;
        assert_eq!(asked, 3, "{exchange} {interval}");
    }
}
