//! One load a key, however many ask and however many leave.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use robust_cache::{Cache, Lifetime, Read, Refresh};
use tokio::task::JoinSet;

use crate::{Dry, Load, Wells, secs, told, wells};

/// 100 readers of one cold key, each in a task of its own, all waiting.
async fn crowd(cache: &Wells, load: &Load) -> JoinSet<(&'static str, Option<u32>)> {
    let mut readers = JoinSet::new();
    for _ in 0..100 {
        let (cache, load) = (cache.clone(), load.gives(7, secs(1)));
        readers.spawn(async move { told(&cache.get(&"a", Read::default(), load).await) });
    }
    while cache.stats().waiting < 100 {
        tokio::task::yield_now().await;
    }
    readers
}

#[tokio::test(start_paused = true)]
async fn a_hundred_readers_of_one_key_are_one_load() {
    let (cache, load) = (wells(), Load::default());
    let answers = crowd(&cache, &load).await.join_all().await;

    assert_eq!(load.calls(), 1);
    assert_eq!(
        answers
            .iter()
            .filter(|told| **told == ("loaded", Some(7)))
            .count(),
        1
    );
    assert_eq!(
        answers
            .iter()
            .filter(|told| **told == ("joined", Some(7)))
            .count(),
        99
    );
    let stats = cache.stats();
    assert_eq!(
        (
            stats.loads,
            stats.joined,
            stats.misses,
            stats.loaded,
            stats.hits
        ),
        (1, 99, 100, 100, 0)
    );
    assert_eq!(
        (stats.waiting, stats.flights, stats.len, stats.reads()),
        (0, 0, 1, 100)
    );
}

#[tokio::test(start_paused = true)]
async fn ninety_nine_who_leave_do_not_disturb_the_one_who_stays() {
    let (cache, load) = (wells(), Load::default());
    let mut readers = JoinSet::new();
    // The reader who starts the load is among those who leave.
    let mut leaving = Vec::new();
    for n in 0..100 {
        let (cache, load) = (cache.clone(), load.gives(7, secs(1)));
        let reader =
            readers.spawn(async move { told(&cache.get(&"a", Read::default(), load).await) });
        if n < 99 {
            leaving.push(reader);
        }
    }
    while cache.stats().waiting < 100 {
        tokio::task::yield_now().await;
    }
    for reader in leaving {
        reader.abort();
    }
    let mut served = Vec::new();
    while let Some(ended) = readers.join_next().await {
        served.extend(ended.ok());
    }

    assert_eq!(served, [("joined", Some(7))]);
    assert_eq!(load.calls(), 1);
    let stats = cache.stats();
    assert_eq!(
        (stats.abandoned, stats.loaded, stats.waiting, stats.reads()),
        (99, 1, 0, 100)
    );
}

