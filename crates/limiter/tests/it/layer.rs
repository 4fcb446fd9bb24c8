//! The manners of a tower layer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use robust_limiter::{
    Bid, Class, ClassCell, Cost, Demand, Error, LiftLayer, Limiter, Pause, Rejected, Verdict,
    Window,
};
use tokio::time::{Instant, advance};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::acquire::{SECOND, limiter, units};

pub(crate) type Call = ();

/// An error with room for a rejection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TestError {
    Rejected(Rejected),
    Refused,
}

impl From<Rejected> for TestError {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

pub(crate) fn bid(cost: u32) -> Bid {
    Bid::new(units(cost))
}

/// A service whose clones are each ready only at the nth poll.
#[derive(Clone, Debug)]
pub(crate) struct LateReady<S> {
    inner: S,
    after: usize,
}

impl<S> LateReady<S> {
    pub(crate) const fn new(inner: S, after: usize) -> Self {
        Self { inner, after }
    }
}

impl<S: Service<Req>, Req> Service<Req> for LateReady<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.after > 0 {
            self.after -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        self.inner.call(request)
    }
}

/// A request of one's own, that knows what it costs.
#[derive(Clone)]
struct Fetch {
    cost: u32,
    class: ClassCell,
    deadline: Option<Instant>,
}

impl Demand for Fetch {
    fn cost(&self) -> Cost {
        units(self.cost)
    }

