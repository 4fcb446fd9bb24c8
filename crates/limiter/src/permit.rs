//! A grant on its way: held, then committed, then perhaps corrected.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::log::Nanos;
use crate::shared::Shared;
use crate::{Cost, Verdict};

/// A granted cost that is not yet charged to a time.
///
/// It counts as used until it is dropped, which gives it back and wakes the next in the queue, or
/// committed, just before the request goes out.
#[must_use = "a permit that is dropped gives its cost back"]
pub struct Permit {
    shared: Arc<Shared>,
    /// `None` once committed.
    cost: Option<Cost>,
    /// Whether it holds a slot.
    slot: bool,
}

impl Permit {
    pub(crate) const fn new(shared: Arc<Shared>, cost: Cost, slot: bool) -> Self {
        Self {
            shared,
            cost: Some(cost),
            slot,
        }
    }

    /// Charges the cost to this instant: call it just before the request is dispatched.
    ///
    /// From here on the charge stays, whatever becomes of the request, unless the returned
    /// [`Spent`] corrects it. The slot stays taken until that is dropped; who ignores it frees the slot at once.
    pub fn commit(mut self) -> Spent {
        let cost = self.cost.take().unwrap_or_default();
        let at = self.shared.change(|state, now| {
            state.commit(now, &cost);
            now
        });
        self.spent(cost, at)
    }

    /// Hands the charge and the slot on.
    fn spent(&mut self, cost: Cost, at: Nanos) -> Spent {
        Spent {
            shared: Arc::clone(&self.shared),
            cost,
            at,
            slot: std::mem::take(&mut self.slot),
        }
    }

    /// Commits, unless a pause has begun since the grant: then the permit stays as it is, and the
    /// end of the pause is returned.
    pub(crate) fn commit_unless_paused(&mut self) -> Result<Spent, Instant> {
        let cost = self.cost.take().unwrap_or_default();
        let outcome = self.shared.change(|state, now| match state.paused(now) {
            Some((until, _)) => Err(until),
            None => {
                state.commit(now, &cost);
                Ok(now)
            }
        });
        match outcome {
            Ok(at) => Ok(self.spent(cost, at)),
            Err(until) => {
                self.cost = Some(cost);
                Err(self.shared.instant(until))
            }
        }
    }

    /// What is held.
    #[must_use]
    pub fn cost(&self) -> &[crate::Charge] {
        self.cost.as_deref().unwrap_or_default()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(cost) = self.cost.take() {
            let slot = self.slot;
            self.shared
                .change(|state, now| state.give_back(now, &cost, slot));
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("cost", &self.cost())
            .finish_non_exhaustive()
    }
}

/// A committed charge, and the slot of the request that is under way.
///
/// Dropping it frees the slot and keeps the charge: the server may have counted the request.
pub struct Spent {
    shared: Arc<Shared>,
    cost: Cost,
    at: Nanos,
    /// Whether it holds a slot.
    slot: bool,
}

impl Spent {
    /// When it was committed; what [`Limiter::observe`](crate::Limiter::observe) wants to know.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.shared.instant(self.at)
    }

    /// Corrects the charge to what the request really cost, at the time of the commit.
    ///
    /// More is charged even when the window has no room for it (and is counted as a violation, for
    /// the server has charged it too); less is given back. Windows that `actual` does not name cost
    /// nothing. What has left its window is not corrected any more.
    pub fn settle(&mut self, actual: &Cost) {
        self.shared
            .change(|state, now| state.settle(now, self.at, &mut self.cost, actual));
    }

    /// Gives the whole charge back: nothing was sent. Frees the slot.
    pub fn refund(mut self) {
        let slot = std::mem::take(&mut self.slot);
        self.shared.change(|state, now| {
            state.slots.release(slot);
            state.refund(now, self.at, &self.cost);
        });
    }

    /// Frees the slot before the charge is settled: the request is over, and only its price is not known yet.
    ///
    /// Dropping does the same.
    pub fn release_slot(&mut self) {
        if std::mem::take(&mut self.slot) {
            self.shared.release_slot();
        }
    }

    /// Does everything that `verdict` says: observes, then settles or refunds, then pauses. Frees the slot.
    pub fn apply(mut self, verdict: &Verdict) {
        // By far the most answers say nothing, and need no look at the clock.
        if *verdict == Verdict::sent() {
            return;
        }
        let slot = std::mem::take(&mut self.slot);
        self.shared.change(|state, now| {
            for usage in &verdict.usage {
                state.observe(now, self.at, usage.window, 0, usage.used);
            }
            match &verdict.actual {
                _ if !verdict.sent => state.refund(now, self.at, &self.cost),
                Some(actual) => state.settle(now, self.at, &mut self.cost, actual),
                None => {}
            }
            if let Some(pause) = verdict.pause {
                let pause = Nanos::try_from(pause.as_nanos()).unwrap_or(Nanos::MAX);
                state.pause(now, now.saturating_add(pause), crate::Pause::RetryAfter);
            }
            // Last, so that nobody is granted it whom the pause would take it from again.
            if slot {
                state.slots.release(slot);
                state.turn(now);
            }
        });
    }
}

impl Drop for Spent {
    fn drop(&mut self) {
        self.release_slot();
    }
}

impl fmt::Debug for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spent")
            .field("cost", &self.cost)
            .field("at", &self.at())
            .finish_non_exhaustive()
    }
}
