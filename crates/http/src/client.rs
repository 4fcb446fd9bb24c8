//! The client: admission, connection, exchange, body.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderValue, Request};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tower::service_fn;
use tower_http::decompression::Decompression;
use tower_service::Service;

use crate::body::{Body, Lease, WireBody};
use crate::builder::Builder;
use crate::connect::Dialler;
use crate::connection::{Fault, Wire};
use crate::error::{Error, Kind, Phase};
use crate::h2::Shared;
use crate::pool::{Conn, Host, Pool};
use crate::request::Target;
use crate::response::{Fetched, Response};
use crate::stats::Stats;

/// A hardened HTTP client.
///
/// Clones share one pool, one set of caps and one set of counters. Idle connections are closed when the last clone and
/// the last open body are gone.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: Arc<Pool>,
    dialler: Dialler,
    user_agent: HeaderValue,
    max_body: usize,
    allow_plaintext: bool,
    http2: bool,
}

/// When a call has to be over, as an extension of the request: for users of the [`Service`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(pub Instant);

impl Client {
    /// Starts from the defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(
        pool: Arc<Pool>,
        dialler: Dialler,
        user_agent: HeaderValue,
        max_body: usize,
        allow_plaintext: bool,
        http2: bool,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                pool,
                dialler,
                user_agent,
                max_body,
                allow_plaintext,
                http2,
            }),
        }
    }

    /// What the client has done so far and what it holds now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.pool.stats()
    }

    /// Sends a request and returns when the head of the response is there.
    ///
    /// The deadline bounds the wait for a place, the connection, the head **and** the body that is read later. Without
    /// one only the connection is bounded.
    ///
    /// # Errors
    ///
    /// Any [`Kind`]; [`Error::sent`] tells whether the server may have seen the request.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any point: the connection is closed and its place is free at once.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        deadline: Option<Instant>,
    ) -> Result<Response, Error> {
        let target = Target::of(&request, self.inner.allow_plaintext)?;
        let response = self.inner.send(&target, request, deadline).await;
        response.map_err(|error| error.at(&target.label))
    }

    /// Sends a request and reads the whole body of the response.
    ///
    /// # Errors
    ///
    /// Any [`Kind`]; [`Error::sent`] tells whether the server may have seen the request.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any point: the connection is closed and its place is free at once.
    pub async fn fetch(
        &self,
        request: Request<Bytes>,
        deadline: Option<Instant>,
    ) -> Result<Fetched, Error> {
        self.send(request, deadline).await?.collect().await
    }
}

