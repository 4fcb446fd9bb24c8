//! reqwest's own client under four layers: retry with a budget > breaker > rate limit > timeout of an attempt.
//!
//! A `reqwest::Client` is a tower service, so that the layers go around it as around any other:
//!
//! ```no_run
//! use weather_client::{Get, client};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower::BoxError> {
//! let weather = client();
//! let answer = weather.oneshot(Get::new("https://weather.example/ulm".parse()?)).await?;
//! println!("{}", answer.text().await?);
//! # Ok(())
//! # }
//! ```

use std::time::{Duration, SystemTime};

use reqwest::{Method, Request, Response, StatusCode, Url};
use robust_backoff::retry_after::{Reader, from_headers};
use robust_backoff::{
    Budget, Disposition, Exponential, Jitter, Policy, Replay, TimedOut, TimeoutLayer, classify_fn,
};
use robust_breaker::{Breaker, Open, Outcome};
use robust_limiter::{Bid, Charge, Limiter, Rejected, Verdict, Window};
use tokio::time::Instant;
use tower::retry::RetryLayer;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

/// The longest time of a question with all its attempts and pauses.
const LONGEST: Duration = Duration::from_secs(20);

/// A question that can be asked again until its end.
#[derive(Debug, Clone)]
pub struct Get {
    url: Url,
    deadline: Instant,
}

impl Get {
    /// A question that may take 20 s.
    #[must_use]
    pub fn new(url: Url) -> Self {
        let deadline = Instant::now() + LONGEST;
        Self { url, deadline }
    }
}

impl Replay for Get {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}

/// At most 60 questions a minute and one attempt of 5 s each; three retries with jitter, of a fifth of the questions; five failures in a
/// row keep everybody away for half a minute, or for as long as the server says.
#[must_use]
pub fn client()
-> impl Service<Get, Response = Response, Error = BoxError, Future: Send> + Clone + Send + 'static {
    let delays = Exponential::new(Duration::from_millis(200), Duration::from_secs(5));
    let policy = Policy::builder(delays.jitter(Jitter::Full), classify_fn(disposition))
        .max_retries(3)
        .budget(Budget::new(0.2, 1.0))
        .build();
    let breaker = Breaker::builder("weather")
        .consecutive_failures(5)
        .open_for(Duration::from_secs(30))
        .build();
    let limiter = Limiter::builder("weather")
        .window(Window::sliding("questions", 60, Duration::from_secs(60)))
        .build();
    let admission = limiter
        .layer()
        .bid_with(|get: &Get| Bid::new(Charge::new(0, 1).into()).deadline(Some(get.deadline)))
        .feedback(feedback);
    ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        // Before the line for the limit: who is down is not waited for.
        .layer(breaker.check_layer())
        .layer(admission)
        .layer(breaker.admit_layer(outcome))
        .layer(TimeoutLayer::new(Duration::from_secs(5)))
        .map_request(|get: Get| Request::new(Method::GET, get.url))
        .service(reqwest::Client::new().map_err(BoxError::from))
}

/// What a server that has too much to do says on when to come back.
fn busy(answer: &Response) -> Option<Option<Duration>> {
    let is_busy = matches!(
        answer.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    is_busy.then(|| {
        let received = Some(SystemTime::now());
        let hint = from_headers(answer.headers(), Reader::new(), received)?;
        hint.ok().map(|hint| hint.wait)
    })
}

/// Whether nothing was sent.
fn refused(error: &BoxError) -> bool {
    error.is::<Open>() || error.is::<Rejected>()
}

fn disposition(result: Result<&Response, &BoxError>) -> Disposition {
    match result {
        Ok(answer) => match busy(answer) {
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

/// Everybody who waits for the limit waits for the server too.
fn feedback(result: Result<&Response, &BoxError>) -> Verdict {
    match result {
        Ok(answer) => match busy(answer).flatten() {
            Some(pause) => Verdict::sent().pause(pause),
            None => Verdict::sent(),
        },
        Err(error) if refused(error) => Verdict::not_sent(),
        Err(_) => Verdict::sent(),
    }
}

fn outcome(result: Result<&Response, &BoxError>, _: Duration) -> Outcome {
    match result {
        Ok(answer) => match busy(answer) {
            Some(retry_after) => Outcome::Failure { retry_after },
            None if answer.status().is_server_error() => Outcome::FAILURE,
            None => Outcome::Success,
        },
        Err(error) if error.is::<TimedOut>() => Outcome::FAILURE,
        Err(error) if refused(error) => Outcome::Ignore,
        Err(_) => Outcome::FAILURE,
    }
}
