//! How fast a bucket drains, and why a window cannot be built.

use std::time::Duration;

/// So many units in so much time: how fast a bucket drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    pub(crate) units: u32,
    pub(crate) per: Duration,
}

impl Rate {
    /// `units` every `per`; 0.33 a second is `Rate::new(33, Duration::from_secs(100))`.
    #[must_use]
    pub const fn new(units: u32, per: Duration) -> Self {
        Self { units, per }
    }

    /// `units` a second.
    #[must_use]
    pub const fn per_second(units: u32) -> Self {
        Self::new(units, Duration::from_secs(1))
    }

    /// How many units drain in `time`, rounded up; `None` when the rate is not one.
    pub(crate) fn in_time(self, time: Duration) -> Option<u64> {
        let per = self.per.as_nanos();
        if per == 0 || self.units == 0 {
            return None;
        }
        let units = time.as_nanos().checked_mul(u128::from(self.units))?;
        u64::try_from(units.div_ceil(per)).ok()
    }
}

/// Why a window cannot be what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// A bucket that starts full and drains all the time lets through more than the limit in one window.
    #[error("a burst of {burst} and {refilled} more in {per:?} exceed the limit of {limit}")]
    TooFast {
        /// Units that fit at once.
        burst: u32,
        /// Units that drain in one window.
        refilled: u64,
        /// The window.
        per: Duration,
        /// Units that may pass in one window.
        limit: u32,
    },
    /// A rate of nothing, or in no time.
    #[error("a rate of {} units in {:?} is none", rate.units, rate.per)]
    NoRate {
        /// What was given.
        rate: Rate,
    },
    /// Only a smooth window ([`Window::gcra`](crate::Window::gcra)) has a rate and a burst to change.
    #[error("window {window} is not smooth: it has no rate and no burst")]
    NotSmooth {
        /// The index that was asked for.
        window: usize,
    },
    /// The limiter has no such window.
    #[error("the limiter has no window {window}")]
    NoSuchWindow {
        /// The index that was asked for.
        window: usize,
    },
}
