//! The wall clock is set, or the machine sleeps: one decision a job, and it is told.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use robust_scheduler::{
    Cron, Dependents, Event, Failures, Job, Misfire, Phase, RunError, Scheduler, SimClock,
    SkipReason, Trigger, Upstream,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, base, ms, secs, since};

fn stepping() -> (Scheduler, Arc<SimClock>, Diary) {
    let clock = Arc::new(SimClock::at(base()));
    let scheduler = Scheduler::builder().clock(Arc::clone(&clock)).start();
    (scheduler, clock, Diary::default())
}

/// The same, five days later: so far back can the clock be set.
fn late() -> (Scheduler, Arc<SimClock>, Diary) {
    let clock = Arc::new(SimClock::at(base() + secs(5 * DAY)));
    let scheduler = Scheduler::builder().clock(Arc::clone(&clock)).start();
    (scheduler, clock, Diary::default())
}

const DAY: u64 = 86_400;

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
async fn an_hour_forward_is_one_run_not_sixty_and_an_interval_is_not_moved() {
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
    // Two minutes after it was added, when the clock shows an hour more.
    assert_eq!(nominals(&diary, "interval"), [1, 62]);
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

#[tokio::test(start_paused = true)]
async fn a_slow_drift_is_in_what_an_interval_is_named() {
    let (scheduler, clock, diary) = stepping();
    let tick = Job::every("tick", secs(60)).handler(diary.keeps(ms(0)));
    scheduler.add(tick).unwrap();
    let began = Instant::now();
    for _ in 0..1_000 {
        sleep(secs(10)).await;
        clock.forward(ms(100));
    }
    for entry in diary.entries() {
        let ran = entry.start - began;
        let shown = ran + ran / 100;
        let off = entry.nominal.abs_diff(shown);
        assert!(off <= ms(700), "{entry:?} when the clock showed {shown:?}");
    }
    assert_eq!(diary.entries().len(), 166, "by the monotonic clock");
}

/// From the last success to the moment that a run stands for.
type Window = (Option<Duration>, Duration);

/// What a handler is told, and what the history says.
#[tokio::test(start_paused = true)]
async fn after_a_night_of_sleep_an_interval_asks_for_what_came_since() {
    let (scheduler, clock, diary) = stepping();
    let asked: Arc<Mutex<Vec<Window>>> = Arc::default();
    let (asks, keeps) = (Arc::clone(&asked), diary.keeps(ms(0)));
    let job = Job::every("tick", secs(60)).handler(move |run| {
        let window = (run.last_success.map(since), since(run.nominal));
        asks.lock().unwrap().push(window);
        keeps(run)
    });
    let id = scheduler.add(job).unwrap();
    sleep(secs(61)).await;
    clock.forward(secs(8 * 3_600));
    sleep(secs(60)).await;
    let night = secs(8 * 3_600);
    let asked = asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [(None, secs(60)), (Some(secs(60)), secs(120) + night)]
    );
    assert_eq!(diary.starts("tick", Instant::now() - secs(121)).len(), 2);
    let last = scheduler.history().pop().unwrap();
    for time in [last.nominal, last.release, last.start, last.end] {
        let off = since(time).abs_diff(secs(120) + night);
        assert!(off < ms(10), "{last:?}");
    }
    let status = scheduler.job(id).unwrap();
    assert_eq!(status.last_success.map(since), Some(secs(120) + night));
    assert_eq!(status.next.map(since), Some(secs(180) + night));
}

