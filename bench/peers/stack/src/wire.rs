//! The question and the answer that all HTTP clients here share, and the two clients below the layers.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use robust_backoff::Replay;
use tokio::time::Instant;
use tower::{BoxError, Service, service_fn};

/// A question that may be asked again.
#[derive(Debug, Clone)]
pub struct Get {
    pub uri: Uri,
    pub deadline: Option<Instant>,
}

impl Replay for Get {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// What is needed of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub body: Bytes,
}

impl Answer {
    fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        let seconds = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            status,
            retry_after: seconds.map(Duration::from_secs),
            body,
        }
    }

    /// Whether the server wants to be left alone.
    pub fn overloaded(&self) -> bool {
        [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ]
        .contains(&self.status)
    }
}

fn request(uri: Uri) -> Result<Request<Bytes>, BoxError> {
    Ok(Request::get(uri).body(Bytes::new())?)
}

/// Our client.
pub fn over_ours(
    client: robust_http::Client,
) -> impl Service<Get, Response = Answer, Error = BoxError, Future: Send> + Clone + Send + 'static {
    service_fn(move |get: Get| {
        let client = client.clone();
        async move {
            let fetched = client.fetch(request(get.uri)?, get.deadline).await?;
            Ok(Answer::new(fetched.status, &fetched.headers, fetched.body))
        }
    })
}

/// The client that hyper-util has.
pub type Hyper = HyperClient<HttpConnector, Full<Bytes>>;

pub fn hyper_client() -> Hyper {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    HyperClient::builder(TokioExecutor::new()).build(connector)
}

/// hyper-util's client, whole bodies.
pub fn over_hyper(
    client: Hyper,
) -> impl Service<Get, Response = Answer, Error = BoxError, Future: Send> + Clone + Send + 'static {
    service_fn(move |get: Get| {
        let client = client.clone();
        async move {
            let response = client.request(request(get.uri)?.map(Full::new)).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer::new(head.status, &head.headers, body))
        }
    })
}
