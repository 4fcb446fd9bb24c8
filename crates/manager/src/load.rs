//! One fetch, as the lower half of the query stack sees it.

use std::sync::Arc;

use robust_limiter::{Class, ClassCell};
use robust_market::{Exchange, Request, RequestId};
use tokio::time::Instant;

/// A fetch that is shared by all readers of one key.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) exchange: Exchange,
    pub(crate) request: Arc<Request>,
    /// Rises when a more urgent reader joins; the queue reads it again at each grant.
    pub(crate) urgency: Urgency,
    /// The first reader's patience: when the budget cannot begin by then, the fetch is refused at once.
    pub(crate) admit_by: Instant,
    /// Attempts beyond the first at most, by the first reader's terms.
    pub(crate) retries: Option<u32>,
    pub(crate) id: RequestId,
}

/// The urgency of a fetch, raised by every reader who joins it.
#[derive(Debug, Clone)]
pub(crate) struct Urgency(pub(crate) ClassCell);

impl Urgency {
    pub(crate) fn new(class: Class) -> Self {
        Self(ClassCell::new(class))
    }
}

impl robust_cache::Join for Urgency {
    fn join(&self, other: &Self) {
        self.0.raise(other.0.get());
    }
}
