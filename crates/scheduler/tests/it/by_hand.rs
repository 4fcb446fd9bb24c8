//! Runs by hand and at the start, beside those that come by themselves.

use std::sync::Arc;
use std::time::Duration;

use robust_scheduler::{
    Cron, Job, JobBuilder, MemoryStore, Misfire, Overlap, Scheduler, SimClock, Store,
};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{Diary, base, builder, ms, secs, since};

fn nominals(diary: &Diary, name: &str) -> Vec<Duration> {
    let entries = diary.entries().into_iter();
    let entries = entries.filter(|entry| entry.job == name);
    entries.map(|entry| entry.nominal).collect()
}

fn candle() -> JobBuilder {
    Job::aligned("candle", secs(60)).misfire(Misfire::All { max: 9 })
}

#[tokio::test(start_paused = true)]
async fn by_hand_before_a_candle_has_settled_is_a_run_of_its_own_and_the_candle_still_comes() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let job = candle().overlap(Overlap::Queue(9));
    let id = scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    sleep(ms(60_500)).await;
    for _ in 0..3 {
        scheduler.run_now(id).unwrap();
    }
    sleep(secs(65)).await;
    let nominals = nominals(&diary, "candle");
    assert!(
        nominals.is_sorted_by(|one, other| one < other),
        "{nominals:?}"
    );
    assert_eq!(nominals.len(), 5);
    assert_eq!(nominals[3..], [secs(60), secs(120)]);
    assert_eq!(scheduler.ledger().due, 5);
}

#[tokio::test(start_paused = true)]
async fn by_hand_before_a_candle_has_settled_and_then_a_crash_loses_no_candle() {
    for at_start in [false, true] {
        let (store, clock) = (MemoryStore::default(), Arc::new(SimClock::at(base())));
        let diary = Diary::default();
        let start = || {
            let builder = Scheduler::builder().clock(Arc::clone(&clock));
            builder.store(store.clone()).start()
        };
        let scheduler = start();
        let id = scheduler.add(candle().handler(diary.keeps(ms(0)))).unwrap();
        sleep(ms(60_500)).await;
        if at_start {
            // Another process, that begins in between.
            drop(scheduler);
            let scheduler = start();
            let job = candle().run_at_start(true);
            scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
            sleep(ms(500)).await;
            drop(scheduler);
        } else {
            scheduler.run_now(id).unwrap();
            sleep(ms(500)).await;
            drop(scheduler);
        }
        assert_eq!(diary.entries().len(), 1, "by hand, and not yet the candle");
        let scheduler = start();
        scheduler.add(candle().handler(diary.keeps(ms(0)))).unwrap();
        sleep(secs(65)).await;
        let nominals = nominals(&diary, "candle");
        assert_eq!(nominals[1..], [secs(60), secs(120)], "{nominals:?}");
        assert!(nominals[0] < secs(60));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_before_a_run_at_the_start() {
    let (store, clock, diary) = (
        MemoryStore::default(),
        Arc::new(SimClock::at(base())),
        Diary::default(),
    );
    let all = Misfire::All { max: 100 };
    let job = || {
        let job = Job::cron("cron", Cron::parse("*/10 * * * * *").unwrap()).misfire(all);
        job.run_at_start(true).handler(diary.keeps(ms(0)))
    };
    for _ in 0..2 {
        let builder = Scheduler::builder().clock(Arc::clone(&clock));
        let scheduler = builder.store(store.clone()).start();
        scheduler.add(job()).unwrap();
        sleep(secs(15)).await;
        drop(scheduler);
        sleep(secs(30)).await;
    }
    let nominals: Vec<_> = nominals(&diary, "cron")
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(nominals, [0, 10, 20, 30, 40, 45, 50]);
}

#[tokio::test(start_paused = true)]
async fn a_run_by_hand_leaves_the_success_that_follows_to_be_followed() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let prices = Job::every("prices", secs(60)).handler(diary.keeps(secs(10)));
    scheduler.add(prices).unwrap();
    let digest = Job::on_success("digest", ["prices"]).handler(diary.keeps(ms(0)));
    let digest = scheduler.add(digest).unwrap();
    for minute in 1..4_u64 {
        sleep_until(began + secs(60 * minute + 5)).await;
        // The prices of this minute are on their way.
        scheduler.run_now(digest).unwrap();
        sleep(ms(1)).await;
        let seen = nominals(&diary, "digest");
        let by_hand = seen.last().copied().unwrap_or_default();
        // It knows the prices of the minute before: those of this one are not among what it covers.
        assert!(by_hand < secs(60 * minute), "{seen:?}");
        sleep(secs(6)).await;
        let seen = nominals(&diary, "digest");
        assert_eq!(seen.len() as u64, 2 * minute, "{seen:?}");
        assert_eq!(seen.last(), Some(&secs(60 * minute)));
        assert!(seen.is_sorted_by(|one, other| one < other));
    }
}

#[tokio::test(start_paused = true)]
async fn two_that_run_at_the_start_and_one_follows_the_other() {
    for first in ["prices", "digest"] {
        let (scheduler, diary) = (builder().start(), Diary::default());
        let prices = Job::every("prices", secs(600)).run_at_start(true);
        let prices = prices.handler(diary.keeps(secs(10)));
        let digest = Job::on_success("digest", ["prices"]).run_at_start(true);
        let digest = digest.handler(diary.keeps(ms(0)));
        let jobs = if first == "prices" {
            [prices, digest]
        } else {
            [digest, prices]
        };
        scheduler.add_all(jobs).unwrap();
        sleep(secs(20)).await;
        let seen = nominals(&diary, "digest");
        assert_eq!(
            seen.len(),
            2,
            "at the start, and after the prices: {seen:?}"
        );
        assert!(seen[0] < seen[1]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_followed_is_known_after_a_crash_whatever_ran_by_hand() {
    let (store, clock, diary) = (
        MemoryStore::default(),
        Arc::new(SimClock::at(base())),
        Diary::default(),
    );
    let jobs = |takes| {
        [
            Job::every("prices", secs(60)).handler(diary.keeps(takes)),
            Job::on_success("digest", ["prices"]).handler(diary.keeps(ms(0))),
        ]
    };
    let start = || {
        let builder = Scheduler::builder().clock(Arc::clone(&clock));
        builder.store(store.clone()).start()
    };
    let scheduler = start();
    let ids = scheduler.add_all(jobs(secs(10))).unwrap();
    sleep(secs(65)).await;
    scheduler.run_now(ids[1]).unwrap();
    sleep(ms(1)).await;
    drop(scheduler);
    let scheduler = start();
    // The prices of 60 come again; they were cut off.
    scheduler.add_all(jobs(ms(0))).unwrap();
    sleep(secs(1)).await;
    let nominals = nominals(&diary, "digest");
    assert_eq!(
        nominals.len(),
        2,
        "by hand, and after the prices: {nominals:?}"
    );
    assert_eq!(nominals[1], secs(60));
    drop(scheduler);
    let scheduler = start();
    scheduler.add_all(jobs(ms(0))).unwrap();
    sleep(secs(1)).await;
    assert_eq!(diary.names().len(), 4, "nothing is followed twice");
    let marks = store.clone().load();
    let mark = marks.iter().find(|mark| mark.job == "digest").unwrap();
    let moment = u64::try_from(mark.nominal).unwrap();
    let moment = std::time::SystemTime::UNIX_EPOCH + Duration::from_nanos(moment);
    assert_eq!((since(moment), mark.followed), (secs(60), None));
}
