//! The breaker's decisions, without clock, lock or async.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

use crate::{Cause, Outcome, Rule, State, Transition, config::Settings};

/// While all probes are out nobody knows when the circuit will close. Asking again in a second
/// neither hammers the breaker nor sleeps through the recovery.
const PROBES_OUT_RETRY: Duration = Duration::from_secs(1);

/// Stands in for moments that the clock cannot express: thirty years.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

/// The state machine: `admit(now)` gives a [`Pass`], `record(now, pass, outcome)` takes it back.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: Settings,
    phase: Phase,
    generation: u64,
    /// Failures since the last success.
    streak: u32,
    opened_times: u64,
    last: Transition,
}

#[derive(Debug)]
enum Phase {
    Closed {
        /// The latest moment that the server named during this streak of failures.
        not_before: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    HalfOpen {
        out: Vec<Probe>,
        succeeded: u32,
        next_id: u64,
    },
}

#[derive(Debug)]
struct Probe {
    id: u64,
    /// It counts as failed from this moment on.
    due: Instant,
}

/// Permission for one call, valid in one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) generation: u64,
    /// Set when the call is a probe and holds a half-open permit.
    pub(crate) probe: Option<u64>,
}

/// Why there is no pass now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) retry_in: Duration,
    pub(crate) until: Option<Instant>,
    pub(crate) generation: u64,
}

