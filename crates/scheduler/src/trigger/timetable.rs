//! The next moment after a moment, and how many there were: arithmetic where a grid allows it, never
//! a loop without a bound.

use smallvec::SmallVec;

use super::blackout::Blackout;
use crate::cron::Cron;
use crate::moment::Nanos;

/// Most occurrences that are counted one by one. More are "at least" this many: a job that was away
/// for months must not keep the scheduler busy with counting.
pub(crate) const COUNTED: u64 = 1_000;

/// Most stretches of darkness that are gone through for one moment: those of half a century of days.
const PASSED: u32 = 20_000;

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

    /// The first moment from this one on that lies in no blackout.
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
    /// `keep` are given, at least one.
    pub(crate) fn due(&self, first: Nanos, until: Nanos, keep: usize) -> Result<Due, Lost> {
        let keep = keep.max(1);
        if let Some(period) = self.grid() {
            return Ok(on_grid(first, until, period, keep));
        }
        let mut latest = SmallVec::from_elem(first, 1);
        let (mut count, mut last) = (1, first);
        loop {
            let next = self.find_after(last)?;
            match next {
                Some(next) if next <= until && count < COUNTED => {
                    count += 1;
                    last = next;
                    if latest.len() >= keep {
                        latest.remove(0);
                    }
                    latest.push(next);
                }
                Some(next) if next <= until => {
                    let (last, next) = self.around(next, until)?;
                    latest.clear();
                    latest.push(last);
                    return Ok(Due {
                        count,
                        at_least: true,
                        latest,
                        next,
                    });
                }
                next => {
                    return Ok(Due {
                        count,
                        at_least: false,
                        latest,
                        next,
                    });
                }
            }
        }
    }

    /// The last moment up to `until` and the first one after it, when `some` is one up to it.
    fn around(&self, some: Nanos, until: Nanos) -> Result<(Nanos, Option<Nanos>), Lost> {
        // Back from the end in doubling steps until there is one in between, then forward.
        let mut back: Nanos = 1_000_000_000;
        let mut last = some;
        while until.saturating_sub(back) > some {
            if let Some(found) = self.next_after(until - back)
                && found <= until
            {
                last = found;
                break;
            }
            back = back.saturating_mul(2);
        }
        loop {
            match self.find_after(last)? {
                Some(next) if next <= until => last = next,
                next => return Ok((last, next)),
            }
        }
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

    const SECOND: Nanos = 1_000_000_000;

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
        assert_eq!(due.latest[..], [year + 60 * SECOND]);
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
