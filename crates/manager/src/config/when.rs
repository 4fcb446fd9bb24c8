//! When a configured job comes due.

use std::time::{Duration, SystemTime};

use robust_market::{Interval, InvalidName, quote};
use robust_scheduler::{
    CronError, DayMatch, Dialect, Measured, Phase, Settle, Syntax, Trigger, Zone,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::exchange::LONGEST;
use super::{ConfigError, JobSettings};

/// The start of the year 2200, after 1970: the latest moment of a job of one moment. What counts in nanoseconds ends in 2262.
const LATEST: Duration = Duration::from_secs(7_258_118_400);

/// Whose numbers the weekdays of a cron expression are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CronDialect {
    /// 0 and 7 are Sunday, as in crontab. Assumed for expressions of 5 fields.
    Unix,
    /// 1 is Sunday, as in Quartz.
    Quartz,
}

/// What a day of the month and a weekday mean together, where a cron expression restricts both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CronDays {
    /// A day must fit both.
    Both,
    /// A day that fits either will do.
    Either,
}

impl JobSettings {
    /// What makes the job come due: exactly one of `every`, `cron`, `aligned`, `at`, `on_success`.
    pub(super) fn trigger(&self) -> Result<Trigger, ConfigError> {
        let said: Vec<&str> = [
            ("every", self.every.is_some()),
            ("cron", self.cron.is_some()),
            ("aligned", self.aligned.is_some()),
            ("at", self.at.is_some()),
            ("on_success", !self.on_success.is_empty()),
        ]
        .into_iter()
        .filter_map(|(key, there)| there.then_some(key))
        .collect();
        match *said {
            [] => {
                let remedy = "say when: one of every = \"5s\", cron = \"30 7 * * MON-FRI\", aligned = \"5m\", at = \"2027-01-01T00:00:00Z\", on_success = [\"ID\"]";
                return Err(self.wrong("every", "nothing", remedy));
            }
            [_] => {}
            [first, second, ..] => {
                let remedy =
                    format!("leave it away beside {first}: a job comes due by one of them");
                return Err(self.wrong(second, "set", &remedy));
            }
        }
        self.check_belongings()?;
        if let Some(period) = self.every {
            if period < Duration::from_millis(1) || period > LONGEST {
                let shown = format!("{period:?}");
                let remedy = "use a time from 1ms to 24h, such as \"5s\"";
                return Err(self.wrong("every", shown, remedy));
            }
            return Ok(Trigger::Every {
                period,
                phase: Phase::Spread,
                from: Measured::Start,
            });
        }
        if let Some(text) = &self.aligned {
            return self.on_bars(text);
        }
        if let Some(text) = &self.cron {
            return self.by_cron(text);
        }
        if let Some(moment) = self.at {
            if moment > SystemTime::UNIX_EPOCH + LATEST {
                let shown = humantime_serde::re::humantime::format_rfc3339_seconds(moment);
                let remedy = "use a moment before 2200, such as \"2027-01-01T00:00:00Z\"";
                return Err(self.wrong("at", shown, remedy));
            }
            return Ok(Trigger::At(moment));
        }
        let names = self.on_success.iter().map(|name| name.as_str().into());
        Ok(Trigger::OnSuccess(names.collect()))
    }

    /// Finds settings of another trigger.
    fn check_belongings(&self) -> Result<(), ConfigError> {
        for (key, there, wanted, with) in [
            ("zone", self.zone.is_some(), self.cron.is_some(), "cron"),
            (
                "dialect",
                self.dialect.is_some(),
                self.cron.is_some(),
                "cron",
            ),
            ("days", self.days.is_some(), self.cron.is_some(), "cron"),
            (
                "settle",
                self.settle.is_some(),
                self.aligned.is_some(),
                "aligned",
            ),
        ] {
            if there && !wanted {
                let remedy = format!("leave it away, or say when with {with}");
                return Err(self.wrong(key, "set", &remedy));
            }
        }
        Ok(())
    }

