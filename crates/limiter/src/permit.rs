//! A grant on its way: held, then committed, then perhaps corrected.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::listener::Listener;
use crate::log::Nanos;
use crate::owed::Owed;
use crate::shared::Shared;
use crate::state::Grant;
use crate::{Charge, Class, Cost, Verdict};

/// A granted cost that is not yet charged to a time.
///
/// It counts as used until it is dropped, which gives it back and wakes the next in the queue, or
/// committed, just before the request goes out.
#[must_use = "a permit that is dropped gives its cost back"]
pub struct Permit<L: Listener = ()> {
    /// What is held; `None` once committed.
    held: Option<Held<L>>,
}

struct Held<L> {
    shared: Arc<Shared<L>>,
    cost: Cost,
    grant: Grant,
}

impl<L: Listener> Permit<L> {
    pub(crate) const fn new(shared: Arc<Shared<L>>, cost: Cost, grant: Grant) -> Self {
        let held = Some(Held {
            shared,
            cost,
            grant,
        });
        Self { held }
    }

    /// Charges the cost to this instant: call it just before the request is dispatched.
    ///
    /// From here on the charge stays, whatever becomes of the request, unless the returned
    /// [`Spent`] corrects it. The slot stays taken until that is dropped; who ignores it frees the slot at once.
    pub fn commit(mut self) -> Spent<L> {
        let at = self.held.as_ref().map_or(0, |held| {
            let now = held.shared.now();
            held.shared.change_alone(|state| {
                let now = state.at(now);
                state.commit(now, &held.cost);
                now
            })
        });
        self.spent(at)
    }

    /// Commits, unless a pause has begun since the grant: then the permit stays as it is, and the
    /// end of the pause is returned.
    pub(crate) fn commit_unless_paused(&mut self) -> Result<Spent<L>, Instant> {
        let Some(held) = &self.held else {
            return Ok(Spent { under_way: None });
        };
        let now = held.shared.now();
        let at = held.shared.change_alone(|state| {
            let now = state.at(now);
            match state.paused(now) {
                Some((until, _)) => Err(until),
                None => {
                    state.commit(now, &held.cost);
                    Ok(now)
                }
            }
        });
        match at {
            Ok(at) => Ok(self.spent(at)),
            Err(until) => Err(held.shared.instant(until)),
        }
    }

    /// What becomes of it once it is committed.
    fn spent(&mut self, at: Nanos) -> Spent<L> {
        let under_way = self.held.take().map(|held| UnderWay {
            owed: Owed::new(&held.cost),
            shared: held.shared,
            grant: held.grant,
            at,
            unsent: false,
        });
        Spent { under_way }
    }

    /// What is held.
    #[must_use]
    pub fn cost(&self) -> &[crate::Charge] {
        self.held.as_ref().map_or(&[], |held| held.cost.as_slice())
    }
}

impl<L: Listener> Drop for Permit<L> {
    fn drop(&mut self) {
        if let Some(Held {
            shared,
            cost,
            grant,
        }) = self.held.take()
        {
            shared.change(|state, now| state.give_back(now, &cost, grant));
        }
    }
}

impl<L: Listener> fmt::Debug for Permit<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("cost", &self.cost())
            .finish_non_exhaustive()
    }
}

/// A committed charge, and the slot of the request that is under way.
///
/// Dropping it frees the slot and keeps the charge: the server may have counted the request.
pub struct Spent<L: Listener = ()> {
    /// `None` once everything is said about it.
    under_way: Option<UnderWay<L>>,
}

/// The slot of a request that is under way, of which nothing else has to be remembered. Dropping it frees the slot.
pub(crate) struct Slot<L: Listener> {
    shared: Arc<Shared<L>>,
}

impl<L: Listener> Slot<L> {
    /// One that is taken.
    pub(crate) const fn new(shared: Arc<Shared<L>>) -> Self {
        Self { shared }
    }
}

impl<L: Listener> Drop for Slot<L> {
    fn drop(&mut self) {
        self.shared.release_slot();
    }
}

/// What was granted and committed in one step.
#[derive(Debug)]
pub(crate) struct Paid {
    owed: Owed,
    grant: Grant,
    at: Nanos,
    /// Nothing is sent before the call is polled.
    lazy: bool,
}

impl Paid {
    #[inline]
    pub(crate) fn new(cost: &[Charge], class: Class, slot: bool, at: Nanos, lazy: bool) -> Self {
        let owed = Owed::new(cost);
        let grant = Grant {
            class,
            slot,
            probe: 0,
        };
        Self {
            owed,
            grant,
            at,
            lazy,
        }
    }
}

/// A request that was paid for and is under way.
struct UnderWay<L> {
    shared: Arc<Shared<L>>,
    owed: Owed,
    grant: Grant,
    at: Nanos,
    /// It was made and can have sent nothing yet.
    unsent: bool,
}

