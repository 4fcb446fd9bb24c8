//! When a bar is over, where the exchange does not say.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use chrono::{DateTime, Months};
use robust_market::{Interval, Timestamp};

/// The length of a calendar month in [`Interval::duration`].
const MONTH: u64 = 30 * 24 * 3_600;

/// The end of a bar that starts at `start`, on a calendar that runs ahead of UTC by `east`.
///
/// Months differ in length: one of February that starts at 16:00 UTC in Singapore's calendar ends 28 or 29 days later.
#[inline]
pub(crate) fn end_of_bar(start: Timestamp, interval: Interval, east: Duration) -> Timestamp {
    let month = if interval.is_calendar_month() {
        end_of_month(start, interval, east)
    } else {
        None
    };
    month.unwrap_or_else(|| start.saturating_add(interval.duration()))
}

#[inline(never)]
fn end_of_month(start: Timestamp, interval: Interval, east: Duration) -> Option<Timestamp> {
    let months = u32::try_from(interval.duration().as_secs() / MONTH).unwrap_or(u32::MAX);
    let local = start.saturating_add(east).as_secs();
    let end = DateTime::from_timestamp(local, 0)?.checked_add_months(Months::new(months))?;
    Timestamp::from_secs(end.timestamp()).map(|end| end.saturating_sub(east))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINGAPORE: Duration = Duration::from_secs(8 * 3_600);

    fn days(start_secs: i64, interval: &str, east: Duration) -> u64 {
        let start = Timestamp::from_secs(start_secs).unwrap();
        let end = end_of_bar(start, interval.parse().unwrap(), east);
        end.since(start).as_secs() / 86_400
    }

    #[test]
    fn a_month_ends_where_the_next_one_starts() {
        // 2024-02-01 and 2023-02-01, UTC.
        assert_eq!(days(1_706_745_600, "1M", Duration::ZERO), 29);
        assert_eq!(days(1_675_209_600, "1M", Duration::ZERO), 28);
        // The February of Singapore starts on 31 January at 16:00 UTC.
        assert_eq!(days(1_706_716_800, "1M", SINGAPORE), 29);
        assert_eq!(days(1_706_745_600, "12M", Duration::ZERO), 366);
        assert_eq!(days(1_706_745_600, "1d", SINGAPORE), 1);
        assert_eq!(days(1_706_745_600, "1w", SINGAPORE), 7);
    }

    #[test]
    fn no_time_makes_it_panic() {
        for ns in [i64::MIN, 0, i64::MAX] {
            for interval in ["1s", "1M", "65535M"] {
                let _ = end_of_bar(Timestamp::from_ns(ns), interval.parse().unwrap(), SINGAPORE);
            }
        }
    }
}
