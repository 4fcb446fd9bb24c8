//! Which clock calls are timed and limited by.

use robust_limiter::MonotonicClock;
use serde::{Deserialize, Serialize};

/// The clock that calls are timed and limited by. The time of day is another one, [`clock`](crate::DataManagerBuilder::clock).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Monotonic {
    /// tokio's clock about ten times a second, and the processor's counter in between, which makes a call cheaper.
    ///
    /// Its time differs from tokio's by less than 100 µs. It begins as tokio's clock, for some tenths of a second, and stays so
    /// where tokio's clock is paused, as in tests, and where the processor has no counter that is worth it.
    /// A test that pauses a clock which has run before chooses [`Tokio`](Self::Tokio).
    #[default]
    Counter,
    /// tokio's clock at every look.
    Tokio,
}

impl Monotonic {
    pub(crate) fn clock(self) -> MonotonicClock {
        match self {
            Self::Counter => MonotonicClock::counter(),
            Self::Tokio => MonotonicClock::tokio(),
        }
    }
}
