//! What is to be done at a moment that is no release.

use super::Roster;
use super::queue::Place;
use crate::event::Event;
use crate::ledger::SkipReason;
use crate::moment::{Nanos, length, system};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    /// An occurrence of this job is tried again.
    Retry(u32),
    /// An occurrence of this job has waited for others as long as it may.
    DepLimit(u32),
    /// A source may be asked again.
    Unpark(u32),
    /// An occurrence of this job waits and is of no use any more.
    Useless(u32),
    /// The gate of all may be asked again.
    Reopen,
    /// This run should have ended by its timeout.
    Stuck(u32, u64),
}

impl<H: super::Handle> Roster<H> {
    /// Does what is to be done up to `now`.
    pub(super) fn ring(&mut self, now: Nanos) {
        while let Some((&key, &alarm)) = self.alarms.first_key_value() {
            if key.0 > now {
                return;
            }
            self.alarms.remove(&key);
            match alarm {
                Alarm::Retry(slot) => self.retry(slot, key, now),
                Alarm::DepLimit(slot) => self.end_of_patience(slot, key),
                Alarm::Unpark(source) => self.sources.unpark(source, key),
                Alarm::Useless(slot) => self.end_of_use(slot),
                Alarm::Reopen => self.door.closed = false,
                Alarm::Stuck(slot, number) => self.stuck(slot, number),
            }
        }
    }

    fn retry(&mut self, slot: u32, key: (Nanos, u64), now: Nanos) {
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let Some(waiting) = job.waiting.as_mut() else {
            return;
        };
        if matches!(waiting.place, Place::Alarm(alarm) if alarm == key) {
            waiting.place = Place::Behind;
            waiting.aged = now;
            self.enqueue(slot);
        }
    }

    fn end_of_patience(&mut self, slot: u32, key: (Nanos, u64)) {
        let waits = self
            .entry(slot)
            .and_then(|job| job.waiting.as_ref())
            .is_some_and(
                |waiting| matches!(waiting.place, Place::Upstream(Some(alarm)) if alarm == key),
            );
        if waits {
            self.skip_waiting(slot, SkipReason::DepTimeout);
            self.after_skip(slot);
            self.come_forward(slot);
        }
    }

    /// Minds how long the waiting occurrence of a job is of use, wherever it waits.
    pub(super) fn mind_use(&mut self, slot: u32) {
        if let Some(key) = self.end_of_use_key(slot) {
            self.alarms.insert(key, Alarm::Useless(slot));
        }
    }

    /// The waiting occurrence of a job is about to wait no more, or to be another.
    pub(super) fn forget_use(&mut self, slot: u32) {
        if let Some(key) = self.end_of_use_key(slot) {
            self.alarms.remove(&key);
        }
    }

    /// The alarm of the waiting occurrence of a job: not kept, but made again from what is.
    fn end_of_use_key(&self, slot: u32) -> Option<(Nanos, u64)> {
        /// Apart from the numbers of other alarms, which are counted from one.
        const OF_A_JOB: u64 = 1 << 63;
        let job = self.entry(slot)?;
        let useful = length(job.spec.useful_for?);
        let end = job.waiting.as_ref()?.release.saturating_add(useful);
        (end < Nanos::MAX).then(|| (end, OF_A_JOB | u64::from(slot)))
    }

    fn end_of_use(&mut self, slot: u32) {
        self.skip_waiting(slot, SkipReason::TooLate);
        self.after_skip(slot);
        self.come_forward(slot);
    }

    fn stuck(&mut self, slot: u32, number: u64) {
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let Some(run) = job.runs.iter_mut().find(|run| run.number == number) else {
            return;
        };
        run.stuck = true;
        run.alarm = None;
        let nominal = system(run.occurrence.nominal);
        self.tell_of(slot, |job| Event::Stuck { job, nominal });
    }
}
