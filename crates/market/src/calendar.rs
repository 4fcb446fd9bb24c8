//! Where bars begin.

use std::time::Duration;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};

use crate::{Interval, Timestamp};

const NS_PER_SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * NS_PER_SECOND;
const WEEK: i64 = 7 * DAY;

/// The days of a calendar month in [`Interval::duration`].
const DAYS_OF_MONTH: i64 = 30;

/// The day on which the weeks of an exchange begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum WeekStart {
    /// As in ISO 8601.
    #[default]
    Monday,
    /// Whole weeks since 1970, which began on a Thursday.
    Thursday,
}

/// Where an exchange begins its bars: by whose clock its days begin, and on which day its weeks do.
///
/// ```
/// use std::time::Duration;
/// use robust_market::{BarCalendar, Interval, Timestamp};
///
/// let singapore = BarCalendar::UTC.ahead(Duration::from_secs(8 * 3_600));
/// let noon = Timestamp::from_secs(1_704_110_400).unwrap(); // 2024-01-01T12:00:00Z
/// let day = singapore.grid(Interval::D1).floor(noon);
/// assert_eq!(day.to_string(), "2023-12-31T16:00:00Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BarCalendar {
    /// How far its clock is ahead of universal time, in nanoseconds.
    ahead: i64,
    weeks: WeekStart,
}

impl BarCalendar {
    /// Days begin at midnight in universal time, weeks on Monday.
    pub const UTC: Self = Self {
        ahead: 0,
        weeks: WeekStart::Monday,
    };

    /// The same by a clock that is so far ahead of universal time, the whole year round; of more than a day, what is over a day.
    #[must_use]
    pub const fn ahead(mut self, by: Duration) -> Self {
        let day = by.as_nanos() % DAY as u128;
        self.ahead = day as i64;
        self
    }

    /// The same with weeks that begin on this day.
    #[must_use]
    pub const fn weeks(mut self, start: WeekStart) -> Self {
        self.weeks = start;
        self
    }

    /// When its days begin, in nanoseconds after a midnight in universal time.
    #[must_use]
    pub const fn day_start(self) -> i64 {
        (-self.ahead).rem_euclid(DAY)
    }

    /// Where bars of this length begin.
    #[must_use]
    pub fn grid(self, interval: Interval) -> BarGrid {
        let length = i64::try_from(interval.duration().as_nanos()).unwrap_or(i64::MAX);
        if interval.is_calendar_month() {
            let step = (length / (DAYS_OF_MONTH * DAY)).max(1);
            return BarGrid {
                interval,
                ahead: self.ahead,
                step,
                anchor: 0,
            };
        }
        let step = length.max(1);
        let monday = if step % WEEK == 0 && self.weeks == WeekStart::Monday {
            4 * DAY
        } else {
            0
        };
        BarGrid {
            interval,
            ahead: self.ahead,
            step,
            anchor: (monday - self.ahead).rem_euclid(step),
        }
    }

    /// The month that holds a time, counted from the year 0.
    #[must_use]
    pub fn month(self, time: Timestamp) -> i64 {
        month(time.as_ns().saturating_add(self.ahead))
    }
}

/// The bars of one length of an exchange: of a fixed length, or calendar months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarGrid {
    interval: Interval,
    ahead: i64,
    /// Length of a bar in nanoseconds, or in months.
    step: i64,
    /// Start of a bar, in nanoseconds after a multiple of the length since 1970.
    anchor: i64,
}

/// The grid of an exchange whose days are those of universal time and whose weeks begin on Monday.
impl From<Interval> for BarGrid {
    fn from(interval: Interval) -> Self {
        BarCalendar::UTC.grid(interval)
    }
}

impl BarGrid {
    /// The length of its bars.
    #[must_use]
    pub const fn interval(&self) -> Interval {
        self.interval
    }

    /// Length of a bar in nanoseconds, or in months where bars are calendar months.
    #[must_use]
    pub const fn step(&self) -> i64 {
        self.step
    }

    /// Where bars of a fixed length begin, in nanoseconds after a multiple of their length since 1970; 0 for calendar months.
    #[must_use]
    pub const fn anchor(&self) -> i64 {
        self.anchor
    }

