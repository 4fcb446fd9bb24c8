//! HTTP/2: one connection for all requests to an origin, driven by a task of its own.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::connect::Dialled;
use crate::connection::Fault;
use crate::error::Error;

/// What rustls offers by ALPN, the best first.
pub(crate) const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

/// A peer that answers no ping for this long is gone.
const PING: Duration = Duration::from_secs(10);

/// A handle on an open connection. It closes when the last handle is dropped and the last body has ended.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    sender: SendRequest<Full<Bytes>>,
    loopback: bool,
}

impl Shared {
    pub(crate) async fn open(dialled: Dialled) -> Result<Self, Error> {
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
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
        })
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
                None => Fault::Failed(Error::from_hyper(error.error(), true)),
            })
    }
}
