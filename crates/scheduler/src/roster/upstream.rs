//! Jobs that wait for jobs: which moment of the other is meant, and whether it has come.

use std::sync::Arc;

use smallvec::SmallVec;

use super::queue::Place;
use super::{Entry, Roster};
use crate::dependency::{OnFailure, Upstream};
use crate::ledger::SkipReason;
use crate::moment::{Nanos, SECOND, length};
use crate::record::PER_JOB;
use crate::trigger::{Due, Timetable};

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
        let nominal = self.counted(slot, nominal);
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
        let nominal = self.counted(slot, nominal);
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
            // It has had no moment, or is not there: nothing that could be waited for but the next
            // success, and any is that.
            return match otherwise(SkipReason::UpstreamDown) {
                _ if upstream.allow_missing => Standing::Met,
                Standing::Wait if other.is_some() && last.is_some() => Standing::Met,
                standing => standing,
            };
        };
        if last.is_some_and(|last| last >= need) {
            Standing::Met
        } else if other.quarantined || other.disabled || other.faulted {
            otherwise(SkipReason::UpstreamDown)
        } else if other.under_way().any(|nominal| nominal == need) {
            Standing::Wait
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
        let unknown = |job: &Entry<H>| job.needs.iter().any(Option::is_none);
        if self.entry(slot).is_some_and(unknown) {
            self.find_needs(slot);
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
        if job.followed.is_some_and(|seen| nominal <= seen) {
            return;
        }
        if let Some(job) = self.entry_mut(slot) {
            job.followed = Some(nominal);
        }
        if self.is_lit(slot, now.saturating_add(self.time.offset())) {
            return self.due_now(slot, nominal, now);
        }
        // What falls into a blackout is no occurrence, and none after it either.
        if let Some(job) = self.entry_mut(slot) {
            job.watermark = job.watermark.max(Some(nominal));
        }
        self.mark(slot);
    }

    /// A moment before all that may yet succeed of those that a job comes by, but not before the job
    /// was added.
    pub(super) fn before_theirs(&self, job: &Entry<H>, own: Nanos) -> Nanos {
        let names = job.spec.trigger.upstreams().iter();
        let theirs = names.filter_map(|name| self.entry(self.slot_of(name)?));
        let open = theirs.filter_map(|other| other.under_way().chain(other.next).min());
        let before = open
            .min()
            .map_or(own, |open| own.min(open.saturating_sub(1)));
        job.anchor.map_or(before, |added| before.max(added))
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
                job.inherited = priority;
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
    let seen = job.watermark;
    let to_come = |next: &Nanos| *next <= nominal && seen.is_none_or(|seen| *next > seen);
    let on_grid = !job.spec.trigger.rests();
    if let Some(next) = job.next.filter(to_come) {
        let due = job.timetable.due(next, nominal, 1).ok();
        let last = due.and_then(|mut due| due.latest.pop());
        return last.filter(|_| on_grid).or(Some(next));
    }
    if seen? <= nominal {
        return seen;
    }
    // It is ahead: which moments it had before is known of the last, and of all that lie on a grid.
    let ended = job.recent.last.iter().map(|ended| ended.nominal);
    let known = ended
        .chain(job.under_way())
        .chain(job.last_success)
        .chain(job.last_other);
    let known = known.filter(|moment| *moment <= nominal).max();
    let grid = on_grid.then(|| last_until(&job.timetable, nominal));
    let found = known.max(grid.flatten());
    // Of what is forgotten, a success for the very moment is enough.
    let forgotten = job.recent.last.len() >= PER_JOB;
    found.or(forgotten.then_some(nominal))
}

/// The last moment up to this one, of a timetable that only looks ahead: from doubling distances, then
/// by halves.
fn last_until(timetable: &Timetable, until: Nanos) -> Option<Nanos> {
    /// More than the four years between two 29ths of February.
    const FARTHEST: Nanos = 5 * 366 * 86_400 * SECOND;
    let comes = |after| timetable.next_after(after).filter(|next| *next <= until);
    let mut back = SECOND;
    let mut last = loop {
        match comes(until.saturating_sub(back)) {
            Some(moment) => break moment,
            None if back > FARTHEST => return None,
            None => back *= 2,
        }
    };
    let mut end = until;
    while end.saturating_sub(last) > 1 {
        let middle = last + (end - last) / 2;
        match comes(middle) {
            Some(moment) => last = moment,
            None => end = middle,
        }
    }
    comes(last).or(Some(last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cron::Cron;
    use crate::trigger::Rule;

    proptest! {
        #[test]
        fn the_last_moment_is_the_one_that_counting_finds(first in -500_i64..500, period in 1_i64..5_000, until in -1_000_i64..100_000) {
            let (first, period, until) = (first * SECOND, period * SECOND / 7, until * SECOND / 3);
            let table = |rule| Timetable { rule, blackouts: Box::default() };
            let grid = table(Rule::grid_from(first, period));
            let counted = (first..=until).contains(&first).then(|| until - (until - first) % period);
            prop_assert_eq!(last_until(&grid, until), counted);
            let cron = table(Rule::Cron(Cron::parse("*/7 3-5,20 0,13 * * *").unwrap()));
            // The years of cron begin with 1970.
            let until = until + 1_800_000_000 * SECOND;
            let last = last_until(&cron, until);
            let next = last.and_then(|last| cron.next_after(last));
            prop_assert!(last.is_some_and(|last| last <= until) && next.is_some_and(|next| next > until));
            prop_assert_eq!(last.and_then(|last| cron.next_after(last - 1)), last);
        }
    }

    #[test]
    fn what_never_came_before_has_no_last_moment() {
        let never = Timetable {
            rule: Rule::Never,
            blackouts: Box::default(),
        };
        assert_eq!(last_until(&never, 1_800_000_000 * SECOND), None);
        assert_eq!(last_until(&never, Nanos::MIN), None);
        let leap = Timetable {
            rule: Rule::Cron(Cron::parse("0 0 29 2 *").unwrap()),
            blackouts: Box::default(),
        };
        // 2028-02-28 asks for 2024-02-29.
        let found = last_until(&leap, 1_835_308_800 * SECOND);
        assert_eq!(found, Some(1_709_164_800 * SECOND));
    }
}
