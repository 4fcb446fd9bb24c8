//! The settings of a breaker, and what may be wrong with them.

use std::{sync::Arc, time::Duration};

use crate::{Breaker, Listener, Rule, Window};

/// Everything that the builder sets, as given.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) rules: Vec<Rule>,
    pub(crate) open_for: Duration,
    pub(crate) open_factor: f64,
    pub(crate) open_max: Duration,
    pub(crate) jitter: f64,
    pub(crate) seed: u64,
    pub(crate) healthy_for: Duration,
    pub(crate) half_open_permits: u32,
    pub(crate) half_open_ratio: f64,
    pub(crate) half_open_deadline: Duration,
    pub(crate) ramp: Option<u32>,
}

const MAX_PERMITS: u32 = 10_000;
const MAX_RULES: usize = 8;
/// With 0 no probe could ever be in time, and next to nothing is as bad: no call over a network takes less than this.
const MIN_DEADLINE: Duration = Duration::from_millis(1);
/// What an absurd threshold is moved to.
const MIN_SHARE: f64 = 0.000_1;

impl Default for Settings {
    /// 5 failures, 60 s and one probe are the customary defaults of a poller that asks once or a few
    /// times a minute; a probe that is silent for 30 s hangs.
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            open_for: Duration::from_secs(60),
            open_factor: 1.0,
            open_max: Duration::MAX,
            jitter: 0.0,
            seed: 0,
            healthy_for: Duration::from_secs(300),
            half_open_permits: 1,
            half_open_ratio: 1.0,
            half_open_deadline: Duration::from_secs(30),
            ramp: None,
        }
    }
}

impl Settings {
    /// The settings that can be kept, and what was wrong with the given ones, if anything was.
    pub(crate) fn mended(mut self) -> (Self, Option<BuildError>) {
        let mut wrong = None;
        let mut complain = |error: BuildError| {
            wrong.get_or_insert(error);
        };
        if self.rules.is_empty() {
            self.rules.push(Rule::ConsecutiveFailures(5));
        }
        if self.rules.len() > MAX_RULES {
            complain(BuildError::TooManyRules(self.rules.len()));
            self.rules.truncate(MAX_RULES);
        }
        for rule in &mut self.rules {
            match rule {
                Rule::ConsecutiveFailures(failures) => {
                    if *failures == 0 {
                        complain(BuildError::NoFailures);
                    }
                    *failures = (*failures).max(1);
                }
                Rule::FailureRate {
                    threshold,
                    minimum_calls,
                    window,
                } => mend_rate(threshold, minimum_calls, window, &mut complain),
                Rule::SlowCallRate {
                    slow_call_duration,
                    threshold,
                    minimum_calls,
                    window,
                } => {
                    if slow_call_duration.is_zero() {
                        complain(BuildError::SlowCallDuration);
                        *slow_call_duration = Duration::from_nanos(1);
                    }
                    mend_rate(threshold, minimum_calls, window, &mut complain);
                }
            }
        }
        // Of two slow-call rules the last stays, for a call is slow or not.
        let mut slow = false;
        let count = self.rules.len();
        self.rules.reverse();
        self.rules.retain(|rule| {
            !matches!(rule, Rule::SlowCallRate { .. }) || !std::mem::replace(&mut slow, true)
        });
        self.rules.reverse();
        if self.rules.len() < count {
            complain(BuildError::TwoSlowCallRates);
        }
        if !(self.open_factor >= 1.0 && self.open_factor <= 1_000.0) {
            complain(BuildError::Factor(self.open_factor));
            // No number is smaller than 1 either.
            self.open_factor = if self.open_factor > 1_000.0 {
                1_000.0
            } else {
                1.0
            };
        }
        if self.open_max < self.open_for {
            complain(BuildError::OpenMax(self.open_max));
            self.open_max = self.open_for;
        }
        if !(0.0..1.0).contains(&self.jitter) {
            complain(BuildError::Jitter(self.jitter));
            self.jitter = if self.jitter >= 1.0 { 0.99 } else { 0.0 };
        }
        if self.healthy_for.is_zero() {
            complain(BuildError::HealthyFor);
            self.healthy_for = Duration::from_nanos(1);
        }
        if !(1..=MAX_PERMITS).contains(&self.half_open_permits) {
            complain(BuildError::Permits(self.half_open_permits));
            self.half_open_permits = self.half_open_permits.clamp(1, MAX_PERMITS);
        }
        if !is_share(self.half_open_ratio) {
            complain(BuildError::Ratio(self.half_open_ratio));
            self.half_open_ratio = share(self.half_open_ratio);
        }
        if self.half_open_deadline < MIN_DEADLINE {
            complain(BuildError::HalfOpenDeadline(self.half_open_deadline));
            self.half_open_deadline = MIN_DEADLINE;
        }
        if let Some(limit) = self.ramp.filter(|limit| !(2..=MAX_PERMITS).contains(limit)) {
            complain(BuildError::Ramp(limit));
            self.ramp = (limit > 1).then_some(MAX_PERMITS);
        }
        (self, wrong)
    }
}

