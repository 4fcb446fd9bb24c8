//! What a reader asks for, and on which terms.

use std::sync::Arc;
use std::time::Duration;

use robust_limiter::Class;
use robust_market::{Exchange, Interval, Request, RequestId, Symbol};
use tokio::time::Instant;

use crate::OnQuarantine;
use crate::load::Bounds;

/// How urgent a read is. When the budget is short, a higher class is served first.
pub type Priority = Class;

/// A question with the reader's terms: how long to wait, how old and how good the value may be.
///
/// ```
/// use std::time::Duration;
/// use robust_data_manager::{Priority, Query};
///
/// let query = Query::ticker("kraken".parse()?, "BTC/USD".parse()?)
///     .max_age(Duration::from_millis(500))
///     .priority(Priority::Critical)
///     .timeout(Duration::from_millis(800))
///     .stale_if_error(Duration::from_secs(5));
/// # let _ = query;
/// # Ok::<(), robust_data_manager::DataError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a query does nothing until it is given to DataManager::get"]
pub struct Query {
    pub(crate) exchange: Exchange,
    pub(crate) request: Arc<Request>,
    pub(crate) priority: Priority,
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) force: bool,
    pub(crate) retries: Option<u32>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) min_quality: Option<f64>,
    pub(crate) on_quarantine: Option<OnQuarantine>,
    /// What bounds the fetch itself.
    pub(crate) bounds: Bounds,
    pub(crate) id: RequestId,
}

impl Query {
    /// Asks `exchange` a question on the default terms.
    pub fn new(exchange: Exchange, request: Request) -> Self {
        Self {
            exchange,
            request: Arc::new(request),
            priority: Priority::Medium,
            timeout: None,
            deadline: None,
            max_age: None,
            force: false,
            retries: None,
            stale_if_error: None,
            min_quality: None,
            on_quarantine: None,
            bounds: Bounds::default(),
            id: RequestId(0),
        }
    }

    /// State of one market.
    pub fn ticker(exchange: Exchange, symbol: Symbol) -> Self {
        Self::new(exchange, Request::Ticker { symbol })
    }

    /// Resting orders.
    pub fn order_book(exchange: Exchange, symbol: Symbol) -> Self {
        Self::new(
            exchange,
            Request::OrderBook {
                symbol,
                depth: None,
            },
        )
    }

    /// Price bars.
    pub fn candles(exchange: Exchange, symbol: Symbol, interval: Interval) -> Self {
        Self::new(
            exchange,
            Request::Candles {
                symbol,
                interval,
                since: None,
                limit: None,
            },
        )
    }

    /// Executed trades.
    pub fn trades(exchange: Exchange, symbol: Symbol) -> Self {
        Self::new(
            exchange,
            Request::Trades {
                symbol,
                since: None,
                limit: None,
            },
        )
    }

    /// Listed pairs.
    pub fn instruments(exchange: Exchange) -> Self {
        Self::new(exchange, Request::Instruments)
    }

    /// Sets the urgency. Default: medium. A reader who joins a running fetch raises its urgency to the own.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Waits at most this long, counted from the call. Default: the source's longest time (30 s). The fetch that was begun goes on
    /// and its result is kept for the next reader.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits until then at most. With a timeout as well, the earlier holds.
    pub const fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Accepts a stored value below this age. Default: the cache's own for the kind. Zero accepts only a value fetched for this
    /// read, or one that is being fetched.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Fetches, whatever is stored, and writes the result through.
    pub const fn refresh(mut self) -> Self {
        self.force = true;
        self
    }

    /// Makes at most this many attempts beyond the first, and never more than the source makes. A reader who joins a fetch that is
    /// under way takes it as it is.
    pub const fn retries(mut self, most: u32) -> Self {
        self.retries = Some(most);
        self
    }

    /// Accepts a stored value up to this age when the exchange cannot be asked; it comes marked as stale. Values
    /// are kept for an hour, so a longer age means an hour. Default: never.
    pub const fn stale_if_error(mut self, age: Duration) -> Self {
        self.stale_if_error = Some(age);
        self
    }

    /// Refuses a value whose score (0–100) at this read is below this, with [`DataError::Quality`](crate::DataError::Quality).
    /// Default: that of the settings; without one none is refused, and every value carries its score.
    ///
    /// Each reader of a shared fetch has their own. It holds for what would be delivered: with
    /// [`OnQuarantine::LastGood`] for the value that stands in.
    pub const fn min_quality(mut self, score: f64) -> Self {
        self.min_quality = Some(score);
        self
    }

    /// What to bring when the value is quarantined or rejected. Default: that of the settings, which is to deliver it with its
    /// acceptance.
    pub const fn on_quarantine(mut self, on_quarantine: OnQuarantine) -> Self {
        self.on_quarantine = Some(on_quarantine);
        self
    }

    /// The question.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The exchange that is asked.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The absolute end of the wait, given the source's own longest time.
    pub(crate) fn ends(&self, now: Instant, longest: Duration) -> Instant {
        let by_timeout = self.timeout.map(|timeout| far(now, timeout));
        match (by_timeout, self.deadline) {
            (Some(timeout), Some(deadline)) => timeout.min(deadline),
            (Some(end), None) | (None, Some(end)) => end,
            (None, None) => far(now, longest),
        }
    }
}

/// `now` and `by`, or a year from now when that cannot be represented.
fn far(now: Instant, by: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
    now + by.min(YEAR)
}
