//! Two clocks: the monotonic one that runs everything, and the wall clock that people set.
//!
//! All times of jobs are wall times. A job that follows the wall clock has its moments where that
//! shows them. One that follows the monotonic clock, an interval, is released by that, and its times
//! are those on a copy of the wall clock that stands still against the monotonic one: when the two
//! have come apart, by a step or little by little, the copy is set, and what is planned with it. So
//! nothing of an interval moves, and its nominals, which others compare and the journal keeps, are
//! wall times.

use tokio::time::Instant;

use super::queue::Place;
use super::{Alarm, Entry, Roster};
use crate::event::Event;
use crate::moment::{Nanos, SECOND, duration, length};
use crate::trigger::{Rule, Trigger};

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
    /// The offset by which jobs that follow the monotonic clock name their moments.
    named: Nanos,
}

impl Time {
    /// The monotonic time begins at zero; the wall clock shows `wall` then.
    pub(crate) fn new(began: Instant, wall: Nanos) -> Self {
        Self {
            began,
            offset: wall,
            named: wall,
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

    /// The own time of a job less the monotonic time.
    pub(super) fn of(&self, mono: bool) -> Nanos {
        if mono { self.named } else { self.offset }
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
        self.now = self.now.max(now);
        self.time.offset = self.time.offset.saturating_add(drift);
        if drift.abs() > STEP {
            self.tell(|| Event::ClockStepped {
                back: drift < 0,
                by: duration(drift.abs()),
            });
        }
        let apart = self.time.offset.saturating_sub(self.time.named);
        if apart.abs() > STEP {
            self.time.named = self.time.offset;
            self.rename(apart, wall);
        }
    }

    /// Gives what is planned the times that the wall clock will show then, `by` later than it was
    /// thought.
    fn rename(&mut self, by: Nanos, wall: Nanos) {
        let all = 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let mut anew = Vec::new();
        for slot in all.clone() {
            let Some(job) = self.entry_mut(slot) else {
                continue;
            };
            if job.mono {
                job.rename(by);
            }
            let ahead = |seen: Nanos| seen > wall.saturating_add(RE_ANCHOR);
            if by < -RE_ANCHOR || (by < 0 && job.watermark.is_some_and(ahead)) {
                self.plan_anew(slot, by, wall);
                anew.push(slot);
            }
        }
        // What others had done counts as what they have now.
        for slot in anew {
            let followed = self.entry(slot).and_then(|job| self.slowest_of(&job.spec));
            if let Some(job) = self.entry_mut(slot)
                && !job.spec.trigger.upstreams().is_empty()
            {
                (job.watermark, job.followed) = (followed, followed);
            }
            self.mark(slot);
        }
        for slot in all {
            let waits = self.entry(slot).and_then(|job| job.waiting.as_ref());
            if waits.is_some_and(|waits| matches!(waits.place, Place::Upstream(_))) {
                self.find_needs(slot);
                self.look_again(slot);
            }
        }
    }

    /// Forgets which moments were seen, and takes the next one by the clock as it is now.
    fn plan_anew(&mut self, slot: u32, by: Nanos, wall: Nanos) {
        let open = self.is_open();
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        // What comes once has come, or comes when its moment does.
        if matches!(job.spec.trigger, Trigger::At(_)) {
            return;
        }
        job.watermark = None;
        job.last_success = job.last_success.filter(|seen| *seen <= wall);
        job.last_other = job.last_other.filter(|seen| *seen <= wall);
        if !job.mono {
            job.not_before = job.not_before.map(|moment| moment.saturating_add(by));
            if job.spec.trigger.rests() {
                let period = job.spec.trigger.period().map_or(0, length);
                let latest = wall.saturating_add(period);
                job.next = job.next.map(|next| next.min(latest));
            } else if open && !job.faulted && !job.removed {
                return self.plan_after(slot, wall);
            }
        }
        self.schedule(slot);
    }

    /// A nominal as it counts now. One from before the clock was set far back counts as of now: as it
    /// is, everything would be behind it until the clock shows it again.
    pub(super) fn counted(&self, slot: u32, nominal: Nanos) -> Nanos {
        let Some(job) = self.entry(slot) else {
            return nominal;
        };
        let own = self.own_time(job, self.now);
        if nominal > own.saturating_add(RE_ANCHOR) {
            own
        } else {
            nominal
        }
    }

    /// When the clocks are to be compared, or something is due before.
    pub(super) fn next_wake(&self, now: Nanos) -> Option<Nanos> {
        let compare = now.saturating_add(COMPARE);
        Some(self.next_due().map_or(compare, |due| due.min(compare)))
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

impl<H> Entry<H> {
    /// Gives what it has planned the times that its clock will show then.
    fn rename(&mut self, by: Nanos) {
        let later = |time: Option<Nanos>| time.map(|time| time.saturating_add(by));
        self.next = later(self.next);
        self.anchor = later(self.anchor);
        self.not_before = later(self.not_before);
        self.strays = true;
        let next = self.next.filter(|_| !self.spec.trigger.rests());
        if let Rule::Grid { first, origin, .. } = &mut self.timetable.rule {
            *origin = origin.saturating_add(by);
            // The clock showed nothing of this grid before now.
            *first = next.unwrap_or(first.saturating_add(by));
        }
    }
}
