//! The server's fixed windows, on the server's clock as far as we know it.
//!
//! Pure: no clock. The server counts a request in the window in which it *arrives*. We know its clock to an interval, and the
//! request's travel to `guard`. So a commit may fall into any window between its earliest and its latest arrival, and counts until
//! no later request can fall into the last of those.

use crate::log::Nanos;

/// How fast two clocks drift apart at most, as a share of the time: 100 ppm, several times what quartz is rated for.
const DRIFT: i128 = 10_000;

/// What is known of the server's clock: its time less ours is between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerClock {
    lo: i128,
    hi: i128,
    /// When that was learned.
    at: Nanos,
}

impl ServerClock {
    /// The server's clock showed a time in `shown..=shown + resolution` at some instant between `sent` and `received`.
    pub(crate) fn learn(
        before: Option<Self>,
        sent: Nanos,
        received: Nanos,
        shown: i128,
        resolution: i128,
    ) -> Self {
        let sample = Self {
            lo: shown - i128::from(received.max(sent)),
            hi: shown + resolution - i128::from(sent),
            at: received.max(sent),
        };
        let Some(known) = before else {
            return sample;
        };
        let drift = i128::from(sample.at.saturating_sub(known.at)) / DRIFT;
        let (lo, hi) = (known.lo - drift, known.hi + drift);
        if lo <= sample.hi && sample.lo <= hi {
            Self {
                lo: lo.max(sample.lo),
                hi: hi.min(sample.hi),
                at: sample.at,
            }
        } else {
            // It was set, or there are several: anything between is possible, until the next sample says more.
            Self {
                lo: lo.min(sample.lo),
                hi: hi.max(sample.hi),
                at: sample.at,
            }
        }
    }
}

/// The grid of a server's fixed windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    per: Nanos,
    /// The server's time less ours at the least, within one window.
    lo: Nanos,
    /// The same at the most, travel included; at most a window and a half more than `lo`.
    latest: Nanos,
}

impl Grid {
    /// The grid of windows of length `per`; `None` where too little is known to be better than a sliding window.
    pub(crate) fn new(clock: ServerClock, per: Nanos, guard: Nanos) -> Option<Self> {
        let length = i128::from(per);
        let width = Nanos::try_from(clock.hi - clock.lo).ok()?;
        let doubt = width.saturating_add(guard);
        if per == 0 || doubt >= per {
            return None;
        }
        let lo = Nanos::try_from(clock.lo.rem_euclid(length)).ok()?;
        Some(Self {
            per,
            lo,
            latest: lo.saturating_add(doubt),
        })
    }

    /// The last window into which a request of `at` can fall.
    pub(crate) const fn last_window(&self, at: Nanos) -> Nanos {
        at.saturating_add(self.latest) / self.per
    }

    /// The last instant whose request cannot arrive in a later window than the one of `at`.
    pub(crate) const fn last_instant(&self, at: Nanos) -> Option<Nanos> {
        let next = self.last_window(at).saturating_add(1);
        next.saturating_mul(self.per).checked_sub(self.latest + 1)
    }

    /// From when on no request can fall into a window into which the one of `at` could.
    pub(crate) const fn expiry(&self, at: Nanos) -> Nanos {
        let next = self.last_window(at).saturating_add(1);
        next.saturating_mul(self.per).saturating_sub(self.lo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(lo: i128, hi: i128) -> ServerClock {
        ServerClock { lo, hi, at: 0 }
    }

    #[test]
    fn a_commit_counts_to_the_end_of_the_window_that_it_may_fall_into() {
        // The server's clock is 30 ahead, known to the nanosecond; windows of 100, no travel.
        let grid = Grid::new(clock(30, 30), 100, 0).unwrap();
        for (at, expiry) in [(0, 70), (69, 70), (70, 170), (169, 170)] {
            assert_eq!(grid.expiry(at), expiry, "at {at}");
        }
    }

    #[test]
    fn near_a_boundary_it_counts_in_both_windows() {
        // Ahead by 30 to 35, and up to 10 on the way.
        let grid = Grid::new(clock(30, 35), 100, 10).unwrap();
        assert_eq!(grid.expiry(54), 70, "arrives at 99 at the latest");
        assert_eq!(grid.expiry(55), 170, "may arrive at 100");
        assert_eq!(grid.last_instant(0), Some(54));
        assert_eq!(grid.last_instant(55), Some(154));
    }

    #[test]
    fn a_clock_that_is_known_too_badly_makes_no_grid() {
        assert_eq!(Grid::new(clock(0, 60), 100, 40), None);
        assert_eq!(Grid::new(clock(0, 0), 0, 0), None);
        assert!(Grid::new(clock(-1_000_059, -1_000_000), 100, 40).is_some());
    }

    #[test]
    fn samples_narrow_what_is_known_and_a_contradiction_widens_it() {
        let second = 1_000_000_000;
        let first = ServerClock::learn(None, 0, 50, 5 * i128::from(second), i128::from(second));
        assert_eq!((first.lo, first.hi), (4_999_999_950, 6_000_000_000));
        // Half a second later the seconds have changed: now both ends are known better.
        let then = ServerClock::learn(
            Some(first),
            second / 2,
            second / 2 + 50,
            6 * i128::from(second),
            i128::from(second),
        );
        assert_eq!(then.lo, 5_499_999_950);
        assert_eq!(
            then.hi,
            6_000_000_000 + i128::from(second / 2 + 50 - 50) / DRIFT
        );
        let set = ServerClock::learn(Some(then), second, second, 0, 0);
        assert_eq!(set.lo, -i128::from(second));
        assert!(set.hi >= then.hi);
    }
}
