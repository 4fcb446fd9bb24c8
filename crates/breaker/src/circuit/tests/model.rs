//! Every rule, alone and OR-ed, beside a model that keeps all calls and counts them anew each time.

use proptest::prelude::*;

use super::*;
use crate::{Weight, Window};

/// One call that counted, as the rules see it.
#[derive(Debug, Clone, Copy)]
struct Call {
    at: Instant,
    /// `None` for a dropped call that was slow.
    failed: Option<u8>,
    slow: bool,
}

/// Remembers everything since the circuit closed, and knows nothing of rings, buckets or words.
#[derive(Debug)]
struct Model {
    rules: Vec<Rule>,
    origin: Instant,
    calls: Vec<Call>,
}

impl Model {
    fn slow_after(&self) -> Option<Duration> {
        self.rules.iter().find_map(|rule| match rule {
            Rule::SlowCallRate {
                slow_call_duration, ..
            } => Some(*slow_call_duration),
            _ => None,
        })
    }

    /// The values of one rule in its window, newest first.
    fn share(&self, window: Window, slow: bool, now: Instant) -> (u64, u64) {
        let values = self.calls.iter().rev().filter_map(|call| match slow {
            true if call.failed.is_none() && !call.slow => None,
            true => Some((call.at, u64::from(call.slow) * 100)),
            false => call.failed.map(|failed| (call.at, u64::from(failed))),
        });
        let values: Vec<u64> = match window {
            Window::Count(size) => values.take(size as usize).map(|(_, value)| value).collect(),
            Window::Time { span, buckets } => {
                let bucket = span / buckets;
                let number = |at: Instant| (at - self.origin).as_nanos() / bucket.as_nanos();
                values
                    .filter(|(at, _)| number(*at) + u128::from(buckets) > number(now))
                    .map(|(_, value)| value)
                    .collect()
            }
        };
        (values.len() as u64, values.iter().sum())
    }

    fn opens(&self, now: Instant) -> bool {
        let Some(last) = self.calls.last() else {
            return false;
        };
        let failed = last.failed.is_some_and(|failed| failed > 0);
        self.rules.iter().any(|rule| match *rule {
            Rule::ConsecutiveFailures(limit) => {
                let streak = self.calls.iter().rev().filter_map(|call| call.failed);
                let streak: u64 = streak.take_while(|failed| *failed > 0).map(u64::from).sum();
                failed && streak >= u64::from(limit) * 100
            }
            Rule::FailureRate {
                threshold,
                minimum_calls,
                window,
            } => failed && self.holds(threshold, minimum_calls, self.share(window, false, now)),
            Rule::SlowCallRate {
                threshold,
                minimum_calls,
                window,
                ..
            } => last.slow && self.holds(threshold, minimum_calls, self.share(window, true, now)),
        })
    }

    fn holds(&self, threshold: f64, minimum: u32, (calls, hundredths): (u64, u64)) -> bool {
        let share = hundredths as f64 / 100.0 / calls.max(1) as f64;
        // The thresholds drawn are hundredths: the next possible share is much farther away.
        calls >= u64::from(minimum) && share >= threshold - 1e-9
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit,
    Record(usize, Outcome),
    Cancel(usize),
    /// Many good calls at once.
    Successes(u32),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Success),
        4 => Just(FAILURE),
        3 => (0.0..1.0_f64).prop_map(|share| Outcome::partial(Weight::new(share))),
        2 => Just(Outcome::Slow),
        1 => Just(Outcome::Ignore),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..2_000).prop_map(Step::Wait),
        1 => (0_u64..60_000).prop_map(Step::Wait),
        12 => Just(Step::Admit),
        12 => (0_usize..4, outcome()).prop_map(|(place, outcome)| Step::Record(place, outcome)),
        2 => (0_usize..4).prop_map(Step::Cancel),
        1 => (1_u32..150).prop_map(Step::Successes),
    ]
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1_u32..20).prop_map(Window::Count),
        (60_u32..140).prop_map(Window::Count),
        (1_u64..30, 1_u32..12).prop_map(|(seconds, buckets)| Window::Time {
            span: Duration::from_secs(seconds),
            buckets
        }),
    ]
}

fn threshold() -> impl Strategy<Value = f64> {
    (1_u32..=100).prop_map(|percent| f64::from(percent) / 100.0)
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        (1_u32..8).prop_map(Rule::ConsecutiveFailures),
        (threshold(), 1_u32..20, window()).prop_map(|(threshold, minimum_calls, window)| {
            Rule::FailureRate {
                threshold,
                minimum_calls,
                window,
            }
        }),
        (1_u64..3_000, threshold(), 1_u32..20, window()).prop_map(
            |(millis, threshold, minimum_calls, window)| {
                Rule::SlowCallRate {
                    slow_call_duration: Duration::from_millis(millis),
                    threshold,
                    minimum_calls,
                    window,
                }
            }
        ),
    ]
}

proptest! {
    #[test]
    fn every_rule_opens_exactly_when_the_model_says(
        rules in prop::collection::vec(rule(), 1..4),
        steps in prop::collection::vec(step(), 1..250),
    ) {
        let settings = Settings { rules, ..settings(1, 1) }.mended().0;
        let origin = Instant::now();
        let mut model = Model { rules: settings.rules.clone(), origin, calls: Vec::new() };
        let mut bench = Bench { circuit: Circuit::new(settings, origin), now: origin };
        let mut out: Vec<(Pass, Instant)> = Vec::new();
        for step in steps {
            let ended = match step {
                Step::Wait(millis) => {
                    bench.now += Duration::from_millis(millis);
                    continue;
                }
                Step::Admit => {
                    out.push((bench.pass(), bench.now));
                    continue;
                }
                Step::Successes(count) => {
                    for _ in 0..count {
                        bench.call(Outcome::Success);
                        model.calls.push(Call { at: bench.now, failed: Some(0), slow: false });
                    }
                    prop_assert_eq!(bench.circuit.state(), State::Closed, "a success opens nothing");
                    continue;
                }
                Step::Record(place, _) | Step::Cancel(place) if place >= out.len() => continue,
                Step::Record(place, outcome) => (out.remove(place), Some(outcome)),
                Step::Cancel(place) => (out.remove(place), None),
            };
            let ((pass, started), outcome) = ended;
            let long = model.slow_after().is_some_and(|limit| bench.now - started >= limit);
            let said = match outcome {
                Some(Outcome::Ignore) => None,
                None => long.then_some((None, true)),
                Some(Outcome::Success) => Some((Some(0), long)),
                Some(Outcome::Slow) => Some((Some(0), model.slow_after().is_some())),
                Some(Outcome::PartialFailure { weight, .. }) => Some((Some(weight.hundredths()), long)),
                Some(_) => Some((Some(100), long)),
            };
            match outcome {
                Some(outcome) => bench.record(pass, outcome),
                None => bench.circuit.cancel(bench.now, pass),
            }
            let before = bench.circuit.generation();
            if let Some((failed, slow)) = said {
                model.calls.push(Call { at: bench.now, failed, slow });
                let opened = bench.circuit.state() != State::Closed;
                prop_assert_eq!(opened, model.opens(bench.now), "{:?}", bench.circuit.last_transition().cause);
            }
            if bench.circuit.state() != State::Closed {
                // Begins anew; what is out belongs to the past.
                bench.circuit.force_close(bench.now);
                model.calls.clear();
                for (pass, _) in out.drain(..) {
                    bench.record(pass, FAILURE);
                }
                prop_assert_eq!(bench.circuit.generation(), before + 1);
                prop_assert_eq!(bench.circuit.streak(), 0);
            }
        }
    }
}
