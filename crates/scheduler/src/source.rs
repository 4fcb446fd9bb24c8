//! What jobs ask, and what it bears.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// What jobs ask: a service, a disk, a person. Runs are dispatched to sources in fair turns, each
/// within its own bounds.
///
/// A name in [`JobBuilder::source`](crate::JobBuilder::source) is a source without bounds until it is
/// described with [`Scheduler::source`](crate::Scheduler::source).
#[must_use = "it is described to a scheduler"]
pub struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) max_in_flight: usize,
    pub(crate) weight: u32,
    pub(crate) budget: Option<(u32, Duration)>,
    pub(crate) overload: Overload,
    pub(crate) gate: Option<Arc<dyn Gate>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_in_flight: usize::MAX,
            weight: 1,
            budget: None,
            overload: Overload::Warn,
            gate: None,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("max_in_flight", &self.max_in_flight)
            .field("weight", &self.weight)
            .field("budget", &self.budget)
            .field("overload", &self.overload)
            .field("gate", &self.gate.is_some())
            .finish()
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish()
    }
}

/// What to do about jobs that ask more of a source than its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overload {
    /// Add them and tell it as [`Event::Overload`](crate::Event::Overload).
    #[default]
    Warn,
    /// Refuse the job that goes beyond.
    Refuse,
}

/// Says whether a source can be asked now. For a rate limiter or a circuit breaker to answer.
///
/// A source that cannot is parked: its jobs wait without a place among the runs, no retry is burnt
/// and no failure counted.
pub trait Gate: Send + Sync + 'static {
    /// Whether a run may begin. Called under a lock: it must be quick and must not call the scheduler.
    fn look(&self, ask: &Ask) -> Admission;
}

impl<F: Fn(&Ask) -> Admission + Send + Sync + 'static> Gate for F {
    fn look(&self, ask: &Ask) -> Admission {
        self(ask)
    }
}

/// What a [`Gate`] is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ask {
    /// What the run costs.
    pub cost: u32,
    /// How much it matters, 1 to 5.
    pub priority: u8,
    /// The cost of the runs of this source that are under way.
    pub under_way: u64,
    /// Now.
    pub now: Instant,
}

/// What a [`Gate`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// The run may begin.
    Open,
    /// No run before this moment: the source is out of tokens, or its breaker is open.
    NotBefore(Instant),
    /// One run may begin, and no other before it has ended: the breaker is half open.
    Trial,
}

impl Source {
    /// A source of this name, without bounds.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            settings: Settings::default(),
        }
    }

    /// How many of its runs may be under way at once; at least 1. Default as many as the scheduler
    /// allows.
    pub fn max_in_flight(mut self, runs: usize) -> Self {
        self.settings.max_in_flight = runs.max(1);
        self
    }

    /// How many turns it gets for one of a source of weight 1; from 1 to 1,000. Default 1.
    pub fn weight(mut self, weight: u32) -> Self {
        self.settings.weight = weight.clamp(1, 1_000);
        self
    }

    /// What it bears: this much cost in this time. Jobs that ask more are told of when they are added.
    pub fn budget(mut self, cost: u32, per: Duration) -> Self {
        self.settings.budget = Some((cost, per));
        self
    }

    /// What to do about jobs that ask more than the budget. Default [`Overload::Warn`].
    pub fn overload(mut self, policy: Overload) -> Self {
        self.settings.overload = policy;
        self
    }

    /// Asks this gate before each run.
    pub fn gate(mut self, gate: impl Gate) -> Self {
        self.settings.gate = Some(Arc::new(gate));
        self
    }
}
