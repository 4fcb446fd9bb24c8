//! Futures dropped at each of their await points.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use robust_limiter::{Class, Limiter, Window};
use tower::{Layer, Service, service_fn};

use crate::acquire::{SECOND, limiter, spend, units};
use crate::layer::{Call, TestError};

/// What must be as before, once everything is dropped.
fn idle(limiter: &Limiter) -> ([usize; 4], u64, u64) {
    let seen = limiter.snapshot();
    assert_eq!(
        seen.asked,
        seen.granted + seen.rejected + seen.abandoned,
        "{seen:?}"
    );
    assert_eq!(seen.granted, seen.committed + seen.returned, "{seen:?}");
    (seen.queued, seen.held(), seen.windows[0].used)
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn dropped_before_the_first_poll_it_never_asked() {
    let limiter = limiter(1, SECOND);
    drop(limiter.acquire(&units(1), Class::Low, None));
    assert_eq!(
        (idle(&limiter), limiter.snapshot().asked),
        (([0; 4], 0, 0), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_while_it_waits_it_leaves_its_place() {
    let limiter = limiter(2, SECOND);
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let mut next = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    {
        let mut big = pin!(limiter.acquire(&units(2), Class::Low, None));
        assert!(poll_once(big.as_mut()).is_pending());
        assert!(next.poll().is_pending(), "it may not pass");
    }
    assert!(next.is_woken(), "the one behind is served at once");
    let Poll::Ready(Ok(permit)) = next.poll() else {
        panic!("served")
    };
    drop(permit);
    assert_eq!(idle(&limiter), ([0; 4], 0, 1));
    assert_eq!(limiter.snapshot().abandoned, 1);
}

#[tokio::test(start_paused = true)]
async fn dropped_with_a_grant_it_passes_the_grant_on() {
    let limiter = limiter(1, SECOND);
    let held = limiter.try_acquire(&units(1), Class::Low).unwrap();
    let mut first = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    let mut second = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    drop(held);
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(second.is_woken());
    drop(second);
    assert_eq!(idle(&limiter), ([0; 4], 0, 0));
}

#[tokio::test(start_paused = true)]
async fn dropped_with_a_refusal_it_was_refused() {
    let limiter = limiter(1, SECOND);
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let deadline = tokio::time::Instant::now() + 2 * SECOND;
    let mut waiting =
        tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, Some(deadline)));
    assert!(waiting.poll().is_pending());
    limiter.pause(deadline + SECOND, robust_limiter::Pause::Manual);
    assert!(waiting.is_woken());
    drop(waiting);
    assert_eq!(
        (idle(&limiter), limiter.snapshot().rejected),
        (([0; 4], 0, 1), 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_timer_with_nobody_left_ends_and_the_next_waiter_has_one_again() {
    let limiter = limiter(1, SECOND);
    for _ in 0..3 {
        spend(&limiter, 1, Class::Low).await;
        let mut waiting = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
        assert!(waiting.poll().is_pending());
        drop(waiting);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(idle(&limiter), ([0; 4], 0, 1));
}

/// The whole call: polled `n` times and dropped, for every `n` until it is done.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_point_charges_only_what_was_dispatched() {
    for polls in 0.. {
        let limiter = limiter(2, SECOND);
        let dispatched = std::rc::Rc::new(std::cell::Cell::new(0));
        let inner = {
            let dispatched = std::rc::Rc::clone(&dispatched);
            service_fn(move |(): Call| {
                dispatched.set(dispatched.get() + 1);
                async {
                    tokio::task::yield_now().await;
                    Ok::<_, TestError>(())
                }
            })
        };
        // Somebody ahead, so that there is a wait; an inner service that is not ready at first.
        let ahead = limiter.try_acquire(&units(2), Class::Low).unwrap();
        // One of its polls is the look whether it is ready at once.
        let inner = crate::layer::LateReady::new(inner, 3);
        let mut service = limiter
            .layer()
            .bid_with(|&(): &Call| crate::layer::bid(1))
            .layer(inner);
        let mut call = Box::pin(service.call(()));
        let mut ahead = Some(ahead);
        let mut done = false;
        for turn in 0..polls {
            done = poll_once(call.as_mut()).is_ready();
            if turn == 1 {
                drop(ahead.take());
            }
        }
        drop(call);
        drop(ahead);
        let expected = u64::from(dispatched.get() > 0);
        assert_eq!(
            idle(&limiter),
            ([0; 4], 0, expected),
            "dropped after {polls} polls"
        );
        if done {
            assert!(polls > 5, "it passed every stage");
            return;
        }
    }
}

/// The variant that reserves in `poll_ready`, with a service below that is late to be ready and slow to answer, for every number of
/// polls: what was not dispatched leaves nothing, whether it was dropped waiting, holding a permit, or in flight.
#[tokio::test(start_paused = true)]
async fn a_service_that_reserves_when_ready_dropped_at_any_point_charges_only_what_was_dispatched()
{
    for turn_of_the_other in [0, 1, 3] {
        for polls in 0.. {
            let window = Window::sliding("w", 2, SECOND).guard(Duration::ZERO);
            let limiter = Limiter::builder("drops")
                .window(window)
                .max_in_flight(1)
                .build();
            let dispatched = std::rc::Rc::new(std::cell::Cell::new(0));
            let inner = {
                let dispatched = std::rc::Rc::clone(&dispatched);
                service_fn(move |(): Call| {
                    dispatched.set(dispatched.get() + 1);
                    async {
                        tokio::task::yield_now().await;
                        Ok::<_, TestError>(())
                    }
                })
            };
            let inner = crate::layer::LateReady::new(inner, 3);
            let mut other = Some(limiter.try_acquire(&units(2), Class::Low).unwrap());
            let mut service = limiter
                .layer()
                .backpressure(crate::layer::bid(1))
                .layer(inner);
            let mut call = Box::pin(async move {
                std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
                // Whoever holds a permit may also think for a while before it calls.
                tokio::task::yield_now().await;
                service.call(()).await
            });
            let mut done = false;
            for turn in 0..polls {
                if turn == turn_of_the_other {
                    drop(other.take());
                }
                done = poll_once(call.as_mut()).is_ready();
                if done {
                    break;
                }
            }
            drop(call);
            drop(other);
            let expected = u64::from(dispatched.get() > 0);
            assert_eq!(
                (idle(&limiter), limiter.snapshot().in_flight),
                (([0; 4], 0, expected), 0),
                "dropped after {polls} polls"
            );
            // The whole limit less what was sent is there for others, and the slot.
            let rest = units(2 - u32::try_from(expected).unwrap());
            assert!(limiter.try_acquire(&rest, Class::Low).is_ok());
            if done {
                assert!(polls > 5 && expected == 1, "it passed every stage");
                break;
            }
        }
    }
}
