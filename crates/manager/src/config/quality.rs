//! Settings of the quality rules, and what readers get of doubtful values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use robust_market::Symbol;
use robust_quality::{PriceBounds, THRESHOLDS, WEIGHTS};
use serde::{Deserialize, Serialize};

use super::{ConfigError, out_of_range};
use crate::OnQuarantine;

/// The table `[quality]` of a config file.
///
/// ```
/// use robust_data_manager::{Config, OnQuarantine};
///
/// let config = Config::from_toml(
///     r#"
///     [quality]
///     on_quarantine = "last_good"
///     min_quality = 60
///     state = "quality.state"
///     bounds."BTC/USD" = ["1000", "2000000"]
///     "#,
/// )?;
/// assert_eq!(config.quality.on_quarantine, OnQuarantine::LastGood);
///
/// let error = Config::from_toml("[quality]\nmin_quality = 101").unwrap_err();
/// assert!(error.to_string().contains("quality.min_quality = 101"), "{error}");
/// # Ok::<(), robust_data_manager::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct QualitySettings {
    /// What a read brings when the value is quarantined or rejected, unless the read says: `deliver` (with its acceptance),
    /// `last_good` or `error`.
    pub on_quarantine: OnQuarantine,
    /// The least score (0–100) of a value that a read brings, unless the read says. Default: none.
    pub min_quality: Option<f64>,
    /// Whether the pairs of the configured jobs are given their history when the jobs are scheduled: one request for candles each,
    /// of the lowest priority. Without it the first 30 tickers or books of a pair are not judged by the price before. Default:
    /// true.
    pub history: bool,
    /// A file that the memory of the rules is read from at the start, and written to at the shutdown. Default: none; every start
    /// begins without memory.
    pub state: Option<PathBuf>,
    /// Lowest and highest price that is believed of a pair: `bounds."BTC/USD" = ["1000", "200000"]`. Default: none.
    pub bounds: BTreeMap<Symbol, PriceBounds>,
    /// Share of completeness, validity, accuracy, consistency, timeliness and uniqueness in the score; they sum to 1.
    pub weights: [f64; 6],
    /// Share of 1 below which one of these, with an objection of weight, is quarantined.
    pub thresholds: [f64; 6],
}

impl Default for QualitySettings {
    fn default() -> Self {
        Self {
            on_quarantine: OnQuarantine::default(),
            min_quality: None,
            history: true,
            state: None,
            bounds: BTreeMap::new(),
            weights: WEIGHTS,
            thresholds: THRESHOLDS,
        }
    }
}

impl QualitySettings {
    /// The rules' own settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] when the weights or thresholds are no shares, or the weights do not sum to 1.
    pub fn rules(&self) -> Result<robust_quality::Config, ConfigError> {
        let rules = robust_quality::Config::new(self.weights, self.thresholds);
        let mut rules = rules.map_err(|error| {
            let (field, shown) = match error {
                robust_quality::ConfigError::NotAShare {
                    name: "thresholds", ..
                } => ("quality.thresholds", format!("{:?}", self.thresholds)),
                _ => ("quality.weights", format!("{:?}", self.weights)),
            };
            let remedy = format!("{error}; use six numbers from 0 to 1, weights that sum to 1");
            out_of_range(field, shown, &remedy)
        })?;
        for (symbol, bounds) in &self.bounds {
            rules = rules.with_bounds(symbol.clone(), *bounds);
        }
        Ok(rules)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_score("quality.min_quality".to_owned(), self.min_quality)?;
        self.rules().map(drop)
    }
}

/// Finds a score that no value can have.
pub(super) fn check_score(field: String, score: Option<f64>) -> Result<(), ConfigError> {
    match score.filter(|score| !(0.0..=100.0).contains(score)) {
        Some(score) => {
            // In full, the largest numbers have three hundred digits.
            let shown = match score.abs() < 1e6 {
                true => score.to_string(),
                false => format!("{score:e}"),
            };
            Err(out_of_range(field, shown, "use a score from 0 to 100"))
        }
        None => Ok(()),
    }
}
