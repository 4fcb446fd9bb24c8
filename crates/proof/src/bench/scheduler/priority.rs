//! Who waits for whom when more is due than can run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use robust_scheduler::{Failures, Job, Scheduler};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, sleep_until};

use super::record::Recorder;
use crate::report::Row;

/// Runs at once, the default, and the time of each: ten times a hundred runs a second.
const PLACES: u32 = 10;
const RUN: Duration = Duration::from_millis(10);
/// Jobs of the flood and their period: ten times as many runs a second as there is room for.
const FLOOD: usize = 1_000;
const FLOOD_PERIOD: u64 = 100;
/// Urgent jobs, about a fifth of the room.
const URGENT: usize = 20;

/// The period of the unimportant job, longer than it may have to wait.
const PERIOD_S: u64 = 19;

/// The most that the 99th percentile of the urgent may wait beyond what it waits without a flood.
const GOAL_MS: f64 = 5.0;

/// What the wait of the urgent came to.
#[derive(Debug, Clone, Copy)]
struct Waits {
    p99_ms: f64,
    lost: u64,
    /// Runs of the flood in a second.
    flood: f64,
}

/// `sched.p1_wait_p99_over_floor_ms`: urgent jobs with and without a flood of unimportant ones, in turns.
pub(super) fn urgent(turns: usize, seconds: u64) -> Result<Row> {
    let mut differences = Vec::new();
    let mut unreserved = Vec::new();
    let (mut floors, mut waits, mut lost, mut rates) = (Vec::new(), Vec::new(), 0, Vec::new());
    for turn in 0..turns {
        let floor = on_a_runtime(false, 2, seconds)?;
        let flooded = on_a_runtime(true, 2, seconds)?;
        differences.push(flooded.p99_ms - floor.p99_ms);
        if turn == 0 {
            // Beside it, once: without a flood nothing is reserved that anybody wants.
            let plain = on_a_runtime(true, 0, seconds)?;
            unreserved.push(plain.p99_ms - floor.p99_ms);
        }
        floors.push(floor.p99_ms);
        waits.push(flooded.p99_ms);
        rates.push(flooded.flood);
        lost += floor.lost + flooded.lost;
    }
    let median = crate::bench::median;
    let value = median(&mut differences);
    let plain = median(&mut unreserved);
    Ok(Row {
        id: "sched.p1_wait_p99_over_floor_ms".to_owned(),
        value,
        unit: "ms",
        goal: GOAL_MS,
        holds: value <= GOAL_MS && lost == 0,
        peers: BTreeMap::from([("ours, no place reserved".to_owned(), plain)]),
        note: format!(
            "99 % waited {:.2} ms, {:.2} ms without the flood; two places of ten reserved for priorities 1 and 2; runs of 10 ms, \
             {FLOOD} jobs of priority 5 every {FLOOD_PERIOD} ms, of which {:.0} ran a second; {lost} urgent runs lost; \
             {turns} turns of {seconds} s",
            median(&mut waits),
            median(&mut floors),
            median(&mut rates),
        ),
    })
}

fn on_a_runtime(flood: bool, reserve: usize, seconds: u64) -> Result<Waits> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    runtime.block_on(waits(flood, reserve, seconds))
}

/// A job that takes its time and tells the recorder when it began.
fn job(name: String, period: Duration, priority: u8, told: Option<(Arc<Recorder>, usize)>) -> Job {
    let job = Job::every(name, period).priority(priority);
    job.failures(Failures::IGNORED).handler(move |run| {
        if let Some((recorder, place)) = &told {
            recorder.ran(*place, run.missed);
        }
        async {
            sleep(RUN).await;
            Ok(())
        }
    })
}

