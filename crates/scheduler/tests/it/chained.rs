//! Runs that follow each other in one task, and what they leave to the others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use robust_scheduler::{Job, Phase};
use tokio::time::{sleep, timeout};

use crate::{Diary, base, ms, once, secs};

/// With real time: a thread that is blocked tells no other of what it should do. It takes none, unless
/// the promise is broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_follows_another_and_blocks_its_thread_holds_no_other_up() {
    for _ in 0..20 {
        let scheduler = crate::builder().start();
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        let (told, mut ran) = tokio::sync::mpsc::channel(1);
        let first = once("first").handler(|_| async { Ok(()) });
        // Both are due when the first has ended, and the one that blocks is the first of them.
        let blocks = Job::on_success("blocks", ["first"]).handler(move |_| {
            let blocked = Arc::clone(&blocked);
            async move {
                let _ = blocked.lock().unwrap().recv();
                Ok(())
            }
        });
        let other = Job::on_success("other", ["first"]).handler(move |_| {
            let told = told.clone();
            async move {
                told.send(()).await?;
                Ok(())
            }
        });
        scheduler.add_all([first, blocks, other]).unwrap();
        let ran = timeout(secs(30), ran.recv()).await;
        drop(release);
        assert_eq!(ran, Ok(Some(())), "it waits behind the one that blocks");
        scheduler.shutdown(secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn runs_that_follow_each_other_let_others_have_the_thread() {
    let turns = Arc::new(AtomicU64::new(0));
    let spinning = Arc::clone(&turns);
    let scheduler = crate::builder().max_in_flight(1).start();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let jobs = (0..1_000).map(|n| {
        let (turns, seen) = (Arc::clone(&turns), Arc::clone(&seen));
        Job::at(format!("job {n}"), base() + secs(1)).handler(move |_| {
            seen.lock().unwrap().push(turns.load(Ordering::Relaxed));
            async { Ok(()) }
        })
    });
    scheduler.add_all(jobs).unwrap();
    sleep(ms(999)).await;
    let spinner = tokio::spawn(async move {
        loop {
            spinning.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if spinning.load(Ordering::Relaxed).is_multiple_of(1_000) {
                sleep(ms(1)).await;
            }
        }
    });
    sleep(ms(20)).await;
    spinner.abort();
    let seen = seen.lock().unwrap();
    let (first, last) = (seen.first().unwrap(), seen.last().unwrap());
    assert_eq!(seen.len(), 1_000);
    assert!(last - first >= 1_000 / 32 - 1, "{first} to {last}");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_of_one_instant() {
    let (scheduler, diary) = (crate::builder().max_in_flight(3).start(), Diary::default());
    for n in 0..20 {
        let job = Job::every(format!("job {n}"), ms(700 + n)).phase(Phase::Spread);
        let job = job.source(if n % 2 == 0 { "well" } else { "barrel" });
        scheduler.add(job.handler(diary.keeps(ms(90)))).unwrap();
    }
    for _ in 0..50 {
        sleep(ms(137)).await;
        let snapshot = scheduler.snapshot();
        assert!(snapshot.ledger.balances());
        let of_jobs = snapshot.jobs.iter().map(|job| &job.ledger);
        let sum = of_jobs.fold([0; 5], |sum, ledger| {
            let skipped = ledger.skipped.values().sum::<u64>();
            let all = [
                ledger.due,
                ledger.ran,
                ledger.pending,
                ledger.superseded,
                skipped,
            ];
            std::array::from_fn(|n| sum[n] + all[n])
        });
        let all = &snapshot.ledger;
        assert_eq!(
            sum,
            [
                all.due,
                all.ran,
                all.pending,
                all.superseded,
                all.skipped_total()
            ]
        );
        let running = snapshot.jobs.iter().filter(|job| job.running).count() as u64;
        let in_flight: usize = snapshot.sources.iter().map(|source| source.in_flight).sum();
        assert_eq!((running, in_flight as u64), (all.running, all.running));
        assert_eq!(
            snapshot.history.len() as u64,
            all.outcomes.total().min(1_000)
        );
        let due: u64 = snapshot
            .sources
            .iter()
            .map(|source| source.ledger.due)
            .sum();
        assert_eq!(due, all.due);
    }
    assert!(scheduler.ledger().ran > 100);
}
