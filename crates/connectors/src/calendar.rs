//! When a bar is over, where the exchange does not say.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{BarCalendar, Interval, Timestamp};

/// The end of a bar that starts at `start`, by the calendar of the exchange: months differ in length.
#[inline]
pub(crate) fn end_of_bar(start: Timestamp, interval: Interval, calendar: BarCalendar) -> Timestamp {
    if interval.is_calendar_month() {
        return end_of_month(start, interval, calendar);
    }
    start.saturating_add(interval.duration())
}

#[inline(never)]
fn end_of_month(start: Timestamp, interval: Interval, calendar: BarCalendar) -> Timestamp {
    calendar.grid(interval).end(start)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SINGAPORE: BarCalendar = BarCalendar::UTC.ahead(Duration::from_secs(8 * 3_600));

    fn days(start_secs: i64, interval: &str, calendar: BarCalendar) -> u64 {
        let start = Timestamp::from_secs(start_secs).unwrap();
        let end = end_of_bar(start, interval.parse().unwrap(), calendar);
        end.since(start).as_secs() / 86_400
    }

    #[test]
    fn a_month_ends_where_the_next_one_starts() {
        // 2024-02-01 and 2023-02-01, UTC.
        assert_eq!(days(1_706_745_600, "1M", BarCalendar::UTC), 29);
        assert_eq!(days(1_675_209_600, "1M", BarCalendar::UTC), 28);
        // The February of Singapore starts on 31 January at 16:00 UTC.
        assert_eq!(days(1_706_716_800, "1M", SINGAPORE), 29);
        assert_eq!(days(1_706_745_600, "12M", BarCalendar::UTC), 366);
        assert_eq!(days(1_706_745_600, "1d", SINGAPORE), 1);
        assert_eq!(days(1_706_745_600, "1w", SINGAPORE), 7);
    }
}
