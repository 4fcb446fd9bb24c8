//! What happens in a manager, told to whoever listens.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use robust_market::{
    Acceptance, Exchange, Issue, Kind, Payload, Report, RequestId, Sample, Severity, Symbol,
};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{DataError, HealthEvent, Warning};

/// Events that are kept for a slow listener; older ones are dropped and counted.
const EVENTS: usize = 1_024;

/// One thing that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A value was fetched. Values read from the cache are not told again.
    Data(Sample<Arc<Payload>>),
    /// Something about the quality of a market changed; see [`QualityEvent`] for when.
    Quality(QualityEvent),
    /// A read ended without a value.
    Error {
        /// The exchange that was asked.
        exchange: Exchange,
        /// The kind of data.
        kind: Kind,
        /// The pair, where it is one.
        symbol: Option<Symbol>,
        /// Why.
        error: DataError,
        /// The read.
        id: RequestId,
    },
    /// The breaker of a source changed its state.
    State {
        /// The exchange.
        exchange: Exchange,
        /// The state before, in words.
        from: String,
        /// The state now, in words.
        to: String,
    },
    /// The health of a source changed; see [`Health`](crate::Health) for what it is and when it changes.
    Health(HealthEvent),
    /// Something went wrong that stops nothing; also kept in [`Status::warnings`](crate::Status::warnings).
    Warning(Warning),
    /// This listener was too slow and has missed so many events. Never sent to others.
    Dropped(u64),
}

/// A fetched value was judged, and it is worth a word: its acceptance is another than that of the value before it (the first one is
/// compared with [`Acceptance::Accept`]), or an issue of severity Error or above stands against it, or it confirms the level of
/// values that were quarantined before it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct QualityEvent {
    /// The exchange.
    pub exchange: Exchange,
    /// The kind of data.
    pub kind: Kind,
    /// The pair, where it is one.
    pub symbol: Option<Symbol>,
    /// The acceptance of the value before, where there was one.
    pub before: Option<Acceptance>,
    /// The verdict.
    pub report: Arc<Report>,
    /// Quarantined values that this one releases, oldest first: their level is confirmed, they may be used after all.
    pub released: Vec<Sample<Arc<Payload>>>,
    /// The read that fetched it.
    pub id: RequestId,
}

impl QualityEvent {
    /// Whether the acceptance is another than before.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.before.unwrap_or(Acceptance::Accept) != self.report.acceptance
    }

    /// Whether this is worth telling.
    pub(crate) fn matters(&self) -> bool {
        let heavy = |issue: &Issue| issue.severity >= Severity::Error;
        self.changed() || !self.released.is_empty() || self.report.issues.iter().any(heavy)
    }
}

/// Tells events to any number of listeners, none of which can slow the others or the manager.
#[derive(Debug)]
pub(crate) struct Hub {
    sender: broadcast::Sender<Event>,
    told: AtomicU64,
    callbacks: AtomicUsize,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(EVENTS),
            told: AtomicU64::new(0),
            callbacks: AtomicUsize::new(0),
        }
    }

    pub(crate) fn tell(&self, event: Event) {
        self.told.fetch_add(1, Ordering::Relaxed);
        // Nobody listening is fine.
        let _ = self.sender.send(event);
    }

    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Takes one of the places for callbacks, for ever.
    pub(crate) fn take_place(&self) -> Result<(), TooManyCallbacks> {
        let limit = CALLBACKS_MAX;
        let more = |taken: usize| (taken < limit).then_some(taken + 1);
        let taken = self
            .callbacks
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_| TooManyCallbacks { limit })
    }

    pub(crate) fn listen(&self) -> Events {
        Events(self.sender.subscribe())
    }
}

/// The most callbacks of one manager. Each has a task of its own for as long as the manager lives, and hears every event.
pub(crate) const CALLBACKS_MAX: usize = 64;

/// There are as many callbacks as a manager takes; this one is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are {limit} callbacks already, and none of them ever ends; share one among several, or listen with DataManager::events"
)]
pub struct TooManyCallbacks {
    /// How many there can be.
    pub limit: usize,
}

/// A listener's end.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    /// Waits for the next event; `None` when the manager is gone.
    ///
    /// A listener that falls more than 1,024 events behind gets [`Event::Dropped`] with the number it missed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(Event::Dropped(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Calls `callback` for every event until the manager is gone. A panic in the callback ends that call, not the listener.
pub(crate) async fn drive(mut events: Events, mut callback: impl FnMut(Event) + Send) {
    while let Some(event) = events.next().await {
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| callback(event)));
    }
}
