//! The clocks: what one look costs, and how much of a core this thread has had.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::subject::Case;

/// The name of the case that all goals in nanoseconds are scaled by.
pub const CLOCK_READ: &str = "one clock read";

/// The nanoseconds of a clock read on the machine that the goals were set on.
pub const REFERENCE_NS: f64 = 25.0;

/// One look at tokio's clock.
pub fn read() -> Case {
    Case::new(CLOCK_READ, |calls| {
        for _ in 0..calls {
            black_box(tokio::time::Instant::now());
        }
    })
}

/// The time that this thread has run. Others on the same core do not count.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}
