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
