//! Adaptive throttling: what an overloaded server would turn away is turned away here.
//!
//! Turning a request away costs a server work too. A client that is told often enough that there is no
//! capacity sends only a share of its requests, by the formula of Google's *Site Reliability Engineering*
//! (chapter 21): `max(0, (requests − K · accepts) / (requests + 1))` is the probability with which a
//! request is refused here, over the last ten seconds. It needs no threshold, no state machine, and
//! lets through about `K` times what the server accepts, so that it notices when the server accepts more.
//!
//! The alternative, the CUBIC token bucket of smithy-rs' adaptive retry mode, was simulated beside it
//! (ten clients, three times the capacity for two minutes, each refusal costs the server a fifth of a
//! request): it does two thirds of the work that this does, and needs half a minute to be well
//! again after the overload; it sends less that is turned away. Two things differ from the book: the window of ten seconds instead of
//! two minutes, and a bound to the probability, both because the book's client stays away from a server
//! that has come back.
//!
//! ```
//! use robust_backoff::throttle::{Taken, Throttle, Throttled};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! #[derive(Debug)]
//! enum Failure { Busy, NotAsked(Throttled) }
//!
//! impl From<Throttled> for Failure {
//!     fn from(throttled: Throttled) -> Self { Self::NotAsked(throttled) }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let throttle = Throttle::builder().seed(7).build();
//! let judge = |outcome: Result<&(), &Failure>| match outcome {
//!     Ok(()) => Taken::Accepted,
//!     Err(Failure::Busy) => Taken::Refused,
//!     Err(Failure::NotAsked(_)) => Taken::Unknown,
//! };
//! let busy = ServiceBuilder::new()
//!     .layer(throttle.layer(judge))
//!     .service_fn(|(): ()| async { Err::<(), _>(Failure::Busy) });
//! for _ in 0..100 {
//!     let _ = busy.clone().oneshot(()).await;
//! }
//! let seen = throttle.snapshot();
//! assert!(seen.throttled > 50 && seen.sent > 10, "{seen:?}");
//! # }
//! ```

mod ratio;
mod service;
#[cfg(test)]
mod simulation;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use self::ratio::Ratio;
pub use self::service::{ThrottleFuture, ThrottleLayer, ThrottleService};
use crate::seeds::Seeds;

/// The book's multiplier: half of what is sent may be turned away before anything is refused here.
const K: f64 = 2.0;
/// The shortest that is well again within two windows after an overload and after an outage, in the
/// simulation beside this file.
const WINDOW: Duration = Duration::from_secs(10);
/// One request in five is sent in any case: by the answers to those a throttle learns that the server is
/// back. The book has no such bound.
const MOST: f64 = 0.8;

/// What an outcome says about whether the server had room for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Taken {
    /// It did the work, or refused it for its content: it had room.
    Accepted,
    /// It had no room: a 503, a 429, a timeout, a connection that was refused.
    Refused,
    /// Nothing was sent, or nobody knows: as if the request had never been made.
    Unknown,
}

/// Reads from an outcome whether the server had room. Implemented for functions.
pub trait Judge<Res, E> {
    /// What `outcome` says.
    fn taken(&self, outcome: Result<&Res, &E>) -> Taken;
}

impl<F, Res, E> Judge<Res, E> for F
where
    F: Fn(Result<&Res, &E>) -> Taken,
{
    fn taken(&self, outcome: Result<&Res, &E>) -> Taken {
        self(outcome)
    }
}

/// A request that was refused here, because the server turned too many away. Nothing was sent: it says
/// nothing about the server, must not trip a breaker and costs no retry budget.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "not sent: the server turns too many requests away (refused here with probability {probability:.2})"
)]
#[non_exhaustive]
pub struct Throttled {
    /// The probability with which requests are refused here at the moment.
    pub probability: f64,
}

/// Refuses requests that an overloaded server would turn away. Keep one per server; clones and all layers
/// made of them share it.
#[derive(Clone)]
pub struct Throttle {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    sent: AtomicU64,
    throttled: AtomicU64,
}

struct State {
    ratio: Ratio,
    rng: fastrand::Rng,
}

