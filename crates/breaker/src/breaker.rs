//! The handle that callers, layers and operators share.

#[cfg(test)]
mod agreement;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    AdmitLayer, Builder, CheckLayer, Event, EventKind, Listener, Open, Outcome, Snapshot, State,
    Ticket, Transition,
    atomic::{AtomicU64, Ordering},
    circuit::{Circuit, News, Pass, Permits, Refusal, Successes},
    config::Settings,
    word::{Mode, View, Word},
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
    shared: Arc<Shared<L>>,
}

impl<L> Clone for Breaker<L> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

struct Shared<L> {
    /// What a call needs to know while nothing is wrong.
    word: Word,
    slow_after: Option<Duration>,
    successes: Box<[Arc<Successes>]>,
    /// While open: until when, in nanoseconds since `origin`.
    until: AtomicU64,
    /// While permits are out: when the next is overdue, likewise.
    due: AtomicU64,
    origin: Instant,
    circuit: Mutex<Locked>,
    name: Arc<str>,
    transitions: watch::Sender<Transition>,
    /// Wakes those who wait for a permit.
    moved: Arc<Notify>,
    listener: L,
}

struct Locked {
    circuit: Circuit,
    /// How many successes the word was told to count; what it lacks has been counted.
    granted: u32,
}

impl<L> Shared<L> {
    fn nanos(&self, at: Option<Instant>) -> u64 {
        at.map_or(u64::MAX, |at| {
            let nanos = at.saturating_duration_since(self.origin).as_nanos();
            u64::try_from(nanos).unwrap_or(u64::MAX)
        })
    }

    fn moment(&self, nanos: &AtomicU64) -> Option<Instant> {
        self.origin
            .checked_add(Duration::from_nanos(nanos.load(Ordering::Acquire)))
    }

