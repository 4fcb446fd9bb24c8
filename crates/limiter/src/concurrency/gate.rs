//! The line behind a lock, shared by all handles, layers and calls, and the door past it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::aimd::{Aimd, Stamp};
use super::door::Door;
use super::line::{Line, Place};
use super::{Load, bulkhead::BulkheadSnapshot};
use crate::Rejected;

/// When a place gets free is not known; this is said as a guess, as the limiter does for its slots.
const GUESS: Duration = Duration::from_millis(100);

/// How many may be in flight, who is, and who waits.
pub(crate) struct Gate {
    max_queue: usize,
    max_wait: Option<Duration>,
    /// A fixed limit needs no clock, and no second look at the lock.
    adapts: bool,
    /// Open while nobody waits and nobody has the lock.
    door: Door,
    state: Mutex<State>,
}

struct State {
    line: Line<Waker>,
    /// `None` for a fixed limit.
    aimd: Option<Aimd>,
    granted: u64,
    rejected: u64,
}

/// Those called up, to be woken when the lock is free again.
type Called = SmallVec<[Waker; 4]>;

impl Gate {
    pub(crate) fn new(
        limit: usize,
        max_queue: usize,
        max_wait: Option<Duration>,
        aimd: Option<Aimd>,
    ) -> Self {
        let gate = Self {
            max_queue,
            max_wait,
            adapts: aimd.is_some(),
            door: Door::new(),
            state: Mutex::new(State {
                line: Line::new(limit),
                aimd,
                granted: 0,
                rejected: 0,
            }),
        };
        drop(gate.lock());
        gate
    }

    /// Until when one may wait who begins now.
    pub(crate) fn patience(&self, deadline: Option<Instant>) -> Option<Instant> {
        let longest = self
            .max_wait
            .and_then(|wait| Instant::now().checked_add(wait));
        match (longest, deadline) {
            (Some(longest), Some(deadline)) => Some(longest.min(deadline)),
            (longest, deadline) => longest.or(deadline),
        }
    }

    /// Takes a place without waiting, if there is room and nobody waits.
    #[inline]
    pub(crate) fn enter(&self) -> Result<(), Rejected> {
        if self.door.enter() {
            return Ok(());
        }
        self.enter_locked()
    }

    #[cold]
    fn enter_locked(&self) -> Result<(), Rejected> {
        let mut state = self.lock();
        if state.line.enter() {
            state.granted += 1;
            return Ok(());
        }
        state.rejected += 1;
        Err(state.busy())
    }

    /// Goes in if there is room and nobody waits. Who may not is not sent away: it comes again and waits.
    #[inline]
    pub(crate) fn enter_free(&self) -> bool {
        self.door.enter() || self.enter_free_locked()
    }

    #[cold]
    fn enter_free_locked(&self) -> bool {
        let mut state = self.lock();
        let enters = state.line.enter();
        state.granted += u64::from(enters);
        enters
    }

    /// Goes in, or waits behind the others under the number returned; `bounded` respects the bound
    /// of the queue.
    #[inline]
    pub(crate) fn enter_or_queue(
        &self,
        waker: &Waker,
        bounded: bool,
    ) -> Result<Option<u64>, Rejected> {
        if self.door.enter() {
            return Ok(None);
        }
        self.enter_or_queue_locked(waker, bounded)
    }

    #[cold]
    fn enter_or_queue_locked(&self, waker: &Waker, bounded: bool) -> Result<Option<u64>, Rejected> {
        let mut state = self.lock();
        if state.line.enter() {
            state.granted += 1;
            return Ok(None);
        }
        let queued = state.line.waiting();
        if bounded && queued >= self.max_queue {
            state.rejected += 1;
            return Err(if self.max_queue == 0 {
                state.busy()
            } else {
                Rejected::Full {
                    queued,
                    retry_in: GUESS,
                }
            });
        }
        Ok(Some(state.line.queue(waker.clone())))
    }

