//! What came of the cases.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Family;
use super::cases::Case;
use crate::report::Row;

/// The most characters of a value that a failure shows.
const SHOWN: usize = 90;
/// The most failures of one case that are shown; one broken rule breaks every row of a file.
const PER_CASE: usize = 5;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The field, such as `rows[3].close`.
    pub field: String,
    /// What the case says.
    pub expected: String,
    /// What the connector says.
    pub got: String,
}

impl Failure {
    /// A difference.
    pub fn new(
        field: impl Into<String>,
        expected: impl fmt::Display,
        got: impl fmt::Display,
    ) -> Self {
        Self {
            field: field.into(),
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }
}

/// Cases of one family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases without a difference.
    pub passed: u32,
    /// Cases.
    pub total: u32,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By exchange and family.
    pub tallies: BTreeMap<(String, Family), Tally>,
    /// Every difference with its file.
    pub failures: Vec<(String, Failure)>,
    /// Folders with cases that are not run.
    pub not_covered: BTreeSet<String>,
}

impl Outcome {
    pub(super) fn add(&mut self, case: &Case, failures: Vec<Failure>) {
        let tally = self
            .tallies
            .entry((case.exchange.clone(), case.family))
            .or_default();
        tally.total += 1;
        tally.passed += u32::from(failures.is_empty());
        let more = failures.len().saturating_sub(PER_CASE);
        for failure in failures.into_iter().take(PER_CASE) {
            self.failures.push((case.file.clone(), failure));
        }
        if more > 0 {
            let failure = Failure::new("…", "", format!("{more} more"));
            self.failures.push((case.file.clone(), failure));
        }
    }

    /// Whether every case passed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    /// One row for each exchange and family.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.tallies
            .iter()
            .map(|((exchange, family), tally)| {
                Row::share(
                    format!("conformance.{exchange}.{family}"),
                    tally.passed,
                    tally.total,
                )
            })
            .collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (file, failure) in &self.failures {
            writeln!(
                f,
                "{file}: {}: expected {}, got {}",
                failure.field,
                cut(&failure.expected),
                cut(&failure.got)
            )?;
        }
        if !self.failures.is_empty() {
            writeln!(f)?;
        }
        writeln!(f, "{:<10} {:<14} {:>9}", "exchange", "family", "passed")?;
        for ((exchange, family), tally) in &self.tallies {
            let passed = format!("{}/{}", tally.passed, tally.total);
            writeln!(f, "{exchange:<10} {family:<14} {passed:>9}")?;
        }
        if !self.not_covered.is_empty() {
            let folders: Vec<&str> = self.not_covered.iter().map(String::as_str).collect();
            writeln!(f, "not covered: {}", folders.join(", "))?;
        }
        Ok(())
    }
}

/// One line, not too long.
fn cut(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect();
    if line.chars().count() < text.chars().count() {
        format!("{line}…")
    } else {
        line
    }
}
