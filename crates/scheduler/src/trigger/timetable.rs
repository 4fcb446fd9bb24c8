//! The next moment after a moment, and how many there were: arithmetic where a grid allows it, never
//! a loop without a bound.

use smallvec::SmallVec;

use super::blackout::Blackout;
use crate::cron::Cron;
use crate::moment::{Nanos, SECOND};

/// Most occurrences that are counted one by one, unless more of them may run. More are "at least" this
/// many: a job that was away for months must not keep the scheduler busy with counting.
pub(crate) const COUNTED: u64 = 1_000;

/// Most stretches of darkness that are gone through for one moment: those of ten years of days.
const PASSED: u32 = 4_000;

/// No moment was found among the blackouts, and no end of the search either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// A rule of moments.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    /// `origin + k · period`, not before `first`.
    Grid {
        first: Nanos,
        origin: Nanos,
        period: Nanos,
    },
    Cron(Cron),
    Once(Nanos),
    Never,
    Any(Box<[Rule]>),
}

/// A rule less the times in which nothing comes.
#[derive(Debug, Clone)]
pub(crate) struct Timetable {
    pub(crate) rule: Rule,
    pub(crate) blackouts: Box<[Blackout]>,
}

/// The occurrences that came due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// How many.
    pub(crate) count: u64,
    /// Whether there were more than were counted.
    pub(crate) at_least: bool,
    /// The latest of them, oldest first; at least one.
    pub(crate) latest: SmallVec<[Nanos; 1]>,
    /// The one after them.
    pub(crate) next: Option<Nanos>,
}

impl Rule {
    pub(crate) fn grid(origin: Nanos, period: Nanos) -> Self {
        Self::Grid {
            first: Nanos::MIN,
            origin,
            period,
        }
    }

    pub(crate) fn grid_from(first: Nanos, period: Nanos) -> Self {
        Self::Grid {
            first,
            origin: first,
            period,
        }
    }

    /// Whether this moment is one.
    pub(crate) fn is_moment(&self, moment: Nanos) -> bool {
        let before = moment.checked_sub(1);
        before.and_then(|before| self.next_after(before)) == Some(moment)
    }

    fn next_after(&self, after: Nanos) -> Option<Nanos> {
        let next = match self {
            Self::Grid { first, .. } if after < *first => *first,
            Self::Grid { origin, period, .. } => {
                let into = (i128::from(after) - i128::from(*origin))
                    .rem_euclid(i128::from((*period).max(1)));
                let next = i128::from(after) - into + i128::from((*period).max(1));
                Nanos::try_from(next).ok()?
            }
            Self::Cron(cron) => cron.next_nanos(after)?,
            Self::Once(moment) => *moment,
            Self::Never => return None,
            Self::Any(rules) => rules
                .iter()
                .filter_map(|rule| rule.next_after(after))
                .min()?,
        };
        (next > after).then_some(next)
    }
}

impl Timetable {
    /// The first moment after this one. Always later, or none.
    pub(crate) fn next_after(&self, after: Nanos) -> Option<Nanos> {
        self.find_after(after).ok().flatten()
    }

    /// The first moment after this one, where it matters whether there is none or it was not found.
    pub(crate) fn find_after(&self, after: Nanos) -> Result<Option<Nanos>, Lost> {
        let mut left = PASSED;
        let mut next = self.rule.next_after(after);
        while let Some(moment) = next {
            let free = self.free(moment, &mut left)?;
            if free == moment {
                break;
            }
            next = self.rule.next_after(free - 1);
        }
        Ok(next)
    }

    /// The first moment from this one on that lies in no blackout, of the timetable or not.
    pub(crate) fn free_from(&self, moment: Nanos) -> Result<Nanos, Lost> {
        self.free(moment, &mut { PASSED })
    }

    /// The same, with so many stretches left to be gone through.
    fn free(&self, mut moment: Nanos, left: &mut u32) -> Result<Nanos, Lost> {
        while let Some(end) = self.blacked_out(moment) {
            *left = left.checked_sub(1).ok_or(Lost)?;
            moment = end.max(moment.saturating_add(1));
        }
        Ok(moment)
    }

    /// The period, if its moments lie on a grid and none is left out.
    pub(crate) fn grid(&self) -> Option<Nanos> {
        match self.rule {
            Rule::Grid { period, .. } if self.blackouts.is_empty() => Some(period.max(1)),
            _ => None,
        }
    }

    /// The end of the blackouts that this moment lies in.
    fn blacked_out(&self, moment: Nanos) -> Option<Nanos> {
        self.blackouts
            .iter()
            .filter_map(|blackout| blackout.end(moment))
            .max()
    }

