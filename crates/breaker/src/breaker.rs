//! The handle that callers, layers and operators share.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod reuse;

use std::{fmt, sync::Arc};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    AdmitLayer, Builder, CheckLayer, EventKind, Listener, Open, Snapshot, State, Ticket,
    Transition,
    circuit::{Circuit, Pass, Refusal},
    config::Settings,
    shared::{Hot, Shared},
};

/// Stops calls to a service that keeps failing.
///
/// Clones share one state, and so do all layers made from it, however often
/// [`Layer::layer`](tower_layer::Layer::layer) is called.
///
/// # Examples
///
/// Without tower:
///
/// ```
/// use robust_breaker::{Breaker, Outcome};
/// use std::time::Duration;
///
/// let breaker = Breaker::builder("printer").consecutive_failures(1).build();
/// let ticket = breaker.admit().expect("a new circuit is closed");
/// ticket.record(Outcome::Failure { retry_after: Some(Duration::from_secs(300)) });
///
/// let refused = breaker.admit().expect_err("one failure was enough");
/// assert!(refused.retry_in > Duration::from_secs(299));
/// ```
pub struct Breaker<L = ()> {
    /// All that a call needs while nothing is wrong.
    cell: &'static Hot,
    /// A ticket holds the cell alone.
    light: bool,
    shared: Arc<Shared<L>>,
}

impl<L> Clone for Breaker<L> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ..*self
        }
    }
}

impl Breaker {
    /// Starts a breaker; the name appears in errors and snapshots.
    pub fn builder(name: impl Into<Arc<str>>) -> Builder {
        Builder::new(name.into())
    }
}

impl<L: Listener> Breaker<L> {
    pub(crate) fn new(name: Arc<str>, settings: Settings, listener: L) -> Self {
        let shared = Shared::new(name, settings, listener);
        Self {
            cell: shared.cell,
            light: shared.is_plain(),
            shared,
        }
    }

    /// The same breaker, which is [held](Self::is_held) by its tickets too.
    pub(crate) fn held_by_tickets(self) -> Self {
        Self {
            light: false,
            ..self
        }
    }

    /// The name given to the builder.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Asks whether a call would be let through now, taking nothing.
    ///
    /// # Errors
    ///
    /// [`Open`] while the circuit is open, or while all permits are out.
    pub fn check(&self) -> Result<(), Open> {
        self.peek().map_err(|refusal| self.refused(refusal))
    }

    /// [`check`](Self::check) that tells nobody.
    #[inline]
    pub(crate) fn peek(&self) -> Result<(), Refusal> {
        match self.cell.word.admit() {
            Ok(_) => Ok(()),
            Err(view) => self.shared.check_guarded(view),
        }
    }

    /// Lets one call through. Report its outcome with [`Ticket::record`].
    ///
    /// # Errors
    ///
    /// [`Open`] while the circuit is open, or while all permits are out.
    #[inline]
    pub fn admit(&self) -> Result<Ticket<L>, Open> {
        match self.enter_at_once() {
            Some(ticket) => Ok(ticket),
            None => self.admit_guarded(),
        }
    }

    // The three below are out of line, so that what is inlined into a call is the plain case alone.

    #[inline(never)]
    pub(crate) fn admit_guarded(&self) -> Result<Ticket<L>, Open> {
        self.enter_guarded()
            .map_err(|refusal| self.refused(refusal))
    }

    /// The admission of a call that nobody measures or hears of, by a circuit that lets everybody through.
    #[inline(always)]
    pub(crate) fn enter_at_once(&self) -> Option<Ticket<L>> {
        let generation = self.cell.word.admit().ok().filter(|_| self.light)?;
        Some(Ticket::light(self.cell, Pass::plain(generation)))
    }

    /// [`admit`](Self::admit) that tells nobody of a refusal.
    #[inline]
    pub(crate) fn enter(&self) -> Result<Ticket<L>, Refusal> {
        match self.enter_at_once() {
            Some(ticket) => Ok(ticket),
            None => self.enter_guarded(),
        }
    }

    #[inline(never)]
    fn enter_guarded(&self) -> Result<Ticket<L>, Refusal> {
        let pass = match self.cell.word.admit() {
            Ok(generation) => Pass {
                started: self.shared.start(),
                ..Pass::plain(generation)
            },
            Err(view) => self.shared.admit_guarded(view)?,
        };
        if self.light {
            return Ok(Ticket::light(self.cell, pass));
        }
        self.shared.tell(|| EventKind::Admitted {
            permit: pass.permit.is_some(),
            generation: self.shared.generation(pass.generation),
        });
        Ok(Ticket::holding(Arc::clone(&self.shared), pass))
    }

