//! The process dies at any moment, at any mark of its journal, before or after it is written.
//!
//! What must be is found by arithmetic and by what the handlers saw; the scheduler is not asked.

use std::collections::BTreeSet;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use robust_scheduler::{
    Cron, Failures, Job, JobBuilder, JobMark, Mark, MemoryStore, Misfire, Overlap, Phase, Run,
    Scheduler, SimClock, Store,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::in_paused_time;

/// A disk that dies with its process: after so many marks, before or after the last is written.
#[derive(Debug, Clone)]
struct Disk {
    kept: MemoryStore,
    left: Option<u32>,
    written: bool,
    dead: Arc<Notify>,
}

impl Store for Disk {
    fn load(&mut self) -> Vec<JobMark> {
        self.kept.load()
    }

    fn append(&mut self, marks: &[JobMark]) -> io::Result<()> {
        match &mut self.left {
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                return self.kept.append(marks);
            }
            None => return self.kept.append(marks),
        }
        if self.written {
            self.kept.append(marks)?;
        }
        self.dead.notify_one();
        // Nothing comes after it: neither an answer nor another mark.
        std::panic::resume_unwind(Box::new("crash"));
    }
}

/// What a handler saw.
#[derive(Debug, Clone)]
struct Seen {
    job: String,
    nominal: SystemTime,
    last_success: Option<SystemTime>,
    ended: bool,
}

/// What outlives the processes.
#[derive(Debug, Default)]
struct World {
    seen: Mutex<Vec<Seen>>,
    /// Jobs whose adding the first process was told of, or whose mark was written at its end.
    added: Mutex<BTreeSet<String>>,
    /// When a run by hand was asked for, and acknowledged.
    by_hand: Mutex<Vec<SystemTime>>,
}

/// When a job comes due.
#[derive(Debug, Clone, Copy)]
enum When {
    /// Each so many seconds of the wall clock.
    Wall(u64),
    /// The same, said as cron.
    Cron(u64),
    /// Each so many seconds since it was added.
    Added(u64),
    /// Once, so many seconds after the first process began.
    Once(u64),
    /// After each success of another job.
    After(&'static str),
    /// Only by hand.
    ByHand,
}

struct Plan {
    name: String,
    when: When,
    mark: Mark,
    /// Each moment has a run of its own; else one run stands for all that were missed.
    all: bool,
}

const SOURCE: &str = "wall 7 of AfterRun";
const ONCE: &str = "once 31 of AfterRun";

fn plans() -> Vec<Plan> {
    let kinds = [
        ("wall 7", When::Wall(7), true),
        ("cron 20", When::Cron(20), true),
        ("cron 5", When::Cron(5), false),
        ("added 11", When::Added(11), true),
        ("added 13", When::Added(13), false),
        ("once 3", When::Once(3), false),
        ("once 31", When::Once(31), true),
        ("after 7", When::After(SOURCE), false),
        ("after once", When::After(ONCE), false),
        ("by hand", When::ByHand, true),
    ];
    let marks = [Mark::BeforeRun, Mark::AfterRun];
    let all = marks
        .into_iter()
        .flat_map(|mark| kinds.map(|kind| (mark, kind)));
    all.map(|(mark, (name, when, all))| Plan {
        name: format!("{name} of {mark:?}"),
        when,
        mark,
        all,
    })
    .collect()
}

impl Plan {
    fn builder(&self, began: SystemTime) -> JobBuilder {
        let name = self.name.as_str();
        let job = match self.when {
            When::Wall(period) => Job::every(name, Duration::from_secs(period)).phase(Phase::Epoch),
            When::Cron(period) => {
                Job::cron(name, Cron::parse(&format!("*/{period} * * * * *")).unwrap())
            }
            When::Added(period) => Job::every(name, Duration::from_secs(period)),
            When::Once(second) => Job::at(name, began + Duration::from_secs(second)),
            When::After(other) => Job::on_success(name, [other]),
            When::ByHand => Job::every(name, Duration::from_secs(1_000_000)),
        };
        let job = job.mark(self.mark).failures(Failures::IGNORED);
        if self.all {
            job.misfire(Misfire::All { max: 1_000 })
                .overlap(Overlap::Queue(1_000))
                .useful_for(Duration::from_secs(1_000_000))
        } else {
            job
        }
    }

