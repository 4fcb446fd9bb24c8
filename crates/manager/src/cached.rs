//! One fetch a key, whoever waits.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use robust_cache::{Cache, Lifetime, Lookup, Read, Refresh};
use robust_market::{Exchange, Kind, Request};
use tower::{Layer, Service, ServiceExt};

use crate::load::{Load, Urgency};
use crate::stored::Stored;
use crate::{DataError, Query};

/// A key is the question alone: deadline, priority and freshness are each reader's own.
pub(crate) type Key = (Exchange, Arc<Request>);

/// The values of one manager.
pub(crate) type ValueCache = Cache<Key, Arc<Stored>, DataError, Urgency>;

/// How long a stored value can stand in for one that cannot be had, if a reader allows it.
const STALE_FOR: Duration = Duration::from_secs(3_600);

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

/// Makes the cache: bounded by number of values, aged by when their first byte arrived.
pub(crate) fn cache(capacity: u64) -> ValueCache {
    Cache::builder()
        .capacity(capacity)
        .lifetime(|key: &Key, _: &Arc<Stored>| Lifetime {
            fresh_for: fresh_for(key.1.kind()),
            stale_for: STALE_FOR,
        })
        .born(|stored: &Arc<Stored>| Some(stored.first_byte))
        .build()
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
    cache: ValueCache,
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cached<S>;

    fn layer(&self, inner: S) -> Cached<S> {
        Cached {
            inner,
            cache: self.cache.clone(),
        }
    }
}

impl<S> Service<Query> for Cached<S>
where
    S: Service<Load, Response = Arc<Stored>, Error = DataError> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Lookup<Arc<Stored>, DataError>;
    type Error = DataError;
    type Future = BoxFuture<'static, Result<Self::Response, DataError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DataError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        let (inner, cache) = (self.inner.clone(), self.cache.clone());
        Box::pin(async move {
            let key = (query.exchange.clone(), Arc::clone(&query.request));
            let refresh = match (query.force, query.stale_if_error) {
                (true, _) => Refresh::Force,
                (false, Some(_)) => Refresh::IfNeeded,
                (false, None) => Refresh::OrFail,
            };
            let read = Read::new(Urgency::new(query.priority))
                .max_age(query.max_age)
                .refresh(refresh);
            let load = move |urgency| {
                let load = Load {
                    exchange: query.exchange,
                    request: query.request,
                    urgency,
                    admit_by: query.deadline.unwrap_or_else(tokio::time::Instant::now),
                    id: query.id,
                };
                inner.oneshot(load)
            };
            Ok(cache.get(&key, read, load).await)
        })
    }
}
