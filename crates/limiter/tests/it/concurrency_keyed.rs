//! One adaptive limit for each key: apart from each other, bounded, and never two for one key.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use robust_limiter::concurrency::{Adaptive, Load, Registry, Slot};
use robust_limiter::{Error, Rejected};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Service, ServiceExt};

use crate::concurrency::{Crowd, stack};

const SECOND: Duration = Duration::from_secs(1);

fn registry(capacity: usize) -> Registry<u32> {
    let limits = Adaptive::builder().initial(2).max(2).max_queue(0);
    Registry::builder(limits).capacity(capacity).build()
}

/// A slot of this key, as it is taken by a call.
fn slot(registry: &Registry<u32>, key: u32) -> Slot {
    registry.get(&key).try_acquire().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_slows_one_key_down_leaves_the_others_alone() {
    let registry: Registry<&str> = Registry::builder(Adaptive::builder().initial(20)).build();
    for round in 0..40 {
        for key in ["slow", "fast"] {
            let mut slot = registry.get(&key).acquire(None).await.unwrap();
            slot.sent();
            let overloaded = key == "slow" && round >= 8;
            let load = if overloaded {
                Load::Overloaded
            } else {
                Load::Answered
            };
            advance(Duration::from_millis(10)).await;
            slot.ended(load);
        }
    }
    assert!(registry.get(&"slow").snapshot().limit < 10);
    assert_eq!(registry.get(&"fast").snapshot().limit, 20);
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_each_key_waits_for_its_own() {
    let registry: Registry<Duration> = Registry::builder(Adaptive::builder().initial(1)).build();
    let mut service = stack(&registry.layer(|time: &Duration| *time), &Crowd::default());
    let mut first = task::spawn(service.call(SECOND));
    let mut second = task::spawn(service.call(SECOND));
    let mut other = task::spawn(service.call(2 * SECOND));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(other.poll());
    let waiting: BTreeMap<_, _> = registry.snapshots().into_iter().collect();
    let queued = |key| (waiting[&key].in_flight, waiting[&key].queued);
    assert_eq!((queued(SECOND), queued(2 * SECOND)), ((1, 1), (1, 0)));
    advance(SECOND).await;
    assert!(assert_ready!(first.poll()).is_ok());
    drop(first);
    assert!(second.is_woken());
    drop((second, other));
    for (_, seen) in registry.snapshots() {
        assert_eq!((seen.in_flight, seen.queued), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_measured_at_the_limit_of_their_key() {
    let limits = Adaptive::builder().initial(10);
    let registry: Registry<u32> = Registry::builder(limits).build();
    let layer = registry.layer(|key: &u32| *key).measure(
        |outcome: Result<&u32, &Error<std::convert::Infallible>>| {
            if outcome == Ok(&1) {
                Load::Overloaded
            } else {
                Load::Answered
            }
        },
    );
    let service = tower_layer::Layer::layer(
        &layer,
        tower::service_fn(|key: u32| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(key)
        }),
    );
    for _ in 0..20 {
        for key in 0..2 {
            service.clone().oneshot(key).await.unwrap();
        }
    }
    assert_eq!(registry.get(&0).snapshot().limit, 10);
    assert!(registry.get(&1).snapshot().limit < 10);
}

#[tokio::test(start_paused = true)]
async fn idle_limits_are_forgotten_and_begin_anew() {
    let registry = registry(100);
    drop(slot(&registry, 1));
    let held = slot(&registry, 2);
    advance(Duration::from_secs(601)).await;
    drop(slot(&registry, 3));
    let kept: HashSet<u32> = registry
        .snapshots()
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(kept, HashSet::from([2, 3]), "2 has a call under way");
    let counts = registry.counts();
    assert_eq!((counts.created, counts.evicted, counts.kept), (3, 1, 2));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn at_the_capacity_the_longest_unused_goes_and_who_is_in_use_stays() {
    let registry = registry(3);
    let held = slot(&registry, 1);
    for key in [2, 3, 2, 4] {
        advance(SECOND).await;
        drop(slot(&registry, key));
    }
    let kept: HashSet<u32> = registry
        .snapshots()
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(kept, HashSet::from([1, 2, 4]));
    assert_eq!(registry.get(&1).snapshot().in_flight, 1);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_shares_one_limit_until_nobody_uses_that() {
    let registry = registry(1);
    let held = slot(&registry, 1);
    let (second, third) = (slot(&registry, 2), slot(&registry, 3));
    let full = registry.get(&4).try_acquire().unwrap_err();
    assert!(
        matches!(full, Rejected::Busy { in_flight: 2, .. }),
        "{full:?}"
    );
    // Room in the table does not give the second key another limit beside the one that it has calls at.
    drop((held, second));
    let also = slot(&registry, 2);
    assert!(registry.get(&3).try_acquire().is_err());
    drop((third, also));
    let own = slot(&registry, 2);
    let counts = registry.counts();
    assert_eq!((counts.kept, counts.overflowed), (1, 5));
    assert_eq!(registry.snapshots()[0].0, 2);
    drop(own);
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_a_keyed_call_holds_nothing() {
    for polls in 0..4 {
        let registry: Registry<Duration> =
            Registry::builder(Adaptive::builder().initial(1)).build();
        let mut service = stack(&registry.layer(|_: &Duration| SECOND), &Crowd::default());
        let before = task::spawn(service.call(SECOND));
        let mut call = task::spawn(service.call(SECOND));
        for _ in 0..polls {
            assert_pending!(call.poll());
        }
        drop(before);
        if polls > 1 {
            assert_pending!(call.poll());
        }
        drop(call);
        let seen = registry.snapshots()[0].1;
        assert_eq!((seen.in_flight, seen.queued), (0, 0), "after {polls} polls");
        assert_eq!(registry.counts().kept, 1);
    }
}

#[test]
fn threads_that_come_and_go_never_get_a_second_limit_for_one_key() {
    const CALLS: usize = 5_000;
    let registry = registry(2);
    let under_way: [AtomicUsize; 5] = Default::default();
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let (registry, under_way) = (&registry, &under_way);
            scope.spawn(move || {
                for call in 0..CALLS {
                    let key = (call * thread / 3) % under_way.len();
                    let limit = registry.get(&u32::try_from(key).unwrap());
                    if let Ok(slot) = limit.try_acquire() {
                        let now = under_way[key].fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(now <= 2, "{now} of key {key}");
                        std::thread::yield_now();
                        under_way[key].fetch_sub(1, Ordering::SeqCst);
                        drop(slot);
                    }
                }
            });
        }
    });
    let counts = registry.counts();
    assert!(counts.kept <= 2 && counts.evicted > 0, "{counts:?}");
    assert_eq!(counts.created, counts.evicted + counts.kept as u64);
}

#[derive(Debug, Clone)]
enum Step {
    Call(u32),
    End(usize),
    Rest(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0_u32..8).prop_map(Step::Call),
        4 => any::<usize>().prop_map(Step::End),
        1 => (0_u64..400).prop_map(Step::Rest),
    ]
}

proptest! {
    /// Whatever comes: no key has more than its limit under way, the table keeps its bound, everything is counted.
    #[test]
    fn no_key_ever_has_more_than_one_limit(capacity in 1_usize..5, steps in prop::collection::vec(step(), 1..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let registry = registry(capacity);
            let mut under_way: Vec<(u32, Slot)> = Vec::new();
            for step in steps {
                match step {
                    Step::Call(key) => {
                        if let Ok(slot) = registry.get(&key).try_acquire() {
                            under_way.push((key, slot));
                        }
                        let of_key = under_way.iter().filter(|(other, _)| *other == key).count();
                        prop_assert!(of_key <= 2, "{of_key} of key {key}");
                    }
                    Step::End(which) if !under_way.is_empty() => {
                        drop(under_way.swap_remove(which % under_way.len()));
                    }
                    Step::End(_) => {}
                    Step::Rest(seconds) => advance(Duration::from_secs(seconds)).await,
                }
                let counts = registry.counts();
                prop_assert!(counts.kept <= capacity);
                prop_assert_eq!(counts.created, counts.evicted + counts.kept as u64);
                prop_assert!(under_way.len() <= 2 * (capacity + 1));
            }
            drop(under_way);
            for (key, seen) in registry.snapshots() {
                prop_assert_eq!(seen.in_flight, 0, "key {}", key);
            }
            Ok(())
        })?;
    }
}
