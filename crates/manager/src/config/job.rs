//! Settings of one job.

use std::time::{Duration, SystemTime};

use robust_market::{Exchange, Interval, InvalidName, Kind, Request, Symbol, quote};
use robust_scheduler::{Trigger, Upstream};
use serde::{Deserialize, Serialize};

use super::when::{CronDays, CronDialect};
use super::{ConfigError, out_of_range};
use crate::{DataJob, JobClass, OnQuarantine, Query};

/// What a job reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobKind {
    /// State of one market.
    Ticker,
    /// State of many markets.
    Tickers,
    /// Best bid and ask of many markets.
    BidsAsks,
    /// Resting orders.
    Book,
    /// Price bars.
    Candles,
    /// Executed trades.
    Trades,
    /// State of every market that the exchange has.
    Market,
}

impl JobKind {
    pub(super) const fn is_many(self) -> bool {
        matches!(self, Self::Tickers | Self::BidsAsks)
    }
}

/// One `[[jobs]]` of a config file: a read that comes due by itself. `docs/jobs.md` has the table of its keys.
///
/// ```
/// use robust_data_manager::Config;
///
/// let text = r#"
///     [exchanges.kraken]
///
///     [[jobs]]
///     id = "bars"
///     exchange = "kraken"
///     kind = "candles"
///     symbol = "BTC/USD"
///     interval = "5m"
///     limit = 100
///     every = "30s"
///     priority = 2
///     at_start = true
/// "#;
/// assert_eq!(Config::from_toml(text)?.jobs.len(), 1);
///
/// let error = Config::from_toml(&text.replace("interval = \"5m\"", "")).unwrap_err();
/// assert!(error.to_string().contains("jobs.bars.interval"), "{error}");
/// # Ok::<(), robust_data_manager::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct JobSettings {
    /// A name of its own, for reports.
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// The exchange, one of [`Config::exchanges`](crate::Config::exchanges).
    #[serde(default)]
    pub exchange: String,
    /// Exchanges of which any can serve the job, instead of one; see [`DataJob::any_of`].
    #[serde(default)]
    pub exchanges: Vec<String>,
    /// What is read.
    pub kind: JobKind,
    /// The pair, for all kinds about one market.
    #[serde(default)]
    pub symbol: Option<String>,
    /// The pairs: of one job for `tickers` and `bids_asks`; for the kinds about one market, a job for each.
    #[serde(default)]
    pub symbols: Vec<String>,
    /// The period; or one of the four below.
    #[serde(default, with = "humantime_serde")]
    pub every: Option<Duration>,
    /// A cron expression of 5 fields (minute first), 6 (second first) or 7 (year last).
    #[serde(default)]
    pub cron: Option<String>,
    /// The time zone of `cron` by its IANA name. Default UTC.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whose numbers the weekdays of `cron` are; needed for numbers in 6 and 7 fields.
    #[serde(default)]
    pub dialect: Option<CronDialect>,
    /// What two restricted day fields of `cron` mean together.
    #[serde(default)]
    pub days: Option<CronDays>,
    /// The end of each bar of this length, such as `5m`.
    #[serde(default)]
    pub aligned: Option<String>,
    /// How long after the end of a bar it is asked for, with `aligned`. Default 1.5 s.
    #[serde(default, with = "humantime_serde")]
    pub settle: Option<Duration>,
    /// One moment, such as `2027-01-01T00:00:00Z`.
    #[serde(
        default,
        serialize_with = "humantime_serde::serialize",
        deserialize_with = "super::when::moment"
    )]
    pub at: Option<SystemTime>,
    /// Comes due whenever all of these jobs have succeeded.
    #[serde(default)]
    pub on_success: Vec<String>,
    /// Jobs that it waits for, as of its own moment.
    #[serde(default)]
    pub after: Vec<String>,
    /// Spreads the runs of jobs that share their moments over this time; see [`DataJob::splay`].
    #[serde(default, with = "humantime_serde")]
    pub splay: Option<Duration>,
    /// Length of a bar, for `candles`.
    #[serde(default)]
    pub interval: Option<String>,
    /// Lengths of bars, for `candles`: a job for each.
    #[serde(default)]
    pub intervals: Vec<String>,
    /// Levels a side, for `book`. Default: the exchange's own.
    #[serde(default)]
    pub depth: Option<u32>,
    /// Rows, for `candles` and `trades`, within one request of the exchange; with `since_last` also more. Default: the exchange's own.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Asks for the trades since the last success; see [`DataJob::since_last`].
    #[serde(default)]
    pub since_last: bool,
    /// 1 (most urgent) to 5; see [`DataJob::priority`].
    #[serde(default = "middle")]
    pub priority: u8,
    /// `read` or `scan`; see [`JobClass`].
    #[serde(default)]
    pub class: JobClass,
    /// How long a run may take. Default 30 s.
    #[serde(default, with = "humantime_serde")]
    pub timeout: Option<Duration>,
    /// Attempts of a read beyond the first, at most those of the exchange's settings.
    #[serde(default)]
    pub retries: Option<u32>,
    /// The most requests of the job in any minute.
    #[serde(default)]
    pub rate: Option<u32>,
    /// Failed runs in a row after which it is quarantined; see [`DataJob::max_failures`]. Default 5.
    #[serde(default)]
    pub max_failures: Option<u32>,
    /// A name of a group of jobs that never run together; see [`DataJob::exclusive`].
    #[serde(default)]
    pub exclusive: Option<String>,
    /// Whether it comes due at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether it also runs once when it is scheduled.
    #[serde(default)]
    pub at_start: bool,
    /// The least score (0–100) of a value that a run counts as done with; see [`DataJob::min_quality`].
    #[serde(default)]
    pub min_quality: Option<f64>,
    /// `deliver`, `last_good` or `error`; see [`DataJob::on_quarantine`].
    #[serde(default)]
    pub on_quarantine: Option<OnQuarantine>,
}

