//! The innermost service: one attempt at one exchange.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use http::header::SERVER;
use http::uri::PathAndQuery;
use robust_backoff::retry_after::{Reader, from_headers};
use robust_connectors::{Connector, Credentials, Reply, SymbolTable, Traces, Usages, Verdict};
use robust_http::{Deadline, Fetched, MayResend, NewConnection};
use robust_limiter::Limiter;
use robust_market::{Clock, Origin, Timestamp};
use tokio::time::Instant;
use tower::Service;

use crate::addresses::{Address, Addresses};
use crate::price::Price;
use crate::signing::{self, Moments, Sent};
use crate::stats::Stats;
use crate::{Answer, Call, Cause, Seen, SymbolCell, Tap, Transport};

/// The `Server` header that the simulator of this workspace sends.
const SIMULATOR: &str = "robust-sim";

/// The exchange behind a connector and a transport: encodes, signs, sends, collects and decodes one attempt, without any opinion on
/// what it means.
#[derive(Debug, Clone)]
pub struct Venue {
    shared: Arc<Shared>,
    transport: Transport,
}

#[derive(Debug)]
struct Shared {
    parts: Parts,
    moments: Moments,
}

/// What a venue is made of, beside the transport.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) symbols: SymbolCell,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) addresses: Addresses,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) tap: Option<Tap>,
    /// Who is asked before the client sends a request a second time.
    pub(crate) limiter: Limiter,
    pub(crate) price: Price,
    pub(crate) stats: Arc<Stats>,
}

impl std::ops::Deref for Shared {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// Why an attempt has no answer, and what its headers said all the same.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failed {
    /// What happened.
    pub cause: Cause,
    /// What the exchange says it has counted.
    pub usage: Usages,
}

impl From<Cause> for Failed {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            usage: Usages::new(),
        }
    }
}

impl Venue {
    pub(crate) fn new(parts: Parts, transport: Transport) -> Self {
        Self {
            shared: Arc::new(Shared {
                parts,
                moments: Moments::default(),
            }),
            transport,
        }
    }
}

impl Service<Call> for Venue {
    type Response = Answer;
    type Error = Failed;
    type Future = BoxFuture<'static, Result<Answer, Failed>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.transport
            .poll_ready(cx)
            .map_err(|error| Cause::Network(error).into())
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let symbols = self.shared.symbols.get();
        let (turn, address) = self.shared.addresses.now();
        let address = address.clone();
        let (request, signed) = match self.shared.encode(&call, &symbols, &address) {
            Ok(encoded) => encoded,
            Err(cause) => return Box::pin(std::future::ready(Err(cause.into()))),
        };
        let tap = self.shared.tap.as_ref();
        let sent = tap.map(|_| (request.uri().path().to_owned(), Instant::now()));
        let sending = self.transport.call(request);
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let fetched = sending.await.map_err(|error| {
                shared.addresses.failed(turn, &error);
                Cause::Network(error)
            })?;
            shared.show(&call, &fetched, sent);
            let answer = shared.decode(&call, &symbols, &fetched, address);
            shared.hide(&signed, answer)
        })
    }
}

impl Shared {
    /// Writes the request, and signs it where the connector says so and there are credentials. The time of the signature is this
    /// moment: the attempt has its budget and its slot already, and nothing waits after this.
    fn encode(
        &self,
        call: &Call,
        symbols: &SymbolTable,
        address: &Address,
    ) -> Result<(http::Request<Bytes>, Sent), Cause> {
        let context = robust_connectors::Context::new(symbols, self.clock.now());
        let mut context = context.to(address.authority.as_str());
        if self.credentials.is_some() {
            context = context.signing();
        }
        let mut wire = self.connector.encode(&call.request, &context)?;
        let mut sent = Sent::default();
        if let Some(credentials) = &self.credentials
            && self.connector.needs_signature(&call.request)
        {
            context.now = self.moments.after(context.now);
            let plain = wire.target.clone();
            wire = self.connector.sign(wire, credentials, &context)?;
            sent = signing::sent(&plain, &wire);
        }
        let mut request = http::Request::new(wire.body);
        *request.method_mut() = wire.method;
        *request.uri_mut() = uri(address, wire.target);
        *request.headers_mut() = wire.headers;
        request.extensions_mut().insert(Deadline(call.deadline));
        request.extensions_mut().insert(self.may_resend(call));
        if call.fresh {
            request.extensions_mut().insert(NewConnection);
        }
        Ok((request, sent))
    }

