//! Settings of one exchange.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use robust_market::quote;
use robust_source::SourceConfig;
use serde::{Deserialize, Serialize};

use super::resilience::{self, HeadroomSettings, RecoverySettings, SlowCallSettings};
use super::{ConfigError, CredentialSettings, Preset, out_of_range};

/// Settings of one exchange. What is left away is the preset's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ExchangeSettings {
    /// Where to start from.
    pub preset: Preset,
    /// Another address than the exchange's own.
    pub base_url: Option<String>,
    /// Several addresses of the same exchange, instead of one. The first is asked; when no connection to it can be made, the
    /// next attempt takes the next.
    pub base_urls: Vec<String>,
    /// Takes all addresses that the connector knows as [`base_urls`](Self::base_urls). Default: its first alone.
    pub mirrors: bool,
    /// The address of this machine that requests leave from, such as `192.0.2.1`. Exchanges count by address. The exchange then
    /// has connections of its own.
    pub local_address: Option<IpAddr>,
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
    /// By how much longer the breaker stays open each time that probing fails, 1 to 1000; 1, no longer.
    pub breaker_open_factor: Option<f64>,
    /// The longest that it grows to; 1 h. The exchange's own word holds beyond it.
    #[serde(with = "humantime_serde")]
    pub breaker_open_max: Option<Duration>,
    /// Calls that are let through to find out whether the exchange is back; 1.
    pub half_open_permits: Option<u32>,
    /// The share of these that must succeed to close the breaker, above 0 and up to 1; 1, all of them.
    pub half_open_ratio: Option<f64>,
    /// When slow attempts open the breaker too. Default: never.
    pub slow_calls: Option<SlowCallSettings>,
    /// How the rate comes back after the exchange said that it was too much.
    pub recovery: Option<RecoverySettings>,
    /// How much of each limit each class may fill. Default: everyone all of it, in order of importance.
    pub headroom: Option<HeadroomSettings>,
    /// The percentage of each limit that is left to others who share it, such as another program behind the same address; 0 to 90.
    /// Default 0.
    pub outside: Option<u8>,
    /// Requests that are under way at once, 1 to 20; 20.
    pub concurrency: Option<usize>,
    /// Requests a minute, beside the exchange's own limits.
    pub requests_per_minute: Option<u32>,
    /// Quote currencies that stand in for others: `{ USD = "USDT" }` answers `BTC/USD` with `BTC/USDT`, and says so.
    pub quote_alias: BTreeMap<String, String>,
    /// Where the credentials are; what is public is asked without. KuCoin gives books of more than 100 levels to key holders only.
    pub credentials: Option<CredentialSettings>,
}

/// The longest time that any setting may have: beyond a day nobody waits.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3_600);

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
        resilience::overlay(self, &mut config);
        config
    }

    pub(super) fn check(&self, name: &str) -> Result<(), ConfigError> {
        let field = |key: &str| format!("exchanges.{name}.{key}");
        self.check_addresses(name)?;
        if let Some(credentials) = &self.credentials {
            credentials.check(name)?;
        }
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
        resilience::check(name, self)?;
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

    fn check_addresses(&self, name: &str) -> Result<(), ConfigError> {
        let field = |key: &str| format!("exchanges.{name}.{key}");
        let (one, several) = (self.base_url.is_some(), !self.base_urls.is_empty());
        if one && several {
            let remedy = "leave base_url away and name it first in base_urls";
            return Err(out_of_range(
                field("base_urls"),
                "set beside base_url",
                remedy,
            ));
        }
        if self.mirrors && (one || several) {
            let remedy =
                "leave it away: it is about the exchange's own addresses, and others are set";
            return Err(out_of_range(field("mirrors"), true, remedy));
        }
        if self.base_urls.len() > 32 {
            let remedy = "use at most 32 addresses";
            return Err(out_of_range(
                field("base_urls"),
                self.base_urls.len(),
                remedy,
            ));
        }
        if let Some(address) = self
            .local_address
            .filter(|address| address.is_unspecified() || address.is_multicast())
        {
            let remedy = "use an address of this machine, or leave it away";
            return Err(out_of_range(field("local_address"), address, remedy));
        }
        Ok(())
    }
}
