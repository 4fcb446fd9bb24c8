//! Jobs that wait for jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use robust_scheduler::{
    AddError, Dependents, Failures, Job, JobBuilder, JobState, Measured, OnFailure, Phase,
    RemoveError, RunError, Scheduler, SkipReason, Source, Trigger, Upstream,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, builder, ms, once, secs};

fn minutes(every: u64, name: &str) -> JobBuilder {
    Job::every(name, secs(60 * every)).failures(Failures::IGNORED)
}

/// Fails as long as it is told to.
fn failing(job: JobBuilder, diary: &Diary, takes: Duration) -> (Job, Arc<AtomicBool>) {
    let down = Arc::new(AtomicBool::new(true));
    let (keep, state) = (diary.keeps(takes), Arc::clone(&down));
    let job = job.handler(move |run| {
        let (work, state) = (keep(run), Arc::clone(&state));
        async move {
            work.await?;
            if state.load(Ordering::SeqCst) {
                Err(RunError::new("down"))
            } else {
                Ok(())
            }
        }
    });
    (job, down)
}

#[tokio::test(start_paused = true)]
async fn a_job_goes_with_the_latest_moment_of_the_other_that_is_not_later() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    // Due in the same instant as the prices, and added first: it waits all the same.
    let report = minutes(1, "report").after(Upstream::success_of("prices"));
    let jobs = [
        report.handler(diary.keeps(ms(0))),
        minutes(2, "prices").handler(diary.keeps(secs(5))),
    ];
    scheduler.add_all(jobs).unwrap();
    sleep(secs(5 * 60 + 1)).await;
    let seconds: Vec<_> = diary
        .starts("report", began)
        .iter()
        .map(|start| start / 1_000)
        .collect();
    // The first minute knows no prices; 2 and 4 wait five seconds for theirs; 3 and 5 take those of 2 and 4.
    assert_eq!(seconds, [125, 180, 245, 300]);
    let ledger = scheduler
        .job_ledger(scheduler.find("report").unwrap())
        .unwrap();
    assert_eq!(ledger.skipped[&SkipReason::UpstreamDown], 1);
    assert!(ledger.balances());
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_other_skips_runs_or_waits_by_policy() {
    for (policy, expected) in [
        (OnFailure::Skip, 0),
        (OnFailure::Run, 1),
        (OnFailure::Wait, 0),
    ] {
        let (scheduler, diary) = (builder().start(), Diary::default());
        let (prices, down) = failing(minutes(1, "prices"), &diary, secs(1));
        scheduler.add(prices).unwrap();
        let after = Upstream::success_of("prices")
            .on_failure(policy)
            .wait_max(secs(90));
        let job = minutes(10, "report").run_at_start(false).after(after);
        let id = scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
        sleep(secs(602)).await;
        let ran = |diary: &Diary| {
            diary
                .names()
                .iter()
                .filter(|name| *name == "report")
                .count()
        };
        assert_eq!(ran(&diary), expected, "{policy:?}");
        let state = scheduler.job(id).unwrap().state;
        assert_eq!(
            state == JobState::WaitingDeps,
            policy == OnFailure::Wait,
            "{policy:?}"
        );
        let reason = scheduler.job_ledger(id).unwrap().skipped;
        assert_eq!(
            reason.contains_key(&SkipReason::UpstreamFailed),
            policy == OnFailure::Skip
        );
        down.store(false, Ordering::SeqCst);
        sleep(secs(61)).await;
        assert_eq!(
            ran(&diary),
            usize::from(policy != OnFailure::Skip),
            "{policy:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn patience_ends_with_its_limit_or_with_the_next_moment() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let (stale, stale_id) = (
        minutes(1, "prices").handler(diary.keeps(secs(10_000))),
        "report",
    );
    scheduler.add(stale).unwrap();
    let limited = minutes(100, "limited").run_at_start(true).after(
        Upstream::success_of("prices")
            .on_failure(OnFailure::Wait)
            .wait_max(secs(30)),
    );
    let report = minutes(2, stale_id).after(Upstream::success_of("prices"));
    sleep(secs(61)).await;
    let report = scheduler.add(report.handler(diary.keeps(ms(0)))).unwrap();
    let limited = scheduler.add(limited.handler(diary.keeps(ms(0)))).unwrap();
    sleep(secs(31)).await;
    let skipped = |id| {
        scheduler
            .job_ledger(id)
            .unwrap()
            .skipped
            .get(&SkipReason::DepTimeout)
            .copied()
    };
    assert_eq!(skipped(limited), Some(1));
    sleep(secs(400)).await;
    assert_eq!(
        skipped(report),
        Some(2),
        "each gave way to the next that waits"
    );
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn fresh_enough_is_not_waited_for_and_missing_may_be_allowed() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    scheduler
        .add(minutes(1, "prices").handler(diary.keeps(secs(20))))
        .unwrap();
    let fresh = minutes(2, "fresh").after(Upstream::fresh("prices", secs(90)));
    scheduler.add(fresh.handler(diary.keeps(ms(0)))).unwrap();
    let lenient = once("lenient").after(Upstream::success_of("later").pending().allow_missing());
    scheduler.add(lenient.handler(diary.keeps(ms(0)))).unwrap();
    sleep(secs(241)).await;
    assert_eq!(diary.starts("lenient", began), [0]);
    assert_eq!(
        diary.starts("fresh", began),
        [120_000, 240_000],
        "the prices of a minute ago will do"
    );
}

#[tokio::test(start_paused = true)]
async fn on_success_follows_the_slowest_of_all_and_coalesces() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    scheduler
        .add(minutes(1, "fast").handler(diary.keeps(ms(0))))
        .unwrap();
    scheduler
        .add(minutes(2, "slow").handler(diary.keeps(secs(10))))
        .unwrap();
    let both = Job::on_success("both", ["fast", "slow"]).handler(diary.keeps(ms(0)));
    scheduler.add(both).unwrap();
    let each = Job::on_success("each", ["fast"]).handler(diary.keeps(secs(150)));
    scheduler.add(each).unwrap();
    sleep(secs(6 * 60 + 30)).await;
    assert_eq!(diary.starts("both", began), [130_000, 250_000, 370_000]);
    let entries = diary
        .entries()
        .into_iter()
        .filter(|entry| entry.job == "both");
    let nominals: Vec<_> = entries.map(|entry| entry.nominal.as_secs()).collect();
    assert_eq!(nominals, [120, 240, 360]);
    let seconds: Vec<_> = diary
        .starts("each", began)
        .iter()
        .map(|start| start / 1_000)
        .collect();
    assert_eq!(seconds, [60, 210, 360], "it coalesces while it runs");
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_group_never_runs_together_and_starves_nobody() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    for name in ["a", "b", "c"] {
        let job = Job::every(name, secs(1)).exclusive("hose").source(name);
        scheduler.add(job.handler(diary.keeps(ms(700)))).unwrap();
    }
    sleep(secs(100)).await;
    let entries = diary.entries();
    let apart = entries
        .windows(2)
        .all(|pair| pair[1].start - pair[0].start >= ms(700));
    assert!(apart);
    for name in ["a", "b", "c"] {
        let runs = diary.names().iter().filter(|ran| *ran == name).count();
        assert!(runs >= 40, "{name}: {runs}");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_urgent_who_waits_lends_its_priority() {
    let (scheduler, diary) = (builder().max_in_flight(1).start(), Diary::default());
    scheduler
        .add(once("blocker").handler(diary.keeps(secs(20))))
        .unwrap();
    sleep(secs(1)).await;
    let prices = once("prices").priority(5);
    scheduler.add(prices.handler(diary.keeps(ms(10)))).unwrap();
    scheduler
        .add(once("middle").priority(3).handler(diary.keeps(ms(10))))
        .unwrap();
    let urgent = once("urgent")
        .priority(1)
        .after(Upstream::success_of("prices"));
    scheduler.add(urgent.handler(diary.keeps(ms(10)))).unwrap();
    sleep(secs(30)).await;
    assert_eq!(diary.names(), ["blocker", "prices", "urgent", "middle"]);
}

#[tokio::test(start_paused = true)]
async fn circles_and_unknown_jobs_are_refused_with_the_path() {
    let scheduler = builder().start();
    let job = |name: &str, after: &[&str]| {
        let job = after.iter().fold(Job::every(name, secs(60)), |job, after| {
            job.after(Upstream::success_of(*after))
        });
        job.handler(|_| async { Ok(()) })
    };
    let path = |error: AddError| match error {
        AddError::Circle { path } => path.join(" "),
        other => other.to_string(),
    };
    assert_eq!(path(scheduler.add(job("a", &["a"])).unwrap_err()), "a a");
    let refused = scheduler.add_all([job("a", &["b"]), job("b", &["c"]), job("c", &["a"])]);
    assert_eq!(path(refused.unwrap_err().1), "a b c a");
    assert!(path(scheduler.add(job("a", &["nobody"])).unwrap_err()).contains("which is not there"));
    scheduler
        .add_all([job("b", &["a"]), job("a", &[])])
        .unwrap();
    let a = scheduler.find("a").unwrap();
    let closing = scheduler.update(a, |job| job.after(Upstream::success_of("b")));
    assert_eq!(path(closing.unwrap_err()), "a b a");
    let follows = Job::on_success("c", ["b"]).handler(|_| async { Ok(()) });
    scheduler.add(follows).unwrap();
    let closing = scheduler.update(a, |job| job.after(Upstream::fresh("c", secs(1))));
    assert_eq!(path(closing.unwrap_err()), "a c b a");
}

#[tokio::test(start_paused = true)]
async fn a_source_stays_when_its_only_job_comes_at_another_rate() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let quick = |name: &str, every| Job::every(name, secs(every)).handler(|_| async { Ok(()) });
    let both = Job::on_success("both", ["one", "other"]).source("garden");
    // The others come behind it, and each tells it how often they do.
    let jobs = [
        both.handler(diary.keeps(ms(0))),
        quick("one", 10),
        quick("other", 20),
    ];
    let ids = scheduler.add_all(jobs).unwrap();
    let named = || {
        let sources = scheduler.sources().into_iter();
        sources
            .map(|source| (source.name.to_string(), source.jobs))
            .collect::<Vec<_>>()
    };
    assert_eq!(named(), [("garden".to_owned(), 1)]);
    let rarer = Trigger::Every {
        period: secs(30),
        phase: Phase::Added,
        from: Measured::Start,
    };
    scheduler.update(ids[2], |job| job.trigger(rarer)).unwrap();
    assert_eq!(named(), [("garden".to_owned(), 1)]);
    scheduler.remove_with(ids[2], Dependents::Detach).unwrap();
    assert_eq!(named(), [("garden".to_owned(), 1)]);
    sleep(secs(15)).await;
    assert_eq!(scheduler.source_ledger("garden").unwrap().ran, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_detached_from_all_that_it_comes_by() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let quiet = |every, name: &str| Job::every(name, secs(every)).handler(diary.keeps(ms(0)));
    let first = scheduler.add(quiet(10, "first")).unwrap();
    let follows = Job::on_success("follows", ["first"]).after(Upstream::success_of("first"));
    let follows = scheduler.add(follows.handler(diary.keeps(ms(0)))).unwrap();
    let jobs = vec![Arc::from("follows")];
    let refused = scheduler.remove_with(first, Dependents::Detach);
    assert_eq!(refused, Err(RemoveError::Stranded { jobs }));
    // Disabling is not for ever: it goes on following when that is over.
    scheduler.disable(first, Dependents::Detach).unwrap();
    scheduler.enable(first).unwrap();
    scheduler.update(follows, |job| job.priority(1)).unwrap();
    sleep(ms(10_001)).await;
    assert_eq!(diary.names(), ["first", "follows"]);
    // With another trigger it may be left alone.
    let every = Trigger::Every {
        period: secs(100),
        phase: Phase::Added,
        from: Measured::Start,
    };
    scheduler.update(follows, |job| job.trigger(every)).unwrap();
    scheduler.remove_with(first, Dependents::Detach).unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_is_detached_from_the_last_that_was_missing_comes_due() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let source = Source::new("garden").budget(60, secs(60));
    scheduler.source(source);
    let quick = once("quick").handler(|_| async { Ok(()) });
    let slow = Job::every("slow", secs(86_400)).handler(|_| async { Ok(()) });
    let both = Job::on_success("both", ["quick", "slow"]).source("garden");
    let [_, slow, both] = scheduler
        .add_all([quick, slow, both.handler(diary.keeps(ms(0)))])
        .unwrap()[..]
    else {
        panic!("three");
    };
    sleep(secs(10)).await;
    assert!(diary.entries().is_empty());
    scheduler.remove_with(slow, Dependents::Detach).unwrap();
    sleep(ms(1)).await;
    assert_eq!(diary.names(), ["both"]);
    assert!(scheduler.job_ledger(both).unwrap().balances());
}

#[tokio::test(start_paused = true)]
async fn removing_what_others_wait_for_is_for_the_caller_to_decide() {
    let added = || {
        let scheduler = builder().start();
        let job = |name: &str| Job::every(name, secs(60));
        let none = |job: JobBuilder| job.handler(|_| async { Ok(()) });
        let jobs = [
            none(job("a")),
            none(job("b").after(Upstream::success_of("a"))),
            none(job("c").after(Upstream::success_of("b"))),
        ];
        scheduler.add_all(jobs).unwrap();
        scheduler
    };
    let names = |scheduler: &Scheduler| {
        scheduler
            .jobs()
            .iter()
            .map(|job| job.name.to_string())
            .collect::<Vec<_>>()
    };
    let scheduler = added();
    let a = scheduler.find("a").unwrap();
    assert_eq!(
        scheduler.remove(a),
        Err(RemoveError::Awaited {
            jobs: vec!["b".into()]
        })
    );
    assert!(scheduler.disable(a, Dependents::Refuse).is_err());
    scheduler.remove_with(a, Dependents::Detach).unwrap();
    assert_eq!(names(&scheduler), ["b", "c"]);
    sleep(secs(61)).await;
    assert_eq!(scheduler.ledger().outcomes.ok, 2);
    let scheduler = added();
    scheduler
        .remove_with(scheduler.find("a").unwrap(), Dependents::Cascade)
        .unwrap();
    assert!(scheduler.jobs().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_quarantined_upstream_is_never_waited_for_in_silence() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let prices = Job::every("prices", secs(60)).failures(Failures::default().backoff(secs(6_000)));
    let prices = prices.handler(|_| async { Err(RunError::permanent("no such symbol")) });
    scheduler.add(prices).unwrap();
    let report = minutes(1, "report").after(Upstream::success_of("prices"));
    let id = scheduler.add(report.handler(diary.keeps(ms(0)))).unwrap();
    sleep(secs(301)).await;
    let ledger = scheduler.job_ledger(id).unwrap();
    assert_eq!((ledger.pending, ledger.ran), (0, 0));
    assert!(ledger.skipped[&SkipReason::UpstreamDown] >= 4, "{ledger:?}");
}

/// Jobs that each wait for some of those before them, over a time in which some fail.
async fn run(edges: Vec<Vec<usize>>, takes: Vec<u64>, fails: Vec<bool>) {
    let (scheduler, diary) = (builder().max_in_flight(4).start(), Diary::default());
    let done = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut jobs = Vec::new();
    for (n, after) in edges.iter().enumerate() {
        let mut job = minutes(1, &format!("job {n}"));
        for other in after {
            job = job.after(Upstream::success_of(format!("job {other}")));
        }
        let (keep, done, fails) = (diary.keeps(ms(takes[n])), Arc::clone(&done), fails[n]);
        jobs.push(job.handler(move |run| {
            let (nominal, work, done) = (run.nominal, keep(run), Arc::clone(&done));
            async move {
                work.await?;
                if fails {
                    return Err(RunError::new("down"));
                }
                done.lock().unwrap().push((n, nominal));
                Ok(())
            }
        }));
    }
    // The last first: the order of adding says nothing.
    jobs.reverse();
    scheduler.add_all(jobs).unwrap();
    sleep(secs(60 * 5 + 50)).await;
    assert!(scheduler.ledger().balances());
    let done = done.lock().unwrap();
    let mut blocked = vec![false; edges.len()];
    for (n, after) in edges.iter().enumerate() {
        blocked[n] = after.iter().any(|other| fails[*other] || blocked[*other]);
        let id = scheduler.find(&format!("job {n}")).unwrap();
        let ledger = scheduler.job_ledger(id).unwrap();
        assert_eq!(
            ledger.ran,
            if blocked[n] { 0 } else { 5 },
            "job {n}: {ledger:?}"
        );
        assert_eq!((ledger.due, ledger.pending), (5, 0));
    }
    // Whoever ran had all of theirs before, for the same moment.
    for (position, (n, nominal)) in done.iter().enumerate() {
        for other in &edges[*n] {
            assert!(
                done[..position].contains(&(*other, *nominal)),
                "{n} before {other}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn over_any_graph_everybody_runs_after_theirs_or_says_why_not(
        graph in proptest::collection::vec((proptest::collection::vec(any::<proptest::sample::Index>(), 0..3), 0_u64..3_000, proptest::bool::weighted(0.15)), 1..9),
    ) {
        let edges = graph.iter().enumerate().map(|(n, (after, ..))| {
            let mut after: Vec<usize> = after.iter().filter(|_| n > 0).map(|index| index.index(n)).collect();
            after.sort_unstable();
            after.dedup();
            after
        });
        let (edges, takes) = (edges.collect(), graph.iter().map(|(_, takes, _)| *takes).collect());
        let fails = graph.iter().map(|(.., fails)| *fails).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(edges, takes, fails));
    }
}
