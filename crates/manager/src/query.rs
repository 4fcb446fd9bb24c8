//! The stack of one query. This file is the architecture; the reasons stand in `docs/architecture.md`.

use std::sync::Arc;

use robust_market::{Payload, Sample};
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;

use crate::accept::AcceptLayer;
use crate::cached::{CacheLayer, ValueCache};
use crate::failover::FailoverLayer;
use crate::judge::JudgeLayer;
use crate::observe::ObserveLayer;
use crate::route::Route;
use crate::shared::Shared;
use crate::{DataError, Query};

/// The whole query stack as a tower service.
pub type QueryService = BoxCloneSyncService<Query, Sample<Arc<Payload>>, DataError>;

/// Stacks the layers of a query, outermost first.
pub(crate) fn build(shared: &Arc<Shared>, cache: ValueCache) -> QueryService {
    let stack = ServiceBuilder::new()
        .layer(ObserveLayer::new(shared)) // names the read, counts its outcome, tells its error
        .layer(AcceptLayer::new(shared)) // names become a source and a listed pair; the reader's deadline and least quality
        .layer(FailoverLayer::new(shared)) // a stale value, when the reader allows one
        .layer(CacheLayer::new(cache)) // one fetch a key, whoever waits
        .layer(JudgeLayer::new(shared)) // each fetched payload is judged and told once
        .service(Route::new(shared)); // the source, with the source's own deadline
    BoxCloneSyncService::new(stack)
}
