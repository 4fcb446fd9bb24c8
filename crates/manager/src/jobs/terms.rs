//! The terms on which the queries of a job are put.

use crate::{OnQuarantine, Priority, Query};

/// What a job says of its queries, where they do not say it themselves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms {
    /// The urgency, where the job has one of its own.
    pub(crate) priority: Option<Priority>,
    /// Attempts beyond the first at most.
    pub(crate) retries: Option<u32>,
    /// The least score of a run that counts as done.
    pub(crate) min_quality: Option<f64>,
    /// What its doubtful values are to it.
    pub(crate) on_quarantine: Option<OnQuarantine>,
}

impl Terms {
    /// The query on these terms. It fetches, whatever is stored.
    pub(crate) fn apply(&self, mut query: Query) -> Query {
        query.priority = self.priority.unwrap_or(query.priority);
        query.retries = self.retries.or(query.retries);
        query.min_quality = self.min_quality.or(query.min_quality);
        query.on_quarantine = self.on_quarantine.or(query.on_quarantine);
        query.refresh()
    }
}
