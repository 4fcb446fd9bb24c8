//! What a job waits for.

use std::sync::Arc;
use std::time::Duration;

/// A job that another one waits for.
///
/// Both have moments of their own. The waiting job's occurrence goes with the latest occurrence of
/// the other whose moment is not later: a report for 12:00 waits for the prices of 12:00, and one for
/// 12:03 for the prices of 12:00 too, if they come every five minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub(crate) name: Arc<str>,
    /// Good enough without waiting, if its last success is not older than this.
    pub(crate) fresh: Option<Duration>,
    pub(crate) on_failure: OnFailure,
    pub(crate) wait_max: Option<Duration>,
    pub(crate) allow_missing: bool,
    pub(crate) pending: bool,
}

/// What a waiting job does when the other one's occurrence did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// It skips its occurrence too.
    #[default]
    Skip,
    /// It runs all the same.
    Run,
    /// It waits for the next success: of any moment, if the other had none yet that is not later than
    /// its own.
    Wait,
}

impl Upstream {
    /// Waits until the job of this name has succeeded for the latest moment that is not later.
    pub fn success_of(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            fresh: None,
            on_failure: OnFailure::Skip,
            wait_max: None,
            allow_missing: false,
            pending: false,
        }
    }

    /// Does not wait if the job's last success is at most this old, by its moment; else as
    /// [`success_of`](Self::success_of).
    pub fn fresh(name: impl Into<Arc<str>>, max_age: Duration) -> Self {
        Self {
            fresh: Some(max_age),
            ..Self::success_of(name)
        }
    }

    /// What to do when it did not succeed. Default [`OnFailure::Skip`].
    #[must_use]
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.on_failure = policy;
        self
    }

    /// How long to wait. Default until the waiting job's next moment.
    #[must_use]
    pub fn wait_max(mut self, wait: Duration) -> Self {
        self.wait_max = Some(wait);
        self
    }

    /// Satisfied also when the other job has had no moment yet.
    #[must_use]
    pub fn allow_missing(mut self) -> Self {
        self.allow_missing = true;
        self
    }

    /// The other job may be added later. Until then this counts as a job that had no moment yet.
    #[must_use]
    pub fn pending(mut self) -> Self {
        self.pending = true;
        self
    }
}
