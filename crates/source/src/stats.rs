//! The counters of one source.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use robust_limiter::{MonotonicClock, Waits};
use robust_market::{Clock, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cooldown::Cooldown;
use crate::ring::Ring;
use crate::venue::Failed;
use crate::{Attempted, Cause, Health, Judgement, SourceError};

/// Attempts that are kept, for the percentiles and for [`Source::recent`](crate::Source::recent).
const KEPT: usize = 1_000;

/// What a source has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceStats {
    /// Calls that began.
    pub calls: u64,
    /// Calls that ended with data.
    pub ok: u64,
    /// Calls that ended with an error.
    pub errors: u64,
    /// Of these, calls whose last attempt this process itself refused: breaker open, budget spent.
    pub rejected: u64,
    /// Calls whose future was dropped before they ended.
    pub cancelled: u64,
    /// Requests that were handed to the exchange.
    pub requests: u64,
    /// Requests beyond the first of a call.
    pub retries: u64,
    /// Of the requests, those that the client sent a second time because a kept connection had died. Each is paid for.
    pub resent: u64,
    /// How long calls waited for the budget or a slot, by [`Class::index`](robust_limiter::Class::index).
    pub waits: [Waits; 4],
    /// Attempts that failed, by what failed: `network`, `tls`, `timeout`, or the class of what the exchange said, such as `rate_limited` or
    /// `malformed`. The same that [`Attempted::failed`] marks.
    pub failures: BTreeMap<&'static str, u64>,
    /// When the last attempt ended, good or bad.
    pub last_attempt: Option<Timestamp>,
    /// When the last attempt that did not fail ended.
    pub last_good: Option<Timestamp>,
    /// Mean time of those of the last 1,000 attempts that sent something, without queue and backoff.
    pub mean: Option<Duration>,
    /// 95th percentile of the same.
    pub p95: Option<Duration>,
    /// 99th percentile of the same.
    pub p99: Option<Duration>,
    /// The last failed attempt, in words, and when it was.
    pub last_error: Option<(Timestamp, String)>,
}

/// What a good call touches is counted without a lock.
#[derive(Debug)]
pub(crate) struct Stats {
    clock: Arc<dyn Clock>,
    /// By which calls are timed.
    pub(crate) monotonic: MonotonicClock,
    calls: AtomicU64,
    errors: AtomicU64,
    rejected: AtomicU64,
    cancelled: AtomicU64,
    /// The newest attempts. How many there were, less those without an answer, is how many calls ended with data: the answer of an
    /// attempt is that of its call.
    attempts: Ring<KEPT>,
    /// Of all attempts in the ring, those that brought no answer.
    fruitless: AtomicU64,
    /// Requests that were sent and brought no answer.
    unanswered: AtomicU64,
    retries: AtomicU64,
    resent: AtomicU64,
    /// The usual time of a good attempt in nanoseconds; 0 before there was one.
    usual: AtomicU64,
    cooldown: Cooldown,
    failed: Mutex<Failures>,
    /// When the last ban ends, by the wall clock: it outlives this process.
    ban: watch::Sender<Option<Timestamp>>,
}

/// What is known of attempts that failed.
#[derive(Debug, Default)]
struct Failures {
    by_kind: BTreeMap<&'static str, u64>,
    last_error: Option<(Timestamp, String)>,
}

/// What an exchange is thought to take before it was asked.
const UNKNOWN: Duration = Duration::from_millis(100);

