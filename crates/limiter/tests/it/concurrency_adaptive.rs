//! Adaptive limit: finds what the server can do, and is moved by nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use robust_limiter::Rejected;
use robust_limiter::concurrency::{Adaptive, Load};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep, timeout};
use tokio_test::task;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

use crate::concurrency::{Crowd, stack};

const MS: Duration = Duration::from_millis(1);
const TRIP: Duration = Duration::from_millis(50);

/// So many callers, each of whom calls again as soon as it has its answer, for `time`.
async fn callers<S>(service: &S, number: usize, time: Duration)
where
    S: Service<Duration> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
{
    let mut callers = JoinSet::new();
    for _ in 0..number {
        let service = service.clone();
        callers.spawn(async move {
            loop {
                let _ = service.clone().oneshot(TRIP).await;
            }
        });
    }
    let _ = timeout(time, async { callers.join_next().await }).await;
}

/// A server that works on `workers` calls at the same time and queues the others.
fn server(
    adaptive: &Adaptive,
    workers: usize,
) -> (
    impl Service<Duration, Response = (), Error = BoxError, Future: Send> + Clone + Send + 'static,
    Arc<Semaphore>,
) {
    let workers = Arc::new(Semaphore::new(workers));
    let pool = Arc::clone(&workers);
    let calls = Arc::new(AtomicU32::new(0));
    let service =
        ServiceBuilder::new()
            .layer(adaptive.layer())
            .service_fn(move |work: Duration| {
                let pool = Arc::clone(&pool);
                // A fifth more or less, so that the calls do not march in step.
                let turn = calls.fetch_add(1, Ordering::Relaxed) % 41;
                let work = work * (80 + turn) / 100;
                async move {
                    let _worker = pool.acquire().await?;
                    sleep(work).await;
                    Ok::<_, BoxError>(())
                }
            });
    (service, workers)
}

/// tower-resilience's limit goes from 10 to 100 in 200 calls one after the other.
#[tokio::test(start_paused = true)]
async fn the_limit_does_not_drift_at_low_load() {
    let (adaptive, crowd) = (Adaptive::new(), Crowd::default());
    let service = stack(&adaptive.layer(), &crowd);
    for number in 0..2_000_u64 {
        // Ten times slower in the second half: one caller is not the reason, and a lower limit no help.
        let time = if number < 1_000 { TRIP } else { 10 * TRIP };
        service.clone().oneshot(time).await.unwrap();
        assert_eq!(adaptive.snapshot().limit, 10, "after {number} calls");
    }
}

/// tower-resilience's Vegas goes from 50 to 1 after one answer of 0.1 ms, and stays there.
#[tokio::test(start_paused = true)]
async fn one_outlier_moves_nothing() {
    for outlier in [MS / 10, 600 * TRIP] {
        let (adaptive, crowd) = (Adaptive::builder().initial(50).build(), Crowd::default());
        let service = stack(&adaptive.layer(), &crowd);
        for number in 0..1_000 {
            let time = if number == 3 { outlier } else { TRIP };
            let mut calls = JoinSet::new();
            for _ in 0..30 {
                calls.spawn(service.clone().oneshot(TRIP));
            }
            service.clone().oneshot(time).await.unwrap();
            while calls.join_next().await.is_some() {}
            assert_eq!(
                adaptive.snapshot().limit,
                50,
                "{outlier:?}, after {number} rounds"
            );
        }
    }
}

