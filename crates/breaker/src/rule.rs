//! When a closed circuit opens.

use std::time::Duration;

/// The calls that a rate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// The last so many calls, 1 to [`Window::MAX_CALLS`]. It slides: each new call displaces the oldest.
    Count(u32),
    /// The calls of the last `span`, in so many buckets. The oldest bucket is forgotten as a whole, so
    /// the window looks back between `span - span / buckets` and `span`.
    Time {
        /// How far it looks back; 1 ms per bucket at least, and 1,000 days at most.
        span: Duration,
        /// 1 to [`Window::MAX_BUCKETS`]; 10 are customary.
        buckets: u32,
    },
}

impl Window {
    /// A longer count window would cost more memory (a byte a call) than it tells.
    pub const MAX_CALLS: u32 = 65_536;
    /// Each evaluation looks at every bucket.
    pub const MAX_BUCKETS: u32 = 1_024;
    pub(crate) const MAX_SPAN: Duration = Duration::from_secs(86_400 * 1_000);
    pub(crate) const MIN_BUCKET: Duration = Duration::from_millis(1);
}

/// When a closed circuit opens. Several rules are OR-ed: the first that holds opens it.
///
/// They are judged only when a call failed or was slow, for a good call cannot open a circuit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// After so many failures without a success between them. The weights of partial failures add up;
    /// only a success without any failure starts the count again.
    ConsecutiveFailures(u32),
    /// When the failures, by weight, are at least this share of the calls in the window.
    FailureRate {
        /// Above 0, up to 1.
        threshold: f64,
        /// Fewer calls in the window say nothing.
        minimum_calls: u32,
        /// The calls to look at.
        window: Window,
    },
    /// When at least this share of the calls in the window was slow.
    ///
    /// Slow are: [`Outcome::Slow`](crate::Outcome::Slow); any call that takes
    /// `slow_call_duration` or longer, failed or not; and a call that long that is dropped without
    /// an outcome, because a timeout around the breaker looks like that from here.
    SlowCallRate {
        /// A call that takes so long is slow.
        slow_call_duration: Duration,
        /// Above 0, up to 1.
        threshold: f64,
        /// Fewer calls in the window say nothing.
        minimum_calls: u32,
        /// The calls to look at.
        window: Window,
    },
}
