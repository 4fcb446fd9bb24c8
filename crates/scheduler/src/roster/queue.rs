//! Where an occurrence waits, and how it comes to its turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;

use super::upstream::Standing;
use super::{Occurrence, PRIORITY_STEP, Roster, Ticket};
use crate::event::Event;
use crate::job::JobId;
use crate::ledger::SkipReason;
use crate::moment::{Nanos, length, system};
use crate::roster::alarms::Alarm;

/// The order in which occurrences of a source are started: the least first.
///
/// The age is the moment since which it competes plus two seconds for each step of priority above 1.
/// All ages grow alike, so the order never changes, and an occurrence is overtaken only by what
/// becomes ready within its handicap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) age: Nanos,
    pub(super) deadline: Nanos,
    pub(super) nominal: Nanos,
    pub(super) arrival: u64,
    pub(super) slot: u32,
}

/// Most occurrences whose room is kept for others: more than come due together where many do.
const SPARE: usize = 256;

/// Where an occurrence waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind a run of its own job. The place of what runs, too.
    Behind,
    /// For other jobs, with the alarm that ends its patience.
    Upstream(Option<(Nanos, u64)>),
    /// For another job of its exclusive group to end.
    Exclusive(Key),
    /// For its turn with a source.
    Ready {
        source: u32,
        key: Key,
        class: u8,
        urgent: bool,
    },
    /// For its next try.
    Alarm((Nanos, u64)),
}

/// Jobs that never run together.
#[derive(Debug, Default)]
pub(super) struct Exclusive {
    pub(super) running: usize,
    /// Whose turn it is next. By age over all sources: turns between sources alone could pass one
    /// over for ever.
    pub(super) next: Option<u32>,
    pub(super) waiting: BTreeSet<Key>,
}

impl<H: super::Handle> Roster<H> {
    /// An occurrence that has just come due.
    pub(super) fn occurrence(
        &mut self,
        nominal: Nanos,
        release: Nanos,
        aged: Nanos,
    ) -> Box<Occurrence> {
        let fresh = Occurrence::new(nominal, release, aged);
        match self.spare.pop() {
            Some(mut room) => {
                *room = fresh;
                room
            }
            None => Box::new(fresh),
        }
    }

    /// An occurrence is over: its room is kept for another.
    pub(super) fn discard(&mut self, mut occurrence: Box<Occurrence>) {
        if self.spare.len() < SPARE {
            occurrence.last = None;
            self.spare.push(occurrence);
        }
    }

    /// Lets the waiting occurrence of a job compete for a start, if its own runs and other jobs
    /// allow it.
    fn line_up(&mut self, slot: u32) {
        let now = self.now;
        let Some(job) = self.entry(slot) else {
            return;
        };
        let waits = job.waiting.as_ref();
        let behind = waits.is_some_and(|waiting| matches!(waiting.place, Place::Behind));
        if !job.has_room() || !behind {
            return;
        }
        // What has run had all that it waited for.
        let tried = job.waiting.as_ref().is_some_and(|it| it.attempts > 0);
        if tried || job.spec.upstreams.is_empty() {
            return self.enqueue(slot);
        }
        self.find_needs(slot);
        match self.standing(slot) {
            Standing::Met => self.enqueue(slot),
            Standing::Skip(reason) => {
                self.skip_waiting(slot, reason);
                self.after_skip(slot);
            }
            Standing::Wait => {
                let patience = self.entry(slot).and_then(|job| job.spec.patience());
                let alarm = patience
                    .map(|wait| self.set_alarm(now.saturating_add(wait), Alarm::DepLimit(slot)));
                if let Some(waiting) = self.entry_mut(slot).and_then(|job| job.waiting.as_mut()) {
                    waiting.place = Place::Upstream(alarm);
                }
                self.drop_turn(slot);
                self.lend_priority(slot);
            }
        }
    }

