//! What the handles, the driver and the runs share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::contained::contained;
use crate::event::Event;
use crate::job::Handler;
use crate::journal::{JobMark, Journal};
use crate::moment::{Nanos, nanos};
use crate::roster::{End, Handle, Roster, Start, Ticket, Time};
use crate::runner::Runner;

/// The roster behind a lock that is held for the length of a decision, never across an await, and
/// never while a handler is called or dropped.
pub(crate) struct Shared {
    roster: Mutex<Roster<BoxedHandler>>,
    /// Taken before the roster by all who take both, so that marks are written in the order in which
    /// they were made.
    journal: Option<Mutex<Journal>>,
    handed: Mutex<Vec<Begin>>,
    idle: Mutex<Vec<Arc<Runner>>>,
    clock: Arc<dyn Clock>,
    clock_fails: AtomicBool,
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

/// A run to be started.
pub(crate) type Begin = Start<BoxedHandler>;

/// A handler that can be printed.
#[derive(Clone)]
pub(crate) struct BoxedHandler(pub(crate) Handler);

impl Handle for BoxedHandler {
    fn glance(&self) -> u64 {
        // What the closure has captured lies beside the count.
        Arc::strong_count(&self.0) as u64
    }
}

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
        journal: Option<Journal>,
    ) -> Self {
        Self {
            roster: Mutex::new(roster),
            journal: journal.map(Mutex::new),
            handed: Mutex::default(),
            idle: Mutex::default(),
            clock,
            clock_fails: AtomicBool::new(false),
            time,
            wake: Notify::new(),
            events: broadcast::Sender::new(events),
            cancel: watch::Sender::new(false),
        }
    }

    /// Looks at the roster, or changes it. The clock is read under the lock, so that time never
    /// goes back for the roster.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Roster<BoxedHandler>, Nanos) -> R) -> R {
        let roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(roster, look)
    }

    fn look<R>(
        &self,
        mut roster: MutexGuard<'_, Roster<BoxedHandler>>,
        look: impl FnOnce(&mut Roster<BoxedHandler>, Nanos) -> R,
    ) -> R {
        roster.listen(self.events.receiver_count() > 0);
        let now = self.time.mono(Instant::now());
        let result = look(&mut roster, now);
        // Sent under the lock, so that listeners see the order of events.
        for event in roster.drain_events() {
            self.tell(event);
        }
        let cancels = roster.drain_cancels();
        drop(roster);
        for (_, cancel) in cancels {
            cancel.send_replace(true);
        }
        result
    }

    /// Books the end of a run; gives the next one that its task may go on with.
    ///
    /// The driver is woken only for what the task cannot do: under load, a lock for each run is all
    /// that a run costs beside itself.
    pub(crate) fn finish(&self, ticket: Ticket, end: End, goes_on: bool) -> Option<Begin> {
        let (roster, waited) = match self.roster.try_lock() {
            Ok(roster) => (roster, false),
            Err(TryLockError::Poisoned(roster)) => (roster.into_inner(), false),
            Err(TryLockError::WouldBlock) => {
                let roster = self.roster.lock();
                (roster.unwrap_or_else(PoisonError::into_inner), true)
            }
        };
        let (gone, next, wake) = self.look(roster, |roster, now| {
            let end = match end {
                End::Failed(_) if roster.is_cancelling() => End::Cancelled,
                end => end,
            };
            let gone = roster.finish(ticket, end, now);
            roster.advance_between_runs(now);
            // Whatever the driver is needed for, it does in its own order, and so before it starts more.
            if !goes_on || roster.needs_driver() {
                return (gone, None, true);
            }
            // Tasks that wait for each other at each end get no more done than one of them alone.
            if waited && roster.is_gathering(now) {
                return (gone, None, false);
            }
            let next = roster.dispatch(now);
            (gone, next, roster.needs_more_tasks(now))
        });
        put_away(gone);
        if !wake {
            return next;
        }
        // The driver may come behind this very task on its thread. Were the next run to block it, no
        // other would start: so the driver gets that one too, and starts all in their order.
        self.handed().extend(next);
        self.wake.notify_one();
        None
    }

    /// Runs that the driver is to start before all others.
    pub(crate) fn handed(&self) -> MutexGuard<'_, Vec<Begin>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tasks that have nothing to run.
    pub(crate) fn idle(&self) -> MutexGuard<'_, Vec<Arc<Runner>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the roster, and the journal knows of it when this returns.
    pub(crate) fn change<R>(
        &self,
        change: impl FnOnce(&mut Roster<BoxedHandler>, Nanos) -> R,
    ) -> R {
        let mut journal = self.journal();
        let (result, marks) = self.with(|roster, now| {
            let result = change(roster, now);
            (result, roster.drain_marks())
        });
        if let Some(journal) = &mut journal {
            self.write(journal, marks, []);
        }
        result
    }

    /// The journal, if there is one.
    pub(crate) fn journal(&self) -> Option<MutexGuard<'_, Journal>> {
        let journal = self.journal.as_ref()?;
        Some(journal.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what has changed and what is about to begin; says whether it was written.
    pub(crate) fn write<'a>(
        &self,
        journal: &mut Journal,
        changed: Vec<JobMark>,
        begin: impl IntoIterator<Item = &'a JobMark>,
    ) -> bool {
        let written = journal.write(changed, begin);
        if let Err(error) = &written {
            self.tell(Event::JournalFailed {
                text: error.to_string().into(),
            });
        }
        written.is_ok()
    }

    /// The wall time, if the clock tells it.
    pub(crate) fn wall(&self) -> Option<Nanos> {
        let told = contained(|| self.clock.now());
        let failed = self.clock_fails.swap(told.is_none(), Ordering::Relaxed);
        if told.is_none() && !failed {
            self.tell(Event::ClockFailed);
        }
        told.map(nanos)
    }

    pub(crate) fn tell(&self, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(event);
    }
}

/// Drops the handler of a job that is gone, and what it has captured. No lock may be held.
pub(crate) fn put_away(gone: Option<BoxedHandler>) {
    if let Some(gone) = gone {
        contained(|| drop(gone));
    }
}
