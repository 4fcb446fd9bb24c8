//! How the scheduler stops: drain, then tell, then abort; and what a drop does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use robust_scheduler::{
    Failures, Job, MemoryStore, Outcome, Retry, Run, RunError, Scheduler, ShutdownReport, SimClock,
    SkipReason,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, ms, once, secs};

/// Ends when it is told to.
async fn obedient(run: Run) -> Result<(), RunError> {
    run.cancel.cancelled().await;
    assert!(run.cancel.is_cancelled());
    Ok(())
}

/// Gives up with an error when it is told to.
async fn grumbling(run: Run) -> Result<(), RunError> {
    run.cancel.cancelled().await;
    Err(RunError::new("interrupted"))
}

fn counts(report: &ShutdownReport) -> (u64, u64, u64, u64) {
    (
        report.completed,
        report.cancelled,
        report.aborted,
        report.never_started,
    )
}

#[tokio::test(start_paused = true)]
async fn shutdown_drains_then_tells_then_aborts_and_reports_each() {
    let scheduler = crate::builder()
        .max_in_flight(4)
        .cancel_grace(secs(2))
        .start();
    let diary = Diary::default();
    scheduler
        .add(once("quick").handler(diary.keeps(secs(3))))
        .unwrap();
    scheduler.add(once("obedient").handler(obedient)).unwrap();
    scheduler.add(once("grumbling").handler(grumbling)).unwrap();
    scheduler
        .add(once("deaf").handler(|_| std::future::pending()))
        .unwrap();
    scheduler
        .add(once("late").handler(diary.keeps(secs(1))))
        .unwrap();
    scheduler
        .add(Job::every("idle", secs(600)).handler(diary.keeps(secs(1))))
        .unwrap();
    sleep(secs(1)).await;

    let began = Instant::now();
    let report = scheduler.shutdown(secs(5)).await;
    assert_eq!(counts(&report), (1, 2, 1, 1));
    assert_eq!(report.aborted_jobs, ["deaf".into()]);
    assert!(
        (secs(7)..secs(7) + ms(5)).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(diary.names(), ["quick"], "what waited was not started");

    // The two that are told at one instant end in any order.
    let mut outcomes: Vec<_> = scheduler
        .history()
        .into_iter()
        .map(|end| (end.job.to_string(), end.outcome))
        .collect();
    outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        ("deaf", Outcome::Cancelled),
        ("grumbling", Outcome::Cancelled),
        ("obedient", Outcome::Ok),
        ("quick", Outcome::Ok),
    ];
    assert_eq!(
        outcomes,
        expected.map(|(job, outcome)| (job.to_owned(), outcome))
    );
    let ledger = scheduler.ledger();
    assert_eq!(
        (ledger.due, ledger.ran, ledger.running, ledger.pending),
        (5, 4, 0, 0)
    );
    assert_eq!(ledger.skipped.get(&SkipReason::Shutdown), Some(&1));
    assert!(ledger.balances());

    // Nothing comes due any more, and a second call tells the same.
    sleep(secs(3_600)).await;
    assert_eq!(scheduler.ledger(), ledger);
    assert_eq!(scheduler.shutdown(secs(5)).await, report);
}

#[tokio::test(start_paused = true)]
async fn shutdown_of_idle_jobs_takes_no_time() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    scheduler
        .add(Job::every("tick", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(25)).await;
    let began = Instant::now();
    assert_eq!(
        scheduler.shutdown(secs(60)).await,
        ShutdownReport::default()
    );
    assert_eq!(began.elapsed(), ms(0));
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_as_soon_as_the_last_run_does() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    scheduler
        .add(once("quick").handler(diary.keeps(secs(3))))
        .unwrap();
    sleep(secs(1)).await;
    let began = Instant::now();
    assert_eq!(counts(&scheduler.shutdown(secs(60)).await), (1, 0, 0, 0));
    assert!(began.elapsed() < secs(2) + ms(5));
}