    /// Puts the waiting occurrence among those that can start.
    pub(super) fn enqueue(&mut self, slot: u32) {
        let Some(source) = self.choose_source(slot) else {
            return;
        };
        let arrival = self.arrive();
        let Some(job) = self.entry(slot) else {
            return;
        };
        let Some(waiting) = job.waiting.as_ref() else {
            return;
        };
        let key = self.key(slot, job.priority(), waiting, arrival);
        let (class, first_try) = (job.spec.priority.clamp(1, 5) - 1, waiting.attempts == 0);
        let bound = self.limits.queues.get(usize::from(class)).copied();
        let Some(count) = self.waiting.get_mut(usize::from(class)) else {
            return;
        };
        if first_try && bound.is_some_and(|bound| *count >= bound) {
            self.skip_waiting(slot, SkipReason::QueueFull);
            return self.after_skip(slot);
        }
        *count += 1;
        let Some((priority, urgent)) = self
            .entry(slot)
            .map(|job| (job.spec.priority, job.priority() <= 2))
        else {
            return;
        };
        if let Some(waiting) = self.entry_mut(slot).and_then(|job| job.waiting.as_mut()) {
            waiting.place = Place::Ready {
                source,
                key,
                class,
                urgent,
            };
        }
        self.sources.push(source, key, priority, urgent);
    }

    fn key(&self, slot: u32, priority: u8, waiting: &Occurrence, arrival: u64) -> Key {
        let steps = Nanos::from(priority.saturating_sub(1));
        let useful = self.entry(slot).and_then(|job| job.spec.useful_for);
        Key {
            age: waiting.aged.saturating_add(PRIORITY_STEP * steps),
            deadline: useful.map_or(Nanos::MAX, |useful| {
                waiting.release.saturating_add(length(useful))
            }),
            nominal: waiting.nominal,
            arrival,
            slot,
        }
    }

    /// Takes the waiting occurrence from where it waits; it waits behind, again, then.
    pub(super) fn withdraw(&mut self, slot: u32) {
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let group = job.spec.exclusive.clone();
        let Some(waiting) = job.waiting.as_mut() else {
            return;
        };
        match std::mem::replace(&mut waiting.place, Place::Behind) {
            Place::Behind => {}
            Place::Upstream(alarm) => {
                if let Some(alarm) = alarm {
                    self.alarms.remove(&alarm);
                }
            }
            Place::Alarm(alarm) => {
                self.alarms.remove(&alarm);
            }
            Place::Exclusive(key) => {
                if let Some(group) = group.and_then(|group| self.exclusives.get_mut(&group)) {
                    group.waiting.remove(&key);
                }
            }
            Place::Ready {
                source,
                key,
                class,
                urgent,
            } => {
                self.sources.pull(source, key, urgent);
                if let Some(count) = self.waiting.get_mut(usize::from(class)) {
                    *count = count.saturating_sub(1);
                }
            }
        }
    }

    /// Books the waiting occurrence as skipped.
    pub(super) fn skip_waiting(&mut self, slot: u32, reason: SkipReason) {
        self.withdraw(slot);
        self.forget_use(slot);
        let Some(mut waiting) = self.entry_mut(slot).and_then(|job| job.waiting.take()) else {
            return;
        };
        self.drop_turn(slot);
        if waiting.attempts > 0 {
            // It has run: there will be no other try, and the last one was the end.
            return match reason {
                SkipReason::Shutdown => self.cut_off(slot, &mut waiting),
                _ => self.conclude(slot, &waiting),
            };
        }
        self.book(slot, |tally| {
            tally.pending = tally.pending.saturating_sub(1);
        });
        let nominal = waiting.nominal;
        self.discard(waiting);
        self.skip(slot, nominal, 1, reason);
    }

    /// Books occurrences that never waited, or no longer do, as skipped.
    pub(super) fn skip(&mut self, slot: u32, latest: Nanos, count: u64, reason: SkipReason) {
        self.skip_counted(slot, latest, (count, false), reason);
    }

