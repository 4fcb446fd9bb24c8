//! What the handles, the driver and the runs share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::event::Event;
use crate::job::Handler;
use crate::moment::Nanos;
use crate::roster::{Roster, Time};

/// The roster behind a lock that is held for the length of a decision, never across an await, and
/// never while a handler is called or dropped.
pub(crate) struct Shared {
    roster: Mutex<Roster<BoxedHandler>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) time: Time,
    pub(crate) wake: Notify,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) cancel: watch::Sender<bool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
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
    pub(crate) fn new(
        roster: Roster<BoxedHandler>,
        clock: Arc<dyn Clock>,
        time: Time,
        events: usize,
    ) -> Self {
        Self {
            roster: Mutex::new(roster),
            clock,
            time,
            wake: Notify::new(),
            events: broadcast::Sender::new(events),
            cancel: watch::Sender::new(false),
        }
    }

    /// Looks at the roster, or changes it. The clock is read under the lock, so that time never
    /// goes back for the roster.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Roster<BoxedHandler>, Nanos) -> R) -> R {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        roster.listen(self.events.receiver_count() > 0);
        let now = self.time.mono(Instant::now());
        let result = look(&mut roster, now);
        // Sent under the lock, so that listeners see the order of events.
        for event in roster.drain_events() {
            self.tell(event);
        }
        result
    }

    pub(crate) fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(event);
    }
}
