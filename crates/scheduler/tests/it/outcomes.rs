//! How runs end, and how that is remembered.

use robust_scheduler::{Event, Failures, Job, Outcome, RunError};
use tokio::time::{Instant, sleep};

use crate::{Diary, ms, once, secs, since};

/// Panics without the noise of the panic hook.
fn burst() -> ! {
    std::panic::resume_unwind(Box::new("the hose burst"))
}

#[derive(Debug, thiserror::Error)]
#[error("the tap is closed")]
struct Tap;

#[derive(Debug, thiserror::Error)]
#[error("no water")]
struct NoWater(#[source] Tap);

#[tokio::test(start_paused = true)]
async fn every_way_to_end_is_an_outcome_and_none_harms_the_others() {
    let scheduler = crate::builder().start();
    scheduler
        .add(once("ok").handler(|_| async { Ok(()) }))
        .unwrap();
    scheduler
        .add(once("failed").handler(|_| async { Err(NoWater(Tap))? }))
        .unwrap();
    scheduler
        .add(once("panicked").handler(|_| async { burst() }))
        .unwrap();
    let closure = |_| -> std::future::Ready<Result<(), RunError>> { burst() };
    scheduler
        .add(once("panicked in the closure").handler(closure))
        .unwrap();
    scheduler
        .add(
            once("timed out")
                .timeout(secs(3))
                .handler(|_| std::future::pending()),
        )
        .unwrap();
    sleep(secs(4)).await;

    let history = scheduler.history();
    let ends: Vec<_> = history
        .iter()
        .map(|record| (&*record.job, record.outcome.clone()))
        .collect();
    let failed = Outcome::Failed("no water: the tap is closed".into());
    assert_eq!(
        ends,
        [
            ("ok", Outcome::Ok),
            ("failed", failed),
            ("panicked", Outcome::Panicked),
            ("panicked in the closure", Outcome::Panicked),
            ("timed out", Outcome::TimedOut),
        ]
    );
    let last = history.last().unwrap();
    assert_eq!(
        (
            since(last.nominal),
            since(last.start),
            last.ran_for(),
            last.lag()
        ),
        (ms(0), ms(0), secs(3), ms(0))
    );
    let ledger = scheduler.ledger();
    let ends = ledger.outcomes;
    assert_eq!(
        (
            ends.ok,
            ends.failed,
            ends.panicked,
            ends.timed_out,
            ends.cancelled
        ),
        (1, 1, 2, 1, 0)
    );
    assert!(ledger.balances());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_panics_every_time_comes_due_every_time() {
    let scheduler = crate::builder().max_in_flight(1).start();
    let id = scheduler
        .add(
            Job::every("bad", secs(1))
                .failures(Failures::IGNORED)
                .handler(|_| async { burst() }),
        )
        .unwrap();
    sleep(ms(10_500)).await;
    let ledger = scheduler.job_ledger(id).unwrap();
    assert_eq!(
        (ledger.ran, ledger.outcomes.panicked, ledger.running),
        (10, 10, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_hangs_until_its_deadline_gives_its_place_back() {
    let (scheduler, diary) = (crate::builder().max_in_flight(1).start(), Diary::default());
    scheduler
        .add(
            once("hangs")
                .timeout(secs(5))
                .handler(|_| std::future::pending()),
        )
        .unwrap();
    scheduler
        .add(once("waits").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(6)).await;
    assert_eq!(diary.names(), ["waits"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_its_deadline() {
    let (scheduler, began) = (crate::builder().start(), Instant::now());
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let job = once("a").timeout(Some(secs(5))).handler(move |run| {
        let tell = tell.clone();
        async move {
            tell.send(run.deadline).await?;
            Ok(())
        }
    });
    scheduler.add(job).unwrap();
    assert_eq!(told.recv().await.flatten(), Some(began + secs(5)));
}

#[test]
fn an_error_text_is_bounded_and_never_cut_inside_a_character() {
    let error = RunError::new("é".repeat(200));
    assert_eq!(error.text().len(), 256);
    let odd = RunError::new(format!("x{}", "é".repeat(200)));
    assert_eq!(odd.text().len(), 255);
    assert_eq!(RunError::new("short").to_string(), "short");
}

#[tokio::test(start_paused = true)]
async fn the_history_holds_exactly_the_last_thousand() {
    let scheduler = crate::builder().start();
    scheduler
        .add(Job::every("tick", secs(1)).handler(|_| async { Ok(()) }))
        .unwrap();
    sleep(ms(999_500)).await;
    assert_eq!(scheduler.history().len(), 999);
    sleep(secs(501)).await;
    let history = scheduler.history();
    assert_eq!(history.len(), 1_000);
    let nominals: Vec<_> = history
        .iter()
        .map(|record| since(record.nominal).as_secs())
        .collect();
    assert_eq!(nominals, (501..=1_500).collect::<Vec<_>>());
    assert_eq!(scheduler.ledger().ran, 1_500);
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_life_of_a_job_in_order_and_count_what_a_slow_listener_lost() {
    let scheduler = crate::builder().events(4).start();
    let mut events = scheduler.events();
    let id = scheduler
        .add(Job::every("tick", secs(1)).handler(|_| async { Ok(()) }))
        .unwrap();
    let name = |event: &Event| match event {
        Event::Added { job } => format!("added {job}"),
        Event::Started { job, .. } => format!("started {job}"),
        Event::Ended(record) => format!("ended {}", record.job),
        Event::Removed { job } => format!("removed {job}"),
        other => format!("{other:?}"),
    };
    sleep(ms(1_500)).await;
    scheduler.remove(id).unwrap();
    for expected in ["added tick", "started tick", "ended tick", "removed tick"] {
        assert_eq!(name(&events.recv().await.unwrap()), expected);
    }
    scheduler
        .add(Job::every("more", secs(1)).handler(|_| async { Ok(()) }))
        .unwrap();
    sleep(ms(10_500)).await;
    let lagged = events.recv().await;
    assert_eq!(
        lagged,
        Err(tokio::sync::broadcast::error::RecvError::Lagged(17))
    );
    assert_eq!(scheduler.ledger().ran, 11, "a lost event loses no run");
}
