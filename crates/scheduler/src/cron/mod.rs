//! Cron expressions with their dialect stated, evaluated on wall time and mapped to moments by us.
//!
//! The `cron` crate reads the fields and finds the next wall time; it never sees a time zone, so that
//! none of its clock-change code runs. What a clock change means is decided in `walk`.

mod day_rule;
mod error;
mod fields;
mod preview;
mod walk;
mod weekday;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use cron::TimeUnitSpec as _;

pub use error::CronError;
pub(crate) use preview::upcoming;
pub use preview::{ClockChange, Upcoming};

use crate::moment::{Nanos, SECOND, nanos, system, whole_second};
use crate::zone::Zone;
use fields::Fields;
pub(crate) use walk::Hit;

/// Whose numbers the weekdays are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// 0 and 7 are Sunday, 1 is Monday, as in crontab(5). Assumed for 5 fields.
    Unix,
    /// 1 is Sunday, 7 is Saturday, as in Quartz and Spring.
    Quartz,
}

/// What two restricted day fields mean together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DayMatch {
    /// A day must fit both the day of the month and the day of the week.
    Both,
    /// A day that fits either will do, as in crontab(5).
    Either,
}

/// What becomes of a wall time that a clock change leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gap {
    /// It does not come that day.
    Skip,
    /// It comes once, at the moment of the change.
    Shift,
}

/// What becomes of a wall time that a clock change shows twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fold {
    /// It comes the first time only.
    First,
    /// It comes the second time only.
    Second,
    /// It comes both times.
    Both,
}

/// How an expression is to be read, where it does not say so itself.
///
/// ```
/// use robust_scheduler::{DayMatch, Dialect, Syntax};
///
/// // 06:30 on the 1st of the month and on every Monday.
/// let cron = Syntax::default().dialect(Dialect::Quartz).days(DayMatch::Either).parse("0 30 6 1 * 2")?;
/// assert_eq!(cron.to_string(), "0 30 6 1 * MON * (either day), UTC");
/// # Ok::<(), robust_scheduler::CronError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Syntax {
    dialect: Option<Dialect>,
    days: Option<DayMatch>,
}

impl Syntax {
    /// Says whose numbers the weekdays are.
    #[must_use]
    pub const fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Says what two restricted day fields mean together.
    #[must_use]
    pub const fn days(mut self, days: DayMatch) -> Self {
        self.days = Some(days);
        self
    }

    /// Reads an expression of 5 fields (minute, hour, day of the month, month, weekday), 6 (second
    /// first) or 7 (year last), or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. Blanks
    /// part the fields and stand nowhere else.
    ///
    /// # Errors
    ///
    /// [`CronError`] says what is wrong and what to write instead. An expression that never comes is
    /// refused too.
    pub fn parse(self, text: &str) -> Result<Cron, CronError> {
        let fields = Fields::read(text, self.dialect, self.days)?;
        let never = CronError::Never {
            text: text.to_owned(),
        };
        // 1969-12-31 23:59:59: the first second of 1970 counts.
        fields.next_wall(-1).ok_or(never)?;
        let fixed = fields.alternatives.first().is_some_and(|first| {
            first.schedule.hours().count() == 1 && first.schedule.minutes().count() == 1
        });
        Ok(Cron {
            fields: Arc::new(fields),
            zone: Zone::utc(),
            gap: if fixed { Gap::Shift } else { Gap::Skip },
            fold: if fixed { Fold::First } else { Fold::Both },
        })
    }
}

