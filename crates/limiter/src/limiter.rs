//! The handle: ask for permits, tell what the server said, look inside.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::acquire::Acquire;
use crate::shared::Shared;
use crate::state::{Ask, State};
use crate::{AdmissionLayer, Builder, ClassCell, Cost, Pause, Permit, Rejected, Snapshot};

/// A set of budgets with one queue in front of them. Clones share everything.
///
/// See the [crate's front page](crate) for an example.
#[derive(Clone, Debug)]
pub struct Limiter {
    pub(crate) shared: Arc<Shared>,
    /// Whether permits of this handle take a slot.
    pub(crate) slot: bool,
}

impl Limiter {
    /// Begins a limiter; `name` is what snapshots call it.
    pub fn builder(name: impl Into<Arc<str>>) -> Builder {
        Builder::new(name.into())
    }

    /// The name given to the builder.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The same budgets and the same queue for calls that take no slot of
    /// [`max_in_flight`](Builder::max_in_flight): those that go another way than the ones which it bounds.
    #[must_use]
    pub fn without_slot(&self) -> Self {
        Self {
            slot: false,
            ..self.clone()
        }
    }

    /// Waits until `cost` fits into all its windows and a slot is free, and holds both.
    ///
    /// The slot of [`max_in_flight`](Builder::max_in_flight), where there is one, is held until the permit is dropped, or the
    /// [`Spent`](crate::Spent) that its commit returns: keep that until the answer is there.
    ///
    /// Served by class, then by arrival. Whoever comes later never delays whoever came earlier in
    /// the same or a higher class; it passes only where it takes nothing that the other waits for.
    /// Nothing is charged before [`Permit::commit`].
    ///
    /// # Errors
    ///
    /// [`Rejected`], at once where that is known at once: the earliest grant is past `deadline` or
    /// the longest wait, the queue is full, or the cost can never fit. A call that is overtaken by
    /// more important ones, or that finds no free slot, until its deadline has passed is refused then. Outside of a tokio
    /// runtime nobody can wait: what cannot be granted at once is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives its place in the queue back, and its grant, if it had one.
    ///
    /// # Panics
    ///
    /// When it has to wait on a tokio runtime that was built without a timer, as tokio's own sleep.
    pub fn acquire(
        &self,
        cost: &Cost,
        class: impl Into<ClassCell>,
        deadline: Option<Instant>,
    ) -> Acquire {
        let deadline = deadline.map(|deadline| self.shared.nanos(deadline));
        let ask = Ask {
            cost: cost.clone(),
            class: class.into(),
            deadline,
            slot: self.slot,
        };
        Acquire::new(Arc::clone(&self.shared), ask)
    }

    /// Holds `cost` if it fits now and nobody ahead is delayed by it.
    ///
    /// # Errors
    ///
    /// [`Rejected::TooLate`] or [`Rejected::Paused`] with the time of the earliest grant, [`Rejected::Busy`], and what
    /// [`acquire`](Self::acquire) says of costs that can never fit.
    pub fn try_acquire(
        &self,
        cost: &Cost,
        class: impl Into<ClassCell>,
    ) -> Result<Permit, Rejected> {
        let class = class.into();
        let cost = self.shared.change_inner(|inner| {
            let cost = inner
                .state
                .windows
                .check(cost)
                .inspect_err(|_| inner.state.refuse_always())?;
            if inner.state.grant_without_clock(&cost, self.slot) {
                return Ok(cost);
            }
            let ask = Ask {
                cost,
                class,
                deadline: None,
                slot: self.slot,
            };
            let (now, outcome) = self.shared.grant_now(&mut inner.state, &ask);
            match outcome {
                Ok(()) => Ok(ask.cost),
                Err(placement) => Err(inner.state.refuse(now, now, placement)),
            }
        })?;
        Ok(Permit::new(Arc::clone(&self.shared), cost, self.slot))
    }

    /// The earliest wait of a call that asked now, behind everyone it would stand behind.
    ///
    /// Exact while nobody gives up, is refunded or comes with a higher class. [`Duration::MAX`]
    /// when the cost can never fit. Where only a slot is missing nobody knows, and it is a guess of 100 ms.
    #[must_use]
    pub fn estimate(&self, cost: &Cost, class: impl Into<ClassCell>) -> Duration {
        let class = class.into().get();
        self.shared
            .change(|state, now| match state.windows.check(cost) {
                Ok(cost) => {
                    state.turn(now);
                    state.placement(now, &cost, class, self.slot).wait(now)
                }
                Err(_) => Duration::MAX,
            })
    }

    /// Grants nothing before `until`. A later end replaces an earlier one, never the other way.
    ///
    /// Whoever waits keeps its place; whoever cannot wait so long is refused at once.
    pub fn pause(&self, until: Instant, reason: Pause) {
        let until = self.shared.nanos(until);
        self.shared
            .change(|state, now| state.pause(now, until, reason));
    }

    /// Ends a pause before its time.
    pub fn resume(&self) {
        self.shared.change(State::resume);
    }

    /// Until when nothing is granted.
    #[must_use]
    pub fn paused_until(&self) -> Option<Instant> {
        let paused = self.shared.change(|state, now| state.paused(now));
        paused.map(|(until, _)| self.shared.instant(until))
    }

    /// Raises an unkeyed window to the server's own count.
    ///
    /// `used` is what the server had counted when the request that was sent `at`
    /// ([`Spent::at`](crate::Spent::at)) arrived there, with everyone else who shares the budget;
    /// what was committed more than the guard later is added. The surplus counts from `at` for a
    /// whole window, which is at least as long as on a server with fixed windows. Never lowers.
    pub fn observe(&self, window: usize, used: u32, at: Instant) {
        self.observe_key(window, 0, used, at);
    }

    /// The same for one key of a keyed window.
    pub fn observe_key(&self, window: usize, key: u64, used: u32, at: Instant) {
        let at = self.shared.nanos(at);
        self.shared
            .change(|state, now| state.observe(now, at.min(now), window, key, used));
    }

    /// The limiter at this instant.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (windows, queued, paused, counts, in_flight, max_in_flight) =
            self.shared.change(|state, now| {
                state.turn(now);
                (
                    state.windows.snapshot(now),
                    state.queue.lengths(),
                    state.paused(now),
                    state.counts,
                    state.slots.taken(),
                    state.slots.max(),
                )
            });
        Snapshot {
            name: Arc::clone(&self.shared.name),
            windows,
            queued,
            in_flight,
            max_in_flight,
            paused_until: paused.map(|(until, _)| self.shared.instant(until)),
            pause: paused.map(|(_, reason)| reason),
            asked: counts.asked,
            granted: counts.granted,
            rejected: counts.rejected,
            abandoned: counts.abandoned,
            committed: counts.committed,
            returned: counts.returned,
            refunded: counts.refunded,
            settled_extra: counts.settled_extra,
            violations: counts.violations,
        }
    }

    /// A tower layer that admits requests to the service below; all of them share this limiter.
    #[must_use]
    pub fn layer(&self) -> AdmissionLayer {
        AdmissionLayer::new(self.clone())
    }
}
