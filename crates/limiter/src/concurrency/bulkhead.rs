//! A fixed number of calls under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::gate::Gate;
use super::pass::Pass;
use super::{Acquire, ConcurrencyLayer, Plain, Slot};
use crate::Rejected;

/// Calls that may wait, unless said otherwise; as many as a [`Limiter`](crate::Limiter) lets wait.
pub(crate) const MAX_QUEUE: usize = 1_024;

/// At most so many calls under way, and a bounded line of those who wait.
///
/// Clones, and all layers made of them, share one bulkhead.
#[derive(Debug, Clone)]
pub struct Bulkhead {
    gate: Arc<Gate>,
}

/// A [`Bulkhead`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkheadSnapshot {
    /// Calls that may be under way.
    pub limit: usize,
    /// Calls that are, those included that were called up and have not looked yet.
    pub in_flight: usize,
    /// Calls that wait.
    pub queued: usize,
    /// Slots given out since the beginning.
    pub granted: u64,
    /// Calls sent away since the beginning.
    pub rejected: u64,
}

/// Settings of a [`Bulkhead`]; from [`Bulkhead::builder`].
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct BulkheadBuilder {
    limit: usize,
    max_queue: usize,
    max_wait: Option<Duration>,
}

impl BulkheadBuilder {
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

    /// The bulkhead.
    #[must_use]
    pub fn build(self) -> Bulkhead {
        Bulkhead {
            gate: Arc::new(Gate::new(self.limit, self.max_queue, self.max_wait, None)),
        }
    }
}

impl Bulkhead {
    /// At most `limit` calls under way, at least one; 1,024 may wait, as long as they like.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::builder(limit).build()
    }

    /// Starts a bulkhead of `limit` calls, at least one.
    pub const fn builder(limit: usize) -> BulkheadBuilder {
        BulkheadBuilder {
            limit,
            max_queue: MAX_QUEUE,
            max_wait: None,
        }
    }

    /// Waits for a slot, until `deadline` at most.
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
    #[inline]
    pub fn try_acquire(&self) -> Result<Slot, Rejected> {
        self.gate.enter()?;
        Ok(Slot::new(Pass::new(Arc::clone(&self.gate))))
    }

    /// From now on at most `limit` calls, at least one. Those above it finish in peace.
    pub fn set_limit(&self, limit: usize) {
        self.gate.set_limit(limit);
    }

    /// As a tower layer.
    #[must_use]
    pub fn layer(&self) -> ConcurrencyLayer {
        ConcurrencyLayer::new(Arc::clone(&self.gate), Plain)
    }

    /// How it stands.
    #[must_use]
    pub fn snapshot(&self) -> BulkheadSnapshot {
        self.gate.snapshot()
    }
}
