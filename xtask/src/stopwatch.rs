//! Wall time of a step, for the lines that this program prints.

use std::time::{Duration, Instant};

/// Measures real time. The libraries never do (they run on tokio's pausable clock); a report of how
/// long the build took must.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the real clock: it times cargo, not our code"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    #[allow(clippy::disallowed_methods, reason = "see `start`")]
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Seconds with one decimal, e.g. `41.2`.
    pub(crate) fn seconds(self) -> String {
        format!("{:.1}", self.elapsed().as_secs_f64())
    }
}
