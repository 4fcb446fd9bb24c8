//! Jobs that are refused, with the reason.

use robust_scheduler::{AddError, Job, JobBuilder, Scheduler};

use crate::{ms, once, secs};

fn refused(scheduler: &Scheduler, job: JobBuilder) -> AddError {
    scheduler
        .add(job.handler(|_| async { Ok(()) }))
        .unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_job_that_makes_no_sense_is_refused_and_changes_nothing() {
    let scheduler = crate::builder().max_jobs(2).start();
    let period = std::time::Duration::from_micros(999);
    let cases = [
        (Job::every("", secs(1)), AddError::NoName),
        (
            Job::every("a", period),
            AddError::PeriodTooShort {
                period,
                least: ms(1),
            },
        ),
        (
            Job::every("a", secs(0)),
            AddError::PeriodTooShort {
                period: secs(0),
                least: ms(1),
            },
        ),
        (once("a").priority(0), AddError::Priority { priority: 0 }),
        (once("a").priority(6), AddError::Priority { priority: 6 }),
        (once("a").timeout(secs(0)), AddError::NoTime),
    ];
    for (job, expected) in cases {
        assert_eq!(refused(&scheduler, job), expected);
    }
    assert!(scheduler.jobs().is_empty());
    assert_eq!(scheduler.ledger(), robust_scheduler::Ledger::default());

    scheduler
        .add(once("a").handler(|_| async { Ok(()) }))
        .unwrap();
    assert_eq!(
        refused(&scheduler, once("a")),
        AddError::Duplicate { name: "a".into() }
    );
    scheduler
        .add(once("b").handler(|_| async { Ok(()) }))
        .unwrap();
    assert_eq!(refused(&scheduler, once("c")), AddError::Full { limit: 2 });
    assert_eq!(
        refused(&scheduler, once("a")).to_string(),
        "there is already a job named \"a\""
    );
}

#[tokio::test(start_paused = true)]
async fn a_period_past_the_end_of_time_is_taken_and_never_due() {
    let scheduler = crate::builder().start();
    let job = Job::every("never", std::time::Duration::MAX).timeout(std::time::Duration::MAX);
    let id = scheduler
        .add(job.run_at_start(true).handler(|_| async { Ok(()) }))
        .unwrap();
    tokio::time::sleep(secs(86_400)).await;
    let status = scheduler.job(id).unwrap();
    assert_eq!(
        (status.next, status.ledger.due, status.ledger.ran),
        (None, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_added_while_the_scheduler_stops() {
    let scheduler = crate::builder().start();
    scheduler.shutdown(secs(0)).await;
    assert_eq!(refused(&scheduler, once("a")), AddError::ShutDown);
}