    /// The same with bars of a fixed length that begin so many nanoseconds after a multiple of their length since 1970.
    #[must_use]
    pub const fn anchored(mut self, anchor: i64) -> Self {
        if !self.interval.is_calendar_month() {
            self.anchor = anchor.rem_euclid(self.step);
        }
        self
    }

    /// The number of the bar that holds a time. Each bar's is one more than that of the bar before.
    #[must_use]
    pub fn number(&self, time: Timestamp) -> i64 {
        if self.interval.is_calendar_month() {
            return month(time.as_ns().saturating_add(self.ahead)).div_euclid(self.step);
        }
        time.as_ns()
            .saturating_sub(self.anchor)
            .div_euclid(self.step)
    }

    /// How far into its bar a time lies, in nanoseconds; zero on the grid.
    #[must_use]
    pub fn offset(&self, time: Timestamp) -> i64 {
        if self.interval.is_calendar_month() {
            return time.as_ns().saturating_sub(self.floor(time).as_ns());
        }
        time.as_ns()
            .saturating_sub(self.anchor)
            .rem_euclid(self.step)
    }

    /// The start of the bar that holds a time.
    #[must_use]
    pub fn floor(&self, time: Timestamp) -> Timestamp {
        if self.interval.is_calendar_month() {
            let first = self.number(time).saturating_mul(self.step);
            return self.first_of(first).unwrap_or(time);
        }
        Timestamp::from_ns(time.as_ns().saturating_sub(self.offset(time)))
    }

    /// The start of the first bar that begins at a time or after it.
    #[must_use]
    pub fn ceil(&self, time: Timestamp) -> Timestamp {
        let start = self.floor(time);
        if start == time {
            return time;
        }
        self.after(start, 1)
    }

    /// The start of the bar so many places after the one that begins at `start`; before it where `bars` is negative.
    #[must_use]
    pub fn after(&self, start: Timestamp, bars: i64) -> Timestamp {
        let step = self.step.saturating_mul(bars);
        if self.interval.is_calendar_month() {
            return self.months_after(start, step).unwrap_or(if bars < 0 {
                Timestamp::from_ns(i64::MIN)
            } else {
                Timestamp::from_ns(i64::MAX)
            });
        }
        Timestamp::from_ns(start.as_ns().saturating_add(step))
    }

    /// The end of a bar that begins at `start`.
    #[inline]
    #[must_use]
    pub fn end(&self, start: Timestamp) -> Timestamp {
        if self.interval.is_calendar_month() {
            return self.after(start, 1);
        }
        Timestamp::from_ns(start.as_ns().saturating_add(self.step))
    }

    /// How many whole bars there are from one time to a later one.
    #[must_use]
    pub fn between(&self, from: Timestamp, to: Timestamp) -> u64 {
        let bars = if self.interval.is_calendar_month() {
            let bars = self.number(to).saturating_sub(self.number(from));
            bars.saturating_sub(i64::from(self.after(from, bars) > to))
        } else {
            to.as_ns().saturating_sub(from.as_ns()) / self.step
        };
        u64::try_from(bars).unwrap_or(0)
    }

    fn local(&self, time: Timestamp) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(time.as_ns().saturating_add(self.ahead))
    }

    fn months_after(&self, start: Timestamp, months: i64) -> Option<Timestamp> {
        let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        let local = self.local(start);
        let moved = if months < 0 {
            local.checked_sub_months(count)?
        } else {
            local.checked_add_months(count)?
        };
        self.universal(moved)
    }

    /// The start of a month that is counted from the year 0.
    fn first_of(&self, month: i64) -> Option<Timestamp> {
        let year = i32::try_from(month.div_euclid(12)).ok()?;
        let of_year = u32::try_from(month.rem_euclid(12)).ok()?;
        let first = NaiveDate::from_ymd_opt(year, of_year + 1, 1)?;
        self.universal(first.and_hms_opt(0, 0, 0)?.and_utc())
    }

    fn universal(&self, local: DateTime<Utc>) -> Option<Timestamp> {
        let ns = local.timestamp_nanos_opt()?.checked_sub(self.ahead)?;
        Some(Timestamp::from_ns(ns))
    }
}