    fn job(&self, began: SystemTime, seed: u64, world: &Arc<World>) -> Job {
        let world = Arc::clone(world);
        self.builder(began).handler(move |run: Run| {
            let world = Arc::clone(&world);
            let second = run
                .nominal
                .duration_since(began)
                .map_or(0, |at| at.as_secs());
            let mut draw = fastrand::Rng::with_seed(seed ^ second ^ run.job.len() as u64);
            let tell = move |ended| {
                world.seen.lock().unwrap().push(Seen {
                    job: run.job.to_string(),
                    nominal: run.nominal,
                    last_success: run.last_success,
                    ended,
                });
            };
            async move {
                tell(false);
                sleep(Duration::from_millis(draw.u64(0..3_000))).await;
                tell(true);
                Ok(())
            }
        })
    }

    /// The moments that must have a run, for a job that was added at `added`.
    fn moments(&self, added: SystemTime, began: SystemTime, until: SystemTime) -> Vec<SystemTime> {
        let seconds = Duration::from_secs;
        let grid = |origin: SystemTime, period: u64| {
            let all = std::iter::successors(Some(origin), move |at| Some(*at + seconds(period)));
            all.skip_while(|at| *at <= added)
                .take_while(|at| *at <= until)
                .collect()
        };
        match self.when {
            When::After(ONCE) => vec![began + seconds(31)],
            When::Wall(7) | When::After(_) => {
                // Sevens since 1970 from the first one up to the beginning on.
                let since = began.duration_since(SystemTime::UNIX_EPOCH).unwrap();
                grid(SystemTime::UNIX_EPOCH + seconds(since.as_secs() / 7 * 7), 7)
            }
            // The minutes of the wall clock are whole: so are their fifths and twentieths.
            When::Wall(period) | When::Cron(period) => {
                let since = began.duration_since(SystemTime::UNIX_EPOCH).unwrap();
                grid(
                    SystemTime::UNIX_EPOCH + seconds(since.as_secs() / 60 * 60),
                    period,
                )
            }
            When::Added(period) => grid(added, period),
            When::Once(second) => vec![began + seconds(second)],
            When::ByHand => Vec::new(),
        }
    }
}

/// One process; ends after `time`, or when its disk dies. Gives how long it lived.
async fn process(
    (began, wall): (SystemTime, SystemTime),
    seed: u64,
    time: Duration,
    disk: Disk,
    world: &Arc<World>,
    first: bool,
) -> Duration {
    let start = Instant::now();
    let (dead, written) = (Arc::clone(&disk.dead), disk.written);
    let scheduler = Scheduler::builder()
        .clock(SimClock::at(wall))
        .seed(seed)
        .store(disk)
        .start();
    let mut draw = fastrand::Rng::with_seed(seed);
    let work = async {
        let jobs = plans().into_iter().map(|plan| plan.job(began, seed, world));
        if first {
            for job in jobs {
                let name = job.name().to_owned();
                let added = AssertUnwindSafe(async { scheduler.add(job).unwrap() });
                let added = added.catch_unwind().await;
                if added.is_ok() || written {
                    world.added.lock().unwrap().insert(name);
                }
                if added.is_err() {
                    return;
                }
            }
        } else {
            // In any order: those that come by others may come before them.
            let mut jobs: Vec<_> = jobs.collect();
            draw.shuffle(&mut jobs);
            scheduler.add_all(jobs).unwrap();
        }
        let hands: Vec<_> = plans()
            .into_iter()
            .filter(|plan| matches!(plan.when, When::ByHand))
            .filter_map(|plan| scheduler.find(&plan.name))
            .collect();
        for _ in 0..20 {
            if !first {
                break;
            }
            sleep(Duration::from_millis(draw.u64(0..12_000))).await;
            for hand in &hands {
                let asked = AssertUnwindSafe(async { scheduler.run_now(*hand) });
                if asked.catch_unwind().await.is_err() {
                    return;
                }
            }
            let asked_at = wall + start.elapsed();
            world.by_hand.lock().unwrap().push(asked_at);
        }
        std::future::pending().await
    };
    tokio::select! {
        () = work => {}
        () = dead.notified() => {}
        () = sleep(time) => {}
    }
    let ledger = scheduler.ledger();
    assert!(ledger.balances(), "{ledger:?}");
    // Everything ends where it is, unmarked.
    drop(scheduler);
    start.elapsed()
}

/// A process that dies at a random time or at a random mark, and another that goes on. Gives what is
/// wrong, and how many runs ended.
fn crash(seed: u64) -> (Vec<String>, usize) {
    let mut draw = fastrand::Rng::with_seed(seed);
    let (world, kept) = (Arc::new(World::default()), MemoryStore::default());
    let disk = |left, written| Disk {
        kept: kept.clone(),
        left,
        written,
        dead: Arc::default(),
    };
    let began = crate::base() + Duration::from_millis(3_000 + draw.u64(0..1_000));
    let at_a_mark = draw.bool();
    let left = at_a_mark.then(|| draw.u32(0..100));
    let time = if at_a_mark {
        Duration::from_secs(300)
    } else {
        Duration::from_millis(draw.u64(1..120_000))
    };
    let first = disk(left, at_a_mark && draw.bool());
    let lived = in_paused_time(process((began, began), seed, time, first, &world, true));
    let again = began + lived + Duration::from_millis(draw.u64(0..100_000));
    let rest = Duration::from_secs(300);
    let second = disk(None, true);
    in_paused_time(process((began, again), seed, rest, second, &world, false));
    judge(&world, began, again, again + rest)
}

fn judge(
    world: &World,
    began: SystemTime,
    again: SystemTime,
    end: SystemTime,
) -> (Vec<String>, usize) {
    let seen = world.seen.lock().unwrap();
    let mut wrong = Vec::new();
    // The last minute may still be on its way.
    let until = end - Duration::from_secs(60);
    for plan in plans() {
        let of_job = |ended| {
            let name = plan.name.clone();
            seen.iter()
                .filter(move |seen| seen.job == name && seen.ended == ended)
        };
        let mut tell = |what: &str, moment: SystemTime| {
            let at = moment.duration_since(began);
            wrong.push(format!("{}: {what}, {at:?}", plan.name));
        };
        if plan.mark == Mark::BeforeRun {
            let mut begun = BTreeSet::new();
            for run in of_job(false).filter(|run| !begun.insert(run.nominal)) {
                tell("twice", run.nominal);
            }
            continue;
        }
        let acknowledged = world.added.lock().unwrap().contains(&plan.name);
        let added = if acknowledged { began } else { again };
        let mut moments = plan.moments(added, began, until);
        if matches!(plan.when, When::ByHand) {
            moments = world.by_hand.lock().unwrap().clone();
        }
        for moment in moments {
            let stands = of_job(true).any(|run| {
                let since = run.last_success.unwrap_or(SystemTime::UNIX_EPOCH);
                run.nominal == moment || (!plan.all && since < moment && moment < run.nominal)
            });
            if !stands {
                tell("lost", moment);
            }
        }
    }
    (wrong, seen.iter().filter(|seen| seen.ended).count())
}

#[test]
fn killed_at_any_mark_or_moment_nothing_runs_twice_with_before_run_or_is_lost_with_after_run() {
    let mut runs = 0;
    for seed in 0..120 {
        let (wrong, ended) = crash(seed);
        assert!(wrong.is_empty(), "seed {seed}: {wrong:?}");
        runs += ended;
    }
    assert!(runs > 16_000, "{runs}");
}

#[test]
fn the_judge_of_crashes_sees_what_is_lost_and_what_runs_twice() {
    let (began, world) = (crate::base(), World::default());
    let run = |job: &str, second, ended| Seen {
        job: job.to_owned(),
        nominal: began + Duration::from_secs(second),
        last_success: None,
        ended,
    };
    for plan in plans() {
        world.added.lock().unwrap().insert(plan.name);
    }
    world.seen.lock().unwrap().extend([
        run("added 11 of BeforeRun", 11, false),
        run("added 11 of BeforeRun", 11, false),
        run("added 11 of AfterRun", 11, true),
        run("added 11 of AfterRun", 33, true),
    ]);
    let end = began + Duration::from_secs(60 + 34);
    let (wrong, _) = judge(&world, began, end, end);
    let told = |words: &str| {
        wrong
            .iter()
            .filter(|wrong| wrong.starts_with(words))
            .count()
    };
    assert_eq!(told("added 11 of BeforeRun: twice"), 1, "{wrong:?}");
    assert_eq!(told("added 11 of AfterRun: lost"), 1, "{wrong:?}");
    assert_eq!(told("once 3 of AfterRun: lost"), 1, "{wrong:?}");
}
