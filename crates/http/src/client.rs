//! The client: admission, connection, exchange, body.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Instant;
use tower_service::Service;

use crate::alarm::Alarm;
use crate::body::{Body, Lease, Terms, WireBody};
use crate::builder::{BuildError, Builder};
use crate::coding::Coded;
use crate::connect::Dialler;
use crate::connection::{Fault, Heads, Wire};
use crate::error::{Error, Kind, Phase};
use crate::h2::Shared;
use crate::head;
use crate::pool::{Conn, Pool, Route};
use crate::reach::{Hosts, Reach};
use crate::request::{Spare, Target, not_listed};
use crate::response::{Fetched, Response};
use crate::stats::Stats;

/// A hardened HTTP client.
///
/// Clones share one pool, one set of caps and one set of counters. Idle connections are closed when the last clone and
/// the last open body are gone.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// What [`for_hosts`](Self::for_hosts) left of the world.
    only: Option<Arc<Only>>,
}

/// A narrower list of hosts than the client's own.
#[derive(Debug)]
struct Only {
    hosts: Hosts,
    /// The list that it was narrowed from: a host has to be on both.
    from: Option<Arc<Only>>,
}

impl Only {
    fn lists(&self, target: &Target) -> bool {
        let (host, port) = target.origin.place();
        self.hosts.has(host, port) && self.from.as_ref().is_none_or(|from| from.lists(target))
    }
}

#[derive(Debug)]
struct Inner {
    pool: Arc<Pool>,
    dialler: Dialler,
    settings: Settings,
}

/// What all requests of a client have in common.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) user_agent: HeaderValue,
    pub(crate) reach: Arc<Reach>,
    pub(crate) heads: Heads,
    /// From the written request to the end of the answer's head.
    pub(crate) head_timeout: Duration,
    /// The deadline is each call's own.
    pub(crate) terms: Terms,
    /// Bodies that end where their connection does.
    pub(crate) close_delimited: bool,
    pub(crate) retry_closed: bool,
    pub(crate) http2: bool,
    pub(crate) max_per_host: usize,
}

/// When a call has to be over, as an extension of the request: for users of the [`Service`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(pub Instant);

/// The request goes over a connection that has served nobody before, as an extension of the request: for a second try after an answer
/// that the way may have spoiled. It takes the place of one that rests, if any does, and is kept for others afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewConnection;

/// Who is asked before a request is sent a second time, as an extension of the request: a limiter, for example, that
/// counts what goes over the wire. Without one a second time is always allowed.
///
/// See [`Builder::retry_closed`]. The function is called at most once for each request, and must not block.
#[derive(Clone)]
pub struct MayResend(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for MayResend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MayResend").finish_non_exhaustive()
    }
}

