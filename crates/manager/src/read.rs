//! A typed read that is set up, then awaited.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use robust_market::{
    Candles, Instrument, OrderBook, Payload, Request, Sample, Ticker, Timestamp, Trades,
};
use tokio::time::Instant;

use crate::{DataError, DataManager, OnQuarantine, Priority, Query};

/// A read of one kind of data: set the terms, then `.await` it.
///
/// ```no_run
/// # async fn run(manager: robust_data_manager::DataManager) -> Result<(), robust_data_manager::DataError> {
/// use std::time::Duration;
/// use robust_data_manager::Priority;
///
/// let ticker = manager
///     .ticker("kraken", "BTC/USD")
///     .max_age(Duration::from_secs(1))
///     .priority(Priority::Critical)
///     .await?;
/// println!("{:?}, {:?} old", ticker.last, ticker.meta.receive_age);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a read does nothing until it is awaited"]
pub struct Read<T> {
    manager: DataManager,
    query: Result<Query, DataError>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Read<T> {
    pub(crate) fn new(manager: &DataManager, query: Result<Query, DataError>) -> Self {
        Self {
            manager: manager.clone(),
            query,
            kind: PhantomData,
        }
    }

    fn with(mut self, set: impl FnOnce(Query) -> Query) -> Self {
        self.query = self.query.map(set);
        self
    }

    /// See [`Query::priority`].
    pub fn priority(self, priority: Priority) -> Self {
        self.with(|query| query.priority(priority))
    }

    /// See [`Query::timeout`].
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|query| query.timeout(timeout))
    }

    /// See [`Query::deadline`].
    pub fn deadline(self, deadline: Instant) -> Self {
        self.with(|query| query.deadline(deadline))
    }

    /// See [`Query::max_age`].
    pub fn max_age(self, age: Duration) -> Self {
        self.with(|query| query.max_age(age))
    }

    /// See [`Query::refresh`].
    pub fn refresh(self) -> Self {
        self.with(Query::refresh)
    }

    /// See [`Query::stale_if_error`].
    pub fn stale_if_error(self, age: Duration) -> Self {
        self.with(|query| query.stale_if_error(age))
    }

    /// See [`Query::min_quality`].
    pub fn min_quality(self, score: f64) -> Self {
        self.with(|query| query.min_quality(score))
    }

    /// See [`Query::on_quarantine`].
    pub fn on_quarantine(self, on_quarantine: OnQuarantine) -> Self {
        self.with(|query| query.on_quarantine(on_quarantine))
    }

    fn ask(self, set: impl FnOnce(&mut Request)) -> Self {
        self.with(|mut query| {
            set(Arc::make_mut(&mut query.request));
            query
        })
    }
}

impl Read<OrderBook> {
    /// Asks for this many levels a side.
    pub fn depth(self, levels: u32) -> Self {
        self.ask(|request| {
            if let Request::OrderBook { depth, .. } = request {
                *depth = Some(levels);
            }
        })
    }
}

impl Read<Candles> {
    /// Asks for bars from this time on.
    pub fn since(self, time: Timestamp) -> Self {
        self.ask(|request| {
            if let Request::Candles { since, .. } = request {
                *since = Some(time);
            }
        })
    }

    /// Asks for this many bars at most, within one request of the exchange.
    pub fn limit(self, bars: u32) -> Self {
        self.ask(|request| {
            if let Request::Candles { limit, .. } = request {
                *limit = Some(bars);
            }
        })
    }
}

impl Read<Trades> {
    /// Asks for trades from this time on.
    pub fn since(self, time: Timestamp) -> Self {
        self.ask(|request| {
            if let Request::Trades { since, .. } = request {
                *since = Some(time);
            }
        })
    }

    /// Asks for this many trades at most, within one request of the exchange.
    pub fn limit(self, trades: u32) -> Self {
        self.ask(|request| {
            if let Request::Trades { limit, .. } = request {
                *limit = Some(trades);
            }
        })
    }
}

/// A kind of data that a payload can hold.
pub trait Part: Sized + Send + 'static {
    /// Takes it out of the payload; `None` when the payload holds another kind.
    fn of(payload: &Payload) -> Option<Self>;
}

macro_rules! part {
    ($($variant:ident($type:ty)),* $(,)?) => {$(
        impl Part for $type {
            fn of(payload: &Payload) -> Option<Self> {
                match payload {
                    Payload::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }
        }
    )*};
}

part!(
    Ticker(Ticker),
    OrderBook(OrderBook),
    Candles(Candles),
    Trades(Trades),
    Instruments(Vec<Instrument>),
);

impl<T: Part> IntoFuture for Read<T> {
    type Output = Result<Sample<T>, DataError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let query = self.query?;
            let exchange = query.exchange().clone();
            let sample = self.manager.get(query).await?;
            let Some(data) = T::of(&sample.data) else {
                // A connector that answers a question with another kind of data breaks its contract.
                return Err(DataError::Defect { exchange });
            };
            Ok(sample.map(|_| data))
        })
    }
}
