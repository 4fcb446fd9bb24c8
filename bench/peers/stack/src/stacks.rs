//! Whole stacks with the same settings: ours, tower's, tower-resilience's, and reqwest with its middleware.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use governor::{DefaultDirectRateLimiter, Quota};
use http::Extensions;
use reqwest_middleware::{ClientWithMiddleware, Middleware, Next};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use robust_backoff::{
    Budget, Disposition, Exponential, Jitter, Policy, Replay, TimedOut, TimeoutLayer, classify_fn,
};
use robust_breaker::{Breaker, Open, Outcome};
use robust_limiter::{Bid, Charge, Limiter, Rejected, Verdict, Window};
use tower::retry::RetryLayer;
use tower::retry::backoff::{Backoff as _, ExponentialBackoff as TowerDelays};
use tower::retry::backoff::{ExponentialBackoffMaker, MakeBackoff as _};
use tower::retry::budget::{Budget as _, TpsBudget};
use tower::util::{BoxCloneService, rng::HasherRng};
use tower::{BoxError, Service, ServiceBuilder};
use tower_resilience::circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};
use tower_resilience::ratelimiter::{RateLimiterLayer, RateLimiterServiceError};
use tower_resilience::retry::{ExponentialRandomBackoff, RetryLayer as PeerRetryLayer};
use tower_resilience::timelimiter::{TimeLimiterError, TimeLimiterLayer};

use crate::wire::Answer;

/// What every stack is set to.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The first pause between attempts, and the longest.
    pub delays: (Duration, Duration),
    /// Attempts after the first.
    pub retries: u32,
    /// Calls in a window.
    pub limit: (u32, Duration),
    /// Failures in a row that open the breaker, and for how long.
    pub breaker: (u32, Duration),
    /// The time of one attempt.
    pub timeout: Duration,
}

/// What a stack has to know of its answers.
pub trait Judged: fmt::Debug + Clone + Send + 'static {
    /// `Some` when the server wants to be left alone, with the time it asks for.
    fn overloaded(&self) -> Option<Option<Duration>>;
}

impl Judged for Answer {
    fn overloaded(&self) -> Option<Option<Duration>> {
        self.overloaded().then_some(self.retry_after)
    }
}

impl Judged for u32 {
    fn overloaded(&self) -> Option<Option<Duration>> {
        None
    }
}

/// retry with a budget > breaker check > limiter > breaker > timeout.
pub fn ours<S, Req, Res>(
    settings: &Settings,
    inner: S,
) -> impl Service<Req, Response = Res, Error = BoxError, Future: Send> + Clone + Send + 'static
where
    S: Service<Req, Response = Res, Error = BoxError, Future: Send> + Clone + Send + 'static,
    Req: Replay + Send + 'static,
    Res: Judged,
{
    let (base, max) = settings.delays;
    let delays = Exponential::new(base, max).jitter(Jitter::Full);
    let policy = Policy::builder(delays, classify_fn(disposition::<Res>))
        .max_retries(settings.retries)
        .budget(Budget::new(0.2, 10.0))
        .build();
    let (failures, open_for) = settings.breaker;
    let breaker = Breaker::builder("server")
        .consecutive_failures(failures)
        .open_for(open_for)
        .build();
    let (limit, per) = settings.limit;
    let limiter = Limiter::builder("server")
        .window(Window::sliding("calls", limit, per))
        .build();
    let admission = limiter
        .layer()
        .bid_with(|request: &Req| Bid::new(Charge::new(0, 1).into()).deadline(request.deadline()))
        .feedback(feedback::<Res>);
    ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .layer(breaker.check_layer())
        .layer(admission)
        .layer(breaker.admit_layer(outcome::<Res>))
        .layer(TimeoutLayer::new(settings.timeout))
        .service(inner)
}

/// Whether nothing was sent, and what was refused here says so.
fn refused(error: &BoxError) -> bool {
    error.is::<Open>() || error.is::<Rejected>()
}

fn disposition<Res: Judged>(result: Result<&Res, &BoxError>) -> Disposition {
    match result {
        Ok(answer) => match answer.overloaded() {
            Some(after) => Disposition::Retry { after, sent: true },
            None => Disposition::Final,
        },
        Err(error) if refused(error) => Disposition::Final,
        Err(_) => Disposition::Retry {
            after: None,
            sent: true,
        },
    }
}

fn feedback<Res: Judged>(result: Result<&Res, &BoxError>) -> Verdict {
    match result {
        Ok(answer) => match answer.overloaded().flatten() {
            Some(pause) => Verdict::sent().pause(pause),
            None => Verdict::sent(),
        },
        Err(error) if refused(error) => Verdict::not_sent(),
        Err(_) => Verdict::sent(),
    }
}

