//! Times in which a job does not come due.

use std::time::{Duration, SystemTime};

use crate::moment::{Nanos, SECOND, length, nanos, whole_second};
use crate::zone::Zone;

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

    /// The end of the window that this moment lies in.
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
        let wall = second + zone.segment(second).offset;
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
            let end = zone.first_showing(begin + lasts).max(second + 1);
            inside.then(|| end.saturating_mul(SECOND))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn one_stretch_leaves_its_end_free() {
        let time = |second| crate::moment::system(second * SECOND);
        let once = Blackout::between(time(FRIDAY), time(FRIDAY + 3_600));
        assert_eq!(end(&once, FRIDAY), Some(1));
        assert_eq!(end(&once, FRIDAY + 3_600), None);
        assert_eq!(end(&once, FRIDAY - 1), None);
    }
}