#[tokio::test(start_paused = true)]
async fn when_all_leave_the_load_completes_and_is_stored() {
    let (cache, load) = (wells(), Load::default());
    let mut readers = crowd(&cache, &load).await;
    readers.shutdown().await;
    assert_eq!(cache.stats().flights, 1, "the load flies on");

    tokio::time::sleep(secs(2)).await;
    assert_eq!(cache.peek(&"a").map(|entry| entry.value), Some(7));
    let next = cache
        .get(&"a", Read::default(), load.gives(8, secs(1)))
        .await;
    assert_eq!(told(&next), ("fresh", Some(7)));
    assert_eq!(load.calls(), 1);
    let stats = cache.stats();
    assert_eq!((stats.abandoned, stats.hits, stats.flights), (100, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_a_read_ends_the_wait_and_not_the_load() {
    let (cache, load) = (wells(), Load::default());
    let read = cache.get(&"a", Read::default(), load.gives(7, secs(5)));
    assert!(tokio::time::timeout(secs(1), read).await.is_err());

    // A second reader comes to the same load and waits for the rest of it.
    let began = tokio::time::Instant::now();
    let second = cache
        .get(&"a", Read::default(), load.gives(8, secs(5)))
        .await;
    assert_eq!(told(&second), ("joined", Some(7)));
    assert_eq!(began.elapsed(), secs(4));
    assert_eq!(load.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_was_never_polled_loads_nothing() {
    let (cache, load) = (wells(), Load::default());
    drop(cache.get(&"a", Read::default(), load.gives(7, secs(1))));
    tokio::time::sleep(secs(2)).await;
    assert_eq!((load.calls(), cache.stats().reads()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn different_keys_load_side_by_side() {
    let (cache, load) = (wells(), Load::default());
    let began = tokio::time::Instant::now();
    let (a, b) = tokio::join!(
        cache.get(&"a", Read::default(), load.gives(1, secs(1))),
        cache.get(&"b", Read::default(), load.gives(2, secs(1))),
    );
    assert_eq!(
        (told(&a), told(&b)),
        (("loaded", Some(1)), ("loaded", Some(2)))
    );
    assert_eq!(began.elapsed(), secs(1));
    assert_eq!(load.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn force_joins_a_load_under_way_and_starts_one_otherwise() {
    let (cache, load) = (wells(), Load::default());
    let force = || Read::default().refresh(Refresh::Force);
    let (first, second) = tokio::join!(
        cache.get(&"a", force(), load.gives(1, secs(1))),
        cache.get(&"a", force(), load.gives(2, secs(1))),
    );
    assert_eq!(
        (told(&first), told(&second)),
        (("loaded", Some(1)), ("joined", Some(1)))
    );
    // Stored this very moment, and yet not good enough.
    let third = cache.get(&"a", force(), load.gives(3, secs(1))).await;
    assert_eq!(told(&third), ("loaded", Some(3)));
    assert_eq!(load.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn invalidation_cuts_the_load_loose() {
    let (cache, load) = (wells(), Load::default());
    let reader = tokio::spawn({
        let (cache, load) = (cache.clone(), load.gives(1, secs(1)));
        async move { told(&cache.get(&"a", Read::default(), load).await) }
    });
    while cache.stats().waiting < 1 {
        tokio::task::yield_now().await;
    }
    cache.insert("a", 0);
    cache.invalidate(&"a");

    // A reader after the invalidation does not get what was asked for before it.
    let after = cache
        .get(&"a", Read::default(), load.gives(2, secs(3)))
        .await;
    assert_eq!(told(&after), ("loaded", Some(2)));
    // The reader before it is served, but its value is not kept.
    assert_eq!(reader.await.unwrap(), ("loaded", Some(1)));
    assert_eq!(cache.peek(&"a").map(|entry| entry.value), Some(2));
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.discarded, stats.flights), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_lands_between_a_readers_two_looks_spares_the_load() {
    // The lifetime is asked for at the first look; at this very moment another load lands.
    let other = Arc::new(OnceLock::<Wells>::new());
    let lands = Arc::clone(&other);
    let cache: Wells = Cache::builder()
        .lifetime(move |_, value| {
            if let Some(cache) = lands.get().filter(|_| *value == 1) {
                cache.insert("a", 2);
            }
            Lifetime {
                fresh_for: secs(10),
                stale_for: secs(0),
            }
        })
        .build();
    cache.insert("a", 1);
    tokio::time::advance(secs(10)).await;
    other.set(cache.clone()).unwrap();

    let load = Load::default();
    let answer = cache
        .get(&"a", Read::default(), load.gives(3, secs(1)))
        .await;
    assert_eq!(told(&answer), ("fresh", Some(2)));
    assert_eq!((load.calls(), cache.stats().reads()), (0, 1));
}

/// The same promise with real threads, where readers race with the landing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_threads_never_load_a_fresh_key_twice() {
    for round in 0..50_u32 {
        let cache = Cache::<u32, u32, Dry>::builder()
            .fresh_for(secs(3600))
            .build();
        let calls = Arc::new(AtomicUsize::new(0));
        let mut readers = JoinSet::new();
        for _ in 0..64 {
            let (cache, calls) = (cache.clone(), Arc::clone(&calls));
            readers.spawn(async move {
                let load = move |()| async move {
                    calls.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok(round)
                };
                cache
                    .get(&round, Read::default(), load)
                    .await
                    .entry()
                    .map(|entry| entry.value)
            });
        }
        assert!(
            readers
                .join_all()
                .await
                .into_iter()
                .all(|value| value == Some(round))
        );
        assert_eq!(calls.load(Ordering::SeqCst), 1, "round {round}");
        let stats = cache.stats();
        assert_eq!((stats.reads(), stats.waiting, stats.flights), (64, 0, 0));
        assert_eq!(stats.hits + stats.loaded, 64);
    }
}