impl<L: Listener> Spent<L> {
    /// What was paid for at once.
    #[inline]
    pub(crate) fn new(shared: Arc<Shared<L>>, paid: Paid) -> Self {
        let Paid {
            owed,
            grant,
            at,
            lazy,
        } = paid;
        let under_way = Some(UnderWay {
            shared,
            owed,
            grant,
            at,
            unsent: lazy,
        });
        Self { under_way }
    }

    /// When it was committed; what [`Limiter::observe`](crate::Limiter::observe) wants to know.
    #[must_use]
    pub fn at(&self) -> Instant {
        match &self.under_way {
            Some(call) => call.shared.instant(call.at),
            None => Instant::now(),
        }
    }

    /// Corrects the charge to what the request really cost, at the time of the commit.
    ///
    /// More is charged even when the window has no room for it (and is counted as a violation, for
    /// the server has charged it too); less is given back. Windows that `actual` does not name cost
    /// nothing. What has left its window is not corrected any more.
    pub fn settle(&mut self, actual: &Cost) {
        if let Some(call) = &mut self.under_way {
            let mut cost = call.owed.cost();
            let (at, class) = (call.at, call.grant.class);
            call.shared
                .change(|state, now| state.settle(now, at, &mut cost, actual, class));
            call.owed = Owed::new(&cost);
        }
    }

    /// Gives the whole charge back: nothing was sent. Frees the slot.
    pub fn refund(mut self) {
        self.give_back();
    }

    /// From here on something may have been sent.
    #[inline]
    pub(crate) const fn send(&mut self) {
        if let Some(call) = &mut self.under_way {
            call.unsent = false;
        }
    }

    #[cold]
    fn give_back(&mut self) {
        if let Some(call) = self.under_way.take() {
            let UnderWay { grant, at, .. } = call;
            let cost = call.owed.cost();
            call.shared.change(|state, now| {
                state.slots.release(grant.slot);
                state.refund(now, at, &cost, grant.class);
                state.end_probe(now, grant.probe, false);
            });
        }
    }

    /// Frees the slot before the charge is settled: the request is over, and only its price is not known yet.
    ///
    /// Dropping does the same.
    pub fn release_slot(&mut self) {
        if let Some(call) = &mut self.under_way
            && std::mem::take(&mut call.grant.slot)
        {
            call.shared.release_slot();
        }
    }

    /// Does everything that `verdict` says: observes, then settles or refunds, then pauses. Frees the slot.
    pub fn apply(mut self, verdict: &Verdict) {
        self.end(verdict);
    }

    /// The same without moving it. Who is dropped next frees its slot, if the verdict has nothing to say.
    #[inline]
    pub(crate) fn end(&mut self, verdict: &Verdict) {
        // By far the most answers say nothing, and need no look at the clock.
        if !verdict.is_plain() {
            self.correct(verdict);
        }
    }

    #[inline(never)]
    fn correct(&mut self, verdict: &Verdict) {
        let Some(UnderWay {
            shared,
            owed,
            grant,
            at,
            ..
        }) = self.under_way.take()
        else {
            return;
        };
        let mut cost = owed.cost();
        shared.change(|state, now| {
            for usage in &verdict.usage {
                state.observe(now, at, usage.window, 0, usage.used);
            }
            match &verdict.actual {
                _ if !verdict.sent => state.refund(now, at, &cost, grant.class),
                Some(actual) => state.settle(now, at, &mut cost, actual, grant.class),
                None => {}
            }
            match verdict.pause {
                Some(pause) => {
                    let pause = Nanos::try_from(pause.as_nanos()).unwrap_or(Nanos::MAX);
                    let until = now.saturating_add(pause);
                    state.pause(now, until, crate::Pause::RetryAfter, at);
                    // A probe that was refused has not shown that the others may go.
                    state.end_probe(now, grant.probe, false);
                }
                None => state.end_probe(now, grant.probe, verdict.sent),
            }
            // Last, so that nobody is granted it whom the pause would take it from again.
            if grant.slot {
                state.slots.release(true);
                state.turn(now);
            }
        });
    }
}

impl<L: Listener> Drop for Spent<L> {
    fn drop(&mut self) {
        if self.under_way.as_ref().is_some_and(|call| call.unsent) {
            self.give_back();
        }
        if let Some(UnderWay { shared, grant, .. }) = self.under_way.take() {
            if grant.slot {
                shared.release_slot();
            }
            if grant.probe != 0 {
                shared.change(|state, now| state.end_probe(now, grant.probe, true));
            }
        }
    }
}

impl<L: Listener> fmt::Debug for Spent<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = self.under_way.as_ref().map(|call| call.owed.cost());
        f.debug_struct("Spent")
            .field("cost", &cost)
            .field("at", &self.at())
            .finish_non_exhaustive()
    }
}
