//! Times in which a job does not come due.

use std::time::{Duration, SystemTime};

use crate::moment::{Nanos, SECOND, length, nanos, whole_second};
use crate::zone::{Segment, Zone};

const DAY: i64 = 86_400;

/// A time in which a job does not come due: what falls into it is no occurrence at all.
///
/// ```
/// use robust_scheduler::{Blackout, Weekday, Zone};
/// use std::time::Duration;
///
/// let hours = |hours: u64| Duration::from_secs(hours * 3_600);
/// // From Friday 22:00 to Saturday 06:00, by the clocks of New York.
/// let maintenance = Blackout::daily(hours(22), hours(6))
///     .on([Weekday::Friday])
///     .zone(Zone::named("America/New_York")?);
/// # Ok::<(), robust_scheduler::UnknownZone>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blackout(Window);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Window {
    Once {
        from: Nanos,
        to: Nanos,
    },
    Daily {
        /// Seconds since midnight.
        from: i64,
        to: i64,
        /// From Monday.
        days: [bool; 7],
        zone: Zone,
    },
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weekday {
    /// The first day of ISO 8601.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The last.
    Sunday,
}

impl Blackout {
    /// One stretch of time, without its end.
    pub fn between(from: SystemTime, to: SystemTime) -> Self {
        Self(Window::Once {
            from: nanos(from),
            to: nanos(to),
        })
    }

    /// From one time of day to another, every day, UTC. Past midnight if the second is not later
    /// than the first.
    pub fn daily(from: Duration, to: Duration) -> Self {
        let seconds = |time: Duration| whole_second(length(time)).min(DAY);
        Self(Window::Daily {
            from: seconds(from),
            to: seconds(to),
            days: [true; 7],
            zone: Zone::utc(),
        })
    }

    /// Only where it begins on one of these days. Changes nothing for a single stretch.
    #[must_use]
    pub fn on(mut self, weekdays: impl IntoIterator<Item = Weekday>) -> Self {
        if let Window::Daily { days, .. } = &mut self.0 {
            *days = [false; 7];
            for weekday in weekdays {
                if let Some(day) = days.get_mut(weekday as usize) {
                    *day = true;
                }
            }
        }
        self
    }

    /// By whose clocks. Default UTC. Changes nothing for a single stretch.
    #[must_use]
    pub fn zone(mut self, of: Zone) -> Self {
        if let Window::Daily { zone, .. } = &mut self.0 {
            *zone = of;
        }
        self
    }

    /// The end of the stretch of this window that a moment lies in. Where the clocks are set back, a
    /// window may have two stretches on one day.
    pub(crate) fn end(&self, moment: Nanos) -> Option<Nanos> {
        let (from, to, days, zone) = match &self.0 {
            Window::Once { from, to } => return (*from <= moment && moment < *to).then_some(*to),
            Window::Daily {
                from,
                to,
                days,
                zone,
            } => (*from, *to, days, zone),
        };
        let second = whole_second(moment);
        let segment = zone.segment(second);
        let wall = second + segment.offset;
        let today = wall.div_euclid(DAY);
        let lasts = if to > from {
            to - from
        } else {
            to - from + DAY
        };
        // A window that began yesterday may reach into today.
        [today - 1, today].into_iter().find_map(|day| {
            // Day 0 was a Thursday.
            let weekday = usize::try_from((day + 3).rem_euclid(7)).ok()?;
            let begin = day * DAY + from;
            let inside = *days.get(weekday)? && begin <= wall && wall < begin + lasts;
            let end = inside.then(|| stretch_end(zone, segment, begin, begin + lasts))?;
            Some(end.saturating_mul(SECOND))
        })
    }
}

