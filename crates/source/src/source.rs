//! One exchange, ready to be asked.

mod ban;

use std::sync::Arc;
use std::time::Duration;

use robust_backoff::{Budget, Policy};
use robust_breaker::Breaker;
use robust_connectors::{Connector, Credentials, EncodeError, SymbolTable};
use robust_limiter::{Class, Limiter, MonotonicClock, Window};
use robust_market::{Clock, Exchange, Request, Symbol, SystemClock};
use tower::ServiceExt;

use crate::addresses::Addresses;
use crate::again::AgainLayer;
use crate::attempt::AttemptLayer;
use crate::classify::ClassifyLayer;
use crate::config::UNKNOWN_LIMIT;
use crate::deadline::DeadlineLayer;
use crate::observe::ObserveLayer;
use crate::price::{Bidder, Price};
use crate::reading::Read;
use crate::signing;
use crate::stack::{self, Parts};
use crate::stats::Stats;
use crate::venue::{self, Venue};
use crate::{
    Answer, Attempted, Attempts, BuildError, Call, SourceConfig, SourceError, SourceStats, Stack,
    SymbolCell, Tap, Transport,
};

/// The share of calls that may be retried, and the retries a second that are always allowed.
const RETRY_RATIO: f64 = 0.2;
const RETRY_FLOOR: f64 = 1.0;

/// The share of its wait by which a grant may come later than forecast: of 30 s a quarter second, which is what two dozen
/// grants at 1.25 s were late by on a busy machine, with some room.
const FORECAST_DOUBT: u32 = 128;

/// The name of the window that `requests_per_minute` makes.
pub const USER_WINDOW: &str = "user";

/// One exchange behind its resilience stack. A handle: clones share everything.
///
/// `V` makes the attempts: an exchange over a transport ([`SourceBuilder::build`]), or any service of your own
/// ([`SourceBuilder::build_over`]).
#[derive(Debug, Clone)]
pub struct Source<V = Venue> {
    shared: Arc<Shared>,
    service: Stack<V>,
}

#[derive(Debug)]
struct Shared {
    connector: Arc<dyn Connector>,
    symbols: SymbolCell,
    breaker: Breaker,
    /// The budget for those who do not go through the stack.
    limiter: Limiter,
    /// The same as the stack has it, slots included.
    admission: Limiter,
    stats: Arc<Stats>,
    budget: Budget,
    price: Price,
    config: SourceConfig,
}

/// Builds a [`Source`].
#[derive(Debug)]
pub struct SourceBuilder {
    connector: Arc<dyn Connector>,
    config: SourceConfig,
    base_urls: Vec<String>,
    clock: Arc<dyn Clock>,
    monotonic: MonotonicClock,
    seed: u64,
    credentials: Option<Credentials>,
    tap: Option<Tap>,
}

impl Source {
    /// Starts to build a source for one exchange.
    #[must_use]
    pub fn builder(connector: Arc<dyn Connector>) -> SourceBuilder {
        SourceBuilder {
            connector,
            config: SourceConfig::default(),
            base_urls: Vec::new(),
            clock: Arc::new(SystemClock),
            monotonic: MonotonicClock::tokio(),
            seed: 0,
            credentials: None,
            tap: None,
        }
    }
}

