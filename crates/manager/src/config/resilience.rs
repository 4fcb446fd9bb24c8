//! Settings of the breaker and the limiter of one exchange, beyond the plain numbers.

use std::time::Duration;

use robust_limiter::{Headroom, Recovery};
use robust_source::{SlowCalls, SourceConfig};
use serde::{Deserialize, Serialize};

use super::exchange::LONGEST;
use super::{ConfigError, ExchangeSettings, out_of_range};

/// When slow attempts open the breaker, though each of them may succeed: `slow_calls = { after = "2s" }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SlowCallSettings {
    /// From when on an attempt is slow.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    /// The share of slow attempts that opens the breaker, above 0 and up to 1; 0.5.
    #[serde(default = "half")]
    pub share: f64,
    /// Of how many past attempts; it takes half as many to judge. 20.
    #[serde(default = "twenty")]
    pub of: u32,
}

const fn half() -> f64 {
    0.5
}

const fn twenty() -> u32 {
    20
}

/// How the rate comes back after the exchange said that it was too much: `recovery = { floor = 25, every = "2s" }`.
///
/// The rate is halved at each such answer, rises step by step, and one request goes before all others when a pause is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RecoverySettings {
    /// Whether the rate comes back slowly; else all of it is used at once after a pause. `true`.
    pub enabled: bool,
    /// The least share of the limits that is used, in percent, 1 to 100; 10.
    pub floor: u8,
    /// The percentage of the limits that is added at each step, 1 to 100; 5.
    pub add: u8,
    /// The time from step to step; 1 s.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// For how long the first request after a pause may keep the others waiting; 10 s. With `0s` all go at once.
    #[serde(with = "humantime_serde")]
    pub probe: Duration,
}

impl Default for RecoverySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            floor: 10,
            add: 5,
            every: Duration::from_secs(1),
            probe: Duration::from_secs(10),
        }
    }
}

impl RecoverySettings {
    fn recovery(&self) -> Option<Recovery> {
        let recovery = Recovery::default()
            .floor(self.floor)
            .add(self.add, self.every)
            .probe((!self.probe.is_zero()).then_some(self.probe));
        self.enabled.then_some(recovery)
    }
}

/// How much of each limit each class may fill, in percent: `headroom = { low = 50 }`. The critical class has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HeadroomSettings {
    /// Background work; 60.
    pub low: u8,
    /// Jobs and reads of no special urgency; 75.
    pub medium: u8,
    /// Reads that somebody waits for; 90.
    pub high: u8,
}

impl Default for HeadroomSettings {
    fn default() -> Self {
        Self {
            low: 60,
            medium: 75,
            high: 90,
        }
    }
}

/// Overlays the numbers of a preset with what is set.
pub(super) fn overlay(settings: &ExchangeSettings, config: &mut SourceConfig) {
    config.breaker_open_factor = settings
        .breaker_open_factor
        .unwrap_or(config.breaker_open_factor);
    config.breaker_open_max = settings.breaker_open_max.unwrap_or(config.breaker_open_max);
    config.half_open_permits = settings
        .half_open_permits
        .unwrap_or(config.half_open_permits);
    config.half_open_ratio = settings.half_open_ratio.unwrap_or(config.half_open_ratio);
    if let Some(slow) = &settings.slow_calls {
        let mut calls = SlowCalls::new(slow.after);
        calls.share = slow.share;
        calls.of = slow.of;
        config.slow_calls = Some(calls);
    }
    if let Some(recovery) = &settings.recovery {
        config.recovery = recovery.recovery();
    }
    if let Some(headroom) = &settings.headroom {
        config.headroom = Some(Headroom::new(headroom.low, headroom.medium, headroom.high));
    }
    config.outside = settings.outside.unwrap_or(config.outside);
    config.concurrency = settings.concurrency.unwrap_or(config.concurrency);
}