async fn waits(flood: bool, reserve: usize, seconds: u64) -> Result<Waits> {
    // Periods that differ, so that neither the urgent nor the flood come all at once.
    let period = |base: u64, place: usize, spread: usize| {
        Duration::from_millis(base + u64::try_from(place % spread).unwrap_or(0))
    };
    let recorder = Arc::new(Recorder::new(
        (0..URGENT).map(|place| Some(period(97, place, URGENT))),
    ));
    let scheduler = Scheduler::builder().reserve(reserve).start();
    let mut jobs = Vec::new();
    for place in 0..URGENT {
        let told = Some((Arc::clone(&recorder), place));
        jobs.push(job(
            format!("urgent {place}"),
            period(97, place, URGENT),
            1,
            told,
        ));
    }
    for place in 0..if flood { FLOOD } else { 0 } {
        let every = period(FLOOD_PERIOD - 3, place, 7);
        jobs.push(job(format!("flood {place}"), every, 5, None));
    }
    let begun = Instant::now();
    recorder.all_begin(begun);
    let added = scheduler.add_all(jobs);
    added.map_err(|(place, error)| anyhow!("job {place}: {error}"))?;
    let from = begun + Duration::from_secs(2);
    let to = from + Duration::from_secs(seconds);
    recorder.count_between(from, to);
    sleep_until(to + Duration::from_secs(1)).await;
    let ran = scheduler.ledger().ran;
    drop(scheduler);
    let all = u32::try_from(ran).unwrap_or(u32::MAX);
    let urgent = u32::try_from(recorder.runs()).unwrap_or(u32::MAX);
    let time = begun.elapsed().as_secs_f64();
    Ok(Waits {
        p99_ms: recorder.lateness_ms(0.99),
        lost: recorder.lost(),
        flood: (f64::from(all) - f64::from(urgent)) / time,
    })
}

/// `sched.p5_wait_max_s`: one unimportant job under a flood of urgent ones, in paused time. It may be overtaken by what becomes
/// ready in the 8 s after it, and then by one run of each urgent job, no more.
pub(super) fn unimportant(minutes: u64) -> Result<Row> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let (longest_s, runs) = runtime.block_on(async {
        let scheduler = Scheduler::builder().start();
        let period = Duration::from_secs(PERIOD_S);
        let recorder = Arc::new(Recorder::new([Some(period)]));
        let told = Some((Arc::clone(&recorder), 0));
        let mut jobs = vec![job("unimportant".to_owned(), period, 5, told)];
        let every = Duration::from_millis(FLOOD_PERIOD);
        jobs.extend((0..FLOOD).map(|place| job(format!("urgent {place}"), every, 1, None)));
        recorder.all_begin(Instant::now());
        let added = scheduler.add_all(jobs);
        added.map_err(|(place, error)| anyhow!("job {place}: {error}"))?;
        sleep(Duration::from_secs(60 * minutes)).await;
        let history = scheduler.find("unimportant");
        let aggregate = history
            .and_then(|id| scheduler.job(id))
            .map(|job| job.aggregate);
        let longest = aggregate.map_or(Duration::MAX, |all| all.longest_lag);
        anyhow::Ok((longest.as_secs_f64(), recorder.runs()))
    })?;
    let expected = minutes * 60 / PERIOD_S;
    let drain = RUN.as_secs_f64() * f64::from(u32::try_from(FLOOD)? / PLACES + 1);
    let goal = 8.0 + drain;
    Ok(Row {
        id: "sched.p5_wait_max_s".to_owned(),
        value: longest_s,
        unit: "s",
        goal,
        // What is due in the last seconds may still wait.
        holds: longest_s <= goal && runs + 1 >= expected,
        peers: BTreeMap::new(),
        note: format!(
            "the longest of {runs} waits, {expected} due, under {FLOOD} jobs of priority 1 every {FLOOD_PERIOD} ms, ten times what can \
             run, for {minutes} min of paused time; the bound is 4 · 2 s and a run of each urgent job, {drain:.2} s"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_urgent_jobs_cannot_starve_an_unimportant_one() {
        let row = unimportant(1).unwrap();
        assert!(row.holds, "{row:?}");
        assert!(row.value > 1.0, "nobody overtook it: {row:?}");
    }
}