impl Inner {
    async fn send(
        &self,
        target: &Target,
        request: Request<Bytes>,
        deadline: Option<Instant>,
    ) -> Result<Response, Error> {
        let request = target.prepare(request, &self.user_agent);
        let mut decoded = Decompression::new(service_fn(|request| {
            self.transport(target, request, deadline)
        }))
        .no_deflate();
        decoded = decoded.no_br().no_zstd();
        let (head, body) = decoded.call(request).await?.into_parts();
        if head
            .headers
            .get(CONTENT_ENCODING)
            .is_some_and(|coding| !is_coding(coding, &["identity"]))
        {
            return Err(Error::new(Kind::Decompression, true)
                .detail("a content coding that was not asked for"));
        }
        let (first_byte, loopback) = (body.get_ref().first_byte, body.get_ref().loopback);
        let body = Body::new(body, self.max_body, deadline, Arc::clone(&target.label));
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
            first_byte,
            loopback,
        })
    }

    /// One request, as compressed as the server likes.
    async fn transport(
        &self,
        target: &Target,
        mut request: Request<Full<Bytes>>,
        deadline: Option<Instant>,
    ) -> Result<http::Response<WireBody>, Error> {
        let host = self.pool.host(&target.origin)?;
        let slot = within(deadline, Phase::Queue, self.pool.admit(&host)).await??;
        loop {
            let (mut conn, reused) = self.connect(target, &host, deadline).await?;
            match exchange(&mut conn, request, deadline).await {
                Ok(response) => {
                    if reused {
                        self.pool.counters.reused();
                    }
                    let lease = |conn| Lease::new(conn, &self.pool, host, slot);
                    return receive(response, conn, lease, self.max_body).await;
                }
                // the pooled connection had died unnoticed; the server never saw the request
                Err(Fault::Unsent(again, _)) if reused => {
                    self.pool.counters.resent();
                    if let Conn::Shared(_) = conn {
                        host.unshare();
                    }
                    request = *again;
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// A connection that is ready, and whether it has served before.
    async fn connect(
        &self,
        target: &Target,
        host: &Arc<Host>,
        deadline: Option<Instant>,
    ) -> Result<(Conn, bool), Error> {
        if let Some(conn) = self.pool.checkout(host).await {
            return Ok((conn, true));
        }
        // all requests to an origin share one HTTP/2 connection: one of them makes it
        let _opening = if self.http2 && target.origin.is_https() && !host.speaks_http1() {
            let opening = within(deadline, Phase::Connect, host.opening.lock()).await?;
            if let Some(conn) = self.pool.checkout(host).await {
                return Ok((conn, true));
            }
            Some(opening)
        } else {
            None
        };
        let dialled = within(
            deadline,
            Phase::Connect,
            self.dialler.dial(target.dial.clone()),
        )
        .await??;
        self.pool.counters.opened();
        if !dialled.http2 {
            host.note_http1();
            return Ok((Conn::Own(Wire::open(dialled).await?), false));
        }
        let shared = Shared::open(dialled).await?;
        self.pool.share(host, &shared);
        Ok((Conn::Shared(shared), false))
    }
}

/// Sends the request on this connection and waits for the head of the answer.
async fn exchange(
    conn: &mut Conn,
    request: Request<Full<Bytes>>,
    deadline: Option<Instant>,
) -> Result<http::Response<Incoming>, Fault> {
    let late = |sent| Fault::Failed(Error::timeout(Phase::Headers, sent));
    if is_past(deadline) {
        return Err(late(false));
    }
    match conn {
        Conn::Own(wire) => match until(deadline, wire.exchange(request)).await {
            Some(answer) => answer,
            None => Err(late(wire.written())),
        },
        Conn::Shared(shared) => match until(deadline, shared.exchange(request)).await {
            Some(answer) => answer,
            None => Err(late(true)),
        },
    }
}

/// Takes the answer apart and lets go of the connection when there is no body to wait for.
async fn receive(
    response: http::Response<Incoming>,
    conn: Conn,
    lease: impl FnOnce(Conn) -> Lease,
    limit: usize,
) -> Result<http::Response<WireBody>, Error> {
    let (first_byte, loopback) = match &conn {
        Conn::Own(wire) => (wire.first_byte(), wire.loopback()),
        Conn::Shared(shared) => (Instant::now(), shared.loopback()),
    };
    let (mut head, incoming) = response.into_parts();
    // the decoder knows one spelling; RFC 9110 §8.4.1 allows any case and the old name
    if let Some(coding) = head.headers.get_mut(CONTENT_ENCODING)
        && is_coding(coding, &["gzip", "x-gzip"])
    {
        *coding = HeaderValue::from_static("gzip");
    }
    let mut body = WireBody::new(incoming, lease(conn), limit, first_byte, loopback);
    body.check_length()?;
    poll_fn(|cx| {
        body.release_if_ended(cx);
        Poll::Ready(())
    })
    .await;
    Ok(http::Response::from_parts(head, body))
}

fn is_coding(value: &HeaderValue, names: &[&str]) -> bool {
    value.to_str().is_ok_and(|value| {
        names
            .iter()
            .any(|name| value.trim().eq_ignore_ascii_case(name))
    })
}

fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// `None` when the deadline passed first.
async fn until<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}

/// Waits for something that precedes the request. A deadline that has passed starts nothing.
async fn within<T>(
    deadline: Option<Instant>,
    phase: Phase,
    future: impl Future<Output = T>,
) -> Result<T, Error> {
    if is_past(deadline) {
        return Err(Error::timeout(phase, false));
    }
    until(deadline, future)
        .await
        .ok_or_else(|| Error::timeout(phase, false))
}

/// The future of the client as a [`Service`].
pub struct FetchFuture(Pin<Box<dyn Future<Output = Result<Fetched, Error>> + Send>>);

impl Future for FetchFuture {
    type Output = Result<Fetched, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for FetchFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchFuture").finish_non_exhaustive()
    }
}

/// [`Client::fetch`] for tower: always ready, since the caps are waited for inside the call. The deadline is taken
/// from a [`Deadline`] among the request's extensions.
impl Service<Request<Bytes>> for Client {
    type Response = Fetched;
    type Error = Error;
    type Future = FetchFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Bytes>) -> FetchFuture {
        let deadline = request
            .extensions_mut()
            .remove::<Deadline>()
            .map(|Deadline(at)| at);
        let client = self.clone();
        FetchFuture(Box::pin(
            async move { client.fetch(request, deadline).await },
        ))
    }
}
