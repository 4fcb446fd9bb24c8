//! The length of a pause: exponential growth, a cap and jitter.

use std::time::Duration;

/// How a delay is spread, so that callers who failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// Uniform between zero and the capped delay. Spreads best and is the default
    /// ("full jitter", AWS Architecture Blog, *Exponential Backoff And Jitter*, 2015).
    Full,
    /// Half of the capped delay for certain, the other half uniform: never a very short pause
    /// ("equal jitter" of the same article).
    Equal,
    /// Uniform between the base and three times the delay before, never above the cap: the spread
    /// grows with each retry and two callers drift apart ("decorrelated jitter" of the same
    /// article). The upper bound is capped and not the drawn value, so that late retries do not
    /// pile up at `max`. The factor is not used.
    Decorrelated,
    /// Adds up to this fraction on top of the delay: `min(base·factorⁿ, max/(1 + f))·(1 + f·rand)`.
    ///
    /// The cap leaves room for what is added, so that it holds afterwards too and late retries still
    /// differ. A fraction below 0, or not a number, counts as 0; one above 1 as 1.
    Additive(f64),
    /// No spread: every caller waits equally long.
    None,
}

/// Delays that grow by a factor up to a cap.
///
/// Plain numbers without state: the randomness is an argument of [`delay`](Self::delay), and
/// [`sessions`](Self::sessions) makes stateful [`tower::retry::backoff::Backoff`]s of it.
///
/// # Examples
///
/// ```
/// use robust_backoff::{Exponential, Jitter};
/// use std::time::Duration;
///
/// let mut rng = fastrand::Rng::with_seed(1);
/// let exact = Exponential::new(Duration::from_secs(1), Duration::from_secs(10)).jitter(Jitter::None);
/// let delays: Vec<u64> = (0..5).map(|retry| exact.delay(retry, &mut rng).as_secs()).collect();
/// assert_eq!(delays, [1, 2, 4, 8, 10]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponential {
    base: Duration,
    max: Duration,
    factor: f64,
    jitter: Jitter,
}

impl Exponential {
    /// Delays that start at `base`, double every time and never exceed `max`, with [`Jitter::Full`].
    ///
    /// A `max` below `base` makes every delay `max`.
    #[must_use]
    pub const fn new(base: Duration, max: Duration) -> Self {
        Self {
            base,
            max,
            factor: 2.0,
            jitter: Jitter::Full,
        }
    }

    /// Grows by `factor` instead of 2. Anything below 1, or not a number, counts as 1: no growth.
    #[must_use]
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Spreads the delays in another way.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// The pause before retry number `retry`; the first retry is number 0.
    ///
    /// The result is never above `max`, whatever the jitter.
    ///
    /// [`Jitter::Decorrelated`] grows from the delay before, which is not known here; the delay that
    /// an exponential series would have had takes its place. [`delay_after`](Self::delay_after)
    /// takes the real one, and so do [`Session`](crate::Session) and [`Policy`](crate::Policy).
    #[must_use]
    pub fn delay(&self, retry: u32, rng: &mut fastrand::Rng) -> Duration {
        let before = retry.checked_sub(1).map(|before| self.capped(before));
        self.delay_after(before, retry, rng)
    }

    /// The pause before retry number `retry`, when the pause before that one was `before`.
    ///
    /// `before` matters to [`Jitter::Decorrelated`] alone; `None` stands for the first retry.
    #[must_use]
    pub fn delay_after(
        &self,
        before: Option<Duration>,
        retry: u32,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        let capped = self.capped(retry);
        match self.jitter {
            Jitter::None => capped,
            // The cap comes first and holds afterwards too: a share of it cannot exceed it, and
            // late retries still differ, where capping the jittered value would pile them up at `max`.
            Jitter::Full => capped.mul_f64(rng.f64()).min(self.max),
            Jitter::Equal => {
                let half = capped / 2;
                half.saturating_add(half.mul_f64(rng.f64())).min(capped)
            }
            Jitter::Decorrelated => {
                let least = self.base.min(self.max);
                let most = before.unwrap_or(least).saturating_mul(3).min(self.max);
                let room = most.saturating_sub(least);
                least.saturating_add(room.mul_f64(rng.f64())).min(self.max)
            }
            Jitter::Additive(fraction) => {
                let fraction = clamped(fraction);
                let room = self.max.as_secs_f64() / (1.0 + fraction);
                let room = Duration::try_from_secs_f64(room).unwrap_or(self.max);
                stretch(capped.min(room), fraction, rng).min(self.max)
            }
        }
    }

    fn capped(&self, retry: u32) -> Duration {
        if self.base.is_zero() {
            return Duration::ZERO;
        }
        // `f64::max` also turns a factor that is not a number into 1.
        let growth = self
            .factor
            .max(1.0)
            .powi(i32::try_from(retry).unwrap_or(i32::MAX));
        let seconds = self.base.as_secs_f64() * growth;
        // Too large for a `Duration` is certainly above the cap.
        Duration::try_from_secs_f64(seconds).map_or(self.max, |grown| grown.min(self.max))
    }
}

