//! A call dropped at any await point leaves everything as it was.

use std::{
    pin::pin,
    sync::atomic::Ordering::SeqCst,
    task::{Context, Waker},
    time::Duration,
};

use robust_breaker::{Breaker, ErrorsAreFailures, Registry, State};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, util::BoxService};

use crate::backend::{Backend, FAILURE, Order, SECOND, breaker, half_open};

/// How the caller asks.
#[derive(Debug, Clone, Copy)]
enum Manner {
    ReadyThenCall,
    CallOnly,
}

/// Through which layers.
#[derive(Debug, Clone, Copy)]
enum Layers {
    CheckAndAdmit,
    Backpressure,
    Keyed,
}

/// A breaker as each kind of layers has it, and how to wrap a service in them.
struct Subject {
    layers: Layers,
    breaker: Breaker,
    hosts: Registry<u32>,
}

impl Subject {
    fn new(layers: Layers) -> Self {
        let hosts = Registry::builder(Breaker::builder("").consecutive_failures(1)).build();
        let breaker = match layers {
            Layers::Keyed => hosts.get(&1),
            Layers::CheckAndAdmit | Layers::Backpressure => breaker(1),
        };
        Self {
            layers,
            breaker,
            hosts,
        }
    }

    fn around(&self, backend: Backend) -> BoxService<Order, &'static str, BoxError> {
        match self.layers {
            Layers::CheckAndAdmit => ServiceBuilder::new()
                .layer(self.breaker.check_layer())
                .layer(self.breaker.admit_layer(ErrorsAreFailures))
                .service(backend)
                .boxed(),
            Layers::Backpressure => ServiceBuilder::new()
                .layer(self.breaker.admit_layer(ErrorsAreFailures).backpressure())
                .service(backend)
                .boxed(),
            Layers::Keyed => ServiceBuilder::new()
                .layer(self.hosts.admit_layer(|_: &Order| 1, ErrorsAreFailures))
                .service(backend)
                .boxed(),
        }
    }
}

/// Polls a call `polls` times and drops it with its service; true if it came to its end.
async fn dropped_after(polls: u32, manner: Manner, subject: &Subject, backend: &Backend) -> bool {
    let mut service = subject.around(backend.clone());
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
    for layers in [Layers::CheckAndAdmit, Layers::Backpressure, Layers::Keyed] {
        for manner in [Manner::ReadyThenCall, Manner::CallOnly] {
            for probing in [false, true] {
                every_await_point(layers, manner, probing).await;
            }
        }
    }
}

async fn every_await_point(layers: Layers, manner: Manner, probing: bool) {
    let subject = Subject::new(layers);
    let breaker = &subject.breaker;
    if probing {
        breaker.admit().unwrap().record(FAILURE);
        tokio::time::advance(60 * SECOND).await;
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
        if dropped_after(polls, manner, &subject, &backend).await {
            finished_after = Some(polls);
            break;
        }
        running_when_dropped += counts.called.load(SeqCst) - called;
        assert_eq!(
            breaker.snapshot(),
            start,
            "{layers:?}, {manner:?}, probing {probing}, {polls} polls"
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
