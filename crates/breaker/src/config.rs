//! The settings of a breaker.

use std::{sync::Arc, time::Duration};

use crate::Breaker;

/// When a closed circuit opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// After so many failures without a success between them. 0 counts as 1.
    ConsecutiveFailures(u32),
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) rule: Rule,
    pub(crate) open_for: Duration,
    pub(crate) half_open_permits: u32,
    pub(crate) half_open_deadline: Duration,
}

impl Settings {
    /// 5 failures, 60 s and one probe are the customary defaults of a poller that asks once or a
    /// few times a minute; a probe that is silent for 30 s hangs.
    const DEFAULT: Self = Self {
        rule: Rule::ConsecutiveFailures(5),
        open_for: Duration::from_secs(60),
        half_open_permits: 1,
        half_open_deadline: Duration::from_secs(30),
    };
}

/// Settings of a [`Breaker`]; from [`Breaker::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    name: Arc<str>,
    settings: Settings,
}

impl Builder {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            settings: Settings::DEFAULT,
        }
    }

    /// Opens after so many failures in a row. Default 5; 0 counts as 1.
    pub fn consecutive_failures(self, failures: u32) -> Self {
        self.rule(Rule::ConsecutiveFailures(failures))
    }

    /// When to open. Default [`Rule::ConsecutiveFailures`] of 5.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.settings.rule = rule;
        self
    }

    /// Stays open so long, or longer if the server said so. Default 60 s.
    pub fn open_for(mut self, open_for: Duration) -> Self {
        self.settings.open_for = open_for;
        self
    }

    /// Lets so many probes through when half-open; all of them must succeed to close the circuit.
    /// Default 1; 0 counts as 1.
    pub fn half_open_permits(mut self, permits: u32) -> Self {
        self.settings.half_open_permits = permits.max(1);
        self
    }

    /// A probe that has not reported after this time counts as failed. Default 30 s; twice the
    /// timeout of a call is a good value.
    pub fn half_open_deadline(mut self, deadline: Duration) -> Self {
        self.settings.half_open_deadline = deadline;
        self
    }

    /// The breaker, closed.
    #[must_use]
    pub fn build(self) -> Breaker {
        Breaker::new(self.name, self.settings)
    }
}
