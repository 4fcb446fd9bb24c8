//! Settings, from a file or from code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use robust_market::quote;
use robust_source::SourceConfig;
use serde::{Deserialize, Serialize};

/// Whether the sources are real exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real exchanges. An answer that shows signs of a simulator is refused.
    #[default]
    Live,
    /// Simulators are welcome; every value says that it comes from one.
    Simulated,
}

/// A named set of times, retries and limits; see [`SourceConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// 10 s an attempt, 30 s a call, 3 retries, 5 failures open the breaker for 60 s.
    #[default]
    Default,
    /// 15 s, 45 s, 5 retries, 3 failures, 120 s, 30 requests a minute.
    Conservative,
    /// 5 s, 15 s, 2 retries, 10 failures, 30 s, 120 requests a minute.
    Aggressive,
    /// 3 attempts with delays from 1 s to 10 s, 30 s a call.
    Exchange,
}

impl Preset {
    /// The numbers behind the name.
    #[must_use]
    pub fn source(self) -> SourceConfig {
        match self {
            Self::Default => SourceConfig::default(),
            Self::Conservative => SourceConfig::conservative(),
            Self::Aggressive => SourceConfig::aggressive(),
            Self::Exchange => SourceConfig::exchange(),
        }
    }
}

/// The settings of one manager.
///
/// ```
/// use robust_data_manager::Config;
///
/// let config = Config::from_toml(
///     r#"
///     [exchanges.kraken]
///     preset = "conservative"
///
///     [exchanges.binance]
///     timeout = "5s"
///     quote_alias = { USD = "USDT" }
///     "#,
/// )?;
/// assert_eq!(config.exchanges.len(), 2);
///
/// let error = Config::from_toml("[exchanges.kraken]\ntimeuot = \"5s\"").unwrap_err();
/// assert!(error.to_string().contains("did you mean timeout?"), "{error}");
/// # Ok::<(), robust_data_manager::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// Whether the sources are real exchanges.
    pub environment: Environment,
    /// The most values that are kept in memory; 10,000.
    pub cache: CacheSettings,
    /// The exchanges, by name.
    pub exchanges: BTreeMap<String, ExchangeSettings>,
}

/// Settings of the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CacheSettings {
    /// The most values that are kept.
    pub capacity: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { capacity: 10_000 }
    }
}

/// Settings of one exchange. What is left away is the preset's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ExchangeSettings {
    /// Where to start from.
    pub preset: Preset,
    /// Another address than the exchange's own.
    pub base_url: Option<String>,
    /// Longest time of one attempt.
    #[serde(with = "humantime_serde")]
    pub timeout: Option<Duration>,
    /// Longest time of a whole call.
    #[serde(with = "humantime_serde")]
    pub max_timeout: Option<Duration>,
    /// Attempts beyond the first.
    pub retries: Option<u32>,
    /// Delay before the first retry.
    #[serde(with = "humantime_serde")]
    pub backoff_base: Option<Duration>,
    /// Longest delay before jitter.
    #[serde(with = "humantime_serde")]
    pub backoff_max: Option<Duration>,
    /// Failed attempts in a row that open the breaker.
    pub breaker_failures: Option<u32>,
    /// How long the breaker stays open at least.
    #[serde(with = "humantime_serde")]
    pub breaker_open: Option<Duration>,
    /// Requests a minute, beside the exchange's own limits.
    pub requests_per_minute: Option<u32>,
    /// Quote currencies that stand in for others: `{ USD = "USDT" }` answers `BTC/USD` with `BTC/USDT`, and says so.
    pub quote_alias: BTreeMap<String, String>,
}

/// A setting that cannot be used. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("config file {}: {reason}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The text is no valid TOML, has an unknown key, or a value of another type.
    #[error("config{}: {reason}", place.as_deref().map(|place| format!(" {place}")).unwrap_or_default())]
    Invalid {
        /// File and line, where known.
        place: Option<String>,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A value is out of range, or contradicts another.
    #[error("config {field} = {value}: {remedy}")]
    OutOfRange {
        /// The path of the field.
        field: String,
        /// Its value.
        value: String,
        /// What to write instead.
        remedy: String,
    },
}

