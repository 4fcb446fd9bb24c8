//! Runs that are slower than their period, and jobs that are paused or removed.

use robust_scheduler::{AddError, Event, Job, JobState, SkipReason};
use tokio::time::{Instant, sleep};

use crate::{Diary, ms, secs};

#[tokio::test(start_paused = true)]
async fn at_most_one_run_of_a_job_and_one_that_waits() {
    let began = Instant::now();
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    // Due at 10, 20, 30, …; each run takes 35 s.
    let id = scheduler
        .add(Job::every("slow", secs(10)).handler(diary.keeps(secs(35))))
        .unwrap();
    sleep(ms(10_001)).await;
    let ledger = scheduler.job_ledger(id).unwrap();
    assert_eq!(
        (ledger.due, ledger.ran, ledger.running, ledger.pending),
        (1, 1, 1, 0)
    );

    sleep(secs(10)).await;
    let ledger = scheduler.job_ledger(id).unwrap();
    assert_eq!(
        (ledger.due, ledger.ran, ledger.superseded, ledger.pending),
        (2, 1, 0, 1),
        "one is buffered"
    );

    sleep(secs(20)).await;
    let ledger = scheduler.job_ledger(id).unwrap();
    assert_eq!(
        (ledger.due, ledger.ran, ledger.superseded, ledger.pending),
        (4, 1, 2, 1),
        "the newest stays"
    );

    // The buffered one starts when the first ends, with the newest nominal and what it stands for.
    sleep(secs(10)).await;
    let second = diary.entries().last().cloned().unwrap();
    assert_eq!(
        (second.start - began, second.nominal, second.missed),
        (secs(45), secs(40), 2)
    );
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn superseded_occurrences_are_told_as_events() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    let mut events = scheduler.events();
    scheduler
        .add(Job::every("slow", secs(10)).handler(diary.keeps(secs(25))))
        .unwrap();
    sleep(secs(31)).await;
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::Superseded { job, by, count, .. } = event {
            told.push((job.to_string(), crate::since(by), count));
        }
    }
    assert_eq!(told, [("slow".to_owned(), secs(30), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_job_is_counted_as_skipped_and_goes_on_with_its_grid() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    let id = scheduler
        .add(Job::every("tick", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(15)).await;
    scheduler.pause(id).unwrap();
    scheduler.pause(id).unwrap();
    sleep(secs(30)).await;
    let ledger = scheduler.ledger();
    assert_eq!(
        (
            ledger.due,
            ledger.ran,
            ledger.skipped.get(&SkipReason::Paused)
        ),
        (4, 1, Some(&3))
    );
    assert!(ledger.balances());

    scheduler.resume(id).unwrap();
    sleep(secs(10)).await;
    let last = diary.entries().last().cloned().unwrap();
    assert_eq!((last.nominal, last.missed), (secs(50), 3));
}

#[tokio::test(start_paused = true)]
async fn pausing_skips_what_waits_and_lets_the_run_go_on() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    let id = scheduler
        .add(Job::every("slow", secs(10)).handler(diary.keeps(secs(25))))
        .unwrap();
    sleep(secs(21)).await;
    assert_eq!(scheduler.ledger().pending, 1);
    scheduler.pause(id).unwrap();
    let ledger = scheduler.ledger();
    assert_eq!(
        (
            ledger.pending,
            ledger.running,
            ledger.skipped.get(&SkipReason::Paused)
        ),
        (0, 1, Some(&1))
    );
    sleep(secs(15)).await;
    assert_eq!(scheduler.ledger().outcomes.ok, 1);
}

#[tokio::test(start_paused = true)]
async fn a_removed_job_is_due_no_more_and_its_run_ends_in_peace() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    let job = || Job::every("slow", secs(10)).source("garden");
    let id = scheduler.add(job().handler(diary.keeps(secs(25)))).unwrap();
    sleep(secs(21)).await;
    scheduler.remove(id).unwrap();
    assert!(scheduler.remove(id).is_err() && scheduler.find("slow").is_none());
    let again = scheduler.add(job().handler(diary.keeps(ms(0))));
    let name = "slow".into();
    assert_eq!(
        again,
        Err(AddError::Removing { name }),
        "its last run goes on"
    );
    // It is seen as long as it does.
    let jobs = scheduler.snapshot().jobs;
    let seen: Vec<_> = jobs
        .iter()
        .map(|job| (job.id, job.state, job.running, job.next))
        .collect();
    assert_eq!(seen, [(id, JobState::Removing, true, None)]);
    assert_eq!(scheduler.job(id).as_ref(), jobs.first());
    assert_eq!(scheduler.job_ledger(id).unwrap().running, 1);

    sleep(secs(100)).await;
    assert!(scheduler.jobs().is_empty() && scheduler.job(id).is_none());
    let ledger = scheduler.ledger();
    assert_eq!(
        (
            ledger.due,
            ledger.ran,
            ledger.skipped.get(&SkipReason::Removed)
        ),
        (2, 1, Some(&1))
    );
    assert_eq!((ledger.outcomes.ok, scheduler.history().len()), (1, 1));
    assert!(ledger.balances() && scheduler.source_ledgers().is_empty());
    scheduler.add(job().handler(diary.keeps(ms(0)))).unwrap();
}

#[tokio::test(start_paused = true)]
async fn jobs_and_groups_have_ledgers_of_their_own() {
    let (scheduler, diary) = (crate::builder().start(), Diary::default());
    let herbs = scheduler
        .add(
            Job::every("herbs", secs(10))
                .source("garden")
                .handler(diary.keeps(ms(0))),
        )
        .unwrap();
    scheduler
        .add(
            Job::every("roses", secs(20))
                .source("garden")
                .handler(diary.keeps(ms(0))),
        )
        .unwrap();
    scheduler
        .add(Job::every("dishes", secs(30)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(61)).await;
    assert_eq!(scheduler.job_ledger(herbs).unwrap().ran, 6);
    assert_eq!(scheduler.source_ledger("garden").unwrap().ran, 9);
    assert_eq!(scheduler.ledger().ran, 11);
    let jobs = scheduler.jobs();
    let rows: Vec<_> = jobs
        .iter()
        .map(|job| {
            (
                &*job.name,
                job.sources.first().map(|name| &**name),
                job.ledger.ran,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("herbs", Some("garden"), 6),
            ("roses", Some("garden"), 3),
            ("dishes", None, 2)
        ]
    );
}