    /// The refusal that can be given without the lock.
    fn refusal(&self, view: View, now: Instant) -> Option<Refusal> {
        let (at, until) = match view.mode {
            Mode::Open => {
                let until = self.moment(&self.until)?;
                (until, Some(until))
            }
            Mode::Guarded if view.left == 0 => {
                let due = self.moment(&self.due)?;
                if due <= now {
                    return None;
                }
                (Permits::ask_again(Some(due), now), None)
            }
            _ => return None,
        };
        // The moment is written before the word: with the same word around it, it belongs to it.
        (now < at && self.word.load() == view).then(|| Refusal {
            retry_in: at.saturating_duration_since(now),
            until,
            generation: view.generation,
        })
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
        let now = Instant::now();
        let circuit = Circuit::new(settings, now);
        let view = circuit.view();
        Self {
            shared: Arc::new(Shared {
                word: Word::new(view),
                slow_after: circuit.slow_after(),
                successes: circuit.successes(),
                until: AtomicU64::new(0),
                due: AtomicU64::new(0),
                origin: now,
                name,
                transitions: watch::Sender::new(circuit.last_transition()),
                moved: Arc::new(Notify::new()),
                circuit: Mutex::new(Locked {
                    circuit,
                    granted: view.left,
                }),
                listener,
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
    /// [`Open`] while the circuit is open, or while all permits are out.
    pub fn check(&self) -> Result<(), Open> {
        self.peek().map_err(|refusal| self.refused(refusal))
    }

    /// [`check`](Self::check) that tells nobody.
    #[inline]
    pub(crate) fn peek(&self) -> Result<(), Refusal> {
        let view = self.shared.word.load();
        match view.mode {
            Mode::Closed | Mode::Disabled => Ok(()),
            Mode::Open | Mode::Guarded => self.peek_guarded(view),
        }
    }

    /// Lets one call through. Report its outcome with [`Ticket::record`].
    ///
    /// # Errors
    ///
    /// [`Open`] while the circuit is open, or while all permits are out.
    #[inline]
    pub fn admit(&self) -> Result<Ticket<L>, Open> {
        self.enter().map_err(|refusal| self.refused(refusal))
    }

    /// [`admit`](Self::admit) that tells nobody of a refusal.
    #[inline]
    pub(crate) fn enter(&self) -> Result<Ticket<L>, Refusal> {
        let shared = &*self.shared;
        let view = shared.word.load();
        let pass = match view.mode {
            Mode::Closed | Mode::Disabled => Pass {
                generation: view.generation,
                permit: None,
                started: shared.slow_after.map(|_| Instant::now()),
            },
            Mode::Open | Mode::Guarded => self.enter_guarded(view)?,
        };
        self.tell(|| EventKind::Admitted {
            permit: pass.permit.is_some(),
            generation: pass.generation,
        });
        Ok(Ticket::new(self.clone(), pass))
    }

    /// Where it stands. An open circuit whose time is over stays open until the next call.
    #[must_use]
    pub fn state(&self) -> State {
        self.with(|circuit, now| {
            // Lets time act first.
            let _ = circuit.check(now);
            circuit.state()
        })
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
        self.with(|circuit, now| circuit.force_open(now, reason, until));
    }

    /// Closes the circuit, without a ramp, and forgets the failures. Results of calls under way no
    /// longer count. Ends [`disable`](Self::disable) and [`metrics_only`](Self::metrics_only) too.
    pub fn force_close(&self) {
        self.with(Circuit::force_close);
    }

    /// Closes the circuit and sets its counters and the length of its open time back.
    pub fn reset(&self) {
        self.with(Circuit::reset);
    }

    /// Switches it off until it is closed or opened by hand: every call goes through, nothing is
    /// counted.
    pub fn disable(&self) {
        self.with(Circuit::disable);
    }

    /// Only measures until it is closed or opened by hand: every call goes through and is counted.
    /// Where it would have opened, [`Snapshot::would_have_opened`] grows and the counting begins
    /// anew. Try new rules on real traffic with it.
    pub fn metrics_only(&self) {
        self.with(Circuit::metrics_only);
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
        let view = self.shared.word.load();
        match view.mode {
            Mode::Closed | Mode::Disabled => false,
            Mode::Open => self
                .shared
                .moment(&self.shared.until)
                .is_none_or(|until| until > now),
            Mode::Guarded => view.left == 0,
        }
    }

    /// Wakes when a change may let a call through that was refused.
    pub(crate) fn moved(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.moved)
    }

    /// Whether the pass still counts, as far as can be seen without the lock.
    pub(crate) fn is_current(&self, pass: Pass) -> bool {
        self.shared.word.load().generation == pass.generation
    }

    #[inline]
    pub(crate) fn record(&self, pass: Pass, outcome: Outcome, now: Option<Instant>) {
        self.settle(pass, outcome, now);
        self.tell(|| EventKind::Ended {
            outcome: Some(outcome),
            generation: pass.generation,
        });
    }

    #[inline]
    fn settle(&self, pass: Pass, outcome: Outcome, now: Option<Instant>) {
        let shared = &*self.shared;
        match outcome {
            Outcome::Success if pass.permit.is_none() => {
                if shared.slow_after.is_some() || !shared.successes.is_empty() {
                    let now = now.unwrap_or_else(Instant::now);
                    if self.is_slow(pass, now) {
                        return self.record_locked(pass, outcome);
                    }
                    let view = shared.word.load();
                    if view.mode != Mode::Closed || view.generation != pass.generation {
                        return;
                    }
                    for successes in &shared.successes {
                        successes.add(pass.generation, now);
                    }
                }
                shared.word.success(pass.generation);
            }
            Outcome::Ignore if pass.permit.is_none() => {}
            // It speaks of a time that is over, or nobody counts.
            _ if !self.is_current(pass) || shared.word.load().mode == Mode::Disabled => {}
            _ => self.record_locked(pass, outcome),
        }
    }

    // Out of line, so that what is inlined into a call is the good case alone.

    #[cold]
    #[inline(never)]
    fn peek_guarded(&self, view: View) -> Result<(), Refusal> {
        match self.shared.refusal(view, Instant::now()) {
            Some(refusal) => Err(refusal),
            None => self.with(|circuit, now| circuit.check(now)),
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_guarded(&self, view: View) -> Result<Pass, Refusal> {
        match self.shared.refusal(view, Instant::now()) {
            Some(refusal) => Err(refusal),
            None => self.with(|circuit, now| circuit.admit(now)),
        }
    }

    #[cold]
    #[inline(never)]
    fn record_locked(&self, pass: Pass, outcome: Outcome) {
        self.with(|circuit, now| circuit.record(now, pass, outcome));
    }

    #[cold]
    #[inline(never)]
    fn cancel_locked(&self, pass: Pass) {
        self.with(|circuit, now| circuit.cancel(now, pass));
    }

    #[inline]
    pub(crate) fn cancel(&self, pass: Pass) {
        let to_tell =
            pass.permit.is_some() || pass.started.is_some() && self.is_slow(pass, Instant::now());
        if to_tell && self.is_current(pass) {
            self.cancel_locked(pass);
        }
        self.tell(|| EventKind::Ended {
            outcome: None,
            generation: pass.generation,
        });
    }

    fn is_slow(&self, pass: Pass, now: Instant) -> bool {
        let measured = self.shared.slow_after.zip(pass.started);
        measured.is_some_and(|(limit, started)| now.saturating_duration_since(started) >= limit)
    }

    /// Runs `act` under the lock, at a time read under the lock, and announces what it changed.
    fn with<T>(&self, act: impl FnOnce(&mut Circuit, Instant) -> T) -> T {
        let shared = &*self.shared;
        // Nothing in the circuit can panic half-way: a poisoned lock is usable.
        let mut locked = shared
            .circuit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let seen = shared.word.load();
        if seen.mode == Mode::Closed {
            let counted = locked.granted.saturating_sub(seen.left);
            locked.circuit.fold(counted);
        }
        let result = act(&mut locked.circuit, Instant::now());
        let next = locked.circuit.view();
        match locked.circuit.state() {
            State::Open { until } => shared
                .until
                .store(shared.nanos(Some(until)), Ordering::Release),
            _ => shared
                .due
                .store(shared.nanos(locked.circuit.due()), Ordering::Release),
        }
        shared.word.publish(seen, next);
        locked.granted = next.left;
        let news = locked.circuit.news();
        drop(locked);

        // Outside of the lock, because it wakes readers and calls strangers.
        if next != seen {
            shared.moved.notify_waiters();
        }
        for news in news {
            match news {
                News::Changed(transition) => {
                    // Two threads may arrive in either order; the later change wins.
                    shared.transitions.send_if_modified(|latest| {
                        let newer = transition.generation > latest.generation;
                        if newer {
                            *latest = transition;
                        }
                        newer
                    });
                    self.tell(|| EventKind::Changed(transition));
                }
                News::WouldOpen(cause) => self.tell(|| EventKind::WouldOpen(cause)),
            }
        }
        result
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn refused(&self, refusal: Refusal) -> Open {
        self.tell(|| EventKind::Refused {
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

    fn tell(&self, kind: impl FnOnce() -> EventKind) {
        if L::ENABLED {
            self.shared.listener.on(&Event {
                name: &self.shared.name,
                kind: kind(),
            });
        }
    }
}

impl<L: Listener> fmt::Debug for Breaker<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.snapshot()).finish()
    }
}