impl Config {
    /// Reads settings from a TOML file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names file, line, key, value and remedy.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = read(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Self::from_toml(&text).map_err(|error| match error {
            ConfigError::Invalid { place, reason } => {
                let line = place.map(|place| format!(", {place}")).unwrap_or_default();
                ConfigError::Invalid {
                    place: Some(format!("{}{line}", path.display())),
                    reason,
                }
            }
            other => other,
        })
    }

    /// Reads settings from TOML text.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names line, key, value and remedy.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| {
                text.get(..span.start)
                    .map_or(0, |before| before.matches('\n').count())
                    + 1
            });
            ConfigError::Invalid {
                place: line.map(|line| format!("line {line}")),
                reason: suggest(error.message()),
            }
        })?;
        config.check()?;
        Ok(config)
    }

    /// Finds values that cannot work.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] for the first one.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.cache.capacity == 0 || self.cache.capacity > 10_000_000 {
            return Err(out_of_range(
                "cache.capacity",
                self.cache.capacity,
                "use 1 to 10000000",
            ));
        }
        for (name, settings) in &self.exchanges {
            settings.check(name)?;
        }
        Ok(())
    }
}

/// The largest file that is read; a longer one is no config file.
const FILE_MAX: u64 = 1024 * 1024;

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(FILE_MAX + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > FILE_MAX {
        return Err(std::io::Error::other("longer than 1 MiB"));
    }
    Ok(text)
}

fn out_of_range(
    field: impl Into<String>,
    value: impl std::fmt::Display,
    remedy: &str,
) -> ConfigError {
    ConfigError::OutOfRange {
        field: field.into(),
        value: value.to_string(),
        remedy: remedy.to_owned(),
    }
}

/// The longest time that any setting may have: beyond a day nobody waits.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

impl ExchangeSettings {
    /// The numbers in force: the preset's, overlaid with what is set here.
    #[must_use]
    pub fn source(&self) -> SourceConfig {
        let mut config = self.preset.source();
        let set = |field: &mut Duration, value: Option<Duration>| *field = value.unwrap_or(*field);
        set(&mut config.timeout, self.timeout);
        set(&mut config.max_timeout, self.max_timeout);
        set(&mut config.backoff_base, self.backoff_base);
        set(&mut config.backoff_max, self.backoff_max);
        set(&mut config.breaker_open, self.breaker_open);
        config.retries = self.retries.unwrap_or(config.retries);
        config.breaker_failures = self.breaker_failures.unwrap_or(config.breaker_failures);
        config.requests_per_minute = self.requests_per_minute.or(config.requests_per_minute);
        config
    }

    fn check(&self, name: &str) -> Result<(), ConfigError> {
        let field = |key: &str| format!("exchanges.{name}.{key}");
        let config = self.source();
        let times = [
            ("timeout", config.timeout),
            ("max_timeout", config.max_timeout),
            ("backoff_base", config.backoff_base),
            ("backoff_max", config.backoff_max),
            ("breaker_open", config.breaker_open),
        ];
        for (key, value) in times {
            if value < Duration::from_millis(1) || value > LONGEST {
                let shown = format!("{value:?}");
                return Err(out_of_range(
                    field(key),
                    shown,
                    "use a time from 1ms to 24h, such as \"10s\"",
                ));
            }
        }
        if config.timeout > config.max_timeout {
            let shown = format!("{:?}", config.timeout);
            return Err(out_of_range(
                field("timeout"),
                shown,
                "use at most max_timeout, the longest time of a whole call",
            ));
        }
        if config.backoff_base > config.backoff_max {
            let shown = format!("{:?}", config.backoff_base);
            return Err(out_of_range(
                field("backoff_base"),
                shown,
                "use at most backoff_max",
            ));
        }
        if config.retries > 20 {
            return Err(out_of_range(
                field("retries"),
                config.retries,
                "use 0 to 20",
            ));
        }
        if config.breaker_failures == 0 || config.breaker_failures > 10_000 {
            return Err(out_of_range(
                field("breaker_failures"),
                config.breaker_failures,
                "use 1 to 10000",
            ));
        }
        if let Some(rate) = config
            .requests_per_minute
            .filter(|rate| *rate == 0 || *rate > 1_000_000)
        {
            return Err(out_of_range(
                field("requests_per_minute"),
                rate,
                "use 1 to 1000000",
            ));
        }
        for (from, to) in &self.quote_alias {
            if robust_market::Symbol::new("BTC", from).is_err()
                || robust_market::Symbol::new("BTC", to).is_err()
            {
                let shown = format!("{{ {} = {} }}", quote(from), quote(to));
                return Err(out_of_range(
                    field("quote_alias"),
                    shown,
                    "use currency codes, such as { USD = \"USDT\" }",
                ));
            }
        }
        Ok(())
    }
}

