//! One run of a job: its reads, and what came of them.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use robust_connectors::history::EmptyBars;
use robust_limiter::{Charge, Cost, Limiter};
use robust_market::{Exchange, Payload, Request, Sample};
use robust_scheduler::{Run, RunError};
use tokio::time::Instant;
use tower::ServiceExt;

use super::{Terms, end, hole};
use crate::error::Stage;
use crate::manager::Parts;
use crate::many::{self, Many};
use crate::query::QueryService;
use crate::shared::Shared;
use crate::{DataError, DataManager, Priority, Query};

/// How much earlier than the run its reads end, so that the one who was too slow is named.
const MARGIN: Duration = Duration::from_millis(2);

/// How often a bar that is not there yet is asked for again.
const POLLS: u32 = 5;

/// What a job does, run by run. It holds the stack, not the manager, which it must not keep alive.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) shared: Weak<Shared>,
    pub(super) parts: Weak<Parts>,
    pub(super) service: QueryService,
    pub(super) asks: Vec<(Exchange, Asks)>,
    pub(super) terms: Terms,
    /// The job's own limit.
    pub(super) rate: Option<Limiter>,
    pub(super) since_last: bool,
    /// Whether it comes with the bars, so that the last one has to be there.
    pub(super) aligned: bool,
    pub(super) period: Duration,
}

/// What is asked of one exchange.
#[derive(Debug, Clone)]
pub(super) enum Asks {
    One(Query),
    Many(Many),
}

impl Work {
    pub(super) async fn run(self: Arc<Self>, run: Run) -> Result<(), RunError> {
        let chosen = run.source.as_deref();
        let asks = self
            .asks
            .iter()
            .find(|(exchange, _)| Some(exchange.as_str()) == chosen);
        let Some((_, asks)) = asks.or_else(|| self.asks.first()) else {
            return Err(RunError::permanent("the job asks no exchange"));
        };
        let ends = run.deadline.and_then(|ends| ends.checked_sub(MARGIN));
        match asks {
            Asks::Many(many) => {
                self.pay(many.requests(), &run).await?;
                let read = many::run(self.service.clone(), many.clone(), ends).await;
                read.map_err(|error| self.away(&error).unwrap_or_else(|| end::of_many(&error)))
            }
            Asks::One(query) => {
                let mut query = self.terms.apply(self.since(query, &run));
                query.deadline = ends;
                self.pay(1, &run).await?;
                let read = self.get(query).await;
                let sample =
                    read.map_err(|error| self.away(&error).unwrap_or_else(|| end::of(&error)))?;
                self.pay_more(sample.meta.attempts);
                self.is_ready(&sample, asks, &run)
            }
        }
    }

    /// A read whose time was over while its exchange had told us to stay away, or was found to be down, is put off like one that was
    /// not made: the time went by in the pause before its next attempt.
    fn away(&self, error: &DataError) -> Option<RunError> {
        let DataError::Timeout {
            exchange,
            stage: Stage::Reader,
            ..
        } = error
        else {
            return None;
        };
        let shared = self.shared.upgrade()?;
        let source = &shared.venue(exchange).ok()?.source;
        let now = Instant::now();
        let paused = source.limiter().paused_until().filter(|until| *until > now);
        let paused = paused.map(|until| until - now);
        let wait = source.breaker().snapshot().retry_in.max(paused)?;
        Some(RunError::source_down(error.to_string(), wait))
    }

    /// The query of this run: for what has happened since the last success.
    fn since(&self, query: &Query, run: &Run) -> Query {
        let mut query = query.clone();
        let request = if self.since_last {
            hole::since(&query.request, run.last_success, run.nominal, self.period)
        } else {
            let page = self.page(&query);
            hole::fill(&query.request, run.last_success, run.nominal, page)
        };
        if let Some(request) = request {
            query.request = Arc::new(request);
        }
        query
    }

    /// The rows that one answer holds.
    fn page(&self, query: &Query) -> Option<u32> {
        let shared = self.shared.upgrade()?;
        let venue = shared.venue(query.exchange()).ok()?;
        let paging = venue.source.connector().paging(query.request().kind())?;
        Some(paging.page)
    }

    async fn get(&self, query: Query) -> Result<Sample<Arc<Payload>>, DataError> {
        let series = match query.request() {
            Request::Candles { since, limit, .. } | Request::Trades { since, limit, .. } => {
                since.is_some() && limit.is_some()
            }
            _ => false,
        };
        // A series of pages goes through the manager, which then lives as long as the series.
        match DataManager::upgrade(&self.parts).filter(|_| series) {
            Some(manager) => manager.get(query).await,
            None => self.service.clone().oneshot(query).await,
        }
    }

    /// Whether the bar that has just closed is in the answer. It may come a moment later, and is asked for again then; an exchange
    /// that sends no bar for an interval without trades is not waited for.
    fn is_ready(
        &self,
        sample: &Sample<Arc<Payload>>,
        asks: &Asks,
        run: &Run,
    ) -> Result<(), RunError> {
        let (Payload::Candles(bars), Asks::One(query)) = (&*sample.data, asks) else {
            return Ok(());
        };
        if !self.aligned || run.attempt > POLLS || self.is_sparse(query) {
            return Ok(());
        }
        if hole::lacks_the_last_bar(bars, bars.interval, run.nominal) {
            return Err(RunError::not_ready(
                "the bar that has just closed is not there yet",
            ));
        }
        Ok(())
    }

    fn is_sparse(&self, query: &Query) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return true;
        };
        let venue = shared.venue(query.exchange());
        let paging = venue
            .ok()
            .and_then(|venue| venue.source.connector().paging(query.request().kind()));
        paging.is_none_or(|paging| !matches!(paging.empty_bars, EmptyBars::Sent))
    }

    /// Takes so many requests from the job's own limit, one by one.
    async fn pay(&self, requests: usize, run: &Run) -> Result<(), RunError> {
        let Some(rate) = &self.rate else {
            return Ok(());
        };
        let (one, class) = (Cost::from(Charge::new(0, 1)), Priority::Medium);
        for _ in 0..requests {
            match rate.acquire(&one, class, run.deadline).await {
                Ok(permit) => drop(permit.commit()),
                Err(rejected) => {
                    let wait = rejected.retry_in().unwrap_or_default();
                    let error = RunError::not_ready(format!("the job's own limit: {rejected}"));
                    return Err(error.retry_after(wait));
                }
            }
        }
        Ok(())
    }

    /// Further attempts count too, as far as there is room: they have been made.
    fn pay_more(&self, attempts: u32) {
        if let Some(rate) = &self.rate {
            for _ in 1..attempts {
                let _ = rate.try_spend(Charge::new(0, 1), Priority::Medium);
            }
        }
    }
}

/// The wall time as the scheduler has it.
pub(super) fn system(time: robust_market::Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + time.since(robust_market::Timestamp::EPOCH)
}
