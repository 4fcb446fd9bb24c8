//! The spans of time that candles stand for.

use chrono::{DateTime, Datelike, NaiveDate};

use crate::market::DAY;

/// The length of a candle and where the first one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// So many nanoseconds, counted from an origin.
    Even { length: i64, origin: i64 },
    /// So many months of the calendar, counted from a January, of a zone that is `ahead` of UTC by nanoseconds.
    Months { count: i64, ahead: i64 },
}

impl Span {
    /// Spans that are counted from the start of 1970, UTC.
    pub(crate) const fn even(length: i64) -> Self {
        Self::Even { length, origin: 0 }
    }

    /// The start of the candle that holds a time.
    pub(crate) fn start(self, at: i64) -> i64 {
        match self {
            Self::Even { length, origin } => (at - origin).div_euclid(length) * length + origin,
            Self::Months { count, ahead } => months(at, count, ahead, 0),
        }
    }

    /// The start of the next candle.
    pub(crate) fn next(self, start: i64) -> i64 {
        match self {
            Self::Even { length, .. } => start + length,
            Self::Months { count, ahead } => months(start, count, ahead, 1),
        }
    }
}

/// The start of the span of months that holds a time, or of a span after it.
fn months(at: i64, count: i64, ahead: i64, later: i64) -> i64 {
    let date = DateTime::from_timestamp_nanos(at + ahead).date_naive();
    let month = i64::from(date.year()) * 12 + i64::from(date.month0());
    let first = (month.div_euclid(count) + later) * count;
    first_of(first)
        .map(|start| start - ahead)
        // Outside the years that a timestamp holds, which `clamp` keeps away.
        .unwrap_or(at + count * 31 * DAY)
}

/// Midnight of the first of a month, UTC, where months are counted from the year zero.
fn first_of(month: i64) -> Option<i64> {
    let year = i32::try_from(month.div_euclid(12)).ok()?;
    let month = u32::try_from(month.rem_euclid(12)).ok()? + 1;
    NaiveDate::from_ymd_opt(year, month, 1)?
        .and_hms_opt(0, 0, 0)?
        .and_utc()
        .timestamp_nanos_opt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{HOUR, SECOND};

    /// 2025-11-11T00:17:04Z, a Tuesday.
    const AT: i64 = 1_762_820_224 * SECOND;

    #[test]
    fn months_follow_the_calendar_of_their_zone() {
        let utc = Span::Months { count: 1, ahead: 0 };
        assert_eq!(utc.start(AT), 1_761_955_200 * SECOND);
        assert_eq!(utc.next(utc.start(AT)), 1_764_547_200 * SECOND);
        let ahead = 8 * HOUR;
        let singapore = Span::Months { count: 1, ahead };
        assert_eq!(singapore.start(AT), 1_761_955_200 * SECOND - ahead);
        // The last hours of a month, UTC, are the next month's there.
        let late = 1_764_547_200 * SECOND - HOUR;
        assert_eq!(singapore.start(late), 1_764_547_200 * SECOND - ahead);
        let year = Span::Months { count: 12, ahead };
        assert_eq!(year.start(AT), 1_735_689_600 * SECOND - ahead);
        assert_eq!(year.next(year.start(AT)), 1_767_225_600 * SECOND - ahead);
    }

    #[test]
    fn even_spans_count_from_their_origin() {
        assert_eq!(Span::even(4 * HOUR).start(AT), 1_762_819_200 * SECOND);
        let monday = Span::Even {
            length: 7 * DAY,
            origin: 4 * DAY,
        };
        assert_eq!(monday.start(AT), 1_762_732_800 * SECOND);
        assert_eq!(monday.next(monday.start(AT)), 1_763_337_600 * SECOND);
    }
}
