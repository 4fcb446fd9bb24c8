//! One breaker for each key, and never more than the registry may keep.

use robust_breaker::{Breaker, Cause, ErrorsAreFailures, Outcome, Registry};
use tokio::time::{Instant, advance};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::backend::{Backend, FAILURE, Order, SECOND, ask, refusal};

fn registry(capacity: usize) -> Registry<u32> {
    Registry::builder(Breaker::builder("").consecutive_failures(1))
        .capacity(capacity)
        .idle_after(100 * SECOND)
        .build()
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_circuit() {
    let hosts = registry(10);
    let service = hosts
        .admit_layer(|order: &(u32, Order)| order.0, ErrorsAreFailures)
        .layer(service_fn(|(_, order): (u32, Order)| async move {
            match order {
                Order::Fail => Err(BoxError::from("broken")),
                _ => Ok(()),
            }
        }));
    let ask = |key, order| service.clone().oneshot((key, order));
    assert!(refusal(&ask(1, Order::Fail).await.unwrap_err()).is_none());
    let refused = ask(1, Order::Succeed).await.unwrap_err();
    assert_eq!(&*refusal(&refused).unwrap().name, "1");
    ask(2, Order::Succeed).await.unwrap();
    // Called without readiness too.
    service.clone().call((2, Order::Succeed)).await.unwrap();
    assert!(refusal(&service.clone().call((1, Order::Succeed)).await.unwrap_err()).is_some());
    assert_eq!(hosts.counts().created, 2);
    let mut open: Vec<_> = hosts
        .snapshots()
        .into_iter()
        .map(|(key, snapshot)| (key, snapshot.retry_in.is_some()))
        .collect();
    open.sort_unstable();
    assert_eq!(open, [(1, true), (2, false)]);
}

#[tokio::test(start_paused = true)]
async fn it_never_keeps_more_than_its_capacity_and_counts_what_it_forgot() {
    for capacity in [1, 10, 256, 1_000] {
        let hosts = registry(capacity);
        for key in 0..5_000 {
            drop(hosts.get(&key));
            assert!(hosts.counts().kept <= capacity);
        }
        let counts = hosts.counts();
        assert_eq!(counts.created, 5_000);
        assert_eq!(
            counts.created,
            counts.kept as u64 + counts.evicted_full + counts.evicted_idle
        );
        assert_eq!(counts.evicted_idle, 0);
        assert!(
            counts.kept >= capacity / 16 * 16 - capacity / 16,
            "{counts:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_idle_go_first_the_refusing_last_and_the_held_stay() {
    let hosts = registry(4);
    hosts.get(&1).admit().unwrap().record(Outcome::Failure {
        retry_after: Some(7_200 * SECOND),
    });
    let held = hosts.get(&2);
    drop(hosts.get(&3));
    advance(100 * SECOND).await;
    drop(hosts.get(&4));
    let counts = hosts.counts();
    assert_eq!(
        (counts.kept, counts.evicted_idle),
        (3, 1),
        "only 3 was idle, free and closed"
    );
    assert!(hosts.get(&1).check().is_err(), "the ban is not forgotten");
    held.force_open("test", Instant::now() + 600 * SECOND);
    assert!(hosts.get(&2).check().is_err(), "the same circuit");

    // Full: the closed ones go, longest unused first.
    (10..20).for_each(|key| drop(hosts.get(&key)));
    assert!(hosts.get(&1).check().is_err());
    assert!(hosts.get(&2).check().is_err());
    assert_eq!(hosts.counts().kept, 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_holds_the_breaker_of_its_key() {
    let hosts = registry(4);
    let ticket = hosts.get(&1).admit().unwrap();
    advance(1_000 * SECOND).await;
    drop(hosts.get(&2));
    assert_eq!(hosts.counts().evicted_idle, 0, "it is not idle");
    ticket.record(FAILURE);
    assert!(hosts.get(&1).check().is_err(), "and its outcome counts");
    advance(1_000 * SECOND).await;
    drop(hosts.get(&3));
    assert_eq!(hosts.counts().evicted_idle, 2);
}

#[tokio::test(start_paused = true)]
async fn removed_breakers_stay_with_whoever_holds_them() {
    let hosts = registry(4);
    let held = hosts.get(&1);
    held.admit().unwrap().record(FAILURE);
    assert_eq!(
        hosts.remove(&1).unwrap().snapshot().last_cause,
        Cause::ConsecutiveFailures(1)
    );
    assert!(held.check().is_err());
    assert!(hosts.get(&1).check().is_ok(), "a new one");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_releases_what_the_inner_service_reserved_for_it() {
    let hosts = registry(4);
    let limited = tower::limit::ConcurrencyLimit::new(Backend::default(), 1);
    let mut other = limited.clone();
    let mut service = hosts
        .admit_layer(|_: &Order| 1, ErrorsAreFailures)
        .layer(limited);
    hosts.get(&1).force_open("test", None);
    assert!(refusal(&ask(&mut service, Order::Succeed).await.unwrap_err()).is_some());
    tokio::time::timeout(SECOND, other.ready())
        .await
        .expect("free")
        .unwrap();
}
