//! Occurrences come due: counted, judged by the misfire policy, and put where they wait.

use std::panic::{AssertUnwindSafe, catch_unwind};

use smallvec::SmallVec;

use super::queue::Place;
use super::{Entry, Roster};
use crate::event::Event;
use crate::ledger::SkipReason;
use crate::moment::{Nanos, SECOND, length, system};
use crate::policy::{Misfire, Overlap};
use crate::trigger::{Due, Lost};

impl<H: super::Handle> Roster<H> {
    /// Counts everything that came due up to `now`, and does what is to be done by then. One decision
    /// a job, however late `now` is.
    pub(crate) fn advance(&mut self, now: Nanos) {
        self.now = self.now.max(now);
        let wall = now.saturating_add(self.time.offset());
        self.by_mono.turn_to(now);
        self.by_wall.turn_to(wall);
        self.look_ahead(now);
        while let Some(first @ (_, slot)) = self.by_mono.first().filter(|(at, _)| *at <= now) {
            self.release(slot, now);
            // Else it has found its next place by itself.
            if self.by_mono.first() == Some(first) {
                self.by_mono.remove(slot);
            }
        }
        while let Some(first @ (_, slot)) = self.by_wall.first().filter(|(at, _)| *at <= wall) {
            self.release(slot, now);
            if self.by_wall.first() == Some(first) {
                self.by_wall.remove(slot);
            }
        }
        self.ring(now);
    }

    /// Looks at all jobs that are due before anything is done with the first of them.
    ///
    /// Among a hundred thousand jobs none is in the processor's caches. Each is waited for when it is
    /// its turn, but many are fetched at once when nothing depends on the first. Measured: a fifth of
    /// the time of a run.
    fn look_ahead(&mut self, now: Nanos) {
        if self.by_mono.first().is_none_or(|(at, _)| at > now) {
            return;
        }
        let mut soon = std::mem::take(&mut self.soon);
        soon.clear();
        self.by_mono.until(now, &mut soon);
        if soon.len() > 1 {
            let seen = soon.iter().fold(0, |seen, slot| {
                let job = self.entry(*slot).map_or(0, Entry::glance);
                seen ^ job ^ self.by_mono.glance(*slot)
            });
            std::hint::black_box(seen);
        }
        self.soon = soon;
    }