    fn on_bars(&self, text: &str) -> Result<Trigger, ConfigError> {
        let interval: Interval = text
            .parse()
            .map_err(|error: InvalidName| self.wrong("aligned", quote(text), &error.to_string()))?;
        if interval.is_calendar_month() {
            let remedy = "months have no length; use cron = \"0 0 1 * *\"";
            return Err(self.wrong("aligned", quote(text), remedy));
        }
        let settle = self.settle.map_or_else(Settle::default, Settle::Fixed);
        match (&settle, self.settle) {
            (Settle::Fixed(settle), Some(said)) if *settle > interval.duration() => {
                let shown = format!("{said:?}");
                return Err(self.wrong("settle", shown, "use at most the interval"));
            }
            (Settle::Fixed(settle), None) if *settle > interval.duration() => {
                let remedy = format!(
                    "a bar is asked for {settle:?} after its end, which is longer; use a longer interval, or say settle"
                );
                return Err(self.wrong("aligned", quote(text), &remedy));
            }
            _ => {}
        }
        Ok(Trigger::Aligned {
            interval: interval.duration(),
            settle,
        })
    }

    fn by_cron(&self, text: &str) -> Result<Trigger, ConfigError> {
        let mut syntax = Syntax::default();
        if let Some(dialect) = self.dialect {
            syntax = syntax.dialect(match dialect {
                CronDialect::Unix => Dialect::Unix,
                CronDialect::Quartz => Dialect::Quartz,
            });
        }
        if let Some(days) = self.days {
            syntax = syntax.days(match days {
                CronDays::Both => DayMatch::Both,
                CronDays::Either => DayMatch::Either,
            });
        }
        let cron = syntax
            .parse(text)
            .map_err(|error| self.wrong("cron", quote(text), &short(&remedy(&error))))?;
        let zone = match &self.zone {
            Some(name) => {
                Zone::named(name).map_err(|_| self.wrong("zone", quote(name), NO_ZONE))?
            }
            None => Zone::utc(),
        };
        Ok(Trigger::Cron(cron.zone(zone)))
    }
}

/// What a config file says of a name that is no time zone's.
const NO_ZONE: &str = "there is no time zone of this name; names are those of the IANA database, as in \"Europe/Amsterdam\"";

/// The first 300 characters: what others have written must not fill the screen.
fn short(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A moment: a text, or a time of TOML's own.
pub(super) fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
    let text = match toml::Value::deserialize(from)? {
        toml::Value::String(text) => Some(text),
        toml::Value::Datetime(time) => Some(time.to_string()),
        _ => None,
    };
    let parsed = text
        .as_deref()
        .map(humantime_serde::re::humantime::parse_rfc3339_weak);
    match (parsed, text) {
        (Some(Ok(moment)), _) => Ok(Some(moment)),
        (_, text) => {
            let shown = text.map_or_else(String::new, |text| {
                format!("{} is no moment; ", quote(&text))
            });
            let remedy = "write one in universal time, such as at = \"2027-01-01T00:00:00Z\"";
            Err(D::Error::custom(format!("{shown}{remedy}")))
        }
    }
}

/// What to write instead, in the words of a config file.
fn remedy(error: &CronError) -> String {
    match error {
        CronError::WhoseWeekdays { field } => format!(
            "{} does not say whether 1 is Monday or Sunday; say dialect = \"unix\" (Monday) or \"quartz\" (Sunday), or write MON to SUN",
            quote(field)
        ),
        CronError::WhichDays { days, weekdays } => format!(
            "{} and {} are both restricted; say days = \"both\" or days = \"either\"",
            quote(days),
            quote(weekdays)
        ),
        CronError::Weekday { field, .. } => format!(
            "{} is no weekday; write MON to SUN, or numbers as the dialect has them",
            quote(field)
        ),
        CronError::Syntax { .. } => "it cannot be read; each field is *, a number within its range, or one of 1-5, 1,3 and */5".to_owned(),
        other => other.to_string(),
    }
}
