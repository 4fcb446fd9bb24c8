//! What `rdm jobs` foresees is what a start does, whatever the jobs are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;
use robust_data_manager::market::{Clock, Exchange, Interval, Kind, Request, Timestamp};
use robust_data_manager::scheduler::{
    Cron, Dependents, Measured, Phase, Settle, Trigger, Upstream,
};
use robust_data_manager::{DataJob, DataManager, Environment, JobClass, Query, ScheduleError};
use robust_sim::VirtualClock;

use crate::world::symbol;

const FOUR: [Exchange; 4] = [
    Exchange::KRAKEN,
    Exchange::BINANCE,
    Exchange::KUCOIN,
    Exchange::HTX,
];

/// The jobs that others follow and wait for, where they are there.
const EARLIER: [&str; 3] = ["job 0", "job 1", "job 2"];

fn named(nth: usize) -> String {
    format!("job {nth}")
}

/// Periods from far too short to once a day, as many of each size.
fn period() -> impl Strategy<Value = Duration> {
    (0.0..16.0_f64).prop_map(|power| Duration::from_secs_f64(0.001 * 3.0_f64.powf(power)))
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let names = subsequence(EARLIER.to_vec(), 1..=2);
    prop_oneof![
        6 => period().prop_map(|period| Trigger::Every {
            period,
            phase: Phase::Spread,
            from: Measured::Start,
        }),
        3 => select(vec![
            "* * * * * *",
            "*/2 * * * * *",
            "0-9 * * * * *",
            "*/5 * * * *",
            "30 2 * * *",
            "0 0 1 * *",
            "0 0 29 2 *",
            "0 0 1 1 *",
        ])
        .prop_map(|text| Trigger::Cron(Cron::parse(text).unwrap())),
        2 => (select(vec![60, 300, 3_600]), 0..5_u64).prop_map(|(interval, settle)| {
            Trigger::Aligned {
                interval: Duration::from_secs(interval),
                settle: Settle::Fixed(Duration::from_secs(settle)),
            }
        }),
        1 => (0..4_000_000_000_u64).prop_map(|secs| {
            Trigger::At(SystemTime::UNIX_EPOCH + Duration::from_secs(secs))
        }),
        1 => names.prop_map(|names| {
            Trigger::OnSuccess(names.into_iter().map(Arc::from).collect())
        }),
    ]
}

/// What is read, from one light request to a whole market and to many pages.
fn read() -> impl Strategy<Value = (u8, u32)> {
    (0..6_u8, select(vec![1, 5, 100, 1_000, 5_000]))
}

#[derive(Debug, Clone)]
struct Plan {
    jobs: Vec<DataJob>,
}

prop_compose! {
    fn job(nth: usize)(
        (what, rows) in read(),
        trigger in trigger(),
        group in subsequence(FOUR.to_vec(), 1..=3),
        twice in prop::bool::weighted(0.01),
        (enabled, at_start) in (prop::bool::weighted(0.8), any::<bool>()),
        splay in 0..100_u64,
        rate in prop::option::weighted(0.05, 1..2_000_u32),
        class in select(vec![JobClass::Read, JobClass::Scan]),
        timeout in prop::option::weighted(0.05, 1..60_u64),
        after in prop::option::weighted(0.1, select(EARLIER.to_vec())),
    ) -> DataJob {
        let name = named(nth);
        let first = group[0].clone();
        let pair = symbol("BTC/USDT");
        let hour = Duration::from_secs(3_600);
        let pairs = ["BTC/USDT", "ETH/USDT", "SOL/USDT"].map(symbol);
        let job = match what {
            0 => DataJob::new(name, Query::ticker(first, pair), hour),
            1 => DataJob::many(name, first, Kind::Tickers, pairs, hour),
            2 => DataJob::new(name, Query::order_book(first, pair), hour),
            3 => DataJob::new(name, Query::candles(first, pair, Interval::M5), hour),
            4 => {
                let request = Request::Trades { symbol: pair, since: None, limit: Some(rows) };
                DataJob::new(name, Query::new(first, request), hour).since_last()
            }
            _ => {
                let request = Request::Tickers { symbols: Vec::new() };
                DataJob::new(name, Query::new(first, request), hour)
            }
        };
        let mut group = group;
        if twice {
            group.push(group[0].clone());
        }
        let mut job = job.trigger(trigger).any_of(group).enabled(enabled).class(class)
            .splay(Duration::from_secs(splay));
        if at_start {
            job = job.at_start();
        }
        if let Some(rate) = rate {
            job = job.rate(rate);
        }
        if let Some(timeout) = timeout {
            job = job.timeout(Duration::from_secs(timeout));
        }
        if let Some(upstream) = after {
            job = job.after(Upstream::success_of(upstream));
        }
        job
    }
}

/// Up to a dozen jobs under names of their own, and now and then two of one name.
fn plan() -> impl Strategy<Value = Plan> {
    let jobs = (1..12_usize).prop_flat_map(|count| (0..count).map(job).collect::<Vec<_>>());
    (jobs, prop::bool::weighted(0.03)).prop_map(|(mut jobs, twice)| {
        if twice {
            jobs.push(jobs[0].clone());
        }
        Plan { jobs }
    })
}

