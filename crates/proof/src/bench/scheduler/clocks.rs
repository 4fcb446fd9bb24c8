//! The wall clock is set and the machine sleeps, in paused time: no moment is run twice, and none is without a run that stands for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use robust_scheduler::{Cron, Job, JobBuilder, Misfire, Overlap, Phase, Scheduler, SimClock};
use tokio::runtime::Builder;
use tokio::time::{advance, sleep};

use crate::report::Row;

/// A whole minute, when it begins.
const BEGAN_S: u64 = 1_800_000_000;

const HOUR: Duration = Duration::from_secs(3_600);

/// What happens to the clocks.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The wall clock is set forward; the same as a sleep of the machine in which monotonic time stands.
    Forward(Duration),
    /// The wall clock is set back.
    Back(Duration),
    /// The machine sleeps and both clocks go on, or everything is blocked.
    Sleep(Duration),
}

/// An hour each way, and what a lid that is closed for a while does.
const STEPS: [Step; 6] = [
    Step::Forward(HOUR),
    Step::Back(HOUR),
    Step::Sleep(HOUR),
    Step::Back(Duration::from_secs(3_599)),
    Step::Forward(Duration::from_millis(4_033_400)),
    Step::Sleep(Duration::from_millis(7_777_777)),
];

/// A run: its job, its moment, the success before it and what it was told as missed.
#[derive(Debug, Clone)]
struct Seen {
    nominal: u64,
    since: Option<u64>,
    missed: u64,
}

type Log = Arc<Mutex<BTreeMap<String, Vec<Seen>>>>;

/// What steps of the clocks did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wrong {
    runs: u64,
    twice: u64,
    lost: u64,
}