impl Circuit {
    pub(crate) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            phase: Phase::Closed { not_before: None },
            generation: 0,
            streak: 0,
            opened_times: 0,
            last: Transition {
                from: State::Closed,
                to: State::Closed,
                generation: 0,
                cause: Cause::Built,
                at: now,
            },
        }
    }

    /// Asks for permission to call at `now`; takes a half-open permit if there is one to take.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Pass, Refusal> {
        self.check(now)?;
        if let Phase::Open { .. } = self.phase {
            let half_open = Phase::HalfOpen {
                out: Vec::new(),
                succeeded: 0,
                next_id: 0,
            };
            self.enter(half_open, Cause::OpenTimeOver, now);
        }
        let due = later(now, self.settings.half_open_deadline);
        let probe = if let Phase::HalfOpen { out, next_id, .. } = &mut self.phase {
            let id = *next_id;
            *next_id += 1;
            out.push(Probe { id, due });
            Some(id)
        } else {
            None
        };
        Ok(Pass {
            generation: self.generation,
            probe,
        })
    }

    /// Whether [`admit`](Self::admit) would give a pass at `now`.
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), Refusal> {
        self.settle(now);
        let (until, at) = match &self.phase {
            Phase::Closed { .. } => return Ok(()),
            Phase::Open { until } if *until <= now => return Ok(()),
            Phase::Open { until } => (Some(*until), *until),
            Phase::HalfOpen { out, succeeded, .. } => {
                if count(out).saturating_add(*succeeded) < self.settings.half_open_permits {
                    return Ok(());
                }
                let soon = later(now, PROBES_OUT_RETRY);
                (None, earliest(out).map_or(soon, |due| due.min(soon)))
            }
        };
        Err(Refusal {
            retry_in: at.saturating_duration_since(now),
            until,
            generation: self.generation,
        })
    }

    /// Takes the outcome of an admitted call. One that was admitted in another generation is
    /// ignored: it speaks of a time that is over.
    pub(crate) fn record(&mut self, now: Instant, pass: Pass, outcome: Outcome) {
        self.settle(now);
        if pass.generation != self.generation {
            return;
        }
        match pass.probe {
            None => self.record_call(now, outcome),
            Some(id) => self.record_probe(now, id, outcome),
        }
    }

    fn record_call(&mut self, now: Instant, outcome: Outcome) {
        let Phase::Closed { not_before } = &mut self.phase else {
            return;
        };
        match outcome {
            Outcome::Success => {
                self.streak = 0;
                *not_before = None;
            }
            Outcome::Failure { retry_after } => {
                let named = retry_after.map(|wait| later(now, wait));
                *not_before = (*not_before).max(named);
                let not_before = *not_before;
                self.streak = self.streak.saturating_add(1);
                let Rule::ConsecutiveFailures(limit) = self.settings.rule;
                if self.streak >= limit {
                    let until = later(now, self.settings.open_for);
                    let until = not_before.map_or(until, |named| named.max(until));
                    self.open(until, Cause::ConsecutiveFailures(self.streak), now);
                }
            }
            Outcome::Trip { open_for } => {
                let until = later(now, open_for);
                let until = not_before.map_or(until, |named| named.max(until));
                self.streak = self.streak.saturating_add(1);
                self.open(until, Cause::Tripped, now);
            }
            Outcome::Ignore => {}
        }
    }

    fn record_probe(&mut self, now: Instant, id: u64, outcome: Outcome) {
        let Phase::HalfOpen { out, succeeded, .. } = &mut self.phase else {
            return;
        };
        let Some(place) = out.iter().position(|probe| probe.id == id) else {
            return;
        };
        // Whatever it says, its permit is free again.
        out.swap_remove(place);
        match outcome {
            Outcome::Success => {
                *succeeded += 1;
                if *succeeded >= self.settings.half_open_permits {
                    self.close(Cause::ProbesSucceeded, now);
                }
            }
            Outcome::Failure { retry_after } => {
                let wait = self.settings.open_for.max(retry_after.unwrap_or_default());
                self.streak = self.streak.saturating_add(1);
                self.open(later(now, wait), Cause::ProbeFailed, now);
            }
            Outcome::Trip { open_for } => {
                self.streak = self.streak.saturating_add(1);
                self.open(later(now, open_for), Cause::Tripped, now);
            }
            Outcome::Ignore => {}
        }
    }

    /// Applies what the passing of time alone has decided: a silent probe has failed.
    fn settle(&mut self, now: Instant) {
        let Phase::HalfOpen { out, .. } = &self.phase else {
            return;
        };
        if let Some(due) = earliest(out).filter(|due| *due <= now) {
            self.streak = self.streak.saturating_add(1);
            self.open(
                later(due, self.settings.open_for),
                Cause::ProbeTimedOut,
                due,
            );
        }
    }

    pub(crate) fn force_open(&mut self, now: Instant, until: Instant) {
        self.settle(now);
        self.open(until, Cause::ForcedOpen, now);
    }

    pub(crate) fn force_close(&mut self, now: Instant) {
        self.settle(now);
        self.close(Cause::ForcedClose, now);
    }

    pub(crate) fn reset(&mut self, now: Instant) {
        self.close(Cause::Reset, now);
        self.opened_times = 0;
    }

    fn open(&mut self, until: Instant, cause: Cause, now: Instant) {
        self.opened_times += 1;
        self.enter(Phase::Open { until }, cause, now);
    }

    fn close(&mut self, cause: Cause, now: Instant) {
        self.streak = 0;
        self.enter(Phase::Closed { not_before: None }, cause, now);
    }

    /// Every change of state goes through here and begins a generation.
    fn enter(&mut self, phase: Phase, cause: Cause, at: Instant) {
        let from = self.state();
        self.phase = phase;
        self.generation += 1;
        self.last = Transition {
            from,
            to: self.state(),
            generation: self.generation,
            cause,
            at,
        };
    }

    pub(crate) fn state(&self) -> State {
        match &self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until } => State::Open { until: *until },
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    pub(crate) fn probes_out(&self) -> u32 {
        match &self.phase {
            Phase::HalfOpen { out, .. } => count(out),
            _ => 0,
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn streak(&self) -> u32 {
        self.streak
    }

    pub(crate) fn opened_times(&self) -> u64 {
        self.opened_times
    }

    pub(crate) fn last_transition(&self) -> Transition {
        self.last
    }
}

fn count(out: &[Probe]) -> u32 {
    u32::try_from(out.len()).unwrap_or(u32::MAX)
}

fn earliest(out: &[Probe]) -> Option<Instant> {
    out.iter().map(|probe| probe.due).min()
}

fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait)
        .or_else(|| now.checked_add(FAR))
        .unwrap_or(now)
}
