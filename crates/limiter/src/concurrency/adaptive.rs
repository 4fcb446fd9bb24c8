//! A limit of calls under way that follows the server's latency.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aimd::{Aimd, Settings};
use super::bulkhead::MAX_QUEUE;
use super::gate::Gate;
use super::pass::Pass;
use super::{Acquire, ConcurrencyLayer, Plain, Slot};
use crate::Rejected;

/// Where it begins: as many as a connection pool holds, and few enough to learn from.
const INITIAL: usize = 10;
/// A bound, so that a server that never slows down does not use up this process.
const MAX: usize = 1_000;
/// Envoy and Netflix's gradient accept 1.5 to 2 times the unloaded round trip.
const TOLERANCE: f64 = 2.0;
/// Vector's factor.
const SHRINK: f64 = 0.9;
/// Envoy's gradient controller measures its shortest round trip every 30 s in its example.
const REMEASURE: Duration = Duration::from_secs(30);

/// At most as many calls under way as the server answers without queueing them.
///
/// The limit grows by one in a round trip in which it held calls back and the latency was near the
/// shortest, and shrinks by a tenth when the latency is above `tolerance` times the shortest, or when
/// an outcome says [`Load::Overloaded`](super::Load::Overloaded). Calls in flight are counted by a drop
/// guard; where the limit is not reached it does not move; the shortest round trip is measured again
/// every `remeasure`, for which the limit is divided by `tolerance` during one round trip.
///
/// Too many requests in a time (429) say nothing about the load: see
/// [`Load::Unknown`](super::Load::Unknown).
///
/// Keep one for each server, or for each kind of call with a latency of its own: [`Registry`](super::Registry) does. Clones, and all layers
/// made of them, share it.
#[derive(Debug, Clone)]
pub struct Adaptive {
    gate: Arc<Gate>,
}

/// An [`Adaptive`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdaptiveSnapshot {
    /// Calls that may be under way.
    pub limit: usize,
    /// Calls that are.
    pub in_flight: usize,
    /// Calls that wait.
    pub queued: usize,
    /// Slots given out since the beginning.
    pub granted: u64,
    /// Calls sent away since the beginning.
    pub rejected: u64,
    /// The round trip of the unloaded server, as it was measured last; `None` at the beginning.
    pub floor: Option<Duration>,
    /// The limit is low at the moment because the floor is measured.
    pub measuring: bool,
}

/// Settings of an [`Adaptive`]; from [`Adaptive::builder`].
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct AdaptiveBuilder {
    settings: Settings,
    max_queue: usize,
    max_wait: Option<Duration>,
}

impl AdaptiveBuilder {
    /// The limit at the beginning. Default 10.
    pub const fn initial(mut self, initial: usize) -> Self {
        self.settings.initial = initial;
        self
    }

    /// The limit is never lower. Default 1, which is also the least.
    pub const fn min(mut self, min: usize) -> Self {
        self.settings.min = min;
        self
    }

    /// The limit is never higher. Default 1,000.
    pub const fn max(mut self, max: usize) -> Self {
        self.settings.max = max;
        self
    }

    /// How many times the shortest round trip is still well. Default 2; between 1.1 and 10.
    pub const fn tolerance(mut self, tolerance: f64) -> Self {
        self.settings.tolerance = tolerance;
        self
    }

    /// What the limit is multiplied with when it shrinks. Default 0.9; between 0.1 and 0.99.
    pub const fn shrink(mut self, shrink: f64) -> Self {
        self.settings.shrink = shrink;
        self
    }

    /// How long a shortest round trip is believed. Default 30 s.
    pub const fn remeasure(mut self, remeasure: Duration) -> Self {
        self.settings.remeasure = remeasure;
        self
    }

    /// Lets at most `max_queue` calls wait; with 0 a call has its slot at once or is sent away.
    /// Default 1,024.
    pub const fn max_queue(mut self, max_queue: usize) -> Self {
        self.max_queue = max_queue;
        self
    }

    /// Lets nobody wait for longer than `max_wait`. By default a call waits as long as it likes.
    pub const fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = Some(max_wait);
        self
    }

    /// The limit.
    #[must_use]
    pub fn build(self) -> Adaptive {
        let aimd = Aimd::new(self.settings, Instant::now());
        Adaptive {
            gate: Arc::new(Gate::new(
                aimd.limit(),
                self.max_queue,
                self.max_wait,
                Some(aimd),
            )),
        }
    }
}

impl Adaptive {
    /// A limit with the defaults of [`AdaptiveBuilder`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts a limit.
    pub const fn builder() -> AdaptiveBuilder {
        AdaptiveBuilder {
            settings: Settings {
                initial: INITIAL,
                min: 1,
                max: MAX,
                tolerance: TOLERANCE,
                shrink: SHRINK,
                remeasure: REMEASURE,
            },
            max_queue: MAX_QUEUE,
            max_wait: None,
        }
    }

    /// Waits for a slot, until `deadline` at most. Call [`Slot::sent`] when the call goes out and
    /// [`Slot::ended`] when it is over: from these two the limit learns.
    ///
    /// # Errors
    ///
    /// The future ends with [`Rejected::Full`], which says how many wait, when nobody else may wait;
    /// with [`Rejected::Busy`] when the time to wait is over.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any time, the future gives back its place, or the slot it was granted.
    pub fn acquire(&self, deadline: Option<Instant>) -> Acquire {
        Acquire::new(Arc::clone(&self.gate), deadline)
    }

    /// A slot without waiting.
    ///
    /// # Errors
    ///
    /// [`Rejected::Busy`] when all are taken, or others wait.
    pub fn try_acquire(&self) -> Result<Slot, Rejected> {
        self.gate.enter()?;
        Ok(Slot::new(Pass::new(Arc::clone(&self.gate))))
    }

    /// As a tower layer, which reads outcomes by [`Plain`]; see [`ConcurrencyLayer::measure`].
    #[must_use]
    pub fn layer(&self) -> ConcurrencyLayer {
        ConcurrencyLayer::new(Arc::clone(&self.gate), Plain)
    }

    /// Whether anybody else has it: a handle, a call under way, a call that waits.
    pub(super) fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.gate) > 1
    }

    pub(super) fn into_gate(self) -> Arc<Gate> {
        self.gate
    }

    /// How it stands.
    #[must_use]
    pub fn snapshot(&self) -> AdaptiveSnapshot {
        let seen = self.gate.snapshot();
        let (floor, measuring) = self.gate.floor();
        AdaptiveSnapshot {
            limit: seen.limit,
            in_flight: seen.in_flight,
            queued: seen.queued,
            granted: seen.granted,
            rejected: seen.rejected,
            floor,
            measuring,
        }
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self::new()
    }
}