/// A whole series of answers that were not the server's own, from a cache say: for as long as the
/// floor is believed the limit is too low, then it is measured again.
#[tokio::test(start_paused = true)]
async fn a_floor_that_was_too_low_is_forgotten() {
    let adaptive = Adaptive::builder().initial(20).build();
    let (service, _) = server(&adaptive, 1_000);
    for _ in 0..40 {
        service.clone().oneshot(MS).await.unwrap();
    }
    assert!(
        adaptive
            .snapshot()
            .floor
            .is_some_and(|floor| floor <= 2 * MS)
    );
    callers(&service, 15, Duration::from_secs(20)).await;
    let low = adaptive.snapshot();
    assert!(
        low.limit < 5,
        "50 times the floor looks like a queue: {low:?}"
    );
    callers(&service, 15, Duration::from_secs(40)).await;
    let seen = adaptive.snapshot();
    assert!(
        seen.floor.is_some_and(|floor| floor > TRIP * 3 / 4),
        "{seen:?}"
    );
    assert!(
        seen.limit >= 15,
        "all 15 callers are served again: {seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_finds_what_the_server_can_do_and_stays_there() {
    let adaptive = Adaptive::builder().initial(4).build();
    let (service, workers) = server(&adaptive, 20);
    callers(&service, 200, Duration::from_secs(30)).await;
    for minute in 0..5 {
        callers(&service, 200, Duration::from_secs(60)).await;
        let seen = adaptive.snapshot();
        // Between what it works on and twice that, where the latency is at the tolerance; a third
        // less while it measures.
        assert!((10..=42).contains(&seen.limit), "minute {minute}: {seen:?}");
        let floor = seen.floor.unwrap();
        assert!(
            floor < TRIP * 3 / 2,
            "its own queue is not taken for the server: {floor:?}"
        );
    }

    // Half of the server fails, and comes back.
    let broken = Arc::clone(&workers).acquire_many_owned(10).await.unwrap();
    callers(&service, 200, Duration::from_secs(60)).await;
    let seen = adaptive.snapshot();
    assert!((5..=24).contains(&seen.limit), "{seen:?}");
    drop(broken);
    callers(&service, 200, Duration::from_secs(60)).await;
    let seen = adaptive.snapshot();
    assert!((10..=42).contains(&seen.limit), "{seen:?}");
}

/// Most of the work that a server of 20 workers can do is done.
#[tokio::test(start_paused = true)]
async fn the_server_is_kept_busy() {
    let adaptive = Adaptive::builder().initial(4).build();
    let (service, _) = server(&adaptive, 20);
    callers(&service, 200, Duration::from_secs(30)).await;
    let before = adaptive.snapshot().granted;
    callers(&service, 200, Duration::from_secs(120)).await;
    let done = adaptive.snapshot().granted - before;
    let possible = 20 * 120 * 20;
    assert!(done * 100 >= possible * 97, "{done} of {possible}");
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_never_move_the_concurrency() {
    let adaptive = Adaptive::builder().initial(8).build();
    let measure = |outcome: Result<&u16, &BoxError>| match outcome {
        Ok(429) => Load::Unknown,
        Ok(503) | Err(_) => Load::Overloaded,
        Ok(_) => Load::Answered,
    };
    let service = ServiceBuilder::new()
        .layer(adaptive.layer().measure(measure))
        .service_fn(|status: u16| async move {
            sleep(TRIP).await;
            Ok::<_, BoxError>(status)
        });
    for _ in 0..500 {
        let mut calls = JoinSet::new();
        for _ in 0..16 {
            calls.spawn(service.clone().oneshot(429));
        }
        while calls.join_next().await.is_some() {}
        assert_eq!(adaptive.snapshot().limit, 8);
    }
    // The same calls answered 503 do shrink it, once in a round trip and not once for each.
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        calls.spawn(service.clone().oneshot(503));
    }
    while calls.join_next().await.is_some() {}
    assert_eq!(adaptive.snapshot().limit, 7);
    for _ in 0..60 {
        service.clone().oneshot(503).await.unwrap();
    }
    assert_eq!(adaptive.snapshot().limit, 1);
}

/// Vector loses count of a call that is dropped, and then takes the limit for reached for ever.
#[tokio::test(start_paused = true)]
async fn calls_dropped_in_flight_are_not_counted_as_in_flight() {
    let adaptive = Adaptive::new();
    let (service, _) = server(&adaptive, 100);
    for _ in 0..100 {
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            calls.spawn(service.clone().oneshot(TRIP));
        }
        sleep(TRIP / 2).await;
        calls.shutdown().await;
        service.clone().oneshot(TRIP).await.unwrap();
        let seen = adaptive.snapshot();
        assert_eq!((seen.in_flight, seen.queued, seen.limit), (0, 0, 10));
    }
}

