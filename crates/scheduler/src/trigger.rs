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
                let turn = seed
                    .wrapping_mul(GOLDEN_TURN)
                    .wrapping_add(nth.wrapping_mul(GOLDEN_TURN));
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
