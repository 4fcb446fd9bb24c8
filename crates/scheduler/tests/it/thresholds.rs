//! Where a promise names a number or a chain, both sides of it.

use std::sync::Arc;

use robust_scheduler::{
    Admission, Ask, Cron, Dependents, Event, Failures, Job, JobState, MemoryStore, RunError,
    Scheduler, SimClock, SkipReason, Upstream,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, base, builder, ms, once, secs};

#[tokio::test(start_paused = true)]
async fn priority_is_lent_through_everybody_who_waits() {
    let (scheduler, diary) = (builder().max_in_flight(1).start(), Diary::default());
    scheduler
        .add(once("blocker").handler(diary.keeps(secs(20))))
        .unwrap();
    sleep(secs(1)).await;
    let first = once("first").priority(5).handler(diary.keeps(ms(10)));
    let second = once("second").priority(5);
    let second = second.after(Upstream::success_of("first"));
    let third = once("third").priority(1);
    let third = third.after(Upstream::success_of("second"));
    let middle = once("middle").priority(3).handler(diary.keeps(ms(10)));
    scheduler.add(first).unwrap();
    scheduler.add(second.handler(diary.keeps(ms(10)))).unwrap();
    scheduler.add(middle).unwrap();
    scheduler.add(third.handler(diary.keeps(ms(10)))).unwrap();
    sleep(secs(30)).await;
    let order = ["blocker", "first", "second", "third", "middle"];
    assert_eq!(diary.names(), order);
}

#[tokio::test(start_paused = true)]
async fn a_lent_priority_has_the_reserve_too() {
    let (scheduler, diary) = (
        builder().max_in_flight(2).reserve(1).start(),
        Diary::default(),
    );
    scheduler
        .add(once("blocker").priority(5).handler(diary.keeps(secs(20))))
        .unwrap();
    sleep(secs(1)).await;
    let prices = once("prices").priority(5).handler(diary.keeps(ms(10)));
    scheduler.add(prices).unwrap();
    sleep(secs(1)).await;
    // The last place is not for it.
    assert_eq!(diary.names(), ["blocker"]);
    let urgent = once("urgent").priority(1);
    let urgent = urgent.after(Upstream::success_of("prices"));
    scheduler.add(urgent.handler(diary.keeps(ms(10)))).unwrap();
    sleep(secs(1)).await;
    assert_eq!(diary.names(), ["blocker", "prices", "urgent"]);
}

/// Prices that come each ten minutes and fail from the second on, and a job of each minute that is
/// content with what is five minutes old.
#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_not_fresh() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let keep = diary.keeps(ms(0));
    let prices = Job::every("prices", secs(600)).failures(Failures::IGNORED);
    let prices = prices.handler(move |run| {
        let (work, first) = (keep(run.clone()), run.last_success.is_none());
        async move {
            work.await?;
            if first {
                Ok(())
            } else {
                Err(RunError::new("down"))
            }
        }
    });
    let report = Job::every("report", secs(60)).after(Upstream::fresh("prices", secs(300)));
    scheduler.add(prices).unwrap();
    scheduler.add(report.handler(diary.keeps(ms(0)))).unwrap();
    sleep(secs(1_795)).await;
    let minutes: Vec<_> = diary.starts("report", began);
    let minutes: Vec<_> = minutes.iter().map(|start| start / 60_000).collect();
    // The prices of 10 are fresh to 15; until 20 they are what is waited for, and had; those of 20 fail.
    assert_eq!(minutes, (10..20).collect::<Vec<_>>());
    let ledger = scheduler.job_ledger(scheduler.find("report").unwrap());
    assert_eq!(ledger.unwrap().skipped[&SkipReason::UpstreamFailed], 10);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_job_is_down_for_those_that_wait_for_it() {
    for dependents in [Dependents::Refuse, Dependents::Cascade, Dependents::Detach] {
        let (scheduler, diary) = (builder().start(), Diary::default());
        let prices = Job::every("prices", secs(60)).handler(diary.keeps(ms(0)));
        let prices = scheduler.add(prices).unwrap();
        let report = Job::every("report", secs(60)).after(Upstream::success_of("prices"));
        let report = report.handler(diary.keeps(ms(0)));
        let report = scheduler.add(report).unwrap();
        sleep(secs(90)).await;
        let refused = scheduler.disable(prices, dependents).is_err();
        assert_eq!(refused, dependents == Dependents::Refuse);
        sleep(secs(60)).await;
        let ran = diary
            .names()
            .iter()
            .filter(|name| *name == "report")
            .count();
        let state = scheduler.job(report).unwrap().state;
        let expected = match dependents {
            Dependents::Cascade => (1, JobState::Disabled),
            _ => (2, JobState::Scheduled),
        };
        assert_eq!((ran, state), expected, "{dependents:?}");
        if dependents == Dependents::Cascade {
            // The other one alone comes due again, and does not wait for what will not come.
            scheduler.enable(report).unwrap();
            sleep(secs(60)).await;
            let ledger = scheduler.job_ledger(report).unwrap();
            assert_eq!(ledger.skipped[&SkipReason::UpstreamDown], 1);
        }
        assert!(scheduler.ledger().balances());
    }
}

