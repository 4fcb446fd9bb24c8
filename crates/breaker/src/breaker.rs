//! The handle that callers, layers and operators share.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{sync::watch, time::Instant};

use crate::{
    AdmitLayer, Builder, CheckLayer, Open, Outcome, Snapshot, State, Transition,
    circuit::{Circuit, Pass, Refusal},
    config::Settings,
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
#[derive(Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    circuit: Mutex<Circuit>,
    /// What [`Circuit`] says about the good case, to be read without its lock.
    shortcut: AtomicU64,
    transitions: watch::Sender<Transition>,
}

/// The circuit in one word: `generation << 2 | healthy << 1 | closed`, healthy meaning that there
/// is no failure to forget. Written only under the circuit's lock, right after a change.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shortcut(u64);

impl Shortcut {
    const CLOSED: u64 = 1;
    const HEALTHY: u64 = 2;

    fn of(circuit: &Circuit) -> Self {
        let closed = circuit.state() == State::Closed;
        let healthy = closed && circuit.streak() == 0;
        Self(circuit.generation() << 2 | u64::from(healthy) << 1 | u64::from(closed))
    }

    /// The pass that a closed circuit gives to anyone.
    fn pass(self) -> Option<Pass> {
        (self.0 & Self::CLOSED != 0).then_some(Pass {
            generation: self.0 >> 2,
            probe: None,
        })
    }

    /// Closed without failures to forget: no success changes anything, whenever it was admitted.
    fn healthy(self) -> bool {
        self.0 & Self::HEALTHY != 0
    }
}

impl Breaker {
    /// Starts a breaker; the name appears in errors and snapshots.
    pub fn builder(name: impl Into<Arc<str>>) -> Builder {
        Builder::new(name.into())
    }

    pub(crate) fn new(name: Arc<str>, settings: Settings) -> Self {
        let circuit = Circuit::new(settings, Instant::now());
        Self {
            shared: Arc::new(Shared {
                name,
                shortcut: AtomicU64::new(Shortcut::of(&circuit).0),
                transitions: watch::Sender::new(circuit.last_transition()),
                circuit: Mutex::new(circuit),
            }),
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
    /// [`Open`] while the circuit is open, or half-open with all probes out.
    pub fn check(&self) -> Result<(), Open> {
        if self.shortcut().pass().is_some() {
            return Ok(());
        }
        let checked = self.with(|circuit, now| circuit.check(now));
        checked.map_err(|refusal| self.refused(refusal))
    }

    /// Lets one call through. Report its outcome with [`Ticket::record`].
    ///
    /// # Errors
    ///
    /// [`Open`] while the circuit is open, or half-open with all probes out.
    pub fn admit(&self) -> Result<Ticket, Open> {
        let pass = match self.shortcut().pass() {
            Some(pass) => pass,
            None => self
                .with(|circuit, now| circuit.admit(now))
                .map_err(|refusal| self.refused(refusal))?,
        };
        Ok(Ticket {
            breaker: self.clone(),
            pass: Some(pass),
        })
    }

    /// Where it stands. An open circuit whose time is over stays open until the next call.
    #[must_use]
    pub fn state(&self) -> State {
        self.snapshot().state
    }

    /// All that is known about it now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.with(|circuit, now| {
            let retry_in = circuit.check(now).err().map(|refusal| refusal.retry_in);
            Snapshot {
                name: Arc::clone(&self.shared.name),
                state: circuit.state(),
                generation: circuit.generation(),
                consecutive_failures: circuit.streak(),
                probes_out: circuit.probes_out(),
                opened_times: circuit.opened_times(),
                retry_in,
                last_cause: circuit.last_transition().cause,
            }
        })
    }

    /// Follows the changes of state. A slow reader sees the latest change, not every one; the
    /// generation tells how many it missed.
    ///
    /// As with any [`watch`] channel, do not call the breaker while holding a
    /// [`borrow`](watch::Receiver::borrow): a change of state would wait for it to end.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Transition> {
        self.shared.transitions.subscribe()
    }

    /// Opens the circuit until this moment, also if it is open already. Calls under way are not
    /// stopped, and their results no longer count.
    pub fn force_open(&self, until: Instant) {
        self.with(|circuit, now| circuit.force_open(now, until));
    }

    /// Closes the circuit and forgets the failures. Results of calls under way no longer count.
    pub fn force_close(&self) {
        self.with(Circuit::force_close);
    }

    /// Closes the circuit and sets its counters back.
    pub fn reset(&self) {
        self.with(Circuit::reset);
    }

    /// A layer that refuses calls early, before they queue for anything. It takes no permit and
    /// records nothing; pair it with [`admit_layer`](Self::admit_layer) further inside.
    #[must_use]
    pub fn check_layer(&self) -> CheckLayer {
        CheckLayer::new(self.clone())
    }

    /// A layer that admits calls and records what `classify` makes of their results. Belongs next
    /// to the call, inside of every queue.
    #[must_use]
    pub fn admit_layer<C>(&self, classify: C) -> AdmitLayer<C> {
        AdmitLayer::new(self.clone(), classify)
    }

    fn shortcut(&self) -> Shortcut {
        Shortcut(self.shared.shortcut.load(Ordering::Acquire))
    }

    fn record(&self, pass: Pass, outcome: Outcome) {
        let without_effect = match outcome {
            Outcome::Success => self.shortcut().healthy(),
            Outcome::Ignore => pass.probe.is_none(),
            Outcome::Failure { .. } | Outcome::Trip { .. } => false,
        };
        if !without_effect {
            self.with(|circuit, now| circuit.record(now, pass, outcome));
        }
    }

    /// Runs `act` under the lock, at a time read under the lock, and announces what it changed.
    fn with<T>(&self, act: impl FnOnce(&mut Circuit, Instant) -> T) -> T {
        let shared = &*self.shared;
        // Nothing in the circuit can panic half-way: a poisoned lock is usable.
        let mut circuit = shared
            .circuit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = circuit.generation();
        let result = act(&mut circuit, Instant::now());
        shared
            .shortcut
            .store(Shortcut::of(&circuit).0, Ordering::Release);
        let transition = circuit.last_transition();
        drop(circuit);

        if transition.generation != before {
            // Outside of the lock, because it wakes readers. Two threads may arrive in either
            // order; the later change wins.
            shared.transitions.send_if_modified(|latest| {
                let newer = transition.generation > latest.generation;
                if newer {
                    *latest = transition;
                }
                newer
            });
        }
        result
    }

    fn refused(&self, refusal: Refusal) -> Open {
        Open {
            name: Arc::clone(&self.shared.name),
            retry_in: refusal.retry_in,
            until: refusal.until,
            generation: refusal.generation,
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.snapshot()).finish()
    }
}

/// Permission for one call. Dropped without [`record`](Self::record) it gives a half-open permit
/// back and says nothing about the service.
#[must_use = "a ticket that is dropped counts as a call without outcome"]
pub struct Ticket {
    breaker: Breaker,
    pass: Option<Pass>,
}

impl Ticket {
    /// Whether the call is a probe of a half-open circuit.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.pass.is_some_and(|pass| pass.probe.is_some())
    }

    /// Reports how the call ended. Without effect if the state has changed since the admission.
    pub fn record(mut self, outcome: Outcome) {
        if let Some(pass) = self.pass.take() {
            self.breaker.record(pass, outcome);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.breaker.record(pass, Outcome::Ignore);
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("name", &self.breaker.name())
            .field("probe", &self.is_probe())
            .finish_non_exhaustive()
    }
}
