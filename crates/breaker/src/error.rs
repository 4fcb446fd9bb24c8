//! The refusal, and a wrapper for services that cannot express it.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

/// The call was refused because the circuit is not closed. The inner service was not called.
///
/// Trying again before `retry_in` is pointless; the refusal itself says nothing new about the
/// service and must not be counted as its failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("circuit {name} {}, retry in {retry_in:?}", if until.is_some() { "is open" } else { "waits for its probes" })]
#[non_exhaustive]
pub struct Open {
    /// The name of the breaker.
    pub name: Arc<str>,
    /// When to come back. Exact while the circuit is open. While its probes are out nobody can
    /// know, and it is one second, or less if a probe must have reported earlier.
    pub retry_in: Duration,
    /// The moment at which the circuit lets a probe through; `None` while probes are out.
    pub until: Option<Instant>,
    /// The generation that refused.
    pub generation: u64,
}

/// The error of a service under [`Lift`](crate::Lift): its own, or a refusal by the breaker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error<E> {
    /// The circuit is not closed. Come back after its `retry_in`.
    #[error(transparent)]
    Rejected(#[from] Open),
    /// The inner service's own error.
    #[error(transparent)]
    Inner(E),
}
