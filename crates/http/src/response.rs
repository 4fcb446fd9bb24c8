//! What the server answered.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::body::Body;
use crate::error::Error;

/// The head of a response, and its body still on the wire.
///
/// Holds the connection and its place under the caps until the body has ended or is dropped.
#[non_exhaustive]
pub struct Response {
    /// The status. A 3xx is an answer like any other: redirects are never followed.
    pub status: StatusCode,
    /// The headers. Those of a coding that was decoded (`Content-Encoding`, `Content-Length`) are gone.
    pub headers: HeaderMap,
    /// The body, decompressed, under the cap and the deadline of the call.
    pub body: Body,
    /// When the first byte of the response arrived.
    pub first_byte: Instant,
    /// Whether the peer's address is a loopback address: evidence that no exchange answered.
    pub loopback: bool,
    /// How often the request was sent: 1, or 2 when a pooled connection was closed without an answer and the request
    /// went out again on a fresh one ([`Builder::retry_closed`](crate::Builder::retry_closed)). The server may have
    /// counted this many.
    pub times_sent: u32,
}

impl Response {
    /// Reads the body to its end.
    ///
    /// # Errors
    ///
    /// As [`Body`]: `Timeout { phase: Body }`, `BodyTooLarge`, `Decompression`, `Closed`, `Reset`, `Protocol`.
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the connection and gives its place back.
    pub async fn collect(self) -> Result<Fetched, Error> {
        let Self {
            status,
            headers,
            body,
            first_byte,
            loopback,
            times_sent,
        } = self;
        let body = body.collect().await?;
        Ok(Fetched {
            status,
            headers,
            body,
            first_byte,
            loopback,
            times_sent,
        })
    }
}

/// Prints the number of headers, not their values: they may hold cookies.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body", &self.body)
            .field("first_byte", &self.first_byte)
            .field("loopback", &self.loopback)
            .field("times_sent", &self.times_sent)
            .finish()
    }
}

/// A response with its whole body.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Fetched {
    /// The status. A 3xx is an answer like any other: redirects are never followed.
    pub status: StatusCode,
    /// The headers. Those of a coding that was decoded (`Content-Encoding`, `Content-Length`) are gone.
    pub headers: HeaderMap,
    /// The whole body, decompressed.
    pub body: Bytes,
    /// When the first byte of the response arrived.
    pub first_byte: Instant,
    /// Whether the peer's address is a loopback address: evidence that no exchange answered.
    pub loopback: bool,
    /// How often the request was sent: 1, or 2 when a pooled connection was closed without an answer and the request
    /// went out again on a fresh one ([`Builder::retry_closed`](crate::Builder::retry_closed)). The server may have
    /// counted this many.
    pub times_sent: u32,
}

impl Fetched {
    /// A response of a stand-in for the client, such as an in-memory simulator; it was sent once.
    #[must_use]
    pub fn new(
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
        first_byte: Instant,
        loopback: bool,
    ) -> Self {
        Self {
            status,
            headers,
            body,
            first_byte,
            loopback,
            times_sent: 1,
        }
    }
}

/// Prints sizes, not contents: bodies are large and headers may hold cookies.
impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("first_byte", &self.first_byte)
            .field("loopback", &self.loopback)
            .field("times_sent", &self.times_sent)
            .finish()
    }
}
