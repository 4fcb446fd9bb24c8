//! The stack of one source. This file is the architecture; the reasons stand in `docs/architecture.md`.

use robust_backoff::Policy;
use robust_breaker::Breaker;
use robust_limiter::Limiter;
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use crate::attempt::AttemptLayer;
use crate::classify::ClassifyLayer;
use crate::deadline::DeadlineLayer;
use crate::observe::ObserveLayer;
use crate::reading::Read;
use crate::venue::Failed;
use crate::{Answer, Call, SourceError};

/// What the stack is made of; every part is a handle that is shared with the source.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) observe: ObserveLayer,
    pub(crate) deadline: DeadlineLayer,
    pub(crate) retry: Policy<Read>,
    pub(crate) breaker: Breaker,
    pub(crate) limiter: Limiter,
    pub(crate) classify: ClassifyLayer,
    pub(crate) attempt: AttemptLayer,
}

/// Stacks the layers around one venue, outermost first.
pub(crate) fn build<V>(parts: Parts, venue: V) -> BoxCloneSyncService<Call, Answer, SourceError>
where
    V: Service<Call, Response = Answer, Error = Failed> + Clone + Send + Sync + 'static,
    V::Future: Send + 'static,
{
    let stack = ServiceBuilder::new()
        .layer(parts.observe) // counts whole calls and prices them
        .layer(parts.deadline) // writes the end that all below obey
        .layer(RetryLayer::new(parts.retry)) // every attempt goes through all of the below again
        .layer(parts.breaker.check_layer()) // what is down costs no queue and no budget
        .layer(parts.limiter.layer().feedback(Read)) // all windows and a slot at once, by urgency; nothing queues after the commit
        .layer(parts.breaker.admit_layer(Read)) // the state may have changed in the queue; records the verdict
        .layer(parts.classify) // one verdict per attempt, timeouts included
        .layer(parts.attempt) // ends 1 ms before the whole call
        .service(venue);
    BoxCloneSyncService::new(stack)
}
