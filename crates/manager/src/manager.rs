//! The handle that an engine holds.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use robust_market::{
    Candles, Clock, Exchange, Instrument, Interval, OrderBook, Payload, Sample, Symbol, Ticker,
    Trades,
};
use robust_scheduler::{Scheduler, ShutdownReport};
use robust_source::Source;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::builder::DataManagerBuilder;
use crate::cached::ValueCache;
use crate::config::JobSettings;
use crate::event::{Event, Events, TooManyCallbacks, drive};
use crate::feed::{self, Failed, Pairs};
use crate::history::{self, Progress};
use crate::latest::{self, Market, Newest};
use crate::query::QueryService;
use crate::read::{Part, Read};
use crate::shared::Shared;
use crate::{Budget, DataError, HealthStatus, Query, Status, Warning, banned, remembered};

/// Market data of many exchanges behind one handle.
///
/// Cloning is cheap and shares everything. Dropping the last handle ends the jobs; [`shutdown`](Self::shutdown) ends them cleanly.
#[derive(Debug, Clone)]
pub struct DataManager {
    parts: Arc<Parts>,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) cache: ValueCache,
    pub(crate) service: QueryService,
    pub(crate) scheduler: Scheduler,
    pub(crate) tasks: Mutex<JoinSet<()>>,
    pub(crate) jobs: Vec<JobSettings>,
}

