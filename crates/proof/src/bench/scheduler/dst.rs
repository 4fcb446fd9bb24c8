//! Cron across clock changes, against an oracle that shares no code with the scheduler: chrono-tz is asked for every minute of
//! universal time what the clocks show, and nothing else is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use robust_scheduler::{Cron, Fold, Gap, Zone};

use crate::report::Row;

/// Zones with every kind of change: by an hour, half an hour, two hours and a day and an hour apart, at midnight, backwards in
/// winter, around Ramadan, given up within the years, and none.
const ZONES: [Tz; 12] = [
    chrono_tz::America::New_York,
    chrono_tz::Europe::Berlin,
    chrono_tz::Europe::Dublin,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Antarctica::Troll,
    chrono_tz::Africa::Casablanca,
    chrono_tz::Africa::Cairo,
    chrono_tz::America::Havana,
    chrono_tz::America::Asuncion,
    chrono_tz::Asia::Tehran,
    chrono_tz::Asia::Amman,
    chrono_tz::Pacific::Chatham,
];

/// Five years: 2020 to 2024, in minutes of universal time.
const FIRST: i64 = 1_577_836_800 / 60;
const END: i64 = 1_735_689_600 / 60;

/// The three ways to treat a clock change.
const POLICIES: [(Gap, Fold); 3] = [
    (Gap::Skip, Fold::Both),
    (Gap::Shift, Fold::First),
    (Gap::Skip, Fold::Second),
];

/// Minutes before and after a change that are looked at.
const AROUND: i64 = 1_440;

/// Beyond them, so that a wall time which is shown again after the last question is seen twice.
const MARGIN: i64 = 360;

/// Expressions of a change, drawn anew for each.
const EXPRESSIONS: usize = 12;

/// What was asked, and what was answered wrongly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dst {
    /// Changes of all zones.
    pub changes: usize,
    /// Questions.
    pub queries: usize,
    /// Wrong answers, and the first of them in words.
    pub wrong: usize,
    /// The first wrong answer.
    pub first: Option<String>,
}

impl Dst {
    /// Asks `starts` questions of each expression, policy and change; `every` takes only each so many changes.
    ///
    /// # Errors
    ///
    /// An expression is not read.
    pub fn run(starts: usize, every: usize) -> Result<Self> {
        let mut dst = Self::default();
        let mut draw = fastrand::Rng::with_seed(5);
        for zone in ZONES {
            let changes = changes(zone);
            ensure!(!changes.is_empty(), "{zone} has no clock change");
            for change in changes.iter().step_by(every) {
                dst.changes += 1;
                dst.around(zone, *change, starts, &mut draw)?;
            }
        }
        Ok(dst)
    }