#[tokio::test(start_paused = true)]
async fn a_second_shutdown_hastens_the_first_and_cannot_delay_it() {
    let scheduler = crate::builder().start();
    scheduler.add(once("obedient").handler(obedient)).unwrap();
    sleep(secs(1)).await;
    let began = Instant::now();
    let (first, second, third) = tokio::join!(
        scheduler.shutdown(secs(3_600)),
        scheduler.shutdown(secs(2)),
        scheduler.shutdown(secs(86_400)),
    );
    assert_eq!(counts(&first), (0, 1, 0, 0));
    assert_eq!((&first, &first), (&second, &third));
    assert!((secs(2)..secs(2) + ms(5)).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_nobody_waits_for_goes_on() {
    let scheduler = crate::builder().start();
    scheduler.add(once("obedient").handler(obedient)).unwrap();
    sleep(secs(1)).await;
    let left = tokio::time::timeout(ms(1), scheduler.shutdown(secs(2))).await;
    assert!(left.is_err());
    sleep(secs(3)).await;
    assert_eq!(
        (scheduler.ledger().running, scheduler.ledger().outcomes.ok),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_grace_past_the_end_of_time_is_as_long_as_it_takes() {
    let (scheduler, diary) = (
        crate::builder()
            .cancel_grace(std::time::Duration::MAX)
            .start(),
        Diary::default(),
    );
    scheduler
        .add(once("slow").handler(diary.keeps(secs(3_600))))
        .unwrap();
    sleep(secs(1)).await;
    assert_eq!(
        counts(&scheduler.shutdown(std::time::Duration::MAX).await),
        (1, 0, 0, 0)
    );
}

/// Tells when it is dropped.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_aborts_the_runs() {
    let scheduler = crate::builder().start();
    let dropped = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&dropped);
    let job = once("hangs").handler(move |_| {
        let told = Told(Arc::clone(&told));
        async move {
            let _told = told;
            std::future::pending().await
        }
    });
    scheduler.add(job).unwrap();
    let clone = scheduler.clone();
    let mut events = scheduler.events();
    sleep(secs(1)).await;
    drop(scheduler);
    sleep(secs(1)).await;
    assert!(!dropped.load(Ordering::SeqCst), "a handle is left");
    drop(clone);
    sleep(secs(1)).await;
    assert!(dropped.load(Ordering::SeqCst));
    // The end was booked all the same.
    let mut last = None;
    while let Ok(event) = events.try_recv() {
        last = Some(event);
    }
    assert!(
        matches!(last, Some(robust_scheduler::Event::Ended(end)) if end.outcome == Outcome::Cancelled)
    );
}

/// The only test with real time: a thread that is blocked does not hear of any abort.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_its_thread_does_not_keep_the_shutdown_from_ending() {
    let scheduler = crate::builder().cancel_grace(ms(0)).start();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let (begun, mut begin) = tokio::sync::mpsc::channel(1);
    let blocked = std::sync::Mutex::new(blocked);
    let blocked = Arc::new(blocked);
    let job = once("blocks").handler(move |_| {
        let (blocked, begun) = (Arc::clone(&blocked), begun.clone());
        async move {
            begun.send(()).await?;
            let _ = blocked.lock().unwrap().recv();
            Ok(())
        }
    });
    scheduler.add(job).unwrap();
    begin.recv().await;
    let report = scheduler.shutdown(ms(0)).await;
    assert_eq!(
        (counts(&report), report.aborted_jobs),
        ((0, 0, 1, 0), vec!["blocks".into()])
    );
    drop(release);
}

/// How the first process of a test ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum EndsBy {
    Shutdown,
    Crash,
}

/// A job of a single moment whose first try, of the first process, ends like this after `takes`.
fn at_one_second(first_try: RunError, takes: Duration, tries: &Arc<AtomicU64>) -> Job {
    let tries = Arc::clone(tries);
    Job::at("once", crate::base() + secs(1))
        .source("well")
        .retry(Retry::up_to(5).jitter(0.0))
        .failures(Failures::default().quarantine_after(1))
        .handler(move |_| {
            let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
            let error = first_try.clone();
            async move {
                if !first {
                    return Ok(());
                }
                sleep(takes).await;
                Err(error)
            }
        })
}

