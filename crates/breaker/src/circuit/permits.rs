//! Permits that are out: of probes, and of calls during the ramp.

use std::{num::NonZeroU64, time::Duration};

use tokio::time::Instant;

use super::later;

/// While all permits are out nobody knows when one comes back. Asking again in a second neither
/// hammers the breaker nor sleeps through the recovery.
pub(crate) const ALL_OUT_RETRY: Duration = Duration::from_secs(1);

/// The number of a permit. Never zero, so that a call without one is no larger.
pub(crate) type PermitId = NonZeroU64;

/// The permits that are out, each with the moment at which it must have reported.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    out: Vec<(PermitId, Instant)>,
}

impl Permits {
    pub(crate) fn out(&self) -> u32 {
        u32::try_from(self.out.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn give(&mut self, id: PermitId, due: Instant) {
        self.out.push((id, due));
    }

    /// Whether this permit was out.
    pub(crate) fn take_back(&mut self, id: PermitId) -> bool {
        let place = self.out.iter().position(|(other, _)| *other == id);
        place.map(|place| self.out.swap_remove(place)).is_some()
    }

    /// When the next one is overdue.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.out.iter().map(|(_, due)| *due).min()
    }

    /// Takes one back that is overdue, and says since when.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Instant> {
        let due = self.due().filter(|due| *due <= now)?;
        let place = self.out.iter().position(|(_, other)| *other == due)?;
        self.out.swap_remove(place);
        Some(due)
    }

    /// When to ask again while all are out.
    pub(crate) fn ask_again(due: Option<Instant>, now: Instant) -> Instant {
        let soon = later(now, ALL_OUT_RETRY);
        due.map_or(soon, |due| due.min(soon))
    }
}
