//! One run of a job: its reads, and what came of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use robust_connectors::history::{EmptyBars, Paging};
use robust_limiter::Limiter;
use robust_market::{BarCalendar, Exchange, Payload, Request, Sample, Symbol, Timestamp};
use robust_scheduler::{Run, RunError};
use tokio::time::Instant;
use tower::ServiceExt;

use super::toll::Toll;
use super::{Terms, end, hole, reach};
use crate::error::Stage;
use crate::load::Bounds;
use crate::manager::Parts;
use crate::many::{self, Ends, Many};
use crate::query::QueryService;
use crate::shared::Shared;
use crate::{DataError, DataManager, Query, Warning};

/// How much earlier than the run its reads end, so that the one who was too slow is named.
const MARGIN: Duration = Duration::from_millis(2);

/// How often a bar that is not there yet is asked for again in quick succession; then after twice as long each time.
const POLLS: u32 = 5;

/// The longest of these waits, so that a bar of a day is there some minutes after it could be had.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

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
    /// Requests that a run may make at most, by that.
    pub(super) pages: Option<u32>,
    pub(super) since_last: bool,
    /// How far the last series came, where it did not come to its end.
    pub(super) reached: Mutex<Option<SystemTime>>,
    /// Whether its reads may take as long as a run.
    pub(super) patient: bool,
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
    /// The run, or what there is of it when it is told to end.
    pub(super) async fn until_told(self: Arc<Self>, run: Run) -> Result<(), RunError> {
        let told = run.cancel.clone();
        tokio::select! {
            biased;
            result = self.run(run) => result,
            () = told.cancelled() => Err(RunError::new("told to end").excused()),
        }
    }

    async fn run(self: Arc<Self>, run: Run) -> Result<(), RunError> {
        let chosen = run.source.as_deref();
        let asks = self
            .asks
            .iter()
            .find(|(exchange, _)| Some(exchange.as_str()) == chosen);
        let Some((exchange, asks)) = asks.or_else(|| self.asks.first()) else {
            return Err(RunError::permanent("the job asks no exchange"));
        };
        // The fetches of a job with a limit of its own end with the run, so that none is made that was not counted; those of a scan
        // have all of its time.
        let bounded = self.patient || self.rate.is_some();
        let ends = Ends {
            reader: run.deadline.and_then(|ends| ends.checked_sub(MARGIN)),
            bounds: Bounds {
                ends: run.deadline.filter(|_| bounded),
                patient: self.patient,
            },
        };
        match asks {
            Asks::Many(many) => {
                let mut many = many.clone();
                let toll = self
                    .toll(exchange, many.requests(), many.terms.retries, &run)
                    .await?;
                many.terms.retries = toll.retries().or(many.terms.retries);
                let read = many::run(self.service.clone(), many, ends).await;
                let attempts = read.map_err(|error| {
                    let away = self.away(&error);
                    away.unwrap_or_else(|| end::of_many(&error, left(&run)))
                })?;
                toll.settle(attempts);
                Ok(())
            }
            Asks::One(query) => {
                let query = self.terms.apply(self.since(query, &run));
                let mut query = ends.apply(query);
                let pages = self.pages(&query);
                let toll = self.toll(exchange, pages, query.retries, &run).await?;
                query.retries = toll.retries().or(query.retries);
                let read = self.get(query).await;
                let sample = read.map_err(|error| {
                    let away = self.away(&error);
                    away.unwrap_or_else(|| end::of(&error, left(&run)))
                })?;
                let coverage = sample.meta.coverage.as_deref();
                if coverage.is_none_or(|coverage| coverage.stopped.is_none()) {
                    toll.settle(sample.meta.attempts);
                }
                self.goes_on(&sample, &run)?;
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

    /// Takes what a run may send from the job's own limit: its requests, and as many retries as there is room for.
    async fn toll(
        &self,
        exchange: &Exchange,
        requests: usize,
        retries: Option<u32>,
        run: &Run,
    ) -> Result<Toll, RunError> {
        let shared = self.shared.upgrade();
        let venue = shared
            .as_ref()
            .and_then(|shared| shared.venue(exchange).ok());
        let most = venue.map_or(0, |venue| venue.source.config().retries);
        let each = usize::try_from(retries.map_or(most, |retries| retries.min(most)));
        let more = each.unwrap_or(0).saturating_mul(requests);
        Toll::take(self.rate.as_ref(), requests, more, run).await
    }

    /// The requests that a read takes.
    fn pages(&self, query: &Query) -> usize {
        let rows = match query.request() {
            Request::Candles { since, limit, .. } | Request::Trades { since, limit, .. } => {
                limit.filter(|_| since.is_some())
            }
            _ => None,
        };
        let paging = self.paging(query).filter(|paging| paging.from_time);
        let pages = rows
            .zip(paging)
            .map(|(rows, paging)| rows.div_ceil(paging.page.max(1)));
        usize::try_from(pages.unwrap_or(1)).unwrap_or(1).max(1)
    }

    /// Notes how far a series has come, so that the next run goes on there, and fails the run that did not reach its moment: what it
    /// brought is kept, and what it did not bring is not taken for seen.
    fn goes_on(&self, sample: &Sample<Arc<Payload>>, run: &Run) -> Result<(), RunError> {
        if let (Some(coverage), Some(symbol)) =
            (sample.meta.coverage.as_deref(), reach::symbol(&sample.data))
            && let Some((from, to, reason)) = reach::lost(&sample.data, coverage)
        {
            self.warn(run, &sample.meta.exchange, symbol, (from, to), reason);
        }
        let short = reach::short(sample, run.nominal, self.calendar(&sample.meta.exchange));
        let from = short.as_ref().map(|short| short.from);
        let mut reached = self.reached();
        // Once its moment is reached, its success says where the next one begins.
        *reached = from.unwrap_or(None).or(*reached);
        match short {
            None => Ok(()),
            Some(short) => {
                let text = format!(
                    "the series ends before the run's moment: {}; what came is kept, and the next run goes on from there",
                    short.why
                );
                Err(RunError::new(text).excused())
            }
        }
    }

    fn reached(&self) -> MutexGuard<'_, Option<SystemTime>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn warn(
        &self,
        run: &Run,
        exchange: &Exchange,
        symbol: &Symbol,
        (from, to): (Timestamp, Timestamp),
        reason: &'static str,
    ) {
        if let Some(shared) = self.shared.upgrade() {
            shared.warn(Warning::LeftOut {
                job: run.job.to_string(),
                exchange: exchange.clone(),
                symbol: symbol.clone(),
                from,
                to,
                reason,
            });
        }
    }

    /// The query of this run: for what has happened since the last success.
    fn since(&self, query: &Query, run: &Run) -> Query {
        let mut query = query.clone();
        // A series that was cut short goes on where it ended.
        let last = run.last_success.max(*self.reached());
        let page = self.paging(&query).map(|paging| paging.page);
        let calendar = self.calendar(query.exchange());
        let request = if self.since_last {
            hole::since(&query.request, last, run.nominal, self.period, page)
        } else {
            hole::fill(&query.request, last, run.nominal, page, calendar)
        };
        if let Some(request) = request {
            if let (Some(part), Some(symbol)) =
                (hole::left_out(&request, last, calendar), request.symbol())
            {
                let reason = "more bars than a job fills a hole with; `rdm fetch` brings them";
                self.warn(run, query.exchange(), symbol, part, reason);
            }
            let rows = self
                .pages
                .zip(page)
                .map(|(pages, page)| pages.saturating_mul(page));
            query.request = Arc::new(hole::at_most(request, rows.unwrap_or(u32::MAX)));
        }
        query
    }

    fn paging(&self, query: &Query) -> Option<Paging> {
        let shared = self.shared.upgrade()?;
        let venue = shared.venue(query.exchange()).ok()?;
        venue.source.connector().paging(query.request().kind())
    }

    /// By whose clock the bars of an exchange begin.
    fn calendar(&self, exchange: &Exchange) -> BarCalendar {
        let shared = self.shared.upgrade();
        let venue = shared
            .as_ref()
            .and_then(|shared| shared.venue(exchange).ok());
        venue.map_or(BarCalendar::UTC, |venue| {
            venue.source.connector().calendar()
        })
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

    /// Whether the bar that has just closed is in the answer. It may come a moment later, and is asked for again then, until the job's
    /// next moment: then the run is put off for good, and the next one asks for that bar as well. An exchange that sends no bar for an
    /// interval without trades is not waited for.
    fn is_ready(
        &self,
        sample: &Sample<Arc<Payload>>,
        asks: &Asks,
        run: &Run,
    ) -> Result<(), RunError> {
        let (Payload::Candles(bars), Asks::One(query)) = (&*sample.data, asks) else {
            return Ok(());
        };
        if !self.aligned || self.is_sparse(query) {
            return Ok(());
        }
        if hole::lacks_the_last_bar(bars, run.nominal, self.calendar(query.exchange())) {
            // Asked for again from there on: a hole of many pages is not fetched twice.
            if let (Some(_), Some(last)) = (&sample.meta.coverage, bars.rows.last()) {
                *self.reached() = Some(system(last.time));
            }
            let error = RunError::not_ready("the bar that has just closed is not there yet");
            let beyond = run.attempt.saturating_sub(POLLS);
            let wait = Duration::from_secs(1).saturating_mul(1 << beyond.min(16));
            return Err(match beyond {
                0 => error,
                _ => error.retry_after(wait.min(LONGEST_WAIT)),
            });
        }
        Ok(())
    }

    fn is_sparse(&self, query: &Query) -> bool {
        let paging = self.paging(query);
        paging.is_none_or(|paging| !matches!(paging.empty_bars, EmptyBars::Sent))
    }
}

/// How long a run still has.
fn left(run: &Run) -> Option<Duration> {
    let now = Instant::now();
    run.deadline.map(|ends| ends.saturating_duration_since(now))
}

/// The wall time as the scheduler has it.
pub(super) fn system(time: robust_market::Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + time.since(robust_market::Timestamp::EPOCH)
}
