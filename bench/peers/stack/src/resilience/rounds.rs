//! Rounds in which every case has its turn.

use std::time::{Duration, Instant};

use robust_proof::bench::{PAIRS_MIN, bound, median};

use super::clock::thread_time;
use super::subject::Case;

/// The time of one turn.
const SLICE: Duration = Duration::from_millis(3);

/// What the turns of a case came to.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The case.
    pub name: &'static str,
    /// Nanoseconds of a call, one value a round.
    pub rounds: Vec<f64>,
}

impl Measured {
    /// Nanoseconds of a call, the median.
    pub fn ns(&self) -> f64 {
        median(&mut self.rounds.clone())
    }

    /// Between which two the median lies with 95 %.
    pub fn bound(&self) -> (f64, f64) {
        bound(&mut self.rounds.clone())
    }

    /// This to `other`, round by round: the median, and between which two it lies with 95 %.
    pub fn ratio(&self, other: &Self) -> (f64, (f64, f64)) {
        let mut ratios: Vec<f64> = self
            .rounds
            .iter()
            .zip(&other.rounds)
            .map(|(own, other)| own / other)
            .collect();
        (median(&mut ratios), bound(&mut ratios))
    }
}

/// Gives each case its turn in each round, for about `budget` and at least [`PAIRS_MIN`] rounds.
///
/// Each round begins with another case, so that nobody always follows the same one.
pub fn measure(cases: &mut [Case], budget: Duration) -> Vec<Measured> {
    let calls: Vec<u32> = cases.iter_mut().map(calls_in_a_slice).collect();
    let mut measured: Vec<Measured> = cases
        .iter()
        .map(|case| Measured {
            name: case.name,
            rounds: Vec::new(),
        })
        .collect();
    let begun = Instant::now();
    let mut round = 0;
    while round < PAIRS_MIN || begun.elapsed() < budget {
        for turn in 0..cases.len() {
            let index = (turn + round) % cases.len();
            let ns = time(&mut cases[index], calls[index]);
            measured[index].rounds.push(ns);
        }
        round += 1;
    }
    measured
}

/// Nanoseconds of this thread for one of `calls` calls.
fn time(case: &mut Case, calls: u32) -> f64 {
    let before = thread_time();
    (case.run)(calls);
    (thread_time() - before).as_secs_f64() * 1e9 / f64::from(calls)
}

/// How many calls fill a turn, found by doubling; warms the case up besides.
fn calls_in_a_slice(case: &mut Case) -> u32 {
    let mut calls = 1_024;
    loop {
        let per_call = time(case, calls);
        let slice = SLICE.as_secs_f64() * 1e9;
        if per_call * f64::from(calls) >= slice / 2.0 || calls >= 1 << 24 {
            return (slice / per_call).clamp(64.0, f64::from(1 << 24)) as u32;
        }
        calls *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_as_many_turns() {
        let idle = |name| {
            Case::new(name, |calls| {
                (0..calls).for_each(|n| {
                    std::hint::black_box(n);
                })
            })
        };
        let measured = measure(&mut [idle("a"), idle("b")], Duration::ZERO);
        assert!(measured.iter().all(|case| case.rounds.len() == PAIRS_MIN));
        assert!(measured[0].ns() > 0.0);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let with = |rounds: &[f64]| Measured {
            name: "x",
            rounds: rounds.to_vec(),
        };
        let (ratio, _) = with(&[1.0, 10.0, 100.0]).ratio(&with(&[2.0, 20.0, 200.0]));
        assert_eq!(ratio, 0.5);
    }
}
