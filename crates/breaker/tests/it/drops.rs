//! A call dropped at any await point leaves everything as it was.

use std::{
    pin::pin,
    sync::atomic::Ordering::SeqCst,
    task::{Context, Waker},
    time::Duration,
};

use robust_breaker::{Breaker, ErrorsAreFailures, State};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::backend::{Backend, Order, SECOND, breaker, half_open};

/// How the caller asks.
#[derive(Debug, Clone, Copy)]
enum Manner {
    ReadyThenCall,
    CallOnly,
}

/// Polls a call through both layers `polls` times and drops it; true if it came to its end.
async fn dropped_after(polls: u32, manner: Manner, breaker: &Breaker, backend: &Backend) -> bool {
    let mut service = ServiceBuilder::new()
        .layer(breaker.check_layer())
        .layer(breaker.admit_layer(ErrorsAreFailures))
        .service(backend.clone());
    let call = async {
        if let Manner::ReadyThenCall = manner {
            service.ready().await?;
        }
        service.call(Order::Succeed).await
    };
    let mut call = pin!(call);
    for _ in 0..polls {
        if call
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
        {
            return true;
        }
        tokio::time::advance(SECOND / 2).await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn at_every_await_point_the_counters_stay() {
    for manner in [Manner::ReadyThenCall, Manner::CallOnly] {
        for probing in [false, true] {
            let breaker = if probing {
                half_open(1).await
            } else {
                breaker(1)
            };
            if probing {
                // Enters the half-open state, so that there is something to compare with.
                drop(breaker.admit().unwrap());
            }
            let start = breaker.snapshot();
            let backend = Backend::new(SECOND, SECOND);
            let counts = backend.counts();
            let mut finished_after = None;
            let mut running_when_dropped = 0;
            for polls in 0..20 {
                let called = counts.called.load(SeqCst);
                if dropped_after(polls, manner, &breaker, &backend).await {
                    finished_after = Some(polls);
                    break;
                }
                running_when_dropped += counts.called.load(SeqCst) - called;
                assert_eq!(
                    breaker.snapshot(),
                    start,
                    "{manner:?}, probing {probing}, {polls} polls"
                );
                assert_eq!(counts.running.load(SeqCst), 0);
            }
            // The loop has really been at all points: in readiness, in the call, and at the end.
            assert!(
                finished_after.is_some_and(|polls| polls >= 4),
                "{finished_after:?}"
            );
            assert!(running_when_dropped >= 1);
            assert_eq!(
                breaker.state(),
                State::Closed,
                "the last one was not dropped"
            );
            assert_eq!(counts.finished.load(SeqCst), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_never_polled_returns_its_permit() {
    let breaker = half_open(1).await;
    let mut service = ServiceBuilder::new()
        .layer(breaker.admit_layer(ErrorsAreFailures))
        .service(Backend::new(Duration::ZERO, SECOND));
    service.ready().await.unwrap();
    let call = service.call(Order::Succeed);
    assert_eq!(breaker.snapshot().probes_out, 1);
    drop(call);
    assert_eq!(breaker.snapshot().probes_out, 0);
}