fn outcome<Res: Judged>(result: Result<&Res, &BoxError>, _: Duration) -> Outcome {
    match result {
        Ok(answer) => match answer.overloaded() {
            Some(retry_after) => Outcome::Failure { retry_after },
            None => Outcome::Success,
        },
        Err(error) if error.is::<TimedOut>() => Outcome::Failure { retry_after: None },
        Err(error) if refused(error) => Outcome::Ignore,
        Err(_) => Outcome::Failure { retry_after: None },
    }
}

/// tower: retry with its budget and its back-off > buffer > rate limit > timeout. It has no breaker, and its rate limit cannot be
/// cloned, which retrying needs; so there is a buffer between them.
pub fn tower_stack<S, Req, Res>(
    settings: &Settings,
    inner: S,
) -> BoxCloneService<Req, Res, BoxError>
where
    S: Service<Req, Response = Res, Error = BoxError, Future: Send> + Clone + Send + 'static,
    Req: Clone + Send + 'static,
    Res: Judged,
{
    let (base, max) = settings.delays;
    let mut maker = ExponentialBackoffMaker::new(base, max, 0.5, HasherRng::default())
        .expect("bounds in order");
    let again = TowerPolicy {
        left: settings.retries,
        budget: Arc::new(TpsBudget::default()),
        delays: maker.make_backoff(),
    };
    let (limit, per) = settings.limit;
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(again))
        .buffer(4_096)
        .rate_limit(u64::from(limit), per)
        .timeout(settings.timeout)
        .service(inner);
    BoxCloneService::new(stack)
}

#[derive(Clone)]
struct TowerPolicy {
    left: u32,
    budget: Arc<TpsBudget>,
    delays: TowerDelays,
}

impl<Req: Clone, Res: Judged> tower::retry::Policy<Req, Res, BoxError> for TowerPolicy {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, BoxError>) -> Option<Self::Future> {
        let good = result
            .as_ref()
            .is_ok_and(|answer| answer.overloaded().is_none());
        if good {
            self.budget.deposit();
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        self.budget.withdraw().then(|| self.delays.next_backoff())
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

type PeerError = CircuitBreakerError<RateLimiterServiceError<TimeLimiterError<BoxError>>>;

/// tower-resilience: retry > breaker > limiter > timeout.
pub fn tower_resilience_stack<S, Req, Res>(
    settings: &Settings,
    inner: S,
) -> BoxCloneService<Req, Res, BoxError>
where
    S: Service<Req, Response = Res, Error = BoxError, Future: Send> + Clone + Send + 'static,
    Req: Clone + Send + 'static,
    Res: Judged + Sync,
{
    let (base, max) = settings.delays;
    let delays = ExponentialRandomBackoff::new(base, 0.5).expect("a factor below one");
    let retry = PeerRetryLayer::<Req, Res, PeerError>::builder()
        .max_attempts(settings.retries as usize + 1)
        .backoff(delays.max_interval(max))
        .retry_on_response(|answer: &Res| answer.overloaded().is_some())
        .build();
    let (failures, open_for) = settings.breaker;
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(failures as usize)
        .wait_duration_in_open(open_for)
        .permitted_calls_in_half_open(1)
        .failure_classifier(
            |result: &Result<Res, RateLimiterServiceError<TimeLimiterError<BoxError>>>| {
                result
                    .as_ref()
                    .map_or(true, |answer| answer.overloaded().is_some())
            },
        )
        .build()
        .expect("a valid breaker");
    let (limit, per) = settings.limit;
    let limiter = RateLimiterLayer::builder()
        .limit_for_period(limit as usize)
        .refresh_period(per)
        .timeout_duration(Duration::from_secs(30))
        .build()
        .expect("a valid limiter");
    let timeout = TimeLimiterLayer::builder()
        .timeout_duration(settings.timeout)
        .build();
    let stack = ServiceBuilder::new()
        .map_err(|error: PeerError| -> BoxError { format!("{error:?}").into() })
        .layer(retry)
        .layer(breaker)
        .layer(limiter)
        .layer(timeout)
        .service(inner);
    BoxCloneService::new(stack)
}

/// reqwest > reqwest-retry > governor, so that each attempt waits for its turn. No breaker: there is none for it.
pub fn reqwest_stack(settings: &Settings) -> Result<ClientWithMiddleware> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .timeout(settings.timeout)
        .build()?;
    let (base, max) = settings.delays;
    let retry = ExponentialBackoff::builder()
        .retry_bounds(base, max)
        .build_with_max_retries(settings.retries);
    let (limit, per) = settings.limit;
    let burst = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(per / burst.get()).unwrap_or_else(|| Quota::per_second(burst));
    let paced = Paced(DefaultDirectRateLimiter::direct(quota.allow_burst(burst)));
    Ok(reqwest_middleware::ClientBuilder::new(client)
        .with(RetryTransientMiddleware::new_with_policy(retry))
        .with(paced)
        .build())
}

/// governor as a middleware; reqwest has no rate limit of its own.
struct Paced(DefaultDirectRateLimiter);

#[async_trait::async_trait]
impl Middleware for Paced {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        self.0.until_ready().await;
        next.run(request, extensions).await
    }
}
