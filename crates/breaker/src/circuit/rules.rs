//! What a closed circuit counts, and when that is too much.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::buckets::{Buckets, Successes};
use crate::{Cause, Rate, Rule, Window, ring::Ring};

/// All rules of a circuit, OR-ed.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Hundredths of failures in a row.
    in_a_row: Option<u64>,
    rates: Vec<Rated>,
    slow_after: Option<Duration>,
}

#[derive(Debug)]
struct Rated {
    /// Looks at slow calls instead of failures.
    slow: bool,
    /// Ten-thousandths.
    threshold: u64,
    minimum: u64,
    calls: Calls,
}

#[derive(Debug)]
enum Calls {
    Last(Ring),
    Since(Buckets),
}

/// Failures since the last success.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Streak {
    pub(crate) failures: u32,
    /// Their weight.
    pub(crate) hundredths: u64,
}

impl Streak {
    pub(crate) fn add(&mut self, hundredths: u8) {
        self.failures = self.failures.saturating_add(1);
        self.hundredths = self.hundredths.saturating_add(u64::from(hundredths));
    }
}

/// What one call said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    /// How much of it failed, in hundredths; `None` if it did not say.
    pub(crate) failed: Option<u8>,
    pub(crate) slow: bool,
}

impl Rules {
    pub(crate) fn new(rules: &[Rule], origin: Instant) -> Self {
        let mut built = Self {
            in_a_row: None,
            rates: Vec::new(),
            slow_after: None,
        };
        for rule in rules {
            let (slow, threshold, minimum, window) = match *rule {
                Rule::ConsecutiveFailures(failures) => {
                    let limit = u64::from(failures) * 100;
                    // Of two the stricter holds first.
                    built.in_a_row = Some(built.in_a_row.map_or(limit, |other| other.min(limit)));
                    continue;
                }
                Rule::FailureRate {
                    threshold,
                    minimum_calls,
                    window,
                } => (false, threshold, minimum_calls, window),
                Rule::SlowCallRate {
                    slow_call_duration,
                    threshold,
                    minimum_calls,
                    window,
                } => {
                    built.slow_after = Some(slow_call_duration);
                    (true, threshold, minimum_calls, window)
                }
            };
            built.rates.push(Rated {
                slow,
                // A share from 0 to 1.
                threshold: (threshold * 10_000.0).round() as u64,
                minimum: u64::from(minimum),
                calls: match window {
                    Window::Count(size) => Calls::Last(Ring::new(size)),
                    Window::Time { span, buckets } => {
                        Calls::Since(Buckets::new(span, buckets, origin))
                    }
                },
            });
        }
        built
    }

    /// From this duration on a call is slow.
    pub(crate) fn slow_after(&self) -> Option<Duration> {
        self.slow_after
    }

    /// Where good calls are counted by their time.
    pub(crate) fn successes(&self) -> Box<[Arc<Successes>]> {
        self.rates
            .iter()
            .filter_map(|rated| match &rated.calls {
                Calls::Last(_) => None,
                Calls::Since(buckets) => Some(buckets.successes()),
            })
            .collect()
    }

    pub(crate) fn clear(&mut self) {
        for rated in &mut self.rates {
            match &mut rated.calls {
                Calls::Last(ring) => ring.clear(),
                Calls::Since(buckets) => buckets.clear(),
            }
        }
    }

    /// Enters good calls into the count windows.
    pub(crate) fn fold(&mut self, successes: u32) {
        for rated in &mut self.rates {
            if let Calls::Last(ring) = &mut rated.calls {
                ring.push_zeros(successes);
            }
        }
    }

    /// After so many good calls in a row one more changes nothing in a count window.
    pub(crate) fn successes_wanted(&self) -> u32 {
        self.rates
            .iter()
            .filter_map(|rated| match &rated.calls {
                Calls::Last(ring) => Some(ring.zeros_wanted()),
                Calls::Since(_) => None,
            })
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn push(&mut self, generation: u64, now: Instant, said: Said) {
        for rated in &mut self.rates {
            let value = match (rated.slow, said.failed) {
                (true, None) if !said.slow => continue,
                (true, _) => u8::from(said.slow) * 100,
                (false, Some(failed)) => failed,
                (false, None) => continue,
            };
            match &mut rated.calls {
                Calls::Last(ring) => ring.push(value),
                Calls::Since(buckets) => buckets.push(generation, now, value),
            }
        }
    }

    /// The first rule that holds after a call that said this.
    pub(crate) fn judge(
        &self,
        generation: u64,
        now: Instant,
        streak: Streak,
        said: Said,
    ) -> Option<Cause> {
        let failed = said.failed.is_some_and(|hundredths| hundredths > 0);
        if failed
            && self
                .in_a_row
                .is_some_and(|limit| streak.hundredths >= limit)
        {
            return Some(Cause::ConsecutiveFailures(streak.failures));
        }
        self.rates
            .iter()
            // A good call cannot open a circuit.
            .filter(|rated| if rated.slow { said.slow } else { failed })
            .find_map(|rated| rated.judge(generation, now))
    }

    /// Where each rate stands.
    pub(crate) fn rates(&self, generation: u64, now: Instant) -> Vec<Rate> {
        self.rates
            .iter()
            .map(|rated| rated.rate(generation, now))
            .collect()
    }
}

impl Rated {
    fn rate(&self, generation: u64, now: Instant) -> Rate {
        let (calls, hundredths) = match &self.calls {
            Calls::Last(ring) => (ring.filled(), ring.sum()),
            Calls::Since(buckets) => buckets.count(generation, now),
        };
        Rate { calls, hundredths }
    }

    fn judge(&self, generation: u64, now: Instant) -> Option<Cause> {
        let rate = self.rate(generation, now);
        // Both sides in ten-thousandths of a call: exact.
        let holds = rate.calls >= self.minimum
            && rate.hundredths.saturating_mul(100) >= self.threshold.saturating_mul(rate.calls);
        let (percent, calls) = (rate.percent(), rate.calls);
        holds.then_some(if self.slow {
            Cause::SlowCallRate { percent, calls }
        } else {
            Cause::FailureRate { percent, calls }
        })
    }
}
