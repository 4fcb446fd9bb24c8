//! Under those who choose by readiness: `load_shed`, `buffer`, `balance`, `steer`; with the normal layer,
//! which refuses, and with `.backpressure()`, which is not ready.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use robust_breaker::{Backpressure, Breaker, ErrorsAreFailures, Open, State};
use tokio::time::{Instant, advance, timeout};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    balance::p2c::Balance,
    buffer::Buffer,
    discover::ServiceList,
    limit::ConcurrencyLimitLayer,
    load::{CompleteOnResponse, PendingRequestsDiscover},
    load_shed::error::Overloaded,
    steer::Steer,
};

use crate::backend::{Backend, Counts, Order, SECOND, ask, breaker, half_open, refusal};

type Waits = Backpressure<Backend, ErrorsAreFailures>;

fn waiting(breaker: &Breaker) -> (Waits, Arc<Counts>) {
    let backend = Backend::default();
    let counts = backend.counts();
    let layer = breaker.admit_layer(ErrorsAreFailures).backpressure();
    (layer.layer(backend), counts)
}

fn open_for(breaker: &Breaker, time: Duration) {
    breaker.force_open("test", Instant::now() + time);
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_the_open_time_is_over_and_holds_the_permit_then() {
    let breaker = breaker(1);
    let (mut one, _) = waiting(&breaker);
    let (mut two, _) = waiting(&breaker);
    open_for(&breaker, 60 * SECOND);
    let start = Instant::now();
    one.ready().await.unwrap();
    assert!(
        (60 * SECOND..61 * SECOND).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(breaker.snapshot().probes_out, 1, "reserved by readiness");
    assert!(
        timeout(5 * SECOND, two.ready()).await.is_err(),
        "there is one permit"
    );

    drop(one);
    assert_eq!(breaker.snapshot().probes_out, 0, "dropped, and back");
    two.ready().await.unwrap();
    assert_eq!(two.call(Order::Succeed).await.unwrap(), "fine");
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn it_wakes_when_someone_closes_the_circuit_or_a_permit_comes_back() {
    let breaker = breaker(1);
    open_for(&breaker, 3_600 * SECOND);
    let (mut service, _) = waiting(&breaker);
    let woken = tokio::spawn(async move {
        service.ready().await.unwrap();
        Instant::now()
    });
    tokio::time::sleep(SECOND).await;
    let closed = Instant::now();
    breaker.force_close();
    assert_eq!(woken.await.unwrap(), closed);

    let breaker = half_open(1).await;
    let probe = breaker.admit().unwrap();
    let (mut service, _) = waiting(&breaker);
    let woken = tokio::spawn(async move {
        service.ready().await.unwrap();
        Instant::now()
    });
    tokio::time::sleep(SECOND / 4).await;
    let back = Instant::now();
    drop(probe);
    assert_eq!(woken.await.unwrap(), back);
}

#[tokio::test(start_paused = true)]
async fn a_permit_reserved_and_not_used_fails_at_the_deadline() {
    let breaker = half_open(1).await;
    let (mut idle, counts) = waiting(&breaker);
    idle.ready().await.unwrap();
    advance(30 * SECOND).await;
    assert!(matches!(breaker.state(), State::Open { .. }));
    let error = idle.call(Order::Succeed).await.unwrap_err();
    assert!(refusal(&error).is_some(), "the reservation is over");
    assert_eq!(counts.called.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn while_it_waits_it_keeps_nothing_of_the_inner_service() {
    let breaker = breaker(1);
    let limited = ConcurrencyLimitLayer::new(1).layer(Backend::default());
    let mut other = limited.clone();
    let mut service = breaker
        .admit_layer(ErrorsAreFailures)
        .backpressure()
        .layer(limited);
    service.ready().await.unwrap();
    open_for(&breaker, 60 * SECOND);
    assert!(timeout(Duration::ZERO, service.ready()).await.is_err());
    timeout(SECOND, other.ready())
        .await
        .expect("the only slot is free")
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn load_shed_sheds_while_it_is_open() {
    let breaker = breaker(1);
    let (waits, counts) = waiting(&breaker);
    let mut sheds = ServiceBuilder::new().load_shed().service(waits);
    let mut refuses = ServiceBuilder::new().load_shed().service(
        breaker
            .admit_layer(ErrorsAreFailures)
            .layer(Backend::default()),
    );
    assert_eq!(ask(&mut sheds, Order::Succeed).await.unwrap(), "fine");
    open_for(&breaker, 60 * SECOND);
    let error = ask(&mut sheds, Order::Succeed).await.unwrap_err();
    assert!(error.is::<Overloaded>(), "{error}");
    let error = ask(&mut refuses, Order::Succeed).await.unwrap_err();
    assert!(
        error.is::<Open>(),
        "the normal layer says when to come back: {error}"
    );

    advance(60 * SECOND).await;
    assert_eq!(ask(&mut sheds, Order::Succeed).await.unwrap(), "fine");
    assert_eq!(
        (breaker.state(), counts.called.load(SeqCst)),
        (State::Closed, 2)
    );
}

/// A layer that refused in `poll_ready` would end the buffer for ever.
#[tokio::test(start_paused = true)]
async fn a_buffer_lives_through_an_outage_with_either_layer() {
    let breaker = breaker(1);
    let (waits, _) = waiting(&breaker);
    let mut queued = Buffer::new(waits, 8);
    let mut refused = Buffer::new(
        breaker
            .admit_layer(ErrorsAreFailures)
            .layer(Backend::default()),
        8,
    );
    open_for(&breaker, 60 * SECOND);
    let error = ask(&mut refused, Order::Succeed).await.unwrap_err();
    assert!(error.is::<Open>());

    let start = Instant::now();
    let calls: Vec<_> = (0..3)
        .map(|_| tokio::spawn(queued.clone().oneshot(Order::Succeed)))
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "fine");
    }
    assert!(start.elapsed() >= 60 * SECOND, "they waited in the buffer");
    for service in [&mut queued, &mut Buffer::new(waiting(&breaker).0, 8)] {
        assert_eq!(ask(service, Order::Succeed).await.unwrap(), "fine");
    }
    assert_eq!(ask(&mut refused, Order::Succeed).await.unwrap(), "fine");
}

#[tokio::test(start_paused = true)]
async fn balance_goes_around_the_open_one_and_comes_back_to_it() {
    let breakers = [breaker(1), breaker(1)];
    let services: Vec<_> = breakers.iter().map(waiting).collect();
    let counts: Vec<_> = services
        .iter()
        .map(|(_, counts)| Arc::clone(counts))
        .collect();
    let discover = ServiceList::new(services.into_iter().map(|(service, _)| service));
    let mut balance = Balance::new(PendingRequestsDiscover::new(
        discover,
        CompleteOnResponse::default(),
    ));
    open_for(&breakers[0], 60 * SECOND);
    for _ in 0..20 {
        let answer: Result<_, BoxError> = ask(&mut balance, Order::Succeed).await;
        assert_eq!(answer.unwrap(), "fine");
    }
    assert_eq!(counts[0].called.load(SeqCst), 0, "open");
    assert_eq!(counts[1].called.load(SeqCst), 20);

    tokio::time::sleep(61 * SECOND).await;
    for _ in 0..50 {
        ask(&mut balance, Order::Succeed).await.unwrap();
    }
    assert_eq!(breakers[0].state(), State::Closed, "probed");
    assert!(counts[0].called.load(SeqCst) > 1, "and used again");
}

/// The normal layer is ready while open: the balancer keeps choosing it, and the caller hears `Open`.
#[tokio::test(start_paused = true)]
async fn balance_over_the_normal_layer_gets_refusals_and_never_loses_the_service() {
    let breaker = breaker(1);
    let service = breaker
        .admit_layer(ErrorsAreFailures)
        .layer(Backend::default());
    let discover = ServiceList::new([service]);
    let mut balance = Balance::new(PendingRequestsDiscover::new(
        discover,
        CompleteOnResponse::default(),
    ));
    open_for(&breaker, 60 * SECOND);
    for _ in 0..3 {
        let error: BoxError = ask(&mut balance, Order::Succeed).await.unwrap_err();
        assert!(error.is::<Open>());
    }
    advance(60 * SECOND).await;
    assert_eq!(ask(&mut balance, Order::Succeed).await.unwrap(), "fine");
}

#[tokio::test(start_paused = true)]
async fn steer_waits_for_all_of_them_with_backpressure_and_for_none_with_the_normal_layer() {
    let (down, up) = (breaker(1), breaker(1));
    let mut waits = Steer::new(
        vec![waiting(&down).0, waiting(&up).0],
        |order: &Order, _: &[Waits]| usize::from(*order == Order::Succeed),
    );
    let layer = |breaker: &Breaker| {
        breaker
            .admit_layer(ErrorsAreFailures)
            .layer(Backend::default())
    };
    let mut refuses = Steer::new(vec![layer(&down), layer(&up)], |order: &Order, _: &[_]| {
        usize::from(*order == Order::Succeed)
    });
    open_for(&down, 60 * SECOND);
    assert_eq!(ask(&mut refuses, Order::Succeed).await.unwrap(), "fine");
    assert!(refusal(&ask(&mut refuses, Order::Fail).await.unwrap_err()).is_some());

    assert!(timeout(Duration::ZERO, waits.ready()).await.is_err());
    let start = Instant::now();
    assert_eq!(ask(&mut waits, Order::Succeed).await.unwrap(), "fine");
    assert!(start.elapsed() >= 60 * SECOND);
}
