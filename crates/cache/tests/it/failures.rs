//! What a failed, panicking or aborted load leaves behind: a reason, and nothing else.

use robust_cache::{LoadError, Lookup, Read};
use tokio::time::advance;

use crate::{Dry, Load, Wells, secs, told, wells};

#[tokio::test(start_paused = true)]
async fn stale_is_served_with_its_reason_within_its_time_and_not_after() {
    let (cache, load) = (wells(), Load::default());
    cache.insert("a", 1);
    advance(secs(28)).await;
    let Lookup::Stale { entry, reason } =
        cache.get(&"a", Read::default(), load.fails(secs(1))).await
    else {
        panic!("not stale");
    };
    // Its age is judged when it is handed out, after the second that the load took.
    assert_eq!(
        (entry.value, entry.age, reason),
        (1, secs(29), LoadError::Failed(Dry))
    );

    let gone = cache.get(&"a", Read::default(), load.fails(secs(1))).await;
    assert_eq!(gone, Lookup::Unavailable(LoadError::Failed(Dry)));
    let stats = cache.stats();
    assert_eq!(
        (
            stats.stale_served,
            stats.unavailable,
            stats.failures,
            stats.flights
        ),
        (1, 1, 2, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_all_who_wait_and_is_not_kept() {
    let (cache, load) = (wells(), Load::default());
    let (first, second) = tokio::join!(
        cache.get(&"a", Read::default(), load.fails(secs(1))),
        cache.get(&"a", Read::default(), load.fails(secs(1))),
    );
    let failed = Lookup::Unavailable(LoadError::Failed(Dry));
    assert_eq!((&first, &second), (&failed, &failed));
    assert_eq!(
        (load.calls(), cache.stats().flights, cache.stats().len),
        (1, 0, 0)
    );
    // The next reader tries again.
    let next = cache
        .get(&"a", Read::default(), load.gives(1, secs(1)))
        .await;
    assert_eq!(told(&next), ("loaded", Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_came_in_by_another_way_answers_when_the_load_fails() {
    let (cache, load) = (wells(), Load::default());
    let reader = tokio::spawn({
        let (cache, load) = (cache.clone(), load.fails(secs(2)));
        async move { told(&cache.get(&"a", Read::default(), load).await) }
    });
    tokio::time::sleep(secs(1)).await;
    cache.insert("a", 5);
    assert_eq!(reader.await.unwrap(), ("fresh", Some(5)));
    assert_eq!(cache.stats().reads(), 1);
}

/// Panics without the noise of the panic hook.
fn burst() -> ! {
    std::panic::resume_unwind(Box::new("the rope broke"))
}

async fn panics_later(cache: &Wells) -> Lookup<u32, Dry> {
    let load = |()| async {
        tokio::time::sleep(secs(1)).await;
        burst()
    };
    cache.get(&"a", Read::default(), load).await
}

async fn panics_before_the_future(cache: &Wells) -> Lookup<u32, Dry> {
    let load = |()| -> std::future::Ready<Result<u32, Dry>> { burst() };
    cache.get(&"a", Read::default(), load).await
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_load_is_an_error_for_all_who_wait_and_ends_the_flight() {
    let cache = wells();
    let (first, second) = tokio::join!(panics_later(&cache), panics_later(&cache));
    assert_eq!(first, Lookup::Unavailable(LoadError::Panicked));
    assert_eq!(second, Lookup::Unavailable(LoadError::Panicked));
    assert_eq!(
        panics_before_the_future(&cache).await,
        Lookup::Unavailable(LoadError::Panicked)
    );
    let stats = cache.stats();
    assert_eq!(
        (stats.loads, stats.panics, stats.failures, stats.flights),
        (2, 2, 2, 0)
    );

    let next = cache
        .get(&"a", Read::default(), Load::default().gives(1, secs(0)))
        .await;
    assert_eq!(told(&next), ("loaded", Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_serves_what_is_stale() {
    let cache = wells();
    cache.insert("a", 1);
    advance(secs(12)).await;
    let answer = panics_later(&cache).await;
    assert!(
        matches!(answer, Lookup::Stale { entry, reason: LoadError::Panicked } if entry.age == secs(13))
    );
}

#[tokio::test(start_paused = true)]
async fn no_key_stays_in_the_flight_map_however_a_load_ends() {
    let (cache, load) = (wells(), Load::default());
    let _ = cache
        .get(&"ok", Read::default(), load.gives(1, secs(1)))
        .await;
    let _ = cache
        .get(&"failed", Read::default(), load.fails(secs(1)))
        .await;
    let _ = panics_later(&cache).await;
    let left = cache.get(&"left", Read::default(), load.gives(1, secs(1)));
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(1), left)
            .await
            .is_err()
    );
    assert_eq!(cache.stats().flights, 1);
    tokio::time::sleep(secs(2)).await;
    assert_eq!(cache.stats().flights, 0);

    let hung = cache.get(&"hung", Read::default(), load.gives(1, secs(3600)));
    assert!(tokio::time::timeout(secs(1), hung).await.is_err());
    assert_eq!(cache.stats().flights, 1);
    assert_eq!(cache.close(secs(1)).await.aborted, 1);
    assert_eq!(cache.stats().flights, 0);
}

#[test]
fn without_a_runtime_a_load_is_refused_and_what_is_fresh_is_served() {
    let cache = wells();
    let mut read = Box::pin(cache.get(&"a", Read::default(), Load::default().gives(1, secs(0))));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(answer) = read.as_mut().poll(&mut context) else {
        panic!("waits for nobody");
    };
    assert_eq!(answer, Lookup::Unavailable(LoadError::Closed));
    assert_eq!(cache.stats().flights, 0);
}
