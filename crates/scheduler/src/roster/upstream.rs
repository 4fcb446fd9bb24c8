//! Jobs that wait for jobs: which moment of the other is meant, and whether it has come.

use std::sync::Arc;

use smallvec::SmallVec;

use super::queue::Place;
use super::{Entry, Roster};
use crate::dependency::{OnFailure, Upstream};
use crate::ledger::SkipReason;
use crate::moment::{Nanos, length};
use crate::trigger::Due;

/// Most moments of another job that are looked through for the one that is meant.
const LOOK_AHEAD: usize = 1_000;

/// How an occurrence stands with the jobs that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Met,
    Wait,
    Skip(SkipReason),
}

impl<H: super::Handle> Roster<H> {
    /// Finds the moments of the other jobs that the waiting occurrence goes with.
    pub(super) fn find_needs(&mut self, slot: u32) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        let Some(nominal) = job.waiting.as_ref().map(|waiting| waiting.nominal) else {
            return;
        };
        let needs = job.spec.upstreams.iter().map(|upstream| {
            let other = self.slot_of(&upstream.name)?;
            as_of(self.entry(other)?, nominal)
        });
        let needs = needs.collect();
        if let Some(job) = self.entry_mut(slot) {
            job.needs = needs;
        }
    }

    /// Whether all of them have come.
    pub(super) fn standing(&self, slot: u32) -> Standing {
        let Some(job) = self.entry(slot) else {
            return Standing::Met;
        };
        let Some(nominal) = job.waiting.as_ref().map(|waiting| waiting.nominal) else {
            return Standing::Met;
        };
        let mut standing = Standing::Met;
        for (nth, upstream) in job.spec.upstreams.iter().enumerate() {
            let need = job.needs.get(nth).copied().flatten();
            match self.stands_with(upstream, need, nominal) {
                Standing::Met => {}
                Standing::Wait => standing = Standing::Wait,
                skip @ Standing::Skip(_) => return skip,
            }
        }
        standing
    }

    fn stands_with(&self, upstream: &Upstream, need: Option<Nanos>, nominal: Nanos) -> Standing {
        let other = self
            .slot_of(&upstream.name)
            .and_then(|slot| self.entry(slot));
        let fresh = upstream
            .fresh
            .map(|age| nominal.saturating_sub(length(age)));
        let last = other.and_then(|other| other.last_success);
        if fresh.is_some_and(|fresh| last.is_some_and(|last| last >= fresh)) {
            return Standing::Met;
        }
        let otherwise = |reason| match upstream.on_failure {
            OnFailure::Skip => Standing::Skip(reason),
            OnFailure::Run => Standing::Met,
            OnFailure::Wait => Standing::Wait,
        };
        let (Some(other), Some(need)) = (other, need) else {
            // It has had no moment, or is not there: nothing that could be waited for.
            return if upstream.allow_missing {
                Standing::Met
            } else {
                otherwise(SkipReason::UpstreamDown)
            };
        };
        if last.is_some_and(|last| last >= need) {
            Standing::Met
        } else if other.quarantined || other.disabled || other.faulted {
            otherwise(SkipReason::UpstreamDown)
        } else if other.last_other.is_some_and(|ended| ended >= need) {
            otherwise(SkipReason::UpstreamFailed)
        } else {
            Standing::Wait
        }
    }

    /// Something was settled about a job: those that wait for it look again.
    pub(super) fn resolved(&mut self, slot: u32) {
        if !self.is_open() {
            // The stop itself ends all that waits.
            return;
        }
        for waiter in self.waiters(slot) {
            self.look_again(waiter);
        }
    }

    /// An occurrence that waits for other jobs looks whether it still must.
    pub(super) fn look_again(&mut self, slot: u32) {
        let waits = self
            .entry(slot)
            .and_then(|job| job.waiting.as_ref())
            .is_some_and(|waiting| matches!(waiting.place, Place::Upstream(_)));
        if !waits {
            return;
        }
        match self.standing(slot) {
            Standing::Wait => {}
            Standing::Met => {
                self.withdraw(slot);
                self.enqueue(slot);
            }
            Standing::Skip(reason) => {
                self.skip_waiting(slot, reason);
                self.after_skip(slot);
            }
        }
        self.come_forward(slot);
    }

    /// The jobs that name this one as what they wait for.
    pub(super) fn waiters(&self, slot: u32) -> SmallVec<[u32; 4]> {
        self.entry(slot)
            .and_then(|job| self.dependents.get(&job.spec.name))
            .map(|waiters| waiters.iter().copied().collect())
            .unwrap_or_default()
    }

    /// A job has succeeded: those that come by success are due, if all of theirs have.
    pub(super) fn follow(&mut self, slot: u32, now: Nanos) {
        for waiter in self.waiters(slot) {
            self.catch_up(waiter, now);
        }
    }

    /// A job that comes by success is due, if all that it comes by have succeeded anew.
    pub(super) fn catch_up(&mut self, slot: u32, now: Nanos) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        if job.spec.trigger.upstreams().is_empty() || job.removed || job.disabled {
            return;
        }
        let successes = job.spec.trigger.upstreams().iter().map(|name| {
            let other = self.slot_of(name).and_then(|slot| self.entry(slot));
            other.and_then(|other| other.last_success)
        });
        let slowest: Option<Vec<Nanos>> = successes.collect();
        let Some(nominal) = slowest.and_then(|all| all.into_iter().min()) else {
            return;
        };
        if job.watermark.is_some_and(|seen| nominal <= seen) {
            return;
        }
        if self.is_lit(slot, now.saturating_add(self.time.offset())) {
            return self.due_now(slot, nominal, now);
        }
        // What falls into a blackout is no occurrence, and none after it either.
        if let Some(job) = self.entry_mut(slot) {
            job.watermark = Some(nominal);
        }
        self.mark(slot);
    }

    /// One occurrence that no timetable holds.
    pub(super) fn due_now(&mut self, slot: u32, nominal: Nanos, now: Nanos) {
        let due = Due {
            count: 1,
            at_least: false,
            latest: SmallVec::from_elem(nominal, 1),
            next: None,
        };
        if let Some(job) = self.entry_mut(slot) {
            job.strays = true;
        }
        self.occur(slot, &due, now);
    }

    /// While an occurrence waits for others, they matter as much as it does.
    pub(super) fn lend_priority(&mut self, slot: u32) {
        let mut stack: Vec<u32> = vec![slot];
        while let Some(slot) = stack.pop() {
            let Some(job) = self.entry(slot) else {
                continue;
            };
            let priority = job.priority();
            let names: SmallVec<[Arc<str>; 4]> = job
                .spec
                .upstreams
                .iter()
                .map(|up| Arc::clone(&up.name))
                .collect();
            for other in names
                .iter()
                .filter_map(|name| self.slot_of(name))
                .collect::<SmallVec<[u32; 4]>>()
            {
                let Some(job) = self.entry_mut(other) else {
                    continue;
                };
                if job.priority() <= priority {
                    continue;
                }
                job.inherited = Some(priority);
                let place = job.waiting.as_ref().map(|waiting| waiting.place);
                match place {
                    Some(Place::Ready { .. }) => {
                        self.withdraw(other);
                        self.enqueue(other);
                    }
                    Some(Place::Upstream(_)) => stack.push(other),
                    _ => {}
                }
            }
        }
    }
}

/// The latest moment of a job that is not later than this, also when it has not been released yet.
fn as_of<H>(job: &Entry<H>, nominal: Nanos) -> Option<Nanos> {
    // It may be ahead already; then its success for the very moment is enough.
    let mut found = job.watermark.map(|seen| seen.min(nominal));
    let mut next = job.next;
    for _ in 0..LOOK_AHEAD {
        match next {
            Some(moment) if moment <= nominal => {
                found = Some(moment);
                next = job.timetable.next_after(moment);
            }
            _ => break,
        }
    }
    found
}
