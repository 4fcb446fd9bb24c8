//! Which level the last attempts are, by the seed's thresholds.

use std::time::Duration;

use robust_breaker::State;
use tokio::time::Instant;

use super::window::{FLOOR, Window};
use super::{Health, HealthCause};

/// From these percentages of failed attempts on a source is degraded and critical; above the last it is offline (seed).
const DEGRADED: usize = 10;
const CRITICAL: usize = 20;
const OFFLINE: usize = 50;

/// From this mean time on a source is degraded; above the other it is critical (seed).
const SLOW: Duration = Duration::from_secs(2);
const TOO_SLOW: Duration = Duration::from_secs(5);

/// What the breaker says of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// Calls go through.
    Closed,
    /// Calls are refused.
    Open,
    /// The open time is over, and no probe has closed it yet.
    Probing,
}

impl Circuit {
    pub(crate) fn of(state: State, now: Instant) -> Self {
        match state {
            State::Open { until } if until > now => Self::Open,
            State::Open { .. } | State::HalfOpen => Self::Probing,
            _ => Self::Closed,
        }
    }
}

/// What can be said of a source at one moment, without regard to what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has not been asked for so long that nothing is known.
    Idle,
    /// It is asked, and there are too few attempts to judge it by.
    TooFew,
    /// It does this well, for this cause.
    Level(Health, HealthCause),
}

/// Judges a source.
pub(crate) fn verdict(window: &Window, circuit: Circuit) -> Verdict {
    let offline = Verdict::Level(Health::Offline, HealthCause::Breaker);
    match circuit {
        Circuit::Open => offline,
        _ if window.attempts == 0 => Verdict::Idle,
        Circuit::Probing => offline,
        Circuit::Closed if window.attempts < FLOOR => Verdict::TooFew,
        Circuit::Closed => {
            let errors = by_errors(window.errors, window.attempts);
            let latency = window.mean().map_or(Health::Healthy, by_latency);
            let cause = match errors.max(latency) {
                Health::Healthy => HealthCause::Well,
                worst if worst == errors => HealthCause::Errors,
                _ => HealthCause::Latency,
            };
            Verdict::Level(errors.max(latency), cause)
        }
    }
}

/// By the share of failed attempts, in whole numbers: 10 of 100 are exactly 10 %.
fn by_errors(errors: usize, attempts: usize) -> Health {
    let share = errors * 100;
    if share > attempts * OFFLINE {
        Health::Offline
    } else if share >= attempts * CRITICAL {
        Health::Critical
    } else if share >= attempts * DEGRADED {
        Health::Degraded
    } else {
        Health::Healthy
    }
}