fn is_share(value: f64) -> bool {
    (MIN_SHARE..=1.0).contains(&value)
}

fn share(value: f64) -> f64 {
    if value.is_nan() {
        1.0
    } else {
        value.clamp(MIN_SHARE, 1.0)
    }
}

fn mend_rate(
    threshold: &mut f64,
    minimum_calls: &mut u32,
    window: &mut Window,
    complain: &mut impl FnMut(BuildError),
) {
    if !is_share(*threshold) {
        complain(BuildError::Threshold(*threshold));
        *threshold = share(*threshold);
    }
    match window {
        Window::Count(size) => {
            if !(1..=Window::MAX_CALLS).contains(size) {
                complain(BuildError::Window(*window));
            }
        }
        Window::Time { span, buckets } => {
            let shortest = Window::MIN_BUCKET.saturating_mul(*buckets);
            let fits = (1..=Window::MAX_BUCKETS).contains(buckets)
                && (shortest..=Window::MAX_SPAN).contains(span);
            if !fits {
                complain(BuildError::Window(*window));
            }
        }
    }
    match window {
        Window::Count(size) => {
            *size = (*size).clamp(1, Window::MAX_CALLS);
            if *minimum_calls > *size {
                complain(BuildError::MinimumCalls(*minimum_calls));
                *minimum_calls = *size;
            }
        }
        Window::Time { span, buckets } => {
            *buckets = (*buckets).clamp(1, Window::MAX_BUCKETS);
            let shortest = Window::MIN_BUCKET.saturating_mul(*buckets);
            *span = (*span).clamp(shortest, Window::MAX_SPAN);
        }
    }
    if *minimum_calls == 0 {
        complain(BuildError::MinimumCalls(0));
        *minimum_calls = 1;
    }
}

/// Why [`Builder::try_build`] refuses; [`Builder::build`] mends it instead.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Consecutive failures of 0 would open a circuit that nobody has called. Mended to 1.
    #[error("0 consecutive failures: at least 1 opens a circuit")]
    NoFailures,
    /// A threshold is no share. Mended to the nearest.
    #[error("threshold {0}: must be between 0.0001 and 1")]
    Threshold(f64),
    /// 0, or more than the window holds. Mended to 1 or to the size of the window.
    #[error("{0} minimum calls: must be at least 1 and fit into the window")]
    MinimumCalls(u32),
    /// A window of impossible size. Mended to the nearest possible.
    #[error(
        "window {0:?}: 1 to 65536 calls, or 1 to 1024 buckets of 1 ms or more over 1000 days or less"
    )]
    Window(Window),
    /// Every call takes 0 or longer. Mended to 1 ns.
    #[error("slow call duration 0: every call would be slow")]
    SlowCallDuration,
    /// A call is slow or not; there can be one duration. Mended by keeping the last rule.
    #[error("two slow call rates: give one")]
    TwoSlowCallRates,
    /// More rules than 8. Mended by keeping the first 8.
    #[error("{0} rules: 8 are the most")]
    TooManyRules(usize),
    /// The open time would shrink, or explode. Mended to 1 or 1,000.
    #[error("open time factor {0}: must be between 1 and 1000")]
    Factor(f64),
    /// The cap is below the base. Mended to the base.
    #[error("longest open time {0:?} is shorter than the first")]
    OpenMax(Duration),
    /// Mended to 0 or 0.99.
    #[error("jitter {0}: must be at least 0 and below 1")]
    Jitter(f64),
    /// Mended to 1 ns.
    #[error("healthy for 0: the open time would never grow")]
    HealthyFor,
    /// Mended to the nearest possible.
    #[error("{0} half-open permits: must be 1 to 10000")]
    Permits(u32),
    /// Mended to the nearest share.
    #[error("half-open ratio {0}: must be between 0.0001 and 1")]
    Ratio(f64),
    /// Less than 1 ms: no probe would report in time, and an open circuit would never close again. Mended to 1 ms.
    #[error("half-open deadline {0:?}: must be at least 1 ms")]
    HalfOpenDeadline(Duration),
    /// Mended to no ramp, or to 10,000.
    #[error("ramp to {0}: must be 2 to 10000")]
    Ramp(u32),
}

/// Settings of a [`Breaker`]; from [`Breaker::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder<L = ()> {
    name: Arc<str>,
    settings: Settings,
    listener: L,
}

impl Builder {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            settings: Settings::default(),
            listener: (),
        }
    }
}

