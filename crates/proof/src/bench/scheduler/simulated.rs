//! A scheduler in paused time with a journal: the same seed is the same trace, and no crash makes a run happen twice or never.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow, ensure};
use robust_scheduler::{
    Cron, Failures, Job, JobBuilder, JobMark, Mark, MemoryStore, Misfire, Overlap, Phase, Retry,
    RunError, Scheduler, SimClock, Store,
};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use crate::report::Row;

/// When the first process begins.
const BEGAN: Duration = Duration::from_secs(1_800_000_003);

/// A run as its handler saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// Which process.
    process: usize,
    /// Since the process began.
    at: Duration,
    job: Arc<str>,
    nominal: SystemTime,
    last_success: Option<SystemTime>,
    attempt: u32,
    ended: bool,
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// A store that dies with its process: after so many marks, before or after they are written.
#[derive(Debug, Clone)]
struct Disk {
    kept: MemoryStore,
    /// Appends until the crash; `None` for a process that does not crash here.
    left: Option<u32>,
    /// Whether the last append is written.
    written: bool,
    dead: Arc<tokio::sync::Notify>,
    /// Whether it has died: nothing is written from then on.
    gone: Arc<AtomicBool>,
}

impl Store for Disk {
    fn load(&mut self) -> Vec<JobMark> {
        self.kept.load()
    }

    fn append(&mut self, marks: &[JobMark]) -> io::Result<()> {
        let Some(left) = &mut self.left else {
            return self.kept.append(marks);
        };
        if self.gone.load(Ordering::SeqCst) {
            return Err(io::Error::other("crashed"));
        }
        if *left > 0 {
            *left -= 1;
            return self.kept.append(marks);
        }
        if self.written {
            self.kept.append(marks)?;
        }
        // Nothing comes after it: neither an answer nor another mark. The process ends at once.
        self.gone.store(true, Ordering::SeqCst);
        self.dead.notify_one();
        Err(io::Error::other("crashed"))
    }
}

/// A job by name, marked before its runs.
const BEFORE: &str = "before";

/// Jobs of every kind, with moments on a grid of the wall clock, so that a test knows them by itself.
struct Plan {
    name: String,
    period: u64,
    mark: Mark,
    /// Each moment has a run of its own; else one run stands for all that were missed.
    all: bool,
}

fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (mark, word) in [(Mark::BeforeRun, BEFORE), (Mark::AfterRun, "after")] {
        for (all, period) in [(true, 7), (false, 5), (true, 20), (false, 30)] {
            let name = format!("{word} every {period}, all {all}");
            plans.push(Plan {
                name,
                period,
                mark,
                all,
            });
        }
    }
    plans
}

impl Plan {
    fn builder(&self) -> Result<JobBuilder> {
        let period = Duration::from_secs(self.period);
        // The same grid in two ways.
        let job = if 60 % self.period == 0 {
            let cron = Cron::parse(&format!("*/{} * * * * *", self.period))?;
            Job::cron(self.name.as_str(), cron)
        } else {
            Job::every(self.name.as_str(), period).phase(Phase::Epoch)
        };
        let job = job.mark(self.mark).failures(Failures::IGNORED);
        Ok(if self.all {
            job.misfire(Misfire::All { max: 1_000 })
                .overlap(Overlap::Queue(1_000))
                .useful_for(Duration::from_secs(1_000_000))
        } else {
            job
        })
    }

    fn job(&self, process: usize, seed: u64, log: &Log, fail: bool) -> Result<Job> {
        let (log, begun) = (Arc::clone(log), Instant::now());
        let builder = self.builder()?;
        let builder = if fail {
            builder.retry(Retry::up_to(2))
        } else {
            builder
        };
        Ok(builder.handler(move |run| {
            let log = Arc::clone(&log);
            let second = run.nominal.duration_since(SystemTime::UNIX_EPOCH);
            let second = second.map_or(0, |since| since.as_secs());
            // The same run takes the same time and ends the same way in each process.
            let mut draw = fastrand::Rng::with_seed(
                seed ^ second.rotate_left(20) ^ u64::from(run.attempt) ^ run.job.len() as u64,
            );
            let seen = move |ended| Seen {
                process,
                at: begun.elapsed(),
                job: Arc::clone(&run.job),
                nominal: run.nominal,
                last_success: run.last_success,
                attempt: run.attempt,
                ended,
            };
            let tell = move |seen: Seen| {
                log.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(seen);
            };
            async move {
                tell(seen(false));
                sleep(Duration::from_millis(draw.u64(0..3_000))).await;
                tell(seen(true));
                if fail && draw.u8(0..4) == 0 {
                    return Err(RunError::new("drawn"));
                }
                Ok(())
            }
        }))
    }
}