    /// Whether `number` has been called up.
    pub(crate) fn ask(&self, number: u64, waker: &Waker) -> Place {
        let mut state = self.lock();
        let place = state.line.ask(number, |kept| kept.clone_from(waker));
        state.granted += u64::from(place == Place::In);
        place
    }

    /// `number` waits no longer because its time is over, unless it was called up just now.
    pub(crate) fn give_up(&self, number: u64) -> Result<(), Rejected> {
        let mut state = self.lock();
        if state.line.ask(number, |_| ()) == Place::In {
            state.granted += 1;
            return Ok(());
        }
        state.line.leave(number, |_| ());
        state.rejected += 1;
        Err(state.busy())
    }

    /// `number` goes away, whether it still waits or was called up and did not fetch its place.
    pub(crate) fn leave(&self, number: u64) {
        self.change(|state, called| {
            state.line.leave(number, |waker| called.push(waker));
        });
    }

    /// Whether the limit learns from the calls.
    #[inline]
    pub(crate) const fn adapts(&self) -> bool {
        self.adapts
    }

    /// A call goes out; `None` where its time does not matter.
    pub(crate) fn sent(&self) -> Option<Stamp> {
        let mut state = self.lock();
        let (in_flight, waiting) = (state.line.in_flight(), state.line.waiting());
        state
            .aimd
            .as_mut()
            .map(|aimd| aimd.sent(Instant::now(), in_flight, waiting))
    }

    /// One in flight is through.
    #[inline]
    pub(crate) fn exit(&self, stamp: Option<Stamp>, load: Option<Load>) {
        if stamp.is_some() || !self.door.leave() {
            self.exit_locked(stamp, load);
        }
    }

    fn exit_locked(&self, stamp: Option<Stamp>, load: Option<Load>) {
        let stamp = stamp.map(|stamp| (stamp, Instant::now()));
        self.change(|state, called| {
            if let (Some((stamp, now)), Some(aimd)) = (stamp, state.aimd.as_mut()) {
                aimd.ended(now, stamp, load);
                let limit = aimd.limit();
                if limit != state.line.limit() {
                    state.line.set_limit(limit, |waker| called.push(waker));
                }
            }
            state.line.exit(|waker| called.push(waker));
        });
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.change(|state, called| state.line.set_limit(limit, |waker| called.push(waker)));
    }

    pub(crate) fn snapshot(&self) -> BulkheadSnapshot {
        let state = self.lock();
        BulkheadSnapshot {
            limit: state.line.limit(),
            in_flight: state.line.in_flight(),
            queued: state.line.waiting(),
            granted: state.granted,
            rejected: state.rejected,
        }
    }

    /// The shortest round trip, and whether it is being measured.
    pub(crate) fn floor(&self) -> (Option<Duration>, bool) {
        let state = self.lock();
        state
            .aimd
            .as_ref()
            .map_or((None, false), |aimd| (aimd.floor(), aimd.is_measuring()))
    }

    fn change(&self, change: impl FnOnce(&mut State, &mut Called)) {
        let mut called = Called::new();
        change(&mut self.lock(), &mut called);
        for waker in called {
            waker.wake();
        }
    }

    /// Every method of the state leaves it whole, so that a poisoned lock is usable.
    fn lock(&self) -> Inside<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = self.door.shut() {
            state.line.set_in_flight(seen.inside);
            state.granted += seen.entered;
        }
        Inside {
            door: &self.door,
            state,
        }
    }
}

/// Has the lock, and with it the door shut.
struct Inside<'a> {
    door: &'a Door,
    state: MutexGuard<'a, State>,
}

impl Deref for Inside<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Inside<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let line = &self.state.line;
        if line.waiting() == 0 {
            self.door.open(line.limit(), line.in_flight());
        }
    }
}

impl State {
    const fn busy(&self) -> Rejected {
        Rejected::Busy {
            in_flight: self.line.in_flight(),
            retry_in: GUESS,
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("max_queue", &self.max_queue)
            .field("max_wait", &self.max_wait)
            .field("now", &self.snapshot())
            .finish_non_exhaustive()
    }
}
