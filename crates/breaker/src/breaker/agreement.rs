//! The path without a lock and the circuit alone come to the same end.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use crate::{
    Breaker, Outcome, Rule, State, Ticket, Weight, Window,
    circuit::{Circuit, Pass},
    config::Settings,
};

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit,
    Record(usize, Outcome),
    Cancel(usize),
    Successes(u32),
    ForceOpen,
    ForceClose,
    Disable,
    MetricsOnly,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        8 => Just(Outcome::Success),
        4 => (0_u64..90).prop_map(|seconds| Outcome::Failure {
            retry_after: (seconds > 60).then(|| Duration::from_secs(seconds))
        }),
        2 => (0.0..1.0_f64).prop_map(|share| Outcome::partial(Weight::new(share))),
        1 => Just(Outcome::Slow),
        1 => Just(Outcome::Ignore),
        1 => Just(Outcome::Trip { open_for: Duration::from_secs(5) }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (0_u64..40_000).prop_map(Step::Wait),
        150 => Just(Step::Admit),
        150 => (0_usize..4, outcome()).prop_map(|(place, outcome)| Step::Record(place, outcome)),
        20 => (0_usize..4).prop_map(Step::Cancel),
        20 => (1_u32..150).prop_map(Step::Successes),
        2 => Just(Step::ForceOpen),
        2 => Just(Step::ForceClose),
        1 => Just(Step::Disable),
        1 => Just(Step::MetricsOnly),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let time = Window::Time {
        span: Duration::from_secs(30),
        buckets: 6,
    };
    let rules = vec![
        Rule::ConsecutiveFailures(4),
        Rule::FailureRate {
            threshold: 0.5,
            minimum_calls: 4,
            window: Window::Count(10),
        },
        Rule::FailureRate {
            threshold: 0.3,
            minimum_calls: 3,
            window: Window::Count(70),
        },
        Rule::FailureRate {
            threshold: 0.4,
            minimum_calls: 5,
            window: time,
        },
        Rule::SlowCallRate {
            slow_call_duration: Duration::from_secs(20),
            threshold: 0.5,
            minimum_calls: 2,
            window: time,
        },
    ];
    (
        prop::sample::subsequence(rules, 1..=5),
        1_u32..5,
        0.1_f64..=1.0,
        prop::option::of(2_u32..9),
    )
        .prop_map(|(rules, half_open_permits, half_open_ratio, ramp)| {
            Settings {
                rules,
                half_open_permits,
                half_open_ratio,
                ramp,
                open_factor: 2.0,
                jitter: 0.5,
                seed: 7,
                ..Settings::default()
            }
            .mended()
            .0
        })
}

/// Whoever calls and reports at one breaker and at one bare circuit.
struct Both {
    breaker: Breaker,
    circuit: Circuit,
    out: Vec<(Ticket, Pass)>,
}

impl Both {
    fn admit(&mut self) -> Result<(), TestCaseError> {
        match (self.breaker.admit(), self.circuit.admit(Instant::now())) {
            (Ok(ticket), Ok(pass)) => {
                prop_assert_eq!(ticket.is_probe(), pass.permit.is_some());
                self.out.push((ticket, pass));
            }
            (Err(open), Err(refusal)) => {
                prop_assert_eq!(open.retry_in, refusal.retry_in);
                prop_assert_eq!(open.until, refusal.until);
                prop_assert_eq!(open.generation, refusal.generation);
            }
            (one, other) => prop_assert!(false, "{:?} but {:?}", one, other),
        }
        Ok(())
    }

    fn record(&mut self, place: usize, outcome: Option<Outcome>) {
        let (ticket, pass) = self.out.remove(place);
        match outcome {
            Some(outcome) => {
                ticket.record(outcome);
                self.circuit.record(Instant::now(), pass, outcome);
            }
            None => {
                drop(ticket);
                self.circuit.cancel(Instant::now(), pass);
            }
        }
    }

    fn same(&mut self) -> Result<(), TestCaseError> {
        let seen = self.breaker.snapshot();
        let now = Instant::now();
        let retry_in = self
            .circuit
            .check(now)
            .err()
            .map(|refusal| refusal.retry_in);
        prop_assert_eq!(seen.state, self.circuit.state());
        prop_assert_eq!(seen.generation, self.circuit.generation());
        prop_assert_eq!(seen.consecutive_failures, self.circuit.streak());
        prop_assert_eq!(seen.probes_out, self.circuit.probes_out());
        prop_assert_eq!(seen.opened_times, self.circuit.opened_times());
        prop_assert_eq!(seen.would_have_opened, self.circuit.would_have_opened());
        prop_assert_eq!(seen.open_level, self.circuit.open_level(now));
        prop_assert_eq!(seen.ramp_limit, self.circuit.ramp_limit());
        prop_assert_eq!(seen.rates, self.circuit.rates(now));
        prop_assert_eq!(seen.retry_in, retry_in);
        prop_assert_eq!(seen.last_cause, self.circuit.last_transition().cause);
        Ok(())
    }
}

async fn run(settings: Settings, steps: Vec<Step>, look: bool) -> Result<(), TestCaseError> {
    let mut both = Both {
        breaker: Breaker::new("both".into(), settings.clone(), ()),
        circuit: Circuit::new(settings, Instant::now()),
        out: Vec::new(),
    };
    for step in steps {
        match step {
            Step::Wait(millis) => tokio::time::advance(Duration::from_millis(millis)).await,
            Step::Admit => both.admit()?,
            Step::Record(place, _) | Step::Cancel(place) if place >= both.out.len() => {}
            Step::Record(place, outcome) => both.record(place, Some(outcome)),
            Step::Cancel(place) => both.record(place, None),
            Step::Successes(count) => {
                for _ in 0..count {
                    both.admit()?;
                    match both.out.len() {
                        0 => break,
                        len => both.record(len - 1, Some(Outcome::Success)),
                    }
                }
            }
            Step::ForceOpen => {
                let until = Instant::now() + Duration::from_secs(3);
                both.breaker.force_open("test", until);
                both.circuit.force_open(Instant::now(), "test", Some(until));
            }
            Step::ForceClose => {
                both.breaker.force_close();
                both.circuit.force_close(Instant::now());
            }
            Step::Disable => {
                both.breaker.disable();
                both.circuit.disable(Instant::now());
            }
            Step::MetricsOnly => {
                both.breaker.metrics_only();
                both.circuit.metrics_only(Instant::now());
            }
        }
        // Looking takes the lock and enters what was counted; mostly nobody looks.
        if look {
            both.same()?;
        }
    }
    both.same()?;
    while !both.out.is_empty() {
        both.record(0, None);
    }
    both.same()?;
    prop_assert_eq!(
        both.breaker.snapshot().probes_out,
        0,
        "permits in = permits out"
    );
    if let State::HalfOpen = both.breaker.state() {
        prop_assert!(both.breaker.admit().is_ok(), "all permits are back");
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_path_without_a_lock_agrees_with_the_circuit(
        settings in settings(), steps in prop::collection::vec(step(), 1..300), look in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        runtime.block_on(run(settings, steps, look))?;
    }
}
