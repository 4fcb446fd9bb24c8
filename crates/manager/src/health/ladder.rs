//! When the level of a source changes: down at once, up when it has lasted.

use std::time::Duration;

use tokio::time::Instant;

use super::verdict::Verdict;
use super::{Health, HealthCause};

/// How long nothing as bad may have been seen before a source is called better. At the seed's 15 requests a minute that is 7 attempts;
/// a value that swings around a threshold more often than that holds the worse level.
pub(crate) const HOLD: Duration = Duration::from_secs(30);

/// Levels, [`Health::Unknown`] included.
const LEVELS: usize = 5;

/// The level of one source, and what was seen lately.
///
/// Its level is the worst that was seen in the last 30 s, or that was seen last and no attempt has ended since: forgetting is no
/// evidence. Without enough attempts the level stays, but for one that only the breaker spoke for: that is unknown 30 s after
/// it was last seen. A source that is not asked any more is unknown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ladder {
    level: Health,
    /// When each level was seen last, and for which cause.
    seen: [Option<(Instant, HealthCause)>; LEVELS],
}

impl Ladder {
    /// Where it stands, and why.
    pub(crate) fn level(&self) -> (Health, HealthCause) {
        let cause = self.seen.get(self.level as usize).copied().flatten();
        (
            self.level,
            cause.map_or(HealthCause::Nothing, |(_, cause)| cause),
        )
    }

    /// Takes in what can be said now; the newest attempt ended at `newest`. Gives the level before, when it has changed.
    ///
    /// `now` does not go back.
    pub(crate) fn step(
        &mut self,
        verdict: Verdict,
        newest: Option<Instant>,
        now: Instant,
    ) -> Option<Health> {
        let before = self.level;
        match verdict {
            Verdict::Idle => *self = Self::default(),
            Verdict::TooFew => match self.seen.get_mut(before as usize) {
                // Nothing speaks against what is known.
                Some(Some((at, cause))) if *cause != HealthCause::Breaker => *at = now,
                // The breaker has closed, and with it went all that was known.
                Some(Some((at, _))) if now.saturating_duration_since(*at) >= HOLD => {
                    *self = Self::default();
                }
                _ => {}
            },
            Verdict::Level(level, cause) => {
                if let Some(seen) = self.seen.get_mut(level as usize) {
                    *seen = Some((now, cause));
                }
                self.level = self.worst(newest, now).max(level);
            }
        }
        (self.level != before).then_some(before)
    }

