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
    let centre = steps.iter().sum::<f64>() / count;
    let size = steps.iter().map(|step| step.abs()).sum::<f64>() / count;
    let (mut square, mut fourth, mut spread, mut pairs) = (0.0, 0.0, 0.0, 0.0);
    let mut before = None;
    for step in steps {
        let away = (step - centre) * (step - centre);
        let larger = step.abs() - size;
        (square, fourth) = (square + away, fourth + away * away);
        spread += larger * larger;
        pairs += before.map_or(0.0, |before: f64| before * larger);
        before = Some(larger);
    }
    let (square, fourth) = (square / count, fourth / count);
    let agreement = pairs / spread;
    let kurtosis = fourth / (square * square);
    if agreement < AGREEMENT && kurtosis < KURTOSIS {
        tally.measured(&A_DRAWN, Severity::Warning, Some("close"), || {
            format!(
                "moves like a random walk: sizes of moves agree by {agreement:.3}, kurtosis {kurtosis:.1}"
            )
        });
    }
}