#[inline]
fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Stats {
    pub(crate) fn new(clock: Arc<dyn Clock>, monotonic: MonotonicClock) -> Self {
        let zero = AtomicU64::default;
        Self {
            clock,
            attempts: Ring::new(monotonic.now()),
            monotonic,
            calls: zero(),
            errors: zero(),
            rejected: zero(),
            cancelled: zero(),
            fruitless: zero(),
            unanswered: zero(),
            retries: zero(),
            resent: zero(),
            usual: zero(),
            cooldown: Cooldown::default(),
            failed: Mutex::default(),
            ban: watch::Sender::new(None),
        }
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        // Counters and a text: whole after every statement.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one verdict on a failed attempt that was sent at `sent`.
    pub(crate) fn judge(&self, failed: Failed, attempts: u32, sent: Instant) -> SourceError {
        let cooldown = || self.cooldown.refused(sent, self.monotonic.now());
        let judgement = Judgement::failed(&failed.cause, failed.usage, &*self.clock, cooldown);
        if let (Health::Banned, Some(stay)) = (judgement.health, judgement.stay_away) {
            self.banned_for(stay);
        }
        SourceError {
            cause: failed.cause,
            attempts,
            judgement: Some(judgement),
        }
    }

    /// Notes a ban that begins now, or goes on, for so long.
    pub(crate) fn banned_for(&self, stay: Duration) {
        let until = self.clock.now().saturating_add(stay);
        self.ban.send_if_modified(|known| {
            let later = known.is_none_or(|known| known < until);
            if later {
                *known = Some(until);
            }
            later
        });
    }

    /// The present time by the wall clock.
    pub(crate) fn wall(&self) -> Timestamp {
        self.clock.now()
    }

    /// When the last ban ends or ended.
    pub(crate) fn ban(&self) -> &watch::Sender<Option<Timestamp>> {
        &self.ban
    }

    /// How long that is from now on; `None` when there is none.
    pub(crate) fn banned(&self) -> Option<(Timestamp, Duration)> {
        let until = (*self.ban.borrow())?;
        let rest = until.since(self.clock.now());
        (!rest.is_zero()).then_some((until, rest))
    }

    /// The usual time of a good attempt: the mean of the past ones, each weighing 7/8 of the next.
    pub(crate) fn usual(&self) -> Duration {
        match self.usual.load(Ordering::Relaxed) {
            0 => UNKNOWN,
            nanos => Duration::from_nanos(nanos).max(Duration::from_millis(1)),
        }
    }

    pub(crate) fn begin(&self) {
        add(&self.calls);
    }

    pub(crate) fn cancel(&self) {
        add(&self.cancelled);
    }

    /// Notes a second sending below an attempt.
    pub(crate) fn resend(&self) {
        add(&self.resent);
    }

    /// Notes an attempt that ends now with an answer, and with it its call.
    #[inline]
    pub(crate) fn answered(&self, attempt: u32, began: Instant) {
        if attempt > 1 {
            add(&self.retries);
        }
        let ended = self.monotonic.now();
        let took = ended.saturating_duration_since(began);
        self.attempts.push(Attempted::new(ended, Some(took), false));
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let usual = match self.usual.load(Ordering::Relaxed) {
            0 => took,
            usual => usual - usual / 8 + took / 8,
        };
        self.usual.store(usual.max(1), Ordering::Relaxed);
        self.cooldown.answered(began);
    }

    /// Notes an attempt that ends now without one.
    pub(crate) fn unanswered(&self, error: &SourceError, began: Instant) {
        let ended = self.monotonic.now();
        let took = ended.saturating_duration_since(began);
        let judgement = error.judgement.as_ref();
        let sent = judgement.is_some_and(|judgement| judgement.sent);
        if sent {
            add(&self.unanswered);
            if error.attempts > 1 {
                add(&self.retries);
            }
        }
        let failure = failure(error);
        if sent || failure.is_some() {
            // First: so that never more calls seem to have ended with data than have.
            add(&self.fruitless);
            let took = sent.then_some(took);
            self.attempts
                .push(Attempted::new(ended, took, failure.is_some()));
        }
        // Made before the lock: it takes long.
        let error = (self.clock.now(), error.to_string());
        let mut failures = self.failures();
        if let Some(failure) = failure {
            *failures.by_kind.entry(failure).or_default() += 1;
        }
        failures.last_error = Some(error);
    }

    /// The newest attempts, at most so many, oldest first.
    pub(crate) fn recent(&self, most: usize) -> Vec<Attempted> {
        let mut all = self.attempts.all();
        all.drain(..all.len().saturating_sub(most));
        all
    }

    /// Notes the end of a whole call without an answer; whether this process itself has refused its last attempt.
    #[inline]
    pub(crate) fn end(&self, refused: bool) {
        add(&self.errors);
        if refused {
            add(&self.rejected);
        }
    }

    pub(crate) fn snapshot(&self) -> SourceStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let attempts = self.attempts.all();
        let mut sorted: Vec<Duration> = attempts.iter().filter_map(|one| one.took).collect();
        let last_attempt = attempts.last().map(|one| one.ended);
        let last_good = self.attempts.last_good();
        let failures = self.failures();
        let (by_kind, last_error) = (failures.by_kind.clone(), failures.last_error.clone());
        drop(failures);
        sorted.sort_unstable();
        let (present, now) = (self.clock.now(), self.monotonic.now());
        let wall = |then: Instant| present.saturating_sub(now.saturating_duration_since(then));
        let total: Duration = sorted.iter().sum();
        let count = u32::try_from(sorted.len()).ok().filter(|n| *n > 0);
        let ok = self.attempts.count().saturating_sub(read(&self.fruitless));
        SourceStats {
            calls: read(&self.calls),
            ok,
            errors: read(&self.errors),
            rejected: read(&self.rejected),
            cancelled: read(&self.cancelled),
            requests: ok + read(&self.unanswered) + read(&self.resent),
            retries: read(&self.retries),
            resent: read(&self.resent),
            waits: <[Waits; 4]>::default(),
            failures: by_kind,
            last_attempt: last_attempt.map(wall),
            last_good: last_good.map(wall),
            mean: count.map(|n| total / n),
            p95: percentile(&sorted, 95),
            p99: percentile(&sorted, 99),
            last_error,
        }
    }
}

/// What failed, where the exchange or the way to it is to blame. A question that the exchange answers with "no" has not failed, and
/// one that cannot be put to it was no attempt.
fn failure(error: &SourceError) -> Option<&'static str> {
    let judgement = error.judgement.as_ref()?;
    match (judgement.health, &error.cause) {
        (Health::Well, _) => None,
        (Health::Unknown, _) if !judgement.sent => None,
        (_, Cause::Refused(verdict)) => Some(verdict.class.as_str()),
        (_, Cause::Timeout { .. }) => Some("timeout"),
        (Health::Untrusted, _) => Some("tls"),
        (_, Cause::Network(_)) => Some("network"),
        _ => Some("other"),
    }
}

/// The value that `percent` of a sorted list does not exceed (nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 99), Some(Duration::from_millis(99)));
        assert_eq!(percentile(&sorted, 95), Some(Duration::from_millis(95)));
        assert_eq!(percentile(&sorted[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 99), None);
    }
}