/// The first second after a stretch in which the clocks show nothing outside two wall times. The
/// stretch lies in this segment, or begins in it.
fn stretch_end(zone: &Zone, mut segment: Segment, begin: i64, end: i64) -> i64 {
    loop {
        let shown = end - segment.offset;
        if shown <= segment.to || segment.is_last() {
            return shown;
        }
        // The change may leave the rest of the window out, or go back to before its beginning.
        let after = segment.to + segment.after;
        if after < begin || after >= end {
            return segment.to;
        }
        segment = zone.segment(segment.to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3_600)
    }

    /// 2027-03-26, a Friday, 00:00 UTC.
    const FRIDAY: i64 = 1_806_019_200;

    fn end(blackout: &Blackout, second: i64) -> Option<i64> {
        blackout
            .end(second * SECOND)
            .map(|end| (end / SECOND - FRIDAY) / 3_600)
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_on_which_it_begins() {
        let night = Blackout::daily(hours(22), hours(6)).on([Weekday::Friday]);
        let table = [
            (21, None),
            (22, Some(30)),
            (29, Some(30)),
            (30, None),
            (46, None),
            (-1, None),
        ];
        for (hour, expected) in table {
            assert_eq!(end(&night, FRIDAY + hour * 3_600), expected, "{hour}");
        }
    }

    #[test]
    fn a_window_ends_when_the_clocks_show_its_end() {
        // On Sunday the clocks of Amsterdam go from 02:00 to 03:00 at 01:00 UTC.
        let zone = Zone::named("Europe/Amsterdam").unwrap();
        let night = Blackout::daily(hours(1), hours(5)).zone(zone);
        assert_eq!(end(&night, FRIDAY + 48 * 3_600), Some(51));
        assert_eq!(end(&night, FRIDAY + 24 * 3_600), Some(28));
    }

    #[test]
    fn a_window_ends_where_its_stretch_does_on_a_day_that_shows_times_twice() {
        // 2027-10-31 00:00 UTC is 02:00 in Amsterdam; an hour later it is 02:00 again.
        const FOLD: i64 = 1_824_944_400;
        let zone = Zone::named("Europe/Amsterdam").unwrap();
        let end = |from: u64, to: u64, minute: i64| {
            let window =
                Blackout::daily(Duration::from_secs(from * 60), Duration::from_secs(to * 60));
            let end = window
                .zone(zone.clone())
                .end((FOLD + minute * 60) * SECOND)?;
            Some((end / SECOND - FOLD) / 60)
        };
        // From 01:00 to 02:45: until 02:45, again from 02:00 on, and then until 02:45 once more.
        let table = [
            (-90, Some(-15)),
            (-15, None),
            (-1, None),
            (0, Some(45)),
            (44, Some(45)),
            (45, None),
        ];
        for (minute, expected) in table {
            assert_eq!(end(60, 165, minute), expected, "{minute}");
        }
        // From 02:30 to 04:00 the clocks go back to before the window.
        for (minute, expected) in [(-20, Some(0)), (0, None), (30, Some(120)), (119, Some(120))] {
            assert_eq!(end(150, 240, minute), expected, "{minute}");
        }
        // From 01:00 to 04:00 it is one stretch.
        assert_eq!(end(60, 240, -100), Some(120));
    }

    proptest! {
        /// Zones with changes of every kind, looked at minute by minute: all of their changes and all windows
        /// here lie on whole ones.
        #[test]
        fn a_window_ends_at_the_first_second_outside_it(
            name in prop::sample::select(vec!["Europe/Amsterdam", "Australia/Lord_Howe", "Antarctica/Troll", "America/Havana", "Africa/Casablanca", "Pacific/Apia"]),
            nth in 0_usize..40,
            from in 0_i64..1_440,
            lasts in 1_i64..1_380,
            days in any::<[bool; 7]>(),
            before in -90_000_i64..90_000,
        ) {
            let zone = Zone::named(name).unwrap();
            // The changes of twenty years from 2010 on; the turns of years are among them.
            let mut change = zone.segment(1_262_304_000);
            for _ in 0..nth {
                change = zone.segment(change.to);
            }
            let of_day = |minute: i64| Duration::from_secs((minute.rem_euclid(1_440) * 60).unsigned_abs());
            let weekdays = [
                Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday,
                Weekday::Friday, Weekday::Saturday, Weekday::Sunday,
            ];
            let on = weekdays.into_iter().zip(days).filter_map(|(day, on)| on.then_some(day));
            let window = Blackout::daily(of_day(from), of_day(from + lasts)).on(on).zone(zone.clone());
            // Which window the clocks are in, by the day that it begins on.
            let inside = |second: i64| {
                let wall = second + zone.segment(second).offset;
                let begun = (wall - from * 60).div_euclid(DAY);
                let within = wall - from * 60 - begun * DAY < lasts * 60;
                let weekday = usize::try_from((begun + 3).rem_euclid(7)).unwrap();
                (within && days[weekday]).then_some(begun)
            };
            let second = change.to + before;
            let expected = inside(second).map(|window| {
                let mut minutes = (second.div_euclid(60) + 1..).map(|minute| minute * 60);
                minutes.find(|second| inside(*second) != Some(window)).unwrap() * SECOND
            });
            prop_assert_eq!(window.end(second * SECOND), expected);
        }
    }

    #[test]
    fn one_stretch_leaves_its_end_free() {
        let time = |second| crate::moment::system(second * SECOND);
        let once = Blackout::between(time(FRIDAY), time(FRIDAY + 3_600));
        assert_eq!(end(&once, FRIDAY), Some(1));
        assert_eq!(end(&once, FRIDAY + 3_600), None);
        assert_eq!(end(&once, FRIDAY - 1), None);
    }
}