#[tokio::test(start_paused = true)]
async fn what_the_stop_keeps_from_another_try_is_no_failure_and_runs_after_a_restart() {
    let errors = [
        (RunError::new("dry").retry_after(secs(20)), ms(0)),
        (RunError::source_down("away", secs(60)), ms(0)),
        (RunError::throttled("slowly", secs(60)), ms(0)),
        (RunError::not_ready("not yet"), ms(3_800)),
        // The last ones end while the stop drains.
        (RunError::new("dry"), secs(5)),
        (RunError::source_down("away", secs(60)), secs(5)),
        (RunError::not_ready("not yet"), secs(5)),
    ];
    for (error, takes) in errors {
        for ends_by in [EndsBy::Shutdown, EndsBy::Crash] {
            let (store, tries) = (MemoryStore::default(), Arc::new(AtomicU64::new(0)));
            let clock = Arc::new(SimClock::at(crate::base()));
            let start = || {
                let builder = Scheduler::builder().clock(Arc::clone(&clock));
                builder.store(store.clone()).start()
            };
            let job = || at_one_second(error.clone(), takes, &tries);
            let first = start();
            first.add(job()).unwrap();
            sleep(secs(5)).await;
            if ends_by == EndsBy::Shutdown {
                let report = first.shutdown(secs(10)).await;
                assert_eq!(counts(&report), (0, 0, 0, 0), "{error}");
                assert_eq!(
                    (report.cut_off, report.cut_off_jobs),
                    (1, vec!["once".into()]),
                    "{error}"
                );
                let ledger = first.ledger();
                assert!(ledger.balances(), "{ledger:?}");
                assert_eq!((ledger.outcomes.cancelled, ledger.ran), (1, 1), "{error}");
                let status = first.jobs().pop().unwrap();
                assert_eq!((status.failures, status.failed_in_a_row), (0, 0));
            }
            drop(first);
            sleep(secs(1)).await;

            let second = start();
            second.add(job()).unwrap();
            sleep(secs(100)).await;
            let ledger = second.ledger();
            assert_eq!(
                (tries.load(Ordering::SeqCst), ledger.outcomes.ok),
                (2, 1),
                "{error}, {ends_by:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_last_failure_is_one_during_the_stop_too() {
    let scheduler = crate::builder().start();
    let fails = |_| async {
        sleep(secs(5)).await;
        Err(RunError::new("dry"))
    };
    // No retry; and one that would come behind the next moment.
    let id = scheduler.add(once("a").handler(fails)).unwrap();
    let late = Retry::up_to(1).between(secs(20), secs(20));
    let job = Job::every("b", secs(10)).run_at_start(true).retry(late);
    scheduler.add(job.handler(fails)).unwrap();
    sleep(secs(1)).await;
    let report = scheduler.shutdown(secs(60)).await;
    assert_eq!((counts(&report), report.cut_off), ((2, 0, 0, 0), 0));
    assert_eq!(scheduler.ledger().outcomes.failed, 2);
    assert_eq!(scheduler.job(id).unwrap().failures, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_due_during_a_stop_and_a_success_is_followed_after_the_restart() {
    let (store, diary) = (MemoryStore::default(), Diary::default());
    let clock = Arc::new(SimClock::at(crate::base()));
    let start = || {
        let builder = Scheduler::builder().clock(Arc::clone(&clock));
        builder.store(store.clone()).start()
    };
    let jobs = || {
        [
            Job::every("first", secs(1_000_000))
                .run_at_start(true)
                .handler(diary.keeps(secs(5))),
            Job::on_success("follows", ["first"]).handler(diary.keeps(ms(0))),
            Job::every("rests", secs(2))
                .from_completion()
                .handler(diary.keeps(secs(3))),
        ]
    };
    let scheduler = start();
    let ids = scheduler.add_all(jobs()).unwrap();
    sleep(secs(3)).await;
    let (report, asked) = tokio::join!(scheduler.shutdown(secs(60)), async {
        sleep(secs(1)).await;
        scheduler.run_now(ids[2])
    });
    assert_eq!(asked, Ok(()));
    let ledger = scheduler.ledger();
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!((counts(&report), ledger.pending), ((2, 0, 0, 1), 0));
    assert_eq!(report.never_started_jobs, ["rests".into()]);
    assert_eq!(diary.names(), ["first", "rests"]);

    drop(scheduler);
    scheduler_goes_on(start(), jobs()).await;
    let names = diary.names();
    let after: Vec<_> = names[2..].iter().map(String::as_str).collect();
    assert!(after.contains(&"follows"), "{names:?}");
    assert!(after.contains(&"rests"), "{names:?}");
}

/// A second process goes on for a second.
async fn scheduler_goes_on(scheduler: Scheduler, jobs: [Job; 3]) {
    scheduler.add_all(jobs).unwrap();
    sleep(secs(1)).await;
    assert!(scheduler.ledger().balances());
}