    /// The exchange counts a request that the client sends a second time as another one, so it is paid for like one, or not sent.
    fn may_resend(&self, call: &Call) -> MayResend {
        let (limiter, stats) = (self.limiter.clone(), Arc::clone(&self.stats));
        let (cost, class) = (self.price.of(&call.request), call.class.get());
        MayResend(Arc::new(move || match limiter.try_acquire(&cost, class) {
            Ok(permit) => {
                permit.commit();
                stats.resend();
                true
            }
            Err(_) => false,
        }))
    }

    /// Takes out of an exchange's words what it repeats of the credentials. A source without any has nothing to hide.
    fn hide(&self, sent: &Sent, answer: Result<Answer, Failed>) -> Result<Answer, Failed> {
        let Some(credentials) = &self.credentials else {
            return answer;
        };
        // Made only for words that there are: a clean answer has none.
        let traces = || -> Traces { credentials.traces(sent.iter()) };
        match answer {
            Ok(mut answer) if !answer.decoded.defects.is_empty() => {
                signing::hide_in_defects(&mut answer.decoded.defects, &traces());
                Ok(answer)
            }
            Err(Failed {
                cause: Cause::Refused(verdict),
                usage,
            }) => Err(Failed {
                cause: Cause::Refused(signing::hide_in_verdict(verdict, &traces())),
                usage,
            }),
            other => other,
        }
    }

    /// Shows the answer to the tap, if there is one and the question is not one that key holders sign.
    fn show(&self, call: &Call, fetched: &Fetched, sent: Option<(String, Instant)>) {
        let (Some(tap), Some((path, begun))) = (&self.tap, sent) else {
            return;
        };
        if !self.connector.needs_signature(&call.request) {
            tap.show(&Seen {
                exchange: &self.connector.exchange(),
                request: &call.request,
                path: &path,
                status: fetched.status,
                body: &fetched.body,
                took: fetched.first_byte.saturating_duration_since(begun),
            });
        }
    }

    fn decode(
        &self,
        call: &Call,
        symbols: &SymbolTable,
        fetched: &Fetched,
        address: Address,
    ) -> Result<Answer, Failed> {
        let waited = Instant::now().saturating_duration_since(fetched.first_byte);
        let received = self.clock.now().saturating_sub(waited);
        let usage = self.connector.usage(&fetched.headers);
        let reply = Reply {
            status: fetched.status,
            headers: &fetched.headers,
            body: &fetched.body,
        };
        let mut context = robust_connectors::Context::new(symbols, received);
        if self.credentials.is_some() {
            context = context.signing();
        }
        match self.connector.decode(&call.request, &context, &reply) {
            Ok(decoded) => {
                let origin = self.origin(fetched, &address);
                let at = (received, fetched.first_byte);
                let answer = Answer::new(decoded, origin, address.authority, at.0, at.1);
                Ok(answer.usage(usage))
            }
            Err(verdict) => Err(Failed {
                cause: Cause::Refused(hinted(verdict, &fetched.headers, received)),
                usage,
            }),
        }
    }

    /// Live or simulated, decided by what is seen and never by what is configured. The prices of an exchange's own test system
    /// are not those of the market either.
    fn origin(&self, fetched: &Fetched, address: &Address) -> Origin {
        let simulator = fetched
            .headers
            .get(SERVER)
            .is_some_and(|server| server.as_bytes().starts_with(SIMULATOR.as_bytes()));
        if fetched.loopback || simulator || self.connector.is_test_host(address.authority.host()) {
            Origin::Simulated
        } else {
            Origin::Rest
        }
    }
}

/// The verdict with the server's word on when to come back, in whatever form that is: seconds with or without a fraction, milliseconds,
/// a date by the answer's own `Date`, or a Unix time.
fn hinted(verdict: Verdict, headers: &HeaderMap, received: Timestamp) -> Verdict {
    let since = Duration::from_nanos(u64::try_from(received.as_ns()).unwrap_or(0));
    let hint = from_headers(headers, Reader::new(), UNIX_EPOCH.checked_add(since));
    match hint {
        Some(Ok(hint)) => verdict.with_retry_after(Some(hint.wait)),
        _ => verdict,
    }
}

fn uri(address: &Address, target: PathAndQuery) -> http::Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(address.scheme.clone());
    parts.authority = Some(address.authority.clone());
    parts.path_and_query = Some(target);
    // Scheme, authority and path are each valid and all there: this cannot fail.
    http::Uri::from_parts(parts).unwrap_or_default()
}
