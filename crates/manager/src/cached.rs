//! One fetch a key, whoever waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use robust_cache::{Cache, Lifetime, LoadError, Lookup, Read, Refresh};
use robust_market::{Exchange, Kind, Request};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

use crate::config::CacheSettings;
use crate::error::Stage;
use crate::judge::Judged;
use crate::load::{Load, Urgency};
use crate::stored::Kept;
use crate::{DataError, Query, weight};

/// A key is the question alone: deadline, priority and freshness are each reader's own.
pub(crate) type Key = (Exchange, Arc<Request>);

/// The values of one manager.
pub(crate) type ValueCache = Cache<Key, Kept, DataError, Urgency>;

/// How long a stored value can stand in for one that cannot be had, if a reader allows it.
pub(crate) const STALE_FOR: Duration = Duration::from_secs(3_600);

/// How long a value of this kind is fresh when the reader does not say. The five seconds of tickers and books are those of the
/// system that this replaces for its critical readers.
const fn fresh_for(kind: Kind) -> Duration {
    match kind {
        Kind::Instruments | Kind::Assets => Duration::from_secs(3_600),
        Kind::Candles | Kind::Status => Duration::from_secs(10),
        Kind::Time => Duration::ZERO,
        _ => Duration::from_secs(5),
    }
}

/// Makes the cache: bounded by number of values and by their bytes, aged by when their first byte arrived.
pub(crate) fn cache(settings: &CacheSettings) -> ValueCache {
    Cache::builder()
        .capacity(settings.capacity)
        .max_bytes(settings.max_bytes, |key: &Key, kept: &Kept| {
            weight::of(key, kept)
        })
        .lifetime(|key: &Key, _: &Kept| Lifetime {
            fresh_for: fresh_for(key.1.kind()),
            stale_for: STALE_FOR,
        })
        .born(|kept: &Kept| Some(kept.newest.first_byte))
        .build()
}

/// How long before the reader's end a stale value is taken, so that it still arrives in time.
const MARGIN: Duration = Duration::from_millis(1);

/// Whether the budget refused the fetch, and would serve one that may wait until `ends`.
fn served_by(found: &Lookup<Kept, DataError>, ends: Instant) -> bool {
    let (Lookup::Unavailable(reason) | Lookup::Stale { reason, .. }) = found else {
        return false;
    };
    let LoadError::Failed(DataError::Limited { retry_in, .. }) = reason else {
        return false;
    };
    retry_in.is_some_and(|wait| wait < ends.saturating_duration_since(Instant::now()))
}

#[derive(Debug, Clone)]
pub(crate) struct CacheLayer {
    cache: ValueCache,
}

impl CacheLayer {
    pub(crate) const fn new(cache: ValueCache) -> Self {
        Self { cache }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Cached<S> {
    inner: S,
    // Behind one pointer, so that a fetch can know the cache without keeping it alive.
    cache: Arc<ValueCache>,
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cached<S>;

    fn layer(&self, inner: S) -> Cached<S> {
        Cached {
            inner,
            cache: Arc::new(self.cache.clone()),
        }
    }
}

impl<S> Service<Query> for Cached<S>
where
    S: Service<Load, Response = Judged, Error = DataError> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    type Response = Lookup<Kept, DataError>;
    type Error = DataError;
    type Future = BoxFuture<'static, Result<Self::Response, DataError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DataError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        let (inner, cache) = (self.inner.clone(), Arc::clone(&self.cache));
        Box::pin(async move {
            let began = Instant::now();
            let ends = query.deadline.unwrap_or(began);
            let key = (query.exchange.clone(), Arc::clone(&query.request));
            let refresh = match (query.force, query.stale_if_error) {
                (true, _) => Refresh::Force,
                (false, Some(_)) => Refresh::IfNeeded,
                (false, None) => Refresh::OrFail,
            };
            let read = Read::new(Urgency::new(query.priority))
                .max_age(query.max_age)
                .refresh(refresh);
            let found = async {
                loop {
                    let mine = Arc::new(AtomicBool::new(false));
                    let load = {
                        let (inner, mine, key) = (inner.clone(), Arc::clone(&mine), key.clone());
                        let cache = Arc::downgrade(&cache);
                        move |urgency| {
                            mine.store(true, Ordering::Relaxed);
                            let load = Load {
                                exchange: key.0,
                                request: key.1,
                                urgency,
                                admit_by: ends,
                                retries: query.retries,
                                bounds: query.bounds,
                                id: query.id,
                            };
                            fetch(inner, load, cache)
                        }
                    };
                    let found = cache.get(&key, read.clone(), load).await;
                    // The fetch had the patience of the reader who began it. Who joined it and has more asks for themselves.
                    if mine.load(Ordering::Relaxed) || !served_by(&found, ends) {
                        return found;
                    }
                }
            };
            let stale = query.stale_if_error.is_some()
                && !query.force
                && query.max_age != Some(Duration::ZERO);
            if !stale {
                return Ok(found.await);
            }
            // Who takes a stale value gets it at the end of the wait, while the fetch goes on.
            let last = ends.checked_sub(MARGIN).unwrap_or(ends);
            Ok(match tokio::time::timeout_at(last, found).await {
                Ok(found) => found,
                Err(_) => {
                    let reason = LoadError::Failed(DataError::Timeout {
                        exchange: query.exchange,
                        stage: Stage::Reader,
                        after: ends.saturating_duration_since(began),
                    });
                    match cache.peek(&key) {
                        Some(entry) => Lookup::Stale { entry, reason },
                        None => Lookup::Unavailable(reason),
                    }
                }
            })
        })
    }
}

/// Fetches and judges. What an answer about many pairs says of each is kept under that pair's own key.
async fn fetch<S>(inner: S, load: Load, cache: Weak<ValueCache>) -> Result<Kept, DataError>
where
    S: Service<Load, Response = Judged, Error = DataError>,
{
    let key = (load.exchange.clone(), Arc::clone(&load.request));
    let Judged { stored, parts } = inner.oneshot(load).await?;
    let Some(cache) = cache.upgrade() else {
        return Ok(Kept::after(None, stored));
    };
    let before = |key: &Key| cache.peek(key).map(|entry| entry.value);
    for (request, part) in parts {
        let key = (key.0.clone(), request);
        let kept = Kept::after(before(&key), part);
        cache.insert(key, kept);
    }
    Ok(Kept::after(before(&key), stored))
}
