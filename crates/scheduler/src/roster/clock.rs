//! Two clocks: the monotonic one that runs everything, and the wall clock that people set.

use tokio::time::Instant;

use super::{Alarm, Roster};
use crate::event::Event;
use crate::moment::{Nanos, SECOND, duration, length};

/// A wall clock that is further off than this was set, or the machine slept.
const STEP: Nanos = 500_000_000;

/// Set back by more than this, jobs no longer wait for the moments that they had planned.
pub(super) const RE_ANCHOR: Nanos = 3 * 3_600 * SECOND;

/// How long at most until the clocks are compared again. Tokio's timers stand still while the
/// machine sleeps.
const COMPARE: Nanos = 5 * SECOND;

/// How the clocks stand to each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    began: Instant,
    offset: Nanos,
}

impl Time {
    /// The monotonic time begins at zero; the wall clock shows `wall` then.
    pub(crate) fn new(began: Instant, wall: Nanos) -> Self {
        Self {
            began,
            offset: wall,
        }
    }

    /// Nanoseconds since the start.
    pub(crate) fn mono(&self, now: Instant) -> Nanos {
        length(now.saturating_duration_since(self.began))
    }

    pub(crate) fn instant(&self, mono: Nanos) -> Instant {
        let far = || self.began + std::time::Duration::from_secs(86_400 * 365);
        self.began.checked_add(duration(mono)).unwrap_or_else(far)
    }

    /// Wall time less monotonic time.
    pub(super) fn offset(&self) -> Nanos {
        self.offset
    }
}

impl<H: super::Handle> Roster<H> {
    /// Compares the clocks. A small drift is followed silently; a step is told, and one far back
    /// makes the jobs plan anew.
    pub(crate) fn observe(&mut self, now: Nanos, wall: Nanos) {
        let drift = wall.saturating_sub(now.saturating_add(self.time.offset));
        if drift == 0 {
            return;
        }
        self.time.offset = self.time.offset.saturating_add(drift);
        if drift.abs() <= STEP {
            return;
        }
        self.tell(|| Event::ClockStepped {
            back: drift < 0,
            by: duration(drift.abs()),
        });
        if drift < -RE_ANCHOR {
            let slots: Vec<u32> = self.by_wall.slots().collect();
            for slot in slots {
                self.plan_anew(slot, wall);
            }
        }
    }

    /// Forgets which moments were seen, and takes the next one by the clock as it is now.
    fn plan_anew(&mut self, slot: u32, wall: Nanos) {
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        job.watermark = None;
        job.last_success = job.last_success.filter(|seen| *seen <= wall);
        job.last_other = job.last_other.filter(|seen| *seen <= wall);
        job.not_before = None;
        self.plan_after(slot, wall);
        self.mark(slot);
    }

    /// When the clocks are to be compared, or something is due before.
    pub(super) fn next_wake(&self, now: Nanos) -> Option<Nanos> {
        // Whoever follows the wall clock must hear of its steps.
        let compare = (!self.by_wall.is_empty()).then(|| now.saturating_add(COMPARE));
        [self.next_due(), compare].into_iter().flatten().min()
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        let mono = self.by_mono.first().map(|(at, _)| at);
        let wall = self
            .by_wall
            .first()
            .map(|(at, _)| at.saturating_sub(self.time.offset));
        let alarm = self.alarms.keys().next().map(|(at, _)| *at);
        [mono, wall, alarm].into_iter().flatten().min()
    }

    /// Sets an alarm, and gives the key to take it off with.
    pub(super) fn set_alarm(&mut self, at: Nanos, alarm: Alarm) -> (Nanos, u64) {
        let key = (at, self.arrive());
        self.alarms.insert(key, alarm);
        key
    }
}
