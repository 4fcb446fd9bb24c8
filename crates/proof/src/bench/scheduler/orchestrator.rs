//! The scheduler with everything above it: jobs of the data manager that read simulated exchanges, all in one process.
//!
//! The exchanges are behind the simulator's in-memory door. What they use themselves is counted too: it cannot be told apart, and it
//! only makes the numbers worse.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use robust_data_manager::market::{Clock, Exchange, SystemClock, Timestamp};
use robust_data_manager::{DataJob, DataManager, Environment, Plan, Query};
use robust_http::{Error, Kind};
use robust_sim::{DoorError, Sim, VirtualClock};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use super::day;
use super::process::{Usage, resident_bytes};
use super::{Measured, Scenario};
use crate::report::Row;

/// Megabytes that a thousand jobs may take.
const MEMORY_GOAL: f64 = 15.0;
/// Percent of one core.
const CPU_GOAL: f64 = 1.0;

/// A period in which every exchange can bear its share of a thousand jobs.
const PERIOD: Duration = Duration::from_secs(900);

/// 2025-06-15 15:06:40 UTC.
pub(super) const START_NS: i64 = 1_750_000_000_000_000_000;

static FOUR: [(Exchange, &str); 4] = [
    (Exchange::KRAKEN, "USD"),
    (Exchange::BINANCE, "USDT"),
    (Exchange::KUCOIN, "USDT"),
    (Exchange::HTX, "USDT"),
];

const BASES: [&str; 5] = ["BTC", "ETH", "XRP", "ADA", "SOL"];

/// Does one of the scenarios that are its own.
pub(super) fn measure(scenario: Scenario) -> Result<Measured> {
    match scenario {
        Scenario::Memory { jobs } => {
            let runtime = Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()?;
            runtime.block_on(memory(jobs))
        }
        Scenario::Day { seconds } => day::measure(seconds),
        Scenario::Plan { seconds } => {
            let mut builder = Builder::new_multi_thread();
            let runtime = builder.worker_threads(2).enable_time().build()?;
            runtime.block_on(plan(seconds))
        }
        other => bail!("{other}: not of the orchestrator"),
    }
}

fn manager(clock: &Arc<dyn Clock>) -> Result<DataManager> {
    Ok(with_sims(clock)?.0)
}

/// A manager of four simulated exchanges, and those.
pub(super) fn with_sims(clock: &Arc<dyn Clock>) -> Result<(DataManager, Vec<Sim>)> {
    let mut sims = Vec::new();
    let mut builder = DataManager::builder()
        .environment(Environment::Simulated)
        .clock(Arc::clone(clock))
        .seed(11);
    for (exchange, _) in &FOUR {
        let sim = Sim::builder(exchange.clone())
            .seed(5)
            .clock(Arc::clone(clock))
            .build()?;
        let door = robust_source::in_memory(sim.service(), |error| match error {
            DoorError::Refused => Error::new(Kind::Connect, false),
            _ => Error::new(Kind::Closed, true),
        });
        builder = builder
            .exchange(exchange.as_str())
            .transport(exchange.clone(), door);
        sims.push(sim);
    }
    Ok((builder.start()?, sims))
}

/// The nth of many jobs: each exchange in turn, each of its pairs in turn.
fn job(nth: usize, name: String) -> Result<DataJob> {
    let (exchange, quote) = FOUR.get(nth % FOUR.len()).context("no exchange")?;
    let base = BASES.get(nth / FOUR.len() % BASES.len());
    let pair = format!("{}/{quote}", base.context("no pair")?);
    let query = Query::ticker(exchange.clone(), pair.parse()?);
    Ok(DataJob::new(name, query, PERIOD))
}

