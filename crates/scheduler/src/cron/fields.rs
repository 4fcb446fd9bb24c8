//! From the text of an expression to schedules of wall time.

use cron::Schedule;

use super::day_rule::{self, DayRule};
use super::{CronError, DayMatch, Dialect, weekday};
use crate::moment::calendar;

/// An expression as it was understood.
#[derive(Debug)]
pub(super) struct Fields {
    /// Any of these will do. One, or two when either day field may fit.
    pub(super) alternatives: Vec<Alternative>,
    /// Seven fields, weekdays by name.
    pub(super) normal: String,
}

/// What the parser reads, and the rules about days that it does not know.
#[derive(Debug)]
pub(super) struct Alternative {
    pub(super) schedule: Schedule,
    rules: Vec<DayRule>,
}

/// The signs that join values, with nothing between.
const JOINTS: [char; 4] = [',', '-', '/', '#'];

/// Field names and how many values each has, second first. The years are those of the parser.
const SIZES: [(&str, u32); 7] = [
    ("second", 60),
    ("minute", 60),
    ("hour", 24),
    ("day-of-month", 31),
    ("month", 12),
    ("weekday", 7),
    ("year", 131),
];

impl Fields {
    pub(super) fn read(
        text: &str,
        dialect: Option<Dialect>,
        days: Option<DayMatch>,
    ) -> Result<Self, CronError> {
        let text = expand(text.trim());
        let given: Vec<&str> = text.split_whitespace().collect();
        // The parser passes over blanks beside these signs, and so counts other fields than we do.
        let torn = |field: &&&str| field.starts_with(JOINTS) || field.ends_with(JOINTS);
        if let Some(field) = given.iter().find(torn) {
            let field = (*field).to_owned();
            return Err(CronError::Torn { field });
        }
        let dialect = dialect.or((given.len() == 5).then_some(Dialect::Unix));
        let [second, minute, hour, day, month, week, year] = match given[..] {
            [minute, hour, day, month, week] => ["0", minute, hour, day, month, week, "*"],
            [second, minute, hour, day, month, week] => {
                [second, minute, hour, day, month, week, "*"]
            }
            [second, minute, hour, day, month, week, year] => {
                [second, minute, hour, day, month, week, year]
            }
            _ => {
                return Err(CronError::Fields {
                    found: given.len(),
                    text: text.to_owned(),
                });
            }
        };
        let fields = [second, minute, hour, day, month, week, year];
        for (field, (name, values)) in fields.into_iter().zip(SIZES) {
            shape(field, name)?;
            steps(field, name, values)?;
        }
        let day_rules = day_rule::of_month(day)?;
        let (week_text, week_rules) = weekday::read(week, dialect)?;
        let restricted = |field: &str| !matches!(field, "*" | "?");
        let both = restricted(day) && restricted(week);
        if both && days.is_none() {
            return Err(CronError::WhichDays {
                days: day.to_owned(),
                weekdays: week.to_owned(),
            });
        }
        let plain_day = if day_rules.is_some() { "*" } else { day };
        let plain_week = if week_rules.is_some() {
            "*"
        } else {
            &week_text
        };
        let alternative = |day: &str, week: &str, rules: Vec<DayRule>| {
            let text = format!("{second} {minute} {hour} {day} {month} {week} {year}");
            let schedule = text.parse().map_err(|error: cron::error::Error| {
                let why = words(&error.to_string(), &text);
                CronError::Syntax { text, why }
            })?;
            Ok(Alternative { schedule, rules })
        };
        let either = both && days == Some(DayMatch::Either);
        let alternatives = if either {
            vec![
                alternative(plain_day, "*", day_rules.into_iter().collect())?,
                alternative("*", plain_week, week_rules.into_iter().collect())?,
            ]
        } else {
            let rules = day_rules.into_iter().chain(week_rules).collect();
            vec![alternative(plain_day, plain_week, rules)?]
        };
        let note = match (both, either) {
            (_, true) => " (either day)",
            (true, false) => " (both days)",
            (false, false) => "",
        };
        let normal = format!("{second} {minute} {hour} {day} {month} {week_text} {year}{note}");
        Ok(Self {
            alternatives,
            normal,
        })
    }

    /// The first wall time after this one, both in seconds.
    pub(super) fn next_wall(&self, after: i64) -> Option<i64> {
        self.alternatives
            .iter()
            .filter_map(|alternative| alternative.next_wall(after))
            .min()
    }
}

impl Alternative {
    fn next_wall(&self, mut after: i64) -> Option<i64> {
        loop {
            let next = self.schedule.after(&calendar(after)?).next()?;
            let mut day = next.date_naive();
            if self.rules.iter().all(|rule| rule.fits(day)) {
                return Some(next.timestamp());
            }
            // To the eve of the next day that fits, at most the 131 years that there are.
            loop {
                day = day.succ_opt().filter(|day| *day < day_rule::end())?;
                if self.rules.iter().all(|rule| rule.fits(day)) {
                    break;
                }
            }
            after = day.and_hms_opt(0, 0, 0)?.and_utc().timestamp() - 1;
        }
    }
}

/// The shorthands that everybody knows.
fn expand(text: &str) -> &str {
    match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * SUN",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    }
}

/// A list of `*`, `5`, `1-5`, each perhaps with a step, and what the day rules add. What is anything
/// else the parser would cut into fields by itself.
fn shape(field: &str, name: &'static str) -> Result<(), CronError> {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let item = |item: &str| {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let known = match range.split_once(['-', '#']) {
            Some((from, to)) => word(from) && word(to),
            None => range == "*" || word(range),
        };
        known && step.is_none_or(number)
    };
    let any_day = field == "?" && matches!(name, "day-of-month" | "weekday");
    if any_day || field.split(',').all(item) {
        return Ok(());
    }
    Err(CronError::Field {
        name,
        field: field.to_owned(),
    })
}

/// What the parser says. Where that is only a mark below the text, the field above it.
fn words(said: &str, text: &str) -> String {
    let own = |line: &&str| line.contains(char::is_alphabetic) && *line != text;
    if let Some(line) = said.lines().rfind(own) {
        return line.to_owned();
    }
    let mark = said.lines().find_map(|line| line.find('^')).unwrap_or(0);
    let (before, after) = text.split_at_checked(mark).unwrap_or((text, ""));
    let begin = before.rsplit(' ').next().unwrap_or_default();
    let end = after.split(' ').next().unwrap_or_default();
    format!("{:?} is outside its field", format!("{begin}{end}"))
}

/// A step of 0 never moves, and one beyond the field is a slip that `cron` reads as "once".
fn steps(field: &str, name: &'static str, values: u32) -> Result<(), CronError> {
    for item in field.split(',') {
        let Some((_, step)) = item.split_once('/') else {
            continue;
        };
        // What is no number is for the parser to refuse.
        if step
            .parse()
            .is_ok_and(|step: u32| step == 0 || step >= values)
        {
            return Err(CronError::Step {
                name,
                field: field.to_owned(),
                values,
            });
        }
    }
    Ok(())
}
