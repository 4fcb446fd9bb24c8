//! What the limiter looks like at one instant.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Pause, Waits};

/// The limiter at one instant; taken under one lock, so the numbers belong together.
///
/// Nothing vanishes: `asked = granted + rejected + abandoned + Σ queued`, and
/// `granted = committed + returned + held()`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The limiter's name.
    pub name: Arc<str>,
    /// Its windows, in the builder's order.
    pub windows: Vec<WindowSnapshot>,
    /// Who waits, by [`Class::index`](crate::Class::index).
    pub queued: [usize; 4],
    /// Slots in use: calls that were granted and are not over. 0 where none are counted.
    pub in_flight: usize,
    /// How many calls may be under way at once; `None` where any number may.
    pub max_in_flight: Option<usize>,
    /// Until when nothing is granted.
    pub paused_until: Option<Instant>,
    /// Why nothing is granted.
    pub pause: Option<Pause>,
    /// What is used of the limits at present, between 0 and 1: less than 1 after a server said that it was too much.
    pub rate_factor: f64,
    /// The counters by [`Class::index`](crate::Class::index), of the class that a call had when it came.
    pub classes: [ClassSnapshot; 4],
    /// Calls that asked, since the limiter was built; so are all the counters below.
    pub asked: u64,
    /// Permits granted.
    pub granted: u64,
    /// Calls refused, for any reason.
    pub rejected: u64,
    /// Calls that gave up while they waited.
    pub abandoned: u64,
    /// Permits committed.
    pub committed: u64,
    /// Permits dropped before they were committed.
    pub returned: u64,
    /// Charges given back whole: the returned ones and those refunded after the commit.
    pub refunded: u64,
    /// Units that answers cost more than was reserved.
    pub settled_extra: u64,
    /// How often an answer showed a window above its limit: more was used than was known.
    pub violations: u64,
}

impl Snapshot {
    /// Permits that are out and not yet committed.
    #[must_use]
    pub const fn held(&self) -> u64 {
        self.granted
            .saturating_sub(self.committed)
            .saturating_sub(self.returned)
    }
}

/// One window at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowSnapshot {
    /// The window's name.
    pub name: Cow<'static, str>,
    /// Units that fit.
    pub limit: u32,
    /// Units in use, committed or granted; of the busiest key in a keyed window.
    pub used: u64,
    /// The window's length.
    pub per: Duration,
    /// Keys remembered; 0 in an unkeyed window.
    pub keys: usize,
    /// Grants to keys that found the table of keys full and shared the overflow budget.
    pub overflowed: u64,
    /// Whether it follows the server's own windows now, because their clock is known.
    pub aligned: bool,
    /// How long calls waited that had to wait for this window longest.
    pub waits: Waits,
    /// How often an answer showed it above its limit.
    pub violations: u64,
    /// Units that were committed and given back because nothing was sent.
    pub refunded: u64,
    /// Units that answers showed beyond what was known, ours and others'.
    pub settled_extra: u64,
}

/// What became of the calls of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassSnapshot {
    /// Permits granted, at once or after a wait.
    pub granted: u64,
    /// Calls refused.
    pub rejected: u64,
    /// Charges given back whole.
    pub refunded: u64,
    /// Windows that an answer's true cost showed above their limits.
    pub violations: u64,
    /// How long those waited that could not be granted at once.
    pub waits: Waits,
}

/// The counters of a [`Snapshot`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) asked: u64,
    pub(crate) granted: u64,
    pub(crate) rejected: u64,
    pub(crate) abandoned: u64,
    pub(crate) committed: u64,
    pub(crate) returned: u64,
    pub(crate) refunded: u64,
    pub(crate) settled_extra: u64,
    pub(crate) violations: u64,
}
