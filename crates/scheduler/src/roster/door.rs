//! The gate that all runs go through, whatever their source.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::dispatch::{AFTER_PANIC, LEAST_PARK};
use super::queue::Key;
use super::sources::LONGEST_WAIT;
use super::{Alarm, Roster};
use crate::moment::{Nanos, length};
use crate::source::{Admission, Ask, Gate};

/// The gate, and whether it was found closed.
#[derive(Default)]
pub(super) struct Door {
    gate: Option<Arc<dyn Gate>>,
    /// An alarm opens it again.
    pub(super) closed: bool,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door")
            .field("gate", &self.gate.is_some())
            .field("closed", &self.closed)
            .finish()
    }
}

impl<H: super::Handle> Roster<H> {
    /// Asks this gate before each run.
    pub(crate) fn behind(mut self, gate: Option<Arc<dyn Gate>>) -> Self {
        self.door.gate = gate;
        self
    }

    /// Whether the gate lets a run begin. If not, it is asked again at the moment that it says.
    pub(super) fn admits(&mut self, key: Key, cost: u64, now: Nanos) -> bool {
        let (Some(gate), Some(job)) = (&self.door.gate, self.entry(key.slot)) else {
            return true;
        };
        let ask = Ask {
            cost: u32::try_from(cost).unwrap_or(u32::MAX),
            priority: job.spec.priority,
            under_way: self.running as u64,
            now: self.time.instant(now),
        };
        let look = AssertUnwindSafe(|| gate.look(&ask));
        let until = match catch_unwind(look) {
            Ok(Admission::Open) => return true,
            Ok(Admission::Trial) if self.running == 0 => return true,
            // The end of the run under way looks again.
            Ok(Admission::Trial) => now.saturating_add(AFTER_PANIC),
            Ok(Admission::NotBefore(until)) => self.time.mono(until),
            Err(_) => now.saturating_add(AFTER_PANIC),
        };
        self.door.closed = true;
        // As for the gate of a source: no number from outside stops everything for longer.
        let until = until.min(now.saturating_add(length(LONGEST_WAIT)));
        let until = until.max(now.saturating_add(LEAST_PARK));
        self.set_alarm(until, Alarm::Reopen);
        false
    }
}