impl Client {
    /// Starts from the defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(pool: Arc<Pool>, dialler: Dialler, settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                pool,
                dialler,
                settings,
            }),
            only: None,
        }
    }

    /// The same client for these hosts alone, as [`Builder::allow_hosts`] reads them: for a part of a program that talks to one
    /// exchange, and must not be talked into anything else. It shares connections, caps and counters with the others. Narrowing twice
    /// leaves what is on both lists; no host at all leaves none.
    ///
    /// # Errors
    ///
    /// [`BuildError::Host`] for an entry that is not a host or `host:port`.
    pub fn for_hosts(
        &self,
        hosts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, BuildError> {
        let hosts = hosts.into_iter().map(Into::into);
        let only = Only {
            hosts: Hosts::read(hosts.collect::<Vec<String>>())?,
            from: self.only.clone(),
        };
        Ok(Self {
            inner: Arc::clone(&self.inner),
            only: Some(Arc::new(only)),
        })
    }

    /// What the client has done so far and what it holds now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.pool.stats()
    }

    /// Sends a request and returns when the head of the response is there.
    ///
    /// The deadline bounds the wait for a place, the connection, the head **and** the body that is read later. Without
    /// one the connection and the head have their timeouts, and the body its minimum throughput.
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
        let inner = &*self.inner;
        let route = inner.pool.route(request.uri(), &inner.settings.reach)?;
        let checked = match &self.only {
            Some(only) if !only.lists(&route.target) => Err(not_listed()),
            _ => route.target.check(&request),
        };
        let response = match checked {
            Ok(()) => inner.send(&route, request, deadline).await,
            Err(error) => Err(error),
        };
        response.map_err(|error| error.at(&route.target.label))
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
        route: &Arc<Route>,
        request: Request<Bytes>,
        deadline: Option<Instant>,
    ) -> Result<Response, Error> {
        let answer = self.transport(route, request, deadline).await?;
        let (head, body) = Coded::of(answer);
        let wire = body.wire();
        let (times_sent, first_byte, loopback) = (wire.times_sent, wire.first_byte, wire.loopback);
        if head::is_undecoded(&head.headers) {
            return Err(Error::new(Kind::Decompression, true)
                .after(times_sent - 1)
                .detail("a content coding that was not asked for"));
        }
        let terms = Terms {
            deadline,
            ..self.settings.terms
        };
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body: Body::new(body, terms, Arc::clone(route)),
            first_byte,
            loopback,
            times_sent,
        })
    }

    /// One request, as compressed as the server likes.
    async fn transport(
        &self,
        route: &Arc<Route>,
        mut request: Request<Bytes>,
        deadline: Option<Instant>,
    ) -> Result<http::Response<WireBody>, Error> {
        let timer = pin!(None);
        let mut alarm = Alarm::new(deadline, timer);
        let slot = alarm
            .within(Phase::Queue, self.pool.admit(&route.host))
            .await??;
        let new = request.extensions_mut().remove::<NewConnection>().is_some();
        let (mut conn, mut reused) = if new {
            (Box::pin(self.replace(route, &mut alarm)).await?, false)
        } else {
            self.connect(route, &mut alarm).await?
        };
        let mut spare = None;
        if reused && self.settings.retry_closed {
            let may = request.extensions_mut().remove::<MayResend>();
            spare = Spare::of(&request).map(|spare| (spare, may));
        }
        let mut request = route.target.prepare(request, &self.settings.user_agent);
        let mut sent_before = 0;
        loop {
            let exchanged = self.exchange(&mut conn, request, &mut alarm).await;
            let fault = match exchanged {
                Ok(response) => {
                    if reused {
                        self.pool.counters.reused.add();
                    }
                    let lease = |conn| Lease::new(conn, &self.pool, route, slot);
                    let received = self.receive(response, conn, lease, sent_before + 1).await;
                    return received.map_err(|error| error.after(sent_before));
                }
                Err(fault) => fault,
            };
            if let (true, Conn::Shared(gone)) = (fault.ends_connection(), &conn) {
                route.host.unshare(gone);
            }
            match fault {
                // the pooled connection had died unnoticed; the server never saw the request
                Fault::Unsent(again, _) if reused => {
                    self.pool.counters.resent.add();
                    request = *again;
                    (conn, reused) = self.connect(route, &mut alarm).await?;
                }
                Fault::Lost(error) if reused => {
                    let (spare, may) = spare.take().ok_or_else(|| error.clone())?;
                    if may.is_some_and(|MayResend(may)| !may()) {
                        return Err(error);
                    }
                    // its socket is closed before the next is opened: the place is for one
                    drop(conn);
                    let dialled = Box::pin(self.dial(route, &mut alarm)).await;
                    // that there is no way back to the server is not worse than what happened first
                    conn = dialled.map_err(|_| error)?;
                    (sent_before, reused) = (1, false);
                    self.pool.counters.sent_twice.add();
                    let again = spare.request();
                    request = route.target.prepare(again, &self.settings.user_agent);
                }
                fault => return Err(Error::from(fault).after(sent_before)),
            }
        }
    }

    /// A connection that is ready, and whether it has served before.
    async fn connect(&self, route: &Route, alarm: &mut Alarm<'_>) -> Result<(Conn, bool), Error> {
        let host = &*route.host;
        if let Some(conn) = self.pool.checkout(host, alarm.now()).await {
            return Ok((conn, true));
        }
        // all requests to an origin share one HTTP/2 connection: one of them makes it
        let https = route.target.origin.is_https();
        let _opening = if self.settings.http2 && https && !host.speaks_http1() {
            let opening = alarm.within(Phase::Connect, host.opening.lock());
            let opening = opening.await?;
            if let Some(conn) = self.pool.checkout(host, alarm.now()).await {
                return Ok((conn, true));
            }
            Some(opening)
        } else {
            None
        };
        // rare and large: boxed, so that the future of a request that needs no new connection stays small
        Ok((Box::pin(self.dial(route, alarm)).await?, false))
    }

    /// A new connection in the place of one that rests: together they would be more than the caps allow.
    async fn replace(&self, route: &Route, alarm: &mut Alarm<'_>) -> Result<Conn, Error> {
        match self.pool.checkout(&route.host, alarm.now()).await {
            Some(Conn::Shared(old)) => route.host.unshare(&old),
            old => drop(old),
        }
        self.dial(route, alarm).await
    }

    /// A new connection.
    async fn dial(&self, route: &Route, alarm: &mut Alarm<'_>) -> Result<Conn, Error> {
        let dialling = self.dialler.dial(&route.target.dial);
        let dialled = alarm.within(Phase::Connect, dialling).await??;
        self.pool.counters.opened.add();
        let lifetime = self.pool.lifetime();
        let heads = self.settings.heads;
        if !dialled.http2 {
            route.host.note_http1();
            return Ok(Conn::Own(Wire::open(dialled, heads, lifetime).await?));
        }
        let shared = Shared::open(dialled, heads, lifetime, self.settings.max_per_host).await?;
        self.pool.share(&route.host, &shared);
        Ok(Conn::Shared(shared))
    }

    /// Sends the request on this connection and waits for the head of the answer.
    async fn exchange(
        &self,
        conn: &mut Conn,
        request: Request<Full<Bytes>>,
        alarm: &mut Alarm<'_>,
    ) -> Result<http::Response<Incoming>, Fault> {
        let late = |sent| Fault::Failed(Error::timeout(Phase::Headers, sent));
        if !alarm.narrow(self.settings.head_timeout) {
            return Err(late(false));
        }
        match conn {
            Conn::Own(wire) => {
                let exchange = wire.exchange(request, self.settings.heads);
                match alarm.race(exchange).await {
                    Some(answer) => answer,
                    None => Err(late(wire.written())),
                }
            }
            Conn::Shared(shared) => match alarm.race(shared.exchange(request)).await {
                Some(answer) => answer,
                None => Err(late(true)),
            },
        }
    }

    /// Takes the answer apart and lets go of the connection when there is no body to wait for.
    async fn receive(
        &self,
        response: http::Response<Incoming>,
        conn: Conn,
        lease: impl FnOnce(Conn) -> Lease,
        times_sent: u32,
    ) -> Result<http::Response<WireBody>, Error> {
        let (first_byte, loopback, framed) = match &conn {
            Conn::Own(wire) => (wire.first_byte(), wire.loopback(), false),
            Conn::Shared(shared) => (Instant::now(), shared.loopback(), true),
        };
        let (mut head, incoming) = response.into_parts();
        head::check(&mut head)?;
        let limit = self.settings.terms.limit;
        let mut body = WireBody::new(
            incoming,
            lease(conn),
            limit,
            first_byte,
            loopback,
            times_sent,
        );
        body.check_length()?;
        // gzip is no framing: its end is one of a member, of which another may follow
        let framed = framed || head::is_chunked(&head.headers);
        if !(framed || body.has_length() || self.settings.close_delimited) {
            return Err(Error::new(Kind::NoLength, true));
        }
        poll_fn(|cx| {
            body.release_if_ended(cx);
            Poll::Ready(())
        })
        .await;
        Ok(http::Response::from_parts(head, body))
    }
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