/// Whoever waits when its upstream is disabled is told so at once, and not only after all its patience.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_job_that_is_disabled_waits_no_longer() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let prices = Job::every("prices", secs(600)).handler(diary.keeps(secs(300)));
    let prices = scheduler.add(prices).unwrap();
    let report = Job::every("report", secs(600)).after(Upstream::success_of("prices").pending());
    let report = scheduler.add(report.handler(diary.keeps(ms(0)))).unwrap();
    sleep(secs(610)).await;
    assert_eq!(scheduler.job(report).unwrap().state, JobState::WaitingDeps);
    // Removing leaves the name to wait for, which nobody bears.
    scheduler.remove_with(prices, Dependents::Detach).unwrap();
    sleep(ms(1)).await;
    assert_ne!(scheduler.job(report).unwrap().state, JobState::WaitingDeps);
    assert_eq!(diary.names(), ["prices", "report"]);
}

/// Two sources, one of them a little or much faster than the one that was asked first.
#[tokio::test(start_paused = true)]
async fn a_job_moves_to_another_source_for_a_quarter_and_not_for_less() {
    for (faster, moves) in [(85, false), (50, true)] {
        let scheduler = builder().seed(3).start();
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let job = |name: String, sources: &[&str]| {
            let asked = Arc::clone(&asked);
            let watched = name == "watched";
            let job = Job::every(name, secs(1)).any_source(sources.iter().copied());
            job.handler(move |run| {
                let source = run.source.unwrap();
                if watched {
                    asked.lock().unwrap().push(source.to_string());
                }
                let takes = if &*source == "known" { 100 } else { faster };
                async move {
                    sleep(ms(takes)).await;
                    Ok(())
                }
            })
        };
        // Both are known before the job that may choose comes, and it begins with the slower one.
        scheduler.add(job("one".into(), &["known"])).unwrap();
        scheduler.add(job("other".into(), &["faster"])).unwrap();
        sleep(ms(60_500)).await;
        let watched = scheduler.add(job("watched".into(), &["known"])).unwrap();
        sleep(secs(2)).await;
        let both = |job: robust_scheduler::JobBuilder| job.any_source(["known", "faster"]);
        scheduler.update(watched, both).unwrap();
        sleep(secs(60)).await;
        let asked = asked.lock().unwrap();
        let elsewhere = asked.iter().filter(|source| *source == "faster").count();
        assert_eq!(
            elsewhere > 0,
            moves,
            "{faster} ms: {elsewhere} of {}",
            asked.len()
        );
    }
}

fn stepping() -> (Scheduler, Arc<SimClock>, Diary) {
    let clock = Arc::new(SimClock::at(base()));
    let scheduler = Scheduler::builder().clock(Arc::clone(&clock)).start();
    (scheduler, clock, Diary::default())
}

#[tokio::test(start_paused = true)]
async fn half_a_second_is_no_step_of_the_clock_and_more_is() {
    for (by, told) in [(450, 0), (600, 1)] {
        let (scheduler, clock, diary) = stepping();
        let mut events = scheduler.events();
        let minutely = Job::cron("minutely", Cron::parse("* * * * *").unwrap());
        scheduler.add(minutely.handler(diary.keeps(ms(0)))).unwrap();
        sleep(secs(90)).await;
        clock.forward(ms(by));
        sleep(secs(60)).await;
        let events = std::iter::from_fn(|| events.try_recv().ok());
        let steps = events.filter(|event| matches!(event, Event::ClockStepped { .. }));
        assert_eq!(steps.count(), told, "{by} ms");
    }
}

/// Up to three hours back the moments that have been are not had again; beyond that nobody waits.
#[tokio::test(start_paused = true)]
async fn a_clock_set_back_by_up_to_three_hours_is_waited_for() {
    for (hours, runs) in [(2, 0), (4, 60)] {
        let (scheduler, clock, diary) = stepping();
        let minutely = Job::cron("minutely", Cron::parse("* * * * *").unwrap());
        scheduler.add(minutely.handler(diary.keeps(ms(0)))).unwrap();
        clock.forward(secs(5 * 3_600));
        sleep(secs(90)).await;
        clock.back(secs(hours * 3_600));
        let before = diary.names().len();
        sleep(secs(3_600)).await;
        assert_eq!(diary.names().len() - before, runs, "{hours} h");
    }
}

