//! A garden that keeps itself: jobs that are quick, slow, failing and hanging, and a clean stop.
//!
//! `cargo run -p robust-scheduler --example garden`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use robust_scheduler::{AddError, Event, Job, RunError, Scheduler};
use tokio::time::{Instant, sleep};

#[derive(Debug, thiserror::Error)]
#[error("the weather station does not answer")]
struct NoAnswer;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

async fn read_weather() -> Result<(), NoAnswer> {
    Err(NoAnswer)
}

fn plan(scheduler: &Scheduler) -> Result<(), AddError> {
    let water = Job::every("water", ms(200))
        .priority(1)
        .run_at_start(true)
        .source("plants");
    scheduler.add(water.handler(|_| async { Ok(()) }))?;

    // Slower than its period: one run at a time, the newest waiting occurrence stays.
    let prune = Job::every("prune", ms(100)).source("plants");
    scheduler.add(prune.handler(|run| async move {
        println!("        pruning, {} rounds were missed", run.missed);
        sleep(ms(350)).await;
        Ok(())
    }))?;

    scheduler.add(Job::every("weather", ms(300)).handler(|_| async {
        read_weather().await?;
        Ok(())
    }))?;

    // Hangs; its timeout ends it.
    scheduler.add(
        Job::every("pump", ms(400))
            .timeout(ms(150))
            .handler(|_| std::future::pending()),
    )?;

    // Works until it is told to end.
    scheduler.add(Job::every("scarecrow", ms(500)).handler(|run| async move {
        run.cancel.cancelled().await;
        Err(RunError::new("sent home"))
    }))?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AddError> {
    let scheduler = Scheduler::builder().max_in_flight(4).start();
    let began = Instant::now();
    let mut events = scheduler.events();
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            let at = began.elapsed().as_millis();
            match event {
                Event::Ended(end) => println!("{at:>5} ms {}: {:?}", end.job, end.outcome),
                Event::Superseded { job, count, .. } => {
                    println!("{at:>5} ms {job}: {count} superseded")
                }
                _ => {}
            }
        }
    });
    plan(&scheduler)?;
    sleep(ms(1_450)).await;

    let report = scheduler.shutdown(ms(100)).await;
    println!("{report:?}");
    for (source, ledger) in scheduler.source_ledgers() {
        println!(
            "{source}: due {}, ran {}, superseded {}",
            ledger.due, ledger.ran, ledger.superseded
        );
    }
    let ledger = scheduler.ledger();
    println!("all: {ledger:?}");
    println!("nothing vanished: {}", ledger.balances());
    Ok(())
}
