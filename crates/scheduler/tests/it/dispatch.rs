//! Who may start when there is not room for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use robust_scheduler::{Job, SkipReason};
use tokio::time::{Instant, sleep};

use crate::{Diary, ms, once, secs};

#[tokio::test(start_paused = true)]
async fn never_more_runs_at_once_than_allowed() {
    let scheduler = crate::builder().max_in_flight(4).start();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for n in 0..50 {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        let job = once(&format!("job {n}")).handler(move |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(ms(10 + n)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        });
        scheduler.add(job).unwrap();
    }
    sleep(ms(1)).await;
    let ledger = scheduler.ledger();
    assert_eq!(
        (ledger.due, ledger.ran, ledger.running, ledger.pending),
        (50, 4, 4, 46)
    );
    sleep(secs(10)).await;
    assert_eq!(
        (scheduler.ledger().outcomes.ok, most.load(Ordering::SeqCst)),
        (50, 4)
    );
}

#[tokio::test(start_paused = true)]
async fn a_lower_priority_is_overtaken_only_within_its_handicap() {
    let (scheduler, diary) = (crate::builder().max_in_flight(1).start(), Diary::default());
    let add = |name: &str, priority| {
        scheduler
            .add(once(name).priority(priority).handler(diary.keeps(ms(10))))
            .unwrap();
    };
    scheduler
        .add(once("blocker").handler(diary.keeps(secs(20))))
        .unwrap();
    sleep(secs(1)).await;
    add("patient", 5);
    sleep(ms(1)).await;
    add("middle", 3);
    // Four steps of 2 s: what is ready less than 8 s after it may overtake it.
    sleep(ms(7_899)).await;
    add("urgent in time", 1);
    sleep(ms(200)).await;
    add("urgent too late", 1);
    sleep(secs(20)).await;
    assert_eq!(
        diary.names(),
        [
            "blocker",
            "middle",
            "urgent in time",
            "patient",
            "urgent too late"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn equals_start_in_the_order_of_coming_due() {
    let (scheduler, diary) = (crate::builder().max_in_flight(1).start(), Diary::default());
    for name in ["a", "b", "c", "d"] {
        scheduler
            .add(once(name).handler(diary.keeps(ms(10))))
            .unwrap();
    }
    sleep(secs(1)).await;
    assert_eq!(diary.names(), ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_always_superseded_still_has_its_turn() {
    let began = Instant::now();
    let (scheduler, diary) = (crate::builder().max_in_flight(1).start(), Diary::default());
    // Three urgent jobs take more than all there is; the low one comes due every second.
    for name in ["x", "y", "z"] {
        scheduler
            .add(
                Job::every(name, secs(1))
                    .priority(1)
                    .handler(diary.keeps(ms(500))),
            )
            .unwrap();
    }
    scheduler
        .add(
            Job::every("low", secs(1))
                .priority(5)
                .handler(diary.keeps(ms(10))),
        )
        .unwrap();
    sleep(secs(60)).await;
    let starts = diary.starts("low", began);
    assert!(starts.len() >= 5, "{starts:?}");
    // The bound: 8 s of handicap, and the backlog of the three at that moment.
    let waits: Vec<_> = std::iter::once(&1_000)
        .chain(&starts)
        .zip(&starts)
        .map(|(from, to)| to - from)
        .collect();
    assert!(
        waits.iter().all(|wait| *wait <= 8_000 + 1_000 + 3 * 500),
        "{waits:?}"
    );
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_jobs_due_at_one_instant_all_run() {
    let (scheduler, began) = (crate::builder().max_in_flight(64).start(), Instant::now());
    let ran = Arc::new(AtomicUsize::new(0));
    for n in 0..10_000 {
        let ran = Arc::clone(&ran);
        let job = Job::every(format!("job {n}"), secs(3_600)).handler(move |_| {
            let ran = Arc::clone(&ran);
            async move {
                tokio::task::yield_now().await;
                ran.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        });
        scheduler.add(job).unwrap();
    }
    sleep(secs(3_600) + ms(1)).await;
    let ledger = scheduler.ledger();
    assert_eq!(ledger.due, 10_000);
    assert!(ledger.balances());
    while scheduler.ledger().outcomes.ok < 10_000 {
        sleep(ms(1)).await;
        assert!(began.elapsed() < secs(3_700));
    }
    let ledger = scheduler.ledger();
    assert_eq!(
        (ledger.due, ledger.ran, ledger.superseded, ledger.pending),
        (10_000, 10_000, 0, 0)
    );
    assert_eq!(
        (ran.load(Ordering::SeqCst), scheduler.history().len()),
        (10_000, 1_000)
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_past_its_deadline_is_skipped_as_too_late() {
    let (scheduler, diary) = (crate::builder().max_in_flight(1).start(), Diary::default());
    scheduler
        .add(once("blocker").handler(diary.keeps(secs(10))))
        .unwrap();
    sleep(secs(1)).await;
    scheduler
        .add(once("fish").useful_for(secs(5)).handler(diary.keeps(ms(0))))
        .unwrap();
    scheduler
        .add(
            once("wine")
                .useful_for(secs(50))
                .handler(diary.keeps(ms(0))),
        )
        .unwrap();
    sleep(secs(20)).await;
    assert_eq!(diary.names(), ["blocker", "wine"]);
    let ledger = scheduler.ledger();
    assert_eq!(ledger.skipped.get(&SkipReason::TooLate), Some(&1));
    assert!(ledger.balances());
}

#[tokio::test(start_paused = true)]
async fn more_than_a_batch_of_runs_that_never_end_all_start() {
    let scheduler = crate::builder().max_in_flight(2_000).start();
    for n in 0..2_000 {
        let job = Job::every(format!("job {n}"), secs(10)).handler(|_| std::future::pending());
        scheduler.add(job).unwrap();
    }
    sleep(secs(10) + ms(1)).await;
    let ledger = scheduler.ledger();
    assert_eq!(
        (ledger.ran, ledger.running, ledger.pending),
        (2_000, 2_000, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn the_time_behind_its_own_run_is_no_wait_for_a_turn() {
    let (scheduler, diary) = (crate::builder().max_in_flight(1).start(), Diary::default());
    let slow = Job::every("slow", secs(1))
        .run_at_start(true)
        .handler(diary.keeps(secs(10)));
    scheduler.add(slow).unwrap();
    sleep(secs(5)).await;
    // "slow" has waited for itself since 1 s, "other" for its turn since 5 s.
    scheduler
        .add(once("other").handler(diary.keeps(ms(10))))
        .unwrap();
    sleep(secs(6)).await;
    assert_eq!(diary.names(), ["slow", "other", "slow"]);
}
