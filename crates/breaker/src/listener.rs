//! Hooks for metrics and logs, compiled out where nobody listens.

use std::time::Duration;

use crate::{Cause, Outcome, Transition};

/// What happened at a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The name of the breaker.
    pub name: &'a str,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A call was let through.
    Admitted {
        /// It holds a half-open permit or a place in the ramp.
        permit: bool,
        /// The generation in which its outcome will count.
        generation: u64,
    },
    /// A call was refused.
    Refused {
        /// What the caller was told.
        retry_in: Duration,
        /// The generation that refused.
        generation: u64,
    },
    /// A call ended.
    Ended {
        /// How; `None` for a ticket that was dropped without an outcome.
        outcome: Option<Outcome>,
        /// The generation in which it was admitted. If it is over, the outcome did not count.
        generation: u64,
    },
    /// The circuit changed its state. Every change is told; where two threads tell two changes at
    /// the same time the generation gives the order.
    Changed(Transition),
    /// The server's word, brought by a call that was under way when it opened, makes the open time
    /// longer. No change of state: the transition is the one that opened it, with its new end.
    Lengthened(Transition),
    /// It would have opened, but it only measures
    /// ([`Breaker::metrics_only`](crate::Breaker::metrics_only)).
    WouldOpen(Cause),
}

/// Hears of every event, outside of any lock. It is called on the path of the call: be quick.
///
/// Closures are listeners, and `()` is the one that is compiled out.
///
/// # Examples
///
/// ```
/// use robust_breaker::{Breaker, Event, EventKind, Outcome};
/// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
///
/// let changes = Arc::new(AtomicU32::new(0));
/// let counter = Arc::clone(&changes);
/// let breaker = Breaker::builder("heard")
///     .consecutive_failures(1)
///     .listener(move |event: &Event<'_>| {
///         if let EventKind::Changed(_) = event.kind {
///             counter.fetch_add(1, Ordering::Relaxed);
///         }
///     })
///     .build();
/// breaker.admit().expect("closed").record(Outcome::FAILURE);
/// assert_eq!(changes.load(Ordering::Relaxed), 1);
/// ```
pub trait Listener: Send + Sync + 'static {
    /// Whether events are made at all.
    const ENABLED: bool = true;

    /// Hears of one event.
    fn on(&self, event: &Event<'_>);
}

impl Listener for () {
    const ENABLED: bool = false;

    fn on(&self, _event: &Event<'_>) {}
}

impl<F> Listener for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on(&self, event: &Event<'_>) {
        self(event);
    }
}
