//! What jobs, sources and the whole look like from outside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::queue::Place;
use super::sources::State;
use super::{Entry, Roster};
use crate::cron::{Upcoming, upcoming};
use crate::forecast::Planned;
use crate::job::{JobId, Spec};
use crate::ledger::Ledger;
use crate::moment::{Nanos, duration, system};
use crate::record::Record;
use crate::status::{JobState, JobStatus, Snapshot, SourceStatus};
use crate::trigger::Trigger;
use crate::zone::Zone;

impl<H: super::Handle> Roster<H> {
    pub(crate) fn id_of(&self, name: &str) -> Option<JobId> {
        self.names
            .get(name)
            .copied()
            .filter(|id| self.find(*id).is_some())
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.total.ledger()
    }

    pub(crate) fn job_ledger(&self, id: JobId) -> Option<Ledger> {
        let job = self.seen(id)?;
        Some(job.tally.ledger())
    }

    pub(crate) fn source_ledgers(&self) -> BTreeMap<Arc<str>, Ledger> {
        self.sources
            .named()
            .filter_map(|state| Some((Arc::clone(state.name.as_ref()?), state.tally.ledger())))
            .collect()
    }

    pub(crate) fn history(&self) -> Vec<Record> {
        self.history.to_vec(|id| {
            let place = self.slots.get(id.slot as usize)?;
            let job = place.job.as_ref()?;
            (place.generation == id.generation).then_some(&job.spec.name)
        })
    }

    pub(crate) fn job_history(&self, id: JobId) -> Option<Vec<Record>> {
        let job = self.seen(id)?;
        let records = job
            .recent
            .last
            .iter()
            .map(|ended| ended.record(&job.spec.name));
        Some(records.collect())
    }

    /// The jobs in the order of adding.
    pub(crate) fn jobs(&self) -> Vec<JobStatus> {
        let ids = self.names.values();
        let jobs = ids.filter_map(|id| Some((*id, self.seen(*id)?)));
        let mut jobs: Vec<_> = jobs.collect();
        jobs.sort_by_key(|(_, job)| job.order);
        jobs.into_iter()
            .map(|(id, job)| self.status(id, job))
            .collect()
    }

    pub(crate) fn job(&self, id: JobId) -> Option<JobStatus> {
        Some(self.status(id, self.seen(id)?))
    }

    pub(crate) fn spec(&self, id: JobId) -> Option<Spec> {
        Some(self.entry(self.find(id)?)?.spec.clone())
    }

    fn status(&self, id: JobId, job: &Entry<H>) -> JobStatus {
        JobStatus {
            id,
            name: Arc::clone(&job.spec.name),
            sources: job.spec.sources.to_vec(),
            trigger: job.spec.trigger.clone(),
            priority: job.spec.priority,
            state: job.state(),
            next: job.next.map(system),
            paused: job.paused,
            running: !job.runs.is_empty(),
            stuck: job.runs.iter().any(|run| run.stuck),
            last_success: job.last_success.map(system),
            failures: job.failures,
            failed_in_a_row: job.failed_in_a_row,
            ledger: job.tally.ledger(),
            aggregate: job.recent.aggregate,
        }
    }

    pub(crate) fn sources(&self, now: Nanos) -> Vec<SourceStatus> {
        let status = |state: &State| {
            Some(SourceStatus {
                name: Arc::clone(state.name.as_ref()?),
                jobs: state.jobs,
                ready: state.ready(),
                in_flight: state.in_flight,
                parked: state
                    .parked
                    .map(|(until, _)| duration(until.saturating_sub(now))),
                demand: state.demand,
                load_percent: state.load_percent(state.demand),
                latency: duration(state.latency as Nanos),
                errors: state.errors,
                settle: state.learned_settle(),
                ledger: state.tally.ledger(),
            })
        };
        self.sources.named().filter_map(status).collect()
    }

    pub(crate) fn snapshot(&self, now: Nanos) -> Snapshot {
        Snapshot {
            at: self.wall(now),
            ledger: self.ledger(),
            jobs: self.jobs(),
            sources: self.sources(now),
            history: self.history(),
        }
    }

    /// The jobs as a forecast needs them, and the wall time now.
    pub(crate) fn plan(&self, now: Nanos) -> (Vec<Planned>, Nanos) {
        let slots = self.names.values().filter_map(|id| self.find(*id));
        let planned = slots.flat_map(|slot| self.planned(slot, now));
        let mut planned: Vec<_> = planned.collect();
        planned.sort_by(|one, other| one.job.cmp(&other.job));
        (planned, now.saturating_add(self.time.offset()))
    }

    /// A job, once for each source that can serve it.
    fn planned(&self, slot: u32, now: Nanos) -> Vec<Planned> {
        let Some(job) = self.entry(slot) else {
            return Vec::new();
        };
        let Some(next) = job.next.filter(|_| !job.disabled && !job.faulted) else {
            return Vec::new();
        };
        let turns = job.sources.len().max(1);
        let planned = |turn: usize| {
            let source = job.sources.get(turn);
            let source = source.and_then(|source| self.sources.get(*source));
            Planned {
                job: Arc::clone(&job.spec.name),
                source: source.and_then(|state| state.name.clone()),
                turn: (turn, turns),
                budget: source.and_then(|state| state.settings.budget),
                cost: job.spec.cost_at(turn),
                next,
                now: self.own_time(job, now),
                delay: self.delay(slot),
                timetable: job.timetable.clone(),
                cron: match &job.spec.trigger {
                    Trigger::Cron(cron) => Some(cron.clone()),
                    _ => None,
                },
            }
        };
        (0..turns).map(planned).collect()
    }

    pub(crate) fn job_rate(&self, id: JobId) -> Option<f64> {
        Some(self.entry(self.find(id)?)?.rate)
    }

    pub(crate) fn job_delay(&self, id: JobId) -> Option<Duration> {
        Some(duration(self.delay(self.find(id)?)))
    }

    /// The next moments of a job, with what the clocks of its zone show then.
    pub(crate) fn preview(&self, id: JobId, count: usize) -> Option<Vec<Upcoming>> {
        let job = self.entry(self.find(id)?)?;
        let zone = match &job.spec.trigger {
            Trigger::Cron(cron) => cron.in_zone().clone(),
            _ => Zone::utc(),
        };
        let mut list = Vec::new();
        let mut next = job.next.filter(|_| !job.disabled && !job.faulted);
        while let Some(moment) = next.filter(|_| list.len() < count) {
            let change = match &job.spec.trigger {
                Trigger::Cron(cron) => cron
                    .hit(moment.saturating_sub(1))
                    .and_then(|hit| hit.change),
                _ => None,
            };
            list.push(upcoming(&zone, moment, change));
            next = job.timetable.next_after(moment);
        }
        Some(list)
    }
}

impl<H> Entry<H> {
    fn state(&self) -> JobState {
        let place = self.waiting.as_ref().map(|waiting| waiting.place);
        if self.removed {
            JobState::Removing
        } else if self.faulted {
            JobState::Faulted
        } else if self.disabled {
            JobState::Disabled
        } else if self.paused {
            JobState::Paused
        } else if !self.runs.is_empty() {
            JobState::Running
        } else if self.quarantined {
            JobState::Quarantined
        } else {
            match place {
                Some(Place::Upstream(_)) => JobState::WaitingDeps,
                Some(Place::Alarm(_)) => JobState::Backoff,
                Some(_) => JobState::Ready,
                None => JobState::Scheduled,
            }
        }
    }
}
