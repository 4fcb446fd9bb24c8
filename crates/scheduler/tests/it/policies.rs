//! Overlap, retries, usefulness, timeouts and changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use robust_scheduler::{
    Admission, Ask, Event, Job, JobState, Misfire, Outcome, Overlap, Retry, Run, RunError,
    SkipReason, Source, Trigger, Upstream,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, builder, ms, once, secs, since};

#[tokio::test(start_paused = true)]
async fn each_overlap_policy_does_what_it_says() {
    // Due at 10, 20, … 60; each run takes 25 s.
    let table: [(Overlap, &[u128], u64, u64); 4] = [
        (Overlap::Skip, &[10_000, 40_000], 4, 0),
        (Overlap::BufferOne, &[10_000, 35_000, 60_000], 0, 3),
        (Overlap::Queue(2), &[10_000, 35_000, 60_000], 0, 2),
        (
            Overlap::Allow(2),
            &[10_000, 20_000, 35_000, 45_000, 60_000],
            0,
            1,
        ),
    ];
    for (policy, starts, skipped, superseded) in table {
        let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
        let job = Job::every("slow", secs(10)).overlap(policy);
        scheduler.add(job.handler(diary.keeps(secs(25)))).unwrap();
        sleep(ms(60_500)).await;
        assert_eq!(diary.starts("slow", began), starts, "{policy:?}");
        let ledger = scheduler.ledger();
        assert_eq!(
            (ledger.skipped_total(), ledger.superseded),
            (skipped, superseded),
            "{policy:?}"
        );
        assert!(ledger.balances());
    }
}

#[tokio::test(start_paused = true)]
async fn cancel_other_tells_the_run_and_drops_it_after_its_grace() {
    let (scheduler, diary, began) = (
        builder().cancel_grace(secs(2)).start(),
        Diary::default(),
        Instant::now(),
    );
    let job = Job::every("deaf", secs(10)).overlap(Overlap::CancelOther);
    scheduler.add(job.handler(diary.keeps(secs(60)))).unwrap();
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    let job = Job::every("obedient", secs(10)).overlap(Overlap::CancelOther);
    scheduler
        .add(job.handler(move |run: Run| {
            let count = Arc::clone(&count);
            async move {
                run.cancel.cancelled().await;
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        }))
        .unwrap();
    sleep(secs(25)).await;
    assert_eq!(diary.starts("deaf", began), [10_000, 22_000]);
    assert_eq!(told.load(Ordering::SeqCst), 1);
    let outcomes: Vec<_> = scheduler
        .history()
        .into_iter()
        .map(|end| end.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Cancelled]);
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn misfires_are_caught_up_one_by_one_with_what_each_must_cover() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let job = Job::every("candle", secs(10)).misfire(Misfire::All { max: 4 });
    scheduler.add(job.handler(diary.keeps(secs(1)))).unwrap();
    sleep(secs(11)).await;
    tokio::time::advance(secs(60)).await;
    sleep(secs(5)).await;
    let nominals: Vec<_> = diary
        .entries()
        .iter()
        .map(|entry| entry.nominal.as_secs())
        .collect();
    assert_eq!(nominals, [10, 40, 50, 60, 70]);
    let ledger = scheduler.ledger();
    assert_eq!(ledger.skipped[&SkipReason::Misfired], 2);
    assert!(ledger.balances());
}

