//! A wall clock that follows tokio's clock.

use robust_market::{Clock, Timestamp};
use tokio::time::Instant;

/// A wall clock that starts at a chosen time and moves with tokio's clock, paused or not.
///
/// Under `#[tokio::test(start_paused = true)]` both times of a simulator then move together.
#[derive(Debug, Clone, Copy)]
pub struct VirtualClock {
    start: Timestamp,
    origin: Instant,
}

impl VirtualClock {
    /// A clock that says `start` now.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            start,
            origin: Instant::now(),
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.start.saturating_add(self.origin.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wall_time_moves_with_the_paused_clock() {
        let start = Timestamp::from_ns(1_700_000_000_000_000_000);
        let clock = VirtualClock::starting_at(start);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now().since(start), Duration::from_secs(5));
    }
}
