//! What an outcome means for trying again.

use std::time::Duration;

/// What an outcome means for trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disposition {
    /// Good, or hopeless: hand it to the caller.
    Final,
    /// Worth another attempt.
    Retry {
        /// Not before this much time has passed: the server's `Retry-After`, or the `retry_in` of a
        /// local refusal.
        after: Option<Duration>,
        /// The server may have seen the request. A local refusal (an open breaker, a full queue, a
        /// name that did not resolve) costs the server nothing and therefore no budget.
        ///
        /// With `sent: true` a request that is not
        /// [idempotent](crate::Replay::idempotent) is not repeated: it may have been carried out.
        sent: bool,
    },
    /// The server saw the request and said that it did nothing with it: too many requests (429), a
    /// 503 from the door, a stream refused before processing (RFC 9113 §8.7).
    ///
    /// Repeated whether it is idempotent or not, and paid for from the budget.
    Unprocessed {
        /// Not before this much time has passed: the server's `Retry-After`.
        after: Option<Duration>,
    },
}

/// Judges outcomes. Implement it once for your response and error.
///
/// Answer [`Disposition::Final`] for a request that must not be sent twice, or refuse in
/// [`Replay::replay`](crate::Replay::replay).
pub trait Classify<Res, E> {
    /// What `outcome` means for trying again.
    fn disposition(&self, outcome: Result<&Res, &E>) -> Disposition;
}

impl<F, Res, E> Classify<Res, E> for F
where
    F: Fn(Result<&Res, &E>) -> Disposition,
{
    fn disposition(&self, outcome: Result<&Res, &E>) -> Disposition {
        self(outcome)
    }
}

/// Makes a [`Classify`] of a closure.
///
/// Returns the closure itself; the detour tells the compiler that it accepts any lifetime.
pub fn classify_fn<Res, E, F>(judge: F) -> F
where
    F: Fn(Result<&Res, &E>) -> Disposition,
{
    judge
}
