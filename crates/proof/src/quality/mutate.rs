//! Which rule is needed: without it some fault would pass.

use std::collections::BTreeMap;
use std::fmt;

use super::cases::Cases;
use super::outcome::at_most;
use super::recall::Recall;
use crate::report::Row;

/// For each rule what only it flags: labelled cases by name, and kinds of fault with the number of trials.
///
/// Taking a rule away is leaving its objections out of the reports: rules do not see each other's objections.
#[derive(Debug, Default)]
pub struct Mutation {
    /// By rule; without a case nothing shows that the rule is needed.
    pub needed: BTreeMap<&'static str, Needed>,
}

/// What passes without a rule.
#[derive(Debug, Default)]
pub struct Needed {
    /// Labelled cases.
    pub cases: Vec<String>,
    /// Kinds of fault, and in how many trials.
    pub kinds: Vec<(&'static str, u32)>,
}

impl Mutation {
    /// Reads the trials of a run and the labelled cases.
    #[must_use]
    pub fn of(recall: &Recall, cases: &Cases) -> Self {
        // A rule whose objections are facts only is not needed to find anything.
        let judged = robust_quality::RULES
            .iter()
            .filter(|rule| rule.severity > robust_market::Severity::Info);
        let mut needed: BTreeMap<&'static str, Needed> =
            judged.map(|rule| (rule.id, Needed::default())).collect();
        for (rule, names) in &cases.alone {
            needed.entry(rule).or_default().cases.clone_from(names);
        }
        for (entry, found) in &recall.found {
            for (rule, count) in &found.alone {
                needed
                    .entry(rule)
                    .or_default()
                    .kinds
                    .push((entry.id, *count));
            }
        }
        Self { needed }
    }

    /// The rules without which every named case is still flagged.
    pub fn idle(&self) -> impl Iterator<Item = &'static str> {
        self.needed
            .iter()
            .filter(|(_, needed)| needed.cases.is_empty())
            .map(|(rule, _)| *rule)
    }

    /// One row.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let idle: Vec<&str> = self.idle().collect();
        let note = if idle.is_empty() {
            format!("{} rules", self.needed.len())
        } else {
            idle.join(", ")
        };
        vec![at_most(
            "quality.rules_without_a_case",
            idle.len() as f64,
            "rules",
            0.0,
            note,
        )]
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} named cases that only this rule flags; kinds of the benchmark, and in how many trials",
            "rule"
        )?;
        for (rule, needed) in &self.needed {
            let cases = if needed.cases.is_empty() {
                "NO CASE".to_owned()
            } else {
                needed.cases.join(", ")
            };
            let kinds: Vec<String> = needed
                .kinds
                .iter()
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            writeln!(f, "{rule:<20} {cases}; {}", kinds.join(", "))?;
        }
        for row in self.rows() {
            let word = if row.holds { "holds" } else { "MISSED" };
            writeln!(f, "{} {} {word}: {}", row.id, row.value, row.note)?;
        }
        Ok(())
    }
}
