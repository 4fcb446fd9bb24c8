//! The weekday field: whose numbers, and the list that the parser is handed instead, by name.

use chrono::Weekday;

use super::day_rule::{DayRule, one_of};
use super::{CronError, Dialect};

const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The field by names, and its rule if it holds one.
pub(super) fn read(
    field: &str,
    dialect: Option<Dialect>,
) -> Result<(String, Option<DayRule>), CronError> {
    if matches!(field, "*" | "?") {
        return Ok(("*".to_owned(), None));
    }
    // `*/2` needs no dialect: it begins with Sunday in both.
    let numbers = field
        .split(',')
        .filter(|item| !item.starts_with("*/"))
        .map(|item| item.split_once(['#', '/']).map_or(item, |(day, _)| day))
        .any(|item| item.contains(|letter: char| letter.is_ascii_digit()));
    let dialect = match dialect {
        Some(dialect) => dialect,
        None if numbers => {
            return Err(CronError::WhoseWeekdays {
                field: field.to_owned(),
            });
        }
        None => Dialect::Unix,
    };
    if field.contains('#') || field.split(',').any(|item| item.ends_with('L')) {
        let rule = one_of(field, |item| rule(item, dialect))?;
        return Ok((field.to_owned(), Some(rule)));
    }
    let wrong = || CronError::Weekday {
        field: field.to_owned(),
        dialect,
    };
    let mut days = [false; 7];
    for item in field.split(',') {
        mark(item, dialect, &mut days).ok_or_else(wrong)?;
    }
    let names: Vec<_> = NAMES
        .iter()
        .zip(days)
        .filter_map(|(name, on)| on.then_some(*name))
        .collect();
    Ok((names.join(","), None))
}

/// `a`, `a-b`, `*/s`, `a/s`, `a-b/s`.
fn mark(item: &str, dialect: Dialect, days: &mut [bool; 7]) -> Option<()> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<usize>().ok()?)),
        None => (item, None),
    };
    let (from, to) = match (range, range.split_once('-'), step) {
        ("*", ..) => (0, 6),
        (_, Some((from, to)), _) => {
            let (from, to) = (number(from, dialect)?, number(to, dialect)?);
            // Sunday ends a week as well as it begins one.
            (from, if to == 0 && from > 0 { 7 } else { to })
        }
        (from, None, Some(_)) => (number(from, dialect)?, 6),
        (day, None, None) => (number(day, dialect)?, number(day, dialect)?),
    };
    if from > to {
        return None;
    }
    for day in (from..=to).step_by(step.unwrap_or(1).max(1)) {
        *days.get_mut(day % 7)? = true;
    }
    Some(())
}

/// Days since Sunday.
fn number(text: &str, dialect: Dialect) -> Option<usize> {
    if let Some(day) = NAMES
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
    {
        return Some(day);
    }
    match (dialect, text.parse().ok()?) {
        (Dialect::Unix, day @ 0..=7) => Some(day),
        (Dialect::Quartz, day @ 1..=7) => Some(day - 1),
        _ => None,
    }
}

/// `FRI#2`, `FRIL`, or a plain day beside them.
fn rule(item: &str, dialect: Dialect) -> Option<DayRule> {
    let day = |text: &str| {
        let days = [
            Weekday::Sun,
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
        ];
        days.get(number(text, dialect)? % 7).copied()
    };
    if let Some((weekday, nth)) = item.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
        return Some(DayRule::Nth(day(weekday)?, nth));
    }
    match item.strip_suffix('L') {
        Some(weekday) => Some(DayRule::LastOf(day(weekday)?)),
        None => day(item).map(DayRule::Any),
    }
}
