//! Hedging: a second request when the first takes longer than most do.
//!
//! | question | answer |
//! |---|---|
//! | When is the second sent? | after a quantile of this server's own latency, between a floor and a cap; not before enough is known |
//! | Which requests? | those that are [idempotent](crate::Replay::idempotent) and have a [copy](crate::Replay::replay) |
//! | How many? | as many as the [`Budget`] pays for, the one that retries draw on too |
//! | Which answer counts? | the first `Ok`; when both fail, the error of the first request |
//! | And the other? | is dropped, which cancels it |
//!
//! tower's `hedge` differs in five points: there both clones of the service are readied for every
//! request, which takes two places of whatever is scarce; there is no budget, so that a slow server gets
//! twice the load; the error of the one ends the call although the other might answer; the time of a
//! first request that was overtaken is not counted, so that hedging makes the quantile shorter and itself
//! more frequent; and every error becomes a `BoxError`.
//!
//! ```
//! use robust_backoff::{Budget, Replay, hedge::Hedge};
//! use std::{convert::Infallible, sync::atomic::{AtomicU32, Ordering}, time::Duration};
//! use tokio::time::{Instant, sleep};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! #[derive(Clone)]
//! struct Lookup(&'static str);
//!
//! impl Replay for Lookup {
//!     fn replay(&self) -> Option<Self> { Some(self.clone()) }
//!     fn deadline(&self) -> Option<Instant> { None }
//! }
//!
//! /// A dictionary that leafs for 5 s, once in a while.
//! async fn dictionary(lookup: Lookup) -> Result<&'static str, Infallible> {
//!     static CALLS: AtomicU32 = AtomicU32::new(1);
//!     let slow = CALLS.fetch_add(1, Ordering::Relaxed) % 50 == 0;
//!     sleep(Duration::from_millis(if slow { 5_000 } else { 20 })).await;
//!     Ok(lookup.0)
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Infallible> {
//! let hedge = Hedge::builder(Budget::new(0.1, 1.0)).fills_budget(true).build();
//! let service = ServiceBuilder::new().layer(hedge.layer()).service(service_fn(dictionary));
//! for _ in 0..100 {
//!     let begin = Instant::now();
//!     service.clone().oneshot(Lookup("herd")).await?;
//!     assert!(begin.elapsed() < Duration::from_millis(60), "the slow ones are overtaken");
//! }
//! assert_eq!(hedge.snapshot().won, 2);
//! # Ok(())
//! # }
//! ```

mod future;
mod latency;
mod layer;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use self::latency::Latency;
pub use self::{
    future::HedgeFuture,
    layer::{HedgeLayer, HedgeService},
};
use crate::{Budget, Withdrawal};

/// The share of requests that are not hedged (Dean and Barroso, *The Tail at Scale*, 2013: a second
/// request after the 95th percentile costs 5 % more load).
const QUANTILE: f64 = 0.95;
/// Latencies to be known before the first hedge.
const MIN_SAMPLES: u32 = 20;
/// tokio's timer knows whole milliseconds.
const FLOOR: Duration = Duration::from_millis(1);
/// A second request after longer than that helps nobody; retries and deadlines are for those.
const CAP: Duration = Duration::from_secs(10);
/// How long a latency is remembered: at least so long, at most twice.
const MEMORY: Duration = Duration::from_secs(60);
/// Stands for "not known yet" in the shared delay.
const UNKNOWN: u64 = u64::MAX;

/// Hedges the requests to one server. Keep one per server, or per kind of request with a latency of its
/// own; clones and all layers made of them share it.
#[derive(Clone)]
pub struct Hedge {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    settings: HedgeBuilder,
    latency: Mutex<Latency>,
    /// The quantile in nanoseconds, to be read without the lock.
    delay: AtomicU64,
    sent: AtomicU64,
    won: AtomicU64,
    refused: AtomicU64,
}

/// A [`Hedge`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HedgeSnapshot {
    /// How long a request takes before it is hedged; `None` while too little is known.
    pub delay: Option<Duration>,
    /// Second requests sent.
    pub sent: u64,
    /// Second requests that answered first.
    pub won: u64,
    /// Second requests not sent because the budget was empty or the gate closed.
    pub refused: u64,
}