impl DataManager {
    /// Starts to build a manager.
    pub fn builder() -> DataManagerBuilder {
        DataManagerBuilder::new()
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// State of one market. Await it, or set terms first: `manager.ticker("kraken", "BTC/USD").max_age(age).await`.
    pub fn ticker<E, S>(&self, exchange: E, symbol: S) -> Read<Ticker>
    where
        E: TryInto<Exchange>,
        S: TryInto<Symbol>,
        DataError: From<E::Error> + From<S::Error>,
    {
        Read::new(
            self,
            names(exchange, symbol).map(|(exchange, symbol)| Query::ticker(exchange, symbol)),
        )
    }

    /// Resting orders of one market.
    pub fn order_book<E, S>(&self, exchange: E, symbol: S) -> Read<OrderBook>
    where
        E: TryInto<Exchange>,
        S: TryInto<Symbol>,
        DataError: From<E::Error> + From<S::Error>,
    {
        Read::new(
            self,
            names(exchange, symbol).map(|(exchange, symbol)| Query::order_book(exchange, symbol)),
        )
    }

    /// Price bars of one market.
    pub fn candles<E, S>(&self, exchange: E, symbol: S, interval: Interval) -> Read<Candles>
    where
        E: TryInto<Exchange>,
        S: TryInto<Symbol>,
        DataError: From<E::Error> + From<S::Error>,
    {
        Read::new(
            self,
            names(exchange, symbol)
                .map(|(exchange, symbol)| Query::candles(exchange, symbol, interval)),
        )
    }

    /// Executed trades of one market.
    pub fn trades<E, S>(&self, exchange: E, symbol: S) -> Read<Trades>
    where
        E: TryInto<Exchange>,
        S: TryInto<Symbol>,
        DataError: From<E::Error> + From<S::Error>,
    {
        Read::new(
            self,
            names(exchange, symbol).map(|(exchange, symbol)| Query::trades(exchange, symbol)),
        )
    }

    /// Every pair that the exchange lists.
    pub fn instruments<E>(&self, exchange: E) -> Read<Vec<Instrument>>
    where
        E: TryInto<Exchange>,
        DataError: From<E::Error>,
    {
        Read::new(
            self,
            exchange
                .try_into()
                .map(Query::instruments)
                .map_err(DataError::from),
        )
    }

    /// Answers any query. The typed methods above are short forms of this one.
    ///
    /// # Errors
    ///
    /// [`DataError`]: names exchange, cause and when to ask again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait and nothing else: a fetch that was begun goes on, and its result is kept for the next
    /// reader.
    pub async fn get(&self, query: Query) -> Result<Sample<Arc<Payload>>, DataError> {
        self.get_with_progress(query, |_| {}).await
    }

    /// Like [`get`](Self::get), and tells how far a long series has come.
    ///
    /// A query for more candles or trades than one answer of the exchange holds is asked page by page, and `meta.coverage` reports
    /// what came and why the rest did not. Nothing is filled in, and what has come is not lost when a later page fails.
    ///
    /// # Errors
    ///
    /// [`DataError`] when the first page cannot be had.
    ///
    /// # Cancel safety
    ///
    /// As for [`get`](Self::get); the pages that came before are lost to this reader.
    pub async fn get_with_progress(
        &self,
        query: Query,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Sample<Arc<Payload>>, DataError> {
        match history::paging(self, &query) {
            Some(paging) => history::fetch(self, query, paging, progress).await,
            None => self.service().oneshot(query).await,
        }
    }

    /// The newest value of one market that was ever fetched and may be used, whatever its age; `None` when there is none yet.
    ///
    /// This asks nobody and waits for nobody, not even for a writer of the same value: for the inner loop of an engine whose
    /// jobs keep the value fresh. Values that the quality rules quarantine or reject never get here, so what is returned may be
    /// older than what [`ticker`](Self::ticker) would bring; `meta.receive_age` says how old. A book is the newest one of any
    /// depth; trades and candles are the newest that were asked for without a start. At most 8,192 markets are kept, the oldest
    /// let go first. The pair is the one that the exchange lists: no alias stands in here. Not counted as a read.
    ///
    /// ```
    /// # use robust_data_manager::{DataManager, market::Ticker};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let manager = DataManager::builder().exchange("kraken").start()?;
    /// // Nobody has asked yet, and this asks nobody.
    /// assert!(manager.latest::<Ticker>("kraken", "BTC/USD")?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`DataError`] when the names cannot be read or the exchange is not configured, or after shutdown.
    pub fn latest<T: Newest>(
        &self,
        exchange: &str,
        symbol: &str,
    ) -> Result<Option<Sample<T>>, DataError> {
        let (exchange, symbol) = names(exchange, symbol)?;
        self.newest(&Market::new(exchange, T::KIND, symbol))
    }

    /// The newest usable bars of this length; see [`latest`](Self::latest).
    ///
    /// # Errors
    ///
    /// As for [`latest`](Self::latest).
    pub fn latest_candles(
        &self,
        exchange: &str,
        symbol: &str,
        interval: Interval,
    ) -> Result<Option<Sample<Candles>>, DataError> {
        let (exchange, symbol) = names(exchange, symbol)?;
        self.newest(&Market::candles(exchange, symbol, interval))
    }

    fn newest<T: Part>(&self, market: &Market) -> Result<Option<Sample<T>>, DataError> {
        let shared = &self.parts.shared;
        if self.is_shut_down() {
            return Err(DataError::Shutdown);
        }
        shared.venue(market.exchange())?;
        Ok(shared
            .latest
            .read(market, &*shared.clock, shared.judges.rules())
            .and_then(latest::typed))
    }

    /// Gives the quality rules the newest minutes of a pair as its history, so that the first ticker or book of it is judged and not
    /// just believed; `every` is the usual time from one to the next. `false` where the rules know the pair already.
    ///
    /// The pairs of configured jobs get theirs by themselves, see [`schedule_configured`](Self::schedule_configured).
    ///
    /// # Errors
    ///
    /// [`DataError`] when the bars cannot be had, or are not accepted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future teaches nothing.
    pub async fn teach<E, S>(
        &self,
        exchange: E,
        symbol: S,
        every: Duration,
    ) -> Result<bool, DataError>
    where
        E: TryInto<Exchange>,
        S: TryInto<Symbol>,
        DataError: From<E::Error> + From<S::Error>,
    {
        let (exchange, symbol) = names(exchange, symbol)?;
        let shared = Arc::downgrade(&self.parts.shared);
        let taught = feed::teach(&shared, &self.parts.service, &exchange, &symbol, every).await;
        taught.map_err(|failed| match failed {
            Failed::Read(error) => error,
            Failed::Bars(report) => DataError::Quarantined { exchange, report },
            Failed::Gone => DataError::Shutdown,
        })
    }

    /// Gives these pairs their history in the background, unless the settings say not to.
    pub(crate) fn feed(&self, pairs: Pairs) {
        let shared = &self.parts.shared;
        if !shared.terms.history || self.is_shut_down() {
            return;
        }
        let mut tasks = self.tasks();
        for (exchange, pairs) in pairs {
            let service = self.parts.service.clone();
            tasks.spawn(feed::feed(Arc::downgrade(shared), service, exchange, pairs));
        }
    }

    /// The manager, unless its last handle is gone.
    pub(crate) fn upgrade(parts: &Weak<Parts>) -> Option<Self> {
        Some(Self {
            parts: parts.upgrade()?,
        })
    }

    /// For those that must not keep the manager alive.
    pub(crate) fn downgrade(&self) -> Weak<Parts> {
        Arc::downgrade(&self.parts)
    }

    /// The same of what all handles share.
    pub(crate) fn shared(&self) -> Weak<Shared> {
        Arc::downgrade(&self.parts.shared)
    }

    /// The source of each exchange.
    pub(crate) fn each_source(&self) -> impl Iterator<Item = &Source> {
        self.parts.shared.venues.values().map(|venue| &venue.source)
    }

    pub(crate) fn configured(&self) -> &[JobSettings] {
        &self.parts.jobs
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.parts.shared.clock)
    }

    /// The whole query stack as a tower service, for layers of your own around it.
    #[must_use]
    pub fn service(&self) -> QueryService {
        self.parts.service.clone()
    }

    /// The budget of one exchange, for the engine's own clients.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownExchange`] when it is not configured, [`DataError::InvalidName`] when it is no name.
    pub fn budget<E>(&self, exchange: E) -> Result<Budget, DataError>
    where
        E: TryInto<Exchange>,
        DataError: From<E::Error>,
    {
        let source = self.source(exchange)?;
        Ok(Budget::new(&source))
    }

    /// The source of one exchange: its stack, breaker, limiter and counters.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownExchange`] when it is not configured, [`DataError::InvalidName`] when it is no name.
    pub fn source<E>(&self, exchange: E) -> Result<Source, DataError>
    where
        E: TryInto<Exchange>,
        DataError: From<E::Error>,
    {
        let exchange = exchange.try_into()?;
        Ok(self.parts.shared.venue(&exchange)?.source.clone())
    }

    /// Tells that what was wrong with the credentials of an exchange has been mended there, such as a permission, so that a refused
    /// key is tried at the next signed request and not after up to a quarter of an hour; see [`KeyStatus`](crate::KeyStatus).
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownExchange`] when it is not configured, [`DataError::InvalidName`] when it is no name.
    pub fn retry_key<E>(&self, exchange: E) -> Result<(), DataError>
    where
        E: TryInto<Exchange>,
        DataError: From<E::Error>,
    {
        let exchange = exchange.try_into()?;
        if let Some(key) = &self.parts.shared.venue(&exchange)?.key {
            key.renew();
        }
        Ok(())
    }

    /// Listens to everything that happens from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.parts.shared.hub.listen()
    }

    /// Calls `callback` for everything that happens from now on, until shutdown.
    ///
    /// Callbacks run in a task of their own: a slow one misses events and is told how many ([`Event::Dropped`]), and never slows
    /// a read. A panic in it is contained. Must be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`TooManyCallbacks`] when there are 64 already; the callback is dropped.
    pub fn on_event(
        &self,
        callback: impl FnMut(Event) + Send + 'static,
    ) -> Result<(), TooManyCallbacks> {
        if !self.is_shut_down() {
            self.parts.shared.hub.take_place()?;
            self.tasks().spawn(drive(self.events(), callback));
        }
        Ok(())
    }

    /// How well one exchange does; see [`Health`](crate::Health). All of them together: [`Status::health`].
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownExchange`] when it is not configured, [`DataError::InvalidName`] when it is no name.
    pub fn health<E>(&self, exchange: E) -> Result<HealthStatus, DataError>
    where
        E: TryInto<Exchange>,
        DataError: From<E::Error>,
    {
        let exchange = exchange.try_into()?;
        let shared = &self.parts.shared;
        Ok(shared.health(&exchange, shared.venue(&exchange)?))
    }

