//! The variant that reserves in `poll_ready`, under those of tower's layers that decide by readiness; and the plain one, which
//! reserves nothing.

use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use robust_limiter::{Backpressure, Limiter, Rejected, Window};
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::limit::ConcurrencyLimit;
use tower::load::Constant;
use tower::load_shed::error::Overloaded;
use tower::steer::Steer;
use tower::util::{BoxCloneService, ServiceFn};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::acquire::SECOND;
use crate::layer::bid;

type Echo = ServiceFn<fn(u32) -> Ready<Result<u32, BoxError>>>;

fn echo() -> Echo {
    service_fn(|call| ready(Ok(call)))
}

fn limiter(limit: u32) -> Limiter {
    let window = Window::sliding("w", limit, SECOND).guard(Duration::ZERO);
    Limiter::builder("ready").window(window).build()
}

fn gate(limiter: &Limiter) -> Backpressure<Echo> {
    limiter.layer().backpressure(bid(1)).layer(echo())
}

fn is_ready<S: Service<u32, Error = BoxError>>(service: &mut S) -> bool {
    match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ready) => {
            ready.expect("never an error");
            true
        }
        Poll::Pending => false,
    }
}

/// P11: an idle service that was asked whether it is ready keeps nothing from anybody.
#[tokio::test(start_paused = true)]
async fn readiness_of_the_plain_layer_reserves_nothing() {
    let limiter = limiter(1);
    let layer = limiter.layer().bid_with(|_: &u32| bid(1));
    let mut idle = layer.layer(ConcurrencyLimit::new(echo(), 1));
    let mut busy = idle.clone();
    assert!(is_ready(&mut idle) && is_ready(&mut busy));
    assert_eq!(limiter.snapshot().held(), 0);
    assert_eq!(busy.call(7).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn readiness_of_the_other_holds_a_permit_and_gives_it_back() {
    let limiter = limiter(1);
    let mut first = gate(&limiter);
    let mut second = first.clone();
    assert!(is_ready(&mut first) && is_ready(&mut first) && !is_ready(&mut second));
    assert_eq!(limiter.snapshot().held(), 1);
    drop(first);
    assert!(is_ready(&mut second), "the next in the queue has it");
    assert_eq!(second.call(3).await.unwrap(), 3);
    drop(second);
    let seen = limiter.snapshot();
    assert_eq!(
        (seen.held(), seen.committed, seen.returned, seen.queued),
        (0, 1, 1, [0; 4])
    );
}

#[tokio::test(start_paused = true)]
async fn its_rejection_is_an_error_of_the_call() {
    let limiter = limiter(1);
    let mut service = limiter.layer().backpressure(bid(2)).layer(echo());
    assert!(
        is_ready(&mut service),
        "and not an error of readiness, which would be for good"
    );
    let error = service.call(1).await.unwrap_err();
    assert!(matches!(
        error.downcast_ref(),
        Some(Rejected::TooLarge { .. })
    ));
    // Called without having been asked: decided at once.
    let mut service = gate(&limiter);
    assert!(service.call(1).await.is_ok());
    assert!(matches!(
        service.call(1).await.unwrap_err().downcast_ref(),
        Some(Rejected::TooLate { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn load_shed_refuses_at_once_what_the_budget_has_no_room_for() {
    let limiter = limiter(2);
    let mut service = ServiceBuilder::new().load_shed().service(gate(&limiter));
    for turn in 0..4 {
        let answer = service.ready().await.unwrap().call(turn).await;
        match answer {
            Ok(_) => assert!(turn < 2),
            Err(error) => assert!(turn >= 2 && error.is::<Overloaded>()),
        }
    }
    // Shed calls keep one place in the queue, and no units.
    assert_eq!(limiter.snapshot().committed, 2);
    // The window, and the tick of the timer.
    tokio::time::sleep(SECOND + Duration::from_millis(2)).await;
    assert!(service.ready().await.unwrap().call(9).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn buffer_waits_for_the_budget_and_loses_nothing() {
    let limiter = limiter(3);
    let buffer = ServiceBuilder::new().buffer(64).service(gate(&limiter));
    let start = tokio::time::Instant::now();
    let calls = (0..9).map(|call| buffer.clone().oneshot(call));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    // Three windows' worth; the third begins after 2 s, and a timer is up to 1 ms late each time.
    let took = start.elapsed();
    assert!(
        took >= 2 * SECOND && took <= 2 * SECOND + Duration::from_millis(5),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn balance_goes_where_there_is_budget() {
    let limiters = [limiter(2), limiter(5)];
    let services = limiters
        .iter()
        .map(|limiter| Constant::new(gate(limiter), 1));
    let mut balance = Balance::new(ServiceList::new::<u32>(services));
    for call in 0..7 {
        assert_eq!(
            balance.ready().await.unwrap().call(call).await.unwrap(),
            call
        );
    }
    assert!(
        limiters
            .iter()
            .all(|limiter| limiter.snapshot().windows[0].used >= 2)
    );
    let start = tokio::time::Instant::now();
    balance.ready().await.unwrap().call(7).await.unwrap();
    assert!(start.elapsed() >= SECOND / 2, "both are full");
    let committed: u64 = limiters
        .iter()
        .map(|limiter| limiter.snapshot().committed)
        .sum();
    assert_eq!(committed, 8);
}

#[tokio::test(start_paused = true)]
async fn steer_picks_by_request_and_each_keeps_its_own_budget() {
    let limiters = [limiter(2), limiter(2)];
    let services: Vec<BoxCloneService<u32, u32, BoxError>> = limiters
        .iter()
        .map(|limiter| BoxCloneService::new(gate(limiter)))
        .collect();
    let mut steer = Steer::new(services, |call: &u32, _: &[_]| *call as usize % 2);
    for call in 0..3 {
        let answer = steer.ready().await.unwrap().call(call).await;
        assert_eq!(answer.unwrap(), call);
    }
    // The first is spent; the second holds a permit, because steer wants all of them ready.
    assert!(
        tokio::time::timeout(SECOND / 2, steer.ready())
            .await
            .is_err()
    );
    drop(steer);
    let seen = limiters.map(|limiter| limiter.snapshot());
    assert_eq!(
        seen.each_ref().map(|seen| (seen.committed, seen.returned)),
        [(2, 0), (1, 1)]
    );
    assert!(seen.iter().all(|seen| seen.queued == [0; 4]));
}
