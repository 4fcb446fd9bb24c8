//! What the handles, the driver and the runs share.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;

use crate::event::Event;
use crate::job::Handler;
use crate::roster::Roster;

/// The roster behind a lock that is held for the length of a decision, never across an await, and
/// never while a handler is called or dropped.
#[derive(Debug)]
pub(crate) struct Shared {
    roster: Mutex<Roster<BoxedHandler>>,
    pub(crate) wake: Notify,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) cancel: watch::Sender<bool>,
}

/// A handler that can be printed.
#[derive(Clone)]
pub(crate) struct BoxedHandler(pub(crate) Handler);

impl std::fmt::Debug for BoxedHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handler")
    }
}

impl Shared {
    pub(crate) fn new(roster: Roster<BoxedHandler>, events: usize) -> Self {
        Self {
            roster: Mutex::new(roster),
            wake: Notify::new(),
            events: broadcast::Sender::new(events),
            cancel: watch::Sender::new(false),
        }
    }

    /// Looks at the roster, or changes it. The clock is read under the lock, so that time never
    /// goes back for the roster.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Roster<BoxedHandler>, Instant) -> R) -> R {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let result = look(&mut roster, Instant::now());
        // Sent under the lock, so that listeners see the order of events.
        for event in roster.drain_events() {
            // An error means that nobody listens.
            let _ = self.events.send(event);
        }
        result
    }
}