const fn middle() -> u8 {
    3
}

const fn yes() -> bool {
    true
}

impl JobSettings {
    /// A job of this kind, about no pair yet.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        exchange: impl Into<String>,
        kind: JobKind,
        every: Duration,
    ) -> Self {
        Self {
            id: id.into(),
            name: None,
            exchange: exchange.into(),
            exchanges: Vec::new(),
            kind,
            symbol: None,
            symbols: Vec::new(),
            every: Some(every),
            cron: None,
            zone: None,
            dialect: None,
            days: None,
            aligned: None,
            settle: None,
            at: None,
            on_success: Vec::new(),
            after: Vec::new(),
            splay: None,
            interval: None,
            intervals: Vec::new(),
            depth: None,
            limit: None,
            since_last: false,
            priority: middle(),
            class: JobClass::default(),
            timeout: None,
            retries: None,
            rate: None,
            max_failures: None,
            exclusive: None,
            enabled: true,
            at_start: false,
            min_quality: None,
            on_quarantine: None,
        }
    }

    /// The exchanges that can serve it.
    pub fn asks(&self) -> impl Iterator<Item = &str> {
        let one = Some(self.exchange.as_str()).filter(|name| !name.is_empty());
        one.into_iter()
            .chain(self.exchanges.iter().map(String::as_str))
    }

    /// The jobs that these settings describe: one; or, for a kind about one market, one for each pair and each length of bars.
    /// Several are named after the settings' id, their pair and their length.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] for the first setting that is missing, out of range, or of another kind of data.
    pub fn jobs(&self) -> Result<Vec<DataJob>, ConfigError> {
        self.check()?;
        let trigger = self.trigger()?;
        let exchanges: Result<Vec<Exchange>, ConfigError> =
            self.asks().map(|name| self.venue(name)).collect();
        let exchanges = exchanges?;
        let Some(first) = exchanges.first().cloned() else {
            let remedy = "name one, such as exchange = \"kraken\", or several of which any will do with exchanges";
            return Err(self.wrong("exchange", "nothing", remedy));
        };
        for (index, exchange) in exchanges.iter().enumerate() {
            if exchanges.iter().take(index).any(|one| one == exchange) {
                let remedy = "it is there twice; leave one away";
                return Err(self.wrong("exchanges", quote(exchange.as_str()), remedy));
            }
        }
        let period = self.every.unwrap_or(Duration::from_secs(1));
        let named: Vec<&String> = self.symbol.iter().chain(&self.symbols).collect();
        let symbols: Result<Vec<Symbol>, ConfigError> =
            named.iter().map(|name| self.pair(name)).collect();
        let symbols = symbols?;
        if self.kind.is_many() {
            let kind = match self.kind {
                JobKind::BidsAsks => Kind::BidsAsks,
                _ => Kind::Tickers,
            };
            let job = DataJob::many(&*self.id, first, kind, symbols, period);
            return Ok(vec![self.terms(job, trigger, exchanges)]);
        }
        if self.kind == JobKind::Market {
            let request = Request::Tickers {
                symbols: Vec::new(),
            };
            let job = DataJob::new(&*self.id, Query::new(first, request), period);
            return Ok(vec![self.terms(job, trigger, exchanges)]);
        }
        let mut lengths = Vec::new();
        let key = if self.interval.is_some() {
            "interval"
        } else {
            "intervals"
        };
        for text in self.interval.iter().chain(&self.intervals) {
            let interval: Result<Interval, InvalidName> = text.parse();
            let interval =
                interval.map_err(|error| self.wrong(key, quote(text), &error.to_string()))?;
            lengths.push(Some(interval));
        }
        if lengths.is_empty() {
            lengths.push(None);
        }
        let mut jobs = Vec::new();
        for symbol in &symbols {
            for length in &lengths {
                let mut id = self.id.clone();
                if symbols.len() > 1 {
                    id.push_str(&format!(" {symbol}"));
                }
                if let Some(length) = length.filter(|_| lengths.len() > 1) {
                    id.push_str(&format!(" {length}"));
                }
                let request = self.request(symbol.clone(), *length);
                let job = DataJob::new(id, Query::new(first.clone(), request), period);
                jobs.push(self.terms(job, trigger.clone(), exchanges.clone()));
            }
        }
        Ok(jobs)
    }

    fn terms(&self, job: DataJob, trigger: Trigger, exchanges: Vec<Exchange>) -> DataJob {
        let mut job = job
            .trigger(trigger)
            .any_of(exchanges)
            .priority(self.priority)
            .class(self.class)
            .enabled(self.enabled)
            .splay(self.splay.unwrap_or_default());
        if let Some(title) = &self.name {
            job = job.title(title);
        }
        if let Some(timeout) = self.timeout {
            job = job.timeout(timeout);
        }
        if let Some(retries) = self.retries {
            job = job.retries(retries);
        }
        if let Some(rate) = self.rate {
            job = job.rate(rate);
        }
        if let Some(failures) = self.max_failures {
            job = job.max_failures(failures);
        }
        if let Some(group) = &self.exclusive {
            job = job.exclusive(group);
        }
        if let Some(score) = self.min_quality {
            job = job.min_quality(score);
        }
        if let Some(on_quarantine) = self.on_quarantine {
            job = job.on_quarantine(on_quarantine);
        }
        if self.since_last {
            job = job.since_last();
        }
        for upstream in &self.after {
            job = job.after(Upstream::success_of(upstream.as_str()));
        }
        if self.at_start { job.at_start() } else { job }
    }

    fn request(&self, symbol: Symbol, interval: Option<Interval>) -> Request {
        match (self.kind, interval) {
            (JobKind::Book, _) => Request::OrderBook {
                symbol,
                depth: self.depth,
            },
            (JobKind::Candles, Some(interval)) => Request::Candles {
                symbol,
                interval,
                since: None,
                limit: self.limit,
            },
            (JobKind::Trades, _) => Request::Trades {
                symbol,
                since: None,
                limit: self.limit,
            },
            _ => Request::Ticker { symbol },
        }
    }

    fn venue(&self, name: &str) -> Result<Exchange, ConfigError> {
        name.parse()
            .map_err(|error: InvalidName| self.wrong("exchange", quote(name), &error.to_string()))
    }

    fn pair(&self, name: &str) -> Result<Symbol, ConfigError> {
        let key = if self.symbol.is_some() {
            "symbol"
        } else {
            "symbols"
        };
        name.parse()
            .map_err(|error: InvalidName| self.wrong(key, quote(name), &error.to_string()))
    }

    pub(super) fn wrong(
        &self,
        key: &str,
        value: impl std::fmt::Display,
        remedy: &str,
    ) -> ConfigError {
        let field = format!("jobs.{}.{key}", self.id);
        out_of_range(field, value, remedy)
    }
}