    fn around(
        &mut self,
        zone: Tz,
        change: i64,
        starts: usize,
        draw: &mut fastrand::Rng,
    ) -> Result<()> {
        let window = Window::around(zone, change);
        for nth in 0..EXPRESSIONS {
            let fields = Fields::draw(nth, &window, draw);
            let text = fields.to_string();
            for (gap, fold) in POLICIES {
                let cron = Cron::parse(&text).with_context(|| text.clone())?;
                let cron = cron.zone(Zone::named(zone.name())?).gap(gap).fold(fold);
                let moments = window.moments(&fields, gap, fold);
                for _ in 0..starts {
                    // One in two starts in the hours in which clocks change.
                    let reach = if draw.bool() { 200 } else { AROUND };
                    let after = change * 60 + draw.i64(-reach * 60..reach * 60);
                    self.ask(&cron, &moments, after, &window);
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, cron: &Cron, moments: &BTreeSet<i64>, after: i64, window: &Window) {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(after.unsigned_abs());
        let answer = cron.next_after(start).map(|answer| {
            let since = answer.duration_since(SystemTime::UNIX_EPOCH);
            since.map_or(i64::MIN, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            })
        });
        let expected = moments.range(after + 1..).next().copied();
        self.queries += 1;
        let right = match expected {
            Some(expected) => answer == Some(expected),
            // Nothing in the window: it may be anything after it.
            None => answer.is_none_or(|answer| answer >= window.end() * 60),
        };
        if !right {
            self.wrong += 1;
            self.first.get_or_insert_with(|| {
                format!("{cron:?} after {after}: {answer:?} instead of {expected:?}")
            });
        }
    }

    /// The row of the issue.
    #[must_use]
    pub fn row(&self) -> Row {
        let wrong = u32::try_from(self.wrong).unwrap_or(u32::MAX);
        let first = self.first.as_ref();
        Row {
            id: "sched.dst_wrong".to_owned(),
            value: f64::from(wrong),
            unit: "answers",
            goal: 0.0,
            holds: self.wrong == 0 && self.queries > 0,
            peers: BTreeMap::new(),
            note: format!(
                "of {} questions around {} clock changes, the years 2020 to 2024 of {} zones, {} policies{}",
                self.queries,
                self.changes,
                ZONES.len(),
                POLICIES.len(),
                first.map_or_else(String::new, |first| format!("; first: {first}"))
            ),
        }
    }
}

/// What the clocks of a zone show at a minute of universal time.
fn shown(zone: Tz, minute: i64) -> NaiveDateTime {
    let moment = DateTime::<Utc>::from_timestamp(minute * 60, 0).unwrap_or_default();
    zone.from_utc_datetime(&moment.naive_utc()).naive_local()
}

/// The minutes at which the clocks do not show a minute more than a minute ago. Hours that are an hour long are not looked into.
fn changes(zone: Tz) -> Vec<i64> {
    let step = |from, minutes| {
        shown(zone, from + minutes) - shown(zone, from) == TimeDelta::minutes(minutes)
    };
    let hours = (FIRST..END).step_by(60);
    let odd = hours.filter(|hour| !step(hour - 1, 60));
    odd.flat_map(|hour| (hour..hour + 60).filter(|minute| !step(minute - 1, 1)))
        .collect()
}

/// The minutes around a change.
struct Window {
    from: i64,
    shown: Vec<NaiveDateTime>,
    /// When each wall time is shown, first to last.
    times: HashMap<NaiveDateTime, Vec<i64>>,
}

impl Window {
    fn around(zone: Tz, change: i64) -> Self {
        let from = change - AROUND - MARGIN;
        let minutes = from..change + AROUND + MARGIN;
        let shown: Vec<_> = minutes.clone().map(|minute| shown(zone, minute)).collect();
        let mut times: HashMap<_, Vec<i64>> = HashMap::new();
        for (minute, wall) in minutes.zip(&shown) {
            times.entry(*wall).or_default().push(minute);
        }
        Self { from, shown, times }
    }

    /// Up to here every moment is known.
    fn end(&self) -> i64 {
        self.from + i64::try_from(self.shown.len()).unwrap_or(0) - MARGIN
    }

    /// All moments in seconds at which the expression comes.
    fn moments(&self, fields: &Fields, gap: Gap, fold: Fold) -> BTreeSet<i64> {
        let mut moments = BTreeSet::new();
        let mut before: Option<NaiveDateTime> = None;
        for (minute, wall) in (self.from..self.end()).zip(&self.shown) {
            let skipped = before.map(|before| before + TimeDelta::minutes(1));
            if gap == Gap::Shift
                && let Some(mut skipped) = skipped
            {
                // Every wall time that was left out comes now.
                while skipped < *wall {
                    if fields.has(skipped) {
                        moments.insert(minute * 60);
                    }
                    skipped += TimeDelta::minutes(1);
                }
            }
            before = Some(*wall);
            let times = self.times.get(wall).map_or(&[][..], Vec::as_slice);
            let counts = match fold {
                Fold::First => times.first() == Some(&minute),
                Fold::Second => times.last() == Some(&minute),
                _ => true,
            };
            if counts && fields.has(*wall) {
                let seconds = fields.seconds.iter();
                moments.extend(seconds.map(|second| minute * 60 + i64::from(*second)));
            }
        }
        moments
    }
}

/// An expression as sets of numbers.
struct Fields {
    seconds: BTreeSet<u32>,
    minutes: BTreeSet<u32>,
    hours: BTreeSet<u32>,
    days: Option<BTreeSet<u32>>,
    /// From Monday, 0.
    weekdays: Option<BTreeSet<u32>>,
}

impl Fields {
    /// The first ones are what people write; the others are drawn, half of them for the hours that the clocks leave out or repeat.
    fn draw(nth: usize, window: &Window, draw: &mut fastrand::Rng) -> Self {
        let all = |end: u32| (0..end).collect::<BTreeSet<u32>>();
        let plain = |minutes, hours| Self {
            seconds: [0].into(),
            minutes,
            hours,
            days: None,
            weekdays: None,
        };
        match nth {
            0 => return plain(all(60), all(24)),
            1 => return plain([0, 15, 30, 45].into(), all(24)),
            2 => return plain([30].into(), [2].into()),
            3 => return plain([0].into(), [0].into()),
            4 => return plain([30].into(), [0, 1, 2, 3, 23].into()),
            _ => {}
        }
        let mut some = |end: u32, most: usize| {
            let count = draw.usize(1..=most);
            (0..count)
                .map(|_| draw.u32(0..end))
                .collect::<BTreeSet<u32>>()
        };
        let (minutes, mut hours) = (some(60, 4), some(24, 3));
        let seconds = if nth.is_multiple_of(3) {
            some(60, 3)
        } else {
            [0].into()
        };
        let weekdays = nth.is_multiple_of(4).then(|| some(7, 4));
        if nth.is_multiple_of(2) {
            let middle = window.shown.get(window.shown.len() / 2);
            hours.extend(middle.map(|wall| (wall.hour() + 23 + draw.u32(0..3)) % 24));
        }
        let days = (nth == 7).then(|| {
            let near = window.shown.iter().step_by(1_440);
            near.map(Datelike::day)
                .filter(|_| draw.bool())
                .chain([1])
                .collect()
        });
        Self {
            seconds,
            minutes,
            hours,
            days,
            weekdays,
        }
    }

    fn has(&self, wall: NaiveDateTime) -> bool {
        let day = self.days.as_ref();
        let weekday = self.weekdays.as_ref();
        self.minutes.contains(&wall.minute())
            && self.hours.contains(&wall.hour())
            && day.is_none_or(|days| days.contains(&wall.day()))
            && weekday.is_none_or(|days| days.contains(&wall.weekday().num_days_from_monday()))
    }
}

/// As six fields, weekdays by name.
impl std::fmt::Display for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMES: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
        let list = |set: &BTreeSet<u32>| {
            let numbers: Vec<String> = set.iter().map(u32::to_string).collect();
            numbers.join(",")
        };
        let weekdays = self.weekdays.as_ref().map(|days| {
            let names: Vec<&str> = days
                .iter()
                .filter_map(|day| NAMES.get(*day as usize).copied())
                .collect();
            names.join(",")
        });
        write!(
            f,
            "{} {} {} {} * {}",
            list(&self.seconds),
            list(&self.minutes),
            list(&self.hours),
            self.days.as_ref().map_or_else(|| "*".to_owned(), list),
            weekdays.unwrap_or_else(|| "*".to_owned())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The full number is the command's; here each fortieth change.
    #[test]
    fn every_answer_around_a_clock_change_is_the_one_that_the_minutes_show() {
        let dst = Dst::run(8, 10).unwrap();
        assert_eq!((dst.wrong, &dst.first), (0, &None));
        assert!(dst.queries > 2_500 && dst.row().holds, "{dst:?}");
    }

    #[test]
    fn the_oracle_knows_what_the_policies_mean() {
        // New York, 2024-03-10 at 07:00 UTC: 01:59 is followed by 03:00.
        let zone = chrono_tz::America::New_York;
        let spring = changes(zone)[8];
        assert_eq!(spring * 60, 1_710_054_000);
        let window = Window::around(zone, spring);
        let half_past_two = Fields::draw(2, &window, &mut fastrand::Rng::with_seed(1));
        assert_eq!(half_past_two.to_string(), "0 30 2 * * *");
        let near = |moments: BTreeSet<i64>, change: i64| -> Vec<i64> {
            let hours = 12 * 3_600;
            let near = moments.range(change * 60 - hours..change * 60 + hours);
            near.map(|moment| moment - change * 60).collect()
        };
        let of = |gap, fold| near(window.moments(&half_past_two, gap, fold), spring);
        assert_eq!(of(Gap::Shift, Fold::First), [0]);
        assert!(of(Gap::Skip, Fold::Both).is_empty());
        // 2024-11-03 at 06:00 UTC: 01:00 to 01:59 are shown again.
        let autumn = changes(zone)[9];
        let window = Window::around(zone, autumn);
        let mut half_past_one = Fields::draw(2, &window, &mut fastrand::Rng::with_seed(1));
        half_past_one.hours = [1].into();
        let of = |fold| near(window.moments(&half_past_one, Gap::Skip, fold), autumn);
        assert_eq!(of(Fold::First), [-1_800]);
        assert_eq!(of(Fold::Second), [1_800]);
        assert_eq!(of(Fold::Both), [-1_800, 1_800]);
    }

    #[test]
    fn a_wrong_answer_is_counted_and_told() {
        let zone = chrono_tz::Europe::Berlin;
        let window = Window::around(zone, changes(zone)[0]);
        let fields = Fields::draw(1, &window, &mut fastrand::Rng::with_seed(1));
        // In another zone the clocks show something else.
        let cron = Cron::parse("7 * * * *").unwrap();
        let moments = window.moments(&fields, Gap::Skip, Fold::Both);
        let mut dst = Dst::default();
        dst.ask(&cron, &moments, changes(zone)[0] * 60, &window);
        assert_eq!((dst.queries, dst.wrong), (1, 1));
        assert!(!dst.row().holds && dst.row().note.contains("instead of"));
    }
}
