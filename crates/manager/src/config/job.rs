//! Settings of one job.

use std::time::Duration;

use robust_market::{Exchange, Interval, InvalidName, Kind, Request, Symbol, quote};
use serde::{Deserialize, Serialize};

use super::exchange::LONGEST;
use super::quality::check_score;
use super::{ConfigError, out_of_range};
use crate::{DataJob, OnQuarantine, Query};

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
}

impl JobKind {
    const fn is_many(self) -> bool {
        matches!(self, Self::Tickers | Self::BidsAsks)
    }
}

/// One `[[jobs]]` of a config file: a read that comes due once a period.
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
    /// The exchange, one of [`Config::exchanges`](crate::Config::exchanges).
    pub exchange: String,
    /// What is read.
    pub kind: JobKind,
    /// The pair, for all kinds about one market.
    #[serde(default)]
    pub symbol: Option<String>,
    /// The pairs, for `tickers` and `bids_asks`.
    #[serde(default)]
    pub symbols: Vec<String>,
    /// The period.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// Length of a bar, for `candles`.
    #[serde(default)]
    pub interval: Option<String>,
    /// Levels a side, for `book`. Default: the exchange's own.
    #[serde(default)]
    pub depth: Option<u32>,
    /// Rows, for `candles` and `trades`, within one request of the exchange. Default: the exchange's own.
    #[serde(default)]
    pub limit: Option<u32>,
    /// 1 (most urgent) to 5; see [`DataJob::priority`].
    #[serde(default = "middle")]
    pub priority: u8,
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
            exchange: exchange.into(),
            kind,
            symbol: None,
            symbols: Vec::new(),
            every,
            interval: None,
            depth: None,
            limit: None,
            priority: middle(),
            at_start: false,
            min_quality: None,
            on_quarantine: None,
        }
    }

    /// The job that these settings describe.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] for the first setting that is missing, out of range, or of another kind of data.
    pub fn job(&self) -> Result<DataJob, ConfigError> {
        self.check()?;
        let exchange: Exchange = self.exchange.parse().map_err(|error: InvalidName| {
            self.wrong("exchange", quote(&self.exchange), &error.to_string())
        })?;
        let job = if self.kind.is_many() {
            let kind = match self.kind {
                JobKind::BidsAsks => Kind::BidsAsks,
                _ => Kind::Tickers,
            };
            let symbols: Result<Vec<Symbol>, _> = self
                .symbols
                .iter()
                .map(|name| self.pair("symbols", name))
                .collect();
            DataJob::many(&*self.id, exchange, kind, symbols?, self.every)
        } else {
            let symbol = self.pair("symbol", self.symbol.as_deref().unwrap_or_default())?;
            let query = Query::new(exchange, self.request(symbol)?);
            DataJob::new(&*self.id, query, self.every)
        };
        let mut job = job.priority(self.priority);
        if let Some(score) = self.min_quality {
            job = job.min_quality(score);
        }
        if let Some(on_quarantine) = self.on_quarantine {
            job = job.on_quarantine(on_quarantine);
        }
        Ok(if self.at_start { job.at_start() } else { job })
    }

    fn request(&self, symbol: Symbol) -> Result<Request, ConfigError> {
        Ok(match self.kind {
            JobKind::Book => Request::OrderBook {
                symbol,
                depth: self.depth,
            },
            JobKind::Candles => {
                let text = self.interval.as_deref().unwrap_or_default();
                let interval: Interval = text.parse().map_err(|error: InvalidName| {
                    self.wrong("interval", quote(text), &error.to_string())
                })?;
                Request::Candles {
                    symbol,
                    interval,
                    since: None,
                    limit: self.limit,
                }
            }
            JobKind::Trades => Request::Trades {
                symbol,
                since: None,
                limit: self.limit,
            },
            _ => Request::Ticker { symbol },
        })
    }

    /// Finds settings that are missing, or that belong to another kind.
    fn check(&self) -> Result<(), ConfigError> {
        if self.id.trim().is_empty() || self.id.len() > 100 {
            let remedy = "use a name of 1 to 100 characters";
            return Err(out_of_range("jobs.id", quote(&self.id), remedy));
        }
        if self.every < Duration::from_millis(1) || self.every > LONGEST {
            let shown = format!("{:?}", self.every);
            let remedy = "use a time from 1ms to 24h, such as \"5s\"";
            return Err(self.wrong("every", shown, remedy));
        }
        if !(1..=5).contains(&self.priority) {
            let remedy = "use 1 (most urgent) to 5";
            return Err(self.wrong("priority", self.priority, remedy));
        }
        check_score(format!("jobs.{}.min_quality", self.id), self.min_quality)?;
        let kind = self.kind;
        let candles = kind == JobKind::Candles;
        let rows = candles || kind == JobKind::Trades;
        let (symbol, symbols) = (self.symbol.is_some(), !self.symbols.is_empty());
        for (key, there, wanted, belongs) in [
            (
                "symbol",
                symbol,
                !kind.is_many(),
                "tickers and bids_asks have symbols = [\"BTC/USD\", …]",
            ),
            (
                "symbols",
                symbols,
                kind.is_many(),
                "use symbol = \"BTC/USD\", or kind = \"tickers\" for many pairs",
            ),
            (
                "interval",
                self.interval.is_some(),
                candles,
                "leave it away, or use kind = \"candles\"",
            ),
        ] {
            match (there, wanted) {
                (true, false) => return Err(self.wrong(key, "set", belongs)),
                (false, true) => {
                    let remedy = match key {
                        "interval" => "candles need one, such as \"5m\"",
                        "symbols" => "this kind needs them, such as [\"BTC/USD\", \"ETH/USD\"]",
                        _ => "this kind needs one, such as \"BTC/USD\"",
                    };
                    return Err(self.wrong(key, "nothing", remedy));
                }
                _ => {}
            }
        }
        if let Some(depth) = self.depth.filter(|_| kind != JobKind::Book) {
            let remedy = "leave it away, or use kind = \"book\"";
            return Err(self.wrong("depth", depth, remedy));
        }
        if let Some(limit) = self.limit.filter(|_| !rows) {
            let remedy =
                "leave it away, or use kind = \"candles\" or \"trades\"; a book has a depth";
            return Err(self.wrong("limit", limit, remedy));
        }
        Ok(())
    }

    fn pair(&self, key: &str, name: &str) -> Result<Symbol, ConfigError> {
        name.parse()
            .map_err(|error: InvalidName| self.wrong(key, quote(name), &error.to_string()))
    }

    fn wrong(&self, key: &str, value: impl std::fmt::Display, remedy: &str) -> ConfigError {
        let field = format!("jobs.{}.{key}", self.id);
        out_of_range(field, value, remedy)
    }
}
