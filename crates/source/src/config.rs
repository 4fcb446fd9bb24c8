//! The settings of one source.

use std::time::Duration;

use robust_backoff::{Exponential, Jitter};
use robust_breaker::{Breaker, Window};
use robust_limiter::{Headroom, Recovery};

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
    /// By how much longer it stays open each time that probing fails; 1, no longer.
    pub breaker_open_factor: f64,
    /// The longest that it grows to; 1 h. A server's own word holds beyond it.
    pub breaker_open_max: Duration,
    /// Calls that are let through to find out whether the exchange is back; 1.
    pub half_open_permits: u32,
    /// The share of these that must succeed to close the breaker; 1, all of them.
    pub half_open_ratio: f64,
    /// When slow attempts open the breaker too; never.
    pub slow_calls: Option<SlowCalls>,
    /// How the rate comes back after the exchange said that it was too much: half of it at first, and a single request before all others.
    /// `None` takes the whole rate up at once.
    pub recovery: Option<Recovery>,
    /// How much of each window each class may fill; by default everyone all of it, in order of importance.
    pub headroom: Option<Headroom>,
    /// The percentage of each window that is left to callers outside of this process; 0, up to 90.
    pub outside: u8,
    /// Requests a minute that the user allows, beside the exchange's own limits; the smaller of both holds. A source without a
    /// table of its own has 60.
    pub requests_per_minute: Option<u32>,
    /// Requests that are under way at once; 20, the client's own cap per host. At least 1.
    pub concurrency: usize,
}

/// When attempts that take long open the breaker, though each of them may succeed.
///
/// An attempt that is dropped after that time counts as slow too: a caller who gives up looks like that.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SlowCalls {
    /// From when on an attempt is slow.
    pub after: Duration,
    /// The share of slow attempts that opens the breaker, above 0 and up to 1.
    pub share: f64,
    /// Of how many past attempts; it takes half as many to judge. 1 to 65,536.
    pub of: u32,
}

impl SlowCalls {
    /// Opens when half of the last 20 attempts took longer than `after`.
    #[must_use]
    pub const fn new(after: Duration) -> Self {
        Self {
            after,
            share: 0.5,
            of: 20,
        }
    }
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
            breaker_open_factor: 1.0,
            breaker_open_max: Duration::from_secs(3_600),
            half_open_permits: 1,
            half_open_ratio: 1.0,
            slow_calls: None,
            recovery: Some(Recovery::default()),
            headroom: None,
            outside: 0,
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
        let invalid = |field, value: String, remedy: &str| {
            Err(BuildError {
                field,
                value,
                remedy: remedy.to_owned(),
            })
        };
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        if !(1.0..=1_000.0).contains(&self.breaker_open_factor) {
            let value = self.breaker_open_factor.to_string();
            return invalid("breaker_open_factor", value, "use 1 to 1000");
        }
        if !is_share(self.half_open_ratio) {
            let value = self.half_open_ratio.to_string();
            return invalid("half_open_ratio", value, "use a share above 0 and up to 1");
        }
        if !(1..=10_000).contains(&self.half_open_permits) {
            let value = self.half_open_permits.to_string();
            return invalid("half_open_permits", value, "use 1 to 10000");
        }
        if self.outside > 90 {
            return invalid("outside", self.outside.to_string(), "use 0 to 90");
        }
        match &self.slow_calls {
            Some(slow)
                if slow.after < LEAST
                    || !is_share(slow.share)
                    || !(1..=65_536).contains(&slow.of) =>
            {
                let remedy =
                    "use 1 ms or more, a share above 0 and up to 1, of 1 to 65536 attempts";
                invalid("slow_calls", format!("{slow:?}"), remedy)
            }
            _ => Ok(()),
        }
    }

    /// The breaker that these settings describe.
    pub(crate) fn breaker(&self, name: &str) -> Breaker {
        let longest = self.breaker_open_max.max(self.breaker_open);
        let mut breaker = Breaker::builder(name)
            .consecutive_failures(self.breaker_failures)
            .open_for(self.breaker_open)
            .open_backoff(self.breaker_open_factor, longest)
            .half_open_permits(self.half_open_permits)
            .half_open_ratio(self.half_open_ratio)
            .half_open_deadline(self.timeout * 2);
        if let Some(slow) = &self.slow_calls {
            let least = slow.of.div_ceil(2);
            breaker = breaker.slow_call_rate(slow.after, slow.share, least, Window::Count(slow.of));
        }
        breaker.build()
    }

    pub(crate) fn delays(&self) -> Exponential {
        Exponential::new(self.backoff_base, self.backoff_max).jitter(self.jitter)
    }
}
