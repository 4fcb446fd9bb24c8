//! Faults that one answer alone does not show: sources beside each other, streams of changes, births and clocks.
//!
//! Beyond the 112 kinds of the catalogue, with the numbers that the catalogue names them by. Some are no faults at all, and then
//! nothing may be said.

mod births;
mod sources;
mod streams;

use std::collections::BTreeMap;
use std::fmt;

use robust_market::{Dimension, Report, Severity};

use super::outcome::{at_least, at_most, interval};
use super::recorded::Recorded;
use super::stats::{Share, mean};
use crate::report::Row;

/// One kind.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name: X sources beside each other, Q streams, S births, C clocks.
    pub id: &'static str,
    /// What is done.
    pub what: &'static str,
    /// Whether it must be found; what is told for its own sake has no goal.
    pub due: Due,
    /// Where it belongs.
    pub dimension: Dimension,
    /// Trials in which it was found.
    pub found: Share,
    /// Answers of the trials that nothing is wrong with, and of them those that were blamed.
    pub blamed: Share,
    /// What blamed them, and how often.
    pub rules: BTreeMap<&'static str, u32>,
}

/// What is expected of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It must be found.
    Found,
    /// It lies at the limit of what a rule calls noise: told, without a goal.
    Told,
    /// It is no fault: nothing may be said.
    Silence,
}

impl Kind {
    fn new(id: &'static str, due: Due, dimension: Dimension, what: &'static str) -> Self {
        Self {
            id,
            what,
            due,
            dimension,
            found: Share::default(),
            blamed: Share::default(),
            rules: BTreeMap::new(),
        }
    }

    /// Counts an answer that nothing is wrong with.
    fn sound(&mut self, report: &Report) {
        let mut heavy = report
            .issues
            .iter()
            .filter(|issue| issue.severity >= Severity::Warning)
            .peekable();
        self.blamed.add(heavy.peek().is_some());
        for issue in heavy {
            *self.rules.entry(issue.rule).or_default() += 1;
        }
    }
}

/// Every kind.
#[derive(Debug, Clone, Default)]
pub struct Beyond(pub Vec<Kind>);

impl Beyond {
    /// `n` trials of each kind for each seed; streams are recorded ones where there are some.
    #[must_use]
    pub fn run(n: u32, seeds: &[u64], recorded: &Recorded) -> Self {
        let mut kinds = sources::kinds(n, seeds);
        kinds.extend(streams::kinds(n, seeds, recorded.kraken.as_deref()));
        kinds.extend(births::kinds(n, seeds));
        Self(kinds)
    }

    /// The mean over what must be found, and what was blamed without a reason.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let due: Vec<&Kind> = self.0.iter().filter(|k| k.due == Due::Found).collect();
        let shares: Vec<f64> = due.iter().map(|kind| kind.found.value()).collect();
        let sum = |of: fn(&Kind) -> Share, kinds: &[&Kind]| {
            kinds.iter().fold(Share::default(), |a, kind| Share {
                hits: a.hits + of(kind).hits,
                trials: a.trials + of(kind).trials,
            })
        };
        let every: Vec<&Kind> = self.0.iter().collect();
        let blamed = sum(|kind| kind.blamed, &every);
        vec![
            at_least(
                "quality.beyond.recall",
                mean(&shares),
                "share",
                0.97,
                format!(
                    "{} kinds; {}",
                    due.len(),
                    interval(sum(|kind| kind.found, &due))
                ),
            ),
            at_most(
                "quality.beyond.false_alarms_per_10k",
                blamed.value() * 1e4,
                "per 10,000",
                1.0,
                format!(
                    "sound answers beside faults and without; {}",
                    interval(blamed)
                ),
            ),
        ]
    }
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<5} {:<12} {:>5} {:>6} {:>13} {:>7} {:>7}  what no single answer shows",
            "kind", "dimension", "n", "found", "95 %", "sound", "blamed"
        )?;
        for kind in &self.0 {
            let (low, high) = kind.found.wilson();
            let found = if kind.due == Due::Silence {
                ["-".to_owned(), "no fault".to_owned()]
            } else {
                [
                    format!("{:.3}", kind.found.value()),
                    format!("{low:.3}–{high:.3}"),
                ]
            };
            let told = if kind.due == Due::Told {
                " (no goal)"
            } else {
                ""
            };
            let rules: Vec<String> = kind
                .rules
                .iter()
                .map(|(rule, count)| format!("; blamed by {rule} {count}"))
                .collect();
            writeln!(
                f,
                "{:<5} {:<12} {:>5} {:>6} {:>13} {:>7} {:>7}  {}{told}{}",
                kind.id,
                kind.dimension.as_str(),
                kind.found.trials,
                found[0],
                found[1],
                kind.blamed.trials,
                kind.blamed.hits,
                kind.what,
                rules.concat()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_found_is_found_and_streams_births_and_clocks_are_not_blamed() {
        let beyond = Beyond::run(3, &[1], &Recorded::default());
        assert_eq!(beyond.0.len(), 20, "{beyond}");
        for kind in &beyond.0 {
            let trials = kind.found.trials + kind.blamed.trials;
            assert!(trials >= 3, "{}: {trials}", kind.id);
            let alone = !kind.id.starts_with('X');
            assert!(!alone || kind.blamed.hits == 0, "{beyond}");
        }
        assert!(beyond.rows()[0].holds, "{beyond}");
    }
}
