//! The state of one limiter, its clock and its lock.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::class::Watch;
use crate::clock::since;
use crate::listener::{Event, Listener};
use crate::log::Nanos;
use crate::open_cell::{Offer, OpenCell, Opening};
use crate::state::State;
use crate::{Charge, Class, MonotonicClock};

/// What all clones of a limiter, its permits and its waiters share.
pub(crate) struct Shared<L> {
    pub(crate) name: Arc<str>,
    /// Time zero of [`Nanos`].
    birth: Instant,
    clock: MonotonicClock,
    /// What may be committed, and which slots may be taken and freed, without the lock.
    cell: OpenCell,
    inner: Mutex<Inner>,
    /// Tells the timer task that something is due earlier than it thinks.
    pub(crate) rearm: Notify,
    listener: L,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) timer: Timer,
    opening: Opening,
}

/// What a call asks for that goes at once or not at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand<'a> {
    pub(crate) cost: &'a [Charge],
    pub(crate) class: Class,
    pub(crate) deadline: Option<Instant>,
    /// Whether it takes a slot.
    pub(crate) slot: bool,
    /// The present time, if somebody has just looked.
    pub(crate) now: Option<Instant>,
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

impl<L: Listener> Shared<L> {
    pub(crate) fn new(
        name: Arc<str>,
        mut state: State,
        clock: MonotonicClock,
        listener: L,
    ) -> Self {
        state.events = L::ENABLED.then(Vec::new);
        Self {
            name,
            birth: clock.birth(),
            clock,
            cell: OpenCell::new(),
            inner: Mutex::new(Inner {
                state,
                timer: Timer::Absent,
                opening: Opening::default(),
            }),
            rearm: Notify::new(),
            listener,
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
        let wakes = if inner.state.wakes.is_empty() {
            SmallVec::new()
        } else {
            std::mem::take(&mut inner.state.wakes)
        };
        let rearm = match (inner.timer, inner.state.due) {
            (Timer::Asleep(until), Some(due)) if due < until => true,
            (Timer::Asleep(_), None) => true,
            _ => false,
        };
        if rearm {
            inner.timer = Timer::Looking;
        }
        let events = match &mut inner.state.events {
            Some(events) if L::ENABLED && !events.is_empty() => std::mem::take(events),
            _ => Vec::new(),
        };
        // Wakers run code of others, which may want this lock.
        drop(inner);
        for waker in wakes {
            waker.wake();
        }
        if rearm {
            self.rearm.notify_one();
        }
        self.tell(&events);
        result
    }

    /// Changes only what concerns nobody else: nobody is woken, and nothing is due earlier.
    pub(crate) fn change_alone<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.lock().state)
    }

    /// Grants and dispatches at once; the time of that, or `None` when it takes more than a moment to say.
    ///
    /// One look at the clock, and where a cell is open for it, no lock.
    #[inline(always)]
    pub(crate) fn spend(&self, errand: Errand<'_>) -> Option<Nanos> {
        match self.spend_in_cell(&errand) {
            Ok(now) => Some(now),
            Err(seen) => self.spend_locked(errand, seen),
        }
    }

    /// # Errors
    ///
    /// When that takes the lock, with the time if it was looked at.
    #[inline(always)]
    fn spend_in_cell(&self, errand: &Errand<'_>) -> Result<Nanos, Option<Nanos>> {
        // A cell is only ever open where there is one window, and that without keys.
        let [
            Charge {
                window: 0,
                key: 0,
                units,
            },
        ] = errand.cost
        else {
            return Err(None);
        };
        if *units == 0 {
            return Err(None);
        }
        let (class, latest) = (errand.class as u8, self.latest(errand));
        self.cell
            .take(class, *units, errand.slot, latest, || self.present(errand))
    }

    #[inline]
    fn present(&self, errand: &Errand<'_>) -> Nanos {
        errand.now.map_or_else(|| self.now(), |now| self.nanos(now))
    }

    /// When it is too late.
    #[inline]
    fn latest(&self, errand: &Errand<'_>) -> Nanos {
        match (errand.deadline, errand.now) {
            (None, _) => Nanos::MAX,
            // Compared as they are: it costs less than to convert one more.
            (Some(deadline), Some(now)) if deadline >= now => Nanos::MAX,
            (Some(deadline), _) => self.nanos(deadline),
        }
    }

    #[inline(never)]
    fn spend_locked(&self, errand: Errand<'_>, seen: Option<Nanos>) -> Option<Nanos> {
        let latest = self.latest(&errand);
        let now = seen.unwrap_or_else(|| self.present(&errand));
        let mut locked = self.lock();
        let state = &mut locked.state;
        let now = state.at(now);
        let class = errand.class;
        if now > latest || !state.spend_now(now, errand.cost, class, errand.slot) {
            return None;
        }
        locked.offer = locked.state.open_cell(class);
        Some(now)
    }

    /// Gives the slot of a call that is over to the next. Takes the lock and looks at the clock only if there is one.
    #[inline]
    pub(crate) fn release_slot(&self) {
        if !self.cell.free() {
            self.release_slot_locked();
        }
    }

    #[cold]
    #[inline(never)]
    fn release_slot_locked(&self) {
        let mut inner = self.lock();
        if inner.state.queue.is_empty() {
            // Nobody is to be woken, and nothing becomes due.
            inner.state.slots.release(true);
            return;
        }
        drop(inner);
        self.change_inner(|inner| {
            inner.state.slots.release(true);
            if !inner.state.queue.is_empty() {
                let now = inner.state.at(self.now());
                inner.state.turn(now);
            }
        });
    }

    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        self.clock.nanos(self.birth)
    }

    #[inline]
    pub(crate) fn nanos(&self, at: Instant) -> Nanos {
        since(self.birth, at)
    }

    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        // Past the end of the clock means never; thirty years is as good.
        self.birth
            .checked_add(Duration::from_nanos(at))
            .unwrap_or_else(|| self.birth + Duration::from_secs(86_400 * 365 * 30))
    }

    fn tell(&self, events: &[Event]) {
        if L::ENABLED {
            for event in events {
                self.listener.on(&self.name, event);
            }
        }
    }

    fn lock(&self) -> Locked<'_> {
        // Nothing in the critical sections panics; if something did, stale numbers are the lesser evil.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { state, opening, .. } = &mut *inner;
        if let Some(taken) = self.cell.close(opening) {
            let class = Class::from_repr(opening.class);
            state.absorb(class, (opening.first, opening.last), taken);
        }
        Locked {
            cell: &self.cell,
            inner,
            offer: None,
        }
    }
}

/// What is behind the lock, with everything filed. Gone, it leaves in the open what needs no lock.
struct Locked<'a> {
    cell: &'a OpenCell,
    inner: MutexGuard<'a, Inner>,
    /// The cell that may be filled without the lock.
    offer: Option<Offer>,
}

impl Deref for Locked<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        let Inner { state, opening, .. } = &mut *self.inner;
        // Whoever waits is told of every slot.
        let free = state.slots.lend().filter(|_| state.queue.is_empty());
        if free.is_some() || self.offer.is_some() {
            self.cell.open(opening, self.offer, free);
        }
    }
}

impl<L: Listener> Watch for Shared<L> {
    fn class_raised(&self) {
        self.change(State::turn);
    }
}

impl<L> fmt::Debug for Shared<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
