//! What all handles of a breaker share, and what a call costs there.

use std::{
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    Event, EventKind, Listener, Outcome, State, Transition,
    cell::{Cell, Pool},
    circuit::{Circuit, News, Pass, Permits, Refusal, Successes},
    config::Settings,
    sync::{AtomicU64, Ordering},
    word::{Mode, View, wrapped},
};

/// A breaker as its calls see it. The word of the cell and the [`Pass`] of a call outside of the lock
/// count generations from the cell's beginning; everything else counts them from the breaker's.
pub(crate) type Hot = Cell<dyn Owner>;

static POOL: LazyLock<Pool<dyn Owner>> = LazyLock::new(Pool::new);

/// The breaker behind a cell, whoever listens to it.
pub(crate) trait Owner: Send + Sync {
    /// Takes what a call had to say; `None` if it was dropped.
    fn end(&self, pass: &Pass, outcome: Option<Outcome>);

    /// Its name, unless the pass is that of an earlier owner.
    fn name(&self, pass: &Pass) -> Option<Arc<str>>;
}

impl Hot {
    /// Whether the outcome of this call still counts, as far as can be seen without the lock.
    pub(crate) fn is_current(&self, pass: &Pass) -> bool {
        self.word.load().generation == pass.generation
    }

    /// The end of a call that was not timed and that nobody listens to.
    #[inline]
    pub(crate) fn record(&self, pass: &Pass, outcome: Outcome) {
        if !self.record_at_once(pass, outcome) {
            self.report(pass, Some(outcome));
        }
    }

    /// The same, if the word can say it all.
    #[inline]
    pub(crate) fn record_at_once(&self, pass: &Pass, outcome: Outcome) -> bool {
        match outcome {
            _ if pass.permit.is_some() => return false,
            Outcome::Success => self.word.success(pass.generation),
            Outcome::Ignore => {}
            _ => return false,
        }
        true
    }

    /// The same without an outcome.
    #[inline]
    pub(crate) fn cancel(&self, pass: &Pass) {
        if pass.permit.is_some() {
            self.report(pass, None);
        }
    }

    // Out of line, so that what is inlined into a call is the good case alone.
    #[cold]
    #[inline(never)]
    fn report(&self, pass: &Pass, outcome: Option<Outcome>) {
        if self.counts(pass, outcome)
            && let Some(owner) = self.owner()
        {
            owner.end(pass, outcome);
        }
    }

    /// Whether it speaks of a time that is not over, and somebody counts; or brings the server's word to
    /// a circuit that has opened in the meantime.
    fn counts(&self, pass: &Pass, outcome: Option<Outcome>) -> bool {
        let view = self.word.load();
        if view.generation == pass.generation {
            return view.mode != Mode::Disabled;
        }
        view.mode == Mode::Open
            && view.generation == wrapped(pass.generation.wrapping_add(1))
            && outcome.and_then(Outcome::word).is_some()
    }
}

pub(crate) struct Shared<L> {
    pub(crate) cell: &'static Hot,
    /// The cell's generation when it became ours.
    base: u64,
    slow_after: Option<Duration>,
    successes: Box<[Arc<Successes>]>,
    /// While open: until when, in nanoseconds since `origin`.
    until: AtomicU64,
    /// While permits are out: when the next is overdue, likewise.
    due: AtomicU64,
    origin: Instant,
    circuit: Mutex<Locked>,
    pub(crate) name: Arc<str>,
    pub(crate) transitions: watch::Sender<Transition>,
    /// Wakes those who wait for a permit.
    pub(crate) moved: Arc<Notify>,
    listener: L,
}

struct Locked {
    circuit: Circuit,
    /// How many successes the word was told to count; what it lacks has been counted.
    granted: u32,
}

impl<L: Listener> Shared<L> {
    pub(crate) fn new(name: Arc<str>, settings: Settings, listener: L) -> Arc<Self> {
        let now = Instant::now();
        let circuit = Circuit::new(settings, now);
        let cell = POOL.take();
        let unowned = cell.word.load();
        let view = circuit.view();
        let shared = Arc::new(Self {
            cell,
            base: unowned.generation,
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
        });
        let owner: Weak<Self> = Arc::downgrade(&shared);
        cell.set_owner(owner);
        let closed = View {
            generation: shared.stamp(view.generation),
            ..view
        };
        cell.word.publish(unowned, closed);
        shared
    }

    /// Whether a good call has nothing to say but what the word can count: nobody asks for its time,
    /// and nobody listens.
    pub(crate) fn is_plain(&self) -> bool {
        !L::ENABLED && self.slow_after.is_none() && self.successes.is_empty()
    }

    /// Where slow calls are counted, the time.
    #[inline]
    pub(crate) fn start(&self) -> Option<Instant> {
        self.slow_after.map(|_| Instant::now())
    }

    // Out of line, so that what is inlined into a call is the plain case alone.

    #[inline(never)]
    pub(crate) fn record(&self, pass: &Pass, outcome: Outcome, now: Option<Instant>) {
        self.settle(pass, outcome, now);
        self.tell(|| EventKind::Ended {
            outcome: Some(outcome),
            generation: self.generation(pass.generation),
        });
    }