/// How a process lived.
struct Life {
    /// How long.
    lived: Duration,
    /// The jobs that it was told were added, and one whose adding was written when the disk died.
    added: BTreeSet<String>,
}

/// One process from `wall` on; ends after `time`, or when its disk dies.
fn process(
    nth: usize,
    seed: u64,
    wall: Duration,
    time: Duration,
    disk: Disk,
    log: &Log,
    fail: bool,
) -> Result<Life> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let life = runtime.block_on(async {
        let begun = Instant::now();
        let (dead, gone) = (Arc::clone(&disk.dead), Arc::clone(&disk.gone));
        let written = disk.written;
        let mut added = BTreeSet::new();
        let scheduler = Scheduler::builder()
            .clock(SimClock::at(SystemTime::UNIX_EPOCH + wall))
            .seed(seed)
            .store(disk)
            .start();
        for plan in plans() {
            let job = plan.job(nth, seed, log, fail)?;
            scheduler.add(job)?;
            // A disk that dies takes along who writes to it: the caller, here.
            let died = gone.load(Ordering::SeqCst);
            if !died || written {
                added.insert(plan.name);
            }
            if died {
                break;
            }
        }
        tokio::select! {
            () = dead.notified() => {}
            () = sleep(time) => {}
        }
        let ledger = scheduler.ledger();
        ensure!(ledger.balances(), "the ledger does not close: {ledger:?}");
        // Everything ends where it is, unmarked.
        drop(scheduler);
        let lived = begun.elapsed();
        Ok(Life { lived, added })
    });
    drop(runtime);
    life
}

/// What crashes did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crashes {
    /// Crash points.
    pub points: u64,
    /// Second runs of a moment of a job that is marked before its runs.
    pub twice: u64,
    /// Moments that no run stands for, of jobs that are marked after their runs.
    pub lost: u64,
    /// Runs that ended.
    pub runs: u64,
    /// The first of what is wrong.
    pub first: Option<String>,
}

impl Crashes {
    /// So many crash points, a seed each: a process that dies at a random time or at a random mark, and another that goes on.
    ///
    /// # Errors
    ///
    /// A job was not added, or a ledger did not close.
    pub fn run(points: u64) -> Result<Self> {
        let mut crashes = Self::default();
        for seed in 0..points {
            crashes.points += 1;
            crashes.one(seed)?;
        }
        Ok(crashes)
    }

    fn one(&mut self, seed: u64) -> Result<()> {
        let mut draw = fastrand::Rng::with_seed(seed);
        let (log, kept) = (Log::default(), MemoryStore::default());
        let disk = |left, written| Disk {
            kept: kept.clone(),
            left,
            written,
            dead: Arc::default(),
            gone: Arc::default(),
        };
        let at_a_mark = draw.bool();
        let left = at_a_mark.then(|| draw.u32(0..60));
        let most = Duration::from_millis(draw.u64(1..120_000));
        let time = if at_a_mark {
            Duration::from_secs(300)
        } else {
            most
        };
        let first = disk(left, draw.bool());
        let Life { lived, added } = process(0, seed, BEGAN, time, first, &log, false)?;
        let down = Duration::from_millis(draw.u64(0..100_000));
        let again = BEGAN + lived + down;
        let rest = Duration::from_secs(300);
        process(1, seed, again, rest, disk(None, true), &log, false)?;
        let seen = log.lock().unwrap_or_else(PoisonError::into_inner);
        // What the first process died of while adding it, unwritten, is a job of the second one only.
        let since = |plan: &Plan| {
            if added.contains(&plan.name) {
                BEGAN
            } else {
                again
            }
        };
        self.judge(seed, &seen, since, again + rest);
        Ok(())
    }

    fn judge(
        &mut self,
        seed: u64,
        seen: &[Seen],
        since: impl Fn(&Plan) -> Duration,
        end: Duration,
    ) {
        for plan in plans() {
            let of_job = |ended| {
                let name = plan.name.clone();
                seen.iter()
                    .filter(move |seen| *seen.job == *name && seen.ended == ended)
            };
            self.runs += of_job(true).count() as u64;
            if plan.mark == Mark::BeforeRun {
                let mut begun = BTreeSet::new();
                for run in of_job(false) {
                    if !begun.insert(run.nominal) {
                        self.twice += 1;
                        self.tell(seed, &plan, "twice", run.nominal);
                    }
                }
                continue;
            }
            // The last minute may still be on its way.
            let until = end.as_secs() - 60;
            let first = since(&plan).as_secs() / plan.period + 1;
            for moment in (first..=until / plan.period).map(|nth| nth * plan.period) {
                let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(moment);
                let stands = of_job(true).any(|run| {
                    let since = run.last_success.unwrap_or(SystemTime::UNIX_EPOCH);
                    run.nominal == moment || (!plan.all && since < moment && moment < run.nominal)
                });
                if !stands {
                    self.lost += 1;
                    self.tell(seed, &plan, "lost", moment);
                }
            }
        }
    }