impl<V> Source<V> {
    /// The exchange's name.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        self.shared.connector.exchange()
    }

    /// The connector.
    #[must_use]
    pub fn connector(&self) -> &Arc<dyn Connector> {
        &self.shared.connector
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &SourceConfig {
        &self.shared.config
    }

    /// The whole stack as a tower service.
    #[must_use]
    pub fn service(&self) -> Stack<V>
    where
        V: Clone,
    {
        self.service.clone()
    }

    /// Puts one question through the whole stack.
    ///
    /// # Errors
    ///
    /// [`SourceError`]: the last cause, the number of requests sent, and when to come back where anybody said so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back the queue place, the slot, the probe permit and any budget of a request that was not yet sent;
    /// the budget of a request that is under way stays spent, because the exchange may have counted it.
    pub async fn call(&self, call: Call) -> Result<Answer, SourceError>
    where
        V: Attempts,
    {
        self.service.clone().oneshot(call).await
    }

    /// The breaker's handle.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.shared.breaker
    }

    /// The budget's handle; the engine's own clients may draw on it.
    ///
    /// A permit from here takes none of the slots that bound the source's own requests, and waits for none: it is for requests over
    /// other connections, such as an order while reads hang.
    #[must_use]
    pub fn limiter(&self) -> &Limiter {
        &self.shared.limiter
    }

    /// The budget of the retries.
    #[must_use]
    pub fn retry_budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// The clock that calls are timed and limited by.
    #[must_use]
    pub fn monotonic(&self) -> &MonotonicClock {
        &self.shared.stats.monotonic
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> SourceStats {
        let classes = self.shared.limiter.snapshot().classes;
        SourceStats {
            waits: classes.map(|class| class.waits),
            ..self.shared.stats.snapshot()
        }
    }

    /// How the newest attempts went, at most `most` of them and never more than the last 1,000, oldest first.
    ///
    /// What an attempt is and when it has failed: see [`Attempted`].
    #[must_use]
    pub fn recent(&self, most: usize) -> Vec<Attempted> {
        self.shared.stats.recent(most)
    }

    /// The pairs that are known to be listed.
    #[must_use]
    pub fn symbols(&self) -> Arc<SymbolTable> {
        self.shared.symbols.get()
    }

    /// Replaces the table of listed pairs.
    pub fn set_symbols(&self, table: SymbolTable) {
        self.shared.symbols.set(table);
    }

    /// Whether the pair is known to be listed.
    ///
    /// # Errors
    ///
    /// [`EncodeError::UnknownSymbol`], naming the nearest listed pair.
    pub fn listed(&self, symbol: &Symbol) -> Result<(), EncodeError> {
        let table = self.symbols();
        if table.get(symbol).is_some() {
            return Ok(());
        }
        Err(EncodeError::UnknownSymbol {
            exchange: self.exchange(),
            symbol: symbol.clone(),
            nearest: table.nearest(symbol).cloned(),
        })
    }

    /// How long a request of this class would wait for the budget if it were made now; a guess while all slots are taken.
    #[must_use]
    pub fn estimate(&self, request: &Request, class: Class) -> Duration {
        let cost = self.shared.price.of(request);
        self.shared.admission.estimate(&cost, class)
    }
}

impl SourceBuilder {
    /// Sets the times, retries and limits.
    #[must_use]
    pub fn config(mut self, config: SourceConfig) -> Self {
        self.config = config;
        self
    }

