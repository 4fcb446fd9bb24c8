//! All that an operator wants to know at one moment. `docs/status.md` says where the seed's items are.

mod jobs;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use robust_limiter::Waits;
use robust_market::{Exchange, Timestamp};
use serde::Serialize;
use tokio::time::Instant;

use crate::config::Environment;
use crate::counters::Reads;
use crate::key::KeyStatus;
use crate::manager::Parts;
use crate::shared::Venue;
use crate::standing::QualityStatus;
use crate::waiting::WaitingStatus;
use crate::warning::WarningStatus;
use crate::{HealthStatus, OverallHealth};

pub use jobs::{JobStatus, JobsStatus, RunStatus, SourceJobs};

/// The state of a manager at one moment. Times are in milliseconds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Whether the sources are real exchanges.
    pub environment: Environment,
    /// When the manager was started, in milliseconds since 1970.
    pub started_ms: i64,
    /// How long ago that was.
    pub uptime_ms: u64,
    /// Whether it has not been shut down.
    pub running: bool,
    /// How well the sources do, all together.
    pub health: OverallHealth,
    /// Each source.
    pub sources: BTreeMap<Exchange, SourceStatus>,
    /// Every read that was asked for, by outcome.
    pub reads: Reads,
    /// The jobs.
    pub jobs: JobsStatus,
    /// The cache.
    pub cache: CacheStatus,
    /// Events that were told.
    pub events: u64,
    /// Quarantined values that wait for their level to be confirmed.
    pub quarantine: WaitingStatus,
    /// The newest warnings, oldest first, at most 32.
    pub warnings: Vec<WarningStatus>,
}

/// The state of one source.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SourceStatus {
    /// How well it does, and the figures of its last 100 attempts.
    pub health: HealthStatus,
    /// `closed`, `open`, `half_open`, `disabled` (lets all through) or `metrics_only` (counts, and lets all through).
    pub breaker: &'static str,
    /// When the next probe may be made, if the breaker is open.
    pub probe_in_ms: Option<u64>,
    /// Failed attempts in a row.
    pub consecutive_failures: u32,
    /// How often the breaker has opened.
    pub opened: u64,
    /// The budget's windows.
    pub budget: Vec<WindowStatus>,
    /// Requests that are under way.
    pub in_flight: usize,
    /// Calls that wait for the budget, Low to Critical.
    pub queued: [usize; 4],
    /// How long the exchange has told us to stay away.
    pub paused_ms: Option<u64>,
    /// How long calls waited for the budget, Low to Critical.
    pub waits: [WaitStatus; 4],
    /// Calls that began.
    pub calls: u64,
    /// Calls that ended with data.
    pub ok: u64,
    /// Calls that ended with an error.
    pub errors: u64,
    /// Of these, ended by a refusal of this process: breaker open, budget spent.
    pub rejected: u64,
    /// Calls that were given up by their caller.
    pub cancelled: u64,
    /// The share that ended with data of those that ended with data or an error, 0 to 1.
    pub success_rate: Option<f64>,
    /// Requests that were sent.
    pub requests: u64,
    /// Requests beyond the first of a call.
    pub retries: u64,
    /// Requests that were sent a second time because a kept connection had died.
    pub resent: u64,
    /// Attempts that failed, by what failed: `network`, `timeout`, or what the exchange said: `rate_limited`, `banned`, `transient`,
    /// `malformed`.
    pub failures: BTreeMap<&'static str, u64>,
    /// When the last attempt ended, in milliseconds since 1970.
    pub last_attempt_ms: Option<i64>,
    /// When the last attempt that did not fail ended.
    pub last_good_ms: Option<i64>,
    /// Mean time of the last 1,000 attempts. That of the last 100 is `health.latency_ms`.
    pub mean_ms: Option<f64>,
    /// 95th percentile of the same.
    pub p95_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// The last failed attempt, in words.
    pub last_error: Option<String>,
    /// When it was, in milliseconds since 1970.
    pub last_error_ms: Option<i64>,
    /// The jobs that ask it.
    pub jobs: SourceJobs,
    /// Pairs that are known to be listed.
    pub symbols: usize,
    /// The state of its credentials, where it has any.
    pub key: Option<KeyStatus>,
    /// How good its answers have been, and what is in doubt now.
    pub quality: QualityStatus,
}

/// One window of a budget.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct WindowStatus {
    /// Its name.
    pub name: String,
    /// Units it holds.
    pub limit: u32,
    /// Units that are used; of the fullest key, for a window with keys.
    pub used: u64,
    /// Its length.
    pub per_ms: u64,
}

/// How long calls of one class waited for the budget that could not be granted at once. Times are in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[non_exhaustive]
pub struct WaitStatus {
    /// How many waited and were granted.
    pub count: u64,
    /// How long on average.
    pub mean_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
}