/// Adds the nearest known key to serde's complaint about an unknown one.
fn suggest(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let Some(found) = names.next().filter(|_| unknown) else {
        return message.trim().replace('\n', " ");
    };
    let nearest = names
        .max_by(|a, b| strsim::jaro_winkler(a, found).total_cmp(&strsim::jaro_winkler(b, found)));
    let what = if message.starts_with("unknown field") {
        "key"
    } else {
        "value"
    };
    match nearest {
        Some(nearest) => format!("unknown {what} {}; did you mean {nearest}?", quote(found)),
        None => format!("unknown {what} {}", quote(found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::from_toml(text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one_and_its_line() {
        let text = error("environment = \"live\"\n[exchanges.kraken]\nbreaker_failure = 3");
        assert_eq!(
            text,
            "config line 3: unknown key \"breaker_failure\"; did you mean breaker_failures?"
        );
        assert!(error("enviroment = \"live\"").contains("did you mean environment?"));
        assert!(error("environment = \"liv\"").contains("did you mean live?"));
    }

    #[test]
    fn negative_and_absurd_numbers_are_refused_with_field_value_and_remedy() {
        for (line, named) in [
            ("timeout = \"-5s\"", "line 2"),
            ("retries = -1", "line 2"),
            ("retries = 4000000000", "retries = 4000000000: use 0 to 20"),
            ("timeout = \"0s\"", "timeout = 0ns: use a time"),
            ("timeout = \"9999h\"", "use a time"),
            ("timeout = \"40s\"", "use at most max_timeout"),
            ("breaker_failures = 0", "use 1 to 10000"),
            ("requests_per_minute = 0", "use 1 to 1000000"),
            ("quote_alias = { USD = \"U S\" }", "use currency codes"),
            ("preset = \"agressive\"", "did you mean aggressive?"),
        ] {
            let text = error(&format!("[exchanges.kraken]\n{line}"));
            assert!(text.contains(named), "{line}: {text}");
            assert!(!text.contains('\n'), "{line}: {text}");
        }
    }

    #[test]
    fn presets_are_the_numbers_of_the_issue_and_settings_overlay_them() {
        let secs = Duration::from_secs;
        let conservative = Preset::Conservative.source();
        assert_eq!(
            (
                conservative.timeout,
                conservative.max_timeout,
                conservative.retries
            ),
            (secs(15), secs(45), 5)
        );
        assert_eq!(
            (
                conservative.breaker_failures,
                conservative.breaker_open,
                conservative.requests_per_minute
            ),
            (3, secs(120), Some(30))
        );
        let aggressive = Preset::Aggressive.source();
        assert_eq!(
            (
                aggressive.timeout,
                aggressive.max_timeout,
                aggressive.retries
            ),
            (secs(5), secs(15), 2)
        );
        assert_eq!(
            (
                aggressive.breaker_failures,
                aggressive.breaker_open,
                aggressive.requests_per_minute
            ),
            (10, secs(30), Some(120))
        );
        let exchange = Preset::Exchange.source();
        assert_eq!(
            (
                exchange.retries,
                exchange.backoff_base,
                exchange.backoff_max,
                exchange.max_timeout
            ),
            (2, secs(1), secs(10), secs(30))
        );
        let default = Preset::Default.source();
        assert_eq!(
            (default.timeout, default.max_timeout, default.retries),
            (secs(10), secs(30), 3)
        );
        assert_eq!(
            (default.breaker_failures, default.breaker_open),
            (5, secs(60))
        );

        let config =
            Config::from_toml("[exchanges.kraken]\npreset = \"aggressive\"\ntimeout = \"2s\"")
                .unwrap();
        let overlaid = config.exchanges["kraken"].source();
        assert_eq!((overlaid.timeout, overlaid.retries), (secs(2), 2));
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let error = Config::load("no/such/file.toml").unwrap_err().to_string();
        assert!(
            error.starts_with("config file no/such/file.toml: "),
            "{error}"
        );
    }
}