    /// Puts a job's next release into the order of releases, or takes it out.
    pub(super) fn schedule(&mut self, slot: u32) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        let (order, mono) = (job.order, job.mono);
        let at = job.next.map(|next| next.saturating_add(self.delay(slot)));
        let comes = !job.removed && !job.disabled && !job.faulted && self.is_open();
        let at = at.filter(|_| comes);
        match at {
            None => {
                self.by_mono.remove(slot);
                self.by_wall.remove(slot);
            }
            Some(at) if mono => {
                let at = at.saturating_sub(self.time.of(true));
                self.by_mono.set(slot, at, order);
            }
            Some(at) => self.by_wall.set(slot, at, order),
        }
    }

    /// How long after its moment an occurrence of a job is released.
    pub(super) fn delay(&self, slot: u32) -> Nanos {
        let Some(job) = self.entry(slot) else {
            return 0;
        };
        let settles = job.spec.trigger.settles().map(|settle| {
            let source = job.sources.first().copied().unwrap_or(0);
            self.sources.settle(source, settle)
        });
        settles.max().unwrap_or(0).saturating_add(job.splay)
    }

    /// The monotonic time at which an occurrence was or will be released.
    pub(super) fn released_at(&self, slot: u32, nominal: Nanos) -> Nanos {
        let delay = self.delay(slot);
        self.entry(slot)
            .map_or(0, |job| self.mono_of(job, nominal.saturating_add(delay)))
    }

    /// Looks up a job's next moment anew. One whose moments cannot be found is faulted: it is told of,
    /// and not silent for ever.
    pub(super) fn plan_after(&mut self, slot: u32, after: Nanos) {
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        if job.spec.trigger.rests() && !job.is_idle() {
            // Its period begins when what it does or waits to do has ended.
            job.next = None;
            return self.schedule(slot);
        }
        match job.timetable.find_after(after) {
            Ok(next) => {
                job.next = next;
                self.schedule(slot);
            }
            Err(Lost) => self.fault(slot),
        }
    }

    fn release(&mut self, slot: u32, now: Nanos) {
        let delay = self.delay(slot);
        let Some(job) = self.entry(slot) else {
            return;
        };
        let Some(first) = job.next else {
            return;
        };
        let until = self.own_time(job, now).saturating_sub(delay).max(first);
        let keep = job.keeps();
        let due = if job.spec.trigger.rests() {
            Some(Due {
                count: 1,
                at_least: false,
                latest: SmallVec::from_elem(first, 1),
                next: None,
            })
        } else {
            let find = AssertUnwindSafe(|| job.timetable.due(first, until, keep));
            catch_unwind(find).ok().and_then(Result::ok)
        };
        // What is not later than now would come due again at once, for ever.
        let sound = |due: &Due| due.next.is_none_or(|next| next > until);
        let Some(due) = due.filter(sound) else {
            return self.fault(slot);
        };
        if let Some(job) = self.entry_mut(slot) {
            job.next = due.next;
            // What it waits to do and does is all of its timetable again.
            job.strays &= !job.is_idle() || !job.redo.is_empty();
            job.strays |= job.spec.trigger.rests();
        }
        self.schedule(slot);
        self.occur(slot, &due, now);
    }

    /// Moments of the last process that no timetable brings back come due again, together with those
    /// that came due since: one decision.
    pub(super) fn redo(&mut self, slot: u32, mut open: Vec<Nanos>, now: Nanos) {
        let delay = self.delay(slot);
        let Some(job) = self.entry(slot).filter(|_| !open.is_empty()) else {
            return;
        };
        let until = self.own_time(job, now).saturating_sub(delay);
        let (keep, first) = (job.keeps(), job.next.filter(|first| *first <= until));
        // What cannot be found here will not be found at the release either, which tells.
        let since = first.and_then(|first| job.timetable.due(first, until, keep).ok());
        let mut count = open.len() as u64;
        if let Some(since) = &since {
            count += since.count;
            open.extend(&since.latest);
        }
        open.sort_unstable();
        let latest = open.split_off(open.len().saturating_sub(keep));
        let next = since.as_ref().map_or(job.next, |since| since.next);
        if let Some(job) = self.entry_mut(slot) {
            job.next = next;
            job.strays = true;
        }
        self.schedule(slot);
        let due = Due {
            count,
            at_least: since.is_some_and(|since| since.at_least),
            latest: latest.into(),
            next,
        };
        self.occur(slot, &due, now);
    }

    /// Releases what is to be released by now, before anything else is done with the job.
    pub(super) fn release_if_due(&mut self, slot: u32, now: Nanos) {
        let delay = self.delay(slot);
        let due = self.entry(slot).is_some_and(|job| {
            let own = self.own_time(job, now);
            let next = job.next.map(|next| next.saturating_add(delay));
            next.is_some_and(|at| at <= own) && !job.disabled && !job.faulted
        });
        if due && self.is_open() {
            self.release(slot, now);
        }
    }

    pub(super) fn fault(&mut self, slot: u32) {
        if let Some(job) = self.entry_mut(slot) {
            job.faulted = true;
            job.next = None;
        }
        self.schedule(slot);
        self.tell_of(slot, |job| Event::Faulted { job });
        self.resolved(slot);
    }

    /// Takes in the occurrences of a job that came due together.
    ///
    /// Their nominals are their moments, unless those are no later than the last nominal, after the
    /// wall clock was set back: then just later than that.
    pub(super) fn occur(&mut self, slot: u32, due: &Due, now: Nanos) {
        self.book(slot, |tally| tally.due += due.count);
        let Some(job) = self.entry(slot) else {
            return;
        };
        let own = self.own_time(job, now);
        let mut seen = job.watermark;
        let later = |moment: &Nanos| {
            let nominal = seen.map_or(*moment, |seen| seen.saturating_add(1).max(*moment));
            *seen.insert(nominal)
        };
        let nominals: SmallVec<[Nanos; 1]> = due.latest.iter().map(later).collect();
        let (Some(moment), Some(latest)) = (due.latest.last().copied(), seen) else {
            return;
        };
        let stops = !self.is_open();
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        job.strays |= latest != moment;
        job.watermark = Some(latest);
        let by_clock = moment.min(own);
        let early = job
            .not_before
            .is_some_and(|not_before| by_clock < not_before);
        let reason = if stops {
            Some(SkipReason::Shutdown)
        } else if job.paused {
            Some(SkipReason::Paused)
        } else if job.quarantined && early {
            Some(SkipReason::Quarantined)
        } else if early {
            Some(SkipReason::Backoff)
        } else {
            None
        };
        if let Some(reason) = reason {
            self.skip_counted(slot, latest, (due.count, due.at_least), reason);
            return self.after_skip(slot);
        }
        match job.spec.misfire {
            Misfire::Once => {
                self.supersede(slot, latest, due.count - 1, due.at_least);
                let release = self.released_at(slot, moment).min(now);
                self.arrive_at(slot, latest, release, self.oldest(slot, due));
            }
            Misfire::Skip => {
                let release = self.released_at(slot, moment).min(now);
                let late = now.saturating_sub(release) > self.grace(slot, moment, due.next);
                let skipped = due.count - u64::from(!late);
                self.skip_counted(slot, latest, (skipped, due.at_least), SkipReason::Misfired);
                if late {
                    return self.after_skip(slot);
                }
                self.arrive_at(slot, latest, release, release);
            }
            Misfire::All { .. } => {
                let kept = due.latest.len() as u64;
                if let Some(oldest) = nominals.first() {
                    let skipped = due.count.saturating_sub(kept);
                    self.skip_counted(
                        slot,
                        oldest - 1,
                        (skipped, due.at_least),
                        SkipReason::Misfired,
                    );
                }
                for (moment, nominal) in due.latest.iter().zip(nominals) {
                    let release = self.released_at(slot, *moment).min(now);
                    self.arrive_at(slot, nominal, release, release);
                }
            }
        }
    }

    /// The release of the oldest of these, as far as it is known.
    fn oldest(&self, slot: u32, due: &Due) -> Nanos {
        let oldest = due.latest.first().copied().unwrap_or_default();
        let period = self.entry(slot).and_then(|job| job.spec.trigger.period());
        let more = Nanos::try_from(due.count.saturating_sub(due.latest.len() as u64)).unwrap_or(0);
        let back = period.map_or(0, |period| length(period).saturating_mul(more));
        self.released_at(slot, oldest.saturating_sub(back))
    }

    /// How late the latest of what came due may be: until the moment after it, where the job does not
    /// say itself. Where there is none, nothing makes it too late.
    fn grace(&self, slot: u32, latest: Nanos, next: Option<Nanos>) -> Nanos {
        let Some(job) = self.entry(slot) else {
            return SECOND;
        };
        if let Some(own) = job.spec.grace {
            return length(own);
        }
        let rest = job.spec.trigger.period().map(length);
        let distance = match next {
            Some(next) => Some(next.saturating_sub(latest)),
            None => rest.filter(|_| job.spec.trigger.rests()),
        };
        distance.map_or(Nanos::MAX, |distance| distance.max(SECOND))
    }

    fn supersede(&mut self, slot: u32, by: Nanos, count: u64, at_least: bool) {
        if count == 0 {
            return;
        }
        self.book(slot, |tally| tally.superseded += count);
        if let Some(job) = self.entry_mut(slot) {
            job.missed += count;
        }
        self.tell_of(slot, |job| Event::Superseded {
            job,
            by: system(by),
            count,
            at_least,
        });
    }

    /// One occurrence finds its place by the overlap policy.
    fn arrive_at(&mut self, slot: u32, nominal: Nanos, release: Nanos, aged: Nanos) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        let (overlap, busy) = (job.spec.overlap, !job.has_room());
        // What waits for another try ends here: what is due goes first.
        if job
            .waiting
            .as_ref()
            .is_some_and(|waiting| waiting.attempts > 0)
        {
            self.give_up(slot);
        }
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let waits = job.waiting.as_ref().map(|waiting| waiting.place);
        if overlap == Overlap::Skip && (busy || waits.is_some()) {
            self.skip(slot, nominal, 1, SkipReason::Overlap);
            return self.after_skip(slot);
        }
        let room = match (overlap, job.spec.misfire) {
            (Overlap::Queue(most), Misfire::All { max }) => most.max(max),
            (Overlap::Queue(most), _) => most,
            (_, Misfire::All { max }) => max,
            _ => 1,
        };
        self.book(slot, |tally| tally.pending += 1);
        match waits {
            // The one that waited was given up or skipped; those behind it are older than this.
            None if self.entry(slot).is_some_and(|job| !job.backlog.is_empty()) => {
                if let Some(job) = self.entry_mut(slot) {
                    job.backlog.push_back(nominal);
                }
            }
            None => {
                let waiting = self.occurrence(nominal, release, aged.min(release));
                if let Some(job) = self.entry_mut(slot) {
                    job.waiting = Some(waiting);
                }
                self.mind_use(slot);
            }
            Some(place) => {
                if let Some(job) = self.entry_mut(slot) {
                    job.backlog.push_back(nominal);
                }
                self.make_room(slot, usize::from(room.max(1)), place);
            }
        }
        if overlap == Overlap::CancelOther && busy {
            self.cancel_runs(slot);
        }
        self.come_forward(slot);
    }

    /// The oldest that waits gives way while more wait than may; the next one takes over its place,
    /// and so its age.
    fn make_room(&mut self, slot: u32, room: usize, place: Place) {
        loop {
            let Some(job) = self.entry_mut(slot) else {
                return;
            };
            if job.backlog.len() < room {
                return;
            }
            let Some(next) = job.backlog.pop_front() else {
                return;
            };
            let release = self.released_at(slot, next).min(self.now);
            // Waiting for others until its next moment was all the patience it had.
            let timed_out = matches!(place, Place::Upstream(_));
            self.withdraw(slot);
            self.forget_use(slot);
            self.book(slot, |tally| {
                tally.pending = tally.pending.saturating_sub(1)
            });
            let Some(waiting) = self.entry_mut(slot).and_then(|job| job.waiting.as_mut()) else {
                return;
            };
            let old = std::mem::replace(&mut waiting.nominal, next);
            waiting.release = release;
            if timed_out {
                waiting.aged = release;
            }
            self.mind_use(slot);
            if timed_out {
                self.skip(slot, old, 1, SkipReason::DepTimeout);
            } else {
                self.supersede(slot, next, 1, false);
            }
        }
    }

    /// Tells the runs of a job to end.
    fn cancel_runs(&mut self, slot: u32) {
        let Some(generation) = self.slots.get(slot as usize).map(|slot| slot.generation) else {
            return;
        };
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let id = crate::job::JobId { slot, generation };
        let runs = job.runs.iter_mut().filter_map(|run| {
            let number = run.number;
            Some((super::Ticket { job: id, number }, run.cancel.take()?))
        });
        let told: Vec<_> = runs.collect();
        self.cancels.extend(told);
    }

    /// A period that counts from the end of a run begins at this moment of the job's own time. If it ends
    /// in a blackout, the job comes due when that does.
    pub(super) fn rest_from(&mut self, slot: u32, from: Nanos) {
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let period = job.spec.trigger.period().map_or(0, length);
        let Some(end) = from.checked_add(period) else {
            return;
        };
        match job.timetable.free_from(end) {
            Ok(next) => {
                job.next = Some(next);
                self.schedule(slot);
            }
            Err(Lost) => self.fault(slot),
        }
    }

    /// After an occurrence that was not run: a period that counts from the end of the last run
    /// begins anew, now: what lies behind is one decision, however many periods it was.
    pub(super) fn after_skip(&mut self, slot: u32) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        if !job.spec.trigger.rests() || job.next.is_some() || !job.is_idle() || !self.is_open() {
            return;
        }
        let own = self.own_time(job, self.now);
        self.rest_from(slot, own);
    }
}
