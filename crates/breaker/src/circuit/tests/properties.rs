//! What holds whatever happens.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit,
    /// Of the passes that are out, counted from the oldest.
    Record(usize, Outcome),
    ForceOpen(u64),
    ForceClose,
    Reset,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Success),
        3 => Just(FAILURE),
        1 => (0_u64..200).prop_map(failure_until),
        1 => (0_u64..200).prop_map(ban),
        1 => Just(Outcome::Ignore),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..90).prop_map(Step::Wait),
        8 => Just(Step::Admit),
        8 => (0_usize..8, outcome()).prop_map(|(place, outcome)| Step::Record(place, outcome)),
        1 => (0_u64..90).prop_map(Step::ForceOpen),
        1 => Just(Step::ForceClose),
        1 => Just(Step::Reset),
    ]
}

fn seen(circuit: &Circuit) -> String {
    format!("{circuit:?}")
}

/// The same without what the server's word may lengthen.
fn but_for_the_end(circuit: &Circuit) -> String {
    let now = circuit.last_transition().at;
    format!(
        "{} {} {} {:?} {:?} {} {} {:?} {}",
        circuit.generation(),
        circuit.state(),
        circuit.streak(),
        circuit.not_before,
        circuit.due(),
        circuit.opened_times(),
        circuit.open_level(now),
        circuit.rates(now),
        circuit.last_transition().cause,
    )
}

proptest! {
    #[test]
    fn whatever_happens(
        limit in 1_u32..5, permits in 1_u32..5, steps in prop::collection::vec(step(), 1..300)
    ) {
        let mut bench = Bench::new(limit, permits);
        let mut out: Vec<Pass> = Vec::new();
        for step in steps {
            let before = bench.circuit.generation();
            match step {
                Step::Wait(seconds) => { bench.wait(seconds); }
                Step::Admit => {
                    let checked = bench.circuit.check(bench.now);
                    let was = bench.circuit.state();
                    let admitted = bench.admit();
                    prop_assert_eq!(checked.is_ok(), admitted.is_ok(), "check and admit agree");
                    if let State::Open { until } = was {
                        prop_assert_eq!(admitted.is_ok(), until <= bench.now, "no call before the end");
                    }
                    out.extend(admitted);
                }
                Step::Record(place, outcome) if place < out.len() => {
                    let pass = out.remove(place);
                    let _ = bench.circuit.check(bench.now); // lets time act first
                    let (stale, was) = (pass.generation != bench.circuit.generation(), seen(&bench.circuit));
                    let (end, rest) = (bench.circuit.state().until(), but_for_the_end(&bench.circuit));
                    let opened = bench.circuit.last_transition();
                    bench.record(pass, outcome);
                    let word = outcome.word().map(|word| bench.now + word);
                    let heard = pass.generation + 1 == opened.generation
                        && end.is_some() && word > end && opened.cause != Cause::ForcedOpen("test");
                    if stale && heard {
                        prop_assert_eq!(bench.circuit.state().until(), word, "the longer word holds");
                        prop_assert_eq!(but_for_the_end(&bench.circuit), rest, "and is all that does");
                    } else if stale {
                        prop_assert_eq!(seen(&bench.circuit), was, "a stale result moves nothing");
                    }
                }
                Step::Record(..) => {}
                Step::ForceOpen(seconds) => {
                    let until = bench.now + Duration::from_secs(seconds);
                    bench.circuit.force_open(bench.now, "test", Some(until));
                }
                Step::ForceClose => bench.circuit.force_close(bench.now),
                Step::Reset => bench.circuit.reset(bench.now),
            }
            prop_assert!(bench.circuit.generation() >= before);
            prop_assert!(bench.circuit.probes_out() <= permits);
            if bench.circuit.state() == State::Closed {
                prop_assert!(bench.circuit.streak() < limit, "closed only below the limit");
            }
        }
        // Nothing blocks it for ever, not even probes that never come back.
        bench.wait(3_600);
        prop_assert!(bench.admit().is_ok());
    }

    /// Permits come back: probes that are all ignored leave the circuit as it was.
    #[test]
    fn permits_out_equal_permits_in(permits in 1_u32..8, order in prop::collection::vec(any::<prop::sample::Index>(), 1..50)) {
        let mut bench = Bench::open(permits);
        bench.wait(60);
        let mut out = vec![bench.pass()];
        for place in order {
            match bench.admit() {
                Ok(pass) => out.push(pass),
                Err(_) => {
                    let pass = out.swap_remove(place.index(out.len()));
                    bench.record(pass, Outcome::Ignore);
                }
            }
            prop_assert_eq!(bench.circuit.probes_out() as usize, out.len());
        }
        out.into_iter().for_each(|pass| bench.record(pass, Outcome::Ignore));
        prop_assert_eq!(bench.circuit.probes_out(), 0);
        prop_assert_eq!((0..100).filter(|_| bench.admit().is_ok()).count(), permits as usize);
    }
}
