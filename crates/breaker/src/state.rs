//! What can be seen of a breaker from outside.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

/// Where a circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Calls go through.
    Closed,
    /// Calls are refused.
    Open {
        /// From this moment on the next call is a probe. It stays in the past until a call comes:
        /// nothing moves without traffic.
        until: Instant,
    },
    /// A few probes decide whether to close or to open again.
    HalfOpen,
}

impl State {
    /// `closed`, `open` or `half_open`, as metrics and logs name it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a circuit changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Nothing has happened yet.
    Built,
    /// Opened: so many failures came in a row.
    ConsecutiveFailures(u32),
    /// Opened: an outcome asked for it ([`Outcome::Trip`](crate::Outcome::Trip)).
    Tripped,
    /// Half-open: the open time is over and a call came.
    OpenTimeOver,
    /// Closed: all probes succeeded.
    ProbesSucceeded,
    /// Opened again: a probe failed.
    ProbeFailed,
    /// Opened again: a probe did not report in time.
    ProbeTimedOut,
    /// Opened by [`Breaker::force_open`](crate::Breaker::force_open).
    ForcedOpen,
    /// Closed by [`Breaker::force_close`](crate::Breaker::force_close).
    ForcedClose,
    /// Closed by [`Breaker::reset`](crate::Breaker::reset).
    Reset,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Built => f.write_str("nothing yet"),
            Self::ConsecutiveFailures(n) => write!(f, "{n} failures in a row"),
            Self::Tripped => f.write_str("tripped by an outcome"),
            Self::OpenTimeOver => f.write_str("open time over"),
            Self::ProbesSucceeded => f.write_str("probes succeeded"),
            Self::ProbeFailed => f.write_str("a probe failed"),
            Self::ProbeTimedOut => f.write_str("a probe did not report in time"),
            Self::ForcedOpen => f.write_str("forced open"),
            Self::ForcedClose => f.write_str("forced closed"),
            Self::Reset => f.write_str("reset"),
        }
    }
}

/// One change of state, as [`Breaker::watch`](crate::Breaker::watch) reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// Before.
    pub from: State,
    /// After.
    pub to: State,
    /// The generation that begins with this change; it grows by one with every change.
    pub generation: u64,
    /// Why.
    pub cause: Cause,
    /// When. For a probe that did not report, the moment when it should have.
    pub at: Instant,
}

/// A breaker at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The name given to the builder.
    pub name: Arc<str>,
    /// Where it stands.
    pub state: State,
    /// Grows by one with every change of state. A result counts only in the generation in which
    /// its call was admitted.
    pub generation: u64,
    /// Failures since the last success, those of probes included.
    pub consecutive_failures: u32,
    /// Probes that are out and have not reported.
    pub probes_out: u32,
    /// How often it opened since it was built or reset.
    pub opened_times: u64,
    /// How long calls are refused for; `None` when a call would be let through.
    pub retry_in: Option<Duration>,
    /// Why it is in this state.
    pub last_cause: Cause,
}
