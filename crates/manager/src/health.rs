//! How well a source does: healthy, degraded, critical, offline.
//!
//! The computation is in [`window`] (what the last attempts came to), [`verdict`] (which level that is) and [`ladder`] (when the level
//! changes); all of it is given the time and asks for nothing. This file says it in words for those who read it.

mod ladder;
mod monitor;
mod verdict;
mod window;

use std::fmt;

use robust_market::Exchange;
use serde::Serialize;

pub(crate) use monitor::{Monitor, watch};

/// How well a source does, best first; the worst of several is their greatest.
///
/// Judged by its last 100 attempts that are not older than 5 minutes, or its last 10 where those are fewer. The mean time of an attempt
/// is without the wait for the budget and without backoff. What counts as an attempt, and when it has failed, is said at
/// [`Attempted`](robust_source::Attempted): what this process refuses, and what was dropped before it ended, is none.
///
/// A change for the worse is made at once. A change for the better is made when nothing as bad was seen for 30 s and an attempt has
/// ended since. The manager looks once a second, when a breaker changes, and when the status is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// There were not yet 10 attempts, or none for 30 minutes, and the breaker is closed and was for 30 s. Nothing speaks against the source: whoever
    /// must choose asks it as if it were healthy, and whoever must wait for a proof goes on waiting.
    #[default]
    Unknown,
    /// Less than 10 % failed, and the mean time is less than 2 s.
    Healthy,
    /// 10 % or more failed, or the mean time is 2 s or more.
    Degraded,
    /// 20 % or more failed, or the mean time is more than 5 s.
    Critical,
    /// More than 50 % failed, or the breaker is open, or it has not closed again yet.
    Offline,
}

impl Health {
    /// The word for it: `unknown`, `healthy`, `degraded`, `critical`, `offline`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
            Self::Offline => "offline",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What decided about a [`Health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HealthCause {
    /// Too few attempts to say anything.
    #[default]
    Nothing,
    /// Nothing is wrong.
    Well,
    /// The share of attempts that failed.
    Errors,
    /// The mean time of an attempt.
    Latency,
    /// The breaker is open, or still probing.
    Breaker,
}

/// The health of one source, and the figures behind it. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct HealthStatus {
    /// How well it does.
    pub state: Health,
    /// What decided.
    pub cause: HealthCause,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// Attempts that are judged: at most 100.
    pub attempts: usize,
    /// How many of them failed.
    pub errors: usize,
    /// Their share, 0 to 1; `None` without attempts.
    pub error_rate: Option<f64>,
    /// Mean time of those that sent something.
    pub latency_ms: Option<f64>,
    /// The time that 95 % of them did not exceed.
    pub p95_ms: Option<f64>,
    /// The time that 99 % of them did not exceed.
    pub p99_ms: Option<f64>,
    /// How often the health has changed since the start.
    pub changes: u64,
}

impl fmt::Display for HealthStatus {
    /// `degraded: 12 of 100 attempts failed, 340 ms on average`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.state)?;
        if self.cause == HealthCause::Breaker {
            f.write_str("the breaker is open, or was within 30 s; ")?;
        }
        write!(f, "{} of {} attempts failed", self.errors, self.attempts)?;
        match self.latency_ms {
            Some(mean) => write!(f, ", {mean:.0} ms on average"),
            None => Ok(()),
        }
    }
}

/// The health of a source has changed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HealthEvent {
    /// The exchange.
    pub exchange: Exchange,
    /// How well it did before.
    pub before: Health,
    /// How well it does now, and why.
    pub now: HealthStatus,
}

impl HealthEvent {
    /// Whether it does worse than before. From unknown all but healthy is worse: a source that is down from the start is news.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.now.state > self.before.max(Health::Healthy)
    }
}

impl fmt::Display for HealthEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, now {}", self.exchange, self.before, self.now)
    }
}

/// The health of all sources together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct OverallHealth {
    /// The worst of the sources that are known; [`Health::Unknown`] when none is.
    pub state: Health,
    /// The sources that are that bad; none while all are healthy or unknown.
    pub sources: Vec<Exchange>,
}

impl OverallHealth {
    pub(crate) fn of<'a>(sources: impl Iterator<Item = (&'a Exchange, Health)> + Clone) -> Self {
        let state = sources.clone().map(|(_, health)| health).max();
        let state = state.unwrap_or_default();
        let bad = sources.filter(|(_, health)| *health == state && state > Health::Healthy);
        Self {
            state,
            sources: bad.map(|(exchange, _)| exchange.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_as_bad_as_its_worst_source_and_an_unknown_one_takes_nothing_away() {
        let (a, b, c) = (Exchange::KRAKEN, Exchange::BINANCE, Exchange::KUCOIN);
        for (sources, state, bad) in [
            (vec![], Health::Unknown, vec![]),
            (vec![(&a, Health::Unknown)], Health::Unknown, vec![]),
            (
                vec![(&a, Health::Unknown), (&b, Health::Healthy)],
                Health::Healthy,
                vec![],
            ),
            (
                vec![
                    (&a, Health::Degraded),
                    (&b, Health::Healthy),
                    (&c, Health::Degraded),
                ],
                Health::Degraded,
                vec![a.clone(), c.clone()],
            ),
            (
                vec![
                    (&a, Health::Critical),
                    (&b, Health::Offline),
                    (&c, Health::Unknown),
                ],
                Health::Offline,
                vec![b.clone()],
            ),
        ] {
            let overall = OverallHealth::of(sources.iter().copied());
            assert_eq!(
                (overall.state, overall.sources),
                (state, bad),
                "{sources:?}"
            );
        }
    }

    #[test]
    fn the_words_name_state_cause_and_figures() {
        let mut now = HealthStatus {
            state: Health::Degraded,
            cause: HealthCause::Errors,
            attempts: 100,
            errors: 12,
            latency_ms: Some(340.4),
            ..HealthStatus::default()
        };
        let event = HealthEvent {
            exchange: Exchange::KRAKEN,
            before: Health::Healthy,
            now: now.clone(),
        };
        assert_eq!(
            event.to_string(),
            "kraken: healthy, now degraded: 12 of 100 attempts failed, 340 ms on average"
        );
        assert!(event.is_worse());
        let from = |before, after| HealthEvent {
            before,
            now: HealthStatus {
                state: after,
                ..HealthStatus::default()
            },
            ..event.clone()
        };
        assert!(from(Health::Unknown, Health::Offline).is_worse());
        assert!(from(Health::Unknown, Health::Degraded).is_worse());
        assert!(!from(Health::Unknown, Health::Healthy).is_worse());
        assert!(!from(Health::Offline, Health::Unknown).is_worse());
        assert!(!from(Health::Healthy, Health::Healthy).is_worse());
        (now.state, now.cause, now.latency_ms) = (Health::Offline, HealthCause::Breaker, None);
        assert_eq!(
            now.to_string(),
            "offline: the breaker is open, or was within 30 s; 12 of 100 attempts failed"
        );
        let json = serde_json::to_value(&now).unwrap();
        assert_eq!(
            (&json["state"], &json["cause"]),
            (&"offline".into(), &"breaker".into())
        );
    }
}