/// A [`Throttle`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ThrottleSnapshot {
    /// Requests in the window, those refused here included.
    pub requests: u64,
    /// Of these, those that the server accepted.
    pub accepts: u64,
    /// The probability with which the next one is refused here.
    pub probability: f64,
    /// Requests sent since the beginning.
    pub sent: u64,
    /// Requests refused here since the beginning.
    pub throttled: u64,
}

/// Settings of a [`Throttle`]; from [`Throttle::builder`].
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ThrottleBuilder {
    k: f64,
    most: f64,
    window: Duration,
    seed: Option<u64>,
}

impl ThrottleBuilder {
    /// Sends up to about `k` times what the server accepts. Default 2; at least 1. Nearer to 1 spares the
    /// server more and finds out later that it is well again.
    pub const fn k(mut self, k: f64) -> Self {
        self.k = k;
        self
    }

    /// Refuses at most this share of the requests. Default 0.8; between 0 and 1.
    pub const fn most(mut self, most: f64) -> Self {
        self.most = most;
        self
    }

    /// Counts the requests of so long. Default 10 s.
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Makes the choices repeatable. By default the seed comes from the operating system.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The throttle.
    #[must_use]
    pub fn build(self) -> Throttle {
        let seeds = self.seed.map_or_else(Seeds::from_entropy, Seeds::new);
        Throttle {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    ratio: Ratio::new(self.k, self.most, self.window),
                    rng: seeds.draw(),
                }),
                sent: AtomicU64::new(0),
                throttled: AtomicU64::new(0),
            }),
        }
    }
}

impl Throttle {
    /// Starts a throttle.
    pub const fn builder() -> ThrottleBuilder {
        ThrottleBuilder {
            k: K,
            most: MOST,
            window: WINDOW,
            seed: None,
        }
    }

    /// As a tower layer; `judge` reads from an outcome whether the server had room.
    ///
    /// Goes inside of the retry, so that each attempt is counted, and outside of the limiter.
    #[must_use]
    pub fn layer<J>(&self, judge: J) -> ThrottleLayer<J> {
        ThrottleLayer::new(self.clone(), judge)
    }

    /// Asks whether a request may be sent, and counts it. To be followed by [`Pending::ended`].
    ///
    /// # Errors
    ///
    /// [`Throttled`] when it is refused.
    pub fn admit(&self) -> Result<Pending, Throttled> {
        let now = Instant::now();
        let probability = self.shared.with(|state| {
            let probability = state.ratio.reject(now);
            state.ratio.request(now);
            // The common case draws nothing.
            (probability > 0.0 && state.rng.f64() < probability).then_some(probability)
        });
        match probability {
            Some(probability) => {
                self.shared.throttled.fetch_add(1, Ordering::Relaxed);
                Err(Throttled { probability })
            }
            None => {
                self.shared.sent.fetch_add(1, Ordering::Relaxed);
                Ok(Pending {
                    shared: Arc::clone(&self.shared),
                    taken: Taken::Unknown,
                })
            }
        }
    }

    /// How it stands.
    #[must_use]
    pub fn snapshot(&self) -> ThrottleSnapshot {
        let now = Instant::now();
        let (probability, (requests, accepts)) = self
            .shared
            .with(|state| (state.ratio.reject(now), state.ratio.counted()));
        ThrottleSnapshot {
            requests,
            accepts,
            probability,
            sent: self.shared.sent.load(Ordering::Relaxed),
            throttled: self.shared.throttled.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Throttle").field(&self.snapshot()).finish()
    }
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // A few integers, whole after every method: a poisoned lock is usable.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request on its way. Dropped without an outcome, it counts as if it had never been made.
#[must_use = "without its outcome a request counts for nothing"]
pub struct Pending {
    shared: Arc<Shared>,
    taken: Taken,
}

impl Pending {
    /// The request ended like this.
    pub fn ended(mut self, taken: Taken) {
        self.taken = taken;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let now = Instant::now();
        match self.taken {
            Taken::Accepted => self.shared.with(|state| state.ratio.accept(now)),
            // It was counted as a request, and is no accept.
            Taken::Refused => {}
            Taken::Unknown => self.shared.with(|state| state.ratio.forget(now)),
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}