fn manager() -> DataManager {
    let start = Timestamp::from_ns(1_750_000_000_000_000_000);
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(start));
    let mut builder = DataManager::builder()
        .environment(Environment::Simulated)
        .clock(clock)
        .seed(11);
    for exchange in FOUR {
        // Nothing is asked.
        let door = tower::service_fn(|_| async {
            Err::<http::Response<bytes::Bytes>, _>(robust_http::Error::new(
                robust_http::Kind::Connect,
                false,
            ))
        });
        let door = robust_source::in_memory(door, |error| error);
        builder = builder
            .exchange(exchange.as_str())
            .transport(exchange, door);
    }
    builder.start().unwrap()
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// The first refusal without its words about which job it was, which depends on their order.
fn is_overload(error: &ScheduleError) -> bool {
    matches!(error, ScheduleError::Overload { .. })
}

/// How it ends, which is the same for all who are asked.
async fn agrees(plan: &Plan) -> Result<&'static str, TestCaseError> {
    let manager = manager();
    let span = Duration::from_millis(200);
    let outlook = manager.outlook(&plan.jobs, span);
    let checked = manager.check_jobs(&plan.jobs);
    prop_assert!(manager.scheduler().jobs().is_empty(), "nothing is added");
    let added = manager.schedule_all(plan.jobs.clone());
    // Feasible, if and only if the schedule takes them.
    match (&outlook, &added) {
        (Ok(outlook), Ok(_)) => prop_assert!(outlook.feasible, "{outlook:?}"),
        (Ok(outlook), Err(error)) => {
            prop_assert!(!outlook.feasible, "{error}");
            prop_assert!(is_overload(error), "{error}");
        }
        (Err(foreseen), Err(error)) => {
            prop_assert_eq!(foreseen.to_string(), error.to_string());
            prop_assert!(!is_overload(error), "{}", error);
        }
        (Err(foreseen), Ok(_)) => prop_assert!(false, "{foreseen}"),
    }
    match (checked, &added) {
        (Err(checked), Err(error)) => prop_assert_eq!(checked.to_string(), error.to_string()),
        (checked, added) => prop_assert_eq!(checked.is_ok(), added.is_ok()),
    }
    let Ok(outlook) = outlook else {
        return Ok("refused");
    };
    // What it says of each exchange agrees with what it says of all, and of each limit.
    let most = outlook.sources.values().map(|source| source.load_percent);
    let most = most.fold(0.0, f64::max);
    prop_assert_eq!(outlook.feasible, most < 100.5, "{}", most);
    for (exchange, source) in &outlook.sources {
        for window in &source.windows {
            let (asked, load) = (window.load_percent, source.load_percent);
            // Each request is rounded up to a tenth of a millisecond of its exchange.
            prop_assert!(asked <= load * 1.000_1 + 0.002, "{exchange} {window:?}");
        }
    }
    // And with what the manager weighs that has them.
    if added.is_ok() {
        for source in manager.scheduler().sources() {
            let told = &outlook.sources[&source.name.parse().unwrap()];
            let weighed = source.demand / 10_000.0 * 100.0;
            prop_assert!((told.load_percent - weighed).abs() < 0.01, "{source:?}");
        }
        prop_assert!(manager.scheduler().ledger().balances());
    }
    // In which order they stand is nothing to it.
    let mut turned = plan.jobs.clone();
    turned.reverse();
    let turned = manager.outlook(&turned, span).unwrap();
    prop_assert_eq!(turned.feasible, outlook.feasible);
    for (exchange, source) in &turned.sources {
        let there = &outlook.sources[exchange];
        prop_assert!((source.load_percent - there.load_percent).abs() < 0.01);
    }
    // One after the other, as far as they wait for nobody who is not there yet, they come to the same.
    let ids = manager.scheduler().jobs();
    for job in ids {
        let _ = manager.scheduler().remove_with(job.id, Dependents::Cascade);
    }
    for source in manager.scheduler().sources() {
        prop_assert!(
            source.demand.abs() < 0.01,
            "what is gone asks nothing: {source:?}"
        );
    }
    Ok(if added.is_ok() {
        "feasible"
    } else {
        "overload"
    })
}

#[test]
fn a_plan_is_called_feasible_if_and_only_if_the_schedule_takes_it() {
    let mut runner = TestRunner::default();
    let ends = RefCell::new(BTreeMap::<&str, u32>::new());
    let run = runner.run(&plan(), |plan| {
        let end = paused(agrees(&plan))?;
        *ends.borrow_mut().entry(end).or_default() += 1;
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
    // Each of them is drawn often enough to say something.
    let ends = ends.into_inner();
    let all: u32 = ends.values().sum();
    for end in ["feasible", "overload", "refused"] {
        let share = ends.get(end).copied().unwrap_or(0);
        assert!(share * 10 > all, "{end}: {ends:?}");
    }
}
