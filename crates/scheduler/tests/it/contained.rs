//! What is not the scheduler's own may panic, and nothing else ends with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use robust_scheduler::{
    Dependents, Event, Failures, Job, JobMark, JobState, Mark, MemoryStore, Scheduler, SimClock,
    Store,
};
use tokio::time::sleep;

use crate::{Diary, base, ms, once, secs};

/// Panics without the noise of the panic hook.
fn burst() -> ! {
    std::panic::resume_unwind(Box::new("the hose burst"))
}

/// Whether this call, counted from 0, is one of those that panic.
fn bursts(calls: &AtomicU64, which: std::ops::Range<u64>) -> bool {
    which.contains(&calls.fetch_add(1, Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_panics_stops_nothing_and_is_told_of_once_until_it_tells_again() {
    let sim = SimClock::at(base());
    let calls = AtomicU64::new(0);
    let clock = move || {
        if bursts(&calls, 5..50) {
            burst();
        }
        robust_scheduler::Clock::now(&sim)
    };
    let scheduler = Scheduler::builder().clock(clock).start();
    let mut events = scheduler.events();
    let diary = Diary::default();
    for job in [
        Job::every("by interval", secs(10)).handler(diary.keeps(ms(0))),
        Job::aligned("by the clock", secs(10)).handler(diary.keeps(ms(0))),
    ] {
        scheduler.add(job).unwrap();
    }
    let mut told = Vec::new();
    for _ in 0..100 {
        sleep(secs(10)).await;
        while let Ok(event) = events.try_recv() {
            told.extend(
                matches!(event, Event::ClockFailed | Event::ClockStepped { .. }).then_some(event),
            );
        }
    }
    sleep(ms(1)).await;
    assert_eq!(told, [Event::ClockFailed]);
    let ledger = scheduler.ledger();
    assert_eq!((ledger.ran, ledger.balances()), (199, true), "{ledger:?}");
    let names = diary.names();
    let intervals = names.iter().filter(|job| *job == "by interval");
    assert_eq!(intervals.count(), 100);
}

/// A store that panics at some of its calls.
struct Bursting(MemoryStore, Arc<AtomicU64>);

impl Store for Bursting {
    fn load(&mut self) -> Vec<JobMark> {
        self.0.load()
    }

    fn append(&mut self, marks: &[JobMark]) -> std::io::Result<()> {
        if bursts(&self.1, 5..15) {
            burst();
        }
        self.0.append(marks)
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_one_that_cannot_be_written() {
    let store = MemoryStore::default();
    let scheduler = crate::builder()
        .store(Bursting(store.clone(), Arc::default()))
        .start();
    let mut events = scheduler.events();
    let diary = Diary::default();
    for (name, mark) in [("twice", Mark::AfterRun), ("never twice", Mark::BeforeRun)] {
        let job = Job::every(name, secs(10)).mark(mark);
        scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    }
    let mut failed = 0;
    for _ in 0..100 {
        sleep(secs(10)).await;
        while let Ok(event) = events.try_recv() {
            failed += u32::from(matches!(event, Event::JournalFailed { .. }));
        }
    }
    sleep(ms(1)).await;
    assert_eq!(failed, 10);
    let ledger = scheduler.ledger();
    assert!(ledger.balances(), "{ledger:?}");
    let ran = |name| diary.names().iter().filter(|job| *job == name).count();
    assert_eq!(ran("twice"), 100);
    let unmarked = 100 - ran("never twice");
    assert!(
        (1..=10).contains(&unmarked),
        "{unmarked}: only what could not be marked does not run"
    );
    // What was owed has been taken.
    let marks = store.clone().load();
    let last = base().duration_since(std::time::UNIX_EPOCH).unwrap() + secs(1_000);
    for mark in marks {
        assert_eq!(
            mark.nominal,
            i64::try_from(last.as_nanos()).unwrap(),
            "{mark:?}"
        );
    }
}

/// Something that a handler has captured.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        burst();
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_when_it_is_dropped_takes_nobody_with_it() {
    let scheduler = crate::builder().max_in_flight(1).start();
    let diary = Diary::default();
    let bomb = Bomb;
    let handler = move |_| {
        let _captured = &bomb;
        async {
            sleep(secs(5)).await;
            Ok(())
        }
    };
    let gone = scheduler.add(once("gone").handler(handler)).unwrap();
    let other = Job::every("other", secs(3)).handler(diary.keeps(ms(0)));
    scheduler.add(other).unwrap();
    sleep(secs(1)).await;
    // Its run goes on; it is dropped at the end of that, while the other waits for the place.
    scheduler.remove_with(gone, Dependents::Refuse).unwrap();
    sleep(secs(60)).await;
    let ledger = scheduler.ledger();
    assert_eq!((ledger.pending, ledger.running), (0, 0), "{ledger:?}");
    assert_eq!(diary.entries().len(), 20);
}

/// What a handler panics with.
struct BadNews;

impl Drop for BadNews {
    fn drop(&mut self) {
        burst();
    }
}

#[tokio::test(start_paused = true)]
async fn what_panics_when_it_is_dropped_changes_nothing_about_how_a_run_ends() {
    let scheduler = crate::builder().start();
    let diary = Diary::default();
    let job = |name: &str| {
        let job = Job::every(name, secs(10)).timeout(secs(2));
        job.failures(Failures::default().quarantine_after(3).backoff(ms(0)))
    };
    let hangs = job("hangs").handler(|_| async {
        let _dropped = Bomb;
        std::future::pending().await
    });
    let panics = job("panics").handler(|_| async { std::panic::resume_unwind(Box::new(BadNews)) });
    let at_once = job("at once")
        .handler(|_| -> std::future::Ready<_> { std::panic::resume_unwind(Box::new(BadNews)) });
    let returns = job("returns").handler(|_| async {
        let _dropped = Bomb;
        Ok(())
    });
    let ids = scheduler
        .add_all([hangs, panics, at_once, returns])
        .unwrap();
    let other = Job::every("other", secs(10)).handler(diary.keeps(ms(0)));
    scheduler.add(other).unwrap();
    sleep(secs(35)).await;
    let ends: Vec<_> = ids
        .iter()
        .map(|id| {
            let outcomes = scheduler.job_ledger(*id).unwrap().outcomes;
            (outcomes.timed_out, outcomes.panicked, outcomes.total())
        })
        .collect();
    assert_eq!(ends, [(3, 0, 3), (0, 3, 3), (0, 3, 3), (0, 3, 3)]);
    // They count as the failures that they are.
    let quarantined = scheduler.jobs().into_iter();
    let quarantined = quarantined.filter(|job| job.state == JobState::Quarantined);
    assert_eq!(quarantined.count(), 4);
    assert_eq!(diary.entries().len(), 3);
    assert!(scheduler.ledger().balances());
}
