//! Jobs are paused, disabled, run by hand and removed.

use std::collections::HashSet;
use std::sync::Arc;

use super::Roster;
use crate::error::{RemoveError, UnknownJob};
use crate::event::Event;
use crate::job::JobId;
use crate::ledger::SkipReason;
use crate::moment::Nanos;
use crate::policy::Dependents;
use crate::trigger::Trigger;

impl<H: super::Handle> Roster<H> {
    /// Occurrences are skipped from now on, those that wait included; a run goes on.
    pub(crate) fn pause(&mut self, id: JobId) -> Result<(), UnknownJob> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        let Some(job) = self.entry_mut(slot).filter(|job| !job.paused) else {
            return Ok(());
        };
        job.paused = true;
        self.tell_of(slot, |job| Event::Paused { job });
        self.skip_all(slot, SkipReason::Paused);
        self.after_skip(slot);
        self.mark(slot);
        Ok(())
    }

    /// The next occurrence runs again. The moments are the old ones.
    pub(crate) fn resume(&mut self, id: JobId) -> Result<(), UnknownJob> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        let Some(job) = self.entry_mut(slot).filter(|job| job.paused) else {
            return Ok(());
        };
        job.paused = false;
        self.mark(slot);
        self.tell_of(slot, |job| Event::Resumed { job });
        Ok(())
    }

    /// The job comes due no more; a run goes on.
    pub(crate) fn disable(&mut self, id: JobId, dependents: Dependents) -> Result<(), RemoveError> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        for slot in self.with_dependents(slot, dependents)? {
            let Some(job) = self.entry_mut(slot).filter(|job| !job.disabled) else {
                continue;
            };
            job.disabled = true;
            self.skip_all(slot, SkipReason::Removed);
            self.schedule(slot);
            self.mark(slot);
            self.tell_of(slot, |job| Event::Disabled { job });
            self.resolved(slot);
        }
        Ok(())
    }

    /// The job comes due again, from its next moment on; a quarantine or a fault is over.
    pub(crate) fn enable(&mut self, id: JobId, now: Nanos) -> Result<(), UnknownJob> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        let own = self.entry(slot).map(|job| self.own_time(job, now));
        let (Some(own), Some(job)) = (own, self.entry_mut(slot)) else {
            return Err(UnknownJob);
        };
        if !(job.disabled || job.quarantined || job.faulted) {
            return Ok(());
        }
        let after = (job.disabled || job.faulted).then(|| job.search_from(own));
        (job.disabled, job.quarantined, job.faulted) = (false, false, false);
        (job.failures, job.not_before) = (0, None);
        self.tell_of(slot, |job| Event::Enabled { job });
        let rests = |job: &super::Entry<H>| job.spec.trigger.rests() && job.is_idle();
        match after {
            // A period of rest from now on: when its last run ended is not known for ever.
            Some(after) if self.entry(slot).is_some_and(rests) => self.rest_from(slot, after),
            Some(after) => self.plan_after(slot, after),
            None => self.schedule(slot),
        }
        self.mark(slot);
        Ok(())
    }

    /// A moment for an occurrence that no timetable holds: now, or just after the last.
    ///
    /// What is still to come has later moments, also where they lie before now: that of a candle which
    /// has not settled yet; or of a success that will be followed, for a job without a clock.
    pub(super) fn fresh_nominal(&self, slot: u32, now: Nanos) -> Nanos {
        /// Room for as many runs by hand before a candle has settled as nobody asks for.
        const ROOM: Nanos = 1_000_000;
        let Some(job) = self.entry(slot) else {
            return now;
        };
        let own = self.own_time(job, now);
        let follows = !job.spec.trigger.upstreams().is_empty();
        let moment = match job.next {
            _ if follows => match job.watermark {
                Some(seen) => seen,
                None => self.before_theirs(job, own),
            },
            Some(next) if next <= own => next.saturating_sub(ROOM),
            _ => own,
        };
        let after = job.watermark.map(|seen| seen.saturating_add(1));
        after.map_or(moment, |after| moment.max(after))
    }

    /// One occurrence more, now. A pause or a quarantine does not hold it; its own run may.
    pub(crate) fn run_now(&mut self, id: JobId, now: Nanos) -> Result<(), UnknownJob> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        self.release_if_due(slot, now);
        let nominal = self.fresh_nominal(slot, now);
        let Some(job) = self.entry_mut(slot) else {
            return Err(UnknownJob);
        };
        let held = (std::mem::take(&mut job.paused), job.not_before.take());
        self.due_now(slot, nominal, now);
        if let Some(job) = self.entry_mut(slot) {
            (job.paused, job.not_before) = held;
        }
        self.mark(slot);
        Ok(())
    }

    /// The job is never due again; a run goes on to its end, and only then is the name free.
    ///
    /// Returns the handlers of the jobs that are gone, to be dropped where no lock is held.
    pub(crate) fn remove(
        &mut self,
        id: JobId,
        dependents: Dependents,
    ) -> Result<Vec<H>, RemoveError> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        let mut gone = Vec::new();
        if dependents == Dependents::Detach {
            self.check_nobody_is_stranded(slot)?;
        }
        for slot in self.with_dependents(slot, dependents)? {
            self.mark_gone(slot);
            self.skip_all(slot, SkipReason::Removed);
            if let Some(job) = self.entry_mut(slot) {
                job.removed = true;
                job.next = None;
            }
            self.schedule(slot);
            self.tell_of(slot, |job| Event::Removed { job });
            self.resolved(slot);
            gone.extend(self.vacate_if_done(slot));
        }
        Ok(gone)
    }

    /// The jobs that a change concerns, those that wait first.
    fn with_dependents(&mut self, slot: u32, policy: Dependents) -> Result<Vec<u32>, RemoveError> {
        let waiters = self.waiters(slot);
        if waiters.is_empty() {
            return Ok(vec![slot]);
        }
        match policy {
            Dependents::Refuse => {
                let jobs = waiters.iter().filter_map(|waiter| self.entry(*waiter));
                Err(RemoveError::Awaited {
                    jobs: jobs.map(|job| Arc::clone(&job.spec.name)).collect(),
                })
            }
            Dependents::Cascade => {
                let mut all = vec![slot];
                let mut known = HashSet::from([slot]);
                let mut next = 0;
                while let Some(slot) = all.get(next).copied() {
                    next += 1;
                    for waiter in self.waiters(slot) {
                        if known.insert(waiter) {
                            all.push(waiter);
                        }
                    }
                }
                all.reverse();
                Ok(all)
            }
            Dependents::Detach => {
                for waiter in waiters {
                    self.detach(waiter, slot);
                }
                Ok(vec![slot])
            }
        }
    }

    /// Nobody comes by the success of this job alone.
    fn check_nobody_is_stranded(&self, slot: u32) -> Result<(), RemoveError> {
        let name = self.entry(slot).map(|job| &job.spec.name);
        let waiters = self.waiters(slot);
        let waiters = waiters.iter().filter_map(|waiter| self.entry(*waiter));
        let alone = waiters.filter(|waiter| {
            let mut comes_by = waiter.spec.trigger.upstreams().iter();
            comes_by.len() > 0 && comes_by.all(|other| Some(other) == name)
        });
        let jobs: Vec<_> = alone.map(|job| Arc::clone(&job.spec.name)).collect();
        match jobs.is_empty() {
            true => Ok(()),
            false => Err(RemoveError::Stranded { jobs }),
        }
    }

    /// A job no longer waits for another. It goes on coming by its success, if it comes by nothing else.
    fn detach(&mut self, waiter: u32, from: u32) {
        let Some(name) = self.entry(from).map(|job| Arc::clone(&job.spec.name)) else {
            return;
        };
        self.link(waiter, false);
        if let Some(job) = self.entry_mut(waiter) {
            job.spec.upstreams.retain(|upstream| upstream.name != name);
            if let Trigger::OnSuccess(names) = &mut job.spec.trigger {
                let others = names.iter().filter(|other| **other != name);
                let others: Arc<[Arc<str>]> = others.cloned().collect();
                if !others.is_empty() {
                    *names = others;
                }
            }
            job.needs = Vec::new();
        }
        self.link(waiter, true);
        let now = self.now;
        self.find_needs(waiter);
        self.look_again(waiter);
        // All that it still comes by may have succeeded before.
        self.catch_up(waiter, now);
    }
}
