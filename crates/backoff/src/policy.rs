//! The retry policy: delays, budget, deadline and server hints for `tower::retry`.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, Sleep};

use crate::{
    Budget, Classify, Disposition, Event, Exponential, GaveUp, Listener, Replay, Stats, Withdrawal,
    exponential::stretch, seeds::Seeds,
};

/// Retries when nothing else is said.
const MAX_RETRIES: u32 = 3;

/// Spread on top of a server's hint: everyone whom it told "30 s" would come back in the same
/// instant. The hint itself is never shortened.
const HINT_JITTER: f64 = 0.1;

/// tokio's timer rounds up to whole milliseconds.
const TIMER_TICK: Duration = Duration::from_millis(1);

/// Decides whether a call is tried again, and when.
///
/// Put it into [`tower::retry::RetryLayer`]. A retry happens when the [`Classify`] asks for it and
///
/// 1. fewer than `max_retries` have been made,
/// 2. it would begin before the request's deadline, else the outcome is returned at once, and
/// 3. the server cannot have carried out the last attempt, or the request is
///    [idempotent](Replay::idempotent), and
/// 4. the server cannot have seen the last attempt, or the [`Budget`] has a retry left.
///
/// The pause is the longer of the own delay and the server's hint plus 0–10 % of it. The hint is
/// honoured also above the own maximum; only the deadline bounds it.
///
/// A clone is a fresh session: no retries made, a random stream of its own, and the same budget
/// and counters. `tower::retry::Retry` clones the policy for every call.
///
/// # Cancel safety
///
/// A call dropped during its pause, or while the inner service is not ready for the retry, gives
/// its withdrawal back to the budget. One dropped later has sent its retry and paid for it.
///
/// # Panics
///
/// The pause uses tokio's timer and panics outside of a tokio runtime with time enabled.
pub struct Policy<C, L = ()> {
    shared: Arc<Shared<C, L>>,
    /// Made at the first retry. `tower::retry` copies a policy around with every call, so that one
    /// which succeeds carries a pointer only, draws no seed, and touches one counter, that of `shared`.
    session: Option<Box<Session>>,
}

struct Session {
    rng: fastrand::Rng,
    retries: u32,
    /// The own delay before the last retry, from which decorrelated jitter grows.
    before: Option<Duration>,
    /// The retry that is decided and not yet handed to the inner service.
    pending: Option<Pending>,
}

struct Shared<C, L> {
    exponential: Exponential,
    classify: C,
    max_retries: u32,
    /// `None` is one that is unlimited and that nobody can look at.
    budget: Option<Budget>,
    seeds: Seeds,
    stats: Option<Arc<Stats>>,
    name: Arc<str>,
    listener: L,
}

struct Pending {
    /// `None` when the last attempt was never sent and this one is free.
    withdrawal: Option<Withdrawal>,
}

impl<C> Policy<C> {
    /// Starts a policy with 3 retries, an unlimited budget and a random seed.
    #[must_use]
    pub fn builder(exponential: Exponential, classify: C) -> PolicyBuilder<C> {
        PolicyBuilder {
            exponential,
            classify,
            max_retries: MAX_RETRIES,
            budget: None,
            seed: None,
            stats: None,
            name: Arc::from(""),
            listener: (),
        }
    }
}

impl<C, L: Listener> Policy<C, L> {
    /// Decides on a retry and reserves its budget; `None` hands the outcome to the caller.
    fn plan(
        &mut self,
        deadline: Option<Instant>,
        after: Option<Duration>,
        sent: bool,
    ) -> Option<Duration> {
        let shared = &*self.shared;
        let retries = retries(self.session.as_deref());
        if retries >= shared.max_retries {
            return shared.give_up(GaveUp::Attempts, retries);
        }
        let session = self
            .session
            .get_or_insert_with(|| Box::new(Session::new(shared.seeds.draw())));
        let delay = session.delay(&shared.exponential, after);
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if delay.saturating_add(TIMER_TICK) >= left {
                return shared.give_up(GaveUp::Deadline, retries);
            }
        }
        let withdrawal = match &shared.budget {
            Some(budget) if sent => match budget.withdraw() {
                None => return shared.give_up(GaveUp::Budget, retries),
                paid => paid,
            },
            _ => None,
        };
        session.pending = Some(Pending { withdrawal });
        session.retries += 1;
        shared.tell(Event::Pausing {
            retry: session.retries,
            pause: delay,
        });
        Some(delay)
    }

    /// Called by tower right before the request goes to the inner service.
    fn dispatched(&mut self, now: Option<Instant>) {
        let pending = self
            .session
            .as_mut()
            .and_then(|session| session.pending.take());
        if let Some(pending) = pending {
            if let Some(withdrawal) = pending.withdrawal {
                withdrawal.commit();
            }
            let retry = retries(self.session.as_deref());
            self.shared.tell(Event::Retrying { retry });
        } else if retries(self.session.as_deref()) == 0
            && let Some(budget) = &self.shared.budget
        {
            budget.deposit_at(now);
        }
    }

    /// Whether a copy of the request is needed after this attempt. The last permitted attempt
    /// moves the request, unless counters are attached or somebody listens: tower shows an outcome to
    /// the policy only when there is a copy, and giving up must be counted.
    fn keeps_copy(&self) -> bool {
        let is_last = retries(self.session.as_deref()) >= self.shared.max_retries;
        !is_last || L::ENABLED || self.shared.stats.is_some()
    }
}