impl WaitStatus {
    fn of(waits: &Waits) -> Self {
        let count = u32::try_from(waits.count).unwrap_or(u32::MAX);
        Self {
            count: waits.count,
            mean_ms: waits.sum.checked_div(count).map(ms),
            max_ms: (count > 0).then(|| ms(waits.max)),
        }
    }
}

/// The cache's counters.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CacheStatus {
    /// Values that are kept.
    pub values: u64,
    /// Bytes that they take, about.
    pub bytes: u64,
    /// Reads answered from memory.
    pub hits: u64,
    /// Reads that needed a fetch.
    pub misses: u64,
    /// The share of reads answered from memory, 0 to 1.
    pub hit_rate: Option<f64>,
    /// Fetches that began.
    pub loads: u64,
    /// Reads that joined a fetch under way.
    pub joined: u64,
    /// Stale values that stood in.
    pub stale_served: u64,
    /// Values dropped for room.
    pub evictions: u64,
}

pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A part of a whole, 0 to 1; `None` of nothing.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share of a count, for people to read"
)]
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    let share = || (part as f64 / whole as f64 * 1e6).round() / 1e6;
    (whole > 0).then(share)
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Status {
    pub(crate) fn of(parts: &Parts) -> Self {
        let now = parts.shared.clock.now();
        let (jobs, mut by_source) = JobsStatus::of(&parts.scheduler);
        let cache = parts.cache.stats();
        let shared = &parts.shared;
        let sources: BTreeMap<Exchange, SourceStatus> = shared
            .venues
            .iter()
            .map(|(exchange, venue)| {
                let health = shared.health(exchange, venue);
                let quality = shared.judges.status(exchange, now);
                let jobs = by_source.remove(exchange.as_str()).unwrap_or_default();
                let source = SourceStatus::of(venue, health, quality, jobs);
                (exchange.clone(), source)
            })
            .collect();
        let health = sources.iter().map(|(name, one)| (name, one.health.state));
        Self {
            environment: shared.environment,
            started_ms: shared.started.1.as_ms(),
            uptime_ms: whole_ms(shared.started.0.elapsed()),
            running: !shared.closed.load(Ordering::Acquire),
            health: OverallHealth::of(health),
            sources,
            reads: parts.shared.counters.snapshot(),
            jobs,
            cache: CacheStatus {
                values: cache.len,
                bytes: cache.bytes,
                hits: cache.hits,
                misses: cache.misses,
                hit_rate: share(cache.hits, cache.hits + cache.misses),
                loads: cache.loads,
                joined: cache.joined,
                stale_served: cache.stale_served,
                evictions: cache.evictions,
            },
            events: parts.shared.hub.told(),
            quarantine: parts.shared.judges.waiting(),
            warnings: parts.shared.warnings.all(),
        }
    }
}

impl SourceStatus {
    fn of(venue: &Venue, health: HealthStatus, quality: QualityStatus, jobs: SourceJobs) -> Self {
        let breaker = venue.source.breaker().snapshot();
        let limiter = venue.source.limiter().snapshot();
        let stats = venue.source.stats();
        Self {
            health,
            breaker: breaker.state.as_str(),
            probe_in_ms: breaker.retry_in.map(whole_ms),
            consecutive_failures: breaker.consecutive_failures,
            opened: breaker.opened_times,
            budget: limiter
                .windows
                .iter()
                .map(|window| WindowStatus {
                    name: window.name.to_string(),
                    limit: window.limit,
                    used: window.used,
                    per_ms: whole_ms(window.per),
                })
                .collect(),
            in_flight: limiter.in_flight,
            queued: limiter.queued,
            paused_ms: limiter
                .paused_until
                .map(|until| whole_ms(until.saturating_duration_since(Instant::now())))
                .filter(|left| *left > 0),
            waits: stats.waits.map(|waits| WaitStatus::of(&waits)),
            calls: stats.calls,
            ok: stats.ok,
            errors: stats.errors,
            rejected: stats.rejected,
            cancelled: stats.cancelled,
            success_rate: share(stats.ok, stats.ok + stats.errors),
            requests: stats.requests,
            retries: stats.retries,
            resent: stats.resent,
            failures: stats.failures,
            last_attempt_ms: stats.last_attempt.map(Timestamp::as_ms),
            last_good_ms: stats.last_good.map(Timestamp::as_ms),
            mean_ms: stats.mean.map(ms),
            p95_ms: stats.p95.map(ms),
            p99_ms: stats.p99.map(ms),
            last_error_ms: stats.last_error.as_ref().map(|(time, _)| time.as_ms()),
            last_error: stats.last_error.map(|(_, text)| text),
            jobs,
            symbols: venue.source.symbols().len(),
            key: venue.key.as_ref().map(|key| key.status(Instant::now())),
            quality,
        }
    }
}
