//! One simulated exchange.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{StatusCode, header};
use robust_market::{Clock, Exchange, Symbol, SystemClock, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fault::Fault;
use crate::kucoin::{TEST_KEY, TestKey};
use crate::law::{Demand, Laws, Verdict};
use crate::market::{Market, clamp};
use crate::memory::InMemory;
use crate::query::Query;
use crate::recorded::{Recorded, RecordedError, UnknownCase};
use crate::reply::{Action, Now, Reply};
use crate::server::{ListenError, Server};
use crate::spoil::{needs_body, spoil};
use crate::stats::Stats;
use crate::venue::Venue;
use crate::{binance, htx, kraken, kucoin};

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
    test_key: TestKey,
    /// What is served instead of the market.
    recorded: Option<Recorded>,
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
    recorded: Option<PathBuf>,
    unlimited: bool,
    test_key: TestKey,
    listed: Vec<(Symbol, Timestamp)>,
}

/// Why a simulated exchange could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nobody taught the simulator this exchange.
    #[error("exchange \"{exchange}\" cannot be simulated: use kraken, binance, kucoin or htx")]
    UnknownExchange {
        /// The exchange that was asked for.
        exchange: Exchange,
    },
    /// A pair that is to be listed later is not listed at all.
    #[error("pair {symbol} is not listed by the simulated {exchange}: use one of Sim::symbols")]
    UnknownPair {
        /// The exchange.
        exchange: Exchange,
        /// The pair.
        symbol: Symbol,
    },
    /// The recorded cases cannot be served.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
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

    /// Serves recorded bodies instead of the generated market, byte by byte.
    ///
    /// `dir` holds `rest_response/TYPE/NAME.json`, alone or in a folder named as the exchange. A file says what was
    /// asked (`request[0]`: `method`, `url`) and what was answered (`httpStatus`, `httpResponse`). A request is answered
    /// by the case with its method, path and set of parameters; several cases of one request take turns by the names of
    /// their files, and the header `x-recorded-case` says which it was. A file without `request` whose `method` is such
    /// as `GET /v2/market-status` answers that path with any parameters. What was not recorded is a 404 with an error in
    /// the exchange's form. Limits, faults and the check of signatures stay as they are.
    #[must_use]
    pub fn recorded(mut self, dir: impl Into<PathBuf>) -> Self {
        self.recorded = Some(dir.into());
        self
    }

    /// Keeps no limits: nothing is counted against a window, nothing refused, and no reply carries a header of a limit.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.unlimited = true;
        self
    }

    /// Accepts these credentials at private endpoints instead of the usual ones of [`Sim::test_key`].
    #[must_use]
    pub fn test_key(mut self, key: TestKey) -> Self {
        self.test_key = key;
        self
    }

    /// Lists this pair of the generated market at that time: nobody has traded it before, and its bars begin with the one that holds
    /// the listing. Every other pair is as old as the exchange's memory.
    #[must_use]
    pub fn listed(mut self, symbol: Symbol, at: Timestamp) -> Self {
        self.listed.push((symbol, at));
        self
    }

    /// Builds the exchange; reads the recorded cases, if there are any.
    ///
    /// # Errors
    ///
    /// [`BuildError::UnknownExchange`] when nobody taught the simulator the exchange, [`BuildError::UnknownPair`] when it does not
    /// have a pair that is to be listed later, [`BuildError::Recorded`] when a recorded case cannot be read; it names the file and
    /// the reason.
    pub fn build(self) -> Result<Sim, BuildError> {
        let Some(venue) = Venue::of(&self.exchange) else {
            return Err(BuildError::UnknownExchange {
                exchange: self.exchange,
            });
        };
        let mut market = venue.market(self.seed);
        for (symbol, at) in self.listed {
            if !market.list(&symbol, clamp(at)) {
                return Err(BuildError::UnknownPair {
                    exchange: self.exchange,
                    symbol,
                });
            }
        }
        let recorded = self
            .recorded
            .map(|dir| Recorded::load(venue, &self.exchange, &dir))
            .transpose()?;
        Ok(Sim(Arc::new(Inner {
            exchange: self.exchange,
            venue,
            clock: self.clock,
            market,
            test_key: self.test_key,
            recorded,
            fault: watch::Sender::new(None),
            state: Mutex::new(State {
                laws: if self.unlimited {
                    Laws::None
                } else {
                    Laws::of(venue)
                },
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
            recorded: None,
            unlimited: false,
            test_key: TEST_KEY,
            listed: Vec::new(),
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
        let (verdict, mut reply) = self.route(request, &query, now, fault);
        if let Some(fault) = fault {
            reply = spoil(reply, fault, self.0.venue, request.uri().path(), now);
        }
        for (name, value) in &verdict.headers {
            reply.number(name, *value);
        }
        self.remember_retry_after(&reply, now);
        reply
    }

    /// Finds out what is asked for, and has it counted and answered.
    fn route(
        &self,
        request: &http::Request<Bytes>,
        query: &Query,
        now: Now,
        fault: Option<Fault>,
    ) -> (Verdict, Reply) {
        let market = &self.0.market;
        let stale = fault == Some(Fault::Stale);
        let replay = |refused: bool| {
            let recorded = self.0.recorded.as_ref().filter(|_| !refused)?;
            Some(recorded.answer(request, query, stale, now))
        };
        match self.0.venue {
            Venue::Kraken => {
                let Route { ask, demand } = kraken::route(request, query, market);
                self.judge(&demand, now, fault, |times| {
                    replay(ask.is_refused())
                        .unwrap_or_else(|| kraken::answer(ask, query, market, times))
                })
            }
            Venue::Binance => {
                let Route { ask, demand } = binance::route(request, query);
                self.judge(&demand, now, fault, |times| {
                    replay(false).unwrap_or_else(|| binance::answer(ask, query, market, times))
                })
            }
            Venue::KuCoin => {
                let Route { ask, demand } = kucoin::route(request, &self.0.test_key, now.wall);
                self.judge(&demand, now, fault, |times| {
                    replay(ask.is_refused())
                        .unwrap_or_else(|| kucoin::answer(ask, query, market, times))
                })
            }
            Venue::Htx => {
                let Route { ask, demand } = htx::route(request);
                self.judge(&demand, now, fault, |times| {
                    replay(false).unwrap_or_else(|| htx::answer(ask, query, market, times))
                })
            }
        }
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

    /// The pairs that are listed, BTC and ETH first; none where recorded bodies are served.
    #[must_use]
    pub fn symbols(&self) -> Vec<Symbol> {
        match self.0.recorded {
            Some(_) => Vec::new(),
            None => self.0.market.symbols(),
        }
    }

    /// The credentials that private endpoints accept, where the exchange has one that is simulated.
    #[must_use]
    pub fn test_key(&self) -> Option<TestKey> {
        (self.0.venue == Venue::KuCoin).then_some(self.0.test_key)
    }

    /// The names of the recorded cases, `TYPE/NAME`, in the order in which they take turns; none in a generated market.
    #[must_use]
    pub fn cases(&self) -> Vec<String> {
        self.0
            .recorded
            .as_ref()
            .map(Recorded::names)
            .unwrap_or_default()
    }

    /// Answers every request of a recorded case's method and path with that case, whatever the parameters; `None` goes
    /// back to taking turns.
    ///
    /// Requests of other paths are answered as before. A case whose file does not say what it answers answers everything
    /// while it is selected.
    ///
    /// # Errors
    ///
    /// [`UnknownCase`] when no case has that name.
    pub fn select(&self, case: Option<&str>) -> Result<(), UnknownCase> {
        match (&self.0.recorded, case) {
            (Some(recorded), _) => recorded.select(case),
            (None, None) => Ok(()),
            (None, Some(case)) => Err(UnknownCase {
                case: case.chars().take(80).collect(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
