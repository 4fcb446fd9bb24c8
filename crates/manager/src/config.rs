//! Settings, from a file or from code.

mod credentials;
mod exchange;
mod job;
mod job_check;
mod monotonic;
mod quality;
mod resilience;
mod when;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use robust_market::quote;
use robust_source::SourceConfig;
use serde::{Deserialize, Serialize};

use crate::Plan;

pub use credentials::CredentialSettings;
pub use exchange::ExchangeSettings;
pub use job::{JobKind, JobSettings};
pub use monotonic::Monotonic;
pub use quality::QualitySettings;
pub use resilience::{HeadroomSettings, RecoverySettings, SlowCallSettings};
pub use when::{CronDays, CronDialect};

/// Whether the sources are real exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real exchanges. An answer that shows signs of a simulator is refused.
    #[default]
    Live,
    /// Simulators are welcome; every value says that it comes from one.
    Simulated,
    /// The exchanges' own test systems, whose prices are not those of the market; simulators are welcome too. Every value says
    /// that it is simulated.
    Test,
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
///
///     [[jobs]]
///     id = "majors"
///     exchange = "kraken"
///     kind = "tickers"
///     symbols = ["BTC/USD", "ETH/USD"]
///     every = "5s"
///     "#,
/// )?;
/// assert_eq!((config.exchanges.len(), config.jobs.len()), (2, 1));
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
    /// The clock that calls are timed and limited by.
    pub monotonic: Monotonic,
    /// The most values and bytes that are kept in memory.
    pub cache: CacheSettings,
    /// The quality rules, and what readers get of doubtful values.
    pub quality: QualitySettings,
    /// The exchanges, by name.
    pub exchanges: BTreeMap<String, ExchangeSettings>,
    /// The file that remembers how far each job has come, so that a process that is started again goes on there and the bars and trades
    /// of the time between are asked for; see [`journal`](crate::DataManagerBuilder::journal). Default none: each start begins anew.
    pub journal: Option<PathBuf>,
    /// A shipped plan of jobs for the exchanges that are configured, `default` or `seed-http`; see [`Plan`](crate::Plan). It comes
    /// before [`jobs`](Self::jobs).
    pub plan: Option<String>,
    /// What [`DataManager::schedule_configured`](crate::DataManager::schedule_configured) schedules.
    pub jobs: Vec<JobSettings>,
}

/// Settings of the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CacheSettings {
    /// The most values that are kept; 10,000.
    pub capacity: u64,
    /// The most bytes that they take together, about; 268435456 (256 MiB). A level of a book counts 32 bytes, a candle about 150, a
    /// trade about 110, an instrument about 550, and each value 1 to 2 KiB beside its rows.
    pub max_bytes: u64,
}

const MIB: u64 = 1024 * 1024;

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            max_bytes: 256 * MIB,
        }
    }
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
    /// A secret cannot be had from where the setting says. What was found there is not shown.
    #[error("config {field} = {place}: {reason}")]
    Secret {
        /// The path of the field.
        field: String,
        /// Where the secret should be: a variable or a file.
        place: String,
        /// What is wrong, and what to do.
        reason: String,
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
        config.check_exchanges()?;
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
        if self.cache.max_bytes < MIB || self.cache.max_bytes > MIB * MIB {
            return Err(out_of_range(
                "cache.max_bytes",
                self.cache.max_bytes,
                "use 1048576 (1 MiB) to 1099511627776 (1 TiB)",
            ));
        }
        if let Some(path) = self
            .journal
            .as_ref()
            .filter(|path| path.as_os_str().is_empty())
        {
            let shown = format!("{path:?}");
            return Err(out_of_range(
                "journal",
                shown,
                "name a file, or leave it away",
            ));
        }
        self.quality.check()?;
        for (name, settings) in &self.exchanges {
            settings.check(name)?;
        }
        let mut ids = BTreeSet::new();
        for job in self.jobs_in_force()? {
            for one in job.jobs()? {
                if !ids.insert(one.name().to_owned()) {
                    let field = format!("jobs.{}.id", job.id);
                    return Err(out_of_range(
                        field,
                        quote(one.name()),
                        "give each job an id of its own",
                    ));
                }
            }
        }
        Ok(())
    }

    /// The jobs of the plan whose exchanges are configured, and the own ones.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] when there is no such plan, or none of its exchanges is configured.
    pub fn jobs_in_force(&self) -> Result<Vec<JobSettings>, ConfigError> {
        let mut jobs = Vec::new();
        if let Some(name) = &self.plan {
            let plan = Plan::named(name)?;
            let narrowed = plan.narrowed(|exchange| self.exchanges.contains_key(exchange))?;
            jobs.extend(narrowed.settings().iter().cloned());
        }
        jobs.extend(self.jobs.iter().cloned());
        Ok(jobs)
    }

    /// Finds jobs of exchanges that the same text does not configure.
    fn check_exchanges(&self) -> Result<(), ConfigError> {
        let asked = self
            .jobs
            .iter()
            .flat_map(|job| job.asks().map(move |name| (job, name)));
        for (job, asked) in asked {
            if self.exchanges.contains_key(asked) {
                continue;
            }
            let near = |name: &str| strsim::jaro_winkler(name, asked);
            let nearest = self
                .exchanges
                .keys()
                .max_by(|a, b| near(a).total_cmp(&near(b)))
                .filter(|name| near(name) > 0.8);
            let remedy = match nearest {
                Some(name) => format!("did you mean {name}?"),
                None => "add a table [exchanges.NAME] of this name".to_owned(),
            };
            let field = format!("jobs.{}.exchange", job.id);
            return Err(out_of_range(field, quote(asked), &remedy));
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

/// Adds the nearest known key to serde's complaint about an unknown one.
fn suggest(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let Some(found) = names.next().filter(|_| unknown) else {
        return message.trim().replace('\n', " ");
    };
    let nearest = names
        .max_by(|a, b| strsim::jaro_winkler(a, found).total_cmp(&strsim::jaro_winkler(b, found)))
        // What is nothing like it, and has no word of it, was not meant.
        .filter(|near| {
            let mut words = near.split('_').filter(|word| word.len() > 3);
            strsim::jaro_winkler(near, found) > 0.8
                || words.any(|word| found.split('_').any(|one| one == word))
        });
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
mod tests;
