//! Wall time as whole nanoseconds since 1970, and back.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

/// Nanoseconds since 1970-01-01 00:00 UTC; good for the years 1677 to 2262.
pub(crate) type Nanos = i64;

/// Nanoseconds in a second.
pub(crate) const SECOND: Nanos = 1_000_000_000;

/// A wall time. What lies outside the range is cut to its end.
pub(crate) fn nanos(time: SystemTime) -> Nanos {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => length(after),
        Err(before) => -length(before.duration()),
    }
}

/// Whether a wall time can be counted.
pub(crate) fn is_counted(time: SystemTime) -> bool {
    system(nanos(time)) == time
}

/// A stretch of time. What is longer than 292 years is cut.
pub(crate) fn length(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// The wall time of a count of nanoseconds.
pub(crate) fn system(nanos: Nanos) -> SystemTime {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    let time = if nanos < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A stretch that may not be negative.
pub(crate) fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// The second that a moment lies in, counted from 1970.
pub(crate) const fn whole_second(nanos: Nanos) -> i64 {
    nanos.div_euclid(SECOND)
}

/// The calendar's view of whole seconds since 1970.
pub(crate) fn calendar(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_time_comes_back_unchanged() {
        for count in [0, 1, -1, SECOND, -SECOND - 1, 1_700_000_000_123_456_789] {
            assert_eq!(nanos(system(count)), count);
        }
        assert_eq!(length(Duration::MAX), Nanos::MAX);
        assert_eq!((whole_second(-1), whole_second(SECOND)), (-1, 1));
    }
}
