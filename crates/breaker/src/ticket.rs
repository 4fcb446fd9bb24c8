//! Permission for one call.

use std::fmt;

use tokio::time::Instant;

use crate::{Breaker, Listener, Outcome, circuit::Pass};

/// Permission for one call; from [`Breaker::admit`]. Dropped without [`record`](Self::record) it gives
/// a permit back and says nothing about the service, unless a
/// [`Rule::SlowCallRate`](crate::Rule::SlowCallRate) finds that it was held for long.
#[must_use = "a ticket that is dropped counts as a call without outcome"]
pub struct Ticket<L: Listener = ()> {
    breaker: Breaker<L>,
    pass: Option<Pass>,
}

impl<L: Listener> Ticket<L> {
    #[inline]
    pub(crate) fn new(breaker: Breaker<L>, pass: Pass) -> Self {
        Self {
            breaker,
            pass: Some(pass),
        }
    }

    /// Whether it holds one of a few permits: the call is a probe of a half-open circuit, or one of
    /// the ramp after closing.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.pass.is_some_and(|pass| pass.permit.is_some())
    }

    /// Whether the state is still the one in which it was given; its outcome counts only then.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.pass.is_some_and(|pass| self.breaker.is_current(pass))
    }

    /// When the call began, if that had to be measured.
    #[inline]
    pub(crate) fn started(&self) -> Option<Instant> {
        self.pass.and_then(|pass| pass.started)
    }

    /// Reports how the call ended. Without effect if the state has changed since the admission.
    #[inline]
    pub fn record(mut self, outcome: Outcome) {
        self.record_at(outcome, None);
    }

    /// The same without moving the ticket, with the time if it has been read already.
    #[inline]
    pub(crate) fn record_at(&mut self, outcome: Outcome, now: Option<Instant>) {
        if let Some(pass) = self.pass.take() {
            self.breaker.record(pass, outcome, now);
        }
    }

    /// Whether the call has not been reported yet.
    #[inline]
    pub(crate) fn is_out(&self) -> bool {
        self.pass.is_some()
    }
}

impl<L: Listener> Drop for Ticket<L> {
    #[inline]
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.breaker.cancel(pass);
        }
    }
}

impl<L: Listener> fmt::Debug for Ticket<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("name", &self.breaker.name())
            .field("probe", &self.is_probe())
            .finish_non_exhaustive()
    }
}
