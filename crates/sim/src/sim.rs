//! One simulated exchange.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use robust_market::{Clock, Exchange, Symbol, SystemClock, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fault::Fault;
use crate::law::{Demand, Laws, Verdict};
use crate::market::{Market, clamp};
use crate::memory::InMemory;
use crate::query::Query;
use crate::reply::{Action, Now, Reply};
use crate::server::{ListenError, Server};
use crate::stats::Stats;
use crate::{binance, kraken};

/// A simulated exchange.
///
/// A handle: clones are the same exchange with the same limits, market and fault.
#[derive(Debug, Clone)]
pub struct Sim(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    exchange: Exchange,
    venue: Venue,
    clock: Arc<dyn Clock>,
    market: Market,
    fault: watch::Sender<Option<Fault>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    laws: Laws,
    stats: Stats,
    /// The wall time of the last snapshot that was served as it was.
    seen: Option<Timestamp>,
    /// The wall time that a stale exchange keeps serving.
    frozen: Option<Timestamp>,
    /// Until when the last answer told everyone to stay away.
    away_until: Option<Instant>,
}

/// Whose wire format is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Venue {
    Kraken,
    Binance,
}

/// What a venue makes of a request before any limit or fault.
#[derive(Debug)]
pub(crate) struct Route<A> {
    /// What is asked for.
    pub(crate) ask: A,
    /// What it costs.
    pub(crate) demand: Demand,
}

/// The two times of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The server's own clock.
    pub(crate) now: Timestamp,
    /// The time of the market that is shown; older than `now` on a stale exchange.
    pub(crate) market: Timestamp,
}

/// Builds a [`Sim`].
#[derive(Debug, Clone)]
pub struct SimBuilder {
    exchange: Exchange,
    seed: u64,
    clock: Arc<dyn Clock>,
}

/// Why a simulated exchange could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nobody taught the simulator this exchange.
    #[error("exchange \"{exchange}\" cannot be simulated: use kraken or binance")]
    UnknownExchange {
        /// The exchange that was asked for.
        exchange: Exchange,
    },
}

impl SimBuilder {
    /// The seed of the generated market, 0 by default. The same seed gives the same market on every exchange.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The clock that the two doors read; the machine's by default. [`Sim::handle`] takes its time as an argument.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the exchange.
    ///
    /// # Errors
    ///
    /// [`BuildError::UnknownExchange`] when the exchange is neither Kraken nor Binance.
    pub fn build(self) -> Result<Sim, BuildError> {
        let (venue, laws, market) = if self.exchange == Exchange::KRAKEN {
            (Venue::Kraken, Laws::kraken(), kraken::market(self.seed))
        } else if self.exchange == Exchange::BINANCE {
            (Venue::Binance, Laws::binance(), binance::market(self.seed))
        } else {
            return Err(BuildError::UnknownExchange {
                exchange: self.exchange,
            });
        };
        Ok(Sim(Arc::new(Inner {
            exchange: self.exchange,
            venue,
            clock: self.clock,
            market,
            fault: watch::Sender::new(None),
            state: Mutex::new(State {
                laws,
                stats: Stats::default(),
                seen: None,
                frozen: None,
                away_until: None,
            }),
        })))
    }
}

impl Sim {
    /// Starts building a simulated exchange.
    #[must_use]
    pub fn builder(exchange: Exchange) -> SimBuilder {
        SimBuilder {
            exchange,
            seed: 0,
            clock: Arc::new(SystemClock),
        }
    }

    /// Which exchange is simulated.
    #[must_use]
    pub fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    /// Answers one request that arrives now.
    ///
    /// Pure but for the exchange's own state: the request is counted, then judged by the limits, then by the fault.
    /// Under [`Fault::Refuse`] it never arrives and is not counted.
    #[must_use]
    pub fn handle(&self, request: &http::Request<Bytes>, now: Now) -> Reply {
        let fault = self.fault();
        if fault == Some(Fault::Refuse) {
            let mut reply = Reply::json(StatusCode::SERVICE_UNAVAILABLE, Bytes::new());
            reply.action = Action::Refuse;
            return reply;
        }
        let now = Now {
            wall: clamp(now.wall),
            mono: now.mono,
        };
        let query = Query::parse(request.uri().query().unwrap_or(""));
        let market = &self.0.market;
        let (verdict, mut reply) = match self.0.venue {
            Venue::Kraken => {
                let route = kraken::route(request, &query, market);
                self.judge(&route.demand, now, fault, |times| {
                    kraken::answer(route.ask, &query, market, times)
                })
            }
            Venue::Binance => {
                let route = binance::route(request, &query);
                self.judge(&route.demand, now, fault, |times| {
                    binance::answer(route.ask, &query, market, times)
                })
            }
        };
        if let Some(fault) = fault {
            reply = spoil(reply, fault, self.0.venue, now);
        }
        for (name, value) in &verdict.headers {
            reply.number(name, *value);
        }
        self.remember_retry_after(&reply, now);
        reply
    }

    /// Counts the request; the limits answer, or the exchange does.
    fn judge(
        &self,
        demand: &Demand,
        now: Now,
        fault: Option<Fault>,
        answer: impl FnOnce(Times) -> Reply,
    ) -> (Verdict, Reply) {
        let (verdict, times) = self.arrive(demand, now, fault);
        let reply = match verdict.refused {
            Some(refused) => refused.reply(self.0.venue),
            None if needs_body(fault) => answer(times),
            None => Reply::json(StatusCode::OK, Bytes::new()),
        };
        (verdict, reply)
    }