    fn tell(&mut self, seed: u64, plan: &Plan, what: &str, moment: SystemTime) {
        let second = moment.duration_since(SystemTime::UNIX_EPOCH + BEGAN);
        self.first
            .get_or_insert_with(|| format!("seed {seed}, {}: {what}, {second:?}", plan.name));
    }

    /// A row for what ran twice, and one for what was lost.
    #[must_use]
    pub fn rows(&self) -> [Row; 2] {
        let row = |id: &str, count: u64, what| Row {
            id: id.to_owned(),
            value: u32::try_from(count).map_or(f64::INFINITY, f64::from),
            unit: "runs",
            goal: 0.0,
            holds: count == 0 && self.points > 0 && self.runs > 0,
            peers: BTreeMap::new(),
            note: format!(
                "{} crash points, {} runs; {what}{}",
                self.points,
                self.runs,
                self.first
                    .as_ref()
                    .map_or_else(String::new, |first| format!("; first: {first}"))
            ),
        };
        [
            row(
                "sched.crash_twice",
                self.twice,
                "marked before the run: second runs of one moment",
            ),
            row(
                "sched.crash_lost",
                self.lost,
                "marked after the run: moments that no run stands for",
            ),
        ]
    }
}

/// `sched.trace_differs`: so many seeds, each run twice in paused time, with failures and retries.
///
/// # Errors
///
/// A job was not added, or a ledger did not close.
pub fn traces(seeds: u64, minutes: u64) -> Result<Row> {
    let (mut differ, mut runs) = (0_u32, 0);
    let mut all: BTreeSet<usize> = BTreeSet::new();
    for seed in 0..seeds {
        let one = trace(seed, minutes)?;
        let other = trace(seed, minutes)?;
        differ += u32::from(one != other);
        runs += one.len();
        all.insert(one.len());
    }
    ensure!(seeds < 2 || all.len() > 1, "every seed has the same trace");
    Ok(Row {
        id: "sched.trace_differs".to_owned(),
        value: f64::from(differ),
        unit: "seeds",
        goal: 0.0,
        holds: differ == 0 && runs > 0,
        peers: BTreeMap::new(),
        note: format!(
            "{seeds} seeds, each twice, {minutes} min of paused time; {runs} beginnings and ends of runs"
        ),
    })
}

fn trace(seed: u64, minutes: u64) -> Result<Vec<Seen>> {
    let log = Log::default();
    let disk = Disk {
        kept: MemoryStore::default(),
        left: None,
        written: true,
        dead: Arc::default(),
        gone: Arc::default(),
    };
    let time = Duration::from_secs(60 * minutes);
    process(0, seed, BEGAN, time, disk, &log, true)?;
    let seen = log.lock().map_err(|_| anyhow!("a handler panicked"))?;
    Ok(seen.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_crash_makes_a_run_happen_twice_or_never() {
        let crashes = Crashes::run(100).unwrap();
        assert_eq!((crashes.twice, crashes.lost, &crashes.first), (0, 0, &None));
        assert!(crashes.runs > 5_000, "{crashes:?}");
    }

    #[test]
    fn the_same_seed_is_the_same_trace() {
        let row = traces(2, 5).unwrap();
        assert!(row.holds, "{row:?}");
    }

    #[test]
    fn what_runs_twice_and_what_is_lost_is_counted() {
        let nominal = |second| SystemTime::UNIX_EPOCH + BEGAN + Duration::from_secs(second);
        let seen = |plan: &Plan, second, ended| Seen {
            process: 0,
            at: Duration::ZERO,
            job: plan.name.as_str().into(),
            nominal: nominal(second),
            last_success: None,
            attempt: 1,
            ended,
        };
        let plans = plans();
        let (before, after) = (&plans[0], &plans[4]);
        let twice = [
            seen(before, 4, false),
            seen(before, 4, false),
            seen(after, 4, true),
        ];
        let mut crashes = Crashes::default();
        crashes.judge(0, &twice, |_| BEGAN, BEGAN + Duration::from_secs(60 + 13));
        assert_eq!(crashes.twice, 1);
        // Nothing of the four jobs that are marked afterwards but one run.
        assert!(crashes.lost >= 3, "{crashes:?}");
        assert!(crashes.first.is_some());
    }
}