/// `sched.clock_wrong`: runs that are repeated and moments that are lost.
pub(super) fn row() -> Result<Row> {
    let wrong = stepped()?;
    let sum = u32::try_from(wrong.twice + wrong.lost)?;
    Ok(Row {
        id: "sched.clock_wrong".to_owned(),
        value: f64::from(sum),
        unit: "moments",
        goal: 0.0,
        holds: sum == 0 && wrong.runs > 0,
        peers: BTreeMap::new(),
        note: format!(
            "the clock set an hour forward and back and the machine asleep, {} steps in {} h of paused time: {} runs twice, {} moments \
             that no run stands for, of {} runs of four jobs; the ledger closes after each step",
            STEPS.len(),
            STEPS.len() + 1,
            wrong.twice,
            wrong.lost,
            wrong.runs
        ),
    })
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn job(builder: JobBuilder, log: &Log) -> Job {
    let log = Arc::clone(log);
    builder.handler(move |run| {
        let seen = Seen {
            nominal: seconds(run.nominal),
            since: run.last_success.map(seconds),
            missed: run.missed,
        };
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.entry(run.job.to_string()).or_default().push(seen);
        async { Ok(()) }
    })
}

fn stepped() -> Result<Wrong> {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build()?;
    let (log, end, elapsed) = runtime.block_on(async {
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(BEGAN_S);
        let clock = Arc::new(SimClock::at(began));
        let scheduler = Scheduler::builder().clock(Arc::clone(&clock)).start();
        let log = Log::default();
        let minutely = Cron::parse("* * * * *")?;
        let all = Job::cron("cron, each", minutely.clone())
            .misfire(Misfire::All { max: 1_000 })
            .overlap(Overlap::Queue(1_000))
            .useful_for(Duration::MAX);
        let grid = Job::every("grid", Duration::from_secs(20)).phase(Phase::Epoch);
        let interval = Job::every("interval", Duration::from_secs(60));
        let once = Job::cron("cron", minutely);
        let jobs = [once, all, grid, interval].map(|builder| job(builder, &log));
        scheduler.add_all(jobs).map_err(|(_, error)| error)?;
        // The furthest that the wall clock has come, in milliseconds; what is before it was seen.
        let (mut wall, mut furthest, mut elapsed) = (0_i64, 0_i64, 0_i64);
        let mut pass = |ms: Duration, of_wall: i64, of_time: i64| -> Result<()> {
            let ms = i64::try_from(ms.as_millis())?;
            wall += ms * of_wall;
            elapsed += ms * of_time;
            furthest = furthest.max(wall);
            Ok(())
        };
        for step in STEPS {
            sleep(HOUR).await;
            pass(HOUR, 1, 1)?;
            match step {
                Step::Forward(by) => {
                    clock.forward(by);
                    pass(by, 1, 0)?;
                }
                Step::Back(by) => {
                    clock.back(by);
                    pass(by, -1, 0)?;
                }
                Step::Sleep(by) => {
                    advance(by).await;
                    pass(by, 1, 1)?;
                }
            }
            let ledger = scheduler.ledger();
            ensure!(ledger.balances(), "after {step:?}: {ledger:?}");
        }
        sleep(HOUR).await;
        pass(HOUR, 1, 1)?;
        scheduler.shutdown(HOUR).await;
        let ledger = scheduler.ledger();
        ensure!(ledger.balances(), "at the end: {ledger:?}");
        anyhow::Ok((log, furthest / 1_000, elapsed / 1_000))
    })?;
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    let (end, elapsed) = (BEGAN_S + u64::try_from(end)?, u64::try_from(elapsed)?);
    judge(&log, end, elapsed)
}

/// What is wrong with these runs, when the wall clock has come to `end` at the furthest and `elapsed` seconds have passed.
fn judge(log: &BTreeMap<String, Vec<Seen>>, end: u64, elapsed: u64) -> Result<Wrong> {
    let mut wrong = Wrong::default();
    for (name, period) in [("cron", 60), ("cron, each", 60), ("grid", 20)] {
        let runs = log.get(name).map_or(&[][..], Vec::as_slice);
        wrong.runs += runs.len() as u64;
        let mut stands = BTreeSet::new();
        for run in runs {
            wrong.twice += u64::from(!stands.insert(run.nominal));
            if name != "cron, each" {
                let first = run.since.unwrap_or(BEGAN_S) / period + 1;
                stands.extend((first..run.nominal / period).map(|nth| nth * period));
            }
        }
        // The last minute may still be on its way.
        let all = (BEGAN_S / period + 1)..=(end - 60) / period;
        let lost = all.filter(|nth| !stands.contains(&(nth * period)));
        wrong.lost += lost.count() as u64;
    }
    let interval = log.get("interval").map_or(&[][..], Vec::as_slice);
    let (count, told) = interval
        .iter()
        .fold((0, 0), |(count, told), run| (count + 1, told + run.missed));
    wrong.runs += count;
    wrong.lost += (elapsed / 60).saturating_sub(1 + count + told);
    wrong.twice += (count + told).saturating_sub(elapsed / 60);
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_of_a_clock_repeats_or_loses_a_moment() {
        let wrong = stepped().unwrap();
        assert_eq!((wrong.twice, wrong.lost), (0, 0), "{wrong:?}");
        assert!(wrong.runs > 1_000, "{wrong:?}");
    }

    #[test]
    fn what_is_repeated_and_what_is_lost_is_counted() {
        let seen = |nominal, since| Seen {
            nominal: BEGAN_S + nominal,
            since: Some(BEGAN_S + since),
            missed: 0,
        };
        // The second minute twice, the third not at all.
        let cron = vec![seen(60, 0), seen(120, 60), seen(120, 120), seen(240, 180)];
        let log = BTreeMap::from([("cron".to_owned(), cron)]);
        let wrong = judge(&log, BEGAN_S + 300, 0).unwrap();
        assert_eq!((wrong.runs, wrong.twice), (4, 1));
        // Of the others, all.
        assert_eq!(wrong.lost, 1 + 4 + 12, "{wrong:?}");
    }
}
