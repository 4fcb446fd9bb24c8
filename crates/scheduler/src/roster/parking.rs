//! Sources that cannot be asked for a while: all of one, or what is not urgent enough for its gate.

use super::lane::Lane;
use super::queue::Key;
use super::sources::{LONGEST_WAIT, State};
use super::{Alarm, Roster};
use crate::moment::{Nanos, duration, length};

impl<H: super::Handle> Roster<H> {
    /// A source cannot be asked before `until`, or for a day.
    pub(super) fn park(&mut self, source: u32, until: Nanos, now: Nanos) {
        let until = until.min(now.saturating_add(length(LONGEST_WAIT)));
        let later = |state: &State| {
            let parked = state.parked.filter(|_| state.refused == 0);
            parked.is_none_or(|(parked, _)| parked < until)
        };
        if !self.sources.get(source).is_some_and(later) {
            return;
        }
        if let Some(state) = self.sources.get_mut(source) {
            (state.refused, state.eager) = (0, false);
        }
        self.park_until(source, until, now);
    }

    /// The gate of a source has refused a run of this priority until then. Something more urgent may be let through all the same: a
    /// budget is spent for one class before it is for another.
    pub(super) fn refuse(&mut self, source: u32, priority: u8, until: Nanos, now: Nanos) {
        let until = until.min(now.saturating_add(length(LONGEST_WAIT)));
        let Some(state) = self.sources.get_mut(source) else {
            return;
        };
        (state.refused, state.eager) = (priority, priority > 1);
        match state.parked {
            // All are asked again when the first of them may go.
            Some((parked, _)) if parked <= until => {}
            Some(old) => {
                self.alarms.remove(&old);
                let alarm = self.set_alarm(until, Alarm::Unpark(source));
                if let Some(state) = self.sources.get_mut(source) {
                    state.parked = Some(alarm);
                }
            }
            None => self.park_until(source, until, now),
        }
    }

    /// What may be asked for of a source that is parked: the oldest that is more urgent than what its gate has refused.
    pub(super) fn past_refused(&mut self, source: u32, reserved: bool) -> Option<Key> {
        let state = self.sources.get(source)?;
        let (refused, [urgent, others]) = (state.refused, &state.lanes);
        let priority = |key: &&Key| self.entry(key.slot).map(|job| job.spec.priority);
        let better = |key: &&Key| priority(key).is_some_and(|priority| priority < refused);
        let of = |lane: &Lane| {
            let first = lane.first().filter(better);
            first.or_else(|| lane.keys().filter(better).min()).copied()
        };
        let of_others = || (!reserved).then(|| of(others)).flatten();
        let found = of(urgent).or_else(of_others);
        if found.is_none()
            && !reserved
            && let Some(state) = self.sources.get_mut(source)
        {
            state.eager = false;
        }
        found
    }

    fn park_until(&mut self, source: u32, until: Nanos, now: Nanos) {
        let alarm = self.set_alarm(until, Alarm::Unpark(source));
        let Some(state) = self.sources.get_mut(source) else {
            return;
        };
        let name = state.name.clone();
        if let Some(old) = state.parked.replace(alarm) {
            self.alarms.remove(&old);
        }
        if let Some(source) = name {
            let wait = duration(until.saturating_sub(now));
            self.tell(|| crate::event::Event::Parked { source, wait });
        }
        self.rehome(source);
    }

    /// What waits for a parked source and can be served by another goes there.
    fn rehome(&mut self, source: u32) {
        let Some(state) = self.sources.get(source) else {
            return;
        };
        let several = |key: &&Key| {
            let job = self.entry(key.slot);
            job.is_some_and(|job| job.sources.len() > 1)
        };
        let waiting = state.lanes.iter().flat_map(Lane::keys).filter(several);
        let mut waiting: Vec<Key> = waiting.copied().collect();
        waiting.sort_unstable();
        for key in waiting {
            self.withdraw(key.slot);
            self.enqueue(key.slot);
        }
    }
}