/// A time limit outside of the layer drops the call; to a layer that ignores those, a server that
/// hangs looks well.
#[tokio::test(start_paused = true)]
async fn calls_given_up_after_long_count_as_slow() {
    let adaptive = Adaptive::builder().initial(40).build();
    let (service, workers) = server(&adaptive, 40);
    callers(&service, 30, Duration::from_secs(5)).await;
    let before = adaptive.snapshot().limit;
    let _hung = Arc::clone(&workers).acquire_many_owned(40).await.unwrap();
    for _ in 0..30 {
        let mut calls = JoinSet::new();
        for _ in 0..before {
            calls.spawn(timeout(20 * TRIP, service.clone().oneshot(TRIP)));
        }
        while calls.join_next().await.is_some() {}
    }
    let seen = adaptive.snapshot();
    assert!(seen.limit * 2 < before, "from {before} to {seen:?}");
    assert_eq!(seen.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_and_the_wait_too() {
    let adaptive = Adaptive::builder()
        .initial(1)
        .max_queue(1)
        .max_wait(TRIP)
        .build();
    let slot = adaptive.try_acquire().unwrap();
    let waiting = tokio::spawn(adaptive.acquire(None));
    tokio::task::yield_now().await;
    let refused = adaptive.acquire(None).await.unwrap_err();
    assert!(
        matches!(refused, Rejected::Full { queued: 1, .. }),
        "{refused:?}"
    );
    let late = waiting.await.unwrap().unwrap_err();
    assert!(
        matches!(late, Rejected::Busy { in_flight: 1, .. }),
        "{late:?}"
    );
    drop(slot);
    assert_eq!(adaptive.snapshot().in_flight, 0);
}

/// Dropped after each possible number of polls, with and without having to wait, ready and not: it
/// holds nothing, and the next one is served.
#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_it_holds_nothing() {
    for waits in [false, true] {
        for polls in 0..8 {
            let adaptive = Adaptive::builder().initial(1).max(1).build();
            let crowd = Crowd::default();
            let service = stack(&adaptive.layer(), &crowd);
            let held = waits.then(|| adaptive.try_acquire().unwrap());
            {
                let mut call = task::spawn(service.clone().oneshot(2 * MS));
                let mut held = held;
                for poll in 0..polls {
                    if call.poll().is_ready() {
                        break;
                    }
                    if poll == 1 {
                        drop(held.take());
                    }
                    advance(MS / 2).await;
                }
            }
            let seen = adaptive.snapshot();
            assert_eq!(
                (seen.in_flight, seen.queued, seen.limit, crowd.now()),
                (0, 0, 1, 0),
                "waits {waits}, after {polls} polls"
            );
            assert_eq!(service.oneshot(MS).await, Ok(MS));
        }
    }
}

/// The same for the variant that is readied: dropped in line, ready, and in flight.
#[tokio::test(start_paused = true)]
async fn the_backpressure_variant_dropped_at_any_point_holds_nothing() {
    for polls in 0..8 {
        let adaptive = Adaptive::builder().initial(1).max(1).build();
        let crowd = Crowd::default();
        let service = stack(&adaptive.layer().backpressure(), &crowd);
        let mut held = Some(adaptive.try_acquire().unwrap());
        {
            let mut call = task::spawn(service.clone().oneshot(2 * MS));
            for poll in 0..polls {
                if call.poll().is_ready() {
                    break;
                }
                if poll == 1 {
                    drop(held.take());
                }
                advance(MS / 2).await;
            }
        }
        drop(held);
        let seen = adaptive.snapshot();
        assert_eq!(
            (seen.in_flight, seen.queued, crowd.now()),
            (0, 0, 0),
            "after {polls} polls"
        );
        assert_eq!(service.oneshot(MS).await, Ok(MS));
    }
}
