//! The scheduler without async and clock: what is due, what may start, where everything went.
//!
//! Time comes in as an argument and never goes back. The handler is any `H`, so that properties
//! are tested without running anything.

mod accounts;
mod flow;
mod jobs;
mod stop;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::event::Event;
use crate::job::{JobId, Spec};
use crate::ledger::Ledger;
use crate::record::History;

use accounts::Accounts;
pub(crate) use flow::Start;
pub(crate) use stop::Effect;
use stop::Stage;

/// How much later an occurrence competes for each step of priority above 1.
pub(crate) const PRIORITY_STEP: Duration = Duration::from_secs(2);

/// The shortest period: tokio's timer has a grain of 1 ms.
pub(crate) const LEAST_PERIOD: Duration = Duration::from_millis(1);

/// The bounds of a scheduler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_in_flight: usize,
    pub(crate) max_jobs: usize,
    pub(crate) history: usize,
    pub(crate) cancel_grace: Duration,
    pub(crate) seed: u64,
}

/// All state of a scheduler.
#[derive(Debug)]
pub(crate) struct Roster<H> {
    limits: Limits,
    slots: Vec<Slot<H>>,
    free: Vec<u32>,
    names: HashMap<Arc<str>, JobId>,
    /// Each job that will come due, once: (release, order of adding, slot).
    timers: BTreeSet<(Instant, u64, u32)>,
    /// Each occurrence that could start now, once a job: (ageing key, order of arrival, slot).
    ready: BTreeSet<(Instant, u64, u32)>,
    running: usize,
    arrivals: u64,
    accounts: Accounts,
    history: History,
    stage: Stage,
    outbox: Vec<Event>,
}

/// A place for a job. The generation tells an old id from a new one.
#[derive(Debug)]
struct Slot<H> {
    generation: u32,
    job: Option<Entry<H>>,
}

/// A job in its place.
#[derive(Debug)]
struct Entry<H> {
    spec: Spec,
    handler: H,
    order: u64,
    next: Option<Instant>,
    waiting: Option<Waiting>,
    running: Option<Running>,
    /// Occurrences since the last start that never ran.
    missed: u64,
    paused: bool,
    removed: bool,
    ledger: Ledger,
}

/// An occurrence that waits to be started.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    nominal: Instant,
    /// Its place in the ready set; none while the job's last run goes on. A newer occurrence takes
    /// over the place, and so the age, of the one that it supersedes; else a job that comes due
    /// more often than it gets a turn would never have one.
    place: Option<(Instant, u64)>,
}

/// A run under way.
#[derive(Debug, Clone, Copy)]
struct Running {
    nominal: Instant,
    start: Instant,
}

/// Proof of a started run, to be handed back with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(JobId);

impl<H: Clone> Roster<H> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            names: HashMap::new(),
            timers: BTreeSet::new(),
            ready: BTreeSet::new(),
            running: 0,
            arrivals: 0,
            accounts: Accounts::default(),
            history: History::new(limits.history),
            stage: Stage::Open,
            outbox: Vec::new(),
        }
    }

    fn entry(&self, slot: u32) -> Option<&Entry<H>> {
        self.slots.get(slot as usize)?.job.as_ref()
    }

    fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry<H>> {
        self.slots.get_mut(slot as usize)?.job.as_mut()
    }

    /// The slot of a job that was not removed.
    fn find(&self, id: JobId) -> Option<u32> {
        let slot = self.slots.get(id.slot as usize)?;
        let job = slot.job.as_ref()?;
        (slot.generation == id.generation && !job.removed).then_some(id.slot)
    }

    /// Writes into the three ledgers that an occurrence belongs to: all, its group's, its job's.
    fn book(&mut self, slot: u32, entry: impl Fn(&mut Ledger)) {
        let Some(job) = self
            .slots
            .get_mut(slot as usize)
            .and_then(|slot| slot.job.as_mut())
        else {
            return;
        };
        entry(&mut job.ledger);
        self.accounts.book(job.spec.group.as_ref(), entry);
    }

    /// What happened since it was last asked.
    pub(crate) fn drain_events(&mut self) -> std::vec::Drain<'_, Event> {
        self.outbox.drain(..)
    }
}
