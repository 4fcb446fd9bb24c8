//! Tower manners: readiness, sharing, refusals.

use std::{
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use robust_breaker::{Classify, ErrorsAreFailures, Outcome, State};
use tokio::time::{Instant, timeout};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer};
use tower_test::mock;

use crate::backend::{Backend, FAILURE, Order, SECOND, ask, breaker, half_open, refusal};

#[tokio::test(start_paused = true)]
async fn while_open_readiness_does_not_wait_for_an_inner_service_that_hangs() {
    let breaker = breaker(1);
    let (inner, mut handle) = mock::pair::<(), ()>();
    handle.allow(0);
    let mut check = task::spawn(breaker.check_layer().layer(inner.clone()));
    let mut admit = task::spawn(breaker.admit_layer(ErrorsAreFailures).layer(inner));
    assert_pending!(check.enter(|cx, mut service| service.poll_ready(cx)));
    assert_pending!(admit.enter(|cx, mut service| service.poll_ready(cx)));

    breaker.admit().unwrap().record(FAILURE);
    assert_ready_ok!(check.enter(|cx, mut service| service.poll_ready(cx)));
    assert_ready_ok!(admit.enter(|cx, mut service| service.poll_ready(cx)));
    let error = assert_ready!(task::spawn(check.call(())).poll()).unwrap_err();
    assert_eq!(refusal(&error).unwrap().retry_in, 60 * SECOND);
    let error = assert_ready!(task::spawn(admit.call(())).poll()).unwrap_err();
    assert_eq!(refusal(&error).unwrap().retry_in, 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_service_readied_while_open_and_called_after_closing_is_let_through() {
    let breaker = breaker(1);
    breaker.force_open("test", Instant::now() + 60 * SECOND);
    let backend = Backend::new(SECOND, SECOND);
    let counts = backend.counts();
    let mut check = breaker.check_layer().layer(backend.clone());
    let mut admit = breaker.admit_layer(ErrorsAreFailures).layer(backend);
    check.ready().await.unwrap();
    admit.ready().await.unwrap();
    assert_eq!(
        counts.readied.load(SeqCst),
        0,
        "open: the inner service was not asked"
    );

    breaker.force_close();
    assert_eq!(check.call(Order::Succeed).await.unwrap(), "fine");
    assert_eq!(admit.call(Order::Succeed).await.unwrap(), "fine");
    assert_eq!(
        counts.readied.load(SeqCst),
        2,
        "its readiness was made up for"
    );
}

#[tokio::test(start_paused = true)]
async fn called_without_readiness_the_layers_see_to_it_themselves() {
    let breaker = breaker(1);
    let backend = Backend::new(SECOND, SECOND);
    let mut check = breaker.check_layer().layer(backend.clone());
    let mut admit = breaker.admit_layer(ErrorsAreFailures).layer(backend);
    assert_eq!(check.call(Order::Succeed).await.unwrap(), "fine");
    assert_eq!(admit.call(Order::Succeed).await.unwrap(), "fine");
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_ready_service_is_not_ready_itself() {
    let breaker = breaker(1);
    let backend = Backend::new(SECOND, SECOND);
    let mut check = breaker.check_layer().layer(backend.clone());
    let mut admit = breaker.admit_layer(ErrorsAreFailures).layer(backend);
    check.ready().await.unwrap();
    admit.ready().await.unwrap();
    // The backend panics when it is called before it is ready.
    assert_eq!(check.clone().call(Order::Succeed).await.unwrap(), "fine");
    assert_eq!(admit.clone().call(Order::Succeed).await.unwrap(), "fine");
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opens_during_the_wait_for_readiness_refuses() {
    let breaker = breaker(1);
    let backend = Backend::new(5 * SECOND, SECOND);
    let counts = backend.counts();
    let check = breaker
        .check_layer()
        .layer(backend.clone())
        .call(Order::Succeed);
    let admit = breaker
        .admit_layer(ErrorsAreFailures)
        .layer(backend)
        .call(Order::Succeed);
    let (check, admit) = (tokio::spawn(check), tokio::spawn(admit));
    tokio::time::sleep(SECOND).await;
    breaker.force_open("test", Instant::now() + 60 * SECOND);
    assert!(refusal(&check.await.unwrap().unwrap_err()).is_some());
    assert!(refusal(&admit.await.unwrap().unwrap_err()).is_some());
    assert_eq!(counts.called.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_ready_but_idle_service_keeps_no_permit_from_others() {
    let breaker = half_open(1).await;
    let layer = breaker.admit_layer(ErrorsAreFailures);
    let mut idle = layer.layer(Backend::default());
    idle.ready().await.unwrap();
    assert_eq!(breaker.snapshot().probes_out, 0);
    assert_eq!(
        layer
            .layer(Backend::default())
            .oneshot(Order::Succeed)
            .await
            .unwrap(),
        "fine"
    );
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(
        idle.call(Order::Succeed).await.unwrap(),
        "fine",
        "its readiness is still good"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_releases_what_the_inner_service_reserved() {
    let breaker = breaker(1);
    let limited = ConcurrencyLimitLayer::new(1).layer(Backend::default());
    let mut other = limited.clone();
    let mut check = breaker.check_layer().layer(limited.clone());
    let mut admit = breaker.admit_layer(ErrorsAreFailures).layer(limited);
    for service in [&mut check as &mut dyn Probe, &mut admit] {
        breaker.force_close();
        service.become_ready().await;
        breaker.force_open("test", Instant::now() + 60 * SECOND);
        assert!(refusal(&service.go().await.unwrap_err()).is_some());
        timeout(SECOND, other.ready())
            .await
            .expect("the only slot is free")
            .unwrap();
        assert_eq!(other.call(Order::Succeed).await.unwrap(), "fine");
    }
}

/// Either layer's service.
trait Probe {
    fn become_ready(&mut self) -> LocalBoxFuture<'_, ()>;
    fn go(&mut self) -> LocalBoxFuture<'_, Result<&'static str, BoxError>>;
}

impl<S> Probe for S
where
    S: Service<Order, Response = &'static str, Error = BoxError>,
{
    fn become_ready(&mut self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {
            self.ready().await.unwrap();
        })
    }

    fn go(&mut self) -> LocalBoxFuture<'_, Result<&'static str, BoxError>> {
        Box::pin(self.call(Order::Succeed))
    }
}

#[tokio::test(start_paused = true)]
async fn two_layers_of_one_handle_share_their_state() {
    let breaker = breaker(1);
    let layer = breaker.admit_layer(ErrorsAreFailures);
    let (one, two) = (
        layer.layer(Backend::default()),
        layer.layer(Backend::default()),
    );
    let three = breaker.clone().check_layer().layer(Backend::default());
    assert!(refusal(&one.clone().oneshot(Order::Fail).await.unwrap_err()).is_none());
    for service in [one, two] {
        assert!(refusal(&service.oneshot(Order::Succeed).await.unwrap_err()).is_some());
    }
    assert!(refusal(&three.oneshot(Order::Succeed).await.unwrap_err()).is_some());

    let other = crate::backend::breaker(1);
    assert!(other.check().is_ok(), "another handle is another circuit");
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_does_not_call_the_inner_service() {
    let breaker = breaker(1);
    let backend = Backend::default();
    let counts = backend.counts();
    let mut service = ServiceBuilder::new()
        .layer(breaker.check_layer())
        .layer(breaker.admit_layer(ErrorsAreFailures))
        .service(backend);
    let _ = ask(&mut service, Order::Fail).await;
    for _ in 0..10 {
        let error = ask(&mut service, Order::Succeed).await.unwrap_err();
        let open = refusal(&error).expect("refused");
        assert_eq!(
            (&*open.name, open.retry_in, open.generation),
            ("backend", 60 * SECOND, 1)
        );
        assert_eq!(open.until, Some(Instant::now() + 60 * SECOND));
    }
    assert_eq!(counts.called.load(SeqCst), 1);
}

#[derive(Debug, Clone, Default)]
struct Stopwatch {
    elapsed: Arc<Mutex<Vec<Duration>>>,
    dropped: Arc<Mutex<Vec<Duration>>>,
}

impl Classify<&'static str, BoxError> for Stopwatch {
    fn outcome(&self, result: Result<&&'static str, &BoxError>, elapsed: Duration) -> Outcome {
        self.elapsed.lock().unwrap().push(elapsed);
        ErrorsAreFailures.outcome(result, elapsed)
    }

    /// A drop after 10 s is somebody's timeout.
    fn on_drop(&self, elapsed: Duration) -> Outcome {
        self.dropped.lock().unwrap().push(elapsed);
        if elapsed >= 10 * SECOND {
            FAILURE
        } else {
            Outcome::Ignore
        }
    }
}

#[tokio::test(start_paused = true)]
async fn elapsed_counts_from_the_inner_call_without_the_wait_for_readiness() {
    let breaker = breaker(1);
    let stopwatch = Stopwatch::default();
    let service = breaker
        .admit_layer(stopwatch.clone())
        .layer(Backend::new(5 * SECOND, 2 * SECOND));
    service.clone().oneshot(Order::Succeed).await.unwrap();
    service.clone().call(Order::Succeed).await.unwrap();
    assert_eq!(*stopwatch.elapsed.lock().unwrap(), [2 * SECOND, 2 * SECOND]);
}

/// A timeout outside of the breaker looks like a drop; the classifier can tell.
#[tokio::test(start_paused = true)]
async fn a_long_call_that_is_dropped_can_count_as_a_failure() {
    let breaker = breaker(1);
    let stopwatch = Stopwatch::default();
    let service = breaker
        .admit_layer(stopwatch.clone())
        .layer(Backend::new(Duration::ZERO, 60 * SECOND));
    assert!(
        timeout(9 * SECOND, service.clone().oneshot(Order::Succeed))
            .await
            .is_err()
    );
    assert_eq!(breaker.state(), State::Closed);
    assert!(
        timeout(10 * SECOND, service.oneshot(Order::Succeed))
            .await
            .is_err()
    );
    assert!(matches!(breaker.state(), State::Open { .. }));
    assert_eq!(stopwatch.dropped.lock().unwrap().len(), 2);
    assert!(
        stopwatch.elapsed.lock().unwrap().is_empty(),
        "each call is judged once"
    );
}