#[tokio::test(start_paused = true)]
async fn a_splay_is_the_same_after_a_restart() {
    let store = MemoryStore::default();
    let mut seen = Vec::new();
    for life in 0..2_u64 {
        // The second life begins at another moment of the minute.
        let wall = base() + secs(life * 3_617);
        let diary = Diary::default();
        let scheduler = Scheduler::builder()
            .clock(SimClock::at(wall))
            .store(store.clone())
            .start();
        let began = Instant::now();
        for n in 0..20 {
            let job = Job::cron(format!("job {n}"), Cron::parse("0 * * * *").unwrap());
            let job = job.source("exchange").splay(secs(600));
            scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
        }
        sleep(secs(2 * 3_600)).await;
        let delays = diary.entries();
        let mut delays: Vec<_> = delays
            .iter()
            .map(|entry| {
                let at = secs(life * 3_617) + (entry.start - began);
                (entry.job.clone(), (at - entry.nominal).as_millis())
            })
            .collect();
        delays.sort();
        delays.dedup();
        seen.push(delays);
    }
    assert_eq!(seen[0].len(), 20, "each job has one delay");
    assert_eq!(seen[0], seen[1]);
}

/// A job that was given other times goes by them after a crash, and not by what its last run had marked.
#[tokio::test(start_paused = true)]
async fn other_times_are_in_the_journal_when_the_update_returns() {
    let (store, diary) = (MemoryStore::default(), Diary::default());
    let builder = || builder().store(store.clone());
    let scheduler = builder().start();
    let job = |name| Job::every(name, secs(60)).handler(diary.keeps(ms(0)));
    let id = scheduler.add(job("job")).unwrap();
    sleep(secs(61)).await;
    let before = store.clone();
    let marks = || {
        use robust_scheduler::Store as _;
        before.clone().load()
    };
    let old = marks();
    scheduler
        .update(id, |job| {
            job.trigger(robust_scheduler::Trigger::At(base() + secs(7_200)))
        })
        .unwrap();
    assert_ne!(marks(), old, "the update has written a mark");
}

#[tokio::test(start_paused = true)]
async fn behind_a_closed_gate_nothing_starts_and_one_run_makes_up_for_all() {
    let (diary, began) = (Diary::default(), Instant::now());
    let opens = began + secs(60);
    let gate = move |ask: &Ask| {
        if ask.now < opens {
            Admission::NotBefore(opens)
        } else {
            Admission::Open
        }
    };
    let scheduler = builder().gate(gate).start();
    for (name, source) in [("free", None), ("bound", Some("exchange"))] {
        let job = Job::every(name, secs(10));
        let job = source.map_or(job.clone(), |source| job.clone().source(source));
        scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    }
    sleep(ms(59_999)).await;
    assert!(diary.names().is_empty());
    assert!(scheduler.ledger().due >= 10);
    sleep(ms(2)).await;
    for name in ["free", "bound"] {
        let entries = diary.entries();
        let run = entries.iter().find(|entry| entry.job == name).unwrap();
        assert!(run.missed >= 4, "{name} makes up for {}", run.missed);
    }
    sleep(secs(30)).await;
    let ledger = scheduler.ledger();
    assert!(ledger.balances() && ledger.ran >= 8, "{ledger:?}");
}

#[tokio::test(start_paused = true)]
async fn a_gate_in_front_of_all_that_panics_is_asked_again_after_a_second() {
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let gate = move |_: &Ask| {
        let nth = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        assert!(nth > 2, "the first three times");
        Admission::Open
    };
    let (scheduler, diary, began) = (
        builder().gate(gate).start(),
        Diary::default(),
        Instant::now(),
    );
    scheduler
        .add(once("job").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(10)).await;
    assert_eq!(diary.starts("job", began), [3_000]);
}

#[tokio::test(start_paused = true)]
async fn of_all_places_one_is_left_for_the_others_and_of_each_queue_one_place() {
    let (scheduler, diary) = (
        builder().max_in_flight(4).reserve(4).queue(2, 0).start(),
        Diary::default(),
    );
    for (name, priority) in [("low", 5), ("high", 2)] {
        let job = Job::every(name, secs(10)).priority(priority);
        scheduler.add(job.handler(diary.keeps(ms(1)))).unwrap();
    }
    sleep(secs(101)).await;
    let ledger = scheduler.ledger();
    assert_eq!((ledger.due, ledger.outcomes.ok), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_gate_in_front_of_all_is_asked_again_after_a_day_whatever_it_says() {
    let began = Instant::now();
    let gate = move |ask: &Ask| {
        if ask.now < began + secs(86_400) {
            Admission::NotBefore(began + secs(86_400 * 365))
        } else {
            Admission::Open
        }
    };
    let (scheduler, diary) = (builder().gate(gate).start(), Diary::default());
    scheduler
        .add(once("job").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(86_401)).await;
    assert_eq!(diary.starts("job", began), [86_400_000]);
}
