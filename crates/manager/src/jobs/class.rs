//! How long a run may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a run of a kind of job may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobClass {
    /// One answer, or a few: at most 30 s.
    #[default]
    Read,
    /// A long scan: 30 s too unless it says more, and 300 s, once, after a run that timed out.
    Scan,
}

/// The limit of a run that names none.
const USUAL: Duration = Duration::from_secs(30);

impl JobClass {
    /// The limit of a run that names none.
    #[must_use]
    pub const fn usual(self) -> Duration {
        USUAL
    }

    /// The longest limit.
    #[must_use]
    pub const fn longest(self) -> Duration {
        match self {
            Self::Read => USUAL,
            Self::Scan => Duration::from_secs(300),
        }
    }

    /// The limit of the one run after a run that timed out at `timeout`.
    pub(crate) fn escalated(self, timeout: Duration) -> Option<Duration> {
        Some(self.longest()).filter(|longest| *longest > timeout && self == Self::Scan)
    }
}
