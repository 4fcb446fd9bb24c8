//! What stands in when nothing fresh, or nothing good, can be had.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use robust_cache::{LoadError, Lookup};
use tower::{Layer, Service};

use crate::shared::Shared;
use crate::stored::{Answered, Came, Kept};
use crate::withhold::deliver;
use crate::{DataError, Query};

/// Turns what the cache found into a sample, or into the reason why there is none.
///
/// A value that is too old is delivered only when the reader allowed one of that age, and comes marked as stale. In place of a
/// doubtful one comes what the reader chose, see [`OnQuarantine`](crate::OnQuarantine).
#[derive(Debug, Clone)]
pub(crate) struct FailoverLayer {
    shared: Arc<Shared>,
}

impl FailoverLayer {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Failover<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Layer<S> for FailoverLayer {
    type Service = Failover<S>;

    fn layer(&self, inner: S) -> Failover<S> {
        Failover {
            inner,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S> Service<Query> for Failover<S>
where
    S: Service<Query, Response = Lookup<Kept, DataError>, Error = DataError>,
    S::Future: Send + 'static,
{
    type Response = Answered;
    type Error = DataError;
    type Future = BoxFuture<'static, Result<Answered, DataError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DataError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, query: Query) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let (exchange, request) = (query.exchange.clone(), Arc::clone(&query.request));
        let stale_if_error = query.stale_if_error;
        let on_quarantine = query.on_quarantine.unwrap_or_default();
        let found = self.inner.call(query);
        Box::pin(async move {
            let sample = |kept: &Kept, came| deliver(&shared, &request, kept, came, on_quarantine);
            let reason = match found.await? {
                Lookup::Fresh(entry) => return sample(&entry.value, Came::Cached),
                Lookup::Loaded { entry, joined } => {
                    return sample(&entry.value, Came::Fetched { joined });
                }
                Lookup::Stale { entry, .. }
                    if stale_if_error.is_some_and(|age| entry.age <= age) =>
                {
                    return sample(&entry.value, Came::Stale);
                }
                Lookup::Stale { reason, .. } | Lookup::Unavailable(reason) => reason,
            };
            Err(match reason {
                LoadError::Failed(error) => error,
                LoadError::Closed => DataError::Shutdown,
                _ => DataError::Defect { exchange },
            })
        })
    }
}
