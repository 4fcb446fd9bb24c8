//! The score algebra: objections in, one report out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use robust_market::{Acceptance, Aging, Dimension, Issue, Report, Score, Severity};

use crate::Config;
use crate::rules::Rule;

/// Share of each dimension in the overall score, in the order of [`Dimension::ALL`]; they sum to 1.
pub const WEIGHTS: [f64; 6] = [0.25, 0.25, 0.20, 0.15, 0.10, 0.05];

/// A dimension with an objection of weight and a score (as a share of 1) below this is quarantined; in the order of
/// [`Dimension::ALL`].
pub const THRESHOLDS: [f64; 6] = [0.95, 0.99, 0.98, 0.90, 0.95, 0.98];

/// The highest overall score of a rejected answer.
pub(crate) const REJECTED_MAX: f64 = 49.0;
/// The highest overall score of a quarantined answer.
pub(crate) const QUARANTINED_MAX: f64 = 79.0;
/// Below this overall score an answer is rejected.
pub(crate) const REJECT_BELOW: f64 = 50.0;
/// Sums of shares are compared with this slack, so that 1 − 0.05 is not below 0.95.
pub(crate) const SLACK: f64 = 1e-9;

/// What an objection is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The unit of the dimension: a row, a level, one check of a ticker.
    pub(crate) unit: usize,
    /// The record's position on the wire.
    pub(crate) record: usize,
    /// The field, where it is one.
    pub(crate) field: Option<&'a str>,
}

