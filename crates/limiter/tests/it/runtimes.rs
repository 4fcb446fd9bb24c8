//! Threads, runtimes that end, and futures that nobody polls.

use std::time::Duration;

use robust_limiter::{Class, Limiter, Window};
use tokio::time::Instant;

use crate::acquire::{SECOND, limiter, units};

#[tokio::test(start_paused = true)]
async fn a_waiter_that_nobody_polls_holds_up_nobody() {
    let limiter = limiter(1, SECOND);
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let mut forgotten = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    assert!(forgotten.poll().is_pending());
    let start = Instant::now();
    // It is granted in its time, and holds just that until it is dropped or polled.
    let next = tokio::spawn(limiter.acquire(&units(1), Class::Low, None));
    tokio::time::sleep(SECOND).await;
    tokio::task::yield_now().await;
    assert!(forgotten.is_woken());
    drop(forgotten);
    next.await.unwrap().unwrap().commit();
    assert_eq!(start.elapsed(), SECOND);
}

#[test]
fn the_end_of_the_runtime_with_the_timer_leaves_no_waiter_of_another_behind() {
    let limiter = limiter(1, 60 * SECOND);
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let (first, second) = (runtime(), runtime());
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    // The first to wait brings the timer into the first runtime, which then ends.
    let waiting = limiter.clone();
    first.spawn(async move { waiting.acquire(&units(1), Class::Low, None).await });
    first.block_on(tokio::task::yield_now());
    let waiting = limiter.clone();
    let task = second.spawn(async move {
        waiting
            .acquire(&units(1), Class::Low, None)
            .await
            .map(|permit| permit.commit())
    });
    second.block_on(tokio::task::yield_now());
    drop(first);
    second.block_on(task).unwrap().unwrap();
    let seen = limiter.snapshot();
    assert_eq!((seen.committed, seen.abandoned, seen.held()), (2, 1, 0));
}

/// Each of six threads sends once in each window of six. However they push each other off the
/// processor, none may be refused: the clock is read under the lock, and again before a no.
#[test]
fn nobody_is_refused_under_quota_by_a_clock_that_was_read_too_early() {
    const PER: Duration = Duration::from_micros(50);
    let limiter = limiter(6, PER);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut last = None;
                for _ in 0..3_000 {
                    while last.is_some_and(|at: Instant| at.elapsed() < PER) {
                        std::thread::yield_now();
                    }
                    let permit = limiter
                        .try_acquire(&units(1), Class::Low)
                        .expect("under quota");
                    last = Some(permit.commit().at());
                }
            });
        }
    });
    let seen = limiter.snapshot();
    assert_eq!(
        (seen.committed, seen.rejected, seen.violations),
        (18_000, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permits_in_are_permits_out_on_many_threads() {
    let window = Window::sliding("w", 200, Duration::from_millis(5)).guard(Duration::ZERO);
    let limiter = Limiter::builder("threads")
        .window(window)
        .max_queue(16)
        .build();
    let tasks: Vec<_> = (0..64_u64)
        .map(|seed| {
            let limiter = limiter.clone();
            tokio::spawn(async move {
                for turn in 0..50 {
                    let class = Class::ALL[usize::try_from((seed + turn) % 4).unwrap()];
                    let deadline =
                        (turn % 3 == 0).then(|| Instant::now() + Duration::from_millis(3));
                    let acquire = limiter.acquire(
                        &units(1 + u32::try_from(turn % 7).unwrap()),
                        class,
                        deadline,
                    );
                    let Ok(outcome) =
                        tokio::time::timeout(Duration::from_millis(1 + seed % 9), acquire).await
                    else {
                        continue;
                    };
                    match outcome {
                        Ok(permit) if turn % 5 == 0 => drop(permit),
                        Ok(permit) if turn % 5 == 1 => permit.commit().refund(),
                        Ok(permit) => drop(permit.commit()),
                        Err(rejected) => assert!(rejected.retry_in().is_some()),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let seen = limiter.snapshot();
    assert_eq!(seen.asked, seen.granted + seen.rejected + seen.abandoned);
    assert_eq!(seen.granted, seen.committed + seen.returned);
    assert_eq!(seen.queued, [0; 4]);
    assert_eq!(seen.violations, 0);
}