#[tokio::test(start_paused = true)]
async fn an_hour_back_an_interval_goes_on_under_later_names_until_the_clock_shows_later_ones() {
    let (scheduler, clock, diary) = stepping();
    let began = Instant::now();
    sleep(secs(3_600)).await;
    let tick = Job::every("tick", secs(60)).handler(diary.keeps(ms(0)));
    scheduler.add(tick).unwrap();
    let keeps = diary.keeps(ms(0));
    let failures = Failures::default()
        .quarantine_after(None)
        .backoff(secs(120));
    let down = Job::every("down", secs(60))
        .failures(failures)
        .handler(move |run| {
            let work = keeps(run);
            async move {
                work.await?;
                Err(RunError::new("down"))
            }
        });
    scheduler.add(down).unwrap();
    sleep(secs(150)).await;
    clock.back(secs(3_600));
    sleep(secs(4_000)).await;
    let starts: Vec<_> = diary
        .starts("tick", began)
        .iter()
        .map(|at| at / 1_000)
        .collect();
    let each: Vec<_> = (1..=69).map(|minute| 3_600 + 60 * minute).collect();
    assert_eq!(starts, each, "once a minute, by the monotonic clock");
    let entries = diary.entries().into_iter();
    let names: Vec<_> = entries
        .filter(|entry| entry.job == "tick")
        .map(|entry| entry.nominal)
        .collect();
    assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
    let behind: Vec<_> = names
        .iter()
        .filter(|name| name.subsec_nanos() > 0)
        .collect();
    assert_eq!(behind.len(), 60);
    assert!(behind.iter().all(|name| name.as_secs() == 3_720));
    assert_eq!(names.last(), Some(&secs(69 * 60)), "as the clock shows");
    // A gap after failures is two minutes, whatever the clock shows.
    let down = diary.starts("down", began);
    let last: Vec<_> = down
        .windows(2)
        .skip(1)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!(
        last.len() > 30 && last.iter().all(|gap| *gap == 120_000),
        "{down:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn jobs_of_both_clocks_wait_for_each_other_after_a_step_either_way() {
    for back in [false, true] {
        let (scheduler, clock, diary) = stepping();
        sleep(secs(7_200)).await;
        let five = || Cron::parse("*/5 * * * *").unwrap();
        let jobs = [
            Job::every("prices", secs(60)).handler(diary.keeps(secs(2))),
            Job::cron("report", five())
                .after(Upstream::success_of("prices"))
                .handler(diary.keeps(ms(0))),
            Job::cron("listing", five()).handler(diary.keeps(secs(2))),
            Job::every("check", secs(300))
                .after(Upstream::success_of("listing").allow_missing())
                .handler(diary.keeps(ms(0))),
        ];
        scheduler.add_all(jobs).unwrap();
        sleep(secs(605)).await;
        let count = |name| nominals(&diary, name).len();
        assert_eq!((count("report"), count("check")), (2, 2));
        if back {
            clock.back(secs(3_600));
        } else {
            clock.forward(secs(3_600));
        }
        sleep(secs(3_000)).await;
        assert_eq!(count("check"), 12, "back {back}");
        assert_eq!(count("prices"), 60);
        if back {
            // The report does not come twice for one moment.
            assert_eq!(count("report"), 2);
            sleep(secs(900)).await;
            assert_eq!(count("report"), 3);
        } else {
            assert_eq!(count("report"), 2 + 1 + 10);
        }
        let skipped = scheduler.ledger().skipped;
        assert!(skipped.is_empty(), "back {back}: {skipped:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_back_silences_nobody_and_repeats_nothing_that_comes_once() {
    let (scheduler, clock, diary) = late();
    let day = 5 * DAY;
    let jobs = [
        minutely("cron").handler(diary.keeps(ms(0))),
        minutely("off").handler(diary.keeps(ms(0))),
        // Under way when the clock is set.
        minutely("slow").handler(diary.keeps(secs(30))),
        Job::on_success("after cron", ["cron"]).handler(diary.keeps(ms(0))),
        Job::on_success("after slow", ["slow"]).handler(diary.keeps(ms(0))),
        Job::on_success("after both", ["slow", "interval"]).handler(diary.keeps(ms(0))),
        Job::every("interval", secs(60)).handler(diary.keeps(ms(0))),
        Job::every("rests", secs(60))
            .phase(Phase::Epoch)
            .from_completion()
            .handler(diary.keeps(ms(0))),
        minutely("waits")
            .after(Upstream::success_of("slow"))
            .handler(diary.keeps(ms(0))),
        Job::at("once", base() + secs(day + 30)).handler(diary.keeps(ms(0))),
    ];
    scheduler.add_all(jobs).unwrap();
    let find = |name| scheduler.find(name).unwrap();
    sleep(secs(190)).await;
    scheduler.disable(find("off"), Dependents::Refuse).unwrap();
    clock.back(secs(DAY));
    sleep(secs(6)).await;
    scheduler.enable(find("off")).unwrap();
    let names = [
        "cron",
        "off",
        "slow",
        "after cron",
        "after slow",
        "after both",
        "interval",
        "rests",
        "waits",
    ];
    let count = |name| nominals(&diary, name).len();
    let before = names.map(count);
    assert!(
        before.iter().all(|count| (2..=3).contains(count)),
        "{before:?}"
    );
    sleep(secs(1_800)).await;
    for (name, before) in names.iter().zip(before) {
        let since = nominals(&diary, name).len() - before;
        assert!(
            (29..=31).contains(&since),
            "{name}: {since} in half an hour"
        );
    }
    sleep(secs(2 * DAY)).await;
    assert_eq!(count("once"), 1);
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn twice_two_hours_back_is_as_far_as_four() {
    let (scheduler, clock, diary) = late();
    scheduler
        .add(minutely("tick").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(90)).await;
    clock.back(secs(7_200));
    sleep(secs(60)).await;
    assert_eq!(diary.entries().len(), 1, "within three hours it waits");
    clock.back(secs(7_200));
    sleep(secs(600)).await;
    assert_eq!(diary.entries().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_step_is_told_within_five_seconds_whatever_the_jobs_are() {
    for jobs in [0, 1] {
        let (scheduler, clock, _) = stepping();
        let mut events = scheduler.events();
        for _ in 0..jobs {
            let hourly = Job::every("hourly", secs(3_600)).handler(|_| async { Ok(()) });
            scheduler.add(hourly).unwrap();
        }
        sleep(secs(10)).await;
        clock.forward(secs(7_200));
        sleep(ms(5_001)).await;
        let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok())
            .filter(|event| matches!(event, Event::ClockStepped { .. }))
            .collect();
        assert_eq!(told.len(), 1, "with {jobs} jobs");
    }
}

#[tokio::test(start_paused = true)]
async fn comparing_the_clocks_takes_no_more_than_a_wake_each_five_seconds() {
    let asked = Arc::new(Mutex::new(0_u32));
    let (asks, clock) = (Arc::clone(&asked), SimClock::at(base()));
    let wall = move || -> SystemTime {
        *asks.lock().unwrap() += 1;
        robust_scheduler::Clock::now(&clock)
    };
    let scheduler = Scheduler::builder().clock(wall).start();
    let hourly = Job::every("hourly", secs(3_600)).handler(|_| async { Ok(()) });
    scheduler.add(hourly).unwrap();
    sleep(secs(1_000)).await;
    let asked = *asked.lock().unwrap();
    assert!((200..=210).contains(&asked), "{asked} times in 1,000 s");
}
