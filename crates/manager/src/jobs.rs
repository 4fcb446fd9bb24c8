//! Reads that come due by themselves.

use std::time::Duration;

use robust_connectors::Connector;
use robust_market::{Exchange, Kind, Request, Symbol};
use robust_scheduler::{AddError, Failures, Job, JobId, Phase, RunError};

use crate::feed::Pairs;
use crate::many::{self, Many};
use crate::{ConfigError, DataError, DataManager, OnQuarantine, Priority, Query};

/// A read that comes due once a period. Its result goes to the cache and to the listeners.
#[derive(Debug, Clone)]
#[must_use = "a job does nothing until it is given to DataManager::schedule"]
pub struct DataJob {
    name: String,
    what: What,
    every: Duration,
    at_start: bool,
    priority: Option<u8>,
    min_quality: Option<f64>,
    on_quarantine: Option<OnQuarantine>,
}

#[derive(Debug, Clone)]
enum What {
    One(Query),
    Many {
        exchange: Exchange,
        kind: Kind,
        symbols: Vec<Symbol>,
    },
}

impl DataJob {
    /// Reads `query` once every period, under a name that is unique in the manager.
    pub fn new(name: impl Into<String>, query: Query, every: Duration) -> Self {
        Self::with(name.into(), What::One(query), every)
    }

    /// Reads the state of many pairs once every period, with as few requests as the exchange needs for it.
    ///
    /// `kind` is [`Kind::Tickers`] for whole tickers or [`Kind::BidsAsks`] for the best quotes alone. Each pair's value is judged
    /// and kept as if it had been asked for alone, so `manager.ticker(…)` finds it; the listeners hear the answer once, as the list
    /// that it is. A pair that the exchange does not list costs the others nothing: it is left out, told as an error, and the run
    /// counts as failed.
    ///
    /// Where an exchange has no request for many tickers, each pair is asked for by itself.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use robust_data_manager::market::{Exchange, Kind};
    /// use robust_data_manager::{DataJob, DataManager};
    ///
    /// let manager = DataManager::builder().exchange("kraken").start()?;
    /// let symbols = ["BTC/USD", "ETH/USD", "SOL/USD"].map(|name| name.parse());
    /// let symbols = symbols.into_iter().collect::<Result<Vec<_>, _>>()?;
    /// manager.schedule(DataJob::many("majors", Exchange::KRAKEN, Kind::Tickers, symbols, Duration::from_secs(5)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn many(
        name: impl Into<String>,
        exchange: Exchange,
        kind: Kind,
        symbols: impl IntoIterator<Item = Symbol>,
        every: Duration,
    ) -> Self {
        let symbols = symbols.into_iter().collect();
        let what = What::Many {
            exchange,
            kind,
            symbols,
        };
        Self::with(name.into(), what, every)
    }

    const fn with(name: String, what: What, every: Duration) -> Self {
        Self {
            name,
            what,
            every,
            at_start: false,
            priority: None,
            min_quality: None,
            on_quarantine: None,
        }
    }

    /// Counts a run as failed when its value scores less than this (0–100); see [`Query::min_quality`]. The value is stored and told
    /// to the listeners all the same.
    pub const fn min_quality(mut self, score: f64) -> Self {
        self.min_quality = Some(score);
        self
    }

    /// With [`OnQuarantine::Error`] a run whose value is quarantined or rejected counts as failed. The value is stored and told to the
    /// listeners all the same, with its acceptance; what its readers get is their own choice.
    pub const fn on_quarantine(mut self, on_quarantine: OnQuarantine) -> Self {
        self.on_quarantine = Some(on_quarantine);
        self
    }

    /// The pairs whose prices this job follows.
    fn pairs(&self) -> &[Symbol] {
        match &self.what {
            What::One(query) => match query.request() {
                request @ (Request::Ticker { .. } | Request::OrderBook { .. }) => request.symbols(),
                _ => &[],
            },
            What::Many { symbols, .. } => symbols,
        }
    }

    /// Also runs once when it is added.
    pub const fn at_start(mut self) -> Self {
        self.at_start = true;
        self
    }

    /// How much the job matters, 1 (most) to 5: its place among the jobs that are due, and the urgency of its reads, where 1 is
    /// Critical, 2 High, 3 Medium, 4 and 5 Low. Default: that of the query; 3 for many pairs.
    pub const fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    const fn exchange(&self) -> &Exchange {
        match &self.what {
            What::One(query) => query.exchange(),
            What::Many { exchange, .. } => exchange,
        }
    }
}

