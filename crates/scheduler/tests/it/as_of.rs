//! Which moment of the other job is meant, and what becomes of it.

use std::sync::atomic::{AtomicU64, Ordering};

use robust_scheduler::{
    Cron, Failures, Job, JobBuilder, JobState, OnFailure, Overlap, RunError, SkipReason, Upstream,
};
use tokio::time::sleep;

use crate::{Diary, builder, ms, once, secs, since};

fn nominals(diary: &Diary, name: &str) -> Vec<u64> {
    let entries = diary.entries().into_iter();
    let entries = entries.filter(|entry| entry.job == name);
    entries.map(|entry| entry.nominal.as_secs()).collect()
}

/// Fails for these of its moments.
fn failing_at(job: JobBuilder, moments: &'static [u64], diary: &Diary) -> Job {
    let keeps = diary.keeps(ms(0));
    job.failures(Failures::IGNORED).handler(move |run| {
        let fails = moments.contains(&since(run.nominal).as_secs());
        let work = keeps(run);
        async move {
            work.await?;
            if fails {
                return Err(RunError::new("down"));
            }
            Ok(())
        }
    })
}

/// A report each minute and a half. That of 90 waits behind that of 0 until 125.
fn report(diary: &Diary) -> Job {
    let (runs, keeps) = (AtomicU64::new(0), diary.keeps(ms(0)));
    let job = Job::every("report", secs(90)).run_at_start(true);
    let prices = Upstream::success_of("prices").allow_missing();
    job.after(prices).handler(move |run| {
        let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
        let work = keeps(run);
        async move {
            work.await?;
            sleep(secs(if first { 125 } else { 0 })).await;
            Ok(())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn what_the_other_did_for_later_moments_does_not_harm_an_earlier_one() {
    let minutely = || Cron::parse("* * * * *").unwrap();
    let kinds: [fn(Cron) -> JobBuilder; 3] = [
        |_| Job::every("prices", secs(60)),
        |cron| Job::cron("prices", cron),
        // Its moments lie on no grid.
        |_| Job::on_success("prices", ["market"]),
    ];
    for (nth, prices) in kinds.into_iter().enumerate() {
        for (fails, runs) in [
            (&[120][..], true),
            // What is newer is as good.
            (&[60][..], true),
            (&[60, 120][..], false),
        ] {
            let (scheduler, diary) = (builder().start(), Diary::default());
            let market = Job::every("market", secs(60)).handler(diary.keeps(ms(0)));
            scheduler.add(market).unwrap();
            let prices = failing_at(prices(minutely()), fails, &diary);
            scheduler.add(prices).unwrap();
            let id = scheduler.add(report(&diary)).unwrap();
            sleep(secs(130)).await;
            let skipped = scheduler.job_ledger(id).unwrap().skipped;
            let message = format!("kind {nth}, {fails:?} failed: {skipped:?}");
            assert_eq!(nominals(&diary, "report").contains(&90), runs, "{message}");
            let failed = skipped.get(&SkipReason::UpstreamFailed).copied();
            assert_eq!(failed, (!runs).then_some(1), "{message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_other_skips_while_it_runs_is_not_how_its_run_ended() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    // That of 60 runs until 200; that of 120 and 180 find it running.
    let prices = Job::every("prices", secs(60)).overlap(Overlap::Skip);
    scheduler
        .add(prices.handler(diary.keeps(secs(140))))
        .unwrap();
    let report = Job::at("report", crate::base() + secs(60));
    let report = report.after(Upstream::success_of("prices"));
    let id = scheduler.add(report.handler(diary.keeps(ms(0)))).unwrap();
    sleep(secs(190)).await;
    assert_eq!(scheduler.job(id).unwrap().state, JobState::WaitingDeps);
    sleep(secs(20)).await;
    assert_eq!(nominals(&diary, "report"), [60]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_next_success_of_a_job_without_a_moment_has_it_with_the_first() {
    // Added 20 s ago, or to be added in 20 s.
    for there in [true, false] {
        let (scheduler, diary) = (builder().start(), Diary::default());
        let prices = || Job::every("prices", secs(60)).handler(diary.keeps(ms(0)));
        if there {
            scheduler.add(prices()).unwrap();
            sleep(secs(20)).await;
        }
        let upstream = Upstream::success_of("prices").pending();
        let report = once("report").after(upstream.on_failure(OnFailure::Wait));
        let id = scheduler.add(report.handler(diary.keeps(ms(0)))).unwrap();
        sleep(secs(20)).await;
        if !there {
            scheduler.add(prices()).unwrap();
        }
        assert_eq!(scheduler.job(id).unwrap().state, JobState::WaitingDeps);
        sleep(secs(61)).await;
        assert_eq!(nominals(&diary, "report").len(), 1, "there {there}");
    }
}
