//! The handle: ask for permits, tell what the server said, look inside.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::acquire::Acquire;
use crate::listener::Listener;
use crate::log::Nanos;
use crate::recovery::WHOLE;
use crate::shared::{Errand, Shared};
use crate::state::{Ask, State};
use crate::{
    AdmissionLayer, Builder, Charge, Class, ClassCell, Cost, Pause, Permit, Rate, Rejected,
    Snapshot, WindowError,
};

/// A set of budgets with one queue in front of them. Clones share everything.
///
/// See the [crate's front page](crate) for an example.
#[derive(Debug)]
pub struct Limiter<L: Listener = ()> {
    pub(crate) shared: Arc<Shared<L>>,
    /// Whether permits of this handle take a slot.
    pub(crate) slot: bool,
}

impl<L: Listener> Clone for Limiter<L> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            slot: self.slot,
        }
    }
}

impl Limiter {
    /// Begins a limiter; `name` is what snapshots call it.
    pub fn builder(name: impl Into<Arc<str>>) -> Builder {
        Builder::new(name.into())
    }
}

impl<L: Listener> Limiter<L> {
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
    ) -> Acquire<L> {
        self.acquire_owned(cost.clone(), class.into(), deadline)
    }

    /// The same without a copy of the cost.
    pub(crate) fn acquire_owned(
        &self,
        cost: Cost,
        class: ClassCell,
        deadline: Option<Instant>,
    ) -> Acquire<L> {
        let deadline = deadline.map(|deadline| self.shared.nanos(deadline));
        let ask = Ask {
            cost,
            class,
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
    ) -> Result<Permit<L>, Rejected> {
        let (cost, class) = (cost.clone(), class.into());
        let (cost, grant) = self.shared.change_inner(|inner| {
            let born = class.get();
            let cost = inner
                .state
                .windows
                .check(cost, born)
                .inspect_err(|rejected| inner.state.refuse_always(born, rejected))?;
            if let Some(grant) = inner.state.grant_without_clock(&cost, born, self.slot) {
                return Ok((cost, grant));
            }
            let ask = Ask {
                cost,
                class,
                deadline: None,
                slot: self.slot,
            };
            let (now, outcome) = self.shared.grant_now(&mut inner.state, &ask);
            match outcome {
                Ok(grant) => Ok((ask.cost, grant)),
                Err(placement) => Err(inner.state.refuse(now, now, placement, born)),
            }
        })?;
        Ok(Permit::new(Arc::clone(&self.shared), cost, grant))
    }

    /// Charges `charge` to this instant if it fits and nobody ahead is delayed by it: [`try_acquire`](Self::try_acquire) and
    /// [`commit`](Permit::commit) in one step, for who sends at once and never takes it back. Returns the time of the charge.
    ///
    /// The quickest way: with one unkeyed window of more than 512 units and nobody waiting, it is one look at the clock and one
    /// compare-and-swap, without the lock.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_spend(&self, charge: Charge, class: Class) -> Result<Instant, Rejected> {
        // The slot of what nobody ever takes back would be free again at once, and takes the long way to say so.
        let errand = Errand {
            cost: &[charge],
            class,
            deadline: None,
            slot: false,
            now: None,
        };
        if !self.slot
            && let Some(at) = self.shared.spend(errand)
        {
            return Ok(self.shared.instant(at));
        }
        let spent = self.try_acquire(&Cost::from(charge), class)?.commit();
        Ok(spent.at())
    }

    /// The earliest wait of a call that asked now, behind everyone it would stand behind.
    ///
    /// Exact while nobody gives up, is refunded or comes with a higher class. [`Duration::MAX`]
    /// when the cost can never fit. Where only a slot is missing nobody knows, and it is a guess of 100 ms.
    #[must_use]
    pub fn estimate(&self, cost: &Cost, class: impl Into<ClassCell>) -> Duration {
        let class = class.into().get();
        self.shared.change(
            |state, now| match state.windows.check(cost.clone(), class) {
                Ok(cost) => {
                    state.turn(now);
                    state.placement(now, &cost, class, self.slot).wait(now)
                }
                Err(_) => Duration::MAX,
            },
        )
    }

    /// Grants nothing before `until`. A later end replaces an earlier one, never the other way.
    ///
    /// Whoever waits keeps its place; whoever cannot wait so long is refused at once.
    pub fn pause(&self, until: Instant, reason: Pause) {
        let until = self.shared.nanos(until);
        self.shared
            .change(|state, now| state.pause(now, until, reason, now));
    }

    /// The answer to a request that was sent `at` says that it was too much, without a time to come back: halves the rate, where a
    /// [`Recovery`](crate::Recovery) is configured, once for all that was under way together.
    pub fn slow_down(&self, at: Instant) {
        let at = self.shared.nanos(at);
        self.shared
            .change(|state, now| state.slow_down(now, at.min(now), now));
    }

    /// Changes a window's limit, by its place in the builder's order; of a smooth window burst and rate in the same proportion, to
    /// how they were given.
    ///
    /// A lower limit holds for everything that is granted from now on; what is spent or granted already stays so, and where the window
    /// drains it does so at the new rate. Calls that wait
    /// and can never fit any more are refused. A higher one serves at once whom it has room for.
    ///
    /// # Errors
    ///
    /// [`WindowError::NoSuchWindow`]; [`WindowError::TooFast`] for a limit of 1 of a smooth window, which admits one at once and
    /// the next before its window is over. Nothing is changed then.
    pub fn set_limit(&self, window: usize, limit: u32) -> Result<(), WindowError> {
        self.shared
            .change(|state, now| state.set_limit(now, window, limit))
    }

    /// Changes limit, rate and burst of a smooth window ([`Window::gcra`](crate::Window::gcra)) together, by its place in the
    /// builder's order; as [`set_limit`](Self::set_limit) does otherwise.
    ///
    /// # Errors
    ///
    /// [`WindowError::NoSuchWindow`]; [`WindowError::NotSmooth`]; [`WindowError::TooFast`] and [`WindowError::NoRate`] as when it is
    /// built. Nothing is changed then.
    pub fn set_rate(
        &self,
        window: usize,
        limit: u32,
        rate: Rate,
        burst: u32,
    ) -> Result<(), WindowError> {
        self.shared
            .change(|state, now| state.set_rate(now, window, limit, (rate, burst)))
    }

    /// Learns the server's clock, which [`Window::aligned`](crate::Window::aligned) needs, from an answer's `Date` header: it shows
    /// whole seconds.
    ///
    /// `sent` and `received` are when the request left and when the answer came. Several answers narrow it down to the travel time.
    pub fn observe_date(&self, sent: Instant, received: Instant, date: SystemTime) {
        self.observe_clock(sent, received, date, Duration::from_secs(1));
    }

    /// The same from a clock that shows whole `resolution`s: a time in the answer's body in milliseconds, or one that is known
    /// otherwise, with zero.
    pub fn observe_clock(
        &self,
        sent: Instant,
        received: Instant,
        server: SystemTime,
        resolution: Duration,
    ) {
        let signed = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
        let shown = match server.duration_since(UNIX_EPOCH) {
            Ok(after) => signed(after),
            Err(before) => -signed(before.duration()),
        };
        let (sent, received) = (self.shared.nanos(sent), self.shared.nanos(received));
        self.shared.change(|state, now| {
            let seen: (Nanos, Nanos) = (sent, received);
            state
                .windows
                .learn_clock(now, seen, shown, signed(resolution));
            state.turn(now);
        });
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
        self.shared.change(|state, now| {
            state.turn(now);
            let paused = state.paused(now);
            let counts = state.counts;
            Snapshot {
                name: Arc::clone(&self.shared.name),
                windows: state.windows.snapshot(now),
                queued: state.queue.lengths(),
                in_flight: state.slots.taken(),
                max_in_flight: state.slots.max(),
                paused_until: paused.map(|(until, _)| self.shared.instant(until)),
                pause: paused.map(|(_, reason)| reason),
                rate_factor: f64::from(state.recovering.factor()) / f64::from(WHOLE),
                classes: state.classes,
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
        })
    }

    /// A tower layer that admits requests to the service below; all of them share this limiter.
    #[must_use]
    pub fn layer(&self) -> AdmissionLayer<crate::AskRequest, crate::Keep, L> {
        AdmissionLayer::new(self.clone())
    }
}
