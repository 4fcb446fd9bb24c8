//! The two kinds of windows that exchanges count in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Arrivals that one window remembers; a flood beyond that is over the limit anyway.
const MAX_REMEMBERED: usize = 10_000;
const SECOND: Duration = Duration::from_secs(1);

/// The arrivals of the last second, wherever that second starts.
#[derive(Debug, Default)]
pub(crate) struct Sliding(VecDeque<Instant>);

impl Sliding {
    /// Counts an arrival and says how many the last second holds with it.
    pub(crate) fn arrive(&mut self, now: Instant) -> u64 {
        while self
            .0
            .front()
            .is_some_and(|first| now.saturating_duration_since(*first) >= SECOND)
        {
            self.0.pop_front();
        }
        if self.0.len() == MAX_REMEMBERED {
            self.0.pop_front();
        }
        // Two threads may hand in their times in the wrong order; the later one keeps the window.
        let now = self.0.back().map_or(now, |last| now.max(*last));
        self.0.push_back(now);
        self.0.len() as u64
    }
}

/// A window that starts anew at each multiple of its length on the wall clock.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    index: i64,
    pub(crate) used: u64,
}

impl Aligned {
    /// Adds to the window of `now` and says whether that is a new window.
    pub(crate) fn add(&mut self, now_ms: i64, length_ms: i64, amount: u64) -> bool {
        let index = now_ms.div_euclid(length_ms);
        // A clock that steps back does not give a fresh window.
        let fresh = index > self.index;
        if fresh {
            self.index = index;
            self.used = 0;
        }
        self.used = self.used.saturating_add(amount);
        fresh
    }

    pub(crate) fn end_ms(&self, length_ms: i64) -> i64 {
        (self.index + 1) * length_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_remembered_within_bounds() {
        let mut window = Sliding::default();
        let now = Instant::now();
        for _ in 0..MAX_REMEMBERED + 5 {
            window.arrive(now);
        }
        assert_eq!(window.0.len(), MAX_REMEMBERED);
    }
}
