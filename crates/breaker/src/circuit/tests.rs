//! Tables of the state machine; its properties are in `properties` and `model`.

mod model;
mod properties;

use super::*;
use crate::Rule;

const SECOND: Duration = Duration::from_secs(1);
const FAILURE: Outcome = Outcome::Failure { retry_after: None };

fn settings(failures: u32, permits: u32) -> Settings {
    Settings {
        rules: vec![Rule::ConsecutiveFailures(failures)],
        open_for: 60 * SECOND,
        half_open_permits: permits,
        half_open_deadline: 30 * SECOND,
        ..Settings::default()
    }
    .mended()
    .0
}

fn failure_until(seconds: u64) -> Outcome {
    Outcome::Failure {
        retry_after: Some(Duration::from_secs(seconds)),
    }
}

fn ban(seconds: u64) -> Outcome {
    Outcome::Trip {
        open_for: Duration::from_secs(seconds),
    }
}

/// A circuit with a clock.
struct Bench {
    circuit: Circuit,
    now: Instant,
}

impl Bench {
    fn new(failures: u32, permits: u32) -> Self {
        let now = Instant::now();
        Self {
            circuit: Circuit::new(settings(failures, permits), now),
            now,
        }
    }

    /// One that has just opened for 60 s.
    fn open(permits: u32) -> Self {
        let mut bench = Self::new(1, permits);
        bench.call(FAILURE);
        bench
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    fn admit(&mut self) -> Result<Pass, Refusal> {
        self.circuit.admit(self.now)
    }

    fn pass(&mut self) -> Pass {
        self.admit().expect("admitted")
    }

    fn record(&mut self, pass: Pass, outcome: Outcome) {
        self.circuit.record(self.now, pass, outcome);
    }

    fn call(&mut self, outcome: Outcome) {
        let pass = self.pass();
        self.record(pass, outcome);
    }

    fn open_seconds(&self) -> u64 {
        match self.circuit.state() {
            State::Open { until } => (until - self.now).as_secs(),
            other => panic!("{other}"),
        }
    }

    fn cause(&self) -> Cause {
        self.circuit.last_transition().cause
    }
}

#[test]
fn opens_exactly_at_the_limit_of_consecutive_failures() {
    for limit in [1, 2, 5, 100] {
        let mut bench = Bench::new(limit, 1);
        for _ in 1..limit {
            bench.call(FAILURE);
            assert_eq!(bench.circuit.state(), State::Closed);
        }
        bench.call(FAILURE);
        assert_eq!(bench.open_seconds(), 60);
        assert_eq!(bench.cause(), Cause::ConsecutiveFailures(limit));
    }
    // 0 would mean: open without a failure. It counts as 1.
    let mut bench = Bench::new(0, 1);
    assert!(bench.admit().is_ok());
    bench.call(FAILURE);
    assert_eq!(bench.open_seconds(), 60);
}

#[test]
fn a_success_starts_the_count_again_and_an_ignored_call_does_not() {
    let mut bench = Bench::new(3, 1);
    for outcome in [
        FAILURE,
        FAILURE,
        Outcome::Success,
        FAILURE,
        FAILURE,
        Outcome::Ignore,
    ] {
        bench.call(outcome);
    }
    assert_eq!(bench.circuit.state(), State::Closed);
    bench.call(FAILURE);
    assert_eq!(bench.open_seconds(), 60);
}

#[test]
fn open_time_is_the_longer_of_own_time_and_the_servers_word() {
    let cases: [(&[Outcome], u64); 9] = [
        (&[FAILURE, FAILURE], 60),
        (&[FAILURE, failure_until(10)], 60),
        (&[FAILURE, failure_until(300)], 300),
        // What an earlier failure of the streak said still holds.
        (&[failure_until(300), FAILURE], 300),
        (&[failure_until(300), failure_until(90)], 300),
        // A success in between says that the server is back.
        (
            &[failure_until(300), Outcome::Success, FAILURE, FAILURE],
            60,
        ),
        // A trip opens at once for its own time.
        (&[ban(7_200)], 7_200),
        (&[ban(5)], 5),
        (&[failure_until(300), ban(5)], 300),
    ];
    for (outcomes, seconds) in cases {
        let mut bench = Bench::new(2, 1);
        outcomes.iter().for_each(|outcome| bench.call(*outcome));
        assert_eq!(bench.open_seconds(), seconds, "{outcomes:?}");
    }
}

#[test]
fn a_failed_probe_honours_the_servers_word_too() {
    for (outcome, seconds) in [
        (FAILURE, 60),
        (failure_until(300), 300),
        (failure_until(1), 60),
        (ban(5), 5),
    ] {
        let mut bench = Bench::open(1);
        bench.wait(60).call(outcome);
        assert_eq!(bench.open_seconds(), seconds, "{outcome:?}");
        assert_eq!(bench.circuit.opened_times(), 2);
    }
}

#[test]
fn refuses_until_the_very_end_and_names_it_exactly() {
    let mut bench = Bench::open(1);
    let end = bench.now + 60 * SECOND;
    for (wait, left) in [(0, 60), (1, 59), (58, 1)] {
        let refusal = bench.wait(wait).admit().expect_err("open");
        assert_eq!(
            (refusal.retry_in, refusal.until),
            (left * SECOND, Some(end))
        );
        assert_eq!(bench.circuit.check(bench.now), Err(refusal));
    }
    assert!(bench.wait(1).pass().permit.is_some());
}

#[test]
fn half_open_lets_as_many_probes_through_as_permitted() {
    for permits in [1, 3, 10] {
        let mut bench = Bench::open(permits);
        bench.wait(60);
        let admitted = (0..100).filter(|_| bench.admit().is_ok()).count();
        assert_eq!(admitted, permits as usize);
        assert_eq!(bench.circuit.probes_out(), permits);
    }
}

#[test]
fn all_probes_must_succeed_to_close() {
    let mut bench = Bench::open(3);
    bench.wait(60);
    let passes = [bench.pass(), bench.pass(), bench.pass()];
    for pass in passes {
        assert_eq!(bench.circuit.state(), State::HalfOpen);
        bench.record(pass, Outcome::Success);
    }
    assert_eq!(bench.circuit.state(), State::Closed);
    assert_eq!(
        (bench.cause(), bench.circuit.streak()),
        (Cause::ProbesSucceeded, 0)
    );
}

#[test]
fn a_probe_that_succeeded_leaves_no_room_for_another() {
    let mut bench = Bench::open(2);
    bench.wait(60).call(Outcome::Success);
    let last = bench.pass();
    assert!(
        bench.admit().is_err(),
        "one has succeeded, one is out: that is two"
    );
    bench.record(last, Outcome::Success);
    assert_eq!(bench.circuit.state(), State::Closed);
}

#[test]
fn one_failed_probe_opens_again_and_the_others_no_longer_count() {
    let mut bench = Bench::open(3);
    bench.wait(60);
    let passes = [bench.pass(), bench.pass(), bench.pass()];
    bench.record(passes[0], Outcome::Success);
    bench.record(passes[1], FAILURE);
    assert_eq!(bench.cause(), Cause::ProbeFailed);
    bench.record(passes[2], Outcome::Success);
    assert_eq!(bench.open_seconds(), 60);
}

#[test]
fn a_probe_without_outcome_returns_its_permit() {
    let mut bench = Bench::open(1);
    bench.wait(60);
    for _ in 0..5 {
        let pass = bench.pass();
        assert!(bench.admit().is_err());
        bench.record(pass, Outcome::Ignore);
    }
    assert_eq!(
        (bench.circuit.state(), bench.circuit.probes_out()),
        (State::HalfOpen, 0)
    );
}

#[test]
fn a_probe_recorded_twice_counts_once() {
    let mut bench = Bench::open(2);
    bench.wait(60);
    let pass = bench.pass();
    bench.record(pass, Outcome::Success);
    bench.record(pass, Outcome::Success);
    assert_eq!(bench.circuit.state(), State::HalfOpen);
}

#[test]
fn a_silent_probe_fails_at_its_deadline() {
    let mut bench = Bench::open(1);
    bench.wait(60);
    let silent = bench.pass();
    assert!(bench.wait(29).admit().is_err());
    assert_eq!(bench.circuit.state(), State::HalfOpen);

    // Deadline: open again, counted from the deadline even if nobody looked at that moment.
    let refusal = bench.wait(11).admit().expect_err("open again");
    assert_eq!(refusal.retry_in, 50 * SECOND);
    assert_eq!(bench.cause(), Cause::ProbeTimedOut);

    let fresh = bench.wait(50).pass();
    assert!(fresh.permit.is_some());
    bench.record(silent, Outcome::Success);
    assert_eq!(
        bench.circuit.state(),
        State::HalfOpen,
        "the late answer is not this probe's"
    );
    bench.record(fresh, Outcome::Success);
    assert_eq!(bench.circuit.state(), State::Closed);
}

#[test]
fn a_probe_that_reports_at_its_deadline_is_too_late() {
    let mut bench = Bench::open(1);
    let pass = bench.wait(60).pass();
    bench.wait(30).record(pass, Outcome::Success);
    assert_eq!(bench.cause(), Cause::ProbeTimedOut);
}

#[test]
fn a_long_forgotten_silent_probe_does_not_block_the_next() {
    let mut bench = Bench::open(1);
    bench.wait(60).pass();
    assert!(bench.wait(3_600).pass().permit.is_some());
}

#[test]
fn while_probes_are_out_the_refusal_names_no_end() {
    let mut bench = Bench::open(1);
    bench.wait(60).pass();
    let refusal = bench.admit().expect_err("out");
    assert_eq!((refusal.retry_in, refusal.until), (SECOND, None));
    bench.now += Duration::from_millis(29_750);
    let refusal = bench.admit().expect_err("out");
    assert_eq!(
        refusal.retry_in,
        Duration::from_millis(250),
        "the probe is due earlier"
    );
}

#[test]
fn results_of_another_generation_are_ignored_in_both_directions() {
    for stale in [
        Outcome::Success,
        FAILURE,
        failure_until(9_999),
        ban(9_999),
        Outcome::Ignore,
    ] {
        // Admitted while closed, arrives while open, half-open and closed again.
        let mut bench = Bench::new(1, 1);
        let old = bench.pass();
        bench.call(FAILURE);
        bench.record(old, stale);
        let word = stale.word().map_or(0, |word| word.as_secs());
        assert_eq!(
            bench.open_seconds(),
            word.max(60),
            "{stale:?}: the server's word, no result"
        );
        assert_eq!((bench.circuit.generation(), bench.circuit.streak()), (1, 1));

        let probe = bench.wait(word.max(60)).pass();
        bench.record(old, stale);
        assert_eq!(
            (bench.circuit.state(), bench.circuit.probes_out()),
            (State::HalfOpen, 1),
            "{stale:?}"
        );

        bench.record(probe, Outcome::Success);
        bench.record(old, stale);
        bench.record(probe, stale);
        assert_eq!(bench.circuit.state(), State::Closed, "{stale:?}");
        assert_eq!(bench.circuit.streak(), 0);
    }
}

#[test]
fn of_two_words_of_one_generation_the_longer_holds_in_either_order() {
    for words in [[120, 259_200], [259_200, 120]] {
        let mut bench = Bench::new(2, 1);
        let passes = [bench.pass(), bench.pass()];
        for (pass, word) in passes.into_iter().zip(words) {
            bench.record(pass, ban(word));
        }
        assert_eq!(bench.open_seconds(), 259_200);
        let seen = (bench.circuit.generation(), bench.circuit.opened_times());
        assert_eq!(seen, (1, 1), "opened once");
        assert_eq!(bench.circuit.last_transition().to, bench.circuit.state());
    }
}

#[test]
fn a_word_lengthens_no_open_time_of_an_operator_and_none_but_the_next_generations() {
    let mut bench = Bench::new(1, 2);
    let (old, older) = (bench.pass(), bench.pass());
    let end = bench.now + 10 * SECOND;
    bench.circuit.force_open(bench.now, "test", Some(end));
    bench.record(old, ban(9_999));
    assert_eq!(bench.open_seconds(), 10);

    let probes = [bench.wait(10).pass(), bench.pass()];
    bench.record(probes[0], FAILURE);
    bench.record(older, ban(9_999));
    assert_eq!(bench.open_seconds(), 60, "two generations ago");
    bench.record(probes[1], failure_until(600));
    assert_eq!(bench.open_seconds(), 600);
    bench.record(probes[1], failure_until(6));
    assert_eq!(bench.open_seconds(), 600, "never shorter");
}

#[test]
fn an_old_success_does_not_clear_new_failures() {
    let mut bench = Bench::new(2, 1);
    let old = bench.pass();
    bench.call(FAILURE);
    bench.call(FAILURE);
    bench.wait(60).call(Outcome::Success);
    bench.call(FAILURE);
    bench.record(old, Outcome::Success);
    assert_eq!(bench.circuit.streak(), 1);
}

#[test]
fn force_and_reset_begin_generations() {
    let mut bench = Bench::new(2, 1);
    let old = bench.pass();
    bench
        .circuit
        .force_open(bench.now, "test", Some(bench.now + 10 * SECOND));
    assert_eq!(
        (bench.open_seconds(), bench.cause()),
        (10, Cause::ForcedOpen("test"))
    );
    bench
        .circuit
        .force_open(bench.now, "test", Some(bench.now + 20 * SECOND));
    assert_eq!(bench.open_seconds(), 20);
    bench.circuit.force_close(bench.now);
    assert_eq!(
        (bench.circuit.state(), bench.cause()),
        (State::Closed, Cause::ForcedClose)
    );
    bench.record(old, ban(60));
    assert_eq!(bench.circuit.state(), State::Closed);
    assert_eq!(
        (bench.circuit.generation(), bench.circuit.opened_times()),
        (3, 2)
    );

    bench.call(FAILURE);
    bench.circuit.reset(bench.now);
    assert_eq!(
        (bench.circuit.streak(), bench.circuit.opened_times()),
        (0, 0)
    );
    assert_eq!(
        bench.circuit.generation(),
        4,
        "old results must not fit again"
    );
}

#[test]
fn times_beyond_the_clock_do_not_panic() {
    let mut bench = Bench::new(1, 1);
    bench.call(Outcome::Failure {
        retry_after: Some(Duration::MAX),
    });
    let refusal = bench.wait(86_400).admit().expect_err("open for ever");
    assert!(refusal.retry_in > 365 * 86_400 * SECOND);
}
