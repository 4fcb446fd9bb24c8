//! The wall clock is set, or the machine sleeps: one decision a job, and it is told.

use std::sync::Arc;

use robust_scheduler::{
    Cron, Event, Job, Misfire, Phase, RunError, Scheduler, SimClock, SkipReason, Trigger,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, base, ms, secs};

fn stepping() -> (Scheduler, Arc<SimClock>, Diary) {
    let clock = Arc::new(SimClock::at(base()));
    let scheduler = Scheduler::builder().clock(Arc::clone(&clock)).start();
    (scheduler, clock, Diary::default())
}

fn minutely(name: &str) -> robust_scheduler::JobBuilder {
    Job::cron(name, Cron::parse("* * * * *").unwrap())
}

fn nominals(diary: &Diary, name: &str) -> Vec<u64> {
    let entries = diary
        .entries()
        .into_iter()
        .filter(|entry| entry.job == name);
    entries.map(|entry| entry.nominal.as_secs() / 60).collect()
}

#[tokio::test(start_paused = true)]
async fn of_more_missed_moments_than_are_counted_as_many_run_as_were_asked_for() {
    let (scheduler, clock, diary) = stepping();
    let mut events = scheduler.events();
    let job = Job::cron("tick", Cron::parse("* * * * * *").unwrap());
    let job = job.misfire(Misfire::All { max: 100 }).useful_for(None);
    scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    sleep(ms(1_500)).await;
    clock.forward(secs(7_200));
    sleep(secs(5)).await;
    let seconds: Vec<_> = diary
        .entries()
        .iter()
        .map(|entry| entry.nominal.as_secs())
        .collect();
    let (last, of) = (*seconds.last().unwrap(), seconds.len() as u64);
    // Those before the step, and a hundred up to the last at least.
    assert!(of >= 101 && last >= 7_203, "{of} runs, the last for {last}");
    assert!((last - 99..=last).eq(seconds.into_iter().skip(of as usize - 100)));
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::Skipped {
            count, at_least, ..
        } = event
        {
            told.push((count, at_least));
        }
    }
    assert_eq!(told, [(1_000 - 100, true)]);
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_is_not_the_last_is_late_when_the_next_has_come() {
    let (scheduler, _, diary) = stepping();
    let daily = Cron::parse("0 1 * * *").unwrap();
    let both = [
        Trigger::Cron(daily.clone()),
        Trigger::At(base() + secs(10_000)),
    ];
    let jobs = [
        Job::cron("daily", daily),
        Job::on("any", Trigger::AnyOf(both.into())),
        Job::at("once", base() + secs(3_600)),
        Job::at("strict", base() + secs(3_600)).grace(secs(1)),
    ];
    for job in jobs {
        let job = job.misfire(Misfire::Skip);
        scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    }
    sleep(secs(3_599)).await;
    // The runtime stands still.
    tokio::time::advance(ms(2_500)).await;
    sleep(secs(1)).await;
    assert_eq!(diary.names(), ["daily", "any", "once"]);
    assert_eq!(scheduler.ledger().skipped[&SkipReason::Misfired], 1);
}

#[tokio::test(start_paused = true)]
async fn a_period_from_completion_that_nobody_ran_is_one_decision_however_often_it_went_by() {
    let (scheduler, clock, diary) = stepping();
    let quick = |name| Job::every(name, ms(1)).from_completion();
    let paused = quick("paused")
        .phase(Phase::Epoch)
        .handler(diary.keeps(ms(0)));
    let paused = scheduler.add(paused).unwrap();
    let hopeless = quick("hopeless").handler(|_| async { Err(RunError::permanent("no")) });
    let hopeless = scheduler.add(hopeless).unwrap();
    scheduler.pause(paused).unwrap();
    sleep(ms(100)).await;
    // The lid is closed for a day, and the runtime stands still for ten minutes.
    clock.forward(secs(86_400));
    tokio::time::advance(secs(600)).await;
    sleep(ms(100)).await;
    for id in [paused, hopeless] {
        let ledger = scheduler.job_ledger(id).unwrap();
        assert!((150..=210).contains(&ledger.due), "{ledger:?}");
        assert!(ledger.balances());
    }
    // Both go on.
    scheduler.resume(paused).unwrap();
    scheduler.enable(hopeless).unwrap();
    sleep(ms(50)).await;
    assert!(diary.entries().len() >= 45);
}