    /// Talks to another address than the exchange's own, such as a simulator on loopback.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_urls = vec![url.into()];
        self
    }

    /// Talks to these addresses of the same exchange. The first is asked until no connection to it can be made and nothing was
    /// sent; the next attempt then takes the next, and so on in a circle. They share the limits and the breaker.
    #[must_use]
    pub fn base_urls<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.base_urls = urls.into_iter().map(Into::into).collect();
        self
    }

    /// Hands in the wall clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Hands in the clock that calls are timed and limited by: tokio's own, unless told otherwise, which a test can pause.
    /// [`MonotonicClock::counter`] makes a call cheaper where nobody pauses anything.
    #[must_use]
    pub fn monotonic(mut self, clock: MonotonicClock) -> Self {
        self.monotonic = clock;
        self
    }

    /// Seeds the jitter; the same seed gives the same delays.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Signs what needs a signature ([`Connector::needs_signature`]), each attempt anew at the moment it is sent. What is public is
    /// never signed, and nothing that an exchange says of the credentials reaches an error, an event or a counter.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Shows each answer to a function before it is read; see [`Tap`].
    #[must_use]
    pub fn tap(mut self, tap: Tap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Builds the source over a transport.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the address is no `http` or `https` address with a host, a time is absurd, or the credentials cannot be
    /// used: a part is missing, the connector signs nothing, or an address would take them over the network unencrypted.
    pub fn build(self, transport: Transport) -> Result<Source, BuildError> {
        let first = self.base_urls.first().map(String::as_str);
        let addresses = Addresses::new(
            first.unwrap_or_else(|| self.connector.base_url()),
            self.base_urls.iter().skip(1).map(String::as_str),
        )?;
        if let Some(credentials) = &self.credentials {
            addresses.keep_secrets()?;
            signing::try_out(&*self.connector, credentials).map_err(|error| BuildError {
                field: "credentials",
                value: "(not shown)".to_owned(),
                remedy: error.to_string(),
            })?;
        }
        let symbols = SymbolCell::new(self.connector.symbols());
        let shares = self.shares()?;
        let venue = venue::Parts {
            connector: Arc::clone(&self.connector),
            symbols: symbols.clone(),
            clock: Arc::clone(&self.clock),
            addresses,
            credentials: self.credentials.clone(),
            tap: self.tap.clone(),
            limiter: shares.limiter.without_slot(),
            price: shares.price.clone(),
            stats: Arc::clone(&shares.stats),
        };
        let venue = Venue::new(venue, transport);
        Ok(self.stacked(venue, symbols, shares))
    }

    /// Puts the same stack around a venue of your own: another way to an exchange than HTTP, or a stand-in. Of the connector it needs
    /// limits and costs; address, credentials and tap are the venue's own business and not used.
    ///
    /// A venue whose future is not boxed makes a call without a single allocation.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use robust_connectors::Kraken;
    /// use robust_limiter::Class;
    /// use robust_market::{Decoded, Origin, Payload, Request, RequestId, Timestamp};
    /// use robust_source::{Answer, Call, Failed, Source};
    /// use tokio::time::Instant;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // A clock on the wall instead of an exchange.
    /// let clock = tower::service_fn(|_: Call| async {
    ///     let time = Decoded::clean(Payload::ServerTime(Timestamp::EPOCH));
    ///     let wall = http::uri::Authority::from_static("wall");
    ///     Ok::<_, Failed>(Answer::new(time, Origin::Simulated, wall, Timestamp::EPOCH, Instant::now()))
    /// });
    /// let source = Source::builder(Arc::new(Kraken)).build_over(clock)?;
    ///
    /// let deadline = Instant::now() + Duration::from_secs(20);
    /// let call = || Call::new(Arc::new(Request::ServerTime), Class::High, deadline, RequestId(1));
    /// source.call(call()).await?;
    /// // Kraken's one request a second holds for the clock too.
    /// let began = Instant::now();
    /// source.call(call()).await?;
    /// assert!(began.elapsed() >= Duration::from_secs(1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`BuildError`] when a time is absurd.
    pub fn build_over<V: Attempts>(self, venue: V) -> Result<Source<V>, BuildError> {
        let symbols = SymbolCell::new(self.connector.symbols());
        let shares = self.shares()?;
        Ok(self.stacked(venue, symbols, shares))
    }

    /// What venue and stack share, once the settings make sense.
    fn shares(&self) -> Result<Shares, BuildError> {
        self.config.check()?;
        let (limiter, user_window) = limits(&*self.connector, &self.config, &self.monotonic);
        let connector = Arc::clone(&self.connector);
        let price = Price {
            connector,
            user_window,
        };
        Ok(Shares {
            limiter,
            price,
            stats: Arc::new(Stats::new(Arc::clone(&self.clock), self.monotonic.clone())),
        })
    }

    fn stacked<V: Attempts>(self, venue: V, symbols: SymbolCell, shares: Shares) -> Source<V> {
        let name = self.connector.exchange();
        let config = self.config;
        let breaker = config.breaker(name.as_str());
        let Shares {
            limiter,
            price,
            stats,
        } = shares;
        let budget = Budget::new(RETRY_RATIO, RETRY_FLOOR);
        let retry = Policy::builder(config.delays(), Read)
            .max_retries(config.retries)
            .budget(budget.clone())
            .seed(self.seed)
            .build();
        let parts = Parts {
            observe: ObserveLayer {
                stats: Arc::clone(&stats),
            },
            deadline: DeadlineLayer {
                longest: config.max_timeout,
                clock: self.monotonic,
            },
            again: AgainLayer {
                policy: retry,
                stats: Arc::clone(&stats),
            },
            breaker: breaker.clone(),
            bidder: Bidder {
                price: price.clone(),
                stats: Arc::clone(&stats),
            },
            limiter: limiter.clone(),
            classify: ClassifyLayer {
                stats: Arc::clone(&stats),
            },
            attempt: AttemptLayer {
                limit: config.timeout,
            },
        };
        let service = stack::build(parts, venue);
        let shared = Shared {
            connector: self.connector,
            symbols,
            breaker,
            limiter: limiter.without_slot(),
            admission: limiter,
            stats,
            budget,
            price,
            config,
        };
        Source {
            shared: Arc::new(shared),
            service,
        }
    }
}

/// What a venue has to know of the stack around it.
struct Shares {
    limiter: Limiter,
    price: Price,
    stats: Arc<Stats>,
}

/// The exchange's own windows, the user's and the slots, in one limiter.
fn limits(
    connector: &dyn Connector,
    config: &SourceConfig,
    clock: &MonotonicClock,
) -> (Limiter, Option<usize>) {
    let table = connector.windows();
    let user = config.requests_per_minute;
    let user = user.or_else(|| table.is_empty().then_some(UNKNOWN_LIMIT));
    let user_window = user.map(|_| table.len());
    let mut builder = Limiter::builder(connector.exchange().as_str())
        .clock(clock.clone())
        .doubt(FORECAST_DOUBT)
        .outside(config.outside)
        .max_in_flight(config.concurrency);
    if let Some(headroom) = config.headroom {
        builder = builder.headroom(headroom);
    }
    if let Some(recovery) = config.recovery {
        builder = builder.recovery(recovery);
    }
    for window in &table {
        let sliding = Window::sliding(window.name, window.limit, window.per);
        builder = builder.window(if window.keyed {
            sliding.keyed()
        } else {
            sliding
        });
    }
    if let Some(limit) = user {
        builder = builder.window(Window::sliding(USER_WINDOW, limit, Duration::from_secs(60)));
    }
    (builder.build(), user_window)
}
