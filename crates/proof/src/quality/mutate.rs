//! Which rule is needed: without it some fault would pass.

use std::collections::BTreeMap;
use std::fmt;

use super::outcome::at_most;
use super::recall::Recall;
use crate::report::Row;

/// For each rule the kinds of fault that only it flags in some trial, with how often.
///
/// Taking a rule away is leaving its objections out of the reports: rules do not see each other's objections.
#[derive(Debug, Default)]
pub struct Mutation {
    /// By rule; an empty list is a rule that nothing here needs.
    pub needed: BTreeMap<&'static str, Vec<(&'static str, u32)>>,
}

impl Mutation {
    /// Reads the trials of a run.
    #[must_use]
    pub fn of(recall: &Recall) -> Self {
        // A rule whose objections are facts only is not needed to find anything.
        let judged = robust_quality::RULES
            .iter()
            .filter(|rule| rule.severity > robust_market::Severity::Info);
        let mut needed: BTreeMap<&'static str, Vec<(&'static str, u32)>> =
            judged.map(|rule| (rule.id, Vec::new())).collect();
        for (entry, found) in &recall.found {
            for (rule, count) in &found.alone {
                needed.entry(rule).or_default().push((entry.id, *count));
            }
        }
        Self { needed }
    }

    /// The rules without which everything is still found.
    pub fn idle(&self) -> impl Iterator<Item = &'static str> {
        self.needed
            .iter()
            .filter(|(_, kinds)| kinds.is_empty())
            .map(|(rule, _)| *rule)
    }

    /// One row.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let idle: Vec<&str> = self.idle().collect();
        let note = if idle.is_empty() {
            String::new()
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
        writeln!(f, "rule                     only this rule flags (trials)")?;
        for (rule, kinds) in &self.needed {
            let kinds: Vec<String> = kinds
                .iter()
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            let kinds = if kinds.is_empty() {
                "NO CASE".to_owned()
            } else {
                kinds.join(", ")
            };
            writeln!(f, "{rule:<24} {kinds}")?;
        }
        Ok(())
    }
}