fn month(local_ns: i64) -> i64 {
    let date = DateTime::from_timestamp_nanos(local_ns);
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINGAPORE: BarCalendar = BarCalendar::UTC.ahead(Duration::from_secs(8 * 3_600));

    fn at(text: &str) -> Timestamp {
        let time = DateTime::parse_from_rfc3339(text).unwrap();
        Timestamp::from_ns(time.timestamp_nanos_opt().unwrap())
    }

    fn floor(calendar: BarCalendar, interval: &str, time: &str) -> String {
        let grid = calendar.grid(interval.parse().unwrap());
        grid.floor(at(time)).to_string()
    }

    #[test]
    fn days_weeks_and_months_begin_by_the_calendar_of_the_exchange() {
        let epoch = BarCalendar::UTC.weeks(WeekStart::Thursday);
        // 2023-11-14 was a Tuesday.
        for (calendar, interval, start) in [
            (BarCalendar::UTC, "1h", "2023-11-14T20:00:00Z"),
            (BarCalendar::UTC, "1d", "2023-11-14T00:00:00Z"),
            (BarCalendar::UTC, "1w", "2023-11-13T00:00:00Z"),
            (BarCalendar::UTC, "1M", "2023-11-01T00:00:00Z"),
            (BarCalendar::UTC, "3M", "2023-10-01T00:00:00Z"),
            (BarCalendar::UTC, "12M", "2023-01-01T00:00:00Z"),
            (epoch, "1w", "2023-11-09T00:00:00Z"),
            (epoch, "7d", "2023-11-09T00:00:00Z"),
            (SINGAPORE, "1h", "2023-11-14T20:00:00Z"),
            (SINGAPORE, "4h", "2023-11-14T20:00:00Z"),
            (SINGAPORE, "1d", "2023-11-14T16:00:00Z"),
            (SINGAPORE, "1w", "2023-11-12T16:00:00Z"),
            (SINGAPORE, "1M", "2023-10-31T16:00:00Z"),
            (SINGAPORE, "12M", "2022-12-31T16:00:00Z"),
        ] {
            let found = floor(calendar, interval, "2023-11-14T20:30:00Z");
            assert_eq!(found, start, "{calendar:?} {interval}");
            let grid = calendar.grid(interval.parse().unwrap());
            assert_eq!(
                (grid.offset(at(start)), grid.ceil(at(start))),
                (0, at(start))
            );
            let inside = grid.end(at(start)).saturating_sub(Duration::from_nanos(1));
            assert_eq!(grid.floor(inside), at(start));
            assert_eq!(grid.between(at(start), grid.end(at(start))), 1);
        }
    }

    #[test]
    fn months_differ_in_length_and_are_counted_by_the_calendar() {
        let (utc, singapore) = ("1M".parse().unwrap(), "1M".parse().unwrap());
        let (utc, singapore) = (BarCalendar::UTC.grid(utc), SINGAPORE.grid(singapore));
        for (grid, start, end, bars) in [
            (utc, "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", 1),
            (utc, "2023-02-01T00:00:00Z", "2023-03-01T00:00:00Z", 1),
            (utc, "2020-01-01T00:00:00Z", "2024-01-01T00:00:00Z", 48),
            (singapore, "2024-01-31T16:00:00Z", "2024-02-29T16:00:00Z", 1),
        ] {
            let (start, end) = (at(start), at(end));
            // In Singapore's calendar both are firsts of a month.
            assert_eq!((grid.offset(start), grid.offset(end)), (0, 0));
            assert_eq!(grid.between(start, end), bars);
            let bars = i64::try_from(bars).unwrap();
            assert_eq!(grid.after(start, bars), end);
            assert_eq!(grid.after(end, -bars), start);
        }
    }

    #[test]
    fn no_time_makes_it_panic() {
        for interval in ["1s", "1d", "65535w", "1M", "65535M"] {
            for calendar in [BarCalendar::UTC, SINGAPORE] {
                let grid = calendar.grid(interval.parse().unwrap());
                for ns in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
                    let time = Timestamp::from_ns(ns);
                    let _ = (grid.number(time), grid.offset(time), grid.floor(time));
                    let _ = (grid.ceil(time), grid.end(time), calendar.month(time));
                    for bars in [i64::MIN, -1, 0, i64::MAX] {
                        let _ = grid.after(time, bars);
                    }
                }
            }
        }
    }
}