    /// All moments from `first` to `until`, both included. `first` must be one of them. The latest
    /// `keep` are given, at least one; at least so many are counted.
    pub(crate) fn due(&self, first: Nanos, until: Nanos, keep: usize) -> Result<Due, Lost> {
        let keep = keep.max(1);
        if let Some(period) = self.grid() {
            return Ok(on_grid(first, until, period, keep));
        }
        let most = COUNTED.max(keep as u64);
        let mut latest = SmallVec::from_elem(first, 1);
        let (mut count, mut last) = (1, first);
        loop {
            let next = self.find_after(last)?;
            let Some(moment) = next.filter(|next| *next <= until) else {
                return Ok(Due {
                    count,
                    at_least: false,
                    latest,
                    next,
                });
            };
            if count >= most {
                let last = self.last(moment, until)?;
                return Ok(Due {
                    count,
                    at_least: true,
                    latest: self.latest(first, last, keep)?,
                    next: self.find_after(last)?,
                });
            }
            count += 1;
            last = moment;
            if latest.len() >= keep {
                latest.remove(0);
            }
            latest.push(moment);
        }
    }

    /// The last moment up to `until`, when `some` is one: halved again and again, for there may be too
    /// many to be counted.
    fn last(&self, some: Nanos, until: Nanos) -> Result<Nanos, Lost> {
        let (mut last, mut none_after) = (some, until);
        while last < none_after {
            let middle = last + (none_after - last) / 2;
            match self.find_after(middle)?.filter(|next| *next <= until) {
                Some(next) => last = next,
                None => none_after = middle,
            }
        }
        Ok(last)
    }

    /// The latest `keep` moments up to `last`, which is one, when there are more than those from `first`
    /// on: found from where there are few enough to be gone through.
    fn latest(&self, first: Nanos, last: Nanos, keep: usize) -> Result<SmallVec<[Nanos; 1]>, Lost> {
        let (mut too_many, mut too_few) = (first.saturating_sub(1), last);
        let mut back = SECOND;
        loop {
            let from = match last.saturating_sub(back) {
                near if near > too_many => near,
                _ => too_many + (too_few - too_many) / 2,
            };
            let mut found = self.moments(from, last, 2 * keep)?;
            if found.last() != Some(&last) && found.len() == 2 * keep {
                too_many = from;
            } else if found.len() < keep {
                too_few = from;
            } else {
                found.drain(..found.len() - keep);
                return Ok(found);
            }
            back = back.saturating_mul(2);
        }
    }

    /// The moments after `from` up to `last`, at most so many.
    fn moments(&self, from: Nanos, last: Nanos, most: usize) -> Result<SmallVec<[Nanos; 1]>, Lost> {
        let mut found = SmallVec::new();
        let mut at = from;
        while found.len() < most
            && let Some(next) = self.find_after(at)?.filter(|next| *next <= last)
        {
            found.push(next);
            at = next;
        }
        Ok(found)
    }
}

