//! Labelled cases from files: what was never seen here.

mod case;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use robust_market::{Acceptance, Dimension, Report, Severity};

use super::catalogue::Data;
use super::outcome::{at_least, at_most, interval};
use super::recorded::text_of;
use super::stats::Share;
use crate::report::Row;
use case::{Case, Label};

/// The folder of the cases that come with this crate.
#[must_use]
pub fn own_cases() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cases-quality"))
}

/// What became of the cases of one kind.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Corrupt cases with an objection that weighs enough.
    pub found: Share,
    /// Of those that name a dimension: with one there.
    pub dimension: Share,
    /// Corrupt cases that were not accepted as a whole.
    pub kept_out: Share,
    /// Clean cases with a warning or worse.
    pub false_alarms: Share,
    /// Acceptance of corrupt and of clean cases.
    pub acceptance: [[u32; 4]; 2],
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Cases {
    /// By kind.
    pub tallies: BTreeMap<Data, Tally>,
    /// Cases that were judged otherwise than their label says, with what was said.
    pub wrong: Vec<String>,
    /// Lines that are no case and files that cannot be read, each with its place and reason.
    pub unreadable: Vec<String>,
    /// Files that are none of cases.
    pub left_out: Vec<String>,
    /// By rule the corrupt cases that nothing but this rule flags.
    pub alone: BTreeMap<&'static str, Vec<String>>,
}

/// Judges every case of a folder and of the folders in it, or of one file. A line that is no case is noted and the others go on.
///
/// # Errors
///
/// When the folder cannot be read, or holds no line that could be a case.
pub fn run(dir: &Path) -> Result<Cases> {
    let mut cases = Cases::default();
    let mut found = Vec::new();
    if dir.is_file() {
        found.push(dir.to_owned());
    } else {
        files(dir, &mut found, &mut cases.unreadable)
            .with_context(|| format!("cases {}: cannot be read", dir.display()))?;
        found.sort();
    }
    for path in found {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.') {
            continue;
        }
        if !name.ends_with(".jsonl") && !name.ends_with(".jsonl.gz") {
            cases.left_out.push(name);
            continue;
        }
        match text_of(&path) {
            Ok(text) => cases.file(&path, &text),
            Err(error) => cases.unreadable.push(format!("{error:#}")),
        }
    }
    ensure!(
        !cases.tallies.is_empty() || !cases.unreadable.is_empty(),
        "cases {}: no *.jsonl with a case in it",
        dir.display()
    );
    Ok(cases)
}

/// The files of a folder and those below it. Links to folders are not followed: they may lead in a circle. What cannot be read below
/// it is noted, and the others go on.
fn files(
    dir: &Path,
    found: &mut Vec<PathBuf>,
    unreadable: &mut Vec<String>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                unreadable.push(format!("{}: {error}", dir.display()));
                continue;
            }
        };
        if path.is_dir() && !path.is_symlink() {
            if let Err(error) = files(&path, found, unreadable) {
                unreadable.push(format!("{}: {error}", path.display()));
            }
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

impl Cases {
    fn file(&mut self, path: &Path, text: &str) {
        let text = text.trim_start_matches('\u{feff}');
        for (nth, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let judged = serde_json::from_str::<Case>(line)
                .map_err(anyhow::Error::from)
                .and_then(|case| {
                    let named = || format!("case {:?}", case.id);
                    self.judge(&case).with_context(named)
                });
            if let Err(error) = judged {
                self.unreadable
                    .push(format!("{}:{}: {error:#}", path.display(), nth + 1));
            }
        }
    }

    fn judge(&mut self, case: &Case) -> Result<()> {
        let least = case.least()?;
        let dimension = case.dimension()?;
        let (data, report) = case.report()?;
        let right = self.count(data, case.label, least, dimension, &report);
        let heavy: BTreeSet<&'static str> = report
            .issues
            .iter()
            .filter(|issue| issue.severity >= Severity::Warning)
            .map(|issue| issue.rule)
            .collect();
        if let (Some(rule), 1, Label::Corrupt) = (heavy.first(), heavy.len(), case.label) {
            self.alone.entry(rule).or_default().push(case.id.clone());
        }
        // An own case may name the one rule that has to flag it.
        let rule = case.rule.as_deref();
        let by_its_rule = rule.is_none_or(|rule| heavy.len() == 1 && heavy.contains(rule));
        if !right || !by_its_rule {
            let said: Vec<&str> = report
                .issues
                .iter()
                .take(5)
                .map(|issue| issue.rule)
                .collect();
            let said = if said.is_empty() {
                "nothing".to_owned()
            } else {
                said.join(", ")
            };
            let due = rule.map_or_else(String::new, |rule| format!(", {rule} alone is due"));
            self.wrong.push(format!(
                "{} ({}): {} {said}{due}",
                case.id,
                case.label.as_str(),
                report.acceptance
            ));
        }
        Ok(())
    }

    /// Counts one case; says whether it was judged as its label says.
    fn count(
        &mut self,
        data: Data,
        label: Label,
        least: Severity,
        dimension: Option<Dimension>,
        report: &Report,
    ) -> bool {
        let tally = self.tallies.entry(data).or_default();
        let side = usize::from(label == Label::Clean);
        tally.acceptance[side][report.acceptance as usize] += 1;
        let heavy = |least| {
            report
                .issues
                .iter()
                .filter(move |issue| issue.severity >= least)
        };
        if label == Label::Clean {
            let alarm = heavy(Severity::Warning).next().is_some();
            tally.false_alarms.add(alarm);
            return !alarm;
        }
        let found = heavy(least).next().is_some();
        tally.found.add(found);
        tally.kept_out.add(report.acceptance != Acceptance::Accept);
        if let Some(dimension) = dimension {
            tally
                .dimension
                .add(heavy(least).any(|issue| issue.dimension == dimension));
        }
        found
    }

    /// The sum over the kinds.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&Tally) -> Share) -> Share {
        self.tallies
            .values()
            .map(of)
            .fold(Share::default(), |a, b| Share {
                hits: a.hits + b.hits,
                trials: a.trials + b.trials,
            })
    }

    /// What was found, what was blamed, and where lines were no cases, how many.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let found = self.sum(|tally| tally.found);
        let alarms = self.sum(|tally| tally.false_alarms);
        let (share, note) = if found.trials == 0 {
            // Nothing was to be found, and nothing was missed.
            (1.0, "0/0: no case is labelled corrupt".to_owned())
        } else {
            (found.value(), interval(found))
        };
        let alarms_note = format!("clean cases with a warning or worse; {}", interval(alarms));
        let mut rows = vec![
            at_least("cases.recall", share, "share", 0.97, note),
            at_most(
                "cases.false_alarms_per_10k",
                alarms.value() * 1e4,
                "per 10,000",
                5.0,
                alarms_note,
            ),
        ];
        if !self.unreadable.is_empty() {
            rows.push(at_most(
                "cases.unreadable",
                self.unreadable.len() as f64,
                "lines",
                0.0,
                "lines that are no case; the others were judged".to_owned(),
            ));
        }
        rows
    }
}

#[cfg(test)]
mod tests;