    /// The worst level that still holds.
    fn worst(&self, newest: Option<Instant>, now: Instant) -> Health {
        let holds = |level: &Health| {
            let seen = self.seen.get(*level as usize).copied().flatten();
            seen.is_some_and(|(at, _)| {
                let is_recent = now.saturating_duration_since(at) < HOLD;
                let is_newest = *level == self.level && newest.is_none_or(|newest| newest <= at);
                is_recent || is_newest
            })
        };
        let levels = [Health::Offline, Health::Critical, Health::Degraded];
        levels.into_iter().find(holds).unwrap_or(Health::Healthy)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ladder with a clock in seconds. Unless told otherwise an attempt ends at each step.
    struct Course {
        ladder: Ladder,
        start: Instant,
        newest: Option<Instant>,
    }

    impl Course {
        fn new() -> Self {
            Self {
                ladder: Ladder::default(),
                start: Instant::now(),
                newest: None,
            }
        }

        fn step(&mut self, second: u64, verdict: Verdict) -> Health {
            self.newest = Some(self.start + Duration::from_secs(second));
            self.quiet(second, verdict)
        }

        /// The same without an attempt.
        fn quiet(&mut self, second: u64, verdict: Verdict) -> Health {
            let before = self.ladder.level;
            let now = self.start + Duration::from_secs(second);
            let changed = self.ladder.step(verdict, self.newest, now);
            let after = self.ladder.level;
            assert_eq!(changed, (before != after).then_some(before));
            after
        }
    }

    const fn level(health: Health) -> Verdict {
        Verdict::Level(health, HealthCause::Errors)
    }

    const HEALTHY: Verdict = level(Health::Healthy);
    const DEGRADED: Verdict = level(Health::Degraded);
    const CRITICAL: Verdict = level(Health::Critical);
    const OFFLINE: Verdict = level(Health::Offline);

    #[test]
    fn it_is_unknown_until_there_is_a_verdict_and_the_first_one_counts_at_once() {
        for first in [HEALTHY, DEGRADED, CRITICAL, OFFLINE] {
            let mut course = Course::new();
            assert_eq!(course.step(0, Verdict::Idle), Health::Unknown);
            assert_eq!(course.step(1, Verdict::TooFew), Health::Unknown);
            let Verdict::Level(health, _) = first else {
                panic!()
            };
            assert_eq!(course.step(2, first), health);
        }
    }

    #[test]
    fn worse_counts_at_once_and_better_after_30_s_without_as_bad() {
        let mut course = Course::new();
        assert_eq!(course.step(0, HEALTHY), Health::Healthy);
        assert_eq!(course.step(1, CRITICAL), Health::Critical);
        assert_eq!(course.step(2, HEALTHY), Health::Critical);
        assert_eq!(course.step(30, HEALTHY), Health::Critical);
        assert_eq!(course.step(31, HEALTHY), Health::Healthy);
    }

    #[test]
    fn it_comes_back_by_the_levels_that_were_seen_last() {
        let mut course = Course::new();
        course.step(0, OFFLINE);
        for (second, verdict, expected) in [
            (10, CRITICAL, Health::Offline),
            (20, DEGRADED, Health::Offline),
            (29, HEALTHY, Health::Offline),
            (30, HEALTHY, Health::Critical),
            (40, HEALTHY, Health::Degraded),
            (49, HEALTHY, Health::Degraded),
            (50, HEALTHY, Health::Healthy),
        ] {
            assert_eq!(course.step(second, verdict), expected, "{second}");
        }
    }

    #[test]
    fn swinging_around_a_threshold_is_one_change_and_no_more() {
        let mut course = Course::new();
        course.step(0, HEALTHY);
        let mut changes = 0;
        let mut last = Health::Healthy;
        for second in 1..3_600 {
            let verdict = if second % 29 == 0 { DEGRADED } else { HEALTHY };
            let now = course.step(second, verdict);
            changes += u32::from(now != last);
            last = now;
        }
        assert_eq!((changes, last), (1, Health::Degraded));
    }

    #[test]
    fn forgetting_alone_makes_nothing_better() {
        let mut course = Course::new();
        course.step(0, CRITICAL);
        // The bad attempts have become too old; nobody has asked since.
        for second in 1..1_000 {
            assert_eq!(course.quiet(second, HEALTHY), Health::Critical);
        }
        assert_eq!(course.step(1_000, HEALTHY), Health::Healthy);
    }

    #[test]
    fn with_too_few_attempts_it_stays_and_without_any_it_is_unknown() {
        let mut course = Course::new();
        course.step(0, OFFLINE);
        assert_eq!(course.step(100, Verdict::TooFew), Health::Offline);
        // From here on the 30 s are counted anew.
        assert_eq!(course.step(101, HEALTHY), Health::Offline);
        assert_eq!(course.step(130, HEALTHY), Health::Healthy);
        assert_eq!(course.quiet(2_000, Verdict::Idle), Health::Unknown);
        assert_eq!(
            course.ladder.level(),
            (Health::Unknown, HealthCause::Nothing)
        );
        assert_eq!(course.step(2_001, DEGRADED), Health::Degraded);
    }

    #[test]
    fn what_the_breaker_alone_said_is_unknown_30_s_after_it_closed() {
        let mut course = Course::new();
        let open = Verdict::Level(Health::Offline, HealthCause::Breaker);
        assert_eq!(course.step(0, open), Health::Offline);
        assert_eq!(course.step(10, open), Health::Offline);
        assert_eq!(course.step(39, Verdict::TooFew), Health::Offline);
        assert_eq!(course.step(40, Verdict::TooFew), Health::Unknown);
        let known = course.ladder.level();
        assert_eq!(known, (Health::Unknown, HealthCause::Nothing));
        assert_eq!(course.step(41, HEALTHY), Health::Healthy);
    }

    #[test]
    fn the_cause_is_that_of_the_level_and_not_of_the_moment() {
        let mut course = Course::new();
        course.step(0, Verdict::Level(Health::Offline, HealthCause::Breaker));
        course.step(1, Verdict::Level(Health::Healthy, HealthCause::Well));
        assert_eq!(
            course.ladder.level(),
            (Health::Offline, HealthCause::Breaker)
        );
        course.step(30, Verdict::Level(Health::Healthy, HealthCause::Well));
        assert_eq!(course.ladder.level(), (Health::Healthy, HealthCause::Well));
    }

    fn any_level() -> impl Strategy<Value = Health> {
        prop_oneof![
            4 => Just(Health::Healthy),
            2 => Just(Health::Degraded),
            1 => Just(Health::Critical),
            1 => Just(Health::Offline),
        ]
    }

    proptest! {
        /// As long as attempts end, the level is the worst of the last 30 s; by brute force over all that was seen.
        #[test]
        fn it_is_the_worst_of_the_last_30_s(
            steps in prop::collection::vec((0_u64..40, any_level()), 1..100),
        ) {
            let mut course = Course::new();
            let (mut time, mut seen) = (0, Vec::new());
            for (gap, health) in steps {
                time += gap;
                seen.push((time, health));
                let worst = seen.iter().filter(|(at, _)| time - at < 30).map(|(_, health)| *health).max();
                prop_assert_eq!(Some(course.step(time, level(health))), worst);
            }
        }

        /// Whatever comes: never better than what is seen, and after a change for the worse none for the better within 30 s.
        #[test]
        fn it_never_flaps(
            steps in prop::collection::vec((0_u64..20, prop::option::weighted(0.8, any_level()), any::<bool>()), 1..100),
        ) {
            let mut course = Course::new();
            let (mut time, mut worse_at, mut level_before) = (0, None::<u64>, Health::Unknown);
            for (gap, health, attempt) in steps {
                time += gap;
                let verdict = health.map_or(Verdict::TooFew, level);
                let now = if attempt { course.step(time, verdict) } else { course.quiet(time, verdict) };
                if let Some(health) = health {
                    prop_assert!(now >= health);
                }
                if now > level_before {
                    worse_at = Some(time);
                } else if now < level_before {
                    prop_assert!(worse_at.is_none_or(|at| time - at >= 30), "{level_before} to {now} at {time}, worse at {worse_at:?}");
                }
                level_before = now;
            }
        }
    }
}