/// Settings of a [`Hedge`]; from [`Hedge::builder`].
#[derive(Clone)]
#[must_use]
pub struct HedgeBuilder {
    budget: Budget,
    fills_budget: bool,
    enabled: bool,
    quantile: f64,
    min_samples: u32,
    floor: Duration,
    cap: Duration,
    memory: Duration,
    gate: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl HedgeBuilder {
    /// Deposits into the budget for each request. To be switched on where no retry
    /// [`Policy`](crate::Policy) outside of this layer does so. Default off.
    pub fn fills_budget(mut self, fills_budget: bool) -> Self {
        self.fills_budget = fills_budget;
        self
    }

    /// Switched off, the layer hands each request on and does nothing else. Default on.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Hedges after this quantile of the latency. Default 0.95; kept between 0.5 and 0.999.
    pub fn quantile(mut self, quantile: f64) -> Self {
        self.quantile = quantile;
        self
    }

    /// Hedges nothing before so many latencies are known. Default 20, at least 1.
    pub fn min_samples(mut self, min_samples: u32) -> Self {
        self.min_samples = min_samples;
        self
    }

    /// Never hedges before so long. Default 1 ms.
    pub fn floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// Hedges after so long at the latest, once enough is known. Default 10 s.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Remembers each latency for so long, and for twice as long at most. Default 60 s.
    pub fn memory(mut self, memory: Duration) -> Self {
        self.memory = memory;
        self
    }

    /// Asks `gate` before each second request, for example whether a rate limiter has much room left.
    pub fn only_if(mut self, gate: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.gate = Some(Arc::new(gate));
        self
    }

    /// The hedge.
    #[must_use]
    pub fn build(self) -> Hedge {
        let quantile = if self.quantile.is_nan() {
            QUANTILE
        } else {
            self.quantile.clamp(0.5, 0.999)
        };
        let latency = Latency::new(quantile, self.min_samples.max(1), self.memory);
        Hedge {
            shared: Arc::new(Shared {
                settings: self,
                latency: Mutex::new(latency),
                delay: AtomicU64::new(UNKNOWN),
                sent: AtomicU64::new(0),
                won: AtomicU64::new(0),
                refused: AtomicU64::new(0),
            }),
        }
    }
}

impl fmt::Debug for HedgeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HedgeBuilder")
            .field("enabled", &self.enabled)
            .field("quantile", &self.quantile)
            .field("min_samples", &self.min_samples)
            .field("floor", &self.floor)
            .field("cap", &self.cap)
            .field("memory", &self.memory)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl Hedge {
    /// Starts a hedge that draws on `budget`; share it with the retries to the same server.
    pub fn builder(budget: Budget) -> HedgeBuilder {
        HedgeBuilder {
            budget,
            fills_budget: false,
            enabled: true,
            quantile: QUANTILE,
            min_samples: MIN_SAMPLES,
            floor: FLOOR,
            cap: CAP,
            memory: MEMORY,
            gate: None,
        }
    }

    /// As a tower layer. Goes inside of the retry and outside of everything that each attempt must pay
    /// for: limiter, breaker, timeout.
    #[must_use]
    pub fn layer(&self) -> HedgeLayer {
        HedgeLayer::new(self.clone())
    }

    /// How it stands.
    #[must_use]
    pub fn snapshot(&self) -> HedgeSnapshot {
        let shared = &self.shared;
        HedgeSnapshot {
            delay: shared.delay(),
            sent: shared.sent.load(Ordering::Relaxed),
            won: shared.won.load(Ordering::Relaxed),
            refused: shared.refused.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for Hedge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge")
            .field("settings", &self.shared.settings)
            .field("now", &self.snapshot())
            .finish()
    }
}

impl Shared {
    pub(crate) fn is_enabled(&self) -> bool {
        self.settings.enabled
    }

    /// A request begins.
    pub(crate) fn begin(&self) {
        if self.settings.fills_budget {
            self.settings.budget.deposit();
        }
    }

    /// How long to wait before the second request.
    pub(crate) fn delay(&self) -> Option<Duration> {
        let nanos = self.delay.load(Ordering::Relaxed);
        let cap = self.settings.cap.max(self.settings.floor);
        (nanos != UNKNOWN).then(|| Duration::from_nanos(nanos).clamp(self.settings.floor, cap))
    }

    /// The right to send a second request; dropped, it goes back.
    pub(crate) fn allow(&self) -> Option<Withdrawal> {
        let open = self.settings.gate.as_ref().is_none_or(|gate| gate());
        let withdrawal = if open {
            self.settings.budget.withdraw()
        } else {
            None
        };
        if withdrawal.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        withdrawal
    }

    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn won(&self) {
        self.won.fetch_add(1, Ordering::Relaxed);
    }

    /// The first request answered after `took`.
    pub(crate) fn answered(&self, now: Instant, took: Duration) {
        // The buckets are whole after every statement: a poisoned lock is usable.
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        latency.add(now, took);
        if let Some(quantile) = latency.quantile() {
            let nanos = u64::try_from(quantile.as_nanos()).unwrap_or(UNKNOWN - 1);
            self.delay.store(nanos.min(UNKNOWN - 1), Ordering::Relaxed);
        }
    }

    /// The first request failed, was overtaken or given up after `took`. Had it gone on, it would have
    /// taken longer still: it counts if that is long, and says nothing otherwise.
    pub(crate) fn ended(&self, now: Instant, took: Duration) {
        if self.delay().is_some_and(|delay| took >= delay) {
            self.answered(now, took);
        }
    }
}