    /// Where it stands. An open circuit whose time is over stays open until the next call.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.with(|circuit, now| {
            // Lets time act first.
            let _ = circuit.check(now);
            circuit.state()
        })
    }

    /// All that is known about it now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared.with(|circuit, now| {
            let retry_in = circuit.check(now).err().map(|refusal| refusal.retry_in);
            Snapshot {
                name: Arc::clone(&self.shared.name),
                state: circuit.state(),
                generation: circuit.generation(),
                consecutive_failures: circuit.streak(),
                probes_out: circuit.probes_out(),
                opened_times: circuit.opened_times(),
                would_have_opened: circuit.would_have_opened(),
                open_level: circuit.open_level(now),
                ramp_limit: circuit.ramp_limit(),
                rates: circuit.rates(now),
                retry_in,
                last_cause: circuit.last_transition().cause,
            }
        })
    }

    /// Follows the changes of state. A slow reader sees the latest change, not every one; the
    /// generation tells how many it missed. A [`Listener`] hears of every one.
    ///
    /// As with any [`watch`] channel, do not call the breaker while holding a
    /// [`borrow`](watch::Receiver::borrow): a change of state would wait for it to end.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Transition> {
        self.shared.transitions.subscribe()
    }

    /// Opens the circuit until this moment, or with `None` until it is closed by hand; also if it is
    /// open already. Calls under way are not stopped, and their results no longer count. The
    /// reason appears in [`Cause::ForcedOpen`](crate::Cause::ForcedOpen).
    pub fn force_open(&self, reason: &'static str, until: impl Into<Option<Instant>>) {
        let until = until.into();
        self.shared
            .with(|circuit, now| circuit.force_open(now, reason, until));
    }

    /// Closes the circuit, without a ramp, and forgets the failures. Results of calls under way no
    /// longer count. Ends [`disable`](Self::disable) and [`metrics_only`](Self::metrics_only) too.
    pub fn force_close(&self) {
        self.shared.with(Circuit::force_close);
    }

    /// Closes the circuit and sets its counters and the length of its open time back.
    pub fn reset(&self) {
        self.shared.with(Circuit::reset);
    }

    /// Switches it off until it is closed or opened by hand: every call goes through, nothing is
    /// counted.
    pub fn disable(&self) {
        self.shared.with(Circuit::disable);
    }

    /// Only measures until it is closed or opened by hand: every call goes through and is counted.
    /// Where it would have opened, [`Snapshot::would_have_opened`] grows and the counting begins
    /// anew. Try new rules on real traffic with it.
    pub fn metrics_only(&self) {
        self.shared.with(Circuit::metrics_only);
    }

    /// A layer that refuses calls early, before they queue for anything. It takes no permit and
    /// records nothing; pair it with [`admit_layer`](Self::admit_layer) further inside.
    #[must_use]
    pub fn check_layer(&self) -> CheckLayer<L> {
        CheckLayer::new(self.clone())
    }

    /// A layer that admits calls and records what `classify` makes of their results. Belongs next
    /// to the call, inside of every queue.
    #[must_use]
    pub fn admit_layer<C>(&self, classify: C) -> AdmitLayer<C, L> {
        AdmitLayer::new(self.clone(), classify)
    }

    /// Whether anyone but the registry has a handle, a layer or a ticket of it.
    pub(crate) fn is_held(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    /// Whether calls are being refused, as far as can be seen without the lock.
    pub(crate) fn is_refusing(&self, now: Instant) -> bool {
        self.shared.is_refusing(now)
    }

    /// Wakes when a change may let a call through that was refused.
    pub(crate) fn moved(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.moved)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn refused(&self, refusal: Refusal) -> Open {
        self.shared.tell(|| EventKind::Refused {
            retry_in: refusal.retry_in,
            generation: refusal.generation,
        });
        Open {
            name: Arc::clone(&self.shared.name),
            retry_in: refusal.retry_in,
            until: refusal.until,
            generation: refusal.generation,
        }
    }
}

impl<L: Listener> fmt::Debug for Breaker<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.snapshot()).finish()
    }
}