async fn memory(jobs: usize) -> Result<Measured> {
    let start = Timestamp::from_ns(START_NS);
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(start));
    let manager = manager(&clock)?;
    // What every exchange needs once, its list of pairs above all, is part of the base.
    for nth in 0..FOUR.len() * BASES.len() {
        manager.schedule(job(nth, format!("base {nth}"))?.at_start())?;
    }
    sleep(PERIOD * 2).await;
    let base = resident_bytes()?;
    let more = (0..jobs).map(|nth| job(nth, format!("job {nth}")));
    let more: Vec<DataJob> = more.collect::<Result<_>>()?;
    let before = manager.scheduler().ledger().outcomes;
    manager.schedule_all(more)?;
    let added = resident_bytes()?;
    // Often enough that each has its history full.
    sleep(PERIOD * 10).await;
    let after = resident_bytes()?;
    let ledger = manager.scheduler().ledger();
    ensure!(ledger.balances(), "the ledger does not close: {ledger:?}");
    let megabytes = |bytes: u64| bytes.saturating_sub(base) as f64 / 1e6;
    Ok(Measured::of([
        ("base_mb", base as f64 / 1e6),
        ("added_mb", megabytes(added)),
        ("ran_mb", megabytes(after)),
        ("ok", (ledger.outcomes.ok - before.ok) as f64),
        ("failed", (ledger.outcomes.failed - before.failed) as f64),
    ]))
}

async fn plan(seconds: u64) -> Result<Measured> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let manager = manager(&clock)?;
    let jobs = manager.schedule_plan(&Plan::default_plan())?.len();
    // The jobs that also run at the start do so all at once.
    sleep(Duration::from_secs(10)).await;
    let runs = || manager.scheduler().ledger().outcomes;
    let (before, at, outcomes) = (Usage::of_others()?, Instant::now(), runs());
    sleep(Duration::from_secs(seconds)).await;
    let (used, ended) = (Usage::of_others()?.since(before), runs());
    let share = used.time.as_secs_f64() / at.elapsed().as_secs_f64();
    let ledger = manager.scheduler().ledger();
    ensure!(ledger.balances(), "the ledger does not close: {ledger:?}");
    Ok(Measured::of([
        ("jobs", jobs as f64),
        ("cpu_pct", share * 100.0),
        ("ok", (ended.ok - outcomes.ok) as f64),
        (
            "failed",
            (ended.total() - ended.ok - (outcomes.total() - outcomes.ok)) as f64,
        ),
        (
            "wakes_a_second",
            used.wakes as f64 / at.elapsed().as_secs_f64(),
        ),
    ]))
}

/// `orchestrator.rss_1000_jobs_mb`.
pub(super) fn memory_row(measured: &Measured) -> Result<Row> {
    let (added, ran) = (measured.get("added_mb")?, measured.get("ran_mb")?);
    let (ok, failed) = (measured.get("ok")?, measured.get("failed")?);
    ensure!(ok >= 9_000.0, "only {ok} runs ended well");
    let value = added.max(ran);
    Ok(Row {
        id: "orchestrator.rss_1000_jobs_mb".to_owned(),
        value,
        unit: "MB",
        goal: MEMORY_GOAL,
        holds: value <= MEMORY_GOAL,
        peers: BTreeMap::new(),
        note: format!(
            "resident memory over that of four exchanges with 20 jobs ({:.1} MB); {added:.1} after adding 1000 that read a ticker, {ran:.1} \
             after ten runs of each: {ok} ok, {failed} failed",
            measured.get("base_mb")?
        ),
    })
}

/// `orchestrator.cpu_default_plan_pct`.
pub(super) fn cpu_row(measured: &Measured, seconds: u64) -> Result<Row> {
    let value = measured.get("cpu_pct")?;
    let (ok, failed) = (measured.get("ok")?, measured.get("failed")?);
    ensure!(ok > 0.0, "no run ended well");
    Ok(Row {
        id: "orchestrator.cpu_default_plan_pct".to_owned(),
        value,
        unit: "percent",
        goal: CPU_GOAL,
        holds: value < CPU_GOAL,
        peers: BTreeMap::new(),
        note: format!(
            "of one core, {seconds} s of real time, the simulated exchanges included; {} jobs, {ok} runs ok, {failed} otherwise, {:.0} wakes a second",
            measured.get("jobs")?,
            measured.get("wakes_a_second")?
        ),
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_the_manager_run_and_their_memory_is_told() {
        let measured = measure(Scenario::Memory { jobs: 40 }).unwrap();
        assert!(measured.0["base_mb"] > 1.0, "{measured:?}");
        assert!(measured.0["ok"] >= 360.0, "{measured:?}");
        assert!(measure(Scenario::Stall).is_err());
    }
}
