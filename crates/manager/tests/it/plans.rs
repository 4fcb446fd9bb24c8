//! The shipped plans: feasible under the exchanges' own limits, and a day of one of them with nothing lost.

use std::time::Duration;

use robust_data_manager::market::Exchange;
use robust_data_manager::scheduler::{Job, Scheduler, SimClock};
use robust_data_manager::{DataManager, Outlook, Plan};

use crate::world::World;

const FOUR: [Exchange; 4] = [
    Exchange::KRAKEN,
    Exchange::BINANCE,
    Exchange::KUCOIN,
    Exchange::HTX,
];

const DAY: Duration = Duration::from_secs(86_400);

fn outlook(manager: &DataManager, plan: &Plan) -> Outlook {
    manager.outlook(&plan.jobs().unwrap(), DAY).unwrap()
}

#[tokio::test(start_paused = true)]
async fn both_plans_are_feasible_under_the_limits_of_each_exchange() {
    let world = World::of(FOUR, |builder| builder);
    for (plan, expected) in [
        // 15.2 requests a minute, each a second and a quarter of Kraken's.
        (Plan::seed_http(), [("kraken", 31.0, 32.0)].as_slice()),
        (
            Plan::default_plan(),
            [
                ("kraken", 92.0, 94.0),
                ("binance", 1.0, 20.0),
                ("kucoin", 1.0, 20.0),
                ("htx", 1.0, 20.0),
            ]
            .as_slice(),
        ),
    ] {
        let seen = outlook(&world.manager, &plan);
        assert!(seen.feasible, "{}: {:?}", plan.name(), seen.sources);
        for (exchange, least, most) in expected {
            let source = &seen.sources[&exchange.parse().unwrap()];
            let load = source.load_percent;
            assert!(
                load >= *least && load <= *most,
                "{}: {exchange} {load}",
                plan.name()
            );
            // No limit of the exchange is asked more than the whole, with the guard and without.
            for window in &source.windows {
                assert!(window.load_percent <= load + 0.01, "{window:?}");
                assert!(window.asked <= f64::from(window.limit), "{window:?}");
            }
        }
        let manager = World::of(FOUR, |builder| builder).manager;
        manager.schedule_plan(&plan).unwrap();
    }
    assert_eq!(
        world.manager.scheduler().ledger().due,
        0,
        "an outlook runs nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn an_infeasible_plan_is_refused_with_the_exchange_and_its_limit() {
    let world = World::of(FOUR, |builder| builder);
    world.manager.schedule_plan(&Plan::default_plan()).unwrap();
    let error = world.manager.schedule_plan(&Plan::seed_http()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("kraken would be asked 1"), "{text}");
    assert!(text.contains("(1 public per 1s)"), "{text}");
    assert_eq!(world.manager.scheduler().jobs().len(), 152);
}

#[tokio::test(start_paused = true)]
async fn a_plan_runs_on_the_exchanges_that_are_there() {
    let world = World::of([Exchange::KRAKEN], |builder| builder);
    let plan = Plan::default_plan();
    assert_eq!(world.manager.schedule_plan(&plan).unwrap().len(), 38);
}

/// Every moment of a day, and what each job has run: once for each of its periods, to the last one. What the runs themselves take is in
/// `simulated_time_of_the_default_plan_loses_nothing`.
#[tokio::test(start_paused = true)]
async fn a_simulated_day_of_the_default_plan_is_scheduled_to_the_last_run() {
    // Midnight of 2025-06-15.
    let midnight = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_749_945_600);
    let scheduler = Scheduler::builder().clock(SimClock::at(midnight)).start();
    let jobs = Plan::default_plan().jobs().unwrap();
    let specs = jobs.iter().map(|job| {
        let spec = Job::on(job.name().to_owned(), job.trigger_of().clone());
        let spec = spec.source(job.exchanges()[0].as_str().to_owned());
        spec.handler(|_| async { Ok(()) })
    });
    let ids = scheduler.add_all(specs).unwrap();
    // The last bars of the day are asked for 1.5 s after its end, and the scan comes with the next midnight.
    tokio::time::sleep(DAY + Duration::from_secs(2)).await;
    let mut runs = 0;
    for (id, job) in ids.into_iter().zip(&jobs) {
        let ledger = scheduler.job_ledger(id).unwrap();
        let due = job
            .period()
            .map_or(1, |period| DAY.as_secs() / period.as_secs());
        assert!(
            (due..=due + 1).contains(&ledger.due),
            "{}: {ledger:?}",
            job.name()
        );
        assert_eq!(ledger.outcomes.ok, ledger.due, "{}", job.name());
        runs += ledger.due;
    }
    assert!(runs >= 254_592, "{runs}");
    let ledger = scheduler.ledger();
    assert!(ledger.balances() && ledger.due == runs, "{ledger:?}");
}

/// What became of a simulated time of the default plan.
async fn simulated(span: Duration) -> World {
    let world = World::of(FOUR, |builder| builder.max_in_flight(10));
    world.manager.schedule_plan(&Plan::default_plan()).unwrap();
    tokio::time::sleep(span).await;
    world.manager.shutdown(Duration::from_secs(30)).await;
    world
}

/// The whole day, in a release build: `cargo run --release --example plan_day`.
#[tokio::test(start_paused = true)]
async fn simulated_time_of_the_default_plan_loses_nothing() {
    // A closing of bars, and most of the burst after it.
    let world = simulated(Duration::from_secs(400)).await;
    let scheduler = world.manager.scheduler();
    let ledger = scheduler.ledger();
    assert!(ledger.balances());
    assert_eq!(ledger.pending + ledger.running + ledger.retrying, 0);
    assert_eq!(ledger.outcomes.ok, ledger.ran, "{ledger:?}");
    assert_eq!(ledger.superseded, 0, "{ledger:?}");
    // What is skipped came due in the second of the end.
    assert!(ledger.skipped_total() <= 4, "{ledger:?}");
    for (exchange, sim) in &world.sims {
        let ran = scheduler.source_ledgers()[exchange.as_str()].ran;
        // A request each, and the list of pairs.
        assert_eq!(sim.stats().requests, ran + 1, "{exchange}");
    }
    world.check();
}
