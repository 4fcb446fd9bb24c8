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
    /// Switched off: calls go through, and nothing is counted.
    Disabled,
    /// Calls go through and are counted, and it never opens.
    MetricsOnly,
}

impl State {
    /// Until when it is open.
    pub(crate) const fn until(&self) -> Option<Instant> {
        match self {
            Self::Open { until } => Some(*until),
            _ => None,
        }
    }

    /// `closed`, `open`, `half_open`, `disabled` or `metrics_only`, as metrics and logs name it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
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
    /// Opened: so much failed of the calls in a window.
    FailureRate {
        /// Failures by weight, in hundredths of the calls, rounded down.
        percent: u8,
        /// Calls in the window.
        calls: u64,
    },
    /// Opened: so many calls in a window were slow.
    SlowCallRate {
        /// Hundredths of the calls, rounded down.
        percent: u8,
        /// Calls in the window.
        calls: u64,
    },
    /// Opened: an outcome asked for it ([`Outcome::Trip`](crate::Outcome::Trip)).
    Tripped,
    /// Half-open: the open time is over and a call came.
    OpenTimeOver,
    /// Closed: enough probes succeeded.
    ProbesSucceeded,
    /// Opened again: a probe failed, and with it the hope of enough successes.
    ProbeFailed,
    /// Opened again: a probe did not report in time, and the others could not make up for it.
    ProbeTimedOut,
    /// Opened by [`Breaker::force_open`](crate::Breaker::force_open), with the operator's reason.
    ForcedOpen(&'static str),
    /// Closed by [`Breaker::force_close`](crate::Breaker::force_close).
    ForcedClose,
    /// Closed by [`Breaker::reset`](crate::Breaker::reset).
    Reset,
    /// Switched off by [`Breaker::disable`](crate::Breaker::disable).
    Disabled,
    /// Only measuring since [`Breaker::metrics_only`](crate::Breaker::metrics_only).
    MetricsOnly,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Built => f.write_str("nothing yet"),
            Self::ConsecutiveFailures(n) => write!(f, "{n} failures in a row"),
            Self::FailureRate { percent, calls } => {
                write!(f, "{percent} % of {calls} calls failed")
            }
            Self::SlowCallRate { percent, calls } => {
                write!(f, "{percent} % of {calls} calls were slow")
            }
            Self::Tripped => f.write_str("tripped by an outcome"),
            Self::OpenTimeOver => f.write_str("open time over"),
            Self::ProbesSucceeded => f.write_str("probes succeeded"),
            Self::ProbeFailed => f.write_str("a probe failed"),
            Self::ProbeTimedOut => f.write_str("a probe did not report in time"),
            Self::ForcedOpen(reason) => write!(f, "forced open: {reason}"),
            Self::ForcedClose => f.write_str("forced closed"),
            Self::Reset => f.write_str("reset"),
            Self::Disabled => f.write_str("disabled"),
            Self::MetricsOnly => f.write_str("only measuring"),
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
    /// How often it would have opened while it only measured.
    pub would_have_opened: u64,
    /// Steps by which the open time has grown; see
    /// [`Builder::open_backoff`](crate::Builder::open_backoff).
    pub open_level: u32,
    /// Calls that may run at once while it is ramping up after closing; `None` when any number may.
    pub ramp_limit: Option<u32>,
    /// What the rates stand at, in the order of their rules.
    pub rates: Vec<Rate>,
    /// How long calls are refused for; `None` when a call would be let through.
    pub retry_in: Option<Duration>,
    /// Why it is in this state.
    pub last_cause: Cause,
}

/// What the window of one rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// Calls in the window.
    pub calls: u64,
    /// Failures by weight, or slow calls, in hundredths of a call.
    pub hundredths: u64,
}

impl Rate {
    /// The share, from 0 to 1; 0 without calls.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.calls == 0 {
            0.0
        } else {
            self.hundredths as f64 / self.calls as f64 / 100.0
        }
    }

    /// The same in whole hundredths, rounded down.
    pub(crate) fn percent(&self) -> u8 {
        let percent = self.hundredths.checked_div(self.calls).unwrap_or(0);
        u8::try_from(percent.min(100)).unwrap_or(100)
    }
}