/// A cron expression in a time zone.
///
/// Where the clocks change, an expression for one time of day comes exactly once a day (a time that
/// is left out comes at the moment of the change, one that is shown twice the first time), and a
/// repeating one follows the clock (a time that is left out does not come, one that is shown twice
/// comes twice). [`gap`](Self::gap) and [`fold`](Self::fold) say otherwise for one job.
///
/// ```
/// use robust_scheduler::{Cron, Zone};
/// use std::time::{Duration, SystemTime};
///
/// let cron = Cron::parse("30 2 * * *")?.zone(Zone::named("America/New_York")?);
/// // 2027-03-14: the clocks go from 02:00 to 03:00, that is at 07:00 UTC.
/// let eve = SystemTime::UNIX_EPOCH + Duration::from_secs(1_804_914_000);
/// let change = eve + Duration::from_secs(26 * 3_600);
/// assert_eq!(cron.next_after(eve + Duration::from_secs(9 * 3_600)), Some(change));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Cron {
    fields: Arc<Fields>,
    zone: Zone,
    gap: Gap,
    fold: Fold,
}

impl Cron {
    /// Reads an expression; see [`Syntax::parse`]. Weekday numbers are those of
    /// [`Dialect::Unix`] in 5 fields and refused in 6 or 7.
    ///
    /// # Errors
    ///
    /// [`CronError`] says what is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        Syntax::default().parse(text)
    }

    /// Whose clocks show the times. Default UTC.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// What becomes of a time that a clock change leaves out.
    #[must_use]
    pub const fn gap(mut self, gap: Gap) -> Self {
        self.gap = gap;
        self
    }

    /// What becomes of a time that a clock change shows twice.
    #[must_use]
    pub const fn fold(mut self, fold: Fold) -> Self {
        self.fold = fold;
        self
    }

    /// The first moment after this one; `None` after the year 2100.
    pub fn next_after(&self, after: SystemTime) -> Option<SystemTime> {
        self.next_nanos(nanos(after)).map(system)
    }

    /// The next `count` moments, each with what the clocks show and whether a clock change moved or
    /// doubled it.
    pub fn preview(&self, after: SystemTime, count: usize) -> Vec<Upcoming> {
        let mut after = nanos(after);
        let mut list = Vec::new();
        while list.len() < count {
            let Some(hit) = self.hit(after) else {
                break;
            };
            after = hit.second.saturating_mul(SECOND);
            list.push(upcoming(&self.zone, after, hit.change));
        }
        list
    }

    pub(crate) fn next_nanos(&self, after: Nanos) -> Option<Nanos> {
        let next = self.hit(after)?.second.checked_mul(SECOND)?;
        // What is not later would be run again at once, for ever.
        (next > after).then_some(next)
    }

    pub(crate) fn hit(&self, after: Nanos) -> Option<Hit> {
        let next_wall = |wall| self.fields.next_wall(wall);
        walk::next(
            &self.zone,
            self.gap,
            self.fold,
            next_wall,
            whole_second(after),
        )
    }

    /// The wall times that clock changes after `from` and up to `until` leave out, so that they do not come.
    pub(crate) fn left_out(&self, from: Nanos, until: Nanos) -> Vec<Upcoming> {
        let (from, until) = (whole_second(from), whole_second(until));
        let mut list = Vec::new();
        let mut segment = self.zone.segment(from);
        while self.gap == Gap::Skip && !segment.is_last() && segment.to <= until {
            let (old, new) = (segment.to + segment.offset, segment.to + segment.after);
            let mut wall = old - 1;
            while let Some(next) = self.fields.next_wall(wall).filter(|next| *next < new) {
                list.push(preview::left_out(segment.to, next, segment.offset));
                wall = next;
            }
            segment = self.zone.segment(segment.to);
        }
        list
    }

    pub(crate) fn in_zone(&self) -> &Zone {
        &self.zone
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        (&self.fields.normal, &self.zone, self.gap, self.fold)
            == (&other.fields.normal, &other.zone, other.gap, other.fold)
    }
}

impl Eq for Cron {}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({self}, {:?}, {:?})", self.gap, self.fold)
    }
}

/// The expression as it was understood: seven fields, second first, weekdays by name.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.fields.normal, self.zone)
    }
}

#[cfg(test)]
mod tests;
