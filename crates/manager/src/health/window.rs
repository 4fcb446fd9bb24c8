//! What the last attempts of a source came to.

use std::time::Duration;

use robust_source::Attempted;
use tokio::time::Instant;

/// Attempts that are judged at most (the seed: the last 100).
pub(crate) const ATTEMPTS: usize = 100;

/// How long an attempt counts. A source that was down and is asked a few times a minute must not carry it for an hour.
pub(crate) const RECENT: Duration = Duration::from_secs(300);

/// Attempts that it takes for a verdict; this many count whatever their age. With 10, one failure is never more than degraded.
pub(crate) const FLOOR: usize = 10;

/// After this long without an attempt nothing is known any more.
pub(crate) const IDLE: Duration = Duration::from_secs(1_800);

/// The attempts that are judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// How many there are.
    pub(crate) attempts: usize,
    /// How many of them failed.
    pub(crate) errors: usize,
    /// When the newest ended.
    pub(crate) newest: Option<Instant>,
    /// What those took that sent something, in no order.
    took: Vec<Duration>,
}

impl Window {
    /// Takes the newest attempts of a source, oldest first.
    pub(crate) fn of(recent: &[Attempted], now: Instant) -> Self {
        let age = |one: &Attempted| now.saturating_duration_since(one.ended);
        if recent.last().is_none_or(|newest| age(newest) > IDLE) {
            return Self::default();
        }
        let recent = recent.get(recent.len().saturating_sub(ATTEMPTS)..);
        let recent = recent.unwrap_or_default();
        let old = recent.iter().take_while(|one| age(one) > RECENT).count();
        let first = old.min(recent.len().saturating_sub(FLOOR));
        let judged = recent.get(first..).unwrap_or_default();
        Self {
            attempts: judged.len(),
            errors: judged.iter().filter(|one| one.failed).count(),
            newest: judged.last().map(|one| one.ended),
            took: judged.iter().filter_map(|one| one.took).collect(),
        }
    }

    /// Mean time of an attempt.
    pub(crate) fn mean(&self) -> Option<Duration> {
        let count = u32::try_from(self.took.len()).ok().filter(|n| *n > 0)?;
        Some(self.took.iter().sum::<Duration>() / count)
    }

    /// The times that so many percent did not exceed (nearest rank).
    pub(crate) fn percentiles<const N: usize>(
        &self,
        percents: [usize; N],
    ) -> [Option<Duration>; N] {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        percents.map(|percent| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Attempts at these seconds, each with its time in milliseconds and whether it failed.
    fn attempts(start: Instant, list: &[(u64, Option<u64>, bool)]) -> Vec<Attempted> {
        let one = |(at, took, failed): &(u64, Option<u64>, bool)| {
            let ended = start + Duration::from_secs(*at);
            Attempted::new(ended, took.map(Duration::from_millis), *failed)
        };
        list.iter().map(one).collect()
    }

    fn at(start: Instant, list: &[(u64, Option<u64>, bool)], now: u64) -> (usize, usize) {
        let window = Window::of(&attempts(start, list), start + Duration::from_secs(now));
        (window.attempts, window.errors)
    }

    #[test]
    fn what_is_older_than_five_minutes_counts_no_more_but_the_last_ten_do() {
        let start = Instant::now();
        // One attempt a second for 50 s, the first 20 of them bad.
        let list: Vec<_> = (0..50).map(|n| (n, Some(5), n < 20)).collect();
        assert_eq!(at(start, &list, 49), (50, 20));
        assert_eq!(at(start, &list, 300), (50, 20));
        assert_eq!(at(start, &list, 310), (40, 10));
        assert_eq!(at(start, &list, 320), (30, 0));
        assert_eq!(at(start, &list, 345), (10, 0));
        assert_eq!(at(start, &list, 1_800), (10, 0));
    }

    #[test]
    fn after_half_an_hour_without_an_attempt_nothing_counts() {
        let start = Instant::now();
        let list: Vec<_> = (0..50).map(|n| (n, Some(5), true)).collect();
        assert_eq!(at(start, &list, 49 + 1_800), (10, 10));
        assert_eq!(at(start, &list, 49 + 1_801), (0, 0));
        assert_eq!(at(start, &[], 0), (0, 0));
    }

    #[test]
    fn no_more_than_the_last_hundred_count() {
        let start = Instant::now();
        let list: Vec<_> = (0..250).map(|n| (n / 10, Some(5), n < 160)).collect();
        assert_eq!(at(start, &list, 25), (100, 10));
    }

    #[test]
    fn a_job_every_quarter_of_an_hour_is_judged_by_its_last_ten_runs() {
        let start = Instant::now();
        let list: Vec<_> = (0..20).map(|n| (n * 900, Some(5), n == 15)).collect();
        assert_eq!(at(start, &list, 19 * 900), (10, 1));
        assert_eq!(at(start, &list, 19 * 900 + 899), (10, 1));
    }

    #[test]
    fn the_time_is_that_of_those_that_sent_something() {
        let start = Instant::now();
        let mut list: Vec<_> = (1..=20).map(|n| (n, Some(n * 100), false)).collect();
        list.push((21, None, true));
        let window = Window::of(&attempts(start, &list), start + Duration::from_secs(30));
        assert_eq!((window.attempts, window.errors), (21, 1));
        let ms = Duration::from_millis;
        assert_eq!(window.mean(), Some(ms(1_050)));
        assert_eq!(
            window.percentiles([95, 99, 50]),
            [Some(ms(1_900)), Some(ms(2_000)), Some(ms(1_000))]
        );
        let none = Window::of(&attempts(start, &[(0, None, true)]), start);
        assert_eq!((none.mean(), none.percentiles([95])), (None, [None]));
    }

    proptest! {
        /// The same by brute force: each attempt by itself.
        #[test]
        fn it_counts_what_brute_force_counts(
            gaps in prop::collection::vec((0_u64..400, prop::option::of(0_u64..9_000), any::<bool>()), 0..250),
            wait in 0_u64..4_000,
        ) {
            let start = Instant::now();
            let mut time = 0;
            let list: Vec<_> = gaps.iter().map(|(gap, took, failed)| {
                time += gap;
                (time, *took, *failed)
            }).collect();
            let now = time + wait;
            let counts = |n: usize, at: u64| {
                let newest = list.len() - 1 - n;
                newest < 100 && (newest < 10 || now - at <= 300) && now - time <= 1_800
            };
            let judged: Vec<_> = list.iter().enumerate()
                .filter(|(n, (at, ..))| counts(*n, *at))
                .map(|(_, one)| one).collect();
            let errors = judged.iter().filter(|one| one.2).count();
            prop_assert_eq!(at(start, &list, now), (judged.len(), errors));
            let took: Vec<u64> = judged.iter().filter_map(|one| one.1).collect();
            let window = Window::of(&attempts(start, &list), start + Duration::from_secs(now));
            let mean = window.mean().map(|mean| mean.as_nanos());
            let sum: u64 = took.iter().sum();
            let expected = (!took.is_empty()).then(|| u128::from(sum) * 1_000_000 / took.len() as u128);
            prop_assert_eq!(mean, expected);
            if let [Some(p95), Some(p99)] = window.percentiles([95, 99]) {
                let within = |bound: Duration| took.iter().filter(|ms| Duration::from_millis(**ms) <= bound).count();
                prop_assert!(within(p95) * 100 >= took.len() * 95 && within(p99) * 100 >= took.len() * 99);
                prop_assert!(p95 <= p99);
            }
        }
    }
}