/// Why a job was not added. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The job asks an exchange that is not configured.
    #[error("job \"{job}\": {error}")]
    Query {
        /// The job.
        job: String,
        /// What is wrong with its query.
        error: DataError,
    },
    /// Data of this kind is not read for many pairs at once.
    #[error("job \"{job}\": {exchange} has no {kind} of many pairs; {remedy}")]
    NotMany {
        /// The job.
        job: String,
        /// The exchange.
        exchange: Exchange,
        /// The kind that was asked for.
        kind: Kind,
        /// What to ask for instead.
        remedy: &'static str,
    },
    /// The job names no pair.
    #[error("job \"{job}\" names no pair; name at least one")]
    NoPair {
        /// The job.
        job: String,
    },
    /// A configured job has a setting that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The scheduler refuses the job: its name is taken, its period too short, the manager shut down.
    #[error(transparent)]
    Refused(#[from] AddError),
}

impl DataManager {
    /// Adds a job. It fetches, whatever is stored, and writes the result through.
    ///
    /// A run that is due while the one before still waits replaces it, and the older one counts as superseded.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when the exchange is not configured, the name is taken, the period too short, or the manager shut down.
    pub fn schedule(&self, job: DataJob) -> Result<JobId, ScheduleError> {
        let source = self
            .source(job.exchange().clone())
            .map_err(|error| ScheduleError::Query {
                job: job.name.clone(),
                error,
            })?;
        let group = job.exchange().as_str().to_owned();
        let rank = job.priority.unwrap_or(match &job.what {
            What::One(query) => rank(query.priority),
            What::Many { .. } => 3,
        });
        let spec = Job::every(job.name.clone(), job.every)
            .phase(Phase::Spread)
            .priority(rank)
            .source(group)
            // Whether the exchange is well is for its breaker to say.
            .failures(Failures::IGNORED)
            .run_at_start(job.at_start);
        // The job must not keep the manager alive: it holds the stack, not the handle.
        let service = self.service();
        let job = match job.what {
            What::One(query) => {
                let query = terms(query, (job.min_quality, job.on_quarantine));
                let query = match job.priority {
                    Some(priority) => query.priority(class(priority)),
                    None => query,
                };
                let query = query.refresh();
                spec.handler(move |_run| {
                    let (service, query) = (service.clone(), query.clone());
                    async move {
                        use tower::ServiceExt;
                        let read = service.oneshot(query).await;
                        read.map(|_| ()).map_err(|error| refused(&error))
                    }
                })
            }
            What::Many {
                exchange,
                kind,
                symbols,
            } => {
                let mut many = plan(
                    &job.name,
                    &**source.connector(),
                    &exchange,
                    kind,
                    symbols,
                    class(rank),
                )?;
                many.terms = (job.min_quality, job.on_quarantine);
                spec.handler(move |_run| {
                    let (service, many) = (service.clone(), many.clone());
                    async move {
                        let run = many::run(service, many).await;
                        run.map_err(|error| refused(&error))
                    }
                })
            }
        };
        Ok(self.scheduler().add(job)?)
    }

