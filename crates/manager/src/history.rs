//! Long series: one read, as many requests as it takes, and a report on what came.

use std::sync::Arc;

use robust_connectors::history::{CandlePages, Paging, TradePages};
use robust_market::{
    BarCalendar, Coverage, Freshness, Meta, Payload, Report, Request, Sample, Stopped,
};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::stored::Answered;
use crate::{DataError, DataManager, Query};

/// How far a long series has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Rows that have come.
    pub rows: u64,
    /// Rows that were asked for.
    pub asked: u64,
    /// Requests that it took so far.
    pub pages: u32,
}

/// A series on its way, of either kind.
enum Series {
    Candles(CandlePages),
    Trades(TradePages),
}

impl Series {
    fn new(
        request: &Request,
        (paging, calendar): (Paging, BarCalendar),
        now: robust_market::Timestamp,
    ) -> Option<Self> {
        match request {
            Request::Candles {
                symbol,
                interval,
                since,
                limit,
            } => Some(Self::Candles(CandlePages::new(
                symbol.clone(),
                calendar.grid(*interval),
                *since,
                (*limit)?,
                paging,
                now,
            ))),
            Request::Trades {
                symbol,
                since,
                limit,
            } => Some(Self::Trades(TradePages::new(
                symbol.clone(),
                *since,
                (*limit)?,
                paging,
                now,
            ))),
            _ => None,
        }
    }

    fn next(&self) -> Option<Request> {
        match self {
            Self::Candles(pages) => pages.next(),
            Self::Trades(pages) => pages.next(),
        }
    }

    fn take(&mut self, page: &Answered) -> bool {
        let unreadable = page.meta.unreadable.as_deref().unwrap_or_default();
        match (self, &*page.data) {
            (Self::Candles(pages), Payload::Candles(page)) => pages.take(page, unreadable),
            (Self::Trades(pages), Payload::Trades(page)) => pages.take(page, unreadable),
            _ => return false,
        }
        true
    }

    /// Ends where the next page could not be had.
    fn stop(&mut self, error: &DataError) {
        let why = Stopped::Failed(error.summary());
        match self {
            Self::Candles(pages) => pages.stop(why),
            Self::Trades(pages) => pages.stop(why),
        }
    }

    fn rows(&self) -> u64 {
        match self {
            Self::Candles(pages) => pages.rows(),
            Self::Trades(pages) => pages.rows(),
        }
    }

    fn finish(self, now: robust_market::Timestamp) -> (Payload, Coverage) {
        match self {
            Self::Candles(pages) => {
                let (series, coverage) = pages.finish(now);
                (Payload::Candles(series), coverage)
            }
            Self::Trades(pages) => {
                let (series, coverage) = pages.finish(now);
                (Payload::Trades(series), coverage)
            }
        }
    }
}

/// How the exchange pages this query, when it asks for more rows than one answer holds, or for those from a moment on: an exchange
/// that cannot begin there answers with its newest rows, and what is missing before them has to be said.
pub(crate) fn paging(manager: &DataManager, query: &Query) -> Option<Paging> {
    let (limit, since) = match &*query.request {
        Request::Candles { limit, since, .. } => ((*limit)?, since.is_some()),
        // Without a start there is only the newest page; the connector says what it holds.
        Request::Trades {
            limit,
            since: Some(_),
            ..
        } => ((*limit)?, true),
        _ => return None,
    };
    let source = manager.source(query.exchange.clone()).ok()?;
    source
        .connector()
        .paging(query.request.kind())
        .filter(|paging| since || limit > paging.page)
}

/// Fetches page after page. What has come is never lost: when a later page fails, the series ends there and its coverage says so.
pub(crate) async fn fetch(
    manager: &DataManager,
    query: Query,
    paging: Paging,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Answered, DataError> {
    let clock = manager.clock();
    let exchange = query.exchange.clone();
    let asked = match &*query.request {
        Request::Candles { limit, .. } | Request::Trades { limit, .. } => limit.unwrap_or_default(),
        _ => 0,
    };
    let defect = || DataError::Defect {
        exchange: exchange.clone(),
    };
    let calendar = manager.source(exchange.clone())?.connector().calendar();
    let mut series =
        Series::new(&query.request, (paging, calendar), clock.now()).ok_or_else(defect)?;
    // The reader's deadline is that of the whole series; without one, each page has the source's own.
    let ends = (query.timeout.is_some() || query.deadline.is_some())
        .then(|| query.ends(Instant::now(), std::time::Duration::ZERO));
    let mut total: Option<(Meta, Option<Arc<Report>>)> = None;
    let mut pages = 0;
    while let Some(request) = series.next() {
        let mut page = query.clone();
        page.request = Arc::new(request);
        page.timeout = None;
        page.deadline = ends;
        match manager.service().oneshot(page).await {
            Ok(sample) if series.take(&sample) => {
                pages += 1;
                progress(Progress {
                    rows: series.rows(),
                    asked: u64::from(asked),
                    pages,
                });
                total = Some(join(total, sample));
            }
            Ok(_) => return Err(defect()),
            // What came before is worth having; without any page the error is the answer.
            Err(error) if total.is_some() => {
                series.stop(&error);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let (payload, coverage) = series.finish(clock.now());
    let (mut meta, quality) = total.ok_or_else(defect)?;
    meta.exchange_time = payload.exchange_time();
    meta.data_age = meta.exchange_time.map(|time| clock.now().since(time));
    meta.coverage = Some(Arc::new(coverage));
    // Positions mean something within one page only.
    meta.unreadable = None;
    Ok(Sample {
        data: Arc::new(payload),
        meta,
        quality,
    })
}

/// The meta and quality of a series are those of its worst page: the oldest receipt, the least score.
fn join(total: Option<(Meta, Option<Arc<Report>>)>, page: Answered) -> (Meta, Option<Arc<Report>>) {
    let Some((mut meta, quality)) = total else {
        return (page.meta, page.quality);
    };
    meta.attempts = meta.attempts.saturating_add(page.meta.attempts);
    meta.receive_age = meta.receive_age.max(page.meta.receive_age);
    meta.received = meta.received.min(page.meta.received);
    meta.coalesced |= page.meta.coalesced;
    meta.tier = meta.tier.or(page.meta.tier);
    let rank = |freshness| match freshness {
        Freshness::Live => 0,
        Freshness::Cached => 1,
        Freshness::Stale => 2,
    };
    if rank(page.meta.freshness) > rank(meta.freshness) {
        meta.freshness = page.meta.freshness;
    }
    let quality = match (quality, page.quality) {
        (Some(a), Some(b)) if (b.acceptance, b.overall.get()) < (a.acceptance, a.overall.get()) => {
            Some(b)
        }
        (a, b) => a.or(b),
    };
    (meta, quality)
}
