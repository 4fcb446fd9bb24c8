//! When a job comes due: arithmetic on instants, never a loop over periods.

use std::time::Duration;

use tokio::time::Instant;

/// 2⁶⁴ divided by the golden ratio. Multiples of it, read as fractions of a turn, stay as evenly
/// spaced as any sequence can: 1,000 ten-second jobs peak at 11 starts in any 100 ms (mean 10),
/// against 20 for hashed and 1,000 for equal phases.
const GOLDEN_TURN: u64 = 0x9E37_79B9_7F4A_7C15;

/// What makes a job come due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// Once a period, for ever.
    Every {
        /// The time between two occurrences.
        period: Duration,
        /// Where in the period the occurrences lie.
        phase: Phase,
    },
}

/// Where in its period a job comes due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Phase {
    /// Whole periods after the job was added: jobs added together come due together.
    #[default]
    Added,
    /// Evenly spread over the period among the jobs of the same group and period, in the order of
    /// adding. The same seed and order give the same phases. A job that also runs at its start
    /// comes due again at least half a period later.
    Spread,
}

/// The occurrences that came due up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// How many.
    pub(crate) count: u64,
    /// The last of them.
    pub(crate) latest: Instant,
    /// The one after it; always later than the moment asked for. `None` past the end of time.
    pub(crate) next: Option<Instant>,
}

impl Trigger {
    /// The time between two occurrences.
    pub fn period(&self) -> Duration {
        let Self::Every { period, .. } = self;
        *period
    }

    /// The first occurrence of a job added at `added` as the `nth` of its class.
    pub(crate) fn first(
        &self,
        added: Instant,
        run_at_start: bool,
        seed: u64,
        nth: u64,
    ) -> Option<Instant> {
        let Self::Every { period, phase } = *self;
        let offset = match phase {
            Phase::Added => period,
            Phase::Spread => {
                // From one on, so that no job is due at the moment it is added.
                let turn = mixed(seed).wrapping_add((nth + 1).wrapping_mul(GOLDEN_TURN));
                let offset = fraction(period, turn);
                if run_at_start && offset < period / 2 {
                    offset.checked_add(period)?
                } else {
                    offset
                }
            }
        };
        added.checked_add(offset)
    }

    /// All occurrences from `first` on that are due at `now`. `first` must not be after `now`.
    pub(crate) fn due(&self, first: Instant, now: Instant) -> Due {
        let period = self.period();
        let late = now.saturating_duration_since(first);
        // A zero period is refused when the job is added; one nanosecond keeps the division total.
        let nanos = period.as_nanos().max(1);
        let whole = late.as_nanos() / nanos;
        let latest = first.checked_add(duration(whole * nanos)).unwrap_or(first);
        Due {
            count: u64::try_from(whole).unwrap_or(u64::MAX).saturating_add(1),
            latest,
            next: latest.checked_add(period).filter(|next| *next > now),
        }
    }
}

/// Scatters seeds over the whole turn (the finaliser of SplitMix64): neighbouring seeds must not
/// give the same phases one job apart. Zero stays zero.
fn mixed(seed: u64) -> u64 {
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    seed ^ (seed >> 31)
}

/// The share of a period at a 2⁶⁴th part of a turn.
fn fraction(period: Duration, turn: u64) -> Duration {
    // Both factors are cut to 64 bits, so that the product fits; 2⁶⁴ ns are 584 years.
    let nanos = u128::from(u64::try_from(period.as_nanos()).unwrap_or(u64::MAX));
    duration((nanos * u128::from(turn)) >> 64)
}

fn duration(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    match (u64::try_from(nanos / SECOND), u32::try_from(nanos % SECOND)) {
        (Ok(seconds), Ok(rest)) => Duration::new(seconds, rest),
        _ => Duration::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every(period: Duration) -> Trigger {
        Trigger::Every {
            period,
            phase: Phase::Added,
        }
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_counting(period in 1_u64..5_000, late in 0_u64..100_000) {
            let first = Instant::now();
            let (period, now) = (Duration::from_millis(period), first + Duration::from_millis(late));
            let (mut count, mut latest, mut next) = (1, first, first + period);
            while next <= now {
                (count, latest, next) = (count + 1, next, next + period);
            }
            prop_assert_eq!(every(period).due(first, now), Due { count, latest, next: Some(next) });
        }

        #[test]
        fn the_next_is_always_later_than_now(period in 1_u64..u64::MAX, late in 0_u64..(1 << 60)) {
            let first = Instant::now();
            let (Some(now), period) = (first.checked_add(Duration::from_nanos(late)), Duration::from_nanos(period)) else {
                return Ok(());
            };
            let due = every(period).due(first, now);
            prop_assert!(due.next.is_none_or(|next| next > now));
            prop_assert!(due.latest <= now && due.latest >= first);
        }

        #[test]
        fn a_spread_job_comes_first_within_its_bounds(seed in any::<u64>(), nth in 0_u64..100_000, run_at_start in any::<bool>()) {
            let (added, period) = (Instant::now(), Duration::from_secs(10));
            let trigger = Trigger::Every { period, phase: Phase::Spread };
            let first = trigger.first(added, run_at_start, seed, nth).map(|first| first - added).unwrap();
            let (from, to) = if run_at_start { (period / 2, period * 3 / 2) } else { (Duration::ZERO, period) };
            prop_assert!(from <= first && first < to, "{first:?}");
        }
    }

    #[test]
    fn a_period_past_the_end_of_time_is_due_no_more() {
        let first = Instant::now();
        assert_eq!(every(Duration::MAX).first(first, false, 0, 0), None);
        let due = every(Duration::MAX).due(first, first);
        assert_eq!((due.count, due.latest, due.next), (1, first, None));
    }

    #[test]
    fn a_thousand_spread_jobs_never_crowd() {
        let (added, period) = (Instant::now(), Duration::from_secs(10));
        let trigger = Trigger::Every {
            period,
            phase: Phase::Spread,
        };
        for seed in [0, 1, 2, 0xDEAD_BEEF] {
            let mut phases: Vec<Duration> = (0..1_000)
                .filter_map(|nth| trigger.first(added, false, seed, nth))
                .map(|first| first - added)
                .collect();
            phases.sort_unstable();
            // Twice round, so that a crowd across the end of the period counts too.
            let round: Vec<Duration> = phases
                .iter()
                .copied()
                .chain(phases.iter().map(|phase| *phase + period))
                .collect();
            let crowd = |from: usize| {
                round
                    .iter()
                    .skip(from)
                    .take_while(|phase| **phase - round[from] < Duration::from_millis(100))
                    .count()
            };
            assert_eq!(phases.len(), 1_000);
            assert!(
                phases.iter().all(|phase| !phase.is_zero()),
                "none is due when it is added"
            );
            assert!((0..1_000).map(crowd).max().unwrap() <= 12, "seed {seed}");
        }
    }

    #[test]
    fn neighbouring_seeds_share_no_phase() {
        let (added, period) = (Instant::now(), Duration::from_secs(10));
        let trigger = Trigger::Every {
            period,
            phase: Phase::Spread,
        };
        let phases = |seed| (0..100).filter_map(move |nth| trigger.first(added, false, seed, nth));
        assert!(phases(7).all(|phase| phases(8).all(|other| other != phase)));
    }
}