    /// As `skip`; there may have been more than were counted.
    pub(super) fn skip_counted(
        &mut self,
        slot: u32,
        latest: Nanos,
        (count, at_least): (u64, bool),
        reason: SkipReason,
    ) {
        if count == 0 {
            return;
        }
        self.book(slot, |tally| tally.skip(reason, count));
        let counted = self.counted(slot, latest);
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        job.missed += count;
        job.last_other = job.last_other.max(Some(counted));
        if reason == SkipReason::Shutdown {
            job.redo.push(latest);
            self.count_unstarted(slot, count);
        }
        self.tell_of(slot, |job| Event::Skipped {
            job,
            nominal: system(latest),
            count,
            at_least,
            reason,
        });
        self.resolved(slot);
    }

    /// The next of a job's backlog comes forward, until one has found its place.
    pub(super) fn come_forward(&mut self, slot: u32) {
        let now = self.now;
        loop {
            let Some(job) = self.entry(slot) else {
                return;
            };
            if job.waiting.is_none() {
                let Some(nominal) = job.backlog.front().copied() else {
                    return;
                };
                let release = self.released_at(slot, nominal).min(now);
                let waiting = self.occurrence(nominal, release, now);
                let Some(job) = self.entry_mut(slot) else {
                    return;
                };
                job.backlog.pop_front();
                job.waiting = Some(waiting);
                self.mind_use(slot);
            }
            self.line_up(slot);
            if self.entry(slot).is_some_and(|job| job.waiting.is_some()) {
                return;
            }
        }
    }

    /// A job goes into another exclusive group. Its runs under way hold the old one to their end, as they
    /// began, and the new one from now on.
    pub(super) fn move_runs(&mut self, id: JobId, from: Option<&Arc<str>>, to: Option<&Arc<str>>) {
        let Some(job) = self.entry(id.slot).filter(|_| from != to) else {
            return;
        };
        let runs = job.runs.iter().map(|run| run.number);
        for number in runs.collect::<SmallVec<[u64; 1]>>() {
            let held = self.held.entry(Ticket { job: id, number }).or_default();
            held.extend(from.cloned());
            let back = held.iter().position(|group| Some(group) == to);
            match (back, to) {
                (Some(back), _) => drop(held.remove(back)),
                (None, Some(to)) => {
                    let group = self.exclusives.entry(Arc::clone(to)).or_default();
                    group.running += 1;
                }
                (None, None) => {}
            }
        }
    }

    /// A run of an exclusive group has ended: the turn goes to the oldest that waits.
    pub(super) fn free_exclusive(&mut self, group: &Arc<str>) {
        if let Some(state) = self.exclusives.get_mut(group) {
            state.running = state.running.saturating_sub(1);
        }
        self.next_of(group);
    }

    /// The occurrence of a job waits no more, or not for a start: its turn goes on.
    pub(super) fn drop_turn(&mut self, slot: u32) {
        let Some(group) = self.entry(slot).and_then(|job| job.spec.exclusive.clone()) else {
            return;
        };
        if let Some(state) = self.exclusives.get_mut(&group)
            && state.next == Some(slot)
        {
            state.next = None;
            self.next_of(&group);
        }
    }

    fn next_of(&mut self, group: &Arc<str>) {
        let Some(state) = self.exclusives.get_mut(group) else {
            return;
        };
        if state.running > 0 || state.next.is_some() {
            return;
        }
        let Some(key) = state.waiting.first().copied() else {
            self.exclusives.remove(group);
            return;
        };
        state.next = Some(key.slot);
        self.withdraw(key.slot);
        self.enqueue(key.slot);
        // If it found no place there, the next of its job may.
        self.come_forward(key.slot);
    }
}

impl Occurrence {
    pub(super) fn new(nominal: Nanos, release: Nanos, aged: Nanos) -> Self {
        Self {
            nominal,
            release,
            aged,
            place: Place::Behind,
            attempts: 0,
            failed: 0,
            deferred: 0,
            not_ready: false,
            first_start: 0,
            last_end: 0,
            last: None,
        }
    }
}
