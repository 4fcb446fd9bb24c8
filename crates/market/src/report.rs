//! How good a value is.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The six dimensions of data quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Is everything there that should be?
    Completeness,
    /// Is every value of the right type, sign and range?
    Validity,
    /// Is it plausible against history and peers?
    Accuracy,
    /// Do the values agree with each other?
    Consistency,
    /// Is it recent?
    Timeliness,
    /// Is it there once?
    Uniqueness,
}

impl Dimension {
    /// Every dimension, in the order of [`Report::dimensions`].
    pub const ALL: [Self; 6] = [
        Self::Completeness,
        Self::Validity,
        Self::Accuracy,
        Self::Consistency,
        Self::Timeliness,
        Self::Uniqueness,
    ];

    /// The dimension's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::Validity => "validity",
            Self::Accuracy => "accuracy",
            Self::Consistency => "consistency",
            Self::Timeliness => "timeliness",
            Self::Uniqueness => "uniqueness",
        }
    }
}

/// How much one issue weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A fact worth knowing.
    Info,
    /// Usable; look at it.
    Warning,
    /// This record must not be used.
    Error,
    /// The whole answer cannot be interpreted, or is dangerous.
    Critical,
}

/// A score from 0 (worthless) to 100 (nothing to object to). Always finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(from = "f64")]
pub struct Score(f64);

impl From<f64> for Score {
    fn from(value: f64) -> Self {
        Self::new(value)
    }
}

impl Score {
    /// Nothing to object to.
    pub const FULL: Self = Self(100.0);

    /// A score; clamped to 0–100, to six decimals, and 0 for what is not a number.
    #[must_use]
    pub fn new(value: f64) -> Self {
        if value.is_nan() {
            Self(0.0)
        } else {
            Self((value.clamp(0.0, 100.0) * 1e6).round() / 1e6)
        }
    }

    /// The score as a number from 0 to 100.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1}", self.0))
    }
}

/// What may be done with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// It cannot be interpreted, or is dangerous.
    Reject,
    /// It is doubtful: kept, delivered with this label, not learned from.
    Quarantine,
    /// Some records must not be used ([`Report::exclusions`]); the rest is good.
    AcceptWithExclusions,
    /// Nothing stands against using it.
    Accept,
}

impl Acceptance {
    /// The word for it, as the exchange format writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Quarantine => "quarantine",
            Self::AcceptWithExclusions => "accept_with_exclusions",
            Self::Accept => "accept",
        }
    }
}

impl fmt::Display for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that lives as long as the program. By this alias serde does not take it for borrowed from what is read.
type Name = &'static str;

/// One objection to one record or to the whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    /// The rule that objects, such as `K.crossed`.
    #[serde(deserialize_with = "names::read")]
    pub rule: Name,
    /// The dimension it counts in.
    pub dimension: Dimension,
    /// How much it weighs.
    pub severity: Severity,
    /// Which record, by its position on the wire; `None` for the whole answer.
    pub index: Option<usize>,
    /// The field, where it is one.
    pub field: Option<Cow<'static, str>>,
    /// What was found and what was expected.
    pub message: String,
}

/// The verdict on one answer: three answers that never mix. The score is a trend number, the issues are the facts, the
/// acceptance is what to do.
///
/// A written report is read back, but for its [`aging`](Self::aging).
///
/// ```
/// use robust_market::{Acceptance, Report, Score};
///
/// let report = Report::new(Score::FULL, [None; 6], Acceptance::Accept, Vec::new(), Vec::new());
/// let text = serde_json::to_string(&report)?;
/// assert_eq!(serde_json::from_str::<Report>(&text)?, report);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
#[non_exhaustive]
pub struct Report {
    /// The weighted score over all dimensions that applied, capped by the acceptance.
    pub overall: Score,
    /// A score per dimension in the order of [`Dimension::ALL`]; `None` where no check applied.
    pub dimensions: [Option<Score>; 6],
    /// What may be done with the answer.
    pub acceptance: Acceptance,
    /// The records that must not be used, by their position on the wire, ascending.
    pub exclusions: Vec<usize>,
    /// The objections, heaviest first, at most [`Report::ISSUES_MAX`].
    pub issues: Vec<Issue>,
    /// Objections beyond the limit, counted but not kept.
    pub issues_dropped: usize,
    /// How the timeliness goes on falling after the judgement; `None` where age says nothing. Not part of the exchange format.
    #[serde(skip)]
    pub aging: Option<Aging>,
}

/// A report as it was written by anybody.
#[derive(Deserialize)]
struct Written {
    overall: Score,
    dimensions: [Option<Score>; 6],
    acceptance: Acceptance,
    exclusions: Vec<usize>,
    issues: Vec<Issue>,
    issues_dropped: usize,
}

impl From<Written> for Report {
    fn from(written: Written) -> Self {
        let mut exclusions = written.exclusions;
        exclusions.sort_unstable();
        exclusions.dedup();
        let mut report = Self::new(
            written.overall,
            written.dimensions,
            written.acceptance,
            exclusions,
            written.issues,
        );
        report.issues_dropped = report.issues_dropped.saturating_add(written.issues_dropped);
        report
    }
}

/// Names of rules, which live as long as the program.
mod names {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, PoisonError};

    use serde::{Deserialize, Deserializer, de};

    /// Names that are kept: many times as many as there are rules.
    const NAMES_MAX: usize = 1_024;
    /// Bytes of a name.
    const LENGTH_MAX: usize = 64;

    /// The names that were read, each once.
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

    /// Reads a name; one that was not met before is kept for good, so there is a bound.
    pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
        let name = String::deserialize(from)?;
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name.as_str()) {
            return Ok(known);
        }
        if name.len() > LENGTH_MAX || names.len() >= NAMES_MAX {
            return Err(de::Error::custom("no name of a rule"));
        }
        let name: &'static str = Box::leak(name.into_boxed_str());
        names.insert(name);
        Ok(name)
    }
}

/// What the age of a value means: enough to judge its timeliness again when it is read later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aging {
    /// When the value was born, by this machine's clock.
    pub born: Timestamp,
    /// Up to this age nothing is lost.
    pub good: Duration,
    /// Older than this is a warning, at a score of 95.
    pub warning: Duration,
    /// Older than this is an error, at a score of 50; five times as old scores 0.
    pub error: Duration,
    /// Share of 1 that other objections to the timeliness cost.
    pub charged: f64,
}

impl Report {
    /// The most issues that are kept in one report; the rest is counted.
    pub const ISSUES_MAX: usize = 100;

    /// A verdict from its parts; issues are ordered heaviest first and bounded.
    #[must_use]
    pub fn new(
        overall: Score,
        dimensions: [Option<Score>; 6],
        acceptance: Acceptance,
        exclusions: Vec<usize>,
        mut issues: Vec<Issue>,
    ) -> Self {
        issues.sort_by_key(|issue| std::cmp::Reverse(issue.severity));
        let issues_dropped = issues.len().saturating_sub(Self::ISSUES_MAX);
        issues.truncate(Self::ISSUES_MAX);
        Self {
            overall,
            dimensions,
            acceptance,
            exclusions,
            issues,
            issues_dropped,
            aging: None,
        }
    }

    /// The score of one dimension; `None` where no check applied.
    #[must_use]
    pub fn dimension(&self, dimension: Dimension) -> Option<Score> {
        self.dimensions.get(dimension as usize).copied().flatten()
    }
}
