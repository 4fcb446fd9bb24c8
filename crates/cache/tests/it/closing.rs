//! How the cache and its loads come to an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use robust_cache::{LoadError, Lookup, Read};
use tokio::time::advance;

use crate::{Dry, Load, secs, told, wells};

#[tokio::test(start_paused = true)]
async fn close_waits_for_what_ends_in_time_and_aborts_the_rest() {
    let (cache, load) = (wells(), Load::default());
    let readers = ["quick", "slow"].map(|key| {
        let (cache, after) = (
            cache.clone(),
            if key == "quick" { secs(1) } else { secs(60) },
        );
        let load = load.gives(1, after);
        tokio::spawn(async move { cache.get(&key, Read::default(), load).await })
    });
    while cache.stats().waiting < 2 {
        tokio::task::yield_now().await;
    }
    let began = tokio::time::Instant::now();
    let report = cache.close(secs(5)).await;
    assert_eq!((report.completed, report.aborted), (1, 1));
    assert_eq!(began.elapsed(), secs(5));

    let [quick, slow] = readers;
    assert_eq!(told(&quick.await.unwrap()), ("loaded", Some(1)));
    assert_eq!(slow.await.unwrap(), Lookup::Unavailable(LoadError::Closed));
    assert_eq!(cache.stats().flights, 0);
    assert_eq!(
        cache.close(secs(5)).await,
        robust_cache::CloseReport::default()
    );
}

#[tokio::test(start_paused = true)]
async fn a_load_that_nobody_waits_for_is_not_waited_for() {
    let (cache, load) = (wells(), Load::default());
    let (left, waits) = (load.gives(1, secs(60)), load.gives(2, secs(3)));
    let read = cache.get(&"left", Read::default(), left);
    assert!(tokio::time::timeout(secs(1), read).await.is_err());
    let reader = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get(&"waits", Read::default(), waits).await })
    };
    while cache.stats().waiting < 1 {
        tokio::task::yield_now().await;
    }
    let began = tokio::time::Instant::now();
    let report = cache.close(secs(30)).await;
    assert_eq!((report.completed, report.aborted), (1, 1));
    assert_eq!(
        began.elapsed(),
        secs(3),
        "as long as the other reader waits"
    );
    assert_eq!(told(&reader.await.unwrap()), ("loaded", Some(2)));
    assert_eq!(cache.stats().flights, 0);
}

#[tokio::test(start_paused = true)]
async fn a_closed_cache_serves_what_it_has_and_loads_nothing() {
    let (cache, load) = (wells(), Load::default());
    cache.insert("a", 1);
    cache.close(secs(0)).await;
    let fresh = cache
        .get(&"a", Read::default(), load.gives(2, secs(0)))
        .await;
    assert_eq!(told(&fresh), ("fresh", Some(1)));
    advance(secs(11)).await;
    let stale = cache
        .get(&"a", Read::default(), load.gives(2, secs(0)))
        .await;
    assert!(matches!(
        stale,
        Lookup::Stale {
            reason: LoadError::Closed,
            ..
        }
    ));
    let missing = cache
        .get(&"b", Read::default(), load.gives(2, secs(0)))
        .await;
    assert_eq!(missing, Lookup::Unavailable(LoadError::Closed));
    assert_eq!((load.calls(), cache.stats().reads()), (0, 3));
}

/// Tells when it is dropped.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_aborts_the_loads() {
    let cache = wells();
    let dropped = Arc::new(AtomicBool::new(false));
    let inside = Told(Arc::clone(&dropped));
    let load = move |()| async move {
        let _inside = inside;
        std::future::pending::<Result<u32, Dry>>().await
    };
    let read = cache.get(&"a", Read::default(), load);
    assert!(tokio::time::timeout(secs(1), read).await.is_err());
    assert!(!dropped.load(Ordering::SeqCst));
    drop(cache);
    tokio::time::sleep(secs(1)).await;
    assert!(dropped.load(Ordering::SeqCst));
}
