//! The settings of one source.

use std::time::Duration;

use robust_backoff::{Exponential, Jitter};

/// Why a source cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {value} is not valid: {remedy}")]
pub struct BuildError {
    /// The setting.
    pub field: &'static str,
    /// Its value, quoted.
    pub value: String,
    /// What to write instead.
    pub remedy: String,
}

/// The settings of one source. The defaults are the manager's: the numbers of the system that this replaces.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SourceConfig {
    /// Longest time of one attempt; 10 s.
    pub timeout: Duration,
    /// Longest time of a whole call with queue, attempts and backoff; 30 s.
    pub max_timeout: Duration,
    /// Attempts beyond the first; 3.
    pub retries: u32,
    /// Delay before the first retry; 1 s.
    pub backoff_base: Duration,
    /// Longest delay before jitter; 60 s.
    pub backoff_max: Duration,
    /// How delays are spread; `min(base·2^n, max)·(1 + 0.1·rand)`.
    pub jitter: Jitter,
    /// Failed attempts in a row that open the breaker; 5.
    pub breaker_failures: u32,
    /// How long the breaker stays open at least; 60 s.
    pub breaker_open: Duration,
    /// Requests a minute that the user allows, beside the exchange's own limits; the smaller of both holds. A source without a
    /// table of its own has 60.
    pub requests_per_minute: Option<u32>,
    /// Requests that are under way at once; 20, the client's own cap per host. At least 1.
    pub concurrency: usize,
}

/// The limit of a source whose connector states none, in requests a minute.
pub(crate) const UNKNOWN_LIMIT: u32 = 60;

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_timeout: Duration::from_secs(30),
            retries: 3,
            backoff_base: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            jitter: Jitter::Additive(0.1),
            breaker_failures: 5,
            breaker_open: Duration::from_secs(60),
            requests_per_minute: None,
            concurrency: 20,
        }
    }
}

impl SourceConfig {
    /// Careful: 15 s an attempt, 45 s a call, 5 retries, 3 failures open the breaker for 120 s, 30 requests a minute.
    #[must_use]
    pub fn conservative() -> Self {
        Self {
            timeout: Duration::from_secs(15),
            max_timeout: Duration::from_secs(45),
            retries: 5,
            breaker_failures: 3,
            breaker_open: Duration::from_secs(120),
            requests_per_minute: Some(30),
            ..Self::default()
        }
    }

    /// Fast: 5 s an attempt, 15 s a call, 2 retries, 10 failures open the breaker for 30 s, 120 requests a minute.
    #[must_use]
    pub fn aggressive() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            max_timeout: Duration::from_secs(15),
            retries: 2,
            breaker_failures: 10,
            breaker_open: Duration::from_secs(30),
            requests_per_minute: Some(120),
            ..Self::default()
        }
    }

    /// Made for exchanges: 3 attempts with delays from 1 s to 10 s, 30 s a call.
    #[must_use]
    pub fn exchange() -> Self {
        Self {
            retries: 2,
            backoff_max: Duration::from_secs(10),
            ..Self::default()
        }
    }

    /// Finds times that cannot work: no time at all, or so much that adding it to a clock would overflow.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        const LONGEST: Duration = Duration::from_secs(30 * 24 * 3_600);
        const LEAST: Duration = Duration::from_millis(1);
        for (field, value, least) in [
            ("timeout", self.timeout, LEAST),
            ("max_timeout", self.max_timeout, LEAST),
            ("backoff_base", self.backoff_base, Duration::ZERO),
            ("backoff_max", self.backoff_max, Duration::ZERO),
            ("breaker_open", self.breaker_open, Duration::ZERO),
        ] {
            if value < least || value > LONGEST {
                return Err(BuildError {
                    field,
                    value: format!("{value:?}"),
                    remedy: format!("use {least:?} to 30 days"),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn delays(&self) -> Exponential {
        Exponential::new(self.backoff_base, self.backoff_max).jitter(self.jitter)
    }
}
