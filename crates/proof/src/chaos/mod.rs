//! Storms for a whole source: random calls under random settings with everything going wrong, on a clock of their own.
//!
//! Each seed builds one source over the simulator's in-memory door, draws settings, calls and faults, and lets them run under paused time.
//! Then it checks what must hold whatever happens ([`Story::violations`]). A seed is the whole of it: the same seed is the same storm.
//!
//! ```
//! use robust_proof::chaos::{Plan, run};
//!
//! let story = run(&Plan::draw(7))?;
//! assert!(story.violations.is_empty(), "{:?}", story.violations);
//! # Ok::<(), anyhow::Error>(())
//! ```

mod door;
mod plan;
mod storm;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

pub use plan::{Asked, Cut, Plan, Trouble};
pub use storm::{Story, run};

use crate::report::Row;

/// All storms of a run.
#[derive(Debug, Default)]
pub struct Storms {
    /// How many.
    pub seeds: u64,
    /// The sums of all.
    pub total: Story,
    /// The seeds that broke a rule, with what they broke.
    pub failed: BTreeMap<u64, Vec<String>>,
}

impl Storms {
    /// Runs `seeds` storms from the seed `first` on, on all cores.
    #[must_use]
    pub fn run(first: u64, seeds: u64) -> Self {
        let next = AtomicU64::new(0);
        let all = Mutex::new(Self {
            seeds,
            ..Self::default()
        });
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= seeds {
                            return;
                        }
                        let seed = first.wrapping_add(number);
                        let story = weather(seed);
                        all.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .add(seed, story);
                    }
                });
            }
        });
        all.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&mut self, seed: u64, story: Story) {
        let total = &mut self.total;
        total.ok += story.ok;
        total.refused += story.refused;
        total.failed += story.failed;
        total.dropped += story.dropped;
        total.requests += story.requests;
        total.opened += story.opened;
        total.took += story.took;
        if !story.violations.is_empty() {
            self.failed.insert(seed, story.violations);
        }
    }

    /// The row of the report.
    #[must_use]
    pub fn row(&self) -> Row {
        let violations: usize = self.failed.values().map(Vec::len).sum();
        Row {
            id: "chaos.source.violations".to_owned(),
            value: violations as f64,
            unit: "violations",
            goal: 0.0,
            holds: violations == 0 && self.seeds > 0,
            peers: BTreeMap::new(),
            note: format!(
                "{} seeds, {} of them broke a rule",
                self.seeds,
                self.failed.len()
            ),
        }
    }
}

/// One seed, a panic included.
fn weather(seed: u64) -> Story {
    let ended = std::panic::catch_unwind(|| run(&Plan::draw(seed)));
    let violation = match ended {
        Ok(Ok(story)) => return story,
        Ok(Err(error)) => format!("could not begin: {error:#}"),
        Err(_) => "panicked".to_owned(),
    };
    Story {
        violations: vec![violation],
        ..Story::default()
    }
}

/// Failed seeds that are shown.
const SHOWN: usize = 5;

impl fmt::Display for Storms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = &self.total;
        let hours = total.took.as_secs_f64() / 3_600.0;
        writeln!(
            f,
            "{} storms, {hours:.0} hours by their own clocks",
            self.seeds
        )?;
        for (what, count) in [
            ("calls answered", total.ok),
            ("calls refused here", total.refused),
            ("calls failed", total.failed),
            ("calls dropped", total.dropped),
            ("requests sent", total.requests),
            ("times the breaker opened", total.opened),
        ] {
            writeln!(f, "{what:<26}{count:>12}")?;
        }
        for (seed, violations) in self.failed.iter().take(SHOWN) {
            write!(f, "\n{}", Plan::draw(*seed))?;
            for violation in violations.iter().take(SHOWN) {
                writeln!(f, "  VIOLATION {violation}")?;
            }
            if violations.len() > SHOWN {
                writeln!(f, "  and {} more", violations.len() - SHOWN)?;
            }
            writeln!(f, "  again: cargo xtask chaos source --seed {seed}")?;
        }
        if self.failed.len() > SHOWN {
            writeln!(f, "\nand {} more seeds", self.failed.len() - SHOWN)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_and_fifty_storms_break_nothing() {
        let storms = Storms::run(1, 250);
        assert!(storms.row().holds, "{storms}");
        let total = &storms.total;
        let seen = [
            total.ok,
            total.refused,
            total.failed,
            total.dropped,
            total.opened,
        ];
        assert!(seen.iter().all(|count| *count > 0), "{storms}");
    }

    #[test]
    fn a_seed_is_a_storm() {
        let once = |seed| format!("{:?}", run(&Plan::draw(seed)).unwrap());
        for seed in [3, 5, 8] {
            assert_eq!(once(seed), once(seed));
        }
    }
}
