//! Retries stay a share of the requests.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use robust_backoff::{Budget, Exponential, Jitter, Policy, Stats};
use tower::{Service, ServiceExt, retry::Retry};

use crate::server::{Ask, Fault, Judge, OVERLOADED, Server};

const MILLI: Duration = Duration::from_millis(1);

fn policy(budget: &Budget) -> Policy<Judge> {
    Policy::builder(Exponential::new(MILLI, MILLI).jitter(Jitter::None), Judge)
        .max_retries(1)
        .budget(budget.clone())
        .build()
}

#[tokio::test(start_paused = true)]
async fn the_ratio_holds_within_one_percent() {
    for ratio in [0.05, 0.1, 0.2, 0.35, 0.6, 0.9] {
        let server = Server::answering([OVERLOADED]);
        let budget = Budget::new(ratio, 0.0);
        let mut service = Retry::new(policy(&budget), server.clone());
        let requests = 4_000;
        for _ in 0..requests {
            let _ = service.ready().await.unwrap().call(Ask::default()).await;
        }
        let retries = (server.calls().len() - requests) as f64;
        let share = retries / requests as f64 / ratio;
        assert!(
            (0.99..=1.01).contains(&share),
            "ratio {ratio}: {retries} retries for {requests} requests"
        );
        assert_eq!(
            budget.stats().deposited,
            requests as u64,
            "retries deposit nothing"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn two_policies_draw_on_one_budget() {
    let budget = Budget::new(0.0, 3.0);
    let (one, two) = (
        Server::answering([OVERLOADED]),
        Server::answering([OVERLOADED]),
    );
    let stats = Arc::new(Stats::default());
    for server in [&one, &two] {
        for _ in 0..5 {
            let policy = Policy::builder(Exponential::new(MILLI, MILLI), Judge)
                .max_retries(1)
                .budget(budget.clone())
                .stats(Arc::clone(&stats))
                .build();
            let _ = Retry::new(policy, server.clone())
                .oneshot(Ask::default())
                .await;
        }
    }
    assert_eq!(one.calls().len(), 5 + 3);
    assert_eq!(
        two.calls().len(),
        5,
        "the first policy used up what both share"
    );
    assert_eq!(stats.snapshot().given_up_budget, 7);
    assert_eq!(budget.stats().refused, 7);
}

#[tokio::test(start_paused = true)]
async fn a_local_refusal_costs_no_budget() {
    let server = Server::answering([Err(Fault::RefusedLocally(None)), Ok("done")]);
    let empty = Budget::new(0.0, 0.0);
    let answer = Retry::new(policy(&empty), server.clone())
        .oneshot(Ask::default())
        .await;
    assert_eq!(answer, Ok("done"));
    let stats = empty.stats();
    assert_eq!((stats.withdrawn, stats.refused), (0, 0));

    // The same budget does refuse a retry that the server would feel.
    let server = Server::answering([OVERLOADED, Ok("never")]);
    let answer = Retry::new(policy(&empty), server.clone())
        .oneshot(Ask::default())
        .await;
    assert_eq!(answer, OVERLOADED);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_during_its_pause_gives_the_retry_back() {
    let budget = Budget::new(0.0, 1.0);
    let server = Server::answering([OVERLOADED]);
    {
        let mut call = pin!(Retry::new(policy(&budget), server.clone()).oneshot(Ask::default()));
        assert!(
            call.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert_eq!(budget.stats().available, Some(0), "reserved for the pause");
    }
    let stats = budget.stats();
    assert_eq!(
        (stats.available, stats.withdrawn, stats.refunded),
        (Some(1), 1, 1)
    );
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_the_service_is_not_ready_gives_the_retry_back() {
    let budget = Budget::new(0.0, 0.001);
    let server = Server::answering([OVERLOADED]).hanging_after(1);
    let call = Retry::new(policy(&budget), server.clone()).oneshot(Ask::default());
    assert!(
        tokio::time::timeout(Duration::from_secs(5), call)
            .await
            .is_err()
    );
    let stats = budget.stats();
    assert_eq!(
        (stats.available, stats.refunded),
        (Some(1), 1),
        "the pause was over, the retry not sent"
    );
}

/// Drops one call after each possible number of polls: whatever was not sent is given back.
#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_the_budget_has_paid_for_what_was_sent() {
    for polls in 0..12 {
        let budget = Budget::new(0.0, 0.001);
        let server = Server::answering([OVERLOADED]);
        let stats = Arc::new(Stats::default());
        let policy = Policy::builder(Exponential::new(MILLI, MILLI).jitter(Jitter::None), Judge)
            .max_retries(1)
            .budget(budget.clone())
            .stats(Arc::clone(&stats))
            .build();
        {
            let mut call = pin!(Retry::new(policy, server.clone()).oneshot(Ask::default()));
            for _ in 0..polls {
                if call
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_ready()
                {
                    break;
                }
                tokio::time::advance(MILLI / 2).await;
            }
        }
        let sent = server.calls().len().saturating_sub(1) as u64;
        let counted = budget.stats();
        assert_eq!(
            counted.withdrawn - counted.refunded,
            sent,
            "after {polls} polls"
        );
        assert_eq!(counted.available, Some(1 - sent));
        assert_eq!(stats.snapshot().started, sent);
    }
}

#[tokio::test(start_paused = true)]
async fn deposits_of_calm_times_do_not_pay_for_a_storm() {
    let budget = Budget::new(1.0, 0.0);
    (0..100).for_each(|_| budget.deposit());
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(budget.stats().available, Some(100));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(budget.stats().available, Some(0));
}

#[tokio::test(start_paused = true)]
async fn an_unlimited_budget_only_counts() {
    let budget = Budget::unlimited();
    let held: Vec<_> = (0..100)
        .map(|_| budget.withdraw().expect("unlimited"))
        .collect();
    drop(held);
    let stats = budget.stats();
    assert_eq!(
        (stats.withdrawn, stats.refunded, stats.available),
        (100, 100, None)
    );
}

#[test]
fn threads_never_spend_more_than_was_deposited() {
    let budget = Budget::new(0.5, 0.0);
    let spent: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..1_000)
                        .filter(|_| {
                            budget.deposit();
                            drop(budget.withdraw());
                            budget
                                .withdraw()
                                .map(|withdrawal| withdrawal.commit())
                                .is_some()
                        })
                        .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let stats = budget.stats();
    assert_eq!(stats.deposited, 4_000);
    assert!(spent <= 2_000, "{spent}");
    assert_eq!(stats.withdrawn - stats.refunded, spent as u64);
    assert!(
        spent as u64 + stats.available.unwrap() == 2_000,
        "nothing is lost either"
    );
}

/// Deposits take no lock: a deposit belongs to the half second in which its thread looked at the
/// clock, however many half seconds pass while others deposit and withdraw.
#[tokio::test(start_paused = true)]
async fn the_ratio_holds_while_cells_begin_and_end() {
    for (ratio, gap) in [(0.2, 7), (0.35, 130), (0.6, 499), (0.5, 501), (1.0, 2_300)] {
        let budget = Budget::new(ratio, 0.0);
        let mut retries = 0_u32;
        for _ in 0..2_000 {
            budget.deposit();
            if let Some(withdrawal) = budget.withdraw() {
                withdrawal.commit();
                retries += 1;
            }
            tokio::time::advance(Duration::from_millis(gap)).await;
        }
        let share = f64::from(retries) / 2_000.0 / ratio;
        assert!(
            (0.99..=1.01).contains(&share),
            "ratio {ratio}, every {gap} ms: {retries} retries"
        );
        // What came in the last ten seconds, and nothing that is older.
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(budget.stats().available, Some(0));
    }
}

/// One request a second for a minute, all well: what is left is what came in ten seconds.
#[tokio::test(start_paused = true)]
async fn quiet_traffic_leaves_ten_seconds_of_deposits() {
    let budget = Budget::new(1.0, 0.0);
    for _ in 0..60 {
        budget.deposit();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(budget.stats().available, Some(10));
}
