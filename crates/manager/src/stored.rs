//! What the cache holds, and how it becomes a sample.

use std::sync::Arc;
use std::time::Duration;

use robust_market::{
    Acceptance, Clock, Exchange, Freshness, Meta, Origin, Payload, Report, Request, RequestId,
    Sample, Tier, Timestamp,
};
use tokio::time::Instant;

/// What a query becomes.
pub(crate) type Answered = Sample<Arc<Payload>>;

/// A fetched value with all that is known of its birth.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) payload: Arc<Payload>,
    pub(crate) report: Option<Arc<Report>>,
    /// Positions on the wire of the records that could not be read; `None` where every one could.
    pub(crate) unreadable: Option<Arc<[usize]>>,
    pub(crate) exchange: Exchange,
    pub(crate) origin: Origin,
    pub(crate) received: Timestamp,
    pub(crate) first_byte: Instant,
    pub(crate) attempts: u32,
    pub(crate) id: RequestId,
}

/// What is kept under one key: the newest answer, and the newest accepted one where that is another.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) newest: Arc<Stored>,
    accepted: Option<Arc<Stored>>,
}

impl Kept {
    /// What is kept once `newest` has come, after what was kept `before`.
    pub(crate) fn after(before: Option<Self>, newest: Arc<Stored>) -> Self {
        let accepted = if newest.is_usable() {
            None
        } else {
            before.and_then(|before| {
                if before.newest.is_usable() {
                    Some(before.newest)
                } else {
                    before.accepted
                }
            })
        };
        Self { newest, accepted }
    }

    /// The newest accepted answer that is not older than `longest`.
    pub(crate) fn good(&self, now: Instant, longest: Duration) -> Option<&Stored> {
        let good = if self.newest.is_usable() {
            Some(&self.newest)
        } else {
            self.accepted.as_ref()
        };
        good.filter(|good| now.saturating_duration_since(good.first_byte) <= longest)
            .map(|good| &**good)
    }

    /// Every answer that is kept.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Stored> {
        std::iter::once(&*self.newest).chain(self.accepted.as_deref())
    }
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
    /// Whether nothing stands against using it, but for single records.
    pub(crate) fn is_usable(&self) -> bool {
        self.report
            .as_ref()
            .is_none_or(|report| report.acceptance >= Acceptance::AcceptWithExclusions)
    }

    /// The value as this reader gets it, with its ages and its timeliness at this moment.
    pub(crate) fn sample(
        &self,
        request: &Request,
        came: Came,
        clock: &dyn Clock,
        rules: &robust_quality::Config,
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
        let now = clock.now();
        meta.data_age = meta.exchange_time.map(|time| now.since(time));
        meta.receive_age = Instant::now().saturating_duration_since(self.first_byte);
        meta.attempts = self.attempts;
        meta.unreadable.clone_from(&self.unreadable);
        Sample {
            data: Arc::clone(&self.payload),
            meta,
            quality: self
                .report
                .as_ref()
                .map(|report| at_read(report, now, rules)),
        }
    }
}

/// The report with the timeliness of this moment. Most reads come while nothing is lost yet, and share the report as it is.
pub(crate) fn at_read(
    report: &Arc<Report>,
    now: Timestamp,
    rules: &robust_quality::Config,
) -> Arc<Report> {
    match &report.aging {
        Some(aging) if now.since(aging.born) > aging.good => {
            Arc::new(robust_quality::at_read(report, now, rules))
        }
        _ => Arc::clone(report),
    }
}
