//! Does the series move as markets do? Evidence only: no statistics can prove where a series comes from.

use robust_market::{Origin, Severity};

use crate::Context;
use crate::rules::A_DRAWN;
use crate::tally::Tally;

/// Bars from which on the statistics mean something.
const ENOUGH: usize = 500;
/// Of 14 recorded series none has less agreement between the size of one move and the next than 0.14; a random walk has 0.006.
const AGREEMENT: f64 = 0.1;
/// Of 14 recorded series none has a kurtosis under 5; a random walk has 3.
const KURTOSIS: f64 = 4.0;
/// A thin market has both low as well: more bars than this must have moved.
const MOVED: f64 = 0.95;

/// Objects to a long, liquid series whose moves are as independent and as tame as a random walk's.
pub(super) fn judge(tally: &mut Tally, steps: &[f64], context: &Context<'_>) {
    let origin = context.provenance.and_then(|provenance| provenance.origin);
    // A simulator says that it is one.
    if steps.len() < ENOUGH || origin == Some(Origin::Simulated) {
        return;
    }
    let count = f64::from(u32::try_from(steps.len()).unwrap_or(u32::MAX));
    let moved = steps.iter().filter(|step| **step != 0.0).count();
    if f64::from(u32::try_from(moved).unwrap_or(u32::MAX)) < MOVED * count {
        return;
    }
    let centre = sum(steps, |step| step) / count;
    let square = sum(steps, |step| (step - centre).powi(2)) / count;
    let kurtosis = sum(steps, |step| (step - centre).powi(4)) / count / (square * square);
    // Hardly any market is that tame: the rest need not be known.
    if kurtosis.is_nan() || kurtosis >= KURTOSIS {
        return;
    }
    let size = sum(steps, f64::abs) / count;
    let larger = |step: f64| step.abs() - size;
    let spread = sum(steps, |step| larger(step).powi(2));
    let pairs: f64 = steps
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(larger(*a) * larger(*b)),
            _ => None,
        })
        .sum();
    let agreement = pairs / spread;
    if agreement < AGREEMENT {
        tally.measured(&A_DRAWN, Severity::Warning, Some("close"), || {
            format!(
                "moves like a random walk: sizes of moves agree by {agreement:.3}, kurtosis {kurtosis:.1}"
            )
        });
    }
}

/// The sum of a function of each value, in four parts beside each other: one sum would wait for itself.
fn sum(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let mut parts = [0.0; 4];
    for four in values.chunks(4) {
        for (part, value) in parts.iter_mut().zip(four) {
            *part += of(*value);
        }
    }
    parts.iter().sum()
}
