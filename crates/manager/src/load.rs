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
    /// What bounds it in time, by the first reader's terms.
    pub(crate) bounds: Bounds,
    pub(crate) id: RequestId,
}

/// What bounds a fetch in time, beside the settings of its source.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    /// When it ends at the latest.
    pub(crate) ends: Option<Instant>,
    /// Whether it, and each attempt of it, may take until then, instead of as long as the source allows.
    pub(crate) patient: bool,
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
