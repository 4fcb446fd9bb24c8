//! Why a call was not admitted, and when to come back.

use std::borrow::Cow;
use std::time::Duration;

/// Why a call was not admitted. Nothing was sent and nothing is charged.
///
/// None of these says anything about the health of the server: they must not trip a breaker, and
/// trying again costs no retry budget.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The earliest grant is past the deadline or the longest wait. Said as soon as it is known.
    #[error("window {window} has no room before the deadline; retry in {retry_in:?}")]
    TooLate {
        /// When it would be granted, if nobody gives up and nobody more important comes.
        retry_in: Duration,
        /// The window that makes it wait longest.
        window: Cow<'static, str>,
    },
    /// All slots were taken until the deadline or the longest wait, or are taken now for who does not wait. The windows have room.
    #[error("{in_flight} calls are under way already; retry in {retry_in:?}")]
    Busy {
        /// How many are under way, which is how many may be.
        in_flight: usize,
        /// A guess of 100 ms: a slot may get free at any moment, and nobody knows when.
        retry_in: Duration,
    },
    /// The queue is full, and nobody in it is less important.
    #[error("{queued} calls are waiting already; retry in {retry_in:?}")]
    Full {
        /// How many wait.
        queued: usize,
        /// When it would be granted, if it could wait.
        retry_in: Duration,
    },
    /// The pause ends after the deadline or the longest wait.
    #[error("paused past the deadline; retry in {retry_in:?}")]
    Paused {
        /// When it would be granted, at the earliest at the end of the pause.
        retry_in: Duration,
    },
    /// It can never fit: into the window, or into the share of its class ([`Headroom`](crate::Headroom)). Not worth trying again.
    #[error("{units} units can never fit into window {window}, which holds {limit}")]
    TooLarge {
        /// The window that is too small.
        window: Cow<'static, str>,
        /// What was asked for.
        units: u32,
        /// What the window holds, or the share of it that is for the call's class.
        limit: u32,
    },
    /// The cost names a window that the limiter does not have: a mistake in the program.
    #[error("the limiter has no window {window}")]
    NoSuchWindow {
        /// The index that was asked for.
        window: usize,
    },
}

impl Rejected {
    /// How long to wait before trying again; `None` when that is pointless.
    #[must_use]
    pub const fn retry_in(&self) -> Option<Duration> {
        match self {
            Self::TooLate { retry_in, .. }
            | Self::Busy { retry_in, .. }
            | Self::Full { retry_in, .. }
            | Self::Paused { retry_in } => Some(*retry_in),
            Self::TooLarge { .. } | Self::NoSuchWindow { .. } => None,
        }
    }
}
