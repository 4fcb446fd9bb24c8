//! The reader's terms: a source and a listed pair, a deadline, a least quality.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use robust_market::{Request, Symbol};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

use crate::error::Stage;
use crate::shared::Shared;
use crate::stored::Answered;
use crate::{DataError, Query};

/// How old the list of instruments may be when an unknown pair is looked up in it.
const LISTING_AGE: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone)]
pub(crate) struct AcceptLayer {
    shared: Arc<Shared>,
}

impl AcceptLayer {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Accept<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Layer<S> for AcceptLayer {
    type Service = Accept<S>;

    fn layer(&self, inner: S) -> Accept<S> {
        Accept {
            inner,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S> Service<Query> for Accept<S>
where
    S: Service<Query, Response = Answered, Error = DataError> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Answered;
    type Error = DataError;
    type Future = BoxFuture<'static, Result<Answered, DataError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DataError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut query: Query) -> Self::Future {
        let (inner, shared) = (self.inner.clone(), Arc::clone(&self.shared));
        query.min_quality = query.min_quality.or(shared.terms.min_quality);
        query.on_quarantine = query.on_quarantine.or(Some(shared.terms.on_quarantine));
        Box::pin(async move {
            if shared.closed.load(Ordering::Acquire) {
                return Err(DataError::Shutdown);
            }
            let longest = shared.venue(&query.exchange)?.source.config().max_timeout;
            let began = Instant::now();
            let ends = query.ends(began, longest);
            let (exchange, min) = (query.exchange.clone(), query.min_quality);
            let answer = async {
                let query = resolve(&shared, inner.clone(), query).await?;
                inner.oneshot(query).await
            };
            // The reader's deadline ends the wait, never the load.
            let sample =
                tokio::time::timeout_at(ends, answer)
                    .await
                    .map_err(|_| DataError::Timeout {
                        exchange: exchange.clone(),
                        stage: Stage::Reader,
                        after: ends.saturating_duration_since(began),
                    })??;
            match (min, &sample.quality) {
                // Not a number is reached by no score.
                (Some(min), Some(report)) if min.is_nan() || report.overall.get() < min => {
                    Err(DataError::Quality {
                        exchange,
                        min,
                        report: Arc::clone(report),
                    })
                }
                _ => Ok(sample),
            }
        })
    }
}

/// Puts the exchange's listed pairs in place of the names that were asked for.
///
/// The connector's own table answers for the best known pairs. Only when a pair is not in it is the exchange asked for its
/// instruments, once an hour at most, and only then is the pair refused. A question about the whole market is one about pairs that
/// the table may not know, so the list comes first: without it most of the answer could not be read. An exchange that refuses the list for good is not asked
/// for it at each such read, see [`Refusals`](crate::listing::Refusals).
async fn resolve<S>(shared: &Shared, inner: S, mut query: Query) -> Result<Query, DataError>
where
    S: Service<Query, Response = Answered, Error = DataError>,
{
    let venue = shared.venue(&query.exchange)?;
    let known = query
        .request
        .symbols()
        .iter()
        .all(|symbol| venue.lists(symbol));
    if known && !query.request.is_whole_market() {
        query.request = canonical(query.request);
        return Ok(query);
    }
    let turn = venue.refusals.ask(Instant::now())?;
    // A stand-in is taken only once the list is known: the pair itself may well be listed.
    let mut listing = Query::instruments(query.exchange.clone())
        .priority(query.priority)
        .max_age(LISTING_AGE);
    listing.deadline = query.deadline;
    listing.id = query.id;
    let list = inner.oneshot(listing).await;
    venue.refusals.note(turn, list.as_ref(), Instant::now());
    if query.request.is_whole_market() {
        return match list {
            // Half a market is no answer about the whole of it.
            Err(error) if !matches!(error, DataError::Unanswerable(_)) => Err(error),
            _ => Ok(query),
        };
    }
    if let Some(known) = listed(venue, &query.request) {
        query.request = canonical(known);
        return Ok(query);
    }
    match list {
        // A list that cannot be had proves nothing: the pair may well be listed.
        Err(error) if !matches!(error, DataError::Unanswerable(_)) => return Err(error),
        // A venue that has no list is judged by its connector's own table.
        _ => {}
    }
    for symbol in query.request.symbols() {
        venue.source.listed(symbol)?;
    }
    Ok(query)
}

/// The request in listed pairs; `None` when one of them is not known to be listed.
fn listed(venue: &crate::shared::Venue, request: &Arc<Request>) -> Option<Arc<Request>> {
    let find = |symbol: &Symbol| {
        if venue.lists(symbol) {
            Some(symbol.clone())
        } else {
            venue.aliased(symbol)
        }
    };
    let mut renamed = Request::clone(request);
    match &mut renamed {
        Request::Ticker { symbol }
        | Request::OrderBook { symbol, .. }
        | Request::Candles { symbol, .. }
        | Request::Trades { symbol, .. } => *symbol = find(symbol)?,
        Request::Tickers { symbols }
        | Request::BidsAsks { symbols }
        | Request::LastPrices { symbols } => {
            for symbol in symbols {
                *symbol = find(symbol)?;
            }
        }
        _ => {}
    }
    Some(Arc::new(renamed))
}

/// The same question in one way of writing it, so that equal questions share one fetch: the order of pairs means nothing.
fn canonical(mut request: Arc<Request>) -> Arc<Request> {
    let ordered = request.symbols().is_sorted_by(|a, b| a < b);
    if !ordered
        && let Request::Tickers { symbols }
        | Request::BidsAsks { symbols }
        | Request::LastPrices { symbols } = Arc::make_mut(&mut request)
    {
        symbols.sort_unstable();
        symbols.dedup();
    }
    request
}
