//! HTTP/2: one connection for all requests to an origin, driven by a task of its own.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::header::{CONNECTION, HOST};
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use crate::connect::Dialled;
use crate::connection::{Fault, Heads};
use crate::error::{Error, Kind};

/// What rustls offers by ALPN, the best first.
pub(crate) const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

/// What the peer may send on one stream before it is read: 1 MiB.
const WINDOW: u32 = 1 << 20;

/// The largest window that the protocol knows (RFC 9113 §6.9.1).
const MOST: u32 = (1 << 31) - 1;

/// A peer that answers no ping for this long is gone.
const PING: Duration = Duration::from_secs(10);

/// A handle on an open connection. It closes when the last handle is dropped and the last body has ended.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    sender: SendRequest<Full<Bytes>>,
    loopback: bool,
    retires: Instant,
}

impl Shared {
    pub(crate) async fn open(
        dialled: Dialled,
        heads: Heads,
        lifetime: Duration,
        streams: usize,
    ) -> Result<Self, Error> {
        // each stream may fill its own window without taking what the others need
        let all = u32::try_from(streams)
            .unwrap_or(u32::MAX)
            .saturating_mul(WINDOW)
            .min(MOST);
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(all)
            .max_header_list_size(u32::try_from(heads.bytes).unwrap_or(u32::MAX))
            .handshake(dialled.stream)
            .await
            .map_err(|error| Error::from_hyper(&error, false))?;
        tokio::spawn(async move {
            // each request learns of the end by itself
            let _ = driver.await;
        });
        Ok(Self {
            sender,
            loopback: dialled.loopback,
            retires: Instant::now() + lifetime,
        })
    }

    /// When it is old enough to be left.
    pub(crate) fn retires(&self) -> Instant {
        self.retires
    }

    /// Whether both are handles on one connection: their lifetimes differ by nanoseconds and by chance otherwise.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.retires == other.retires
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    pub(crate) fn loopback(&self) -> bool {
        self.loopback
    }

    /// Sends the request and waits for the head of the answer.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Fault> {
        *request.version_mut() = Version::HTTP_2;
        // both are written by the protocol itself
        request.headers_mut().remove(HOST);
        request.headers_mut().remove(CONNECTION);
        // a stream is either opened, and then written, or the request comes back
        self.sender
            .try_send_request(request)
            .await
            .map_err(|mut error| match error.take_message() {
                Some(request) => {
                    Fault::Unsent(Box::new(request), Error::from_hyper(error.error(), false))
                }
                None => ended(error.error()),
            })
    }
}

/// A stream without an answer: whose end was it?
fn ended(error: &hyper::Error) -> Fault {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    let Some(cause) = cause else {
        let error = Error::from_hyper(error, true);
        return match error.kind() {
            Kind::Closed | Kind::Reset => Fault::Lost(error),
            _ => Fault::Failed(error),
        };
    };
    if cause.is_io() {
        return Fault::Lost(Error::from_hyper(error, true));
    }
    if cause.is_remote() && cause.is_go_away() {
        return Fault::Lost(Error::new(Kind::Closed, true).detail("the peer is going away"));
    }
    match cause.reason() {
        // RFC 9113 §8.7: nothing was done with it
        Some(Reason::REFUSED_STREAM) if cause.is_remote() => {
            Fault::Lost(Error::new(Kind::Reset, true).detail("the peer refused the stream"))
        }
        _ if cause.is_remote() && cause.is_reset() => {
            Fault::Failed(Error::new(Kind::Reset, true).detail("the peer ended the stream"))
        }
        _ => Fault::Failed(Error::from_hyper(error, true)),
    }
}