/// Fails so often, then succeeds.
fn flaky(failures: u32, diary: &Diary) -> impl Fn(Run) -> crate::Work + use<> {
    let (keep, tries) = (diary.keeps(ms(0)), Arc::new(AtomicU32::new(0)));
    move |run| {
        let (work, nth) = (keep(run), tries.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move {
            work.await?;
            if nth < failures {
                return Err(RunError::new("no water"));
            }
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn retries_stay_within_the_occurrence_and_take_no_place_while_they_wait() {
    let (scheduler, diary, began) = (
        builder().max_in_flight(1).start(),
        Diary::default(),
        Instant::now(),
    );
    let retry = Retry::up_to(5).jitter(0.0);
    let id = scheduler
        .add(
            Job::every("flaky", secs(60))
                .retry(retry)
                .handler(flaky(3, &diary)),
        )
        .unwrap();
    scheduler
        .add(Job::every("other", secs(61)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(ms(61_500)).await;
    let status = scheduler.job(id).unwrap();
    assert_eq!(
        (status.state, status.ledger.retrying),
        (JobState::Backoff, 1)
    );
    assert_eq!(diary.names(), ["flaky", "flaky", "other"]);
    sleep(secs(30)).await;
    assert_eq!(
        diary.starts("flaky", began),
        [60_000, 61_000, 63_000, 67_000]
    );
    let record = scheduler.job_history(id).unwrap().pop().unwrap();
    assert_eq!(
        (record.attempts, record.outcome, since(record.nominal)),
        (4, Outcome::Ok, secs(60))
    );
    let ledger = scheduler.job_ledger(id).unwrap();
    assert_eq!(
        (
            ledger.ran,
            ledger.retries,
            ledger.outcomes.ok,
            ledger.outcomes.failed
        ),
        (1, 3, 1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn there_is_no_retry_at_or_after_the_next_release_and_none_before_it_was_asked_for() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let retry = Retry::up_to(9).jitter(0.0);
    let job = Job::every("down", secs(5))
        .retry(retry)
        .failures(robust_scheduler::Failures::IGNORED);
    scheduler.add(job.handler(flaky(u32::MAX, &diary))).unwrap();
    sleep(secs(10) - ms(1)).await;
    assert_eq!(diary.starts("down", began), [5_000, 6_000, 8_000]);
    assert_eq!(
        scheduler.ledger().outcomes.failed,
        1,
        "it ended when no retry fitted"
    );
    let slow = Job::every("polite", secs(100)).retry(retry);
    let keep = diary.keeps(ms(0));
    let slow = slow.handler(move |run| {
        let work = keep(run);
        async move {
            work.await?;
            Err(RunError::new("busy").retry_after(secs(30)))
        }
    });
    let second = Instant::now();
    scheduler.add(slow).unwrap();
    sleep(secs(200)).await;
    assert_eq!(
        diary.starts("polite", second)[..4],
        [100_000, 130_000, 160_000, 190_000]
    );
}

#[tokio::test(start_paused = true)]
async fn data_that_is_not_ready_is_asked_for_again_and_is_no_failure() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let keep = diary.keeps(ms(0));
    let id = scheduler
        .add(Job::every("candle", secs(10)).handler(move |run| {
            let work = keep(run);
            async move {
                work.await?;
                Err(RunError::not_ready("not published"))
            }
        }))
        .unwrap();
    sleep(ms(20_001)).await;
    let starts = diary.starts("candle", began);
    assert_eq!(starts[..5], [10_000, 10_250, 10_750, 11_750, 12_750]);
    let status = scheduler.job(id).unwrap();
    assert_eq!(
        (
            status.failures,
            status.ledger.outcomes.deferred,
            status.ledger.outcomes.failed
        ),
        (0, 1, 0)
    );
    assert_eq!(status.ledger.outcomes.not_ready, 1);
    assert!(status.ledger.balances());
}

#[tokio::test(start_paused = true)]
async fn what_is_put_off_says_whether_its_source_was_away_or_its_data_not_ready() {
    let scheduler = builder().start();
    for (name, away) in [("away", true), ("not ready", false)] {
        let job = Job::every(name, secs(10))
            .source(name)
            .handler(move |_| async move {
                Err(match away {
                    true => RunError::source_down("down", secs(3)),
                    false => RunError::not_ready("not published"),
                })
            });
        scheduler.add(job).unwrap();
    }
    sleep(secs(105)).await;
    for (job, not_ready) in scheduler.jobs().iter().zip([false, true]) {
        let ended = job.ledger.outcomes;
        assert!(ended.deferred > 5, "{}: {ended:?}", job.name);
        let expected = if not_ready { ended.deferred } else { 0 };
        assert_eq!(ended.not_ready, expected, "{}: {ended:?}", job.name);
    }
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_escalated_once() {
    let (scheduler, began) = (builder().start(), Instant::now());
    let job = Job::every("scan", secs(100))
        .timeout(secs(10))
        .escalated_timeout(secs(60))
        .failures(robust_scheduler::Failures::IGNORED);
    scheduler
        .add(job.handler(|_| std::future::pending()))
        .unwrap();
    sleep(secs(399)).await;
    let took: Vec<_> = scheduler
        .history()
        .iter()
        .map(|end| end.ran_for().as_secs())
        .collect();
    assert_eq!(took, [10, 60, 10]);
    assert!(began.elapsed() > secs(398));
}

#[tokio::test(start_paused = true)]
async fn a_job_can_be_changed_run_by_hand_disabled_and_enabled_without_losing_its_past() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let id = scheduler
        .add(Job::every("tick", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(25)).await;
    scheduler.run_now(id).unwrap();
    sleep(secs(1)).await;
    assert_eq!(diary.starts("tick", began), [10_000, 20_000, 25_000]);
    let every = |period| Trigger::Every {
        period,
        phase: robust_scheduler::Phase::Added,
        from: robust_scheduler::Measured::Start,
    };
    scheduler
        .update(id, |job| job.trigger(every(secs(4))).priority(1))
        .unwrap();
    sleep(secs(9)).await;
    assert_eq!(diary.starts("tick", began)[3..], [30_000, 34_000]);
    let status = scheduler.job(id).unwrap();
    assert_eq!((status.priority, status.ledger.ran), (1, 5));
    scheduler
        .disable(id, robust_scheduler::Dependents::Refuse)
        .unwrap();
    sleep(secs(60)).await;
    assert_eq!(
        (scheduler.ledger().due, scheduler.job(id).unwrap().state),
        (5, JobState::Disabled)
    );
    scheduler.enable(id).unwrap();
    sleep(secs(5)).await;
    assert_eq!(scheduler.ledger().ran, 6);
    let nominals: Vec<_> = diary.entries().iter().map(|entry| entry.nominal).collect();
    assert!(
        nominals.windows(2).all(|pair| pair[0] < pair[1]),
        "{nominals:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_added_whole_or_not_at_all() {
    let scheduler = builder().start();
    let job = |name: &str| Job::every(name, secs(10)).handler(|_| async { Ok(()) });
    let refused = scheduler.add_all([job("a"), job("b"), job("a")]);
    assert_eq!(refused.unwrap_err().0, 2);
    assert!(scheduler.jobs().is_empty());
    assert_eq!(scheduler.add_all([job("a"), job("b")]).unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_class_has_a_bound_on_what_waits() {
    let (scheduler, diary) = (
        builder().max_in_flight(1).queue(4, 2).start(),
        Diary::default(),
    );
    scheduler
        .add(once("blocker").handler(diary.keeps(secs(10))))
        .unwrap();
    sleep(secs(1)).await;
    for n in 0..5 {
        scheduler
            .add(
                once(&format!("low {n}"))
                    .priority(4)
                    .handler(diary.keeps(ms(0))),
            )
            .unwrap();
        scheduler
            .add(
                once(&format!("high {n}"))
                    .priority(2)
                    .handler(diary.keeps(ms(0))),
            )
            .unwrap();
    }
    sleep(secs(20)).await;
    let ledger = scheduler.ledger();
    assert_eq!(ledger.skipped[&SkipReason::QueueFull], 3);
    assert_eq!(ledger.ran, 1 + 5 + 2);
}

#[tokio::test(start_paused = true)]
async fn the_reserve_is_for_the_urgent_alone() {
    let (scheduler, diary) = (
        builder().max_in_flight(3).reserve(1).start(),
        Diary::default(),
    );
    for n in 0..5 {
        scheduler
            .add(
                once(&format!("low {n}"))
                    .priority(5)
                    .handler(diary.keeps(secs(100))),
            )
            .unwrap();
    }
    sleep(secs(1)).await;
    assert_eq!(scheduler.ledger().running, 2);
    scheduler
        .add(once("urgent").priority(1).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(ms(1)).await;
    assert_eq!(diary.names(), ["low 0", "low 1", "urgent"]);
    sleep(secs(300)).await;
    assert_eq!(scheduler.ledger().outcomes.ok, 6);
}

#[tokio::test(start_paused = true)]
async fn each_run_is_told_what_it_must_cover() {
    let scheduler = builder().start();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let nth = Arc::new(AtomicU32::new(0));
    let job = Job::every("candle", secs(10)).failures(robust_scheduler::Failures::IGNORED);
    let job = job.handler(move |run| {
        let fails = (2..4).contains(&nth.fetch_add(1, Ordering::SeqCst));
        let _ = tell.send((run.last_success.map(since), since(run.nominal)));
        async move {
            if fails {
                Err(RunError::new("down"))
            } else {
                Ok(())
            }
        }
    });
    scheduler.add(job).unwrap();
    sleep(secs(55)).await;
    let mut windows = Vec::new();
    while let Ok((from, to)) = told.try_recv() {
        windows.push((from.map(|from| from.as_secs()), to.as_secs()));
    }
    assert_eq!(
        windows,
        [
            (None, 10),
            (Some(10), 20),
            (Some(20), 30),
            (Some(20), 40),
            (Some(20), 50)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_eight_runs_of_a_job_outlive_a_busy_ring() {
    let scheduler = builder().history(10).start();
    let quiet = scheduler
        .add(Job::every("daily", secs(1_000)).handler(|_| async { Ok(()) }))
        .unwrap();
    scheduler
        .add(Job::every("busy", secs(1)).handler(|_| async { Ok(()) }))
        .unwrap();
    sleep(secs(12_500)).await;
    assert!(scheduler.history().iter().all(|end| &*end.job == "busy"));
    let own = scheduler.job_history(quiet).unwrap();
    let nominals: Vec<_> = own.iter().map(|end| since(end.nominal).as_secs()).collect();
    assert_eq!(nominals, (5..=12).map(|n| n * 1_000).collect::<Vec<_>>());
    let status = scheduler.job(quiet).unwrap();
    assert_eq!(status.aggregate.runs, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_cannot_be_dropped_is_told_of_and_keeps_its_place() {
    let scheduler = robust_scheduler::Scheduler::builder()
        .max_in_flight(2)
        .cancel_grace(ms(0))
        .start();
    let mut events = scheduler.events();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(std::sync::Mutex::new(blocked));
    let job = once("blocks").timeout(ms(1)).handler(move |_| {
        let blocked = Arc::clone(&blocked);
        async move {
            let _ = blocked.lock().unwrap().recv();
            Ok(())
        }
    });
    let id = scheduler.add(job).unwrap();
    loop {
        if let Event::Stuck { job, .. } = events.recv().await.unwrap() {
            assert_eq!(&*job, "blocks");
            break;
        }
    }
    let status = scheduler.job(id).unwrap();
    assert!(status.stuck && status.running);
    assert_eq!(scheduler.ledger().running, 1);
    drop(release);
    scheduler.shutdown(secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_useful_no_more_ends_when_it_is_wherever_it_waits() {
    let (scheduler, diary) = (crate::builder().max_in_flight(4).start(), Diary::default());
    scheduler.source(Source::new("narrow").max_in_flight(1));
    let closed = |ask: &Ask| Admission::NotBefore(ask.now + secs(500));
    scheduler.source(Source::new("closed").gate(closed));
    let fish = |name: &str| once(name).useful_for(secs(5));
    // What each of them waits behind goes on for longer than it is of use.
    let holds = once("holds").source("narrow").exclusive("hose");
    scheduler
        .add(holds.handler(diary.keeps(secs(300))))
        .unwrap();
    let own = scheduler
        .add(fish("own run").handler(diary.keeps(secs(300))))
        .unwrap();
    let tries = fish("next try").retry(Retry::up_to(1).between(secs(60), secs(60)));
    let tries = tries.handler(|_| async { Err(RunError::new("once")) });
    let tries = scheduler.add(tries).unwrap();
    sleep(secs(1)).await;
    scheduler.run_now(own).unwrap();
    let waiting = [
        fish("full source").source("narrow"),
        fish("parked source").source("closed"),
        fish("group").exclusive("hose"),
        fish("others").after(Upstream::success_of("holds").wait_max(secs(200))),
    ];
    let mut ids: Vec<_> = waiting
        .into_iter()
        .map(|job| scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap())
        .collect();
    ids.push(own);
    // An update of what waits, and one of how long it is of use.
    scheduler.update(ids[0], |job| job.priority(1)).unwrap();
    scheduler
        .update(ids[2], |job| job.useful_for(secs(6)))
        .unwrap();
    scheduler
        .update(ids[2], |job| job.useful_for(secs(5)))
        .unwrap();
    let too_late = |id: &_| {
        let ledger = scheduler.job_ledger(*id).unwrap();
        let skipped = ledger.skipped.get(&SkipReason::TooLate).copied();
        (ledger.pending, skipped)
    };
    sleep(secs(5) - ms(10)).await;
    assert_eq!(ids.iter().map(too_late).collect::<Vec<_>>(), [(1, None); 5]);
    sleep(ms(20)).await;
    assert_eq!(
        ids.iter().map(too_late).collect::<Vec<_>>(),
        [(0, Some(1)); 5]
    );
    // One that waits for another try has none.
    let ledger = scheduler.job_ledger(tries).unwrap();
    assert_eq!((ledger.retrying, ledger.outcomes.failed), (0, 1));

    // All places taken.
    for nth in 0..2 {
        let job = once(&format!("place {nth}")).handler(diary.keeps(secs(300)));
        scheduler.add(job).unwrap();
    }
    sleep(ms(1)).await;
    let id = scheduler
        .add(fish("place").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(5) - ms(2)).await;
    assert_eq!(too_late(&id), (1, None));
    sleep(ms(5)).await;
    assert_eq!(too_late(&id), (0, Some(1)));
    // Nobody is told so who was started in time.
    sleep(secs(1_000)).await;
    let ledger = scheduler.ledger();
    assert_eq!(
        (ledger.skipped_total(), ledger.pending),
        (6, 0),
        "{ledger:?}"
    );
    assert!(ledger.balances());
}
