//! Rules about days that the parser does not know: `L`, `W` and `#`.

use chrono::{Datelike as _, NaiveDate, Weekday};

use super::CronError;

/// A rule that a day may fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DayRule {
    /// This day of the month.
    Day(u32),
    /// This many days before the last day of the month.
    BeforeLast(u32),
    /// The last Monday to Friday of the month.
    LastWorkday,
    /// The Monday to Friday that is nearest to this day, in the same month.
    NearestWorkday(u32),
    /// The nth such weekday of the month.
    Nth(Weekday, u32),
    /// The last such weekday of the month.
    LastOf(Weekday),
    /// Any such weekday.
    Any(Weekday),
    /// One of these.
    OneOf(Vec<DayRule>),
}

/// The end of the years that `cron` knows.
pub(super) fn end() -> NaiveDate {
    NaiveDate::from_ymd_opt(2101, 1, 1).unwrap_or(NaiveDate::MAX)
}

impl DayRule {
    pub(super) fn fits(&self, day: NaiveDate) -> bool {
        let last = last_of_month(day);
        match self {
            Self::Day(number) => day.day() == *number,
            Self::BeforeLast(back) => day.day() + back == last,
            Self::LastWorkday => workday(day) && day.day() == nearest(day, last, last),
            Self::NearestWorkday(number) => {
                *number <= last && day.day() == nearest(day, *number, last)
            }
            Self::Nth(weekday, nth) => day.weekday() == *weekday && (day.day() - 1) / 7 + 1 == *nth,
            Self::LastOf(weekday) => day.weekday() == *weekday && day.day() + 7 > last,
            Self::Any(weekday) => day.weekday() == *weekday,
            Self::OneOf(rules) => rules.iter().any(|rule| rule.fits(day)),
        }
    }
}

fn workday(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

fn last_of_month(day: NaiveDate) -> u32 {
    u32::from(day.num_days_in_month())
}

/// The Monday to Friday nearest to day `number` of the month of `day`, never in another month.
fn nearest(day: NaiveDate, number: u32, last: u32) -> u32 {
    match day.with_day(number).map(|day| day.weekday()) {
        Some(Weekday::Sat) if number > 1 => number - 1,
        Some(Weekday::Sat) => number + 2,
        Some(Weekday::Sun) if number < last => number + 1,
        Some(Weekday::Sun) => number - 2,
        _ => number,
    }
}

/// The rule in a day-of-month field, if it holds one.
pub(super) fn of_month(field: &str) -> Result<Option<DayRule>, CronError> {
    if !field.contains(['L', 'W']) {
        return Ok(None);
    }
    let read = |item: &str| -> Option<DayRule> {
        let within = |text: &str, range: std::ops::RangeInclusive<u32>| {
            text.parse().ok().filter(|number| range.contains(number))
        };
        match item {
            "L" => Some(DayRule::BeforeLast(0)),
            "LW" => Some(DayRule::LastWorkday),
            _ => {
                if let Some(back) = item.strip_prefix("L-") {
                    within(back, 0..=30).map(DayRule::BeforeLast)
                } else if let Some(number) = item.strip_suffix('W') {
                    within(number, 1..=31).map(DayRule::NearestWorkday)
                } else {
                    within(item, 1..=31).map(DayRule::Day)
                }
            }
        }
    };
    one_of(field, read).map(Some)
}

/// A list of items of which any may fit.
pub(super) fn one_of(
    field: &str,
    read: impl Fn(&str) -> Option<DayRule>,
) -> Result<DayRule, CronError> {
    let rules: Option<Vec<_>> = field.split(',').map(read).collect();
    rules.map(DayRule::OneOf).ok_or_else(|| CronError::Rule {
        field: field.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(rule: &DayRule, year: i32, month: u32) -> Vec<u32> {
        let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap();
        first
            .iter_days()
            .take_while(|day| day.month() == month)
            .filter(|day| rule.fits(*day))
            .map(|day| day.day())
            .collect()
    }

    #[test]
    fn rules_pick_the_days_that_a_calendar_shows() {
        use Weekday::{Fri, Mon};
        // January 2028 begins on a Saturday and ends on a Monday; February has 29 days.
        let table: [(DayRule, u32, &[u32]); 11] = [
            (DayRule::BeforeLast(0), 2, &[29]),
            (DayRule::BeforeLast(3), 2, &[26]),
            (DayRule::LastWorkday, 1, &[31]),
            (DayRule::LastWorkday, 4, &[28]),
            (DayRule::NearestWorkday(1), 1, &[3]),
            (DayRule::NearestWorkday(15), 1, &[14]),
            (DayRule::NearestWorkday(16), 1, &[17]),
            (DayRule::NearestWorkday(30), 2, &[]),
            (DayRule::Nth(Mon, 5), 1, &[31]),
            (DayRule::LastOf(Fri), 1, &[28]),
            (
                DayRule::OneOf(vec![DayRule::Day(2), DayRule::Any(Mon)]),
                1,
                &[2, 3, 10, 17, 24, 31],
            ),
        ];
        for (rule, month, expected) in table {
            assert_eq!(
                days(&rule, 2028, month),
                expected,
                "{rule:?} of month {month}"
            );
        }
    }
}
