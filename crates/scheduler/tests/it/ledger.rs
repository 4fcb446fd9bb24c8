//! The ledger closes at every event, whatever the jobs do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use robust_scheduler::{Job, Ledger, Run, RunError, Scheduler};
use tokio::time::sleep;

use crate::ms;

/// What a handler does.
#[derive(Debug, Clone, Copy)]
enum Temper {
    Quick,
    Slow(u64),
    Failing(u64),
    Panicking(u64),
    Hanging,
}

async fn act(temper: Temper, run: Run) -> Result<(), RunError> {
    match temper {
        Temper::Quick => Ok(()),
        Temper::Slow(takes) => {
            sleep(ms(takes)).await;
            Ok(())
        }
        Temper::Failing(takes) => {
            sleep(ms(takes)).await;
            Err(RunError::new("no water"))
        }
        Temper::Panicking(takes) => {
            sleep(ms(takes)).await;
            std::panic::resume_unwind(Box::new("the hose burst"))
        }
        Temper::Hanging => {
            run.cancel.cancelled().await;
            Ok(())
        }
    }
}

/// A job of any kind.
#[derive(Debug, Clone)]
struct Chore {
    period: u64,
    priority: u8,
    run_at_start: bool,
    deadline: Option<u64>,
    group: Option<u8>,
    temper: Temper,
}

fn chores() -> impl Strategy<Value = Vec<Chore>> {
    let temper = prop_oneof![
        Just(Temper::Quick),
        (1_u64..3_000).prop_map(Temper::Slow),
        (0_u64..1_000).prop_map(Temper::Failing),
        (0_u64..1_000).prop_map(Temper::Panicking),
        Just(Temper::Hanging),
    ];
    let chore = (
        50_u64..2_000,
        1_u8..=5,
        any::<bool>(),
        proptest::option::of(1_u64..2_000),
        proptest::option::of(0_u8..2),
        temper,
    )
        .prop_map(
            |(period, priority, run_at_start, deadline, group, temper)| Chore {
                period,
                priority,
                run_at_start,
                deadline,
                group,
                temper,
            },
        );
    proptest::collection::vec(chore, 1..12)
}

/// All ledgers close, and the jobs' add up to the groups' and to the whole.
fn closes(scheduler: &Scheduler) -> Ledger {
    // Taken apart, these would be of different instants for the runtime, but not for the paused clock.
    let (jobs, groups, total) = (
        scheduler.jobs(),
        scheduler.source_ledgers(),
        scheduler.ledger(),
    );
    assert!(total.balances(), "{total:?}");
    assert!(
        jobs.iter()
            .all(|job| job.ledger.balances() && job.ledger.pending <= 1),
        "{jobs:?}"
    );
    assert_eq!(
        jobs.iter().map(|job| job.ledger.due).sum::<u64>(),
        total.due
    );
    assert_eq!(
        jobs.iter().map(|job| job.ledger.ran).sum::<u64>(),
        total.ran
    );
    for (name, group) in &groups {
        let of = jobs
            .iter()
            .filter(|job| job.sources.first() == Some(name))
            .map(|job| job.ledger.due)
            .sum::<u64>();
        assert!(group.balances() && group.due == of, "{name}: {group:?}");
    }
    total
}

async fn check(chores: Vec<Chore>, max_in_flight: usize, stall: u64, grace: u64) {
    let scheduler = crate::builder()
        .max_in_flight(max_in_flight)
        .history(20)
        .cancel_grace(ms(50))
        .start();
    let seen = Arc::new(AtomicU64::new(0));
    for (n, chore) in chores.iter().enumerate() {
        let (temper, seen) = (chore.temper, Arc::clone(&seen));
        let mut job = Job::every(format!("chore {n}"), ms(chore.period))
            .priority(chore.priority)
            .run_at_start(chore.run_at_start)
            .useful_for(chore.deadline.map(ms))
            .timeout(chore.deadline.map(ms));
        if let Some(group) = chore.group {
            job = job.source(format!("group {group}"));
        }
        let job = job.handler(move |run| {
            seen.fetch_add(1, Ordering::SeqCst);
            act(temper, run)
        });
        scheduler.add(job).unwrap();
    }
    let mut events = scheduler.events();
    let watch = async {
        // At every event, and what is due by the clock alone.
        let mut heard = 0_u64;
        while events.recv().await.is_ok() {
            heard += 1;
            closes(&scheduler);
        }
        heard
    };
    let run = async {
        sleep(ms(4_321)).await;
        tokio::time::advance(ms(stall)).await;
        closes(&scheduler);
        sleep(ms(1_234)).await;
        let before = closes(&scheduler);
        assert!(before.running <= max_in_flight as u64);
        let report = scheduler.shutdown(ms(grace)).await;
        let after = closes(&scheduler);
        assert_eq!((after.pending, after.running), (0, 0));
        assert_eq!(after.due, before.due);
        assert_eq!(report.never_started, before.pending);
        assert_eq!(
            report.completed + report.cancelled + report.aborted,
            before.running
        );
        after
    };
    let after = tokio::select! {
        after = run => after,
        heard = watch => panic!("the events ended after {heard}"),
    };
    // What ran by the ledger is what the handlers saw, less the runs that were aborted before
    // their first turn.
    let seen = seen.load(Ordering::SeqCst);
    assert!(
        seen <= after.ran && after.ran - seen <= after.outcomes.cancelled,
        "{seen} of {after:?}"
    );
    // By the clock alone: nothing that came due was forgotten.
    let until = Duration::from_millis(4_321 + stall + 1_234);
    let due: u128 = chores
        .iter()
        .map(|chore| until.as_millis() / u128::from(chore.period) + u128::from(chore.run_at_start))
        .sum();
    assert_eq!(u128::from(after.due), due);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_ledger_closes_at_every_event_whatever_the_jobs_do(
        chores in chores(), max_in_flight in 1_usize..6, stall in 0_u64..10_000, grace in 0_u64..1_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(chores, max_in_flight, stall, grace));
    }
}
