//! What became of each run, and the ring that remembers the last of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

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
    /// The run reached its deadline and was dropped.
    TimedOut,
    /// The run was aborted, or gave up with an error after it was told to end.
    Cancelled,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The job's name.
    pub job: Arc<str>,
    /// The moment the occurrence stood for.
    pub nominal: Instant,
    /// When it was allowed to start. Equal to `nominal` for the `every` trigger.
    pub release: Instant,
    /// When its task was started.
    pub start: Instant,
    /// When it ended.
    pub end: Instant,
    /// How it ended.
    pub outcome: Outcome,
}

impl Record {
    /// How long it waited to start.
    pub fn lag(&self) -> Duration {
        self.start.saturating_duration_since(self.release)
    }

    /// How long it ran.
    pub fn ran_for(&self) -> Duration {
        self.end.saturating_duration_since(self.start)
    }
}

/// The last records, oldest first.
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
