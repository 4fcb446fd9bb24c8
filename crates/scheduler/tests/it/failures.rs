//! What failures in a row do to the schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use robust_scheduler::{Event, Failures, Job, JobId, JobState, RunError, Scheduler, SkipReason};
use tokio::time::{Instant, sleep};

use crate::{Diary, builder, ms, secs};

/// A job that fails as long as it is told to.
fn add(
    scheduler: &Scheduler,
    diary: &Diary,
    policy: Failures,
    permanent: bool,
) -> (JobId, Arc<AtomicBool>) {
    let down = Arc::new(AtomicBool::new(true));
    let (keep, state) = (diary.keeps(ms(0)), Arc::clone(&down));
    let job = Job::every("job", secs(10))
        .failures(policy)
        .handler(move |run| {
            let (work, down) = (keep(run), state.load(Ordering::SeqCst));
            async move {
                work.await?;
                match (down, permanent) {
                    (true, true) => Err(RunError::permanent("no such symbol")),
                    (true, false) => Err(RunError::new("down")),
                    (false, _) => Ok(()),
                }
            }
        });
    (scheduler.add(job).unwrap(), down)
}

#[tokio::test(start_paused = true)]
async fn gaps_stretch_from_the_second_failure_on_and_land_on_the_grid() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let policy = Failures::default().quarantine_after(None).backoff(secs(60));
    let (id, down) = add(&scheduler, &diary, policy, false);
    sleep(secs(241)).await;
    // 10, 20, then gaps of 20, 40, 60 (the bound), 60.
    let starts: Vec<_> = diary
        .starts("job", began)
        .iter()
        .map(|start| start / 1_000)
        .collect();
    assert_eq!(starts, [10, 20, 40, 80, 140, 200]);
    assert_eq!(scheduler.job(id).unwrap().failures, 6);
    down.store(false, Ordering::SeqCst);
    sleep(secs(40)).await;
    assert_eq!(
        scheduler.job(id).unwrap().failures,
        0,
        "one success resets it"
    );
    let ledger = scheduler.ledger();
    assert!(ledger.balances());
    assert_eq!(ledger.due, 28);
    assert_eq!(ledger.skipped[&SkipReason::Backoff], 28 - ledger.ran);
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_quarantine_and_a_probe_restores() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let mut events = scheduler.events();
    let policy = Failures::default().backoff(secs(100));
    let (id, down) = add(&scheduler, &diary, policy, false);
    // 10, 20, 40, 80, 160; then a probe each 100 s.
    sleep(secs(365)).await;
    let starts: Vec<_> = diary
        .starts("job", began)
        .iter()
        .map(|start| start / 1_000)
        .collect();
    assert_eq!(starts, [10, 20, 40, 80, 160, 260, 360]);
    assert_eq!(scheduler.job(id).unwrap().state, JobState::Quarantined);
    assert!(scheduler.ledger().skipped[&SkipReason::Quarantined] >= 18);
    down.store(false, Ordering::SeqCst);
    sleep(secs(120)).await;
    assert_eq!(scheduler.job(id).unwrap().state, JobState::Scheduled);
    assert_eq!(
        diary.starts("job", began).len(),
        7 + 1 + 2,
        "the probe at 460, then as ever"
    );
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        match event {
            Event::Quarantined { failures, .. } => told.push(failures),
            Event::Restored { .. } => told.push(0),
            _ => {}
        }
    }
    assert_eq!(told, [5, 0], "each told once");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_get_better_is_quarantined_at_once_and_can_be_lifted_by_hand() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let (id, down) = add(&scheduler, &diary, Failures::default(), true);
    sleep(secs(55)).await;
    assert_eq!(
        (diary.entries().len(), scheduler.job(id).unwrap().state),
        (1, JobState::Quarantined)
    );
    down.store(false, Ordering::SeqCst);
    scheduler.enable(id).unwrap();
    sleep(secs(10)).await;
    assert_eq!(
        (diary.entries().len(), scheduler.job(id).unwrap().state),
        (2, JobState::Scheduled)
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_burns_no_retry_and_counts_no_failure() {
    let (scheduler, diary, began) = (
        builder().max_in_flight(2).start(),
        Diary::default(),
        Instant::now(),
    );
    for name in ["a", "b"] {
        let keep = diary.keeps(ms(0));
        let job = Job::every(name, secs(10))
            .source("kraken")
            .handler(move |run| {
                let work = keep(run);
                async move {
                    work.await?;
                    if began.elapsed() < secs(12) {
                        return Err(RunError::throttled("429", secs(5)));
                    }
                    Ok(())
                }
            });
        scheduler.add(job).unwrap();
    }
    scheduler
        .add(
            Job::every("other", secs(11))
                .source("binance")
                .handler(diary.keeps(ms(0))),
        )
        .unwrap();
    sleep(ms(11_500)).await;
    let source = &scheduler.sources()[1];
    assert_eq!(
        (&*source.name, source.parked.is_some(), source.ready),
        ("kraken", true, 2)
    );
    assert_eq!(
        diary.names(),
        ["a", "b", "other"],
        "the others are not held up"
    );
    sleep(secs(5)).await;
    assert_eq!(diary.starts("a", began), [10_000, 15_000]);
    for status in scheduler.jobs() {
        assert_eq!((status.failures, status.ledger.outcomes.failed), (0, 0));
        assert!(status.ledger.balances());
    }
    assert_eq!(scheduler.ledger().outcomes.ok, 3);
}

#[tokio::test(start_paused = true)]
async fn an_excused_failure_is_recorded_and_leaves_the_schedule_as_it_is() {
    let scheduler = builder().start();
    let ill = |_| async { Err(RunError::new("the source is ill").excused()) };
    let id = scheduler
        .add(Job::every("job", secs(10)).handler(ill))
        .unwrap();
    sleep(secs(101)).await;
    let job = scheduler.job(id).unwrap();
    assert_eq!((job.failures, job.state), (0, JobState::Scheduled));
    let ledger = scheduler.ledger();
    assert_eq!((ledger.due, ledger.outcomes.failed), (10, 10));
    assert!(ledger.balances());
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_runs_out_of_time_by_itself_has_timed_out() {
    let scheduler = builder().start();
    let limits = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&limits);
    let job = Job::every("job", secs(100))
        .timeout(secs(30))
        .escalated_timeout(secs(90));
    let job = job.handler(move |run| {
        let limit = run.deadline.unwrap() - Instant::now();
        seen.lock().unwrap().push(limit.as_secs());
        async { Err(RunError::timed_out("no answer").excused()) }
    });
    scheduler.add(job).unwrap();
    sleep(secs(401)).await;
    let ledger = scheduler.ledger();
    assert_eq!((ledger.outcomes.timed_out, ledger.outcomes.failed), (4, 0));
    // The run after one that timed out has longer, once.
    assert_eq!(*limits.lock().unwrap(), [30, 90, 30, 90]);
}
