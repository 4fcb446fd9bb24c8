//! The tables and the rows.

use std::collections::BTreeMap;
use std::fmt;

use robust_market::{Dimension, Severity};

use super::catalogue::{CATALOGUE, Data, Entry};
use super::recall::{Found, Recall};
use super::stats::Share;
use crate::report::Row;

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What was found of what was broken.
    pub recall: Recall,
}

/// A number that must be at least its goal.
pub(super) fn at_least(
    id: impl Into<String>,
    value: f64,
    unit: &'static str,
    goal: f64,
    note: String,
) -> Row {
    // Shares of equal counts are compared as they are printed, not to the last bit.
    row(id.into(), value, unit, goal, value + 1e-9 >= goal, note)
}

#[allow(dead_code, reason = "false alarms come next")]
/// A number that must be at most its goal.
pub(super) fn at_most(
    id: impl Into<String>,
    value: f64,
    unit: &'static str,
    goal: f64,
    note: String,
) -> Row {
    row(id.into(), value, unit, goal, value <= goal + 1e-9, note)
}

fn row(id: String, value: f64, unit: &'static str, goal: f64, holds: bool, note: String) -> Row {
    Row {
        id,
        value,
        unit,
        goal,
        holds: holds && value.is_finite(),
        peers: BTreeMap::new(),
        note,
    }
}

impl Outcome {
    /// One row for each number that has a goal.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.recall.rows()
    }
}

fn interval(share: Share) -> String {
    let (low, high) = share.wilson();
    format!("95 % {low:.4}–{high:.4}, {}/{}", share.hits, share.trials)
}

impl Recall {
    fn rows(&self) -> Vec<Row> {
        let every = |_: &Entry| true;
        let heavy = |entry: &Entry| entry.severity >= Severity::Error;
        let any = |found: &Found| found.any;
        let there = |found: &Found| found.dimension;
        let out = |found: &Found| found.kept_out;
        let mut rows = vec![
            at_least(
                "quality.recall",
                self.mean(every, any),
                "share",
                0.97,
                interval(self.sum(every, any)),
            ),
            at_least(
                "quality.recall_dimension",
                self.mean(every, there),
                "share",
                0.95,
                interval(self.sum(every, there)),
            ),
            at_least(
                "quality.excluded_error_kinds",
                self.mean(heavy, out),
                "share",
                0.99,
                format!(
                    "{} kinds; {}",
                    CATALOGUE.iter().filter(|e| heavy(e)).count(),
                    interval(self.sum(heavy, out))
                ),
            ),
        ];
        let mut group = |id: &str, dimensions: &[Dimension], goal: f64| {
            let of = |entry: &Entry| dimensions.contains(&entry.dimension);
            let kinds = CATALOGUE.iter().filter(|entry| of(entry)).count();
            rows.push(at_least(
                format!("quality.recall.{id}"),
                self.mean(of, any),
                "share",
                goal,
                format!("{kinds} kinds; {}", interval(self.sum(of, any))),
            ));
        };
        use Dimension::{Accuracy, Completeness, Consistency, Timeliness, Uniqueness, Validity};
        group("structural", &[Validity, Consistency, Uniqueness], 1.0);
        group("accuracy", &[Accuracy], 0.95);
        group("timeliness", &[Timeliness], 1.0);
        group("completeness", &[Completeness], 1.0);
        rows
    }
}

impl fmt::Display for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<4} {:<12} {:<8} {:>5} {:>6} {:>13} {:>6} {:>6}  {:>23}  what",
            "kind",
            "dimension",
            "weight",
            "n",
            "found",
            "95 %",
            "there",
            "out",
            "a/exclude/quar/reject"
        )?;
        for (entry, found) in &self.found {
            let (low, high) = found.any.wilson();
            let [reject, quarantine, exclude, accept] = found.acceptance;
            let severity = format!("{:?}", entry.severity).to_lowercase();
            writeln!(
                f,
                "{:<4} {:<12} {severity:<8} {:>5} {:>6.3} {:>13} {:>6.3} {:>6.3}  {:>23}  {}",
                entry.id,
                entry.dimension.as_str(),
                found.any.trials,
                found.any.value(),
                format!("{low:.3}–{high:.3}"),
                found.dimension.value(),
                found.kept_out.value(),
                format!("{accept}/{exclude}/{quarantine}/{reject}"),
                entry.what
            )?;
        }
        writeln!(f)?;
        for data in Data::ALL {
            let of = |entry: &Entry| entry.data == data;
            writeln!(
                f,
                "{:<8} found {:.4}, there {:.4}",
                data.as_str(),
                self.mean(of, |found| found.any),
                self.mean(of, |found| found.dimension)
            )?;
        }
        let missed = self
            .found
            .iter()
            .filter(|(_, found)| !found.missed.is_empty());
        writeln!(
            f,
            "\nmissed, or booked elsewhere (rules that spoke; some bases):"
        )?;
        for (entry, found) in missed {
            let rules: Vec<String> = found
                .rules
                .iter()
                .map(|(rule, count)| format!("{rule} {count}"))
                .collect();
            writeln!(
                f,
                "  {} {}: generated {:.3}, recorded {:.3}; {}; {}",
                entry.id,
                entry.what,
                found.generated.value(),
                found.recorded.value(),
                if rules.is_empty() {
                    "no rule".to_owned()
                } else {
                    rules.join(", ")
                },
                found.missed.join(", ")
            )?;
        }
        if !self.refused.is_empty() {
            let refused: u32 = self.refused.values().sum();
            writeln!(
                f,
                "\nsound answers that no fault was put into, because a rule warns of them as they are: {refused}"
            )?;
            for (name, count) in &self.refused {
                writeln!(f, "  {name}: {count}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.recall)?;
        writeln!(f)?;
        for row in self.rows() {
            let word = if row.holds { "holds" } else { "MISSED" };
            writeln!(
                f,
                "{:<36} {:>9.4} {:<12} goal {:<7} {word:<7} {}",
                row.id, row.value, row.unit, row.goal, row.note
            )?;
        }
        Ok(())
    }
}
