//! Jobs come, pause and go; what they look like from outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::stop::Stage;
use super::{Entry, LEAST_PERIOD, Roster, Slot};
use crate::error::{AddError, UnknownJob};
use crate::event::Event;
use crate::job::{JobId, Spec};
use crate::ledger::{Ledger, SkipReason};
use crate::record::Record;
use crate::status::JobStatus;

impl<H: Clone> Roster<H> {
    /// Whether the job may be added.
    pub(crate) fn check(&self, spec: &Spec) -> Result<(), AddError> {
        if !matches!(self.stage, Stage::Open) {
            return Err(AddError::ShutDown);
        }
        if spec.name.is_empty() {
            return Err(AddError::NoName);
        }
        let period = spec.trigger.period();
        if period < LEAST_PERIOD {
            return Err(AddError::PeriodTooShort {
                period,
                least: LEAST_PERIOD,
            });
        }
        if !(1..=5).contains(&spec.priority) {
            return Err(AddError::Priority {
                priority: spec.priority,
            });
        }
        if spec.deadline.is_some_and(|deadline| deadline.is_zero()) {
            return Err(AddError::NoTime);
        }
        if self.names.contains_key(&spec.name) {
            return Err(AddError::Duplicate {
                name: Arc::clone(&spec.name),
            });
        }
        if self.names.len() >= self.limits.max_jobs.min(u32::MAX as usize) {
            return Err(AddError::Full {
                limit: self.limits.max_jobs,
            });
        }
        Ok(())
    }

    /// Adds a job that was checked.
    pub(crate) fn insert(&mut self, spec: Spec, handler: H, now: Instant) -> JobId {
        let nth = self.accounts.open(&spec);
        let run_at_start = spec.run_at_start;
        let next = spec.trigger.first(now, run_at_start, self.limits.seed, nth);
        let name = Arc::clone(&spec.name);
        let order = self.arrive();
        let entry = Entry {
            spec,
            handler,
            order,
            next,
            waiting: None,
            running: None,
            missed: 0,
            paused: false,
            removed: false,
            ledger: Ledger::default(),
        };
        let id = self.place(entry);
        self.names.insert(Arc::clone(&name), id);
        self.outbox.push(Event::Added { job: name });
        if let Some(next) = next {
            self.timers.insert((next, order, id.slot));
        }
        if run_at_start {
            self.occur(id.slot, now, now, 1);
        }
        id
    }

    fn place(&mut self, entry: Entry<H>) -> JobId {
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            slot.job = Some(entry);
            return JobId {
                slot: index,
                generation: slot.generation,
            };
        }
        // `check` keeps the number of jobs below the range of the index.
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot {
            generation: 0,
            job: Some(entry),
        });
        JobId {
            slot: index,
            generation: 0,
        }
    }

    /// Occurrences are skipped from now on, the waiting one included; a run goes on.
    pub(crate) fn pause(&mut self, id: JobId) -> Result<(), UnknownJob> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        let Some(job) = self.entry_mut(slot).filter(|job| !job.paused) else {
            return Ok(());
        };
        job.paused = true;
        let name = Arc::clone(&job.spec.name);
        self.outbox.push(Event::Paused { job: name });
        self.skip_waiting(slot, SkipReason::Paused);
        Ok(())
    }

    /// The next occurrence runs again. The grid of occurrences is the old one.
    pub(crate) fn resume(&mut self, id: JobId) -> Result<(), UnknownJob> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        let Some(job) = self.entry_mut(slot).filter(|job| job.paused) else {
            return Ok(());
        };
        job.paused = false;
        let name = Arc::clone(&job.spec.name);
        self.outbox.push(Event::Resumed { job: name });
        Ok(())
    }

    /// The job is never due again; a run goes on to its end, and only then is the name free.
    ///
    /// Returns the handler when the job is gone, to be dropped where no lock is held.
    pub(crate) fn remove(&mut self, id: JobId) -> Result<Option<H>, UnknownJob> {
        let slot = self.find(id).ok_or(UnknownJob)?;
        self.skip_waiting(slot, SkipReason::Removed);
        let Some(job) = self.entry_mut(slot) else {
            return Err(UnknownJob);
        };
        job.removed = true;
        let timer = job.next.take().map(|next| (next, job.order, slot));
        let running = job.running.is_some();
        let name = Arc::clone(&job.spec.name);
        if let Some(timer) = timer {
            self.timers.remove(&timer);
        }
        self.outbox.push(Event::Removed { job: name });
        Ok(if running { None } else { self.vacate(slot) })
    }

    /// Frees the place of a removed job whose last run has ended.
    pub(super) fn vacate(&mut self, slot: u32) -> Option<H> {
        let place = self.slots.get_mut(slot as usize)?;
        let job = place.job.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot);
        self.names.remove(&job.spec.name);
        self.accounts.close(&job.spec);
        Some(job.handler)
    }

    pub(crate) fn id_of(&self, name: &str) -> Option<JobId> {
        self.names
            .get(name)
            .copied()
            .filter(|id| self.find(*id).is_some())
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.accounts.total().clone()
    }

    pub(crate) fn job_ledger(&self, id: JobId) -> Option<Ledger> {
        self.find(id)
            .and_then(|slot| self.entry(slot))
            .map(|job| job.ledger.clone())
    }

    pub(crate) fn group_ledger(&self, group: &str) -> Option<Ledger> {
        self.accounts.group(group).cloned()
    }

    pub(crate) fn group_ledgers(&self) -> BTreeMap<Arc<str>, Ledger> {
        self.accounts.groups()
    }

    pub(crate) fn history(&self) -> Vec<Record> {
        self.history.to_vec()
    }

    /// The jobs in the order of adding.
    pub(crate) fn jobs(&self) -> Vec<JobStatus> {
        let mut jobs: Vec<(u64, JobStatus)> = Vec::with_capacity(self.names.len());
        for id in self.names.values() {
            let Some(job) = self.find(*id).and_then(|slot| self.entry(slot)) else {
                continue;
            };
            jobs.push((job.order, job.status(*id)));
        }
        jobs.sort_by_key(|(order, _)| *order);
        jobs.into_iter().map(|(_, status)| status).collect()
    }

    pub(crate) fn job(&self, id: JobId) -> Option<JobStatus> {
        self.find(id)
            .and_then(|slot| self.entry(slot))
            .map(|job| job.status(id))
    }
}

impl<H> Entry<H> {
    fn status(&self, id: JobId) -> JobStatus {
        JobStatus {
            id,
            name: Arc::clone(&self.spec.name),
            group: self.spec.group.clone(),
            trigger: self.spec.trigger,
            priority: self.spec.priority,
            deadline: self.spec.deadline,
            next: self.next,
            paused: self.paused,
            running: self.running.is_some(),
            ledger: self.ledger.clone(),
        }
    }
}