    fn class(&self) -> ClassCell {
        self.class.clone()
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

fn fetch(cost: u32) -> Fetch {
    Fetch {
        cost,
        class: Class::Medium.into(),
        deadline: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_budget() {
    let limiter = limiter(2, SECOND);
    let service = limiter.layer().layer(service_fn(|_: Fetch| async {
        Ok::<_, TestError>(Instant::now())
    }));
    let start = Instant::now();
    for expected in [0, 0, 1] {
        let at = service.clone().oneshot(fetch(1)).await.unwrap();
        assert_eq!(at - start, expected * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_comes_from_the_call_and_readiness_takes_nothing() {
    let limiter = limiter(1, SECOND);
    let mut service = limiter
        .layer()
        .layer(service_fn(|_: Fetch| async { Ok::<_, TestError>(()) }));
    for _ in 0..10 {
        service.ready().await.unwrap();
    }
    assert_eq!(limiter.snapshot().asked, 0);
    service.call(fetch(1)).await.unwrap();
    let late = Fetch {
        deadline: Some(Instant::now()),
        ..fetch(1)
    };
    let rejected = service.ready().await.unwrap().call(late).await.unwrap_err();
    assert_eq!(
        rejected,
        TestError::Rejected(Rejected::TooLate {
            retry_in: SECOND,
            window: "w".into()
        })
    );
    service.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_readied_clone_that_is_never_called_starves_nobody() {
    let limiter = limiter(1, SECOND);
    let layered = limiter
        .layer()
        .layer(service_fn(|_: Fetch| async { Ok::<_, TestError>(()) }));
    let mut idle = layered.clone();
    idle.ready().await.unwrap();
    let start = Instant::now();
    layered.oneshot(fetch(1)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn two_layer_calls_share_one_budget() {
    let limiter = limiter(1, SECOND);
    let layer = limiter.layer();
    let inner = || service_fn(|_: Fetch| async { Ok::<_, TestError>(Instant::now()) });
    let start = Instant::now();
    let first = layer.layer(inner()).oneshot(fetch(1)).await.unwrap();
    let second = layer
        .clone()
        .layer(inner())
        .oneshot(fetch(1))
        .await
        .unwrap();
    let third = limiter
        .layer()
        .layer(inner())
        .oneshot(fetch(1))
        .await
        .unwrap();
    assert_eq!(
        [first, second, third].map(|at| at - start),
        [Duration::ZERO, SECOND, 2 * SECOND]
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_without_readiness_does_not_panic() {
    let limiter = limiter(1, SECOND);
    let mut service = limiter
        .layer()
        .layer(service_fn(|_: Fetch| async { Ok::<_, TestError>(()) }));
    service.call(fetch(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_cannot_fail_is_lifted() {
    let limiter = limiter(1, SECOND);
    let service = ServiceBuilder::new()
        .layer(limiter.layer())
        .layer(LiftLayer::new())
        .service_fn(|request: Fetch| async move { Ok::<_, Infallible>(request.cost) });
    assert_eq!(service.clone().oneshot(fetch(1)).await, Ok(1));
    let error = service.oneshot(fetch(2)).await.unwrap_err();
    assert_eq!(
        error,
        Error::Rejected(Rejected::TooLarge {
            window: "w".into(),
            units: 2,
            limit: 1
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_of_box_errors_is_taken_as_it_is() {
    let limiter = limiter(1, SECOND);
    let service = ServiceBuilder::new()
        .layer(limiter.layer())
        .service_fn(|_: Fetch| async { Err::<(), BoxError>("no luck".into()) });
    assert_eq!(
        service
            .clone()
            .oneshot(fetch(1))
            .await
            .unwrap_err()
            .to_string(),
        "no luck"
    );
    let error = service.oneshot(fetch(2)).await.unwrap_err();
    assert!(matches!(
        error.downcast_ref::<Rejected>(),
        Some(Rejected::TooLarge { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn the_charge_is_stamped_when_the_inner_service_is_called() {
    let limiter = limiter(1, SECOND);
    // A service that becomes ready late must not eat into the window of its own charge.
    let inner = service_fn(|_: Fetch| async { Ok::<_, TestError>(Instant::now()) });
    let gate = Arc::new(tokio::sync::Notify::new());
    let service = limiter.layer().layer(Gated::new(inner, &gate));
    let start = Instant::now();
    let call = tokio::spawn(service.oneshot(fetch(1)));
    tokio::time::sleep(Duration::from_millis(400)).await;
    gate.notify_one();
    assert_eq!(
        call.await.unwrap().unwrap() - start,
        Duration::from_millis(400)
    );
    assert_eq!(limiter.estimate(&units(1), Class::Low), SECOND);
}

/// Ready once the gate was opened, and from then on.
struct Gated<S> {
    inner: S,
    gate: Arc<tokio::sync::Notify>,
    closed: Option<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S> Gated<S> {
    fn new(inner: S, gate: &Arc<tokio::sync::Notify>) -> Self {
        let opened = Arc::clone(gate);
        Self {
            inner,
            gate: Arc::clone(gate),
            closed: Some(Box::pin(async move { opened.notified().await })),
        }
    }
}

impl<S: Clone> Clone for Gated<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), &self.gate)
    }
}

impl<S: Service<Fetch>> Service<Fetch> for Gated<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if let Some(closed) = &mut self.closed {
            std::task::ready!(closed.as_mut().poll(cx));
            self.closed = None;
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Fetch) -> S::Future {
        self.inner.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_settles_refunds_observes_and_pauses() {
    let limiter = limiter(100, 60 * SECOND);
    let layer = limiter
        .layer()
        .feedback(|result: Result<&u32, &TestError>| match result {
            Ok(429) => Verdict::sent().pause(5 * SECOND),
            Ok(used) => Verdict::sent().usage(0, *used),
            Err(_) => Verdict::not_sent(),
        });
    let service = layer.layer(service_fn(|request: Fetch| async move {
        match request.cost {
            1 => Ok(40),
            2 => Err(TestError::Refused),
            _ => Ok(429),
        }
    }));
    let used = || limiter.snapshot().windows[0].used;
    service.clone().oneshot(fetch(1)).await.unwrap();
    assert_eq!(used(), 40);
    assert_eq!(
        service.clone().oneshot(fetch(2)).await,
        Err(TestError::Refused)
    );
    assert_eq!(used(), 40, "nothing was sent");
    let start = Instant::now();
    service.oneshot(fetch(3)).await.unwrap();
    assert_eq!(used(), 43);
    assert_eq!(limiter.paused_until(), Some(start + 5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_flight_keeps_its_charge() {
    let limiter = limiter(1, SECOND);
    let service = limiter.layer().layer(service_fn(|_: Fetch| {
        std::future::pending::<Result<(), TestError>>()
    }));
    let call = tokio::spawn(service.oneshot(fetch(1)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(
        limiter.estimate(&units(1), Class::Low),
        Duration::from_millis(900)
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_grant_and_dispatch_holds_the_call_back() {
    let limiter = limiter(1, SECOND);
    let gate = Arc::new(tokio::sync::Notify::new());
    let inner = service_fn(|_: Fetch| async { Ok::<_, TestError>(Instant::now()) });
    let service = limiter.layer().layer(Gated::new(inner, &gate));
    let start = Instant::now();
    let waits = tokio::spawn(service.clone().oneshot(fetch(1)));
    tokio::task::yield_now().await;
    assert_eq!(limiter.snapshot().held(), 1);
    limiter.pause(start + 3 * SECOND, Pause::RetryAfter);
    gate.notify_one();
    assert_eq!(waits.await.unwrap().unwrap() - start, 3 * SECOND);

    advance(SECOND).await;
    let start = Instant::now();
    let deadline = Some(start + SECOND);
    let refused = tokio::spawn(service.oneshot(Fetch {
        deadline,
        ..fetch(1)
    }));
    tokio::task::yield_now().await;
    limiter.pause(start + 3 * SECOND, Pause::RetryAfter);
    gate.notify_one();
    let error = refused.await.unwrap().unwrap_err();
    assert_eq!(
        error,
        TestError::Rejected(Rejected::Paused {
            retry_in: 3 * SECOND
        })
    );
    assert_eq!(
        (start.elapsed(), limiter.snapshot().held()),
        (Duration::ZERO, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_joins_raises_the_call_in_the_queue() {
    let limiter = limiter(1, SECOND);
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let service = limiter.layer().layer(service_fn(|_: Fetch| async {
        Ok::<_, TestError>(Instant::now())
    }));
    let start = Instant::now();
    let high = tokio::spawn(service.clone().oneshot(Fetch {
        class: Class::High.into(),
        ..fetch(1)
    }));
    tokio::task::yield_now().await;
    let flight = ClassCell::new(Class::Low);
    let joined = tokio::spawn(service.oneshot(Fetch {
        class: flight.clone(),
        ..fetch(1)
    }));
    tokio::task::yield_now().await;
    flight.raise(Class::Critical);
    assert_eq!(joined.await.unwrap().unwrap() - start, SECOND);
    assert_eq!(high.await.unwrap().unwrap() - start, 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn retry_pays_for_every_attempt_and_needs_no_buffer() {
    #[derive(Clone)]
    struct Twice;
    impl<Res> tower::retry::Policy<Fetch, Res, TestError> for Twice {
        type Future = std::future::Ready<()>;
        fn retry(
            &mut self,
            _: &mut Fetch,
            result: &mut Result<Res, TestError>,
        ) -> Option<Self::Future> {
            matches!(result, Err(TestError::Refused)).then(|| std::future::ready(()))
        }
        fn clone_request(&mut self, request: &Fetch) -> Option<Fetch> {
            Some(request.clone())
        }
    }
    let window = Window::sliding("w", 3, SECOND).guard(Duration::ZERO);
    let limiter = Limiter::builder("retried").window(window).build();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let inner = service_fn(move |_: Fetch| {
        let attempt = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            if attempt < 4 {
                Err(TestError::Refused)
            } else {
                Ok(Instant::now())
            }
        }
    });
    let service = tower::retry::Retry::new(Twice, limiter.layer().layer(inner));
    let start = Instant::now();
    let done = service.oneshot(fetch(1)).await.unwrap();
    assert_eq!(
        (attempts.load(Ordering::Relaxed), done - start),
        (5, SECOND)
    );
    assert_eq!(limiter.snapshot().committed, 5);
}
