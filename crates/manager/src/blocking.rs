//! The same manager for engines without async.
//!
//! Every call blocks the thread that makes it, and no other. All work runs on one thread that the manager owns, so jobs and
//! fetches go on between the calls, and a call can be made from any number of threads at once.
//!
//! ```
//! use robust_data_manager::market::Ticker;
//! use robust_data_manager::{DataManager, blocking};
//!
//! let manager = blocking::DataManager::start(DataManager::builder().exchange("kraken"))?;
//! assert!(manager.ticker("krakn", "BTC/USD").unwrap_err().to_string().contains("did you mean kraken?"));
//! assert!(manager.latest::<Ticker>("kraken", "BTC/USD")?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::future::{Future, IntoFuture};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use robust_market::{Candles, Instrument, Interval, OrderBook, Payload, Sample, Ticker, Trades};
use robust_scheduler::ShutdownReport;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::{DataError, DataManagerBuilder, Newest, Query, StartError, Status};

/// Why a blocking call has no result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BlockingError {
    /// The call was made on a thread that runs async code, which it would hold up. Nothing was done.
    #[error("a blocking call inside of async code; use robust_data_manager::DataManager there")]
    InsideAsync,
    /// The manager's own thread could not be started.
    #[error("the manager's thread could not be started: {0}")]
    Thread(String),
    /// The manager could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The read has no value.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// A [`DataManager`](crate::DataManager) whose calls block.
///
/// A handle: clones share everything. Dropping the last one ends the jobs, the fetches and the thread, without a wait.
#[derive(Debug, Clone)]
pub struct DataManager {
    inner: crate::DataManager,
    engine: Arc<Engine>,
}