impl<L: Listener> Builder<L> {
    /// Opens after so many failures in a row: [`Rule::ConsecutiveFailures`]. The default is 5, unless
    /// another rule is given. Replaces an earlier number.
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.settings
            .rules
            .retain(|rule| !matches!(rule, Rule::ConsecutiveFailures(_)));
        self.rule(Rule::ConsecutiveFailures(failures))
    }

    /// Opens when this share of the calls in the window failed: [`Rule::FailureRate`].
    pub fn failure_rate(self, threshold: f64, minimum_calls: u32, window: Window) -> Self {
        self.rule(Rule::FailureRate {
            threshold,
            minimum_calls,
            window,
        })
    }

    /// Opens when this share of the calls in the window was slow: [`Rule::SlowCallRate`].
    pub fn slow_call_rate(
        self,
        slow_call_duration: Duration,
        threshold: f64,
        minimum_calls: u32,
        window: Window,
    ) -> Self {
        self.rule(Rule::SlowCallRate {
            slow_call_duration,
            threshold,
            minimum_calls,
            window,
        })
    }

    /// Adds a rule; the first that holds opens the circuit. Up to 8 rules, one slow-call rate among
    /// them.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.settings.rules.push(rule);
        self
    }

    /// Stays open so long, or longer if the server said so. Default 60 s.
    pub fn open_for(mut self, open_for: Duration) -> Self {
        self.settings.open_for = open_for;
        self
    }

    /// Progressive open time: each time that probing fails the open time is `factor` times longer,
    /// up to `max`. It shrinks by one step for each [`healthy_for`](Self::healthy_for) in the closed
    /// state, not with the first good probe, so an endpoint that flaps keeps its long open time.
    /// Default: no growth.
    pub fn open_backoff(mut self, factor: f64, max: Duration) -> Self {
        (self.settings.open_factor, self.settings.open_max) = (factor, max);
        self
    }

    /// Shortens each open time by a random share up to this one, so that many processes do not
    /// probe at the same moment, not even when all have reached the longest open time. What the
    /// server said is not shortened. Default 0. The same seed draws the same numbers.
    pub fn jitter(mut self, share: f64, seed: u64) -> Self {
        (self.settings.jitter, self.settings.seed) = (share, seed);
        self
    }

    /// So long closed takes one step of [`open_backoff`](Self::open_backoff) back. Default 5 min.
    pub fn healthy_for(mut self, healthy_for: Duration) -> Self {
        self.settings.healthy_for = healthy_for;
        self
    }

    /// Lets so many probes through when half-open. Default 1; 1 to 10,000.
    pub fn half_open_permits(mut self, permits: u32) -> Self {
        self.settings.half_open_permits = permits;
        self
    }

    /// Closes when this share of the half-open permits succeeded, and opens again as soon as that is
    /// impossible. Default 1: all of them.
    pub fn half_open_ratio(mut self, ratio: f64) -> Self {
        self.settings.half_open_ratio = ratio;
        self
    }

    /// A probe that has not reported after this time counts as failed. Default 30 s, at least 1 ms;
    /// twice the timeout of a call is a good value. During a [ramp](Self::ramp_after_close) a call that has not
    /// reported after this time gives its place back.
    pub fn half_open_deadline(mut self, deadline: Duration) -> Self {
        self.settings.half_open_deadline = deadline;
        self
    }

    /// After closing lets 1 call run at a time, then 2, 4, … up to `limit`, and any number after
    /// that. Each step takes as many successes as its limit. A service that has just come up is not
    /// hit by everyone at once. Default: no ramp.
    pub fn ramp_after_close(mut self, limit: u32) -> Self {
        self.settings.ramp = Some(limit);
        self
    }

    /// Tells this listener every event. It becomes a part of the breaker's type; the default `()`
    /// is compiled out.
    pub fn listener<M: Listener>(self, listener: M) -> Builder<M> {
        Builder {
            name: self.name,
            settings: self.settings,
            listener,
        }
    }

    /// The breaker, closed. Impossible settings are moved to the nearest possible ones, as each
    /// [`BuildError`] says.
    #[must_use]
    pub fn build(self) -> Breaker<L> {
        let (settings, _) = self.settings.mended();
        Breaker::new(self.name, settings, self.listener)
    }

    /// The breaker, closed.
    ///
    /// # Errors
    ///
    /// The first setting that [`build`](Self::build) would have to mend.
    pub fn try_build(self) -> Result<Breaker<L>, BuildError> {
        match self.settings.mended() {
            (settings, None) => Ok(Breaker::new(self.name, settings, self.listener)),
            (_, Some(error)) => Err(error),
        }
    }

    /// The same settings for another key: only name and seed differ.
    pub(crate) fn named(&self, name: Arc<str>, number: u64) -> Self
    where
        L: Clone,
    {
        let mut settings = self.settings.clone();
        settings.seed = settings.seed.wrapping_add(number);
        Self {
            name,
            settings,
            listener: self.listener.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn builder() -> Builder {
        Breaker::builder("b")
    }

    #[test]
    fn what_is_impossible_has_a_name() {
        let count = Window::Count(10);
        let cases: Vec<(Builder, BuildError)> = vec![
            (builder().consecutive_failures(0), BuildError::NoFailures),
            (
                builder().failure_rate(0.0, 1, count),
                BuildError::Threshold(0.0),
            ),
            (
                builder().failure_rate(1.5, 1, count),
                BuildError::Threshold(1.5),
            ),
            (
                builder().failure_rate(0.5, 0, count),
                BuildError::MinimumCalls(0),
            ),
            (
                builder().failure_rate(0.5, 11, count),
                BuildError::MinimumCalls(11),
            ),
            (
                builder().failure_rate(0.5, 1, Window::Count(0)),
                BuildError::Window(Window::Count(0)),
            ),
            (
                builder().slow_call_rate(Duration::ZERO, 0.5, 1, count),
                BuildError::SlowCallDuration,
            ),
            (
                builder()
                    .slow_call_rate(MINUTE, 0.5, 1, count)
                    .slow_call_rate(MINUTE, 0.6, 1, count),
                BuildError::TwoSlowCallRates,
            ),
            (
                (0..9).fold(builder(), |builder, _| builder.failure_rate(0.5, 1, count)),
                BuildError::TooManyRules(9),
            ),
            (builder().open_backoff(0.5, MINUTE), BuildError::Factor(0.5)),
            (
                builder().open_backoff(2.0, Duration::from_secs(59)),
                BuildError::OpenMax(Duration::from_secs(59)),
            ),
            (builder().jitter(1.0, 0), BuildError::Jitter(1.0)),
            (
                builder().healthy_for(Duration::ZERO),
                BuildError::HealthyFor,
            ),
            (builder().half_open_permits(0), BuildError::Permits(0)),
            (builder().half_open_ratio(0.0), BuildError::Ratio(0.0)),
            (builder().ramp_after_close(1), BuildError::Ramp(1)),
            (
                builder().half_open_deadline(Duration::ZERO),
                BuildError::HalfOpenDeadline(Duration::ZERO),
            ),
            (
                builder().half_open_deadline(Duration::from_micros(999)),
                BuildError::HalfOpenDeadline(Duration::from_micros(999)),
            ),
        ];
        for (builder, error) in cases {
            assert_eq!(builder.clone().try_build().err(), Some(error));
            assert!(builder.build().check().is_ok(), "mended: {error}");
        }
        for (span, buckets) in [
            (Duration::ZERO, 1),
            (MINUTE, 0),
            (MINUTE, 1_025),
            (Duration::from_millis(9), 10),
            (Duration::MAX, 10),
        ] {
            let window = Window::Time { span, buckets };
            assert_eq!(
                builder().failure_rate(0.5, 1, window).try_build().err(),
                Some(BuildError::Window(window))
            );
        }
        assert!(builder().try_build().is_ok(), "the defaults are possible");
    }

    fn window() -> impl Strategy<Value = Window> {
        prop_oneof![
            any::<u32>().prop_map(Window::Count),
            (any::<Duration>(), any::<u32>())
                .prop_map(|(span, buckets)| Window::Time { span, buckets }),
        ]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        prop_oneof![
            any::<u32>().prop_map(Rule::ConsecutiveFailures),
            (any::<f64>(), any::<u32>(), window()).prop_map(
                |(threshold, minimum_calls, window)| {
                    Rule::FailureRate {
                        threshold,
                        minimum_calls,
                        window,
                    }
                }
            ),
            (any::<Duration>(), any::<f64>(), any::<u32>(), window()).prop_map(
                |(slow_call_duration, threshold, minimum_calls, window)| Rule::SlowCallRate {
                    slow_call_duration,
                    threshold,
                    minimum_calls,
                    window
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_was_mended_is_possible(
            rules in prop::collection::vec(rule(), 0..12),
            (open_for, open_max, healthy_for, half_open_deadline) in any::<(Duration, Duration, Duration, Duration)>(),
            (open_factor, jitter, half_open_ratio) in any::<(f64, f64, f64)>(),
            (half_open_permits, ramp) in any::<(u32, Option<u32>)>(),
        ) {
            let settings = Settings {
                rules, open_for, open_factor, open_max, jitter, healthy_for, half_open_permits, half_open_ratio, half_open_deadline,
                ramp,
                ..Settings::default()
            };
            prop_assert_eq!(settings.mended().0.mended().1, None);
        }
    }
}
