//! What is wrong with the settings of one job.

use std::time::Duration;

use robust_market::quote;

use super::exchange::LONGEST;
use super::job::{JobKind, JobSettings};
use super::quality::check_score;
use super::{ConfigError, out_of_range};
use crate::JobClass;
use crate::jobs::{LONGEST_ID, name_remedy};

impl JobSettings {
    /// Finds settings that are missing, or that belong to another kind.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, text) in [("id", Some(&self.id)), ("name", self.name.as_ref())] {
            let remedy = text.and_then(|text| name_remedy(text, LONGEST_ID));
            if let (Some(text), Some(remedy)) = (text, remedy) {
                return Err(out_of_range(format!("jobs.{key}"), quote(text), &remedy));
            }
        }
        if !self.exchange.is_empty() && !self.exchanges.is_empty() {
            let remedy = "leave it away, or name the exchange among exchanges";
            return Err(self.wrong("exchange", quote(&self.exchange), remedy));
        }
        if !(1..=5).contains(&self.priority) {
            let remedy = "use 1 (most urgent) to 5";
            return Err(self.wrong("priority", self.priority, remedy));
        }
        self.check_bounds()?;
        check_score(format!("jobs.{}.min_quality", self.id), self.min_quality)?;
        let kind = self.kind;
        let candles = kind == JobKind::Candles;
        let rows = candles || kind == JobKind::Trades;
        let (symbol, symbols) = (self.symbol.is_some(), !self.symbols.is_empty());
        let intervals = self.interval.is_some() || !self.intervals.is_empty();
        if symbol && symbols {
            let remedy = "leave it away, or name the pair among symbols";
            return Err(self.wrong("symbol", "set", remedy));
        }
        for (key, there, wanted, belongs) in [
            (
                "symbol",
                symbol,
                !kind.is_many() && kind != JobKind::Market,
                "tickers and bids_asks have symbols = [\"BTC/USD\", …], market has none",
            ),
            (
                "symbols",
                symbols,
                kind != JobKind::Market,
                "leave it away: kind = \"market\" is about all pairs",
            ),
            (
                if self.interval.is_some() {
                    "interval"
                } else {
                    "intervals"
                },
                intervals,
                candles,
                "leave it away, or use kind = \"candles\"",
            ),
        ] {
            if there && !wanted {
                return Err(self.wrong(key, "set", belongs));
            }
        }
        if candles && !intervals {
            return Err(self.wrong("interval", "nothing", "candles need one, such as \"5m\""));
        }
        if kind.is_many() && !symbols {
            let remedy = "this kind needs them, such as [\"BTC/USD\", \"ETH/USD\"]";
            return Err(self.wrong("symbols", "nothing", remedy));
        }
        if kind != JobKind::Market && !symbol && !symbols {
            let remedy = "this kind needs one, such as \"BTC/USD\"";
            return Err(self.wrong("symbol", "nothing", remedy));
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
        if self.since_last && (kind != JobKind::Trades || self.limit.is_none()) {
            let remedy = "use it with kind = \"trades\" and a limit; candles ask for what they lack by themselves";
            return Err(self.wrong("since_last", true, remedy));
        }
        Ok(())
    }

    /// Finds numbers that cannot work.
    fn check_bounds(&self) -> Result<(), ConfigError> {
        let longest = self.class.longest();
        if let Some(timeout) = self
            .timeout
            .filter(|timeout| *timeout < Duration::from_millis(10) || *timeout > longest)
        {
            let remedy = match self.class {
                JobClass::Scan => "use a time from 10ms to 300s",
                _ => "use a time from 10ms to 30s, or class = \"scan\" for up to 300s",
            };
            return Err(self.wrong("timeout", format!("{timeout:?}"), remedy));
        }
        for (key, rows) in [("depth", self.depth), ("limit", self.limit)] {
            if rows == Some(0) {
                let remedy = "use 1 or more, or leave it away for the exchange's own";
                return Err(self.wrong(key, 0, remedy));
            }
        }
        if let Some(retries) = self.retries.filter(|retries| *retries > 20) {
            return Err(self.wrong("retries", retries, "use 0 to 20"));
        }
        if let Some(rate) = self.rate.filter(|rate| *rate == 0 || *rate > 1_000_000) {
            return Err(self.wrong("rate", rate, "use 1 to 1000000 requests a minute"));
        }
        if self.max_failures == Some(0) {
            let remedy = "use 1 or more failed runs in a row, after which it is quarantined";
            return Err(self.wrong("max_failures", 0, remedy));
        }
        if let Some(group) = &self.exclusive
            && let Some(remedy) = name_remedy(group, LONGEST_ID)
        {
            return Err(self.wrong("exclusive", quote(group), &remedy));
        }
        if let Some(splay) = self.splay.filter(|splay| *splay > LONGEST) {
            let shown = format!("{splay:?}");
            return Err(self.wrong("splay", shown, "use a time up to 24h"));
        }
        Ok(())
    }
}
