//! What one attempt says of its source.

use std::time::Duration;

use tokio::time::Instant;

/// An attempt that has ended, as the health of a source is judged by; from [`Source::recent`](crate::Source::recent).
///
/// Every request that was made of the exchange is one, retries each by themselves. What this process refuses (breaker open, budget
/// spent), what cannot be put to the exchange, and what was dropped before it ended is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempted {
    /// When it ended.
    pub ended: Instant,
    /// How long it took from its dispatch to its verdict, without the wait for the budget and without backoff; `None` where nothing
    /// could be sent, as when no connection could be made.
    pub took: Option<Duration>,
    /// Whether the exchange, or the way to it, failed: no connection, no answer in time, an answer that is none, a server error, "too
    /// many requests", a ban. Data is no failure, and neither is the refusal of a question: an unknown pair, a wrong key.
    pub failed: bool,
}

impl Attempted {
    /// An attempt as a source of your own may note it, and tests.
    #[must_use]
    pub const fn new(ended: Instant, took: Option<Duration>, failed: bool) -> Self {
        Self {
            ended,
            took,
            failed,
        }
    }
}
