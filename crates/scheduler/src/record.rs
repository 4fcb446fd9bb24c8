//! What became of each run, and the rings that remember the last of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::moment::{Nanos, duration, system};

/// How many ended runs are remembered for each job.
pub(crate) const PER_JOB: usize = 8;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned `Ok`.
    Ok,
    /// The handler returned an error, with its text.
    Failed(Arc<str>),
    /// The handler panicked; the panic was contained.
    Panicked,
    /// The run reached its timeout and was dropped.
    TimedOut,
    /// The run was aborted, or gave up with an error after it was told to end.
    Cancelled,
    /// The run was put off, because its data was not ready or its source away, until a newer
    /// occurrence took its place. No failure.
    Deferred,
}

/// An occurrence whose run has ended, retries included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The job's name.
    pub job: Arc<str>,
    /// The moment the occurrence stood for.
    pub nominal: SystemTime,
    /// When it was allowed to start: later than `nominal` by what its data takes to settle, and by
    /// its splay.
    pub release: SystemTime,
    /// When its first try was started.
    pub start: SystemTime,
    /// When its last try ended.
    pub end: SystemTime,
    /// How it ended.
    pub outcome: Outcome,
    /// How many tries it took.
    pub attempts: u32,
    /// The source of its last try.
    pub source: Option<Arc<str>>,
}

impl Record {
    /// How long it waited to start.
    pub fn lag(&self) -> Duration {
        self.start.duration_since(self.release).unwrap_or_default()
    }

    /// How long it ran, the waits between its tries included.
    pub fn ran_for(&self) -> Duration {
        self.end.duration_since(self.start).unwrap_or_default()
    }
}

/// A record as it is kept: without the job's name.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) nominal: Nanos,
    pub(crate) release: Nanos,
    pub(crate) start: Nanos,
    pub(crate) end: Nanos,
    pub(crate) attempts: u32,
    pub(crate) source: Option<Arc<str>>,
    pub(crate) outcome: Outcome,
}

impl Ended {
    pub(crate) fn record(&self, job: &Arc<str>) -> Record {
        Record {
            job: Arc::clone(job),
            nominal: system(self.nominal),
            release: system(self.release),
            start: system(self.start),
            end: system(self.end),
            outcome: self.outcome.clone(),
            attempts: self.attempts,
            source: self.source.clone(),
        }
    }
}

/// The last runs of a job, and what all of its runs came to.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    pub(crate) last: VecDeque<Ended>,
    pub(crate) aggregate: Aggregate,
}

/// What all runs of a job came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Aggregate {
    /// Runs that ended.
    pub runs: u64,
    /// The time of all of them together.
    pub total: Duration,
    /// The longest.
    pub longest: Duration,
    /// The longest wait for a start.
    pub longest_lag: Duration,
}

impl Aggregate {
    /// The mean time of a run.
    pub fn mean(&self) -> Duration {
        let mean = self.total.as_nanos().checked_div(u128::from(self.runs));
        Duration::from_nanos(mean.unwrap_or(0).try_into().unwrap_or(u64::MAX))
    }
}

impl Recent {
    pub(crate) fn push(&mut self, ended: Ended) {
        let (took, lag) = (
            duration(ended.end.saturating_sub(ended.start)),
            duration(ended.start.saturating_sub(ended.release)),
        );
        let sum = &mut self.aggregate;
        sum.runs += 1;
        sum.total = sum.total.saturating_add(took);
        sum.longest = sum.longest.max(took);
        sum.longest_lag = sum.longest_lag.max(lag);
        while self.last.len() >= PER_JOB {
            self.last.pop_front();
        }
        self.last.push_back(ended);
    }
}

/// The last records of all jobs, oldest first.
#[derive(Debug)]
pub(crate) struct History {
    ring: VecDeque<Record>,
    limit: usize,
}

impl History {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            ring: VecDeque::new(),
            limit,
        }
    }

    pub(crate) fn push(&mut self, record: Record) {
        while self.ring.len() >= self.limit {
            if self.ring.pop_front().is_none() {
                return;
            }
        }
        self.ring.push_back(record);
    }

    pub(crate) fn to_vec(&self) -> Vec<Record> {
        self.ring.iter().cloned().collect()
    }
}