    #[inline]
    fn settle(&self, pass: &Pass, outcome: Outcome, now: Option<Instant>) {
        let untimed = self.slow_after.is_none() && self.successes.is_empty();
        if untimed || outcome != Outcome::Success || pass.permit.is_some() {
            return self.cell.record(pass, outcome);
        }
        let now = now.unwrap_or_else(Instant::now);
        if self.is_slow(pass, now) {
            return self.cell.report(pass, Some(outcome));
        }
        let view = self.cell.word.load();
        if view.mode != Mode::Closed || view.generation != pass.generation {
            return;
        }
        let generation = self.generation(pass.generation);
        for successes in &self.successes {
            successes.add(generation, now);
        }
        self.cell.word.success(pass.generation);
    }

    #[inline(never)]
    pub(crate) fn cancel(&self, pass: &Pass) {
        if self.slow_after.is_some() && self.is_slow(pass, Instant::now()) {
            self.cell.report(pass, None);
        } else {
            self.cell.cancel(pass);
        }
        self.tell(|| EventKind::Ended {
            outcome: None,
            generation: self.generation(pass.generation),
        });
    }

    fn is_slow(&self, pass: &Pass, now: Instant) -> bool {
        let measured = self.slow_after.zip(pass.started);
        measured.is_some_and(|(limit, started)| now.saturating_duration_since(started) >= limit)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn check_guarded(&self, view: View) -> Result<(), Refusal> {
        match self.refusal(view, Instant::now()) {
            Some(refusal) => Err(refusal),
            None => self.with(|circuit, now| circuit.check(now)),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn admit_guarded(&self, view: View) -> Result<Pass, Refusal> {
        match self.refusal(view, Instant::now()) {
            Some(refusal) => Err(refusal),
            None => {
                let pass = self.with(|circuit, now| circuit.admit(now))?;
                Ok(Pass {
                    generation: self.stamp(pass.generation),
                    ..pass
                })
            }
        }
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
        (now < at && self.cell.word.load() == view).then(|| Refusal {
            retry_in: at.saturating_duration_since(now),
            until,
            generation: self.generation(view.generation),
        })
    }

    /// Whether calls are being refused, as far as can be seen without the lock.
    pub(crate) fn is_refusing(&self, now: Instant) -> bool {
        let view = self.cell.word.load();
        match view.mode {
            Mode::Closed | Mode::Disabled => false,
            Mode::Open => self.moment(&self.until).is_none_or(|until| until > now),
            Mode::Guarded => view.left == 0,
        }
    }

    /// Runs `act` under the lock, at a time read under the lock, and announces what it changed.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Circuit, Instant) -> T) -> T {
        let word = &self.cell.word;
        // Nothing in the circuit can panic half-way: a poisoned lock is usable.
        let mut locked = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = word.load();
        if seen.mode == Mode::Closed {
            let counted = locked.granted.saturating_sub(seen.left);
            locked.circuit.fold(counted);
        }
        let result = act(&mut locked.circuit, Instant::now());
        let view = locked.circuit.view();
        let next = View {
            generation: self.stamp(view.generation),
            ..view
        };
        match locked.circuit.state() {
            State::Open { until } => self.until.store(self.nanos(Some(until)), Ordering::Release),
            _ => self
                .due
                .store(self.nanos(locked.circuit.due()), Ordering::Release),
        }
        word.publish(seen, next);
        locked.granted = next.left;
        let news = locked.circuit.news();
        drop(locked);

        // Outside of the lock, because it wakes readers and calls strangers.
        if next != seen {
            self.moved.notify_waiters();
        }
        for news in news {
            match news {
                News::Changed(transition) => {
                    self.announce(transition);
                    self.tell(|| EventKind::Changed(transition));
                }
                News::Lengthened(transition) => {
                    self.announce(transition);
                    self.tell(|| EventKind::Lengthened(transition));
                }
                News::WouldOpen(cause) => self.tell(|| EventKind::WouldOpen(cause)),
            }
        }
        result
    }

    /// Two threads may arrive in either order; the later change wins, and of one opening the longer.
    fn announce(&self, transition: Transition) {
        let order = |transition: &Transition| (transition.generation, transition.to.until());
        self.transitions.send_if_modified(|latest| {
            let newer = order(&transition) > order(latest);
            if newer {
                *latest = transition;
            }
            newer
        });
    }

    #[inline]
    pub(crate) fn tell(&self, kind: impl FnOnce() -> EventKind) {
        if L::ENABLED {
            self.listener.on(&Event {
                name: &self.name,
                kind: kind(),
            });
        }
    }

    /// A generation of the circuit as the cell counts it.
    fn stamp(&self, generation: u64) -> u64 {
        wrapped(self.base.wrapping_add(generation))
    }

    /// A generation of the cell as the circuit counts it; one of an earlier owner lies far ahead.
    pub(crate) fn generation(&self, stamp: u64) -> u64 {
        wrapped(stamp.wrapping_sub(self.base))
    }

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
}

impl<L: Listener> Owner for Shared<L> {
    fn end(&self, pass: &Pass, outcome: Option<Outcome>) {
        let pass = Pass {
            // Of an earlier owner it is none of ours, and the circuit ignores it.
            generation: self.generation(pass.generation),
            ..*pass
        };
        self.with(|circuit, now| match outcome {
            Some(outcome) => circuit.record(now, pass, outcome),
            None => circuit.cancel(now, pass),
        });
    }

    fn name(&self, pass: &Pass) -> Option<Arc<str>> {
        let now = self.generation(self.cell.word.load().generation);
        (self.generation(pass.generation) <= now).then(|| Arc::clone(&self.name))
    }
}

impl<L> Drop for Shared<L> {
    fn drop(&mut self) {
        POOL.put_back(self.cell);
    }
}
