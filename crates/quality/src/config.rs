//! The numbers of the score, and limits of prices that a user may set.

use std::collections::BTreeMap;

use robust_market::{Symbol, decimal};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{THRESHOLDS, WEIGHTS};

/// Weights are compared with 1 with this slack.
const SLACK: f64 = 1e-9;

/// Weights and thresholds of the score, and limits of prices.
///
/// The seed's numbers unless others are given; no limits of prices unless they are set: the seed's own (0.0001 to 100 000 for
/// any pair) refuse every coin below a hundredth of a cent.
///
/// ```
/// use robust_quality::{Config, PriceBounds};
/// use robust_market::decimal;
///
/// // The seed's limits for two pairs.
/// let config = Config::default()
///     .with_bounds("BTC/USD".parse()?, PriceBounds::new(decimal::parse("1000")?, decimal::parse("200000")?)?)
///     .with_bounds("ETH/USD".parse()?, PriceBounds::new(decimal::parse("10")?, decimal::parse("10000")?)?);
/// assert!(config.bounds(&"BTC/USD".parse()?).is_some());
/// assert!(config.bounds(&"SHIB/USD".parse()?).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Config {
    weights: [f64; 6],
    thresholds: [f64; 6],
    bounds: BTreeMap<Symbol, PriceBounds>,
}

/// A configuration as it is written in a file: what is left out is the seed's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    weights: [f64; 6],
    thresholds: [f64; 6],
    bounds: BTreeMap<Symbol, PriceBounds>,
}

impl Default for Written {
    fn default() -> Self {
        Config::default().into()
    }
}

impl From<Config> for Written {
    fn from(config: Config) -> Self {
        Self {
            weights: config.weights,
            thresholds: config.thresholds,
            bounds: config.bounds,
        }
    }
}

impl TryFrom<Written> for Config {
    type Error = ConfigError;

    fn try_from(written: Written) -> Result<Self, ConfigError> {
        let mut config = Self::new(written.weights, written.thresholds)?;
        config.bounds = written.bounds;
        Ok(config)
    }
}

/// The seed's numbers, for contexts that are given no others.
pub(crate) static SEED: Config = Config {
    weights: WEIGHTS,
    thresholds: THRESHOLDS,
    bounds: BTreeMap::new(),
};

impl Default for Config {
    fn default() -> Self {
        SEED.clone()
    }
}

impl Config {
    /// Weights and thresholds in the order of [`Dimension::ALL`](robust_market::Dimension::ALL), as shares of 1.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a number is no share of 1, or the weights do not sum to 1 (± 1e-9).
    pub fn new(weights: [f64; 6], thresholds: [f64; 6]) -> Result<Self, ConfigError> {
        for (name, values) in [("weights", &weights), ("thresholds", &thresholds)] {
            for value in values {
                if !(0.0..=1.0).contains(value) {
                    return Err(ConfigError::NotAShare {
                        name,
                        value: *value,
                    });
                }
            }
        }
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > SLACK {
            return Err(ConfigError::WeightsSum { sum });
        }
        Ok(Self {
            weights,
            thresholds,
            bounds: BTreeMap::new(),
        })
    }

    /// The same with limits for the prices of one pair.
    #[must_use]
    pub fn with_bounds(mut self, symbol: Symbol, bounds: PriceBounds) -> Self {
        self.bounds.insert(symbol, bounds);
        self
    }

    /// The limits for the prices of a pair, where they are set.
    #[must_use]
    pub fn bounds(&self, symbol: &Symbol) -> Option<PriceBounds> {
        self.bounds.get(symbol).copied()
    }

    /// Share of each dimension in the overall score.
    #[must_use]
    pub const fn weights(&self) -> [f64; 6] {
        self.weights
    }

    /// Share of 1 below which a dimension with an objection of weight is quarantined.
    #[must_use]
    pub const fn thresholds(&self) -> [f64; 6] {
        self.thresholds
    }
}

/// The lowest and the highest price that is believed of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceBounds {
    min: Decimal,
    max: Decimal,
}

impl PriceBounds {
    /// Both limits, themselves allowed.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Bounds`] when `min` is negative or above `max`.
    pub fn new(min: Decimal, max: Decimal) -> Result<Self, ConfigError> {
        if min < Decimal::ZERO || min > max {
            return Err(ConfigError::Bounds { min, max });
        }
        Ok(Self { min, max })
    }

    /// Whether a price lies within.
    #[must_use]
    pub fn contains(&self, price: Decimal) -> bool {
        (self.min..=self.max).contains(&price)
    }

    /// The lowest price.
    #[must_use]
    pub const fn min(&self) -> Decimal {
        self.min
    }

    /// The highest price.
    #[must_use]
    pub const fn max(&self) -> Decimal {
        self.max
    }
}

/// Written as two decimal texts, `["1000", "200000"]`.
impl Serialize for PriceBounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.min.to_string(), self.max.to_string()].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PriceBounds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [min, max] = <[String; 2]>::deserialize(deserializer)?;
        let read = |text: &str| decimal::parse(text).map_err(serde::de::Error::custom);
        Self::new(read(&min)?, read(&max)?).map_err(serde::de::Error::custom)
    }
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A weight or a threshold is not between 0 and 1.
    #[error("{name}: {value} is not between 0 and 1")]
    NotAShare {
        /// Which list.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// The weights do not sum to 1.
    #[error("weights sum to {sum}, not to 1")]
    WeightsSum {
        /// What they sum to.
        sum: f64,
    },
    /// The lowest price is negative or above the highest.
    #[error("bounds {min} to {max} hold no price")]
    Bounds {
        /// The lowest price.
        min: Decimal,
        /// The highest price.
        max: Decimal,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_do_not_sum_to_one_are_refused() {
        let mut weights = WEIGHTS;
        weights[0] += 1e-8;
        assert!(matches!(
            Config::new(weights, THRESHOLDS),
            Err(ConfigError::WeightsSum { .. })
        ));
        weights[0] -= 1e-8;
        assert_eq!(Config::new(weights, THRESHOLDS), Ok(Config::default()));
        for bad in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            let mut thresholds = THRESHOLDS;
            thresholds[3] = bad;
            assert!(matches!(
                Config::new(WEIGHTS, thresholds),
                Err(ConfigError::NotAShare {
                    name: "thresholds",
                    ..
                })
            ));
        }
    }

    #[test]
    fn a_written_configuration_is_read_back_and_what_is_left_out_is_the_seeds() {
        let btc: Symbol = "BTC/USD".parse().unwrap();
        let bounds = PriceBounds::new(Decimal::ONE_THOUSAND, Decimal::from(200_000)).unwrap();
        let config = Config::default().with_bounds(btc.clone(), bounds);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
        let short: Config =
            serde_json::from_str(r#"{"bounds": {"BTC/USD": ["1000", "200000"]}}"#).unwrap();
        assert_eq!(short, config);
        for bad in [
            r#"{"weights": [1, 0, 0, 0, 0, 0.1]}"#,
            r#"{"bounds": {"BTC/USD": ["2", "1"]}}"#,
            r#"{"bound": {}}"#,
        ] {
            assert!(serde_json::from_str::<Config>(bad).is_err(), "{bad}");
        }
    }
}
