//! What the core answers, and what a door must do with it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use robust_market::Timestamp;
use tokio::time::Instant;

/// The two times at which a request arrives.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The time of day, which dates the market and aligns the windows of Binance and KuCoin.
    pub wall: Timestamp,
    /// The monotonic time, which the sliding seconds of Kraken and HTX are measured on.
    pub mono: Instant,
}

/// What a door does with a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Send status, headers and body.
    Answer,
    /// Wait this long, then send.
    Delay(Duration),
    /// Send nothing, ever, and keep the connection.
    Hang,
    /// Send nothing and close the connection.
    Close,
    /// Take no connection: nobody listens.
    Refuse,
    /// Send the head with the full length, this many bytes of the body, then close.
    Truncate(usize),
}

/// The answer of a simulated exchange to one request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers, `Server: robust-sim` always among them.
    pub headers: HeaderMap,
    /// The whole body, also when only a part of it is to be sent.
    pub body: Bytes,
    /// What the door does with it.
    pub action: Action,
}

impl Reply {
    pub(crate) fn new(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::SERVER, HeaderValue::from_static("robust-sim"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            body: body.into(),
            action: Action::Answer,
        }
    }

    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json;charset=UTF-8", body)
    }

    pub(crate) fn html(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "text/html; charset=UTF-8", body)
    }

    pub(crate) fn number(&mut self, name: &'static str, value: u64) {
        self.headers.insert(name, HeaderValue::from(value));
    }

    /// The reply as an HTTP response with the whole body.
    #[must_use]
    pub fn into_response(self) -> http::Response<Bytes> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