/// Between 0 and 1; what is not a number is 0.
const fn clamped(fraction: f64) -> f64 {
    // `f64::max` takes the other one of a number and none.
    fraction.max(0.0).min(1.0)
}

/// Adds between nothing and `fraction` of `delay` to it.
pub(crate) fn stretch(delay: Duration, fraction: f64, rng: &mut fastrand::Rng) -> Duration {
    let extra = delay.as_secs_f64() * clamped(fraction) * rng.f64();
    delay.saturating_add(Duration::try_from_secs_f64(extra).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn exponential(jitter: Jitter) -> Exponential {
        Exponential::new(SECOND, 60 * SECOND).jitter(jitter)
    }

    #[test]
    fn without_jitter_the_seed_series_is_exact() {
        let mut rng = fastrand::Rng::with_seed(0);
        let delays: Vec<Duration> = (0..8)
            .map(|n| exponential(Jitter::None).delay(n, &mut rng))
            .collect();
        assert_eq!(
            delays,
            [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs)
        );
    }

    #[test]
    fn odd_parameters_have_a_defined_delay() {
        let ms = Duration::from_millis;
        let cases = [
            // (base, max, factor, retry, expected)
            (SECOND, 60 * SECOND, 3.0, 2, 9 * SECOND),
            (SECOND, 60 * SECOND, 1.5, 1, ms(1_500)),
            (SECOND, 60 * SECOND, 0.5, 9, SECOND),
            (SECOND, 60 * SECOND, f64::NAN, 9, SECOND),
            (SECOND, 60 * SECOND, f64::INFINITY, 1, 60 * SECOND),
            (5 * SECOND, SECOND, 2.0, 0, SECOND),
            (Duration::ZERO, SECOND, 2.0, u32::MAX, Duration::ZERO),
            (ms(100), 60 * SECOND, 2.0, u32::MAX, 60 * SECOND),
            (Duration::MAX, Duration::MAX, 2.0, 3, Duration::MAX),
        ];
        let mut rng = fastrand::Rng::with_seed(0);
        for (base, max, factor, retry, expected) in cases {
            let exact = Exponential::new(base, max)
                .factor(factor)
                .jitter(Jitter::None);
            assert_eq!(
                exact.delay(retry, &mut rng),
                expected,
                "{exact:?}, retry {retry}"
            );
        }
    }

    #[test]
    fn additive_fraction_that_makes_no_sense_adds_nothing() {
        let mut rng = fastrand::Rng::with_seed(0);
        for fraction in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(
                exponential(Jitter::Additive(fraction)).delay(1, &mut rng),
                2 * SECOND
            );
        }
    }

    #[test]
    fn additive_fraction_beyond_one_doubles_at_the_most() {
        for fraction in [1.0, 1.5, 1e300, f64::INFINITY] {
            let mut rng = fastrand::Rng::with_seed(4);
            let delays: Vec<f64> = (0..10_000)
                .map(|_| {
                    exponential(Jitter::Additive(fraction))
                        .delay(2, &mut rng)
                        .as_secs_f64()
                })
                .collect();
            let (least, most) = ends(&delays);
            assert!((4.0..4.01).contains(&least), "{fraction}: {least}");
            assert!((7.99..=8.0).contains(&most), "{fraction}: {most}");
        }
    }

    /// Cutting the sum at the cap instead would send all late retries back at the same moment.
    #[test]
    fn additive_jitter_keeps_the_cap_and_does_not_pile_up_there() {
        let mut rng = fastrand::Rng::with_seed(8);
        let mut delays: Vec<f64> = (0..10_000)
            .map(|_| {
                exponential(Jitter::Additive(0.1))
                    .delay(20, &mut rng)
                    .as_secs_f64()
            })
            .collect();
        let (least, most) = ends(&delays);
        assert!((54.54..54.56).contains(&least), "60 s / 1.1: {least}");
        assert!((59.99..=60.0).contains(&most), "{most}");
        delays.sort_by(f64::total_cmp);
        delays.dedup();
        assert!(delays.len() > 9_990, "{}", delays.len());
    }

    /// tower 0.5.3 truncates the whole-second part, so a base of one second never jitters there.
    #[test]
    fn a_base_of_one_second_really_jitters() {
        for jitter in [Jitter::Full, Jitter::Equal, Jitter::Additive(0.1)] {
            let mut rng = fastrand::Rng::with_seed(3);
            let mut delays: Vec<Duration> = (0..100)
                .map(|_| exponential(jitter).delay(0, &mut rng))
                .collect();
            delays.sort();
            delays.dedup();
            assert_eq!(delays.len(), 100, "{jitter:?}");
        }
    }

    #[test]
    fn full_jitter_is_uniform() {
        let mut rng = fastrand::Rng::with_seed(11);
        let mut cells = [0_u32; 10];
        for _ in 0..10_000 {
            let share = exponential(Jitter::Full).delay(3, &mut rng).as_secs_f64() / 8.0;
            cells[((share * 10.0) as usize).min(9)] += 1;
        }
        let chi_square: f64 = cells
            .iter()
            .map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0)
            .sum();
        // 9 degrees of freedom, p = 0.001.
        assert!(chi_square < 27.9, "chi² = {chi_square}, cells {cells:?}");
    }

    /// The bounds that the article gives, and that both ends are reached.
    #[test]
    fn equal_jitter_fills_the_upper_half() {
        let mut rng = fastrand::Rng::with_seed(5);
        let delays: Vec<f64> = (0..10_000)
            .map(|_| exponential(Jitter::Equal).delay(3, &mut rng).as_secs_f64())
            .collect();
        let (least, most) = ends(&delays);
        assert!((4.0..4.01).contains(&least), "{least}");
        assert!((7.99..=8.0).contains(&most), "{most}");
    }

    #[test]
    fn decorrelated_jitter_grows_from_the_delay_before() {
        let mut rng = fastrand::Rng::with_seed(5);
        for (before, from, to) in [(None, 1.0, 3.0), (Some(2), 1.0, 6.0), (Some(50), 1.0, 60.0)] {
            let before = before.map(Duration::from_secs);
            let delays: Vec<f64> = (0..10_000)
                .map(|_| {
                    exponential(Jitter::Decorrelated)
                        .delay_after(before, 1, &mut rng)
                        .as_secs_f64()
                })
                .collect();
            let (least, most) = ends(&delays);
            let slack = (to - from) / 1_000.0;
            assert!((from..from + slack).contains(&least), "{before:?}: {least}");
            assert!((to - slack..=to).contains(&most), "{before:?}: {most}");
        }
    }

    /// Capping the drawn value instead would send most of a long outage's callers back at `max`.
    #[test]
    fn decorrelated_jitter_does_not_pile_up_at_the_cap() {
        let mut rng = fastrand::Rng::with_seed(9);
        let delays = exponential(Jitter::Decorrelated);
        let mut before = None;
        let mut at_cap = 0;
        for retry in 0..10_000 {
            let delay = delays.delay_after(before, retry, &mut rng);
            at_cap += u32::from(delay == 60 * SECOND);
            before = Some(delay);
        }
        assert_eq!(at_cap, 0);
    }

    fn ends(delays: &[f64]) -> (f64, f64) {
        delays
            .iter()
            .fold((f64::MAX, f64::MIN), |(least, most), &delay| {
                (least.min(delay), most.max(delay))
            })
    }

    fn bounded() -> impl Strategy<Value = Jitter> {
        prop_oneof![
            Just(Jitter::Full),
            Just(Jitter::Equal),
            Just(Jitter::Decorrelated),
            any::<f64>().prop_map(Jitter::Additive),
            (0.0_f64..1.0).prop_map(Jitter::Additive),
            Just(Jitter::None),
        ]
    }

    proptest! {
        #[test]
        fn no_jitter_exceeds_the_cap(
            base in 0_u64..100_000, max in 0_u64..100_000, retry: u32, before: Option<Duration>, jitter in bounded(), seed: u64
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
            let delays = Exponential::new(base, max).jitter(jitter);
            prop_assert!(delays.delay(retry, &mut rng) <= max);
            prop_assert!(delays.delay_after(before, retry, &mut rng) <= max);
        }

        #[test]
        fn additive_jitter_stays_between_the_capped_delay_and_its_fraction_above(
            base in 1_u64..100_000, max in 1_u64..100_000, retry in 0_u32..40, fraction in 0.0_f64..2.0, seed: u64
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
            let room = max.div_f64(1.0 + fraction.min(1.0));
            let capped = base.checked_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX)).map_or(room, |d| d.min(room));
            let delay = Exponential::new(base, max).jitter(Jitter::Additive(fraction)).delay(retry, &mut rng);
            let top = capped.mul_f64(1.0 + fraction.min(1.0)) + Duration::from_nanos(2);
            prop_assert!(capped <= delay + Duration::from_nanos(2) && delay <= top, "{capped:?} {delay:?} {top:?}");
        }

        #[test]
        fn no_parameters_panic(base: Duration, max: Duration, factor: f64, retry: u32, before: Option<Duration>, fraction: f64, seed: u64) {
            let mut rng = fastrand::Rng::with_seed(seed);
            for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated, Jitter::Additive(fraction)] {
                let delays = Exponential::new(base, max).factor(factor).jitter(jitter);
                let _ = delays.delay(retry, &mut rng);
                let _ = delays.delay_after(before, retry, &mut rng);
            }
        }
    }
}
