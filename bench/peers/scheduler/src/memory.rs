//! `peers-scheduler-memory SUBJECT JOBS`: prints how many bytes a job takes, as JSON.
//!
//! A program of its own, because counting costs time and those who allocate would pay it in `peers-scheduler`.

use std::alloc::System;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use peers_scheduler::{TOKIO_CRON_SCHEDULER, TokioCronScheduler};
use robust_proof::bench::scheduler::{HEAP, Heap, OURS, Ours, bytes_per_job};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn live() -> usize {
    let stats = COUNTED.stats();
    stats
        .bytes_allocated
        .saturating_sub(stats.bytes_deallocated)
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let subject = arguments.next().unwrap_or_default();
    let jobs = arguments
        .next()
        .context("name a subject and a number of jobs")?;
    let jobs = jobs.parse()?;
    let measured = match subject.as_str() {
        OURS => bytes_per_job::<Ours>(jobs, true, live)?,
        HEAP => bytes_per_job::<Heap>(jobs, false, live)?,
        TOKIO_CRON_SCHEDULER => bytes_per_job::<TokioCronScheduler>(jobs, false, live)?,
        _ => bail!("{subject}: is no subject"),
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}