/// The thread that does the work, as long as somebody holds this.
#[derive(Debug)]
struct Engine {
    runtime: Handle,
    /// Dropped or told, it ends the thread.
    end: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl DataManager {
    /// Starts the manager on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`BlockingError::Start`] for the first setting that cannot be used, [`BlockingError::Thread`] when the system gives no
    /// thread, [`BlockingError::InsideAsync`] inside of async code. Nothing is left running.
    pub fn start(builder: DataManagerBuilder) -> Result<Self, BlockingError> {
        outside_async()?;
        let thread_error = |error: std::io::Error| BlockingError::Thread(error.to_string());
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(thread_error)?;
        let inner = {
            let _inside = runtime.enter();
            builder.start()?
        };
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("robust-data-manager".to_owned())
            .spawn(move || {
                // Told to end, or nobody is left who could tell.
                let _ = runtime.block_on(ended);
            })
            .map_err(thread_error)?;
        Ok(Self {
            inner,
            engine: Arc::new(Engine {
                runtime: handle,
                end: Mutex::new(Some(end)),
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// State of one market.
    ///
    /// # Errors
    ///
    /// [`BlockingError::Data`] says why there is none; [`BlockingError::InsideAsync`] inside of async code.
    pub fn ticker(&self, exchange: &str, symbol: &str) -> Result<Sample<Ticker>, BlockingError> {
        self.wait(self.inner.ticker(exchange, symbol).into_future())
    }

    /// Resting orders of one market; with terms, such as a depth, by [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// As for [`ticker`](Self::ticker).
    pub fn order_book(
        &self,
        exchange: &str,
        symbol: &str,
    ) -> Result<Sample<OrderBook>, BlockingError> {
        self.wait(self.inner.order_book(exchange, symbol).into_future())
    }

    /// Price bars of one market.
    ///
    /// # Errors
    ///
    /// As for [`ticker`](Self::ticker).
    pub fn candles(
        &self,
        exchange: &str,
        symbol: &str,
        interval: Interval,
    ) -> Result<Sample<Candles>, BlockingError> {
        self.wait(self.inner.candles(exchange, symbol, interval).into_future())
    }

    /// Executed trades of one market.
    ///
    /// # Errors
    ///
    /// As for [`ticker`](Self::ticker).
    pub fn trades(&self, exchange: &str, symbol: &str) -> Result<Sample<Trades>, BlockingError> {
        self.wait(self.inner.trades(exchange, symbol).into_future())
    }

    /// Every pair that the exchange lists.
    ///
    /// # Errors
    ///
    /// As for [`ticker`](Self::ticker).
    pub fn instruments(&self, exchange: &str) -> Result<Sample<Vec<Instrument>>, BlockingError> {
        self.wait(self.inner.instruments(exchange).into_future())
    }

    /// Awaits a read with terms: `manager.read(manager.inner().order_book("kraken", "BTC/USD").depth(10))`.
    ///
    /// # Errors
    ///
    /// As for [`ticker`](Self::ticker).
    pub fn read<T: crate::Part>(&self, read: crate::Read<T>) -> Result<Sample<T>, BlockingError> {
        self.wait(read.into_future())
    }

    /// Answers any query; see [`DataManager::get`](crate::DataManager::get).
    ///
    /// # Errors
    ///
    /// As for [`ticker`](Self::ticker).
    pub fn get(&self, query: Query) -> Result<Sample<Arc<Payload>>, BlockingError> {
        let inner = self.inner.clone();
        self.wait(async move { inner.get(query).await })
    }

    /// The newest usable value, without waiting for anybody; see [`DataManager::latest`](crate::DataManager::latest). May be
    /// called everywhere.
    ///
    /// # Errors
    ///
    /// As for [`DataManager::latest`](crate::DataManager::latest).
    pub fn latest<T: Newest>(
        &self,
        exchange: &str,
        symbol: &str,
    ) -> Result<Option<Sample<T>>, DataError> {
        self.inner.latest(exchange, symbol)
    }

    /// All that an operator wants to know at this moment. May be called everywhere.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.status()
    }

    /// The manager itself, for everything that does not wait: jobs, callbacks, budgets.
    ///
    /// What it starts in the background needs the runtime: call it inside of [`inside`](Self::inside).
    #[must_use]
    pub const fn inner(&self) -> &crate::DataManager {
        &self.inner
    }

    /// Calls `work` with the manager where it can start things in the background, such as jobs and callbacks. Waits for nothing.
    ///
    /// ```
    /// # use robust_data_manager::{DataManager, Event, blocking};
    /// # let manager = blocking::DataManager::start(DataManager::builder().exchange("kraken"))?;
    /// manager.inside(|manager| manager.on_event(|event| if let Event::Error { error, .. } = event { drop(error) }))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inside<R>(&self, work: impl FnOnce(&crate::DataManager) -> R) -> R {
        let _inside = self.engine.runtime.enter();
        work(&self.inner)
    }

    /// Ends the jobs and the fetches within `grace`, then the thread; see
    /// [`DataManager::shutdown`](crate::DataManager::shutdown).
    ///
    /// # Errors
    ///
    /// [`BlockingError::InsideAsync`] inside of async code; [`BlockingError::Data`] when it was shut down before.
    pub fn shutdown(&self, grace: Duration) -> Result<ShutdownReport, BlockingError> {
        let inner = self.inner.clone();
        let report = self.wait(async move { Ok(inner.shutdown(grace).await) })?;
        drop(lock(&self.engine.end).take());
        if let Some(thread) = lock(&self.engine.thread).take() {
            // It only waits for the word to end; a panic of it would have nothing to tell.
            let _ = thread.join();
        }
        Ok(report)
    }

    /// Runs a future on the manager's thread and waits for it here.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DataError>> + Send + 'static,
    ) -> Result<T, BlockingError> {
        outside_async()?;
        let (tell, told) = oneshot::channel();
        // Spawned and not polled here: when another thread ends the manager, the task is dropped and this one is told so.
        self.engine.runtime.spawn(async move {
            let _ = tell.send(work.await);
        });
        let result = told.blocking_recv().unwrap_or(Err(DataError::Shutdown));
        Ok(result?)
    }
}

/// Refuses a thread that runs async code: waiting there would hold up, or end, what else runs on it.
fn outside_async() -> Result<(), BlockingError> {
    match Handle::try_current() {
        Ok(_) => Err(BlockingError::InsideAsync),
        Err(_) => Ok(()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