    /// Adds the jobs of the configuration, in its order. All of them or none.
    ///
    /// Then, unless [`QualitySettings::history`](crate::QualitySettings::history) is off, the pairs of tickers and books are given
    /// their history in the background. A pair whose history cannot be had is a [`Warning`](crate::Warning) and nothing more.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use robust_data_manager::{Config, DataManager};
    ///
    /// let config = Config::from_toml(
    ///     r#"
    ///     [exchanges.kraken]
    ///
    ///     [[jobs]]
    ///     id = "book"
    ///     exchange = "kraken"
    ///     kind = "book"
    ///     symbol = "BTC/USD"
    ///     depth = 25
    ///     every = "2s"
    ///     "#,
    /// )?;
    /// let manager = DataManager::builder().config(config).start()?;
    /// assert_eq!(manager.schedule_configured()?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] for the first job that cannot be added; those before it are taken out again. Adding them twice is one:
    /// their names are taken.
    pub fn schedule_configured(&self) -> Result<Vec<JobId>, ScheduleError> {
        let mut added = Vec::new();
        let mut pairs = Pairs::new();
        for settings in self.configured() {
            let one = settings.job().map_err(ScheduleError::from);
            if let Ok(job) = &one {
                let followed = job.pairs().iter().cloned();
                let known = pairs.entry(job.exchange().clone()).or_default();
                known.extend(followed.map(|symbol| (symbol, job.every)));
            }
            match one.and_then(|job| self.schedule(job)) {
                Ok(id) => added.push(id),
                Err(error) => {
                    for id in added {
                        // It was added a moment ago and can only be gone when the scheduler is.
                        let _ = self.scheduler().remove(id);
                    }
                    return Err(error);
                }
            }
        }
        self.feed(pairs);
        Ok(added)
    }
}

/// The query on the terms of its job, where that has some of its own.
pub(crate) fn terms(
    mut query: Query,
    (score, on_quarantine): (Option<f64>, Option<OnQuarantine>),
) -> Query {
    query.min_quality = score.or(query.min_quality);
    query.on_quarantine = on_quarantine.or(query.on_quarantine);
    query
}

fn refused(error: &DataError) -> RunError {
    RunError::new(error.to_string())
}

const fn rank(priority: Priority) -> u8 {
    match priority {
        Priority::Critical => 1,
        Priority::High => 2,
        Priority::Medium => 3,
        _ => 4,
    }
}

/// The urgency of the reads of a job of this rank.
const fn class(rank: u8) -> Priority {
    match rank {
        0 | 1 => Priority::Critical,
        2 => Priority::High,
        3 => Priority::Medium,
        _ => Priority::Low,
    }
}

/// How the exchange is asked for all of these pairs.
fn plan(
    job: &str,
    connector: &dyn Connector,
    exchange: &Exchange,
    kind: Kind,
    symbols: Vec<Symbol>,
    priority: Priority,
) -> Result<Many, ScheduleError> {
    if symbols.is_empty() {
        return Err(ScheduleError::NoPair {
            job: job.to_owned(),
        });
    }
    let refuse = |remedy| ScheduleError::NotMany {
        job: job.to_owned(),
        exchange: exchange.clone(),
        kind,
        remedy,
    };
    let together = connector.many(Kind::Ticker);
    let (asked, max) = match (kind, together) {
        (Kind::Ticker | Kind::Tickers, Some(many)) => (many.kind, many.max_symbols),
        (Kind::Ticker | Kind::Tickers, None) => (Kind::Ticker, Some(1)),
        (Kind::BidsAsks, _) if !connector.supports(kind) => {
            return Err(refuse("ask for tickers"));
        }
        // What an exchange takes in one request is a fact about names in an address, not about the fields of the answer.
        (Kind::BidsAsks, together) => (
            kind,
            together.map_or(Some(1), |together| together.max_symbols),
        ),
        _ => return Err(refuse("ask for tickers or bids_asks")),
    };
    Ok(Many::new(exchange.clone(), asked, symbols, max, priority))
}
