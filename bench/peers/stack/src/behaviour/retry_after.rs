//! A server that wants to be left alone for five seconds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use http_body_util::Full;
use robust_connectors::Binance;
use robust_limiter::Class;
use robust_market::{Request, RequestId};
use robust_source::{Call, Source, SourceConfig};
use tower::{BoxError, Service, ServiceExt as _};

use super::{Counts, OURS};
use crate::server::answering;
use crate::stacks::{Settings, ours, reqwest_stack, tower_resilience_stack, tower_stack};
use crate::wire::{Answer, Get, hyper_client, over_hyper, over_ours};

pub const NOTE: &str = "eleven calls, one every 500 ms, up to 3 retries each; the first answer is 503 with Retry-After: 5; \
    requests that reach the server in the 5 s after it";

const BAN: Duration = Duration::from_secs(5);

/// Settings of all sides.
pub const SETTINGS: Settings = Settings {
    delays: (Duration::from_millis(200), Duration::from_secs(10)),
    retries: 3,
    limit: (600, Duration::from_secs(60)),
    breaker: (5, Duration::from_secs(60)),
    timeout: Duration::from_secs(10),
};

/// The times of the requests that arrived.
#[derive(Debug, Clone, Default)]
struct Arrivals(Arc<Mutex<Vec<Instant>>>);

impl Arrivals {
    /// Notes a request and answers it.
    fn answer(&self) -> Response<Full<Bytes>> {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        times.push(now);
        let banned = times.first().is_some_and(|first| now - *first < BAN);
        let mut response = Response::new(Full::new(Bytes::from_static(br#"{"serverTime":1750000000000}"#)));
        if banned {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            let five = http::HeaderValue::from_static("5");
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, five);
        }
        response
    }

    /// How many came in the time after the first.
    fn during_the_ban(&self) -> f64 {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = times.first() else {
            return f64::NAN;
        };
        times.iter().filter(|time| **time - *first < BAN).count() as f64 - 1.0
    }
}

pub async fn probe() -> Result<Counts> {
    let client = robust_http::Client::builder().build()?;
    let reqwest = reqwest_stack(&SETTINGS)?;
    let (source, ours, resilience, tower, reqwest) = tokio::join!(
        asked_source(client.clone()),
        asked(ours(&SETTINGS, over_ours(client))),
        asked(tower_resilience_stack(
            &SETTINGS,
            over_hyper(hyper_client())
        )),
        asked(tower_stack(&SETTINGS, over_hyper(hyper_client()))),
        asked(tower::service_fn(move |get: Get| {
            let reqwest = reqwest.clone();
            async move {
                let answer = reqwest.get(get.uri.to_string()).send().await?;
                let (status, retry_after) = (answer.status(), None);
                Ok(Answer {
                    status,
                    retry_after,
                    body: answer.bytes().await?,
                })
            }
        })),
    );
    Ok(vec![
        (OURS, ours?),
        ("ours, a whole source", source?),
        ("tower-resilience", resilience?),
        ("tower", tower?),
        ("reqwest + reqwest-retry", reqwest?),
    ])
}

/// The same of the source that the product asks exchanges with.
async fn asked_source(client: robust_http::Client) -> Result<f64> {
    let arrivals = Arrivals::default();
    let seen = arrivals.clone();
    let address = answering(move || seen.answer()).await?;
    let mut config = SourceConfig::default();
    config.retries = SETTINGS.retries;
    (config.backoff_base, config.backoff_max) = SETTINGS.delays;
    let source = Source::builder(Arc::new(Binance))
        .config(config)
        .base_url(format!("http://{address}"))
        .build(robust_source::over(&client))?;
    let mut every = tokio::time::interval(Duration::from_millis(500));
    for _ in 0..11 {
        every.tick().await;
        let end = tokio::time::Instant::now() + Duration::from_secs(30);
        let time = Arc::new(Request::ServerTime);
        let call = Call::new(time, Class::Medium, end, RequestId(1));
        let source = source.clone();
        tokio::spawn(async move { source.call(call).await });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(arrivals.during_the_ban())
}

/// Calls for five seconds, and says how many requests arrived that should not have.
async fn asked<S>(service: S) -> Result<f64>
where
    S: Service<Get, Response = Answer, Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    let arrivals = Arrivals::default();
    let seen = arrivals.clone();
    let address = answering(move || seen.answer()).await?;
    let uri: Uri = format!("http://{address}/").parse()?;
    let mut every = tokio::time::interval(Duration::from_millis(500));
    for _ in 0..11 {
        every.tick().await;
        let get = Get {
            uri: uri.clone(),
            deadline: Some(tokio::time::Instant::now() + Duration::from_secs(30)),
        };
        tokio::spawn(service.clone().oneshot(get));
    }
    // The last of them are sent, or wait until the five seconds are over.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(arrivals.during_the_ban())
}