#[tokio::test(start_paused = true)]
async fn an_hour_forward_is_one_run_not_sixty_and_the_interval_does_not_notice() {
    let (scheduler, clock, diary) = stepping();
    let mut events = scheduler.events();
    scheduler
        .add(minutely("once").handler(diary.keeps(ms(0))))
        .unwrap();
    scheduler
        .add(
            minutely("skip")
                .misfire(Misfire::Skip)
                .handler(diary.keeps(ms(0))),
        )
        .unwrap();
    scheduler
        .add(
            minutely("all")
                .misfire(Misfire::All { max: 3 })
                .handler(diary.keeps(ms(0))),
        )
        .unwrap();
    scheduler
        .add(Job::every("interval", secs(60)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(90)).await;
    clock.forward(secs(3_600));
    // Found within 5 s, by comparing the clocks.
    sleep(secs(6)).await;
    assert_eq!(nominals(&diary, "once"), [1, 61]);
    // The latest is not late: its minute is not over.
    assert_eq!(nominals(&diary, "skip"), [1, 61]);
    assert_eq!(nominals(&diary, "all"), [1, 59, 60, 61]);
    assert_eq!(nominals(&diary, "interval"), [1]);
    sleep(secs(54)).await;
    assert_eq!(nominals(&diary, "once"), [1, 61, 62]);
    assert_eq!(nominals(&diary, "skip"), [1, 61, 62]);
    assert_eq!(nominals(&diary, "interval"), [1, 2]);
    let ledger = scheduler.ledger();
    assert!(ledger.balances());
    assert_eq!(ledger.skipped[&SkipReason::Misfired], 59 + 57);
    let mut steps = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::ClockStepped { back, by } = event {
            steps.push((back, by.as_secs()));
        }
    }
    assert_eq!(steps, [(false, 3_600)]);
}

#[tokio::test(start_paused = true)]
async fn an_hour_back_repeats_nothing_and_goes_on_when_the_clock_has_caught_up() {
    let (scheduler, clock, diary) = stepping();
    let id = scheduler
        .add(minutely("tick").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(150)).await;
    clock.back(secs(3_600));
    sleep(secs(3_600)).await;
    // The interval goes on by the monotonic clock; the moments 1 and 2 do not come twice.
    assert_eq!(nominals(&diary, "tick"), [1, 2]);
    sleep(secs(60)).await;
    assert_eq!(nominals(&diary, "tick"), [1, 2, 3]);
    assert!(scheduler.job_ledger(id).unwrap().balances());
}

#[tokio::test(start_paused = true)]
async fn a_day_back_is_planned_anew() {
    let (scheduler, clock, diary) = stepping();
    sleep(secs(2 * 86_400)).await;
    scheduler
        .add(minutely("tick").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(90)).await;
    let began = Instant::now();
    clock.back(secs(86_400));
    sleep(secs(65)).await;
    assert!(
        !diary.starts("tick", began).is_empty(),
        "it does not wait for a day"
    );
    assert_eq!(nominals(&diary, "tick"), [2 * 1_440 + 1, 1_440 + 2]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_drift_is_followed_without_a_word() {
    let (scheduler, clock, diary) = stepping();
    let mut events = scheduler.events();
    scheduler
        .add(minutely("tick").handler(diary.keeps(ms(0))))
        .unwrap();
    for _ in 0..100 {
        sleep(secs(10)).await;
        clock.forward(ms(100));
    }
    assert_eq!(diary.entries().len(), 16, "1,010 s by the wall clock");
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, Event::ClockStepped { .. }));
    }
}
