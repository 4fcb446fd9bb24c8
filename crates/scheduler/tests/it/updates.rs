//! Jobs that are changed: what the change does not touch stays.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use robust_scheduler::{
    AddError, Blackout, Job, JobBuilder, Measured, Misfire, Overload, Phase, Retry, RunError,
    Scheduler, Settle, SimClock, SkipReason, Source, Trigger, Upstream,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, base, ms, once, secs};

fn setting() -> (Scheduler, Diary) {
    (crate::builder().start(), Diary::default())
}

/// What is changed of a job.
type Change = fn(JobBuilder) -> JobBuilder;

/// The moments of a job's runs, in seconds.
fn moments(diary: &Diary, job: &str) -> Vec<f64> {
    let entries = diary.entries().into_iter();
    let of_job = entries.filter(|entry| entry.job == job);
    of_job.map(|entry| entry.nominal.as_secs_f64()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_holds_the_group_that_it_began_in_and_the_one_that_its_job_goes_into() {
    let (scheduler, diary) = setting();
    let began = Instant::now();
    let a = once("a").exclusive("hose").handler(diary.keeps(secs(10)));
    let a = scheduler.add(a).unwrap();
    sleep(secs(1)).await;
    // There and back and on: each is held once, however often.
    for group in ["ladder", "hose", "ladder", "barrow", "ladder"] {
        scheduler.update(a, |job| job.exclusive(group)).unwrap();
    }
    for (name, group) in [
        ("b", "hose"),
        ("c", "ladder"),
        ("d", "barrow"),
        ("e", "saw"),
    ] {
        let job = once(name).exclusive(group);
        scheduler.add(job.handler(diary.keeps(secs(1)))).unwrap();
    }
    sleep(secs(100)).await;
    let starts = ["b", "c", "d", "e"].map(|job| diary.starts(job, began)[0]);
    assert_eq!(starts, [10_000, 10_000, 10_000, 1_000]);
    // Nobody is held for ever: the groups go on, one at a time.
    for (name, group) in [
        ("f", "hose"),
        ("g", "hose"),
        ("h", "ladder"),
        ("i", "ladder"),
    ] {
        let job = once(name).exclusive(group);
        scheduler.add(job.handler(diary.keeps(secs(1)))).unwrap();
    }
    sleep(secs(100)).await;
    assert_eq!(diary.names().len(), 9);
    assert_eq!(
        (scheduler.ledger().pending, scheduler.ledger().running),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_began_without_a_group_holds_the_one_that_its_job_goes_into() {
    let (scheduler, diary) = setting();
    let began = Instant::now();
    let a = scheduler
        .add(once("a").handler(diary.keeps(secs(10))))
        .unwrap();
    sleep(secs(1)).await;
    scheduler.update(a, |job| job.exclusive("hose")).unwrap();
    let b = once("b").exclusive("hose").handler(diary.keeps(secs(1)));
    scheduler.add(b).unwrap();
    sleep(secs(20)).await;
    assert_eq!(diary.starts("b", began), [10_000]);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_was_told_to_wait_waits_through_any_update() {
    let (scheduler, diary) = setting();
    let began = Instant::now();
    let keep = diary.keeps(ms(0));
    let job = once("a").retry(Retry::up_to(1)).handler(move |run| {
        let kept = keep(run);
        async move {
            kept.await?;
            Err(RunError::new("429").retry_after(secs(100)))
        }
    });
    let id = scheduler.add(job).unwrap();
    for nth in 1..=5 {
        sleep(secs(10)).await;
        scheduler.update(id, |job| job.priority(nth)).unwrap();
    }
    sleep(secs(100)).await;
    assert_eq!(diary.starts("a", began), [0, 100_000]);
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn an_update_does_not_lengthen_the_patience_for_others() {
    // A shorter patience counts from the beginning too; what it is over already ends at once.
    for (shorter, until) in [(None, 30), (Some(25), 25), (Some(10), 20)] {
        let (scheduler, diary) = setting();
        let a = once("a").handler(diary.keeps(secs(100_000)));
        scheduler.add(a).unwrap();
        let wait = |time| Upstream::success_of("a").wait_max(secs(time));
        let b = once("b").after(wait(30)).handler(diary.keeps(ms(0)));
        let b = scheduler.add(b).unwrap();
        let timed_out = || {
            let ledger = scheduler.job_ledger(b).unwrap();
            ledger.skipped.contains_key(&SkipReason::DepTimeout)
        };
        sleep(secs(20) - ms(5)).await;
        for nth in 1..=5 {
            scheduler.update(b, |job| job.priority(nth)).unwrap();
        }
        if let Some(time) = shorter {
            scheduler.update(b, |job| job.after(wait(time))).unwrap();
        }
        sleep(secs(until - 20)).await;
        assert_eq!(timed_out(), until == 20, "{shorter:?}");
        sleep(ms(10)).await;
        assert!(timed_out(), "{shorter:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_splay_is_changed_too_and_stays() {
    let (scheduler, diary) = setting();
    let plain = |name: &str| Job::aligned(name, secs(60)).settle(Settle::Fixed(ms(0)));
    for nth in 0..5 {
        let job = plain(&format!("other {nth}")).splay(secs(50));
        scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    }
    let id = scheduler
        .add(plain("a").handler(diary.keeps(ms(0))))
        .unwrap();
    let began = Instant::now();
    scheduler.update(id, |job| job.splay(secs(50))).unwrap();
    sleep(secs(30)).await;
    scheduler.update(id, |job| job.cost(2)).unwrap();
    sleep(secs(200)).await;
    let starts = diary.starts("a", began);
    let splay = starts[0] - 60_000;
    assert!((1..50_000).contains(&splay), "{starts:?}");
    assert_eq!(starts, [60_000, 120_000, 180_000].map(|at| at + splay));
    assert_eq!(moments(&diary, "a"), [60.0, 120.0, 180.0]);
    scheduler.update(id, |job| job.splay(secs(0))).unwrap();
    sleep(secs(60)).await;
    assert_eq!(diary.starts("a", began)[3], 240_000);
}

#[tokio::test(start_paused = true)]
async fn of_two_changes_at_once_none_is_lost() {
    let (scheduler, diary) = setting();
    let job = Job::every("a", secs(60)).source("well");
    let id = scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    let other = scheduler.clone();
    let change = |job: JobBuilder| {
        let quicker = Trigger::Every {
            period: secs(5),
            phase: Phase::Added,
            from: Measured::Start,
        };
        other
            .update(id, |job| job.priority(1).trigger(quicker))
            .unwrap();
        job.source("rain barrel")
    };
    scheduler.update(id, change).unwrap();
    let status = scheduler.job(id).unwrap();
    assert_eq!(
        (status.priority, status.trigger.period()),
        (1, Some(secs(5)))
    );
    assert_eq!(status.sources, ["rain barrel".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_asks_too_much_is_refused_and_one_that_asks_no_more_is_not() {
    let (scheduler, diary) = setting();
    let well = |budget| {
        let source = Source::new("well").budget(budget, secs(60));
        scheduler.source(source.overload(Overload::Refuse));
    };
    well(60);
    let every = |period| Trigger::Every {
        period,
        phase: Phase::Added,
        from: Measured::Start,
    };
    let job = Job::every("a", secs(60)).source("well").cost(30);
    let a = scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    let follows = Job::on_success("b", ["a"]).source("well").cost(10);
    let b = scheduler.add(follows.handler(diary.keeps(ms(0)))).unwrap();
    let refused = |percent| {
        let source_name = "well".into();
        Err(AddError::Overload {
            source_name,
            percent,
        })
    };
    assert_eq!(scheduler.update(a, |job| job.cost(60)), refused(116.7));
    assert_eq!(scheduler.update(b, |job| job.cost(40)), refused(116.7));
    // What follows comes as often.
    assert_eq!(
        scheduler.update(a, |job| job.trigger(every(secs(30)))),
        refused(133.4)
    );
    assert_eq!(scheduler.sources()[0].load_percent, Some(67));
    assert_eq!(scheduler.job(a).unwrap().trigger.period(), Some(secs(60)));
    assert_eq!(scheduler.update(a, |job| job.cost(50)), Ok(()));
    assert_eq!(
        scheduler.update(a, |job| job.trigger(every(secs(120)))),
        Ok(())
    );
    // It bears less than before: what asks less, or as much, may change.
    well(20);
    assert_eq!(scheduler.update(a, |job| job.priority(1)), Ok(()));
    assert_eq!(scheduler.update(a, |job| job.cost(40)), Ok(()));
    assert_eq!(scheduler.update(a, |job| job.cost(42)), refused(130.0));
    assert_eq!(scheduler.update(a, |job| job.source("rain barrel")), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_candle_that_settles_while_its_job_is_changed_is_not_lost() {
    let changes: [(Change, u128); 4] = [
        (|job: JobBuilder| job.settle(Settle::Fixed(secs(2))), 62_000),
        (|job| job.settle(Settle::Fixed(ms(200))), 61_000),
        (
            |job| job.blackouts([Blackout::between(base() + secs(200), base() + secs(300))]),
            61_500,
        ),
        (
            |job| {
                let settle = Settle::default();
                job.trigger(Trigger::Aligned {
                    interval: secs(30),
                    settle,
                })
            },
            61_500,
        ),
    ];
    for (nth, (change, start)) in changes.into_iter().enumerate() {
        let (scheduler, diary) = setting();
        let began = Instant::now();
        let job = Job::aligned("a", secs(60)).misfire(Misfire::All { max: 9 });
        let id = scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
        sleep(secs(61)).await;
        scheduler.update(id, change).unwrap();
        sleep(secs(5)).await;
        assert_eq!(moments(&diary, "a"), [60.0], "change {nth}");
        assert_eq!(diary.starts("a", began), [start], "change {nth}");
        assert_eq!(scheduler.ledger().due, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_blackouts_leaves_the_phase_as_it_was() {
    let clock = std::sync::Arc::new(SimClock::at(base()));
    let (scheduler, diary) = (
        Scheduler::builder()
            .clock(std::sync::Arc::clone(&clock))
            .start(),
        Diary::default(),
    );
    let began = Instant::now();
    let id = scheduler
        .add(Job::every("a", secs(60)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(75)).await;
    let at = base() + secs(100);
    scheduler
        .update(id, |job| {
            job.blackouts([Blackout::between(at, at + secs(50))])
        })
        .unwrap();
    sleep(secs(200)).await;
    assert_eq!(diary.starts("a", began), [60_000, 180_000, 240_000]);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_what_waits_for_its_turn_keeps_its_turn() {
    let (scheduler, diary) = (crate::builder().max_in_flight(1).start(), Diary::default());
    let tries = std::sync::Arc::new(AtomicU64::new(0));
    scheduler
        .add(once("long").handler(diary.keeps(secs(5))))
        .unwrap();
    sleep(ms(1)).await;
    let id = scheduler
        .add(once("a").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(ms(1)).await;
    scheduler
        .add(once("b").handler(diary.keeps(ms(0))))
        .unwrap();
    let change = |job: JobBuilder| {
        tries.fetch_add(1, Ordering::SeqCst);
        job.timeout(Duration::from_secs(9))
    };
    scheduler.update(id, change).unwrap();
    sleep(secs(10)).await;
    assert_eq!(diary.names(), ["long", "a", "b"]);
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}