fn by_latency(mean: Duration) -> Health {
    if mean > TOO_SLOW {
        Health::Critical
    } else if mean >= SLOW {
        Health::Degraded
    } else {
        Health::Healthy
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use robust_source::Attempted;

    use super::*;

    /// So many attempts that all took this long, the first of them failed.
    fn window(errors: usize, attempts: usize, took: Duration) -> Window {
        let now = Instant::now();
        let one = |n| Attempted::new(now, Some(took), n < errors);
        Window::of(&(0..attempts).map(one).collect::<Vec<_>>(), now)
    }

    fn judged(errors: usize, attempts: usize, took: Duration) -> (Health, HealthCause) {
        match verdict(&window(errors, attempts, took), Circuit::Closed) {
            Verdict::Level(health, cause) => (health, cause),
            other => panic!("{other:?}"),
        }
    }

    const FAST: Duration = Duration::from_millis(50);

    #[test]
    fn just_less_than_10_percent_is_healthy() {
        assert_eq!(judged(9, 100, FAST), (Health::Healthy, HealthCause::Well));
        assert_eq!(judged(9, 91, FAST).0, Health::Healthy);
    }

    #[test]
    fn exactly_10_percent_is_degraded() {
        assert_eq!(
            judged(10, 100, FAST),
            (Health::Degraded, HealthCause::Errors)
        );
        assert_eq!(judged(1, 10, FAST).0, Health::Degraded);
    }

    #[test]
    fn just_less_than_20_percent_is_degraded() {
        assert_eq!(judged(19, 100, FAST).0, Health::Degraded);
    }

    #[test]
    fn exactly_20_percent_is_critical() {
        assert_eq!(
            judged(20, 100, FAST),
            (Health::Critical, HealthCause::Errors)
        );
        assert_eq!(judged(2, 10, FAST).0, Health::Critical);
    }

    #[test]
    fn exactly_50_percent_is_critical() {
        assert_eq!(
            judged(50, 100, FAST),
            (Health::Critical, HealthCause::Errors)
        );
        assert_eq!(judged(5, 10, FAST).0, Health::Critical);
    }

    #[test]
    fn just_more_than_50_percent_is_offline() {
        assert_eq!(
            judged(51, 100, FAST),
            (Health::Offline, HealthCause::Errors)
        );
        assert_eq!(judged(6, 11, FAST).0, Health::Offline);
    }

    #[test]
    fn just_less_than_2_s_is_healthy() {
        let just = Duration::from_nanos(1_999_999_999);
        assert_eq!(judged(0, 100, just), (Health::Healthy, HealthCause::Well));
    }

    #[test]
    fn exactly_2_s_is_degraded() {
        let two = Duration::from_secs(2);
        assert_eq!(
            judged(0, 100, two),
            (Health::Degraded, HealthCause::Latency)
        );
    }

    #[test]
    fn exactly_5_s_is_degraded() {
        let five = Duration::from_secs(5);
        assert_eq!(
            judged(0, 100, five),
            (Health::Degraded, HealthCause::Latency)
        );
    }

    #[test]
    fn just_more_than_5_s_is_critical_and_never_offline() {
        let over = Duration::from_nanos(5_000_000_001);
        assert_eq!(
            judged(0, 100, over),
            (Health::Critical, HealthCause::Latency)
        );
        let hour = Duration::from_secs(3_600);
        assert_eq!(
            judged(0, 100, hour),
            (Health::Critical, HealthCause::Latency)
        );
    }

    #[test]
    fn the_worse_of_errors_and_time_decides_and_errors_are_named_first() {
        let (slow, too_slow) = (Duration::from_secs(3), Duration::from_secs(6));
        for (errors, took, expected) in [
            (10, slow, (Health::Degraded, HealthCause::Errors)),
            (20, slow, (Health::Critical, HealthCause::Errors)),
            (10, too_slow, (Health::Critical, HealthCause::Latency)),
            (60, too_slow, (Health::Offline, HealthCause::Errors)),
        ] {
            assert_eq!(judged(errors, 100, took), expected, "{errors} {took:?}");
        }
    }

    #[test]
    fn fewer_than_ten_attempts_are_no_verdict_but_an_open_breaker_is() {
        let offline = Verdict::Level(Health::Offline, HealthCause::Breaker);
        let nine = window(9, 9, FAST);
        assert_eq!(verdict(&nine, Circuit::Closed), Verdict::TooFew);
        assert_eq!(verdict(&nine, Circuit::Open), offline);
        assert_eq!(verdict(&nine, Circuit::Probing), offline);
        let none = Window::default();
        assert_eq!(verdict(&none, Circuit::Closed), Verdict::Idle);
        assert_eq!(verdict(&none, Circuit::Open), offline);
        // Its open time is long over, and nobody has asked since.
        assert_eq!(verdict(&none, Circuit::Probing), Verdict::Idle);
    }

    #[test]
    fn a_breaker_whose_open_time_is_over_is_probing_until_it_closes() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        for (state, circuit) in [
            (State::Closed, Circuit::Closed),
            (
                State::Open {
                    until: now + second,
                },
                Circuit::Open,
            ),
            (State::Open { until: now }, Circuit::Probing),
            (State::HalfOpen, Circuit::Probing),
            (State::Disabled, Circuit::Closed),
            (State::MetricsOnly, Circuit::Closed),
        ] {
            assert_eq!(Circuit::of(state, now), circuit, "{state}");
        }
    }

    proptest! {
        #[test]
        fn more_errors_and_more_time_are_never_better(
            attempts in 10_usize..=100,
            errors in 0_usize..100,
            more in 0_usize..10,
            ms in 0_u64..10_000,
            longer in 0_u64..5_000,
        ) {
            let errors = errors.min(attempts);
            let worse = (errors + more).min(attempts);
            let took = Duration::from_millis(ms);
            let before = judged(errors, attempts, took).0;
            prop_assert!(judged(worse, attempts, took).0 >= before);
            prop_assert!(judged(errors, attempts, took + Duration::from_millis(longer)).0 >= before);
            // The seed's words.
            let share = errors as f64 / attempts as f64;
            let by_share = if share > 0.5 { Health::Offline } else if share >= 0.2 { Health::Critical }
                else if share >= 0.1 { Health::Degraded } else { Health::Healthy };
            let by_time = if ms > 5_000 { Health::Critical } else if ms >= 2_000 { Health::Degraded }
                else { Health::Healthy };
            prop_assert_eq!(before, by_share.max(by_time));
        }
    }
}
