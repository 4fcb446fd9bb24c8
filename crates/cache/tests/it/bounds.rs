//! What keeps the memory bounded.

use robust_cache::{Cache, Read};

use crate::{Dry, secs};

#[tokio::test(start_paused = true)]
async fn the_capacity_is_kept_and_the_newest_entries_stay() {
    let cache = Cache::<u32, u32, Dry>::builder()
        .capacity(100)
        .fresh_for(secs(3600))
        .build();
    for key in 0..1_000 {
        let _ = cache
            .get(&key, Read::default(), move |()| async move { Ok(key) })
            .await;
    }
    let stats = cache.stats();
    assert_eq!((stats.len, stats.evictions, stats.flights), (100, 900, 0));
    assert!(
        (900..1_000).all(|key| cache.peek(&key).is_some()),
        "the least recently used went first"
    );
}

#[tokio::test(start_paused = true)]
async fn writing_one_key_again_and_again_keeps_one_entry() {
    let cache = Cache::<u32, u32, Dry>::builder().capacity(100).build();
    for value in 0..10_000 {
        cache.insert(1, value);
    }
    let stats = cache.stats();
    assert_eq!((stats.len, stats.evictions), (1, 0));
    assert_eq!(cache.peek(&1).map(|entry| entry.value), Some(9_999));
}

fn by_bytes(capacity: u64, bytes: u64) -> Cache<u32, Vec<u8>, Dry> {
    Cache::builder()
        .capacity(capacity)
        .max_bytes(bytes, |_, value: &Vec<u8>| value.len() as u64)
        .fresh_for(secs(3600))
        .build()
}

#[tokio::test(start_paused = true)]
async fn the_bytes_are_kept_within_their_bound_beside_the_number() {
    let cache = by_bytes(100, 10_000);
    for key in 0..50 {
        cache.insert(key, vec![0; 1_000]);
    }
    let stats = cache.stats();
    assert_eq!((stats.len, stats.bytes, stats.evictions), (10, 10_000, 40));
    assert!(
        (40..50).all(|key| cache.peek(&key).is_some()),
        "the newest stay"
    );
    // Small ones: as many as the capacity, however few bytes they are.
    for key in 100..300 {
        cache.insert(key, vec![0; 5]);
    }
    let stats = cache.stats();
    assert_eq!((stats.len, stats.bytes), (100, 500));
}

#[tokio::test(start_paused = true)]
async fn what_is_replaced_or_taken_out_gives_its_bytes_back() {
    let cache = by_bytes(10, 10_000);
    for size in [100, 2_000, 30] {
        cache.insert(1, vec![0; size]);
        assert_eq!(cache.stats().bytes, size as u64);
    }
    cache.insert(2, vec![0; 50]);
    cache.invalidate(&1);
    let stats = cache.stats();
    assert_eq!((stats.len, stats.bytes), (1, 50));
    // Larger than everything: its reader has it, and nobody else is put out for it.
    let big = cache.get(&3, Read::default(), |()| async { Ok(vec![0; 20_000]) });
    assert!(
        matches!(big.await, robust_cache::Lookup::Loaded { entry, .. } if entry.value.len() == 20_000)
    );
    let stats = cache.stats();
    assert_eq!((stats.len, stats.bytes), (1, 50));
}