impl Place<'_> {
    /// A record that is its own unit.
    pub(crate) const fn row(record: usize) -> Self {
        Self {
            unit: record,
            record,
            field: None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Column {
    /// Units that were checked (N of the formula).
    units: usize,
    /// A dimension's own share, where it has a formula of its own.
    own: Option<f64>,
    /// Share lost to objections to the whole answer.
    charged: f64,
    worst: Option<Severity>,
}

/// Collects the objections to one answer.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Records of the wire: those that were read and those that could not be.
    records: usize,
    /// Whether single records can be left out.
    many: bool,
    columns: [Column; 6],
    marks: BTreeMap<(Dimension, usize), Severity>,
    broken: BTreeSet<usize>,
    whole_error: bool,
    issues: Vec<Issue>,
    kept: [usize; 4],
    dropped: usize,
    aging: Option<Aging>,
}

impl Tally {
    /// Starts the judgement of one record (a ticker, a book).
    pub(crate) fn single() -> Self {
        Self::new(1, false)
    }

    /// Starts the judgement of a list of `records`.
    pub(crate) fn list(records: usize) -> Self {
        Self::new(records, true)
    }

    fn new(records: usize, many: bool) -> Self {
        Self {
            records,
            many,
            columns: [Column::default(); 6],
            marks: BTreeMap::new(),
            broken: BTreeSet::new(),
            whole_error: false,
            issues: Vec::new(),
            kept: [0; 4],
            dropped: 0,
            aging: None,
        }
    }

    /// Counts units that a dimension was checked on.
    pub(crate) fn checked(&mut self, dimension: Dimension, units: usize) {
        if let Some(column) = self.columns.get_mut(dimension as usize) {
            column.units = column.units.saturating_add(units);
        }
    }

    /// Sets a dimension's own share, `part` of `whole`; nothing of nothing is everything.
    pub(crate) fn own_share(&mut self, dimension: Dimension, part: u64, whole: u64) {
        let share = if whole == 0 {
            1.0
        } else {
            ratio(part.min(whole), whole)
        };
        self.own(dimension, share);
    }

    /// Sets a dimension's own share of 1.
    pub(crate) fn own(&mut self, dimension: Dimension, share: f64) {
        if let Some(column) = self.columns.get_mut(dimension as usize) {
            column.own = Some(share);
        }
    }

    /// Lowers a dimension's own share of 1.
    pub(crate) fn own_at_most(&mut self, dimension: Dimension, share: f64) {
        if let Some(column) = self.columns.get_mut(dimension as usize) {
            column.own = Some(column.own.map_or(share, |own| own.min(share)));
        }
    }

    /// Notes how the answer goes on ageing, for whoever reads the report later.
    pub(crate) fn ages(&mut self, aging: Aging) {
        self.aging = Some(aging);
    }

    /// Objects to one unit of one record.
    pub(crate) fn object(
        &mut self,
        rule: &Rule,
        severity: Severity,
        place: Place<'_>,
        message: impl FnOnce() -> String,
    ) {
        self.mark(rule, severity, place);
        self.note(rule, severity, Some(place.record), place.field, message);
    }

    /// Charges one unit without an issue of its own: one issue speaks for a run of them.
    pub(crate) fn mark(&mut self, rule: &Rule, severity: Severity, place: Place<'_>) {
        let mark = self
            .marks
            .entry((rule.dimension, place.unit))
            .or_insert(severity);
        *mark = severity.max(*mark);
        if severity >= Severity::Error {
            self.broken.insert(place.record);
        }
        self.worsen(rule.dimension, severity);
    }

    /// Objects to the answer as a whole.
    pub(crate) fn whole(
        &mut self,
        rule: &Rule,
        severity: Severity,
        field: Option<&str>,
        message: impl FnOnce() -> String,
    ) {
        if let Some(column) = self.columns.get_mut(rule.dimension as usize) {
            column.charged += match severity {
                Severity::Info => 0.0,
                Severity::Warning => 0.05,
                Severity::Error | Severity::Critical => 0.30,
            };
        }
        self.measured(rule, severity, field, message);
    }

    /// Objects to the answer as a whole where the dimension's own share already says how much is lost.
    pub(crate) fn measured(
        &mut self,
        rule: &Rule,
        severity: Severity,
        field: Option<&str>,
        message: impl FnOnce() -> String,
    ) {
        self.whole_error |= severity >= Severity::Error;
        self.worsen(rule.dimension, severity);
        self.note(rule, severity, None, field, message);
    }

    /// Whether nothing heavier than a warning was found so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.columns
            .iter()
            .all(|column| column.worst < Some(Severity::Error))
    }

    /// Whether nothing was found that is more than a statement.
    pub(crate) fn is_clean(&self) -> bool {
        self.columns
            .iter()
            .all(|column| column.worst < Some(Severity::Warning))
    }

    /// Whether nothing heavier than a warning was found, but for what one rule says.
    pub(crate) fn is_sound_but_for(&self, rule: &Rule) -> bool {
        let heavy = |issue: &Issue| issue.severity >= Severity::Error;
        self.is_sound()
            || self
                .issues
                .iter()
                .filter(|issue| heavy(issue))
                .all(|issue| issue.rule == rule.id)
    }

    /// Whether this record carries an objection that excludes it.
    pub(crate) fn is_broken(&self, record: usize) -> bool {
        self.is_any_broken() && self.broken.contains(&record)
    }

    /// Whether any record carries an objection that excludes it.
    pub(crate) fn is_any_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// Whether a dimension carries an objection of weight.
    pub(crate) fn is_objected(&self, dimension: Dimension) -> bool {
        self.columns
            .get(dimension as usize)
            .is_some_and(|column| column.worst > Some(Severity::Info))
    }

    fn worsen(&mut self, dimension: Dimension, severity: Severity) {
        if let Some(column) = self.columns.get_mut(dimension as usize) {
            column.worst = column.worst.max(Some(severity));
        }
    }

    fn note(
        &mut self,
        rule: &Rule,
        severity: Severity,
        index: Option<usize>,
        field: Option<&str>,
        message: impl FnOnce() -> String,
    ) {
        // A message is text on the heap: never more of them than a report keeps.
        let Some(kept) = self.kept.get_mut(severity as usize) else {
            return;
        };
        if *kept >= Report::ISSUES_MAX {
            self.dropped += 1;
            return;
        }
        *kept += 1;
        self.issues.push(Issue {
            rule: rule.id,
            dimension: rule.dimension,
            severity,
            index,
            field: field.map(|field| Cow::Owned(field.to_owned())),
            message: message(),
        });
    }

    fn share(&self, dimension: Dimension) -> Option<f64> {
        let column = self.columns.get(dimension as usize)?;
        let objected = column.worst > Some(Severity::Info);
        if column.units == 0 && column.own.is_none() && !objected {
            return None;
        }
        if column.worst == Some(Severity::Critical) {
            return Some(0.0);
        }
        let base = column.own.unwrap_or_else(|| {
            if self.marks.is_empty() {
                return 1.0;
            }
            let lost: f64 = self
                .marks
                .range((dimension, 0)..=(dimension, usize::MAX))
                .map(|(_, severity)| match severity {
                    Severity::Info => 0.0,
                    Severity::Warning => 0.25,
                    Severity::Error | Severity::Critical => 1.0,
                })
                .sum();
            1.0 - lost / count(column.units.max(1))
        });
        let share = (base - column.charged).clamp(0.0, 1.0);
        Some(if share.is_finite() { share } else { 0.0 })
    }

    /// Weighs everything to a report.
    pub(crate) fn finish(self, config: &Config) -> Report {
        if self.is_perfect() {
            let score =
                |column: Column| (column.units > 0 || column.own.is_some()).then_some(Score::FULL);
            let mut report = Report::new(
                Score::FULL,
                self.columns.map(score),
                Acceptance::Accept,
                Vec::new(),
                Vec::new(),
            );
            report.aging = self.aging;
            return report;
        }
        let shares = Dimension::ALL.map(|dimension| self.share(dimension));
        let (sum, weight) =
            shares
                .iter()
                .zip(config.weights())
                .fold((0.0, 0.0), |(sum, weight), (share, w)| match share {
                    Some(share) => (sum + w * share, weight + w),
                    None => (sum, weight),
                });
        let overall = if weight > 0.0 {
            100.0 * sum / weight
        } else {
            100.0
        };
        let acceptance = self.acceptance(&shares, overall, config);
        let capped = match acceptance {
            Acceptance::Reject => overall.min(REJECTED_MAX),
            Acceptance::Quarantine => overall.min(QUARANTINED_MAX),
            Acceptance::AcceptWithExclusions | Acceptance::Accept => overall,
        };
        let exclusions = if self.many {
            self.broken.into_iter().collect()
        } else {
            Vec::new()
        };
        // What is not less than full needs no rounding.
        let score = |share: f64| {
            if share >= 1.0 {
                Score::FULL
            } else {
                Score::new(100.0 * share)
            }
        };
        let mut report = Report::new(
            if capped >= 100.0 {
                Score::FULL
            } else {
                Score::new(capped)
            },
            shares.map(|share| share.map(score)),
            acceptance,
            exclusions,
            self.issues,
        );
        report.issues_dropped += self.dropped;
        let charged = self.columns.get(Dimension::Timeliness as usize);
        report.aging = self.aging.map(|aging| Aging {
            charged: charged.map_or(0.0, |column| column.charged),
            ..aging
        });
        report
    }

    /// Whether nothing at all was said, and nothing is lost.
    fn is_perfect(&self) -> bool {
        let full =
            |column: &Column| column.worst.is_none() && column.own.is_none_or(|own| own >= 1.0);
        self.columns.iter().all(full)
    }

    fn acceptance(&self, shares: &[Option<f64>; 6], overall: f64, config: &Config) -> Acceptance {
        let worst = self.columns.iter().filter_map(|column| column.worst).max();
        let mostly_broken = self.many && self.broken.len().saturating_mul(2) > self.records;
        if worst == Some(Severity::Critical) || mostly_broken || overall < REJECT_BELOW - SLACK {
            return Acceptance::Reject;
        }
        let below = self
            .columns
            .iter()
            .zip(shares.iter().zip(config.thresholds()))
            .any(|(column, (share, threshold))| {
                column.worst >= Some(Severity::Warning)
                    && share.is_some_and(|share| share < threshold - SLACK)
            });
        let error_in_one = !self.many && worst >= Some(Severity::Error);
        if self.whole_error || error_in_one || below {
            Acceptance::Quarantine
        } else if self.broken.is_empty() {
            Acceptance::Accept
        } else {
            Acceptance::AcceptWithExclusions
        }
    }
}

/// A count as a number; exact up to 2^32, which no bounded payload reaches.
fn count(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}

/// A share of two counts, both shifted down alike where they are too large to be exact.
fn ratio(part: u64, whole: u64) -> f64 {
    let shift = (64 - whole.leading_zeros()).saturating_sub(32);
    let small = |value: u64| f64::from(u32::try_from(value >> shift).unwrap_or(u32::MAX));
    small(part) / small(whole)
}

#[cfg(test)]
mod tests;
