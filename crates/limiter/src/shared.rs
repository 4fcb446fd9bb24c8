//! The state of one limiter, its clock and its lock.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::class::Watch;
use crate::log::Nanos;
use crate::state::State;

/// What all clones of a limiter, its permits and its waiters share.
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    /// Time zero of [`Nanos`].
    birth: Instant,
    inner: Mutex<Inner>,
    /// Tells the timer task that something is due earlier than it thinks.
    pub(crate) rearm: Notify,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) timer: Timer,
}

/// What the timer task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// There is none, because nobody waits.
    Absent,
    /// It is about to look at the state.
    Looking,
    /// It sleeps until then.
    Asleep(Nanos),
}

impl Shared {
    pub(crate) fn new(name: Arc<str>, state: State) -> Self {
        Self {
            name,
            birth: Instant::now(),
            inner: Mutex::new(Inner {
                state,
                timer: Timer::Absent,
            }),
            rearm: Notify::new(),
        }
    }

    /// Changes the state at the present time, then wakes whom that concerns.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State, Nanos) -> T) -> T {
        self.change_inner(|inner| {
            let now = inner.state.at(self.now());
            change(&mut inner.state, now)
        })
    }

    /// The same with the timer's own state, and without a look at the clock.
    pub(crate) fn change_inner<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let result = change(&mut inner);
        let wakes = std::mem::take(&mut inner.state.wakes);
        let rearm = match (inner.timer, inner.state.due) {
            (Timer::Asleep(until), Some(due)) if due < until => true,
            (Timer::Asleep(_), None) => true,
            _ => false,
        };
        if rearm {
            inner.timer = Timer::Looking;
        }
        // Wakers run code of others, which may want this lock.
        drop(inner);
        for waker in wakes {
            waker.wake();
        }
        if rearm {
            self.rearm.notify_one();
        }
        result
    }

    /// Gives the slot of a call that is over to the next. Looks at the clock only if there is one.
    pub(crate) fn release_slot(&self) {
        self.change_inner(|inner| {
            inner.state.slots.release(true);
            if !inner.state.queue.is_empty() {
                let now = inner.state.at(self.now());
                inner.state.turn(now);
            }
        });
    }

    pub(crate) fn now(&self) -> Nanos {
        self.nanos(Instant::now())
    }

    pub(crate) fn nanos(&self, at: Instant) -> Nanos {
        Nanos::try_from(at.saturating_duration_since(self.birth).as_nanos()).unwrap_or(Nanos::MAX)
    }

    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        // Past the end of the clock means never; thirty years is as good.
        self.birth
            .checked_add(Duration::from_nanos(at))
            .unwrap_or_else(|| self.birth + Duration::from_secs(86_400 * 365 * 30))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in the critical sections panics; if something did, stale numbers are the lesser evil.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Shared {
    fn class_raised(&self) {
        self.change(State::turn);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
