//! What the cache holds, and how it becomes a sample.

use std::sync::Arc;

use robust_market::{
    Clock, Exchange, Freshness, Meta, Origin, Payload, Report, Request, RequestId, Sample, Tier,
    Timestamp,
};
use tokio::time::Instant;

/// What a query becomes.
pub(crate) type Answered = Sample<Arc<Payload>>;

/// A fetched value with all that is known of its birth.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) payload: Arc<Payload>,
    pub(crate) report: Option<Arc<Report>>,
    pub(crate) exchange: Exchange,
    pub(crate) origin: Origin,
    pub(crate) received: Timestamp,
    pub(crate) first_byte: Instant,
    pub(crate) attempts: u32,
    pub(crate) id: RequestId,
}

/// How a value came to a reader.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Came {
    /// Fetched for this reader, or for another who was first.
    Fetched { joined: bool },
    /// Read from memory.
    Cached,
    /// Read from memory although it is too old, because nothing newer was to be had.
    Stale,
}

impl Stored {
    /// The value as this reader gets it, with its ages at this moment.
    pub(crate) fn sample(
        &self,
        request: &Request,
        came: Came,
        clock: &dyn Clock,
    ) -> Sample<Arc<Payload>> {
        let mut meta = Meta::fetched(
            self.exchange.clone(),
            request.kind(),
            self.origin,
            self.received,
            self.id,
        );
        meta.symbol = request.symbol().cloned();
        (meta.freshness, meta.tier, meta.coalesced) = match came {
            Came::Fetched { joined } => (Freshness::Live, None, joined),
            Came::Cached => (Freshness::Cached, Some(Tier::L1), false),
            Came::Stale => (Freshness::Stale, Some(Tier::L1), false),
        };
        meta.exchange_time = self.payload.exchange_time();
        meta.data_age = meta.exchange_time.map(|time| clock.now().since(time));
        meta.receive_age = Instant::now().saturating_duration_since(self.first_byte);
        meta.attempts = self.attempts;
        Sample {
            data: Arc::clone(&self.payload),
            meta,
            quality: self.report.clone(),
        }
    }
}