/// Finds what cannot work.
pub(super) fn check(name: &str, settings: &ExchangeSettings) -> Result<(), ConfigError> {
    let config = settings.source();
    let refuse = |key: &str, value: String, remedy: &str| {
        Err(out_of_range(
            format!("exchanges.{name}.{key}"),
            value,
            remedy,
        ))
    };
    let is_share = |share: f64| share > 0.0 && share <= 1.0;
    let is_time = |time: Duration| time >= Duration::from_millis(1) && time <= LONGEST;
    if !(1.0..=1_000.0).contains(&config.breaker_open_factor) {
        let value = config.breaker_open_factor.to_string();
        return refuse("breaker_open_factor", value, "use 1 to 1000");
    }
    if let Some(longest) = settings.breaker_open_max {
        let value = format!("{longest:?}");
        if !is_time(longest) {
            let remedy = "use a time from 1ms to 24h, such as \"1h\"";
            return refuse("breaker_open_max", value, remedy);
        }
        if longest < config.breaker_open {
            return refuse("breaker_open_max", value, "use at least breaker_open");
        }
    }
    if !(1..=10_000).contains(&config.half_open_permits) {
        let value = config.half_open_permits.to_string();
        return refuse("half_open_permits", value, "use 1 to 10000");
    }
    if !is_share(config.half_open_ratio) {
        let value = config.half_open_ratio.to_string();
        let remedy = "use a share above 0 and up to 1";
        return refuse("half_open_ratio", value, remedy);
    }
    if let Some(slow) = &settings.slow_calls {
        check_slow(slow, config.timeout, refuse)?;
    }
    if let Some(recovery) = &settings.recovery {
        for (key, percent) in [
            ("recovery.floor", recovery.floor),
            ("recovery.add", recovery.add),
        ] {
            if !(1..=100).contains(&percent) {
                return refuse(key, percent.to_string(), "use a percentage from 1 to 100");
            }
        }
        if !is_time(recovery.every) {
            let value = format!("{:?}", recovery.every);
            let remedy = "use a time from 1ms to 24h, such as \"1s\"";
            return refuse("recovery.every", value, remedy);
        }
        if recovery.probe > LONGEST {
            let value = format!("{:?}", recovery.probe);
            return refuse("recovery.probe", value, "use a time up to 24h, or \"0s\"");
        }
    }
    if let Some(headroom) = &settings.headroom {
        let HeadroomSettings { low, medium, high } = *headroom;
        for (key, percent, least) in [
            ("headroom.low", low, 1),
            ("headroom.medium", medium, low),
            ("headroom.high", high, medium),
        ] {
            if percent < least || percent > 100 {
                let remedy = format!(
                    "use {least} to 100: a more important class has at least as much as a less important one"
                );
                return refuse(key, percent.to_string(), &remedy);
            }
        }
    }
    if config.outside > 90 {
        let remedy = "use 0 to 90: the percentage that is left to others";
        return refuse("outside", config.outside.to_string(), remedy);
    }
    if !(1..=20).contains(&config.concurrency) {
        let remedy = "use 1 to 20: the client has no more connections to one host";
        return refuse("concurrency", config.concurrency.to_string(), remedy);
    }
    Ok(())
}