    /// The scheduler that runs this manager's jobs.
    #[must_use]
    pub fn scheduler(&self) -> &Scheduler {
        &self.parts.scheduler
    }

    /// All that an operator wants to know at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::of(&self.parts)
    }

    /// Ends the jobs and the fetches, both together within `grace`. Reads that come later get [`DataError::Shutdown`]. Then the memory
    /// of the quality rules is saved, where the settings name a file for it.
    ///
    /// When `grace` is over, the runs of data jobs that are still under way are cut off, and with them the fetches that nobody waits
    /// for any more: they are `cancelled` in the report, and in the ledger of the jobs. A handler of your own is told so by
    /// [`Run::cancel`](robust_scheduler::Run::cancel) and has a second more.
    ///
    /// # Cancel safety
    ///
    /// The manager refuses new reads from the first poll on. Dropping the future leaves the rest to be aborted on drop; calling
    /// again goes on where it was.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.parts.shared.closed.store(true, Ordering::Release);
        let began = Instant::now();
        let report = self.parts.scheduler.shutdown(grace).await;
        let rest = grace.saturating_sub(began.elapsed());
        self.parts.cache.close(rest).await;
        self.tasks().abort_all();
        banned::save(&self.parts.shared).await;
        self.save().await;
        report
    }

    /// Saves the memory of the quality rules, where the settings name a file for it. What fails is a warning.
    async fn save(&self) {
        let Some(path) = self.parts.shared.terms.state.clone() else {
            return;
        };
        let shared = Arc::clone(&self.parts.shared);
        let write = {
            let path = path.clone();
            move || remembered::save(&path, &shared.judges.pool())
        };
        let written = match tokio::task::spawn_blocking(write).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = written {
            let shared = &self.parts.shared;
            shared.warn(Warning::StateUnwritable { path, reason });
        }
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.parts.shared.closed.load(Ordering::Acquire)
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.parts
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn names<E, S>(exchange: E, symbol: S) -> Result<(Exchange, Symbol), DataError>
where
    E: TryInto<Exchange>,
    S: TryInto<Symbol>,
    DataError: From<E::Error> + From<S::Error>,
{
    Ok((exchange.try_into()?, symbol.try_into()?))
}
