//! A day of the default plan in simulated time: once the schedule alone, once through the whole stack with simulated exchanges.
//!
//! ```text
//! cargo run --release -p robust-data-manager --features robust-http/http2 --example plan_day -- [SECONDS]
//! ```
//!
//! SECONDS is how much of the day goes through the whole stack; 86400 is all of it. Exits with 1 when a run is lost.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Clock, Exchange, Timestamp};
use robust_data_manager::scheduler::{Job, Ledger, Scheduler, SimClock};
use robust_data_manager::{DataManager, Environment, Plan};
use robust_http::{Error, Kind};
use robust_sim::{DoorError, Sim, VirtualClock};

const FOUR: [Exchange; 4] = [
    Exchange::KRAKEN,
    Exchange::BINANCE,
    Exchange::KUCOIN,
    Exchange::HTX,
];

/// 2025-06-15 15:06:40 UTC.
const START: Duration = Duration::from_secs(1_750_000_000);

/// Real time, which goes on while tokio's stands.
struct Watch(std::time::Instant);

#[allow(
    clippy::disallowed_methods,
    reason = "the real time that simulated time takes is what is measured"
)]
impl Watch {
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn took(&self) -> Duration {
        self.0.elapsed()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::time::pause();
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(3_600), |text| text.parse())?;
    let mut lost = !schedule().await?;
    lost |= !stack(Duration::from_secs(seconds)).await?;
    if lost {
        return Err("a run is lost".into());
    }
    Ok(())
}

/// The runs of a day, each of which does nothing.
async fn schedule() -> Result<bool, Box<dyn std::error::Error>> {
    let began = Watch::start();
    let clock = SimClock::at(std::time::SystemTime::UNIX_EPOCH + START);
    let scheduler = Scheduler::builder().clock(clock).start();
    let jobs = Plan::default_plan().jobs()?;
    let count = jobs.len();
    let jobs = jobs.into_iter().map(|job| {
        let trigger = job.trigger_of().clone();
        let source = job
            .exchanges()
            .first()
            .map_or("", Exchange::as_str)
            .to_owned();
        let spec = Job::on(job.name().to_owned(), trigger).source(source);
        spec.handler(|_| async { Ok(()) })
    });
    scheduler.add_all(jobs).map_err(|(_, error)| error)?;
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    let ledger = scheduler.ledger();
    let took = began.took();
    println!(
        "the schedule of a day, {count} jobs: {took:.2?} of real time; {}",
        told(&ledger)
    );
    Ok(ledger.balances() && ledger.due == ledger.outcomes.ok + ledger.pending)
}

/// The same with limiters, breakers, decoders and quality rules, against simulated exchanges.
async fn stack(span: Duration) -> Result<bool, Box<dyn std::error::Error>> {
    let began = Watch::start();
    let start = i64::try_from(START.as_nanos())?;
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(Timestamp::from_ns(start)));
    let mut builder = DataManager::builder()
        .environment(Environment::Simulated)
        .clock(Arc::clone(&clock))
        .seed(11);
    let mut sims = BTreeMap::new();
    for exchange in FOUR {
        let sim = Sim::builder(exchange.clone())
            .seed(5)
            .clock(Arc::clone(&clock))
            .build()?;
        let door = robust_source::in_memory(sim.service(), |error| match error {
            DoorError::Refused => Error::new(Kind::Connect, false),
            _ => Error::new(Kind::Closed, true),
        });
        builder = builder
            .exchange(exchange.as_str())
            .transport(exchange.clone(), door);
        sims.insert(exchange, sim);
    }
    let manager = builder.start()?;
    manager.schedule_plan(&Plan::default_plan())?;
    tokio::time::sleep(span).await;
    manager.shutdown(Duration::from_secs(30)).await;
    let ledger = manager.scheduler().ledger();
    let took = began.took();
    let requests: u64 = sims.values().map(|sim| sim.stats().requests).sum();
    println!(
        "{span:?} through the whole stack, {requests} requests: {took:.2?} of real time, {:.0} µs a request; {}",
        took.as_secs_f64() * 1e6 / requests.max(1) as f64,
        told(&ledger)
    );
    let over: u64 = sims.values().map(|sim| sim.stats().over_limit).sum();
    Ok(ledger.balances() && over == 0)
}

fn told(ledger: &Ledger) -> String {
    format!(
        "due {} = ok {} + failed {} + superseded {} + skipped {} + pending {}",
        ledger.due,
        ledger.outcomes.ok,
        ledger.outcomes.failed + ledger.outcomes.timed_out,
        ledger.superseded,
        ledger.skipped_total(),
        ledger.pending
    )
}
