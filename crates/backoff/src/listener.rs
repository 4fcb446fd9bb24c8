//! Who wants to hear of what a policy decides.

use std::sync::Arc;
use std::time::Duration;

/// Hears of what a [`Policy`](crate::Policy) decides. The default, `()`, hears nothing and costs nothing: no event is made.
///
/// Called in the thread of the call, outside of any lock. What it does holds that call up.
pub trait Listener: Send + Sync + 'static {
    /// Whether there is anybody; where not, everything here is compiled out.
    const ENABLED: bool = true;

    /// The policy called `policy` has decided.
    fn on(&self, policy: &str, event: &Event);
}

impl Listener for () {
    const ENABLED: bool = false;

    fn on(&self, _: &str, _: &Event) {}
}

impl<L: Listener> Listener for Arc<L> {
    const ENABLED: bool = L::ENABLED;

    fn on(&self, policy: &str, event: &Event) {
        (**self).on(policy, event);
    }
}

/// What a policy decides. An outcome that is final at the first attempt is no news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There will be another attempt, after a pause.
    Pausing {
        /// 1 for the first retry.
        retry: u32,
        /// How long.
        pause: Duration,
    },
    /// A retry goes to the inner service. One that is dropped during its pause does not.
    Retrying {
        /// 1 for the first retry.
        retry: u32,
    },
    /// Worth another attempt, and returned nevertheless.
    GaveUp {
        /// Why.
        reason: GaveUp,
        /// Retries that were made.
        retries: u32,
    },
}

/// Why there is no other attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GaveUp {
    /// All permitted attempts were used.
    Attempts,
    /// The pause would have ended after the deadline.
    Deadline,
    /// The budget was empty.
    Budget,
    /// The request may have been carried out and is not idempotent.
    NotIdempotent,
}

impl GaveUp {
    /// `attempts`, `deadline`, `budget` or `not_idempotent`, as metrics and logs name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::NotIdempotent => "not_idempotent",
        }
    }
}
