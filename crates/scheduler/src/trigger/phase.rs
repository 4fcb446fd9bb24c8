//! Phases by the golden ratio: any number of jobs of one period, as evenly spread as can be.

use crate::moment::Nanos;

/// 2⁶⁴ divided by the golden ratio. Multiples of it, read as fractions of a turn, stay as evenly
/// spaced as any sequence can: 1,000 ten-second jobs peak at 11 starts in any 100 ms (mean 10),
/// against 20 for hashed and 1,000 for equal phases.
const GOLDEN_TURN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The offset within `period` of the `nth` job of a class.
pub(crate) fn golden(period: Nanos, seed: u64, nth: u64) -> Nanos {
    // From one on, so that no job is due at the moment it is added.
    let turn = mixed(seed).wrapping_add(nth.wrapping_add(1).wrapping_mul(GOLDEN_TURN));
    let period = u128::from(u64::try_from(period).unwrap_or(0));
    Nanos::try_from((period * u128::from(turn)) >> 64).unwrap_or(0)
}

/// Scatters seeds over the whole turn (the finaliser of SplitMix64): neighbouring seeds must not
/// give the same phases one job apart. Zero stays zero.
fn mixed(seed: u64) -> u64 {
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    seed ^ (seed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Nanos = 10_000_000_000;

    #[test]
    fn a_thousand_spread_jobs_never_crowd() {
        for seed in [0, 1, 2, 0xDEAD_BEEF] {
            let mut phases: Vec<_> = (0..1_000).map(|nth| golden(PERIOD, seed, nth)).collect();
            phases.sort_unstable();
            assert!(phases.iter().all(|phase| (1..PERIOD).contains(phase)));
            // Twice round, so that a crowd across the end of the period counts too.
            let round: Vec<_> = phases
                .iter()
                .copied()
                .chain(phases.iter().map(|phase| phase + PERIOD))
                .collect();
            let crowd = |from: usize| {
                let later = round.iter().skip(from);
                later
                    .take_while(|phase| **phase - round[from] < PERIOD / 100)
                    .count()
            };
            assert!((0..1_000).map(crowd).max().unwrap() <= 12, "seed {seed}");
        }
    }

    #[test]
    fn neighbouring_seeds_share_no_phase() {
        let phases = |seed| (0..100).map(move |nth| golden(PERIOD, seed, nth));
        assert!(phases(7).all(|phase| phases(8).all(|other| other != phase)));
    }
}
