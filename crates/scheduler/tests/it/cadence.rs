//! When jobs come due.

use robust_scheduler::{Job, Phase};
use tokio::time::{Instant, advance, sleep};

use crate::{Diary, ms, secs};

#[tokio::test(start_paused = true)]
async fn every_comes_due_a_period_after_it_was_added_and_then_once_a_period() {
    let began = Instant::now();
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    scheduler
        .add(Job::every("tick", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(35)).await;
    assert_eq!(diary.starts("tick", began), [10_000, 20_000, 30_000]);
    let nominals: Vec<_> = diary.entries().iter().map(|entry| entry.nominal).collect();
    assert_eq!(nominals, [secs(10), secs(20), secs(30)]);
}

#[tokio::test(start_paused = true)]
async fn run_at_start_comes_due_at_once_and_then_as_ever() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    sleep(ms(1_234)).await;
    let began = Instant::now();
    scheduler
        .add(
            Job::every("tick", secs(10))
                .run_at_start(true)
                .handler(diary.keeps(ms(0))),
        )
        .unwrap();
    sleep(secs(25)).await;
    assert_eq!(diary.starts("tick", began), [0, 10_000, 20_000]);
    assert_eq!(scheduler.ledger().due, 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_does_not_move_the_grid() {
    let began = Instant::now();
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    scheduler
        .add(Job::every("slow", secs(10)).handler(diary.keeps(secs(4))))
        .unwrap();
    sleep(secs(45)).await;
    assert_eq!(
        diary.starts("slow", began),
        [10_000, 20_000, 30_000, 40_000]
    );
}

#[tokio::test(start_paused = true)]
async fn spread_jobs_come_due_one_after_the_other() {
    let (scheduler, diary) = (
        crate::builder().seed(7).max_in_flight(1_000).start(),
        Diary::default(),
    );
    for n in 0..100 {
        let job = Job::every(format!("job {n}"), secs(10)).phase(Phase::Spread);
        scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    }
    let mut most = 0;
    for _ in 0..10 {
        let before = diary.entries().len();
        sleep(secs(1)).await;
        most = most.max(diary.entries().len() - before);
    }
    assert_eq!(diary.entries().len(), 100);
    assert!(most <= 12, "{most} of 100 in one tenth of the period");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_runtime_loses_nothing() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    let id = scheduler
        .add(Job::every("tick", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(11)).await;
    // Nothing in this runtime runs for an hour.
    advance(secs(3_600)).await;
    sleep(ms(1)).await;

    let ledger = scheduler.job_ledger(id).unwrap();
    assert_eq!(
        (ledger.due, ledger.ran, ledger.superseded, ledger.pending),
        (361, 2, 359, 0)
    );
    assert!(ledger.balances());
    // One run makes up for all of them, and it is told.
    let last = diary.entries().last().cloned().unwrap();
    assert_eq!((last.nominal, last.missed), (secs(3_610), 359));
    // And the grid is the old one.
    sleep(secs(20)).await;
    let nominals: Vec<_> = diary
        .entries()
        .iter()
        .map(|entry| (entry.nominal).as_secs())
        .collect();
    assert_eq!(nominals, [10, 3_610, 3_620, 3_630]);
}

#[tokio::test(start_paused = true)]
async fn the_ledger_counts_what_is_due_before_the_runtime_comes_to_it() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    scheduler
        .add(Job::every("tick", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    // The driver has had no turn yet: this task has not yielded once.
    let stepped = std::pin::pin!(advance(secs(35)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = stepped.poll(&mut context);
    let ledger = scheduler.ledger();
    assert_eq!(
        (ledger.due, ledger.superseded, ledger.pending, ledger.ran),
        (3, 2, 1, 0)
    );
    assert!(ledger.balances());
}
