//! How far a source's clock is from ours.

use std::collections::VecDeque;
use std::time::Duration;

use robust_market::Timestamp;
use serde::{Deserialize, Serialize};

/// Answers that the estimate is taken from.
const KEPT: usize = 64;
/// Answers older than this say nothing any more.
const HORIZON: Duration = Duration::from_secs(300);
/// Fewer answers than this are no estimate.
const ENOUGH: usize = 3;
/// A source further ahead than this is at fault itself; no more than this is corrected.
pub(crate) const CORRECTED_MAX: Duration = Duration::from_secs(5);

/// The distance of a source's clock from ours, from the times of its answers.
///
/// An answer that is received before it was born shows that the clocks differ. The estimate is the smallest time from event to
/// receipt of the last 64 answers in five minutes, one in sixteen left out, so that a single wrong time moves nothing. Only a
/// clock ahead of ours is corrected, by at most 5 s: a steady delay may be a real one.
///
/// ```
/// use std::time::Duration;
/// use robust_market::Timestamp;
/// use robust_quality::ClockOffset;
///
/// let mut clock = ClockOffset::default();
/// for second in 0..4 {
///     let received = Timestamp::from_secs(1_700_000_000 + second).ok_or("out of range")?;
///     clock.observe(received.saturating_add(Duration::from_millis(1_270)), received);
/// }
/// let now = Timestamp::from_secs(1_700_000_004).ok_or("out of range")?;
/// assert_eq!(clock.ahead(now), Duration::from_millis(1_270));
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct ClockOffset {
    /// When each answer came, and how long after its event, in nanoseconds.
    lags: VecDeque<(Timestamp, i64)>,
    /// How many came before their event.
    early: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    lags: VecDeque<(Timestamp, i64)>,
}

impl From<ClockOffset> for Saved {
    fn from(clock: ClockOffset) -> Self {
        Self { lags: clock.lags }
    }
}

impl From<Saved> for ClockOffset {
    fn from(saved: Saved) -> Self {
        let early = saved.lags.iter().filter(|(_, lag)| *lag < 0).count();
        Self {
            lags: saved.lags,
            early,
        }
    }
}

impl ClockOffset {
    /// Notes the times of one answer.
    pub fn observe(&mut self, event: Timestamp, received: Timestamp) {
        if self.lags.capacity() == 0 {
            self.lags.reserve_exact(KEPT);
        }
        while self.lags.len() >= KEPT
            && let Some((_, lag)) = self.lags.pop_front()
        {
            self.early -= usize::from(lag < 0);
        }
        let lag = received.as_ns().saturating_sub(event.as_ns());
        self.early += usize::from(lag < 0);
        self.lags.push_back((received, lag));
    }

    /// How far the source's clock is ahead of ours; zero where it is behind, or unknown.
    #[must_use]
    pub fn ahead(&self, now: Timestamp) -> Duration {
        self.known(now).unwrap_or_default()
    }

    /// How far the source's clock is ahead of ours; zero where it is behind, `None` as long as three answers of the last five minutes do not say so.
    #[must_use]
    pub fn known(&self, now: Timestamp) -> Option<Duration> {
        let since = now.saturating_sub(HORIZON);
        let enough = self.lags.iter().rev().nth(ENOUGH - 1)?;
        if enough.0 < since {
            return None;
        }
        // Most clocks are not ahead.
        if self.early == 0 {
            return Some(Duration::ZERO);
        }
        let mut lags = [i64::MAX; KEPT];
        let recent = self.lags.iter().filter(|(received, _)| *received >= since);
        let mut count = 0;
        for (slot, (_, lag)) in lags.iter_mut().zip(recent) {
            *slot = *lag;
            count += 1;
        }
        let (_, smallest, _) = lags.select_nth_unstable(count / 16);
        Some(Duration::from_nanos(
            smallest.saturating_neg().try_into().unwrap_or(0),
        ))
    }

    pub(crate) fn memory(&self) -> usize {
        self.lags.capacity() * size_of::<(Timestamp, i64)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn fed(lags_ms: &[i64]) -> Duration {
        let mut clock = ClockOffset::default();
        let mut now = Timestamp::from_secs(NOW).unwrap();
        for lag in lags_ms {
            now = now.saturating_add(Duration::from_secs(1));
            clock.observe(Timestamp::from_ns(now.as_ns() - lag * 1_000_000), now);
        }
        clock.ahead(now)
    }

    #[test]
    fn only_a_clock_ahead_is_an_offset() {
        assert_eq!(fed(&[]), Duration::ZERO);
        assert_eq!(fed(&[-1_270, -1_270]), Duration::ZERO); // too few
        assert_eq!(ClockOffset::default().known(Timestamp::EPOCH), None);
        assert_eq!(fed(&[-1_250, -1_275, -1_260]), Duration::from_millis(1_275));
        assert_eq!(fed(&[300; 20]), Duration::ZERO);
    }

    #[test]
    fn one_wrong_time_among_many_moves_nothing() {
        let mut lags = [20; 30];
        lags[11] = -4_000;
        assert_eq!(fed(&lags), Duration::ZERO);
    }

    #[test]
    fn what_is_older_than_five_minutes_is_forgotten_and_extremes_do_not_panic() {
        let mut clock = ClockOffset::default();
        let then = Timestamp::from_secs(NOW).unwrap();
        for _ in 0..5 {
            clock.observe(then.saturating_add(Duration::from_secs(2)), then);
        }
        assert_eq!(clock.ahead(then), Duration::from_secs(2));
        assert_eq!(
            clock.ahead(then.saturating_add(Duration::from_secs(301))),
            Duration::ZERO
        );
        let (first, last) = (Timestamp::from_ns(i64::MIN), Timestamp::from_ns(i64::MAX));
        for _ in 0..3 {
            clock.observe(last, first);
        }
        let _ = clock.ahead(first);
    }
}
