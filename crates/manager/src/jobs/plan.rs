//! The shipped plans.

use std::collections::BTreeSet;

use robust_market::quote;
use serde::Deserialize;

use super::DataJob;
use crate::{ConfigError, JobSettings};

/// A set of jobs under a name. Two are shipped; see `docs/jobs.md` for what they collect and what they ask.
///
/// ```
/// use robust_data_manager::{DataManager, Plan};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plan = Plan::seed_http();
/// assert_eq!(plan.jobs()?.len(), 5);
///
/// let manager = DataManager::builder().exchange("kraken").start()?;
/// manager.schedule_plan(&plan)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    name: String,
    jobs: Vec<JobSettings>,
}

/// A plan as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    jobs: Vec<JobSettings>,
}

impl Plan {
    /// The names of the shipped plans.
    pub const NAMES: [&'static str; 2] = ["default", "seed-http"];

    /// Tickers and books of four exchanges every 5 s, best quotes every 30 s, bars every 5 min, the trades of each quarter of an hour, and
    /// all tickers once a day.
    #[must_use]
    pub fn default_plan() -> Self {
        Self::shipped("default", include_str!("../../plans/default.toml"))
    }

    /// Kraken's BTC and ETH tickers every 10 s, its BTC book every 30 s, and its BTC bars of one and of five minutes.
    #[must_use]
    pub fn seed_http() -> Self {
        Self::shipped("seed-http", include_str!("../../plans/seed-http.toml"))
    }

    /// The shipped plan of this name.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] names the ones there are.
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        match name {
            "default" => Ok(Self::default_plan()),
            "seed-http" => Ok(Self::seed_http()),
            _ => Err(ConfigError::OutOfRange {
                field: "plan".to_owned(),
                value: quote(name),
                remedy: format!("use one of {}", Self::NAMES.join(", ")),
            }),
        }
    }

    /// Jobs under a name.
    #[must_use]
    pub fn new(name: impl Into<String>, jobs: impl IntoIterator<Item = JobSettings>) -> Self {
        Self {
            name: name.into(),
            jobs: jobs.into_iter().collect(),
        }
    }

    /// What is shipped is read by a test, each job of it.
    fn shipped(name: &str, text: &str) -> Self {
        let written = toml::from_str::<Written>(text);
        Self::new(
            name,
            written.map(|written| written.jobs).unwrap_or_default(),
        )
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The settings of its jobs.
    #[must_use]
    pub fn settings(&self) -> &[JobSettings] {
        &self.jobs
    }

    /// Whether it has no job.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The exchanges that it asks.
    #[must_use]
    pub fn exchanges(&self) -> BTreeSet<String> {
        let names = self.jobs.iter().flat_map(JobSettings::asks);
        names.map(str::to_owned).collect()
    }

    /// The part of it whose exchanges are there.
    #[must_use]
    pub fn of(&self, there: impl Fn(&str) -> bool) -> Self {
        let jobs = self.jobs.iter();
        let jobs = jobs.filter(|job| job.asks().all(&there)).cloned();
        Self::new(self.name.clone(), jobs)
    }

    /// The same, of which something is there.
    pub(crate) fn narrowed(&self, there: impl Fn(&str) -> bool) -> Result<Self, ConfigError> {
        let narrowed = self.of(there);
        if !narrowed.is_empty() || self.is_empty() {
            return Ok(narrowed);
        }
        let names: Vec<String> = self.exchanges().into_iter().collect();
        Err(ConfigError::OutOfRange {
            field: "plan".to_owned(),
            value: quote(&self.name),
            remedy: format!(
                "none of its exchanges is configured; add a table [exchanges.NAME] for one of {}",
                names.join(", ")
            ),
        })
    }

    /// Its jobs.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first setting that cannot be used.
    pub fn jobs(&self) -> Result<Vec<DataJob>, ConfigError> {
        let mut jobs = Vec::new();
        for settings in &self.jobs {
            jobs.extend(settings.jobs()?);
        }
        Ok(jobs)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_shipped_plans_can_be_read_and_have_every_job() {
        let jobs = |plan: Plan| plan.jobs().unwrap();
        assert_eq!(jobs(Plan::seed_http()).len(), 5);
        // One list of tickers, two books, one list of quotes, five pairs in six lengths, three of trades and one scan, four times.
        assert_eq!(
            jobs(Plan::default_plan()).len(),
            4 * (1 + 2 + 1 + 30 + 3 + 1)
        );
        let exchanges = Plan::default_plan().exchanges();
        assert_eq!(
            exchanges,
            ["binance", "htx", "kraken", "kucoin"]
                .map(str::to_owned)
                .into()
        );
        for name in Plan::NAMES {
            assert_eq!(Plan::named(name).unwrap().name(), name);
        }
        let error = Plan::named("defualt").unwrap_err().to_string();
        assert!(error.contains("use one of default, seed-http"), "{error}");
    }

    /// Of an exchange that cannot begin in the past whatever it sends is asked for, and a long scan has the time of one.
    #[test]
    fn trades_are_asked_for_as_far_as_they_go_and_scans_have_the_time_that_the_seed_gave_them() {
        let plan = Plan::default_plan();
        let of = |id: &str| {
            let mut jobs = plan.settings().iter();
            jobs.find(|job| job.id == id).unwrap()
        };
        assert_eq!(of("market_analytics_htx").limit, Some(2_000));
        for exchange in plan.exchanges() {
            let scan = of(&format!("daily_comprehensive_{exchange}"));
            assert_eq!(scan.timeout, Some(Duration::from_secs(120)), "{exchange}");
            let longer = scan.class.escalated(Duration::from_secs(120));
            assert_eq!(longer, Some(Duration::from_secs(300)), "{exchange}");
        }
    }

    #[test]
    fn kraken_quotes_in_usd_and_the_others_in_usdt() {
        for job in Plan::default_plan().settings() {
            let quote = if job.exchange == "kraken" {
                "/USD"
            } else {
                "/USDT"
            };
            assert!(
                job.symbols.iter().all(|symbol| symbol.ends_with(quote)),
                "{}",
                job.id
            );
        }
    }
}
