//! Another process goes on: with a clock that was set back meanwhile, after failures, from the file of
//! an earlier version.

use std::sync::Arc;

use robust_scheduler::{
    Failures, FileJournal, Job, JobState, MemoryStore, Overlap, Phase, RunError, Scheduler,
    SimClock, Store,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, base, ms, secs, since};

#[tokio::test(start_paused = true)]
async fn an_interval_is_not_silent_behind_a_clock_that_was_set_back() {
    // In sight or not, within the three hours or not.
    for (seen, by) in [
        (true, 3_600),
        (false, 3_600),
        (true, 86_400),
        (false, 86_400),
    ] {
        let (store, diary) = (MemoryStore::default(), Diary::default());
        let clock = Arc::new(SimClock::at(base() + secs(100_000)));
        let began = Instant::now();
        let start = || {
            let builder = Scheduler::builder().clock(Arc::clone(&clock));
            builder.store(store.clone()).start()
        };
        let jobs = || {
            [Phase::Added, Phase::Spread].map(|phase| {
                let job = Job::every(format!("{phase:?}"), secs(60)).phase(phase);
                job.handler(diary.keeps(ms(0)))
            })
        };
        let scheduler = start();
        scheduler.add_all(jobs()).unwrap();
        sleep(secs(150)).await;
        if seen {
            clock.back(secs(by));
            sleep(secs(150)).await;
        }
        drop(scheduler);
        if !seen {
            clock.back(secs(by));
        }
        let lived = began.elapsed();
        let scheduler = start();
        scheduler.add_all(jobs()).unwrap();
        sleep(secs(1_800)).await;
        for name in ["Added", "Spread"] {
            let starts = diary.starts(name, began);
            let again = starts.iter().filter(|at| **at > lived.as_millis());
            let again = again.count();
            assert!((29..=31).contains(&again), "{name} {seen} {by}: {again}");
        }
        assert!(scheduler.ledger().balances());
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_moment_of_an_interval_is_not_awaited_behind_a_clock_that_was_set_back() {
    let (store, diary) = (MemoryStore::default(), Diary::default());
    let start = |wall| {
        let builder = Scheduler::builder().clock(SimClock::at(wall));
        builder.store(store.clone()).start()
    };
    let job = || Job::every("tick", secs(600)).handler(diary.keeps(ms(0)));
    let scheduler = start(base() + secs(86_400));
    scheduler.add(job()).unwrap();
    sleep(secs(15)).await;
    drop(scheduler);
    let scheduler = start(base());
    let id = scheduler.add(job()).unwrap();
    let next = scheduler.job(id).unwrap().next.map(since);
    assert!(next.is_some_and(|next| next <= secs(600)), "{next:?}");
    sleep(secs(601)).await;
    assert_eq!(diary.names(), ["tick"]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_and_a_stretched_gap_outlive_the_process() {
    for (permanent, back, expected) in [
        // A probe each 900 s.
        (true, false, vec![10, 910, 1_810]),
        (true, true, vec![10, 910, 1_810]),
        // 20 s after the second failure, 40 s after the third, 80, 160, 320, 640, then 900.
        (false, false, vec![10, 20, 40, 80, 160, 320, 640, 1_280]),
    ] {
        let (store, diary) = (MemoryStore::default(), Diary::default());
        let (clock, began) = (
            Arc::new(SimClock::at(base() + secs(86_400))),
            Instant::now(),
        );
        let failures = Failures::default().quarantine_after(permanent.then_some(5));
        for life in 0..170_u32 {
            let builder = Scheduler::builder().clock(Arc::clone(&clock));
            let scheduler = builder.store(store.clone()).start();
            let keeps = diary.keeps(ms(0));
            let job = Job::every("down", secs(10)).failures(failures);
            let job = job.handler(move |run| {
                let work = keeps(run);
                async move {
                    work.await?;
                    Err(if permanent {
                        RunError::permanent("no such thing")
                    } else {
                        RunError::new("down")
                    })
                }
            });
            let id = scheduler.add(job).unwrap();
            sleep(secs(11)).await;
            let state = scheduler.job(id).unwrap().state;
            assert_eq!(state == JobState::Quarantined, permanent);
            drop(scheduler);
            if back && life == 3 {
                clock.back(secs(3_600));
            }
        }
        let starts = diary.starts("down", began);
        let seconds: Vec<_> = starts.iter().map(|start| start / 1_000).collect();
        let near = seconds
            .iter()
            .zip(&expected)
            .all(|(at, wanted)| at.abs_diff(*wanted) <= 60);
        assert!(
            near && seconds.len() == expected.len(),
            "{permanent} {back}: {seconds:?}"
        );
    }
}

/// Lines as versions wrote them that knew neither what was followed nor what is held back.
#[tokio::test(start_paused = true)]
async fn a_file_of_an_earlier_version_is_read() {
    let name = format!("robust-scheduler-{}-earlier.journal", std::process::id());
    let path = std::env::temp_dir().join(name);
    let at = |second: u64| (base() + secs(second)).duration_since(std::time::UNIX_EPOCH);
    let at = |second| at(second).unwrap().as_nanos();
    let (sixty, before) = (at(60), at(60) - 1);
    let rest = r#""failures":0,"quarantined":false,"paused":false,"disabled":false"#;
    let lines = [
        format!(
            r#"{{"job":"prices","nominal":{sixty},"fresh":false,"last_success":{sixty},{rest},"anchor":{sixty},"gone":false}}"#
        ),
        // Followed, and cut off.
        format!(
            r#"{{"job":"cut off","nominal":{before},"fresh":false,"last_success":null,{rest},"open":[{sixty}],"anchor":{},"gone":false}}"#,
            at(0)
        ),
        format!(
            r#"{{"job":"done","nominal":{sixty},"fresh":false,"last_success":{sixty},{rest},"anchor":{},"gone":false}}"#,
            at(0)
        ),
        format!(
            r#"{{"job":"behind","nominal":{},"fresh":true,"last_success":null,{rest},"anchor":{},"gone":false}}"#,
            i64::MIN,
            at(0)
        ),
        format!(
            r#"{{"job":"bad","nominal":{sixty},"fresh":false,"last_success":null,"failures":7,"quarantined":true,"anchor":{sixty}}}"#
        ),
    ];
    let line = |json: &String| format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
    std::fs::write(&path, lines.iter().map(line).collect::<String>()).unwrap();
    let journal = FileJournal::open(&path).unwrap();
    assert_eq!(journal.damaged(), 0);
    let diary = Diary::default();
    let clock = SimClock::at(base() + secs(70));
    let scheduler = Scheduler::builder().clock(clock).store(journal).start();
    let follows = |name| Job::on_success(name, ["prices"]).overlap(Overlap::Queue(9));
    scheduler
        .add_all([
            Job::every("prices", secs(60)).handler(diary.keeps(ms(0))),
            follows("cut off").handler(diary.keeps(ms(0))),
            follows("done").handler(diary.keeps(ms(0))),
            follows("behind").handler(diary.keeps(ms(0))),
            Job::every("bad", secs(60)).handler(diary.keeps(ms(0))),
        ])
        .unwrap();
    let bad = scheduler.find("bad").unwrap();
    assert_eq!(scheduler.job(bad).unwrap().state, JobState::Quarantined);
    sleep(secs(30)).await;
    let entries = diary.entries().into_iter();
    let mut ran: Vec<_> = entries.map(|entry| (entry.job, entry.nominal)).collect();
    ran.sort();
    let once = |name: &str| (name.to_owned(), secs(60));
    assert_eq!(ran, [once("behind"), once("cut off")]);
    // The probe is the next moment, as it was for that version.
    sleep(secs(25)).await;
    assert!(diary.names().contains(&"bad".to_owned()));
    drop(scheduler);
    let kept = FileJournal::open(&path).unwrap().load();
    std::fs::remove_file(&path).unwrap();
    let followed: Vec<_> = kept.iter().filter(|mark| mark.followed.is_some()).collect();
    assert!(followed.is_empty(), "{followed:?}");
}