fn check_slow(
    slow: &SlowCallSettings,
    timeout: Duration,
    refuse: impl Fn(&str, String, &str) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    if slow.after < Duration::from_millis(1) || slow.after >= timeout {
        let value = format!("{:?}", slow.after);
        let remedy = "use a time from 1ms and below timeout, at which an attempt has failed";
        return refuse("slow_calls.after", value, remedy);
    }
    if !(slow.share > 0.0 && slow.share <= 1.0) {
        let remedy = "use a share above 0 and up to 1";
        return refuse("slow_calls.share", slow.share.to_string(), remedy);
    }
    if !(1..=65_536).contains(&slow.of) {
        return refuse("slow_calls.of", slow.of.to_string(), "use 1 to 65536");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn each_setting_reaches_the_source() {
        let config = Config::from_toml(
            r#"
            [exchanges.kraken]
            breaker_open = "10s"
            breaker_open_factor = 2.0
            breaker_open_max = "5m"
            half_open_permits = 3
            half_open_ratio = 0.6
            slow_calls = { after = "2s", share = 0.25 }
            recovery = { floor = 25, add = 10, every = "2s", probe = "0s" }
            headroom = { low = 40 }
            outside = 20
            concurrency = 5

            [exchanges.binance]
            recovery = { enabled = false }
            "#,
        )
        .unwrap();
        let source = config.exchanges["kraken"].source();
        assert_eq!(
            (source.breaker_open_factor, source.breaker_open_max),
            (2.0, Duration::from_secs(300))
        );
        assert_eq!((source.half_open_permits, source.half_open_ratio), (3, 0.6));
        let slow = source.slow_calls.unwrap();
        assert_eq!(
            (slow.after, slow.share, slow.of),
            (Duration::from_secs(2), 0.25, 20)
        );
        let recovery = Recovery::default()
            .floor(25)
            .add(10, Duration::from_secs(2))
            .probe(None);
        assert_eq!(source.recovery, Some(recovery));
        assert_eq!(source.headroom, Some(Headroom::new(40, 75, 90)));
        assert_eq!((source.outside, source.concurrency), (20, 5));
        assert_eq!(config.exchanges["binance"].source().recovery, None);
        assert_eq!(
            RecoverySettings::default().recovery(),
            SourceConfig::default().recovery,
            "what the docs of the settings say is what holds without them"
        );
    }

    /// The page lists every key; its example is read like any file.
    #[test]
    fn the_page_of_settings_knows_every_key_and_its_example_is_good() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
        let page = std::fs::read_to_string(page).unwrap();
        let example = page.split("```toml").nth(1).unwrap();
        let example = example.split("```").next().unwrap();
        let config = Config::from_toml(example).unwrap();
        assert!(config.exchanges["kraken"].headroom.is_some());
        let missing = |keys: &[String]| {
            let is_missing = |key: &&String| !page.contains(&format!("`{key}"));
            keys.iter().filter(is_missing).cloned().collect::<Vec<_>>()
        };
        // Asked for a key that it does not have, a type tells all those that it has.
        let keys = |message: &str| -> Vec<String> {
            let (_, known) = message.split_once("expected").unwrap();
            known
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        let of_exchange = toml::from_str::<ExchangeSettings>("x = 1").unwrap_err();
        let of_recovery = toml::from_str::<RecoverySettings>("x = 1").unwrap_err();
        let of_headroom = toml::from_str::<HeadroomSettings>("x = 1").unwrap_err();
        let of_slow = toml::from_str::<SlowCallSettings>("x = 1").unwrap_err();
        let of_exchange = keys(of_exchange.message());
        assert!(of_exchange.len() > 20, "{of_exchange:?}");
        assert_eq!(missing(&of_exchange), Vec::<String>::new());
        for (table, error) in [
            ("recovery", of_recovery),
            ("headroom", of_headroom),
            ("slow_calls", of_slow),
        ] {
            for key in keys(error.message()) {
                let names = [format!("`{table}.{key}`"), format!("`.{key}`")];
                assert!(
                    names.iter().any(|name| page.contains(name)),
                    "{table}.{key}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_field_value_and_remedy() {
        for (line, named) in [
            (
                "breaker_open_factor = 0.5",
                "breaker_open_factor = 0.5: use 1 to 1000",
            ),
            (
                "breaker_open_factor = nan",
                "breaker_open_factor = NaN: use 1 to 1000",
            ),
            (
                "breaker_open_max = \"1s\"",
                "breaker_open_max = 1s: use at least breaker_open",
            ),
            (
                "breaker_open_max = \"48h\"",
                "breaker_open_max = 172800s: use a time",
            ),
            (
                "half_open_permits = 0",
                "half_open_permits = 0: use 1 to 10000",
            ),
            (
                "half_open_ratio = 1.5",
                "half_open_ratio = 1.5: use a share",
            ),
            (
                "slow_calls = { after = \"0s\" }",
                "slow_calls.after = 0ns: use a time",
            ),
            (
                "slow_calls = { after = \"10s\" }",
                "slow_calls.after = 10s: use a time from 1ms and below timeout",
            ),
            (
                "slow_calls = { after = \"1s\", share = 0.0 }",
                "slow_calls.share = 0: use a share",
            ),
            (
                "slow_calls = { after = \"1s\", of = 0 }",
                "slow_calls.of = 0: use 1 to 65536",
            ),
            ("slow_calls = { share = 0.5 }", "missing field `after`"),
            (
                "slow_calls = { after = \"1s\", off = 3 }",
                "did you mean of?",
            ),
            (
                "recovery = { floor = 0 }",
                "recovery.floor = 0: use a percentage",
            ),
            (
                "recovery = { add = 101 }",
                "recovery.add = 101: use a percentage",
            ),
            (
                "recovery = { every = \"0s\" }",
                "recovery.every = 0ns: use a time",
            ),
            (
                "recovery = { probe = \"25h\" }",
                "recovery.probe = 90000s: use a time up to 24h",
            ),
            ("headroom = { low = 0 }", "headroom.low = 0: use 1 to 100"),
            (
                "headroom = { low = 80 }",
                "headroom.medium = 75: use 80 to 100",
            ),
            (
                "headroom = { high = 101 }",
                "headroom.high = 101: use 75 to 100",
            ),
            ("outside = 95", "outside = 95: use 0 to 90"),
            ("concurrency = 0", "concurrency = 0: use 1 to 20"),
            ("concurrency = 21", "concurrency = 21: use 1 to 20"),
        ] {
            let text = format!("[exchanges.kraken]\n{line}");
            let error = Config::from_toml(&text).unwrap_err().to_string();
            assert!(error.contains(named), "{line}: {error}");
            assert!(!error.contains('\n'), "{line}: {error}");
        }
    }
}