/// Retries that were made in the session.
const fn retries(session: Option<&Session>) -> u32 {
    match session {
        Some(session) => session.retries,
        None => 0,
    }
}

impl Session {
    const fn new(rng: fastrand::Rng) -> Self {
        Self {
            rng,
            retries: 0,
            before: None,
            pending: None,
        }
    }

    fn delay(&mut self, exponential: &Exponential, after: Option<Duration>) -> Duration {
        let own = exponential.delay_after(self.before, self.retries, &mut self.rng);
        self.before = Some(own);
        match after {
            Some(after) => own.max(stretch(after, HINT_JITTER, &mut self.rng)),
            None => own,
        }
    }
}

impl<C, L: Listener> Shared<C, L> {
    fn tell(&self, event: Event) {
        if let Some(stats) = &self.stats {
            stats.count(event);
        }
        if L::ENABLED {
            self.listener.on(&self.name, &event);
        }
    }

    fn give_up<T>(&self, reason: GaveUp, retries: u32) -> Option<T> {
        self.tell(Event::GaveUp { reason, retries });
        None
    }
}

impl<C, L, Req, Res, E> tower::retry::Policy<Req, Res, E> for Policy<C, L>
where
    C: Classify<Res, E>,
    L: Listener,
    Req: Replay,
{
    type Future = Sleep;

    fn retry(&mut self, request: &mut Req, result: &mut Result<Res, E>) -> Option<Sleep> {
        let (after, sent) = match self.shared.classify.disposition(result.as_ref()) {
            Disposition::Final => return None,
            Disposition::Retry { sent: true, .. } if !request.idempotent() => {
                let retries = retries(self.session.as_deref());
                return self.shared.give_up(GaveUp::NotIdempotent, retries);
            }
            Disposition::Retry { after, sent } => (after, sent),
            Disposition::Unprocessed { after } => (after, true),
        };
        let delay = self.plan(request.deadline(), after, sent)?;
        request.attempt_started(retries(self.session.as_deref()).saturating_add(1));
        Some(tokio::time::sleep(delay))
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        self.dispatched(request.now());
        if self.keeps_copy() {
            request.replay()
        } else {
            None
        }
    }
}

impl<C, L> Clone for Policy<C, L> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            session: None,
        }
    }
}

impl<C, L> fmt::Debug for Policy<C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.shared.name)
            .field("exponential", &self.shared.exponential)
            .field("max_retries", &self.shared.max_retries)
            .field("budget", &self.shared.budget)
            .field("retries", &retries(self.session.as_deref()))
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Policy`]; from [`Policy::builder`].
#[derive(Debug, Clone)]
pub struct PolicyBuilder<C, L = ()> {
    exponential: Exponential,
    classify: C,
    max_retries: u32,
    budget: Option<Budget>,
    seed: Option<u64>,
    stats: Option<Arc<Stats>>,
    name: Arc<str>,
    listener: L,
}

impl<C, L> PolicyBuilder<C, L> {
    /// Retries after the first attempt, local refusals included. Default 3; 0 never retries.
    #[must_use]
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// The budget to pay retries from; share one between all policies for one server.
    /// Default unlimited.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Makes the delays repeatable. By default every policy draws a seed from the operating
    /// system, since processes with one seed would retry in lockstep.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Counts into `stats`.
    #[must_use]
    pub fn stats(mut self, stats: Arc<Stats>) -> Self {
        self.stats = Some(stats);
        self
    }

    /// What listeners and debug output call it. Default empty.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Tells `listener` what the policy decides.
    #[must_use]
    pub fn listener<M: Listener>(self, listener: M) -> PolicyBuilder<C, M> {
        PolicyBuilder {
            exponential: self.exponential,
            classify: self.classify,
            max_retries: self.max_retries,
            budget: self.budget,
            seed: self.seed,
            stats: self.stats,
            name: self.name,
            listener,
        }
    }

    /// The policy.
    #[must_use]
    pub fn build(self) -> Policy<C, L> {
        Policy {
            shared: Arc::new(Shared {
                exponential: self.exponential,
                classify: self.classify,
                max_retries: self.max_retries,
                budget: self.budget,
                seeds: self.seed.map_or_else(Seeds::from_entropy, Seeds::new),
                stats: self.stats,
                name: self.name,
                listener: self.listener,
            }),
            session: None,
        }
    }
}
