//! Points in time and the clock that is handed in.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

const NS_PER_MS: i64 = 1_000_000;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z.
///
/// Holds the years 1677 to 2262. Exchanges send seconds, milliseconds or nanoseconds; the unit is fixed where the field
/// is decoded and never guessed later.
///
/// ```
/// use robust_market::Timestamp;
///
/// let time = Timestamp::from_ns(1_700_000_000_123_456_789);
/// assert_eq!(time.as_ms(), 1_700_000_000_123);
/// assert_eq!(time.to_string(), "2023-11-14T22:13:20.123456789Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since 1970.
    #[must_use]
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// From milliseconds since 1970; `None` outside the years that fit.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Option<Self> {
        match ms.checked_mul(NS_PER_MS) {
            Some(ns) => Some(Self(ns)),
            None => None,
        }
    }

    /// From seconds since 1970; `None` outside the years that fit.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(1_000_000_000) {
            Some(ns) => Some(Self(ns)),
            None => None,
        }
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn as_ns(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970, rounded towards the past.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0.div_euclid(NS_PER_MS)
    }

    /// Whole seconds since 1970, rounded towards the past.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Whether the time holds more than whole milliseconds.
    #[must_use]
    pub const fn is_finer_than_ms(self) -> bool {
        self.0.rem_euclid(NS_PER_MS) != 0
    }

    /// The time from `earlier` to this, zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This time and `by` more; stays at the last representable time.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// This time less `by`; stays at the first representable time.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            DateTime::from_timestamp_nanos(self.0).to_rfc3339_opts(SecondsFormat::AutoSi, true);
        f.pad(&text)
    }
}

/// Tells the wall time.
///
/// Everything in this workspace that needs the time of day takes one of these, so that tests and replays decide what time it is.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the machine's wall clock is read"
        )]
        let now = std::time::SystemTime::now();
        let since = now
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::EPOCH.saturating_add(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_survive_and_rounding_is_towards_the_past() {
        let time = Timestamp::from_ns(1_566_789_720_123_456_789);
        assert_eq!(time.as_ns(), 1_566_789_720_123_456_789);
        assert!(time.is_finer_than_ms());
        assert_eq!(Timestamp::from_ns(-1).as_ms(), -1);
        assert_eq!(Timestamp::from_ms(i64::MAX), None);
        assert_eq!(Timestamp::from_secs(i64::MIN), None);
    }

    #[test]
    fn extremes_print_and_subtract_without_panic() {
        for ns in [i64::MIN, -1, 0, i64::MAX] {
            let time = Timestamp::from_ns(ns);
            assert!(time.to_string().ends_with('Z'));
            assert_eq!(time.since(time), Duration::ZERO);
            let _ = Timestamp::from_ns(i64::MAX).since(time);
            let _ = time
                .saturating_add(Duration::MAX)
                .saturating_sub(Duration::MAX);
        }
    }
}