fn on_grid(first: Nanos, until: Nanos, period: Nanos, keep: usize) -> Due {
    let whole = until.saturating_sub(first).max(0) / period;
    let last = first.saturating_add(whole.saturating_mul(period));
    let kept = Nanos::try_from(keep - 1).unwrap_or(Nanos::MAX).min(whole);
    Due {
        count: u64::try_from(whole).unwrap_or(0).saturating_add(1),
        at_least: false,
        latest: (0..=kept).rev().map(|back| last - back * period).collect(),
        next: last.checked_add(period),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rule: Rule) -> Timetable {
        Timetable {
            rule,
            blackouts: Box::default(),
        }
    }

    fn cron(text: &str) -> Timetable {
        table(Rule::Cron(Cron::parse(text).unwrap()))
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_counting(period in 1_i64..5_000, late in 0_i64..100_000, keep in 1_usize..5) {
            let first = 1_000;
            let until = first + late;
            let all: Vec<_> = std::iter::successors(Some(first), |last| Some(last + period)).take_while(|at| *at <= until).collect();
            let due = table(Rule::grid_from(first, period)).due(first, until, keep).unwrap();
            prop_assert_eq!(due.count, all.len() as u64);
            prop_assert_eq!(&due.latest[..], &all[all.len().saturating_sub(keep)..]);
            prop_assert_eq!(due.next, all.last().map(|last| last + period));
            prop_assert!(due.next.is_some_and(|next| next > until));
        }

        /// Moments on no grid, with holes of any length, counted one by one beside it.
        #[test]
        fn of_more_moments_than_are_counted_the_latest_are_found(
            period in 1_i64..40,
            other in 1_i64..5_000,
            dark in proptest::collection::vec((0_i64..60_000, 1_i64..20_000), 0..4),
            late in 0_i64..60_000,
            keep in 1_usize..1_500,
        ) {
            let at = |moment: i64| crate::moment::system(moment * SECOND);
            let table = Timetable {
                rule: Rule::Any([Rule::grid(0, period * SECOND), Rule::grid(7 * SECOND, other * SECOND)].into()),
                blackouts: dark.iter().map(|(from, lasts)| Blackout::between(at(*from), at(from + lasts))).collect(),
            };
            let all = || (0..100_000_i64).filter(|moment| {
                let lit = !dark.iter().any(|(from, lasts)| (*from..from + lasts).contains(moment));
                lit && (moment % period == 0 || (moment - 7).rem_euclid(other) == 0)
            });
            let first = all().next().unwrap();
            let until = first + late;
            let expected: Vec<i64> = all().take_while(|moment| *moment <= until).map(|moment| moment * SECOND).collect();
            let due = table.due(first * SECOND, until * SECOND, keep).unwrap();
            let counted = expected.len().min(keep.max(1_000)) as u64;
            prop_assert_eq!((due.count, due.at_least), (counted, counted < expected.len() as u64));
            prop_assert_eq!(&due.latest[..], &expected[expected.len().saturating_sub(keep)..]);
            prop_assert_eq!(due.next, all().find(|moment| *moment > until).map(|moment| moment * SECOND));
        }

        #[test]
        fn the_next_is_always_later(origin in any::<i64>(), period in 1..i64::MAX, after in any::<i64>()) {
            let next = table(Rule::grid(origin, period)).next_after(after);
            prop_assert!(next.is_none_or(|next| next > after && next.saturating_sub(after) <= period));
            let from = table(Rule::grid_from(origin, period)).next_after(after);
            prop_assert!(from.is_none_or(|next| next > after && next >= origin));
        }

        #[test]
        fn any_of_is_the_earlier_of_both(one in 1_i64..50, other in 1_i64..50, after in 0_i64..1_000) {
            let (one, other) = (Rule::grid(0, one), Rule::grid(7, other));
            let expected = one.next_after(after).into_iter().chain(other.next_after(after)).min();
            prop_assert_eq!(table(Rule::Any([one, other].into())).next_after(after), expected);
        }
    }

    #[test]
    fn a_long_absence_is_counted_up_to_a_bound_and_the_latest_is_right() {
        let minutely = cron("* * * * *");
        let year = 365 * 86_400 * SECOND;
        let due = minutely.due(60 * SECOND, year + 90 * SECOND, 3).unwrap();
        assert_eq!((due.count, due.at_least), (COUNTED, true));
        assert_eq!(
            due.latest[..],
            [year - 60 * SECOND, year, year + 60 * SECOND]
        );
        assert_eq!(due.next, Some(year + 120 * SECOND));
        let short = minutely.due(60 * SECOND, 200 * SECOND, 2).unwrap();
        assert_eq!(
            (short.count, short.at_least, &short.latest[..]),
            (3, false, &[120 * SECOND, 180 * SECOND][..])
        );
    }

    #[test]
    fn what_lies_in_the_dark_for_ever_is_not_the_same_as_what_has_ended() {
        const DAY: Nanos = 86_400 * SECOND;
        let dark = |rule| Timetable {
            rule,
            blackouts: [Blackout::daily(
                std::time::Duration::ZERO,
                std::time::Duration::from_secs(3_600),
            )]
            .into(),
        };
        assert_eq!(dark(Rule::grid(0, DAY)).find_after(0), Err(Lost));
        assert_eq!(dark(Rule::grid(0, DAY)).due(0, 5 * DAY, 1), Err(Lost));
        assert_eq!(dark(Rule::Once(DAY)).find_after(0), Ok(None));
        // Every second, and two months' every hour but the last in the dark.
        let hours = (0..1_499).map(|hour| {
            let at = |hour: Nanos| crate::moment::system(hour * 3_600 * SECOND);
            Blackout::between(at(hour), at(hour + 1))
        });
        let months = Timetable {
            rule: Rule::grid(0, SECOND),
            blackouts: hours.collect(),
        };
        assert_eq!(months.find_after(5), Ok(Some(1_499 * 3_600 * SECOND)));
    }

    #[test]
    fn a_period_past_the_end_of_time_is_due_no_more() {
        let never = table(Rule::grid_from(5, Nanos::MAX));
        assert_eq!(never.due(5, 5, 1).unwrap().next, None);
        assert_eq!(never.next_after(5), None);
        assert_eq!(table(Rule::Once(5)).due(5, 9, 1).unwrap().next, None);
        assert_eq!(table(Rule::Never).next_after(0), None);
    }
}