    /// Counts the request and asks the limits, in one step.
    fn arrive(&self, demand: &Demand, now: Now, fault: Option<Fault>) -> (Verdict, Times) {
        let mut guard = self.state();
        let state = &mut *guard;
        let verdict = state.laws.arrive(demand, now);
        let stats = &mut state.stats;
        stats.requests += 1;
        *stats.by_endpoint.entry(demand.endpoint).or_default() += 1;
        stats.over_limit += u64::from(verdict.over);
        stats.faulted += u64::from(fault.is_some());
        for (window, used) in &verdict.used {
            let most = stats.max_used.entry(window).or_default();
            *most = (*most).max(*used);
        }
        if fault.is_none() || matches!(fault, Some(Fault::Latency { .. } | Fault::Stale)) {
            match verdict.refused.map(|refused| refused.status(self.0.venue)) {
                Some(StatusCode::TOO_MANY_REQUESTS) => stats.refused_429 += 1,
                Some(StatusCode::IM_A_TEAPOT) => stats.refused_418 += 1,
                _ => {}
            }
        }
        stats.early += u64::from(state.away_until.is_some_and(|until| now.mono < until));
        let market = if fault == Some(Fault::Stale) {
            let seen = state.seen.unwrap_or(now.wall);
            *state.frozen.get_or_insert(seen)
        } else {
            state.frozen = None;
            if matches!(fault, None | Some(Fault::Latency { .. })) {
                state.seen = Some(now.wall);
            }
            now.wall
        };
        let times = Times {
            now: now.wall,
            market,
        };
        (verdict, times)
    }

    fn remember_retry_after(&self, reply: &Reply, now: Now) {
        let seconds = reply
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(seconds) = seconds {
            let until = now
                .mono
                .checked_add(std::time::Duration::from_secs(seconds));
            self.state().away_until = until;
        }
    }

    /// Both clocks, read now.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            wall: self.0.clock.now(),
            mono: Instant::now(),
        }
    }

    /// Door one: the exchange as a tower service without a socket.
    #[must_use]
    pub fn service(&self) -> InMemory {
        InMemory::new(self.clone())
    }

    /// Door two: HTTP/1.1 on a loopback address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`ListenError`] when the address is not loopback, is in use or cannot be opened; it names the address and the remedy.
    ///
    /// # Cancel safety
    ///
    /// Nothing stays open when the future is dropped.
    pub async fn listen(&self, addr: SocketAddr) -> Result<Server, ListenError> {
        Server::listen(self.clone(), addr).await
    }

    /// Misbehaves from now on; `None` behaves again. The same fault twice is one fault.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.0.fault.send_if_modified(|current| {
            let changed = *current != fault;
            *current = fault;
            changed
        });
    }

    /// The fault that is on.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        *self.0.fault.borrow()
    }

    pub(crate) fn faults(&self) -> watch::Receiver<Option<Fault>> {
        self.0.fault.subscribe()
    }

    /// What arrived since the exchange was built.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state().stats.clone()
    }

    /// The pairs that are listed, BTC and ETH first.
    #[must_use]
    pub fn symbols(&self) -> Vec<Symbol> {
        self.0.market.symbols()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the fault needs the real answer at all.
fn needs_body(fault: Option<Fault>) -> bool {
    matches!(
        fault,
        None | Some(Fault::Latency { .. } | Fault::Truncated | Fault::Stale)
    )
}

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>Checking your browser.</body></html>\n";

/// What a fault makes of an answer.
fn spoil(mut reply: Reply, fault: Fault, venue: Venue, now: Now) -> Reply {
    match fault {
        Fault::Stale => reply,
        Fault::Refuse => with(reply, Action::Refuse),
        Fault::Reset => with(reply, Action::Close),
        Fault::Hang => with(reply, Action::Hang),
        Fault::Latency { by } => with(reply, Action::Delay(by)),
        Fault::Truncated => {
            let half = reply.body.len() / 2;
            with(reply, Action::Truncate(half))
        }
        Fault::Html => Reply::html(StatusCode::OK, PAGE),
        Fault::Garbage => {
            // Bytes that are neither UTF-8 nor JSON, the same for the same request.
            let mut rng = fastrand::Rng::with_seed(now.wall.as_ns().unsigned_abs());
            let noise: Vec<u8> = std::iter::once(0xff)
                .chain(std::iter::repeat_with(|| rng.u8(..)))
                .take(256)
                .collect();
            Reply::json(StatusCode::OK, noise)
        }
        Fault::Status { code } => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            match venue {
                Venue::Kraken => kraken::unreachable(status),
                Venue::Binance => binance::unavailable(status),
            }
        }
        Fault::RateLimited { retry_after } | Fault::Ban { retry_after } => {
            let seconds = retry_after.as_secs();
            let banned = matches!(fault, Fault::Ban { .. });
            reply = match venue {
                Venue::Kraken => kraken::slow_down(banned),
                Venue::Binance if banned => binance::banned(now.wall.saturating_add(retry_after)),
                Venue::Binance => binance::too_much(),
            };
            reply
                .headers
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            reply
        }
    }
}

fn with(mut reply: Reply, action: Action) -> Reply {
    reply.action = action;
    reply
}
